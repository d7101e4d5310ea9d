//! Nights closed end to end: the answer key, the roll forward, twice equals once, and sums to the files' own trailers.
//!
//! Also what other tests close nights with: a [`Shop`] and what its lake says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;
use tempfile::TempDir;
use tieout::error::Error;
use tieout::job::Job;
use tieout::lake::Lake;
use tieout::money::Amount;
use tieout::night::{Closed, Memory, Options, close};
use tieout::sample::{Plan, write};
use tieout::source::{Manners, Switchboard};
use tieout::table::TABLES;
use tieout::table::analysis::{ABANDONMENT, FUNNEL};
use tieout::table::column::Table;
use tieout::table::delivery::{FILES, NIGHTS, REJECTS};
use tieout::table::entries::ENTRIES;
use tieout::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS, ROLLFORWARD};
use tieout::table::records::{ATTEMPTS, ORDERS, REFUNDS};

/// The folder of the package.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A day of November 2026.
pub(crate) fn november(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
}

/// The nights of `sample-data`.
pub(crate) fn three_nights() -> [NaiveDate; 3] {
    [17, 18, 19].map(november)
}

/// A shop: its files in `data`, its job beside them, and its lake, all in a folder of their own.
pub(crate) struct Shop {
    folder: TempDir,
}

/// Sources are asked as on the morning after the first night.
pub(crate) fn board() -> Switchboard<'static> {
    Switchboard::new(Manners::default(), &|| "2026-11-18T02:00:00Z".parse().unwrap(), &|_, _| {})
}

impl Shop {
    /// The shop of `sample-data`.
    pub(crate) fn of_sample_data() -> Self {
        let shop = Self::empty();
        copy(&package().join("sample-data"), &shop.data());
        shop
    }

    /// A shop of generated nights, from the 17th on.
    pub(crate) fn generated(seed: u64, nights: u32, orders: u32) -> Self {
        let shop = Self::empty();
        write(&Plan { out: shop.data(), orders, nights, seed, date: november(17) }).unwrap();
        shop
    }

    /// The same files and job, with a lake of its own.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self::empty();
        copy(&self.data(), &twin.data());
        fs::copy(self.job_file(), twin.job_file()).unwrap();
        twin
    }

    fn empty() -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(shop.data()).unwrap();
        let nightly = fs::read_to_string(package().join("jobs/nightly.toml")).unwrap();
        shop.write_job(&nightly.replace("../sample-data/", "data/").replace("\"../lake\"", "\"lake\""));
        shop
    }

    /// Where its files are.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where its lake is.
    pub(crate) fn lake_folder(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    pub(crate) fn lake(&self) -> Lake {
        Lake::open(&self.lake_folder()).unwrap()
    }

    pub(crate) fn job_file(&self) -> PathBuf {
        self.folder.path().join("nightly.toml")
    }

    pub(crate) fn write_job(&self, text: &str) {
        fs::write(self.job_file(), text).unwrap();
    }

    /// Changes the text of its job.
    pub(crate) fn rewrite_job(&self, change: impl Fn(&str) -> String) {
        self.write_job(&change(&fs::read_to_string(self.job_file()).unwrap()));
    }

    /// Writes its records, which are CSV, anew as NDJSON or Parquet, and has the job read these.
    pub(crate) fn keep_records_as(&self, extension: &str) {
        self.rewrite_job(|job| {
            let (providers, merchant) = job.split_at(job.find("[merchant.orders]").unwrap());
            format!("{providers}{}", merchant.replace(".csv", &format!(".{extension}")))
        });
        for path in glob::glob(&format!("{}/merchant/*.csv", self.data().display())).unwrap().map(Result::unwrap) {
            let text = fs::read(&path).unwrap();
            let path = path.with_extension(extension);
            if extension == "ndjson" { write_ndjson(&path, &text) } else { write_parquet(&path, &text) }
        }
    }

    /// Closes a night; every error where it is refused.
    pub(crate) fn try_close(&self, date: NaiveDate, partial: bool) -> Result<Closed, Vec<Error>> {
        let job = Job::load(&self.job_file()).map_err(|error| vec![error])?;
        close(&job, Options { partial, ..Options::of(date) }, &board(), &|_| {})
    }

    /// Closes a night, taken apart into so many shares, that must close.
    pub(crate) fn close_in_shares(&self, date: NaiveDate, shares: usize) -> Closed {
        let job = Job::load(&self.job_file()).unwrap();
        let options = Options { memory: Memory::Shares(shares), ..Options::of(date) };
        close(&job, options, &board(), &|_| {}).unwrap_or_else(|errors| panic!("{date}: {}", messages(&errors)))
    }

    /// Closes a night that must close.
    pub(crate) fn close(&self, date: NaiveDate) -> Closed {
        self.try_close(date, false).unwrap_or_else(|errors| panic!("{date}: {}", messages(&errors)))
    }

    pub(crate) fn read(&self, table: &'static Table, night: NaiveDate) -> RecordBatch {
        self.lake().read(table, night).unwrap()
    }

    /// Rows of a table as text by column.
    pub(crate) fn rows(&self, table: &'static Table, night: NaiveDate) -> Vec<BTreeMap<String, String>> {
        rows(&self.read(table, night))
    }
}

