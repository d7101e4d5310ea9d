//! Columns under construction: one per canonical column, filled row by row, rolled back when a row is rejected.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int32Array, StringArray, TimestampMicrosecondArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::table::column::Type;

/// A column under construction.
#[derive(Debug)]
pub enum Building {
    /// Text, kept as bytes of UTF-8.
    Text(Texts),
    /// Text out of few values.
    Word(Words),
    /// Amounts and rates, as units of their scale.
    Decimal {
        /// The unit is `10^-scale`.
        scale: i8,
        /// One per row.
        values: Vec<i128>,
        /// Whether the row has one.
        valid: Vec<bool>,
    },
    /// Microseconds since 1970-01-01 UTC.
    Instant(Vec<i64>, Vec<bool>),
    /// Days since 1970-01-01.
    Date(Vec<i32>, Vec<bool>),
}

impl Building {
    /// An empty column of that type, with room for that many rows.
    ///
    /// # Panics
    /// For a type no format can fill.
    #[must_use]
    pub fn new(kind: Type, rows: usize) -> Self {
        match kind {
            Type::Text => Self::Text(Texts::with_room(rows)),
            Type::Word => Self::Word(Words { codes: room(rows), ..Words::default() }),
            Type::Amount => Self::Decimal { scale: 8, values: room(rows), valid: room(rows) },
            Type::Rate => Self::Decimal { scale: 12, values: room(rows), valid: room(rows) },
            Type::Instant => Self::Instant(room(rows), room(rows)),
            Type::Date => Self::Date(room(rows), room(rows)),
            Type::Count | Type::Ratio | Type::Flag => panic!("no format fills a column of {kind:?}"),
        }
    }

    /// Forgets every row from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(texts) => texts.truncate(rows),
            Self::Word(words) => words.codes.truncate(rows),
            Self::Decimal { values, valid, .. } => {
                values.truncate(rows);
                valid.truncate(rows);
            }
            Self::Instant(values, valid) => {
                values.truncate(rows);
                valid.truncate(rows);
            }
            Self::Date(values, valid) => {
                values.truncate(rows);
                valid.truncate(rows);
            }
        }
    }

    /// The finished column.
    #[must_use]
    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Text(texts) => Arc::new(texts.finish()),
            Self::Word(words) => Arc::new(words.finish()),
            Self::Decimal { scale, values, valid } => Arc::new(
                Decimal128Array::new(values.into(), nulls(valid))
                    .with_precision_and_scale(crate::money::PRECISION, scale)
                    .expect("the scale is below the precision"),
            ),
            Self::Instant(values, valid) => {
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls(valid)).with_timezone("UTC"))
            }
            Self::Date(values, valid) => Arc::new(Date32Array::new(values.into(), nulls(valid))),
        }
    }
}

fn room<T>(rows: usize) -> Vec<T> {
    Vec::with_capacity(rows)
}

fn nulls(valid: Vec<bool>) -> Option<NullBuffer> {
    if valid.iter().all(|&valid| valid) { None } else { Some(NullBuffer::from(valid)) }
}

/// A text column under construction.
#[derive(Debug)]
pub struct Texts {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    valid: Vec<bool>,
}

/// Bytes of text a row is given room for: most are references of about that length.
const TEXT_BYTES: usize = 24;

impl Texts {
    fn with_room(rows: usize) -> Self {
        let mut offsets = room(rows + 1);
        offsets.push(0);
        Self { offsets, bytes: room(rows * TEXT_BYTES), valid: room(rows) }
    }

    /// Adds a row.
    pub fn push(&mut self, value: Option<&str>) {
        if let Some(value) = value {
            self.bytes.extend_from_slice(value.as_bytes());
        }
        self.valid.push(value.is_some());
        self.offsets.push(i32::try_from(self.bytes.len()).expect("a chunk holds less than 2 GiB of text"));
    }

    fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        self.offsets.truncate(rows + 1);
        let end = self.offsets.last().copied().unwrap_or_default();
        self.bytes.truncate(usize::try_from(end).expect("offsets are not negative"));
    }

    fn finish(self) -> StringArray {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        StringArray::new(offsets, Buffer::from_vec(self.bytes), nulls(self.valid))
    }
}

const NO_WORD: i32 = -1;
/// Raw cells remembered with the word they became, each in the place its length and ends give it.
const PLACES: usize = 256;

/// Where a raw cell is remembered. Only a place: the cell itself is compared.
fn place(raw: &[u8]) -> usize {
    let at = |index: usize| usize::from(raw.get(index).copied().unwrap_or_default());
    (raw.len() * 31 + at(0) * 7 + at(raw.len() / 2) * 3 + at(raw.len().wrapping_sub(1))) % PLACES
}

/// A column of few values under construction: a code per row into the values seen so far.
#[derive(Debug, Default)]
pub struct Words {
    codes: Vec<i32>,
    values: Vec<String>,
    index: HashTable<i32>,
    remembered: Vec<Option<(Vec<u8>, i32)>>,
}

impl Words {
    /// The code a raw cell became before, if it is remembered.
    #[must_use]
    pub fn recall(&self, raw: &[u8]) -> Option<i32> {
        let (cell, code) = self.remembered.get(place(raw))?.as_ref()?;
        (cell == raw).then_some(*code)
    }

    /// Remembers what a raw cell becomes, in place of another cell that looks alike.
    pub fn remember(&mut self, raw: &[u8], code: i32) {
        if self.remembered.is_empty() {
            self.remembered = vec![None; PLACES];
        }
        self.remembered[place(raw)] = Some((raw.to_vec(), code));
    }

    /// The code of a value.
    pub fn code(&mut self, value: Option<&str>) -> i32 {
        let Some(value) = value else { return NO_WORD };
        let Self { values, index, .. } = self;
        let at = |code: &i32| usize::try_from(*code).expect("codes in the index are not negative");
        let hash = xxh3_64(value.as_bytes());
        let found = index.entry(hash, |code| values[at(code)] == value, |code| xxh3_64(values[at(code)].as_bytes()));
        *found
            .or_insert_with(|| {
                values.push(value.to_owned());
                i32::try_from(values.len() - 1).expect("few values fit a code")
            })
            .get()
    }

    /// Adds a row of that code.
    pub fn push(&mut self, code: i32) {
        self.codes.push(code);
    }

    /// The code of the row added last, where it has a value.
    #[must_use]
    pub fn last_code(&self) -> Option<usize> {
        self.codes.last().and_then(|&code| usize::try_from(code).ok())
    }

    /// The value of the row added last.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        let code = usize::try_from(*self.codes.last()?).ok()?;
        Some(&self.values[code])
    }

    fn finish(self) -> DictionaryArray<Int32Type> {
        let valid = self.codes.iter().map(|&code| code != NO_WORD).collect();
        let codes = self.codes.into_iter().map(|code| code.max(0)).collect::<Vec<_>>();
        let keys = Int32Array::new(codes.into(), nulls(valid));
        let values = if self.values.is_empty() { vec![String::new()] } else { self.values };
        DictionaryArray::try_new(keys, Arc::new(StringArray::from(values))).expect("every code has its value")
    }
}
