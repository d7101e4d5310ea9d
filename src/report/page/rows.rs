//! The rows of a published table, read by the names of their columns: a column a table does not have is empty.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;

use crate::error::Result;
use crate::lake::{Lake, Manifest};
use crate::money::Amount;
use crate::table;
use crate::table::build::date_of;
use crate::table::read::words_of;

/// Rows of one table and night.
#[derive(Clone, Debug)]
pub(in crate::report) struct Rows {
    batch: RecordBatch,
}

impl Rows {
    /// What the night of `manifest` published as `table`; none where it did not, or this version has no such table.
    pub(in crate::report) fn of(lake: &Lake, manifest: &Manifest, table: &str) -> Result<Option<Self>> {
        let published = manifest.outputs.iter().any(|output| output.table == table);
        let Some(table) = table::find(table).filter(|_| published) else { return Ok(None) };
        Ok(Some(Self { batch: lake.read(table, manifest.night.business_date)? }))
    }

    pub(in crate::report) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// The names of its columns, in their order.
    pub(in crate::report) fn columns(&self) -> impl Iterator<Item = &str> {
        self.batch.schema_ref().fields().iter().map(|field| field.name().as_str())
    }

    /// The type of a column in memory.
    pub(in crate::report) fn kind(&self, column: &str) -> Option<&DataType> {
        self.batch.column_by_name(column).map(Array::data_type)
    }

    fn cell(&self, column: &str, row: usize) -> Option<&ArrayRef> {
        self.batch.column_by_name(column).filter(|array| array.is_valid(row))
    }

    /// Text of any kind; empty where the row leaves it empty.
    pub(in crate::report) fn text(&self, column: &str, row: usize) -> &str {
        self.cell(column, row).map_or("", |array| match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row),
            _ => words_of(array).get(row),
        })
    }

    pub(in crate::report) fn amount(&self, column: &str, row: usize) -> Option<Amount> {
        self.cell(column, row).map(|array| Amount(array.as_primitive::<Decimal128Type>().value(row)))
    }

    /// An amount that is always there.
    pub(in crate::report) fn sum(&self, column: &str, row: usize) -> Amount {
        self.amount(column, row).unwrap_or_default()
    }

    /// A rate of twelve decimals, in units of the last.
    pub(in crate::report) fn rate(&self, column: &str, row: usize) -> Option<i128> {
        self.cell(column, row).map(|array| array.as_primitive::<Decimal128Type>().value(row))
    }

    pub(in crate::report) fn optional_count(&self, column: &str, row: usize) -> Option<i64> {
        self.cell(column, row).map(|array| array.as_primitive::<Int64Type>().value(row))
    }

    pub(in crate::report) fn count(&self, column: &str, row: usize) -> i64 {
        self.optional_count(column, row).unwrap_or_default()
    }

    /// A statistic.
    pub(in crate::report) fn ratio(&self, column: &str, row: usize) -> Option<f64> {
        self.cell(column, row).map(|array| array.as_primitive::<Float64Type>().value(row))
    }

    pub(in crate::report) fn date(&self, column: &str, row: usize) -> Option<NaiveDate> {
        self.cell(column, row).map(|array| date_of(array.as_primitive::<Date32Type>().value(row)))
    }

    pub(in crate::report) fn flag(&self, column: &str, row: usize) -> Option<bool> {
        self.cell(column, row).map(|array| array.as_boolean().value(row))
    }

    /// Microseconds since 1970-01-01 UTC.
    pub(in crate::report) fn instant(&self, column: &str, row: usize) -> Option<i64> {
        self.cell(column, row).map(|array| array.as_primitive::<TimestampMicrosecondType>().value(row))
    }
}
