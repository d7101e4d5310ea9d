//! A table as it is handed to the lake: its rows picked out of parts, column by column, and not laid out again.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder, new_null_array};
use arrow::compute::{cast, concat, interleave};
use arrow::datatypes::DataType;

use super::alike::alike;
use super::column::Table;
use super::part::{NO_ROW, identity, nothing, place};

/// A table of a night, in the order it is published in.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Which table.
    pub table: &'static Table,
    /// How many rows.
    pub rows: usize,
    /// Its columns, in the table's order.
    pub columns: Vec<Picked>,
}

/// A column: values of parts, in some order.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The values by part, in the types of [`super::part`].
    pub parts: Vec<ArrayRef>,
    /// Which of them, in order.
    pub rows: Pick,
}

/// Which rows of parts.
#[derive(Clone, Debug)]
pub enum Pick {
    /// All, part after part. Parts may then be of any length.
    All,
    /// The named ones (see [`super::part::row_id`]); [`NO_ROW`] leaves the column empty.
    Rows(Arc<Vec<u32>>),
}

impl Pick {
    /// These rows, by name, where nothing is left out: all, if that is the order they stand in.
    #[must_use]
    pub fn in_order(rows: Vec<u32>) -> Self {
        // A row's name is its part and its place, so names that rise are rows as they stand.
        if rows.is_sorted() { Self::All } else { Self::Rows(Arc::new(rows)) }
    }
}

impl Picked {
    /// The values of one array, as they stand.
    #[must_use]
    pub fn whole(array: ArrayRef) -> Self {
        Self { parts: vec![array], rows: Pick::All }
    }

    /// These rows of these parts.
    #[must_use]
    pub fn rows(parts: Vec<ArrayRef>, rows: &Arc<Vec<u32>>) -> Self {
        Self { parts, rows: Pick::Rows(Arc::clone(rows)) }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.rows {
            Pick::All => self.parts.iter().map(Array::len).sum(),
            Pick::Rows(rows) => rows.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those rows laid out as one array. The parts are of one type.
    fn part(&self, range: Range<usize>) -> ArrayRef {
        let mut arrays: Vec<&dyn Array> = self.parts.iter().map(AsRef::as_ref).collect();
        let kind = arrays[0].data_type().clone();
        if kind == DataType::Null {
            return nothing(range.len());
        }
        match &self.rows {
            Pick::All => {
                let mut start = 0;
                let mut slices = Vec::new();
                for part in &self.parts {
                    let end = start + part.len();
                    let (from, to) = (range.start.max(start), range.end.min(end));
                    if from < to {
                        slices.push(part.slice(from - start, to - from));
                    }
                    start = end;
                }
                let slices: Vec<&dyn Array> = slices.iter().map(AsRef::as_ref).collect();
                concat(&slices)
            }
            Pick::Rows(rows) => {
                let none = new_null_array(&kind, 1);
                arrays.push(none.as_ref());
                interleave(&arrays, &places(&rows[range], arrays.len() - 1))
            }
        }
        .expect("the parts are of one type")
    }

    /// The column laid out as one array of type `kind`.
    fn array(&self, kind: &DataType) -> ArrayRef {
        let parts: Vec<ArrayRef> = self.parts.iter().map(|part| published(part, kind)).collect();
        let mut arrays: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        if arrays.is_empty() {
            return new_null_array(kind, self.len());
        }
        match &self.rows {
            Pick::All => concat(&arrays),
            Pick::Rows(rows) => {
                let none = new_null_array(kind, 1);
                arrays.push(none.as_ref());
                interleave(&arrays, &places(rows, arrays.len() - 1))
            }
        }
        .expect("all parts were brought to one type")
    }
}

/// Where rows are; `none` is the number of the part for those there are not.
fn places(rows: &[u32], none: usize) -> Vec<(usize, usize)> {
    rows.iter().map(|&row| if row == NO_ROW { (none, 0) } else { place(row) }).collect()
}

/// The values of a part in the type `kind` of its column.
pub(crate) fn published(part: &ArrayRef, kind: &DataType) -> ArrayRef {
    match part.data_type() {
        from if from == kind => Arc::clone(part),
        DataType::Null => new_null_array(kind, part.len()),
        DataType::FixedSizeBinary(_) => {
            let mut texts = StringBuilder::with_capacity(part.len(), part.len() * 26);
            for bytes in part.as_fixed_size_binary() {
                match bytes {
                    Some(bytes) => identity(bytes).with_text(|text| texts.append_value(text)),
                    None => texts.append_null(),
                }
            }
            Arc::new(texts.finish())
        }
        from => cast(part, kind).unwrap_or_else(|error| panic!("a part in {from} becomes {kind}: {error}")),
    }
}

impl Sheet {
    /// A table from its columns by name, in any order.
    ///
    /// # Panics
    /// If a column is missing, unknown, or of another length: a mistake in the code that makes it.
    #[must_use]
    pub fn new<'a>(table: &'static Table, rows: usize, columns: impl IntoIterator<Item = (&'a str, Picked)>) -> Self {
        let mut ordered: Vec<Option<Picked>> = vec![None; table.columns.len()];
        for (name, picked) in columns {
            assert_eq!(picked.len(), rows, "table {}: column {name} has as many rows as the table", table.name);
            let previous = ordered[table.position(name)].replace(picked);
            assert!(previous.is_none(), "table {}: column {name} is given twice", table.name);
        }
        let columns = table.columns.iter().zip(ordered);
        let columns =
            columns.map(|(column, picked)| picked.unwrap_or_else(|| panic!("table {}: no column {}", table.name, column.name)));
        Self { table, rows, columns: columns.collect() }
    }

    /// A table that is laid out already.
    ///
    /// # Panics
    /// If the batch is not of the table: a mistake in the code that calls.
    #[must_use]
    pub fn of(table: &'static Table, batch: &RecordBatch) -> Self {
        assert_eq!(batch.schema(), table.schema(), "table {}: the batch is not of this table", table.name);
        let columns = batch.columns().iter().map(|array| Picked::whole(Arc::clone(array)));
        Self { table, rows: batch.num_rows(), columns: columns.collect() }
    }

    /// The column `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> &Picked {
        &self.columns[self.table.position(name)]
    }

    /// The table laid out in parts of so many rows, in the types of [`super::part`].
    pub fn parts(&self, rows: usize) -> impl Iterator<Item = RecordBatch> {
        let columns: Vec<(&str, Picked)> = self
            .table
            .columns
            .iter()
            .zip(&self.columns)
            .map(|(column, picked)| {
                let parts = if picked.parts.is_empty() { vec![nothing(0)] } else { alike(&picked.parts) };
                (column.name, Picked { parts, rows: picked.rows.clone() })
            })
            .collect();
        (0..self.rows).step_by(rows).map(move |start| {
            let range = start..self.rows.min(start + rows);
            let column = |(name, picked): &(&'static str, Picked)| (*name, picked.part(range.clone()), true);
            RecordBatch::try_from_iter_with_nullable(columns.iter().map(column)).expect("every column has the rows of the table")
        })
    }

    /// The table laid out in memory.
    #[must_use]
    pub fn batch(&self) -> RecordBatch {
        let schema = self.table.schema();
        let columns = self.columns.iter().zip(schema.fields()).map(|(picked, field)| picked.array(field.data_type()));
        RecordBatch::try_new(Arc::clone(&schema), columns.collect())
            .unwrap_or_else(|error| panic!("table {}: {error}", self.table.name))
    }
}
