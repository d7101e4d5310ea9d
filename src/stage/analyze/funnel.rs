//! The funnel: what became of the orders of each hour. Additive: any of its dimensions may be summed away.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use polars::prelude::{Expr, IntoLazy, NULL, SortMultipleOptions, col, lit, when};

use super::Rules;
use super::cells::{Cells, codes, counts, holds, is, rows, rows_where};
use super::dimension::dimensions;
use super::facts::{Facts, begins};
use super::words::{Ending, First};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::analysis::FUNNEL;
use crate::table::frame::{broken, export};
use crate::table::{build, read};

/// One row per hour and combination of dimensions. An order is of the hour (UTC) it was created in, and has the
/// dimensions of its first attempt.
///
/// Every order is exactly one of succeeded, failed, pending, cancelled and abandoned. `succeeded ÷ created` is
/// `checkout_conversion` (peers: definition 7; Hyperswitch's overall conversion rate), `recovered` ÷ orders that
/// failed first is `retry_recovery_rate` (9).
pub(super) fn funnel(cells: &Cells, facts: &Facts, rules: &Rules) -> Result<RecordBatch> {
    let key: Vec<Expr> = ["hour"].into_iter().chain(dimensions()).map(col).collect();
    let plan = cells.orders.clone().lazy().group_by(&key).agg([
        rows().alias("created"),
        rows_where(is("first", First::None.code()).not()).alias("attempted"),
        rows_where(is("ending", Ending::Succeeded.code())).alias("succeeded"),
        rows_where(is("ending", Ending::Failed.code())).alias("failed"),
        rows_where(is("ending", Ending::Pending.code())).alias("pending"),
        rows_where(is("ending", Ending::Abandoned.code())).alias("abandoned"),
        rows_where(is("ending", Ending::Cancelled.code())).alias("cancelled"),
        rows_where(holds("recovered")).alias("recovered"),
        rows_where(holds("settled")).alias("settled"),
        col("attempts").sum(),
        col("amount").sum().alias("created_amount"),
        amount_where(is("ending", Ending::Succeeded.code())).alias("succeeded_amount"),
        amount_where(holds("settled")).alias("settled_amount"),
    ]);
    let sums = export(plan.sort_by_exprs(key, SortMultipleOptions::default()).collect().map_err(broken)?)?;
    adds_up(&sums, facts)?;

    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("business_date", build::same_date(rules.night, sums.num_rows())),
        ("hour", build::instants(codes(&sums, "hour").values().iter().map(|&hour| Some(begins(facts, hour))))),
    ];
    for name in dimensions() {
        columns.push((name, facts.vocabularies[name].column(codes(&sums, name).values())));
    }
    for name in COUNTS.into_iter().chain(["attempted", "recovered", "settled", "attempts"]) {
        columns.push((name, Arc::clone(read::column(&sums, name))));
    }
    for name in ["created_amount", "succeeded_amount", "settled_amount"] {
        columns.push((name, build::amounts(amounts(&sums, name))));
    }
    Ok(FUNNEL.batch(columns))
}

fn amount_where(condition: Expr) -> Expr {
    when(condition).then(col("amount")).otherwise(lit(NULL)).sum()
}

fn amounts<'a>(sums: &'a RecordBatch, name: &str) -> impl Iterator<Item = Option<Amount>> + use<'a> {
    let column = read::amounts(sums, name);
    (0..sums.num_rows()).map(|row| Some(read::amount(column, row).unwrap_or_default()))
}

/// The orders created, and what they can end as.
const COUNTS: [&str; 6] = ["created", "succeeded", "failed", "pending", "abandoned", "cancelled"];

/// Every row adds up, and all rows hold every order with its amount.
fn adds_up(sums: &RecordBatch, facts: &Facts) -> Result<()> {
    let [created, ends @ ..] = COUNTS.map(|name| counts(sums, name).collect::<Vec<_>>());
    for (row, &created) in created.iter().enumerate() {
        let ended: i64 = ends.iter().map(|end| end[row]).sum();
        if ended != created {
            return Err(Error::law("an order of the funnel ended twice, or not at all").expected(created).found(ended));
        }
    }
    let orders = facts.orders.amounts();
    let of_orders: Amount = (0..facts.orders.count).filter_map(|row| read::amount(orders, row)).sum();
    let of_funnel: Amount = amounts(sums, "created_amount").flatten().sum();
    if of_orders != of_funnel {
        return Err(Error::law("the funnel does not hold the amounts of the orders").expected(of_orders).found(of_funnel));
    }
    Ok(())
}
