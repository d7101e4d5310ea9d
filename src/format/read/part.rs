//! Rows of a file, by column, and how they are told apart.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt16Array, UInt32Array, UInt64Array};
use arrow::datatypes::{UInt16Type, UInt32Type, UInt64Type};

use crate::table::column::Table;
use crate::table::part::{identities, identity};

/// Consecutive rows of a file, by column: at least one, and at most [`crate::table::part::PART_ROWS`].
#[derive(Debug, Default)]
pub struct Part {
    /// Canonical columns the format can fill, in the order of the table and the types of [`crate::table::part`].
    pub columns: Vec<(&'static str, ArrayRef)>,
    /// The kind of each row, as a position in the format's vocabulary.
    pub kinds: Vec<u16>,
    /// Hash of the cells that identify each row; none where rows are the merchant's own.
    pub identities: Vec<u128>,
    /// Hash of the bytes of each row.
    pub contents: Vec<u64>,
    /// The line of each row, counted from one.
    pub lines: Vec<u32>,
}

/// What a batch calls that which is no column of a table.
const KINDS: &str = ":kind";
const IDENTITIES: &str = ":identity";
const LINES: &str = ":line";

impl Part {
    /// The column of a batch of parts that holds the hash of the bytes of each row.
    pub const CONTENTS: &'static str = ":content";

    /// The column `name`, if the format can fill it.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ArrayRef> {
        self.columns.iter().find(|(of, _)| *of == name).map(|(_, array)| array)
    }

    /// The rows as one batch: a row of it is all there is to know of a row.
    #[must_use]
    pub fn into_batch(self) -> RecordBatch {
        let mut columns = self.columns;
        if !self.identities.is_empty() {
            columns.push((IDENTITIES, identities(self.identities.into_iter())));
        }
        if !self.kinds.is_empty() {
            columns.push((KINDS, Arc::new(UInt16Array::from(self.kinds))));
        }
        columns.push((Self::CONTENTS, Arc::new(UInt64Array::from(self.contents))));
        columns.push((LINES, Arc::new(UInt32Array::from(self.lines))));
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .expect("everything is said of every row")
    }

    /// The rows of a batch made of parts of `table`.
    #[must_use]
    pub fn from_batch(batch: &RecordBatch, table: &'static Table) -> Self {
        let mut part = Self::default();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            match field.name().as_str() {
                KINDS => part.kinds = array.as_primitive::<UInt16Type>().values().to_vec(),
                IDENTITIES => {
                    let numbers = array.as_fixed_size_binary().iter().flatten();
                    part.identities = numbers.map(|bytes| identity(bytes).number()).collect();
                }
                Self::CONTENTS => part.contents = array.as_primitive::<UInt64Type>().values().to_vec(),
                LINES => part.lines = array.as_primitive::<UInt32Type>().values().to_vec(),
                name => part.columns.push((table.columns[table.position(name)].name, Arc::clone(array))),
            }
        }
        part
    }
}
