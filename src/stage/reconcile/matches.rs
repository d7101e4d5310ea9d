//! The tables `matches` and `open_items`: columns gathered by row number, last of all.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt32Array};
use arrow::compute::{concat_batches, take};
use rayon::prelude::*;

use super::Night;
use super::items::{Items, Kind};
use crate::money::Amount;
use crate::table::build;
use crate::table::identity::Identity;
use crate::table::reconciliation::{MATCHES, OPEN_ITEMS};

/// A column and how it is made: columns are made side by side.
type Made<'f> = (&'static str, Box<dyn Fn() -> ArrayRef + Send + Sync + 'f>);

/// The pairs that agree, sorted by identity.
pub(super) fn table(night: &Night) -> RecordBatch {
    let (provider, merchant) = (night.provider, night.merchant);
    let mut pairs: Vec<(Identity, u32, u32, &str)> = night
        .matches
        .par_iter()
        .map(|pair| {
            let id = Identity::of(&["match", provider.id(pair.entry), merchant.kind_word(pair.record), merchant.id(pair.record)]);
            (id, pair.entry, pair.record, pair.pass.name)
        })
        .collect();
    // The entry makes the order total, and it is the second part of the table's key.
    pairs.par_sort_unstable_by_key(|&(id, entry, ..)| (id, provider.id(entry)));

    let pairs = &pairs;
    let rows = pairs.len();
    let entries: UInt32Array = pairs.iter().map(|pair| Some(pair.1)).collect();
    let records: UInt32Array = pairs.iter().map(|pair| Some(pair.2)).collect();
    let of_kind = |kind| -> UInt32Array { pairs.iter().map(|pair| (merchant.kind(pair.2) == kind).then_some(pair.2)).collect() };
    let from_provider = |name| gather(provider.batch, name, &entries);
    let from_merchant = |name| gather(merchant.batch, name, &records);
    let difference = |entry, record| provider.amount(entry) - merchant.amount(record);
    let columns: Vec<Made> = vec![
        ("match_id", Box::new(|| identities(pairs.iter().map(|pair| pair.0), rows))),
        ("business_date", Box::new(|| build::same_date(night.rules.night, rows))),
        ("kind", Box::new(|| from_merchant("kind"))),
        ("pass", Box::new(|| build::words(pairs.iter().map(|pair| Some(pair.3))))),
        ("cardinality", Box::new(|| build::same_word(Some("1:1"), rows))),
        ("entry_id", Box::new(|| from_provider("id"))),
        ("order_id", Box::new(|| from_merchant("order_id"))),
        ("attempt_id", Box::new(|| gather(merchant.batch, "id", &of_kind(Kind::Payment)))),
        ("refund_id", Box::new(|| gather(merchant.batch, "id", &of_kind(Kind::Refund)))),
        ("provider", Box::new(|| from_provider("provider"))),
        ("account", Box::new(|| from_provider("account"))),
        (
            "merchant_reference",
            Box::new(|| {
                build::texts(pairs.iter().map(|&(_, entry, record, _)| {
                    merchant.merchant_reference(record).or_else(|| provider.merchant_reference(entry))
                }))
            }),
        ),
        (
            "provider_reference",
            Box::new(|| {
                build::texts(pairs.iter().map(|&(_, entry, record, _)| {
                    provider.provider_reference(entry).or_else(|| merchant.provider_reference(record))
                }))
            }),
        ),
        ("currency", Box::new(|| from_provider("currency"))),
        ("merchant_amount", Box::new(|| from_merchant("amount"))),
        ("provider_amount", Box::new(|| from_provider("amount"))),
        ("difference", Box::new(|| build::amounts(pairs.iter().map(|pair| Some(difference(pair.1, pair.2)))))),
        ("fee", Box::new(|| build::amounts(pairs.iter().map(|pair| Some(provider.fee(pair.1).unwrap_or(Amount::ZERO)))))),
        ("occurred_at", Box::new(|| from_provider("occurred_at"))),
        (
            "settled_after_days",
            Box::new(|| build::counts(pairs.iter().map(|pair| i64::from(night.day - merchant.first_seen(pair.2))))),
        ),
    ];
    let columns: Vec<(&str, ArrayRef)> = columns.into_par_iter().map(|(name, make)| (name, make())).collect();
    MATCHES.batch(columns)
}

/// What enters the next night, sorted by side and identifier.
pub(super) fn open_items(night: &Night) -> RecordBatch {
    let (records, entries) = rayon::join(
        || carried(night, night.merchant, &night.records_carried),
        || carried(night, night.provider, &night.entries_carried),
    );
    // `merchant` comes before `provider`.
    concat_batches(&OPEN_ITEMS.schema(), [&records, &entries]).expect("both have the schema of the table")
}

fn carried(night: &Night, items: &Items, rows: &[u32]) -> RecordBatch {
    let mut rows = rows.to_vec();
    rows.par_sort_unstable_by_key(|&row| (items.id(row), items.kind_word(row)));
    let rows = UInt32Array::from(rows);
    let columns = OPEN_ITEMS.columns.par_iter().map(|column| {
        let array = match column.name {
            "business_date" => build::same_date(night.rules.night, rows.len()),
            name => gather(items.batch, name, &rows),
        };
        (column.name, array)
    });
    OPEN_ITEMS.batch(columns.collect::<Vec<_>>())
}

/// Identities as a text column.
pub(super) fn identities(ids: impl Iterator<Item = Identity>, rows: usize) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(rows, rows * 26);
    for id in ids {
        id.with_text(|text| builder.append_value(text));
    }
    Arc::new(builder.finish())
}

fn gather(batch: &RecordBatch, name: &str, rows: &UInt32Array) -> ArrayRef {
    take(crate::table::read::column(batch, name), rows, None).expect("row numbers are those of the batch")
}
