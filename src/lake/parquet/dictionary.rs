//! Values that repeat, told once each: in the order rows first have them, so that codes depend on the rows alone.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

const UNUSED: u32 = u32::MAX;

/// A number that can be looked up.
pub(super) trait Number: Copy + Default + Ord {
    /// The number, mixed into 64 bits.
    fn mixed(self) -> u64;
    /// The number as the widest.
    fn wide(self) -> i128;
    /// The number in 64 bits, if it fits.
    fn narrow(self) -> Option<i64>;
}

/// Odd, and its bits without a pattern: the golden ratio.
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Number for i64 {
    #[inline]
    fn mixed(self) -> u64 {
        self.cast_unsigned().wrapping_mul(MIXER)
    }

    fn wide(self) -> i128 {
        self.into()
    }

    #[inline]
    fn narrow(self) -> Option<i64> {
        Some(self)
    }
}

impl Number for i128 {
    #[inline]
    fn mixed(self) -> u64 {
        let bytes = self.to_le_bytes();
        let (halves, _) = bytes.as_chunks::<8>();
        (u64::from_le_bytes(halves[0]) ^ u64::from_le_bytes(halves[1]).rotate_left(32)).wrapping_mul(MIXER)
    }

    fn wide(self) -> i128 {
        self
    }

    #[inline]
    fn narrow(self) -> Option<i64> {
        i64::try_from(self).ok()
    }
}

/// What most numbers are whole multiples of: seconds in microseconds, hundredths in hundred-millionths.
const UNIT: i64 = 1_000_000;
/// Most multiples that are found by place instead of by hash.
const NEAR: usize = 1 << 19;
/// How many there are for each row: clearing more than a small table asks for would cost more than it.
const NEAR_OF_A_ROW: usize = 8;

/// A dictionary of numbers.
pub(super) struct Numbers<N> {
    /// One more than the codes of the multiples from `nearest` on.
    near: Vec<u32>,
    nearest: i64,
    /// The codes by hash, in open hashing; a power of two of them, of which less than half are used.
    slots: Vec<u32>,
    far: usize,
    values: Vec<N>,
}

impl<N: Number> Numbers<N> {
    /// No numbers yet, of a column of so many rows.
    pub(super) fn new(rows: usize) -> Self {
        let near = (rows * NEAR_OF_A_ROW).next_power_of_two().min(NEAR);
        Self { near: vec![0; near], nearest: 0, slots: vec![UNUSED; 1024], far: 0, values: Vec::new() }
    }

    /// Every number there is a code of, in order of codes.
    pub(super) fn values(&self) -> &[N] {
        &self.values
    }

    /// The codes of `numbers`.
    pub(super) fn encode(&mut self, numbers: &[N], codes: &mut Vec<u32>) {
        codes.clear();
        let Some(&first) = numbers.first() else { return };
        if self.values.is_empty() {
            let middle = first.narrow().unwrap_or_default() / UNIT;
            self.nearest = middle - i64::try_from(self.near.len() / 2).expect("a small number");
        }
        let (mut last, mut code) = (first, self.code(first));
        codes.extend(numbers.iter().map(|&number| {
            // Equal neighbours are common.
            if number != last {
                (last, code) = (number, self.code(number));
            }
            code
        }));
    }

