//! Cells: the facts grouped once by all that is asked of them.
//!
//! Every order is in one cell, with those alike in hour, dimensions and fate; so is every attempt. A million rows
//! become some ten thousands, and every table is a sum over cells that never sees a single order again.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, UInt32Type};
use arrow::error::ArrowError;
use polars::prelude::{DataFrame, DataType, Expr, IntoLazy, LazyFrame, UnionArgs, col, concat, len, lit, when};

use super::dimension::{NOT_STATED, Vocabulary, dimensions};
use super::facts::{Facts, Rows};
use super::pack::pack;
use crate::error::{Error, Result};
use crate::table::frame::{broken, export, import};
use crate::table::read;

/// The column that says how many orders or attempts a cell holds.
const ROWS: &str = "rows";

/// The facts of a night in cells, every column of the facts under its name.
pub(super) struct Cells {
    /// Orders: `rows`, with `attempts` and `amount` summed.
    pub(super) orders: DataFrame,
    /// Attempts: `rows`, with `amount` summed.
    pub(super) attempts: DataFrame,
}

impl Cells {
    pub(super) fn of(facts: &Facts) -> Result<Self> {
        Ok(Self { orders: group(&facts.orders)?, attempts: group(&facts.attempts)? })
    }
}

fn group(facts: &Rows) -> Result<DataFrame> {
    let (packing, keys) = pack(&facts.coded);
    let names = packing.names();
    let summed = facts.summed.iter().map(|(name, array)| (*name, Arc::clone(array)));
    let rows = RecordBatch::try_from_iter(names.iter().map(String::as_str).zip(keys).chain(summed)).map_err(unequal)?;
    let mut sums = vec![len().cast(DataType::Int64).alias(ROWS)];
    sums.extend(facts.summed.iter().map(|(name, _)| col(*name).sum()));
    let plan = import(&rows)?.lazy().group_by(names.iter().map(col).collect::<Vec<_>>()).agg(sums);
    let cells = export(plan.collect().map_err(broken)?)?;

    let held: i64 = counts(&cells, ROWS).sum();
    if usize::try_from(held) != Ok(facts.count) {
        return Err(Error::law("the cells do not hold every row of the facts").expected(facts.count).found(held));
    }
    let sums = [ROWS].into_iter().chain(facts.summed.iter().map(|(name, _)| *name));
    let sums = sums.map(|name| (name, Arc::clone(read::column(&cells, name))));
    import(&RecordBatch::try_from_iter(packing.unpack(&cells).into_iter().chain(sums)).map_err(unequal)?)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn unequal(error: ArrowError) -> Error {
    Error::law(format!("the facts do not line up: {error}"))
}

/// How many rows there are where `condition` holds.
pub(super) fn rows_where(condition: Expr) -> Expr {
    when(condition).then(col(ROWS)).otherwise(lit(0_i64)).sum()
}

/// How many rows there are.
pub(super) fn rows() -> Expr {
    col(ROWS).sum()
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

/// Sums over the cells for every cut and value, and for every `key` beside them: one plan, collected once.
pub(super) fn by_cut(cells: &DataFrame, keys: &[&str], sums: &[Expr]) -> Result<RecordBatch> {
    let parts = cuts().zip(0_u32..).map(|(cut, number)| {
        let value = if cut == ALL { code(NOT_STATED) } else { col(cut) };
        cells
            .clone()
            .lazy()
            .with_column(value.alias("value"))
            .group_by(["value"].iter().chain(keys).map(|&key| col(key)).collect::<Vec<_>>())
            .agg(sums)
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
