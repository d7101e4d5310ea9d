//! The lake: what is written reads back, the same rows are the same bytes, and nothing half is ever visible.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod merge;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use chrono::NaiveDate;
use proptest::prelude::*;
use tempfile::TempDir;
use tieout::error::Exit;
use tieout::lake::{Archived, Division, Lake, Manifest, Night, NightLock, PreviousNight, Published};
use tieout::money::Amount;
use tieout::table::build;
use tieout::table::column::{Column, Table, Type, optional, required};
use tieout::table::entries::ENTRIES;
use tieout::table::identity::{Identity, identity};
use tieout::table::part::{NARROW_PRECISION, NO_ROW, nothing, row_id};
use tieout::table::records::ORDERS;
use tieout::table::sheet::{Pick, Picked, Sheet};
use tieout::table::{self, TABLES};

use crate::laws::Chance;

fn day(day_of_month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day_of_month).unwrap()
}

fn night(date: NaiveDate, inputs: &str) -> Night {
    Night {
        job: "nightly".into(),
        business_date: date,
        inputs_sha256: inputs.into(),
        version: "0.1.0".into(),
        complete: true,
        timezone: "Asia/Shanghai".into(),
        previous_night: None,
        texts: Vec::new(),
        replies: Vec::new(),
        inputs: Vec::new(),
        totals: serde_json::Map::new(),
    }
}

/// A batch of any table: `rows` different rows, every third optional value empty.
fn rows_of(table: &Table, rows: usize) -> RecordBatch {
    let array = |position: usize| -> ArrayRef {
        let column = &table.columns[position];
        let filled = |row: usize| !column.nullable || !(row + position).is_multiple_of(3);
        let number = |row: usize| i64::try_from(row * 7_919 + position).unwrap();
        let text = |row: usize| filled(row).then(|| format!("{}{row:09}支付", column.name));
        let each = 0..rows;
        match column.kind {
            Type::Text => build::texts(each.map(text)),
            Type::Word if table.key.contains(&column.name) => build::words(each.map(text)),
            Type::Word => build::words(each.map(|row| filled(row).then(|| format!("{}{}", column.name, row % 5)))),
            Type::Amount => build::amounts(each.map(|row| filled(row).then(|| Amount(i128::from(number(row)) * 123_456 - 77)))),
            Type::Rate => build::rates(each.map(|row| filled(row).then(|| i128::from(number(row)) * 1_000_003))),
            Type::Instant => build::instants(each.map(|row| filled(row).then(|| 1_790_000_000_000_000 + number(row)))),
            Type::Date => build::dates(each.map(|row| filled(row).then(|| 20_000 + i32::try_from(row).unwrap()))),
            Type::Count => build::counts(each.map(number)),
            Type::Ratio => build::ratios(each.map(|row| filled(row).then(|| f64::from(u32::try_from(row).unwrap()) / 7.0))),
            Type::Flag => build::flags(each.map(|row| row % 2 == 0)),
        }
    };
    let columns = table.columns.iter().enumerate().map(|(position, column)| (column.name, array(position)));
    table.batch(columns)
}

fn reversed(batch: &RecordBatch) -> RecordBatch {
    let order: UInt32Array = (0..u32::try_from(batch.num_rows()).unwrap()).rev().collect();
    let columns = batch.columns().iter().map(|column| take(column, &order, None).unwrap()).collect();
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The columns of a batch in types that can be shown: words without their dictionary, instants as numbers.
fn plain(batch: &RecordBatch) -> Vec<ArrayRef> {
    let resolve = |column: &ArrayRef| match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values).unwrap(),
        DataType::Timestamp(..) => cast(column, &DataType::Int64).unwrap(),
        _ => column.clone(),
    };
    batch.columns().iter().map(resolve).collect()
}

fn publish(lake: &Lake, night: Night, tables: Vec<(&'static Table, RecordBatch)>) -> tieout::error::Result<Published> {
    let sheets = tables.into_iter().map(|(table, batch)| Sheet::of(table, &batch)).collect();
    lake.publish(&lake.lock(night.business_date)?, night, sheets)
}

fn two_tables() -> Vec<(&'static Table, RecordBatch)> {
    vec![(&ENTRIES, rows_of(&ENTRIES, 50)), (&ORDERS, rows_of(&ORDERS, 20))]
}

/// Other rows of the same tables.
fn other_tables() -> Vec<(&'static Table, RecordBatch)> {
    vec![(&ENTRIES, rows_of(&ENTRIES, 49)), (&ORDERS, rows_of(&ORDERS, 21))]
}

fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let Ok(listed) = fs::read_dir(folder) else { return BTreeSet::new() };
    listed
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { BTreeSet::from([path]) })
        .collect()
}

