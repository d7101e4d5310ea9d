//! Bands of amounts: 1, 2, 5, 10, 20, 50 and so on of the major unit, so that no currency needs a table of its own.

use crate::money::Amount;

/// How many bands there are: below zero, zero, below one, then three a decade.
pub(super) const BANDS: u32 = 3 + DECADES * 3;
/// An amount has sixteen digits before the point.
const DECADES: u32 = 16;
/// The band of no amount at all.
pub(super) const ZERO: u32 = 1;

/// The major unit.
const ONE: i128 = 100_000_000;

/// Where each band from one on begins, in order.
const BEGINS: [i128; (DECADES * 3) as usize] = {
    let mut begins = [0; (DECADES * 3) as usize];
    let (mut at, mut decade) = (0, ONE);
    while at < begins.len() {
        begins[at] = decade;
        begins[at + 1] = 2 * decade;
        begins[at + 2] = 5 * decade;
        decade *= 10;
        at += 3;
    }
    begins
};

/// By how many bits an amount has, how many bands have begun at the least of those amounts. As each band begins at no less
/// than twice the one before, no more than one begins among the others.
const BEGUN: [u8; i128::BITS as usize] = {
    let mut begun = [0; i128::BITS as usize];
    let mut bits = 1;
    while bits < begun.len() {
        begun[bits] = begun[bits - 1];
        while (begun[bits] as usize) < BEGINS.len() && BEGINS[begun[bits] as usize] <= 1 << (bits - 1) {
            begun[bits] += 1;
        }
        bits += 1;
    }
    begun
};

/// The number of the band of an amount: each begins where it is named and ends before the next.
#[inline]
pub(super) fn of(amount: Amount) -> u32 {
    match amount.0 {
        ..0 => 0,
        0 => ZERO,
        units => {
            let begun = BEGUN[(i128::BITS - units.leading_zeros()) as usize];
            let has_next = BEGINS.get(usize::from(begun)).is_some_and(|&begin| begin <= units);
            2 + u32::from(begun) + u32::from(has_next)
        }
    }
}

/// What a band is called: `50-100` holds 50 and not 100.
pub(super) fn name(band: u32) -> String {
    let begin = |number: usize| BEGINS[number] / ONE;
    match band as usize {
        0 => "below 0".to_owned(),
        1 => "0".to_owned(),
        2 => "0-1".to_owned(),
        band if band - 2 < BEGINS.len() => format!("{}-{}", begin(band - 3), begin(band - 2)),
        band => format!("{}-", begin(band - 3)),
    }
}
