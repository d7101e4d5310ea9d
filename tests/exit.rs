//! Every exit code, caused for real; and the last line of a run, however it ends: one object of JSON that says the same.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::Command;

use serde_json::Value;
use tieout::error::Exit;
use tieout::report::json;

use crate::harness::{Place, merged};
use crate::schema::wrong_in;

const RUN: &str = "run jobs/nightly.toml --date 2026-11-17 --json";
const STRIPE: &str = "sample-data/provider/stripe/payout_reconciliation_20261117.csv";

/// The last line of a run with both streams as one, which is of this exit code and says so.
#[track_caller]
fn last(code: u8, (exit, lines): (i32, Vec<String>)) -> Value {
    let shown = lines.join("\n");
    assert_eq!(exit, i32::from(code), "{shown}");
    let summary: Value = serde_json::from_str(lines.last().unwrap()).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(summary["exit_code"], code, "{shown}");
    assert_eq!(wrong_in(&json::schema(), &summary), Vec::<String>::new(), "{shown}");
    assert_eq!(summary["schema_version"], 1);
    assert_eq!(summary["run_id"].as_str().unwrap().len(), 36);
    assert!(summary["started"].as_str().unwrap() <= summary["ended"].as_str().unwrap(), "{shown}");
    // What went wrong was said before, for people, and stands in it too.
    if ![0, 10].contains(&code) {
        assert!(lines.iter().any(|line| line.starts_with("error: ")), "{shown}");
        let message = summary["errors"][0]["message"].as_str().unwrap();
        assert!(shown.contains(message.lines().next().unwrap()), "{message}: {shown}");
        assert_eq!(summary["changed"], false, "{shown}");
    }
    let objects = lines.iter().filter(|line| line.starts_with('{')).count();
    assert_eq!(objects, 1, "{shown}");
    summary
}

fn status(summary: &Value) -> &str {
    summary["status"].as_str().unwrap()
}

/// Nothing of the night may be seen.
fn nothing_published(place: &Place) {
    assert!(!place.path("lake/meta/nights").exists(), "nothing may be published");
}

#[test]
fn published_is_0_and_so_is_unchanged() {
    let place = Place::with_sample_nights();
    let first = last(0, place.merged(RUN));
    assert_eq!((status(&first), &first["generation"], &first["changed"]), ("published", &1.into(), &true.into()));
    assert_eq!(
        (&first["command"], &first["job"], &first["business_date"]),
        (&"run".into(), &"nightly".into(), &"2026-11-17".into())
    );
    let again = last(0, place.merged(RUN));
    assert_eq!((status(&again), &again["changed"]), ("unchanged", &false.into()));
    assert_ne!(first["run_id"], again["run_id"]);
    assert_eq!(first["totals"], again["totals"], "what is said of the night depends on no clock");
}

#[test]
fn more_open_breaks_than_allowed_are_10() {
    let place = Place::with_sample_nights();
    let summary = last(10, place.merged(&format!("{RUN} --fail-on 0")));
    assert_eq!((status(&summary), &summary["changed"]), ("published", &true.into()));
}

#[test]
fn a_command_line_that_is_wrong_is_64() {
    let place = Place::with_sample_nights();
    for wrong in [
        "run jobs/nightly.toml --json",
        "run jobs/nightly.toml --date 17.11. --json",
        "run --jsonn --json",
        &format!("{RUN} --x"),
    ] {
        let summary = last(64, place.merged(wrong));
        assert_eq!((status(&summary), &summary["command"]), ("failed", &"run".into()));
    }
    let result = place.merged(&format!("{RUN} --x --result-file result.json --log-format=json"));
    let lines = result.1.clone();
    assert_eq!((result.0, lines.len()), (64, 2), "{lines:?}");
    let event: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&event["level"], &event["code"]), (&"error".into(), &64.into()));
    assert_eq!(String::from_utf8(place.read("result.json")).unwrap().trim_end(), lines[1]);
    // Where nobody asked for JSON there is none.
    assert_eq!(place.run("run jobs/nightly.toml").stdout, "");
}

#[test]
fn a_file_of_another_layout_is_65() {
    let place = Place::with_sample_nights();
    place.replace(STRIPE, "reporting_category", "reporting_kind");
    let summary = last(65, place.merged(RUN));
    assert_eq!(summary["errors"][0]["answer"], "unknown_layout");
    nothing_published(&place);
}

#[test]
fn a_file_that_is_missing_is_66() {
    let place = Place::with_sample_nights();
    place.remove(STRIPE);
    assert_eq!(status(&last(66, place.merged(RUN))), "failed");
    nothing_published(&place);
}

/// No night comes after the last day of time: no file could make a run fail in a place it does not foresee as surely.
#[test]
fn a_failed_assertion_is_a_broken_law_and_70() {
    let place = Place::empty();
    place.write(
        "stripe.csv",
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id\n",
    );
    place.write("orders.csv", "order_id,created_at,amount,currency,status,channel,country,customer_segment\n");
    place.write(
        "job.toml",
        r#"
            name = "last"
            lake = "lake"
            timezone = "UTC"
            [[provider]]
            name = "stripe"
            account = "acct_1"
            format = "stripe/payout_reconciliation"
            source = { files = "stripe.csv" }
            settles_in = "1 day"
            [merchant.orders]
            source = { files = "orders.csv" }
        "#,
    );
    let (code, lines) = place.merged("run job.toml --date +262142-12-31 --json");
    let shown = lines.join("\n");
    // The place in the code, a next step, and not what the assertion says: it may quote what was read.
    assert!(lines[0].starts_with("error: a law is broken, at src/") && lines[0].contains(".rs:"), "{shown}");
    assert!(lines[1].starts_with("  next: "), "{shown}");
    assert!(!shown.contains("panicked") && !shown.contains("last day of time"), "{shown}");
    let summary = last(70, (code, lines));
    assert_eq!(summary["job"], "last");
    nothing_published(&place);
    last(0, place.merged("run job.toml --date 2026-11-17 --json"));
}