fn new_lake() -> (TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&folder.path().join("lake")).unwrap();
    (folder, lake)
}

#[test]
fn opening_and_asking_create_nothing() {
    let (_folder, lake) = new_lake();
    assert_eq!(lake.nights().unwrap(), []);
    assert_eq!(lake.manifest(day(20)).unwrap(), None);
    assert_eq!(lake.night_before(day(20)).unwrap(), None);
    assert_eq!(lake.audit().unwrap(), []);
    assert_eq!(lake.sweep().unwrap(), 0);
    assert!(!lake.root().exists());
}

#[test]
fn every_table_reads_back_as_it_was_written() {
    let (_folder, lake) = new_lake();
    let tables: Vec<_> = TABLES.into_iter().map(|table| (table, rows_of(table, 1_000))).collect();
    let published = publish(&lake, night(day(20), "a"), tables.clone()).unwrap();
    assert!(lake.is_intact(&published.manifest).unwrap());
    for (table, written) in tables {
        let read = lake.read(table, day(20)).unwrap();
        assert_eq!(read.schema(), table.schema(), "{}", table.name);
        assert_eq!(read.num_rows(), 1_000, "{}", table.name);
        let written: BTreeSet<String> = lines(&written);
        assert_eq!(lines(&read), written, "{}", table.name);
    }
}

/// A table with every type of column, filled and not.
static EVERY: Table = Table {
    name: "every",
    grain: "row",
    key: &["key"],
    source: "",
    columns: &[
        required("key", Type::Text, ""),
        required("text", Type::Text, ""),
        optional("maybe_text", Type::Text, ""),
        required("word", Type::Word, ""),
        optional("maybe_word", Type::Word, ""),
        required("amount", Type::Amount, ""),
        optional("maybe_amount", Type::Amount, ""),
        optional("maybe_rate", Type::Rate, ""),
        required("instant", Type::Instant, ""),
        optional("maybe_instant", Type::Instant, ""),
        required("date", Type::Date, ""),
        optional("maybe_date", Type::Date, ""),
        required("count", Type::Count, ""),
        optional("maybe_count", Type::Count, ""),
        required("ratio", Type::Ratio, ""),
        optional("maybe_ratio", Type::Ratio, ""),
        required("flag", Type::Flag, ""),
        optional("maybe_flag", Type::Flag, ""),
    ],
};

/// Rows of any table: values that repeat or do not, share beginnings or do not, are long, wide, empty or missing.
fn rows_of_every_kind(table: &Table, rows: usize, chance: &mut Chance) -> RecordBatch {
    let column = |column: &Column, chance: &mut Chance| -> ArrayRef {
        let style = chance.below(5);
        // Of how many rows one is empty; of none of them, or of all.
        let empty = if column.nullable { [usize::MAX, 2, 7, 40, 1][chance.below(5)] } else { usize::MAX };
        let different = [1, 2, 9, 300, 1_000_000][chance.below(5)];
        let numbers: Vec<Option<i64>> = (0..rows)
            .map(|_| (empty == usize::MAX || chance.below(empty) > 0).then(|| i64::try_from(chance.below(different)).unwrap()))
            .collect();
        let text = |number: i64| match style {
            0 => format!("{number}"),
            1 => format!("SO2026112000{number:07}"),
            2 => identity(&[&number.to_string()]),
            3 => ["", "支付宝", "\u{10ffff}", "\0"][usize::try_from(number % 4).unwrap()]
                .repeat(usize::try_from(number % 40).unwrap()),
            _ => format!("{}{number}", "z".repeat(62)),
        };
        let wide = |number: i64| match style {
            0 => i128::from(number) * 1_000_000,
            1 => i128::from(number) - 500_000,
            2 => (i128::from(number) - 3) * 10_i128.pow(17),
            3 => -i128::from(number) * 123_456_789,
            _ => i128::from(number),
        };
        let narrow = |number: i64| match style {
            0 => number,
            1 => number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()),
            2 => 1_790_000_000_000_000 + number * 1_000_000,
            3 => -number,
            _ => i64::MIN + number,
        };
        let number = |number: i64| i32::try_from(number).unwrap();
        match column.kind {
            _ if column.name == "key" => build::texts((0..rows).map(|row| Some(format!("{row:09}")))),
            Type::Text => build::texts(numbers.iter().map(|value| value.map(text))),
            Type::Word => build::words(numbers.iter().map(|value| value.map(text))),
            Type::Amount => build::amounts(numbers.iter().map(|value| value.map(|value| Amount(wide(value))))),
            Type::Rate => build::rates(numbers.iter().map(|value| value.map(wide))),
            Type::Instant => build::instants(numbers.iter().map(|value| value.map(narrow))),
            Type::Date => build::dates(numbers.iter().map(|value| value.map(number))),
            Type::Count => Arc::new(numbers.iter().map(|value| value.map(narrow)).collect::<Int64Array>()),
            Type::Ratio => build::ratios(numbers.iter().map(|value| value.map(|value| f64::from(number(value)) / 7.0))),
            Type::Flag => Arc::new(numbers.iter().map(|value| value.map(|value| value % 2 == 1)).collect::<BooleanArray>()),
        }
    };
    table.batch(table.columns.iter().map(|about| (about.name, column(about, chance))))
}

