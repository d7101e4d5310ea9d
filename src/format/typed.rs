//! Merchant records that come as NDJSON or Parquet: the same rules as for delimited files, read row by row from columns.
//!
//! Values are taken as text, exactly as written: a JSON number keeps its digits. A Parquet column of floating point
//! that an amount is read from is refused, because it is not exact.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

use super::Format;
use super::bounds::{Lines, LongLine, long_line};
use super::header::folded;
use super::parquet_headers;
use super::plan::{Fill, Plan};
use super::read::{Decoded, Part, Rows, Take};
use crate::error::{Error, Result};
use crate::mask::masked;

const BATCH_ROWS: usize = 1 << 16;
/// Most rows of a Parquet file for each of its bytes. Every record has an identifier of its own, and numbers that count up
/// are packed into a dozen a byte at best, so that no honest file comes near; a broken one may say that one byte stands
/// for billions of rows, or that a few kilobytes are worth a second.
const ROWS_PER_BYTE: u64 = 16;

/// Whether a file of this name is read here, and how.
#[must_use]
pub(super) fn is_typed(path: &Path) -> bool {
    matches!(extension(path).as_str(), "ndjson" | "jsonl" | "parquet")
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// Reads the NDJSON or Parquet file at `path`, handing its rows to `take`.
pub(super) fn read(path: &Path, format: &Format, take: &Take) -> Result<Decoded> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let result = if extension(path) == "parquet" { read_parquet(path, format, take) } else { read_ndjson(path, format, take) };
    result.map_err(|error| if error.file.is_none() { error.file(name) } else { error })
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::io("read", path.display(), &error))
}

/// Columns the rules of a format read.
fn sources(format: &Format) -> Vec<String> {
    let rules = format.fill.values().chain(format.kind.iter().flat_map(|kind| kind.fill.values()));
    let mut names: Vec<String> = rules
        .flat_map(|rule| rule.from.0.iter().chain(&rule.add).chain(&rule.subtract).chain(&rule.zone_from).cloned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn read_ndjson(path: &Path, format: &Format, take: &Take) -> Result<Decoded> {
    let fields: Vec<Field> = sources(format).into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let broken = |error: &dyn std::fmt::Display| broken_line(path, error);
    let reader = arrow::json::ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_batch_size(BATCH_ROWS)
        .with_coerce_primitive(true)
        .build(BufReader::new(Lines::new(open(path)?)))
        .map_err(|error| broken(&error))?;
    read_batches(reader.map(|batch| batch.map_err(|error| broken(&error))), format, take)
}

/// The first line that is no JSON object. Its text is not shown: it is a customer's order.
fn broken_line(path: &Path, error: &dyn std::fmt::Display) -> Error {
    let broken = Error::data("the file is not one JSON object a line, and nothing of it is booked")
        .expected("an object on every line, such as {\"order_id\": \"1\", \"amount\": \"9.90\"}")
        .next("write the file again; if it ends in the middle of a line, fetch it again");
    let Ok(file) = open(path) else { return broken };
    for (at, line) in BufReader::new(Lines::new(file)).lines().enumerate() {
        if let Err(error) = &line
            && let Some(LongLine(line)) = error.get_ref().and_then(|inner| inner.downcast_ref())
        {
            return long_line(*line);
        }
        let parsed = line.map(|line| line.trim().is_empty() || serde_json::from_str::<Map<String, Value>>(&line).is_ok());
        if !parsed.unwrap_or(false) {
            return broken.line(at as u64 + 1).found("a line that is not a JSON object");
        }
    }
    broken.found(masked(&error.to_string()))
}

fn read_parquet(path: &Path, format: &Format, take: &Take) -> Result<Decoded> {
    let broken = |error: &dyn std::fmt::Display| {
        Error::data("the file is not a whole Parquet file, and nothing of it is booked").found(error).next("write the file again")
    };
    let file = open(path)?;
    let bytes = file.metadata().map_err(|error| Error::io("read", path.display(), &error))?.len();
    parquet_headers::look_at_footer(&file, bytes).map_err(|error| broken(&error))?;
    let handle = open(path)?;
    let builder = unbroken(|| ParquetRecordBatchReaderBuilder::try_new(handle))?.map_err(|error| broken(&error))?;
    let rows = builder.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
    let rows = rows.fold(0, u64::saturating_add);
    if rows > bytes.saturating_mul(ROWS_PER_BYTE) {
        return Err(broken(&format!("{rows} rows in {bytes} bytes")).expected(format!("at most {ROWS_PER_BYTE} rows a byte")));
    }
    let wanted: Vec<String> = sources(format).iter().map(|name| folded(name)).collect();
    let columns = builder.schema().fields().iter().enumerate().filter(|(_, field)| wanted.contains(&folded(field.name())));
    let columns: Vec<usize> = columns.map(|(at, _)| at).collect();
    let mask = parquet::arrow::ProjectionMask::roots(builder.parquet_schema(), columns);
    for group in builder.metadata().row_groups() {
        for (_, column) in group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf)) {
            let (start, length) = unbroken(|| column.byte_range())?;
            parquet_headers::look_at_pages(&file, start, length).map_err(|error| broken(&error))?;
        }
    }
    let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    let mut reader = unbroken(|| builder.build())?.map_err(|error| broken(&error))?;
    let next = move || match unbroken(|| reader.next()) {
        Ok(batch) => batch.map(|batch| batch.map_err(|error| broken(&error))),
        Err(error) => Some(Err(error)),
    };
    read_batches(std::iter::from_fn(next), format, take)
}

