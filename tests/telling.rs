//! Those who watch a run: what each is told, and that a run goes as it would without them, whatever becomes of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Place, Ran};
use crate::nights::files;
use crate::source::server::{Says, Server};

const RUN: &str = "run jobs/nightly.toml --date 2026-11-17";
const STRIPE: &str = "sample-data/provider/stripe/payout_reconciliation_20261117.csv";

fn text(place: &Place, path: &str) -> String {
    String::from_utf8(place.read(path)).unwrap()
}

fn lines(place: &Place, path: &str) -> Vec<Value> {
    text(place, path).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What was published.
fn data(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = files(&place.path("lake/data"));
    found.extend(files(&place.path("lake/meta/nights")));
    found
}

fn closed(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.whole());
}

/// A sample of a metric.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

/// The text format of Prometheus, strictly: of each metric its help, its type, then its samples, each once.
fn samples(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'));
    let (mut samples, mut metric, mut seen): (Vec<Sample>, _, _) = (Vec::new(), String::new(), BTreeSet::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            rest.split_once(' ').unwrap().0.clone_into(&mut metric);
            assert!(seen.insert(metric.clone()), "{metric} twice");
            assert_eq!(lines.next().unwrap(), format!("# TYPE {metric} gauge"));
            assert!(lines.peek().unwrap().starts_with(&metric), "{metric} has samples");
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap();
        assert_eq!(name, metric, "{line}");
        let (labels, value) = rest.rsplit_once("} ").unwrap();
        let mut pairs = BTreeMap::new();
        for pair in labels.split("\",").filter(|pair| !pair.is_empty()) {
            let (label, value) = pair.trim_end_matches('"').split_once("=\"").unwrap();
            assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            assert!(!value.contains("2026-"), "a date is no label: {line}");
            assert!(pairs.insert(label.to_owned(), value.to_owned()).is_none(), "{line}");
        }
        assert_eq!(pairs["job"], "nightly");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let sample = Sample { name: name.to_owned(), labels: pairs, value: value.to_owned() };
        assert!(!samples.iter().any(|other| (&other.name, &other.labels) == (&sample.name, &sample.labels)), "{line}");
        samples.push(sample);
    }
    samples
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> String {
    let is = |sample: &&Sample| {
        sample.name == name && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|of| of == value))
    };
    let found: Vec<&Sample> = samples.iter().filter(is).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?} in {samples:#?}");
    found[0].value.clone()
}

#[test]
fn metrics_say_what_the_summary_says() {
    let place = Place::with_sample_nights();
    let ran = place.run(&format!("{RUN} --json --metrics-file night.prom"));
    closed(&ran);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of_night = samples(&text(&place, "night.prom"));
    let is = |name: &str, labels: &[(&str, &str)], expected: &str| assert_eq!(value(&of_night, name, labels), expected);
    for output in summary["outputs"].as_array().unwrap() {
        is("tieout_rows", &[("table", output["table"].as_str().unwrap())], &output["rows"].to_string());
    }
    for (state, types) in summary["totals"]["breaks"].as_object().unwrap() {
        for (kind, count) in types.as_object().unwrap() {
            is("tieout_breaks", &[("type", kind), ("state", state)], &count.to_string());
        }
    }
    is("tieout_exit_code", &[], "0");
    is("tieout_changed", &[], "1");
    is("tieout_complete", &[], "1");
    is("tieout_rejected_lines", &[], &summary["totals"]["rejects"].to_string());
    // Midnight in Shanghai.
    is("tieout_last_business_date_timestamp_seconds", &[], "1794844800");
    is("tieout_open_amount", &[("provider", "alipay"), ("currency", "CNY")], "684.00");
    let stages: BTreeSet<&str> = of_night
        .iter()
        .filter(|sample| sample.name == "tieout_duration_seconds")
        .map(|sample| sample.labels["stage"].as_str())
        .collect();
    assert!(["all", "publishing", "reading_files", "reconciling"].iter().all(|stage| stages.contains(stage)), "{stages:?}");
}