/// The same rows in other parts: end to end, or anywhere in parts of compact types.
fn parted(batch: &RecordBatch, chance: &mut Chance) -> Sheet {
    let rows = batch.num_rows();
    let parts = 1 + chance.below(6);
    let some = |array: &ArrayRef, rows: &[u32]| take(array, &UInt32Array::from(rows.to_vec()), None).unwrap();
    let column = |about: &Column, array: &ArrayRef, chance: &mut Chance| -> Picked {
        if chance.below(4) == 0 {
            let mut cuts: Vec<usize> = (1..parts).map(|_| chance.below(rows + 1)).chain([0, rows]).collect();
            cuts.sort_unstable();
            let slice = |cut: &[usize]| compact(array.slice(cut[0], cut[1] - cut[0]), about.kind);
            return Picked { parts: cuts.windows(2).map(slice).collect(), rows: Pick::All };
        }
        let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); parts];
        let mut names = Vec::new();
        for row in 0..rows {
            if array.is_null(row) && chance.below(2) == 0 {
                names.push(NO_ROW);
                continue;
            }
            // Rows that are in no order, or not named at all, are in a part too.
            let part = chance.below(parts);
            if chance.below(10) == 0 {
                rows_of[part].push(u32::try_from(chance.below(rows)).unwrap());
            }
            names.push(row_id(part, rows_of[part].len()));
            rows_of[part].push(u32::try_from(row).unwrap());
        }
        let parts = rows_of.iter().map(|rows| compact(some(array, rows), about.kind)).collect();
        Picked::rows(parts, &Arc::new(names))
    };
    let columns = EVERY.columns.iter().zip(batch.columns());
    Sheet::new(&EVERY, rows, columns.map(|(about, array)| (about.name, column(about, array, chance))))
}

/// A part's array in the smallest type that holds it.
fn compact(array: ArrayRef, kind: Type) -> ArrayRef {
    let fits = |limit: i128| array.as_primitive::<Decimal128Type>().iter().flatten().all(|number| number.abs() < limit);
    let identities = || -> Option<Vec<Option<[u8; 16]>>> {
        let texts = array.as_string::<i32>().iter();
        texts.map(|text| text.map_or(Some(None), |text| Identity::parse(text).map(|number| Some(bytes_of(number))))).collect()
    };
    match kind {
        _ if array.null_count() == array.len() => nothing(array.len()),
        Type::Word => {
            let codes = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
            cast(&cast(&array, &DataType::Utf8).unwrap(), &codes).unwrap()
        }
        Type::Amount if fits(10_i128.pow(18)) => cast(&array, &DataType::Decimal64(NARROW_PRECISION, 8)).unwrap(),
        Type::Count if array.as_primitive::<Int64Type>().iter().flatten().all(|count| u32::try_from(count).is_ok()) => {
            cast(&array, &DataType::UInt32).unwrap()
        }
        Type::Text => match identities() {
            Some(identities) => {
                Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(identities.into_iter(), 16).unwrap())
            }
            None => array,
        },
        _ => array,
    }
}

/// An identity in sixteen bytes.
fn bytes_of(identity: Identity) -> [u8; 16] {
    const DIGITS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
    let digit = |digit: char| u128::try_from(DIGITS.find(digit).unwrap()).unwrap();
    identity.to_string().chars().fold(0, |number, letter| number << 5 | digit(letter)).to_be_bytes()
}

