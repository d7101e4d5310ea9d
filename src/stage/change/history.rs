//! Every figure as it was published: the rates of a generation under those of the generations before it.

use arrow::array::RecordBatch;

use crate::table::alike::joined;
use crate::table::analysis::{RATES_HISTORY, SUCCESS_RATES};
use crate::table::build;
use crate::table::read::{column, counts};

/// The table `rates_history` of a generation: what `before` has of the earlier ones, and its own `success_rates`.
#[must_use]
pub fn history(before: &RecordBatch, success_rates: &RecordBatch, generation: u64) -> RecordBatch {
    let generation = i64::try_from(generation).expect("few generations");
    let rows = success_rates.num_rows();
    let of_rates = SUCCESS_RATES.columns.iter().map(|of_table| (of_table.name, column(success_rates, of_table.name).clone()));
    let own = RATES_HISTORY.batch(of_rates.chain([("generation", build::counts(std::iter::repeat_n(generation, rows)))]));
    // The key begins with the generation, so the earlier ones come first.
    let earlier = counts(before, "generation").values().partition_point(|&of_row| of_row < generation);
    let columns = joined(&[before.slice(0, earlier), own]);
    RATES_HISTORY.batch(RATES_HISTORY.columns.iter().map(|of_table| (of_table.name, column(&columns, of_table.name).clone())))
}
