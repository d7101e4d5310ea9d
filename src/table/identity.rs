//! Identities: short names computed from what a thing is, the same every night and on every machine.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

/// Crockford's base 32 in lower case: its order is the order of the bytes, and no two digits look alike.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Every two digits, by the ten bits they stand for.
const PAIRS: [[u8; 2]; 1024] = {
    let mut pairs = [[0; 2]; 1024];
    let mut at = 0;
    while at < pairs.len() {
        pairs[at] = [DIGITS[at / 32], DIGITS[at % 32]];
        at += 1;
    }
    pairs
};

/// The identity of the thing that `parts` name, as published: 26 digits and lower-case letters.
#[must_use]
pub fn identity(parts: &[&str]) -> String {
    Identity::of(parts).to_string()
}

/// An identity as a number. Numbers order as their texts do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(u128);

impl Identity {
    /// Digits of an identity: 128 bits, five a digit.
    pub const LENGTH: usize = 26;

    /// The identity of the thing that `parts` name. Each part counts with its length: `a, bc` is not `ab, c`.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        // Two identities and a word fit the stack: a match has one for every pair of a night.
        let length = parts.iter().map(|part| part.len() + 8).sum();
        let (mut small, mut large) = ([0_u8; 160], Vec::new());
        let bytes = if length <= small.len() {
            &mut small[..length]
        } else {
            large.resize(length, 0);
            &mut large[..]
        };
        let mut at = 0;
        for part in parts {
            let size = u64::try_from(part.len()).expect("a length fits 64 bits").to_le_bytes();
            for piece in [&size[..], part.as_bytes()] {
                bytes[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            }
        }
        Self(xxh3_128(bytes))
    }

    /// The identity that is this number: for those who hash more than text.
    #[must_use]
    pub fn from_number(number: u128) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u128 {
        self.0
    }

    /// Reads a published identity; none if `text` is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::LENGTH {
            return None;
        }
        text.bytes()
            .try_fold(0_u128, |number, byte| {
                let digit = DIGITS.iter().position(|&digit| digit == byte)?;
                number.checked_mul(32)?.checked_add(u128::try_from(digit).ok()?)
            })
            .map(Self)
    }

    /// The published text, in ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; Self::LENGTH] {
        let mut text = [0; Self::LENGTH];
        let (pairs, _) = text.as_chunks_mut::<2>();
        for (at, pair) in pairs.iter_mut().rev().enumerate() {
            *pair = PAIRS[usize::try_from(self.0 >> (10 * at) & 1023).expect("below 1024")];
        }
        text
    }

    /// Calls `read` with the published text, without an allocation.
    pub fn with_text<T>(self, read: impl FnOnce(&str) -> T) -> T {
        read(std::str::from_utf8(&self.digits()).expect("the digits are ASCII"))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}