/// What errors say, one after another.
pub(crate) fn messages(errors: &[Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { fs::write(&to, fs::read(entry.path()).unwrap()).unwrap() }
    }
}

/// Every file below `folder`, by its path from there.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn gather(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                gather(root, &path, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    gather(folder, folder, &mut found);
    found
}

/// A folder for small lakes, of which there are many, that goes away with its test: in memory, where there is one there.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    match std::env::var_os("TMPDIR") {
        None if memory.is_dir() => tempfile::tempdir_in(memory).unwrap(),
        _ => tempfile::tempdir().unwrap(),
    }
}

/// Rows of a batch as text by column; empty where a row leaves a column empty.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<BTreeMap<String, String>> {
    let schema = batch.schema();
    let row = |row: usize| {
        let cells = schema.fields().iter().zip(batch.columns());
        cells.map(|(field, column)| (field.name().clone(), shown(column, row))).collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A value as text; instants as `2026-11-17T09:15:00Z`.
pub(crate) fn shown(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return String::new();
    }
    if !matches!(array.data_type(), DataType::Timestamp(..)) {
        return array_value_to_string(array, row).unwrap();
    }
    let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
    chrono::DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// Rows of a CSV by column.
pub(crate) fn csv_rows(text: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text).deserialize().map(Result::unwrap).collect()
}

fn amount(text: &str) -> Amount {
    if text.is_empty() { Amount::ZERO } else { Amount::parse(text.as_bytes(), 8).unwrap() }
}

/// What a night says, apart from where its rows stood and what its files were called: equal for two deliveries of the
/// same lines.
///
/// Tables are the bytes of their file, with these exceptions. `entries`, `orders`, `attempts` and `refunds` leave out
/// `file_id` and `line`; `rejects` too, and come in any order; `nights` leaves out the hash of its inputs and their
/// number; of `files` remains how many rows and rejects each source gave.
pub(crate) fn said(shop: &Shop, night: NaiveDate) -> BTreeMap<&'static str, String> {
    let without = |table: &'static Table, left_out: &[&str]| -> Vec<String> {
        let mut rows = shop.rows(table, night);
        for row in &mut rows {
            row.retain(|name, _| !left_out.contains(&name.as_str()));
        }
        rows.iter().map(|row| format!("{row:?}")).collect()
    };
    let say = |table: &'static Table| match table.name {
        "entries" | "orders" | "attempts" | "refunds" => without(table, &["file_id", "line"]).join("\n"),
        "rejects" => {
            let mut rejects = without(table, &["file_id", "line"]);
            rejects.sort();
            rejects.join("\n")
        }
        "nights" => without(table, &["inputs_sha256", "files"]).join("\n"),
        "files" => {
            let mut of_source: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            for file in shop.rows(table, night) {
                let counts = of_source.entry(format!("{} {} {}", file["source"], file["format"], file["layout"])).or_default();
                counts.0 += file["entries"].parse::<u64>().unwrap();
                counts.1 += file["rejects"].parse::<u64>().unwrap();
            }
            // A second copy of a file has no format and gives nothing.
            of_source.retain(|_, counts| *counts != (0, 0));
            format!("{of_source:?}")
        }
        name => {
            let path = shop.lake_folder().join(format!("data/{name}/date={night}/{name}.parquet"));
            format!("{:?}", fs::read(path).unwrap())
        }
    };
    TABLES.iter().map(|table| (table.name, say(table))).collect()
}

