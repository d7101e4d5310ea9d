//! One table of a night as one Parquet file: written, read back, and checked.
//!
//! The bytes depend on the rows alone. Row groups end at fixed rows, the columns of a row group are encoded on
//! as many threads as there are and appended in their order, and no clock or host name is in the file.

mod column;
mod delta;
mod dictionary;
mod pages;
mod parts;
mod runs;
mod texts;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use self::column::Column;
use self::pages::Chunk;
use self::parts::Visits;
use super::manifest::hex;
use super::store::Readable;
use super::{durable, order};
use crate::error::{Error, Exit, Result};
use crate::money::Amount;
use crate::table::column::{Table, Type};
use crate::table::part::PART_ROWS;
use crate::table::sheet::{Pick, Picked, Sheet};

/// How a file is divided: in fixed numbers, or the bytes would depend on the machine. What is published is divided
/// one way; tests divide less into more.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// Rows of every row group but the last.
    pub group: usize,
    /// Rows of every page but the last of a row group.
    pub page: usize,
    /// Most values of a dictionary. Pages after the one that has more do without.
    pub dictionary: usize,
}

impl Division {
    /// Of every published file.
    pub(super) const PUBLISHED: Self = Self { group: 512 * 1024, page: 64 * 1024, dictionary: 128 * 1024 };
}

/// What every file of a night says of it. Not its generation: a night closed anew on what it was to be closed on at first
/// has the same bytes.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) night: NaiveDate,
    /// Of tieout.
    pub(super) version: String,
}

/// Columns of a row group that are encoded at once: what they become waits in memory for those before it.
const AT_ONCE: usize = 6;

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

/// A file in the making: rows in the order of their table's key, row group after row group.
pub struct Writer {
    path: PathBuf,
    pub(super) table: &'static Table,
    division: Division,
    file: SerializedFileWriter<HashingFile>,
    rows: usize,
    /// Sum of each column's amounts.
    sums: Vec<Amount>,
    /// The greatest value so far of the first column of the key.
    greatest: Option<Vec<u8>>,
}

/// Writes `sheet`, which is ordered by the key of its table, to a new file.
pub(super) fn write(path: &Path, sheet: &Sheet, division: Division, stamp: &Stamp) -> Result<Written> {
    let mut writer = Writer::create(path, sheet.table, division, stamp)?;
    writer.append(sheet)?;
    writer.finish()
}

impl Writer {
    /// Begins a new file.
    pub(super) fn create(path: &Path, table: &'static Table, division: Division, stamp: &Stamp) -> Result<Self> {
        let schema = ArrowSchemaConverter::new().convert(&table.published_schema());
        let file = HashingFile::new(durable::create_new(path)?);
        let file = schema.and_then(|schema| SerializedFileWriter::new(file, schema.root_schema_ptr(), properties(table, stamp)));
        Ok(Self {
            path: path.to_path_buf(),
            table,
            division,
            file: file.map_err(|error| unwritable(path, error))?,
            rows: 0,
            sums: vec![Amount::ZERO; table.columns.len()],
            greatest: None,
        })
    }

    /// Appends the rows of `sheet`, as row groups.
    ///
    /// # Panics
    /// If rows follow others that did not fill their last row group, or stand below them in the order of the key.
    pub fn append(&mut self, sheet: &Sheet) -> Result<()> {
        self.encode(sheet).map_err(|error| unwritable(&self.path, error))
    }

    /// Ends the file; reads its end back, compares, and syncs it.
    pub(super) fn finish(self) -> Result<Written> {
        let Self { path, table, .. } = self;
        let mut file = self.file.into_inner().map_err(|error| unwritable(&path, error))?;
        file.flush().and_then(|()| file.file.sync_all()).map_err(|error| durable::failed("write", &path, &error))?;
        let amounts = table.columns.iter().zip(self.sums).filter(|(column, _)| column.kind == Type::Amount);
        let read_back = Readable::find(&path)?.ok_or_else(|| unlike(&path, "it is not there"))?;
        let written = Written {
            rows: self.rows as u64,
            bytes: file.bytes,
            sha256: hex(&file.hash.finalize()),
            footer_sha256: footer_sha256(&read_back)?,
            sums: amounts.map(|(column, sum)| (column.name.to_owned(), sum.to_string())).collect(),
        };
        check(&read_back, table, &written).map_err(|what| unlike(&path, &what))?;
        Ok(written)
    }

