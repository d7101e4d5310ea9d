//! The funnel: what became of the orders of each hour. Additive: any of its dimensions may be summed away.

use arrow::array::{ArrayRef, RecordBatch};

use super::Rules;
use super::counted::Counted;
use super::dimension::{OF_ATTEMPT, OF_ORDER};
use super::fate::Fate;
use super::keys::{OrderKey, OrderKeys};
use super::tally::Cell;
use super::words::{Ending, First};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::analysis::FUNNEL;
use crate::table::build;

/// One row per hour and combination of dimensions. An order is of the hour (UTC) it was created in, and has the
/// dimensions of its first attempt.
///
/// Every order is exactly one of succeeded, failed, pending, cancelled and abandoned.
pub(super) fn funnel(counted: &Counted, rules: &Rules) -> Result<RecordBatch> {
    // Cells are in order of hour and dimensions, so those of a row of the funnel stand together.
    let keys = &counted.order_keys;
    let together = counted.orders.chunk_by(|one, other| keys.place(one) == keys.place(other));
    let rows: Vec<Row> = together.map(|cells| Row::of(cells, keys)).collect();
    adds_up(&rows, counted)?;

    let counts = |of: fn(&Row) -> i64| build::counts(rows.iter().map(of));
    let amounts = |of: fn(&Row) -> i128| build::amounts(rows.iter().map(|row| Some(Amount(of(row)))));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("business_date", build::same_date(rules.night, rows.len())),
        ("hour", build::instants(rows.iter().map(|row| Some(row.key.begins())))),
        ("created", counts(|row| row.created)),
        ("attempted", counts(|row| row.attempted)),
        ("recovered", counts(|row| row.recovered)),
        ("settled", counts(|row| row.settled)),
        ("attempts", counts(|row| row.attempts)),
        ("created_amount", amounts(|row| row.created_amount)),
        ("succeeded_amount", amounts(|row| row.succeeded_amount)),
        ("settled_amount", amounts(|row| row.settled_amount)),
    ];
    for ending in Ending::ALL {
        columns.push((ending.word(), build::counts(rows.iter().map(|row| row.ended[*ending as usize]))));
    }
    let mut words = |name: &'static str, code: &dyn Fn(&OrderKey) -> u32| {
        let codes: Vec<u32> = rows.iter().map(|row| code(&row.key)).collect();
        columns.push((name, counted.vocabularies[name].column(&codes)));
    };
    for (column, name) in OF_ATTEMPT.into_iter().enumerate() {
        words(name, &|key| counted.of_attempt[key.of_attempt as usize][column]);
    }
    for (column, name) in OF_ORDER.into_iter().enumerate() {
        words(name, &|key| counted.of_order[key.of_order as usize][column]);
    }
    Ok(FUNNEL.batch(columns))
}

/// A row of the funnel.
struct Row {
    key: OrderKey,
    created: i64,
    attempted: i64,
    /// By ending.
    ended: [i64; Ending::ALL.len()],
    recovered: i64,
    settled: i64,
    attempts: i64,
    created_amount: i128,
    succeeded_amount: i128,
    settled_amount: i128,
}

impl Row {
    /// The cells summed, which have hour and dimensions in common.
    fn of(cells: &[Cell], keys: &OrderKeys) -> Self {
        let mut row = Self {
            key: keys.read(&cells[0]),
            created: 0,
            attempted: 0,
            ended: [0; Ending::ALL.len()],
            recovered: 0,
            settled: 0,
            attempts: 0,
            created_amount: 0,
            succeeded_amount: 0,
            settled_amount: 0,
        };
        for cell in cells {
            let fate = Fate::of(keys.read(cell).fate);
            let orders = i64::from(cell.rows);
            let orders_if = |holds: bool| if holds { orders } else { 0 };
            let amount_if = |holds: bool| if holds { cell.amount } else { 0 };
            row.created += orders;
            row.attempted += orders_if(fate.first != First::None);
            row.ended[fate.ending as usize] += orders;
            row.recovered += orders_if(fate.recovered);
            row.settled += orders_if(fate.is_settled());
            row.attempts += i64::from(cell.attempts);
            row.created_amount += cell.amount;
            row.succeeded_amount += amount_if(fate.ending == Ending::Succeeded);
            row.settled_amount += amount_if(fate.is_settled());
        }
        row
    }
}

/// Every row adds up, and all rows hold every order with its amount.
fn adds_up(rows: &[Row], counted: &Counted) -> Result<()> {
    for row in rows {
        let ended: i64 = row.ended.iter().sum();
        if ended != row.created {
            return Err(Error::law("an order of the funnel ended twice, or not at all").expected(row.created).found(ended));
        }
    }
    let created: i64 = rows.iter().map(|row| row.created).sum();
    if usize::try_from(created) != Ok(counted.order_count) {
        return Err(Error::law("the funnel does not hold every order").expected(counted.order_count).found(created));
    }
    let of_funnel: Amount = rows.iter().map(|row| Amount(row.created_amount)).sum();
    if of_funnel != counted.order_amount {
        return Err(Error::law("the funnel does not hold the amounts of the orders")
            .expected(counted.order_amount)
            .found(of_funnel));
    }
    Ok(())
}
