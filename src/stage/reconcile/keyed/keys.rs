//! The keys of one side: its key columns, read by row, and the rows that take part.

use std::cmp::Ordering;

use arrow::array::{Array, AsArray, FixedSizeBinaryArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::table::identity::Identity;
use crate::table::part::{Id, NO_ROW, PART_ROWS, identity, place, row_id};
use crate::table::read::{Words, column, words_of};

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

/// A key column of one part.
enum Column<'a> {
    Texts(&'a StringArray),
    /// Few values: each is hashed once.
    Words(Words<'a>, Vec<u64>),
    Identities(&'a FixedSizeBinaryArray),
    Nothing,
}

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
    pub fn for_each(&self, each: impl FnMut(usize)) {
        match self {
            Self::All(rows) => (0..*rows).for_each(each),
            Self::These(rows) => rows.iter().copied().map(usize::from).for_each(each),
        }
    }

    /// Calls `each` with every place, in order, until it fails.
    pub fn try_for_each<E>(&self, each: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::All(rows) => (0..*rows).try_for_each(each),
            Self::These(rows) => rows.iter().copied().map(usize::from).try_for_each(each),
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
    /// The columns `names` of `parts`: text, words or identities. A row with an empty key column takes no part.
    ///
    /// # Panics
    /// If a part has more rows than [`PART_ROWS`], or there are more rows than a name names.
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

    /// Calls `each` with the hash and the name of every row of a part that takes part.
    pub(super) fn hashes(&self, part: usize, identities: bool, mut each: impl FnMut(u64, u32)) {
        let columns = &self.parts[part];
        let hash = |row| {
            if let Some(hash) = columns.hash(row, identities) {
                each(hash, row_id(part, row));
            }
        };
        match self.only {
            Some(only) => only[part].for_each(hash),
            None => (0..columns.rows).for_each(hash),
        }
    }

    /// Whether two rows that take part have one key.
    #[inline]
    pub(super) fn same(&self, row: u32, other: &Keys, other_row: u32) -> bool {
        let ((part, row), (other_part, other_row)) = (place(row), place(other_row));
        let columns = self.parts[part].columns.iter().zip(&other.parts[other_part].columns);
        columns.into_iter().all(|(column, other)| match (column, other) {
            (Column::Texts(texts), Column::Texts(others)) => texts.value(row).as_bytes() == others.value(other_row).as_bytes(),
            _ => column.value(row) == other.value(other_row),
        })
    }

    /// The order of two rows by their keys.
    pub(super) fn compare(&self, row: u32, other: &Keys, other_row: u32) -> Ordering {
        let ((part, row), (other_part, other_row)) = (place(row), place(other_row));
        let values = self.parts[part].columns.iter().map(|column| column.value(row));
        values.cmp(other.parts[other_part].columns.iter().map(|column| column.value(other_row)))
    }
}

impl Part<'_> {
    /// The hash of a row's key, if it has one. Hashing each column on top of the one before keeps `a, bc` apart
    /// from `ab, c`.
    #[inline]
    fn hash(&self, row: usize, identities: bool) -> Option<u64> {
        self.columns.iter().try_fold(0, |hash, column| column.hash(row, hash, identities))
    }
}

impl<'a> Column<'a> {
    fn of(part: &'a RecordBatch, name: &str) -> Self {
        let array = column(part, name);
        match array.data_type() {
            DataType::Null => Self::Nothing,
            DataType::Utf8 => Self::Texts(array.as_string::<i32>()),
            DataType::FixedSizeBinary(_) => Self::Identities(array.as_fixed_size_binary()),
            _ => {
                let words = words_of(array);
                let hashes = words.values.iter().map(|word| hash_of_text(word.unwrap_or_default(), 0));
                Self::Words(words, hashes.collect())
            }
        }
    }

    fn value(&self, row: usize) -> Option<Id<'a>> {
        let text = match self {
            Self::Texts(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Words(words, _) => words.optional(row),
            Self::Identities(numbers) => return numbers.is_valid(row).then(|| Id::Number(identity(numbers.value(row)))),
            Self::Nothing => None,
        };
        text.filter(|text| !text.is_empty()).map(Id::Text)
    }

    #[inline]
    fn hash(&self, row: usize, seed: u64, identities: bool) -> Option<u64> {
        match self {
            Self::Words(words, hashes) if seed == 0 => {
                let code = words.code(row)?;
                (!words.values.value(code).is_empty()).then(|| hashes[code])
            }
            Self::Identities(numbers) => {
                numbers.is_valid(row).then(|| xxh3_64_with_seed(numbers.value(row), seed))
            }
            _ => match self.value(row)? {
                Id::Text(text) if identities => Some(match Identity::parse(text) {
                    Some(number) => xxh3_64_with_seed(&number.number().to_be_bytes(), seed),
                    None => hash_of_text(text, seed),
                }),
                Id::Text(text) => Some(hash_of_text(text, seed)),
                Id::Number(number) => Some(xxh3_64_with_seed(&number.number().to_be_bytes(), seed)),
            },
        }
    }
}

fn hash_of_text(text: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}
