//! The table `matches`: columns picked from both sides, last of all.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal64Array, DictionaryArray, Int64Array, StringArray, UInt16Array, UInt32Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, UInt16Type};
use rayon::prelude::*;

use super::Night;
use super::items::{Items, Kind};
use super::order::Order;
use super::outcome::Outcome;
use super::passes::PASSES;
use crate::money::{Amount, SCALE};
use crate::table::build;
use crate::table::identity::Identity;
use crate::table::part::{Id, NARROW_PRECISION, NO_ROW, PART_ROWS, identities, place, row_id, same_word};
use crate::table::read::column;
use crate::table::reconciliation::MATCHES;
use crate::table::sheet::{Pick, Picked, Sheet};

/// The pairs that agree: payments in the order of their attempts, then refunds in theirs.
pub(super) fn sheet(night: &Night, order: &Order) -> Sheet {
    let (mut records, refunds) = rayon::join(|| matched(night, order, Kind::Payment), || matched(night, order, Kind::Refund));
    let payments = records.len();
    records.extend_from_slice(&refunds);
    let rows = records.len();
    let entries = records.iter().map(|&record| night.met(record).0).collect();
    let pairs = Pairs { night, records: Arc::new(records), entries: Arc::new(entries) };
    let kinds = constant("payment", payments).chain(constant("refund", rows - payments)).collect();
    Sheet::new(
        &MATCHES,
        rows,
        [
            ("match_id", pairs.made(|rows| pairs.identities(rows))),
            ("business_date", pairs.made(|rows| build::same_date(night.rules.night, rows.len()))),
            ("kind", all(kinds)),
            ("pass", pairs.made(|rows| pairs.passes(rows))),
            ("cardinality", all(constant("1:1", rows).collect())),
            ("entry_id", pairs.of_entry("id")),
            ("order_id", pairs.of_record("order_id")),
            ("attempt_id", pairs.of_records("id", 0..payments)),
            ("refund_id", pairs.of_records("id", payments..rows)),
            ("provider", pairs.of_entry("provider")),
            ("account", pairs.of_entry("account")),
            ("merchant_reference", pairs.record_or_entry("merchant_reference", Items::merchant_reference)),
            ("provider_reference", pairs.entry_or_record("provider_reference", Items::provider_reference)),
            ("currency", pairs.of_entry("currency")),
            ("merchant_amount", pairs.of_record("amount")),
            ("provider_amount", pairs.of_entry("amount")),
            ("difference", pairs.made(|rows| pairs.differences(rows))),
            ("fee", Picked::rows(fees(night.provider), &pairs.entries)),
            ("occurred_at", pairs.of_entry("occurred_at")),
            ("settled_after_days", pairs.made(|rows| pairs.days(rows))),
        ],
    )
}

/// The records of a kind that agree with their entries, in the order of their identifiers.
fn matched(night: &Night, order: &Order, kind: Kind) -> Vec<u32> {
    order.rows(kind, |part| {
        let ended = night.records.ended[part].iter().enumerate();
        let matched = ended.filter(|(_, outcome)| **outcome == Some(Outcome::Match)).map(|(row, _)| row_id(part, row));
        matched.filter(|&row| night.merchant.kind(row) == kind).collect()
    })
}

/// The pairs of the table, in order.
struct Pairs<'n> {
    night: &'n Night<'n>,
    records: Arc<Vec<u32>>,
    entries: Arc<Vec<u32>>,
}

impl<'n> Pairs<'n> {
    fn of_entry(&self, name: &str) -> Picked {
        Picked::rows(columns(self.night.provider, name).collect(), &self.entries)
    }

    fn of_record(&self, name: &str) -> Picked {
        Picked::rows(columns(self.night.merchant, name).collect(), &self.records)
    }

    /// What the records of these pairs say; the others leave it empty.
    fn of_records(&self, name: &str, pairs: Range<usize>) -> Picked {
        if pairs.len() == self.records.len() {
            return self.of_record(name);
        }
        let mut rows = vec![NO_ROW; self.records.len()];
        rows[pairs.clone()].copy_from_slice(&self.records[pairs]);
        Picked::rows(columns(self.night.merchant, name).collect(), &Arc::new(rows))
    }

