//! What is charged for an amount: a percentage and a fixed part, exact until one named rounding.

use std::iter::Sum;
use std::ops::AddAssign;

use super::{Amount, ONE, Rounding, SCALE, power_of_ten};

/// Units of a product of an amount and a percentage in one unit of an [`Amount`].
const FINE: i128 = ONE * 100;

/// A sum of products that is not rounded yet, in units of `10^-18` of a currency's major unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(i128);

impl Exact {
    /// `per_cent` percent of an amount.
    #[must_use]
    pub fn percent(amount: Amount, per_cent: Amount) -> Self {
        Self(amount.0.checked_mul(per_cent.0).expect("an amount times a percentage fits 128 bits"))
    }

    /// The amount to `digits` decimals, by `rounding`.
    #[must_use]
    pub fn rounded(self, digits: u32, rounding: Rounding) -> Amount {
        let unit = i128::from(power_of_ten(SCALE - digits.min(SCALE)));
        Amount(rounding.divide(self.0, FINE * unit) * unit)
    }
}

impl From<Amount> for Exact {
    fn from(amount: Amount) -> Self {
        Self(amount.0.checked_mul(FINE).expect("an amount fits 128 bits as a product"))
    }
}

impl AddAssign for Exact {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.checked_add(other.0).expect("a sum of products fits 128 bits");
    }
}

impl Sum for Exact {
    fn sum<I: Iterator<Item = Self>>(products: I) -> Self {
        products.fold(Self::default(), |mut sum, product| {
            sum += product;
            sum
        })
    }
}

/// What is charged for one amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Percent of the amount: `0.60` is 0.60 %.
    pub percent: Amount,
    /// Added, whatever the amount.
    pub fixed: Amount,
    /// No less than this in all.
    pub minimum: Option<Amount>,
    /// No more than this in all.
    pub maximum: Option<Amount>,
}

/// Terms that are taken of many amounts, each rounded the same way; in 64 bits where they hold it.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    terms: Terms,
    digits: u32,
    rounding: Rounding,
    narrow: Option<Narrow>,
}

/// Terms without the powers of ten they and the divisor share.
#[derive(Clone, Copy, Debug)]
struct Narrow {
    factor: i64,
    fixed: i64,
    minimum: i64,
    maximum: i64,
    divisor: i64,
    unit: i64,
}

impl Price {
    /// These terms, rounded to `digits` decimals by `rounding`: the whole once, within its limits.
    #[must_use]
    pub fn new(terms: Terms, digits: u32, rounding: Rounding) -> Self {
        Self { terms, digits, rounding, narrow: Narrow::of(&terms, digits) }
    }

    /// The terms.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is charged for an amount.
    #[inline]
    #[must_use]
    pub fn of(&self, amount: Amount) -> Amount {
        if let Some(narrow) = &self.narrow
            && let Ok(amount) = i64::try_from(amount.0)
            && let Some(product) = amount.checked_mul(narrow.factor)
            && let Some(sum) = product.checked_add(narrow.fixed)
        {
            let sum = sum.max(narrow.minimum).min(narrow.maximum);
            let (quotient, rest) = (i128::from(sum / narrow.divisor), i128::from(sum % narrow.divisor));
            return Amount(self.rounding.round(quotient, rest, i128::from(narrow.divisor)) * i128::from(narrow.unit));
        }
        let limits = [self.terms.minimum, self.terms.maximum].map(|limit| limit.map(Exact::from));
        let exact = self.exact(amount, 1);
        let exact = limits[0].map_or(exact, |minimum| exact.max(minimum));
        limits[1].map_or(exact, |maximum| exact.min(maximum)).rounded(self.digits, self.rounding)
    }

    /// What is charged for so many amounts of that sum, before rounding and without limits.
    #[must_use]
    pub fn exact(&self, sum: Amount, count: u64) -> Exact {
        let fixed = self.terms.fixed.0.checked_mul(count.into()).expect("a sum of amounts fits 128 bits");
        [Exact::percent(sum, self.terms.percent), Exact::from(Amount(fixed))].into_iter().sum()
    }
}

impl Narrow {
    fn of(terms: &Terms, digits: u32) -> Option<Self> {
        let unit = power_of_ten(SCALE - digits.min(SCALE));
        let [fixed, minimum, maximum] =
            [Some(terms.fixed), terms.minimum, terms.maximum].map(|amount| amount.map(|amount| Exact::from(amount).0));
        let fixed = fixed.unwrap_or_default();
        let divisor = FINE * i128::from(unit);
        let are_multiples = |by: i128| {
            [terms.percent.0, fixed, minimum.unwrap_or(0), maximum.unwrap_or(0), divisor].iter().all(|of| of % by == 0)
        };
        let mut shared = 1;
        while are_multiples(shared * 10) {
            shared *= 10;
        }
        let short = |number: i128| i64::try_from(number / shared).ok();
        Some(Self {
            factor: short(terms.percent.0)?,
            fixed: short(fixed)?,
            minimum: minimum.map_or(Some(i64::MIN), short)?,
            maximum: maximum.map_or(Some(i64::MAX), short)?,
            divisor: short(divisor)?,
            unit,
        })
    }
}
