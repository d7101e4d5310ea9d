//! Entries and records to the two sides of matching, and the outcomes of matching back to their rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{Decimal128Type, Int32Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use rayon::prelude::*;

use super::normalize::{Columns, join};
use super::reconcile::Outcome;
use crate::money::Amount;
use crate::table::build::{amounts, instants, same_date, same_word, texts, words};
use crate::table::read::{count_of_rows, words as words_in, words_of};
use crate::table::reconciliation::OPEN_ITEMS;

/// Why a record of a provider the job does not name is not compared.
const NOT_IN_JOB: &str = "provider_not_in_job";

/// One side of matching, and where its rows come from.
#[derive(Debug)]
pub struct Side {
    /// Shaped as `open_items`: the night's own items first, then those carried in.
    pub items: RecordBatch,
    /// For each of the night's own items, its row in the table it comes from.
    pub rows: Vec<u32>,
}

/// What items are made with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The night.
    pub night: NaiveDate,
    /// Providers of the job, each with the night by which what is first seen tonight should have met its counterpart.
    pub by_provider: &'a [(String, NaiveDate)],
}

impl Expected<'_> {
    /// The night by which an item should have met its counterpart; without a provider, the latest of all.
    fn by(&self, provider: Option<&str>) -> Option<NaiveDate> {
        match provider {
            Some(provider) => self.by_provider.iter().filter(|(name, _)| name == provider).map(|(_, by)| *by).max(),
            None => Some(self.by_provider.iter().map(|(_, by)| *by).max().unwrap_or(self.night)),
        }
    }

    fn dates(&self, providers: &ArrayRef) -> ArrayRef {
        let providers = words_of(providers);
        let rows = providers.codes.len();
        crate::table::build::dates((0..rows).map(|row| {
            let by = self.by(providers.optional(row)).unwrap_or(self.night);
            Some(crate::table::build::day_number(by))
        }))
    }
}

/// The provider's side: all entries, and what was carried in.
#[must_use]
pub fn provider_side(entries: &Columns, carried: &RecordBatch, expected: &Expected) -> Side {
    let rows: Vec<u32> = (0..count_of_rows(entries.rows)).collect();
    let pick = |name: &str| entries.column(name).clone();
    // What the customer was charged is compared; a provider that does not state it settles what was charged.
    let (customer, gross) = (pick("customer_amount"), pick("gross"));
    let customer_amounts = customer.as_primitive::<Decimal128Type>();
    let gross_amounts = gross.as_primitive::<Decimal128Type>();
    let stated = |row: usize| customer_amounts.is_valid(row);
    let amount =
        (0..rows.len()).map(|row| Some(Amount(if stated(row) { customer_amounts.value(row) } else { gross_amounts.value(row) })));
    let amount = amounts(amount);
    let (customer_currency, settled_currency) = (pick("customer_currency"), pick("currency"));
    let currency = if customer_amounts.null_count() == 0 && customer_currency.null_count() == 0 {
        customer_currency
    } else {
        let (charged, settles) = (words_of(&customer_currency), words_of(&settled_currency));
        words((0..rows.len()).map(|row| {
            let charged = if stated(row) { charged.optional(row) } else { None };
            charged.or_else(|| settles.optional(row))
        }))
    };
    let provider = pick("provider");
    let own = OPEN_ITEMS.batch([
        ("side", same_word(Some("provider"), rows.len())),
        ("id", pick("entry_id")),
        ("business_date", same_date(expected.night, rows.len())),
        ("kind", pick("kind")),
        ("expected_by", expected.dates(&provider)),
        ("provider", provider),
        ("account", pick("account")),
        ("order_id", texts(std::iter::repeat_n(None::<&str>, rows.len()))),
        ("merchant_reference", pick("merchant_reference")),
        ("provider_reference", pick("provider_reference")),
        ("merchant_refund_reference", pick("merchant_refund_reference")),
        ("currency", currency),
        ("amount", amount),
        ("status", same_word(Some("succeeded"), rows.len())),
        ("occurred_at", pick("occurred_at")),
        ("settled_currency", settled_currency),
        ("gross", gross),
        ("fee", pick("fee")),
        ("first_seen", same_date(expected.night, rows.len())),
    ]);
    Side { items: with_carried(own, carried, "provider"), rows }
}

