//! What a table is: its grain, its key, and its columns with type, unit, meaning and source, in one static value.
//!
//! From that one value come the schema in memory, the schema of the Parquet file with its descriptions, the
//! check on every batch that claims to be the table, and its entry in the data dictionary (see [`super::dictionary`]).

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::money;

/// Digits after the point of a rate: `DECIMAL(24,12)`.
pub const RATE_SCALE: i8 = 12;

/// The version of the tables in which all columns first came that say nothing else.
const FIRST: &str = "0.1";

/// Where the outcome of matching comes from.
pub(super) const COMPARISON: &str = "comparison of the two sides";

/// Columns that come from the same place in every table that has them.
const EVERYWHERE: [(&str, &str); 3] =
    [("business_date", "the run: `--date`"), ("file_id", "bytes of the file as received"), ("line", "place in the file")];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text that identifies or explains.
    Text,
    /// Text out of few values: a dictionary in memory, plain text in the file.
    Word,
    /// An exact amount of the currency beside it: `DECIMAL(24,8)`.
    Amount,
    /// A rate, of exchange or of what is charged: `DECIMAL(24,12)`.
    Rate,
    /// An instant: microseconds, UTC.
    Instant,
    /// A calendar day.
    Date,
    /// A whole number.
    Count,
    /// A proportion or a statistic, never money: double precision.
    Ratio,
    /// True or false.
    Flag,
}

impl Type {
    /// The Arrow type while the table is in memory.
    #[must_use]
    pub fn in_memory(self) -> DataType {
        match self {
            Self::Word => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            other => other.published(),
        }
    }

    /// The Arrow type a reader of the Parquet file sees.
    #[must_use]
    pub fn published(self) -> DataType {
        match self {
            Self::Text | Self::Word => DataType::Utf8,
            Self::Amount => DataType::Decimal128(money::PRECISION, 8),
            Self::Rate => DataType::Decimal128(money::PRECISION, RATE_SCALE),
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::Count => DataType::Int64,
            Self::Ratio => DataType::Float64,
            Self::Flag => DataType::Boolean,
        }
    }

    /// The unit of a value that says no other.
    const fn unit(self) -> &'static str {
        match self {
            Self::Instant => "instant, UTC",
            Self::Date => "calendar day",
            Self::Ratio => "share, 0 to 1",
            Self::Text | Self::Word | Self::Flag | Self::Amount | Self::Rate | Self::Count => "",
        }
    }

    /// As the data dictionary calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Word => "text (few values)",
            Self::Amount => "DECIMAL(24,8)",
            Self::Rate => "DECIMAL(24,12)",
            Self::Instant => "timestamp, microseconds UTC",
            Self::Date => "date",
            Self::Count => "64-bit integer",
            Self::Ratio => "double",
            Self::Flag => "boolean",
        }
    }
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, in memory and in the file.
    pub name: &'static str,
    /// What it holds.
    pub kind: Type,
    /// Whether a row may leave it empty.
    pub nullable: bool,
    /// What a value says, in one sentence.
    pub meaning: &'static str,
    /// The unit a value is in: of an amount, the column that names its currency. Empty where it has none.
    pub unit: &'static str,
    /// What it comes from; empty where that is what its table comes from.
    source: &'static str,
    /// The version of the tables that has it first.
    pub since: &'static str,
}

/// A column every row fills.
#[must_use]
pub const fn required(name: &'static str, kind: Type, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, meaning, unit: kind.unit(), source: "", since: FIRST }
}

/// A column a row may leave empty.
#[must_use]
pub const fn optional(name: &'static str, kind: Type, meaning: &'static str) -> Column {
    Column { nullable: true, ..required(name, kind, meaning) }
}

impl Column {
    /// The column, with its unit.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// The column, with what it comes from, where its table comes from something else.
    #[must_use]
    pub const fn source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }
}

/// A published table.
#[derive(Debug)]
pub struct Table {
    /// Its name: the folder below `data/` and the stem of the file.
    pub name: &'static str,
    /// One row per what.
    pub grain: &'static str,
    /// The columns that identify a row and order the file; none where rows stand in no order.
    pub key: &'static [&'static str],
    /// What its columns come from that say nothing else: tables in backticks, or what a night reads.
    pub source: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

impl Table {
    /// The schema of a batch of this table in memory.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(|column| Field::new(column.name, column.kind.in_memory(), column.nullable))
                .collect::<Vec<_>>(),
        ))
    }

    /// The schema of the Parquet file: plain types, with meaning and unit as field metadata.
    #[must_use]
    pub fn published_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| {
            let mut metadata = HashMap::from([("description".to_owned(), column.meaning.to_owned())]);
            if !column.unit.is_empty() {
                metadata.insert("unit".to_owned(), column.unit.to_owned());
            }
            Field::new(column.name, column.kind.published(), column.nullable).with_metadata(metadata)
        });
        let metadata = HashMap::from([("description".to_owned(), format!("One row per {}.", self.grain))]);
        Arc::new(Schema::new(fields.collect::<Vec<_>>()).with_metadata(metadata))
    }

    /// Position of the column `name`.
    ///
    /// # Panics
    /// If the table has no such column: a mistake in the code that asks.
    #[must_use]
    pub fn position(&self, name: &str) -> usize {
        self.columns
            .iter()
            .position(|column| column.name == name)
            .unwrap_or_else(|| panic!("table {} has no column {name}", self.name))
    }

    /// What its columns are called, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }

    /// An empty batch: what a night without such rows publishes.
    #[must_use]
    pub fn empty(&self) -> RecordBatch {
        RecordBatch::new_empty(self.schema())
    }

    /// What a column of this table comes from.
    #[must_use]
    pub fn source_of(&self, column: &Column) -> &'static str {
        let everywhere = || EVERYWHERE.into_iter().find(|(name, _)| *name == column.name).map(|(_, source)| source);
        if column.source.is_empty() { everywhere().unwrap_or(self.source) } else { column.source }
    }
}
