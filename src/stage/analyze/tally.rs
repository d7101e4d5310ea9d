//! Millions of rows to thousands of cells: those with one key are counted, and their amounts summed.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;

/// Rows with one key. A cell does not straddle two lines of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Cell {
    /// All they are grouped by.
    pub(super) key: u64,
    /// How many. Those of a share have names of 32 bits; shares that come to more stop the night.
    pub(super) rows: u32,
    /// How many attempts they have.
    pub(super) attempts: u32,
    /// Their amounts summed, in units of an amount.
    pub(super) amount: i128,
}

impl Cell {
    /// Holds the rows of another of the same key too.
    #[inline]
    fn hold(&mut self, other: &Self) {
        self.rows += other.rows;
        self.attempts += other.attempts;
        self.amount += other.amount;
    }
}

/// Cells by key.
///
/// There are more cells than the cache of a core holds. Rows are therefore added a batch at a time: what the next ones
/// need from memory is then under way while the one before is added.
#[derive(Default)]
pub(super) struct Tally {
    cells: HashTable<Cell>,
    batch: Vec<Cell>,
}

const BATCH: usize = 256;

impl Tally {
    /// Adds to the cell of the same key.
    pub(super) fn add(&mut self, cell: Cell) {
        self.batch.push(cell);
        if self.batch.len() == BATCH {
            self.settle();
        }
    }

    /// The cells, by key.
    pub(super) fn sorted(mut self) -> Vec<Cell> {
        self.settle();
        let mut cells: Vec<Cell> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|cell| cell.key);
        cells
    }

    fn settle(&mut self) {
        let hash = |cell: &Cell| xxh3_64(&cell.key.to_le_bytes());
        for cell in self.batch.drain(..) {
            match self.cells.entry(hash(&cell), |held| held.key == cell.key, hash) {
                Entry::Vacant(free) => drop(free.insert(cell)),
                Entry::Occupied(mut held) => held.get_mut().hold(&cell),
            }
        }
    }

    fn and(mut self, mut other: Self) -> Self {
        if self.cells.len() < other.cells.len() {
            return other.and(self);
        }
        other.settle();
        other.cells.into_iter().for_each(|cell| self.add(cell));
        self
    }
}

/// The cells of that many parts, by key, as often as they are tallied: `each` adds the rows of one part. Sums are exact, so it
/// does not matter that threads share the parts out.
pub(super) fn tally(
    parts: usize,
    tallies: usize,
    each: impl Fn(&mut [Tally], usize) -> Result<()> + Sync,
) -> Result<Vec<Vec<Cell>>> {
    let size = parts.div_ceil(rayon::current_num_threads()).max(1);
    let nothing = || -> Vec<Tally> { (0..tallies).map(|_| Tally::default()).collect() };
    let shares = (0..parts).into_par_iter().chunks(size).map(|parts| {
        let mut tallies = nothing();
        parts.into_iter().try_for_each(|part| each(&mut tallies, part))?;
        Ok(tallies)
    });
    let both = |one: Vec<Tally>, other: Vec<Tally>| one.into_iter().zip(other).map(|(one, other)| one.and(other)).collect();
    let whole = shares.try_reduce(nothing, |one, other| Ok(both(one, other)))?;
    Ok(whole.into_par_iter().map(Tally::sorted).collect())
}

/// Cells that were tallied apart: one of each key, by key.
pub(super) fn together(mut cells: Vec<Cell>) -> Vec<Cell> {
    // Not unstable: they mostly stand in long runs in order already, which this sort only merges.
    cells.sort_by_key(|cell| cell.key);
    cells.dedup_by(|next, held| {
        let is_same = next.key == held.key;
        if is_same {
            held.hold(next);
        }
        is_same
    });
    cells
}
