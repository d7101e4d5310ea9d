//! Rows in parts: a table while a night works on it.
//!
//! A part is a batch of at most [`PART_ROWS`] rows as they were read, each column in the smallest type that holds
//! it. Nothing is laid end to end or put in order in memory: a row is named by its part and its place there, and
//! the order of a table is a list of such names.
//!
//! | a column of | is in a part |
//! |---|---|
//! | text | `Utf8`, or `FixedSizeBinary(16)` where it is an identity |
//! | text of few values | `Dictionary(UInt16, Utf8)` |
//! | amount | `Decimal64(18, 8)`, or `Decimal128(24, 8)` where one of the part needs it |
//! | count | `UInt32` or `Int64` |
//! | anything else | its published type |
//!
//! A column that no row of a part fills is `Null`; a batch of a published table is read here too.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal64Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt16Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Date32Type, Decimal64Type, Decimal128Type, TimestampMicrosecondType, UInt16Type};
use chrono::NaiveDate;

use super::build::day_number;
use super::identity::Identity;
use super::read::column;
use crate::money::Amount;

/// Most rows of a part: what sixteen bits count.
pub const PART_ROWS: usize = 1 << 16;
/// Digits of an amount that fits 64 bits.
pub const NARROW_PRECISION: u8 = 18;
/// A row there is not.
pub const NO_ROW: u32 = u32::MAX;

/// The name of a row: its part, and its place there.
///
/// # Panics
/// If there are more parts than sixteen bits count, or more rows in one.
#[must_use]
pub fn row_id(part: usize, row: usize) -> u32 {
    assert!(part < PART_ROWS && row < PART_ROWS, "a row's name holds sixteen bits each of part and place");
    u32::try_from(part << 16 | row).expect("two times sixteen bits")
}

/// The part of a row, and its place there.
#[inline]
#[must_use]
pub fn place(row: u32) -> (usize, usize) {
    ((row >> 16) as usize, (row & 0xffff) as usize)
}

/// The names of all rows of `parts`, in order.
pub fn row_ids(parts: &[RecordBatch]) -> impl Iterator<Item = u32> {
    parts.iter().enumerate().flat_map(|(part, batch)| (0..batch.num_rows()).map(move |row| row_id(part, row)))
}

/// A text column.
#[derive(Clone, Copy, Debug)]
pub enum Texts<'a> {
    /// Text.
    Plain(&'a StringArray),
    /// No row has one.
    Nothing,
}

impl<'a> Texts<'a> {
    /// The text of a row, if it has one.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Nothing => None,
        }
    }

    /// The text of a row, if it has one that is not empty.
    #[inline]
    #[must_use]
    pub fn stated(&self, row: usize) -> Option<&'a str> {
        self.get(row).filter(|text| !text.is_empty())
    }
}

/// The text column `name`.
#[must_use]
pub fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Texts<'a> {
    let array = column(batch, name);
    if *array.data_type() == DataType::Null { Texts::Nothing } else { Texts::Plain(array.as_string::<i32>()) }
}

/// What a row is called: an identity as a number, or text. Numbers order as their texts do.
#[derive(Clone, Copy, Debug)]
pub enum Id<'a> {
    /// An identity.
    Number(Identity),
    /// Text.
    Text(&'a str),
}

impl Id<'_> {
    /// Calls `read` with the text.
    pub fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Number(number) => number.with_text(read),
            Self::Text(text) => read(text),
        }
    }
}

impl Ord for Id<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.with_text(|one| other.with_text(|other| one.cmp(other))),
        }
    }
}

impl PartialOrd for Id<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Id<'_> {}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

/// A column of what rows are called.
#[derive(Clone, Copy, Debug)]
pub enum Ids<'a> {
    /// Identities, sixteen bytes each, the most significant first.
    Numbers(&'a FixedSizeBinaryArray),
    /// Text.
    Texts(&'a StringArray),
}

impl<'a> Ids<'a> {
    /// What a row is called.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Id<'a> {
        match self {
            Self::Numbers(numbers) => Id::Number(identity(numbers.value(row))),
            Self::Texts(texts) => Id::Text(texts.value(row)),
        }
    }
}

/// The column `name`, of what rows are called.
#[must_use]
pub fn ids<'a>(batch: &'a RecordBatch, name: &str) -> Ids<'a> {
    let array = column(batch, name);
    match array.data_type() {
        DataType::FixedSizeBinary(_) => Ids::Numbers(array.as_fixed_size_binary()),
        _ => Ids::Texts(array.as_string::<i32>()),
    }
}

/// The identity in sixteen bytes.
#[inline]
#[must_use]
pub fn identity(bytes: &[u8]) -> Identity {
    Identity::from_number(u128::from_be_bytes(bytes.try_into().expect("an identity has sixteen bytes")))
}

/// A column of identities.
#[must_use]
pub fn identities(numbers: impl ExactSizeIterator<Item = u128>) -> ArrayRef {
    let mut bytes = Vec::with_capacity(numbers.len() * 16);
    numbers.for_each(|number| bytes.extend_from_slice(&number.to_be_bytes()));
    Arc::new(FixedSizeBinaryArray::new(16, bytes.into(), None))
}

