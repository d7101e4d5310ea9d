//! What the entries of a night add up to, by whom, what and where they ended.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use chrono::NaiveDate;
use rayon::prelude::*;

use crate::error::Result;
use crate::lake::Lake;
use crate::money::Amount;
use crate::table::entries::ENTRIES;
use crate::table::read::{Words, amount, amounts, words};

/// What entries are told apart by: provider, currency, kind and outcome.
pub(in crate::report) type Held = [String; BY.len()];

/// By [`Held`].
pub(in crate::report) type Booked = BTreeMap<Held, Sums>;

const BY: [&str; 4] = ["provider", "currency", "kind", "outcome"];
const AMOUNTS: [&str; 3] = ["gross", "fee", "net"];

/// Entries, and what they add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::report) struct Sums {
    pub(in crate::report) entries: i64,
    pub(in crate::report) gross: Amount,
    pub(in crate::report) fee: Amount,
    pub(in crate::report) net: Amount,
}

impl Sums {
    pub(in crate::report) fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.gross += other.gross;
        self.fee += other.fee;
        self.net += other.net;
    }
}

/// Adds up the entries `night` published. Nothing else of them is read, for they are most of a night.
pub(in crate::report) fn booked(tables: &Lake, night: NaiveDate) -> Result<Booked> {
    let read: Vec<&str> = BY.into_iter().chain(AMOUNTS).collect();
    let groups = tables.row_groups(&ENTRIES, night, &read)?.into_par_iter();
    let of_groups = groups.map(|batches| {
        let mut booked = Booked::new();
        for batch in batches {
            booked = and(booked, of(&batch?));
        }
        Ok(booked)
    });
    of_groups.try_reduce(Booked::new, |one, other| Ok(and(one, other)))
}

fn and(mut one: Booked, other: Booked) -> Booked {
    for (held, sums) in other {
        one.entry(held).or_default().add(&sums);
    }
    one
}

fn of(batch: &RecordBatch) -> Booked {
    let by = BY.map(|name| words(batch, name));
    let columns = AMOUNTS.map(|name| amounts(batch, name));
    // Each combination of words has its place: to look for one costs more than all else.
    let mut places = vec![Sums::default(); by.iter().map(size).product()];
    for row in 0..batch.num_rows() {
        let place = by.iter().fold(0, |place, words| place * size(words) + words.code(row).unwrap_or(words.values.len()));
        let [gross, fee, net] = columns.map(|column| amount(column, row).unwrap_or_default());
        places[place].add(&Sums { entries: 1, gross, fee, net });
    }
    let there = places.into_iter().enumerate().filter(|(_, sums)| sums.entries > 0);
    there.map(|(place, sums)| (held(&by, place), sums)).collect()
}

/// How many codes there are: the last is of rows without a word.
fn size(words: &Words) -> usize {
    words.values.len() + 1
}

/// The words of a place.
fn held(by: &[Words; BY.len()], mut place: usize) -> Held {
    let mut held = Held::default();
    for (word, words) in held.iter_mut().zip(by).rev() {
        let code = place % size(words);
        place /= size(words);
        *word = if code < words.values.len() { words.values.value(code).to_owned() } else { String::new() };
    }
    held
}
