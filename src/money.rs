//! Exact money: an [`Amount`] is a whole number of hundred-millionths of a currency's major unit.
//!
//! No float touches an amount. Text is converted without loss or refused, sums are checked, and the only
//! rounding is [`Exact::rounded`], which names its mode. An amount does not know its currency: tables keep
//! the two side by side, and nothing here adds across currencies.

mod price;

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

pub use price::{Exact, Price, Terms};

/// Digits after the point of every [`Amount`]: the scale of the published `DECIMAL(24,8)`.
pub const SCALE: u32 = 8;
/// Digits in all of the published `DECIMAL(24,8)`.
pub const PRECISION: u8 = 24;
const ONE: i128 = 10_i128.pow(SCALE);
/// The first magnitude that does not fit [`PRECISION`] digits.
const LIMIT: i128 = 10_i128.pow(PRECISION as u32);

/// An exact amount in the major unit of a currency kept beside it. Positive is money to the merchant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i128);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAmount {
    /// Nothing but spaces, or no digit.
    Empty,
    /// A character that does not belong in a number.
    Character,
    /// More decimals than it may have.
    Decimals,
    /// More digits than [`PRECISION`] holds.
    TooLarge,
}

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no amount",
            Self::Character => "not a decimal number",
            Self::Decimals => "a number with more decimals than it may have",
            Self::TooLarge => "a number with more digits than an amount may have",
        })
    }
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A whole number of the major unit.
    #[must_use]
    pub fn whole(number: i64) -> Self {
        Self(i128::from(number) * i128::from(power_of_ten(SCALE)))
    }

    /// Reads `[+-]digits[.digits]`. Digits past `decimals` must be zeros; grouping marks, exponents and
    /// currency signs are refused.
    pub fn parse(text: &[u8], decimals: u32) -> Result<Self, NotAnAmount> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        // Eighteen digits fit an i64; longer numbers take the wide road.
        let magnitude = if digits.len() <= 18 { parse_narrow(digits, decimals)? } else { parse_wide(digits, decimals)? };
        if magnitude >= LIMIT {
            return Err(NotAnAmount::TooLarge);
        }
        Ok(Self(if negative { -magnitude } else { magnitude }))
    }

    /// Reads `[-]digits[.digits]` of at most eight bytes, those of `text`, the first lowest: its units of `10^-8`, and
    /// how many decimals it states. `None` where it is anything else, which [`Amount::parse`] reads or names.
    #[must_use]
    #[inline]
    pub fn parse_short(text: u64, length: usize) -> Option<(i64, u32)> {
        const LOW_BITS: u64 = 0x0101_0101_0101_0101;
        let negative = text.to_le_bytes()[0] == b'-';
        if length > 8 || length <= usize::from(negative) {
            return None;
        }
        let (text, length) = if negative { (text >> 8, length - 1) } else { (text, length) };
        // Digits become their values, the last in the highest byte; below the first are zeros.
        let digits = (text ^ (LOW_BITS * u64::from(b'0'))) << (8 * (8 - length));
        let from_point = digits ^ (LOW_BITS * u64::from(b'.' ^ b'0'));
        let point = from_point.wrapping_sub(LOW_BITS) & !from_point & LOW_BITS << 7;
        let (digits, decimals) = if point == 0 {
            (digits, 0)
        } else {
            if length == 1 {
                return None;
            }
            // What stands before the point moves up into its place.
            let at = point.trailing_zeros() / 8 * 8;
            let before = digits & ((1 << at) - 1);
            ((digits >> at >> 8 << 8 << at) | before << 8, 7 - at / 8)
        };
        if (digits | digits.wrapping_add(LOW_BITS * 0x76)) & LOW_BITS << 7 != 0 {
            return None;
        }
        // Pairs of digits, then fours, then all eight.
        let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
        let value = (fours.wrapping_mul(10_000 << 32 | 1) >> 32).cast_signed() * power_of_ten(SCALE - decimals);
        Some((if negative { -value } else { value }, decimals))
    }

    /// The amount without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// Whether the amount, which may be a sum, has no more digits than [`PRECISION`].
    #[must_use]
    pub fn fits(self) -> bool {
        self.0.abs() < LIMIT
    }

    /// Whether the amount needs no more than `decimals` digits after the point.
    #[must_use]
    pub fn fits_decimals(self, decimals: u32) -> bool {
        let unit = power_of_ten(SCALE - decimals.min(SCALE));
        // Almost every amount fits 64 bits, where a division costs a tenth.
        match i64::try_from(self.0) {
            Ok(narrow) => narrow % unit == 0,
            Err(_) => self.0 % i128::from(unit) == 0,
        }
    }

    /// `per_cent` percent of this amount, rounded to `digits` decimals by `rounding`.
    #[must_use]
    pub fn percent(self, per_cent: Self, digits: u32, rounding: Rounding) -> Self {
        Exact::percent(self, per_cent).rounded(digits, rounding)
    }

    /// This amount for each unit of another, in units of `10^-digits`; none where that one is not above zero, or where
    /// so small that the rate has more digits than [`PRECISION`].
    #[must_use]
    pub fn rate_of(self, of: Self, digits: u32, rounding: Rounding) -> Option<i128> {
        let dividend = self.0.checked_mul(10_i128.pow(digits)).filter(|_| of > Self::ZERO)?;
        Some(rounding.divide(dividend, of.0)).filter(|rate| rate.abs() < LIMIT)
    }

    /// What this amount is in another currency at `rate` / `parts`, a rate of twelve decimals, rounded to `digits` decimals
    /// by `rounding`; none where that is more than an amount may be.
    #[must_use]
    pub fn at_rate(self, rate: i128, parts: i128, digits: u32, rounding: Rounding) -> Option<Self> {
        const ONE: i128 = 10_i128.pow(12);
        let unit = i128::from(power_of_ten(SCALE - digits.min(SCALE)));
        let exchanged = Self(rounding.divide(self.0.checked_mul(rate)?, ONE * parts * unit) * unit);
        Some(exchanged).filter(|exchanged| exchanged.fits())
    }

    /// Digits after the point that are in use: 0 for `3`, 2 for `3.50`'s `3.5` written with two, never less than `least`.
    fn shown_decimals(self, least: u32) -> u32 {
        let mut decimals = SCALE;
        let mut rest = self.0;
        while decimals > least && rest % 10 == 0 {
            rest /= 10;
            decimals -= 1;
        }
        decimals
    }

    /// The amount as text with as many decimals as `currency` has, or more where it has more.
    #[must_use]
    pub fn in_currency(self, currency: &str) -> String {
        self.with_decimals(self.shown_decimals(minor_digits(currency)))
    }

    fn with_decimals(self, decimals: u32) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let one = ONE.unsigned_abs();
        let (whole, part) = (magnitude / one, magnitude % one);
        if decimals == 0 {
            return format!("{sign}{whole}");
        }
        let part = part / 10_u128.pow(SCALE - decimals);
        format!("{sign}{whole}.{part:0width$}", width = decimals as usize)
    }
}

