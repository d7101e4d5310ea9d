//! The matching kernel: which rows of two sides have the same key.
//!
//! The key columns of a row are hashed once. Rows are split by the top bits of their hash into partitions that
//! fit the cache; a partition is sorted by the rest of the hash and both sides are walked together. What moves
//! is a tag of eight bytes a row. Equal hashes are only a hint: keys themselves are compared, always.
//!
//! Nothing here depends on another partition, so threads (or machines) may share them out; the answer is the same.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::table::read::{self, Words};

/// Rows hashed and split as one piece: its tags and hashes stay in the cache of a core.
const CHUNK: usize = 1 << 17;
/// Rows of both sides one partition should hold: half a megabyte of tags.
const PARTITION: usize = 1 << 16;
/// Most bits of a hash that choose the partition.
const MOST_BITS: u32 = 12;
/// The part of a tag that is the row.
const ROW: u64 = 0xffff_ffff;

/// The rows of two sides with equal keys, a group a call.
///
/// `each` gets the rows of one key of `left` and of `right`, neither empty, in ascending order; a caller whose
/// answer depends on an order inside a group sorts by content. It writes to an accumulator, one a partition;
/// which groups share one depends on nothing but the keys and the number of rows.
#[must_use]
pub fn groups<T: Default + Send>(left: &Keys, right: &Keys, each: impl Fn(&mut T, &[u32], &[u32]) + Sync) -> Vec<T> {
    let bits = partition_bits(left.rows + right.rows);
    let (left_chunks, right_chunks) = rayon::join(|| split(left, bits), || split(right, bits));
    let scan = |scratch: &mut Scratch, partition| {
        let mut found = T::default();
        gather(&left_chunks, partition, &mut scratch.left);
        gather(&right_chunks, partition, &mut scratch.right);
        scratch.scan(left, right, |left_rows, right_rows| each(&mut found, left_rows, right_rows));
        found
    };
    (0..1_usize << bits).into_par_iter().map_init(Scratch::default, scan).collect()
}

/// Two rows with one key, if there are any: those with the smallest such key.
#[must_use]
pub fn repeated(keys: &Keys) -> Option<(u32, u32)> {
    let bits = partition_bits(keys.rows);
    let chunks = split(keys, bits);
    let scan = |tags: &mut Vec<u64>, partition| {
        gather(&chunks, partition, tags);
        let runs = tags.chunk_by(|a, b| a >> 32 == b >> 32).filter(|run| run.len() > 1);
        let twice = runs.filter_map(|run| {
            let mut rows: Vec<u32> = run.iter().copied().map(row).collect();
            rows.sort_unstable_by(|&a, &b| keys.compare(a, keys, b).then(a.cmp(&b)));
            rows.windows(2).find(|pair| keys.same(pair[0], keys, pair[1])).map(|pair| (pair[0], pair[1]))
        });
        twice.min_by(|a, b| keys.compare(a.0, keys, b.0))
    };
    let twice = (0..1_usize << bits).into_par_iter().map_init(Vec::new, scan);
    twice.flatten().min_by(|a, b| keys.compare(a.0, keys, b.0))
}

/// The key columns of one side, and which of its rows take part.
pub struct Keys<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
    only: Option<Vec<bool>>,
}

