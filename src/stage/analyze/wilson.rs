//! How sure a proportion is: the Wilson score interval.
//!
//! Unlike the textbook interval it holds for small counts and near 0 and 1, where success rates live
//! (E. B. Wilson, 1927). Proportions and statistics only; no amount comes here.

/// The 97.5 % point of the normal distribution: an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A proportion and the interval that holds the true one nineteen times in twenty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// Part ÷ whole.
    pub rate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The proportion of `part` in `whole`; none where the whole is nothing.
#[must_use]
pub fn proportion(part: i64, whole: i64) -> Option<Proportion> {
    if whole == 0 {
        return None;
    }
    let (part, n) = (exact(part), exact(whole));
    let rate = part / n;
    let square = Z * Z;
    let middle = (rate + square / (2.0 * n)) / (1.0 + square / n);
    let reach = Z / (1.0 + square / n) * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt();
    // At none and at all the ends are 0 and 1 exactly; the clamp takes away what rounding leaves.
    Some(Proportion { rate, low: (middle - reach).clamp(0.0, rate), high: (middle + reach).clamp(rate, 1.0) })
}

#[expect(clippy::cast_precision_loss, reason = "a night has fewer than 2^53 orders")]
fn exact(count: i64) -> f64 {
    count as f64
}
