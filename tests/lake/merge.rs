//! Merging: runs of a table, however they are cut and in whatever types, are the bytes of the table.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::{LexicographicalComparator, SortColumn, SortOptions, concat_batches, take_record_batch};
use proptest::prelude::*;
use tieout::error::{Error, Exit};
use tieout::lake::{Division, Run, Staging};
use tieout::table::TABLES;
use tieout::table::column::Table;
use tieout::table::entries::ENTRIES;
use tieout::table::sheet::Sheet;

use super::{EVERY, compact, day, new_lake, night, rows_of_every_kind};
use crate::laws::Chance;

/// The rows of a batch in the order of the table's key, those of one key as they stood.
fn sorted(table: &Table, batch: &RecordBatch) -> RecordBatch {
    let options = Some(SortOptions { descending: false, nulls_first: true });
    let key = |name: &&str| SortColumn { values: batch.column_by_name(name).unwrap().clone(), options };
    let compare = LexicographicalComparator::try_new(&table.key.iter().map(key).collect::<Vec<_>>()).unwrap();
    let mut order: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap()).collect();
    order.sort_by(|&left, &right| compare.compare(left as usize, right as usize));
    take_record_batch(batch, &UInt32Array::from(order)).unwrap()
}

/// A run of `rows` in batches of less than `most` rows, each column of each in a type of parts.
fn run_of(table: &Table, rows: &RecordBatch, most: usize, chance: &mut Chance) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    let mut start = 0;
    while start < rows.num_rows() || chance.below(4) == 0 {
        let count = chance.below(most).min(rows.num_rows() - start);
        let columns = table.columns.iter().zip(rows.columns()).map(|(about, array)| {
            let array = array.slice(start, count);
            let array: ArrayRef = if chance.below(3) == 0 { array } else { compact(array, about.kind) };
            (about.name, array, true)
        });
        batches.push(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
        start += count;
    }
    batches
}

/// `batch` cut into runs, each in the order of the key.
fn runs_of(table: &Table, batch: &RecordBatch, runs: usize, most: usize, chance: &mut Chance) -> Vec<Vec<RecordBatch>> {
    let rows = batch.num_rows();
    let mut cuts: Vec<usize> = (1..runs).map(|_| chance.below(rows + 1)).chain([0, rows]).collect();
    cuts.sort_unstable();
    let run = |cut: &[usize]| run_of(table, &sorted(table, &batch.slice(cut[0], cut[1] - cut[0])), most, chance);
    cuts.windows(2).map(run).collect()
}

fn read(batches: Vec<RecordBatch>) -> Run {
    Box::new(batches.into_iter().map(Ok))
}

/// What `stage` stages of a table: the file, and what is said of it.
fn staged<T>(table: &Table, division: Division, stage: impl FnOnce(&Staging) -> T) -> (Vec<u8>, String) {
    let (_folder, lake) = new_lake();
    let lock = lake.lock(day(20)).unwrap();
    let staging = lake.stage(&lock, "0.1.0").divided(division);
    stage(&staging);
    let outputs = staging.finish().unwrap();
    let said = format!("{outputs:?}");
    lake.publish_staged(&lock, night(day(20), "a"), outputs).unwrap();
    let path = lake.root().join(format!("data/{0}/date=2026-11-20/{0}.parquet", table.name));
    (fs::read(path).unwrap(), said)
}

/// Whether the rows of `batch` are the same bytes as one sheet and as runs.
fn merges_to_the_same(
    table: &'static Table,
    batch: &RecordBatch,
    division: Division,
    runs: Vec<Vec<RecordBatch>>,
) -> Result<(), TestCaseError> {
    // Rows of one key stay in order: that of the runs.
    let whole = staged(table, division, |staging| {
        rayon::in_place_scope(|scope| staging.add(scope, Sheet::of(table, batch)));
    });
    let merged = staged(table, division, |staging| {
        let rows = staging.merge(table, runs.into_iter().map(read).collect()).unwrap();
        assert_eq!(rows, batch.num_rows() as u64);
    });
    prop_assert_eq!(&merged.1, &whole.1, "{}", table.name);
    prop_assert!(merged.0 == whole.0, "{}: other bytes", table.name);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_are_merged_to_the_bytes_of_the_table(
        seed: u64,
        table in prop::sample::select(TABLES.into_iter().chain([&EVERY]).collect::<Vec<_>>()),
        rows in 0_usize..300,
        runs in 1_usize..12,
        most in 2_usize..90,
        group in 1_usize..120,
        page in 1_usize..50,
        dictionary in 1_usize..100,
    ) {
        let mut chance = Chance(seed);
        let batch = rows_of_every_kind(table, rows, &mut chance);
        let runs = runs_of(table, &batch, runs, most, &mut chance);
        merges_to_the_same(table, &batch, Division { group, page, dictionary }, runs)?;
    }
}

