//! What a world is made of: what the files of each night state, when they are closed, and the answer key.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

/// How many nights a world has.
pub(super) const NIGHTS: usize = 30;

/// How many days after its payment money may be given back, as the job says: fewer than a world has nights.
pub(super) const LOOKS_BACK: u64 = 10;

/// A provider of the world, as its job and the model know it.
#[derive(Clone, Copy)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    /// The currency it settles in.
    pub(super) currency: &'static str,
    /// How long one side waits for the other, and whether that is counted in business days.
    pub(super) days: u32,
    pub(super) business: bool,
    /// Its contract: basis points of the gross, and cents a payment.
    pub(super) basis_points: i64,
    pub(super) fixed: i64,
}

/// The providers; only the first two settle in the currency of the bank.
pub(super) const PROVIDERS: [Provider; 3] = [
    Provider { name: "north", currency: "USD", days: 1, business: true, basis_points: 290, fixed: 30 },
    Provider { name: "south", currency: "USD", days: 3, business: false, basis_points: 145, fixed: 10 },
    Provider { name: "west", currency: "EUR", days: 2, business: true, basis_points: 200, fixed: 0 },
];

/// Where and when a world is.
#[derive(Clone, Copy)]
pub(super) struct Setting {
    pub(super) zone: Tz,
    /// The calendar the job names.
    pub(super) calendar: &'static str,
    /// The weekdays on which its banks are closed all the same, within the thirty nights and a little after.
    pub(super) holidays: [(i32, u32, u32); 2],
    pub(super) first: (i32, u32, u32),
}

/// Each has a change of the clock and a holiday within its thirty nights.
pub(super) const SETTINGS: [Setting; 2] = [
    Setting {
        zone: chrono_tz::America::New_York,
        calendar: "US",
        holidays: [(2026, 11, 11), (2026, 11, 26)],
        first: (2026, 10, 20),
    },
    Setting { zone: chrono_tz::Europe::Berlin, calendar: "TARGET", holidays: [(2026, 4, 3), (2026, 4, 6)], first: (2026, 3, 14) },
];

impl Setting {
    /// The business date of a night by its number.
    pub(super) fn date(&self, night: usize) -> NaiveDate {
        let (year, month, day) = self.first;
        NaiveDate::from_ymd_opt(year, month, day).expect("a date") + Days::new(night as u64)
    }

    fn is_business_day(&self, date: NaiveDate) -> bool {
        let holiday = |&(year, month, day): &(i32, u32, u32)| NaiveDate::from_ymd_opt(year, month, day) == Some(date);
        date.weekday().num_days_from_monday() < 5 && !self.holidays.iter().any(holiday)
    }

    /// The date by which both sides should know what `provider` does on `date`.
    pub(super) fn settled_by(&self, provider: &Provider, date: NaiveDate) -> NaiveDate {
        let (mut date, mut left) = (date, provider.days);
        while left > 0 {
            date = date + Days::new(1);
            if !provider.business || self.is_business_day(date) {
                left -= 1;
            }
        }
        date
    }

    /// So many seconds after midnight of a night, by the clock on the wall there. A time the clock is put forward past is
    /// an hour later.
    pub(super) fn at(&self, night: usize, seconds: u32) -> DateTime<Utc> {
        let time = chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).expect("a time of day");
        let local = self.date(night).and_time(time);
        let at = self.zone.from_local_datetime(&local).earliest();
        let at = at.or_else(|| self.zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest());
        at.expect("a clock is put forward by an hour").to_utc()
    }

    /// The date on which something happened there.
    pub(super) fn date_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }
}

/// A line of a provider's file. Texts that are empty are not stated.
#[derive(Clone, Default)]
pub(super) struct Line {
    /// The story it is of.
    pub(super) story: usize,
    pub(super) kind: &'static str,
    pub(super) provider_reference: String,
    pub(super) merchant_reference: String,
    pub(super) refund_reference: String,
    /// What the provider calls the payment that is given back.
    pub(super) original_reference: String,
    pub(super) batch: String,
    /// Whether no payout pays it: another line of the same name may have been paid before.
    pub(super) in_no_batch: bool,
    /// In cents, as all money of a world.
    pub(super) gross: i64,
    pub(super) fee: i64,
    pub(super) currency: &'static str,
    /// What the customer was charged, where that is not the gross.
    pub(super) charged: Option<(i64, &'static str)>,
    pub(super) occurred_at: DateTime<Utc>,
}

/// A line of the merchant's attempts, each of an order of its own unless it is a retry.
#[derive(Clone, Default)]
pub(super) struct Attempt {
    pub(super) story: usize,
    pub(super) id: String,
    pub(super) order: String,
    pub(super) provider: &'static str,
    pub(super) merchant_reference: String,
    pub(super) provider_reference: String,
    pub(super) status: &'static str,
    pub(super) amount: i64,
    pub(super) currency: &'static str,
    pub(super) started_at: DateTime<Utc>,
}

/// A line of the merchant's refunds.
#[derive(Clone, Default)]
pub(super) struct Refund {
    pub(super) story: usize,
    pub(super) id: String,
    pub(super) order: String,
    pub(super) provider: &'static str,
    pub(super) merchant_reference: String,
    pub(super) refund_reference: String,
    pub(super) status: &'static str,
    /// Positive: what is given back.
    pub(super) amount: i64,
    pub(super) currency: &'static str,
    pub(super) requested_at: DateTime<Utc>,
}

/// A line of the bank's statement, booked on the night that states it.
#[derive(Clone, Default)]
pub(super) struct BankLine {
    pub(super) story: usize,
    pub(super) cents: i64,
    pub(super) reference: String,
    pub(super) text: String,
}

/// What the files of one night state.
#[derive(Clone, Default)]
pub(super) struct Files {
    /// By provider, in the order of [`PROVIDERS`].
    pub(super) lines: [Vec<Line>; PROVIDERS.len()],
    pub(super) attempts: Vec<Attempt>,
    pub(super) refunds: Vec<Refund>,
    pub(super) bank: Vec<BankLine>,
}

/// What is done with a world, one step after the other.
pub(super) enum Step {
    /// A night is closed, for the first time or again.
    Close(usize),
    /// A night is closed again, and nothing has changed.
    Unchanged(usize),
    /// The files of a night are as they stand in [`World::nights`] from here on; before, as in [`World::before`].
    Restate(usize),
}

/// Break types by story: what there is to find, and nothing else.
pub(super) type Answers = BTreeMap<&'static str, BTreeSet<usize>>;

/// A merchant, its providers and its bank, for thirty nights.
pub(super) struct World {
    pub(super) setting: Setting,
    /// What the files state in the end.
    pub(super) nights: Vec<Files>,
    /// What the files of nights that are restated stated first.
    pub(super) before: BTreeMap<usize, Files>,
    pub(super) steps: Vec<Step>,
    pub(super) answers: Answers,
    /// What each story is called, for people.
    pub(super) stories: Vec<&'static str>,
    /// The stories of which nobody knows what there is to find.
    pub(super) undecided: BTreeSet<usize>,
    /// The story of each batch, by its name.
    pub(super) batches: BTreeMap<String, usize>,
}