    fn record_or_entry(&self, name: &str, text: Text<'n>) -> Picked {
        let sides = [(self.night.merchant, &self.records), (self.night.provider, &self.entries)];
        first_stated(name, text, sides)
    }

    fn entry_or_record(&self, name: &str, text: Text<'n>) -> Picked {
        let sides = [(self.night.provider, &self.entries), (self.night.merchant, &self.records)];
        first_stated(name, text, sides)
    }

    /// A column that is made, a part at a time.
    fn made(&self, make: impl Fn(Range<usize>) -> ArrayRef + Sync) -> Picked {
        let rows = self.records.len();
        let starts = (0..rows).into_par_iter().step_by(PART_ROWS);
        all(starts.map(|start| make(start..rows.min(start + PART_ROWS))).collect())
    }

    /// The entry and the record of each of these pairs.
    fn of(&self, rows: Range<usize>) -> impl ExactSizeIterator<Item = (u32, u32)> {
        self.entries[rows.clone()].iter().copied().zip(self.records[rows].iter().copied())
    }

    fn identities(&self, rows: Range<usize>) -> ArrayRef {
        let Night { provider, merchant, .. } = self.night;
        // All entries are asked for before the first is used: they lie anywhere in memory.
        let entries: Vec<Id> = self.entries[rows.clone()].iter().map(|&entry| provider.id(entry)).collect();
        identities(entries.into_iter().zip(&self.records[rows]).map(|(entry, &record)| {
            let (kind, record) = (merchant.kind_word(record), merchant.id(record));
            entry.with_text(|entry| record.with_text(|record| Identity::of(&["match", entry, kind, record]))).number()
        }))
    }

    fn passes(&self, rows: Range<usize>) -> ArrayRef {
        let passes: Vec<u8> = self.records[rows].iter().map(|&record| self.night.met(record).1.pass).collect();
        let name = |pass: u8| PASSES[usize::from(pass)].name;
        if passes.iter().all(|&pass| name(pass) == name(passes[0])) {
            return same_word(name(passes[0]), passes.len());
        }
        let mut names: Vec<&str> = PASSES.iter().map(|pass| pass.name).collect();
        names.sort_unstable();
        names.dedup();
        let codes = (0..).zip(&PASSES).map(|(pass, _)| names.binary_search(&name(pass)).expect("the name of a pass"));
        let codes: Vec<u16> = codes.map(|code| u16::try_from(code).expect("few passes")).collect();
        let codes: UInt16Array = passes.iter().map(|&pass| Some(codes[usize::from(pass)])).collect();
        Arc::new(DictionaryArray::<UInt16Type>::new(codes, Arc::new(StringArray::from(names))))
    }

    fn differences(&self, rows: Range<usize>) -> ArrayRef {
        let Night { provider, merchant, .. } = self.night;
        let is_tolerated = |record| self.night.met(record).1.tolerated;
        if !self.records[rows.clone()].iter().any(|&record| is_tolerated(record)) {
            return no_amounts(rows.len());
        }
        // The entries of the others are not asked for: they lie anywhere in memory.
        let difference = |(entry, record)| {
            if is_tolerated(record) { provider.amount(entry) - merchant.amount(record) } else { Amount::ZERO }
        };
        let differences = || self.of(rows.clone()).map(difference);
        let limit = 10_i64.pow(u32::from(NARROW_PRECISION));
        let narrow = |wide: Amount| i64::try_from(wide.0).ok().filter(|narrow| narrow.abs() < limit);
        match differences().map(narrow).collect::<Option<Vec<i64>>>() {
            Some(narrow) => Arc::new(Decimal64Array::from(narrow).with_data_type(narrow_amount())),
            None => build::amounts(differences().map(Some)),
        }
    }

