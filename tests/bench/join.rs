//! Two Parquet files to one: every row of both, side by side where their keys are equal.
//!
//! Rows are scattered over shards by the hash of their key, and wait on the disk, or those of the left file in memory. A
//! shard is then matched and written while the next one is read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::{CastOptions, cast_with_options, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;
use tieout::lake::{Division, Lake};
use tieout::night::VERSION;
use tieout::stage::reconcile::keyed::{self, Keys};
use tieout::table::column::Type::{Amount, Instant as Moment, Text, Word};
use tieout::table::column::{Table, optional};
use tieout::table::part::{NARROW_PRECISION, NO_ROW, PART_ROWS, place, row_id, row_ids};
use tieout::table::sheet::{Picked, Sheet};
use xxhash_rust::xxh3::xxh3_64;

/// Rows scattered at once.
const BATCH_ROWS: usize = 128 << 10;
/// Bytes of both sides one shard should have.
const SHARD_BYTES: u64 = 64 << 20;

/// How what is written is divided: row groups are small, for two of them are in memory.
const DIVISION: Division = Division { group: 256 << 10, page: 64 << 10, dictionary: 128 << 10 };

/// How many columns the left file has.
const OF_LEFT: usize = 7;
/// What is written: the columns of the left file, then those of the right one.
static JOINED: Table = Table {
    name: "joined",
    grain: "row of the left or the right file, or pair of rows with one key",
    key: &[],
    source: "the two files",
    columns: &[
        optional("key", Text, "The key of the left row."),
        optional("provider_reference", Text, "Of the left row."),
        optional("provider", Word, "Of the left row."),
        optional("currency", Word, "Of the left row."),
        optional("gross", Amount, "Of the left row."),
        optional("fee", Amount, "Of the left row."),
        optional("occurred_at", Moment, "Of the left row."),
        optional("right_key", Text, "The key of the right row."),
        optional("order_id", Text, "Of the right row."),
        optional("status", Word, "Of the right row."),
        optional("order_currency", Word, "Of the right row."),
        optional("order_amount", Amount, "Of the right row."),
        optional("started_at", Moment, "Of the right row."),
    ],
};

/// Joins `left.parquet` and `right.parquet` of `folder` into `out`; returns seconds, rows and bytes read.
pub(crate) fn run(folder: &Path, out: &Path, left_in_memory: bool) -> (f64, usize, u64) {
    let [left, right] = ["left", "right"].map(|side| folder.join(format!("{side}.parquet")));
    let begin = Instant::now();
    let [left, right] = [Input::open(left), Input::open(right)];
    let above = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let spilled = tempfile::tempdir_in(above).expect("there is room beside the output");
    let bytes = left.bytes() + right.bytes();
    let bits = bytes.div_ceil(SHARD_BYTES).next_power_of_two().ilog2();
    let left = if left_in_memory { left.split(bits) } else { left.scatter(bits, &spilled.path().join("left")) };
    let right = right.scatter(bits, &spilled.path().join("right"));
    let lake = Lake::open(spilled.path()).expect("it is a folder");
    let night = NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day of the calendar");
    let lock = lake.lock(night).expect("the lake is new");
    let staging = lake.stage(&lock, VERSION).divided(DIVISION);
    let mut writer = staging.begin(&JOINED).expect("there is room beside the output");
    let mut rows = Joined { shards: left.into_iter().zip(right), waiting: Beside::default() };
    let mut next = rows.next();
    let mut count = 0;
    while let Some(sheet) = next {
        count += sheet.rows;
        let append = || writer.append(&sheet).expect("there is room beside the output");
        ((), next) = rayon::join(append, || rows.next());
    }
    staging.end(writer).expect("there is room beside the output");
    let seconds = begin.elapsed().as_secs_f64();
    fs::rename(lake.root().join(format!("staging/{night}/joined.parquet")), out).expect("the output is on the same disk");
    (seconds, count, bytes)
}

/// A file to join.
struct Input {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl Input {
    fn open(path: PathBuf) -> Self {
        let file = File::open(&path).expect("`files` made it");
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).expect("it is a Parquet file");
        Self { path, metadata }
    }

