//! How much a break matters: by what is at stake, and how long it has been known.

use std::collections::BTreeMap;

use super::roll::State;
use crate::money::Amount;

/// From which amounts on a break matters how much, and from when on more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severity {
    /// In every currency that has no limits of its own.
    pub limits: Limits,
    /// In these currencies.
    pub by_currency: BTreeMap<String, Limits>,
    /// One step up for a break known for more than so many days.
    pub older_than_days: i64,
}

/// What must be at stake, in the major unit of the currency. Less than `medium` is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From here on medium.
    pub medium: Amount,
    /// From here on high.
    pub high: Amount,
    /// From here on critical.
    pub critical: Amount,
}

impl Limits {
    /// Whether each is more than the one before, and all are more than nothing.
    #[must_use]
    pub fn ascend(&self) -> bool {
        Amount::ZERO < self.medium && self.medium < self.high && self.high < self.critical
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { medium: Amount::whole(100), high: Amount::whole(1_000), critical: Amount::whole(10_000) }
    }
}

impl Default for Severity {
    fn default() -> Self {
        Self { limits: Limits::default(), by_currency: BTreeMap::new(), older_than_days: 7 }
    }
}

impl Severity {
    /// The word in column `severity`. What may still come by itself is low.
    pub(super) fn of(&self, state: State, currency: &str, at_stake: Amount, age_days: i64) -> &'static str {
        const WORDS: [&str; 4] = ["low", "medium", "high", "critical"];
        if state == State::Waiting {
            return WORDS[0];
        }
        let Limits { medium, high, critical } = self.by_currency.get(currency).unwrap_or(&self.limits);
        let step = [medium, high, critical].into_iter().filter(|&limit| at_stake >= *limit).count();
        WORDS[(step + usize::from(age_days > self.older_than_days)).min(3)]
    }
}
