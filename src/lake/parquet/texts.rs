//! The texts of a page.

use super::delta;
use super::pages::Bounds;
use super::parts::keep;

/// Bytes that are copied at once. Most texts are no longer, and need no loop.
const BLOCK: usize = 32;

/// A text, and what follows it in its part.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    rest: &'a [u8],
    length: u32,
}

impl<'a> Text<'a> {
    /// The first `length` bytes of `rest`.
    pub(super) fn new(rest: &'a [u8], length: usize) -> Self {
        Self { rest, length: self::length(length) }
    }
}

/// The texts of a page.
#[derive(Default)]
pub(super) struct Texts {
    /// The texts in the order they were put, and at least a block after them.
    bytes: Vec<u8>,
    used: usize,
    places: Vec<Place>,
    /// How many bytes each begins with that the one before it begins with too.
    shared: Vec<u32>,
    lengths: Vec<u32>,
}

/// Where a text is.
#[derive(Clone, Copy, Default)]
struct Place {
    start: usize,
    length: u32,
}

impl Texts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Makes room for `count` texts.
    pub(super) fn begin(&mut self, count: usize) {
        self.used = 0;
        self.places.clear();
        self.places.resize(count, Place::default());
    }

    /// Puts a text at its number.
    #[inline]
    pub(super) fn put(&mut self, number: usize, text: Text<'_>) {
        let length = text.length as usize;
        if self.bytes.len() < self.used + length + BLOCK {
            self.bytes.resize((self.used + length + BLOCK) * 2, 0);
        }
        copy(text, &mut self.bytes[self.used..]);
        self.places[number] = Place { start: self.used, length: text.length };
        self.used += length;
    }

    /// Keeps the texts whose rows hold one.
    pub(super) fn keep(&mut self, held: &mut Vec<bool>) {
        keep(&mut self.places, held);
    }

    /// Makes texts of one length the texts.
    pub(super) fn set<const LENGTH: usize>(&mut self, texts: impl ExactSizeIterator<Item = [u8; LENGTH]>) {
        self.begin(texts.len());
        texts.enumerate().for_each(|(number, text)| self.put(number, Text::new(&text, LENGTH)));
    }

    /// Finds what each shares with the one before; returns how many bytes that are.
    pub(super) fn share(&mut self) -> usize {
        self.shared.clear();
        let mut before = Place::default();
        let bytes = &self.bytes;
        self.shared.extend(self.places.iter().map(|&place| {
            let most = before.length.min(place.length) as usize;
            let shared = common(&bytes[before.start..], &bytes[place.start..], most);
            before = place;
            length(shared)
        }));
        self.shared.iter().map(|&shared| shared as usize).sum()
    }

    /// Appends the texts, each without the bytes it shares with the one before (`DELTA_BYTE_ARRAY`).
    pub(super) fn encode_ends(&mut self, out: &mut Vec<u8>) {
        delta::encode(&self.shared, i64::from, out);
        self.lengths.clear();
        self.lengths.extend(self.places.iter().zip(&self.shared).map(|(place, shared)| place.length - shared));
        delta::encode(&self.lengths, i64::from, out);
        let rest = |(place, &shared): (&Place, &u32)| &self.bytes[place.start + shared as usize..];
        append(self.places.iter().zip(&self.shared).map(rest), &self.lengths, out);
    }

    /// Appends the texts, their lengths first (`DELTA_LENGTH_BYTE_ARRAY`).
    pub(super) fn encode(&mut self, out: &mut Vec<u8>) {
        self.lengths.clear();
        self.lengths.extend(self.places.iter().map(|place| place.length));
        delta::encode(&self.lengths, i64::from, out);
        append(self.places.iter().map(|place| &self.bytes[place.start..]), &self.lengths, out);
    }

    /// The first and the last in order.
    pub(super) fn bounds(&self, is_shared: bool) -> Option<Bounds> {
        // What every text begins with need not be compared; eight bytes after that tell nearly all apart.
        let common = if is_shared { self.shared.iter().skip(1).min().map_or(0, |&shared| shared as usize) } else { 0 };
        let key = |place: &Place| {
            let eight = self.bytes[place.start + common..].first_chunk().expect("a block follows the texts");
            let kept = (place.length as usize - common).min(8);
            if kept == 0 { 0 } else { u64::from_be_bytes(*eight) & u64::MAX << (64 - 8 * kept) }
        };
        let text = |place: &Place| &self.bytes[place.start..place.start + place.length as usize];
        let first = self.places.first()?;
        let (mut least, mut greatest) = ((key(first), first), (key(first), first));
        for place in &self.places {
            let key = key(place);
            if key <= least.0 && (key < least.0 || text(place) < text(least.1)) {
                least = (key, place);
            }
            if key >= greatest.0 && (key > greatest.0 || text(place) > text(greatest.1)) {
                greatest = (key, place);
            }
        }
        Some((text(least.1).to_vec(), text(greatest.1).to_vec()))
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a text has less than 2^32 bytes")
}

/// Appends the first bytes of each of `texts`, end to end.
fn append<'a>(texts: impl Iterator<Item = &'a [u8]>, lengths: &[u32], out: &mut Vec<u8>) {
    let mut at = out.len();
    let end = at + lengths.iter().map(|&length| length as usize).sum::<usize>();
    out.resize(end + BLOCK, 0);
    for (rest, &length) in texts.zip(lengths) {
        copy(Text { rest, length }, &mut out[at..]);
        at += length as usize;
    }
    out.truncate(end);
}

/// Copies a text to the beginning of `out`, and over what follows it there.
#[inline]
fn copy(text: Text<'_>, out: &mut [u8]) {
    let length = text.length as usize;
    match (text.rest.first_chunk::<BLOCK>(), out.first_chunk_mut::<BLOCK>()) {
        (Some(from), Some(to)) if length <= BLOCK => *to = *from,
        _ => out[..length].copy_from_slice(&text.rest[..length]),
    }
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
