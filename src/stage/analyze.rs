//! How well customers got through the checkout: funnel, success rates, abandonment, failure reasons.
//!
//! ```text
//! orders ──▶ kinds ─┐          counted               cells               ┌ funnel           hour × every dimension
//!     ▲             ├─▶ one order or attempt ─▶ one combination of ──────┼ failure_reasons  provider × code
//!     │ link        │   after another           dimensions and fate      ├ payment_methods  provider × what was paid with
//! attempts ─▶ kinds ┘                                  ▲                 └ margins, each by one cut:
//!                                   other shares ──────┘                     success_rates, success_amounts  metric × value
//!                                                                            abandonment, time_to_pay        value
//! ```
//!
//! Rows are read where they stand, in parts, and counted into cells at once; per order some thirty bytes are kept, per
//! attempt ten. Words are codes from the kinds on and become words again last; counts and amounts are exact
//! throughout, and only the rates at the very end are floating point.
//!
//! A night that is larger than memory is counted share by share, and the shares are added up; the tables are the same
//! whatever the shares. All an order tells is in its own record and its own attempts, so these are in one share.

mod abandonment;
mod attempts;
mod band;
mod cells;
mod clock;
pub(crate) mod closed_list;
mod counted;
mod cut;
mod dimension;
mod failure_reasons;
mod fate;
mod funnel;
mod groups;
mod keys;
mod kinds;
mod link;
mod looks;
mod margin;
mod met;
mod metric;
mod once;
mod orders;
mod pack;
mod payment_methods;
mod progress;
mod shares;
mod success_amounts;
mod success_rates;
mod tallied;
mod tally;
mod time_to_pay;
pub mod wilson;
mod words;

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
pub use counted::{Counted, count};
pub use cut::{DIMENSIONS, dimension};
pub use met::{Charges, Learned, Met};
pub use once::once;

use crate::error::Result;
use crate::stage::failures::FailureCategories;
use crate::stage::reconcile::Outcome;

/// What is analyzed: the merchant's records of one night or of a share of it, all of one cohort.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Table `orders` in parts, each order once.
    pub orders: &'a [RecordBatch],
    /// Table `attempts` in parts, each attempt once; one per order where the merchant records no attempts.
    pub attempts: &'a [RecordBatch],
    /// Per part of the attempts and per row, where matching left it; none where its provider is not in the job.
    pub outcomes: &'a [Vec<Option<Outcome>>],
    /// Per part of the attempts, the account of the entry each met; not given where every provider has one account.
    pub accounts: Option<&'a [ArrayRef]>,
}

/// The columns of the table `attempts` that are read.
pub fn attempt_columns() -> impl Iterator<Item = &'static str> {
    ["attempt_id", "order_id", "started_at", "finished_at", "amount"].into_iter().chain(attempts::columns())
}

/// By what rules.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The business date.
    pub night: NaiveDate,
    /// End of the business date: microseconds UTC, exclusive.
    pub closes_at: i64,
    /// The time zone of the business date: hours and weekdays are of its clock.
    pub zone: Tz,
    /// How old an order without success must be before it counts as abandoned.
    pub maturity: TimeDelta,
    /// How long after an attempt the next one of its group may start.
    pub retry_within: TimeDelta,
    /// From which denominator on a rate is called enough.
    pub minimum_count: i64,
    /// Pairs of [`DIMENSIONS`] that are cuts too.
    pub pairs: &'a [[&'static str; 2]],
    /// The providers of the job with one account, and that.
    pub accounts: &'a BTreeMap<String, String>,
    /// What failure codes mean.
    pub failures: &'a FailureCategories,
}

/// The tables of analysis, each sorted by its key.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Table `funnel`.
    pub funnel: RecordBatch,
    /// Table `success_rates`.
    pub success_rates: RecordBatch,
    /// Table `success_amounts`.
    pub success_amounts: RecordBatch,
    /// Table `time_to_pay`.
    pub time_to_pay: RecordBatch,
    /// Table `payment_methods`.
    pub payment_methods: RecordBatch,
    /// Table `abandonment`.
    pub abandonment: RecordBatch,
    /// Table `failure_reasons`.
    pub failure_reasons: RecordBatch,
}

/// Analyzes a night that is in one share.
///
/// # Panics
/// As [`count`].
pub fn analyze(inputs: &Inputs, charges: &Charges, rules: &Rules) -> Result<Analysis> {
    tables(&count(inputs, rules)?, charges, rules)
}

/// The tables of a night, all shares of which were counted by the same rules; `charges` are what its payments cost.
pub fn tables(counted: &Counted, charges: &Charges, rules: &Rules) -> Result<Analysis> {
    let (of_orders, of_attempts) = rayon::join(|| margin::of_orders(counted), || margin::of_attempts(counted));
    let (orders, attempts) = (of_orders?, of_attempts?);
    let ((funnel, failure_reasons), (looks, abandonment)) = rayon::join(
        || (funnel::funnel(counted, rules), failure_reasons::failure_reasons(counted, rules)),
        || (looks::looks(&attempts, &orders, counted), abandonment::abandonment(&orders, counted, rules)),
    );
    let looks = looks?;
    Ok(Analysis {
        funnel: funnel?,
        success_rates: success_rates::success_rates(&looks, rules),
        success_amounts: success_amounts::success_amounts(&looks, counted, rules)?,
        time_to_pay: time_to_pay::time_to_pay(counted, rules),
        payment_methods: payment_methods::payment_methods(counted, charges, rules)?,
        abandonment: abandonment?,
        failure_reasons: failure_reasons?,
    })
}
