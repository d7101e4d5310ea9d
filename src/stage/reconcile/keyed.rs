//! The matching kernel: which rows of two sides have the same key.
//!
//! The key columns of a row are hashed once. Rows are split by the top bits of their hash into partitions that
//! fit the cache; a partition is put in order by the rest of the hash and both sides are walked together. What
//! moves is a tag of eight bytes a row. Equal hashes are only a hint: keys themselves are compared, always.
//!
//! Nothing here depends on another partition, so threads (or machines) may share them out; the answer is the same.

mod column;
mod keys;
mod partition;
mod verify;

use std::cmp::Ordering;

use rayon::prelude::*;

pub use keys::{Keys, Rows};
use partition::{Tags, hint, partitions, row, split};
pub use verify::Verify;

/// The pairs of rows with equal keys: row names of `left` and `right`.
#[must_use]
pub fn pairs(left: &Keys, right: &Keys) -> Vec<(u32, u32)> {
    let found = groups(left, right, |found: &mut Vec<(u32, u32)>, left_rows, right_rows| {
        for &one in left_rows {
            found.extend(right_rows.iter().map(|&other| (one, other)));
        }
    });
    let mut pairs = Vec::with_capacity(found.iter().map(Vec::len).sum());
    for found in found {
        pairs.extend(found);
    }
    pairs
}

/// The rows of two sides with equal keys, a group a call.
///
/// `each` gets the rows of one key of `left` and of `right`, neither empty, in ascending order; a caller whose
/// answer depends on an order inside a group sorts by content. It writes to an accumulator, one a partition;
/// which groups share one depends on nothing but the keys and the number of rows.
#[must_use]
pub fn groups<T: Default + Send>(left: &Keys, right: &Keys, each: impl Fn(&mut T, &[u32], &[u32]) + Sync) -> Vec<T> {
    let verify = Verify::new(left, right);
    candidates(left, right, |found, alone| verify.same(alone, |(one, other)| each(found, &[one], &[other])), &each)
}

/// As [`groups`], but rows that are alone on their side with one hash are handed out together and not compared: the
/// caller does it with [`Verify`], in an order that suits its memory. Two such rows have one key or have none of
/// the other side.
#[must_use]
pub fn candidates<T: Default + Send>(
    left: &Keys,
    right: &Keys,
    alone: impl Fn(&mut T, &[(u32, u32)]) + Sync,
    each: impl Fn(&mut T, &[u32], &[u32]) + Sync,
) -> Vec<T> {
    let bits = partitions(left.rows() + right.rows());
    let identities = left.has_identities() || right.has_identities();
    let (left_chunks, right_chunks) = rayon::join(|| split(left, bits, identities), || split(right, bits, identities));
    let scan = |scratch: &mut Scratch, partition| {
        let mut found = T::default();
        scratch.left.gather(&left_chunks, partition);
        scratch.right.gather(&right_chunks, partition);
        scratch.scan(left, right, |left_rows, right_rows| each(&mut found, left_rows, right_rows));
        alone(&mut found, &scratch.alone);
        found
    };
    (0..1_usize << bits).into_par_iter().map_init(Scratch::default, scan).collect()
}

/// Two rows with one key, if there are any: those with the smallest such key.
#[must_use]
pub fn repeated(keys: &Keys) -> Option<(u32, u32)> {
    let bits = partitions(keys.rows());
    let chunks = split(keys, bits, keys.has_identities());
    let scan = |tags: &mut Tags, partition| {
        tags.gather(&chunks, partition);
        let runs = tags.sorted().chunk_by(|&a, &b| hint(a) == hint(b)).filter(|run| run.len() > 1);
        let twice = runs.filter_map(|run| {
            let mut rows: Vec<u32> = run.iter().copied().map(row).collect();
            rows.sort_unstable_by(|&a, &b| keys.compare(a, keys, b).then(a.cmp(&b)));
            rows.windows(2).find(|pair| keys.same(pair[0], keys, pair[1])).map(|pair| (pair[0], pair[1]))
        });
        twice.min_by(|a, b| keys.compare(a.0, keys, b.0))
    };
    let twice = (0..1_usize << bits).into_par_iter().map_init(Tags::default, scan);
    twice.flatten().min_by(|a, b| keys.compare(a.0, keys, b.0))
}

/// Memory one thread uses again for each partition.
#[derive(Default)]
struct Scratch {
    left: Tags,
    right: Tags,
    /// Rows that are alone on their side with one hash.
    alone: Vec<(u32, u32)>,
    left_rows: Vec<u32>,
    right_rows: Vec<u32>,
}

impl Scratch {
    /// Walks both sides and hands out the groups, but for rows that are alone: those are left in [`Self::alone`].
    fn scan(&mut self, left: &Keys, right: &Keys, mut each: impl FnMut(&[u32], &[u32])) {
        let (left_tags, right_tags) = (self.left.sorted(), self.right.sorted());
        self.alone.clear();
        let (mut l, mut r) = (0, 0);
        while l < left_tags.len() && r < right_tags.len() {
            let order = hint(left_tags[l]).cmp(&hint(right_tags[r]));
            if order.is_ne() {
                // No branch: which side is behind cannot be foretold.
                l += usize::from(order == Ordering::Less);
                r += usize::from(order == Ordering::Greater);
                continue;
            }
            let (left_run, right_run) = (run(&left_tags[l..]), run(&right_tags[r..]));
            l += left_run.len();
            r += right_run.len();
            if let ([one], [other]) = (left_run, right_run) {
                self.alone.push((row(*one), row(*other)));
            } else {
                sort_by_key(left, left_run, &mut self.left_rows);
                sort_by_key(right, right_run, &mut self.right_rows);
                groups_of_run(left, &self.left_rows, right, &self.right_rows, &mut each);
            }
        }
    }
}

/// The leading tags with one hash.
fn run(tags: &[u64]) -> &[u64] {
    let length = tags.iter().take_while(|&&tag| hint(tag) == hint(tags[0])).count();
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
