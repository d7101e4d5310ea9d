//! What raw cells became before, so that it is worked out once: a word, a kind, a group.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::Key;

/// Keys that are looked up by a product and a comparison, each in the place its bits give it.
const PLACES: usize = 128;
/// Keys of other cells after which all is forgotten: cells of so many values are not worth remembering.
const MOST: usize = 1 << 14;
/// No key: a key begins with a length.
const FREE: u128 = u128::MAX;

/// Codes by raw cells.
#[derive(Debug, Default)]
pub(super) struct Memo {
    places: Vec<(u128, u16)>,
    /// All that is remembered.
    known: HashTable<(Box<[u8]>, u16)>,
}

fn place(key: u128) -> usize {
    let bits = key.to_le_bytes();
    let [low, high]: [u64; 2] =
        std::array::from_fn(|half| u64::from_le_bytes(*bits[half * 8..].first_chunk().expect("a key has two halves")));
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 32).expect("half a word is a place") % PLACES
}

impl Memo {
    /// The code of the key, where it is remembered.
    #[inline]
    pub(super) fn recall(&mut self, key: Key) -> Option<u16> {
        if let Key::Short(key) = key
            && let Some(&(known, code)) = self.places.get(place(key))
            && known == key
        {
            return Some(code);
        }
        self.recall_any(key)
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
        if self.known.len() >= MOST || self.places.is_empty() {
            self.known.clear();
            self.places = vec![(FREE, 0); PLACES];
        }
        with_bytes(key, |bytes| self.known.insert_unique(xxh3_64(bytes), (bytes.into(), code), |(known, _)| xxh3_64(known)));
        if let Key::Short(key) = key {
            self.places[place(key)] = (key, code);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.places.clear();
    }
}

/// A key as bytes. A short one has sixteen, a long one more.
fn with_bytes<T>(key: Key, read: impl FnOnce(&[u8]) -> T) -> T {
    match key {
        Key::Short(key) => read(&key.to_le_bytes()),
        Key::Long(bytes) => read(bytes),
    }
}
