//! What raw cells became before, so that it is worked out once: a word, a kind, a group.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::{Key, Short};

/// Short keys that are looked up by a product and a comparison, each in the place its bits give it.
const PLACES: usize = 128;
/// Keys of other cells after which all is forgotten: cells of so many values are not worth remembering.
const MOST: usize = 1 << 14;
/// No key: none has such lengths.
const FREE: Short = [u64::MAX; 2];

/// Codes by raw cells.
#[derive(Debug)]
pub(super) struct Memo {
    places: Box<[(Short, u16); PLACES]>,
    /// All that is remembered.
    known: HashTable<(Box<[u8]>, u16)>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { places: Box::new([(FREE, 0); PLACES]), known: HashTable::new() }
    }
}

#[inline]
fn place([low, high]: Short) -> usize {
    const SHIFT: u32 = u64::BITS - PLACES.ilog2();
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> SHIFT).expect("a few bits are a place")
}

impl Memo {
    /// The code of a key, where it is remembered.
    #[inline]
    pub(super) fn recall(&mut self, key: Key) -> Option<u16> {
        match key {
            Key::Short(key) => self.recall_short(key),
            Key::Long(_) => self.recall_any(key),
        }
    }

    /// The code of a short key, where it is remembered.
    #[inline]
    pub(super) fn recall_short(&mut self, key: Short) -> Option<u16> {
        let (known, code) = self.places[place(key)];
        if known == key { Some(code) } else { self.recall_any(Key::Short(key)) }
    }

    #[cold]
    fn recall_any(&mut self, key: Key) -> Option<u16> {
        let code =
            with_bytes(key, |bytes| self.known.find(xxh3_64(bytes), |(known, _)| **known == *bytes).map(|(_, code)| *code))?;
        if let Key::Short(key) = key {
            self.places[place(key)] = (key, code);
        }
        Some(code)
    }

    /// Remembers the code of a key.
    pub(super) fn remember(&mut self, key: Key, code: u16) {
        if self.known.len() >= MOST {
            self.clear();
        }
        with_bytes(key, |bytes| self.known.insert_unique(xxh3_64(bytes), (bytes.into(), code), |(known, _)| xxh3_64(known)));
        if let Key::Short(key) = key {
            self.places[place(key)] = (key, code);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.places.fill((FREE, 0));
    }
}

/// A key as bytes. A short one has sixteen, a long one more.
fn with_bytes<T>(key: Key, read: impl FnOnce(&[u8]) -> T) -> T {
    match key {
        Key::Short(key) => read(key.map(u64::to_le_bytes).as_flattened()),
        Key::Long(bytes) => read(bytes),
    }
}
