//! What a page is made of: the published tables of its night, and of the nights before it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::rows::Rows;
use crate::error::Result;
use crate::lake::{Lake, Link, Manifest, stale};

/// How many nights a line shows, the night of the page the last of them.
pub(in crate::report) const NIGHTS: usize = 28;

/// Tables that are read whole, the largest of which has a row per break.
const TABLES: [&str; 16] = [
    "breaks",
    "rollforward",
    "payouts",
    "open_bank_lines",
    "fees",
    "success_rates",
    "abandonment",
    "funnel",
    "failure_reasons",
    "files",
    "nights",
    "rejects",
    "changes",
    "success_amounts",
    "time_to_pay",
    "payment_methods",
];

/// A published night.
pub(in crate::report) struct Night<'l> {
    pub(in crate::report) lake: &'l Lake,
    pub(in crate::report) manifest: &'l Manifest,
    /// Whether a night before it was published anew since.
    pub(in crate::report) is_stale: bool,
    /// Of the business date.
    pub(in crate::report) timezone: Tz,
    /// The published ones up to it, the oldest first.
    nights: Vec<Manifest>,
    tables: BTreeMap<&'static str, Rows>,
}

impl<'l> Night<'l> {
    /// The night of `manifest`, which is the newest of its date.
    pub(in crate::report) fn of(lake: &'l Lake, manifest: &'l Manifest) -> Result<Self> {
        let date = manifest.night.business_date;
        let all = lake.nights()?;
        let is_stale = stale(&all.iter().map(Link::from).collect::<Vec<_>>()).contains(&date);
        let nights: Vec<Manifest> = all.into_iter().filter(|night| night.night.business_date <= date).collect();
        let mut tables = BTreeMap::new();
        for name in TABLES {
            if let Some(rows) = Rows::of(lake, manifest, name)? {
                tables.insert(name, rows);
            }
        }
        let timezone = manifest.night.timezone.parse().unwrap_or(Tz::UTC);
        Ok(Self { lake, manifest, is_stale, timezone, nights, tables })
    }

    pub(in crate::report) fn date(&self) -> NaiveDate {
        self.manifest.night.business_date
    }

    /// A table of the night; none where it was not published, or has no rows.
    pub(in crate::report) fn rows(&self, table: &str) -> Option<&Rows> {
        self.tables.get(table).filter(|rows| rows.len() > 0)
    }

    /// A table of the last nights that can be read, the oldest first and this one last; and how many cannot, being
    /// damaged or of another version.
    pub(in crate::report) fn line_of(&self, table: &str) -> (Vec<(NaiveDate, Rows)>, i64) {
        let (mut read, mut unreadable) = (Vec::new(), 0);
        for manifest in &self.nights[self.nights.len().saturating_sub(NIGHTS)..] {
            match Rows::of(self.lake, manifest, table) {
                Ok(Some(rows)) => read.push((manifest.night.business_date, rows)),
                Ok(None) => {}
                Err(_) => unreadable += 1,
            }
        }
        (read, unreadable)
    }

    /// The night published before it.
    pub(in crate::report) fn before(&self) -> Option<&Manifest> {
        self.nights.iter().rev().find(|night| night.night.business_date < self.date())
    }
}
