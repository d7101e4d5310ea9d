//! Which order each attempt tries to pay.

use arrow::array::RecordBatch;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
use crate::mask::masked;
use crate::table::part::{NO_ROW, Texts, place, row_id, texts};

/// Per part of `attempts` and per row, the row of its order, or [`NO_ROW`] where it is of another night.
///
/// Attempts are mostly written in the order of their orders, so the order after that of the attempt before is looked
/// at first; only what is not found there is looked up. Orders that are in order of their names need no table for that.
pub(super) fn link(orders: &[RecordBatch], attempts: &[RecordBatch]) -> Result<Vec<Vec<u32>>> {
    assert!(u16::try_from(orders.len()).is_ok(), "a row's name holds sixteen bits of its part");
    let names = Names { parts: orders.iter().map(|part| (texts(part, "order_id"), part.num_rows())).collect() };
    let index = match names.ascending() {
        Some(parts) => Index::Ascending(parts),
        None => Index::Hashed(Table::of(&names)?),
    };
    let linked = attempts.par_iter().map(|part| {
        let wanted = texts(part, "order_id");
        let mut before = NO_ROW;
        let find = |row: usize| {
            let wanted = wanted.get(row).unwrap_or_default();
            let near = [names.after(before), before].into_iter().find(|&order| order != NO_ROW && names.get(order) == wanted);
            let found = near.or_else(|| index.find(wanted, &names)).unwrap_or(NO_ROW);
            before = if found == NO_ROW { before } else { found };
            found
        };
        (0..part.num_rows()).map(find).collect()
    });
    Ok(linked.collect())
}

/// What orders are called.
struct Names<'a> {
    parts: Vec<(Texts<'a>, usize)>,
}

impl<'a> Names<'a> {
    fn get(&self, order: u32) -> &'a str {
        let (part, row) = place(order);
        self.parts[part].0.get(row).unwrap_or_default()
    }

    /// If every name is greater than the one before, so that no order is stated twice: the parts that have rows, each
    /// with its last name.
    fn ascending(&self) -> Option<Vec<(usize, &'a str)>> {
        let filled: Vec<usize> = (0..self.parts.len()).filter(|&part| self.parts[part].1 > 0).collect();
        let last = |part: usize| self.get(row_id(part, self.parts[part].1 - 1));
        let apart = filled.windows(2).all(|pair| last(pair[0]) < self.get(row_id(pair[1], 0)));
        let ascends = |&part: &usize| {
            let (ids, rows) = self.parts[part];
            (0..rows).map(|row| ids.get(row)).is_sorted_by(|one, other| one < other)
        };
        let ascending = apart && filled.par_iter().all(ascends);
        ascending.then(|| filled.into_iter().map(|part| (part, last(part))).collect())
    }

    /// The row after a row, if its part has one.
    fn after(&self, order: u32) -> u32 {
        if order == NO_ROW {
            return NO_ROW;
        }
        let (part, row) = place(order);
        if row + 1 < self.parts[part].1 { order + 1 } else { NO_ROW }
    }
}

/// Where orders are found by name.
enum Index<'a> {
    /// Names ascend: the parts that have rows, each with its last name.
    Ascending(Vec<(usize, &'a str)>),
    Hashed(Table),
}

impl Index<'_> {
    fn find(&self, name: &str, names: &Names) -> Option<u32> {
        match self {
            Self::Ascending(parts) => {
                let &(part, _) = parts.get(parts.partition_point(|&(_, last)| last < name))?;
                let (mut low, mut high) = (0, names.parts[part].1);
                while low < high {
                    let middle = low.midpoint(high);
                    (low, high) = if names.get(row_id(part, middle)) < name { (middle + 1, high) } else { (low, middle) };
                }
                Some(row_id(part, low)).filter(|&order| names.get(order) == name)
            }
            Self::Hashed(table) => table.find(name, names),
        }
    }
}

/// Orders one partition should hold: its table fits the cache of a core.
const PARTITION: usize = 1 << 13;
/// Most bits of a hash that choose the partition.
const MOST_BITS: u32 = 12;
/// A place in a partition that no order has.
const FREE: u64 = u64::MAX;

