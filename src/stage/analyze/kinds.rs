//! Kinds: rows that say the same in all that is asked of them.
//!
//! A night has millions of rows and some thousand kinds of them. What a kind means is worked out once; of a row only
//! the number of its kind is kept, two bytes of it.

use std::collections::HashMap;

use arrow::array::Array;

use super::dimension::NOT_STATED;
use crate::table::part::{PART_ROWS, place};
use crate::table::read::{Codes, Words};

/// The kinds of the rows of a table, by what `N` columns say of them.
pub(super) struct Kinds<const N: usize> {
    /// What each kind says: a code a column, kinds in ascending order.
    pub(super) say: Vec<[u32; N]>,
    /// How many rows are of each kind.
    pub(super) rows: Vec<usize>,
    parts: Vec<PartKinds>,
}

/// The kinds of the rows of one part.
struct PartKinds {
    /// Per row, its kind among those of the part.
    of: Vec<u16>,
    /// The number of each of those among all kinds.
    numbers: Vec<u32>,
}

impl<const N: usize> Kinds<N> {
    /// The kinds of all rows, part by part.
    pub(super) fn of(parts: Vec<Alike<N>>) -> Self {
        let mut say: Vec<[u32; N]> = parts.iter().flat_map(|part| part.say.iter().copied()).collect();
        say.sort_unstable();
        say.dedup();
        let mut rows = vec![0; say.len()];
        let parts = parts.into_iter().map(|part| {
            let find = |own: &[u32; N]| say.binary_search(own).expect("the kinds of every part are among all");
            let numbers: Vec<usize> = part.say.iter().map(find).collect();
            numbers.iter().zip(&part.rows).for_each(|(&number, own)| rows[number] += own);
            let numbers = numbers.into_iter().map(|number| u32::try_from(number).expect("kinds are fewer than rows"));
            PartKinds { of: part.of, numbers: numbers.collect() }
        });
        let parts = parts.collect();
        Self { say, rows, parts }
    }

    /// The kinds of the rows of a part, in order.
    pub(super) fn of_part(&self, part: usize) -> impl Iterator<Item = usize> {
        let PartKinds { of, numbers } = &self.parts[part];
        of.iter().map(|&own| numbers[usize::from(own)] as usize)
    }

    /// The kind of a row.
    pub(super) fn of_row(&self, row: u32) -> usize {
        let (part, place) = place(row);
        let PartKinds { of, numbers } = &self.parts[part];
        numbers[usize::from(of[place])] as usize
    }

    /// Kinds by what their first `M` columns say: what each of those says, in ascending order, and for each kind which
    /// it is. The first of them says nothing.
    pub(super) fn by_first<const M: usize>(&self) -> (Vec<[u32; M]>, Vec<u32>) {
        let mut say = vec![[NOT_STATED; M]];
        let number = |kind: &[u32; N]| {
            let own: [u32; M] = kind[..M].try_into().expect("a kind says more than its first columns");
            if say.last() != Some(&own) {
                say.push(own);
            }
            u32::try_from(say.len() - 1).expect("kinds are fewer than rows")
        };
        let numbers = self.say.iter().map(number).collect();
        (say, numbers)
    }
}

/// Rows of a part sorted out: those alike in every column so far have one number.
pub(super) struct Split {
    /// In mixed radix: a digit a column, so that a column costs no more than to read it.
    numbers: Vec<usize>,
    /// Every number is below.
    size: usize,
    /// A row of each kind, where the numbers are those of kinds.
    examples: Vec<u16>,
}

/// The rows of a part, by kind.
pub(super) struct Alike<const N: usize> {
    of: Vec<u16>,
    rows: Vec<usize>,
    say: Vec<[u32; N]>,
}

impl<const N: usize> Alike<N> {
    /// The kind of a row.
    pub(super) fn of(&self, row: usize) -> u16 {
        self.of[row]
    }

    /// What a kind says.
    pub(super) fn say(&self, kind: usize) -> [u32; N] {
        self.say[kind]
    }
}

/// As long as there are no more numbers, columns are read into them.
const NUMBERS: usize = 1 << 16;
/// Of that many numbers each has its place in a table; of more, those there are have.
const PLACES: usize = 1 << 20;
const UNKNOWN: u32 = u32::MAX;

impl Split {
    /// All rows alike.
    pub(super) fn new(rows: usize) -> Self {
        assert!(rows <= PART_ROWS, "a part has no more rows than sixteen bits count");
        Self { numbers: vec![0; rows], size: 1, examples: Vec::new() }
    }

    /// Keeps rows apart that have another word.
    pub(super) fn by_words(&mut self, words: Words) {
        let absent = words.values.len();
        match words.codes {
            Codes::Nothing(_) => {}
            Codes::Narrow(codes) => match codes.nulls() {
                None => self.by(absent, codes.values().iter().map(|&code| usize::from(code))),
                Some(stated) => {
                    // Chosen by position: which rows have a word is nothing a branch could foretell.
                    let code = |(&code, stated): (&u16, bool)| [absent, usize::from(code)][usize::from(stated)];
                    self.by(absent + 1, codes.values().iter().zip(stated).map(code));
                }
            },
            Codes::Wide(_) => self.by(absent + 1, (0..words.codes.len()).map(|row| words.code(row).unwrap_or(absent))),
        }
    }

    /// Keeps rows apart that have another code, each below `size`.
    pub(super) fn by(&mut self, size: usize, codes: impl Iterator<Item = usize>) {
        if self.size.saturating_mul(size) > NUMBERS {
            self.condense();
        }
        self.size *= size;
        for (number, code) in self.numbers.iter_mut().zip(codes) {
            // Below the size just worked out, so nothing is lost.
            *number = number.wrapping_mul(size).wrapping_add(code);
        }
    }

    /// Counts the numbers there are, from zero on.
    fn condense(&mut self) {
        let mut examples = Vec::new();
        let mut count = |known: &mut u32, row: usize| {
            if *known == UNKNOWN {
                *known = u32::try_from(examples.len()).expect("kinds are fewer than rows");
                examples.push(short(row));
            }
            *known as usize
        };
        if self.size <= PLACES {
            let mut known = vec![UNKNOWN; self.size];
            for (row, number) in self.numbers.iter_mut().enumerate() {
                *number = count(&mut known[*number], row);
            }
        } else {
            let mut known: HashMap<usize, u32> = HashMap::new();
            for (row, number) in self.numbers.iter_mut().enumerate() {
                *number = count(known.entry(*number).or_insert(UNKNOWN), row);
            }
        }
        self.size = examples.len();
        self.examples = examples;
    }

    /// The kinds, and what each says: `say` reads it off one of its rows.
    pub(super) fn alike<const N: usize>(mut self, say: impl Fn(usize) -> [u32; N]) -> Alike<N> {
        self.condense();
        let mut rows = vec![0; self.examples.len()];
        for &kind in &self.numbers {
            rows[kind] += 1;
        }
        let say = self.examples.iter().map(|&row| say(usize::from(row))).collect();
        Alike { of: self.numbers.into_iter().map(short).collect(), rows, say }
    }
}

fn short(number: usize) -> u16 {
    u16::try_from(number).expect("a part has no more rows, nor kinds of them, than sixteen bits count")
}
