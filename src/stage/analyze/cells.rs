//! The cells of attempts as polars groups them: a column for each thing they have in common, in codes.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType as ArrowType, Int64Type, UInt32Type};
use polars::prelude::{DataFrame, Expr, col, lit, when};

use super::attempts::GROUPED;
use super::counted::Counted;
use super::fate::AttemptFate;
use super::keys::AttemptKey;
use super::tally::Cell;
use crate::error::{Error, Result};
use crate::table::frame::import;
use crate::table::read;

/// The column that says how many attempts a cell holds.
const ROWS: &str = "rows";

/// Attempts: what they are grouped by, `recovered` and `gave_up`; `rows` and `amount`.
pub(super) fn attempts(counted: &Counted) -> Result<DataFrame> {
    let cells = &counted.attempts;
    let keys: Vec<AttemptKey> = cells.iter().map(|cell| counted.attempt_keys.read(cell)).collect();
    let fates: Vec<AttemptFate> = keys.iter().map(|key| AttemptFate::of(key.fate)).collect();
    let mut columns = Vec::new();
    for (column, name) in GROUPED.into_iter().enumerate() {
        columns.push((name, column_of(&keys, |key| counted.groups[key.group as usize][column])));
    }
    let amounts = Decimal128Array::from_iter_values(cells.iter().map(|cell| cell.amount));
    let kind = ArrowType::Decimal128(DECIMAL128_MAX_PRECISION, 8);
    columns.extend([
        ("recovered", column_of(&fates, |fate| u32::from(fate.recovered))),
        ("gave_up", column_of(&fates, |fate| u32::from(fate.gave_up))),
        (ROWS, counts_of(cells)),
        ("amount", Arc::new(amounts.with_data_type(kind)) as ArrayRef),
    ]);
    let cells = RecordBatch::try_from_iter(columns);
    import(&cells.map_err(|error| Error::law(format!("the columns of the cells do not line up: {error}")))?)
}

fn column_of<T>(cells: &[T], code: impl Fn(&T) -> u32) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(cells.iter().map(code)))
}

fn counts_of(cells: &[Cell]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(cells.iter().map(|cell| i64::from(cell.rows))))
}

/// The rows of a cell if `condition` holds of it.
pub(super) fn rows_where(condition: Expr) -> Expr {
    when(condition).then(col(ROWS)).otherwise(lit(0_i64))
}

/// The rows of a cell.
pub(super) fn rows() -> Expr {
    col(ROWS)
}

/// That a flag is set.
pub(super) fn holds(flag: &str) -> Expr {
    is(flag, 1)
}

/// That a column of codes holds `code`.
pub(super) fn is(column: &str, code: u32) -> Expr {
    col(column).eq(lit(code))
}

/// A column of codes.
pub(super) fn codes<'a>(batch: &'a RecordBatch, name: &str) -> &'a UInt32Array {
    read::column(batch, name).as_primitive::<UInt32Type>()
}

/// A column of sums of counts.
pub(super) fn counts<'a>(batch: &'a RecordBatch, name: &str) -> impl Iterator<Item = i64> + use<'a> {
    read::column(batch, name).as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default)
}
