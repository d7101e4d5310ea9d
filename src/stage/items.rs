//! Entries and records to the two sides of matching, and the outcomes of matching back to their rows.
//!
//! A side has a part for each part of its tables, made of the same columns; nothing is copied.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal64Array, Decimal128Array, DictionaryArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt16Array, UInt32Array,
};
use arrow::compute::{cast, kernels::zip::zip, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Decimal128Type, UInt16Type};
use chrono::NaiveDate;
use rayon::prelude::*;

use super::analyze;
use super::reconcile::{Exclusion, Link, Met, Outcome};
use super::restated::{Known, Since, Stated};
use super::stated_before::{Before, GIVEN_BACK, TRIES};
use crate::error::{Error, Result};
use crate::money;
use crate::table::build::{dates, day_number, words};
use crate::table::identity::Identity;
use crate::table::part::{
    Instants, NARROW_PRECISION, NO_ROW, PART_ROWS, amounts_of, identities, instants, narrowest, nothing, place, row_id,
    same_date, same_word,
};
use crate::table::read::{column, count_of_rows, text, words as words_in};
use crate::table::rows::Rows;

/// One side of matching, and where its rows come from.
#[derive(Debug)]
pub struct Side {
    /// Shaped as `open_items`: a part for each part of the night's own tables, then what was carried in.
    pub parts: Vec<RecordBatch>,
    /// For each of the night's own parts, which rows of its table it holds.
    pub own: Vec<Taken>,
    /// Which rows of what was carried in the others hold.
    carried: Vec<u32>,
    /// How many of the night's own rows state again what was carried in.
    pub again: usize,
}

/// Which rows of a part are compared.
#[derive(Debug)]
pub enum Taken {
    /// All of that many.
    All(usize),
    /// Some: why each of the part is not, and which those are that are, by place.
    Some(Vec<Option<Exclusion>>, Vec<u32>),
}

impl Side {
    /// Where a row of a part stands: in its table's part, or among all that was carried in.
    #[must_use]
    pub fn place(&self, part: usize, row: usize) -> usize {
        match self.own.get(part) {
            Some(taken) => taken.place(row),
            None => self.carried[(part - self.own.len()) * PART_ROWS + row] as usize,
        }
    }
}

impl Taken {
    fn place(&self, row: usize) -> usize {
        match self {
            Self::All(_) => row,
            Self::Some(_, kept) => kept[row] as usize,
        }
    }
}

/// The merchant's records that were stated before.
#[derive(Debug, Default)]
pub struct RecordsBefore {
    /// Attempts.
    pub attempts: Before,
    /// Refunds.
    pub refunds: Before,
}

/// What items are made with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The night.
    pub night: NaiveDate,
    /// Providers of the job, each with the night by which what is first seen tonight should have met its counterpart.
    pub by_provider: &'a [(String, NaiveDate)],
    /// What was carried in and is stated again tonight.
    pub restated: &'a Stated,
}

impl Expected<'_> {
    /// The night by which an item should have met its counterpart; without a provider, the latest of all.
    fn by(&self, provider: Option<&str>) -> Option<NaiveDate> {
        match provider {
            Some(provider) => self.by_provider.iter().filter(|(name, _)| name == provider).map(|(_, by)| *by).max(),
            None => Some(self.by_provider.iter().map(|(_, by)| *by).max().unwrap_or(self.night)),
        }
    }

    /// When each row of a part was first seen, and by when its counterpart should have come: what is stated again keeps
    /// both. Says how many rows that is.
    fn since(&self, part: &RecordBatch, known: &Known, id: &str) -> ([ArrayRef; 2], usize) {
        let tonight = [same_date(self.night, part.num_rows()), self.dates(part)];
        let since = {
            let expected_by = tonight[1].as_primitive::<Date32Type>();
            let first_seen = day_number(self.night);
            known.since(part, id, |row| Since { first_seen, expected_by: expected_by.value(row) })
        };
        since.unwrap_or((tonight, 0))
    }

    /// That night for each row of a part.
    fn dates(&self, part: &RecordBatch) -> ArrayRef {
        let providers = words_in(part, "provider");
        let by = |provider| self.by(provider).unwrap_or(self.night);
        let none = by(None);
        let of_code: Vec<NaiveDate> = providers.values.iter().map(by).collect();
        if of_code.iter().all(|&date| date == none) {
            return same_date(none, part.num_rows());
        }
        let of_row = |row| providers.code(row).map_or(none, |code| of_code[code]);
        dates((0..part.num_rows()).map(|row| Some(day_number(of_row(row)))))
    }
}

