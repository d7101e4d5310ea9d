//! Chance from a seed: `SplitMix64`, the same on every machine.

use chrono::{Datelike, NaiveDate};

/// A stream of numbers that look random.
pub(super) struct Draw(u64);

impl Draw {
    /// The stream of one order. Streams of neighbours have nothing to do with each other.
    pub(super) fn of(seed: u64, date: NaiveDate, number: u32) -> Self {
        let mut draw = Self(seed);
        for part in [u64::from(date.num_days_from_ce().unsigned_abs()), u64::from(number)] {
            draw = Self(draw.next() ^ part);
        }
        draw
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` − 1.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        let scaled = ((self.next() >> 32) * u64::from(limit)) >> 32;
        u32::try_from(scaled).expect("a 32-bit number times a 32-bit limit, halved, fits 32 bits")
    }

    /// One of `choices`, each as likely as the others.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u32::try_from(choices.len()).expect("choices are a handful");
        choices[self.below(count) as usize]
    }

    /// One of `choices`, as likely as its weight says.
    pub(super) fn weigh<T: Copy>(&mut self, choices: &[(u32, T)]) -> T {
        let mut rest = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for &(weight, choice) in choices {
            if rest < weight {
                return choice;
            }
            rest -= weight;
        }
        unreachable!("a number below the sum of the weights falls on one of them")
    }
}
