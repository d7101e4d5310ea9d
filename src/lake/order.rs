//! A published file is ordered by its table's key. The file declares it, so it is made sure of here.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{LexicographicalComparator, SortColumn, SortOptions, take};
use rayon::prelude::*;

use crate::table::sheet::{Pick, Picked, Sheet};

/// Ascending, empty first, by every column of the key.
pub(super) const OPTIONS: SortOptions = SortOptions { descending: false, nulls_first: true };

/// The sheet in the order of its table's key. Stages hand their tables over ordered: those they name the rows of are
/// taken at their word, and of those that are laid out this only looks.
pub(super) fn by_key(sheet: Sheet) -> Sheet {
    let is_laid_out = |picked: &Picked| matches!((&picked.rows, &picked.parts[..]), (Pick::All, [_]));
    let table = sheet.table;
    if !table.key.iter().all(|name| is_laid_out(sheet.column(name))) {
        return sheet;
    }
    let key = |name: &&str| SortColumn { values: ArrayRef::clone(&sheet.column(name).parts[0]), options: Some(OPTIONS) };
    let columns: Vec<SortColumn> = table.key.iter().map(key).collect();
    let compare = LexicographicalComparator::try_new(&columns).expect("every type of column can be ordered");
    let is_ordered = (1..sheet.rows).into_par_iter().all(|row| compare.compare(row - 1, row) != Ordering::Greater);
    if is_ordered {
        return sheet;
    }
    let rows = u32::try_from(sheet.rows).expect("a table of a night has less than 2^32 rows");
    let mut order: Vec<u32> = (0..rows).collect();
    // Stable, so that rows of equal keys stay as the stage ordered them.
    order.par_sort_by(|&left, &right| compare.compare(left as usize, right as usize));
    let order = UInt32Array::from(order);
    let batch = sheet.batch();
    let ordered: Vec<ArrayRef> = batch
        .columns()
        .par_iter()
        .map(|column| take(column, &order, None).expect("the order holds row numbers of the table"))
        .collect();
    let batch = RecordBatch::try_new(batch.schema(), ordered).expect("reordering changes neither types nor lengths");
    Sheet::of(table, &batch)
}