#[test]
fn long_batches_of_many_runs_are_merged() {
    let mut chance = Chance(7);
    let batch = rows_of_every_kind(&ENTRIES, 12_000, &mut chance);
    for (runs, most) in [(1, 5_000), (2, 9_000), (200, 50)] {
        let runs = runs_of(&ENTRIES, &batch, runs, most, &mut chance);
        merges_to_the_same(&ENTRIES, &batch, Division { group: 5_000, page: 1_000, dictionary: 300 }, runs).unwrap();
    }
}

#[test]
fn no_runs_are_a_table_without_rows() {
    let division = Division { group: 5, page: 5, dictionary: 5 };
    for runs in [vec![], vec![vec![]], vec![vec![], vec![ENTRIES.empty()]]] {
        merges_to_the_same(&ENTRIES, &ENTRIES.empty(), division, runs).unwrap();
    }
}

#[test]
fn batches_are_held_for_one_row_group_and_one_a_run() {
    const RUNS: usize = 4;
    const BATCH: usize = 10;
    let division = Division { group: 40, page: 10, dictionary: 10 };
    let batch = rows_of_every_kind(&EVERY, 800, &mut Chance(3));
    let held: Arc<Mutex<Vec<Buffer>>> = Arc::default();
    let most = Arc::new(AtomicUsize::new(0));
    let run = |run: usize| -> Run {
        let rows: Vec<u32> = (0..800).filter(|row| *row as usize % RUNS == run).collect();
        let batches: Vec<RecordBatch> =
            rows.chunks(BATCH).map(|rows| take_record_batch(&batch, &UInt32Array::from(rows.to_vec())).unwrap()).collect();
        let (held, most) = (Arc::clone(&held), Arc::clone(&most));
        Box::new(batches.into_iter().map(move |batch| {
            let mut held = held.lock().unwrap();
            held.push(batch["key"].as_string::<i32>().values().clone());
            // Besides the one on the list.
            most.fetch_max(held.iter().filter(|texts| texts.strong_count() > 1).count(), Ordering::SeqCst);
            Ok(batch)
        }))
    };
    staged(&EVERY, division, |staging| staging.merge(&EVERY, (0..RUNS).map(run).collect()).unwrap());
    assert_eq!(held.lock().unwrap().len(), 80);
    // A run's part of a row group begins within a batch.
    let most = most.load(Ordering::SeqCst);
    assert!(most <= RUNS + division.group / BATCH + RUNS, "{most} batches are held");
}

#[test]
#[should_panic(expected = "a run comes ordered by the key of its table")]
fn a_run_out_of_order_is_not_merged() {
    let mut chance = Chance(1);
    let batch = sorted(&EVERY, &rows_of_every_kind(&EVERY, 20, &mut chance));
    let backwards = concat_batches(&batch.schema(), [&batch.slice(10, 10), &batch.slice(0, 10)]).unwrap();
    let run = run_of(&EVERY, &backwards, 7, &mut chance);
    staged(&EVERY, Division { group: 8, page: 4, dictionary: 4 }, |staging| staging.merge(&EVERY, vec![read(run)]).unwrap());
}

#[test]
fn a_run_that_cannot_be_read_is_no_table() {
    let (_folder, lake) = new_lake();
    let lock = lake.lock(day(20)).unwrap();
    let staging = lake.stage(&lock, "0.1.0").divided(Division { group: 8, page: 4, dictionary: 4 });
    let batch = sorted(&EVERY, &rows_of_every_kind(&EVERY, 20, &mut Chance(1)));
    let run: Run = Box::new([Ok(batch), Err(Error::data("half a batch"))].into_iter());
    assert_eq!(staging.merge(&EVERY, vec![run]).unwrap_err().exit, Exit::BadData);
    assert_eq!(staging.finish().unwrap(), []);
}
