//! Arrow to polars and back, through the Arrow C data interface: buffers change owner, values are not copied.
//!
//! The one file with `unsafe` in it. polars carries its own Arrow, so the two meet at the C structs both define.
//! Numbers, flags and amounts cross as they are; polars keeps text in views of its own, so analysis crosses
//! words as their codes.

use arrow::array::{Array, ArrayRef, RecordBatch, make_array};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use polars::prelude::{Column, CompatLevel, DataFrame, PlSmallStr, PolarsError, Series};
use polars_arrow::array::Array as PolarsArray;
use polars_arrow::datatypes::Field;
use polars_arrow::ffi::{
    ArrowArray, ArrowSchema, export_array_to_c, export_field_to_c, import_array_from_c, import_field_from_c,
};

use crate::error::{Error, Result};

/// The batch as a polars frame, column by column under the same names.
pub fn import(batch: &RecordBatch) -> Result<DataFrame> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
        let array = into_polars(array)?;
        Ok(Column::from(Series::from_arrow(PlSmallStr::from_str(field.name()), array).map_err(broken)?))
    });
    DataFrame::new(batch.num_rows(), columns.collect::<Result<_>>()?).map_err(broken)
}

/// The frame as a batch, column by column under the same names. Counts and amounts have the width polars gave them.
pub fn export(mut frame: DataFrame) -> Result<RecordBatch> {
    frame.rechunk_mut();
    let columns = frame.columns().iter().map(|column| {
        let series = column.as_materialized_series();
        Ok((series.name().to_string(), from_polars(series.to_arrow(0, CompatLevel::newest()))?, true))
    });
    RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?).map_err(|error| refused(&error))
}

/// What polars refuses to compute is a mistake in the plan, so ours.
#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
pub(crate) fn broken(error: PolarsError) -> Error {
    Error::law(format!("polars cannot compute a table of the analysis: {error}"))
}

fn refused(error: &ArrowError) -> Error {
    Error::law(format!("arrow and polars do not understand each other: {error}"))
}

#[expect(unsafe_code, reason = "the C data interface is a contract between libraries, not one the compiler sees")]
fn into_polars(array: &ArrayRef) -> Result<Box<dyn PolarsArray>> {
    let (array, schema) = to_ffi(&array.to_data()).map_err(|error| refused(&error))?;
    // SAFETY: both types are `repr(C)` images of the one struct the C data interface fixes (ten words for an
    // array, nine for a schema; transmute checks the size), and each hands its release callback over with it.
    let (array, schema) = unsafe {
        (std::mem::transmute::<FFI_ArrowArray, ArrowArray>(array), std::mem::transmute::<FFI_ArrowSchema, ArrowSchema>(schema))
    };
    // SAFETY: arrow made the two a line above from one valid array, and the field read here is the array's own.
    unsafe {
        let field = import_field_from_c(&schema).map_err(broken)?;
        import_array_from_c(array, field.dtype).map_err(broken)
    }
}

#[expect(unsafe_code, reason = "the C data interface is a contract between libraries, not one the compiler sees")]
fn from_polars(array: Box<dyn PolarsArray>) -> Result<ArrayRef> {
    let schema = export_field_to_c(&Field::new(PlSmallStr::EMPTY, array.dtype().clone(), true));
    let array = export_array_to_c(array);
    // SAFETY: as in `into_polars`, the other way about.
    let (array, schema) = unsafe {
        (std::mem::transmute::<ArrowArray, FFI_ArrowArray>(array), std::mem::transmute::<ArrowSchema, FFI_ArrowSchema>(schema))
    };
    // SAFETY: polars made the two above from one valid array.
    let data = unsafe { from_ffi(array, &schema) }.map_err(|error| refused(&error))?;
    Ok(make_array(data))
}
