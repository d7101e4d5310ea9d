//! The rows of a table while a night works on it: parts, and the order they are published in.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::column::Table;
use super::part::{Id, Ids, Instants, ids, instants, place, row_ids};
use super::read::{Words, column, words};
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
    /// Rows in any order, put in that of the key of their table.
    #[must_use]
    pub fn by_key(parts: Vec<RecordBatch>, table: &Table) -> Self {
        let key: Vec<Vec<KeyColumn>> =
            parts.iter().map(|part| table.key.iter().map(|name| KeyColumn::of(part, name)).collect()).collect();
        let of = |row: u32| {
            let (part, row) = place(row);
            key[part].iter().map(move |column| column.get(row))
        };
        let mut rows: Vec<u32> = row_ids(&parts).collect();
        rows.par_sort_by(|&one, &other| of(one).cmp(of(other)));
        let order = Pick::in_order(rows);
        Self { parts, order }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.order {
            Pick::All => self.parts.iter().map(RecordBatch::num_rows).sum(),
            Pick::Rows(rows) => rows.len(),
        }
    }

    /// Those for which `keep` is true, by part and place.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize, usize) -> bool) -> Self {
        let all: Vec<u32>;
        let rows = match &self.order {
            Pick::Rows(rows) => &rows[..],
            Pick::All => {
                all = row_ids(&self.parts).collect();
                &all
            }
        };
        let is_kept = |row: &u32| {
            let (part, row) = place(*row);
            keep(part, row)
        };
        let kept = rows.iter().copied().filter(is_kept).collect();
        Self { parts: self.parts.clone(), order: Pick::Rows(Arc::new(kept)) }
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

/// A column of a key, in one part.
enum KeyColumn<'a> {
    Ids(Ids<'a>),
    Words(Words<'a>),
    Instants(Instants<'a>),
}

/// What it says of a row: nothing comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum KeyValue<'a> {
    Id(Id<'a>),
    Word(Option<&'a str>),
    Instant(Option<i64>),
}

impl<'a> KeyColumn<'a> {
    fn of(part: &'a RecordBatch, name: &str) -> Self {
        match column(part, name).data_type() {
            DataType::Timestamp(..) => Self::Instants(instants(part, name)),
            DataType::Dictionary(..) | DataType::Null => Self::Words(words(part, name)),
            _ => Self::Ids(ids(part, name)),
        }
    }

    fn get(&self, row: usize) -> KeyValue<'a> {
        match self {
            Self::Ids(ids) => KeyValue::Id(ids.get(row)),
            Self::Words(words) => KeyValue::Word(words.optional(row)),
            Self::Instants(instants) => KeyValue::Instant(instants.get(row)),
        }
    }
}
