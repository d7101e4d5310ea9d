//! Typed access to the columns of a batch, by name.
//!
//! A batch that claims to be a table was checked when it was made, so a missing column or another type here is
//! our mistake and panics.

use std::sync::LazyLock;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt16Array,
};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};

use crate::money::Amount;

/// The column `name`, whatever its type.
#[must_use]
pub fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"))
}

/// A text column.
#[must_use]
pub fn text<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    column(batch, name).as_string::<i32>()
}

/// A column of few values: its codes and its values.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// A code per row, into `values`.
    pub codes: Codes<'a>,
    /// The values.
    pub values: &'a StringArray,
}

/// The codes of a column of few values.
#[derive(Clone, Copy, Debug)]
pub enum Codes<'a> {
    /// Of a published table.
    Wide(&'a Int32Array),
    /// Of a part.
    Narrow(&'a UInt16Array),
    /// No row has one of that many rows.
    Nothing(usize),
}

impl Codes<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Wide(codes) => codes.len(),
            Self::Narrow(codes) => codes.len(),
            Self::Nothing(rows) => *rows,
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Words<'a> {
    /// Whether every row has a value.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self.codes {
            Codes::Narrow(codes) => codes.null_count() == 0,
            Codes::Wide(codes) => codes.null_count() == 0,
            Codes::Nothing(rows) => rows == 0,
        }
    }

    /// The value of a row; empty text where the row leaves it empty.
    #[must_use]
    pub fn get(&self, row: usize) -> &'a str {
        self.optional(row).unwrap_or_default()
    }

    /// The value of a row, if it has one.
    #[inline]
    #[must_use]
    pub fn optional(&self, row: usize) -> Option<&'a str> {
        self.code(row).map(|code| self.values.value(code))
    }

    /// The code of a row, if it has a value.
    #[inline]
    #[must_use]
    pub fn code(&self, row: usize) -> Option<usize> {
        match self.codes {
            Codes::Narrow(codes) => codes.is_valid(row).then(|| usize::from(codes.value(row))),
            Codes::Wide(codes) => {
                codes.is_valid(row).then(|| usize::try_from(codes.value(row)).expect("a dictionary code is not negative"))
            }
            Codes::Nothing(_) => None,
        }
    }
}

/// A column of few values.
#[must_use]
pub fn words<'a>(batch: &'a RecordBatch, name: &str) -> Words<'a> {
    words_of(column(batch, name))
}

/// An array of few values.
#[must_use]
pub fn words_of(array: &ArrayRef) -> Words<'_> {
    static NO_WORDS: LazyLock<StringArray> = LazyLock::new(|| StringArray::from(Vec::<&str>::new()));
    match array.data_type() {
        DataType::Null => Words { codes: Codes::Nothing(array.len()), values: &NO_WORDS },
        DataType::Dictionary(codes, _) if **codes == DataType::UInt16 => {
            let dictionary = array.as_dictionary::<UInt16Type>();
            Words { codes: Codes::Narrow(dictionary.keys()), values: dictionary.values().as_string::<i32>() }
        }
        _ => {
            let dictionary = array.as_dictionary::<Int32Type>();
            Words { codes: Codes::Wide(dictionary.keys()), values: dictionary.values().as_string::<i32>() }
        }
    }
}

/// A column of amounts.
#[must_use]
pub fn amounts<'a>(batch: &'a RecordBatch, name: &str) -> &'a Decimal128Array {
    column(batch, name).as_primitive::<Decimal128Type>()
}

/// The amount in a row, if it has one.
#[must_use]
pub fn amount(column: &Decimal128Array, row: usize) -> Option<Amount> {
    column.is_valid(row).then(|| Amount(column.value(row)))
}

/// A column of instants, in microseconds.
#[must_use]
pub fn instants<'a>(batch: &'a RecordBatch, name: &str) -> &'a TimestampMicrosecondArray {
    column(batch, name).as_primitive::<TimestampMicrosecondType>()
}

/// A column of days since 1970-01-01.
#[must_use]
pub fn dates<'a>(batch: &'a RecordBatch, name: &str) -> &'a Date32Array {
    column(batch, name).as_primitive::<Date32Type>()
}

/// A column of whole numbers.
#[must_use]
pub fn counts<'a>(batch: &'a RecordBatch, name: &str) -> &'a Int64Array {
    column(batch, name).as_primitive::<Int64Type>()
}

/// A column of flags.
#[must_use]
pub fn flags<'a>(batch: &'a RecordBatch, name: &str) -> &'a BooleanArray {
    column(batch, name).as_boolean()
}

/// A number of rows as a row number of 32 bits.
#[must_use]
pub fn count_of_rows(rows: usize) -> u32 {
    u32::try_from(rows).expect("a table has fewer than 2^32 rows")
}
