//! Items of nights before that tonight's files state again, while they still wait for their counterpart.
//!
//! What is stated last stands: the item carried in is superseded by tonight's row of the same identifier, and takes no
//! part in the comparison. What was first stated stands in one thing, when: a statement made again does not begin the
//! time anew in which both sides may settle.

use arrow::array::{ArrayRef, RecordBatch};
use hashbrown::HashTable;
use rayon::prelude::*;

use super::normalize::copy_of;
use super::records::number_of;
use crate::error::{Error, Result};
use crate::table::build::dates;
use crate::table::identity::Identity;
use crate::table::part::{Ids, identity, ids};
use crate::table::read::{self, words};
use crate::table::rows::Rows;

/// When an item was first stated, and by when its counterpart was expected then: day numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) first_seen: i32,
    pub(super) expected_by: i32,
}

/// Items by the number of their identifier.
#[derive(Clone, Debug, Default)]
pub struct Known(HashTable<(u128, Since)>);

/// Items by what states them: entries, attempts and refunds.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// What providers state.
    pub entries: Known,
    /// What the merchant states of payments.
    pub attempts: Known,
    /// What the merchant states of refunds.
    pub refunds: Known,
}

impl Known {
    fn add(&mut self, number: u128, since: Since) {
        self.0.insert_unique(place_of(number), (number, since), |(number, _)| place_of(*number));
    }

    /// What is known under a number.
    #[inline]
    pub(super) fn get(&self, number: u128) -> Option<Since> {
        self.0.find(place_of(number), |(known, _)| *known == number).map(|(_, since)| *since)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Takes in those of `carried` that have one of these numbers.
    pub fn take(&mut self, carried: &Self, numbers: impl IntoIterator<Item = u128>) {
        for number in numbers {
            if let Some(since) = carried.get(number)
                && self.get(number).is_none()
            {
                self.add(number, since);
            }
        }
    }

    /// The same for entries of one number: the first has it, and each copy one of its own.
    pub fn take_copies(&mut self, carried: &Self, number: u128, copies: usize) {
        self.take(carried, (0..copies).map(|ordinal| copy_of(number, ordinal)));
    }

    /// Those of `carried` that rows of a table state again.
    fn among(carried: &Self, rows: &Rows, id: &str) -> Self {
        let mut again = Self::default();
        if carried.count() > 0 {
            let found = |part: &RecordBatch| numbers(part, id).filter(|&number| carried.get(number).is_some()).collect();
            let found: Vec<Vec<u128>> = rows.parts.par_iter().map(found).collect();
            again.take(carried, found.into_iter().flatten());
        }
        again
    }

    /// When the rows of a part were first stated and their counterparts expected, where some of them were stated before:
    /// `tonight` for the others. Says how many were.
    pub(super) fn since(&self, part: &RecordBatch, id: &str, tonight: impl Fn(usize) -> Since) -> Option<([ArrayRef; 2], usize)> {
        if self.count() == 0 {
            return None;
        }
        let before: Vec<Option<Since>> = numbers(part, id).map(|number| self.get(number)).collect();
        let again = before.iter().flatten().count();
        if again == 0 {
            return None;
        }
        let since: Vec<Since> =
            before.into_iter().enumerate().map(|(row, before)| before.unwrap_or_else(|| tonight(row))).collect();
        let columns = [|since: &Since| Some(since.first_seen), |since: &Since| Some(since.expected_by)];
        Some((columns.map(|day| dates(since.iter().map(day))), again))
    }
}

impl Stated {
    /// What the night before left.
    #[must_use]
    pub fn carried(items: &RecordBatch) -> Self {
        let mut carried = Self::default();
        let [sides, kinds] = ["side", "kind"].map(|name| words(items, name));
        let [first_seen, expected_by] = ["first_seen", "expected_by"].map(|name| read::dates(items, name));
        let ids = read::text(items, "id");
        for row in 0..items.num_rows() {
            let since = Since { first_seen: first_seen.value(row), expected_by: expected_by.value(row) };
            let id = ids.value(row);
            match (sides.get(row), kinds.get(row)) {
                // What is called otherwise is of no entry that a night could state again.
                ("provider", _) => Identity::parse(id).into_iter().for_each(|id| carried.entries.add(id.number(), since)),
                (_, "refund") => carried.refunds.add(number_of(id), since),
                _ => carried.attempts.add(number_of(id), since),
            }
        }
        carried
    }

    /// What of it is stated again tonight.
    #[must_use]
    pub fn again(&self, entries: &Rows, attempts: &Rows, refunds: &Rows) -> Self {
        Self {
            entries: Known::among(&self.entries, entries, "entry_id"),
            attempts: Known::among(&self.attempts, attempts, "attempt_id"),
            refunds: Known::among(&self.refunds, refunds, "refund_id"),
        }
    }

    /// How many items there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.count() + self.attempts.count() + self.refunds.count()
    }

    /// Whether an item carried in is one of them.
    pub(super) fn has(&self, side: &str, kind: &str, id: &str) -> bool {
        match (side, kind) {
            _ if self.count() == 0 => false,
            ("provider", _) => Identity::parse(id).is_some_and(|id| self.entries.get(id.number()).is_some()),
            (_, "refund") => self.refunds.get(number_of(id)).is_some(),
            _ => self.attempts.get(number_of(id)).is_some(),
        }
    }

    /// Law 1: every item that is superseded is stated by one row of tonight, `again` of them in all.
    pub fn conserved(&self, again: usize) -> Result<()> {
        if again == self.count() {
            return Ok(());
        }
        Err(Error::law("items carried in are superseded, and not each by one row").expected(self.count()).found(again))
    }
}

/// Numbers are hashes already.
fn place_of(number: u128) -> u64 {
    u64::try_from(number & u128::from(u64::MAX)).expect("masked to 64 bits")
}

/// The number of each row's identifier.
fn numbers<'p>(part: &'p RecordBatch, id: &str) -> impl Iterator<Item = u128> + use<'p> {
    let is_entry = id == "entry_id";
    let ids = ids(part, id);
    (0..part.num_rows()).map(move |row| match ids {
        Ids::Numbers(numbers) => identity(numbers.value(row)).number(),
        Ids::Texts(texts) if is_entry => Identity::parse(texts.value(row)).map_or(0, Identity::number),
        Ids::Texts(texts) => number_of(texts.value(row)),
    })
}