/// Law 1: every item that the night before left is on one of the two sides, or is `restated`.
pub fn all_carried_in(sides: [&Side; 2], carried: &RecordBatch, restated: &Stated) -> Result<()> {
    let found: usize = sides.iter().map(|side| side.carried.len()).sum();
    let superseded =
        if restated.count() == 0 { 0 } else { (0..carried.num_rows()).filter(is_restated(carried, restated)).count() };
    let found = found + superseded;
    if found == carried.num_rows() {
        return Ok(());
    }
    Err(Error::law("items carried in are on neither side").expected(carried.num_rows()).found(found))
}

/// The provider's side: all entries, and what was carried in.
#[must_use]
pub fn provider_side(entries: &Rows, carried: &RecordBatch, expected: &Expected) -> Side {
    let own = entries.parts.par_iter().map(|part| entries_compared(part, expected));
    let (own, again): (Vec<RecordBatch>, Vec<usize>) = own.unzip();
    let taken = own.iter().map(|part| Taken::All(part.num_rows())).collect();
    let rows = carried_rows(carried, "provider", expected.restated);
    let carried = carried_in(carried, &rows).map(|part| {
        // The night's own entries are called by numbers, so these are too.
        let numbers: Option<Vec<u128>> = text(&part, "id").iter().map(|id| Some(Identity::parse(id?)?.number())).collect();
        match numbers {
            Some(numbers) => with(&part, "id", &identities(numbers.into_iter())),
            None => part,
        }
    });
    Side { parts: own.into_iter().chain(carried).collect(), own: taken, carried: rows, again: again.iter().sum() }
}

fn entries_compared(part: &RecordBatch, expected: &Expected) -> (RecordBatch, usize) {
    let rows = part.num_rows();
    let ([first_seen, expected_by], again) = expected.since(part, &expected.restated.entries, "entry_id");
    let pick = |name: &str| Arc::clone(column(part, name));
    // What the customer was charged is compared; a provider that does not state it settles what was charged.
    let (charged, gross) = (pick("customer_amount"), pick("gross"));
    let stated = charged.logical_nulls();
    let (amount, currency) = match stated {
        Some(nulls) if nulls.null_count() == rows => (gross, pick("currency")),
        None if pick("customer_currency").logical_null_count() == 0 => (charged, pick("customer_currency")),
        stated => {
            let is_stated = |row| stated.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let (of_customer, settles) = (words_in(part, "customer_currency"), words_in(part, "currency"));
            let currency = words((0..rows).map(|row| {
                let charged = if is_stated(row) { of_customer.optional(row) } else { None };
                charged.or_else(|| settles.optional(row))
            }));
            let mask: BooleanArray = (0..rows).map(|row| Some(is_stated(row))).collect();
            (zip(&mask, &widened(&charged), &widened(&gross)).expect("both are amounts of every row"), currency)
        }
    };
    let items = item_batch([
        ("side", same_word("provider", rows)),
        ("id", pick("entry_id")),
        ("business_date", same_date(expected.night, rows)),
        ("kind", pick("kind")),
        ("expected_by", expected_by),
        ("provider", pick("provider")),
        ("account", pick("account")),
        ("order_id", nothing(rows)),
        ("merchant_reference", pick("merchant_reference")),
        ("provider_reference", pick("provider_reference")),
        ("merchant_refund_reference", pick("merchant_refund_reference")),
        ("currency", currency),
        ("amount", amount),
        ("status", same_word("succeeded", rows)),
        ("occurred_at", pick("occurred_at")),
        ("settled_currency", pick("currency")),
        ("gross", pick("gross")),
        ("fee", pick("fee")),
        ("fee_rule", pick("fee_rule")),
        ("fee_contracted", pick("fee_contracted")),
        ("first_seen", first_seen),
    ]);
    (items, again)
}

