//! The texts of a page, end to end.

use super::delta;
use super::pages::Bounds;

/// Bytes that are copied at once. Most texts are no longer, and need no loop.
const BLOCK: usize = 32;

/// A text, and what follows it in its part.
#[derive(Clone, Copy, Default)]
pub(super) struct Text<'a> {
    rest: &'a [u8],
    length: u32,
}

impl<'a> Text<'a> {
    /// The first `length` bytes of `rest`.
    pub(super) fn new(rest: &'a [u8], length: usize) -> Self {
        Self { rest, length: u32::try_from(length).expect("a text has less than 2^32 bytes") }
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::new(text, text.len())
    }
}

/// The texts of a page.
#[derive(Default)]
pub(super) struct Texts {
    /// The texts, and at least a block after them.
    bytes: Vec<u8>,
    lengths: Vec<u32>,
    /// How many bytes each begins with that the one before it begins with too.
    shared: Vec<u32>,
    ends: Vec<u32>,
}

impl Texts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Makes these the texts.
    pub(super) fn set(&mut self, texts: &[Text<'_>]) {
        self.lengths.clear();
        self.lengths.extend(texts.iter().map(|text| text.length));
        let size = self.make_room();
        copy(texts.iter().copied(), &mut self.bytes, size);
    }

    /// Makes texts of one length the texts.
    pub(super) fn set_all<const LENGTH: usize>(&mut self, texts: impl ExactSizeIterator<Item = [u8; LENGTH]>) {
        self.lengths.clear();
        self.lengths.resize(texts.len(), u32::try_from(LENGTH).expect("a short text"));
        self.make_room();
        let (places, _) = self.bytes.as_chunks_mut::<LENGTH>();
        places.iter_mut().zip(texts).for_each(|(place, text)| *place = text);
    }

    fn make_room(&mut self) -> usize {
        let size = self.lengths.iter().map(|&length| length as usize).sum();
        if self.bytes.len() < size + BLOCK {
            self.bytes.resize(size + BLOCK, 0);
        }
        size
    }

    /// Finds what each shares with the one before; returns how many bytes that are.
    pub(super) fn share(&mut self) -> usize {
        self.shared.clear();
        let (mut before, mut at) = (0, 0);
        let mut length_before = 0;
        let bytes = &self.bytes;
        self.shared.extend(self.lengths.iter().map(|&length| {
            let length = length as usize;
            let most = length_before.min(length);
            let shared = common(&bytes[before..], &bytes[at..], most);
            (before, length_before) = (at, length);
            at += length;
            u32::try_from(shared).expect("a text has less than 2^32 bytes")
        }));
        self.shared.iter().map(|&shared| shared as usize).sum()
    }

    /// Appends the texts, each without the bytes it shares with the one before (`DELTA_BYTE_ARRAY`).
    pub(super) fn encode_ends(&mut self, out: &mut Vec<u8>) {
        delta::encode(&self.shared, i64::from, out);
        self.ends.clear();
        self.ends.extend(self.lengths.iter().zip(&self.shared).map(|(length, shared)| length - shared));
        delta::encode(&self.ends, i64::from, out);
        let size: usize = self.ends.iter().map(|&length| length as usize).sum();
        let begins = out.len();
        out.resize(begins + size + BLOCK, 0);
        let mut at = 0;
        let ends = self.ends.iter().zip(&self.shared).map(|(&length, &shared)| {
            at += shared as usize;
            let rest = &self.bytes[at..];
            at += length as usize;
            Text { rest, length }
        });
        copy(ends, &mut out[begins..], size);
        out.truncate(begins + size);
    }

    /// Appends the texts, their lengths first (`DELTA_LENGTH_BYTE_ARRAY`).
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        delta::encode(&self.lengths, i64::from, out);
        let size: usize = self.lengths.iter().map(|&length| length as usize).sum();
        out.extend_from_slice(&self.bytes[..size]);
    }

    /// The first and the last in order.
    pub(super) fn bounds(&self, is_shared: bool) -> Option<Bounds> {
        // What every text begins with need not be compared; eight bytes after that tell nearly all apart.
        let common = if is_shared { self.shared.iter().skip(1).min().map_or(0, |&shared| shared as usize) } else { 0 };
        let mut at = 0;
        let mut texts = self.lengths.iter().map(|&length| {
            let begins = at + common;
            at += length as usize;
            let eight = u64::from_be_bytes(*self.bytes[begins..].first_chunk().expect("a block follows the texts"));
            let kept = (at - begins).min(8) * 8;
            let key = if kept == 0 { 0 } else { eight & u64::MAX << (64 - kept) };
            (key, &self.bytes[begins - common..at])
        });
        let first = texts.next()?;
        let (least, greatest) = texts.fold((first, first), |(least, greatest), text| {
            let is_least = text.0 <= least.0 && text < least;
            let is_greatest = text.0 >= greatest.0 && text > greatest;
            (if is_least { text } else { least }, if is_greatest { text } else { greatest })
        });
        Some((least.1.to_vec(), greatest.1.to_vec()))
    }
}

/// Copies texts end to end into the first `size` bytes of `out`, which may be overwritten a block further.
fn copy<'a>(texts: impl Iterator<Item = Text<'a>>, out: &mut [u8], size: usize) {
    let mut at = 0;
    for text in texts {
        let length = text.length as usize;
        match (text.rest.first_chunk::<BLOCK>(), out[at..].first_chunk_mut::<BLOCK>()) {
            (Some(from), Some(to)) if length <= BLOCK => *to = *from,
            _ => out[at..at + length].copy_from_slice(&text.rest[..length]),
        }
        at += length;
    }
    debug_assert_eq!(at, size, "the texts have the room they were given");
}

/// How many of the first `most` bytes are equal.
fn common(left: &[u8], right: &[u8], most: usize) -> usize {
    let (mut left, mut right) = (left, right);
    let mut shared = 0;
    while shared < most {
        let (Some((ours, rest)), Some((theirs, other_rest))) = (left.split_first_chunk::<16>(), right.split_first_chunk::<16>())
        else {
            return shared + left.iter().zip(right).take(most - shared).take_while(|(left, right)| left == right).count();
        };
        let differing = u128::from_le_bytes(*ours) ^ u128::from_le_bytes(*theirs);
        if differing != 0 {
            return (shared + differing.trailing_zeros() as usize / 8).min(most);
        }
        (left, right) = (rest, other_rest);
        shared += 16;
    }
    most
}
