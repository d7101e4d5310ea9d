//! What rows tell of their file, whether they are rejected later or not: kinds, totals, groups, identities of rows.

use std::borrow::Cow;

use super::Kept;
use super::batch::Batch;
use super::memo::Memo;
use super::slots::Slots;
use super::text::text;
use crate::format::plan::{Flag, Plan, Test};
use crate::format::{Encoding, Sign};
use crate::money::Amount;

/// Groups kept by number before they are kept by name.
const GROUPS: usize = 1 << 14;

/// Keeps what the rows of a chunk add up to.
#[derive(Debug)]
pub(super) struct Keeper<'p> {
    plan: &'p Plan,
    classes: Vec<Class>,
    by_telling: Memo,
    groups: Vec<Groups>,
    pub(super) kept: Kept,
    /// The class of each row of the batch.
    of_row: Vec<u16>,
    flags: Vec<u8>,
    long: Vec<u8>,
}

/// Rows that agree in all that tells kinds and totals.
#[derive(Debug)]
struct Class {
    kind: Option<u16>,
    /// Whether they count, by total.
    counts: Vec<bool>,
    /// Whether they count, by group.
    groups: Vec<bool>,
}

/// The groups of one plan: name, sum and first line.
#[derive(Debug, Default)]
struct Groups {
    by_cells: Memo,
    groups: Vec<(String, Amount, u64)>,
}

impl<'p> Keeper<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            classes: Vec::new(),
            by_telling: Memo::default(),
            groups: plan.groups.iter().map(|_| Groups::default()).collect(),
            kept: Kept { sums: vec![(0, Amount::ZERO); plan.sums.len()], ..Kept::default() },
            of_row: Vec::new(),
            flags: Vec::new(),
            long: Vec::new(),
        }
    }

    /// Keeps what the rows of a batch add to totals and groups.
    pub(super) fn keep(&mut self, batch: &Batch, slots: &Slots, rows: &[u32]) {
        self.classify(batch, slots, rows);
        for ((at, sum), kept) in self.plan.sums.iter().enumerate().zip(&mut self.kept.sums) {
            let (count, total) = if sum.of.is_empty() {
                (rows.len(), slots.total(&sum.add, &sum.subtract))
            } else {
                let counting = |row: &&u32| self.classes[usize::from(self.of_row[**row as usize])].counts[at];
                rows.iter().filter(counting).fold((0, Amount::ZERO), |(count, total), &row| {
                    (count + 1, total + slots.sum(row, &sum.add, &sum.subtract).unwrap_or_default())
                })
            };
            kept.0 += i64::try_from(count).expect("a batch has few rows");
            kept.1 += total;
        }
        self.group(batch, slots, rows);
    }

    /// The kind of a row, where the format knows it.
    #[inline]
    pub(super) fn kind(&self, row: u32) -> Option<u16> {
        self.classes[usize::from(self.of_row[row as usize])].kind
    }

    /// Finds the class of each row.
    fn classify(&mut self, batch: &Batch, slots: &Slots, rows: &[u32]) {
        let telling = &self.plan.telling;
        self.of_row.clear();
        if telling.is_empty() {
            if let (true, Some(&row)) = (self.classes.is_empty(), rows.first()) {
                self.classes.push(Class::of(self.plan, batch, slots, row));
            }
            self.of_row.resize(rows.len(), 0);
            return;
        }
        if self.classes.len() > usize::from(u16::MAX) / 2 {
            self.classes.clear();
            self.by_telling.clear();
        }
        for &row in rows {
            self.flags.clear();
            self.flags.extend(telling.flags.iter().map(|&flag| match flag {
                Flag::IsNegative(slot) => u8::from(is_negative(slots, slot, row)),
                Flag::IsEmpty(cell) => u8::from(batch.cell(row, cell).is_empty()),
            }));
            let key = batch.key(row, &telling.cells, &self.flags, &mut self.long);
            let class = self.by_telling.recall(key).unwrap_or_else(|| {
                self.classes.push(Class::of(self.plan, batch, slots, row));
                let class = u16::try_from(self.classes.len() - 1).expect("classes are forgotten before there are so many");
                self.by_telling.remember(key, class);
                class
            });
            self.of_row.push(class);
        }
    }

    /// Adds the rows to their groups.
    fn group(&mut self, batch: &Batch, slots: &Slots, rows: &[u32]) {
        for (at, (plan, kept)) in self.plan.groups.iter().zip(&mut self.groups).enumerate() {
            if kept.groups.len() > GROUPS {
                kept.give_to(&mut self.kept, at);
            }
            for &row in rows {
                if !plan.of.is_empty() && !self.classes[usize::from(self.of_row[row as usize])].groups[at] {
                    continue;
                }
                let amount =
                    if plan.count { Amount::whole(1) } else { slots.sum(row, &plan.add, &plan.subtract).unwrap_or_default() };
                let key = batch.key(row, &plan.by, &[], &mut self.long);
                let group = kept.by_cells.recall(key).unwrap_or_else(|| {
                    let group = u16::try_from(kept.groups.len()).expect("groups are given away before there are so many");
                    kept.by_cells.remember(key, group);
                    let line = u64::from(batch.lines[row as usize]);
                    kept.groups.push((group_name(batch, row, &plan.by, self.plan.encoding), Amount::ZERO, line));
                    group
                });
                kept.groups[usize::from(group)].1 += amount;
            }
        }
    }

    /// Keeps the first row whose own identity does not hold; of a row with an amount that is none nothing can be said.
    pub(super) fn check_rows(&mut self, batch: &Batch, slots: &Slots, rows: &[u32]) {
        if self.plan.row_checks.is_empty() || self.kept.row_check.is_some() {
            return;
        }
        let wrong = |row: u32| {
            self.plan.row_checks.iter().rev().find_map(|check| {
                let computed = slots.sum(row, &check.add, &check.subtract).unwrap_or_default();
                let stated = slots.get(check.equals, row).filter(|&stated| stated != computed)?;
                Some((u64::from(batch.lines[row as usize]), check.column.clone(), computed, stated))
            })
        };
        self.kept.row_check = rows.iter().find_map(|&row| wrong(row));
    }

    /// All that was kept.
    pub(super) fn finish(mut self) -> Kept {
        for (at, groups) in self.groups.iter_mut().enumerate() {
            groups.give_to(&mut self.kept, at);
        }
        self.kept
    }
}

