//! The table `matches`: columns picked from both sides, last of all.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal64Array, DictionaryArray, Int64Array, StringArray, UInt16Array, UInt32Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, UInt16Type};
use rayon::prelude::*;

use super::Night;
use super::candidates::Group;
use super::items::{Items, Kind, Side};
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

/// What agrees: payments in the order of their attempts, then refunds in theirs.
pub(super) fn sheet(night: &Night, order: &Order) -> Sheet {
    let groups = of_groups(night);
    let (payments, refunds) = rayon::join(|| matched(night, order, Kind::Payment), || matched(night, order, Kind::Refund));
    let mut links = Links::new(night, groups, payments.len() + refunds.len());
    links.add(&payments);
    let payments = links.records.len();
    links.add(&refunds);
    links.sheet(payments)
}

/// The records of a kind that agree with their entries, in the order of their identifiers.
fn matched(night: &Night, order: &Order, kind: Kind) -> Vec<u32> {
    order.rows(kind, |part| {
        let ended = night.records.ended[part].iter().enumerate();
        let matched = ended.filter(|(_, outcome)| **outcome == Some(Outcome::Match)).map(|(row, _)| row_id(part, row));
        matched.filter(|&row| night.merchant.kind(row) == kind).collect()
    })
}

/// The groups that agree, by record: the entries the record is linked with, each with its group.
fn of_groups<'n>(night: &'n Night<'n>) -> BTreeMap<u32, Vec<(u32, &'n Group)>> {
    let mut linked: BTreeMap<u32, Vec<(u32, &Group)>> = BTreeMap::new();
    for group in &night.groups {
        let (part, row) = place(group.records[0]);
        if night.records.ended[part][row] != Some(Outcome::Match) {
            continue;
        }
        for (record, entry) in group.links() {
            linked.entry(record).or_default().push((entry.unwrap_or(NO_ROW), group));
        }
    }
    linked
}

/// The rows of the table, in order.
struct Links<'n> {
    night: &'n Night<'n>,
    groups: BTreeMap<u32, Vec<(u32, &'n Group)>>,
    records: Arc<Vec<u32>>,
    /// [`NO_ROW`] where a group has more records than entries.
    entries: Arc<Vec<u32>>,
    /// The entry, or else one of the same group.
    stated: Arc<Vec<u32>>,
}

