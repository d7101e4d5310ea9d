//! Cells: the facts grouped once by all that is asked of them.
//!
//! Every order is in one cell, with those alike in hour, dimensions and fate; so is every attempt. A million rows
//! become some ten thousands, and every table is a sum over cells that never sees a single order again.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, UInt32Type};
use polars::prelude::{DataFrame, DataType, Expr, IntoLazy, UnionArgs, col, concat, len, lit, when};

use super::dimension::{NOT_STATED, Vocabulary, dimensions};
use super::facts::Facts;
use crate::error::{Error, Result};
use crate::table::frame::{broken, export, import};

/// The column that says how many orders or attempts a cell holds.
const ROWS: &str = "rows";

/// The facts of a night in cells.
pub(super) struct Cells {
    /// Orders: `hour`, dimensions, `ending`, `first`, `stage`, `mature`, `recovered`, `settled`, `waiting`; `rows`,
    /// `attempts`, `amount`.
    pub(super) orders: DataFrame,
    /// Attempts: dimensions, `status`, `code`, `recovered`; `rows`, `amount`.
    pub(super) attempts: DataFrame,
}

impl Cells {
    pub(super) fn of(facts: &Facts) -> Result<Self> {
        let fate = ["hour", "ending", "first", "stage", "mature", "recovered", "settled", "waiting"];
        let rows = || len().cast(DataType::Int64).alias(ROWS);
        let orders = import(&facts.orders)?.lazy().group_by(dimensions().chain(fate).map(col).collect::<Vec<_>>()).agg([
            rows(),
            col("attempts").sum(),
            col("amount").sum(),
        ]);
        let attempts = import(&facts.attempts)?
            .lazy()
            .group_by(dimensions().chain(["status", "code", "recovered"]).map(col).collect::<Vec<_>>())
            .agg([rows(), col("amount").sum()]);
        let cells = Self { orders: orders.collect().map_err(broken)?, attempts: attempts.collect().map_err(broken)? };
        cells.hold(facts)?;
        Ok(cells)
    }

    /// Every order and attempt is in one cell.
    fn hold(&self, facts: &Facts) -> Result<()> {
        for (what, cells, rows) in
            [("orders", &self.orders, facts.orders.num_rows()), ("attempts", &self.attempts, facts.attempts.num_rows())]
        {
            let total = cells.clone().lazy().select([col(ROWS).sum()]).collect().map_err(broken)?;
            let total: i64 = counts(&export(total)?, ROWS).sum();
            if usize::try_from(total) != Ok(rows) {
                return Err(Error::law(format!("the cells do not hold the {what} of the night"))
                    .expected(format!("{rows} {what}"))
                    .found(format!("{total} {what}")));
            }
        }
        Ok(())
    }
}

/// How many rows there are where `condition` holds.
pub(super) fn rows_where(condition: Expr) -> Expr {
    when(condition).then(col(ROWS)).otherwise(lit(0_i64)).sum()
}

/// How many rows there are.
pub(super) fn rows() -> Expr {
    col(ROWS).sum()
}

/// That a column of codes holds `code`.
pub(super) fn is(column: &str, code: u32) -> Expr {
    col(column).eq(lit(code))
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
        let value = if cut == ALL { lit(NOT_STATED) } else { col(cut) };
        cells
            .clone()
            .lazy()
            .with_column(value.alias("value"))
            .group_by(["value"].iter().chain(keys).map(|&key| col(key)).collect::<Vec<_>>())
            .agg(sums)
            .with_column(lit(number).alias("cut"))
    });
    export(concat(parts.collect::<Vec<_>>(), UnionArgs::default()).and_then(|plan| plan.collect()).map_err(broken)?)
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
    crate::table::read::column(batch, name).as_primitive::<UInt32Type>()
}

/// A column of sums of counts.
pub(super) fn counts<'a>(batch: &'a RecordBatch, name: &str) -> impl Iterator<Item = i64> + use<'a> {
    crate::table::read::column(batch, name).as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default)
}
