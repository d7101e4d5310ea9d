//! How far the comparison is on one side: which items are open, and where the others ended.

use super::items::{Items, Kind};
use super::keyed::Rows;
use super::outcome::Outcome;
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

    /// All rows that are open after the passes.
    pub(super) fn left(&self) -> Vec<u32> {
        let mut left = Vec::new();
        for rows in [&self.payments, &self.refunds, &self.others] {
            for (part, rows) in rows.iter().enumerate() {
                rows.for_each(|row| left.push(row_id(part, row)));
            }
        }
        left
    }

    /// Law 1: every row has ended.
    pub(super) fn outcomes(&self) -> Result<Vec<Vec<Outcome>>> {
        let missing = |row| Error::law(format!("{} item {} ends nowhere", self.items.side.as_str(), self.items.id(row)));
        let part = |(part, ended): (usize, &Vec<Option<Outcome>>)| {
            ended.iter().enumerate().map(|(row, outcome)| outcome.ok_or_else(|| missing(row_id(part, row)))).collect()
        };
        self.ended.iter().enumerate().map(part).collect()
    }
}
