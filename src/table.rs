//! Nouns: the published tables, one truth each. `schemas/tables` and `schemas/views.sql` are written from here.

pub mod alike;
pub mod analysis;
pub mod bank;
pub mod build;
pub mod column;
pub mod delivery;
pub mod dictionary;
pub mod entries;
pub mod fees;
pub mod frame;
pub mod identity;
pub mod part;
pub mod payouts;
pub mod read;
pub mod reconciliation;
pub mod records;
pub mod returns;
pub mod rows;
pub mod sheet;
pub mod views;

use column::Table;

/// Version of the tables: raised when a column goes, or means something else. One that is new has the version it came with
/// as its `since`.
pub const SCHEMA_VERSION: u32 = 1;

/// Every published table, in the order of the flow.
pub static TABLES: [&Table; 25] = [
    &entries::ENTRIES,
    &records::ORDERS,
    &records::ATTEMPTS,
    &records::REFUNDS,
    &bank::BANK_LINES,
    &reconciliation::MATCHES,
    &reconciliation::BREAKS,
    &reconciliation::OPEN_ITEMS,
    &reconciliation::ROLLFORWARD,
    &returns::RETURNS,
    &fees::FEES,
    &payouts::PAYOUTS,
    &payouts::OPEN_BANK_LINES,
    &delivery::REJECTS,
    &analysis::FUNNEL,
    &analysis::SUCCESS_RATES,
    &analysis::SUCCESS_AMOUNTS,
    &analysis::CHANGES,
    &analysis::RATES_HISTORY,
    &analysis::PAYMENT_METHODS,
    &analysis::TIME_TO_PAY,
    &analysis::ABANDONMENT,
    &analysis::FAILURE_REASONS,
    &delivery::FILES,
    &delivery::NIGHTS,
];

/// The table called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.name == name)
}
