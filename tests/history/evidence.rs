//! The evidence of a night: complete, the same twice, and safe to open.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use crate::harness::Place;
use crate::nights::csv_rows;

const JOB: &str = "jobs/nightly.toml";
const ATTEMPTS: &str = "sample-data/merchant/attempts_20261117.csv";

/// The files of an archive by name, in its order.
fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let file = |at: usize, archive: &mut zip::ZipArchive<Cursor<&[u8]>>| {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(file.last_modified(), Some(zip::DateTime::default()), "{:?}", file.name());
        (file.name().unwrap().into_owned(), bytes)
    };
    (0..archive.len()).map(|at| file(at, &mut archive)).collect()
}

fn export(place: &Place, more: &str) -> BTreeMap<String, Vec<u8>> {
    let ran = place.run(&format!("export evidence {JOB} --date 2026-11-17 --out evidence.zip {more}"));
    assert_eq!(ran.code, 0, "{}", ran.whole());
    assert!(!place.path("evidence.zip.part").exists());
    unpacked(&place.read("evidence.zip")).into_iter().collect()
}

/// A first night with a signature, restated, with a card number and a formula where a person looks.
fn place() -> Place {
    let place = Place::with_sample_nights();
    let orders = "sample-data/merchant/refunds_20261117.csv";
    let text = String::from_utf8(place.read(orders)).unwrap();
    let refund =
        "=HYPERLINK(1),SO20261117000003,stripe,SO20261117000003,4111111111111111,2026-11-17T23:00:00+08:00,1.00,USD,succeeded";
    place.write(orders, format!("{text}{refund}\n"));
    place.replace(JOB, "\ntimezone", "\nidentifiers_like_cards = \"kept\"\ntimezone");
    let run = |more: &str| assert_eq!(place.run(&format!("run {JOB} --date 2026-11-17 --quiet {more}")).code, 0);
    run("");
    for (role, by) in [("preparer", "Anna"), ("reviewer", "=Ben")] {
        assert_eq!(place.run(&format!("signoff {JOB} --date 2026-11-17 --role {role} --by {by}")).code, 0);
    }
    place.replace(ATTEMPTS, "SO20261117000001,4200002026111764967000000000,", "SO20261117000001,4200002026111764967000000000x,");
    run("--reopen --reason=restated");
    place
}

#[test]
fn it_holds_what_an_auditor_asks_for() {
    let place = place();
    let pack = export(&place, "");
    let names: Vec<&str> = pack.keys().map(String::as_str).collect();
    for name in [
        "README.txt",
        "approvals.csv",
        "audit.jsonl",
        "breaks.csv",
        "control_totals.csv",
        "difference.csv",
        "format/shipped/stripe/payout_reconciliation.toml",
        "inputs.csv",
        "job/own/nightly.toml",
        "manifest.json",
        "rejects.csv",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(pack["manifest.json"], place.read("lake/meta/nights/2026-11-17/2.json"));
    assert_eq!(pack["job/own/nightly.toml"], place.read(JOB));
    let inputs = csv_rows(&pack["inputs.csv"]);
    assert_eq!(inputs.len(), 8);
    assert!(inputs.iter().all(|row| row["sha256"].len() == 64 && row["lines"].parse::<u64>().unwrap() > 0));
    let totals = csv_rows(&pack["control_totals.csv"]);
    assert!(totals.len() > 20, "{}", totals.len());
    for row in &totals {
        assert_eq!(
            (row["ties"].as_str(), &row["in_count"], &row["in_amount"]),
            ("yes", &row["out_count"], &row["out_amount"]),
            "{row:?}"
        );
    }
    assert!(totals.iter().any(|row| row["currency"] == "CNY" && row["provider"] == "alipay" && row["in_amount"] != "0.00"));
    let acts = csv_rows(&pack["approvals.csv"]);
    let told: Vec<[&str; 3]> = acts.iter().map(|act| [act["deed"].as_str(), &act["by"], &act["counts"]]).collect();
    assert_eq!(told[0], ["signed_as_preparer", "Anna", "no"]);
    assert_eq!((told[1], told[2][0]), (["signed_as_reviewer", "'=Ben", "no"], "reopened"));
    let trail = String::from_utf8(place.read("lake/meta/audit.jsonl")).unwrap();
    assert_eq!(String::from_utf8(pack["audit.jsonl"].clone()).unwrap(), trail, "line for line");
    let head = trail.lines().last().unwrap().rsplit('"').nth(1).unwrap();
    let page = String::from_utf8(pack["README.txt"].clone()).unwrap();
    assert!(page.contains(head) && page.contains("generation 2") && page.contains(env!("CARGO_PKG_VERSION")), "{page}");
    let changed = csv_rows(&pack["difference.csv"]);
    assert!(changed.iter().any(|row| row["table"] == "attempts" && row["column"] == "provider_reference"), "{changed:?}");
    // Of the first generation there is nothing to compare, and its signatures count.
    let first = export(&place, "--generation 1");
    assert!(!first.contains_key("difference.csv"));
    assert_eq!(csv_rows(&first["approvals.csv"]).iter().map(|act| act["counts"].as_str()).collect::<Vec<_>>(), ["yes"; 3]);
}

#[test]
fn it_is_the_same_twice_and_from_a_lake_without_data() {
    let place = place();
    let bytes = |out: &str| {
        assert_eq!(place.run(&format!("export evidence {JOB} --date 2026-11-17 --out {out}")).code, 0);
        place.read(out)
    };
    let one = bytes("one.zip");
    assert!(one == bytes("two.zip"));
    std::fs::remove_dir_all(place.path("lake/data")).unwrap();
    assert!(one == bytes("three.zip"));
    let names: Vec<String> = unpacked(&one).into_iter().map(|(name, _)| name).collect();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len());
}

#[test]
fn no_cell_is_a_formula_or_a_card_number() {
    let place = place();
    let pack = export(&place, "");
    let breaks = String::from_utf8(pack["breaks.csv"].clone()).unwrap();
    assert!(breaks.contains("'=HYPERLINK(1)"), "{breaks}");
    for (name, bytes) in &pack {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(!text.contains("4111111111111111"), "{name}");
        if !name.contains(".csv") {
            continue;
        }
        for row in csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]).records().map(Result::unwrap) {
            for cell in &row {
                let is_number = cell.strip_prefix('-').is_some_and(|rest| rest.parse::<f64>().is_ok());
                assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {cell}");
            }
        }
    }
}

#[test]
fn a_broken_trail_is_no_evidence() {
    let place = place();
    let trail = "lake/meta/audit.jsonl";
    let text = String::from_utf8(place.read(trail)).unwrap();
    place.write(trail, text.lines().next().unwrap().to_owned() + "\n");
    let ran = place.run(&format!("export evidence {JOB} --date 2026-11-17 --out evidence.zip"));
    assert_eq!(ran.code, 65, "{}", ran.whole());
    assert!(ran.stderr.contains("its end was cut off"), "{}", ran.whole());
    assert!(!place.path("evidence.zip").exists() && !place.path("evidence.zip.part").exists());
    let ran = place.run(&format!("export evidence {JOB} --date 2026-11-17 --out none/evidence.zip"));
    assert_ne!(ran.code, 0);
}
