//! Business days: `schemas/calendars/*.toml`, one file a country or settlement system, or Monday to Friday.
//!
//! A calendar knows the years its authority has announced, and no other: a date outside them is an error, never a
//! guess.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::format::keys::{nearest, toml_error};

/// Name and text of every shipped calendar. A test holds this list against `schemas/`.
pub static SHIPPED: &[(&str, &str)] = &[
    ("CN", include_str!("../schemas/calendars/CN.toml")),
    ("JP", include_str!("../schemas/calendars/JP.toml")),
    ("TARGET", include_str!("../schemas/calendars/TARGET.toml")),
    ("UK", include_str!("../schemas/calendars/UK.toml")),
    ("US", include_str!("../schemas/calendars/US.toml")),
];

/// Which days are worked.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Its place below `schemas/calendars`, without `.toml`; joined by `+` where several are one.
    #[serde(skip)]
    pub name: String,
    /// Whose days these are, for people.
    pub title: String,
    /// Where the authority announces them.
    pub source: Vec<String>,
    /// The first date it knows.
    #[serde(deserialize_with = "date")]
    pub from: NaiveDate,
    /// The last date it knows.
    #[serde(deserialize_with = "date")]
    pub to: NaiveDate,
    /// Days of the week that are not worked.
    pub weekend: Vec<Weekday>,
    /// Dates that are not worked, and what is kept on them.
    #[serde(default)]
    pub holidays: BTreeMap<NaiveDate, String>,
    /// Dates that are worked although their weekday is not, and why.
    #[serde(default)]
    pub working: BTreeMap<NaiveDate, String>,
}

impl Calendar {
    /// Monday to Friday, for ever.
    #[must_use]
    pub fn weekdays() -> Self {
        Self {
            name: "Monday to Friday".to_owned(),
            title: "Monday to Friday".to_owned(),
            source: Vec::new(),
            from: NaiveDate::MIN,
            to: NaiveDate::MAX,
            weekend: vec![Weekday::Sat, Weekday::Sun],
            holidays: BTreeMap::new(),
            working: BTreeMap::new(),
        }
    }

    /// Reads a calendar from TOML.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let wrong = |what: String| Error::configuration(what).file(format!("calendar {name}"));
        let mut calendar: Self =
            toml::from_str(text).map_err(|error| toml_error(&error, text).file(format!("calendar {name}")))?;
        name.clone_into(&mut calendar.name);
        if calendar.from > calendar.to {
            return Err(wrong(format!("it begins on {} and ends before, on {}", calendar.from, calendar.to)));
        }
        for (date, why) in calendar.holidays.iter().chain(&calendar.working) {
            if !calendar.covers(*date) {
                return Err(wrong(format!("{date}, {why}, is outside {}", calendar.range())));
            }
        }
        for (date, why) in &calendar.working {
            if calendar.holidays.contains_key(date) || !calendar.weekend.contains(&date.weekday()) {
                return Err(wrong(format!("{date}, {why}, is a holiday or worked anyway"))
                    .expected("under [working] only dates that fall on the weekend"));
            }
        }
        Ok(calendar)
    }

    /// Whether it knows `date`.
    #[must_use]
    pub fn covers(&self, date: NaiveDate) -> bool {
        (self.from..=self.to).contains(&date)
    }

    /// Whether `date` is worked. A date it does not know is an error.
    pub fn is_business_day(&self, date: NaiveDate) -> Result<bool> {
        if self.covers(date) { Ok(self.is_worked(date)) } else { Err(self.unknown(date)) }
    }

    /// The date `days` business days after `date`.
    pub fn after(&self, date: NaiveDate, days: u32) -> Result<NaiveDate> {
        let mut date = date;
        let mut left = days;
        while left > 0 {
            date = date.checked_add_days(Days::new(1)).ok_or_else(|| self.unknown(date))?;
            left -= u32::from(self.is_business_day(date)?);
        }
        Ok(date)
    }

    /// The calendar of the days that are worked by both.
    pub fn and(&self, other: &Self) -> Result<Self> {
        let both = |date: NaiveDate| self.covers(date) && other.covers(date) && self.is_worked(date) && other.is_worked(date);
        let mut weekend = self.weekend.clone();
        weekend.extend(other.weekend.iter().filter(|day| !self.weekend.contains(day)));
        let working = self.working.iter().chain(&other.working).filter(|(date, _)| both(**date));
        let combined = Self {
            name: format!("{}+{}", self.name, other.name),
            title: format!("{} and {}", self.title, other.title),
            source: [&self.source[..], &other.source].concat(),
            from: self.from.max(other.from),
            to: self.to.min(other.to),
            weekend,
            working: working.map(|(date, why)| (*date, why.clone())).collect(),
            holidays: self.holidays.iter().chain(&other.holidays).map(|(date, name)| (*date, name.clone())).collect(),
        };
        if combined.from > combined.to {
            return Err(Error::configuration(format!("the calendars {} and {} have no date in common", self.name, other.name))
                .expected(self.range())
                .found(other.range()));
        }
        Ok(combined)
    }

    fn is_worked(&self, date: NaiveDate) -> bool {
        let off = self.holidays.contains_key(&date) || self.weekend.contains(&date.weekday());
        !off || self.working.contains_key(&date)
    }

    fn range(&self) -> String {
        format!("{} to {}", self.from, self.to)
    }

    fn unknown(&self, date: NaiveDate) -> Error {
        Error::configuration(format!("the calendar {} does not know {date}", self.name)).expected(self.range()).next(
            "add the days the authority has announced to a copy of the calendar, in the folder the job names as `calendars`",
        )
    }
}

