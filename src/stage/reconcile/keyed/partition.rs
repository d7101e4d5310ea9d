//! Tags of rows, split by hash into partitions, and the tags of a partition in the order of their hashes.

use std::ops::Range;

use rayon::prelude::*;

use super::keys::{Hashed, Keys};

/// Rows hashed and split as one piece: its tags and hashes stay in the cache of a core.
const CHUNK: usize = 1 << 17;
/// Rows of both sides one partition should hold: half a megabyte of tags.
const PARTITION: usize = 1 << 16;
/// Most bits of a hash that choose the partition.
const MOST_BITS: u32 = 12;
/// Most bits of a hash that order a partition before its tags are compared.
const MOST_BUCKET_BITS: u32 = 18;

/// How many bits of a hash choose the partition of so many rows.
pub(super) fn partitions(rows: usize) -> u32 {
    rows.div_ceil(PARTITION).max(1).next_power_of_two().ilog2().min(MOST_BITS)
}

/// What the kernel moves and sorts for a row: 32 bits of its hash that did not choose the partition, then the row.
fn tag(hash: u64, row: u32) -> u64 {
    hash << 32 | u64::from(row)
}

/// The row of a tag.
pub(super) fn row(tag: u64) -> u32 {
    u32::try_from(tag & 0xffff_ffff).expect("masked to 32 bits")
}

/// The bits of the hash in a tag.
pub(super) fn hint(tag: u64) -> u64 {
    tag >> 32
}

/// Tags of a chunk of rows, ordered by partition; `ends[p]` is where partition `p` ends.
pub(super) struct Chunk {
    tags: Vec<u64>,
    ends: Vec<u32>,
}

impl Chunk {
    fn partition(&self, partition: usize) -> &[u64] {
        let start = if partition == 0 { 0 } else { self.ends[partition - 1] };
        &self.tags[start as usize..self.ends[partition] as usize]
    }
}

/// The tags of all rows that take part.
pub(super) fn split(keys: &Keys, bits: u32, identities: bool) -> Vec<Chunk> {
    let split = |hashed: &mut Vec<Hashed>, parts: Range<usize>| {
        hashed.clear();
        hashed.reserve(parts.clone().map(|part| keys.rows_of(part)).sum());
        parts.for_each(|part| keys.hash(part, identities, hashed));
        split_chunk(hashed, bits)
    };
    chunks(keys).into_par_iter().map_init(Vec::new, split).collect()
}

/// Parts, put together while they have no more rows than a chunk.
fn chunks(keys: &Keys) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut rows = 0;
    for part in 0..keys.parts() {
        rows += keys.rows_of(part);
        if let Some(chunk) = chunks.last_mut().filter(|_| rows <= CHUNK) {
            chunk.end = part + 1;
        } else {
            chunks.push(part..part + 1);
            rows = keys.rows_of(part);
        }
    }
    chunks
}

fn split_chunk(hashed: &[Hashed], bits: u32) -> Chunk {
    let partition_of = |hash: u64| usize::try_from(hash.unbounded_shr(64 - bits)).expect("at most twelve bits are left");
    // A counting sort: how many go to each partition, where each starts, then every tag to its place.
    let mut ends = vec![0; 1 << bits];
    for &(hash, _) in hashed {
        ends[partition_of(hash)] += 1;
    }
    starts(&mut ends);
    let mut tags = vec![0; hashed.len()];
    for &(hash, row) in hashed {
        let place = &mut ends[partition_of(hash)];
        tags[*place as usize] = tag(hash, row);
        *place += 1;
    }
    Chunk { tags, ends }
}

/// Makes counts the places where each begins.
fn starts(counts: &mut [u32]) {
    let mut start = 0;
    for count in counts {
        start += std::mem::replace(count, start);
    }
}

/// The tags of one partition and side, in order.
#[derive(Default)]
pub(super) struct Tags {
    tags: Vec<u64>,
    ends: Vec<u32>,
}

impl Tags {
    /// Takes the tags of `partition`: a counting sort by leading bits, into buckets of about one tag.
    pub(super) fn gather(&mut self, chunks: &[Chunk], partition: usize) {
        let rows: usize = chunks.iter().map(|chunk| chunk.partition(partition).len()).sum();
        let bits = rows.max(2).ilog2().min(MOST_BUCKET_BITS);
        let bucket_of = |tag: u64| usize::try_from(tag >> (64 - bits)).expect("no more bits than rows");
        let tags = || chunks.iter().flat_map(|chunk| chunk.partition(partition)).copied();
        self.ends.clear();
        self.ends.resize(1 << bits, 0);
        tags().for_each(|tag| self.ends[bucket_of(tag)] += 1);
        starts(&mut self.ends);
        self.tags.resize(rows, 0);
        for tag in tags() {
            let place = &mut self.ends[bucket_of(tag)];
            self.tags[*place as usize] = tag;
            *place += 1;
        }
        let mut start = 0;
        for &end in &self.ends {
            let end = end as usize;
            if end - start > 1 {
                self.tags[start..end].sort_unstable();
            }
            start = end;
        }
    }

    /// The tags, in order.
    pub(super) fn sorted(&self) -> &[u64] {
        &self.tags
    }
}