/// The merchant's side: attempts and refunds with providers of the job, but for those that say again what was stated
/// `before`; and what was carried in. Parts of refunds follow those of attempts.
#[must_use]
pub fn merchant_side(
    attempts: &Rows,
    refunds: &Rows,
    carried: &RecordBatch,
    expected: &Expected,
    before: &RecordsBefore,
) -> Side {
    let payments = attempts.parts.par_iter().map(|part| records_compared(part, expected, before, "payment"));
    let given_back = refunds.parts.par_iter().map(|part| records_compared(part, expected, before, "refund"));
    let compared: Vec<(RecordBatch, Taken, usize)> = payments.chain(given_back).collect();
    let again = compared.iter().map(|(.., again)| again).sum();
    let (parts, own): (Vec<RecordBatch>, Vec<Taken>) = compared.into_iter().map(|(part, taken, _)| (part, taken)).unzip();
    let rows = carried_rows(carried, "merchant", expected.restated);
    Side { parts: parts.into_iter().chain(carried_in(carried, &rows)).collect(), own, carried: rows, again }
}

fn records_compared(part: &RecordBatch, expected: &Expected, before: &RecordsBefore, kind: &str) -> (RecordBatch, Taken, usize) {
    let rows = part.num_rows();
    let pick = |name: &str| Arc::clone(column(part, name));
    let is_payment = kind == "payment";
    let id = if is_payment { "attempt_id" } else { "refund_id" };
    let known = if is_payment { &expected.restated.attempts } else { &expected.restated.refunds };
    let ([first_seen, expected_by], again) = expected.since(part, known, id);
    let (amount, occurred_at) =
        if is_payment { (pick("amount"), finished_or_started(part)) } else { (negated(&pick("amount")), pick("requested_at")) };
    let items = item_batch([
        ("side", same_word("merchant", rows)),
        ("id", pick(id)),
        ("business_date", same_date(expected.night, rows)),
        ("kind", same_word(kind, rows)),
        ("expected_by", expected_by),
        ("provider", pick("provider")),
        ("account", nothing(rows)),
        ("order_id", pick("order_id")),
        ("merchant_reference", pick("merchant_reference")),
        ("provider_reference", pick("provider_reference")),
        ("merchant_refund_reference", if is_payment { nothing(rows) } else { pick("merchant_refund_reference") }),
        ("currency", pick("currency")),
        ("amount", amount),
        ("status", pick("status")),
        ("occurred_at", occurred_at),
        ("settled_currency", nothing(rows)),
        ("gross", nothing(rows)),
        ("fee", nothing(rows)),
        ("fee_rule", nothing(rows)),
        ("fee_contracted", nothing(rows)),
        ("first_seen", first_seen),
    ]);
    let providers = words_in(part, "provider");
    let in_job: Vec<bool> = providers.values.iter().map(|provider| expected.by(provider).is_some()).collect();
    let (before, stating) = if is_payment { (&before.attempts, &TRIES) } else { (&before.refunds, &GIVEN_BACK) };
    if before.is_empty() && in_job.iter().all(|&named| named) {
        return (items, Taken::All(rows), again);
    }
    let said = before.says_the_same(stating, part);
    let why = |row: usize| {
        let is_in_job = providers.code(row).is_none_or(|code| in_job[code]);
        if is_in_job { said[row].then_some(Exclusion::StatedBefore) } else { Some(Exclusion::ProviderNotInJob) }
    };
    let excluded: Vec<Option<Exclusion>> = (0..rows).map(why).collect();
    let kept: Vec<u32> = (0..count_of_rows(rows)).filter(|&row| excluded[row as usize].is_none()).collect();
    let items = take_record_batch(&items, &UInt32Array::from(kept.clone())).expect("every place is within the part");
    (items, Taken::Some(excluded, kept), again)
}

