//! Near misses: for an item without counterpart, the open items of the other side that come close, and in what
//! they differ.

use std::collections::BTreeSet;

use arrow::array::{Array, Date32Array, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::rows::cell;
use super::sentence::local;
use crate::error::Result;
use crate::lake::Lake;
use crate::table::build::date_of;
use crate::table::read::{self, Words};
use crate::table::reconciliation::OPEN_ITEMS;

/// Near misses shown of one item.
const SHOWN: usize = 5;
/// Letters by which two references may differ and still look like one.
const FEW_EDITS: usize = 2;
/// References shorter than this look alike by chance.
const SHORTEST: usize = 6;
/// The references of an item, strongest first.
const REFERENCES: [&str; 3] = ["merchant_refund_reference", "merchant_reference", "provider_reference"];

/// An item that no pass gave a counterpart, and what came near.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) night: NaiveDate,
    pub(super) item: Shown,
    pub(super) first_seen: NaiveDate,
    pub(super) expected_by: NaiveDate,
    /// Open items of the other side it was held against: those of its kind.
    pub(super) others: usize,
    pub(super) near: Vec<Near>,
}

/// An item as text.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) side: String,
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) provider: Option<String>,
    pub(super) amount: String,
    pub(super) currency: String,
    /// What its side says of it.
    pub(super) status: String,
    pub(super) occurred_at: String,
    references: [Option<String>; 3],
}

/// One near miss: what is the same and what differs.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) item: Shown,
    pub(super) same: Vec<&'static str>,
    pub(super) differs: Vec<String>,
}

/// The items called one of `ids` that are open after `night`, each with its near misses.
pub(super) fn alone(lake: &Lake, night: NaiveDate, ids: &[&str], zone: Tz) -> Result<Vec<Alone>> {
    let names = [
        "side",
        "id",
        "kind",
        "provider",
        "merchant_reference",
        "provider_reference",
        "merchant_refund_reference",
        "currency",
        "amount",
        "status",
        "occurred_at",
        "first_seen",
        "expected_by",
    ];
    let batch = lake.read_columns(&OPEN_ITEMS, night, &names)?;
    let items = Items::of(&batch, zone);
    let subjects = (0..batch.num_rows()).filter(|&row| ids.contains(&items.id.value(row)));
    Ok(subjects.map(|row| items.alone(night, row)).collect())
}

struct Items<'a> {
    batch: &'a RecordBatch,
    zone: Tz,
    side: Words<'a>,
    id: &'a StringArray,
    kind: Words<'a>,
    provider: Words<'a>,
    references: [&'a StringArray; 3],
    currency: Words<'a>,
    amount: &'a Decimal128Array,
    occurred_at: &'a TimestampMicrosecondArray,
    first_seen: &'a Date32Array,
    expected_by: &'a Date32Array,
}

/// How near, nearest first: what is the same, edits between the references, time between the two, and the identity,
/// so that the order never hangs on chance.
type Nearness<'a> = (Likeness, usize, u64, &'a str, usize);

/// What makes two items look like one payment, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    AmountAndNearlyReference,
    ReferenceOfAnotherProvider,
    Amount,
    NearlyReference,
}

impl<'a> Items<'a> {
    fn of(batch: &'a RecordBatch, zone: Tz) -> Self {
        Self {
            batch,
            zone,
            side: read::words(batch, "side"),
            id: read::text(batch, "id"),
            kind: read::words(batch, "kind"),
            provider: read::words(batch, "provider"),
            references: REFERENCES.map(|name| read::text(batch, name)),
            currency: read::words(batch, "currency"),
            amount: read::amounts(batch, "amount"),
            occurred_at: read::instants(batch, "occurred_at"),
            first_seen: read::dates(batch, "first_seen"),
            expected_by: read::dates(batch, "expected_by"),
        }
    }

    fn alone(&self, night: NaiveDate, row: usize) -> Alone {
        let is_other = |other: &usize| self.side.get(*other) != self.side.get(row) && self.kind.get(*other) == self.kind.get(row);
        let mut others = 0;
        let mut nearest: BTreeSet<Nearness> = BTreeSet::new();
        for other in (0..self.batch.num_rows()).filter(is_other) {
            others += 1;
            nearest.extend(self.nearness(row, other));
            if nearest.len() > SHOWN {
                nearest.pop_last();
            }
        }
        Alone {
            night,
            item: self.shown(row),
            first_seen: date_of(self.first_seen.value(row)),
            expected_by: date_of(self.expected_by.value(row)),
            others,
            near: nearest.into_iter().map(|(.., other)| self.near(row, other)).collect(),
        }
    }