#[test]
fn an_output_that_cannot_be_created_is_73() {
    for folder in ["lake", "lake/staging", "lake/raw", "lake/data"] {
        let place = Place::with_sample_nights();
        place.write(folder, "a file where a folder should be");
        last(73, place.merged(RUN));
        nothing_published(&place);
    }
}

#[test]
fn a_write_that_fails_is_74() {
    let place = Place::with_sample_nights();
    // No file may grow beyond a kilobyte; a signal would tell so first.
    let tieout = place.command(RUN);
    let words: Vec<String> = tieout.get_args().map(|word| word.to_str().unwrap().to_owned()).collect();
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let mut limited = Command::new("bash");
    limited.args(["-c", script]).arg(tieout.get_program()).args(words).current_dir(place.path("."));
    last(74, merged(&mut limited));
    nothing_published(&place);
    // The last line itself, where nobody can be told on stdout.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.command(&format!("{RUN} --result-file result.json")).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let summary: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(
        (output.status.code(), &summary["exit_code"], &summary["changed"]),
        (Some(74), &74.into(), &true.into()),
        "{stderr}"
    );
    let kept: Value = serde_json::from_slice(&place.read("result.json")).unwrap();
    assert_eq!(kept, summary);
}

#[test]
fn a_night_that_another_run_holds_is_75() {
    let place = Place::with_sample_nights();
    place.write("lake/staging/2026-11-17.lock", "4711");
    let lock = File::options().write(true).open(place.path("lake/staging/2026-11-17.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(status(&last(75, place.merged(RUN))), "try_again");
    nothing_published(&place);
    drop(lock);
    last(0, place.merged(RUN));
}

#[test]
fn a_secret_that_others_can_read_is_77() {
    let place = Place::with_sample_nights();
    let source = "source = { files = \"../sample-data/provider/stripe/payout_reconciliation_{date:%Y%m%d}.csv\" }";
    place.replace(
        "jobs/nightly.toml",
        source,
        "source = { https = { url = \"http://127.0.0.1:9/{date:%Y%m%d}.csv\", token = { file = \"token\" } } }",
    );
    place.write("jobs/token", "word");
    last(77, place.merged(RUN));
    nothing_published(&place);
}

#[test]
fn a_job_that_does_not_load_is_78() {
    let place = Place::with_sample_nights();
    let summary = last(78, place.merged("run jobs/monthly.toml --date 2026-11-17 --json"));
    assert_eq!((&summary["job"], &summary["business_date"]), (&Value::Null, &"2026-11-17".into()));
    place.replace("jobs/nightly.toml", "name = \"nightly\"", "name = \"nightly\"\nnmae = \"nightly\"");
    last(78, place.merged(RUN));
    for other in ["fetch", "ready"] {
        last(78, place.merged(&format!("{other} jobs/nightly.toml --date 2026-11-17 --json")));
    }
    last(78, place.merged("verify jobs/monthly.toml --date 2026-11-17 --json"));
    for other in ["status jobs/nightly.toml --json", "explain jobs/nightly.toml SO1 --json"] {
        last(78, place.merged(other));
    }
    let (code, lines) = place.merged("backfill jobs/nightly.toml --from 2026-11-17 --to 2026-11-18 --json");
    assert_eq!(code, 78);
    assert_eq!(serde_json::from_str::<Value>(lines.last().unwrap()).unwrap()["exit_code"], 78);
}

#[test]
fn nothing_due_is_99() {
    let place = Place::with_sample_nights();
    place.remove(STRIPE);
    let text = String::from_utf8(place.read("jobs/nightly.toml")).unwrap();
    let account = text.lines().find(|line| line.starts_with("format = \"stripe/")).unwrap().to_owned();
    place.replace("jobs/nightly.toml", &account, &format!("{account}\nexpected_by = \"T+1 10:00 UTC\""));
    let early = format!("{RUN} --now 2026-11-17T20:00:00Z");
    assert_eq!(status(&last(99, place.merged(&early))), "nothing_due");
    nothing_published(&place);
}

/// A signal is in `tests/signals.rs`.
#[test]
fn every_code_of_the_table_is_here() {
    let table = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/error.rs")).unwrap();
    let codes = table.lines().filter_map(|line| line.split_once(" = ")?.1.strip_suffix(',')?.parse().ok());
    let codes: BTreeSet<u8> = codes.collect();
    let tests = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exit.rs")).unwrap()
        + &fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/signals.rs")).unwrap();
    for code in &codes {
        assert!(
            tests.contains(&format!("last({code}, ")) || tests.contains(&format!("Some({code})")),
            "{code} is caused nowhere"
        );
    }
    assert!(codes.contains(&(Exit::Terminated as u8)) && codes.len() == 14, "{codes:?}");
}
