//! The cells as polars groups them: a column for each thing they have in common, in codes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType as ArrowType, Int64Type, UInt32Type};
use polars::prelude::{DataFrame, DataType, Expr, IntoLazy, LazyFrame, UnionArgs, col, concat, lit, when};

use super::attempts::GROUPED;
use super::counted::Counted;
use super::dimension::{NOT_STATED, OF_ATTEMPT, OF_ORDER, Vocabulary, dimensions};
use super::fate::Fate;
use super::keys::{AttemptKey, OrderKey};
use super::tally::{Cell, Tally};
use crate::error::{Error, Result};
use crate::table::frame::{broken, export, import};
use crate::table::read;

/// The column that says how many orders or attempts a cell holds.
const ROWS: &str = "rows";

/// What was counted of a night, in frames.
pub(super) struct Cells {
    /// Orders of any hour: their dimensions, `stage`, `ending`, `first`, `settled`, `waiting` and `mature`; `rows`.
    pub(super) orders: DataFrame,
    /// Attempts: their dimensions and those of their orders, `status`, `failure_code`, `recovered`; `rows` and `amount`.
    pub(super) attempts: DataFrame,
}

impl Cells {
    pub(super) fn of(counted: &Counted) -> Result<Self> {
        Ok(Self { orders: orders(counted)?, attempts: attempts(counted)? })
    }
}

/// Orders of any hour are alike here: rates and shares are of the whole night.
fn orders(counted: &Counted) -> Result<DataFrame> {
    let mut whole = Tally::default();
    counted.orders.iter().for_each(|cell| whole.add(Cell { key: counted.order_keys.of_any_hour(cell), ..*cell }));
    let cells = whole.sorted();
    let keys: Vec<OrderKey> = cells.iter().map(|cell| counted.order_keys.read(cell)).collect();
    let fates: Vec<Fate> = keys.iter().map(|key| Fate::of(key.fate)).collect();
    let mut columns = Vec::new();
    for (column, name) in OF_ATTEMPT.into_iter().enumerate() {
        columns.push((name, column_of(&keys, |key| counted.of_attempt[key.of_attempt as usize][column])));
    }
    for (column, name) in OF_ORDER.into_iter().enumerate() {
        columns.push((name, column_of(&keys, |key| counted.of_order[key.of_order as usize][column])));
    }
    columns.extend([
        ("stage", column_of(&fates, |fate| fate.stage.code())),
        ("ending", column_of(&fates, |fate| fate.ending.code())),
        ("first", column_of(&fates, |fate| fate.first.code())),
        ("settled", column_of(&fates, |fate| u32::from(fate.settled))),
        ("waiting", column_of(&fates, |fate| u32::from(fate.waiting))),
        ("mature", column_of(&keys, |key| u32::from(key.mature))),
        (ROWS, counts_of(&cells)),
    ]);
    frame(columns)
}

fn attempts(counted: &Counted) -> Result<DataFrame> {
    let cells = &counted.attempts;
    let keys: Vec<AttemptKey> = cells.iter().map(|cell| counted.attempt_keys.read(cell)).collect();
    let mut columns = Vec::new();
    for (column, name) in GROUPED.into_iter().enumerate() {
        columns.push((name, column_of(&keys, |key| counted.groups[key.group as usize][column])));
    }
    for (column, name) in OF_ORDER.into_iter().enumerate().filter(|(_, name)| !GROUPED.contains(name)) {
        columns.push((name, column_of(&keys, |key| counted.of_order[key.of_order as usize][column])));
    }
    let amounts = Decimal128Array::from_iter_values(cells.iter().map(|cell| cell.amount));
    let kind = ArrowType::Decimal128(DECIMAL128_MAX_PRECISION, 8);
    columns.extend([
        ("recovered", column_of(&keys, |key| u32::from(key.recovered))),
        (ROWS, counts_of(cells)),
        ("amount", Arc::new(amounts.with_data_type(kind)) as ArrayRef),
    ]);
    frame(columns)
}

fn column_of<T>(cells: &[T], code: impl Fn(&T) -> u32) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(cells.iter().map(code)))
}

fn counts_of(cells: &[Cell]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(cells.iter().map(|cell| i64::from(cell.rows))))
}

fn frame(columns: Vec<(&'static str, ArrayRef)>) -> Result<DataFrame> {
    let cells = RecordBatch::try_from_iter(columns);
    import(&cells.map_err(|error| Error::law(format!("the columns of the cells do not line up: {error}")))?)
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

/// A code in every row. A literal alone is of no type yet, and an untyped one becomes an Int32.
fn code(code: u32) -> Expr {
    lit(code).cast(DataType::UInt32)
}

/// The cut that takes all together.
pub(super) const ALL: &str = "all";

/// A row of a result, by where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place<'a> {
    /// The dimension, or [`ALL`].
    pub(super) cut: &'a str,
    /// Its value; empty where the dimension is not stated.
    pub(super) value: &'a str,
}

/// Sums over the cells for every cut and value, and for every `key` beside them. What is counted of a cell is worked out
/// once for all cuts.
pub(super) fn by_cut(cells: &DataFrame, keys: &[&str], counted: &[(String, Expr)]) -> Result<RecordBatch> {
    let columns: Vec<Expr> = counted.iter().map(|(name, count)| count.clone().alias(name)).collect();
    let cells = cells.clone().lazy().with_columns(columns).collect().map_err(broken)?;
    let sums: Vec<Expr> = counted.iter().map(|(name, _)| col(name).sum()).collect();
    let parts = cuts().zip(0_u32..).map(|(cut, number)| {
        let value = if cut == ALL { code(NOT_STATED) } else { col(cut) };
        cells
            .clone()
            .lazy()
            .with_column(value.alias("value"))
            .group_by(["value"].iter().chain(keys).map(|&key| col(key)).collect::<Vec<_>>())
            .agg(&sums)
            .with_column(code(number).alias("cut"))
    });
    export(concat(parts.collect::<Vec<_>>(), UnionArgs::default()).and_then(LazyFrame::collect).map_err(broken)?)
}

/// Where each row of [`by_cut`] belongs.
pub(super) fn places<'a>(
    by_cut: &RecordBatch,
    vocabularies: &'a HashMap<&'static str, Vocabulary>,
) -> impl Iterator<Item = Place<'a>> {
    let cuts: Vec<&'static str> = cuts().collect();
    let (numbers, values) = (codes(by_cut, "cut").clone(), codes(by_cut, "value").clone());
    (0..by_cut.num_rows()).map(move |row| {
        let cut = cuts[usize::try_from(numbers.value(row)).expect("a cut is one of a few")];
        let value = if cut == ALL { ALL } else { vocabularies[cut].word(values.value(row)) };
        Place { cut, value }
    })
}

fn cuts() -> impl Iterator<Item = &'static str> {
    std::iter::once(ALL).chain(dimensions())
}

/// A column of codes.
pub(super) fn codes<'a>(batch: &'a RecordBatch, name: &str) -> &'a UInt32Array {
    read::column(batch, name).as_primitive::<UInt32Type>()
}

/// A column of sums of counts.
pub(super) fn counts<'a>(batch: &'a RecordBatch, name: &str) -> impl Iterator<Item = i64> + use<'a> {
    read::column(batch, name).as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default)
}