/// Ten to a power of at most [`SCALE`].
fn power_of_ten(exponent: u32) -> i64 {
    const POWERS: [i64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    POWERS[exponent as usize]
}

fn parse_narrow(digits: &[u8], decimals: u32) -> Result<i128, NotAnAmount> {
    let mut value: i64 = 0;
    let mut after_point: Option<u32> = None;
    let mut seen = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                if let Some(places) = &mut after_point {
                    *places += 1;
                    if *places > decimals.min(SCALE) {
                        if byte != b'0' {
                            return Err(NotAnAmount::Decimals);
                        }
                        *places -= 1;
                        continue;
                    }
                }
                value = value * 10 + i64::from(byte - b'0');
            }
            b'.' if after_point.is_none() => after_point = Some(0),
            _ => return Err(NotAnAmount::Character),
        }
    }
    if !seen {
        return Err(NotAnAmount::Empty);
    }
    Ok(i128::from(value) * i128::from(power_of_ten(SCALE - after_point.unwrap_or(0))))
}

fn parse_wide(digits: &[u8], decimals: u32) -> Result<i128, NotAnAmount> {
    let point = digits.iter().position(|&byte| byte == b'.').unwrap_or(digits.len());
    let (whole, part) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    if whole.is_empty() && part.is_empty() {
        return Err(NotAnAmount::Empty);
    }
    if whole.iter().chain(part).any(|byte| !byte.is_ascii_digit()) {
        return Err(NotAnAmount::Character);
    }
    let kept = part.len().min(decimals.min(SCALE) as usize);
    if part[kept..].iter().any(|&byte| byte != b'0') {
        return Err(NotAnAmount::Decimals);
    }
    let mut value: i128 = 0;
    for &byte in whole.iter().chain(&part[..kept]) {
        value = value * 10 + i128::from(byte - b'0');
        if value >= LIMIT {
            return Err(NotAnAmount::TooLarge);
        }
    }
    Ok(value * 10_i128.pow(SCALE - u32::try_from(kept).expect("at most eight decimals are kept")))
}

/// How a fee is rounded, by the provider's contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest; a half goes away from zero.
    #[default]
    HalfUp,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
    /// Away from zero.
    Up,
    /// Toward zero.
    Down,
}

impl Rounding {
    /// For people: `half up`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::HalfUp => "half up",
            Self::HalfEven => "half to even",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// `dividend / divisor`, rounded. The divisor is positive.
    fn divide(self, dividend: i128, divisor: i128) -> i128 {
        self.round(dividend / divisor, dividend % divisor, divisor)
    }

    /// A quotient, rounded by the rest the division left. The rest has the sign of the dividend.
    fn round(self, quotient: i128, rest: i128, divisor: i128) -> i128 {
        let away = rest.signum();
        let rest = rest.abs();
        let up = match self {
            Self::HalfUp => rest * 2 >= divisor,
            Self::HalfEven => rest * 2 > divisor || (rest * 2 == divisor && quotient % 2 != 0),
            Self::Up => rest != 0,
            Self::Down => false,
        };
        if up { quotient + away } else { quotient }
    }
}

/// Digits after the point of a currency's minor unit (ISO 4217); two where it is not an exception.
#[must_use]
pub fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND" | "VUV" | "XAF"
        | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_decimals(self.shown_decimals(2)))
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("a sum of amounts fits 128 bits"))
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("a difference of amounts fits 128 bits"))
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}