/// A column of amounts or rates.
#[derive(Clone, Copy, Debug)]
pub enum Amounts<'a> {
    /// All fit 64 bits.
    Narrow(&'a Decimal64Array),
    /// One does not.
    Wide(&'a Decimal128Array),
    /// No row has one.
    Nothing,
}

impl Amounts<'_> {
    /// The amount of a row, if it has one.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Amount> {
        match self {
            Self::Narrow(amounts) => amounts.is_valid(row).then(|| Amount(i128::from(amounts.value(row)))),
            Self::Wide(amounts) => amounts.is_valid(row).then(|| Amount(amounts.value(row))),
            Self::Nothing => None,
        }
    }
}

/// The column of amounts `name`.
#[must_use]
pub fn amounts<'a>(batch: &'a RecordBatch, name: &str) -> Amounts<'a> {
    amounts_of(column(batch, name))
}

/// An array of amounts.
#[must_use]
pub fn amounts_of(array: &ArrayRef) -> Amounts<'_> {
    match array.data_type() {
        DataType::Null => Amounts::Nothing,
        DataType::Decimal64(..) => Amounts::Narrow(array.as_primitive::<Decimal64Type>()),
        _ => Amounts::Wide(array.as_primitive::<Decimal128Type>()),
    }
}

/// A column of amounts, in the smallest type that holds them.
#[must_use]
pub fn narrowest(amounts: &[Option<Amount>]) -> ArrayRef {
    if amounts.iter().all(Option::is_none) {
        return nothing(amounts.len());
    }
    let limit = 10_i128.pow(NARROW_PRECISION.into());
    if amounts.iter().flatten().any(|amount| amount.0.abs() >= limit) {
        return super::build::amounts(amounts.iter().copied());
    }
    let short = |amount: Amount| i64::try_from(amount.0).expect("it is below 10^18");
    let array: Decimal64Array = amounts.iter().map(|amount| amount.map(short)).collect();
    Arc::new(array.with_data_type(DataType::Decimal64(NARROW_PRECISION, 8)))
}

/// A column of instants, in microseconds.
#[derive(Clone, Copy, Debug)]
pub enum Instants<'a> {
    /// Instants.
    Plain(&'a TimestampMicrosecondArray),
    /// No row has one.
    Nothing,
}

impl Instants<'_> {
    /// The instant of a row, if it has one.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Plain(instants) => instants.is_valid(row).then(|| instants.value(row)),
            Self::Nothing => None,
        }
    }
}

/// The column of instants `name`.
#[must_use]
pub fn instants<'a>(batch: &'a RecordBatch, name: &str) -> Instants<'a> {
    let array = column(batch, name);
    if *array.data_type() == DataType::Null {
        return Instants::Nothing;
    }
    Instants::Plain(array.as_primitive::<TimestampMicrosecondType>())
}

/// A column of days since 1970-01-01.
#[must_use]
pub fn dates<'a>(batch: &'a RecordBatch, name: &str) -> &'a Date32Array {
    column(batch, name).as_primitive::<Date32Type>()
}

/// A column of one word for `rows` rows of a part. All such columns share their codes: they take no room.
#[must_use]
pub fn same_word(word: &str, rows: usize) -> ArrayRef {
    static ZEROS: LazyLock<ScalarBuffer<u16>> = LazyLock::new(|| vec![0; PART_ROWS].into());
    let codes = UInt16Array::new(ZEROS.slice(0, rows), None);
    let values = Arc::new(StringArray::from(vec![word]));
    Arc::new(DictionaryArray::<UInt16Type>::try_new(codes, values).expect("every code is the one word's"))
}

/// A column of few words, in the order of the rows of a part.
#[must_use]
pub fn few_words(words: &[Option<&str>]) -> ArrayRef {
    let mut values: Vec<&str> = words.iter().flatten().copied().collect();
    values.sort_unstable();
    values.dedup();
    let code = |word: &str| u16::try_from(values.binary_search(&word).expect("it is one of them")).expect("few words");
    let codes: UInt16Array = words.iter().map(|word| word.map(code)).collect();
    if codes.null_count() == words.len() {
        return nothing(words.len());
    }
    Arc::new(DictionaryArray::<UInt16Type>::new(codes, Arc::new(StringArray::from(values.clone()))))
}

/// A column that no row of a part fills.
#[must_use]
pub fn nothing(rows: usize) -> ArrayRef {
    Arc::new(arrow::array::NullArray::new(rows))
}

/// A column of one day for `rows` rows of a part. All such columns of a day share their values.
#[must_use]
pub fn same_date(date: NaiveDate, rows: usize) -> ArrayRef {
    static LAST: Mutex<Option<(i32, Date32Array)>> = Mutex::new(None);
    let day = day_number(date);
    let mut last = LAST.lock().expect("nothing panics while it holds the days");
    if last.as_ref().is_none_or(|(of, _)| *of != day) {
        *last = Some((day, Date32Array::from(vec![day; PART_ROWS])));
    }
    let (_, days) = last.as_ref().expect("they were just made");
    Arc::new(days.slice(0, rows))
}
