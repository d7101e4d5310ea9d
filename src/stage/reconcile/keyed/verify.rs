//! Whether the keys of two rows whose hashes agree are the same, for many pairs of rows at once.
//!
//! The rows of a pair lie anywhere in memory. So a batch is read in steps, each asking for all it needs before
//! anything is done with it: the memory then answers many requests at a time instead of one.

use super::column::{Column, Vocabulary};
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
            let mut texts: [(&[u8], &[u8]); BATCH] = [(&[], &[]); BATCH];
            for ((same, texts), &(left, right)) in same.iter_mut().zip(&mut texts).zip(pairs) {
                let ((left_columns, left_row), (right_columns, right_row)) = (self.left.at(left), self.right.at(right));
                match (&left_columns[column], &right_columns[column]) {
                    (Column::Texts(one), Column::Texts(other)) => {
                        *texts = (one.value(left_row).as_bytes(), other.value(right_row).as_bytes());
                    }
                    (Column::Words(one), Column::Words(other)) => {
                        let number = |numbers: &[Vec<u32>], code: Option<usize>| code.map(|code| numbers[column][code]);
                        let one = number(self.left_numbers.at(left), one.code(left_row));
                        *same &= one == number(self.right_numbers.at(right), other.code(right_row));
                    }
                    (one, other) => *same &= one.value(left_row) == other.value(right_row),
                }
            }
            // The ends of a text reach all that a short one lies in.
            for (same, (one, other)) in same.iter_mut().zip(&texts) {
                *same &= (one.len() == other.len()) & (one.first() == other.first()) & (one.last() == other.last());
            }
            for (same, (one, other)) in same.iter_mut().zip(&texts) {
                *same = *same && one == other;
            }
        }
        same
    }
}
