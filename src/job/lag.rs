//! How long a counterpart may take: a number of days, with or without the weekends.

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// A number of days, or of business days: Monday to Friday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many.
    pub days: u32,
    /// Whether Saturdays and Sundays are passed over.
    pub business: bool,
}

impl Lag {
    /// The date that many days after `date`.
    #[must_use]
    pub fn after(self, date: NaiveDate) -> NaiveDate {
        let mut date = date;
        let mut left = self.days;
        while left > 0 {
            date = date + Days::new(1);
            if !self.business || !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
                left -= 1;
            }
        }
        date
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let days = number.parse().ok().filter(|&days: &u32| days <= 366)?;
        match unit.trim() {
            "business day" | "business days" => Some(Self { days, business: true }),
            "day" | "days" => Some(Self { days, business: false }),
            _ => None,
        }
    }
}
