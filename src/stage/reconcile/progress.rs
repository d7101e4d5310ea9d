//! How far the comparison is on one side: which items are open, and where the others ended.

use super::items::{Items, Kind};
use super::keyed::Rows;
use super::outcome::Outcome;
use super::passes::Onward;
use crate::error::{Error, Result};
use crate::table::part::{place, row_id};

/// One side of the comparison so far.
pub(super) struct Progress<'a> {
    items: &'a Items<'a>,
    /// Where each row ended, by part; none while it is open.
    pub(super) ended: Vec<Vec<Option<Outcome>>>,
    /// Rows that enter the next night.
    pub(super) carried: Vec<u32>,
    // Open when the last pass of the kind had run.
    payments: Vec<Rows>,
    refunds: Vec<Rows>,
    others: Vec<Rows>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(items: &'a Items<'a>) -> Self {
        Self {
            items,
            ended: items.parts.iter().map(|part| vec![None; part.rows()]).collect(),
            carried: Vec::new(),
            payments: items.of_kind(|kind| kind == Kind::Payment),
            refunds: items.of_kind(|kind| kind == Kind::Refund),
            others: items.of_kind(|kind| !matches!(kind, Kind::Payment | Kind::Refund)),
        }
    }

    /// The open items of a kind, by part.
    pub(super) fn open(&self, kind: Kind) -> &[Rows] {
        match kind {
            Kind::Payment => &self.payments,
            Kind::Refund => &self.refunds,
            _ => &self.others,
        }
    }

    /// The open items of a kind and where to write how they end, by part.
    pub(super) fn open_and_ended(&mut self, kind: Kind) -> (&[Rows], &mut [Vec<Option<Outcome>>]) {
        let open = match kind {
            Kind::Payment => &self.payments,
            Kind::Refund => &self.refunds,
            _ => &self.others,
        };
        (open, &mut self.ended)
    }

    /// Law 3: a row ends once.
    pub(super) fn end(&mut self, row: u32, outcome: Outcome) -> Result<()> {
        let (part, at) = place(row);
        match self.ended[part][at].replace(outcome) {
            None => Ok(()),
            Some(before) => Err(Error::law(format!("{} item {} ends twice", self.items.side.as_str(), self.items.id(row)))
                .found(format!("{before:?}, then {outcome:?}"))),
        }
    }

    /// Takes what ended out of the open items of a kind.
    pub(super) fn close(&mut self, kind: Kind) {
        let open = match kind {
            Kind::Payment => &mut self.payments,
            Kind::Refund => &mut self.refunds,
            _ => &mut self.others,
        };
        for (rows, ended) in open.iter_mut().zip(&self.ended) {
            *rows = rows.filter(|row| ended[row].is_none());
        }
    }

    /// All rows that are open after the passes and do not go on to round `next` or a later one.
    pub(super) fn left(&self, next: usize) -> Vec<u32> {
        let mut left = Vec::new();
        let onward: Vec<Onward> = self.items.batches.iter().map(|part| Onward::of(part, next)).collect();
        for rows in [&self.payments, &self.refunds, &self.others] {
            for (part, rows) in rows.iter().enumerate() {
                rows.for_each(|row| {
                    if onward[part].get(row).is_none() {
                        left.push(row_id(part, row));
                    }
                });
            }
        }
        left
    }

    /// Law 1: every row has ended, or goes on to round `next` or a later one, which is told as none.
    pub(super) fn outcomes(&self, next: usize) -> Result<Vec<Vec<Option<Outcome>>>> {
        let missing = |row| Error::law(format!("{} item {} ends nowhere", self.items.side.as_str(), self.items.id(row)));
        for (part, ended) in self.ended.iter().enumerate() {
            let onward = Onward::of(&self.items.batches[part], next);
            if let Some(row) = (0..ended.len()).find(|&row| ended[row].is_none() && onward.get(row).is_none()) {
                return Err(missing(row_id(part, row)));
            }
        }
        Ok(self.ended.clone())
    }
}