    fn encode(&mut self, sheet: &Sheet) -> std::result::Result<(), ParquetError> {
        let (table, division) = (self.table, self.division);
        assert!(std::ptr::eq(sheet.table, table), "a file of {} holds no rows of {}", table.name, sheet.table.name);
        assert!(self.rows.is_multiple_of(division.group), "table {}: only the last row group may hold fewer rows", table.name);
        let about = table.columns.par_iter().zip(&sheet.columns).with_max_len(1);
        let parts: Vec<Cow<[ArrayRef]>> = about.clone().map(|(about, picked)| column::alike(picked, about.kind)).collect();
        let stored = self.file.schema_descr().columns();
        let columns: Vec<Column> = about
            .zip(&parts)
            .zip(stored)
            .map(|(((about, picked), parts), stored)| Column::new(about, ColumnDescPtr::clone(stored), picked, parts))
            .collect();
        let key = table.key.first().map(|name| table.position(name));
        for start in (0..sheet.rows).step_by(division.group) {
            let rows = start..sheet.rows.min(start + division.group);
            let visits = visits(&sheet.columns, &rows, division.page);
            let encode = |(column, picked): (&Column, &Picked)| {
                let visits = visits.iter().find(|(names, _)| is_picked_by(picked, names));
                column.encode(rows.clone(), division, visits.map(|(_, visits)| visits))
            };
            let mut group = self.file.next_row_group()?;
            let (mut position, mut greatest) = (0, None);
            for (columns, picked) in columns.chunks(AT_ONCE).zip(sheet.columns.chunks(AT_ONCE)) {
                let encoded = columns.par_iter().zip(picked).with_max_len(1).map(encode);
                let encoded: Vec<(Chunk, i128)> = encoded.collect::<std::result::Result<_, _>>()?;
                for (chunk, amounts) in encoded {
                    if Some(position) == key {
                        let is_ordered = chunk.is_ordered_after(self.greatest.as_deref());
                        assert!(is_ordered, "table {}: the rows come ordered by their key", table.name);
                        greatest = chunk.greatest().map(<[u8]>::to_vec);
                    }
                    chunk.append(&mut group)?;
                    self.sums[position] += Amount(amounts);
                    position += 1;
                }
            }
            group.close()?;
            self.greatest = greatest.or(self.greatest.take());
        }
        self.rows += sheet.rows;
        Ok(())
    }
}

/// The columns `names` of a published file, in their types in memory.
pub(super) fn read(file: &Readable, table: &'static Table, names: &[&str]) -> Result<RecordBatch> {
    let schema = table.schema();
    let options = ArrowReaderOptions::new().with_schema(SchemaRef::clone(&schema));
    let metadata = ArrowReaderMetadata::load(file, options).map_err(|error| unreadable(file, error))?;
    let columns: Vec<ArrayRef> =
        names.par_iter().map(|name| read_column(file, &metadata, table.position(name))).collect::<Result<_>>()?;
    let positions: Vec<usize> = names.iter().map(|name| table.position(name)).collect();
    let schema = schema.project(&positions).expect("positions of the table are fields of its schema");
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| unreadable(file, error))
}

/// A published file, batch after batch.
pub(super) fn batches(file: &Readable, table: &'static Table) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let failed = |error: ParquetError| unreadable(file, error);
    let options = ArrowReaderOptions::new().with_schema(table.schema());
    let metadata = ArrowReaderMetadata::load(file, options).map_err(failed)?;
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata)
        .with_batch_size(PART_ROWS)
        .build()
        .map_err(failed)?;
    let file = file.clone();
    Ok(batches.map(move |batch| batch.map_err(|error| unreadable(&file, error))))
}