#[test]
fn a_run_that_fails_keeps_the_last_success() {
    let place = Place::with_sample_nights();
    closed(&place.run(&format!("{RUN} --quiet --metrics-file night.prom")));
    let before = samples(&text(&place, "night.prom"));
    place.remove(STRIPE.replace("17.csv", "18.csv").as_str());
    let failed = place.run("run jobs/nightly.toml --date 2026-11-18 --quiet --metrics-file night.prom");
    assert_eq!(failed.code, 66, "{}", failed.whole());
    let after = samples(&text(&place, "night.prom"));
    assert_eq!(value(&after, "tieout_exit_code", &[]), "66");
    assert_eq!(value(&after, "tieout_changed", &[]), "0");
    let of_run = ["tieout_exit_code", "tieout_changed", "tieout_duration_seconds", "tieout_last_run_timestamp_seconds"];
    let kept = |samples: Vec<Sample>| -> Vec<Sample> {
        samples.into_iter().filter(|sample| !of_run.contains(&sample.name.as_str())).collect()
    };
    let before = kept(before);
    assert!(before.iter().any(|sample| sample.name == "tieout_last_success_timestamp_seconds"));
    assert_eq!(kept(after), before);
    // Neither does a job that cannot be read change what is known, nor one that has never been seen begin with it.
    place.write("jobs/broken.toml", "name = ");
    let broken = |file: &str| {
        let ran = place.run(&format!("run jobs/broken.toml --date 2026-11-18 --metrics-file {file}"));
        assert_eq!(ran.code, 78, "{}", ran.whole());
        text(&place, file)
    };
    assert_eq!(kept(samples(&broken("night.prom"))), before);
    assert!(broken("other.prom").contains("tieout_exit_code{job=\"broken\"} 78\n"));
    let beside: Vec<PathBuf> =
        files(&place.path(".")).into_keys().filter(|path| path.to_str().unwrap().contains("prom")).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
}

/// The pairs of events of every run, and what they hold.
#[test]
fn lineage_tells_of_the_beginning_and_of_the_end() {
    let place = Place::with_sample_nights();
    let run = |more: &str| place.run(&format!("{RUN} --json --lineage lineage.ndjson {more}"));
    let first = run("");
    closed(&first);
    let summary: Value = serde_json::from_str(&first.stdout).unwrap();
    closed(&run(""));
    place.replace(STRIPE, "reporting_category", "reporting_kind");
    assert_eq!(run("").code, 65);
    let events = lines(&place, "lineage.ndjson");
    let kinds: Vec<&str> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["START", "COMPLETE", "START", "COMPLETE", "START", "FAIL"]);
    for pair in events.chunks(2) {
        assert_eq!(pair[0]["run"]["runId"], pair[1]["run"]["runId"]);
        assert_eq!(pair[0]["job"], pair[1]["job"]);
        let nominal = &pair[0]["run"]["facets"]["nominalTime"];
        assert_eq!(
            [&nominal["nominalStartTime"], &nominal["nominalEndTime"]],
            ["2026-11-16T16:00:00.000Z", "2026-11-17T16:00:00.000Z"]
        );
    }
    assert_eq!(events[0]["run"]["runId"], summary["run_id"]);
    assert_eq!((&events[0]["job"]["namespace"], &events[0]["job"]["name"]), (&"tieout".into(), &"nightly".into()));
    let outputs = events[1]["outputs"].as_array().unwrap();
    for (event, output) in outputs.iter().zip(summary["outputs"].as_array().unwrap()) {
        let table = output["table"].as_str().unwrap();
        let name = event["name"].as_str().unwrap();
        assert!(name.starts_with('/') && name.ends_with(&format!("/lake/data/{table}")), "{name}");
        assert_eq!(event["outputFacets"]["outputStatistics"]["rowCount"], output["rows"]);
        assert!(!event["facets"]["schema"]["fields"].as_array().unwrap().is_empty());
    }
    let inputs: Vec<&str> = events[1]["inputs"].as_array().unwrap().iter().map(|input| input["name"].as_str().unwrap()).collect();
    assert!(inputs.iter().any(|name| name.ends_with("/lake/raw/stripe")), "{inputs:?}");
    // Nothing was written the second time, and why the third failed is told without what a file holds.
    assert!(events[3]["outputs"].as_array().unwrap().iter().all(|output| output.get("outputFacets").is_none()));
    let why = &events[5]["run"]["facets"]["errorMessage"]["message"];
    assert_eq!(why, "a file is corrupt, of another layout, or does not tie");
}