/// What `read` gives. The library asserts of some broken files what it should refuse; that is no fault of ours, but of
/// the file.
fn unbroken<T>(read: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| {
        Error::data("the file is not a whole Parquet file, and nothing of it is booked")
            .found("bytes no writer of Parquet writes")
            .next("write the file again")
    })
}

fn read_batches(batches: impl Iterator<Item = Result<RecordBatch>>, format: &Format, take: &Take) -> Result<Decoded> {
    let mut batches = batches.peekable();
    let header: Vec<Vec<u8>> = match batches.peek() {
        Some(Ok(batch)) => batch.schema().fields().iter().map(|field| field.name().as_bytes().to_vec()).collect(),
        _ => sources(format).into_iter().map(String::into_bytes).collect(),
    };
    let plan = Plan::new(format, &header)?;
    let mut rows = Rows::new(&plan);
    let mut kept = Vec::new();
    let mut keep = |parts: Vec<Part>| parts.into_iter().try_for_each(|part| take(part).map(|part| kept.extend(part)));
    let mut line = 0;
    for batch in batches {
        let batch = batch?;
        let columns = batch.columns().iter().enumerate().map(|(at, column)| as_text(column, at, &plan));
        let columns: Vec<StringArray> = columns.collect::<Result<_>>()?;
        for row in 0..batch.num_rows() {
            line += 1;
            rows.push(line, columns.iter().map(|column| if column.is_valid(row) { column.value(row).as_bytes() } else { b"" }));
        }
        keep(rows.parts())?;
    }
    let mut decoded = rows.finish();
    keep(std::mem::take(&mut decoded.parts))?;
    decoded.parts = kept;
    Ok(decoded)
}

/// A column as the text a delimited file would hold.
fn as_text(column: &ArrayRef, at: usize, plan: &Plan) -> Result<StringArray> {
    let is_amount = plan.amounts.iter().any(|amount| amount.cell == at)
        || plan.targets.iter().flat_map(|target| &target.fills).any(|fill| matches!(fill, Fill::Rate(cell) if *cell == at));
    if is_amount && column.data_type().is_floating() {
        return Err(Error::data("an amount is stored in floating point, which is not exact")
            .column(&plan.header[at])
            .expected("a decimal, an integer or text")
            .found(column.data_type())
            .next("write the column as DECIMAL"));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let in_utc = |unit: TimeUnit| DataType::Timestamp(unit, Some("+00:00".into()));
    let text = match column.data_type() {
        // An instant is the same in every zone, and text needs an offset, not the name of a zone.
        DataType::Timestamp(unit, Some(_)) => cast_with_options(column, &in_utc(*unit), &options)
            .and_then(|instants| cast_with_options(&instants, &DataType::Utf8, &options)),
        _ => cast_with_options(column, &DataType::Utf8, &options),
    };
    let text = text.map_err(|error| {
        Error::data("a column cannot be read as text").column(&plan.header[at]).found(error).next("write the column as text")
    })?;
    Ok(text.as_string::<i32>().clone())
}