/// A key column.
enum Column<'a> {
    Text(&'a StringArray),
    Words(Words<'a>),
}

impl<'a> Keys<'a> {
    /// The columns `names` of `batch`, which hold text. A row with an empty key column takes no part.
    #[must_use]
    pub fn of(batch: &'a RecordBatch, names: &[&str]) -> Self {
        assert!(u32::try_from(batch.num_rows()).is_ok(), "a side has fewer rows than 32 bits count");
        let columns = names.iter().map(|name| match read::column(batch, name).data_type() {
            DataType::Utf8 => Column::Text(read::column(batch, name).as_string::<i32>()),
            _ => Column::Words(read::words(batch, name)),
        });
        Self { columns: columns.collect(), rows: batch.num_rows(), only: None }
    }

    /// Only the rows with `true` take part.
    #[must_use]
    pub fn only(mut self, rows: Vec<bool>) -> Self {
        assert_eq!(rows.len(), self.rows, "one flag a row");
        self.only = Some(rows);
        self
    }

    /// The hash of a row's key, if the row takes part. Hashing each column on top of the one before keeps
    /// `a, bc` apart from `ab, c`.
    fn hash(&self, row: usize) -> Option<u64> {
        if self.only.as_ref().is_some_and(|only| !only[row]) {
            return None;
        }
        self.columns.iter().try_fold(0, |hash, column| Some(xxh3_64_with_seed(column.value(row)?.as_bytes(), hash)))
    }

    fn same(&self, row: u32, other: &Keys, other_row: u32) -> bool {
        self.compare(row, other, other_row).is_eq()
    }

    fn compare(&self, row: u32, other: &Keys, other_row: u32) -> Ordering {
        let values = self.columns.iter().map(|column| column.value(index(row)));
        values.cmp(other.columns.iter().map(|column| column.value(index(other_row))))
    }
}

impl<'a> Column<'a> {
    fn value(&self, row: usize) -> Option<&'a str> {
        let value = match self {
            Self::Text(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Words(words) => words.optional(row),
        };
        value.filter(|value| !value.is_empty())
    }
}

/// A row number as an index: rows are kept in 32 bits to halve what the kernel moves.
#[must_use]
pub fn index(row: u32) -> usize {
    usize::try_from(row).expect("an index has at least 32 bits")
}

/// What the kernel moves and sorts for a row: 32 bits of its hash that did not choose the partition, then the row.
fn tag(hash: u64, row: u32) -> u64 {
    hash << 32 | u64::from(row)
}

fn row(tag: u64) -> u32 {
    u32::try_from(tag & ROW).expect("masked to 32 bits")
}

fn partition_bits(rows: usize) -> u32 {
    rows.div_ceil(PARTITION).max(1).next_power_of_two().ilog2().min(MOST_BITS)
}

/// Tags of a chunk of rows, ordered by partition; `ends[p]` is where partition `p` ends.
struct Chunk {
    tags: Vec<u64>,
    ends: Vec<usize>,
}

impl Chunk {
    fn partition(&self, partition: usize) -> &[u64] {
        let start = if partition == 0 { 0 } else { self.ends[partition - 1] };
        &self.tags[start..self.ends[partition]]
    }
}

fn split(keys: &Keys, bits: u32) -> Vec<Chunk> {
    let starts = (0..keys.rows).into_par_iter().step_by(CHUNK);
    starts.map(|start| split_chunk(keys, start..keys.rows.min(start + CHUNK), bits)).collect()
}

fn split_chunk(keys: &Keys, rows: Range<usize>, bits: u32) -> Chunk {
    let partition_of = |hash: u64| usize::try_from(hash.unbounded_shr(64 - bits)).expect("at most twelve bits are left");
    let mut hashes = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(hash) = keys.hash(row) {
            hashes.push((hash, u32::try_from(row).expect("checked where the keys were made")));
        }
    }
    // A counting sort: how many go to each partition, where each starts, then every tag to its place.
    let mut next = vec![0; 1 << bits];
    for &(hash, _) in &hashes {
        next[partition_of(hash)] += 1;
    }
    let mut start = 0;
    for place in &mut next {
        start += std::mem::replace(place, start);
    }
    let mut tags = vec![0; hashes.len()];
    for (hash, row) in hashes {
        let place = &mut next[partition_of(hash)];
        tags[*place] = tag(hash, row);
        *place += 1;
    }
    Chunk { tags, ends: next }
}

/// All tags of a partition, sorted.
fn gather(chunks: &[Chunk], partition: usize, tags: &mut Vec<u64>) {
    tags.clear();
    for chunk in chunks {
        tags.extend_from_slice(chunk.partition(partition));
    }
    tags.sort_unstable();
}

/// Memory one thread uses again for each partition.
#[derive(Default)]
struct Scratch {
    left: Vec<u64>,
    right: Vec<u64>,
    left_rows: Vec<u32>,
    right_rows: Vec<u32>,
}

impl Scratch {
    /// Walks both sorted sides and hands out the groups.
    fn scan(&mut self, left: &Keys, right: &Keys, mut each: impl FnMut(&[u32], &[u32])) {
        let (mut l, mut r) = (0, 0);
        while l < self.left.len() && r < self.right.len() {
            match (self.left[l] >> 32).cmp(&(self.right[r] >> 32)) {
                Ordering::Less => l += 1,
                Ordering::Greater => r += 1,
                Ordering::Equal => {
                    let (left_run, right_run) = (run(&self.left[l..]), run(&self.right[r..]));
                    l += left_run.len();
                    r += right_run.len();
                    if let ([one], [other]) = (left_run, right_run) {
                        let (one, other) = (row(*one), row(*other));
                        if left.same(one, right, other) {
                            each(&[one], &[other]);
                        }
                    } else {
                        sort_by_key(left, left_run, &mut self.left_rows);
                        sort_by_key(right, right_run, &mut self.right_rows);
                        groups_of_run(left, &self.left_rows, right, &self.right_rows, &mut each);
                    }
                }
            }
        }
    }
}

/// The leading tags with one hash.
fn run(tags: &[u64]) -> &[u64] {
    let length = tags.iter().take_while(|&tag| tag >> 32 == tags[0] >> 32).count();
    &tags[..length]
}

fn sort_by_key(keys: &Keys, run: &[u64], rows: &mut Vec<u32>) {
    rows.clear();
    rows.extend(run.iter().copied().map(row));
    rows.sort_unstable_by(|&a, &b| keys.compare(a, keys, b).then(a.cmp(&b)));
}

/// The groups among rows of one hash, sorted by key: usually one, several where keys collide.
fn groups_of_run(left: &Keys, left_rows: &[u32], right: &Keys, right_rows: &[u32], each: &mut impl FnMut(&[u32], &[u32])) {
    let mut left_keys = left_rows.chunk_by(|&a, &b| left.same(a, left, b)).peekable();
    let mut right_keys = right_rows.chunk_by(|&a, &b| right.same(a, right, b)).peekable();
    while let (Some(left_group), Some(right_group)) = (left_keys.peek(), right_keys.peek()) {
        let order = left.compare(left_group[0], right, right_group[0]);
        if order.is_eq() {
            each(left_group, right_group);
        }
        if order.is_le() {
            left_keys.next();
        }
        if order.is_ge() {
            right_keys.next();
        }
    }
}
