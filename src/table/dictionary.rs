//! The data dictionary: what every column of every table is, as pages to read and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::TABLES;
use super::column::{Column, Table};

impl Table {
    /// The page under `schemas/tables` that describes this table.
    #[must_use]
    pub fn page(&self) -> String {
        let Self { name, grain, .. } = self;
        let key = self.key.join(", ");
        let mut page = format!(
            "# {name}\n\nOne row per {grain}.\n\n`data/{name}/date=YYYY-MM-DD/{name}.parquet`, sorted by {key}.\n\n\
             | column | type | unit | empty | meaning | source | since |\n|---|---|---|---|---|---|---|\n",
        );
        for column in self.columns {
            let Column { name, kind, nullable, meaning, unit, since, .. } = column;
            let (kind, source) = (kind.name(), self.source_of(column));
            let empty = if *nullable { "may be" } else { "never" };
            writeln!(page, "| `{name}` | {kind} | {unit} | {empty} | {meaning} | {source} | {since} |")
                .expect("writing to a string does not fail");
        }
        page
    }

    /// The same as JSON.
    fn json(&self) -> Value {
        let columns = self.columns.iter().map(|column| {
            json!({
                "name": column.name,
                "type": column.kind.name(),
                "unit": column.unit,
                "nullable": column.nullable,
                "meaning": column.meaning,
                "source": self.source_of(column),
                "since": column.since,
            })
        });
        json!({ "table": self.name, "grain": self.grain, "key": self.key, "columns": columns.collect::<Vec<_>>() })
    }
}

/// All tables as JSON, or the one.
#[must_use]
pub fn json(only: Option<&Table>) -> Value {
    only.map_or_else(|| TABLES.map(Table::json).into_iter().collect(), Table::json)
}
