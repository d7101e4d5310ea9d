//! When things are due: how long both sides may take to state a payment, and when a file is expected.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::calendar::Calendar;
use crate::error::{Error, Result};

/// A number of days, or of business days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many.
    pub days: u32,
    /// Whether days that are not worked are passed over.
    pub business: bool,
}

/// When a file is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedBy {
    /// How long after the business date.
    pub lag: Lag,
    /// At what time of that day.
    pub time: NaiveTime,
    /// In which time zone.
    pub zone: Tz,
    /// How long after that it is not yet late.
    pub grace: TimeDelta,
}

/// When the file of one business date is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The time it should be there.
    pub at: DateTime<Utc>,
    /// The time from which it is late.
    pub late_after: DateTime<Utc>,
}

/// On which days a provider publishes files.
#[derive(Clone, Copy, Debug, Default, Deserialize, serde::Serialize, JsonSchema, PartialEq, Eq)]
pub enum Publishes {
    /// On all.
    #[default]
    #[serde(rename = "every day")]
    EveryDay,
    /// On those its calendar says are worked.
    #[serde(rename = "business days")]
    BusinessDays,
}

impl Lag {
    /// Most days there may be.
    pub const MOST_DAYS: u32 = 366;

    /// The date that long after `date`.
    pub fn after(self, date: NaiveDate, calendar: &Calendar) -> Result<NaiveDate> {
        if self.business { calendar.after(date, self.days) } else { Ok(date + Days::new(self.days.into())) }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let days = number.parse().ok().filter(|&days| days <= Self::MOST_DAYS)?;
        match unit.trim() {
            "business day" | "business days" => Some(Self { days, business: true }),
            "day" | "days" => Some(Self { days, business: false }),
            _ => None,
        }
    }
}

impl ExpectedBy {
    /// When the file of `date` is expected.
    pub fn due(&self, date: NaiveDate, calendar: &Calendar) -> Result<Due> {
        let at = instant(self.zone, self.lag.after(date, calendar)?, self.time);
        Ok(Due { at, late_after: at + self.grace })
    }

    /// `10:00`, `10:00 Asia/Shanghai`, `T+2 10:00`: without a number of days, the day after; without a zone, that of the job.
    pub(super) fn parse(text: &str, publishes: Publishes, zone: Tz, grace: TimeDelta) -> Result<Self> {
        let wrong = || {
            Error::configuration("not a time of day")
                .column("expected_by")
                .expected("such as `10:00`, `10:00 Asia/Shanghai` or `T+2 10:00`")
                .found(text)
        };
        let mut words = text.split_whitespace().peekable();
        let days = words.next_if(|word| word.starts_with("T+")).map_or(Ok(1), |word| word["T+".len()..].parse());
        let days = days.ok().filter(|&days| days <= Lag::MOST_DAYS).ok_or_else(wrong)?;
        let time = words.next().and_then(|word| NaiveTime::parse_from_str(word, "%H:%M").ok()).ok_or_else(wrong)?;
        let zone = words.next().map_or(Ok(zone), |word| word.parse().map_err(|_| wrong()))?;
        if words.next().is_some() {
            return Err(wrong());
        }
        Ok(Self { lag: Lag { days, business: publishes == Publishes::BusinessDays }, time, zone, grace })
    }
}

/// The instant a clock in `zone` shows that time: the first of two, and where the clock is put forward past it, as soon
/// as it shows a time again.
fn instant(zone: Tz, date: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    let shown = (0..).map(|quarters| date.and_time(time) + TimeDelta::minutes(15 * quarters));
    let at = shown.take(200).find_map(|at| zone.from_local_datetime(&at).earliest());
    at.expect("no clock is put forward by two days").to_utc()
}
