//! How well customers got through the checkout: funnel, success rates, abandonment, failure reasons.
//!
//! ```text
//! orders ──▶ kinds ─┐           facts                cells               ┌ funnel           hour × every dimension
//!     ▲             ├─▶ one order or attempt ─▶ one combination of ──────┼ success_rates    metric × cut × value
//!     │ link        │   after another           dimensions and fate      ├ abandonment      cut × value × stage
//! attempts ─▶ kinds ┘                                                    └ failure_reasons  provider × code
//! ```
//!
//! Rows are read where they stand, in parts, and counted into cells at once; per order some twenty bytes are kept, per
//! attempt six. Words are codes from the kinds on and become words again last; counts and amounts are exact
//! throughout, and only the rates at the very end are floating point.

mod abandonment;
mod attempts;
mod cells;
pub(crate) mod closed_list;
mod dimension;
mod facts;
mod failure_reasons;
mod fate;
mod funnel;
mod keys;
mod kinds;
mod link;
mod orders;
mod pack;
mod progress;
mod success_rates;
mod tally;
pub mod wilson;
mod words;

use arrow::array::RecordBatch;
use chrono::{NaiveDate, TimeDelta};

use crate::error::Result;
use crate::stage::failures::FailureCategories;
use crate::stage::reconcile::Outcome;

/// What is analyzed: the merchant's records of one night, all of one cohort.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Table `orders` in parts, each order once.
    pub orders: &'a [RecordBatch],
    /// Table `attempts` in parts, each attempt once; one per order where the merchant records no attempts.
    pub attempts: &'a [RecordBatch],
    /// Per part of the attempts and per row, where matching left it; none where its provider is not in the job.
    pub outcomes: &'a [Vec<Option<Outcome>>],
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

/// Analyzes a night.
///
/// # Panics
/// If `outcomes` are of another shape than `attempts`: a mistake in the code that calls.
pub fn analyze(inputs: &Inputs, rules: &Rules) -> Result<Analysis> {
    assert_eq!(inputs.outcomes.len(), inputs.attempts.len(), "there are outcomes for every part of the attempts");
    let facts = facts::establish(inputs, rules)?;
    let cells = cells::Cells::of(&facts)?;
    let (funnel, (success_rates, (abandonment, failure_reasons))) = rayon::join(
        || funnel::funnel(&facts, rules),
        || {
            let rest = || {
                let reasons = || failure_reasons::failure_reasons(&cells, &facts, rules);
                rayon::join(|| abandonment::abandonment(&cells, &facts, rules), reasons)
            };
            rayon::join(|| success_rates::success_rates(&cells, &facts, rules), rest)
        },
    );
    Ok(Analysis { funnel: funnel?, success_rates: success_rates?, abandonment: abandonment?, failure_reasons: failure_reasons? })
}