fn publish_divided(sheet: Sheet, division: Division, threads: usize) -> (Vec<ArrayRef>, String) {
    let (_folder, lake) = new_lake();
    let lock = lake.lock(day(20)).unwrap();
    let staging = lake.stage(&lock, "0.1.0").divided(division);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| rayon::in_place_scope(|scope| staging.add(scope, sheet)));
    let published = lake.publish_staged(&lock, night(day(20), "a"), staging.finish().unwrap()).unwrap();
    let read = lake.read(&EVERY, day(20)).unwrap();
    assert_eq!(read.schema(), EVERY.schema());
    (plain(&read), format!("{:?}", published.manifest.outputs))
}

fn same_rows(left: &[ArrayRef], right: &[ArrayRef]) -> Result<(), TestCaseError> {
    for ((left, right), column) in left.iter().zip(right).zip(EVERY.columns) {
        prop_assert_eq!(left.len(), right.len());
        let differing = (0..left.len()).find(|&row| left.slice(row, 1) != right.slice(row, 1));
        let shown = differing.map(|row| (row, left.slice(row, 1), right.slice(row, 1)));
        prop_assert!(shown.is_none(), "column {}, row {:?}", column.name, shown);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_read_back_and_bytes_depend_on_them_alone(
        seed: u64,
        rows in 1_usize..700,
        group in 1_usize..800,
        page in 1_usize..300,
        dictionary in 1_usize..200,
    ) {
        let mut chance = Chance(seed);
        let batch = rows_of_every_kind(&EVERY, rows, &mut chance);
        let division = Division { group, page, dictionary };
        let (read, whole) = publish_divided(Sheet::of(&EVERY, &batch), division, 1);
        same_rows(&read, &plain(&batch))?;
        for threads in [1, 2] {
            let sheet = parted(&batch, &mut chance);
            same_rows(&plain(&sheet.batch()), &plain(&batch))?;
            let (read, outputs) = publish_divided(sheet, division, threads);
            same_rows(&read, &plain(&batch))?;
            prop_assert_eq!(&outputs, &whole);
        }
    }
}

#[test]
fn rows_that_are_named_out_of_order_are_not_written() {
    let batch = rows_of_every_kind(&EVERY, 8, &mut Chance(1));
    let publish = |names: &[u32]| {
        let names = Arc::new(names.to_vec());
        let columns = EVERY.columns.iter().zip(batch.columns());
        let columns = columns.map(|(about, array)| (about.name, Picked::rows(vec![array.clone()], &names)));
        let sheet = Sheet::new(&EVERY, 8, columns);
        let publish = || publish_divided(sheet, Division { group: 4, page: 2, dictionary: 10 }, 1);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(publish))
    };
    publish(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    // Backwards, row groups swapped, and pages that overlap though their bounds rise.
    for names in [[7, 6, 5, 4, 3, 2, 1, 0], [4, 5, 6, 7, 0, 1, 2, 3], [0, 2, 1, 3, 4, 5, 6, 7]] {
        let said = publish(&names).unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        assert!(said.contains("the rows come ordered by their key"), "{said}");
    }
}

/// Each row as text, whatever the order.
fn lines(batch: &RecordBatch) -> BTreeSet<String> {
    let columns = plain(batch);
    let options = arrow::util::display::FormatOptions::new().with_null("∅");
    let shown: Vec<_> =
        columns.iter().map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options).unwrap()).collect();
    (0..batch.num_rows())
        .map(|row| shown.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect()
}

#[test]
fn a_night_without_rows_is_a_valid_file() {
    let (_folder, lake) = new_lake();
    let published = publish(&lake, night(day(20), "a"), vec![(&ENTRIES, ENTRIES.empty())]).unwrap();
    assert_eq!(published.manifest.outputs[0].rows, 0);
    assert_eq!(published.manifest.outputs[0].sums["gross"], "0.00");
    let read = lake.read(&ENTRIES, day(20)).unwrap();
    assert_eq!((read.num_rows(), read.schema()), (0, ENTRIES.schema()));
}

#[test]
fn chosen_columns_come_in_the_order_asked() {
    let (_folder, lake) = new_lake();
    publish(&lake, night(day(20), "a"), two_tables()).unwrap();
    let read = lake.read_columns(&ENTRIES, day(20), &["net", "entry_id"]).unwrap();
    assert_eq!(read.schema().field(0).name(), "net");
    assert_eq!(table::read::text(&read, "entry_id").len(), 50);
}

