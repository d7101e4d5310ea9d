//! The table `matches`: columns picked from both sides, last of all.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal64Array, Decimal128Array, DictionaryArray, Int64Array, StringArray, UInt16Array, UInt32Array,
};
use arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, UInt16Type};
use rayon::prelude::*;

use super::items::{Items, Kind};
use super::outcome::Outcome;
use super::passes::PASSES;
use super::{Night, order};
use crate::money::{PRECISION, SCALE};
use crate::table::build;
use crate::table::identity::Identity;
use crate::table::part::{Id, NARROW_PRECISION, NO_ROW, PART_ROWS, identities, place, row_id, same_word};
use crate::table::read::column;
use crate::table::reconciliation::MATCHES;
use crate::table::sheet::{Pick, Picked, Sheet};

/// The pairs that agree: payments in the order of their attempts, then refunds in theirs.
pub(super) fn sheet(night: &Night) -> Sheet {
    let (mut records, refunds) = rayon::join(|| matched(night, Kind::Payment), || matched(night, Kind::Refund));
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
fn matched(night: &Night, kind: Kind) -> Vec<u32> {
    let parts = night.records.ended.par_iter().enumerate();
    let matched = parts.map(|(part, ended)| {
        let matched = ended.iter().enumerate().filter(|(_, outcome)| **outcome == Some(Outcome::Match));
        matched.map(|(row, _)| row_id(part, row)).filter(|&row| night.merchant.kind(row) == kind).collect::<Vec<_>>()
    });
    order::by_id(night.merchant, matched.collect::<Vec<_>>().concat())
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
        let passes: Vec<u8> = self.records[rows].iter().map(|&record| self.night.met(record).1).collect();
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
        let differences = || self.of(rows.clone()).map(|(entry, record)| (provider.amount(entry) - merchant.amount(record)).0);
        let limit = 10_i64.pow(u32::from(NARROW_PRECISION));
        let narrow = |wide| i64::try_from(wide).ok().filter(|narrow| narrow.abs() < limit);
        let scale = i8::try_from(SCALE).expect("eight");
        match differences().map(narrow).collect::<Option<Vec<i64>>>() {
            Some(narrow) => {
                Arc::new(Decimal64Array::from(narrow).with_data_type(DataType::Decimal64(NARROW_PRECISION, scale)))
            }
            None => {
                let wide: Decimal128Array = differences().map(Some).collect();
                Arc::new(wide.with_data_type(DataType::Decimal128(PRECISION, scale)))
            }
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
    if parts.par_iter().all(|part| all_stated(part)) {
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
            kind @ DataType::Decimal128(..) => {
                let stated = fees.as_primitive::<Decimal128Type>().iter().map(|fee| Some(fee.unwrap_or_default()));
                Arc::new(stated.collect::<Decimal128Array>().with_data_type(kind.clone()))
            }
            kind => {
                let zeros = || Decimal64Array::from(vec![0; fees.len()]);
                let stated = match kind {
                    DataType::Null => zeros(),
                    _ => fees.as_primitive::<Decimal64Type>().iter().map(|fee| Some(fee.unwrap_or_default())).collect(),
                };
                let scale = i8::try_from(SCALE).expect("eight");
                Arc::new(stated.with_data_type(DataType::Decimal64(NARROW_PRECISION, scale)))
            }
        }
    });
    fees.collect()
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
