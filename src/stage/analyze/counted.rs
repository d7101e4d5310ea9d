//! What happened to each order and each attempt, counted into cells.
//!
//! Orders alike in hour, dimensions and fate are one cell, and so are attempts. Rows are read part by part and each
//! once; a million become some ten thousands, and no table of the analysis sees a single row again.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::attempts::{self, Attempts};
use super::dimension::{OF_ATTEMPT, OF_ORDER, Vocabularies, vocabularies};
use super::fate::Fates;
use super::keys::{AttemptKey, AttemptKeys, OrderKey, OrderKeys, hour, hours};
use super::link::link;
use super::orders::{self, Orders};
use super::progress::{Progress, Sequence, progress};
use super::tally::{Cell, tally};
use super::words::Status;
use super::{Inputs, Rules};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::part::{NO_ROW, amounts, instants, place, row_id};

/// What was counted of a night, or of a share of one. Shares are added up by [`Counted::and`].
#[derive(Debug)]
pub struct Counted {
    /// Orders in cells, in order of hour and dimensions.
    pub(super) orders: Vec<Cell>,
    /// The keys of those.
    pub(super) order_keys: OrderKeys,
    /// Attempts in cells.
    pub(super) attempts: Vec<Cell>,
    /// The keys of those.
    pub(super) attempt_keys: AttemptKeys,
    /// What orders say in the dimensions of [`OF_ORDER`], by number; the first says nothing.
    pub(super) of_order: Vec<[u32; OF_ORDER.len()]>,
    /// What attempts say in the dimensions of [`OF_ATTEMPT`], by number; the first says nothing.
    pub(super) of_attempt: Vec<[u32; OF_ATTEMPT.len()]>,
    /// What attempts say in the columns they are grouped by, by number; `status` is the code of a [`Status`].
    pub(super) groups: Vec<[u32; attempts::GROUPED.len()]>,
    /// The words behind the codes of every column.
    pub(super) vocabularies: Vocabularies,
    /// How many orders there are.
    pub(super) order_count: usize,
    /// Their amounts summed.
    pub(super) order_amount: Amount,
    /// How many attempts failed.
    pub(super) failed: usize,
}

/// Counts a night, or a share of one: some of its orders, and all attempts that name one of those. An attempt that names no
/// order of the night may be in any share.
///
/// # Panics
/// If `outcomes` are of another shape than `attempts`: a mistake in the code that calls.
pub fn count(inputs: &Inputs, rules: &Rules) -> Result<Counted> {
    assert_eq!(inputs.outcomes.len(), inputs.attempts.len(), "there are outcomes for every part of the attempts");
    let names = attempts::GROUPED.into_iter().chain([attempts::REACHED]).chain(orders::COLUMNS);
    let vocabularies = vocabularies(inputs.orders, inputs.attempts, names);
    let attempts = Attempts::read(inputs.attempts, inputs.outcomes, &vocabularies, rules.failures)?;
    let orders = Orders::read(inputs.orders, &vocabularies)?;
    let order_of = link(inputs.orders, inputs.attempts)?;
    let sequence = Sequence::of(inputs.attempts);
    let progress = progress(inputs.orders, &order_of, &attempts, &sequence)?;
    let night = Night { orders, attempts, order_of, sequence, progress };
    let Night { orders, attempts, .. } = &night;
    let order_keys = OrderKeys::of(inputs.orders.iter().filter_map(hours), &attempts.dimensions, &orders.dimensions)?;
    let attempt_keys = AttemptKeys::of(&attempts.groups, &orders.dimensions)?;
    let order_cells = order_cells(inputs.orders, rules, &night, &order_keys)?;
    let attempt_cells = attempt_cells(inputs.attempts, &night, &attempt_keys)?;

    let Night { orders, attempts, .. } = night;
    let of_kind = attempts.means.iter().zip(&attempts.kinds.rows);
    let failed = of_kind.filter(|(meaning, _)| meaning.status == Status::Failed).map(|(_, rows)| rows).sum();
    Ok(Counted {
        orders: order_cells,
        order_keys,
        attempts: attempt_cells,
        attempt_keys,
        of_order: orders.dimensions,
        of_attempt: attempts.dimensions,
        groups: attempts.groups,
        vocabularies,
        order_count: inputs.orders.iter().map(RecordBatch::num_rows).sum(),
        order_amount: inputs.orders.par_iter().map(amount).sum(),
        failed,
    })
}

/// All that is counted.
struct Night<'a> {
    orders: Orders,
    attempts: Attempts,
    /// Per part of the attempts and per row, the order.
    order_of: Vec<Vec<u32>>,
    sequence: Sequence<'a>,
    /// Per part of the orders and per row, how far it came.
    progress: Vec<Vec<Progress>>,
}

impl Night<'_> {
    fn progress(&self, order: u32) -> &Progress {
        let (part, row) = place(order);
        &self.progress[part][row]
    }
}

fn order_cells(parts: &[RecordBatch], rules: &Rules, night: &Night, keys: &OrderKeys) -> Result<Vec<Cell>> {
    let window = rules.maturity.num_microseconds().ok_or_else(|| {
        Error::configuration("the abandonment window is too long").expected("a window of less than 290,000 years")
    })?;
    let fates = Fates::of(&night.attempts);
    let cells = tally(parts.len(), |cells, part| {
        let (created, amounts) = (instants(&parts[part], "created_at"), amounts(&parts[part], "amount"));
        let kinds = night.orders.kinds.of_part(part);
        for (row, (progress, kind)) in night.progress[part].iter().zip(kinds).enumerate() {
            let order = &night.orders.means[kind];
            let (of_attempt, fate) = fates.of_order(progress, order.status);
            let created = created.get(row).expect("an order says when it was created");
            let mature = created.saturating_add(window) <= rules.closes_at;
            let key = OrderKey { hour: hour(created), of_attempt, of_order: order.dimensions, fate, mature };
            cells.add(Cell {
                key: keys.pack(key),
                rows: 1,
                attempts: progress.attempts,
                amount: amounts.get(row).unwrap_or_default().0,
            });
        }
        Ok(())
    });
    hold(cells?, parts)
}

fn attempt_cells(parts: &[RecordBatch], night: &Night, keys: &AttemptKeys) -> Result<Vec<Cell>> {
    let cells = tally(parts.len(), |cells, part| {
        let amounts = amounts(&parts[part], "amount");
        let kinds = night.attempts.kinds.of_part(part);
        for (row, (&order, kind)) in night.order_of[part].iter().zip(kinds).enumerate() {
            let (of_order, recovered) = if order == NO_ROW {
                (0, false)
            } else {
                let dimensions = night.orders.means[night.orders.kinds.of_row(order)].dimensions;
                (dimensions, night.progress(order).recovered(row_id(part, row), &night.sequence)?)
            };
            let key = AttemptKey { group: night.attempts.means[kind].group, of_order, recovered };
            cells.add(Cell { key: keys.pack(key), rows: 1, attempts: 1, amount: amounts.get(row).unwrap_or_default().0 });
        }
        Ok(())
    });
    hold(cells?, parts)
}

/// The cells hold every row.
fn hold(cells: Vec<Cell>, parts: &[RecordBatch]) -> Result<Vec<Cell>> {
    let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
    let held: usize = cells.iter().map(|cell| cell.rows as usize).sum();
    if held == rows {
        return Ok(cells);
    }
    Err(Error::law("the cells do not hold every row").expected(rows).found(held))
}

fn amount(part: &RecordBatch) -> Amount {
    let amounts = amounts(part, "amount");
    (0..part.num_rows()).filter_map(|row| amounts.get(row)).sum()
}
