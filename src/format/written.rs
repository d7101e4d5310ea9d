//! Amounts that are written another way than as a decimal with its own sign.

use super::{Sign, plan::Test};
use crate::money::{Amount, NotAnAmount};

/// How the amounts of a column are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Decimals of a whole number: two where it counts hundredths.
    pub implied_decimals: u32,
    /// The amount is negative in rows for which all of these hold; none where its own sign counts.
    pub negative: Vec<Test>,
    /// It is negative whatever sign it is written with.
    pub always_negative: bool,
    /// Letters in front that tell its sign.
    pub letters: Vec<(u8, Sign)>,
    /// Between whole and part.
    pub decimal_point: u8,
    /// Between groups of three digits.
    pub thousands: Option<u8>,
}

impl Written {
    /// The amount a cell states, with the sign it has by itself. Where a letter or another cell tells the sign, a minus
    /// is none; a letter may lack where there is nothing to sign.
    pub fn read(&self, cell: &[u8], decimals: u32) -> Result<Amount, NotAnAmount> {
        let letter = cell.first().and_then(|first| self.letters.iter().find(|(letter, _)| letter == first));
        let digits = if letter.is_some() { cell[1..].trim_ascii_start() } else { cell };
        let is_unsigned = !self.letters.is_empty() || !self.negative.is_empty();
        if is_unsigned && matches!(digits.first(), Some(b'-' | b'+')) {
            return Err(NotAnAmount::Character);
        }
        let plain = self.plain(digits)?;
        let amount = if self.implied_decimals == 0 { Amount::parse(&plain, decimals)? } else { self.whole(&plain, decimals)? };
        match letter {
            None if !self.letters.is_empty() && amount != Amount::ZERO => Err(NotAnAmount::Character),
            Some((_, Sign::Negative)) => Ok(-amount),
            _ if self.always_negative => Ok(-amount.abs()),
            _ => Ok(amount),
        }
    }

    /// The digits with a point, and nothing between groups of three.
    fn plain(&self, digits: &[u8]) -> Result<Vec<u8>, NotAnAmount> {
        let point = digits.iter().position(|&byte| byte == self.decimal_point).unwrap_or(digits.len());
        let (whole, part) = digits.split_at(point);
        let mut groups: Vec<&[u8]> = match self.thousands {
            Some(thousands) => whole.split(|&byte| byte == thousands).collect(),
            None => vec![whole],
        };
        if groups.iter().skip(1).any(|group| group.len() != 3) {
            return Err(NotAnAmount::Character);
        }
        if let Some((_, part)) = part.split_first() {
            groups.extend([&b"."[..], part]);
        }
        let plain = groups.concat();
        // A point that is not the decimal point stands for nothing that is known.
        let points = memchr::memchr_iter(b'.', &plain).count();
        if points > usize::from(point < digits.len()) { Err(NotAnAmount::Character) } else { Ok(plain) }
    }

    /// A whole number of the smallest unit.
    fn whole(&self, digits: &[u8], decimals: u32) -> Result<Amount, NotAnAmount> {
        let whole = Amount::parse(digits, 0)?;
        let unit = 10_i128.pow(self.implied_decimals);
        // Eight decimals are kept, and a unit is never smaller: what is divided is a multiple.
        let amount = Amount(whole.0 / unit);
        if amount.0 * unit != whole.0 || !amount.fits_decimals(decimals) {
            return Err(NotAnAmount::Decimals);
        }
        Ok(amount)
    }
}
