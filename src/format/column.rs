//! Columns under construction: one per canonical column, filled row by row, rolled back when a row is rejected.
//!
//! A row without a value holds a value no row can have, so that nothing else is kept of it until the column is whole.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, Date32Array, Decimal64Array, Decimal128Array, DictionaryArray, PrimitiveArray,
    StringArray, TimestampMicrosecondArray, UInt16Array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::UInt16Type;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::money::{Amount, PRECISION};
use crate::table::column::{RATE_SCALE, Type};
use crate::table::part::{NARROW_PRECISION, nothing};

/// A column under construction.
#[derive(Debug)]
pub enum Building {
    /// Text, kept as bytes of UTF-8.
    Text(Texts),
    /// Text out of few values.
    Word(Words),
    /// Amounts.
    Amount(Amounts),
    /// Rates of exchange, in units of their scale.
    Rate(Vec<i128>),
    /// Microseconds since 1970-01-01 UTC.
    Instant(Vec<i64>),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
}

/// Stands for no rate.
pub const NO_RATE: i128 = i128::MIN;
/// Stands for no instant.
pub const NO_INSTANT: i64 = i64::MIN;
/// Stands for no day.
pub const NO_DATE: i32 = i32::MIN;

impl Building {
    /// An empty column of that type, with room for that many rows.
    ///
    /// # Panics
    /// For a type no format can fill.
    #[must_use]
    pub fn new(kind: Type, rows: usize) -> Self {
        match kind {
            Type::Text => Self::Text(Texts::with_room(rows)),
            Type::Word => Self::Word(Words { codes: Vec::with_capacity(rows), ..Words::default() }),
            Type::Amount => Self::Amount(Amounts { narrow: Vec::with_capacity(rows), wide: None }),
            Type::Rate => Self::Rate(Vec::with_capacity(rows)),
            Type::Instant => Self::Instant(Vec::with_capacity(rows)),
            Type::Date => Self::Date(Vec::with_capacity(rows)),
            Type::Count | Type::Ratio | Type::Flag => panic!("no format fills a column of {kind:?}"),
        }
    }

    /// Adds that many rows without a value.
    pub fn extend_with_nothing(&mut self, rows: usize) {
        match self {
            Self::Text(texts) => (0..rows).for_each(|_| texts.push(b"")),
            Self::Word(words) => words.extend(NO_WORD, rows),
            Self::Amount(amounts) => (0..rows).for_each(|_| amounts.push(None)),
            Self::Rate(values) => values.extend(std::iter::repeat_n(NO_RATE, rows)),
            Self::Instant(values) => values.extend(std::iter::repeat_n(NO_INSTANT, rows)),
            Self::Date(values) => values.extend(std::iter::repeat_n(NO_DATE, rows)),
        }
    }

    /// Forgets every row from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(texts) => texts.truncate(rows),
            Self::Word(words) => words.codes.truncate(rows),
            Self::Amount(amounts) => amounts.truncate(rows),
            Self::Rate(values) => values.truncate(rows),
            Self::Instant(values) => values.truncate(rows),
            Self::Date(values) => values.truncate(rows),
        }
    }

    /// The finished column, in the types of [`crate::table::part`].
    #[must_use]
    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Text(texts) => texts.finish(),
            Self::Word(words) => words.finish(),
            Self::Amount(amounts) => amounts.finish(),
            Self::Rate(values) => numbers(values, NO_RATE, |values, nulls| {
                Decimal128Array::new(values, nulls)
                    .with_precision_and_scale(PRECISION, RATE_SCALE)
                    .expect("the scale is below the precision")
            }),
            Self::Instant(values) => {
                numbers(values, NO_INSTANT, |values, nulls| TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC"))
            }
            Self::Date(values) => numbers(values, NO_DATE, Date32Array::new),
        }
    }
}

