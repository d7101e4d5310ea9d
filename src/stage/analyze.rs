//! How well customers got through the checkout: funnel, success rates, abandonment, failure reasons.
//!
//! ```text
//! orders ──▶ kinds ─┐          counted               cells               ┌ funnel           hour × every dimension
//!     ▲             ├─▶ one order or attempt ─▶ one combination of ──────┼ success_rates    metric × cut × value
//!     │ link        │   after another           dimensions and fate      ├ abandonment      cut × value × stage
//! attempts ─▶ kinds ┘                                  ▲                 └ failure_reasons  provider × code
//!                                   other shares ──────┘
//! ```
//!
//! Rows are read where they stand, in parts, and counted into cells at once; per order some twenty bytes are kept, per
//! attempt six. Words are codes from the kinds on and become words again last; counts and amounts are exact
//! throughout, and only the rates at the very end are floating point.
//!
//! A night that is larger than memory is counted share by share, and the shares are added up; the tables are the same
//! whatever the shares. All an order tells is in its own record and its own attempts, so these are in one share.

mod abandonment;
mod attempts;
mod cells;
pub(crate) mod closed_list;
mod counted;
mod dimension;
mod failure_reasons;
mod fate;
mod funnel;
mod keys;
mod kinds;
mod link;
mod orders;
mod pack;
mod progress;
mod shares;
mod success_rates;
mod tally;
pub mod wilson;
mod words;

use arrow::array::RecordBatch;
use chrono::{NaiveDate, TimeDelta};
pub use counted::{Counted, count};

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
}

/// The columns of the table `attempts` that are read.
pub fn attempt_columns() -> impl Iterator<Item = &'static str> {
    let named = ["attempt_id", "order_id", "started_at", "amount", attempts::REACHED];
    named.into_iter().chain(attempts::GROUPED)
}

/// By what rules.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The business date.
    pub night: NaiveDate,
    /// End of the business date: microseconds UTC, exclusive.
    pub closes_at: i64,
    /// How old an order without success must be before it counts as abandoned.
    pub maturity: TimeDelta,
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
    /// Table `abandonment`.
    pub abandonment: RecordBatch,
    /// Table `failure_reasons`.
    pub failure_reasons: RecordBatch,
}

/// Analyzes a night that is in one share.
///
/// # Panics
/// As [`count`].
pub fn analyze(inputs: &Inputs, rules: &Rules) -> Result<Analysis> {
    tables(&count(inputs, rules)?, rules)
}

/// The tables of a night, all shares of which were counted by the same rules.
pub fn tables(counted: &Counted, rules: &Rules) -> Result<Analysis> {
    let cells = cells::Cells::of(counted)?;
    let (funnel, (success_rates, (abandonment, failure_reasons))) = rayon::join(
        || funnel::funnel(counted, rules),
        || {
            let rest = || {
                let reasons = || failure_reasons::failure_reasons(&cells, counted, rules);
                rayon::join(|| abandonment::abandonment(&cells, counted, rules), reasons)
            };
            rayon::join(|| success_rates::success_rates(&cells, counted, rules), rest)
        },
    );
    Ok(Analysis { funnel: funnel?, success_rates: success_rates?, abandonment: abandonment?, failure_reasons: failure_reasons? })
}
