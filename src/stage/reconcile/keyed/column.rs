//! A key column of one part: its values by row, and their hashes.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, FixedSizeBinaryArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::keys::Hashed;
use crate::table::identity::Identity;
use crate::table::part::{Amounts, Id, amounts_of, identity, place};
use crate::table::read::{Words, column, words_of};

/// A key column of one part.
pub(super) enum Column<'a> {
    Texts(&'a StringArray),
    Words(Words<'a>),
    Identities(&'a FixedSizeBinaryArray),
    Amounts(Amounts<'a>),
    Nothing,
}

/// What a key column says.
pub(super) type Value<'a> = Id<'a>;

/// What a key column says, as far as it was read.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    /// A text, where it lies.
    Text(&'a [u8]),
    /// The number of a word.
    Word(u32),
    /// Not read.
    Other,
}

/// Words, numbered.
pub(super) type Vocabulary<'a> = HashMap<&'a str, u32>;

impl<'a> Column<'a> {
    /// The column `name`.
    pub(super) fn of(part: &'a RecordBatch, name: &str) -> Self {
        let array = column(part, name);
        match array.data_type() {
            DataType::Null => Self::Nothing,
            DataType::Utf8 => Self::Texts(array.as_string::<i32>()),
            DataType::FixedSizeBinary(_) => Self::Identities(array.as_fixed_size_binary()),
            DataType::Decimal64(..) | DataType::Decimal128(..) => Self::Amounts(amounts_of(array)),
            _ => Self::Words(words_of(array)),
        }
    }

    /// The value of a row, if it has one that is not empty.
    pub(super) fn value(&self, row: usize) -> Option<Value<'a>> {
        let text = match self {
            Self::Texts(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Words(words) => words.optional(row),
            Self::Identities(numbers) => return numbers.is_valid(row).then(|| Id::Number(identity(numbers.value(row)))),
            // A number stands for an amount as well as for an identity: its bits are its own.
            Self::Amounts(amounts) => {
                return amounts.get(row).map(|amount| Id::Number(Identity::from_number(amount.0.cast_unsigned())));
            }
            Self::Nothing => None,
        };
        text.filter(|text| !text.is_empty()).map(Id::Text)
    }

    /// The value of a row that has one, unless it is an identity. `numbers` are those of the column's words.
    #[inline]
    pub(super) fn cell(&self, row: usize, numbers: &[u32]) -> Cell<'a> {
        match self {
            Self::Texts(texts) => Cell::Text(texts.value(row).as_bytes()),
            Self::Words(words) => words.code(row).map_or(Cell::Other, |code| Cell::Word(numbers[code])),
            _ => Cell::Other,
        }
    }

    /// The number of each word of a column of few values.
    pub(super) fn numbers(&self, vocabulary: &mut Vocabulary<'a>) -> Vec<u32> {
        let Self::Words(words) = self else { return Vec::new() };
        let number = |word: Option<&'a str>| {
            let next = u32::try_from(vocabulary.len()).expect("a vocabulary has fewer than 2^32 words");
            *vocabulary.entry(word.unwrap_or_default()).or_insert(next)
        };
        words.values.iter().map(number).collect()
    }

    /// Puts the value of each row on top of its hash. Rows without a value are left out: the number of those kept,
    /// which come first, is returned.
    pub(super) fn hash(&self, hashed: &mut [Hashed], identities: bool) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Words(words) => {
                let known: Vec<Option<u64>> =
                    words.values.iter().map(|word| stated(word?).map(|word| text_hash(word, 0))).collect();
                retain(hashed, |row, seed| match seed {
                    // Few values: each is hashed once.
                    0 => known[words.code(row)?],
                    _ => stated(words.optional(row)?).map(|word| text_hash(word, seed)),
                })
            }
            Self::Identities(numbers) => {
                retain(hashed, |row, seed| numbers.is_valid(row).then(|| xxh3_64_with_seed(numbers.value(row), seed)))
            }
            Self::Amounts(amounts) => {
                retain(hashed, |row, seed| amounts.get(row).map(|amount| xxh3_64_with_seed(&amount.0.to_be_bytes(), seed)))
            }
            Self::Texts(texts) if identities => retain(hashed, |row, seed| {
                let text = texts.is_valid(row).then(|| texts.value(row)).and_then(stated)?;
                Some(
                    Identity::parse(text)
                        .map_or_else(|| text_hash(text, seed), |number| xxh3_64_with_seed(&number.number().to_be_bytes(), seed)),
                )
            }),
            Self::Texts(texts) if texts.null_count() == 0 => {
                retain(hashed, |row, seed| stated(texts.value(row)).map(|text| text_hash(text, seed)))
            }
            Self::Texts(texts) => retain(hashed, |row, seed| {
                let text = texts.is_valid(row).then(|| texts.value(row)).and_then(stated)?;
                Some(text_hash(text, seed))
            }),
        }
    }
}

/// Gives each row a new hash, made from its place and its hash so far, and keeps those that get one.
#[inline]
fn retain(hashed: &mut [Hashed], hash: impl Fn(usize, u64) -> Option<u64>) -> usize {
    let mut kept = 0;
    for at in 0..hashed.len() {
        let (seed, row) = hashed[at];
        if let Some(hash) = hash(place(row).1, seed) {
            hashed[kept] = (hash, row);
            kept += 1;
        }
    }
    kept
}

fn stated(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[inline]
fn text_hash(text: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}
