//! Names with a date in them.

use chrono::format::{Item, StrftimeItems};
use chrono::{NaiveDate, TimeDelta};

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
            if StrftimeItems::new(layout).any(|item| item == Item::Error) {
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

/// Days after the business date, and the layout, of what stands in braces.
fn shifted(inner: &str) -> Option<(i64, &str)> {
    let (days, layout) = inner.strip_prefix("date")?.split_once(':')?;
    let days = if days.is_empty() { 0 } else { days.starts_with(['+', '-']).then(|| days.parse().ok())?? };
    (-31..=31).contains(&days).then_some((days, layout))
}
