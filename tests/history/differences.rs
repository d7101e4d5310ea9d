//! What a new generation changed, row by row.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use tieout::lake::{Change, Lake};
use tieout::night::Memory;
use tieout::night::reperform::Reperformance;
use tieout::table::TABLES;

use crate::harness::Place;
use crate::nights::{Shop, november, rows};

/// Rows of a table by key, as text, without where they stood.
type ByKey = BTreeMap<Vec<String>, BTreeMap<String, String>>;

fn by_key(lake: &Lake, table: &'static tieout::table::column::Table) -> ByKey {
    let keyed = |mut row: BTreeMap<String, String>| {
        let key = table.key.iter().map(|name| row[*name].clone()).collect();
        row.retain(|name, _| table.key.contains(&name.as_str()) || !["file_id", "line"].contains(&name.as_str()));
        (key, row)
    };
    rows(&lake.read(table, november(17)).unwrap()).into_iter().map(keyed).collect()
}

/// The first night of a shop in two generations: between them its refunds were restated.
fn restated(seed: u64, orders: u32, restate: impl Fn(&str) -> String) -> Shop {
    let shop = Shop::generated(seed, 1, orders);
    shop.close(november(17));
    let records = shop.data().join("merchant/attempts_20261117.csv");
    fs::write(&records, restate(&fs::read_to_string(&records).unwrap())).unwrap();
    shop.close(november(17));
    shop
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_that_differs_is_told_once(seed: u64, orders in 20_u32..120, each in 2_usize..9) {
        // Of the records one in so many is gone, and the next of another amount.
        let shop = restated(seed, orders, |text| {
            let change = |(at, line): (usize, &str)| match (at, at % each) {
                (0, _) | (_, 2..) => Some(line.to_owned()),
                (_, 0) => None,
                _ => Some(line.replacen(",succeeded,", ",pending,", 1)),
            };
            text.lines().enumerate().filter_map(change).map(|line| line + "\n").collect()
        });
        let lake = shop.lake();
        let generations = lake.generations(november(17)).unwrap();
        let mut nights = Reperformance::new(&lake, Memory::Unlimited, &|_| {});
        let [was, is] = [0, 1].map(|at| nights.tables_of(&generations[at]).unwrap());
        let mut kept = Vec::new();
        for table in TABLES {
            let told = RefCell::new([ByKey::new(), ByKey::new()]);
            let difference = is.difference(&was, table, november(17), &mut |change| {
                let mut told = told.borrow_mut();
                let mut note = |side: usize, row: tieout::lake::Row| {
                    let row = rows(&row.batch.slice(row.row, 1)).remove(0);
                    let key = table.key.iter().map(|name| row[*name].clone()).collect();
                    assert!(told[side].insert(key, row).is_none(), "told twice");
                };
                match change {
                    Change::Added(row) => note(1, row),
                    Change::Removed(row) => note(0, row),
                    Change::Changed(before, after) => {
                        note(0, before);
                        note(1, after);
                    }
                }
                Ok(())
            }).unwrap();
            let (before, after) = (by_key(&was, table), by_key(&is, table));
            let differs = |side: &ByKey, other: &ByKey| {
                side.iter().filter(|(key, row)| other.get(*key) != Some(*row)).map(|(key, _)| key.clone()).collect::<Vec<_>>()
            };
            let told = told.into_inner();
            prop_assert_eq!(told[0].keys().cloned().collect::<Vec<_>>(), differs(&before, &after), "{}", table.name);
            prop_assert_eq!(told[1].keys().cloned().collect::<Vec<_>>(), differs(&after, &before), "{}", table.name);
            prop_assert_eq!(before.len() as u64 + difference.added, after.len() as u64 + difference.removed);
            if !difference.is_empty() {
                kept.push(difference);
            }
        }
        prop_assert_eq!(generations[1].differences.as_ref().unwrap(), &kept, "the manifest keeps the counts");
        prop_assert!(generations[0].differences.is_none());
    }
}

const JOB: &str = "jobs/nightly.toml";

/// The sample nights, of the first of which one amount was restated.
fn restated_place() -> Place {
    let place = Place::with_sample_nights();
    let run = |night: &str| assert_eq!(place.run(&format!("run {JOB} --date {night} --quiet")).code, 0);
    run("2026-11-17");
    let records = "sample-data/merchant/attempts_20261117.csv";
    let text = String::from_utf8(place.read(records)).unwrap();
    let line = text.lines().find(|line| line.starts_with("AT20261117000001-1")).unwrap();
    place.replace(records, line, &line.replace("176.00", "177.00"));
    run("2026-11-17");
    place
}

#[test]
fn only_what_was_restated_is_other() {
    let place = restated_place();
    let ran = place.run(&format!("diff {JOB} --date 2026-11-17"));
    assert_eq!(ran.code, 0, "{}", ran.whole());
    let told = |text: &str| assert!(ran.stdout.contains(text), "{text}: {}", ran.whole());
    told("attempts changed: AT20261117000001-1\n  amount: 176.00 → 177.00\n  outcome: match → break\n");
    told("matches removed: payment AT20261117000001-1");
    told("generation 1 to 2");
    // One break is new; of the nine others none is touched.
    assert_eq!(ran.stdout.matches("\nbreaks ").count(), 1, "{}", ran.whole());
    assert_eq!(ran.stdout.matches("\nbreaks added").count(), 1, "{}", ran.whole());

    let json = place.run(&format!("diff {JOB} --date 2026-11-17 --generation 1 --to 2 --json")).stdout;
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changed = lines.iter().find(|line| line["table"] == "attempts").unwrap();
    assert_eq!(changed["columns"]["amount"], serde_json::json!({ "before": "176.00", "after": "177.00" }));
    let differences = lines.last().unwrap()["differences"].as_array().unwrap();
    let of = |table: &str| differences.iter().find(|difference| difference["table"] == table).unwrap();
    assert_eq!((&of("breaks")["added"], &of("breaks")["changed"], &of("matches")["removed"]), (&1.into(), &0.into(), &1.into()));

    let csv = place.run(&format!("diff {JOB} --date 2026-11-17 --csv --table attempts")).stdout;
    assert!(csv.starts_with("table,change,key,column,before,after\n"), "{csv}");
    assert!(csv.contains("attempts,changed,AT20261117000001-1,amount,176.00,177.00\n"), "{csv}");
    // Backwards, too.
    let back = place.run(&format!("diff {JOB} --date 2026-11-17 --generation 2 --to 1 --table attempts")).stdout;
    assert!(back.contains("amount: 177.00 → 176.00"), "{back}");
}

#[test]
fn a_diff_needs_two_generations() {
    let place = restated_place();
    for (question, said) in [
        ("--date 2026-11-18", "no night 2026-11-18 was published"),
        ("--date 2026-11-17 --to 1", "has one generation, and nothing to hold it against"),
        ("--date 2026-11-17 --generation 7", "has no generation 7"),
        ("--date 2026-11-17 --table brakes", "no table is called `brakes`"),
    ] {
        let ran = place.run(&format!("diff {JOB} {question}"));
        assert_eq!(ran.code, 64, "{question}: {}", ran.whole());
        assert!(ran.stderr.contains(said), "{question}: {}", ran.whole());
    }
}
