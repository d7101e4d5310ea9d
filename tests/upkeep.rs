//! Backfills that go on and are tried again, lakes that are cleared, lakes of older versions, and what a job says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tieout::lake::Lake;

use crate::harness::{Place, Ran};
use crate::nights::{files, november};

const JOB: &str = "jobs/nightly.toml";
const STRIPE: &str = "sample-data/provider/stripe/payout_reconciliation_20261118.csv";
const ALL: &str = "--from 2026-11-17 --to 2026-11-19";

#[track_caller]
fn done(place: &Place, command: &str) -> Ran {
    let ran = place.run(command);
    assert_eq!(ran.code, 0, "{command}: {}", ran.whole());
    ran
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

fn became(told: &Value) -> Vec<(&str, &str)> {
    let nights = told["nights"].as_array().unwrap();
    nights.iter().map(|night| (night["business_date"].as_str().unwrap(), night["became"].as_str().unwrap())).collect()
}

/// The published tables of a night but those that tell how often it was.
fn tables(place: &Place, night: &str) -> Vec<(String, Vec<u8>)> {
    let data = files(&place.path("lake/data")).into_iter().map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes));
    let of_night = data.filter(|(path, _)| path.contains(night));
    of_night.filter(|(path, _)| !path.starts_with("nights/") && !path.starts_with("rates_history/")).collect()
}

#[test]
fn a_backfill_goes_on_and_what_it_left_is_tried_again() {
    let place = Place::with_sample_nights();
    let whole = Place::with_sample_nights();
    done(&whole, &format!("backfill {JOB} {ALL} --quiet"));
    assert!(!whole.path("lake/meta/backfills/last.json").exists(), "nothing is left");

    let report = place.read(STRIPE);
    place.remove(STRIPE);
    let ran = place.run(&format!("backfill {JOB} {ALL} --keep-going"));
    assert_eq!(ran.code, 66, "{}", ran.whole());
    for said in [
        "2026-11-17  1           closed\n",
        "2026-11-18              NOT CLOSED\n",
        "2026-11-19  1           closed\n",
        "nights after 2026-11-18 were closed without it, and become stale when it is closed",
        "tieout retry <job>",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.whole());
    }
    assert!(!ran.stdout.contains("stopped at"), "{}", ran.stdout);
    // Still not there: what is left stays left.
    let again = place.run(&format!("retry {JOB} --json"));
    assert_eq!((again.code, became(&json(&again))), (66, vec![("2026-11-18", "refused")]));
    assert_eq!(json(&again)["left"], serde_json::json!(["2026-11-18", "2026-11-19"]));
    place.write(STRIPE, &report);
    let retried = json(&done(&place, &format!("retry {JOB} --json")));
    assert_eq!(became(&retried), [("2026-11-18", "closed"), ("2026-11-19", "closed")]);
    assert_eq!((&retried["nights"][1]["was_stale"], &retried["left"]), (&true.into(), &serde_json::json!([])));
    for night in ["2026-11-17", "2026-11-18", "2026-11-19"] {
        assert!(tables(&place, night) == tables(&whole, night), "{night}");
        assert!(!tables(&place, night).is_empty());
    }
    let nothing = done(&place, &format!("retry {JOB}"));
    assert!(nothing.stdout.contains("left nothing to close"), "{}", nothing.stdout);
}

#[test]
fn a_backfill_that_stopped_leaves_what_it_did_not_reach_and_goes_on_from_there() {
    let place = Place::with_sample_nights();
    let report = place.read(STRIPE);
    place.remove(STRIPE);
    assert_eq!(place.run(&format!("backfill {JOB} {ALL} --quiet")).code, 66);
    let left: Value = serde_json::from_slice(&place.read("lake/meta/backfills/last.json")).unwrap();
    assert_eq!(left["nights"], serde_json::json!(["2026-11-18", "2026-11-19"]));
    place.write(STRIPE, &report);
    // Called again, it closes only what is not closed.
    let again = json(&done(&place, &format!("backfill {JOB} {ALL} --json")));
    assert_eq!(became(&again), [("2026-11-17", "unchanged"), ("2026-11-18", "closed"), ("2026-11-19", "closed")]);
    assert!(!place.path("lake/meta/backfills/last.json").exists());
    // One that died has left all it was to close.
    place.write(
        "lake/meta/backfills/last.json",
        "{\"schema_version\":1,\"to\":\"2026-11-19\",\"partial\":false,\"nights\":[\"2026-11-19\"]}",
    );
    assert_eq!(became(&json(&done(&place, &format!("retry {JOB} --json")))), [("2026-11-19", "unchanged")]);
    place.write("lake/meta/backfills/last.json", "{\"schema_version\":2}");
    let refused = place.run(&format!("retry {JOB}"));
    assert_eq!(refused.code, 65, "{}", refused.whole());
    assert!(refused.stderr.contains("tieout backfill <job> --from"), "{}", refused.stderr);
    assert_eq!(place.run(&format!("backfill {JOB} {ALL} --jobs 0")).code, 64);
}