#[test]
fn bytes_depend_neither_on_threads_nor_on_the_order_of_rows() {
    // More than one row group, so that its border is part of what is compared.
    let orders = rows_of(&ORDERS, 530_000);
    let hash = |threads: usize, batch: RecordBatch| {
        let (_folder, lake) = new_lake();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let published = pool.install(|| publish(&lake, night(day(20), "a"), vec![(&ORDERS, batch)])).unwrap();
        let output = &published.manifest.outputs[0];
        let read = lake.read(&ORDERS, day(20)).unwrap();
        assert_eq!(read.num_rows(), 530_000);
        let statuses = table::read::words(&read, "status").values;
        assert_eq!(statuses.iter().collect::<BTreeSet<_>>().len(), statuses.len(), "a dictionary holds each value once");
        (output.sha256.clone(), output.bytes, published.manifest.sha256)
    };
    let one = hash(1, orders.clone());
    assert_eq!(one, hash(2, orders.clone()));
    assert_eq!(one, hash(2, reversed(&orders)));
}

#[test]
fn a_file_is_ordered_by_its_key_with_empty_first() {
    let (_folder, lake) = new_lake();
    let funnel = table::find("funnel").unwrap();
    publish(&lake, night(day(20), "a"), vec![(funnel, reversed(&rows_of(funnel, 500)))]).unwrap();
    let read = lake.read_columns(funnel, day(20), &["hour", "provider"]).unwrap();
    let hours = table::read::instants(&read, "hour").values();
    assert!(hours.is_sorted());

    let rollforward = table::find("rollforward").unwrap();
    publish(&lake, night(day(21), "a"), vec![(rollforward, reversed(&rows_of(rollforward, 500)))]).unwrap();
    let read = lake.read(rollforward, day(21)).unwrap();
    let providers = cast(table::read::column(&read, "provider"), &DataType::Utf8).unwrap();
    let providers: Vec<Option<&str>> = providers.as_string::<i32>().iter().collect();
    assert!(providers[0].is_none() && providers.is_sorted(), "none comes before some");
}

#[test]
fn publishing_twice_from_the_same_inputs_is_publishing_once() {
    let (_folder, lake) = new_lake();
    let first = publish(&lake, night(day(20), "a"), two_tables()).unwrap();
    let before = files_below(lake.root());
    let second = publish(&lake, night(day(20), "a"), two_tables()).unwrap();
    assert_eq!(first.manifest, second.manifest);
    assert!(first.is_new && !second.is_new);
    assert_eq!(files_below(lake.root()), before);
    assert_eq!(lake.audit().unwrap().len(), 1);
}

#[test]
fn other_inputs_make_a_new_generation_and_replace_the_data() {
    let (_folder, lake) = new_lake();
    let first = publish(&lake, night(day(20), "a"), two_tables()).unwrap().manifest;
    assert_eq!((first.generation_for("a"), first.generation_for("b")), (1, 2));
    let second = publish(&lake, night(day(20), "b"), vec![(&ENTRIES, rows_of(&ENTRIES, 3))]).unwrap().manifest;
    assert_eq!((first.generation, second.generation), (1, 2));
    assert_eq!(lake.manifest(day(20)).unwrap(), Some(second.clone()));
    assert_eq!(lake.read(&ENTRIES, day(20)).unwrap().num_rows(), 3);
    assert!(lake.is_intact(&second).unwrap());
    assert!(!lake.is_intact(&first).unwrap(), "the first generation's data is gone; its manifest stays");
}

#[test]
fn the_same_inputs_with_other_bytes_break_a_law() {
    let (_folder, lake) = new_lake();
    publish(&lake, night(day(20), "a"), two_tables()).unwrap();
    let before = fs::read(lake.root().join("data/entries/date=2026-11-20/entries.parquet")).unwrap();
    let error = publish(&lake, night(day(20), "a"), vec![(&ENTRIES, rows_of(&ENTRIES, 3))]).unwrap_err();
    assert_eq!(error.exit, Exit::LawBroken);
    assert!(error.what.contains("entries"), "{error}");
    assert_eq!(fs::read(lake.root().join("data/entries/date=2026-11-20/entries.parquet")).unwrap(), before);
}

#[test]
fn nights_come_in_order_and_know_the_one_before() {
    let (_folder, lake) = new_lake();
    for number in [22, 20, 21] {
        publish(&lake, night(day(number), "a"), two_tables()).unwrap();
    }
    let before = publish(&lake, night(day(20), "b"), two_tables()).unwrap().manifest;
    let dates: Vec<_> = lake.nights().unwrap().iter().map(|manifest| manifest.night.business_date).collect();
    assert_eq!(dates, [day(20), day(21), day(22)]);
    assert_eq!(lake.night_before(day(21)).unwrap(), Some(before.clone()));
    assert_eq!(lake.night_before(day(20)).unwrap(), None);
    assert_eq!(lake.night_before(day(28)).unwrap().unwrap().night.business_date, day(22));

    let next = Night { previous_night: Some(PreviousNight::from(&before)), ..night(day(21), "b") };
    let stated = publish(&lake, next, two_tables()).unwrap().manifest;
    assert_eq!(lake.manifest(day(21)).unwrap(), Some(stated.clone()));
    assert_eq!(stated.night.previous_night.unwrap().manifest_sha256, before.sha256);
}