/// The columns `names` of each row group of a published file, batch after batch, in the order of the table: threads may share
/// the groups out.
pub(super) fn row_groups(
    file: &Readable,
    table: &'static Table,
    names: &[&str],
) -> Result<Vec<impl Iterator<Item = Result<RecordBatch>> + Send + use<>>> {
    let options = ArrowReaderOptions::new().with_schema(table.schema());
    let metadata = ArrowReaderMetadata::load(file, options).map_err(|error| unreadable(file, error))?;
    let columns = ProjectionMask::roots(metadata.parquet_schema(), names.iter().map(|name| table.position(name)));
    let of_group = |group: usize| {
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
            .with_projection(columns.clone())
            .with_row_groups(vec![group])
            .with_batch_size(PART_ROWS)
            .build()
            .map_err(|error| unreadable(file, error))?;
        let file = file.clone();
        Ok(batches.map(move |batch| batch.map_err(|error| unreadable(&file, error))))
    };
    (0..metadata.metadata().num_row_groups()).map(of_group).collect()
}

/// The columns `names` of those rows of a published file that `pick` chooses, looking at the columns `looked_at` of each
/// batch of rows.
pub(super) fn rows_where(
    file: &Readable,
    table: &'static Table,
    looked_at: &[&str],
    pick: impl Fn(&RecordBatch) -> Vec<usize>,
    names: &[&str],
) -> Result<Vec<RecordBatch>> {
    let options = ArrowReaderOptions::new().with_schema(table.schema());
    let metadata = ArrowReaderMetadata::load(file, options).map_err(|error| unreadable(file, error))?;
    let reader = |names: &[&str]| {
        let columns = ProjectionMask::roots(metadata.parquet_schema(), names.iter().map(|name| table.position(name)));
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone());
        Ok::<_, Error>(reader.with_projection(columns).with_batch_size(PART_ROWS))
    };
    let mut chosen = Vec::new();
    let mut first = 0;
    for batch in reader(looked_at)?.build().map_err(|error| unreadable(file, error))? {
        let batch = batch.map_err(|error| unreadable(file, error))?;
        chosen.extend(pick(&batch).into_iter().map(|row| first + row..first + row + 1));
        first += batch.num_rows();
    }
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let chosen = RowSelection::from_consecutive_ranges(chosen.into_iter(), first);
    let batches = reader(names)?.with_row_selection(chosen).build().map_err(|error| unreadable(file, error))?;
    batches.map(|batch| batch.map_err(|error| unreadable(file, error))).collect()
}

/// Hash of a file's footer, with which its sizes, statistics and sums of every column chunk are told: what a cheap
/// look can know of a file. Law 4 keeps anything of the run itself out of it.
pub(super) fn footer_sha256(file: &Readable) -> Result<String> {
    const TAIL: u64 = 8;
    let failed = |error: io::Error| file.refused().unwrap_or_else(|| durable::failed("read", Path::new(file.shown()), &error));
    let mut footer = TAIL.min(file.size());
    if footer == TAIL {
        let tail = file.bytes(file.size() - TAIL, 8).map_err(failed)?;
        footer += u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    }
    let from = file.size().saturating_sub(footer);
    let length = usize::try_from(file.size() - from).expect("a footer is below 4 GiB");
    Ok(hex(&Sha256::digest(file.bytes(from, length).map_err(failed)?)))
}

/// The order to visit `rows` in, for each list of names. Most columns of a table are picked by the same.
fn visits<'a>(columns: &'a [Picked], rows: &Range<usize>, page: usize) -> Vec<(&'a Arc<Vec<u32>>, Visits)> {
    let mut visits: Vec<(&Arc<Vec<u32>>, Visits)> = Vec::new();
    for picked in columns {
        if let Pick::Rows(names) = &picked.rows
            && !visits.iter().any(|(known, _)| Arc::ptr_eq(known, names))
        {
            visits.push((names, Visits::new(names, rows.clone(), page)));
        }
    }
    visits
}

fn is_picked_by(picked: &Picked, names: &Arc<Vec<u32>>) -> bool {
    matches!(&picked.rows, Pick::Rows(rows) if Arc::ptr_eq(rows, names))
}

