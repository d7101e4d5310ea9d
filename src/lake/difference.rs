//! The rows of one table in two generations of a night, held against each other by the table's key: what came, what
//! went, and what is other than it was.
//!
//! Both files are in the order of the key, so they are read side by side, with a batch of each in memory.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::row::{RowConverter, Rows, SortField};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::store::Readable;
use super::{Lake, data_path, parquet};
use crate::error::{Error, Result};
use crate::table::column::{Column, Table};
use crate::table::read::column;

/// In how many rows a table differs from the generation before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Rows whose key was not there before.
    pub added: u64,
    /// Rows whose key is there no more.
    pub removed: u64,
    /// Rows that say something else under the same key.
    pub changed: u64,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        (self.added, self.removed, self.changed) == (0, 0, 0)
    }
}

/// A row, by its place in a batch of its table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The batch.
    pub batch: &'a RecordBatch,
    /// Its place there.
    pub row: usize,
}

impl Row<'_> {
    fn value(&self, name: &str) -> ArrayRef {
        column(self.batch, name).slice(self.row, 1)
    }
}

/// One row that differs.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It was not there before.
    Added(Row<'a>),
    /// It is there no more.
    Removed(Row<'a>),
    /// It says something else.
    Changed(Row<'a>, Row<'a>),
}

impl Change<'_> {
    /// The columns in which the two rows differ; of a row alone those it fills.
    #[must_use]
    pub fn columns(&self, table: &'static Table) -> Vec<&'static Column> {
        let differs = |about: &&Column| match self {
            Self::Added(row) | Self::Removed(row) => row.value(about.name).is_valid(0),
            Self::Changed(before, after) => before.value(about.name) != after.value(about.name),
        };
        compared(table).filter(differs).collect()
    }
}

/// What is held against each other under one key. In which file and line something stood follows the files: of a
/// restated one, every row would be called changed.
fn compared(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    table.columns.iter().filter(|column| !table.key.contains(&column.name) && !["file_id", "line"].contains(&column.name))
}

impl Lake {
    /// Holds what `night` has as `table` here against what it has in `before`; `each` is given every row that differs.
    pub fn difference(
        &self,
        before: &Self,
        table: &'static Table,
        night: NaiveDate,
        each: &mut dyn FnMut(Change) -> Result<()>,
    ) -> Result<Difference> {
        let path = data_path(table, night);
        let (before, after) = (before.store.open(&path)?, self.store.open(&path)?);
        compare(table, before.as_ref(), after.as_ref(), each)
    }
}

/// Holds a file of a table against the one before; a file that is not there has no rows.
pub(super) fn compare(
    table: &'static Table,
    before: Option<&Readable>,
    after: Option<&Readable>,
    each: &mut dyn FnMut(Change) -> Result<()>,
) -> Result<Difference> {
    let order = Order::of(table)?;
    let (mut before, mut after) = (Side::new(table, before)?, Side::new(table, after)?);
    let mut difference = Difference { table: table.name.to_owned(), added: 0, removed: 0, changed: 0 };
    loop {
        let (was, is) = (before.load(&order)?, after.load(&order)?);
        let compared = match (was, is) {
            (false, false) => return Ok(difference),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => before.keys().cmp(after.keys()),
        };
        match compared {
            Ordering::Less => {
                difference.removed += 1;
                each(Change::Removed(before.row()))?;
            }
            Ordering::Greater => {
                difference.added += 1;
                each(Change::Added(after.row()))?;
            }
            Ordering::Equal if before.values() != after.values() => {
                difference.changed += 1;
                each(Change::Changed(before.row(), after.row()))?;
            }
            Ordering::Equal => {}
        }
        before.at += usize::from(compared != Ordering::Greater);
        after.at += usize::from(compared != Ordering::Less);
    }
}

/// How rows of a table are compared: as bytes that order as its key does.
struct Order {
    key: RowConverter,
    values: RowConverter,
    named: [Vec<&'static str>; 2],
}

impl Order {
    fn of(table: &'static Table) -> Result<Self> {
        let named = [table.key.to_vec(), compared(table).map(|column| column.name).collect::<Vec<_>>()];
        let converter = |names: &[&str]| {
            let fields = names.iter().map(|name| SortField::new(table.columns[table.position(name)].kind.in_memory()));
            RowConverter::new(fields.collect())
                .map_err(|error| Error::law(format!("rows of {} cannot be compared: {error}", table.name)))
        };
        Ok(Self { key: converter(&named[0])?, values: converter(&named[1])?, named })
    }

    fn rows(&self, batch: &RecordBatch) -> Result<[Rows; 2]> {
        let rows = |converter: &RowConverter, names: &[&str]| {
            let columns: Vec<ArrayRef> = names.iter().map(|name| ArrayRef::clone(column(batch, name))).collect();
            converter.convert_columns(&columns).map_err(|error| Error::law(format!("rows cannot be compared: {error}")))
        };
        Ok([rows(&self.key, &self.named[0])?, rows(&self.values, &self.named[1])?])
    }
}

/// A file on its way past the other.
struct Side {
    batches: Box<dyn Iterator<Item = Result<RecordBatch>>>,
    batch: RecordBatch,
    rows: Option<[Rows; 2]>,
    at: usize,
}

impl Side {
    fn new(table: &'static Table, file: Option<&Readable>) -> Result<Self> {
        let batches: Box<dyn Iterator<Item = Result<RecordBatch>>> = match file {
            Some(file) => Box::new(parquet::batches(file, table)?),
            None => Box::new(std::iter::empty()),
        };
        Ok(Self { batches, batch: table.empty(), rows: None, at: 0 })
    }

    /// Whether there is a row left.
    fn load(&mut self, order: &Order) -> Result<bool> {
        while self.at == self.batch.num_rows() {
            let Some(batch) = self.batches.next().transpose()? else { return Ok(false) };
            self.rows = Some(order.rows(&batch)?);
            (self.batch, self.at) = (batch, 0);
        }
        Ok(true)
    }

    fn keys(&self) -> &[u8] {
        self.bytes(0)
    }

    fn values(&self) -> &[u8] {
        self.bytes(1)
    }

    fn bytes(&self, of: usize) -> &[u8] {
        self.rows.as_ref().expect("a batch was read")[of].row(self.at).data()
    }

    fn row(&self) -> Row<'_> {
        Row { batch: &self.batch, row: self.at }
    }
}