#[test]
fn what_no_night_needs_is_told_and_then_removed() {
    let place = Place::with_sample_nights();
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet"));
    let needed = files(&place.path("lake"));
    place.write("lake/staging/2026-11-20.lock", "4711");
    place.write("lake/staging/2026-11-20/breaks.parquet", "half");
    place.write("lake/data/breaks/date=2026-11-21/breaks.parquet", "never named");
    place.write("lake/data/breaks/date=2026-11-17/breaks.parquet.tmp", "stray");
    place.write("lake/data/breaks/date=2026-11-22/breaks.parquet", "being published");
    place.write("lake/aside/stripe/2026-08-01/abc/report.csv", "damaged");
    place.write("lake/aside/stripe/2026-11-17/abc/report.csv", "damaged");
    // Another run holds this night.
    let lake = Lake::open(&place.path("lake")).unwrap();
    let lock = lake.lock(november(22)).unwrap();
    // Taking the night has swept what the dead run staged: it died again.
    place.write("lake/staging/2026-11-20.lock", "4711");
    place.write("lake/staging/2026-11-20/breaks.parquet", "half");
    let before = files(&place.path("lake"));

    let gc = |more: &str| json(&done(&place, &format!("gc {JOB} --json --now 2026-11-18T02:30:00Z {more}")));
    let paths = |told: &Value| -> Vec<(String, String)> {
        let text = |waste: &Value, key: &str| waste[key].as_str().unwrap().to_owned();
        told["waste"].as_array().unwrap().iter().map(|waste| (text(waste, "path"), text(waste, "why"))).collect()
    };
    let owned = |expected: &[(&str, &str)]| -> Vec<(String, String)> {
        expected.iter().map(|(path, why)| ((*path).to_owned(), (*why).to_owned())).collect()
    };
    let dead = [
        ("data/breaks/date=2026-11-17/breaks.parquet.tmp", "unnamed"),
        ("data/breaks/date=2026-11-21/breaks.parquet", "unnamed"),
        ("staging/2026-11-20", "staged"),
    ];
    let told = gc("--dry-run");
    assert_eq!(
        (paths(&told), &told["removed"], &told["held"]),
        (owned(&dead), &false.into(), &serde_json::json!(["2026-11-22"]))
    );
    assert_eq!(told["bytes"], "stray".len() + "never named".len() + "half".len());
    let aside = gc("--dry-run --aside-older-than 30");
    assert_eq!(paths(&aside), owned(&[&[("aside/stripe/2026-08-01/abc/report.csv", "aside")][..], &dead].concat()));
    assert!(before == files(&place.path("lake")), "a dry run touches nothing");

    let shown = done(&place, &format!("gc {JOB} --now 2026-11-18T02:30:00Z"));
    assert!(shown.stdout.starts_with("removed 3 paths, 20 bytes\n"), "{}", shown.stdout);
    assert!(shown.stdout.contains("left alone: 2026-11-22, which another run holds"), "{}", shown.stdout);
    drop(lock);
    assert_eq!(
        paths(&gc("--aside-older-than 30")),
        owned(&[("aside/stripe/2026-08-01/abc/report.csv", "aside"), ("data/breaks/date=2026-11-22/breaks.parquet", "unnamed")])
    );
    assert_eq!(paths(&gc("--aside-older-than 2")), owned(&[]), "that night was a day ago");
    assert_eq!(paths(&gc("--aside-older-than 1")), owned(&[("aside/stripe/2026-11-17/abc/report.csv", "aside")]));
    assert!(needed == files(&place.path("lake")), "all that a night needs is there");
    assert_eq!(paths(&gc("")), owned(&[]));
    done(&place, &format!("verify {JOB} --date 2026-11-17 --quiet"));
}

