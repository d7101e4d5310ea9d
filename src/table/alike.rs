//! Parts in different types, brought to one: to be laid end to end, or picked from.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::DataType;

use super::sheet::published;

/// The arrays in the one type that tells all of them.
#[must_use]
pub fn alike(arrays: &[ArrayRef]) -> Vec<ArrayRef> {
    let kind = arrays.iter().fold(DataType::Null, |kind, array| wider(kind, array.data_type()));
    arrays.iter().map(|array| published(array, &kind)).collect()
}

/// The type that tells both.
fn wider(one: DataType, other: &DataType) -> DataType {
    let is_wide = |kind: &DataType| match kind {
        DataType::Decimal128(..) | DataType::Int64 | DataType::Utf8 => true,
        DataType::Dictionary(codes, _) => **codes == DataType::Int32,
        _ => false,
    };
    match (one, other) {
        (DataType::Null, other) => other.clone(),
        (one, DataType::Null) => one,
        (one, other) if &one == other || is_wide(&one) => one,
        (one, other) => {
            assert!(is_wide(other), "a column in {one} and in {other}");
            other.clone()
        }
    }
}

/// Batches of the same columns, end to end.
///
/// # Panics
/// If there is none, or their columns differ by more than the types of [`super::part`] do.
#[must_use]
pub fn joined(batches: &[RecordBatch]) -> RecordBatch {
    if let [only] = batches {
        return only.clone();
    }
    let schema = batches.first().expect("there is a batch").schema();
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let arrays: Vec<ArrayRef> = batches.iter().map(|batch| Arc::clone(batch.column(at))).collect();
        let arrays = alike(&arrays);
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        (field.name().as_str(), concat(&arrays).expect("all are of one type"), true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("every column has the rows of all")
}
