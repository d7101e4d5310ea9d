//! Success rates by count: each metric for every cut and value, with how sure it is.

use arrow::array::RecordBatch;

use super::Rules;
use super::looks::Look;
use super::tallied::Tally;
use super::wilson::proportion;
use crate::table::analysis::SUCCESS_RATES;
use crate::table::build;

/// One row per metric, cut and value; `looks` are in that order.
pub(super) fn success_rates(looks: &[Look], rules: &Rules) -> RecordBatch {
    let share = |tally: &Tally| proportion(tally.count.success, tally.count.denominator());
    let tallies = || looks.iter().map(|look| &look.rate.tally);
    let nothing = || build::ratios(vec![None; looks.len()]);
    SUCCESS_RATES.batch([
        ("business_date", build::same_date(rules.night, looks.len())),
        ("metric", build::words(looks.iter().map(|look| Some(look.rate.metric)))),
        ("cut", build::words(looks.iter().map(|look| Some(look.rate.cut)))),
        ("value", build::words(looks.iter().map(|look| Some(&look.value)))),
        ("numerator", build::counts(tallies().map(|tally| tally.count.success))),
        ("denominator", build::counts(tallies().map(|tally| tally.count.denominator()))),
        ("excluded", build::counts(tallies().map(|tally| tally.count.excluded))),
        ("pending", build::counts(tallies().map(|tally| tally.count.pending))),
        ("rate", build::ratios(tallies().map(|tally| share(tally).map(|share| share.rate)))),
        ("low", build::ratios(tallies().map(|tally| share(tally).map(|share| share.low)))),
        ("high", build::ratios(tallies().map(|tally| share(tally).map(|share| share.high)))),
        ("enough", build::flags(tallies().map(|tally| tally.count.denominator() >= rules.minimum_count))),
        ("baseline", nothing()),
        ("change", nothing()),
        ("q_value", nothing()),
        ("mature", build::flags(tallies().map(Tally::is_mature))),
    ])
}
