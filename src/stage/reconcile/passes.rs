//! The passes: in which order, and by which keys, entries and records may find each other.
//!
//! Rows that may meet in a pass have one value in every key column. A night larger than memory is therefore compared
//! in [`ROUNDS`]: a round takes the night apart by the hash of one column, runs its passes, which have that column
//! among their keys, on share after share, and what is still open goes on to the next.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use chrono::TimeDelta;

use super::alone;
use super::candidates::{Claims, resolve};
use super::items::{Items, Kind, claims_money};
use super::keyed::{self, Keys, Rows};
use crate::table::part::{Amounts, Texts, amounts, texts};
use crate::table::read::{Words, words};

/// Every pass, those of a kind in order; each takes what the ones before left open. A new pass is one line.
pub(super) static PASSES: [Pass; 11] = [
    payments(0, "merchant_reference", &["provider", "merchant_reference"]),
    payments(0, "merchant_reference", &["merchant_reference"]).without_provider(),
    payments(1, "provider_reference", &["provider", "provider_reference"]),
    payments(3, "amount_and_time", &["provider", "currency", "amount"]).by(Rule::AmountAndTime),
    payments(3, "amount_and_time", &["currency", "amount"]).by(Rule::AmountAndTime).without_provider(),
    refunds(0, "merchant_refund_reference", &["provider", "merchant_reference", "merchant_refund_reference"]),
    refunds(1, "merchant_refund_reference", &["provider", "merchant_refund_reference"]),
    refunds(1, "merchant_refund_reference", &["merchant_refund_reference"]).without_provider(),
    refunds(2, "provider_reference", &["provider", "provider_reference"]),
    refunds(3, "payment_and_amount", &["provider", "merchant_reference"]).by(Rule::PaymentAndAmount),
    refunds(4, "amount_and_time", &["provider", "currency", "amount"]).by(Rule::AmountAndTime),
];

/// The rounds: by which column each brings together payments, and by which refunds.
pub static ROUNDS: [Round; 5] = [
    Round { payments: Some("merchant_reference"), refunds: "merchant_reference" },
    Round { payments: Some("provider_reference"), refunds: "merchant_refund_reference" },
    Round { payments: None, refunds: "provider_reference" },
    Round { payments: Some(AMOUNT), refunds: "merchant_reference" },
    Round { payments: None, refunds: AMOUNT },
];

const AMOUNT: &str = "amount";

/// By which columns a round brings items together that may meet in its passes.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    payments: Option<&'static str>,
    refunds: &'static str,
}

/// Where the items of a part go on to if they are still open after the rounds before `from`.
pub struct Onward<'a> {
    kind: Words<'a>,
    status: Words<'a>,
    columns: Vec<[Option<Column<'a>>; 2]>,
    from: usize,
}

/// A column that brings items together.
enum Column<'a> {
    Texts(Texts<'a>),
    /// Only items that claim money meet by their amount.
    Amounts(Amounts<'a>),
}

/// What brings items together.
#[derive(Clone, Copy, Debug)]
pub enum Together<'a> {
    /// A reference.
    Text(&'a str),
    /// An amount.
    Amount([u8; 16]),
}

impl Together<'_> {
    /// The bytes that choose a share.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Amount(bytes) => bytes,
        }
    }
}

impl<'a> Onward<'a> {
    /// Of a part shaped as `open_items`.
    #[must_use]
    pub fn of(part: &'a RecordBatch, from: usize) -> Self {
        let column = |name: &'static str| match name {
            AMOUNT => Column::Amounts(amounts(part, name)),
            _ => Column::Texts(texts(part, name)),
        };
        let columns = ROUNDS[from..].iter().map(|round| [round.payments.map(column), Some(column(round.refunds))]);
        Self { kind: words(part, "kind"), status: words(part, "status"), columns: columns.collect(), from }
    }

    /// The next round an item has a key for, and the key. An item of no such round ends where it is.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<(usize, Together<'a>)> {
        let kind = Kind::parse(self.kind.get(row))?;
        let of_kind = match kind {
            Kind::Payment => 0,
            Kind::Refund => 1,
            _ => return None,
        };
        let key = |column: &Column<'a>| match column {
            Column::Texts(texts) => texts.stated(row).map(Together::Text),
            Column::Amounts(amounts) if claims_money(kind, self.status.get(row)) => {
                amounts.get(row).map(|amount| Together::Amount(amount.0.to_be_bytes()))
            }
            Column::Amounts(_) => None,
        };
        let keys = self.columns.iter().map(|columns| columns[of_kind].as_ref().and_then(key));
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
    /// How it chooses among items of one key.
    pub rule: Rule,
}