/// The merchant's side: attempts and refunds with providers of the job, and what was carried in. Rows of refunds
/// follow those of attempts.
#[must_use]
pub fn merchant_side(attempts: &Columns, refunds: &Columns, carried: &RecordBatch, expected: &Expected) -> (Side, usize) {
    let (payments, mut rows) = own_records(attempts, expected, "payment");
    let (given_back, refund_rows) = own_records(refunds, expected, "refund");
    let attempts_taken = rows.len();
    rows.extend(refund_rows);
    let own = end_to_end(&[&payments, &given_back]);
    (Side { items: with_carried(own, carried, "merchant"), rows }, attempts_taken)
}

fn own_records(records: &Columns, expected: &Expected, kind: &str) -> (RecordBatch, Vec<u32>) {
    let providers = words_of(records.column("provider"));
    let named: Vec<bool> =
        providers.values.iter().map(|provider| expected.by(Some(provider.unwrap_or_default())).is_some()).collect();
    let keep = |row: &u32| providers.code(*row as usize).is_none_or(|code| named[code]);
    let rows: Vec<u32> = (0..count_of_rows(records.rows)).filter(keep).collect();
    let pick = picker(records, &rows);
    let is_payment = kind == "payment";
    let (amount, occurred_at) = if is_payment {
        let (finished, started) = (pick("finished_at"), pick("started_at"));
        let (finished, started) =
            (finished.as_primitive::<TimestampMicrosecondType>(), started.as_primitive::<TimestampMicrosecondType>());
        let time = |row| if finished.is_valid(row) { finished.value(row) } else { started.value(row) };
        (pick("amount"), instants((0..rows.len()).map(|row| Some(time(row)))))
    } else {
        let positive = pick("amount");
        let positive = positive.as_primitive::<Decimal128Type>();
        (amounts(positive.values().iter().map(|&amount| Some(-Amount(amount)))), pick("requested_at"))
    };
    let nothing = || amounts(std::iter::repeat_n(None, rows.len()));
    let no_text = || texts(std::iter::repeat_n(None::<&str>, rows.len()));
    let provider = pick("provider");
    let batch = OPEN_ITEMS.batch([
        ("side", same_word(Some("merchant"), rows.len())),
        ("id", pick(if is_payment { "attempt_id" } else { "refund_id" })),
        ("business_date", same_date(expected.night, rows.len())),
        ("kind", same_word(Some(kind), rows.len())),
        ("expected_by", expected.dates(&provider)),
        ("provider", provider),
        ("account", same_word(None, rows.len())),
        ("order_id", pick("order_id")),
        ("merchant_reference", pick("merchant_reference")),
        ("provider_reference", pick("provider_reference")),
        ("merchant_refund_reference", if is_payment { no_text() } else { pick("merchant_refund_reference") }),
        ("currency", pick("currency")),
        ("amount", amount),
        ("status", pick("status")),
        ("occurred_at", occurred_at),
        ("settled_currency", same_word(None, rows.len())),
        ("gross", nothing()),
        ("fee", nothing()),
        ("first_seen", same_date(expected.night, rows.len())),
    ]);
    (batch, rows)
}

/// Picks rows of a column; all of them without a copy.
fn picker<'a>(columns: &'a Columns, rows: &[u32]) -> impl Fn(&str) -> ArrayRef + use<'a> {
    let all = rows.len() == columns.rows;
    let indices = if all { UInt32Array::from(Vec::<u32>::new()) } else { UInt32Array::from(rows.to_vec()) };
    move |name| {
        let column = columns.column(name);
        if all { column.clone() } else { take(column, &indices, None).expect("every row number is within the table") }
    }
}

