//! Whether chance alone would make two proportions differ so.
//!
//! Chance here is that of single orders. Whole nights differ by more, be it a sale or the weather: that much, a small share
//! of one where many are counted, is what the least change reported is for.

use super::normal::two_sided;
use super::rates::{Counts, as_float};

/// How many successes and how many failures the smaller side must expect for the normal distribution to hold in its
/// tails, where the decisions fall.
const ENOUGH: f64 = 20.0;
/// What weighs less than this beside the likeliest outcome is nothing.
const NOTHING: f64 = 1e-290;

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// The difference in units of what chance alone moves; positive where the rate rose.
    pub z: f64,
    /// How likely chance alone makes a difference at least as large, either way.
    pub p: f64,
}

/// Tests that two proportions are of one: the two-sided z-test with the pooled rate, and Fisher's exact test, twice its
/// smaller tail, where successes or failures are too few for that.
///
/// # Panics
/// If a side is empty: a mistake in the code that asks.
#[must_use]
pub fn test(tonight: Counts, baseline: Counts) -> Test {
    assert!(tonight.denominator > 0 && baseline.denominator > 0, "there is something on both sides");
    let whole = [tonight, baseline].map(|side| as_float(side.denominator));
    let pooled = as_float(tonight.numerator + baseline.numerator) / (whole[0] + whole[1]);
    let variance = pooled * (1.0 - pooled) * (1.0 / whole[0] + 1.0 / whole[1]);
    if variance <= 0.0 {
        return Test { z: 0.0, p: 1.0 };
    }
    let part = [tonight, baseline].map(|side| as_float(side.numerator));
    let z = (part[0] / whole[0] - part[1] / whole[1]) / variance.sqrt();
    let expected = whole[0].min(whole[1]) * pooled.min(1.0 - pooled);
    let p = if expected < ENOUGH { exactly(tonight, baseline) } else { two_sided(z) };
    Test { z, p }
}

/// Fisher's exact test: given how many of both sides are rare, how likely it is that so many of them, or still fewer or
/// more, are tonight's. Outcomes are weighed from the likeliest outward, each by its ratio to the one before.
fn exactly(tonight: Counts, baseline: Counts) -> f64 {
    let failures = |side: Counts| side.denominator - side.numerator;
    let is_success_rare = tonight.numerator + baseline.numerator <= failures(tonight) + failures(baseline);
    let rare = |side: Counts| if is_success_rare { side.numerator } else { failures(side) };
    let (here, there) = (tonight.denominator, baseline.denominator);
    let (observed, of_both) = (rare(tonight), rare(tonight) + rare(baseline));
    let (least, most) = ((of_both - there).max(0), of_both.min(here));
    let likeliest = (i128::from(of_both) + 1) * (i128::from(here) + 1) / (i128::from(here) + i128::from(there) + 2);
    let likeliest = i64::try_from(likeliest).expect("it is fewer than all rare ones").clamp(least, most);
    // Of so many being tonight's, how much likelier one more is.
    let one_more = |so_many: i64| {
        let more = as_float(of_both - so_many) * as_float(here - so_many);
        more / (as_float(so_many + 1) * as_float(there - of_both + so_many + 1))
    };
    let (mut sum, mut fewer, mut more) = (0.0, 0.0, 0.0);
    let mut weigh = |so_many: i64, weight: f64| {
        sum += weight;
        fewer += if so_many <= observed { weight } else { 0.0 };
        more += if so_many >= observed { weight } else { 0.0 };
    };
    let (mut so_many, mut weight) = (likeliest, 1.0);
    while so_many <= most && weight > NOTHING {
        weigh(so_many, weight);
        weight *= one_more(so_many);
        so_many += 1;
    }
    (so_many, weight) = (likeliest, 1.0);
    while so_many > least && weight > NOTHING {
        weight /= one_more(so_many - 1);
        so_many -= 1;
        weigh(so_many, weight);
    }
    (2.0 * f64::min(fewer, more) / sum).min(1.0)
}
