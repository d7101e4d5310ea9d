//! Whether an entry agrees with itself: its amounts with the rate it states, its date with the night that books it.
//!
//! That is a break of its own, beside whatever becomes of the entry among the records: it meets them all the same.

use arrow::array::RecordBatch;
use chrono::{DateTime, Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use rayon::prelude::*;

use super::reconcile::{BreakType, Itemless, OfEntry, Tolerance, itemless};
use crate::error::Result;
use crate::format::time::day_range;
use crate::money::{Amount, Rounding, minor_digits};
use crate::table::part::{Amounts, amounts, instants};
use crate::table::read::words;
use crate::table::rows::Rows;

/// What entries are held to.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The business date that is closed.
    pub night: NaiveDate,
    /// Time zone of the business date.
    pub zone: Tz,
    /// Differences that are no break.
    pub tolerances: &'a [Tolerance],
    /// By which night what a provider does on a day should be booked.
    pub settles: &'a (dyn Fn(&str, NaiveDate) -> Result<NaiveDate> + Sync),
}

/// The entries of a night, or of a share of it, that do not agree with themselves, as rows of the table `breaks`.
pub fn breaks(entries: &Rows, rules: &Rules) -> Result<RecordBatch> {
    let found: Vec<Vec<OfEntry>> = entries.parts.par_iter().map(|part| of_part(part, rules)).collect::<Result<_>>()?;
    let found: Vec<Itemless> = found.iter().flatten().map(OfEntry::told).collect();
    Ok(itemless(&found, rules.night))
}

/// The kinds of entry that are of a payment: others are dated by when they take effect, and convert balances.
const OF_A_PAYMENT: [&str; 5] = ["payment", "refund", "refund_reversal", "chargeback", "chargeback_reversal"];

fn of_part(part: &RecordBatch, rules: &Rules) -> Result<Vec<OfEntry>> {
    let kinds = words(part, "kind");
    let is_judged: Vec<bool> = kinds.values.iter().map(|kind| kind.is_some_and(|kind| OF_A_PAYMENT.contains(&kind))).collect();
    let happened = instants(part, "occurred_at");
    let rates = amounts(part, "exchange_rate");
    let (earliest, latest) = period(rules);
    let mut found = Vec::new();
    for row in (0..part.num_rows()).filter(|&row| kinds.code(row).is_some_and(|code| is_judged[code])) {
        if !matches!(rates, Amounts::Nothing)
            && let Some(Amount(rate)) = rates.get(row)
        {
            found.extend(variance(part, row, rate, rules));
        }
        if let Some(at) = happened.get(row).filter(|at| !(earliest..latest).contains(at)) {
            found.extend(out_of_period(part, row, at, rules)?);
        }
    }
    Ok(found)
}

/// The instants of the month of the night and of the day after it: clocks of providers are up to a day ahead.
fn period(rules: &Rules) -> (i64, i64) {
    let first = rules.night.with_day(1).expect("a month has a first day");
    (day_range(first, rules.zone).0, day_range(rules.night + Days::new(1), rules.zone).1)
}

/// The least exact a rate is taken to be: zeros at its end are not kept.
const FOURTH_DECIMAL: i128 = 10_i128.pow(12 - 4);

/// What settles is what the customer was charged, less the merchant's discount, at the rate that is stated. The rate is
/// taken to be rounded to the decimals it shows, four at least, and the amount to those of its currency.
fn variance(part: &RecordBatch, row: usize, rate: i128, rules: &Rules) -> Option<OfEntry> {
    let currencies = [words(part, "currency"), words(part, "customer_currency")];
    let [currency, customer_currency] = currencies.map(|words| words.optional(row));
    let (currency, customer_currency) = (currency?, customer_currency?);
    let charged = amounts(part, "customer_amount").get(row)?;
    if currency == customer_currency || rate <= 0 {
        return None;
    }
    let discount = amounts(part, "merchant_discount").get(row).unwrap_or_default();
    let charged = if charged < Amount::ZERO { charged + discount.abs() } else { charged - discount.abs() };
    let settles = amounts(part, "gross").get(row)?;
    let digits = minor_digits(currency);
    let mut last_decimal = 1;
    while rate % (last_decimal * 10) == 0 && last_decimal < FOURTH_DECIMAL {
        last_decimal *= 10;
    }
    let at = |rate: i128, rounding| charged.abs().at_rate(rate, 2, digits, rounding);
    let stated =
        format!("{} {customer_currency} at the stated rate of {}", charged.in_currency(customer_currency), rate_text(rate));
    let range = at(2 * rate - last_decimal, Rounding::Down).zip(at(2 * rate + last_decimal, Rounding::Up));
    let Some(((least, most), expected)) = range.zip(at(2 * rate, Rounding::HalfUp)) else {
        let detail = format!("{stated} is more than an amount may be");
        return Some(OfEntry::of(part, row, BreakType::FxVariance, settles, detail));
    };
    let magnitude = if (charged < Amount::ZERO) == (settles < Amount::ZERO) { settles.abs() } else { -settles.abs() };
    let tolerance = rules.tolerances.iter().find(|tolerance| tolerance.currency == currency);
    let allowed = tolerance.map_or(Amount::ZERO, |tolerance| tolerance.of(expected));
    if (least - allowed..=most + allowed).contains(&magnitude) {
        return None;
    }
    let expected = if charged < Amount::ZERO { -expected } else { expected };
    let detail = format!("{stated} is {} {currency}", expected.in_currency(currency));
    Some(OfEntry::of(part, row, BreakType::FxVariance, settles, detail).expecting(Some(expected)))
}

/// A rate without the zeros behind its last decimal.
fn rate_text(rate: i128) -> String {
    const ONE: i128 = 10_i128.pow(12);
    let text = format!("{}.{:012}", rate / ONE, rate % ONE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An entry that a night of an earlier month should have booked, or that is dated after the night.
fn out_of_period(part: &RecordBatch, row: usize, at: i64, rules: &Rules) -> Result<Option<OfEntry>> {
    let instant = DateTime::from_timestamp_micros(at).expect("an instant that was read");
    let day = instant.with_timezone(&rules.zone).date_naive();
    let due = (rules.settles)(words(part, "provider").get(row), day)?;
    let month = |date: NaiveDate| (date.year(), date.month());
    let why = if day > rules.night {
        "which is after the night that books it".to_owned()
    } else if month(due) < month(rules.night) {
        format!("and should have been booked by {due}: the night that books it is of a later month")
    } else {
        return Ok(None);
    };
    let gross = amounts(part, "gross").get(row).expect("an entry has a gross");
    Ok(Some(OfEntry::of(part, row, BreakType::OutOfPeriod, gross, format!("happened on {day}, {why}"))))
}
