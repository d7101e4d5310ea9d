//! How far each order came: which of its attempts was the first, the last, and the one that succeeded.

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::attempts::Attempts;
use super::words::{Status, Truth};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::table::part::{Instants, NO_ROW, Texts, instants, place, row_id, texts};

/// How far an order came.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Its first attempt, or [`NO_ROW`].
    pub(super) first: u32,
    /// Its last attempt, or [`NO_ROW`].
    pub(super) last: u32,
    /// The latest attempt that succeeded, or [`NO_ROW`].
    pub(super) success: u32,
    /// The earliest attempt that succeeded, or [`NO_ROW`].
    pub(super) paid: u32,
    /// How many there were.
    pub(super) attempts: u32,
    /// What the provider says of its payment.
    pub(super) truth: Truth,
    /// Whether one of them was sent.
    pub(super) sent: bool,
}

const NOTHING: Progress =
    Progress { first: NO_ROW, last: NO_ROW, success: NO_ROW, paid: NO_ROW, attempts: 0, truth: Truth::NotAsked, sent: false };

/// How far every order came, per part of `orders` and per row; `order_of` is the order of each attempt.
///
/// Threads share the orders out, so each writes to its own; of the attempts a thread looks at those parts that have an
/// attempt of one of its orders.
pub(super) fn progress(
    orders: &[RecordBatch],
    order_of: &[Vec<u32>],
    attempts: &Attempts,
    sequence: &Sequence,
) -> Result<Vec<Vec<Progress>>> {
    let mut all: Vec<Vec<Progress>> = orders.iter().map(|part| vec![NOTHING; part.num_rows()]).collect();
    let size = orders.len().div_ceil(rayon::current_num_threads()).max(1);
    let spans: Vec<Option<(usize, usize)>> = order_of.par_iter().map(|part| span(part)).collect();
    all.par_chunks_mut(size).enumerate().try_for_each(|(chunk, own)| {
        let parts = chunk * size..chunk * size + own.len();
        for (part, span) in spans.iter().enumerate() {
            if span.is_none_or(|(first, last)| last < parts.start || parts.end <= first) {
                continue;
            }
            for (row, &order) in order_of[part].iter().enumerate() {
                let (order_part, place) = place(order);
                if parts.contains(&order_part) {
                    own[order_part - parts.start][place].goes_on(row_id(part, row), attempts, sequence)?;
                }
            }
        }
        Ok(())
    })?;
    Ok(all)
}

/// The first and the last part of `orders` that these attempts are of.
fn span(order_of: &[u32]) -> Option<(usize, usize)> {
    let linked = || order_of.iter().filter(|&&order| order != NO_ROW).map(|&order| place(order).0);
    Some((linked().min()?, linked().max()?))
}

impl Progress {
    /// The order has this attempt too.
    fn goes_on(&mut self, attempt: u32, attempts: &Attempts, sequence: &Sequence) -> Result<()> {
        let meaning = attempts.meaning(attempt);
        let succeeded = meaning.status == Status::Succeeded;
        self.truth = self.truth.max(meaning.truth);
        self.sent |= meaning.sent;
        self.attempts += 1;
        if succeeded && (self.paid == NO_ROW || !sequence.is_later(attempt, self.paid)?) {
            self.paid = attempt;
        }
        if self.attempts == 1 {
            (self.first, self.last, self.success) = (attempt, attempt, if succeeded { attempt } else { NO_ROW });
        } else if sequence.is_later(attempt, self.last)? {
            self.last = attempt;
            self.success = if succeeded { attempt } else { self.success };
        } else {
            if !sequence.is_later(attempt, self.first)? {
                self.first = attempt;
            }
            if succeeded && (!self.has_success() || sequence.is_later(attempt, self.success)?) {
                self.success = attempt;
            }
        }
        Ok(())
    }

    /// Whether one of its attempts succeeded.
    pub(super) fn has_success(&self) -> bool {
        self.success != NO_ROW
    }

    /// Whether one that succeeded came after `attempt`, one of this order's.
    pub(super) fn recovered(&self, attempt: u32, sequence: &Sequence) -> Result<bool> {
        let only = self.attempts == 1 || attempt == self.success;
        Ok(self.has_success() && !only && sequence.is_later(self.success, attempt)?)
    }
}

/// The order of time between attempts: by instant, then by name, which no two share.
pub(super) struct Sequence<'a> {
    parts: Vec<(Instants<'a>, Texts<'a>)>,
}

impl<'a> Sequence<'a> {
    pub(super) fn of(attempts: &'a [RecordBatch]) -> Self {
        Self { parts: attempts.iter().map(|part| (instants(part, "started_at"), texts(part, "attempt_id"))).collect() }
    }

    /// Whether `one` came after `other`, which is another.
    pub(super) fn is_later(&self, one: u32, other: u32) -> Result<bool> {
        let (started, name) = self.of_attempt(one);
        let (other_started, other_name) = self.of_attempt(other);
        match started.cmp(&other_started).then_with(|| name.cmp(other_name)) {
            Ordering::Equal => Err(Error::law("an attempt is stated twice").expected("each attempt once").found(masked(name))),
            order => Ok(order == Ordering::Greater),
        }
    }

    /// When it was started, and what it is called.
    pub(super) fn of_attempt(&self, attempt: u32) -> (Option<i64>, &'a str) {
        let (part, row) = place(attempt);
        let (started, names) = &self.parts[part];
        (started.get(row), names.get(row).unwrap_or_default())
    }
}