    /// About as many bytes as its rows have in memory.
    fn bytes(&self) -> u64 {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| u64::try_from(group.total_byte_size()).expect("a size is positive")).sum()
    }

    /// Takes every row into the shard of its key.
    fn split(&self, bits: u32) -> Vec<Shard> {
        let schema = in_parts(self.metadata.schema());
        let shards: Vec<Mutex<Vec<RecordBatch>>> = (0..1 << bits).map(|_| Mutex::default()).collect();
        self.by_shard(bits, &schema, |shard, part| shards[shard].lock().expect("nothing panics").push(part));
        shards.into_iter().map(|shard| Shard::InMemory(shard.into_inner().expect("nothing panics"))).collect()
    }

    /// Writes every row to the file of the shard of its key.
    fn scatter(&self, bits: u32, name: &Path) -> Vec<Shard> {
        let schema = in_parts(self.metadata.schema());
        let paths: Vec<PathBuf> = (0..1 << bits).map(|shard| name.with_extension(shard.to_string())).collect();
        let writer = |path| {
            let file = File::create(path).expect("there is room beside the output");
            Mutex::new(StreamWriter::try_new_buffered(file, &schema).expect("every type has its like"))
        };
        let shards: Vec<_> = paths.iter().map(writer).collect();
        self.by_shard(bits, &schema, |shard, part| {
            shards[shard].lock().expect("no writer panics").write(&part).expect("there is room beside the output");
        });
        for shard in shards {
            shard.into_inner().expect("no writer panics").finish().expect("there is room beside the output");
        }
        paths.into_iter().map(Shard::OnDisk).collect()
    }

    /// Gives `each` all rows in parts, with the shard they are of.
    fn by_shard(&self, bits: u32, schema: &SchemaRef, each: impl Fn(usize, RecordBatch) + Sync) {
        (0..self.metadata.metadata().num_row_groups()).into_par_iter().with_max_len(1).for_each(|group| {
            for batch in self.batches(group) {
                let (ordered, ends) = by_shard(&narrowed(&batch, schema), bits);
                let mut start = 0;
                for (shard, end) in ends.into_iter().enumerate() {
                    for row in (start..end).step_by(PART_ROWS) {
                        each(shard, ordered.slice(row, PART_ROWS.min(end - row)));
                    }
                    start = end;
                }
            }
        });
    }

    fn batches(&self, group: usize) -> impl Iterator<Item = RecordBatch> {
        let file = File::open(&self.path).expect("it was opened before");
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS)
            .build()
            .expect("it has this row group");
        batches.map(|batch| batch.expect("the file is whole"))
    }
}

/// The types of parts (see [`tieout::table::part`]) for the published ones.
fn in_parts(published: &SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let narrow = match field.data_type() {
            DataType::Decimal128(_, scale) => DataType::Decimal64(NARROW_PRECISION, *scale),
            DataType::Dictionary(_, words) => DataType::Dictionary(Box::new(DataType::UInt16), words.clone()),
            other => other.clone(),
        };
        Field::new(field.name(), narrow, true)
    };
    Arc::new(Schema::new(published.fields().iter().map(field).collect::<Vec<_>>()))
}

fn narrowed(batch: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast_with_options(column, field.data_type(), &options));
    let columns = columns.collect::<Result<_, _>>().expect("amounts of these files fit 64 bits");
    RecordBatch::try_new(Arc::clone(schema), columns).expect("they are of these types now")
}

/// The rows of a batch ordered by shard, and where each shard ends.
fn by_shard(batch: &RecordBatch, bits: u32) -> (RecordBatch, Vec<usize>) {
    let keys = batch.column(0).as_string::<i32>();
    // Bits with which the kernel of matching neither chooses a partition nor orders one.
    let shard = |key: Option<&str>| key.map_or(0, |key| (xxh3_64(key.as_bytes()) >> 32) as usize & ((1 << bits) - 1));
    let shards: Vec<usize> = keys.iter().map(shard).collect();
    let mut ends = vec![0; 1 << bits];
    for &shard in &shards {
        ends[shard] += 1;
    }
    starts(&mut ends);
    let mut order = vec![0; shards.len()];
    for (&shard, row) in shards.iter().zip(0..) {
        order[ends[shard]] = row;
        ends[shard] += 1;
    }
    (take_record_batch(batch, &UInt32Array::from(order)).expect("every row is of the batch"), ends)
}

/// What is joined, on its way into sheets of as many rows as a row group has.
struct Joined<S> {
    shards: S,
    waiting: Beside,
}

/// Rows side by side: parts of either side, and the names of their rows.
#[derive(Default)]
struct Beside {
    left: Side,
    right: Side,
}

#[derive(Default)]
struct Side {
    parts: Vec<RecordBatch>,
    rows: Vec<u32>,
}

impl<S: Iterator<Item = (Shard, Shard)>> Iterator for Joined<S> {
    type Item = Sheet;