/// Calendars by name: those of a folder first, then the shipped ones.
#[derive(Clone, Debug, Default)]
pub struct Calendars {
    own: BTreeMap<String, String>,
    /// Where they are.
    folder: PathBuf,
}

impl Calendars {
    /// The shipped calendars alone.
    #[must_use]
    pub fn shipped() -> Self {
        Self::default()
    }

    /// The shipped calendars and those in `folder`, which add to them or override one.
    pub fn with_folder(folder: &Path) -> Result<Self> {
        let failed = |error: &std::io::Error| Error::io("read the folder of calendars", folder.display(), error);
        let mut own = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            if path.extension().is_some_and(|of| of == "toml") {
                let text =
                    std::fs::read_to_string(&path).map_err(|error| Error::io("read the calendar", path.display(), &error))?;
                own.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), text);
            }
        }
        Ok(Self { own, folder: folder.to_path_buf() })
    }

    /// These calendars, by name and text, before the shipped ones.
    #[must_use]
    pub fn of(own: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { own: own.into_iter().collect(), folder: PathBuf::new() }
    }

    /// Whether a calendar is one of the folder.
    #[must_use]
    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains_key(name)
    }

    /// Names of the calendars of the folder.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    /// The text of a calendar.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let shipped = || SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text);
        self.own.get(name).map(String::as_str).or_else(shipped)
    }

    /// The calendar called `names`: one, or several joined by `+`, whose business days are those of all.
    pub fn load(&self, names: &str) -> Result<Calendar> {
        let mut calendars = names.split('+').map(|name| self.one(name.trim()));
        let first = calendars.next().expect("a text has at least one part")?;
        calendars.try_fold(first, |all, next| all.and(&next?))
    }

    /// Name and text of the calendars joined in `names`.
    pub fn texts<'c>(&'c self, names: &'c str) -> impl Iterator<Item = (&'c str, &'c str)> {
        names.split('+').filter_map(|name| Some((name.trim(), self.text(name.trim())?)))
    }

    fn one(&self, name: &str) -> Result<Calendar> {
        let text = self.text(name).ok_or_else(|| {
            let mut known: Vec<&str> = self.own.keys().map(String::as_str).collect();
            known.extend(SHIPPED.iter().map(|(shipped, _)| *shipped).filter(|shipped| !self.own.contains_key(*shipped)));
            let error = Error::configuration(format!("no calendar is called `{name}`")).expected(known.join(", "));
            match nearest(name, known.into_iter()) {
                Some(nearest) => error.next(format!("did you mean `{nearest}`?")),
                None => error,
            }
        })?;
        Calendar::parse(name, text).map_err(|error| match error.file {
            Some(_) if self.is_own(name) && !self.folder.as_os_str().is_empty() => {
                error.file(self.folder.join(format!("{name}.toml")).display())
            }
            _ => error,
        })
    }
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<NaiveDate, D::Error> {
    let date = toml::value::Datetime::deserialize(deserializer)?;
    date.to_string().parse().map_err(|_| serde::de::Error::custom(format!("`{date}` is not a date, such as 2026-01-01")))
}
