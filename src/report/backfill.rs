//! What became of the nights of a range.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::grid::{Grid, counted, line};
use super::json::fields;
use crate::error::Error;
use crate::job::Job;

/// A night of the range.
#[derive(Debug)]
pub struct Backfilled {
    /// Which.
    pub date: NaiveDate,
    /// What became of it.
    pub became: Became,
}

/// What became of a night of the range.
#[derive(Debug, PartialEq, Eq)]
pub enum Became {
    /// It was closed, for the first time or anew.
    Closed {
        /// As which generation.
        generation: u64,
        /// Whether it was stale before.
        was_stale: bool,
        /// Whether every provider was read.
        complete: bool,
    },
    /// Nothing it depends on had changed.
    Unchanged {
        /// The generation that stands.
        generation: u64,
    },
    /// It was never closed, and no source has anything of it.
    NeverThere,
    /// It could not be closed.
    Refused,
}

impl Backfilled {
    fn word(&self) -> &'static str {
        match self.became {
            Became::Closed { was_stale: true, .. } => "closed anew: it was stale",
            Became::Closed { generation: 1, .. } => "closed",
            Became::Closed { .. } => "closed anew",
            Became::Unchanged { .. } => "unchanged",
            Became::NeverThere => "never closed, and nothing of it is anywhere",
            Became::Refused => "NOT CLOSED",
        }
    }

    /// In words for people.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}: {}", self.date, self.word())
    }

    fn generation(&self) -> Option<u64> {
        match self.became {
            Became::Closed { generation, .. } | Became::Unchanged { generation } => Some(generation),
            Became::NeverThere | Became::Refused => None,
        }
    }

    fn is_incomplete(&self) -> bool {
        matches!(self.became, Became::Closed { complete: false, .. })
    }

    fn json(&self) -> Value {
        let became = match self.became {
            Became::Closed { .. } => "closed",
            Became::Unchanged { .. } => "unchanged",
            Became::NeverThere => "never_there",
            Became::Refused => "refused",
        };
        json!({
            "business_date": self.date,
            "became": became,
            "generation": self.generation(),
            "was_stale": matches!(self.became, Became::Closed { was_stale: true, .. }),
            "complete": match self.became {
                Became::Closed { complete, .. } => Some(complete),
                _ => None,
            },
        })
    }
}

/// For a person: a line a night, in order. `left` are those that are still to be closed.
#[must_use]
pub fn text(job: &Job, nights: &[Backfilled], left: &[NaiveDate]) -> String {
    let mut text = String::new();
    line(&mut text, format!("{}: {}", job.name, counted(nights.len() as u64, "night", "nights")));
    if nights.is_empty() {
        line(&mut text, "  the last backfill has left nothing to close");
        return text;
    }
    line(&mut text, "");
    let mut grid = Grid::new(&["night", "generation", ""], usize::MAX);
    for night in nights {
        let incomplete = if night.is_incomplete() { ", INCOMPLETE" } else { "" };
        let generation = night.generation().map_or_else(String::new, |generation| generation.to_string());
        grid.row([night.date.to_string(), generation, format!("{}{incomplete}", night.word())]);
    }
    text.push_str(&grid.text());
    let Some(first) = first_refused(nights) else { return text };
    line(&mut text, "");
    let last = nights.last().map_or(first, |night| night.date);
    if let Some(to) = left.last().filter(|&&to| to > last) {
        line(&mut text, format!("  stopped at {last}: the nights after it, to {to}, were not looked at"));
    }
    if nights.iter().any(|night| night.date > first && night.became != Became::Refused) {
        line(&mut text, format!("  nights after {first} were closed without it, and become stale when it is closed"));
    }
    line(&mut text, "  next     tieout retry <job>");
    text
}

fn first_refused(nights: &[Backfilled]) -> Option<NaiveDate> {
    nights.iter().find(|night| night.became == Became::Refused).map(|night| night.date)
}

/// For a program.
#[must_use]
pub fn json(job: &Job, nights: &[Backfilled], left: &[NaiveDate], refused: &[Error]) -> Map<String, Value> {
    let last = nights.last();
    fields(json!({
        "job": job.name,
        "changed": nights.iter().any(|night| matches!(night.became, Became::Closed { .. })),
        "nights": nights.iter().map(Backfilled::json).collect::<Vec<_>>(),
        // Where it went on, it stopped nowhere.
        "stopped_at": last.filter(|last| last.became == Became::Refused && left.last() >= Some(&last.date)).map(|last| last.date),
        "left": left,
        "errors": refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}
