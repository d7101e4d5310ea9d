//! What a provider tells instead of handing out a file, and the hours by which it does.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::http::Tried;
use super::{Answer, Ready};
use crate::error::Result;
use crate::lake::Received;

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
    #[must_use]
    pub fn ready(self) -> Ready {
        match self {
            Self::Has(_) => Ready::Yes,
            Self::NoBill(said) => Ready::NoBill { said },
            Self::NotYet(said, again_in) => Ready::NotYet { said, again_in },
        }
    }

    /// What is answered, once what it has is taken.
    pub fn answer(self, take: impl FnOnce(T) -> Result<Received>) -> Result<Answer> {
        Ok(match self {
            Self::Has(has) => Answer::Delivered(vec![take(has)?]),
            Self::NoBill(said) => Answer::NoBill { said },
            Self::NotYet(said, again_in) => Answer::NotYet { said, again_in },
        })
    }

    /// Goes on with what it has.
    pub fn and_then<U>(self, go_on: impl FnOnce(T) -> Tried<Told<U>>) -> Tried<Told<U>> {
        match self {
            Self::Has(has) => go_on(has),
            Self::NoBill(said) => Ok(Told::NoBill(said)),
            Self::NotYet(said, again_in) => Ok(Told::NotYet(said, again_in)),
        }
    }
}

/// How long it is until this hour of the day after `date` in Beijing, by which Chinese providers live; nothing once it
/// has struck.
#[must_use]
pub fn until_beijing(date: NaiveDate, hour: u32, now: DateTime<Utc>) -> Option<Duration> {
    let hour = NaiveTime::from_hms_opt(hour, 0, 0).expect("an hour of a day");
    let then = (date + TimeDelta::days(1)).and_time(hour).and_local_timezone(beijing()).single()?;
    (then.to_utc() - now).to_std().ok().filter(|wait| !wait.is_zero())
}

/// The time of Beijing, which has no summer time.
#[must_use]
pub fn beijing() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).expect("eight hours are less than a day")
}