/// Fails when two nights do not say the same, and says in which table.
#[track_caller]
pub(crate) fn assert_same(left: &Shop, right: &Shop, night: NaiveDate, why: &str) {
    let (left, right) = (said(left, night), said(right, night));
    let differing: Vec<_> = left.iter().filter(|(name, said)| right[*name] != **said).map(|(name, _)| *name).collect();
    assert!(differing.is_empty(), "{why}: {night} differs in {differing:?}");
}

/// A break as the key states it.
const KEY: [&str; 8] =
    ["break_type", "state", "provider", "merchant_reference", "currency", "merchant_amount", "provider_amount", "difference"];

/// The breaks of a night as the key would state them, in its order.
fn found(shop: &Shop, night: NaiveDate) -> Vec<String> {
    in_key_order(shop.rows(&BREAKS, night).iter().map(|row| {
        KEY.map(|name| match (name, row[name].as_str()) {
            ("merchant_amount" | "provider_amount" | "difference", text) if !text.is_empty() => {
                amount(text).in_currency(&row["currency"])
            }
            (_, text) => text.to_owned(),
        })
    }))
}

/// The breaks of a night by the key.
fn planted(shop: &Shop, night: NaiveDate) -> Vec<String> {
    let key = csv_rows(&fs::read(shop.data().join("answers.csv")).unwrap());
    let of_night = key.iter().filter(|row| row["night"] == night.to_string());
    in_key_order(of_night.map(|row| KEY.map(|name| row[name].clone())))
}

fn in_key_order(breaks: impl Iterator<Item = [String; 8]>) -> Vec<String> {
    let mut breaks: Vec<String> = breaks.map(|row| row.join(" | ")).collect();
    breaks.sort();
    breaks
}

/// Fails when the breaks of a night are not those of the key: none missing, none extra, a double is two.
#[track_caller]
fn assert_answers(shop: &Shop, night: NaiveDate) {
    let (mut missing, mut extra) = (planted(shop, night), Vec::new());
    assert!(!missing.is_empty(), "the key knows the night {night}");
    for row in found(shop, night) {
        match missing.iter().position(|planted| *planted == row) {
            Some(at) => drop(missing.remove(at)),
            None => extra.push(row),
        }
    }
    assert!(missing.is_empty() && extra.is_empty(), "{night}\nmissing:\n{}\nextra:\n{}", missing.join("\n"), extra.join("\n"));
}

#[test]
fn the_breaks_of_the_sample_nights_are_the_answer_key() {
    let shop = Shop::of_sample_data();
    for night in three_nights() {
        let closed = shop.close(night);
        assert!(closed.changed && closed.manifest.generation == 1 && closed.manifest.night.complete);
        assert_answers(&shop, night);
        assert_eq!(shop.read(&REJECTS, night).num_rows(), 0, "every line of the samples can be read");
    }
}

#[test]
fn the_breaks_of_generated_nights_are_their_answer_key() {
    for seed in [11, 4_294_967_311] {
        let shop = Shop::generated(seed, 3, 3_000);
        for night in three_nights() {
            shop.close(night);
            assert_answers(&shop, night);
        }
    }
}

