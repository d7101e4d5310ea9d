//! Making a batch: columns from iterators, and the one constructor that checks a batch against its table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StringDictionaryBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int32Type};
use chrono::{Datelike, NaiveDate};

use super::column::{RATE_SCALE, Table};
use crate::money::{self, Amount};

impl Table {
    /// A batch of this table from its columns by name, in any order.
    ///
    /// # Panics
    /// If a column is missing, unknown, of another type or length, or empty where it never may be: a mistake in
    /// the code that builds it.
    #[must_use]
    pub fn batch<'a>(&self, columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
        let mut ordered: Vec<Option<ArrayRef>> = vec![None; self.columns.len()];
        for (name, array) in columns {
            let previous = ordered[self.position(name)].replace(array);
            assert!(previous.is_none(), "table {}: column {name} is given twice", self.name);
        }
        let arrays =
            self.columns.iter().zip(ordered).map(|(column, array)| {
                array.unwrap_or_else(|| panic!("table {}: column {} is not given", self.name, column.name))
            });
        RecordBatch::try_new(self.schema(), arrays.collect()).unwrap_or_else(|error| panic!("table {}: {error}", self.name))
    }
}

/// A text column.
#[must_use]
pub fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

/// A column of few values.
#[must_use]
pub fn words<T: AsRef<str>>(values: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    for value in values {
        match value {
            Some(value) => builder.append_value(value),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

/// A column of one value, or of none, for `rows` rows.
#[must_use]
pub fn same_word(value: Option<&str>, rows: usize) -> ArrayRef {
    let keys: Int32Array = match value {
        Some(_) => vec![0_i32; rows].into(),
        None => Int32Array::new_null(rows),
    };
    let values = Arc::new(StringArray::from(vec![value.unwrap_or_default()]));
    Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values).expect("every key is the one value's"))
}

/// A column of amounts.
#[must_use]
pub fn amounts(values: impl IntoIterator<Item = Option<Amount>>) -> ArrayRef {
    let array: Decimal128Array = values.into_iter().map(|value| value.map(|amount| amount.0)).collect();
    Arc::new(array.with_data_type(DataType::Decimal128(money::PRECISION, 8)))
}

/// A column of rates, in units of `10^-12`.
#[must_use]
pub fn rates(values: impl IntoIterator<Item = Option<i128>>) -> ArrayRef {
    let array: Decimal128Array = values.into_iter().collect();
    Arc::new(array.with_data_type(DataType::Decimal128(money::PRECISION, RATE_SCALE)))
}

/// A column of instants, in microseconds since 1970-01-01 UTC.
#[must_use]
pub fn instants(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// A column of days since 1970-01-01.
#[must_use]
pub fn dates(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Date32Array>())
}

/// A column of one day for `rows` rows.
#[must_use]
pub fn same_date(date: NaiveDate, rows: usize) -> ArrayRef {
    Arc::new(Date32Array::from(vec![day_number(date); rows]))
}

/// A column of whole numbers.
#[must_use]
pub fn counts(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

/// Counts, some of which are not known.
#[must_use]
pub fn optional_counts(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

/// A column of proportions.
#[must_use]
pub fn ratios(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

/// A column of flags.
#[must_use]
pub fn flags(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<BooleanArray>())
}

/// A row number as a count.
#[must_use]
pub fn count(number: usize) -> i64 {
    i64::try_from(number).expect("a number of rows fits 63 bits")
}

const EPOCH_FROM_CE: i32 = 719_163;

/// Days from 1970-01-01 to `date`.
#[must_use]
pub fn day_number(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - EPOCH_FROM_CE
}

/// The date that many days after 1970-01-01.
#[must_use]
pub fn date_of(day_number: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day_number + EPOCH_FROM_CE).expect("a stored day is a date")
}
