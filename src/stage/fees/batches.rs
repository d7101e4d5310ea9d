//! Batches that were charged another fee than was contracted, as rows of the table `breaks`.

use arrow::array::RecordBatch;

use crate::money::Amount;
use crate::stage::reconcile::BreakType;
use crate::table::build;
use crate::table::identity::identity;
use crate::table::read::{amount, amounts, counts, dates, words};
use crate::table::reconciliation::BREAKS;

/// The breaks of the night whose table `fees` this is: one for each batch that is rounded as a whole and differs.
#[must_use]
pub fn breaks_of_batches(fees: &RecordBatch) -> RecordBatch {
    let [provider, account, rule, batch, currency] =
        ["provider", "account", "rule", "batch_reference", "currency"].map(|name| words(fees, name));
    let [charged, contracted, difference] = ["charged", "contracted", "difference"].map(|name| amounts(fees, name));
    let entries = counts(fees, "entries");
    let (kind, nights) = (BreakType::FeeMismatch, dates(fees, "business_date"));
    let differs = |row: &usize| {
        batch.optional(*row).is_some() && amount(difference, *row).is_some_and(|difference| difference != Amount::ZERO)
    };
    let rows: Vec<usize> = (0..fees.num_rows()).filter(differs).collect();
    // A batch that several nights book is judged each night.
    let id = |row: usize| {
        let night = build::date_of(nights.value(row)).to_string();
        let of = [provider, account, rule, batch, currency].map(|column| column.get(row));
        identity(&[&["break", kind.as_str(), "batch", &night][..], &of[..]].concat())
    };
    let detail = |row: usize| {
        let money = |of: Amount| of.in_currency(currency.get(row));
        let whole = match batch.get(row) {
            "" => "entries of no batch".to_owned(),
            batch => format!("batch {batch}"),
        };
        let [contracted, charged] = [contracted, charged].map(|column| money(Amount(column.value(row))));
        let entries = entries.value(row);
        format!("{whole}, {entries} entries: contracted {contracted} by {}, charged {charged}", rule.get(row))
    };
    let day = |row: &usize| Some(nights.value(*row));
    let nothing = || build::texts(rows.iter().map(|_| None::<&str>));
    // Age and severity are told anew when the breaks of the night are put together.
    BREAKS.batch([
        ("break_id", build::texts(rows.iter().map(|&row| Some(id(row))))),
        ("business_date", build::dates(rows.iter().map(day))),
        ("break_type", build::same_word(Some(kind.as_str()), rows.len())),
        ("state", build::same_word(Some("open"), rows.len())),
        ("provider", build::words(rows.iter().map(|&row| provider.optional(row)))),
        ("account", build::words(rows.iter().map(|&row| account.optional(row)))),
        ("merchant_reference", nothing()),
        ("provider_reference", build::texts(rows.iter().map(|&row| batch.optional(row).filter(|batch| !batch.is_empty())))),
        ("order_id", nothing()),
        ("attempt_id", nothing()),
        ("refund_id", nothing()),
        ("entry_id", nothing()),
        ("currency", build::words(rows.iter().map(|&row| currency.optional(row)))),
        ("merchant_amount", build::amounts(rows.iter().map(|&row| amount(contracted, row)))),
        ("provider_amount", build::amounts(rows.iter().map(|&row| amount(charged, row)))),
        ("difference", build::amounts(rows.iter().map(|&row| amount(difference, row)))),
        ("first_seen", build::dates(rows.iter().map(day))),
        ("cleared_on", build::dates(rows.iter().map(|_| None))),
        ("age_days", build::counts(rows.iter().map(|_| 0))),
        ("age_bucket", build::same_word(Some("0-1"), rows.len())),
        ("severity", build::same_word(Some("low"), rows.len())),
        ("suggested_action", build::same_word(Some(kind.suggested_action()), rows.len())),
        ("resolution", build::same_word(None, rows.len())),
        ("detail", build::texts(rows.iter().map(|&row| Some(detail(row))))),
    ])
}