/// Count and amount by provider, currency and break type.
type Ties = BTreeMap<[String; 3], (i64, Amount)>;

#[test]
fn the_roll_forward_ties_to_the_night_before_and_to_the_breaks() {
    let shop = Shop::generated(5, 3, 400);
    let of = |night, count: &str, sum: &str| -> Ties {
        let rows = shop.rows(&ROLLFORWARD, night);
        let tie = |row: &BTreeMap<String, String>| (row[count].parse().unwrap(), amount(&row[sum]));
        let ties = rows.iter().map(|row| (["provider", "currency", "break_type"].map(|name| row[name].clone()), tie(row)));
        ties.filter(|(_, tie)| *tie != (0, Amount::ZERO)).collect()
    };
    let mut closing_before = Ties::new();
    for night in three_nights() {
        shop.close(night);
        assert_eq!(of(night, "opening", "opening_amount"), closing_before, "{night}: opening is the closing of the night before");
        let mut still_there = Ties::new();
        for row in shop.rows(&BREAKS, night) {
            if ["waiting", "open"].contains(&row["state"].as_str()) {
                let key = ["provider", "currency", "break_type"].map(|name| row[name].clone());
                let tie = still_there.entry(key).or_default();
                tie.0 += 1;
                tie.1 += amount(&row["difference"]);
            }
        }
        closing_before = of(night, "closing", "closing_amount");
        // A group may close with a sum of zero, but not with a count of zero.
        assert_eq!(closing_before, still_there, "{night}: closing is what is waiting or open");
        assert!(!still_there.is_empty());
    }
}

#[test]
fn a_late_counterpart_clears_its_break_and_says_when() {
    let shop = Shop::of_sample_data();
    let of = |night| {
        let breaks = shop.rows(&BREAKS, night);
        breaks
            .into_iter()
            .find(|row| row["merchant_reference"] == "SO20261117000010")
            .map(|row| ["break_id", "state", "first_seen", "cleared_on"].map(|name| row[name].clone()))
    };
    let nights = three_nights().map(|night| {
        shop.close(night);
        of(night).unwrap_or_else(|| panic!("{night}: the break is known"))
    });
    let told = nights.each_ref().map(|[_, state, first, cleared]| [state.as_str(), first.as_str(), cleared.as_str()]);
    assert_eq!(told, [["waiting", "2026-11-17", ""], ["open", "2026-11-17", ""], ["cleared", "2026-11-17", "2026-11-19"],]);
    assert!(nights.iter().all(|night| night[0] == nights[0][0]), "one break has one id");
    let matched = shop.rows(&MATCHES, november(19)).into_iter().find(|row| row["merchant_reference"] == "SO20261117000010");
    assert_eq!(matched.unwrap()["settled_after_days"], "2");
    let carried = shop.rows(&OPEN_ITEMS, november(19));
    assert!(carried.iter().all(|row| row["merchant_reference"] != "SO20261117000010"), "what met its counterpart is not carried");
}

/// Every file of a lake with its bytes and the time it was written.
fn state_of(lake: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let written = |path: &Path| fs::metadata(lake.join(path)).unwrap().modified().unwrap();
    files(lake).into_iter().map(|(path, bytes)| (path.clone(), (bytes, written(&path)))).collect()
}

#[test]
fn closing_a_night_again_changes_nothing_and_says_so() {
    let shop = Shop::of_sample_data();
    let first = shop.close(november(17));
    let before = state_of(&shop.lake_folder());
    let again = shop.close(november(17));
    assert!(first.changed && !again.changed);
    assert_eq!(first.manifest, again.manifest);
    assert!(before == state_of(&shop.lake_folder()), "no file is written again, the audit trail has no new line");
    assert!(before.keys().all(|path| !path.starts_with("staging")), "nothing is left in staging");
}