/// An array of numbers; `none` becomes null, and a column of nothing else the column of nothing.
fn numbers<T: ArrowPrimitiveType>(
    mut values: Vec<T::Native>,
    none: T::Native,
    array: impl FnOnce(ScalarBuffer<T::Native>, Option<NullBuffer>) -> PrimitiveArray<T>,
) -> ArrayRef {
    // Counted so that no overflow is looked for: then it is done in vectors.
    let empty = values.iter().fold(0_usize, |empty, &value| empty.wrapping_add(usize::from(value == none)));
    if empty == values.len() {
        return nothing(empty);
    }
    let nulls = (empty > 0).then(|| {
        let valid = BooleanBuffer::collect_bool(values.len(), |row| values[row] != none);
        values.iter_mut().filter(|value| **value == none).for_each(|value| *value = T::Native::default());
        NullBuffer::new(valid)
    });
    Arc::new(array(values.into(), nulls))
}

/// A column of amounts under construction, in 64 bits as long as all fit.
#[derive(Debug, Default)]
pub struct Amounts {
    narrow: Vec<i64>,
    wide: Option<Vec<i128>>,
}

const NO_AMOUNT: i64 = i64::MIN;
const NO_WIDE_AMOUNT: i128 = i128::MIN;
/// The first magnitude that does not fit [`NARROW_PRECISION`] digits.
const NARROW_LIMIT: i64 = 10_i64.pow(NARROW_PRECISION as u32);

/// The amount in 64 bits, where it has no more than [`NARROW_PRECISION`] digits.
#[must_use]
pub fn narrow(amount: Amount) -> Option<i64> {
    i64::try_from(amount.0).ok().filter(|value| (1 - NARROW_LIMIT..NARROW_LIMIT).contains(value))
}

impl Amounts {
    /// Adds a row.
    pub fn push(&mut self, amount: Option<Amount>) {
        let value = amount.map_or(Some(NO_AMOUNT), narrow);
        match (value, &mut self.wide) {
            (Some(value), None) => self.narrow.push(value),
            _ => self.push_wide(amount),
        }
    }

    #[cold]
    fn push_wide(&mut self, amount: Option<Amount>) {
        let narrow = &mut self.narrow;
        let wide = self.wide.get_or_insert_with(|| {
            let widened = |value: i64| if value == NO_AMOUNT { NO_WIDE_AMOUNT } else { i128::from(value) };
            std::mem::take(narrow).into_iter().map(widened).collect()
        });
        wide.push(amount.map_or(NO_WIDE_AMOUNT, |amount| amount.0));
    }

    /// The amount of a row, if it has one.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Amount> {
        match &self.wide {
            None => Some(self.narrow[row]).filter(|&value| value != NO_AMOUNT).map(|value| Amount(i128::from(value))),
            Some(wide) => Some(wide[row]).filter(|&value| value != NO_WIDE_AMOUNT).map(Amount),
        }
    }

    fn truncate(&mut self, rows: usize) {
        self.narrow.truncate(rows);
        if let Some(wide) = &mut self.wide {
            wide.truncate(rows);
        }
    }

    fn finish(self) -> ArrayRef {
        match self.wide {
            None => numbers(self.narrow, NO_AMOUNT, |values, nulls| {
                Decimal64Array::new(values, nulls)
                    .with_precision_and_scale(NARROW_PRECISION, 8)
                    .expect("the scale is below the precision")
            }),
            Some(wide) => numbers(wide, NO_WIDE_AMOUNT, |values, nulls| {
                Decimal128Array::new(values, nulls)
                    .with_precision_and_scale(PRECISION, 8)
                    .expect("the scale is below the precision")
            }),
        }
    }
}

/// A text column under construction. A row without a text has an empty one: no rule gives a text of no letters.
#[derive(Debug)]
pub struct Texts {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

/// Bytes of text a row is given room for: most are references of about that length.
const TEXT_BYTES: usize = 24;
/// Bytes copied for a text that is not longer: a copy of fixed length is a few instructions.
pub const COPIED: usize = 32;

impl Texts {
    fn with_room(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, bytes: Vec::with_capacity(rows * TEXT_BYTES) }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a row; without a value it has no bytes.
    pub fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.end_row();
    }

