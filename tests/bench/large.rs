//! Single tasks on as many rows as memory holds: matching, reconciling, reading a file, a bill to a table, a join of files.
//!
//! ```text
//! cargo bench --bench large -- match --rows 10000000
//! cargo bench --bench large -- reconcile --rows 20000000
//! cargo bench --bench large -- files --rows 10000000 FOLDER      left.parquet and right.parquet, for a join
//! cargo bench --bench large -- read FILE FORMAT                  one file of a provider, bank or merchant to rows in memory
//! cargo bench --bench large -- bill FILE FORMAT OUT.parquet      one file of a provider or merchant to one table
//! cargo bench --bench large -- join FOLDER OUT.parquet           the two files of a folder to one
//! ```
#![expect(clippy::print_stdout, reason = "a measurement is told where it is made")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow::array::{Array, ArrayRef, RecordBatch};
use chrono::{NaiveDate, TimeDelta};
use clap::{Args, Parser, Subcommand};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tieout::error::Result;
use tieout::money::Amount;
use tieout::stage::reconcile::keyed::{self, Keys};
use tieout::stage::reconcile::{Reconciled, Rules, Severity, Sides, reconcile};
use tieout::table::build::{amounts, instants, same_date, same_word, texts, words};
use tieout::table::reconciliation::{BREAKS, OPEN_ITEMS};

mod bill;
mod join;
mod rows;

use bill::Ran;
use rows::{digits, in_parts, references, shuffled};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    measure: Measure,
    /// What cargo says to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Measure {
    /// Two columns of keys to pairs of rows; 97 of a hundred keys are on both sides.
    Match(Size),
    /// Two sides to matches, breaks and open items: of twenty things 17 agree, one differs, one is missing on each side.
    Reconcile(Size),
    /// Writes two Parquet files to join, of seven and six columns; 97 of a hundred keys are in both.
    Files {
        #[command(flatten)]
        size: Size,
        /// Where to.
        folder: PathBuf,
    },
    /// Reads one file with a shipped format, and keeps its rows in memory.
    Read {
        /// The file, as it was served.
        file: PathBuf,
        /// The name of its format, as in `stripe/payout_reconciliation`.
        format: String,
        /// Threads to use; all cores when not given.
        #[arg(long, default_value_t = 0)]
        threads: usize,
    },
    /// Reads one file with a shipped format, and writes its table as the lake does.
    Bill {
        /// The file, as it was served.
        file: PathBuf,
        /// The name of its format, as in `stripe/payout_reconciliation`.
        format: String,
        /// The table to write.
        out: PathBuf,
        /// Threads to use; all cores when not given.
        #[arg(long, default_value_t = 0)]
        threads: usize,
    },
    /// Joins the two files of a folder by their keys: every row of both, with all columns of both.
    Join {
        /// Where `files` wrote them.
        folder: PathBuf,
        /// The file to write.
        out: PathBuf,
        /// Keep the left file's rows in memory while they wait, instead of on disk.
        #[arg(long)]
        left_in_memory: bool,
        /// Threads to use; all cores when not given.
        #[arg(long, default_value_t = 0)]
        threads: usize,
    },
}

