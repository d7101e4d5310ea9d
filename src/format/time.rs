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
    /// Anything else that states its offset, in the letters of `strftime`.
    WithOffset(String),
    /// `2026-11-20`.
    Day,
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
            other if other.contains("%z") || other.contains("%:z") => Self::WithOffset(other.to_owned()),
            "%Y-%m-%d" => Self::Day,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Reads times. Rows of a file lie close together: the day read last is remembered.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    date: [u8; 10],
    /// The beginning of that day, in microseconds.
    start: i64,
}

impl Clock {
    /// Microseconds of a local time since 1970-01-01 00:00 of the same clock, or `None` where the text is no time.
    ///
    /// Where the text states its offset, the second figure is that, in seconds.
    #[inline]
    pub fn local(&mut self, text: &[u8], pattern: &Pattern) -> Option<(i64, Option<i64>)> {
        match pattern {
            Pattern::Plain => Some((self.plain(text, b' ')?, None)),
            Pattern::Day => Some((self.start_of(*<&[u8; 10]>::try_from(text).ok()?)?, None)),
            Pattern::Rfc3339 => {
                // The common shape, without a fraction, needs no general parser.
                if let (Some(micros), Some(offset)) = (self.plain(text.get(..19)?, b'T'), offset(&text[19..])) {
                    return Some((micros, Some(offset)));
                }
                let instant = DateTime::parse_from_rfc3339(std::str::from_utf8(text).ok()?).ok()?;
                let offset = i64::from(instant.offset().fix().local_minus_utc());
                Some((instant.timestamp_micros() + offset * MICROS, Some(offset)))
            }
            Pattern::WithOffset(pattern) => {
                let instant = DateTime::parse_from_str(std::str::from_utf8(text).ok()?, pattern).ok()?;
                let offset = i64::from(instant.offset().fix().local_minus_utc());
                Some((instant.timestamp_micros() + offset * MICROS, Some(offset)))
            }
            Pattern::Other(pattern) => {
                let text = std::str::from_utf8(text).ok()?;
                let time = NaiveDateTime::parse_from_str(text, pattern)
                    .ok()
                    .or_else(|| NaiveDate::parse_from_str(text, pattern).ok().map(|date| date.and_time(NaiveTime::MIN)))?;
                Some((time.and_utc().timestamp_micros(), None))
            }
        }
    }

    /// Days since 1970-01-01 of the date `text` begins with or is, by `pattern`.
    #[must_use]
    pub fn day(&mut self, text: &[u8], pattern: &Pattern) -> Option<i32> {
        self.local(text, pattern)
            .map(|(micros, _)| i32::try_from(micros.div_euclid(DAY_SECONDS * MICROS)).expect("a date fits 32 bits of days"))
    }

    /// `YYYY-MM-DD?HH:MM:SS` to microseconds.
    #[inline]
    fn plain(&mut self, text: &[u8], between: u8) -> Option<i64> {
        let (date, time) = text.split_first_chunk::<10>()?;
        let &[separator, ref time @ ..] = time else { return None };
        let seconds = time_of_day(u64::from_le_bytes(time.try_into().ok()?))?;
        if separator != between {
            return None;
        }
        Some(self.start_of(*date)? + seconds * MICROS)
    }

    /// The beginning of the day `YYYY-MM-DD`.
    #[inline]
    fn start_of(&mut self, date: [u8; 10]) -> Option<i64> {
        if date != self.date {
            self.start = start_of_day(date)?;
            self.date = date;
        }
        Some(self.start)
    }
}

/// `HH:MM:SS`, the first letter lowest, to seconds.
#[inline]
fn time_of_day(text: u64) -> Option<i64> {
    let digits = text ^ u64::from_le_bytes(*b"00:00:00");
    // No digit is above nine, and nothing is left of the colons.
    let most = 0x7676_7f76_767f_7676;
    if (digits | digits.wrapping_add(most)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let [h1, h2, _, m1, m2, _, s1, s2] = digits.to_le_bytes().map(i64::from);
    let (hour, minute, second) = (h1 * 10 + h2, m1 * 10 + m2, s1 * 10 + s2);
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `YYYY-MM-DD` to microseconds.
#[cold]
fn start_of_day(text: [u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let two = |a: u8, b: u8| Some(digit(a)? * 10 + digit(b)?);
    let (year, month, day) = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(i64::from(day_number(date)) * DAY_SECONDS * MICROS)
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

/// A time zone with the offsets asked for before: rows of a file lie within a day or two.
#[derive(Debug)]
pub struct Zone {
    zone: Tz,
    /// A span of time and its offset, each in the place its number gives it.
    offsets: Vec<(i64, Option<i64>)>,
}

/// Zones change on quarter hours.
const SPAN: i64 = 900 * MICROS;
/// Spans remembered: more than two days.
const SPANS: i64 = 256;

impl Zone {
    /// The zone, with nothing remembered.
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self { zone, offsets: vec![(i64::MIN, None); 256] }
    }

    /// The zone itself.
    #[must_use]
    pub fn name(&self) -> Tz {
        self.zone
    }

    /// A local time of this zone as an instant, in microseconds. Of an hour that comes twice the first is
    /// taken; a time that never was gives `None`.
    #[inline]
    pub fn instant(&mut self, local_micros: i64) -> Option<i64> {
        let span = local_micros.div_euclid(SPAN);
        let place = usize::try_from(span.rem_euclid(SPANS)).expect("a place is not negative");
        if self.offsets[place].0 != span {
            self.offsets[place] = (span, self.offset(span)?);
        }
        self.offsets[place].1.map(|offset| local_micros - offset)
    }

    /// The offset of a span, if it ever was; `None` where it is no time of the calendar.
    #[cold]
    #[expect(clippy::option_option, reason = "no time, a time that never was, and an offset are three answers")]
    fn offset(&self, span: i64) -> Option<Option<i64>> {
        let local = DateTime::from_timestamp_micros(span * SPAN)?.naive_utc();
        Some(match self.zone.offset_from_local_datetime(&local) {
            LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
                Some(i64::from(offset.fix().local_minus_utc()) * MICROS)
            }
            LocalResult::None => None,
        })
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
