//! Whether the keys of two rows whose hashes agree are the same, for many pairs of rows at once.
//!
//! The rows of a pair lie anywhere in memory. So a batch is read in steps, each asking for all it needs before
//! anything is done with it: the memory then answers many requests at a time instead of one.

use super::column::{Cell, Vocabulary};
use super::keys::{Keys, Numbers};

/// Pairs read together: few enough that what they read stays in the first cache.
const BATCH: usize = 64;

/// Two sides whose keys are compared.
pub struct Verify<'k, 'a> {
    left: &'k Keys<'a>,
    right: &'k Keys<'a>,
    left_numbers: Numbers,
    right_numbers: Numbers,
}

impl<'k, 'a> Verify<'k, 'a> {
    /// The keys of two sides.
    #[must_use]
    pub fn new(left: &'k Keys<'a>, right: &'k Keys<'a>) -> Self {
        let mut vocabulary = Vocabulary::new();
        let (left_numbers, right_numbers) = (left.numbers(&mut vocabulary), right.numbers(&mut vocabulary));
        Self { left, right, left_numbers, right_numbers }
    }

    /// Calls `each` with every pair that has one key, in order.
    pub fn same(&self, pairs: &[(u32, u32)], mut each: impl FnMut((u32, u32))) {
        for batch in pairs.chunks(BATCH) {
            let same = self.batch(batch);
            batch.iter().zip(same).filter(|(_, same)| *same).for_each(|(&pair, _)| each(pair));
        }
    }

    fn batch(&self, pairs: &[(u32, u32)]) -> [bool; BATCH] {
        let mut same = [true; BATCH];
        let columns = pairs.first().map_or(0, |&(left, _)| self.left.at(left).0.len());
        for column in 0..columns {
            let mut cells = [(Cell::Other, Cell::Other); BATCH];
            let cells = &mut cells[..pairs.len()];
            for ((cell, _), &(left, _)) in cells.iter_mut().zip(pairs) {
                *cell = self.left.cell(left, column, &self.left_numbers);
            }
            for ((_, cell), &(_, right)) in cells.iter_mut().zip(pairs) {
                *cell = self.right.cell(right, column, &self.right_numbers);
            }
            // The ends of a text reach all that a short one lies in.
            for (same, cells) in same.iter_mut().zip(&*cells) {
                if let (Cell::Text(one), Cell::Text(other)) = cells {
                    *same &= (one.len() == other.len()) & (one.first() == other.first()) & (one.last() == other.last());
                }
            }
            for ((same, cells), &(left, right)) in same.iter_mut().zip(&*cells).zip(pairs) {
                *same = *same
                    && match cells {
                        (Cell::Text(one), Cell::Text(other)) => one == other,
                        (Cell::Word(one), Cell::Word(other)) => one == other,
                        _ => self.left.same(left, self.right, right),
                    };
            }
        }
        same
    }
}
