//! What a provider tells instead of handing out a file, and the hours by which it does.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::{Answer, Ready};

/// What a provider has.
pub enum Told<T> {
    /// This.
    Has(T),
    /// Nothing, and there will be nothing. In its words.
    NoBill(String),
    /// Nothing yet. In its words, and when to come back.
    NotYet(String, Option<Duration>),
}

impl<T> Told<T> {
    /// Whether it is there.
    pub fn ready(self) -> Ready {
        match self {
            Self::Has(_) => Ready::Yes,
            Self::NoBill(said) => Ready::NoBill { said },
            Self::NotYet(said, again_in) => Ready::NotYet { said, again_in },
        }
    }
}

impl Told<Answer> {
    /// What is answered.
    pub fn answer(self) -> Answer {
        match self {
            Self::Has(answer) => answer,
            Self::NoBill(said) => Answer::NoBill { said },
            Self::NotYet(said, again_in) => Answer::NotYet { said, again_in },
        }
    }
}

/// How long it is until this hour of the day after `date` in Beijing, by which Chinese providers live; nothing once it
/// has struck.
#[must_use]
pub fn until_beijing(date: NaiveDate, hour: u32, now: DateTime<Utc>) -> Option<Duration> {
    let beijing = FixedOffset::east_opt(8 * 3600).expect("eight hours are less than a day");
    let hour = NaiveTime::from_hms_opt(hour, 0, 0).expect("an hour of a day");
    let then = (date + TimeDelta::days(1)).and_time(hour).and_local_timezone(beijing).single()?;
    (then.to_utc() - now).to_std().ok().filter(|wait| !wait.is_zero())
}
