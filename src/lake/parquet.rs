//! One table of a night as one Parquet file: written, read back, and checked.
//!
//! The bytes depend on the rows alone. Row groups end at fixed rows, the columns of a row group are encoded on
//! as many threads as there are and appended in their order, and no clock or host name is in the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{Field, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::manifest::{Night, hex};
use super::{durable, order};
use crate::error::{Error, Exit, Result};
use crate::money::Amount;
use crate::table::column::{Table, Type};
use crate::table::read;

/// Rows of every row group but the last: a fixed number, or the bytes would depend on the machine.
const ROWS_OF_A_GROUP: usize = 512 * 1024;
/// Level 1: on a million generated entries level 3 was no faster, and its file 8 % larger.
const ZSTD_LEVEL: i32 = 1;

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// SHA-256 of its footer.
    pub(super) footer_sha256: String,
    /// Sum of each amount column.
    pub(super) sums: BTreeMap<String, String>,
}

/// Writes `batch`, ordered by the key of `table`, to a new file; reads it back, compares, and syncs it.
pub(super) fn write(path: &Path, table: &'static Table, batch: &RecordBatch, night: &Night) -> Result<Written> {
    let properties = properties(table, night);
    let mut writer = encode(durable::create_new(path)?, table, batch, properties).map_err(|error| unwritable(path, error))?;
    writer.flush().and_then(|()| writer.file.sync_all()).map_err(|error| durable::failed("write", path, &error))?;
    let written = Written {
        rows: batch.num_rows() as u64,
        bytes: writer.bytes,
        sha256: hex(&writer.hash.finalize()),
        footer_sha256: footer_sha256(path)?,
        sums: sums(table, |name| Ok(Arc::clone(read::column(batch, name))))?,
    };
    check(path, table, &written)?;
    Ok(written)
}

/// The columns `names` of a published file, in their types in memory.
pub(super) fn read(path: &Path, table: &'static Table, names: &[&str]) -> Result<RecordBatch> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => damaged(path, "it is not there"),
        _ => durable::failed("read", path, &error),
    })?;
    let schema = table.schema();
    let options = ArrowReaderOptions::new().with_schema(SchemaRef::clone(&schema));
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| damaged(path, error))?;
    let columns: Vec<ArrayRef> =
        names.par_iter().map(|name| read_column(path, &metadata, table.position(name))).collect::<Result<_>>()?;
    let positions: Vec<usize> = names.iter().map(|name| table.position(name)).collect();
    let schema = schema.project(&positions).expect("positions of the table are fields of its schema");
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| damaged(path, error))
}

/// Hash of a file's footer, with which its sizes, statistics and sums of every column chunk are told: what a cheap
/// look can know of a file. Law 4 keeps anything of the run itself out of it.
pub(super) fn footer_sha256(path: &Path) -> Result<String> {
    const TAIL: u64 = 8;
    let failed = |error: &io::Error| durable::failed("read", path, error);
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let size = file.metadata().map_err(|error| failed(&error))?.len();
    let mut tail = [0; 8];
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).map_err(|error| failed(&error))?;
    if size >= TAIL {
        file.read_exact(&mut tail).map_err(|error| failed(&error))?;
    }
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]])) + TAIL;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(size.saturating_sub(footer))).map_err(|error| failed(&error))?;
    file.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    Ok(hex(&Sha256::digest(&bytes)))
}

fn encode(
    file: File,
    table: &Table,
    batch: &RecordBatch,
    properties: WriterPropertiesPtr,
) -> std::result::Result<HashingFile, ParquetError> {
    let schema = table.published_schema();
    let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
    let mut writer = SerializedFileWriter::new(HashingFile::new(file), root, properties)?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, SchemaRef::clone(&schema));
    for (number, start) in (0..batch.num_rows()).step_by(ROWS_OF_A_GROUP).enumerate() {
        let rows = batch.slice(start, ROWS_OF_A_GROUP.min(batch.num_rows() - start));
        let columns = factory.create_column_writers(number)?.into_par_iter().zip(&schema.fields()[..]).zip(rows.columns());
        let chunks: Vec<ArrowColumnChunk> = columns
            .with_max_len(1)
            .map(|((writer, field), array)| encode_column(writer, field, array))
            .collect::<std::result::Result<_, _>>()?;
        let mut group = writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
    }
    writer.into_inner()
}