fn item_batch(columns: [(&str, ArrayRef); 21]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .expect("every column has a row an item")
}

fn with(part: &RecordBatch, name: &str, array: &ArrayRef) -> RecordBatch {
    let schema = part.schema();
    let columns = schema.fields().iter().zip(part.columns()).map(|(field, column)| {
        let column = if field.name() == name { array } else { column };
        (field.name().as_str(), Arc::clone(column), true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("a column was exchanged for one of its length")
}

fn finished_or_started(part: &RecordBatch) -> ArrayRef {
    let (finished, started) = (instants(part, "finished_at"), instants(part, "started_at"));
    match finished {
        Instants::Nothing => Arc::clone(column(part, "started_at")),
        Instants::Plain(finished) if finished.null_count() == 0 => Arc::clone(column(part, "finished_at")),
        Instants::Plain(_) => {
            let times = (0..part.num_rows()).map(|row| finished.get(row).or_else(|| started.get(row)));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
    }
}

/// Amounts with the other sign.
fn negated(amounts: &ArrayRef) -> ArrayRef {
    if let DataType::Decimal64(..) = amounts.data_type() {
        let array: Decimal64Array = amounts.as_primitive::<Decimal64Type>().unary(|amount: i64| -amount);
        return Arc::new(array.with_data_type(DataType::Decimal64(NARROW_PRECISION, 8)));
    }
    let array: Decimal128Array = amounts.as_primitive::<Decimal128Type>().unary(|amount: i128| -amount);
    Arc::new(array.with_data_type(DataType::Decimal128(money::PRECISION, 8)))
}

/// Amounts in 128 bits.
fn widened(array: &ArrayRef) -> ArrayRef {
    let amounts = amounts_of(array);
    crate::table::build::amounts((0..array.len()).map(|row| amounts.get(row)))
}

/// These of the items that the night before left, in parts.
fn carried_in(carried: &RecordBatch, rows: &[u32]) -> impl Iterator<Item = RecordBatch> + use<> {
    let carried = take_record_batch(carried, &UInt32Array::from(rows.to_vec())).expect("the rows are its own");
    let rows = carried.num_rows();
    (0..rows).step_by(PART_ROWS).map(move |start| compact(&carried.slice(start, PART_ROWS.min(rows - start))))
}

/// Which of them are of one side, but for those that tonight's own rows supersede.
fn carried_rows(carried: &RecordBatch, side: &str, restated: &Stated) -> Vec<u32> {
    let sides = words_in(carried, "side");
    let is_restated = is_restated(carried, restated);
    let stands = |row: &u32| sides.get(*row as usize) == side && !is_restated(&(*row as usize));
    (0..count_of_rows(carried.num_rows())).filter(stands).collect()
}

/// Whether a row of what was carried in is stated again tonight.
fn is_restated<'c>(carried: &'c RecordBatch, restated: &'c Stated) -> impl Fn(&usize) -> bool + 'c {
    let (sides, kinds, ids) = (words_in(carried, "side"), words_in(carried, "kind"), text(carried, "id"));
    move |&row| restated.has(sides.get(row), kinds.get(row), ids.value(row))
}

/// Items of a published table in the types of a part, so that all parts of a side are alike.
fn compact(items: &RecordBatch) -> RecordBatch {
    let schema = items.schema();
    let columns = schema.fields().iter().zip(items.columns()).map(|(field, array)| {
        let array = match array.data_type() {
            _ if array.logical_null_count() == array.len() => nothing(array.len()),
            DataType::Dictionary(..) => {
                let texts = cast(array, &DataType::Utf8).expect("words are text");
                cast(&texts, &DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)))
                    .expect("a part has fewer rows than sixteen bits count")
            }
            DataType::Decimal128(..) => {
                let amounts = amounts_of(array);
                narrowest(&(0..array.len()).map(|row| amounts.get(row)).collect::<Vec<_>>())
            }
            _ => Arc::clone(array),
        };
        (field.name().as_str(), array, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("every column keeps its rows")
}

/// Where each row of the night's own parts ended; none where it goes on to a later round.
#[must_use]
pub fn outcomes_of_rows(taken: &[Taken], outcomes: &[Vec<Option<Outcome>>]) -> Vec<Vec<Option<Outcome>>> {
    let of_part = |(taken, outcomes): (&Taken, &Vec<Option<Outcome>>)| match taken {
        Taken::All(_) => outcomes.clone(),
        Taken::Some(excluded, kept) => {
            let mut of_row: Vec<Option<Outcome>> = excluded.iter().map(|why| why.map(Outcome::Excluded)).collect();
            for (&row, &outcome) in kept.iter().zip(outcomes) {
                of_row[row as usize] = outcome;
            }
            of_row
        }
    };
    taken.par_iter().zip(outcomes).map(of_part).collect()
}

/// Which entries attempts met: `attempts` are the first parts of the merchant's side, `entries` those of the provider's.
#[must_use]
pub fn met_by_attempts<'a>(attempts: &'a Rows, merchant: &Side, provider: &'a Side, met: &Met) -> analyze::Met<'a> {
    let parts = attempts.parts.len();
    let in_groups = met.in_groups.iter().map(|link| (link, place(link.record))).filter(|&(_, (part, _))| part < parts);
    analyze::Met {
        attempts: &attempts.parts,
        entries: &provider.parts,
        alone: met_by_rows(&merchant.own[..parts], &met.alone),
        in_groups: in_groups
            .map(|(link, (part, row))| Link { record: row_id(part, merchant.place(part, row)), ..*link })
            .collect(),
    }
}

/// The entry each row of the night's own parts met alone.
fn met_by_rows(taken: &[Taken], met: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let of_part = |(taken, met): (&Taken, &Vec<u32>)| match taken {
        Taken::All(_) => met.clone(),
        Taken::Some(excluded, kept) => {
            let mut of_row = vec![NO_ROW; excluded.len()];
            kept.iter().zip(met).for_each(|(&row, &entry)| of_row[row as usize] = entry);
            of_row
        }
    };
    taken.par_iter().zip(met).map(of_part).collect()
}

/// The columns `outcome` and `outcome_reason` of a table, by part; empty where a row goes on to a later round.
#[must_use]
pub fn outcome_columns(outcomes: &[Vec<Option<Outcome>>]) -> [(&'static str, Vec<ArrayRef>); 2] {
    let outcome = |outcome: Option<Outcome>| outcome.map(Outcome::as_str);
    let why = |outcome: Option<Outcome>| outcome.and_then(Outcome::reason);
    [
        ("outcome", outcomes.par_iter().map(|part| said(part, outcome)).collect()),
        ("outcome_reason", outcomes.par_iter().map(|part| said(part, why)).collect()),
    ]
}

/// The outcomes that the columns of [`outcome_columns`] tell, of rows that have all ended.
///
/// # Panics
/// If they tell of none: a mistake in the code that made them.
#[must_use]
pub fn outcomes_of_columns(part: &RecordBatch) -> Vec<Option<Outcome>> {
    let (outcomes, reasons) = (words_in(part, "outcome"), words_in(part, "outcome_reason"));
    let outcome =
        |row| Outcome::parse(outcomes.get(row), reasons.optional(row)).expect("columns tell outcomes in their own words");
    (0..part.num_rows()).map(outcome).map(Some).collect()
}

/// A word per outcome. There are few outcomes, so each is put into words once.
fn said(outcomes: &[Option<Outcome>], word: impl Fn(Option<Outcome>) -> Option<&'static str>) -> ArrayRef {
    let mut known: Vec<(Option<Outcome>, Option<u16>)> = Vec::new();
    let mut values: Vec<&'static str> = Vec::new();
    let codes: UInt16Array = outcomes
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
                u16::try_from(at).expect("few outcomes")
            });
            known.push((*outcome, code));
            code
        })
        .collect();
    match values[..] {
        [] => nothing(outcomes.len()),
        [only] if codes.null_count() == 0 => same_word(only, outcomes.len()),
        _ => Arc::new(DictionaryArray::<UInt16Type>::new(codes, Arc::new(StringArray::from(values)))),
    }
}