/// A run that dies between its manifest and its line of the trail: the nights after it are known to be stale all the same.
#[test]
fn what_the_trail_does_not_tell_of_is_looked_for() {
    let place = Place::with_sample_nights();
    done(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-18 --quiet"));
    let told = String::from_utf8(place.read("lake/meta/audit.jsonl")).unwrap();
    let file = "sample-data/merchant/orders_20261117.csv";
    let delivered = String::from_utf8(place.read(file)).unwrap();
    place.write(file, delivered.replacen(",web,", ",app,", 1));
    let stale = || Lake::open(&place.path("lake")).unwrap().stale().unwrap();
    assert!(stale().is_empty());
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet"));
    assert_eq!(stale(), [november(18)].into());
    for trail in [told.as_str(), ""] {
        place.write("lake/meta/audit.jsonl", trail);
        assert_eq!(stale(), [november(18)].into(), "{trail}");
    }
}

#[test]
fn what_was_received_ends_when_a_person_says_so() {
    let place = Place::with_sample_nights();
    for night in [17, 18] {
        done(&place, &format!("run {JOB} --date 2026-11-{night} --quiet"));
    }
    // Of a night that was never published: nothing else tells of it.
    place.write("lake/raw/stripe/2026-11-16/abc/report.csv", "received");
    let before = lake_files(&place);
    let of_night = |night: u32| -> Vec<String> {
        let is_of = |path: &&String| path.starts_with("raw/") && path.contains(&format!("/2026-11-{night}/"));
        before.keys().filter(is_of).cloned().collect()
    };
    let gc = |more: &str| json(&done(&place, &format!("gc {JOB} --json --now 2026-11-20T02:30:00Z {more}")));
    let waste = |told: &Value| -> Vec<String> {
        let path = |waste: &Value| {
            assert_eq!(waste["why"], "received");
            waste["path"].as_str().unwrap().to_owned()
        };
        told["waste"].as_array().unwrap().iter().map(path).collect()
    };
    assert!(waste(&gc("")).is_empty() && waste(&gc("--received-older-than 4")).is_empty());
    let would = waste(&gc("--received-older-than 3 --dry-run"));
    assert!(would.len() > 5 && would == of_night(17), "{would:?}");
    assert!(before == lake_files(&place), "a dry run touches nothing");

    // Another run holds the night.
    let lake = Lake::open(&place.path("lake")).unwrap();
    let lock = lake.lock(november(17)).unwrap();
    let told = gc("--received-older-than 3");
    assert_eq!((waste(&told), &told["held"]), (Vec::new(), &serde_json::json!(["2026-11-17"])));
    drop(lock);
    let shown = done(&place, &format!("gc {JOB} --received-older-than 3 --dry-run --now 2026-11-20T02:30:00Z"));
    assert!(shown.stdout.contains(&format!("raw/*/2026-11-17  received long ago, {} files", would.len())), "{}", shown.stdout);
    assert_eq!(waste(&gc("--received-older-than 3 --by Ada")), would);
    assert!(waste(&gc("--received-older-than 3")).is_empty());

    let mut expected = before.clone();
    expected.retain(|path, _| !would.contains(path));
    let mut left = lake_files(&place);
    let trail = [&mut expected, &mut left].map(|files| String::from_utf8(files.remove("meta/audit.jsonl").unwrap()).unwrap());
    assert!(left == expected, "nothing else went");
    let line: Value = serde_json::from_str(trail[1].strip_prefix(&trail[0]).unwrap()).unwrap();
    let said = ["action", "business_date", "actor"].map(|key| line[key].as_str().unwrap());
    assert_eq!(said, ["received_removed", "2026-11-17", "Ada"]);
    assert!(!place.path("lake/raw/stripe/2026-11-17").exists(), "no empty folder is left");
    done(&place, &format!("verify {JOB} --chain --quiet"));
    done(&place, &format!("verify {JOB} --from 2026-11-18 --quiet"));
    let refused = place.run(&format!("verify {JOB} --date 2026-11-17 --quiet"));
    let says = |part: &str| refused.stderr.contains(part);
    assert!(refused.code == 65 && says("was removed from the archive at 20") && says("for its age"), "{}", refused.whole());
    for asked in ["status", "explain", "export page", "export workbook", "export evidence"] {
        let more = match asked {
            "status" => String::new(),
            "explain" => "SO20261117000004".to_owned(),
            _ => format!("--date 2026-11-17 {} {}", if asked == "export evidence" { "--out" } else { "--to" }, "written"),
        };
        done(&place, &format!("{asked} {JOB} {more}"));
        let _ = std::fs::remove_file(place.path("written"));
    }
    // Restated now, it leaves a night behind that stands on what it was: they are closed anew, in order.
    let file = "sample-data/merchant/orders_20261117.csv";
    let delivered = String::from_utf8(place.read(file)).unwrap();
    place.write(file, delivered.replacen(",web,", ",app,", 1));
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet"));
    done(&place, &format!("gc {JOB} --received-older-than 3 --now 2026-11-20T02:30:00Z"));
    let refused = place.run(&format!("run {JOB} --date 2026-11-19 --quiet"));
    let way = "tieout backfill <job> --from 2026-11-17 --to <last night>";
    assert!(refused.code == 65 && refused.stderr.contains(way), "{}", refused.whole());
    done(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-19 --quiet"));
    // Whoever delivers them anew has them verified again.
    let again = json(&done(&place, &format!("run {JOB} --date 2026-11-17 --json")));
    assert_eq!(again["changed"], false);
    done(&place, &format!("verify {JOB} --date 2026-11-17 --quiet"));
}

/// The files of its lake, by their paths.
fn lake_files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    files(&place.path("lake")).into_iter().map(|(path, bytes)| (path.into_os_string().into_string().unwrap(), bytes)).collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Makes a published night one of an older version: a table lacks a column it has today, and the manifest says so.
fn age(place: &Place, night: &str, table: &str, column: &str, previous: Option<&str>) -> String {
    let path = format!("lake/data/{table}/date={night}/{table}.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(place.path(&path)).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let schema = batches[0].schema();
    let kept: Vec<usize> = (0..schema.fields().len()).filter(|&at| schema.field(at).name() != column).collect();
    assert_eq!(kept.len() + 1, schema.fields().len());
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::new(schema.project(&kept).unwrap()), None).unwrap();
    for batch in batches {
        writer.write(&batch.project(&kept).unwrap()).unwrap();
    }
    writer.close().unwrap();
    place.write(&path, &bytes);
    let path = format!("lake/meta/nights/{night}/1.json");
    let mut manifest: Value = serde_json::from_slice(&place.read(&path)).unwrap();
    manifest["version"] = "0.0.9".into();
    manifest["inputs_sha256"] = "0".repeat(64).into();
    if let Some(previous) = previous {
        manifest["previous_night"]["manifest_sha256"] = previous.into();
    }
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize + 8;
    for output in manifest["outputs"].as_array_mut().unwrap().iter_mut().filter(|output| output["table"] == table) {
        output["bytes"] = bytes.len().into();
        output["sha256"] = digest(&bytes).into();
        output["footer_sha256"] = digest(&bytes[bytes.len() - footer..]).into();
    }
    let text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
    fs::remove_file(place.path(&path)).unwrap();
    place.write(&path, &text);
    digest(text.as_bytes())
}

#[test]
fn nights_of_an_older_version_are_refused_with_the_way_forward_which_leads_there() {
    for (table, column) in [("open_items", "expected_by"), ("payouts", "bank_reference")] {
        let place = Place::with_sample_nights();
        let fresh = Place::with_sample_nights();
        done(&fresh, &format!("backfill {JOB} {ALL} --quiet"));
        done(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-18 --quiet"));
        let first = age(&place, "2026-11-17", table, column, None);
        age(&place, "2026-11-18", table, column, Some(&first));
        let refused = place.run(&format!("run {JOB} --date 2026-11-19"));
        assert_eq!(refused.code, 65, "{}", refused.whole());
        assert!(refused.stderr.contains("tables of another version of tieout"), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("next: close the nights again, from the first on: tieout backfill <job> --from"),
            "{}",
            refused.stderr
        );
        let told = json(&done(&place, &format!("backfill {JOB} {ALL} --json")));
        let generations: Vec<&Value> = told["nights"].as_array().unwrap().iter().map(|night| &night["generation"]).collect();
        assert_eq!(generations, [2, 2, 1]);
        for night in ["2026-11-17", "2026-11-18", "2026-11-19"] {
            assert!(tables(&place, night) == tables(&fresh, night), "{table} {night}");
        }
    }
}

#[test]
fn a_manifest_of_another_layout_is_refused_with_the_way_forward() {
    let place = Place::with_sample_nights();
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet"));
    let path = "lake/meta/nights/2026-11-17/1.json";
    let text = String::from_utf8(place.read(path)).unwrap();
    for (other, found) in [("\"schema_version\": 2", "found: 2"), ("\"schema_versions\": 1", "found: none")] {
        fs::remove_file(place.path(path)).unwrap();
        place.write(path, text.replacen("\"schema_version\": 1", other, 1));
        for command in ["run", "verify", "plan"] {
            let ran = place.run(&format!("{command} {JOB} --date 2026-11-17"));
            assert_eq!(ran.code, 65, "{}", ran.whole());
            for said in [
                "written by another version of tieout",
                "expected: schema_version 1",
                found,
                "next: use the version of tieout that wrote the lake",
            ] {
                assert!(ran.stderr.contains(said), "{command} {said}: {}", ran.stderr);
            }
        }
    }
}

const SECRETIVE: &str = r#"name = "secretive"
lake = "lake"
timezone = "UTC"

[[provider]]
name = "stripe"
account = "acct_1"
format = "stripe/payout_reconciliation"
settles_in = "1 business day"
fee = [{ percent = "2.9" }, { percent = "1.0", currency = "EUR" }]
[provider.source.https]
url = "https://files.example.com/{date:%Y%m%d}.csv?sig=abcdefsecret"
token = { command = ["sh", "-c", "echo tok_verysecret"] }

[merchant.orders.source.query]
database = "shop"
sql = "SELECT 1"

[[database]]
name = "shop"
postgres = { url = "postgres://reader@localhost/shop", password = { env = "SHOP_PASSWORD" } }

[severity.currency.JPY]
medium = "1"
high = "2"
critical = "3"
"#;

#[test]
fn a_job_is_shown_key_by_key_without_its_secrets() {
    let place = Place::empty();
    place.write("job.toml", SECRETIVE);
    let told = done(&place, "config show job.toml --json");
    let all = json(&told);
    let setting = |key: &str| {
        all["settings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap_or_else(|| panic!("{key}: {}", told.stdout))
    };
    let is = |key: &str, value: Value, origin: &str, line: Value| {
        let found = setting(key);
        assert_eq!((&found["value"], found["origin"].as_str().unwrap(), &found["line"]), (&value, origin, &line), "{key}");
    };
    is("timezone", "\"UTC\"".into(), "job", 3.into());
    is("provider[1].settles_in", "\"1 business day\"".into(), "job", 9.into());
    is("provider[1].fee[2].currency", "\"EUR\"".into(), "job", 10.into());
    is("provider[1].fee[1].rounding", "\"half_up\"".into(), "default", Value::Null);
    is("provider[1].required", "true".into(), "default", Value::Null);
    is("provider[1].publishes", "\"every day\"".into(), "default", Value::Null);
    is("provider[1].calendar", Value::Null, "not_given", Value::Null);
    is("provider[1].source.https.url", "\"https://files.example.com/{date:%Y%m%d}.csv?…\"".into(), "job", 12.into());
    is("provider[1].source.https.token", Value::Null, "secret", 13.into());
    is("database[1].postgres.password", Value::Null, "secret", 21.into());
    is("analysis.abandoned_after", "\"2 hours\"".into(), "default", Value::Null);
    is("severity.medium", "\"100\"".into(), "default", Value::Null);
    is("severity.currency.JPY.high", "\"2\"".into(), "job", 25.into());
    is("merchant.refunds", Value::Null, "not_given", Value::Null);
    is("journal", Value::Null, "not_given", Value::Null);
    assert_eq!(setting("database[1].postgres.password")["place"], "environment variable SHOP_PASSWORD");
    assert_eq!(setting("provider[1].source.https.token")["place"], "command sh");
    // Every key of the schema that a job may have at its top is there.
    for key in tieout::job::json_schema()["properties"].as_object().unwrap().keys() {
        assert!(
            all["settings"].as_array().unwrap().iter().any(|setting| setting["key"].as_str().unwrap().starts_with(key.as_str())),
            "{key}"
        );
    }
    let shown = done(&place, "config show job.toml");
    for ran in [&told, &shown] {
        assert!(!ran.stdout.contains("verysecret") && !ran.stdout.contains("abcdefsecret"), "{}", ran.stdout);
    }
    assert!(shown.stdout.contains("environment variable SHOP_PASSWORD"), "{}", shown.stdout);
    place.write("job.toml", SECRETIVE.replace("timezone", "timezon"));
    assert_eq!(place.run("config show job.toml").code, 78);
    assert!(Path::new(&place.path("lake")).metadata().is_err(), "nothing is touched");
}
