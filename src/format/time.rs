//! Text to instants and days.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::table::build::day_number;

const MICROS: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// How the text of a time is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `2026-11-20T08:30:00+08:00`, `…Z`, with or without a fraction.
    Rfc3339,
    /// `2026-11-20 08:30:00`.
    Plain,
    /// Anything else, in the letters of `strftime`.
    Other(String),
}

impl Pattern {
    /// The pattern a format names.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match text {
            "rfc3339" => Self::Rfc3339,
            "%Y-%m-%d %H:%M:%S" => Self::Plain,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Seconds of a local time since 1970-01-01 00:00 of the same clock, or `None` where the text is no time.
///
/// For [`Pattern::Rfc3339`] the second figure is the offset the text states.
#[must_use]
pub fn local_micros(text: &str, pattern: &Pattern) -> Option<(i64, Option<i64>)> {
    match pattern {
        Pattern::Plain => Some((plain(text.as_bytes(), b' ')?, None)),
        Pattern::Rfc3339 => {
            let bytes = text.as_bytes();
            // The common shape, without a fraction, needs no general parser.
            if let (Some(seconds), Some(offset)) = (plain(bytes.get(..19)?, b'T'), offset(&bytes[19..])) {
                return Some((seconds, Some(offset)));
            }
            let instant = DateTime::parse_from_rfc3339(text).ok()?;
            let offset = i64::from(instant.offset().fix().local_minus_utc());
            Some((instant.timestamp_micros() + offset * MICROS, Some(offset)))
        }
        Pattern::Other(pattern) => {
            let time = NaiveDateTime::parse_from_str(text, pattern)
                .ok()
                .or_else(|| NaiveDate::parse_from_str(text, pattern).ok().map(|date| date.and_time(NaiveTime::MIN)))?;
            Some((time.and_utc().timestamp_micros(), None))
        }
    }
}

/// Days since 1970-01-01 of the date `text` begins with or is, by `pattern`.
#[must_use]
pub fn day(text: &str, pattern: &Pattern) -> Option<i32> {
    local_micros(text, pattern)
        .map(|(micros, _)| i32::try_from(micros.div_euclid(DAY_SECONDS * MICROS)).expect("a date fits 32 bits of days"))
}

/// `YYYY-MM-DD?HH:MM:SS` to microseconds.
fn plain(text: &[u8], between: u8) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, separator, h1, h2, b':', n1, n2, b':', s1, s2] = text else { return None };
    if separator != between {
        return None;
    }
    let two = |a: u8, b: u8| Some(digit(a)? * 10 + digit(b)?);
    let (year, month, day) = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let seconds = i64::from(day_number(date)) * DAY_SECONDS + i64::from(hour * 3600 + minute * 60 + second);
    Some(seconds * MICROS)
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// `Z` or `±HH:MM` to seconds.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" => Some(0),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = i64::from((digit(h1)? * 10 + digit(h2)?) * 3600 + (digit(m1)? * 10 + digit(m2)?) * 60);
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// A time zone with the offset of the hour asked last: rows of a file lie close together.
#[derive(Debug)]
pub struct Zone {
    zone: Tz,
    hour: i64,
    offset: Option<i64>,
}

impl Zone {
    /// The zone, with nothing remembered.
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self { zone, hour: i64::MIN, offset: None }
    }

    /// The zone itself.
    #[must_use]
    pub fn name(&self) -> Tz {
        self.zone
    }

    /// A local time of this zone as an instant, in microseconds. Of an hour that comes twice the first is
    /// taken; a time that never was gives `None`.
    pub fn instant(&mut self, local_micros: i64) -> Option<i64> {
        const HOUR: i64 = 900 * MICROS; // Zones change on quarter hours.
        let hour = local_micros.div_euclid(HOUR);
        if hour != self.hour {
            self.hour = hour;
            let local = DateTime::from_timestamp_micros(hour * HOUR)?.naive_utc();
            self.offset = match self.zone.offset_from_local_datetime(&local) {
                LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
                    Some(i64::from(offset.fix().local_minus_utc()) * MICROS)
                }
                LocalResult::None => None,
            };
        }
        self.offset.map(|offset| local_micros - offset)
    }
}

/// The half-open range of instants, in microseconds, of a calendar day in a zone.
#[must_use]
pub fn day_range(date: NaiveDate, zone: Tz) -> (i64, i64) {
    (day_start(date, zone), day_start(date.succ_opt().expect("a business date is not the last day of time"), zone))
}

fn day_start(date: NaiveDate, zone: Tz) -> i64 {
    // Where midnight is skipped the day begins at the first time that exists.
    let mut time = date.and_time(NaiveTime::MIN);
    loop {
        match zone.from_local_datetime(&time) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => return instant.timestamp_micros(),
            LocalResult::None => time += chrono::Duration::minutes(15),
        }
        assert!(time.hour() < 23 || time.date() == date, "a day of the calendar has a beginning");
    }
}

/// The calendar day of an instant in a zone.
#[must_use]
pub fn date_in(micros: i64, zone: Tz) -> NaiveDate {
    let instant = DateTime::from_timestamp_micros(micros).expect("an instant of this age is a date");
    instant.with_timezone(&zone).date_naive()
}