impl Groups {
    fn give_to(&mut self, kept: &mut Kept, at: usize) {
        self.by_cells.clear();
        for (name, amount, line) in self.groups.drain(..) {
            let entry = kept.groups.entry((at, name)).or_insert((Amount::ZERO, line));
            entry.0 += amount;
            entry.1 = entry.1.min(line);
        }
    }
}

impl Class {
    /// The class of rows like this one.
    fn of(plan: &Plan, batch: &Batch, slots: &Slots, row: u32) -> Self {
        let holds = |tests: &[Test]| {
            tests.iter().all(|test| match test {
                Test::Signed(slot, sign) => is_negative(slots, *slot, row) == (*sign == Sign::Negative),
                words @ Test::OneOf(..) => words.fits(batch, row),
            })
        };
        let kind = plan.kinds.iter().position(|kind| holds(&kind.when));
        Self {
            kind: kind.map(|kind| u16::try_from(kind).expect("a format has few kinds")),
            counts: plan.sums.iter().map(|sum| holds(&sum.of)).collect(),
            groups: plan.groups.iter().map(|group| holds(&group.of)).collect(),
        }
    }
}

fn is_negative(slots: &Slots, slot: usize, row: u32) -> bool {
    slots.get(slot, row).is_some_and(|amount| amount < Amount::ZERO)
}

/// What a group is called: its cells, one after the other.
fn group_name(batch: &Batch, row: u32, cells: &[usize], encoding: Encoding) -> String {
    let name = |&cell: &usize| match batch.cell(row, cell) {
        b"" => Cow::Borrowed("(none)"),
        cell => text(cell, encoding).unwrap_or_default(),
    };
    cells.iter().map(name).collect::<Vec<_>>().join(" ")
}
