//! Millions of rows to thousands of cells: those with one key are counted, and their amounts summed.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;

/// Rows with one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// All they are grouped by.
    pub(super) key: u128,
    /// How many.
    pub(super) rows: i64,
    /// How many attempts they have.
    pub(super) attempts: i64,
    /// Their amounts summed, in units of an amount.
    pub(super) amount: i128,
}

/// Cells by key.
#[derive(Default)]
pub(super) struct Tally {
    cells: HashTable<Cell>,
}

impl Tally {
    /// Adds to the cell of the same key.
    pub(super) fn add(&mut self, cell: Cell) {
        let hash = |key: u128| xxh3_64(&key.to_le_bytes());
        match self.cells.entry(hash(cell.key), |held| held.key == cell.key, |held| hash(held.key)) {
            Entry::Vacant(free) => drop(free.insert(cell)),
            Entry::Occupied(mut held) => {
                let held = held.get_mut();
                held.rows += cell.rows;
                held.attempts += cell.attempts;
                held.amount += cell.amount;
            }
        }
    }

    /// The cells, by key.
    pub(super) fn sorted(self) -> Vec<Cell> {
        let mut cells: Vec<Cell> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|cell| cell.key);
        cells
    }

    fn and(mut self, other: Self) -> Self {
        if self.cells.len() < other.cells.len() {
            return other.and(self);
        }
        other.cells.into_iter().for_each(|cell| self.add(cell));
        self
    }
}

/// The cells of that many parts, by key: `each` adds the rows of one part. Sums are exact, so it does not matter that threads
/// share the parts out.
pub(super) fn tally(parts: usize, each: impl Fn(&mut Tally, usize) -> Result<()> + Sync) -> Result<Vec<Cell>> {
    let size = parts.div_ceil(rayon::current_num_threads()).max(1);
    let shares = (0..parts).into_par_iter().chunks(size).map(|parts| {
        let mut tally = Tally::default();
        parts.into_iter().try_for_each(|part| each(&mut tally, part))?;
        Ok(tally)
    });
    Ok(shares.try_reduce(Tally::default, |one, other| Ok(one.and(other)))?.sorted())
}
