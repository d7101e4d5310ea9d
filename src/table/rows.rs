//! The rows of a table while a night works on it: parts, and the order they are published in.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};

use super::column::Table;
use super::read::column;
use super::sheet::{Pick, Picked, Sheet};

/// Rows of one table. Columns that later stages find out are not there yet.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The rows as they were read, in the types of [`super::part`].
    pub parts: Vec<RecordBatch>,
    /// The order of the table's key.
    pub order: Pick,
}

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.parts.iter().map(RecordBatch::num_rows).sum()
    }

    /// The table, with the columns found out since: each by part, in the order of the parts.
    #[must_use]
    pub fn sheet<'a>(&self, table: &'static Table, found: impl IntoIterator<Item = (&'a str, Vec<ArrayRef>)>) -> Sheet {
        let Some(first) = self.parts.first() else { return Sheet::of(table, &table.empty()) };
        let picked = |parts| Picked { parts, rows: self.order.clone() };
        let schema = first.schema();
        let read = schema.fields().iter().map(|field| {
            let values = |part: &RecordBatch| Arc::clone(column(part, field.name()));
            (field.name().as_str(), picked(self.parts.iter().map(values).collect()))
        });
        let found = found.into_iter().map(|(name, parts)| (name, picked(parts)));
        Sheet::new(table, self.count(), read.chain(found).collect::<Vec<_>>())
    }
}