impl<'n> Links<'n> {
    fn new(night: &'n Night<'n>, groups: BTreeMap<u32, Vec<(u32, &'n Group)>>, rows: usize) -> Self {
        let room = || Arc::new(Vec::with_capacity(rows));
        Self { night, groups, records: room(), entries: room(), stated: room() }
    }

    /// Adds the links of these records.
    fn add(&mut self, records: &[u32]) {
        let Self { night, groups, records: all, entries, stated } = self;
        let [all, entries, stated] = [all, entries, stated].map(|rows| Arc::get_mut(rows).expect("nobody else reads yet"));
        for &record in records {
            match groups.get(&record) {
                None => {
                    let entry = night.met(record).0;
                    all.push(record);
                    entries.push(entry);
                    stated.push(entry);
                }
                Some(links) => {
                    for &(entry, group) in links {
                        all.push(record);
                        entries.push(entry);
                        stated.push(if entry == NO_ROW { group.entries[0] } else { entry });
                    }
                }
            }
        }
    }

    /// The table; the first so many of its rows are payments.
    fn sheet(&self, payments: usize) -> Sheet {
        let rows = self.records.len();
        let kinds = constant("payment", payments).chain(constant("refund", rows - payments)).collect();
        let columns = [
            ("match_id", self.made(|rows| self.identities(rows))),
            ("business_date", self.made(|rows| build::same_date(self.night.rules.night, rows.len()))),
            ("kind", all(kinds)),
            ("pass", self.made(|rows| self.passes(rows))),
            ("cardinality", self.cardinalities()),
            ("entry_id", Picked::rows(columns(self.night.provider, "id").collect(), &self.entries)),
            ("order_id", self.of_record("order_id")),
            ("attempt_id", self.of_records("id", 0..payments)),
            ("refund_id", self.of_records("id", payments..rows)),
            ("provider", self.of_entry("provider")),
            ("account", self.of_entry("account")),
            ("merchant_reference", self.record_or_entry("merchant_reference", Items::merchant_reference)),
            ("provider_reference", self.entry_or_record("provider_reference", Items::provider_reference)),
            ("currency", self.of_entry("currency")),
            ("merchant_amount", self.amounts(Side::Merchant)),
            ("provider_amount", self.amounts(Side::Provider)),
            ("difference", self.made(|rows| self.differences(rows))),
            ("fee", self.fees()),
            ("occurred_at", self.of_entry("occurred_at")),
            ("settled_after_days", self.made(|rows| self.days(rows))),
        ];
        Sheet::new(&MATCHES, rows, columns)
    }

    fn of_entry(&self, name: &str) -> Picked {
        Picked::rows(columns(self.night.provider, name).collect(), &self.stated)
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
        let sides = [(self.night.merchant, &self.records), (self.night.provider, &self.stated)];
        first_stated(name, text, sides)
    }

    fn entry_or_record(&self, name: &str, text: Text<'n>) -> Picked {
        let sides = [(self.night.provider, &self.stated), (self.night.merchant, &self.records)];
        first_stated(name, text, sides)
    }

    /// A column that is made, a part at a time.
    fn made(&self, make: impl Fn(Range<usize>) -> ArrayRef + Sync) -> Picked {
        let rows = self.records.len();
        let starts = (0..rows).into_par_iter().step_by(PART_ROWS);
        all(starts.map(|start| make(start..rows.min(start + PART_ROWS))).collect())
    }

    /// What of a side is linked: of a group the part that is, so that both sides have the sum of all its links. Those are
    /// the amounts of its entries, or of its records where there are more of them.
    fn amounts(&self, side: Side) -> Picked {
        let of = |side| match side {
            Side::Merchant => (self.night.merchant, &self.records),
            Side::Provider => (self.night.provider, &self.entries),
        };
        let other_side = if side == Side::Merchant { Side::Provider } else { Side::Merchant };
        let ((own, rows), (other, others)) = (of(side), of(other_side));
        let own_parts = columns(own, "amount");
        if self.groups.is_empty() {
            return Picked::rows(own_parts.collect(), rows);
        }
        let parts: Vec<ArrayRef> = own_parts.chain(columns(other, "amount")).collect();
        let picked = self.records.iter().zip(rows.iter().zip(others.iter())).map(|(record, (&row, &other))| {
            let by_entries = |links: &Vec<(u32, &Group)>| links[0].1.entries.len() >= links[0].1.records.len();
            match self.groups.get(record) {
                Some(links) if by_entries(links) != (side == Side::Provider) => {
                    let (part, row) = place(other);
                    row_id(own.parts.len() + part, row)
                }
                _ => row,
            }
        });
        Picked::rows(parts, &Arc::new(picked.collect()))
    }

    /// Charged on the entry; nothing where a link has none.
    fn fees(&self) -> Picked {
        let mut parts = fees(self.night.provider);
        if !self.entries.contains(&NO_ROW) {
            return Picked::rows(parts, &self.entries);
        }
        let nothing = row_id(parts.len(), 0);
        parts.push(no_amounts(1));
        let rows = self.entries.iter().map(|&entry| if entry == NO_ROW { nothing } else { entry });
        Picked::rows(parts, &Arc::new(rows.collect()))
    }

    /// Entries to records.
    fn cardinalities(&self) -> Picked {
        let rows = self.records.len();
        if self.groups.is_empty() {
            return all(constant("1:1", rows).collect());
        }
        let words = self.records.iter().map(|record| match self.groups.get(record) {
            None => Cow::Borrowed("1:1"),
            Some(links) => Cow::Owned(format!("{}:{}", links[0].1.entries.len(), links[0].1.records.len())),
        });
        let words: Vec<Cow<str>> = words.collect();
        all(words.chunks(PART_ROWS).map(|part| build::words(part.iter().map(|word| Some(word.as_ref())))).collect())
    }

    /// The entry and the record of each of these pairs.
    fn of(&self, rows: Range<usize>) -> impl ExactSizeIterator<Item = (u32, u32)> {
        self.entries[rows.clone()].iter().copied().zip(self.records[rows].iter().copied())
    }

    fn identities(&self, rows: Range<usize>) -> ArrayRef {
        let Night { provider, merchant, .. } = self.night;
        // All entries are asked for before the first is used: they lie anywhere in memory.
        let entries: Vec<Id> = self.stated[rows.clone()].iter().map(|&entry| provider.id(entry)).collect();
        identities(entries.into_iter().zip(&self.records[rows]).map(|(entry, &record)| {
            let kind = merchant.kind_word(record);
            let identity = match self.groups.get(&record) {
                None => {
                    let record = merchant.id(record);
                    entry.with_text(|entry| record.with_text(|record| Identity::of(&["match", entry, kind, record])))
                }
                Some(links) => {
                    let Group { entries, records } = links[0].1;
                    let of_entries = entries.iter().map(|&row| provider.id(row).to_string());
                    let of_records = records.iter().map(|&row| merchant.id(row).to_string());
                    let ids: Vec<String> = of_entries.chain([kind.to_owned()]).chain(of_records).collect();
                    Identity::of(&["match"].into_iter().chain(ids.iter().map(String::as_str)).collect::<Vec<_>>())
                }
            };
            identity.number()
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
