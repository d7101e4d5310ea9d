//! The dimensions results are cut by, and their values as codes.
//!
//! Rows are grouped by small numbers and words come back last. A code is the rank of its word in order of text,
//! so sorting by code sorts by text and nothing depends on how the rows or their dictionaries were laid out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;

use crate::table::read::{self, Words};

/// What an attempt says of itself; an order has it of its first attempt.
pub(super) const OF_ATTEMPT: [&str; 6] = ["provider", ACCOUNT, "method", "wallet", "card_brand", "card_funding"];
/// What an order says of itself.
pub(super) const OF_ORDER: [&str; 4] = ["currency", "channel", "country", "customer_segment"];
/// The dimension no record states: it is known from the job, or from the entry an attempt met.
pub(super) const ACCOUNT: &str = "account";

/// The code of a dimension a row does not state: empty, or empty text.
pub(super) const NOT_STATED: u32 = 0;

/// The vocabulary of each column, by its name.
pub(super) type Vocabularies = HashMap<&'static str, Vocabulary>;

/// The vocabularies of the columns `names`. A column both orders and attempts have is of one vocabulary.
pub(super) fn vocabularies(
    orders: &[RecordBatch],
    attempts: &[RecordBatch],
    names: impl Iterator<Item = &'static str>,
) -> Vocabularies {
    names.map(|name| (name, Vocabulary::of(orders.iter().chain(attempts), name))).collect()
}

/// The words of one column in order of text; the code of a word is its position, counted from one.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    words: Vec<String>,
}

impl Vocabulary {
    /// The words of the column `name` of all `parts` that have it, so that a code means the same in each.
    fn of<'a>(parts: impl Iterator<Item = &'a RecordBatch>, name: &str) -> Self {
        let columns = parts.filter_map(|part| part.column_by_name(name)).map(|column| read::words_of(column).values);
        Self::listing(columns.flat_map(|values| values.iter().flatten()).filter(|word| !word.is_empty()).collect())
    }

    /// The words themselves, however often each is given; empty text is none.
    pub(super) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        Self::listing(words.filter(|word| !word.is_empty()).collect())
    }

    /// How many codes there are: that of what is not stated is one of them.
    pub(super) fn size(&self) -> usize {
        self.words.len() + 1
    }

    /// The words of both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self::listing(self.words.iter().chain(&other.words).map(String::as_str).collect())
    }

    fn listing(mut words: Vec<&str>) -> Self {
        words.sort_unstable();
        words.dedup();
        Self { words: words.into_iter().map(str::to_owned).collect() }
    }

    /// By its code in `other`, the code of each word of that.
    pub(super) fn codes_of(&self, other: &Self) -> Vec<u32> {
        std::iter::once(NOT_STATED).chain(other.words.iter().map(|word| self.code(word))).collect()
    }

    /// The code of a row of `column`, one of those the vocabulary was made of.
    pub(super) fn codes(&self, column: Words<'_>) -> impl Fn(usize) -> u32 {
        let code_of: Vec<u32> = column.values.iter().map(|word| self.code(word.unwrap_or_default())).collect();
        move |row| column.code(row).map_or(NOT_STATED, |own| code_of[own])
    }

    /// The code of a word; of one that is not listed, that of what is not stated.
    pub(super) fn code(&self, word: &str) -> u32 {
        let position = self.words.binary_search_by(|known| known.as_str().cmp(word));
        position.map_or(NOT_STATED, |position| u32::try_from(position + 1).expect("words are fewer than rows"))
    }

    /// The word of a code; empty text where it is not stated.
    pub(super) fn word(&self, code: u32) -> &str {
        match code {
            NOT_STATED => "",
            code => &self.words[usize::try_from(code - 1).expect("a code fits a position")],
        }
    }

    /// A column of words from their codes; empty where not stated.
    pub(super) fn column(&self, codes: &[u32]) -> ArrayRef {
        let key = |code: u32| i32::try_from(code - 1).expect("words are fewer than rows");
        let keys: Int32Array = codes.iter().map(|&code| (code != NOT_STATED).then(|| key(code))).collect();
        let words = Arc::new(StringArray::from_iter_values(&self.words));
        Arc::new(DictionaryArray::<Int32Type>::try_new(keys, words).expect("every code is of this vocabulary"))
    }
}
