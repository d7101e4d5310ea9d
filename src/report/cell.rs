//! A value of a published table as text.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, SecondsFormat};

use crate::money::Amount;
use crate::table::build::date_of;
use crate::table::column::{Column, RATE_SCALE, Type};
use crate::table::read;

/// What a row says in a column; none where it leaves it empty.
pub(super) fn cell(batch: &RecordBatch, about: &Column, row: usize) -> Option<String> {
    let array = read::column(batch, about.name);
    array.is_valid(row).then(|| shown(array, about.kind, row))
}

fn shown(array: &ArrayRef, kind: Type, row: usize) -> String {
    match kind {
        Type::Text => array.as_string::<i32>().value(row).to_owned(),
        Type::Word => read::words_of(array).get(row).to_owned(),
        Type::Amount => Amount(array.as_primitive::<Decimal128Type>().value(row)).to_string(),
        Type::Rate => rate(array.as_primitive::<Decimal128Type>().value(row)),
        Type::Instant => {
            let instant = DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row));
            instant.map_or_else(String::new, |instant| instant.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        Type::Date => date_of(array.as_primitive::<Date32Type>().value(row)).to_string(),
        Type::Count => array.as_primitive::<Int64Type>().value(row).to_string(),
        Type::Ratio => array.as_primitive::<Float64Type>().value(row).to_string(),
        Type::Flag => array.as_boolean().value(row).to_string(),
    }
}

/// A rate of exchange, without the zeros behind its last digit.
fn rate(value: i128) -> String {
    let one = 10_i128.pow(RATE_SCALE.unsigned_abs().into());
    let (sign, value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let one = one.unsigned_abs();
    let digits = format!("{:012}", value % one);
    match digits.trim_end_matches('0') {
        "" => format!("{sign}{}", value / one),
        part => format!("{sign}{}.{part}", value / one),
    }
}