#[test]
fn lineage_and_pings_are_posted() {
    let server = Server::start(|_| Says::new(200, "OK"));
    let place = Place::with_sample_nights();
    place.write_secret("ping", &format!("{}/ping/3f0c1f56-secret", server.endpoint()));
    let ran = place.run(&format!("{RUN} --json --lineage {}/api/v1/lineage --ping file:ping", server.endpoint()));
    closed(&ran);
    assert_eq!(ran.stderr, "");
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let heard = server.heard();
    let id = summary["run_id"].as_str().unwrap();
    let targets: Vec<&str> = heard.iter().map(|request| request.target.as_str()).collect();
    let (start, end) = (format!("/ping/3f0c1f56-secret/start?rid={id}"), format!("/ping/3f0c1f56-secret/0?rid={id}"));
    assert_eq!(targets, [&start, "/api/v1/lineage", "/api/v1/lineage", &end]);
    assert!(heard.iter().all(|request| request.method == "POST"));
    let event: Value = serde_json::from_str(&heard[1].body).unwrap();
    assert_eq!((&event["eventType"], heard[1].header("content-type")), (&"START".into(), "application/json"));
    assert_eq!(heard[3].body, "nightly 2026-11-17: published\nall is well\ngeneration 1, 4 breaks are open\n");
    // Of a job that cannot be read, too.
    place.write("jobs/broken.toml", "name = ");
    place.run("run jobs/broken.toml --date 2026-11-18 --ping file:ping");
    let heard = server.heard();
    assert!(heard[4].target.contains("/start?") && heard[5].target.contains("/78?"), "{heard:?}");
}

#[test]
fn a_ping_is_tried_three_times_and_its_address_never_shown() {
    let server = Server::start(|_| Says::new(503, "later"));
    let place = Place::with_sample_nights();
    let address = format!("{}/very-secret", server.endpoint());
    let mut command = place.command(&format!("{RUN} --json --ping env:PING_ADDRESS"));
    let output = command.env("PING_ADDRESS", &address).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(server.heard().len(), 6, "three times each");
    let said = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("warning: cannot ping: the answer is 503"), "{said}");
    assert!(!said.contains("very-secret"), "{said}");
    for wrong in [
        "http://reports.example.com/very-secret",
        "ftp://127.0.0.1/very-secret",
        "very-secret",
        "https://u:p@127.0.0.1/very-secret",
    ] {
        let ran = place.run(&format!("{RUN} --ping {wrong}"));
        closed(&ran);
        assert!(ran.stderr.contains("warning: cannot ping") && !ran.stderr.contains("very-secret"), "{}", ran.whole());
    }
    let unset = place.run(&format!("{RUN} --ping env:PING_ADDRESS_NOBODY_SETS"));
    closed(&unset);
    assert!(unset.stderr.contains("PING_ADDRESS_NOBODY_SETS"), "{}", unset.whole());
}

