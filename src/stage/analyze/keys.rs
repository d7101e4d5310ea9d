//! The keys of cells: all that is asked of orders and of attempts, in one number each.

use arrow::array::RecordBatch;
use arrow::compute::{max, min};

use super::attempts::GROUPED;
use super::clock::Moment;
use super::dimension::{OF_ATTEMPT, OF_ORDER};
use super::fate::{AttemptFate, Fate};
use super::pack::Packing;
use super::tally::Cell;
use crate::error::Result;
use crate::table::build::count;
use crate::table::part::{Instants, instants};

/// What a cell of orders has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderKey {
    /// When they were created, in hours since 1970-01-01 UTC.
    pub(super) hour: i64,
    /// The number of what their first attempts say.
    pub(super) of_attempt: u32,
    /// The number of what they say themselves.
    pub(super) of_order: u32,
    /// The full hours by which the business time zone was ahead.
    pub(super) ahead: i64,
    /// The number of what became of them.
    pub(super) fate: u32,
    /// Whether they had their time.
    pub(super) mature: bool,
}

impl OrderKey {
    /// The instant their hour begins, in microseconds.
    pub(super) fn begins(self) -> i64 {
        self.hour * MICROSECONDS_AN_HOUR
    }

    /// When that was in the business time zone.
    pub(super) fn moment(self) -> Moment {
        Moment::of(self.hour + self.ahead)
    }
}

/// No zone is further ahead, or behind, in hours.
const MOST_AHEAD: i64 = 31;
pub(super) const MICROSECONDS_AN_HOUR: i64 = 3_600_000_000;

/// The hour of an instant.
pub(super) fn hour(instant: i64) -> i64 {
    instant.div_euclid(MICROSECONDS_AN_HOUR)
}

/// The first and the last hour the orders of a part were created in, if it has any.
pub(super) fn hours(part: &RecordBatch) -> Option<(i64, i64)> {
    match instants(part, "created_at") {
        Instants::Plain(created) => Some((hour(min(created)?), hour(max(created)?))),
        Instants::Nothing => None,
    }
}

/// The keys of cells of orders, in order of hour, then of what first attempts say, then of what orders say.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderKeys {
    packing: Packing<6>,
    first_hour: i64,
}

impl OrderKeys {
    /// Keys for orders that were created in `hours`, each a first and a last, and say these things.
    pub(super) fn of(
        hours: impl Iterator<Item = (i64, i64)>,
        of_attempt: &[[u32; OF_ATTEMPT.len()]],
        of_order: &[[u32; OF_ORDER.len()]],
    ) -> Result<Self> {
        let (first, last) = hours.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))).unwrap_or_default();
        let hours = last.abs_diff(first) + 1;
        let sizes = [hours, size(of_attempt), size(of_order), 2 * MOST_AHEAD.unsigned_abs() + 1, u64::from(Fate::CODES), 2];
        Ok(Self { packing: Packing::of(sizes)?, first_hour: first })
    }

    /// A key as a number.
    pub(super) fn pack(&self, key: OrderKey) -> u64 {
        let OrderKey { hour, of_attempt, of_order, ahead, fate, mature } = key;
        let hour = hour.abs_diff(self.first_hour);
        let ahead = ahead.abs_diff(-MOST_AHEAD);
        self.packing.pack([hour, of_attempt.into(), of_order.into(), ahead, fate.into(), mature.into()])
    }

    /// The key of a cell.
    pub(super) fn read(&self, cell: &Cell) -> OrderKey {
        let [hour, of_attempt, of_order, ahead, fate, mature] = self.packing.unpack(cell.key);
        let hour = self.first_hour.saturating_add_unsigned(hour);
        let ahead = i64::from(short(ahead)) - MOST_AHEAD;
        let (of_attempt, of_order) = (short(of_attempt), short(of_order));
        OrderKey { hour, of_attempt, of_order, ahead, fate: short(fate), mature: mature == 1 }
    }

    /// The first and the last hour of cells, which are by key, if there are any.
    pub(super) fn hours(&self, cells: &[Cell]) -> Option<(i64, i64)> {
        Some((self.read(cells.first()?).hour, self.read(cells.last()?).hour))
    }

    /// What cells have in common that are of one hour and the same dimensions.
    pub(super) fn place(&self, cell: &Cell) -> u64 {
        self.packing.first(cell.key, 3)
    }
}

/// What a cell of attempts has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptKey {
    /// The number of what they say in the columns they are grouped by.
    pub(super) group: u32,
    /// The number of what their orders say.
    pub(super) of_order: u32,
    /// The number of what became of them.
    pub(super) fate: u32,
}

/// The keys of cells of attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptKeys {
    packing: Packing<3>,
}

impl AttemptKeys {
    /// Keys for attempts that say these things, of orders that say those.
    pub(super) fn of(groups: &[[u32; GROUPED.len()]], of_order: &[[u32; OF_ORDER.len()]]) -> Result<Self> {
        Ok(Self { packing: Packing::of([size(groups), size(of_order), AttemptFate::CODES.into()])? })
    }

    /// A key as a number.
    pub(super) fn pack(&self, key: AttemptKey) -> u64 {
        self.packing.pack([key.group.into(), key.of_order.into(), key.fate.into()])
    }

    /// The key of a cell.
    pub(super) fn read(&self, cell: &Cell) -> AttemptKey {
        let [group, of_order, fate] = self.packing.unpack(cell.key);
        AttemptKey { group: short(group), of_order: short(of_order), fate: short(fate) }
    }
}

fn size<T>(numbered: &[T]) -> u64 {
    count(numbered.len()).unsigned_abs()
}

fn short(number: u64) -> u32 {
    u32::try_from(number).expect("what was packed had 32 bits")
}
