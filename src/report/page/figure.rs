//! Figures as people read them. Amounts are written from their digits: no float touches one.

use chrono::{Datelike, NaiveDate};

use super::words::{Language, Words};
use crate::money::Amount;

/// What stands before a negative figure: a minus sign, which is as wide as a digit and is read out.
const MINUS: char = '−';

/// A whole number, its digits in groups of three.
pub(super) fn count(number: i64) -> String {
    grouped(&number.to_string())
}

/// An amount with the decimals of its currency, or more where it has more.
pub(super) fn money(amount: Amount, currency: &str) -> String {
    grouped(&amount.in_currency(currency))
}

/// Groups the digits before the point by three, as both languages do.
fn grouped(plain: &str) -> String {
    let (sign, magnitude) = plain.strip_prefix('-').map_or((None, plain), |magnitude| (Some(MINUS), magnitude));
    let (whole, part) = magnitude.split_once('.').map_or((magnitude, None), |(whole, part)| (whole, Some(part)));
    let mut text: String = sign.into_iter().collect();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(part) = part {
        text.push('.');
        text.push_str(part);
    }
    text
}

/// A proportion in per cent, of two decimals.
pub(super) fn share(share: f64) -> String {
    grouped(&format!("{:.2}", share * 100.0)) + " %"
}

/// A change of a proportion in percentage points, with its sign.
pub(super) fn points(change: f64) -> String {
    let text = format!("{:.2}", change * 100.0);
    if text.starts_with('-') { grouped(&text) } else { format!("+{}", grouped(&text)) }
}

/// The same of a change of twelve decimals, rounded half away from zero; what is nothing then has no sign.
pub(super) fn exact_points(change: i128) -> String {
    const UNIT: i128 = 100_000_000;
    let hundredths = (change.abs() + UNIT / 2) / UNIT;
    let text = grouped(&format!("{}.{:02}", hundredths / 100, hundredths % 100));
    match change.signum() {
        _ if hundredths == 0 => text,
        1 => format!("+{text}"),
        _ => format!("{MINUS}{text}"),
    }
}

/// A rate of twelve decimals in per cent, cut after the fourth.
pub(super) fn per_cent(rate: i128) -> String {
    const UNIT: i128 = 1_000_000;
    let (sign, rate) = (if rate < 0 { "-" } else { "" }, rate.abs() / UNIT);
    grouped(&format!("{sign}{}.{:04}", rate / 10_000, rate % 10_000)) + " %"
}

/// A statistic of four decimals.
pub(super) fn statistic(value: f64) -> String {
    grouped(&format!("{value:.4}"))
}

/// A day in full, with its day of the week.
pub(super) fn long_date(date: NaiveDate, words: &Words) -> String {
    let weekday = words.say(&format!("weekday.d{}", date.weekday().number_from_monday()));
    match words.language {
        Language::English => {
            let month = words.say(&format!("month.m{}", date.month()));
            format!("{weekday}, {} {month} {}", date.day(), date.year())
        }
        Language::Chinese => format!("{}年{}月{}日 {weekday}", date.year(), date.month(), date.day()),
    }
}