/// How a pass chooses among items of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One key is one payment or refund: what does not pair is a duplicate, or ambiguous.
    Key,
    /// Refunds of one payment: those of equal amount, where no identifier says otherwise and each is the other's only
    /// candidate, or several whose sum is one of the other side. What is left stays open.
    PaymentAndAmount,
    /// Within the time the job allows, where no identifier says otherwise and each is the other's only candidate. What is
    /// left stays open.
    AmountAndTime,
}

/// The rules of every pass, in order.
pub fn pass_rules() -> impl Iterator<Item = PassRule> {
    PASSES.iter().map(|pass| PassRule {
        name: pass.name,
        kind: if pass.kind == Kind::Refund { "refund" } else { "payment" },
        keys: pass.keys,
        without_provider: pass.without_provider,
        rule: pass.rule,
    })
}

/// One matching rule: items of one kind whose key columns are equal.
pub(super) struct Pass {
    /// The round it is of, whose column is among its keys.
    pub(super) round: usize,
    /// The word in column `pass`: what has to be equal.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) keys: &'static [&'static str],
    /// Only records that do not say which provider was asked.
    without_provider: bool,
    rule: Rule,
}

const fn payments(round: usize, name: &'static str, keys: &'static [&'static str]) -> Pass {
    Pass { round, name, kind: Kind::Payment, keys, without_provider: false, rule: Rule::Key }
}

const fn refunds(round: usize, name: &'static str, keys: &'static [&'static str]) -> Pass {
    Pass { round, name, kind: Kind::Refund, keys, without_provider: false, rule: Rule::Key }
}

impl Pass {
    const fn without_provider(mut self) -> Self {
        self.without_provider = true;
        self
    }

    const fn by(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// What this pass takes of the items of its kind that are still open, by part; items that meet by their amount do so
    /// `within` that time. The keys of its pairs are still to be compared.
    pub(super) fn claims(
        &self,
        provider: &Items,
        entries: &[Rows],
        merchant: &Items,
        records: &[Rows],
        within: TimeDelta,
    ) -> Vec<Claims> {
        if self.rule == Rule::AmountAndTime && within <= TimeDelta::zero() {
            return Vec::new();
        }
        let mut records: Cow<[Rows]> = if self.without_provider {
            merchant.parts.iter().zip(records).map(|(part, rows)| part.without_provider(rows)).collect()
        } else {
            records.into()
        };
        if self.rule != Rule::Key {
            records = merchant.parts.iter().zip(&*records).map(|(part, rows)| part.claiming_money(rows)).collect();
        }
        if entries.iter().all(Rows::is_empty) || records.iter().all(Rows::is_empty) {
            return Vec::new();
        }
        let entries = Keys::of(provider.batches, self.keys).only(entries);
        let records = Keys::of(merchant.batches, self.keys).only(&records);
        let sides = alone::Sides { provider, merchant };
        match self.rule {
            Rule::Key => keyed::candidates(
                &entries,
                &records,
                |claims: &mut Claims, alone| claims.pairs.extend_from_slice(alone),
                |claims, entries, records| resolve(provider, merchant, entries, records, claims),
            ),
            Rule::PaymentAndAmount => keyed::groups(&entries, &records, |claims: &mut Claims, entries, records| {
                sides.of_payment(entries, records, claims);
            }),
            Rule::AmountAndTime => keyed::groups(&entries, &records, |claims: &mut Claims, entries, records| {
                sides.of_amount(entries, records, within, claims);
            }),
        }
    }
}