/// Whoever watches, and however little of it works: the night is the same.
#[test]
fn nobody_who_watches_changes_the_night() {
    let alone = Place::with_sample_nights();
    closed(&alone.run(RUN));
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hangs = format!("http://{}/x", silent.local_addr().unwrap());
    let watchers = [
        ("--metrics-file night.prom --lineage lineage.ndjson --result-file result.json --log-format json".to_owned(), false),
        ("--metrics-file nowhere/night.prom --lineage nowhere/lineage.ndjson --result-file nowhere/result.json".to_owned(), true),
        ("--metrics-file jobs --lineage jobs --result-file jobs".to_owned(), true),
        ("--metrics-file /dev/full --lineage /dev/full --result-file /dev/full".to_owned(), true),
        (format!("--ping http://{nobody}/x --lineage http://{nobody}/x"), true),
        (format!("--ping {hangs}"), true),
    ];
    for (watchers, warns) in watchers {
        let place = Place::with_sample_nights();
        let ran = place.run(&format!("{RUN} --json {watchers}"));
        closed(&ran);
        assert_eq!(ran.stderr.contains("warning: cannot "), warns, "{watchers}: {}", ran.whole());
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((&summary["status"], &summary["exit_code"]), (&"published".into(), &0.into()));
        assert!(data(&place) == data(&alone), "{watchers}: other bytes");
    }
}

#[test]
fn a_log_is_one_object_a_line() {
    let place = Place::with_sample_nights();
    place.remove(STRIPE);
    let ran = place.run(&format!("{RUN} --partial --log-format json --timings"));
    closed(&ran);
    let events: Vec<Value> = ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &events {
        for key in ["ts", "level", "event", "run_id", "job", "business_date", "message"] {
            assert!(event[key].is_string(), "{key} of {event}");
        }
    }
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(named("stage_began").len(), named("stage_ended").len());
    assert!(named("stage_ended").iter().all(|event| event["took_ms"].is_u64()));
    let left_out = named("left_out");
    assert_eq!((left_out.len(), &left_out[0]["level"], &left_out[0]["code"]), (1, &"warning".into(), &66.into()));
    assert_eq!((named("timings").len(), named("ended").len()), (1, 1));

    let refused = place.run(&format!("{RUN} --log-format json --quiet"));
    let event: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!((refused.code, &event["level"], &event["code"]), (66, &"error".into(), &66.into()));
    place.write(STRIPE, Place::with_sample_nights().read(STRIPE));
    let quiet = place.run(&format!("{RUN} --log-format json --quiet"));
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
}

#[test]
fn every_command_of_a_run_ends_with_its_object() {
    let place = Place::with_sample_nights();
    closed(&place.run(RUN));
    for (command, key) in [
        ("backfill jobs/nightly.toml --from 2026-11-17 --to 2026-11-18", "nights"),
        ("fetch jobs/nightly.toml --date 2026-11-19", "answers"),
        ("ready jobs/nightly.toml --date 2026-11-20", "answers"),
        ("backfill jobs/nightly.toml --from 2026-11-18 --to 2026-11-20", "nights"),
        ("verify jobs/nightly.toml --date 2026-11-17", "nights"),
        ("verify jobs/nightly.toml --chain", "head"),
    ] {
        let (code, lines) = place.merged(&format!("{command} --json"));
        let summary: Value = serde_json::from_str(lines.last().unwrap()).unwrap_or_else(|error| panic!("{error}: {lines:?}"));
        assert_eq!((&summary["exit_code"], &summary["command"]), (&code.into(), &command.split(' ').next().into()), "{summary}");
        assert!(!summary[key].is_null(), "{summary}");
    }
    let result = place.run("backfill jobs/nightly.toml --from 2026-11-18 --to 2026-11-19 --quiet --result-file result.json");
    closed(&result);
    assert_eq!(lines(&place, "result.json")[0]["nights"].as_array().unwrap().len(), 2);
}

/// A link stays a link, and what is no file is written to.
#[test]
fn a_result_is_put_in_place_of_a_file_and_of_nothing_else() {
    let place = Place::with_sample_nights();
    place.write("kept/result.json", "before");
    std::os::unix::fs::symlink("kept/result.json", place.path("result.json")).unwrap();
    closed(&place.run(&format!("{RUN} --quiet --result-file result.json --metrics-file /dev/null")));
    assert!(std::fs::symlink_metadata(place.path("result.json")).unwrap().is_symlink());
    assert_eq!(lines(&place, "kept/result.json")[0]["exit_code"], 0);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    assert_eq!(files(&place.path("kept")).len(), 1, "nothing is left beside it");
}