    fn next(&mut self) -> Option<Sheet> {
        let Beside { left, right } = &mut self.waiting;
        while left.rows.len() < DIVISION.group {
            let Some((of_left, of_right)) = self.shards.next() else { break };
            let (of_left, of_right) = rayon::join(|| of_left.gathered(), || of_right.gathered());
            let rows = side_by_side(&of_left, &of_right);
            left.add(of_left, rows.0);
            right.add(of_right, rows.1);
        }
        let rows = left.rows.len().min(DIVISION.group);
        let (of_left, of_right) = JOINED.columns.split_at(OF_LEFT);
        let columns = left.take(rows, of_left.len()).into_iter().chain(right.take(rows, of_right.len()));
        let names = JOINED.columns.iter().map(|column| column.name);
        (rows > 0).then(|| Sheet::new(&JOINED, rows, names.zip(columns)))
    }
}

impl Side {
    fn add(&mut self, parts: Vec<RecordBatch>, mut rows: Vec<u32>) {
        let before = row_id(self.parts.len(), 0);
        rows.iter_mut().filter(|row| **row != NO_ROW).for_each(|row| *row += before);
        self.parts.extend(parts);
        self.rows.append(&mut rows);
    }

    /// Takes the first `rows` rows, every column of them, and lets go of the parts that no other is of.
    fn take(&mut self, rows: usize, columns: usize) -> Vec<Picked> {
        let rest = self.rows.split_off(rows);
        let rows = Arc::new(std::mem::replace(&mut self.rows, rest));
        let column = |at: usize| self.parts.iter().map(|part| ArrayRef::clone(part.column(at))).collect();
        let taken = (0..columns).map(|at| Picked::rows(column(at), &rows)).collect();
        let named = || self.rows.iter().copied().filter(|&row| row != NO_ROW);
        let first = named().map(|row| place(row).0).min().unwrap_or(self.parts.len());
        self.parts.drain(..first);
        let before = row_id(first, 0);
        self.rows.iter_mut().filter(|row| **row != NO_ROW).for_each(|row| *row -= before);
        taken
    }
}

/// Rows of one side that wait.
enum Shard {
    InMemory(Vec<RecordBatch>),
    OnDisk(PathBuf),
}

impl Shard {
    /// Its parts, which leave the disk. Their columns stay where the bytes of the file were read to.
    fn gathered(self) -> Vec<RecordBatch> {
        let path = match self {
            Self::InMemory(parts) => return parts,
            Self::OnDisk(path) => path,
        };
        let mut bytes = Buffer::from(fs::read(&path).expect("it was just written"));
        fs::remove_file(path).expect("it is our own");
        let mut decoder = StreamDecoder::new();
        std::iter::from_fn(|| decoder.decode(&mut bytes).expect("it was just written")).collect()
    }
}

/// The rows of both sides as they stand beside each other: those the left side lacks first, then in its order.
fn side_by_side(left: &[RecordBatch], right: &[RecordBatch]) -> (Vec<u32>, Vec<u32>) {
    let pairs = keyed::pairs(&Keys::of(left, &["key"]), &Keys::of(right, &["key"]));
    let (left_places, right_places) = (Places::of(left), Places::of(right));
    // A counting sort by left row: what has the same left row stays in the order of the right ones.
    let mut ends = vec![0; left_places.count];
    let mut has_left = vec![false; right_places.count];
    for &(one, other) in &pairs {
        ends[left_places.of_row(one)] += 1;
        has_left[right_places.of_row(other)] = true;
    }
    starts(&mut ends);
    let mut others = vec![NO_ROW; pairs.len()];
    for &(one, other) in &pairs {
        let end = &mut ends[left_places.of_row(one)];
        others[*end] = other;
        *end += 1;
    }
    let mut of_right: Vec<u32> = Vec::with_capacity(left_places.count + right_places.count - pairs.len());
    of_right.extend(row_ids(right).zip(has_left).filter(|(_, has_left)| !has_left).map(|(row, _)| row));
    let mut of_left = Vec::with_capacity(of_right.capacity());
    of_left.resize(of_right.len(), NO_ROW);
    let mut start = 0;
    for (row, end) in row_ids(left).zip(ends) {
        if start == end {
            of_right.push(NO_ROW);
        } else {
            of_right.extend_from_slice(&others[start..end]);
        }
        of_left.resize(of_right.len(), row);
        start = end;
    }
    (of_left, of_right)
}

/// The rows of parts, counted through.
struct Places {
    /// The number of the first row of each part.
    first: Vec<usize>,
    count: usize,
}

impl Places {
    fn of(parts: &[RecordBatch]) -> Self {
        let mut first: Vec<usize> = parts.iter().map(RecordBatch::num_rows).collect();
        let count = first.iter().sum();
        starts(&mut first);
        Self { first, count }
    }

    fn of_row(&self, row: u32) -> usize {
        let (part, row) = place(row);
        self.first[part] + row
    }
}

/// Makes counts the places where each begins.
fn starts(counts: &mut [usize]) {
    let mut start = 0;
    for count in counts {
        start += std::mem::replace(count, start);
    }
}