    /// How near another item is; none where it is not near at all.
    fn nearness(&self, row: usize, other: usize) -> Option<Nearness<'a>> {
        let edits = (0..REFERENCES.len()).filter_map(|reference| self.edits(reference, row, other)).min();
        let likeness = match (self.same_provider(row, other), self.same_money(row, other), edits) {
            (true, true, Some(_)) => Likeness::AmountAndNearlyReference,
            (true, true, None) => Likeness::Amount,
            (true, false, Some(_)) if !self.has_unlike_reference(row, other) => Likeness::NearlyReference,
            (false, _, Some(0)) => Likeness::ReferenceOfAnotherProvider,
            _ => return None,
        };
        let apart = self.occurred_at.value(row).abs_diff(self.occurred_at.value(other));
        Some((likeness, edits.unwrap_or(usize::MAX), apart, self.id.value(other), other))
    }

    /// Edits between a reference of two items, where both state it and they look alike.
    fn edits(&self, reference: usize, row: usize, other: usize) -> Option<usize> {
        let (ours, theirs) = (self.reference(reference, row)?, self.reference(reference, other)?);
        if ours == theirs {
            return Some(0);
        }
        if ours.len().min(theirs.len()) < SHORTEST || ours.len().abs_diff(theirs.len()) > FEW_EDITS {
            return None;
        }
        Some(strsim::osa_distance(ours, theirs)).filter(|&edits| edits <= FEW_EDITS)
    }

    /// Whether some reference tells two items apart: numbers that are counted up look alike, and mean nothing by it.
    fn has_unlike_reference(&self, row: usize, other: usize) -> bool {
        (0..REFERENCES.len()).any(|reference| {
            let both = self.reference(reference, row).zip(self.reference(reference, other));
            both.is_some() && self.edits(reference, row, other).is_none()
        })
    }

    fn reference(&self, reference: usize, row: usize) -> Option<&'a str> {
        let column = self.references[reference];
        column.is_valid(row).then(|| column.value(row)).filter(|text| !text.is_empty())
    }

    /// A record that does not say which provider was asked may be of any.
    fn same_provider(&self, row: usize, other: usize) -> bool {
        match (self.provider.optional(row), self.provider.optional(other)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        }
    }

    fn same_money(&self, row: usize, other: usize) -> bool {
        self.currency.get(row) == self.currency.get(other) && self.amount.value(row) == self.amount.value(other)
    }

    fn near(&self, row: usize, other: usize) -> Near {
        let mut same = Vec::new();
        let mut differs = Vec::new();
        let mut compare = |name: &'static str, ours: &str, theirs: &str, note: String| {
            if ours == theirs {
                same.push(name);
            } else {
                differs.push(format!("{name} {theirs}, not {ours}{note}"));
            }
        };
        if let (Some(ours), Some(theirs)) = (self.provider.optional(row), self.provider.optional(other)) {
            compare("provider", ours, theirs, String::new());
        }
        let (ours, theirs) = (self.shown(row), self.shown(other));
        compare("currency", &ours.currency, &theirs.currency, String::new());
        compare("amount", &ours.amount, &theirs.amount, String::new());
        for (reference, name) in REFERENCES.into_iter().enumerate() {
            if let (Some(ours), Some(theirs)) = (self.reference(reference, row), self.reference(reference, other)) {
                let note = match self.edits(reference, row, other) {
                    Some(1) => " (1 edit apart)".to_owned(),
                    Some(edits) => format!(" ({edits} edits apart)"),
                    None => String::new(),
                };
                compare(name, ours, theirs, note);
            }
        }
        Near { item: theirs, same, differs }
    }

    fn shown(&self, row: usize) -> Shown {
        let text = |name: &str, unit: &str| cell(self.batch, name, row, unit, self.zone).unwrap_or_default();
        Shown {
            side: self.side.get(row).to_owned(),
            kind: self.kind.get(row).to_owned(),
            id: self.id.value(row).to_owned(),
            provider: self.provider.optional(row).map(str::to_owned),
            amount: text("amount", "currency"),
            currency: self.currency.get(row).to_owned(),
            status: text("status", ""),
            occurred_at: text("occurred_at", ""),
            references: std::array::from_fn(|reference| self.reference(reference, row).map(str::to_owned)),
        }
    }
}

impl Shown {
    /// entry, attempt or refund.
    pub(super) fn noun(&self) -> &'static str {
        match (self.side.as_str(), self.kind.as_str()) {
            ("provider", _) => "entry",
            (_, "refund") => "refund",
            _ => "attempt",
        }
    }

    /// In one line.
    pub(super) fn text(&self) -> String {
        let Self { id, amount, currency, status, occurred_at, .. } = self;
        format!("{} {id}: {amount} {currency}, {status}, {}", self.noun(), local(occurred_at))
    }

    fn json(&self) -> Value {
        let mut object = json!({
            "side": self.side,
            "kind": self.kind,
            "id": self.id,
            "provider": self.provider,
            "currency": self.currency,
            "amount": self.amount,
            "status": self.status,
            "occurred_at": self.occurred_at,
        });
        for (name, reference) in REFERENCES.into_iter().zip(&self.references) {
            object[name] = json!(reference);
        }
        object
    }
}

impl Alone {
    pub(super) fn json(&self) -> Value {
        let near = self.near.iter().map(|near| json!({ "item": near.item.json(), "same": near.same, "differs": near.differs }));
        json!({
            "night": self.night,
            "item": self.item.json(),
            "first_seen": self.first_seen,
            "expected_by": self.expected_by,
            "others": self.others,
            "near_misses": near.collect::<Vec<_>>(),
        })
    }
}
