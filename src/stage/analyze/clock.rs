//! The hour and the weekday of an instant, in the business time zone.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::keys::{MICROSECONDS_AN_HOUR, hour};

/// Hours of a day.
pub(super) const HOURS: u32 = 24;
/// The days of a week, as they are written, in order.
pub(super) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// When in a week something began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// 0 to 23.
    pub(super) hour: u32,
    /// Its place in [`WEEKDAYS`].
    pub(super) weekday: u32,
}

impl Moment {
    /// The moment so many hours of the zone's own clock after 1970 began, which was on a Thursday.
    pub(super) fn of(hours: i64) -> Self {
        let short = |number: i64| u32::try_from(number).expect("a remainder is small");
        let day = hours.div_euclid(HOURS.into());
        Self { hour: short(hours.rem_euclid(HOURS.into())), weekday: short((day + 3).rem_euclid(7)) }
    }
}

/// Hours that are known without a calendar: two days before the close, and one after.
const KNOWN: usize = 72;

/// A clock of the business time zone, round the night that closes.
pub(super) struct Clock {
    zone: Tz,
    /// The first hour that is known, in UTC since 1970.
    first: i64,
    /// By how much the zone is ahead of UTC in each, in microseconds; none where that changes within the hour.
    ahead: Vec<Option<i64>>,
}

impl Clock {
    pub(super) fn new(zone: Tz, closes_at: i64) -> Self {
        let first = hour(closes_at).saturating_sub(48);
        let ahead = (0..KNOWN).map(|later| {
            let begins = first.saturating_add(i64::try_from(later).expect("small")).saturating_mul(MICROSECONDS_AN_HOUR);
            let ahead = ahead(zone, begins);
            (ahead == self::ahead(zone, begins.saturating_add(MICROSECONDS_AN_HOUR - 1))).then_some(ahead)
        });
        Self { zone, first, ahead: ahead.collect() }
    }

    /// Full hours of the zone's own clock from the beginning of 1970 to an instant.
    #[inline]
    pub(super) fn hours(&self, instant: i64) -> i64 {
        let known = usize::try_from(hour(instant) - self.first).ok().and_then(|at| *self.ahead.get(at)?);
        hour(instant.saturating_add(known.unwrap_or_else(|| ahead(self.zone, instant))))
    }
}

/// By how much a zone is ahead of UTC at an instant; an instant no calendar has is taken as it is.
fn ahead(zone: Tz, instant: i64) -> i64 {
    let Some(instant) = DateTime::from_timestamp_micros(instant) else { return 0 };
    i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()) * 1_000_000
}