/// The rows of all orders by the hash of their names: what a place holds is 32 bits of the hash, then the row.
///
/// The top bits of a hash choose the partition and its low half the place there: open addressing, two places of three
/// taken. Equal hashes are only a hint: names themselves are compared, always.
struct Table {
    partitions: Vec<Vec<u64>>,
    bits: u32,
}

impl Table {
    /// Fails if two orders have one name: that is refused where records are read.
    fn of(names: &Names) -> Result<Self> {
        let rows: usize = names.parts.iter().map(|(_, rows)| rows).sum();
        let bits = rows.div_ceil(PARTITION).max(1).next_power_of_two().ilog2().min(MOST_BITS);
        let split: Vec<Tags> = (0..names.parts.len()).into_par_iter().map(|part| Tags::of(names, part, bits)).collect();
        let partitions = (0..1_usize << bits).into_par_iter().map(|partition| fill(&split, partition, names));
        Ok(Self { partitions: partitions.collect::<Result<_>>()?, bits })
    }

    fn find(&self, name: &str, names: &Names) -> Option<u32> {
        let hash = xxh3_64(name.as_bytes());
        let partition = &self.partitions[partition_of(hash, self.bits)];
        let same = |&held: &u64| held >> 32 == hash & LOW && names.get(row(held)) == name;
        taken(partition, hash & LOW).find(same).map(row)
    }
}

const LOW: u64 = 0xffff_ffff;

fn partition_of(hash: u64, bits: u32) -> usize {
    usize::try_from(hash >> 32 >> (32 - bits)).expect("few bits fit a position")
}

fn row(held: u64) -> u32 {
    u32::try_from(held & LOW).expect("masked to 32 bits")
}

/// Where in a partition of that many places a hash belongs.
fn home(places: usize, hash: u64) -> usize {
    usize::try_from((hash * u64::try_from(places).expect("a position fits 64 bits")) >> 32).expect("below the number of places")
}

/// What is held from the place of a hash on, up to the first free place.
fn taken(partition: &[u64], hash: u64) -> impl Iterator<Item = u64> {
    let (before, after) = partition.split_at(if partition.is_empty() { 0 } else { home(partition.len(), hash) });
    after.iter().chain(before).copied().take_while(|&held| held != FREE)
}

/// The rows of a part, ordered by partition; `ends[p]` is where partition `p` ends.
struct Tags {
    tags: Vec<u64>,
    ends: Vec<u32>,
}

impl Tags {
    fn of(names: &Names, part: usize, bits: u32) -> Self {
        let (ids, rows) = names.parts[part];
        let hash = |row: usize| xxh3_64(ids.get(row).unwrap_or_default().as_bytes());
        let hashes: Vec<u64> = (0..rows).map(hash).collect();
        let mut ends = vec![0_u32; 1 << bits];
        for &hash in &hashes {
            ends[partition_of(hash, bits)] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += std::mem::replace(count, end);
        }
        let mut tags = vec![0; rows];
        for (row, hash) in hashes.into_iter().enumerate() {
            let next = &mut ends[partition_of(hash, bits)];
            tags[*next as usize] = hash << 32 | u64::from(row_id(part, row));
            *next += 1;
        }
        Self { tags, ends }
    }

    fn partition(&self, partition: usize) -> &[u64] {
        let begin = partition.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.tags[begin as usize..self.ends[partition] as usize]
    }
}

fn fill(split: &[Tags], partition: usize, names: &Names) -> Result<Vec<u64>> {
    let rows: usize = split.iter().map(|part| part.partition(partition).len()).sum();
    let mut places = vec![FREE; rows + rows / 2 + 1];
    for &tag in split.iter().flat_map(|part| part.partition(partition)) {
        let mut place = home(places.len(), tag >> 32);
        while places[place] != FREE {
            let other = places[place];
            if other >> 32 == tag >> 32 && names.get(row(other)) == names.get(row(tag)) {
                return Err(Error::law("an order is stated twice")
                    .expected("each order once")
                    .found(masked(names.get(row(tag)))));
            }
            place = if place + 1 == places.len() { 0 } else { place + 1 };
        }
        places[place] = tag;
    }
    Ok(places)
}
