//! Stale nights, signatures, closed nights and the audit trail, as people meet them.

use std::fs;

use serde_json::Value;
use tieout::error::Exit;
use tieout::night::Options;

use crate::harness::{Place, Ran};
use crate::nights::{Shop, files, messages, november, three_nights};

const JOB: &str = "jobs/nightly.toml";
const ATTEMPTS: &str = "sample-data/merchant/attempts_20261117.csv";

fn closed() -> Place {
    let place = Place::with_sample_nights();
    for night in three_nights() {
        done(&place, &format!("run {JOB} --date {night} --quiet"));
    }
    place
}

/// Runs what must succeed.
#[track_caller]
fn done(place: &Place, command: &str) -> Ran {
    let ran = place.run(command);
    assert_eq!(ran.code, 0, "{command}: {}", ran.whole());
    ran
}

/// Runs what must be refused with `code`, and say `said`.
#[track_caller]
fn refused(place: &Place, command: &str, code: i32, said: &str) -> Ran {
    let ran = place.run(command);
    assert_eq!(ran.code, code, "{command}: {}", ran.whole());
    assert!(ran.stderr.contains(said), "{command}: {said}: {}", ran.whole());
    ran
}

/// Another amount in the records of the first night.
fn restate(place: &Place, from: &str, to: &str) {
    let text = String::from_utf8(place.read(ATTEMPTS)).unwrap();
    let line = text.lines().find(|line| line.starts_with("AT20261117000001-1")).unwrap();
    assert!(line.contains(from));
    place.replace(ATTEMPTS, line, &line.replace(from, to));
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

fn standing(place: &Place, what: &str) -> Vec<Value> {
    let status = json(&done(place, &format!("status {JOB} --json")));
    status["nights"].as_array().unwrap().iter().map(|night| night[what].clone()).collect()
}

fn sign(place: &Place, night: &str, role: &str, by: &str) -> Ran {
    place.run(&format!("signoff {JOB} --date {night} --role {role} --by {by}"))
}

/// Signs and closes a night.
fn close(place: &Place, night: &str) {
    for (role, by) in [("preparer", "Anna"), ("reviewer", "Ben")] {
        assert_eq!(sign(place, night, role, by).code, 0);
    }
}

#[test]
fn what_follows_a_restated_night_is_stale_until_it_is_closed_anew() {
    let place = closed();
    assert_eq!(standing(&place, "stale"), [false, false, false]);
    restate(&place, "176.00", "177.00");
    let ran = done(&place, &format!("run {JOB} --date 2026-11-17"));
    assert!(
        ran.stdout.contains("stale    2 later nights: tieout backfill <job> --from 2026-11-18 --to 2026-11-19"),
        "{}",
        ran.whole()
    );
    assert_eq!(standing(&place, "stale"), [false, true, true]);
    let ran = done(&place, &format!("status {JOB}"));
    assert_eq!(ran.stdout.matches(" STALE\n").count(), 2, "{}", ran.whole());

    // A later night on a stale one is closed, with a warning.
    let ran = place.run(&format!("run {JOB} --date 2026-11-19 --quiet"));
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("carries in what 2026-11-18 left, which is stale"), "{}", ran.whole());

    let ran = done(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-19"));
    assert!(ran.stdout.contains("2026-11-17  2           unchanged"), "{}", ran.whole());
    assert_eq!(ran.stdout.matches("closed anew: it was stale").count(), 2, "{}", ran.whole());
    assert_eq!(standing(&place, "stale"), [false, false, false]);
    assert_eq!(standing(&place, "generation"), [2, 2, 2]);
    // Twice is once.
    let before = files(&place.path("lake"));
    let again = json(&done(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-19 --json")));
    let became: Vec<&str> = again["nights"].as_array().unwrap().iter().map(|night| night["became"].as_str().unwrap()).collect();
    assert_eq!(became, ["unchanged"; 3]);
    assert!(before == files(&place.path("lake")));
}

/// Nights closed after one that came late, and those closed in their order, are the same in the end.
#[test]
fn a_backfill_is_what_closing_in_order_would_have_been() {
    let (late, in_order) = (Shop::generated(8, 4, 60), Shop::generated(8, 4, 60));
    let nights = [17, 18, 19, 20].map(november);
    for night in [nights[0], nights[2], nights[1], nights[3]] {
        late.close(night);
    }
    assert_eq!(late.lake().stale().unwrap(), [nights[2], nights[3]].into());
    for night in nights {
        late.close(night);
        in_order.close(night);
        // But for how often they were published.
        let (mut late, mut in_order) = (crate::nights::said(&late, night), crate::nights::said(&in_order, night));
        for table in ["nights", "rates_history"] {
            assert!(late.remove(table).is_some() && in_order.remove(table).is_some());
        }
        assert!(late == in_order, "{night}");
    }
    assert!(late.lake().stale().unwrap().is_empty());
}

#[test]
fn a_backfill_stops_where_a_night_cannot_be_closed_and_names_what_never_was() {
    let place = Place::with_sample_nights();
    place.remove("sample-data/provider/stripe/payout_reconciliation_20261118.csv");
    let ran = refused(&place, &format!("backfill {JOB} --from 2026-11-16 --to 2026-11-20"), 66, "no file of stripe");
    assert!(ran.stdout.contains("2026-11-16              never closed, and nothing of it is anywhere"), "{}", ran.whole());
    assert!(ran.stdout.contains("2026-11-17  1           closed\n"), "{}", ran.whole());
    assert!(ran.stdout.contains("2026-11-18              NOT CLOSED"), "{}", ran.whole());
    assert!(
        ran.stdout.contains("stopped at 2026-11-18: the nights after it, to 2026-11-20, were not looked at"),
        "{}",
        ran.whole()
    );
    assert_eq!(standing(&place, "business_date"), ["2026-11-17"]);
    let told = json(&place.run(&format!("backfill {JOB} --from 2026-11-17 --to 2026-11-20 --json")));
    assert_eq!((&told["stopped_at"], &told["exit_code"]), (&"2026-11-18".into(), &66.into()));
    refused(&place, &format!("backfill {JOB} --from 2026-11-20 --to 2026-11-22"), 66, "no source has anything of a night");
    refused(&place, &format!("backfill {JOB} --from 2026-11-20 --to 2026-11-19"), 64, "the range ends before it begins");
}

#[test]
fn a_night_is_signed_by_two_people_one_after_the_other() {
    let place = closed();
    let night = "2026-11-17";
    let says = |ran: &Ran, code: i32, said: &str| {
        assert_eq!(ran.code, code, "{}", ran.whole());
        assert!(ran.whole().contains(said), "{said}: {}", ran.whole());
    };
    says(&sign(&place, night, "reviewer", "Ben"), 77, "has no preparer yet");
    says(&sign(&place, night, "preparer", "Anna"), 0, "reviewer  nobody yet");
    says(&sign(&place, night, "reviewer", "ANNA"), 77, "ANNA prepared the night 2026-11-17, and cannot review it");
    says(&sign(&place, night, "preparer", "Carl"), 77, "has a preparer already");
    says(&sign(&place, night, "preparer", "anna"), 0, "signed before, nothing was added");
    says(&sign(&place, night, "reviewer", "Ben"), 0, "published anew only with --reopen --reason");
    says(&sign(&place, "2026-11-20", "preparer", "Anna"), 64, "no night 2026-11-20 was published");
    says(&place.run(&format!("signoff {JOB} --date {night} --role preparer --by=")), 64, "it says nothing");
    let approval = &standing(&place, "approval")[0];
    assert_eq!(
        (&approval["preparer"]["by"], &approval["reviewer"]["by"], &approval["closed"]),
        (&"Anna".into(), &"Ben".into(), &true.into())
    );
    assert!(done(&place, &format!("status {JOB}")).stdout.contains("  2026-11-17  closed: signed by Anna and Ben\n"));

    // Bound to what was published: damaged data is signed by nobody, nor is what is stale.
    let table = "lake/data/breaks/date=2026-11-18/breaks.parquet";
    let bytes = place.read(table);
    place.write(table, &bytes[1..]);
    says(&sign(&place, "2026-11-18", "preparer", "Anna"), 65, "is not what was published");
    place.write(table, &bytes);
    assert_eq!(
        place.run(&format!("signoff {JOB} --date 2026-11-18 --role preparer --by Anna --comment nine_breaks --json")).code,
        0
    );
    done(&place, &format!("verify {JOB} --chain"));
}

#[test]
fn a_closed_night_is_published_anew_only_for_a_reason() {
    let place = closed();
    close(&place, "2026-11-18");
    let run = format!("run {JOB} --date 2026-11-17 --quiet");
    // Nothing changed: nothing to refuse.
    done(&place, &run);
    restate(&place, "176.00", "177.00");
    // A night before a closed one would make it stale.
    let before = files(&place.path("lake/data"));
    refused(&place, &run, 77, "and so closed: 2026-11-18");
    refused(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-19 --quiet"), 77, "--reopen --reason");
    refused(&place, &format!("{run} --reopen"), 64, "--reason");
    assert!(before == files(&place.path("lake/data")), "nothing was published");
    assert_eq!(standing(&place, "generation"), [1, 1, 1]);

    done(&place, &format!("{run} --reopen --reason=wrong_amount --by Carl"));
    assert_eq!(standing(&place, "generation"), [2, 1, 1]);
    let approval = &standing(&place, "approval")[1];
    assert_eq!((&approval["closed"], &approval["voided"].as_array().unwrap().len()), (&false.into(), &2));
    let ran = sign(&place, "2026-11-18", "preparer", "Anna");
    assert!(ran.code == 77 && ran.stderr.contains("the night 2026-11-18 is stale"), "{}", ran.whole());
    // Reopened once, it can be brought up to date; a new generation has no signature.
    done(&place, &format!("backfill {JOB} --from 2026-11-17 --to 2026-11-19 --quiet"));
    assert!(
        done(&place, &format!("status {JOB}"))
            .stdout
            .contains("  2026-11-18  VOIDED: signed by Anna and Ben, before it was published anew\n")
    );
    close(&place, "2026-11-18");
    let trail = String::from_utf8(place.read("lake/meta/audit.jsonl")).unwrap();
    let reopened: Value = serde_json::from_str(trail.lines().find(|line| line.contains("\"reopened\"")).unwrap()).unwrap();
    assert_eq!(
        (&reopened["actor"], &reopened["comment"], &reopened["business_date"], &reopened["generation"]),
        (&"Carl".into(), &"wrong_amount".into(), &"2026-11-18".into(), &1.into())
    );
    done(&place, &format!("verify {JOB} --chain"));
    // A night after all that are closed is nobody's but its own.
    done(&place, &format!("run {JOB} --date 2026-11-19 --quiet"));
}

#[test]
fn a_night_that_could_not_be_read_reopens_nothing() {
    let shop = Shop::of_sample_data();
    for night in three_nights() {
        shop.close(night);
    }
    let lake = shop.lake();
    for (role, by) in [(tieout::lake::Role::Preparer, "Anna"), (tieout::lake::Role::Reviewer, "Ben")] {
        lake.sign(&lake.lock(november(17)).unwrap(), role, by, None).unwrap();
    }
    let bill = shop.data().join("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv");
    fs::write(&bill, fs::read_to_string(&bill).unwrap().replace("应结订单金额", "别的")).unwrap();
    let job = tieout::job::Job::load(&shop.job_file()).unwrap();
    let options = Options { reopen: Some("restated"), ..Options::of(november(17)) };
    let errors = tieout::night::close(&job, options, &crate::nights::board(), &|_| {}).unwrap_err();
    assert_eq!(errors[0].exit, Exit::BadData, "{}", messages(&errors));
    let manifest = lake.manifest(november(17)).unwrap().unwrap();
    assert!(lake.approval(&manifest).unwrap().is_closed());
}

/// The lake of the sample nights with a signature, a reopening and a second generation.
fn eventful() -> Place {
    let place = closed();
    close(&place, "2026-11-17");
    restate(&place, "176.00", "177.00");
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet --reopen --reason=restated --by Carl"));
    done(&place, &format!("signoff {JOB} --date 2026-11-17 --role preparer --by Anna"));
    place
}

const TRAIL: &str = "lake/meta/audit.jsonl";

/// Each is done to a real lake, and seen.
#[test]
fn the_chain_shows_whatever_is_done_to_the_trail() {
    let place = eventful();
    let ran = done(&place, &format!("verify {JOB} --chain"));
    assert!(ran.stdout.contains("whole: 8 lines") && ran.stdout.contains("4 manifests, 4 acts of people"), "{}", ran.whole());
    let head = json(&done(&place, &format!("verify {JOB} --chain --json")))["head"].as_str().unwrap().to_owned();
    let text = String::from_utf8(place.read(TRAIL)).unwrap();
    assert!(text.lines().last().unwrap().contains(&head));

    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().flat_map(|line| [*line, "\n"]).collect::<String>();
    let without = |at: usize| joined(&[&lines[..at], &lines[at + 1..]].concat());
    let swapped = |at: usize| {
        let mut lines = lines.clone();
        lines.swap(at, at + 1);
        joined(&lines)
    };
    let edited = text.replacen("\"actor\":\"Ben\"", "\"actor\":\"Bob\"", 1);
    assert_ne!(edited, text);
    for (what, damaged, said) in [
        ("an edit", edited, "line 5: the audit trail is broken: the line was changed"),
        ("a deletion", without(2), "line 3: the audit trail is broken: a line before it was removed, added or moved"),
        ("a deletion of the first", without(0), "line 1: the audit trail is broken"),
        ("a reorder", swapped(3), "line 4: the audit trail is broken"),
        ("no trail", String::new(), "no line of the night 2026-11-17, generation 1"),
    ] {
        place.write(TRAIL, &damaged);
        let ran = refused(&place, &format!("verify {JOB} --chain"), 65, said);
        assert!(ran.stdout.contains("BROKEN"), "{what}: {}", ran.whole());
    }
    // A truncation at the end, by any number of lines: each was of something that is still there.
    for kept in 0..lines.len() {
        place.write(TRAIL, joined(&lines[..kept]));
        refused(&place, &format!("verify {JOB} --chain"), 65, "its end was cut off");
    }
    place.write(TRAIL, &text);
    done(&place, &format!("verify {JOB} --chain"));
}

#[test]
fn the_chain_shows_what_is_done_to_manifests_and_signatures() {
    let place = eventful();
    for path in ["lake/meta/nights/2026-11-17/1.json", "lake/meta/nights/2026-11-19/1.json", "lake/meta/acts/2026-11-17/2.json"] {
        let bytes = place.read(path);
        let text = String::from_utf8(bytes.clone()).unwrap();
        place.write(path, text.replacen("2026-11-1", "2026-11-2", 1));
        refused(&place, &format!("verify {JOB} --chain"), 65, "was changed");
        place.remove(path);
        refused(&place, &format!("verify {JOB} --chain"), 65, "gone or was changed");
        place.write(path, "{");
        refused(&place, &format!("verify {JOB} --chain"), 65, "cannot be read");
        place.write(path, bytes);
        done(&place, &format!("verify {JOB} --chain"));
    }
    // One that was added.
    place.write("lake/meta/nights/2026-11-19/2.json", place.read("lake/meta/nights/2026-11-19/1.json"));
    place.replace("lake/meta/nights/2026-11-19/2.json", "\"generation\": 1,\n  \"job\"", "\"generation\": 2,\n  \"job\"");
    refused(&place, &format!("verify {JOB} --chain"), 65, "no line of the night 2026-11-19, generation 2");
}

/// What a run that died right after its act or its commit lacks is written by the next, which says that it comes late.
#[test]
fn a_line_that_comes_late_says_so() {
    let place = eventful();
    let text = String::from_utf8(place.read(TRAIL)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    place.write(TRAIL, lines[..lines.len() - 1].join("\n") + "\n");
    refused(&place, &format!("verify {JOB} --chain"), 65, "signed_as_preparer by Anna");
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet"));
    done(&place, &format!("verify {JOB} --chain"));
    let text = String::from_utf8(place.read(TRAIL)).unwrap();
    assert!(text.lines().last().unwrap().contains("written late"), "{text}");
}

#[test]
fn the_trail_says_who() {
    let place = Place::with_sample_nights();
    done(&place, &format!("run {JOB} --date 2026-11-17 --quiet --by Dora"));
    let trail = String::from_utf8(place.read(TRAIL)).unwrap();
    let line: Value = serde_json::from_str(trail.trim_end()).unwrap();
    assert_eq!((&line["actor"], &line["action"]), (&"Dora".into(), &"published".into()));
}
