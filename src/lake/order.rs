//! A published file is ordered by its table's key. The file declares it, so it is made sure of here.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{LexicographicalComparator, SortColumn, SortOptions, take};
use rayon::prelude::*;

use crate::table::column::Table;
use crate::table::read::column;

/// Ascending, empty first, by every column of the key.
pub(super) const OPTIONS: SortOptions = SortOptions { descending: false, nulls_first: true };

/// The batch in the order of its table's key. Stages hand their tables over ordered, and then this only looks.
pub(super) fn by_key(table: &Table, batch: RecordBatch) -> RecordBatch {
    let key = |name: &&str| SortColumn { values: ArrayRef::clone(column(&batch, name)), options: Some(OPTIONS) };
    let columns: Vec<SortColumn> = table.key.iter().map(key).collect();
    let compare = LexicographicalComparator::try_new(&columns).expect("every type of column can be ordered");
    let is_ordered = (1..batch.num_rows()).into_par_iter().all(|row| compare.compare(row - 1, row) != Ordering::Greater);
    if is_ordered {
        return batch;
    }
    let rows = u32::try_from(batch.num_rows()).expect("a table of a night has less than 2^32 rows");
    let mut order: Vec<u32> = (0..rows).collect();
    // Stable, so that rows of equal keys stay as the stage ordered them.
    order.par_sort_by(|&left, &right| compare.compare(left as usize, right as usize));
    let order = UInt32Array::from(order);
    let ordered: Vec<ArrayRef> = batch
        .columns()
        .par_iter()
        .map(|column| take(column, &order, None).expect("the order holds row numbers of the batch"))
        .collect();
    RecordBatch::try_new(batch.schema(), ordered).expect("reordering changes neither types nor lengths")
}
