//! Why a whole changed: because its parts weigh otherwise than before, or because their rates changed.
//!
//! Of a value with weights w and rates r, and wholes R, before and after (0 and 1):
//!
//! ```text
//! rate part   (w0 + w1) ÷ 2 × (r1 − r0)
//! mix part    (w1 − w0) × ((r0 + r1) ÷ 2 − (R0 + R1) ÷ 2)
//! ```
//!
//! Over the values of a cut all of them add up to R1 − R0. A value that is there on one side only has its one rate as
//! both: all of it is mix. The parts are fractions of whole numbers, and are worked out as such; in twelve decimals each
//! is rounded down, and the units that the whole is then short of go, one each, to the parts that lost most (of equals,
//! to the first in order of value, mix before rate). So they add up to the last digit.

use arrow::datatypes::i256;

use super::rates::Counts;

/// One, in units of a published rate.
pub(super) const ONE: i128 = 1_000_000_000_000;
/// More than a night and its baseline count. Up to here nothing below exceeds 256 bits.
const MANY: i64 = 10_000_000_000;

/// What a value adds to the change of the whole, in units of `10^-12`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// By its weight.
    pub mix: i128,
    /// By its rate.
    pub rate: i128,
}

/// One proportion less another, in units of `10^-12`, rounded half away from zero; none where one is of nothing.
#[must_use]
pub fn rounded(after: Counts, before: Counts) -> Option<i128> {
    let fraction = difference(after, before)?;
    let (doubled, twice) = (fraction.over.wrapping_abs() * wide(2 * ONE), fraction.under * wide(2));
    let units = narrow((doubled + fraction.under) / twice);
    Some(if fraction.over < i256::ZERO { -units } else { units })
}

/// What each value of a cut adds to the change of the whole, from its counts `[before, after]`; none where nothing is on
/// one side.
#[must_use]
pub fn parts(values: &[[Counts; 2]]) -> Option<Vec<Parts>> {
    let mut whole = [Counts::default(); 2];
    values.iter().flatten().enumerate().for_each(|(at, counts)| whole[at % 2].add(counts));
    let due = rounded(whole[1], whole[0])?;
    let fractions: Vec<Fraction> = values.iter().flat_map(|value| split(value, &whole)).collect();
    let mut units: Vec<i128> = Vec::with_capacity(fractions.len());
    let mut lost: Vec<(i128, usize)> = Vec::with_capacity(fractions.len());
    for (at, fraction) in fractions.iter().enumerate() {
        let (floor, rest) = fraction.floor();
        units.push(floor);
        lost.push((rest, at));
    }
    lost.sort_by_key(|&(rest, at)| (std::cmp::Reverse(rest), at));
    let short = usize::try_from(due - units.iter().sum::<i128>()).expect("rounding down takes, and does not give");
    assert!(short <= lost.len(), "rounding down takes less than a unit of each");
    lost[..short].iter().for_each(|&(_, at)| units[at] += 1);
    Some(units.chunks_exact(2).map(|parts| Parts { mix: parts[0], rate: parts[1] }).collect())
}

/// The mix part and the rate part of a value.
fn split([before, after]: &[Counts; 2], [all_before, all_after]: &[Counts; 2]) -> [Fraction; 2] {
    let wide_of = |side: &Counts| [side.numerator, side.denominator].map(|count| wide(limited(count)));
    let [[k0, n0], [k1, n1], [part0, whole0], [part1, whole1]] = [before, after, all_before, all_after].map(wide_of);
    let of_all = whole0 * whole1;
    let heavier = n1 * whole0 - n0 * whole1;
    let sum_of_wholes = part0 * whole1 + part1 * whole0;
    let (sum_of_rates, of) = match (before.denominator, after.denominator) {
        (0, 0) => return [Fraction::NOTHING; 2],
        (0, _) => (wide(2) * k1, n1),
        (_, 0) => (wide(2) * k0, n0),
        _ => (k0 * n1 + k1 * n0, n0 * n1),
    };
    let mix = Fraction { over: heavier * (sum_of_rates * of_all - sum_of_wholes * of), under: wide(2) * of_all * of_all * of };
    let rate = match difference(*after, *before) {
        Some(change) => Fraction { over: (n0 * whole1 + n1 * whole0) * change.over, under: wide(2) * of_all * change.under },
        None => Fraction::NOTHING,
    };
    [mix, rate]
}

fn difference(after: Counts, before: Counts) -> Option<Fraction> {
    let [n0, n1] = [before, after].map(|side| wide(limited(side.denominator)));
    let [k0, k1] = [before, after].map(|side| wide(limited(side.numerator)));
    (before.denominator > 0 && after.denominator > 0).then(|| Fraction { over: k1 * n0 - k0 * n1, under: n0 * n1 })
}

/// A fraction whose lower number is positive.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    over: i256,
    under: i256,
}

impl Fraction {
    const NOTHING: Self = Self { over: i256::ZERO, under: i256::ONE };

    /// It in units of `10^-12`, rounded down, and what that took, in units of `10^-24`, rounded down too.
    fn floor(self) -> (i128, i128) {
        let (units, rest) = divided(self.over * wide(ONE), self.under);
        let (lost, _) = divided(rest * wide(ONE), self.under);
        (narrow(units), narrow(lost))
    }
}

/// The largest whole number of times `under` is in `over`, and what is left.
fn divided(over: i256, under: i256) -> (i256, i256) {
    let (times, left) = (over / under, over % under);
    if left < i256::ZERO { (times - i256::ONE, left + under) } else { (times, left) }
}

fn limited(count: i64) -> i128 {
    assert!((0..MANY).contains(&count), "a night and its baseline count fewer than {MANY}: {count}");
    i128::from(count)
}

fn wide(number: i128) -> i256 {
    i256::from_i128(number)
}

fn narrow(number: i256) -> i128 {
    number.to_i128().expect("no proportion exceeds one")
}
