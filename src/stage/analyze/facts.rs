//! What happened to each order and each attempt, in cells.
//!
//! Orders alike in hour, dimensions and fate are one cell, and so are attempts. Rows are read part by part and each
//! once; a million become some ten thousands, and no table of the analysis sees a single row again.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::attempts::{self, Attempts};
use super::dimension::{OF_ATTEMPT, OF_ORDER, Vocabularies, vocabularies};
use super::fate::Fates;
use super::link::link;
use super::orders::{self, Orders};
use super::progress::{Progress, Sequence, progress};
use super::tally::{Cell, tally};
use super::words::Status;
use super::{Inputs, Rules};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::part::{NO_ROW, amounts, instants, place, row_id};

/// The facts of a night.
pub(super) struct Facts {
    /// Orders in cells, by [`OrderKey`].
    pub(super) orders: Vec<Cell>,
    /// Attempts in cells, by [`AttemptKey`].
    pub(super) attempts: Vec<Cell>,
    /// What orders say in the dimensions of [`OF_ORDER`], by number; the first says nothing.
    pub(super) of_order: Vec<[u32; OF_ORDER.len()]>,
    /// What attempts say in the dimensions of [`OF_ATTEMPT`], by number; the first says nothing.
    pub(super) of_attempt: Vec<[u32; OF_ATTEMPT.len()]>,
    /// What attempts say in the columns they are grouped by, by number.
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

/// Establishes the facts.
pub(super) fn establish(inputs: &Inputs, rules: &Rules) -> Result<Facts> {
    let names = attempts::GROUPED.into_iter().chain([attempts::REACHED]).chain(orders::COLUMNS);
    let vocabularies = vocabularies(inputs.orders, inputs.attempts, names);
    let attempts = Attempts::read(inputs.attempts, inputs.outcomes, &vocabularies, rules.failures)?;
    let orders = Orders::read(inputs.orders, &vocabularies)?;
    let order_of = link(inputs.orders, inputs.attempts)?;
    let sequence = Sequence::of(inputs.attempts);
    let progress = progress(inputs.orders, &order_of, &attempts, &sequence)?;
    let night = Night { orders, attempts, order_of, sequence, progress };
    let (order_cells, attempt_cells) = (order_cells(inputs.orders, rules, &night)?, attempt_cells(inputs.attempts, &night)?);

    let Night { orders, attempts, .. } = night;
    let of_kind = attempts.means.iter().zip(&attempts.kinds.rows);
    let failed = of_kind.filter(|(meaning, _)| meaning.status == Status::Failed).map(|(_, rows)| rows).sum();
    Ok(Facts {
        orders: order_cells,
        attempts: attempt_cells,
        of_order: orders.dimensions,
        of_attempt: attempts.dimensions,
        groups: attempts.groups,
        vocabularies,
        order_count: inputs.orders.iter().map(RecordBatch::num_rows).sum(),
        order_amount: inputs.orders.par_iter().map(amount).sum(),
        failed,
    })
}

/// All that facts are read off.
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

fn order_cells(parts: &[RecordBatch], rules: &Rules, night: &Night) -> Result<Vec<Cell>> {
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
                key: key.packed(),
                rows: 1,
                attempts: i64::from(progress.attempts),
                amount: amounts.get(row).unwrap_or_default().0,
            });
        }
        Ok(())
    });
    hold(cells?, parts)
}

fn attempt_cells(parts: &[RecordBatch], night: &Night) -> Result<Vec<Cell>> {
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
            cells.add(Cell { key: key.packed(), rows: 1, attempts: 1, amount: amounts.get(row).unwrap_or_default().0 });
        }
        Ok(())
    });
    hold(cells?, parts)
}

/// The cells hold every row.
fn hold(cells: Vec<Cell>, parts: &[RecordBatch]) -> Result<Vec<Cell>> {
    let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
    let held: i64 = cells.iter().map(|cell| cell.rows).sum();
    if usize::try_from(held) == Ok(rows) {
        return Ok(cells);
    }
    Err(Error::law("the cells do not hold every row").expected(rows).found(held))
}

fn amount(part: &RecordBatch) -> Amount {
    let amounts = amounts(part, "amount");
    (0..part.num_rows()).filter_map(|row| amounts.get(row)).sum()
}

const MICROSECONDS_AN_HOUR: i64 = 3_600_000_000;
/// No instant is so many hours before 1970.
const HOURS: i64 = 1 << 40;

fn hour(created_at: i64) -> i64 {
    created_at.div_euclid(MICROSECONDS_AN_HOUR)
}

/// What a cell of orders has in common. Keys are in order of hour, then of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderKey {
    /// When they were created, in hours since 1970-01-01 UTC.
    pub(super) hour: i64,
    /// The number of what their first attempts say.
    pub(super) of_attempt: u32,
    /// The number of what they say themselves.
    pub(super) of_order: u32,
    /// The number of what became of them.
    pub(super) fate: u32,
    /// Whether they had their time.
    pub(super) mature: bool,
}

impl OrderKey {
    /// Whether both are of one hour and the same dimensions.
    pub(super) fn same_row(self, other: Self) -> bool {
        (self.hour, self.of_attempt, self.of_order) == (other.hour, other.of_attempt, other.of_order)
    }

    /// The key without its hour.
    pub(super) fn of_any_hour(self) -> Self {
        Self { hour: 0, ..self }
    }

    /// The key as a number.
    pub(super) fn packed(self) -> u128 {
        let hour = u128::try_from(self.hour + HOURS).expect("an hour of an instant");
        let numbers = (hour << 32 | u128::from(self.of_attempt)) << 32 | u128::from(self.of_order);
        numbers << 16 | u128::from(self.fate << 1) | u128::from(self.mature)
    }

    /// What is behind the key of a cell.
    pub(super) fn of(cell: &Cell) -> Self {
        Self {
            hour: i64::try_from(cell.key >> 80).expect("48 bits fit 64") - HOURS,
            of_attempt: bits(cell.key, 48, 32),
            of_order: bits(cell.key, 16, 32),
            fate: bits(cell.key, 1, 15),
            mature: bits(cell.key, 0, 1) == 1,
        }
    }

    /// The instant their hour begins, in microseconds.
    pub(super) fn begins(self) -> i64 {
        self.hour * MICROSECONDS_AN_HOUR
    }
}

/// What a cell of attempts has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptKey {
    /// The number of what they say in the columns they are grouped by.
    pub(super) group: u32,
    /// The number of what their orders say.
    pub(super) of_order: u32,
    /// Whether the order succeeded later.
    pub(super) recovered: bool,
}

impl AttemptKey {
    fn packed(self) -> u128 {
        (u128::from(self.group) << 32 | u128::from(self.of_order)) << 1 | u128::from(self.recovered)
    }

    /// What is behind the key of a cell.
    pub(super) fn of(cell: &Cell) -> Self {
        Self { group: bits(cell.key, 33, 32), of_order: bits(cell.key, 1, 32), recovered: bits(cell.key, 0, 1) == 1 }
    }
}

/// `count` bits of a key, from the bit `first` on.
fn bits(key: u128, first: u32, count: u32) -> u32 {
    u32::try_from(key >> first & ((1 << count) - 1)).expect("no more than 32 bits")
}