fn with_carried(own: RecordBatch, carried: &RecordBatch, side: &str) -> RecordBatch {
    let sides = words_in(carried, "side");
    let rows: UInt32Array = (0..count_of_rows(carried.num_rows())).filter(|&row| sides.get(row as usize) == side).collect();
    if rows.is_empty() {
        return own;
    }
    let carried = take_record_batch(carried, &rows).expect("every row number is within the table");
    end_to_end(&[&own, &carried])
}

fn end_to_end(batches: &[&RecordBatch]) -> RecordBatch {
    let schema = batches[0].schema();
    let whole: Vec<&RecordBatch> = batches.iter().copied().filter(|batch| batch.num_rows() > 0).collect();
    match whole[..] {
        [] => batches[0].clone(),
        [only] => only.clone(),
        _ => {
            let columns = (0..schema.fields().len()).into_par_iter().with_max_len(1).map(|column| {
                let arrays: Vec<&dyn Array> = whole.iter().map(|batch| batch.column(column).as_ref()).collect();
                (schema.field(column).name().as_str(), join(&arrays))
            });
            OPEN_ITEMS.batch(columns.collect::<Vec<_>>())
        }
    }
}

/// The columns `outcome` and `outcome_reason` of a table, from what matching said of its items. Rows that were not
/// items are records with providers the job does not name.
#[must_use]
pub fn outcome_columns(rows: usize, items: &[u32], outcomes: &[Outcome]) -> [(&'static str, ArrayRef); 2] {
    let mut of_row: Vec<Option<Outcome>> = vec![None; rows];
    for (&row, &outcome) in items.iter().zip(outcomes) {
        of_row[row as usize] = Some(outcome);
    }
    let outcome = |outcome: Option<Outcome>| Some(outcome.map_or("excluded", Outcome::as_str));
    let why = |outcome: Option<Outcome>| outcome.map_or(Some(NOT_IN_JOB), Outcome::reason);
    [("outcome", said(&of_row, outcome)), ("outcome_reason", said(&of_row, why))]
}

/// A word per outcome. There are few outcomes, so each is put into words once.
fn said(of_row: &[Option<Outcome>], word: impl Fn(Option<Outcome>) -> Option<&'static str>) -> ArrayRef {
    let mut known: Vec<(Option<Outcome>, Option<i32>)> = Vec::new();
    let mut values: Vec<&'static str> = Vec::new();
    let codes: Int32Array = of_row
        .iter()
        .map(|outcome| {
            if let Some((_, code)) = known.iter().find(|(known, _)| known == outcome) {
                return *code;
            }
            let code = word(*outcome).map(|word| {
                let at = values.iter().position(|value| *value == word).unwrap_or_else(|| {
                    values.push(word);
                    values.len() - 1
                });
                i32::try_from(at).expect("few outcomes")
            });
            known.push((*outcome, code));
            code
        })
        .collect();
    if values.is_empty() {
        return same_word(None, of_row.len());
    }
    Arc::new(DictionaryArray::<Int32Type>::new(codes, Arc::new(StringArray::from(values))))
}

/// SHIM: a side in parts.
#[must_use]
pub fn in_parts(items: &RecordBatch) -> Vec<RecordBatch> {
    use crate::table::part::PART_ROWS;
    let starts = (0..items.num_rows()).step_by(PART_ROWS);
    starts.map(|start| items.slice(start, PART_ROWS.min(items.num_rows() - start))).collect()
}

/// Whether each attempt's payment was found at its provider.
#[must_use]
pub fn settled(rows: usize, items: &[u32], outcomes: &[Outcome]) -> arrow::array::BooleanArray {
    let mut settled = vec![false; rows];
    for (&row, outcome) in items.iter().zip(outcomes) {
        settled[row as usize] = outcome.is_settled();
    }
    settled.into()
}