fn properties(table: &Table, stamp: &Stamp) -> WriterPropertiesPtr {
    let key = table.key.iter().map(|name| SortingColumn {
        column_idx: i32::try_from(table.position(name)).expect("a table has few columns"),
        descending: order::OPTIONS.descending,
        nulls_first: order::OPTIONS.nulls_first,
    });
    let about = [
        ("tieout.table", table.name.to_owned()),
        ("tieout.grain", table.grain.to_owned()),
        ("tieout.key", table.key.join(", ")),
        ("tieout.business_date", stamp.night.to_string()),
        ("tieout.version", stamp.version.clone()),
    ];
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(format!("tieout {}", stamp.version))
        .set_compression(pages::compression())
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_offset_index_disabled(false)
        .set_sorting_columns(Some(key.collect()))
        .set_key_value_metadata(Some(about.map(|(key, value)| KeyValue::new(key.to_owned(), value)).into()))
        .build();
    add_encoded_arrow_schema_to_metadata(&table.published_schema(), &mut properties);
    Arc::new(properties)
}

/// Reads a written file's footer back, and compares it with what was to be written; says what is otherwise.
fn check(file: &Readable, table: &'static Table, written: &Written) -> std::result::Result<(), String> {
    if file.size() != written.bytes {
        return Err("its size".to_owned());
    }
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).map_err(|error| error.to_string())?;
    if metadata.schema().fields() != table.published_schema().fields() {
        return Err("its schema".to_owned());
    }
    if u64::try_from(metadata.metadata().file_metadata().num_rows()) != Ok(written.rows) {
        return Err("its number of rows".to_owned());
    }
    Ok(())
}

/// A file that is not what was written.
fn unlike(path: &Path, what: &str) -> Error {
    Error::new(Exit::CannotWrite, format!("the file does not read back as it was written: {what}"))
        .file(path.display())
        .next("check the disk and the memory of this machine, then run the night again")
}

/// One column of a file, whole.
fn read_column(file: &Readable, metadata: &ArrowReaderMetadata, position: usize) -> Result<ArrayRef> {
    let rows = usize::try_from(metadata.metadata().file_metadata().num_rows()).map_err(|error| unreadable(file, error))?;
    let projection = ProjectionMask::roots(metadata.parquet_schema(), [position]);
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
        .with_projection(projection)
        .with_batch_size(rows.max(1))
        .build()
        .map_err(|error| unreadable(file, error))?;
    let parts: Vec<ArrayRef> = batches
        .map(|batch| batch.map(|batch| Arc::clone(batch.column(0))).map_err(|error| unreadable(file, error)))
        .collect::<Result<_>>()?;
    match parts.as_slice() {
        [] => Ok(arrow::array::new_empty_array(metadata.schema().field(position).data_type())),
        [whole] => Ok(Arc::clone(whole)),
        parts => {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).map_err(|error| unreadable(file, error))
        }
    }
}

pub(super) fn damaged(shown: &str, what: impl std::fmt::Display) -> Error {
    let what = what.to_string();
    // A file that is whole, and has other columns.
    if what.contains("ncompatible arrow schema") || what.contains("Incompatible supplied Arrow schema") {
        return Error::data("this file holds tables of another version of tieout, with other columns")
            .file(shown)
            .next("close the nights again, from the first on: tieout backfill <job> --from <first night> --to <last>");
    }
    Error::data(format!("this file of the lake cannot be read: {what}"))
        .file(shown)
        .next("run the night it belongs to again: that restores it from the archived inputs")
}

/// What is wrong with a file that cannot be read: what is in it, if not the disk or the store that does not give it.
fn unreadable(file: &Readable, what: impl std::fmt::Display) -> Error {
    file.refused().unwrap_or_else(|| damaged(file.shown(), what))
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
    /// Bytes not yet hashed and written: the writer's pieces are small.
    waiting: Vec<u8>,
}

impl HashingFile {
    const WAITING: usize = 256 * 1024;

    fn new(file: File) -> Self {
        Self { file, hash: Sha256::new(), bytes: 0, waiting: Vec::with_capacity(Self::WAITING) }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.hash.update(&self.waiting);
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.waiting.len() + buffer.len() > Self::WAITING {
            self.pass_on()?;
        }
        self.waiting.extend_from_slice(buffer);
        self.bytes += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.file.flush()
    }
}