#[test]
fn a_changed_input_makes_a_new_generation() {
    let shop = Shop::of_sample_data();
    let first = shop.close(november(17));
    let refunds = shop.data().join("merchant/refunds_20261117.csv");
    let mut text = fs::read_to_string(&refunds).unwrap();
    text.push_str("RF-late,SO20261117000003,stripe,SO20261117000003,RF-late,2026-11-17T23:00:00+08:00,1.00,USD,succeeded\n");
    fs::write(&refunds, text).unwrap();
    let second = shop.close(november(17));
    assert!(second.changed);
    assert_eq!((first.manifest.generation, second.manifest.generation), (1, 2));
    assert_eq!(shop.read(&REFUNDS, november(17)).num_rows(), 5);
    let new: Vec<_> = shop.rows(&BREAKS, november(17)).into_iter().filter(|row| row["refund_id"] == "RF-late").collect();
    assert_eq!(new.len(), 1);
    assert_eq!((new[0]["break_type"].as_str(), new[0]["state"].as_str()), ("refund_missing_in_provider", "waiting"));
    assert_eq!(shop.rows(&NIGHTS, november(17))[0]["generation"], "2");
    assert_eq!(shop.lake().manifest(november(17)).unwrap().unwrap(), second.manifest);
}

#[test]
fn a_night_without_one_before_it_begins_at_nothing() {
    let shop = Shop::of_sample_data();
    let closed = shop.close(november(19));
    assert!(closed.manifest.night.previous_night.is_none());
    for row in shop.rows(&ROLLFORWARD, november(19)) {
        assert_eq!((row["opening"].as_str(), row["cleared"].as_str()), ("0", "0"));
    }
    assert!(shop.rows(&BREAKS, november(19)).iter().all(|row| row["first_seen"] == "2026-11-19"));
}

#[test]
fn orders_alone_are_enough() {
    let shop = Shop::of_sample_data();
    shop.rewrite_job(|job| job[..job.find("[merchant.attempts]").unwrap()].to_owned());
    for night in three_nights() {
        shop.close(night);
    }
    let night = november(17);
    let orders = shop.read(&ORDERS, night).num_rows();
    assert!(orders > 0 && shop.read(&REFUNDS, night).num_rows() == 0);
    assert_eq!(shop.read(&ATTEMPTS, night).num_rows(), orders, "each order is one attempt");
    let links = shop.rows(&MATCHES, night);
    let is_met = |order: &str| links.iter().any(|row| row["order_id"] == order && row["kind"] == "payment");
    assert!(is_met("SO20261117000001"), "an order meets its payment under its own reference");
}

#[test]
fn records_as_ndjson_and_parquet_say_the_same_as_csv() {
    let csv = Shop::of_sample_data();
    let (ndjson, parquet) = (csv.twin(), csv.twin());
    ndjson.keep_records_as("ndjson");
    parquet.keep_records_as("parquet");
    for night in three_nights() {
        for shop in [&csv, &ndjson, &parquet] {
            shop.close(night);
        }
        assert!(csv.read(&REFUNDS, night).num_rows() > 0);
        assert_same(&csv, &ndjson, night, "NDJSON");
        assert_same(&csv, &parquet, night, "Parquet");
    }
}

/// Objects whose amounts are JSON numbers, digits as they stand; empty cells are left out.
fn write_ndjson(path: &Path, csv: &[u8]) {
    let mut text = String::new();
    for row in csv_rows(csv) {
        let filled = row.iter().filter(|(_, value)| !value.is_empty());
        let pairs = filled.map(|(name, value)| match name.as_str() {
            "amount" => format!("\"{name}\":{value}"),
            _ => format!("\"{name}\":{}", serde_json::to_string(value).unwrap()),
        });
        writeln!(text, "{{{}}}", pairs.collect::<Vec<_>>().join(",")).unwrap();
    }
    fs::write(path, text).unwrap();
}

