//! Rows on their way to disk, each to the share of the night it belongs to.

use std::sync::Mutex;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::memory::Sizes;
use crate::error::Result;
use crate::lake::Spill;
use crate::table::alike::joined;
use crate::table::read::count_of_rows;

/// Rows of one kind, told apart by share. Shared by threads.
pub(super) struct Scatter<'a> {
    spill: &'a Spill,
    /// What the rows are; with the number of the share it is the name they are kept under.
    name: String,
    /// A share is written when so many of its rows wait.
    most: usize,
    shares: Vec<Mutex<Waiting>>,
}

/// Rows that wait to be written: few at a time cost more than they are worth.
#[derive(Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    rows: usize,
}

/// Rows written at once, at most: a part when they are read back.
const WRITTEN: usize = 1 << 15;

/// The share a key belongs to, of so many.
pub(super) fn share_of(key: &[u8], shares: usize) -> usize {
    // Not the hash rows are matched by: all rows of a share would have one partition there.
    const SEED: u64 = 0x7469_656f_7574;
    let hash = u128::from(xxh3_64_with_seed(key, SEED));
    usize::try_from((hash * shares as u128) >> 64).expect("below the number of shares")
}

/// What the rows of a share are kept under.
pub(super) fn name_of(name: &str, share: usize) -> String {
    format!("{name}.{share}")
}

impl<'a> Scatter<'a> {
    pub(super) fn new(spill: &'a Spill, name: String, sizes: Sizes) -> Self {
        let Sizes { shares, waiting, .. } = sizes;
        let most = (waiting / shares).min(WRITTEN);
        Self { spill, name, most, shares: (0..shares).map(|_| Mutex::default()).collect() }
    }

    /// Takes the rows of a batch for which `share` names one.
    pub(super) fn add(&self, batch: &RecordBatch, share: impl Fn(usize) -> Option<usize>) -> Result<()> {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.shares.len()];
        for row in 0..count_of_rows(batch.num_rows()) {
            if let Some(share) = share(row as usize) {
                rows[share].push(row);
            }
        }
        for (share, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let taken = take_record_batch(batch, &UInt32Array::from(rows)).expect("every row is within the batch");
            let mut waiting = self.shares[share].lock().expect("nothing panics while it holds the rows");
            waiting.rows += taken.num_rows();
            waiting.batches.push(taken);
            if waiting.rows >= self.most {
                self.write(share, &mut waiting)?;
            }
        }
        Ok(())
    }

    /// Writes what still waits.
    pub(super) fn finish(self) -> Result<()> {
        for (share, waiting) in self.shares.iter().enumerate() {
            self.write(share, &mut waiting.lock().expect("nothing panics while it holds the rows"))?;
        }
        Ok(())
    }

    fn write(&self, share: usize, waiting: &mut Waiting) -> Result<()> {
        let Waiting { batches, rows } = std::mem::take(waiting);
        if rows == 0 {
            return Ok(());
        }
        let rows = joined(&batches);
        let name = name_of(&self.name, share);
        for start in (0..rows.num_rows()).step_by(WRITTEN) {
            self.spill.write(&name, &rows.slice(start, WRITTEN.min(rows.num_rows() - start)))?;
        }
        Ok(())
    }
}
