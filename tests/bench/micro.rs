//! Single stages, over and over, on one small night: `cargo bench --bench micro`, or `-- decode` for some of them.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use chrono::NaiveDate;
use criterion::{BatchSize, Criterion, Throughput};
use tempfile::TempDir;
use tieout::format::read;
use tieout::format::shipped::Library;
use tieout::format::time::day_range;
use tieout::job::Job;
use tieout::lake::Lake;
use tieout::night::{Options, VERSION, close};
use tieout::sample::{self, Plan};
use tieout::source::{Manners, Switchboard};
use tieout::stage::analyze::{Charges, Inputs, Rules, analyze};
use tieout::stage::failures::FailureCategories;
use tieout::stage::reconcile::keyed::{self, Keys};
use tieout::stage::reconcile::{Exclusion, Outcome};
use tieout::table::entries::ENTRIES;
use tieout::table::part::PART_ROWS;
use tieout::table::records::{ATTEMPTS, ORDERS};
use tieout::table::sheet::Sheet;

mod rows;

const ORDERS_OF_THE_NIGHT: u32 = 50_000;
const KEYS: u64 = 1_000_000;
/// The shipped formats of delimited files, and a file of each.
const FILES: [(&str, &str); 7] = [
    ("wechat_pay/trade_bill", "provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv"),
    ("alipay/trade_detail", "provider/alipay/20881234567890120156_20261117.csv.zip"),
    ("stripe/payout_reconciliation", "provider/stripe/payout_reconciliation_20261117.csv"),
    ("adyen/settlement_detail", "provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv"),
    ("merchant/orders", "merchant/orders_20261117.csv"),
    ("merchant/attempts", "merchant/attempts_20261117.csv"),
    ("merchant/refunds", "merchant/refunds_20261117.csv"),
];

fn main() {
    let night = Night::closed();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    decode(&mut criterion, &night);
    keys(&mut criterion);
    aggregate(&mut criterion, &night);
    write(&mut criterion, &night);
    criterion.final_summary();
}

/// A sample night in a folder of its own, closed.
struct Night {
    folder: TempDir,
    job: Job,
    date: NaiveDate,
}

impl Night {
    fn closed() -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        let date = NaiveDate::from_ymd_opt(2026, 11, 17).expect("a day of the calendar");
        let out = folder.path().join("sample-data");
        sample::write(&Plan { out, orders: ORDERS_OF_THE_NIGHT, nights: 1, seed: 7, date }).expect("a night is written");
        let jobs = folder.path().join("jobs");
        fs::create_dir(&jobs).expect("the folder is new");
        let job = jobs.join("nightly.toml");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/nightly.toml"), &job).expect("the shipped job is there");
        let job = Job::load(&job).expect("the shipped job is well formed");
        let board = Switchboard::new(Manners::default(), &|| chrono::DateTime::UNIX_EPOCH, &|_, _| ());
        close(&job, Options::of(date), &board, &|_| ()).expect("a sample night closes");
        Self { folder, job, date }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join("sample-data").join(path)
    }

    fn lake(&self) -> Lake {
        Lake::at(&self.job.lake).expect("the lake is a folder")
    }
}

/// A file into columns.
fn decode(criterion: &mut Criterion, night: &Night) {
    let mut group = criterion.benchmark_group("decode");
    for (name, path) in FILES {
        let path = night.file(path);
        let format = Library::shipped().load(name).expect("a shipped format is well formed");
        group.throughput(Throughput::Bytes(fs::metadata(&path).expect("the sample wrote it").len()));
        group.bench_function(name, |bencher| bencher.iter(|| read::read(&path, &format).expect("a sample file is in order")));
    }
}

/// Keys hashed and split to find one twice, and matched with those of another side.
fn keys(criterion: &mut Criterion) {
    let side = |thing_of: &dyn Fn(u64) -> u64| {
        let batch = RecordBatch::try_from_iter([("key", rows::references(0..KEYS, thing_of))]).expect("one column is a batch");
        rows::in_parts(&batch)
    };
    let (left, right) = (side(&|row| row), side(&|row| rows::shuffled(row, KEYS) + KEYS / 10));
    let mut group = criterion.benchmark_group("keys");
    group.throughput(Throughput::Elements(KEYS));
    group.bench_function("hash", |bencher| bencher.iter(|| keyed::repeated(&Keys::of(&left, &["key"]))));
    group.bench_function("match", |bencher| {
        bencher.iter(|| keyed::pairs(&Keys::of(&left, &["key"]), &Keys::of(&right, &["key"])));
    });
}

/// Orders and attempts into rates.
fn aggregate(criterion: &mut Criterion, night: &Night) {
    let lake = night.lake();
    let orders = lake.read(&ORDERS, night.date).expect("the night is closed");
    let attempts = lake.read(&ATTEMPTS, night.date).expect("the night is closed");
    let outcome = attempts.column(ATTEMPTS.position("outcome")).as_dictionary::<Int32Type>();
    let outcome = outcome.downcast_dict::<arrow::array::StringArray>().expect("a word is text");
    let said = |outcome| if outcome == Some("match") { Outcome::Match } else { Outcome::Excluded(Exclusion::NotPaid) };
    let outcomes: Vec<Option<Outcome>> = outcome.into_iter().map(|outcome| Some(said(outcome))).collect();
    let outcomes: Vec<Vec<Option<Outcome>>> = outcomes.chunks(PART_ROWS).map(<[_]>::to_vec).collect();
    let (orders, attempts) = (rows::in_parts(&orders), rows::in_parts(&attempts));
    let failures = FailureCategories::shipped().expect("the shipped list is well formed");
    let (_, closes_at) = day_range(night.date, night.job.timezone);
    let accounts = night.job.only_accounts();
    let rules = Rules {
        night: night.date,
        closes_at,
        zone: night.job.timezone,
        maturity: night.job.abandoned_after,
        retry_within: night.job.retry_within,
        minimum_count: night.job.minimum_count,
        pairs: &night.job.pairs,
        accounts: &accounts,
        failures: &failures,
    };
    let inputs = Inputs { orders: &orders, attempts: &attempts, outcomes: &outcomes, accounts: None };
    let charges = Charges::default();
    let tables = || analyze(&inputs, &charges, &rules).expect("a closed night adds up");
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(attempts.iter().map(|part| part.num_rows() as u64).sum()));
    group.bench_function("analyze", |bencher| bencher.iter(tables));
}

/// A table into a Parquet file on the disk, read back and checked.
fn write(criterion: &mut Criterion, night: &Night) {
    let lake = night.lake();
    let entries = Sheet::of(&ENTRIES, &lake.read(&ENTRIES, night.date).expect("the night is closed"));
    let lock = lake.lock(night.date).expect("nobody else holds this night");
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Elements(entries.rows as u64));
    group.bench_function("entries", |bencher| {
        let unwritten = || drop(fs::remove_file(lake.root().join("staging/2026-11-17/entries.parquet")));
        let write = |()| {
            let staging = lake.stage(&lock, VERSION);
            rayon::in_place_scope(|writers| staging.add(writers, entries.clone()));
            staging.finish().expect("the table is written")
        };
        bencher.iter_batched(unwritten, write, BatchSize::PerIteration);
    });
}
