//! The rows in which two generations of a night differ.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::cell::cell;
use super::grid::{Grid, blank_zero, line};
use super::spreadsheet::value as safe;
use crate::error::{Error, Result};
use crate::lake::{Change, Difference, Manifest, Row};
use crate::table::column::{Column, Table};

/// Version of the JSON lines: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// How changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// For a person: so many rows of each table.
    Text(usize),
    /// For a spreadsheet: a line for each value.
    Csv,
    /// For a program: a line of JSON for each row, and one at the end with the counts.
    Json,
}

/// Tells the changes of a night on their way past.
pub struct Teller<'w> {
    manner: Manner,
    to: &'w mut dyn Write,
    shown: usize,
}

impl<'w> Teller<'w> {
    /// Tells them to `to`.
    pub fn new(manner: Manner, to: &'w mut dyn Write) -> Result<Self> {
        let mut teller = Self { manner, to, shown: 0 };
        if manner == Manner::Csv {
            teller.record(["table", "change", "key", "column", "before", "after"])?;
        }
        Ok(teller)
    }

    /// Begins a table.
    pub fn begin(&mut self) {
        self.shown = 0;
    }

    /// Tells one row.
    pub fn tell(&mut self, table: &'static Table, change: &Change) -> Result<()> {
        match self.manner {
            Manner::Text(most) => {
                self.shown += 1;
                if self.shown <= most { self.text(table, change) } else { Ok(()) }
            }
            Manner::Csv => self.csv(table, change),
            Manner::Json => self.line(&row_json(table, change).to_string()),
        }
    }

    /// Ends a table.
    pub fn end(&mut self, difference: &Difference) -> Result<()> {
        match self.manner {
            Manner::Text(most) if self.shown > most => {
                let more = self.shown - most;
                self.line(&format!(
                    "  … and {more} more rows of {}: --rows {}, --csv or --json shows all",
                    difference.table, self.shown
                ))
            }
            _ => Ok(()),
        }
    }

    /// Ends the night: the counts of each table.
    pub fn finish(&mut self, before: &Manifest, after: &Manifest, differences: &[Difference]) -> Result<()> {
        match self.manner {
            Manner::Text(_) => self.write(&summary(before, after, differences)),
            Manner::Csv => Ok(()),
            Manner::Json => self.line(&counts_json(before, after, differences).to_string()),
        }
    }

    fn text(&mut self, table: &'static Table, change: &Change) -> Result<()> {
        let (word, row) = word(change);
        self.line(&format!("{} {word}: {}", table.name, key(table, row)))?;
        if let Change::Changed(before, after) = change {
            for about in change.columns(table) {
                let [was, is] = [before, after].map(|row| value(*row, about).unwrap_or_else(|| "nothing".to_owned()));
                self.line(&format!("  {}: {was} → {is}", about.name))?;
            }
        }
        Ok(())
    }

    fn csv(&mut self, table: &'static Table, change: &Change) -> Result<()> {
        let (word, row) = word(change);
        let key = key(table, row);
        for about in change.columns(table) {
            let [was, is] = sides(change).map(|row| row.and_then(|row| value(row, about)).unwrap_or_default());
            self.record([table.name, word, &safe(&key), about.name, &safe(&was), &safe(&is)])?;
        }
        Ok(())
    }

    fn record(&mut self, cells: [&str; 6]) -> Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.to);
        let written = writer.write_record(cells).map_err(std::io::Error::from).and_then(|()| writer.flush());
        drop(writer);
        written.or_else(|error| read_no_more(&error))
    }

    fn line(&mut self, text: &str) -> Result<()> {
        self.write(&format!("{text}\n"))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.to.write_all(text.as_bytes()).or_else(|error| read_no_more(&error))
    }
}

/// A reader that stops reading, such as `head`, is no error.
fn read_no_more(error: &std::io::Error) -> Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(Error::io("write", "stdout", error)) }
}

fn word<'a>(change: &Change<'a>) -> (&'static str, Row<'a>) {
    match *change {
        Change::Added(row) => ("added", row),
        Change::Removed(row) => ("removed", row),
        Change::Changed(_, after) => ("changed", after),
    }
}

/// The row before and the row after.
fn sides<'a>(change: &Change<'a>) -> [Option<Row<'a>>; 2] {
    match *change {
        Change::Added(row) => [None, Some(row)],
        Change::Removed(row) => [Some(row), None],
        Change::Changed(before, after) => [Some(before), Some(after)],
    }
}

fn value(row: Row, about: &Column) -> Option<String> {
    cell(row.batch, about, row.row)
}

/// The values of the key that the row fills, in the order of the key.
fn key(table: &'static Table, row: Row) -> String {
    let values = table.key.iter().filter_map(|name| value(row, &table.columns[table.position(name)]));
    values.collect::<Vec<_>>().join(" ")
}

fn row_json(table: &'static Table, change: &Change) -> Value {
    let (word, row) = word(change);
    let key: Map<String, Value> =
        table.key.iter().map(|name| ((*name).to_owned(), json!(value(row, &table.columns[table.position(name)])))).collect();
    let columns: Map<String, Value> = change
        .columns(table)
        .into_iter()
        .map(|about| {
            let [was, is] = sides(change).map(|row| row.and_then(|row| value(row, about)));
            (about.name.to_owned(), json!({ "before": was, "after": is }))
        })
        .collect();
    json!({ "table": table.name, "change": word, "key": key, "columns": columns })
}

fn counts_json(before: &Manifest, after: &Manifest, differences: &[Difference]) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "job": after.night.job,
        "business_date": after.night.business_date,
        "before": before.generation,
        "after": after.generation,
        "differences": differences,
    })
}

/// How many rows of each table differ.
pub(super) fn summary(before: &Manifest, after: &Manifest, differences: &[Difference]) -> String {
    let mut text = String::new();
    let night = &after.night;
    line(&mut text, format!("{} {}: generation {} to {}", night.job, night.business_date, before.generation, after.generation));
    line(&mut text, "");
    if differences.iter().all(Difference::is_empty) {
        line(&mut text, "  the same rows in every table");
        return text;
    }
    let mut grid = Grid::new(&["table", "added", "removed", "changed"], 1);
    for difference in differences.iter().filter(|difference| !difference.is_empty()) {
        let counts = [difference.added, difference.removed, difference.changed].map(blank_zero);
        grid.row([difference.table.clone()].into_iter().chain(counts));
    }
    text.push_str(&grid.text());
    text
}
