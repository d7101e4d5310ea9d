//! What a night published, in the columns the test compares, and how it differs from what the model says.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::NaiveDate;
use tieout::lake::Lake;
use tieout::money::Amount;
use tieout::table::bank::BANK_LINES;
use tieout::table::column::Table;
use tieout::table::entries::ENTRIES;
use tieout::table::payouts::PAYOUTS;
use tieout::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS, ROLLFORWARD};
use tieout::table::returns::RETURNS;

use super::model::{Identifiers, Row, tell};
use super::world::PROVIDERS;
use crate::nights::shown;

/// Every table that is compared, with the columns that are: those a rule decides, and not those that follow from them.
const COMPARED: [(&Table, &[&str]); 7] = [
    (
        &MATCHES,
        &[
            "kind",
            "cardinality",
            "entry_id",
            "order_id",
            "attempt_id",
            "refund_id",
            "provider",
            "merchant_reference",
            "provider_reference",
            "currency",
            "merchant_amount",
            "provider_amount",
            "difference",
            "fee",
            "occurred_at",
            "settled_after_days",
        ],
    ),
    (
        &BREAKS,
        &[
            "break_type",
            "state",
            "provider",
            "merchant_reference",
            "provider_reference",
            "order_id",
            "attempt_id",
            "refund_id",
            "entry_id",
            "currency",
            "merchant_amount",
            "provider_amount",
            "difference",
            "first_seen",
            "cleared_on",
            "age_days",
            "age_bucket",
            "severity",
        ],
    ),
    (
        &OPEN_ITEMS,
        &[
            "side",
            "id",
            "kind",
            "provider",
            "merchant_reference",
            "provider_reference",
            "merchant_refund_reference",
            "currency",
            "amount",
            "first_seen",
            "expected_by",
        ],
    ),
    (
        &ROLLFORWARD,
        &[
            "provider",
            "currency",
            "break_type",
            "opening",
            "opening_amount",
            "new",
            "new_amount",
            "cleared",
            "cleared_amount",
            "resolved",
            "resolved_amount",
            "closing",
            "closing_amount",
        ],
    ),
    (
        &RETURNS,
        &[
            "provider",
            "currency",
            "state",
            "merchant_reference",
            "provider_reference",
            "paid",
            "refunded",
            "charged_back",
            "given_back",
            "remaining",
            "first_seen",
            "last_seen",
        ],
    ),
    (
        &PAYOUTS,
        &[
            "provider",
            "reference",
            "currency",
            "state",
            "lines",
            "gross",
            "refunds",
            "chargebacks",
            "fees",
            "other",
            "expected",
            "stated",
            "residual",
            "paid_on",
            "pass",
            "bank_amount",
            "booked_on",
            "first_seen",
            "expected_by",
        ],
    ),
    (&BANK_LINES, &["amount", "customer_reference", "text", "outcome", "outcome_reason"]),
];

/// Rows by table.
pub(super) type Tables = Vec<(&'static str, Vec<Row>)>;

/// The tables of a night that are compared.
pub(super) fn tables(lake: &Lake, night: NaiveDate) -> Tables {
    COMPARED.iter().map(|(table, columns)| (table.name, rows(lake, table, columns, night))).collect()
}

fn rows(lake: &Lake, table: &'static Table, columns: &[&'static str], night: NaiveDate) -> Vec<Row> {
    let batch = lake.read(table, night).expect("a table of a night that was closed");
    let cells = |row: usize| {
        columns.iter().map(move |name| (*name, row)).map(|(name, row)| {
            let text = shown(batch.column_by_name(name).expect("a column of the table"), row);
            // Amounts as the model writes them: to the cent.
            let amount = Amount::parse(text.as_bytes(), 8).ok().filter(|_| text.contains('.'));
            (name, amount.map_or(text, |amount| amount.to_string()))
        })
    };
    (0..batch.num_rows()).map(|row| cells(row).collect()).collect()
}

/// The identifiers of a night's lines, in the order of the files.
pub(super) fn identifiers(lake: &Lake, night: NaiveDate) -> Identifiers {
    let in_order = |table, id, of: &str, name: &str| -> Vec<String> {
        let of_it = named(lake, table, &[of, "line", id], night).into_iter().filter(|row| row[of] == name);
        let mut lines: Vec<(u64, String)> = of_it.map(|row| (row["line"].parse().expect("a number"), row[id].clone())).collect();
        lines.sort();
        lines.into_iter().map(|(_, id)| id).collect()
    };
    Identifiers {
        entries: PROVIDERS.iter().map(|provider| in_order(&ENTRIES, "entry_id", "provider", provider.name)).collect(),
        bank: in_order(&BANK_LINES, "bank_line_id", "bank", "house"),
    }
}

fn named(lake: &Lake, table: &'static Table, columns: &[&str], night: NaiveDate) -> Vec<BTreeMap<String, String>> {
    let batch = lake.read(table, night).expect("a table of a night that was closed");
    let cell = |name: &str, row| (name.to_owned(), shown(batch.column_by_name(name).expect("a column of the table"), row));
    (0..batch.num_rows()).map(|row| columns.iter().map(|name| cell(name, row)).collect()).collect()
}

/// The rows that only one side has, table by table, sorted; nothing where both say the same.
pub(super) fn difference(published: &Tables, model: &Tables) -> String {
    let mut said = String::new();
    for ((table, published), (name, model)) in published.iter().zip(model) {
        assert_eq!(table, name, "tables in one order");
        let (published, model) = (sorted(published), sorted(model));
        let only = |rows: &[String], others: &[String]| -> Vec<String> {
            let mut others = others.to_vec();
            let mut only = rows.to_vec();
            only.retain(|row| match others.iter().position(|other| other == row) {
                Some(at) => {
                    others.remove(at);
                    false
                }
                None => true,
            });
            only
        };
        for (whose, rows) in [("published", only(&published, &model)), ("the model", only(&model, &published))] {
            for row in rows {
                writeln!(said, "  {table}, only {whose}: {row}").expect("text");
            }
        }
    }
    said
}

fn sorted(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(tell).collect();
    lines.sort();
    lines
}