    #[inline]
    fn code(&mut self, number: N) -> u32 {
        if let Some(place) = self.place(number) {
            if self.near[place] == 0 {
                self.values.push(number);
                self.near[place] = u32::try_from(self.values.len()).expect("a page has less than 2^32 rows");
            }
            return self.near[place] - 1;
        }
        let mut slot = self.slot(number);
        loop {
            let code = self.slots[slot];
            if code == UNUSED {
                return self.add(number, slot);
            }
            if self.values[code as usize] == number {
                return code;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// The place of a number that is a near multiple.
    #[inline]
    fn place(&self, number: N) -> Option<usize> {
        let number = number.narrow()?;
        let multiple = number / UNIT;
        let place = usize::try_from(multiple.wrapping_sub(self.nearest)).ok()?;
        (place < self.near.len() && multiple * UNIT == number).then_some(place)
    }

    #[inline]
    fn slot(&self, number: N) -> usize {
        // The highest bits are mixed best.
        let highest = number.mixed() >> (u64::BITS - self.slots.len().trailing_zeros());
        usize::try_from(highest).expect("below the number of slots")
    }

    #[cold]
    fn add(&mut self, number: N, slot: usize) -> u32 {
        let code = u32::try_from(self.values.len()).expect("a page has less than 2^32 rows");
        self.slots[slot] = code;
        self.values.push(number);
        self.far += 1;
        if self.far * 8 > self.slots.len() * 3 {
            self.grow();
        }
        code
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(size, UNUSED);
        for (code, &number) in (0..).zip(&self.values) {
            if self.place(number).is_some() {
                continue;
            }
            let mut slot = self.slot(number);
            while self.slots[slot] != UNUSED {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = code;
        }
    }
}

/// The words of a column: of the entries of all dictionaries of its parts, the different ones.
#[derive(Default)]
pub(super) struct Lexicon<'a> {
    words: Vec<&'a [u8]>,
    /// The word of each entry.
    entries: Vec<u32>,
    known: HashTable<u32>,
}

impl<'a> Lexicon<'a> {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds the next entry.
    pub(super) fn add(&mut self, text: &'a str) {
        let text = text.as_bytes();
        let next = u32::try_from(self.words.len()).expect("a column has less than 2^32 words");
        let words = &self.words;
        let hash = |&word: &u32| xxh3_64(words[word as usize]);
        let word = *self.known.entry(xxh3_64(text), |&word| words[word as usize] == text, hash).or_insert(next).get();
        if word == next {
            self.words.push(text);
        }
        self.entries.push(word);
    }

    /// The text of an entry.
    pub(super) fn text(&self, entry: u32) -> &'a [u8] {
        self.words[self.entries[entry as usize] as usize]
    }

    /// The one word of the column, if there is only one.
    pub(super) fn only(&self) -> Option<&'a [u8]> {
        if let [only] = self.words[..] { Some(only) } else { None }
    }
}

/// A dictionary of words.
pub(super) struct Words<'a> {
    lexicon: &'a Lexicon<'a>,
    /// The code of each entry, and of each word, once it is used.
    of_entries: Vec<u32>,
    of_words: Vec<u32>,
    words: Vec<&'a [u8]>,
    /// Whether a word is on the page that was encoded last.
    on_page: Vec<bool>,
}

impl<'a> Words<'a> {
    pub(super) fn new(lexicon: &'a Lexicon<'a>) -> Self {
        let of_entries = vec![UNUSED; lexicon.entries.len()];
        let of_words = vec![UNUSED; lexicon.words.len()];
        Self { lexicon, of_entries, of_words, words: Vec::new(), on_page: Vec::new() }
    }

    /// Every word there is a code of, in order of codes.
    pub(super) fn words(&self) -> &[&'a [u8]] {
        &self.words
    }

    /// The codes of the words of a page.
    pub(super) fn encode(&mut self, entries: &[u32], codes: &mut Vec<u32>) {
        codes.clear();
        self.on_page.fill(false);
        codes.extend(entries.iter().map(|&entry| {
            let mut code = self.of_entries[entry as usize];
            if code == UNUSED {
                code = self.meet(entry);
            }
            self.on_page[code as usize] = true;
            code
        }));
    }

    /// The first and the last in order of the words of the page that was encoded last.
    pub(super) fn bounds(&self) -> Option<(&'a [u8], &'a [u8])> {
        let on_page = || self.words.iter().zip(&self.on_page).filter(|(_, is)| **is).map(|(word, _)| *word);
        on_page().min().zip(on_page().max())
    }

    #[cold]
    fn meet(&mut self, entry: u32) -> u32 {
        let word = self.lexicon.entries[entry as usize] as usize;
        if self.of_words[word] == UNUSED {
            self.of_words[word] = u32::try_from(self.words.len()).expect("a column has less than 2^32 words");
            self.words.push(self.lexicon.words[word]);
            self.on_page.push(false);
        }
        self.of_entries[entry as usize] = self.of_words[word];
        self.of_words[word]
    }
}