    fn days(&self, rows: Range<usize>) -> ArrayRef {
        let days = || self.records[rows.clone()].iter().map(|&record| self.night.day - self.night.merchant.first_seen(record));
        match days().map(|days| u32::try_from(days).ok()).collect::<Option<Vec<u32>>>() {
            Some(days) => Arc::new(UInt32Array::from(days)),
            None => Arc::new(days().map(|days| Some(i64::from(days))).collect::<Int64Array>()),
        }
    }
}

/// A text of a row.
type Text<'n> = fn(&Items<'n>, u32) -> Option<&'n str>;

/// What the first of two sides says, or else the second.
fn first_stated<'n>(name: &str, text: Text<'n>, sides: [(&'n Items<'n>, &Arc<Vec<u32>>); 2]) -> Picked {
    let [(first, first_rows), (second, second_rows)] = sides;
    let mut parts: Vec<ArrayRef> = columns(first, name).collect();
    let states = |row: &u32| text(first, *row).is_some();
    if parts.par_iter().all(all_stated) {
        return Picked::rows(parts, first_rows);
    }
    let after_first = parts.len();
    parts.extend(columns(second, name));
    let choose = |(&row, &other): (&u32, &u32)| {
        if states(&row) {
            return row;
        }
        let (part, row) = place(other);
        text(second, other).map_or(NO_ROW, |_| row_id(after_first + part, row))
    };
    let rows: Vec<u32> = first_rows.par_iter().zip(second_rows.par_iter()).with_min_len(PART_ROWS).map(choose).collect();
    Picked::rows(parts, &Arc::new(rows))
}

/// Whether every row of a text column has a text.
fn all_stated(texts: &ArrayRef) -> bool {
    let lengths = |texts: &StringArray| texts.value_offsets().windows(2).all(|ends| ends[0] < ends[1]);
    *texts.data_type() != DataType::Null && texts.null_count() == 0 && lengths(texts.as_string::<i32>())
}

/// The fees of the entries; nothing charged where none is stated.
fn fees(provider: &Items) -> Vec<ArrayRef> {
    let fees = columns(provider, "fee").map(|fees| -> ArrayRef {
        match fees.data_type() {
            _ if fees.data_type() != &DataType::Null && fees.null_count() == 0 => fees,
            DataType::Decimal128(..) => {
                build::amounts(fees.as_primitive::<Decimal128Type>().iter().map(|fee| Some(Amount(fee.unwrap_or_default()))))
            }
            DataType::Null => no_amounts(fees.len()),
            _ => {
                let stated = fees.as_primitive::<Decimal64Type>().iter().map(|fee| Some(fee.unwrap_or_default()));
                Arc::new(stated.collect::<Decimal64Array>().with_data_type(narrow_amount()))
            }
        }
    });
    fees.collect()
}

/// The type of amounts that fit 64 bits.
fn narrow_amount() -> DataType {
    DataType::Decimal64(NARROW_PRECISION, i8::try_from(SCALE).expect("eight"))
}

/// A part of a column where every amount is zero. All such parts share their values: they take no room.
fn no_amounts(rows: usize) -> ArrayRef {
    static ZEROS: LazyLock<ScalarBuffer<i64>> = LazyLock::new(|| vec![0; PART_ROWS].into());
    Arc::new(Decimal64Array::new(ZEROS.slice(0, rows), None).with_data_type(narrow_amount()))
}

/// A column of one side, by part.
fn columns<'n>(items: &Items<'n>, name: &'n str) -> impl Iterator<Item = ArrayRef> {
    items.batches.iter().map(move |batch| Arc::clone(column(batch, name)))
}

/// A column of these parts, end to end.
fn all(parts: Vec<ArrayRef>) -> Picked {
    Picked { parts, rows: Pick::All }
}

/// One word for `rows` rows, a part at a time.
fn constant(word: &str, rows: usize) -> impl Iterator<Item = ArrayRef> {
    (0..rows).step_by(PART_ROWS).map(move |start| same_word(word, PART_ROWS.min(rows - start)))
}