/// Typed as a warehouse would: decimals, timestamps in UTC, text.
fn write_parquet(path: &Path, csv: &[u8]) {
    let rows = csv_rows(csv);
    let names: Vec<String> = csv::Reader::from_reader(csv).headers().unwrap().iter().map(str::to_owned).collect();
    let column = |name: &String| -> (String, ArrayRef) {
        let cells = rows.iter().map(|row| Some(row[name].as_str()).filter(|cell| !cell.is_empty()));
        let text: ArrayRef = Arc::new(cells.collect::<StringArray>());
        let array = match name.as_str() {
            "amount" => cast(&text, &DataType::Decimal128(18, 2)).unwrap(),
            "created_at" | "started_at" | "finished_at" | "requested_at" => {
                let instants = cast(&text, &DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))).unwrap();
                Arc::new(instants.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC"))
            }
            _ => text,
        };
        (name.clone(), array)
    };
    let batch = RecordBatch::try_from_iter(names.iter().map(column)).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Sums of `entries` of one provider, by kind and currency.
fn sums(shop: &Shop, night: NaiveDate, provider: &str, column: &str) -> BTreeMap<(String, String), Amount> {
    let mut sums = BTreeMap::new();
    for row in shop.rows(&ENTRIES, night).iter().filter(|row| row["provider"] == provider) {
        *sums.entry((row["kind"].clone(), row["currency"].clone())).or_insert(Amount::ZERO) += amount(&row[column]);
    }
    sums
}

fn of_kind(sums: &BTreeMap<(String, String), Amount>, kind: &str) -> Amount {
    sums.iter().filter(|((of, _), _)| of == kind).map(|(_, sum)| *sum).sum()
}

fn all(sums: &BTreeMap<(String, String), Amount>) -> Amount {
    sums.values().copied().sum()
}

