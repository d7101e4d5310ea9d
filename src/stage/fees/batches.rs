//! Batches that were charged another fee than was contracted, as rows of the table `breaks`.

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use crate::money::Amount;
use crate::stage::reconcile::{BreakType, Itemless, itemless};
use crate::table::read::{amount, amounts, counts, words};

/// The breaks of the night whose table `fees` this is: one for each batch that is rounded as a whole and differs.
#[must_use]
pub fn breaks_of_batches(fees: &RecordBatch, night: NaiveDate) -> RecordBatch {
    let [provider, account, rule, batch, currency] =
        ["provider", "account", "rule", "batch_reference", "currency"].map(|name| words(fees, name));
    let [charged, contracted, difference] = ["charged", "contracted", "difference"].map(|name| amounts(fees, name));
    let entries = counts(fees, "entries");
    let (kind, date) = (BreakType::FeeMismatch, night.to_string());
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
    let found = |row: usize| {
        batch.optional(row)?;
        let difference = amount(difference, row).filter(|difference| *difference != Amount::ZERO)?;
        // A batch that several nights book is judged each night.
        let about = ["batch", date.as_str()].into_iter();
        let about = about.chain([provider, account, rule, batch, currency].map(|column| column.get(row)));
        Some(Itemless {
            kind,
            about: about.map(ToOwned::to_owned).collect(),
            waiting: false,
            provider: provider.optional(row),
            account: account.optional(row),
            merchant_reference: None,
            reference: batch.optional(row).filter(|batch| !batch.is_empty()),
            entry_id: None,
            currency: currency.get(row),
            merchant_amount: amount(contracted, row),
            provider_amount: amount(charged, row),
            difference,
            action: kind.suggested_action(),
            detail: Some(detail(row)),
        })
    };
    itemless(&(0..fees.num_rows()).filter_map(found).collect::<Vec<_>>(), night)
}
