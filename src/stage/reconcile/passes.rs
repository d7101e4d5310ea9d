//! The passes: in which order, and by which keys, entries and records may find each other.
//!
//! Rows that may meet in a pass have one value in every key column. A night larger than memory is therefore compared
//! in [`ROUNDS`]: a round takes the night apart by the hash of one column, runs the passes that have it among their
//! keys on share after share, and what is still open goes on to the next.

use std::borrow::Cow;

use arrow::array::RecordBatch;

use super::candidates::{Claims, resolve};
use super::items::{Items, Kind};
use super::keyed::{self, Keys, Rows};
use crate::table::part::{Texts, texts};
use crate::table::read::{Words, words};

/// Every pass, in order; each takes what the ones before left open. A new pass is one line.
pub(super) static PASSES: [Pass; 7] = [
    payments("merchant_reference", &["provider", "merchant_reference"]),
    payments("merchant_reference", &["merchant_reference"]).without_provider(),
    payments("provider_reference", &["provider", "provider_reference"]),
    refunds("merchant_refund_reference", &["provider", "merchant_reference", "merchant_refund_reference"]),
    refunds("merchant_refund_reference", &["provider", "merchant_refund_reference"]),
    refunds("merchant_refund_reference", &["merchant_refund_reference"]).without_provider(),
    refunds("provider_reference", &["provider", "provider_reference"]),
];

/// The rounds: by which column each brings together payments, and by which refunds.
pub static ROUNDS: [Round; 3] = [
    Round { payments: Some("merchant_reference"), refunds: "merchant_reference" },
    Round { payments: Some("provider_reference"), refunds: "merchant_refund_reference" },
    Round { payments: None, refunds: "provider_reference" },
];

/// By which columns a round brings items together that may meet in its passes.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    payments: Option<&'static str>,
    refunds: &'static str,
}

impl Round {
    fn column(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Payment => self.payments,
            Kind::Refund => Some(self.refunds),
            _ => None,
        }
    }
}

/// Where the items of a part go on to if they are still open after the rounds before `from`.
pub struct Onward<'a> {
    kind: Words<'a>,
    columns: Vec<[Option<Texts<'a>>; 2]>,
    from: usize,
}

impl<'a> Onward<'a> {
    /// Of a part shaped as `open_items`.
    #[must_use]
    pub fn of(part: &'a RecordBatch, from: usize) -> Self {
        let column = |name: &'static str| texts(part, name);
        let columns = ROUNDS[from..].iter().map(|round| [round.payments.map(column), Some(column(round.refunds))]);
        Self { kind: words(part, "kind"), columns: columns.collect(), from }
    }

    /// The next round an item has a key for, and the key. An item of no such round ends where it is.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<(usize, &'a str)> {
        let of_kind = match Kind::parse(self.kind.get(row))? {
            Kind::Payment => 0,
            Kind::Refund => 1,
            _ => return None,
        };
        let keys = self.columns.iter().map(|columns| columns[of_kind].as_ref().and_then(|texts| texts.stated(row)));
        keys.enumerate().find_map(|(later, key)| Some((self.from + later, key?)))
    }
}

/// What a pass goes by, for those who explain a night.
#[derive(Clone, Copy, Debug)]
pub struct PassRule {
    /// The word in column `pass` of `matches`.
    pub name: &'static str,
    /// payment or refund.
    pub kind: &'static str,
    /// The columns that have to be equal.
    pub keys: &'static [&'static str],
    /// Whether it takes only records that do not say which provider was asked.
    pub without_provider: bool,
}

/// The rules of every pass, in order.
pub fn pass_rules() -> impl Iterator<Item = PassRule> {
    PASSES.iter().map(|pass| PassRule {
        name: pass.name,
        kind: if pass.kind == Kind::Refund { "refund" } else { "payment" },
        keys: pass.keys,
        without_provider: pass.without_provider,
    })
}

/// One matching rule: items of one kind whose key columns are equal.
pub(super) struct Pass {
    /// The word in column `pass`: what has to be equal.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) keys: &'static [&'static str],
    /// Only records that do not say which provider was asked.
    without_provider: bool,
}

const fn payments(name: &'static str, keys: &'static [&'static str]) -> Pass {
    Pass { name, kind: Kind::Payment, keys, without_provider: false }
}

const fn refunds(name: &'static str, keys: &'static [&'static str]) -> Pass {
    Pass { name, kind: Kind::Refund, keys, without_provider: false }
}

impl Pass {
    const fn without_provider(mut self) -> Self {
        self.without_provider = true;
        self
    }

    /// The round it is of: the first that brings its rows together.
    pub(super) fn round(&self) -> usize {
        let brings_together = |round: &Round| round.column(self.kind).is_some_and(|column| self.keys.contains(&column));
        ROUNDS.iter().position(brings_together).expect("rows of every pass are brought together by one of its keys")
    }

    /// What this pass takes of the items of its kind that are still open, by part. The keys of its pairs are still to
    /// be compared.
    pub(super) fn claims(&self, provider: &Items, entries: &[Rows], merchant: &Items, records: &[Rows]) -> Vec<Claims> {
        let records: Cow<[Rows]> = if self.without_provider {
            merchant.parts.iter().zip(records).map(|(part, rows)| part.without_provider(rows)).collect()
        } else {
            records.into()
        };
        if entries.iter().all(Rows::is_empty) || records.iter().all(Rows::is_empty) {
            return Vec::new();
        }
        let entries = Keys::of(provider.batches, self.keys).only(entries);
        let records = Keys::of(merchant.batches, self.keys).only(&records);
        keyed::candidates(
            &entries,
            &records,
            |claims: &mut Claims, alone| claims.pairs.extend_from_slice(alone),
            |claims, entries, records| resolve(provider, merchant, entries, records, claims),
        )
    }
}
