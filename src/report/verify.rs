//! Whether nights come out as they were published, table by table.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::grid::{Grid, line};
use super::json::fields;
use crate::error::Error;
use crate::lake::Manifest;
use crate::night::VERSION;
use crate::night::reperform::{Again, output};
use crate::table::TABLES;

/// What became of a night that was closed again.
#[derive(Debug)]
pub struct Verdict {
    date: NaiveDate,
    published: Manifest,
    /// What came out; or why nothing could.
    again: Result<Again, Error>,
    /// Whether `data/` holds this generation; the data of one before the newest is there no more.
    holds: Holds,
}

/// What `data/` holds of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// All of it.
    All,
    /// Not all of it, although it is the newest.
    Damaged,
    /// A later generation.
    Later,
}

impl Verdict {
    /// What closing a night again came to.
    #[must_use]
    pub fn new(published: Manifest, again: Result<Again, Error>, holds: Holds) -> Self {
        Self { date: published.night.business_date, published, again, holds }
    }

    /// The tables that came out other.
    fn differing(&self) -> Vec<String> {
        self.again.as_ref().map_or_else(|_| Vec::new(), |again| again.differing(&self.published))
    }

    /// Why the night is not what it was, if it is not.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        let differing = match &self.again {
            Ok(again) => again.differing(&self.published),
            Err(error) => return Some(error.clone()),
        };
        if differing.is_empty() {
            return None;
        }
        let error = Error::data(format!(
            "the night {}, generation {}, does not come out as it was published",
            self.date, self.published.generation
        ))
        .expected(format!("the bytes of {} tables by the manifest {}", self.published.outputs.len(), self.published.sha256))
        .found(format!("other bytes of {}", differing.join(", ")));
        Some(if self.published.night.version == VERSION {
            error.next("look for what was changed: tieout verify <job> --chain")
        } else {
            error.next(format!("close it again with tieout {}, which published it", self.published.night.version))
        })
    }

    fn verdict(&self) -> String {
        match &self.again {
            Err(_) => "cannot be closed again".to_owned(),
            Ok(_) => match self.differing()[..] {
                [] => "the same".to_owned(),
                ref differing => format!("OTHER: {}", differing.join(", ")),
            },
        }
    }

    fn by(&self) -> String {
        let version = &self.published.night.version;
        if version == VERSION { String::new() } else { format!("; closed by tieout {version}, again by {VERSION}") }
    }

    fn json(&self) -> Value {
        let again = self.again.as_ref().ok();
        let tables = TABLES.iter().filter_map(|table| {
            let (was, is) = (output(&self.published, table.name), again.and_then(|again| output(&again.manifest, table.name)));
            let one = was.or(is)?;
            Some(json!({
                "table": one.table,
                "same": again.map(|_| was == is),
                "published": was.map(|was| json!({ "rows": was.rows, "sha256": was.sha256 })),
                "again": is.map(|is| json!({ "rows": is.rows, "sha256": is.sha256 })),
            }))
        });
        json!({
            "business_date": self.date,
            "generation": self.published.generation,
            "same": self.error().is_none(),
            "closed_by": self.published.night.version,
            "closed_again_by": VERSION,
            "manifest_sha256": self.published.sha256,
            "again_sha256": again.map(|again| &again.manifest.sha256),
            "data": match self.holds {
                Holds::All => "whole",
                Holds::Damaged => "damaged",
                Holds::Later => "later generation",
            },
            "tables": tables.collect::<Vec<_>>(),
            "error": self.error().map(|error| error.to_string()),
        })
    }
}

/// For a program.
#[must_use]
pub fn json(verdicts: &[Verdict]) -> Map<String, Value> {
    let nights: Vec<Value> = verdicts.iter().map(Verdict::json).collect();
    let same = verdicts.iter().all(|verdict| verdict.error().is_none());
    fields(json!({ "same": same, "nights": nights }))
}

/// For a person: of one night its tables, of several a line each.
#[must_use]
pub fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    if let [one] = verdicts {
        of_one(one, &mut text);
    } else {
        let mut grid = Grid::new(&["night", "generation", "tables", "manifest", ""], 1);
        for verdict in verdicts {
            let Verdict { date, published, .. } = verdict;
            grid.row([
                date.to_string(),
                published.generation.to_string(),
                published.outputs.len().to_string(),
                short(&published.sha256),
                verdict.verdict() + &verdict.by(),
            ]);
        }
        text.push_str(&grid.text());
    }
    let damaged: Vec<String> =
        verdicts.iter().filter(|verdict| verdict.holds == Holds::Damaged).map(|verdict| verdict.date.to_string()).collect();
    if !damaged.is_empty() {
        line(&mut text, "");
        line(&mut text, format!("  data/ does not hold {}: run that night again to restore it", listed(&damaged)));
    }
    text
}

fn of_one(verdict: &Verdict, text: &mut String) {
    let published = &verdict.published;
    line(
        text,
        format!(
            "{} {}, generation {}: {}{}",
            published.night.job,
            verdict.date,
            published.generation,
            verdict.verdict(),
            verdict.by()
        ),
    );
    let Ok(again) = &verdict.again else { return };
    line(text, "");
    let mut grid = Grid::new(&["table", "rows", "sha256", ""], 1);
    for table in TABLES {
        let (was, is) = (output(published, table.name), output(&again.manifest, table.name));
        let said = match (was, is) {
            (Some(was), Some(is)) if was == is => String::new(),
            (Some(_), Some(is)) => format!("OTHER: {} rows, {}", is.rows, short(&is.sha256)),
            (Some(_), None) => "does not come out".to_owned(),
            (None, Some(is)) => format!("comes out, and was not published: {} rows", is.rows),
            (None, None) => continue,
        };
        let (rows, sha256) = was.map_or_else(Default::default, |was| (was.rows.to_string(), short(&was.sha256)));
        grid.row([table.name.to_owned(), rows, sha256, said]);
    }
    let same = published.sha256 == again.manifest.sha256;
    let said = if same { String::new() } else { format!("OTHER: {}", short(&again.manifest.sha256)) };
    grid.row(["manifest".to_owned(), String::new(), short(&published.sha256), said]);
    text.push_str(&grid.text());
}

/// Enough of a hash to tell it by.
pub(super) fn short(sha256: &str) -> String {
    sha256.chars().take(16).collect()
}

/// Nights in a row, as people name them.
pub(super) fn listed(nights: &[String]) -> String {
    match nights {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