    /// Adds a row of the first `length` bytes of `value`, which is at least [`COPIED`] bytes long.
    #[inline]
    pub fn push_start(&mut self, value: &[u8], length: usize) {
        match value.first_chunk::<COPIED>() {
            Some(bytes) if length <= COPIED => {
                let end = self.bytes.len() + length;
                self.bytes.extend_from_slice(bytes);
                self.bytes.truncate(end);
            }
            _ => self.bytes.extend_from_slice(&value[..length]),
        }
        self.end_row();
    }

    fn end_row(&mut self) {
        self.offsets.push(i32::try_from(self.bytes.len()).expect("a chunk holds less than 2 GiB of text"));
    }

    /// Whether everything from a row on is ASCII.
    #[must_use]
    pub fn is_ascii_from(&self, row: usize) -> bool {
        self.bytes[self.start(row)..].is_ascii()
    }

    /// The texts from a row on.
    pub fn from_row(&self, row: usize) -> impl Iterator<Item = &[u8]> {
        (row..self.len()).map(|row| &self.bytes[self.start(row)..self.start(row + 1)])
    }

    /// Forgets every row from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.bytes.truncate(self.start(rows));
        self.offsets.truncate(rows + 1);
    }

    fn start(&self, row: usize) -> usize {
        self.offsets.get(row).map_or(self.bytes.len(), |&start| usize::try_from(start).expect("offsets are not negative"))
    }

    fn finish(mut self) -> ArrayRef {
        let rows = self.len();
        if self.bytes.is_empty() {
            return nothing(rows);
        }
        // A part is kept for the whole night: room that was given and not needed goes back.
        self.bytes.shrink_to_fit();
        let stated = |row: usize| self.offsets[row] < self.offsets[row + 1];
        let nulls = (!(0..rows).all(stated)).then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, stated)));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Arc::new(StringArray::new(offsets, Buffer::from_vec(self.bytes), nulls))
    }
}

/// The code of no word.
pub const NO_WORD: u16 = u16::MAX;

/// A column of few values under construction: a code per row into the values seen so far.
#[derive(Debug, Default)]
pub struct Words {
    codes: Vec<u16>,
    values: Vec<String>,
    index: HashTable<u16>,
}

impl Words {
    /// The values so far.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The code of a value.
    pub fn code(&mut self, value: Option<&str>) -> u16 {
        let Some(value) = value else { return NO_WORD };
        let Self { values, index, .. } = self;
        let at = |code: &u16| usize::from(*code);
        let hash = xxh3_64(value.as_bytes());
        let found = index.entry(hash, |code| values[at(code)] == value, |code| xxh3_64(values[at(code)].as_bytes()));
        *found
            .or_insert_with(|| {
                values.push(value.to_owned());
                u16::try_from(values.len() - 1)
                    .ok()
                    .filter(|&code| code != NO_WORD)
                    .expect("a part is cut before it has so many words")
            })
            .get()
    }

    /// Adds a row of that code.
    #[inline]
    pub fn push(&mut self, code: u16) {
        self.codes.push(code);
    }

    /// Adds that many rows of that code.
    pub fn extend(&mut self, code: u16, rows: usize) {
        self.codes.extend(std::iter::repeat_n(code, rows));
    }

    /// The codes of the rows from `row` on.
    #[must_use]
    pub fn codes_from(&self, row: usize) -> &[u16] {
        &self.codes[row..]
    }

    fn finish(self) -> ArrayRef {
        let rows = self.codes.len();
        let keys = numbers::<UInt16Type>(self.codes, NO_WORD, UInt16Array::new);
        let Some(keys) = keys.as_any().downcast_ref::<UInt16Array>() else { return nothing(rows) };
        let values = Arc::new(StringArray::from(self.values));
        Arc::new(DictionaryArray::try_new(keys.clone(), values).expect("every code has its value"))
    }
}