#[test]
fn a_held_night_is_tried_again() {
    let (_folder, lake) = new_lake();
    let held = lake.lock(day(20)).unwrap();
    let error = lake.lock(day(20)).unwrap_err();
    assert_eq!(error.exit, Exit::TryAgain);
    assert!(error.what.contains("2026-11-20"), "{error}");
    lake.lock(day(21)).unwrap();
    drop(held);
    lake.lock(day(20)).unwrap();
    assert_eq!(files_below(lake.root()), BTreeSet::new(), "nothing is left behind");
}

#[test]
fn of_many_runs_one_at_a_time_holds_the_night() {
    let (_folder, lake) = new_lake();
    let holders = std::sync::atomic::AtomicUsize::new(0);
    let run = || {
        for _ in 0..200 {
            match lake.lock(day(20)) {
                Ok(_lock) => {
                    assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                }
                Err(error) => assert_eq!(error.exit, Exit::TryAgain, "{error}"),
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
}

#[test]
fn what_a_dead_run_staged_is_swept_by_the_next() {
    let (_folder, lake) = new_lake();
    let staging = lake.root().join("staging");
    for date in ["2026-11-19", "2026-11-20"] {
        fs::create_dir_all(staging.join(date)).unwrap();
        fs::write(staging.join(date).join("entries.parquet"), "half").unwrap();
        fs::write(staging.join(format!("{date}.lock")), "1").unwrap();
    }
    let living = lake.lock(day(21)).unwrap();
    assert_eq!(lake.sweep().unwrap(), 0, "the first lock has swept; the living keep theirs");
    assert!(staging.join("2026-11-21").exists() && !staging.join("2026-11-19").exists());
    drop(living);
    assert_eq!(files_below(lake.root()), BTreeSet::new());
}

/// Keeps a file of this machine as what a source delivered.
fn keep(lake: &Lake, lock: &NightLock, source: &str, file: &Path) -> tieout::error::Result<Archived> {
    Ok(lake.inbox(lock, source, Vec::new())?.keep_file(file)?.archived)
}

#[test]
fn a_file_is_archived_once() {
    let (folder, lake) = new_lake();
    let file = folder.path().join("20261120_tradebill_ALL.csv");
    fs::write(&file, "abc").unwrap();
    let lock = lake.lock(day(20)).unwrap();
    let first = keep(&lake, &lock, "wechat_pay", &file).unwrap();
    assert_eq!(first.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!((first.bytes, first.name.as_str()), (3, "20261120_tradebill_ALL.csv"));
    assert_eq!(first.path, lake.root().join("raw/wechat_pay/2026-11-20").join(&first.sha256).join(&first.name));
    assert_eq!(fs::read(&first.path).unwrap(), b"abc");
    let written = fs::metadata(&first.path).unwrap().modified().unwrap();

    assert_eq!(keep(&lake, &lock, "wechat_pay", &file).unwrap(), first);
    assert_eq!(fs::metadata(&first.path).unwrap().modified().unwrap(), written);
    fs::write(&file, "abcd").unwrap();
    assert_ne!(keep(&lake, &lock, "wechat_pay", &file).unwrap().path, first.path);
    drop(lock);
    assert_eq!(files_below(lake.root()).len(), 2, "both deliveries are kept and nothing else");
}

#[test]
fn a_growing_file_is_not_archived() {
    let (folder, lake) = new_lake();
    let file = folder.path().join("orders.csv");
    fs::write(&file, vec![b'x'; 64 << 20]).unwrap();
    let lock = lake.lock(day(20)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let archived = std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut growing = fs::OpenOptions::new().append(true).open(&file).unwrap();
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                growing.write_all(b"more\n").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
        let archived = keep(&lake, &lock, "orders", &file);
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        archived
    });
    assert_eq!(archived.unwrap_err().exit, Exit::TryAgain);
    assert!(!lake.root().join("raw").exists());
}

#[test]
fn a_source_cannot_leave_the_archive() {
    let (folder, lake) = new_lake();
    let file = folder.path().join("orders.csv");
    fs::write(&file, "abc").unwrap();
    let lock = lake.lock(day(20)).unwrap();
    for source in ["", "..", "../orders", "a/b"] {
        assert_eq!(keep(&lake, &lock, source, &file).unwrap_err().exit, Exit::BadConfiguration);
    }
}

#[test]
fn damaged_data_is_seen_and_restored_by_the_next_run() {
    let (_folder, lake) = new_lake();
    let published = publish(&lake, night(day(20), "a"), two_tables()).unwrap().manifest;
    let path = lake.root().join(&published.outputs[0].path);
    let whole = fs::read(&path).unwrap();
    let of_another_night = {
        let (_folder, other) = new_lake();
        publish(&other, night(day(20), "b"), other_tables()).unwrap();
        fs::read(other.root().join(&published.outputs[0].path)).unwrap()
    };

    let zeros = vec![0; whole.len()];
    let damages: [Option<&[u8]>; 4] = [None, Some(&whole[..whole.len() - 1]), Some(&zeros), Some(&of_another_night)];
    for damage in damages {
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
        assert!(!lake.is_intact(&published).unwrap());
        let again = publish(&lake, night(day(20), "a"), two_tables()).unwrap();
        assert_eq!((again.is_new, &again.manifest), (false, &published));
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    let actions: Vec<_> = lake.audit().unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["published", "restored", "restored", "restored", "restored"]);
}

#[test]
fn a_manifest_is_created_never_replaced() {
    let (_folder, lake) = new_lake();
    // What another run committed after this one looked: a folder, which looking does not take for a manifest.
    let taken = lake.root().join("meta/nights/2026-11-20/1.json");
    fs::create_dir_all(&taken).unwrap();
    let error = publish(&lake, night(day(20), "a"), two_tables()).unwrap_err();
    assert_eq!(error.exit, Exit::TryAgain, "{error}");
    assert!(taken.is_dir());
    assert_eq!(lake.audit().unwrap(), []);
}

#[test]
fn a_write_that_fails_leaves_no_manifest_and_the_next_run_publishes() {
    let (_folder, lake) = new_lake();
    // A file where the second table's folder should be: moving it into place fails, even for root.
    fs::create_dir_all(lake.root().join("data")).unwrap();
    fs::write(lake.root().join("data/orders"), "in the way").unwrap();
    let error = publish(&lake, night(day(20), "a"), two_tables()).unwrap_err();
    assert!(matches!(error.exit, Exit::CannotCreate | Exit::CannotWrite), "{error:?}");
    assert!(error.file.unwrap().contains("orders"));
    assert_eq!(lake.manifest(day(20)).unwrap(), None);
    assert_eq!(lake.audit().unwrap(), []);

    fs::remove_file(lake.root().join("data/orders")).unwrap();
    let published = publish(&lake, night(day(20), "a"), two_tables()).unwrap().manifest;
    assert_eq!(published.generation, 1);
    assert!(lake.is_intact(&published).unwrap());
}

#[test]
fn a_run_that_dies_between_data_and_manifest_is_not_the_night() {
    let (_folder, lake) = new_lake();
    let first = publish(&lake, night(day(20), "a"), two_tables()).unwrap().manifest;
    let second = publish(&lake, night(day(20), "b"), other_tables()).unwrap().manifest;
    // As if the second run had died after moving its data: its manifest is not there.
    fs::remove_file(lake.root().join("meta/nights/2026-11-20/2.json")).unwrap();
    assert_eq!(lake.manifest(day(20)).unwrap(), Some(first.clone()));
    assert!(!lake.is_intact(&first).unwrap());
    let again = publish(&lake, night(day(20), "b"), other_tables()).unwrap().manifest;
    // What it differs in from the first is not known any more: that one's data is gone.
    assert_eq!(Manifest { differences: second.differences.clone(), sha256: second.sha256.clone(), ..again.clone() }, second);
    assert!(lake.is_intact(&again).unwrap());
}

#[test]
fn the_audit_trail_links_and_shows_tampering() {
    let (_folder, lake) = new_lake();
    for inputs in ["a", "b", "c"] {
        publish(&lake, night(day(20), inputs), two_tables()).unwrap();
    }
    let path = lake.root().join("meta/audit.jsonl");
    let lines = lake.audit().unwrap();
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(lines[0].previous, None);
    assert_eq!(lines[2].previous.as_ref(), Some(&lines[1].sha256));
    assert_eq!(lines[2].manifest_sha256, lake.manifest(day(20)).unwrap().unwrap().sha256);

    let text = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().collect();
    let changed = text.replacen("\"generation\":2", "\"generation\":7", 1);
    let removed = format!("{}\n{}\n", kept[0], kept[2]);
    let moved = format!("{}\n{}\n{}\n", kept[1], kept[0], kept[2]);
    for (damage, line) in [(changed, 2), (removed, 2), (moved, 1)] {
        fs::write(&path, damage).unwrap();
        let error = lake.audit().unwrap_err();
        assert_eq!((error.exit, error.line), (Exit::BadData, Some(line)));
    }
}

/// A run holds the whole trail against itself without decoding it: what decoding finds, it finds.
#[test]
fn no_night_is_taken_where_a_byte_of_the_trail_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&folder.path().join("lake")).unwrap().acting("Ada 纪 \",\"previous\":null,\"sha256\":\"");
    for inputs in ["a", "b", "c"] {
        publish(&lake, night(day(20), inputs), two_tables()).unwrap();
    }
    let path = lake.root().join("meta/audit.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let is_whole = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        let (decoded, taken) = (lake.audit().map(drop), lake.lock(day(21)).map(drop));
        assert_eq!(decoded, taken);
        decoded.is_ok()
    };
    assert!(is_whole(b"") && is_whole(whole.as_bytes()));
    // At its very end a line is not finished.
    for at in 0..whole.len() - 1 {
        let mut damaged = whole.clone().into_bytes();
        damaged[at] ^= 1;
        assert!(!is_whole(&damaged), "{}", String::from_utf8_lossy(&damaged));
    }
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for order in [&[0, 2][..], &[1, 2], &[1, 0, 2], &[0, 0, 1], &[0, 1, 1, 2]] {
        assert!(!is_whole(order.iter().map(|&at| lines[at]).collect::<String>().as_bytes()), "{order:?}");
    }
    assert!(is_whole(lines[0].as_bytes()), "cut off at its end, it has all its links");
    // Lines of another trail have their numbers and their own hashes, and name another line before them.
    let (_other, other) = new_lake();
    for inputs in ["a", "b", "c"] {
        publish(&other, night(day(20), inputs), two_tables()).unwrap();
    }
    let foreign = fs::read_to_string(other.root().join("meta/audit.jsonl")).unwrap();
    let foreign: Vec<&str> = foreign.split_inclusive('\n').collect();
    for spliced in [[lines[0], foreign[1], foreign[2]], [lines[0], lines[1], foreign[2]], [foreign[0], lines[1], lines[2]]] {
        assert!(!is_whole(spliced.concat().as_bytes()), "{spliced:?}");
    }
}

#[test]
fn a_line_the_last_run_did_not_finish_is_written_by_the_next() {
    let (_folder, lake) = new_lake();
    publish(&lake, night(day(20), "a"), two_tables()).unwrap();
    publish(&lake, night(day(20), "b"), two_tables()).unwrap();
    let path = lake.root().join("meta/audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let first_line = text.find('\n').unwrap() + 1;
    // Died before the line, at its first byte, in its middle, and before its end.
    for cut in [first_line, first_line + 1, first_line + 90, text.len() - 1] {
        fs::write(&path, &text[..cut]).unwrap();
        drop(lake.lock(day(20)).unwrap());
        let lines = lake.audit().unwrap();
        assert_eq!(lines.iter().map(|line| line.generation).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn what_cannot_be_read_says_so() {
    let (folder, lake) = new_lake();
    publish(&lake, night(day(20), "a"), two_tables()).unwrap();
    let error = lake.read(&ENTRIES, day(21)).unwrap_err();
    assert_eq!(error.exit, Exit::BadData);
    fs::write(lake.root().join("meta/nights/2026-11-20/2.json"), "{}").unwrap();
    assert_eq!(lake.manifest(day(20)).unwrap_err().exit, Exit::BadData);

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(Lake::open(&file).unwrap_err().exit, Exit::CannotCreate);
}

#[test]
fn sums_are_exact_and_in_the_manifest() {
    let (_folder, lake) = new_lake();
    let manifest = publish(&lake, night(day(20), "a"), two_tables()).unwrap().manifest;
    let amounts = rows_of(&ORDERS, 20);
    let amounts = table::read::amounts(&amounts, "amount");
    let sum: Amount = amounts.iter().flatten().map(Amount).sum();
    assert_eq!(manifest.outputs[1].sums["amount"], sum.to_string());
    let text = fs::read_to_string(lake.root().join("meta/nights/2026-11-20/1.json")).unwrap();
    assert!(text.contains(&sum.to_string()));
}