#[test]
fn entries_add_up_to_what_the_wechat_summary_states() {
    for (shop, night) in closed_nights() {
        let name = format!("provider/wechat_pay/1900000109_tradebill_ALL_{}.csv", night.format("%Y%m%d"));
        let text = fs::read_to_string(shop.data().join(name)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let names: Vec<&str> = lines[lines.len() - 2].split(',').collect();
        let values: Vec<&str> = lines[lines.len() - 1].split(',').map(|value| value.trim_start_matches('`')).collect();
        let stated = |name: &str| amount(values[names.iter().position(|at| *at == name).unwrap()]);
        let charged = sums(shop, night, "wechat_pay", "customer_amount");
        let settled = sums(shop, night, "wechat_pay", "gross");
        assert_eq!(of_kind(&charged, "payment"), stated("订单总金额"));
        assert_eq!(-of_kind(&charged, "refund"), stated("申请退款总金额"));
        assert_eq!(of_kind(&settled, "payment"), stated("应结订单总金额"));
        assert_eq!(-of_kind(&settled, "refund"), stated("退款总金额"));
        assert_eq!(all(&sums(shop, night, "wechat_pay", "fee")), stated("手续费总金额"));
        assert_eq!(rows_of_provider(shop, night, "wechat_pay").to_string(), values[0], "总交易单数");
    }
}

#[test]
fn entries_add_up_to_what_the_alipay_footer_states() {
    for (shop, night) in closed_nights() {
        let name = format!("provider/alipay/20881234567890120156_{}.csv.zip", night.format("%Y%m%d"));
        let text = alipay_detail(&fs::read(shop.data().join(name)).unwrap());
        // `#交易合计：{}笔，商家实收共{}元，商家优惠共{}元`, and the same of refunds.
        let figures = |begins: &str| -> Vec<Amount> {
            let line = text.lines().find(|line| line.starts_with(begins)).unwrap();
            let figures = line.split(|letter: char| !letter.is_ascii_digit() && !['.', '-'].contains(&letter));
            figures.filter(|figure| !figure.is_empty()).map(amount).collect()
        };
        let (paid, returned) = (figures("#交易合计"), figures("#退款合计"));
        let gross = sums(shop, night, "alipay", "gross");
        assert_eq!(of_kind(&gross, "payment"), paid[1]);
        assert_eq!(of_kind(&gross, "refund"), returned[1]);
        let lines = amount(&rows_of_provider(shop, night, "alipay").to_string());
        assert_eq!(lines, paid[0] + returned[0]);
    }
}

#[test]
fn entries_add_up_to_the_stripe_net_in_each_currency() {
    for (shop, night) in closed_nights() {
        let name = format!("provider/stripe/payout_reconciliation_{}.csv", night.format("%Y%m%d"));
        let mut stated: BTreeMap<String, [Amount; 3]> = BTreeMap::new();
        for row in csv_rows(&fs::read(shop.data().join(name)).unwrap()) {
            let sums = stated.entry(row["currency"].to_uppercase()).or_default();
            for (sum, column) in sums.iter_mut().zip(["gross", "fee", "net"]) {
                *sum += amount(&row[column]);
            }
        }
        let mut booked: BTreeMap<String, [Amount; 3]> = BTreeMap::new();
        for (at, column) in ["gross", "fee", "net"].into_iter().enumerate() {
            for ((_, currency), sum) in sums(shop, night, "stripe", column) {
                booked.entry(currency).or_default()[at] += sum;
            }
        }
        assert!(!stated.is_empty());
        assert_eq!(booked, stated);
    }
}

#[test]
fn entries_of_an_adyen_batch_add_up_to_nothing_in_each_currency() {
    for (shop, night) in closed_nights() {
        let mut of_currency: BTreeMap<String, Amount> = BTreeMap::new();
        for ((_, currency), sum) in sums(shop, night, "adyen", "net") {
            *of_currency.entry(currency).or_default() += sum;
        }
        assert!(!of_currency.is_empty());
        assert!(of_currency.values().all(|sum| *sum == Amount::ZERO), "{night}: {of_currency:?}");
        let payments = of_kind(&sums(shop, night, "adyen", "gross"), "payment");
        assert!(payments > Amount::ZERO, "not because nothing was booked");
    }
}

#[test]
fn every_line_of_every_file_is_told() {
    for (shop, night) in closed_nights() {
        for file in shop.rows(&FILES, night) {
            let number = |name: &str| file[name].parse::<u64>().unwrap();
            assert_eq!(number("lines"), number("entries") + number("rejects") + number("framing"), "{}", file["name"]);
        }
        let orders = shop.read(&ORDERS, night).num_rows();
        let created: usize = shop.rows(&FUNNEL, night).iter().map(|row| row["created"].parse::<usize>().unwrap()).sum();
        assert_eq!(created, orders, "the funnel counts every order once");
        let ended = shop.rows(&ABANDONMENT, night).into_iter().filter(|row| row["cut"] == "all");
        let ended: usize = ended.map(|row| row["orders"].parse::<usize>().unwrap()).sum();
        assert_eq!(ended, orders, "the stages of abandonment add up to the orders");
    }
}

fn rows_of_provider(shop: &Shop, night: NaiveDate, provider: &str) -> usize {
    shop.rows(&ENTRIES, night).iter().filter(|row| row["provider"] == provider).count()
}

/// The text of the detail member of an Alipay archive.
pub(crate) fn alipay_detail(archive: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_index(0).unwrap(), &mut bytes).unwrap();
    encoding_rs::GBK.decode(&bytes).0.into_owned()
}

/// The nights of `sample-data` and one of a thousand orders, closed once for all tests that only read them.
fn closed_nights() -> impl Iterator<Item = (&'static Shop, NaiveDate)> {
    static CLOSED: LazyLock<[Shop; 2]> = LazyLock::new(|| {
        let (small, large) = (Shop::of_sample_data(), Shop::generated(3, 1, 1_000));
        for night in three_nights() {
            small.close(night);
        }
        large.close(november(17));
        [small, large]
    });
    let [small, large] = &*CLOSED;
    three_nights().into_iter().map(move |night| (small, night)).chain([(large, november(17))])
}
