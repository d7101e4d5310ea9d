//! What the model says of a night, in the columns the test compares.

use chrono::NaiveDate;

use super::judge::Link;
use super::{Break, Item, Kind};
use crate::simulation::files::money;

/// Columns and their values as text, in the order in which both sides of the test name them.
pub(in crate::simulation) type Row = Vec<(&'static str, String)>;

/// A row on one line; empty columns are left out.
pub(in crate::simulation) fn tell(row: &Row) -> String {
    let cells = row.iter().filter(|(_, value)| !value.is_empty());
    cells.map(|(column, value)| format!("{column}={value}")).collect::<Vec<_>>().join(" ")
}

fn optional(cents: Option<i64>) -> String {
    cents.map(money).unwrap_or_default()
}

pub(super) fn of_match(link: &Link, night: NaiveDate) -> Row {
    let (record, entry) = (&link.record, &link.entry_of_group);
    let id_of = |kind| if record.kind == kind { record.id.clone() } else { String::new() };
    vec![
        ("kind", if record.kind == Kind::Payment { "payment" } else { "refund" }.to_owned()),
        ("cardinality", link.cardinality.clone()),
        ("entry_id", link.entry.as_ref().map(|entry| entry.id.clone()).unwrap_or_default()),
        ("order_id", record.order.clone()),
        ("attempt_id", id_of(Kind::Payment)),
        ("refund_id", id_of(Kind::Refund)),
        ("provider", entry.provider.to_owned()),
        ("merchant_reference", first_of(&record.merchant_reference, &entry.merchant_reference)),
        ("provider_reference", first_of(&entry.provider_reference, &record.provider_reference)),
        ("currency", record.currency.to_owned()),
        ("merchant_amount", money(link.merchant_amount)),
        ("provider_amount", money(link.provider_amount)),
        ("difference", money(link.provider_amount - link.merchant_amount)),
        ("fee", money(link.entry.as_ref().map_or(0, |entry| entry.fee))),
        ("occurred_at", entry.at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        // The record is of the night that read it first: one that comes late settles the sooner.
        ("settled_after_days", (night - record.first_seen).num_days().to_string()),
    ]
}

pub(super) fn first_of(one: &str, other: &str) -> String {
    if one.is_empty() { other.to_owned() } else { one.to_owned() }
}

pub(super) fn of_break(found: &Break, night: NaiveDate) -> Row {
    let age = (night - found.first_seen).num_days();
    let bucket = match age {
        ..=1 => "0-1",
        2..=3 => "2-3",
        4..=7 => "4-7",
        8..=30 => "8-30",
        _ => ">30",
    };
    vec![
        ("break_type", found.kind.to_owned()),
        ("state", if found.cleared_on.is_some() { "cleared" } else { found.state }.to_owned()),
        ("provider", found.provider.clone()),
        ("merchant_reference", found.merchant_reference.clone()),
        ("provider_reference", found.provider_reference.clone()),
        ("order_id", found.order.clone()),
        ("attempt_id", found.attempt.clone()),
        ("refund_id", found.refund.clone()),
        ("entry_id", found.entry.clone()),
        ("currency", found.currency.to_owned()),
        ("merchant_amount", optional(found.merchant_amount)),
        ("provider_amount", optional(found.provider_amount)),
        ("difference", money(found.difference)),
        ("first_seen", found.first_seen.to_string()),
        ("cleared_on", found.cleared_on.map(|night| night.to_string()).unwrap_or_default()),
        ("age_days", age.to_string()),
        ("age_bucket", bucket.to_owned()),
        ("severity", severity(found, age).to_owned()),
    ]
}

/// By what is at stake: the difference, or where there is none the amount. What still waits is low; what is known for
/// longer than a week is one step more.
fn severity(found: &Break, age: i64) -> &'static str {
    let stake =
        if found.difference == 0 { found.merchant_amount.or(found.provider_amount).unwrap_or(0) } else { found.difference };
    let level = [10_000, 100_000, 1_000_000].iter().filter(|limit| stake.abs() >= **limit).count();
    let level = if age > 7 { (level + 1).min(3) } else { level };
    // What has cleared says what it would have been, though it only waited.
    if found.state == "waiting" && found.cleared_on.is_none() { "low" } else { ["low", "medium", "high", "critical"][level] }
}

pub(super) fn of_open_item(item: &Item) -> Row {
    vec![
        ("side", if item.of_provider { "provider" } else { "merchant" }.to_owned()),
        ("id", item.id.clone()),
        ("kind", if item.kind == Kind::Payment { "payment" } else { "refund" }.to_owned()),
        ("provider", item.provider.to_owned()),
        ("merchant_reference", item.merchant_reference.clone()),
        ("provider_reference", item.provider_reference.clone()),
        ("merchant_refund_reference", item.refund_reference.clone()),
        ("currency", item.currency.to_owned()),
        ("amount", money(item.amount)),
        ("first_seen", item.first_seen.to_string()),
        ("expected_by", item.expected_by.to_string()),
    ]
}
