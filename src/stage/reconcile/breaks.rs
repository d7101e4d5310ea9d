//! The breaks a comparison found, as rows of the table `breaks`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};

use super::Night;
use super::items::{Items, Side};
use super::judge::Break;
use super::roll::{State, bucket};
use crate::money::Amount;
use crate::table::build;
use crate::table::identity::Identity;
use crate::table::part::Id;
use crate::table::reconciliation::BREAKS;

/// The breaks of this comparison, each first seen this night, in the order they were found.
pub(super) fn found(night: &Night) -> RecordBatch {
    let of = Columns { night };
    let breaks = &night.breaks;
    let date = night.rules.night;
    let state = |found: &Break| if found.waiting { State::Waiting } else { State::Open };
    let severities = breaks.iter().map(|found| {
        let at_stake = at_stake(found.difference, found.merchant_amount);
        night.rules.severity.of(state(found), found.currency, at_stake, 0)
    });
    BREAKS.batch([
        ("break_id", build::texts(breaks.iter().map(|found| Some(identity(night, found).to_string())))),
        ("business_date", build::same_date(date, breaks.len())),
        ("break_type", of.word(|found| Some(found.kind.as_str()))),
        ("state", build::words(breaks.iter().map(|found| Some(state(found).as_str())))),
        ("provider", of.word(|found| of.either(found, Items::provider))),
        ("account", of.word(|found| of.either(found, Items::account))),
        ("merchant_reference", of.text(|found| of.either_record(found, Items::merchant_reference))),
        ("provider_reference", of.text(|found| of.either(found, Items::provider_reference))),
        ("order_id", of.text(|found| of.either_record(found, Items::order_id))),
        ("attempt_id", of.id(|found| of.record(found, "payment"))),
        ("refund_id", of.id(|found| of.record(found, "refund"))),
        ("entry_id", of.id(|found| found.entry.map(|row| night.provider.id(row)))),
        ("currency", of.word(|found| Some(found.currency))),
        ("merchant_amount", build::amounts(breaks.iter().map(|found| found.merchant_amount))),
        ("provider_amount", build::amounts(breaks.iter().map(|found| found.provider_amount))),
        ("difference", build::amounts(breaks.iter().map(|found| Some(found.difference)))),
        ("first_seen", build::same_date(date, breaks.len())),
        ("cleared_on", build::dates(breaks.iter().map(|_| None))),
        ("age_days", build::counts(breaks.iter().map(|_| 0))),
        ("age_bucket", build::words(breaks.iter().map(|_| Some(bucket(0))))),
        ("severity", build::words(severities.map(Some))),
        ("suggested_action", of.word(|found| Some(found.kind.suggested_action()))),
        ("resolution", of.word(|_| None)),
        ("detail", of.text(|found| found.detail.as_deref())),
    ])
}

/// The same every night the break is known: its type and the items it is about.
fn identity(night: &Night, found: &Break) -> Identity {
    let (entry, record) = (found.entry, found.record);
    let kind = record.map_or("", |row| night.merchant.kind_word(row));
    if found.group.is_none() {
        let entry = entry.map_or(Id::Text(""), |row| night.provider.id(row));
        let record = record.map_or(Id::Text(""), |row| night.merchant.id(row));
        return entry
            .with_text(|entry| record.with_text(|record| Identity::of(&["break", found.kind.as_str(), entry, kind, record])));
    }
    let ids = |items: &Items, side| -> Vec<String> {
        night.rows_of(found, side).into_iter().map(|row| items.id(row).with_text(str::to_owned)).collect()
    };
    let (entries, records) = (ids(night.provider, Side::Provider), ids(night.merchant, Side::Merchant));
    let parts = ["break", found.kind.as_str()].into_iter().chain(entries.iter().map(String::as_str));
    Identity::of(&parts.chain([kind]).chain(records.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// What a person may lose: the difference, or where both sides state one amount, that amount.
pub(super) fn at_stake(difference: Amount, merchant_amount: Option<Amount>) -> Amount {
    if difference == Amount::ZERO { merchant_amount.unwrap_or_default().abs() } else { difference.abs() }
}

/// Columns of the table.
struct Columns<'n> {
    night: &'n Night<'n>,
}

impl<'n> Columns<'n> {
    fn text(&self, of: impl Fn(&'n Break<'n>) -> Option<&'n str>) -> ArrayRef {
        build::texts(self.night.breaks.iter().map(of))
    }

    fn word(&self, of: impl Fn(&'n Break<'n>) -> Option<&'n str>) -> ArrayRef {
        build::words(self.night.breaks.iter().map(of))
    }

    fn id(&self, of: impl Fn(&'n Break<'n>) -> Option<Id<'n>>) -> ArrayRef {
        let mut texts = StringBuilder::new();
        for found in &self.night.breaks {
            match of(found) {
                Some(id) => id.with_text(|text| texts.append_value(text)),
                None => texts.append_null(),
            }
        }
        Arc::new(texts.finish())
    }

    /// What the entry says, or else the record.
    fn either<T>(&self, found: &Break, of: impl Fn(&Items<'n>, u32) -> Option<T>) -> Option<T> {
        let entry = found.entry.and_then(|row| of(self.night.provider, row));
        entry.or_else(|| found.record.and_then(|row| of(self.night.merchant, row)))
    }

    /// What the record says, or else the entry.
    fn either_record<T>(&self, found: &Break, of: impl Fn(&Items<'n>, u32) -> Option<T>) -> Option<T> {
        let record = found.record.and_then(|row| of(self.night.merchant, row));
        record.or_else(|| found.entry.and_then(|row| of(self.night.provider, row)))
    }

    /// The record's identifier, if it is of `kind`.
    fn record(&self, found: &Break, kind: &str) -> Option<Id<'n>> {
        let record = found.record.filter(|&row| self.night.merchant.kind_word(row) == kind)?;
        Some(self.night.merchant.id(record))
    }
}
