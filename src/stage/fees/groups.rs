//! Rows of a part that say the same: what is worked out of words is worked out once a group.

use std::collections::HashMap;

use arrow::array::{Array, RecordBatch};

use crate::table::read::words;

/// The rows of a part in groups.
pub(super) struct Groups {
    /// The group of each row.
    pub(super) of_row: Vec<u32>,
    /// A row of each group.
    pub(super) first: Vec<usize>,
}

/// Places of a table that is kept whole.
const DENSE: usize = 1 << 20;

impl Groups {
    /// All rows in one group.
    pub(super) fn all(rows: usize) -> Self {
        Self { of_row: vec![0; rows], first: if rows == 0 { Vec::new() } else { vec![0] } }
    }

    /// Tells apart the rows that say another word in a column, or none.
    pub(super) fn by_words(&mut self, part: &RecordBatch, name: &str) {
        let column = words(part, name);
        let none = column.values.len();
        let is_one_word = none == 1 && column.is_full();
        if none > 0 && !is_one_word {
            self.split(none + 1, |row| column.code(row).unwrap_or(none));
        }
    }

    /// Tells apart the rows with other codes, which are below `size`.
    pub(super) fn split(&mut self, size: usize, code: impl Fn(usize) -> usize) {
        let places = self.first.len() * size;
        let (mut dense, mut sparse) = (vec![None; if places <= DENSE { places } else { 0 }], HashMap::new());
        let mut first = Vec::new();
        for (row, group) in self.of_row.iter_mut().enumerate() {
            let place = *group as usize * size + code(row);
            let known = if places <= DENSE { &mut dense[place] } else { sparse.entry(place).or_insert(None) };
            *group = *known.get_or_insert_with(|| {
                first.push(row);
                u32::try_from(first.len() - 1).expect("a part has fewer than 2^32 rows")
            });
        }
        self.first = first;
    }
}