/// A dictionary in memory goes into the plain text column of the file as it is: the writer looks its values up.
fn encode_column(
    mut writer: ArrowColumnWriter,
    field: &Field,
    array: &ArrayRef,
) -> std::result::Result<ArrowColumnChunk, ParquetError> {
    for leaf in compute_leaves(field, array)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

fn properties(table: &Table, night: &Night) -> WriterPropertiesPtr {
    let key = table.key.iter().map(|name| SortingColumn {
        column_idx: i32::try_from(table.position(name)).expect("a table has few columns"),
        descending: order::OPTIONS.descending,
        nulls_first: order::OPTIONS.nulls_first,
    });
    let about = [
        ("tieout.table", table.name.to_owned()),
        ("tieout.grain", table.grain.to_owned()),
        ("tieout.key", table.key.join(", ")),
        ("tieout.business_date", night.business_date.to_string()),
        ("tieout.version", night.version.clone()),
    ];
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(format!("tieout {}", night.version))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).expect("a level of zstd")))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_offset_index_disabled(false)
        .set_max_row_group_row_count(Some(ROWS_OF_A_GROUP))
        .set_sorting_columns(Some(key.collect()))
        .set_key_value_metadata(Some(about.map(|(key, value)| KeyValue::new(key.to_owned(), value)).into()));
    for column in table.columns {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.name), repeats(column.kind));
    }
    let mut properties = properties.build();
    add_encoded_arrow_schema_to_metadata(&table.published_schema(), &mut properties);
    Arc::new(properties)
}

/// Whether values repeat enough for a dictionary to pay. Where they do not, hashing every value buys nothing.
fn repeats(kind: Type) -> bool {
    match kind {
        Type::Word | Type::Rate | Type::Date => true,
        Type::Text | Type::Amount | Type::Instant | Type::Count | Type::Ratio | Type::Flag => false,
    }
}

/// Reads a written file's footer back, and compares it with what was to be written.
fn check(path: &Path, table: &'static Table, written: &Written) -> Result<()> {
    let wrong = |what: &str| {
        Error::new(Exit::CannotWrite, format!("the file does not read back as it was written: {what}"))
            .file(path.display())
            .next("check the disk and the memory of this machine, then run the night again")
    };
    let file = File::open(path).map_err(|error| durable::failed("read", path, &error))?;
    if file.metadata().map_err(|error| durable::failed("read", path, &error))?.len() != written.bytes {
        return Err(wrong("its size"));
    }
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|error| wrong(&error.to_string()))?;
    if metadata.schema().fields() != table.published_schema().fields() {
        return Err(wrong("its schema"));
    }
    if u64::try_from(metadata.metadata().file_metadata().num_rows()) != Ok(written.rows) {
        return Err(wrong("its number of rows"));
    }
    Ok(())
}

/// The sum of each amount column, as text.
fn sums(table: &'static Table, column: impl Fn(&str) -> Result<ArrayRef> + Sync) -> Result<BTreeMap<String, String>> {
    let amounts: Vec<&str> =
        table.columns.iter().filter(|column| column.kind == Type::Amount).map(|column| column.name).collect();
    amounts
        .into_par_iter()
        .map(|name| {
            let values = column(name)?;
            let values = values.as_any().downcast_ref::<Decimal128Array>().expect("an amount is a decimal");
            let sum: Amount = values.iter().flatten().map(Amount).sum();
            Ok((name.to_owned(), sum.to_string()))
        })
        .collect()
}

/// One column of a file, whole.
fn read_column(path: &Path, metadata: &ArrowReaderMetadata, position: usize) -> Result<ArrayRef> {
    let file = File::open(path).map_err(|error| durable::failed("read", path, &error))?;
    let rows = usize::try_from(metadata.metadata().file_metadata().num_rows()).map_err(|error| damaged(path, error))?;
    let projection = ProjectionMask::roots(metadata.parquet_schema(), [position]);
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
        .with_projection(projection)
        .with_batch_size(rows.max(1))
        .build()
        .map_err(|error| damaged(path, error))?;
    let parts: Vec<ArrayRef> = batches
        .map(|batch| batch.map(|batch| Arc::clone(batch.column(0))).map_err(|error| damaged(path, error)))
        .collect::<Result<_>>()?;
    match parts.as_slice() {
        [] => Ok(arrow::array::new_empty_array(metadata.schema().field(position).data_type())),
        [whole] => Ok(Arc::clone(whole)),
        parts => {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).map_err(|error| damaged(path, error))
        }
    }
}

fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::data(format!("this file of the lake cannot be read: {what}"))
        .file(path.display())
        .next("run the night it belongs to again: that restores it from the archived inputs")
}

/// The error of a file that cannot be written, with the disk's own reason where the disk refused.
fn unwritable(path: &Path, error: ParquetError) -> Error {
    let cause = match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(refused) => *refused,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    };
    durable::failed("write", path, &cause)
}

/// A file whose bytes are counted and hashed on their way to the disk.
struct HashingFile {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl HashingFile {
    fn new(file: File) -> Self {
        Self { file, hash: Sha256::new(), bytes: 0 }
    }
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
