//! Words as numbers: the codes of a part are its own, so words of several parts are compared by a number they share.

use std::collections::HashMap;

use crate::table::read::Words;

/// Every word met so far, numbered.
#[derive(Default)]
pub(super) struct Vocabulary<'a> {
    numbers: HashMap<&'a str, u32>,
    words: Vec<&'a str>,
}

/// A column of few values, and the number of each of them.
pub(super) struct Numbered<'a> {
    pub(super) words: Words<'a>,
    /// By code.
    pub(super) numbers: Vec<u32>,
}

impl<'a> Vocabulary<'a> {
    /// The number of a word, which is a new one if it was not met before.
    pub(super) fn number(&mut self, word: &'a str) -> u32 {
        *self.numbers.entry(word).or_insert_with(|| {
            self.words.push(word);
            u32::try_from(self.words.len() - 1).expect("a vocabulary has fewer than 2^32 words")
        })
    }

    /// The number of a word, if it was met.
    pub(super) fn find(&self, word: &str) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    /// The words, in the order of their numbers.
    pub(super) fn words(&self) -> &[&'a str] {
        &self.words
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// A column with the numbers of its words.
    pub(super) fn numbered(&mut self, words: Words<'a>) -> Numbered<'a> {
        let numbers = words.values.iter().map(|word| self.number(word.unwrap_or_default())).collect();
        Numbered { words, numbers }
    }
}

impl Numbered<'_> {
    /// The number of a row's word, if it has one.
    #[inline]
    pub(super) fn number(&self, row: usize) -> Option<u32> {
        self.words.code(row).map(|code| self.numbers[code])
    }
}
