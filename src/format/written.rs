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
    /// The amount a cell states, with the sign it has by itself.
    pub fn read(&self, cell: &[u8], decimals: u32) -> Result<Amount, NotAnAmount> {
        let (sign, digits) = match cell {
            [first, rest @ ..] => match self.letters.iter().find(|(letter, _)| letter == first) {
                Some((_, sign)) => (Some(*sign), rest.trim_ascii_start()),
                None => (None, cell),
            },
            [] => return Err(NotAnAmount::Empty),
        };
        let mut plain = [0; 64];
        let mut length = 0;
        for &byte in digits {
            let byte = match byte {
                byte if Some(byte) == self.thousands => continue,
                byte if byte == self.decimal_point => b'.',
                b'.' => return Err(NotAnAmount::Character),
                byte => byte,
            };
            *plain.get_mut(length).ok_or(NotAnAmount::TooLarge)? = byte;
            length += 1;
        }
        let plain = &plain[..length];
        let amount = if self.implied_decimals == 0 { Amount::parse(plain, decimals)? } else { self.whole(plain, decimals)? };
        Ok(match sign {
            Some(Sign::Negative) => -amount.abs(),
            _ if self.always_negative => -amount.abs(),
            _ => amount,
        })
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