#[derive(Args)]
struct Size {
    /// Rows of each side.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How often to measure.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Threads to use; all cores when not given.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

fn main() {
    let Arguments { measure, .. } = Arguments::parse();
    match measure {
        Measure::Match(size) => match_alone(&size),
        Measure::Reconcile(size) => reconcile_alone(&size),
        Measure::Files { size, folder } => write_files(&size, &folder),
        Measure::Read { file, format, threads } => told_of(&pool(threads).install(|| bill::read(&file, &format))),
        Measure::Bill { file, format, out, threads } => told_of(&pool(threads).install(|| bill::run(&file, &format, &out))),
        Measure::Join { folder, out, left_in_memory, threads } => {
            let (seconds, rows, bytes) = pool(threads).install(|| join::run(&folder, &out, left_in_memory));
            told(seconds, rows, bytes);
        }
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start")
}

fn told_of(file: &Result<Ran>) {
    let Ran { seconds, bytes, rows } = file.as_ref().unwrap_or_else(|error| panic!("{error}"));
    told(*seconds, *rows, *bytes);
}

/// Tells how long it took from `bytes` of input to `rows` rows, and the peak of memory, as JSON.
fn told(seconds: f64, rows: usize, bytes: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a rate, shown with few digits")]
    let rate = bytes as f64 / seconds / 1e6;
    let peak = megabytes("VmHWM:").map_or("null".to_owned(), |peak| peak.to_string());
    println!(r#"{{"seconds": {seconds:.3}, "rows": {rows}, "bytes": {bytes}, "rate": {rate:.0}, "peak": {peak}}}"#);
}

/// Runs `work` as often as asked, and tells how long it took and how much memory beside its input. The first run says
/// most of memory: later ones may use what it left.
fn measured<T: Send>(size: &Size, input: usize, work: impl Fn() -> T + Sync, told: impl Fn(&T) -> String) {
    let pool = pool(size.threads);
    println!("{} rows a side, {} MB of input, {} threads", size.rows, input / 1_000_000, pool.current_num_threads());
    for _ in 0..size.runs {
        let before = megabytes("VmRSS:");
        // The peak from here on.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let begin = Instant::now();
        let result = pool.install(&work);
        let seconds = begin.elapsed().as_secs_f64();
        let beside = megabytes("VmHWM:").zip(before).map_or("unknown".to_owned(), |(peak, before)| (peak - before).to_string());
        #[expect(clippy::cast_precision_loss, reason = "a rate, shown with few digits")]
        let rate = 2.0 * size.rows as f64 / seconds / 1e6;
        println!("{seconds:.3} s, {rate:.1} M rows/s, {beside} MB beside the input: {}", told(&result));
    }
}

/// What the system says of this process, where it does.
fn megabytes(what: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes: u64 = status.lines().find_map(|line| line.strip_prefix(what))?.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1000)
}

fn match_alone(size: &Size) {
    let batch = |thing_of: &dyn Fn(u64) -> u64| {
        in_parts(&RecordBatch::try_from_iter([("key", references(0..size.rows, thing_of))]).expect("one column is a batch"))
    };
    let (left, right) = (batch(&left_thing), batch(&|row| right_thing(row, size.rows)));
    let pairs = || keyed::pairs(&Keys::of(&left, &["key"]), &Keys::of(&right, &["key"]));
    measured(size, bytes(&left) + bytes(&right), pairs, |pairs| format!("{} pairs", pairs.len()));
}

/// Bytes of the values of parts.
fn bytes(parts: &[RecordBatch]) -> usize {
    let of_array = |array: &ArrayRef| array.to_data().get_slice_memory_size().expect("every type has a size");
    parts.iter().flat_map(RecordBatch::columns).map(of_array).sum()
}

fn left_thing(row: u64) -> u64 {
    row
}

fn right_thing(row: u64, rows: u64) -> u64 {
    shuffled(row, rows) + rows * 3 / 100
}

/// Of twenty things, the one the provider does not state, the one the merchant does not record, and the one whose
/// amounts differ.
const NOT_STATED: u64 = 17;
const NOT_RECORDED: u64 = 18;
const DIFFERENT: u64 = 19;

/// The thing of a row on a side that lacks one of twenty.
fn thing(row: u64, lacking: u64) -> u64 {
    let (block, place) = (row / 19, row % 19);
    block * 20 + place + u64::from(place >= lacking)
}

fn reconcile_alone(size: &Size) {
    let night = NaiveDate::from_ymd_opt(2026, 11, 17).expect("a day of the calendar");
    let provider = in_parts(&items(size.rows, night, true));
    let merchant = in_parts(&items(size.rows, night, false));
    let rules = Rules {
        night,
        tolerances: Vec::new(),
        same_amount_within: TimeDelta::zero(),
        severity: Severity::default(),
        resolutions: Vec::new(),
    };
    let carried = BREAKS.empty();
    let work = || reconcile(Sides { provider: &provider, merchant: &merchant }, &carried, &rules).expect("the laws hold");
    let told = |reconciled: &Reconciled| {
        let Reconciled { matches, breaks, open_items, .. } = reconciled;
        format!("{} matches, {} breaks, {} open items", matches.rows, breaks.num_rows(), open_items.rows)
    };
    measured(size, bytes(&provider) + bytes(&merchant), work, told);
}

/// One side of matching.
fn items(rows: u64, night: NaiveDate, provider: bool) -> RecordBatch {
    let count = usize::try_from(rows).expect("rows in memory are counted by an index");
    let thing_of = |row: u64| if provider { thing(row, NOT_STATED) } else { thing(shuffled(row, rows), NOT_RECORDED) };
    let things = || (0..rows).map(thing_of);
    let stated = |thing: u64| cents(thing) + if provider && thing % 20 == DIFFERENT { 100 } else { 0 };
    let only = |column: ArrayRef, here: bool, none: &dyn Fn() -> ArrayRef| if here { column } else { none() };
    let no_text = || texts(std::iter::repeat_n(None::<&str>, count));
    let no_amount = || amounts(std::iter::repeat_n(None, count));
    OPEN_ITEMS.batch([
        ("side", same_word(Some(if provider { "provider" } else { "merchant" }), count)),
        ("id", references(0..rows, thing_of)),
        ("business_date", same_date(night, count)),
        ("kind", same_word(Some("payment"), count)),
        ("provider", same_word(Some("wechat_pay"), count)),
        ("account", same_word(provider.then_some("1900000109"), count)),
        ("order_id", only(references(0..rows, thing_of), !provider, &no_text)),
        ("merchant_reference", references(0..rows, thing_of)),
        ("provider_reference", references(0..rows, thing_of)),
        ("merchant_refund_reference", no_text()),
        ("currency", same_word(Some("CNY"), count)),
        ("amount", amounts(things().map(|thing| Some(in_cents(stated(thing)))))),
        ("status", same_word(Some("succeeded"), count)),
        ("occurred_at", instants(things().map(|thing| Some(at(thing))))),
        ("settled_currency", same_word(provider.then_some("CNY"), count)),
        ("gross", only(amounts(things().map(|thing| Some(in_cents(stated(thing))))), provider, &no_amount)),
        ("fee_rule", same_word(provider.then_some("0.60 %"), count)),
        ("fee_contracted", only(amounts(things().map(|thing| Some(in_cents(fee(stated(thing)))))), provider, &no_amount)),
        ("fee", only(amounts(things().map(|thing| Some(in_cents(fee(stated(thing)))))), provider, &no_amount)),
        ("first_seen", same_date(night, count)),
        ("expected_by", same_date(night, count)),
    ])
}

/// What a thing costs: from 1.00 to 1000.99.
fn cents(thing: u64) -> u64 {
    100 + digits(thing) % 100_000
}

/// 0.60 %, rounded half up.
fn fee(cents: u64) -> u64 {
    (cents * 60 + 5_000) / 10_000
}

fn in_cents(cents: u64) -> Amount {
    Amount(i128::from(cents) * 1_000_000)
}

/// When it happened: some second of the 17th of November 2026 by the clocks of Shanghai, in microseconds.
fn at(thing: u64) -> i64 {
    let second = i64::try_from(digits(thing) % 86_400).expect("a day has few seconds");
    (1_794_844_800 + second) * 1_000_000
}

/// Rows written at once.
const BATCH: u64 = 1 << 20;

fn write_files(size: &Size, folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
    write_file(&folder.join("left.parquet"), size.rows, |rows| {
        let things = || rows.clone().map(left_thing);
        let wallet = |thing: u64| Some(["wechat_pay", "alipay"][usize::from(thing % 5 < 2)]);
        RecordBatch::try_from_iter([
            ("key", references(rows.clone(), left_thing)),
            ("provider_reference", references(rows.clone(), |row| left_thing(row) + size.rows * 2)),
            ("provider", words(things().map(wallet))),
            ("currency", words(things().map(|_| Some("CNY")))),
            ("gross", amounts(things().map(|thing| Some(in_cents(cents(thing)))))),
            ("fee", amounts(things().map(|thing| Some(in_cents(fee(cents(thing))))))),
            ("occurred_at", instants(things().map(|thing| Some(at(thing))))),
        ])
        .expect("the columns are of one length")
    });
    write_file(&folder.join("right.parquet"), size.rows, |rows| {
        let things = || rows.clone().map(|row| right_thing(row, size.rows));
        let status = |thing: u64| Some(["succeeded", "failed"][usize::from(thing % 20 == DIFFERENT)]);
        RecordBatch::try_from_iter([
            ("key", references(rows.clone(), |row| right_thing(row, size.rows))),
            ("order_id", references(rows.clone(), |row| right_thing(row, size.rows) + size.rows * 4)),
            ("status", words(things().map(status))),
            ("order_currency", words(things().map(|_| Some("CNY")))),
            ("order_amount", amounts(things().map(|thing| Some(in_cents(cents(thing)))))),
            ("started_at", instants(things().map(|thing| Some(at(thing))))),
        ])
        .expect("the columns are of one length")
    });
}

/// Writes a file of so many rows, a batch at a time.
fn write_file(path: &Path, rows: u64, batch: impl Fn(std::ops::Range<u64>) -> RecordBatch) {
    let compression = Compression::ZSTD(ZstdLevel::try_new(1).expect("a level of zstd"));
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(path).expect("the file can be made");
    let schema = batch(0..0).schema();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).expect("the schema has its like in Parquet");
    let starts = (0..rows).step_by(usize::try_from(BATCH).expect("a batch is small"));
    for start in starts {
        writer.write(&batch(start..rows.min(start + BATCH))).expect("there is room for the file");
    }
    writer.close().expect("there is room for the file");
}
