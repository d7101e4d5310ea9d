//! Whole nights over the protocols of the providers, by the real program: six accounts, killed halfway, and every answer
//! a source can give.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod providers;
mod secrets;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Place, Ran};
use crate::nights::files;
use providers::Providers;

/// When it is asked, unless a test says otherwise: 10:30 in Shanghai, the day after.
const MORNING: &str = "2026-11-18T02:30:00Z";
/// Tables that name files, or say when and how they came.
const OF_FILES: [&str; 2] = ["files", "nights"];

/// Runs a command over the night, at that time.
fn at(place: &Place, command: &str, more: &str, now: &str) -> Ran {
    place.run(&format!("{command} job.toml --date 2026-11-17 --now {now} {more}"))
}

fn run(place: &Place, more: &str) -> Ran {
    at(place, "run", more, MORNING)
}

fn close(place: &Place) -> Value {
    let ran = run(place, "--json");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.whole());
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The published tables, by name, without those that name files.
fn tables(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let tables = files(&place.path("lake/data")).into_iter().map(|(path, bytes)| (name(&path), bytes));
    tables.filter(|(name, _)| !OF_FILES.contains(&name.as_str())).collect()
}

/// The same files in folders, and a job that reads them from there.
fn from_folders(fetched: &Place) -> Place {
    let place = Place::empty();
    let mut job = String::new();
    let text = String::from_utf8(fetched.read("job.toml")).unwrap();
    let mut account = String::new();
    for line in text.lines() {
        let line = line.trim();
        account = line.strip_prefix("account = ").map_or(account, |account| account.trim_matches('"').to_owned());
        let line = match (line.strip_prefix("[merchant."), line.starts_with("source = ")) {
            (Some(table), _) => {
                table.trim_end_matches(']').clone_into(&mut account);
                line.to_owned()
            }
            (None, true) => format!("source = {{ files = \"in/{account}/*\" }}"),
            (None, false) => line.to_owned(),
        };
        job += &(line + "\n");
    }
    place.write("job.toml", job);
    for (path, bytes) in files(&fetched.path("lake/meta/deliveries")) {
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (source, account) = (said["source"].as_str().unwrap(), said["account"].as_str().unwrap());
        for file in said["files"].as_array().unwrap() {
            let (name, sha256) = (file["name"].as_str().unwrap(), file["sha256"].as_str().unwrap());
            let kept = fetched.read(&format!("lake/raw/{source}/2026-11-17/{sha256}/{name}"));
            let folder = if account.is_empty() { source } else { account };
            place.write(&format!("in/{folder}/{name}"), kept);
        }
    }
    place
}

fn differing(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    assert!(left.len() > 10 && left.keys().eq(right.keys()), "{:?} and {:?}", left.keys(), right.keys());
    left.iter().filter(|(name, bytes)| right[*name] != **bytes).map(|(name, _)| name.clone()).collect()
}

#[test]
fn six_accounts_close_a_night_as_their_files_do() {
    let providers = Providers::start();
    let place = providers.customer();
    let summary = close(&place);
    let answers = summary["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 10, "one for each file: {answers:#?}");
    assert!(answers.iter().all(|answer| answer["answer"] == "delivered"), "{answers:#?}");
    assert!(summary["totals"]["matches"].as_u64().unwrap() > 10, "{summary:#}");
    assert_eq!(providers.given().values().collect::<Vec<_>>(), [&1, &1, &1, &1, &1, &1, &1, &1, &2], "{:?}", providers.given());

    let folders = from_folders(&place);
    close(&folders);
    assert_eq!(differing(&tables(&place), &tables(&folders)), [""; 0]);
}

/// What is fetched ahead of its night is what the night would have fetched, and is taken once.
#[test]
fn a_backfill_fetches_ahead_and_takes_nothing_twice() {
    let (one, ahead) = (Providers::start(), Providers::start());
    let (closed, backfilled) = (one.customer(), ahead.customer());
    let command = format!("backfill job.toml --from 2026-11-16 --to 2026-11-18 --keep-going --json --now {MORNING} --jobs");
    closed.run(&format!("{command} 1"));
    let ran = backfilled.run(&format!("{command} 3"));
    let told: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let night = told["nights"].as_array().unwrap().iter().find(|night| night["business_date"] == "2026-11-17").unwrap();
    assert_eq!(night["became"], "closed", "{}", ran.whole());
    assert_eq!(one.given(), ahead.given(), "as one night at a time would have taken");
    assert!(!tables(&closed).is_empty());
    assert_eq!(differing(&tables(&closed), &tables(&backfilled)), [""; 0]);
}

#[test]
fn a_night_that_was_killed_goes_on_where_it_was() {
    let providers = Providers::start();
    let undisturbed = providers.customer();
    close(&undisturbed);
    let (given, requests) = (providers.given(), providers.requests());

    let place = providers.customer();
    providers.shelf().stalls = Some("1900000110");
    let mut run_halfway = place.start(&format!("run job.toml --date 2026-11-17 --now {MORNING}"));
    let patience = Instant::now();
    let told = |place: &Place| files(&place.path("lake/meta/deliveries")).len();
    while !(providers.is_stalled("1900000110") && told(&place) == 8) {
        assert!(patience.elapsed() < Duration::from_secs(20), "{} sources have delivered", told(&place));
        std::thread::sleep(Duration::from_millis(5));
    }
    run_halfway.kill().unwrap();
    assert!(!run_halfway.wait().unwrap().success());
    assert!(!place.path("lake/data").exists(), "nothing is published");

    let asked = providers.requests() - requests;
    close(&place);
    let twice: BTreeMap<String, usize> = given.iter().map(|(name, count)| (name.clone(), 2 * count)).collect();
    assert_eq!(providers.given(), twice, "once for each lake");
    assert_eq!(providers.requests() - requests - asked, 2, "the bill that broke off, in its two steps, and nothing else");
    assert_eq!(differing(&tables(&undisturbed), &tables(&place)), [""; 0]);
    assert!(fs::read_dir(place.path("lake/staging")).is_ok_and(|mut left| left.next().is_none()), "nothing is left of the first");

    let requests = providers.requests();
    assert_eq!(close(&place)["changed"], false);
    assert_eq!((providers.requests(), providers.given()), (requests, twice), "nobody is asked again for what was delivered");
}
