//! The volumes that choose tiers: what the nights of a month add up to, from night to night in the table `fees`.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::{Datelike, NaiveDate};

use super::rule::FeeRule;
use crate::money::Amount;
use crate::table::read::{amount, amounts, words};

/// What was paid under one rule, in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// In the month of the night.
    pub this_month: Amount,
    /// In the month before.
    pub last_month: Amount,
}

/// Provider, account, name of the rule, currency.
pub(super) type Of = [String; 4];

/// The volumes of all rules with tiers, as a night opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volumes(pub(super) BTreeMap<Of, Volume>);

impl Volumes {
    /// What the table `fees` of the night `before` leaves to `night`.
    #[must_use]
    pub fn left_by(fees: &RecordBatch, before: NaiveDate, night: NaiveDate) -> Self {
        let month = |date: NaiveDate| date.year() * 12 + date.month0().cast_signed();
        let mut volumes = Self::at_the_close(fees);
        for volume in volumes.0.values_mut() {
            *volume = match month(night) - month(before) {
                0 => *volume,
                1 => Volume { this_month: Amount::ZERO, last_month: volume.this_month },
                _ => Volume::default(),
            };
        }
        volumes
    }

    /// What a night opened with whose table this is.
    #[must_use]
    pub fn at_the_opening(fees: &RecordBatch) -> Self {
        let mut volumes = Self::at_the_close(fees);
        let volume = amounts(fees, "volume");
        for (row, of) in stated(fees) {
            if let Some(counted) = volumes.0.get_mut(&of) {
                counted.this_month -= Amount(volume.value(row));
            }
        }
        volumes
    }

    /// Every row of a rule says the same.
    fn at_the_close(fees: &RecordBatch) -> Self {
        let [this_month, last_month] = ["month_volume", "last_month_volume"].map(|name| amounts(fees, name));
        let volume =
            |row| Some(Volume { this_month: amount(this_month, row)?, last_month: amount(last_month, row).unwrap_or_default() });
        Self(stated(fees).filter_map(|(row, of)| Some((of, volume(row)?))).collect())
    }

    pub(super) fn of(&self, rule: &FeeRule, currency: &str) -> Volume {
        let of = [&rule.provider, &rule.account, &rule.name, currency].map(|name: &str| name.to_owned());
        self.0.get(&of).copied().unwrap_or_default()
    }
}

/// The rows that are of a rule.
fn stated(fees: &RecordBatch) -> impl Iterator<Item = (usize, Of)> {
    let columns = ["provider", "account", "rule", "currency"].map(|name| words(fees, name));
    let is_of_a_rule = move |row: &usize| columns[2].optional(*row).is_some();
    (0..fees.num_rows()).filter(is_of_a_rule).map(move |row| (row, columns.map(|column| column.get(row).to_owned())))
}
