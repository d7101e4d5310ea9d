//! The table `rollforward`: opening + new − cleared − resolved = closing.

use std::collections::BTreeMap;

use arrow::array::{Decimal128Array, RecordBatch};
use chrono::NaiveDate;

use super::roll::{Row, Source, State};
use crate::error::{Error, Result};
use crate::money::{Amount, PRECISION};
use crate::table::build;
use crate::table::read::{self, Words};
use crate::table::reconciliation::ROLLFORWARD;

/// Breaks: how many, and the sum of their differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: i64,
    pub(super) amount: Amount,
}

impl Sum {
    pub(super) fn add(&mut self, amount: Amount) {
        self.count += 1;
        self.amount += amount;
    }

    fn fits(self) -> bool {
        self.amount.abs().0 < 10_i128.pow(u32::from(PRECISION))
    }
}

/// What a line is about. Lines without a provider come first.
pub(super) type Key<'k> = (Option<&'k str>, &'k str, &'k str);

#[derive(Default)]
struct Line {
    opening: Sum,
    new: Sum,
    cleared: Sum,
    resolved: Sum,
}

impl Line {
    /// Whether its sums have no more digits than an amount may have.
    fn fits(&self) -> bool {
        [self.opening, self.new, self.cleared, self.resolved, self.closing()].into_iter().all(Sum::fits)
    }

    fn closing(&self) -> Sum {
        Sum {
            count: self.opening.count + self.new.count - self.cleared.count - self.resolved.count,
            amount: self.opening.amount + self.new.amount - self.cleared.amount - self.resolved.amount,
        }
    }
}

/// Counts what was carried in, found, cleared and resolved. The closing is computed; the laws compare it with `breaks`,
/// which has these `rows` in their order.
pub(super) fn table(rows: &[Row], breaks: &RecordBatch, carried: &RecordBatch, night: NaiveDate) -> Result<RecordBatch> {
    let mut lines: BTreeMap<Key, Line> = BTreeMap::new();
    let before = Described::of(carried);
    for row in (0..carried.num_rows()).filter(|&row| before.is_live(row)) {
        lines.entry(before.key(row)).or_default().opening.add(before.difference(row));
    }
    let known = Described::of(breaks);
    for (at, row) in rows.iter().enumerate() {
        if let (Source::Resolved(..), State::Resolved) = (row.source, row.state) {
            // It was counted on the night that resolved it, and stands in no opening since.
            continue;
        }
        let line = lines.entry(known.key(at)).or_default();
        if let Source::New(..) | Source::Restated(..) | Source::Resolved(..) = row.source {
            line.new.add(known.difference(at));
        }
        match row.state {
            State::Cleared => line.cleared.add(known.difference(at)),
            State::Resolved => line.resolved.add(known.difference(at)),
            State::Waiting | State::Open => {}
        }
        if let Source::Restated(_, carried) = row.source {
            // What it said before does not stand any more.
            lines.entry(before.key(carried)).or_default().cleared.add(before.difference(carried));
        }
    }
    if let Some((key, _)) = lines.iter().find(|(_, line)| !line.fits()) {
        return Err(Error::law(format!("a sum of differences in {} has more digits than an amount may have", key.1)));
    }
    let counts = |sum: fn(&Line) -> Sum| build::counts(lines.values().map(move |line| sum(line).count));
    let amounts = |sum: fn(&Line) -> Sum| build::amounts(lines.values().map(move |line| Some(sum(line).amount)));
    Ok(ROLLFORWARD.batch([
        ("business_date", build::same_date(night, lines.len())),
        ("provider", build::words(lines.keys().map(|key| key.0))),
        ("currency", build::words(lines.keys().map(|key| Some(key.1)))),
        ("break_type", build::words(lines.keys().map(|key| Some(key.2)))),
        ("opening", counts(|line| line.opening)),
        ("new", counts(|line| line.new)),
        ("cleared", counts(|line| line.cleared)),
        ("resolved", counts(|line| line.resolved)),
        ("closing", counts(Line::closing)),
        ("opening_amount", amounts(|line| line.opening)),
        ("new_amount", amounts(|line| line.new)),
        ("cleared_amount", amounts(|line| line.cleared)),
        ("resolved_amount", amounts(|line| line.resolved)),
        ("closing_amount", amounts(Line::closing)),
    ]))
}

/// The columns of `breaks` that a line is made of.
pub(super) struct Described<'b> {
    provider: Words<'b>,
    currency: Words<'b>,
    break_type: Words<'b>,
    state: Words<'b>,
    difference: &'b Decimal128Array,
}

impl<'b> Described<'b> {
    pub(super) fn of(breaks: &'b RecordBatch) -> Self {
        Self {
            provider: read::words(breaks, "provider"),
            currency: read::words(breaks, "currency"),
            break_type: read::words(breaks, "break_type"),
            state: read::words(breaks, "state"),
            difference: read::amounts(breaks, "difference"),
        }
    }

    pub(super) fn key(&self, row: usize) -> Key<'b> {
        (self.provider.optional(row), self.currency.get(row), self.break_type.get(row))
    }

    /// Whether the break still has to be dealt with.
    pub(super) fn is_live(&self, row: usize) -> bool {
        matches!(self.state.get(row), "waiting" | "open")
    }

    pub(super) fn difference(&self, row: usize) -> Amount {
        Amount(self.difference.value(row))
    }
}
