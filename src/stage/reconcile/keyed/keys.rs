//! The keys of one side: its key columns, read by row, and the rows that take part.

use std::cmp::Ordering;

use arrow::array::RecordBatch;

use super::column::{Cell, Column, Value, Vocabulary};
use crate::table::part::{NO_ROW, PART_ROWS, place, row_id};

/// The key columns of one side, and which of its rows take part.
pub struct Keys<'a> {
    parts: Vec<Part<'a>>,
    only: Option<&'a [Rows]>,
}

/// Rows of one part.
#[derive(Clone, Debug)]
pub enum Rows {
    /// The first so many: all of them.
    All(usize),
    /// Those at these places, ascending.
    These(Vec<u16>),
}

/// The key columns of one part.
struct Part<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
}

/// The hash of a row's key, and the row.
pub(super) type Hashed = (u64, u32);

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::These(rows) => rows.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with every place, in order.
    #[inline]
    pub fn for_each(&self, each: impl FnMut(usize)) {
        match self {
            Self::All(rows) => (0..*rows).for_each(each),
            Self::These(rows) => rows.iter().copied().map(usize::from).for_each(each),
        }
    }

    /// Those for which `keep` is true.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut kept = Vec::new();
        self.for_each(|row| {
            if keep(row) {
                kept.push(u16::try_from(row).expect("a part has no more rows than sixteen bits count"));
            }
        });
        if matches!(self, Self::All(rows) if *rows == kept.len()) { self.clone() } else { Self::These(kept) }
    }
}

impl<'a> Keys<'a> {
    /// The columns `names` of `parts`: text, words, identities or amounts. A row with an empty key column takes no part.
    ///
    /// # Panics
    /// If a part has more rows than [`PART_ROWS`], or there are more rows than can be named.
    #[must_use]
    pub fn of(parts: &'a [RecordBatch], names: &[&str]) -> Self {
        let part = |(number, part): (usize, &'a RecordBatch)| {
            let rows = part.num_rows();
            assert!(rows <= PART_ROWS, "a part has at most {PART_ROWS} rows");
            assert!(rows == 0 || row_id(number, rows - 1) != NO_ROW, "the last name is that of no row");
            Part { columns: names.iter().map(|name| Column::of(part, name)).collect(), rows }
        };
        Self { parts: parts.iter().enumerate().map(part).collect(), only: None }
    }

    /// Only these rows take part, by part.
    #[must_use]
    pub fn only(mut self, rows: &'a [Rows]) -> Self {
        assert_eq!(rows.len(), self.parts.len(), "rows of every part");
        self.only = Some(rows);
        self
    }

    /// How many rows take part, if all have a key.
    pub(super) fn rows(&self) -> usize {
        (0..self.parts.len()).map(|part| self.rows_of(part)).sum()
    }

    /// How many rows of a part take part, if all have a key.
    pub(super) fn rows_of(&self, part: usize) -> usize {
        self.only.map_or(self.parts[part].rows, |only| only[part].len())
    }

    /// How many parts there are.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Whether a column holds identities as numbers: then text that is an identity has to be hashed as one.
    pub(super) fn has_identities(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.columns).any(|column| matches!(column, Column::Identities(_)))
    }

    /// The numbers of the words of every column of few values: equal words have equal numbers.
    pub(super) fn numbers(&self, vocabulary: &mut Vocabulary<'a>) -> Numbers {
        let part = |part: &Part<'a>| part.columns.iter().map(|column| column.numbers(vocabulary)).collect();
        Numbers(self.parts.iter().map(part).collect())
    }

    /// Appends the hash of every row of a part that takes part. Hashing each column on top of the one before keeps
    /// `a, bc` apart from `ab, c`.
    pub(super) fn hash(&self, part: usize, identities: bool, hashed: &mut Vec<Hashed>) {
        let from = hashed.len();
        let all = Rows::All(self.parts[part].rows);
        let rows = self.only.map_or(&all, |only| &only[part]);
        rows.for_each(|row| hashed.push((0, row_id(part, row))));
        for column in &self.parts[part].columns {
            let kept = column.hash(&mut hashed[from..], identities);
            hashed.truncate(from + kept);
        }
    }

    /// The columns of a row's part, and its place there.
    #[inline]
    pub(super) fn at(&self, row: u32) -> (&[Column<'a>], usize) {
        let (part, row) = place(row);
        (&self.parts[part].columns, row)
    }

    /// What a column says of a row that takes part.
    #[inline]
    pub(super) fn cell(&self, row: u32, column: usize, numbers: &Numbers) -> Cell<'a> {
        let (part, row) = place(row);
        self.parts[part].columns[column].cell(row, &numbers.0[part][column])
    }

    /// Whether two rows that take part have one key.
    pub(super) fn same(&self, row: u32, other: &Keys, other_row: u32) -> bool {
        self.compare(row, other, other_row).is_eq()
    }

    /// The order of two rows by their keys.
    pub(super) fn compare(&self, row: u32, other: &Keys, other_row: u32) -> Ordering {
        self.values(row).cmp(other.values(other_row))
    }

    fn values(&self, row: u32) -> impl Iterator<Item = Option<Value<'a>>> {
        let (columns, row) = self.at(row);
        columns.iter().map(move |column| column.value(row))
    }
}

/// The numbers of words by part, column and code.
pub(super) struct Numbers(Vec<Vec<Vec<u32>>>);
