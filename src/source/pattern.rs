//! Names with a date in them.

use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{NaiveDate, TimeDelta};
use glob::{MatchOptions, Pattern as Glob};

use crate::error::{Error, Result};

/// A name in which `{date:%Y%m%d}` stands for the business date, `{date+1:%Y%m%d}` for the day after it, and, where
/// names are matched, `*` for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// A pattern, checked.
    pub fn new(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::configuration(what.to_owned()).found(text).next("write the date as {date:%Y%m%d}, or {date+1:%Y-%m-%d}")
        };
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let Some(end) = rest[start..].find('}') else { return Err(wrong("a `{` that is not closed")) };
            let inner = &rest[start + 1..start + end];
            let Some((_, layout)) = shifted(inner) else { return Err(wrong("only the date can stand in braces")) };
            // A layout may also ask for what a date has not, such as an hour.
            let is_of_a_date = || write!(String::new(), "{}", NaiveDate::default().format(layout)).is_ok();
            if StrftimeItems::new(layout).any(|item| item == Item::Error) || !is_of_a_date() {
                return Err(wrong("not a layout of a date"));
            }
            rest = &rest[start + end + 1..];
        }
        Ok(Self { text: text.to_owned() })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The pattern with the date filled in.
    #[must_use]
    pub fn on(&self, date: NaiveDate) -> String {
        let mut name = String::new();
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (inner, after) = after.split_once('}').expect("the pattern was checked when it was made");
            let (days, layout) = shifted(inner).expect("the pattern was checked when it was made");
            name.push_str(before);
            name.push_str(&(date + TimeDelta::days(days)).format(layout).to_string());
            rest = after;
        }
        name + rest
    }
}

/// One part of a filled-in pattern, between two slashes: what a name there must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This name.
    Exactly(String),
    /// One that fits.
    Like(Glob),
}

impl Part {
    /// A part of a pattern in which the date is filled in.
    pub fn new(text: &str) -> Result<Self> {
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Exactly(text.to_owned()));
        }
        let glob = Glob::new(text).map_err(|error| {
            Error::configuration(format!("not a pattern of file names: {error}")).found(text).next("write `*` for anything")
        })?;
        Ok(Self::Like(glob))
    }

    /// Whether `name` fits. What is hidden, or by its name still being written, fits only where it is meant exactly.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        const AS_SHELLS_DO: MatchOptions =
            MatchOptions { case_sensitive: true, require_literal_separator: false, require_literal_leading_dot: true };
        match self {
            Self::Exactly(exactly) => exactly == name,
            Self::Like(glob) => glob.matches_with(name, AS_SHELLS_DO) && !name.starts_with('.') && !is_unfinished(name),
        }
    }
}

/// Whether a name is one that deliverers give to a file while they write it.
fn is_unfinished(name: &str) -> bool {
    [".tmp", ".part", ".filepart"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

/// Days after the business date, and the layout, of what stands in braces.
fn shifted(inner: &str) -> Option<(i64, &str)> {
    let (days, layout) = inner.strip_prefix("date")?.split_once(':')?;
    let days = if days.is_empty() { 0 } else { days.starts_with(['+', '-']).then(|| days.parse().ok())?? };
    (-31..=31).contains(&days).then_some((days, layout))
}
