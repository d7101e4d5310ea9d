//! Bands of amounts: 1, 2, 5, 10, 20, 50 and so on of the major unit, so that no currency needs a table of its own.

use std::sync::LazyLock;

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
static BEGINS: LazyLock<Vec<i128>> =
    LazyLock::new(|| (0..DECADES).flat_map(|decade| [1, 2, 5].map(|step| step * 10_i128.pow(decade) * ONE)).collect());

/// The number of the band of an amount: each begins where it is named and ends before the next.
#[inline]
pub(super) fn of(amount: Amount) -> u32 {
    match amount.0 {
        ..0 => 0,
        0 => ZERO,
        units => 2 + u32::try_from(BEGINS.partition_point(|&begin| begin <= units)).expect("bands are few"),
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
