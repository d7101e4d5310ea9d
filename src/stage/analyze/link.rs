//! Which order each attempt tries to pay.

use std::cmp::Ordering;

use arrow::array::{Array, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use hashbrown::HashTable;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
use crate::table::read::{self, Words};

/// A row there is not.
pub(super) const NO_ROW: u32 = u32::MAX;

/// A row number as a position.
pub(super) fn at(row: u32) -> usize {
    usize::try_from(row).expect("a row number fits a position")
}

/// A position as a row number.
pub(super) fn row(position: usize) -> u32 {
    u32::try_from(position).expect("a table has fewer rows than 2^32")
}

/// The orders, each once, and per attempt the row of its order there, or [`NO_ROW`].
///
/// An order stated twice is one order: the one created first, then of the first file and line.
pub(super) fn link(orders: &RecordBatch, attempts: &RecordBatch) -> Result<(RecordBatch, Vec<u32>)> {
    let Distinct { orders, rows } = distinct(orders)?;
    let (ids, wanted) = (read::text(&orders, "order_id"), read::text(attempts, "order_id"));
    let hashes = hashes(wanted);
    let find = |attempt: usize| {
        let found = rows.find(hashes[attempt], |&order| ids.value(at(order)) == wanted.value(attempt));
        found.copied().unwrap_or(NO_ROW)
    };
    let linked = (0..attempts.num_rows()).into_par_iter().with_min_len(1 << 14).map(find).collect();
    Ok((orders, linked))
}

struct Distinct {
    orders: RecordBatch,
    /// Rows of `orders`, by the hash of their identity.
    rows: HashTable<u32>,
}

fn distinct(orders: &RecordBatch) -> Result<Distinct> {
    let ids = read::text(orders, "order_id");
    let hashes = hashes(ids);
    let sequence = Sequence::new(orders, "order_id", "created_at");
    let mut rows: HashTable<u32> = HashTable::with_capacity(ids.len());
    let mut repeated: Vec<u32> = Vec::new();
    for order in 0..row(ids.len()) {
        let same = |&other: &u32| ids.value(at(other)) == ids.value(at(order));
        match rows.find_mut(hashes[at(order)], same) {
            None => {
                rows.insert_unique(hashes[at(order)], order, |&other| hashes[at(other)]);
            }
            Some(kept) if sequence.compare(order, *kept) == Ordering::Less => {
                repeated.push(std::mem::replace(kept, order));
            }
            Some(_) => repeated.push(order),
        }
    }
    if repeated.is_empty() {
        return Ok(Distinct { orders: orders.clone(), rows });
    }
    let mut keep = vec![true; ids.len()];
    for order in repeated {
        keep[at(order)] = false;
    }
    let orders = filter_record_batch(orders, &BooleanArray::from(keep))
        .map_err(|error| Error::law(format!("repeated orders cannot be left out: {error}")))?;
    distinct(&orders)
}

fn hashes(ids: &StringArray) -> Vec<u64> {
    (0..ids.len()).into_par_iter().with_min_len(1 << 14).map(|row| xxh3_64(ids.value(row).as_bytes())).collect()
}

/// The order of time between records: by instant, then identity, then file and line, which no two records share.
pub(super) struct Sequence<'a> {
    instants: &'a TimestampMicrosecondArray,
    ids: &'a StringArray,
    files: Words<'a>,
    lines: &'a Int64Array,
}

impl<'a> Sequence<'a> {
    pub(super) fn new(records: &'a RecordBatch, id: &str, instant: &str) -> Self {
        Self {
            instants: read::instants(records, instant),
            ids: read::text(records, id),
            files: read::words(records, "file_id"),
            lines: read::counts(records, "line"),
        }
    }

    pub(super) fn compare(&self, one: u32, other: u32) -> Ordering {
        let (one, other) = (at(one), at(other));
        let instant = self.instants.value(one).cmp(&self.instants.value(other));
        instant
            .then_with(|| self.ids.value(one).cmp(self.ids.value(other)))
            .then_with(|| self.files.get(one).cmp(self.files.get(other)))
            .then_with(|| self.lines.value(one).cmp(&self.lines.value(other)))
    }
}
