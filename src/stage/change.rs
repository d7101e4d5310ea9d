//! What changed tonight: each success rate held against the same weekday of the four weeks before.
//!
//! ```text
//! success_rates of tonight ──┐            ┌ test        would chance alone do it?          ┐
//!                            ├─▶ compared ┼ discovery   among so many that are looked at?  ├─▶ ranked ─▶ changes
//! those of earlier nights ───┘            └ parts       other customers, or other rates?   ┘
//! ```
//!
//! The baseline of a rate is what its nights add up to: successes over what they are counted of. A night stands for a
//! metric where so little of it was pending that its end could not have moved the rate by the least change reported;
//! orders too young to have ended weigh alike on every night, each being counted at its own close. A cut is a name here:
//! whatever is published under one is compared.
//!
//! A change is `flagged` where its q-value is at most the level of false discovery, and it is no smaller than the least
//! change. What changed most is told by `ranked`.

mod compared;
mod discovery;
mod history;
mod normal;
mod parts;
mod ranked;
mod rates;
mod test;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use chrono::{NaiveDate, TimeDelta};

pub use compared::{Changed, compare};
pub use discovery::q_values;
pub use history::history;
pub use normal::two_sided;
pub use parts::{Parts, parts, rounded};
pub use rates::{COLUMNS, Counts, Place, Rates, rates};
pub use test::{Test, test};

use crate::table::analysis::{CHANGES, SUCCESS_RATES};
use crate::table::build;
use crate::table::read::column;

/// From when on a change counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The least change that is reported, in units of `10^-12`.
    pub minimum_change: i128,
    /// How large a share of the reported changes may be chance.
    pub false_discovery: f64,
}

/// What a night is compared with: the same weekday of the four weeks before, the latest first.
#[must_use]
pub fn baseline_nights(night: NaiveDate) -> [NaiveDate; 4] {
    [1, 2, 3, 4].map(|weeks| night - TimeDelta::weeks(weeks))
}

/// The tables of a night that was compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Table `success_rates`, with what its rates are compared with.
    pub success_rates: RecordBatch,
    /// Table `changes`.
    pub changes: RecordBatch,
}

/// Holds the `success_rates` of a night against those of its [`baseline_nights`], as far as there are any.
#[must_use]
pub fn changes(success_rates: &RecordBatch, before: &[Rates], night: NaiveDate, threshold: &Threshold) -> Comparison {
    let changed = compare(&rates(success_rates), before, threshold);
    Comparison { success_rates: with_baseline(success_rates, &changed), changes: table(&changed, night) }
}

/// The table `success_rates` with its columns of comparison. It and what changed come in the order of the key.
fn with_baseline(success_rates: &RecordBatch, changed: &[Changed]) -> RecordBatch {
    let places = rates::places(success_rates);
    let of_row = |place| changed.binary_search_by(|changed| changed.place.cmp(place)).ok().map(|at| &changed[at]);
    let found: Vec<Option<&Changed>> = places.iter().map(of_row).collect();
    let own = column(success_rates, "rate").as_primitive::<Float64Type>();
    let baseline: Vec<Option<f64>> = found.iter().map(|changed| changed.and_then(|changed| changed.baseline.rate())).collect();
    let change = baseline.iter().enumerate().map(|(row, baseline)| {
        let rate = own.is_valid(row).then(|| own.value(row));
        rate.zip(*baseline).map(|(rate, baseline)| rate - baseline)
    });
    let change = build::ratios(change);
    let q_value = build::ratios(found.iter().map(|changed| changed.and_then(|changed| changed.q_value)));
    let baseline = build::ratios(baseline);
    let columns = SUCCESS_RATES.columns.iter().map(|of_table| {
        let array: &ArrayRef = match of_table.name {
            "baseline" => &baseline,
            "change" => &change,
            "q_value" => &q_value,
            name => column(success_rates, name),
        };
        (of_table.name, array.clone())
    });
    SUCCESS_RATES.batch(columns)
}

fn table(changed: &[Changed], night: NaiveDate) -> RecordBatch {
    let word = |of: fn(&Place) -> &str| build::words(changed.iter().map(|changed| Some(of(&changed.place))));
    let count = |of: fn(&Changed) -> i64| build::counts(changed.iter().map(of));
    let ratio = |of: fn(&Changed) -> Option<f64>| build::ratios(changed.iter().map(of));
    let exact = |of: fn(&Changed) -> Option<i128>| build::rates(changed.iter().map(of));
    CHANGES.batch([
        ("business_date", build::same_date(night, changed.len())),
        ("rank", count(|changed| build::count(changed.rank))),
        ("metric", word(|place| &place.metric)),
        ("cut", word(|place| &place.cut)),
        ("value", word(|place| &place.value)),
        ("numerator", count(|changed| changed.tonight.numerator)),
        ("denominator", count(|changed| changed.tonight.denominator)),
        ("rate", ratio(|changed| changed.tonight.rate())),
        ("baseline_numerator", count(|changed| changed.baseline.numerator)),
        ("baseline_denominator", count(|changed| changed.baseline.denominator)),
        ("baseline", ratio(|changed| changed.baseline.rate())),
        ("change", exact(|changed| changed.change)),
        ("p_value", ratio(|changed| changed.test.map(|test| test.p))),
        ("q_value", ratio(|changed| changed.q_value)),
        ("flagged", build::flags(changed.iter().map(|changed| changed.is_flagged))),
        ("impact", ratio(Changed::impact)),
        ("mix_part", exact(|changed| changed.parts.map(|parts| parts.mix))),
        ("rate_part", exact(|changed| changed.parts.map(|parts| parts.rate))),
    ])
}
