//! What a source can answer, told apart in `files`, in what is printed, and by the exit code.

use std::time::Duration;

use tieout::error::Exit;
use tieout::job::Job;
use tieout::lake::Lake;
use tieout::night::{Options, close};
use tieout::source::{Manners, Switchboard};
use tieout::table::delivery::FILES;
use tieout::table::entries::ENTRIES;

use super::providers::{Providers, bill_of, gzip};
use super::{MORNING, at, run};
use crate::harness::{Place, Ran};
use crate::nights::{files, november, rows};

const ACCOUNT: &str = "1900000109";

/// Providers, and who asks for a bill of WeChat Pay. `more` are keys of its account.
fn visit(more: &str) -> (Providers, Place) {
    let providers = Providers::start();
    let place = providers.small_customer(&providers.wechat_pay(0), more);
    (providers, place)
}

/// The answer and the state of the bill in `files`.
fn told(place: &Place) -> (String, String) {
    let files = rows(&Lake::open(&place.path("lake")).unwrap().read(&FILES, november(17)).unwrap());
    let bills: Vec<_> = files.iter().filter(|row| !row["account"].is_empty()).collect();
    assert_eq!(bills.len(), 1, "{bills:#?}");
    (bills[0]["answer"].clone(), bills[0]["state"].clone())
}

/// The last line of a run that published.
fn summary(ran: &Ran) -> serde_json::Value {
    assert_eq!(ran.code, 0, "{}", ran.whole());
    serde_json::from_str(&ran.stdout).unwrap()
}

fn is_published(place: &Place) -> bool {
    place.path("lake/meta/nights").exists()
}

fn own(text: [&str; 2]) -> (String, String) {
    (text[0].to_owned(), text[1].to_owned())
}

#[test]
fn no_bill_is_a_fact_and_the_night_closes() {
    let (providers, place) = visit("");
    providers.shelf().refuses.insert(ACCOUNT, (400, "NO_STATEMENT_EXIST"));
    let ready = at(&place, "ready", "", MORNING);
    assert!(ready.code == 0 && ready.stdout.contains("no_bill"), "{}", ready.whole());
    let summary = summary(&run(&place, "--json"));
    assert_eq!((&summary["answers"][0]["answer"], &summary["complete"]), (&"no_bill".into(), &true.into()));
    assert_eq!(told(&place), own(["no_bill", "none"]));
}

#[test]
fn a_bill_without_payments_is_empty() {
    let (providers, place) = visit("");
    providers.shelf().files.insert(ACCOUNT, gzip(&bill_of(ACCOUNT, None)));
    let summary = summary(&run(&place, "--json"));
    assert_eq!((&summary["answers"][0]["answer"], &summary["complete"]), (&"empty".into(), &true.into()));
    assert_eq!(told(&place), own(["empty", "read"]));
}

#[test]
fn what_is_not_there_is_not_due_late_or_missing_by_the_time() {
    let (providers, place) = visit("expected_by = \"10:00\"\ngrace = \"30 minutes\"\n");
    providers.shelf().refuses.insert(ACCOUNT, (400, "STATEMENT_CREATING"));
    let times = [
        ("2026-11-18T01:59:59Z", 99, "late"),
        ("2026-11-18T02:00:00Z", 75, "late"),
        ("2026-11-18T02:29:59Z", 75, "late"),
        ("2026-11-18T02:30:00Z", 66, "missing"),
    ];
    for (now, code, answer) in times {
        providers.shelf().now = now;
        for command in ["ready", "fetch", "run"] {
            let ran = at(&place, command, "", now);
            assert_eq!(ran.code, code, "{command} at {now}: {}", ran.whole());
            assert!(ran.stderr.contains("no file of wechat_pay 1900000109"), "{}", ran.stderr);
        }
        let fetched = at(&place, "fetch", "--json", now);
        let fetched: serde_json::Value = serde_json::from_str(&fetched.stdout).unwrap();
        let first = &fetched["answers"][0];
        assert_eq!((&first["answer"], &first["exit_code"]), (&answer.into(), &code.into()), "at {now}");
        let stopped = at(&place, "run", "--json", now);
        let stopped: serde_json::Value = serde_json::from_str(&stopped.stdout).unwrap();
        assert_eq!((&stopped["exit_code"], &stopped["errors"][0]["answer"]), (&code.into(), &answer.into()), "at {now}");
        assert!(!is_published(&place));
    }
    for (now, _, answer) in times {
        providers.shelf().now = now;
        let summary = summary(&at(&place, "run", "--partial --json", now));
        assert_eq!((&summary["answers"][0]["answer"], &summary["complete"]), (&answer.into(), &false.into()), "at {now}");
        assert_eq!(told(&place), own([answer, "none"]), "at {now}");
        // Each answer makes one generation, whenever and in whichever words it is given.
        assert_eq!(summary["generation"], if answer == "late" { 1 } else { 2 }, "at {now}");
    }
}

#[test]
fn a_provider_that_is_not_required_may_be_late() {
    let (providers, place) = visit("required = false\n");
    providers.shelf().refuses.insert(ACCOUNT, (400, "STATEMENT_CREATING"));
    assert_eq!(at(&place, "ready", "", MORNING).code, 0);
    let ran = run(&place, "--json");
    assert_eq!(summary(&ran)["complete"], false);
    assert!(ran.stderr.contains("left out"), "{}", ran.stderr);
    assert_eq!(told(&place), own(["missing", "none"]));
    // It comes after all: the night is closed again, with it.
    providers.shelf().refuses.clear();
    let summary = summary(&run(&place, "--json"));
    assert_eq!((&summary["complete"], &summary["generation"]), (&true.into(), &2.into()));
}

#[test]
fn a_restated_bill_makes_a_new_generation() {
    let (providers, place) = visit("");
    let give = |amount: &str| {
        let bill = bill_of(ACCOUNT, Some(("SO20261117000001", amount)));
        providers.shelf().files.insert(ACCOUNT, gzip(&bill));
    };
    let amounts = || {
        let entries = rows(&Lake::open(&place.path("lake")).unwrap().read(&ENTRIES, november(17)).unwrap());
        entries.into_iter().map(|row| row["gross"].clone()).collect::<Vec<_>>()
    };
    give("176.00");
    assert_eq!(summary(&run(&place, "--json"))["generation"], 1);
    // Asked again, it has the hash it had, and is not taken again.
    assert_eq!(at(&place, "fetch", "--again", MORNING).code, 0);
    assert_eq!(providers.given()[ACCOUNT], 1);

    give("177.00");
    assert_eq!(summary(&run(&place, "--json"))["changed"], false, "nobody is asked without a reason");
    let fetched = at(&place, "fetch", "--again", MORNING);
    assert!(fetched.code == 0 && fetched.stdout.contains("RESTATED"), "{}", fetched.whole());
    assert_eq!(files(&place.path("lake/raw/wechat_pay")).len(), 2, "both are kept");
    let summary = summary(&run(&place, "--json"));
    assert_eq!((&summary["generation"], &summary["answers"][0]["answer"]), (&2.into(), &"restated".into()));
    assert_eq!(told(&place), own(["restated", "read"]));
    assert_eq!(amounts(), ["177.00000000"]);
}

/// A run is refused, and tells why; a partial one goes on and keeps the answer.
fn refuses(place: &Place, says: &str, answer: &str) {
    let ran = run(place, "");
    assert_eq!(ran.code, 65, "{}", ran.whole());
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert!(!is_published(place));
    let summary = summary(&run(place, "--partial --json"));
    assert_eq!((&summary["answers"][0]["answer"], &summary["complete"]), (&answer.into(), &false.into()));
    assert_eq!(told(place), own([answer, "refused"]));
    // Places are asked again, later: nothing is published for that.
    let again = at(place, "run", "--partial --json", "2026-11-18T02:31:00Z");
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap_or_else(|_| panic!("{}", again.whole()));
    assert_eq!((&again["changed"], &again["generation"]), (&false.into(), &1.into()));
}

#[test]
fn a_layout_nobody_knows_is_refused() {
    let providers = Providers::start();
    let place = providers.small_customer(&providers.stripe(), "");
    let report = providers.shelf().files["acct_1LanternKettle"].clone();
    let other = String::from_utf8(report).unwrap().replace("reporting_category", "reporting_kind");
    providers.shelf().files.insert("acct_1LanternKettle", other.into_bytes());
    refuses(&place, "reporting_category", "unknown_layout");
}

#[test]
fn a_bill_that_does_not_tie_is_corrupt() {
    let (providers, place) = visit("");
    let bill = String::from_utf8(bill_of(ACCOUNT, Some(("SO20261117000001", "176.00")))).unwrap();
    let (lines, totals) = bill.split_once("总交易单数").unwrap();
    let bill = format!("{lines}总交易单数{}", totals.replace("176.00", "177.00"));
    providers.shelf().files.insert(ACCOUNT, gzip(bill.as_bytes()));
    refuses(&place, "177", "corrupt");
}

#[test]
fn a_bill_of_another_account_is_corrupt() {
    let (providers, place) = visit("");
    providers.shelf().files.insert(ACCOUNT, gzip(&bill_of("1900000110", Some(("SO20261117000001", "176.00")))));
    refuses(&place, "of another account", "corrupt");
}

#[test]
fn a_bill_that_is_not_the_announced_one_is_kept_aside() {
    let (providers, place) = visit("");
    providers.shelf().miscounts = Some(ACCOUNT);
    let job = Job::load(&place.path("job.toml")).unwrap();
    // As the program does, but for its patience.
    let manners = Manners { wait: Duration::from_millis(1), ..Manners::default() };
    let clock = || MORNING.parse().unwrap();
    let try_close = |partial: bool| {
        let options = Options { partial, ..Options::of(november(17)) };
        close(&job, options, &Switchboard::new(manners, &clock, &|_, _| {}), &|_| {})
    };
    let errors = try_close(false).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.exit).collect::<Vec<_>>(), [Exit::BadData], "{errors:?}");
    let aside: Vec<Vec<u8>> = files(&place.path("lake/aside/wechat_pay")).into_values().collect();
    assert_eq!(aside, [providers.shelf().files[ACCOUNT].clone()]);
    assert!(!is_published(&place));
    assert!(!try_close(true).unwrap().manifest.night.complete);
    assert_eq!(told(&place), own(["corrupt", "none"]));
}

#[test]
fn check_asks_unless_told_not_to_and_reads_secrets_in_any_case() {
    let (providers, place) = visit("");
    let check = |more: &str| place.run(&format!("check job.toml --now {MORNING} {more}"));
    assert_eq!(check("--offline").code, 0, "{}", check("--offline").whole());
    assert_eq!(providers.requests(), 0, "nobody is asked");
    let reached = check("");
    assert_eq!((reached.code, reached.stdout.matches("    can be reached\n").count() > 0), (0, true), "{}", reached.whole());
    assert!(providers.requests() > 0 && !place.path("lake").exists(), "asked, and nothing is taken");
    let asked = check("--date 2026-11-17");
    assert_eq!(asked.code, 0, "{}", asked.whole());
    assert!(asked.stdout.contains("    there\n"), "{}", asked.stdout);
    assert!(!providers.given().contains_key(ACCOUNT) && !place.path("lake").exists(), "nothing is taken");
    providers.shelf().refuses.insert(ACCOUNT, (400, "NO_STATEMENT_EXIST"));
    let asked = check("--date 2026-11-17");
    assert!(asked.code == 0 && asked.stdout.contains("    no_bill: NO_STATEMENT_EXIST"), "{}", asked.whole());
    providers.shelf().refuses.insert(ACCOUNT, (400, "STATEMENT_CREATING"));
    let asked = check("--date 2026-11-17");
    assert_eq!(asked.code, 66, "{}", asked.whole());
    assert!(asked.stderr.contains("STATEMENT_CREATING"), "{}", asked.stderr);

    std::fs::remove_file(place.path("bucket_key")).unwrap();
    assert_eq!(check("--offline").code, 78, "{}", check("--offline").whole());
    place.write("bucket_key", "everybody reads it");
    let shown = check("");
    assert_eq!(shown.code, 77, "{}", shown.whole());
    assert!(shown.stderr.contains("chmod 600") && !shown.stderr.contains("everybody"), "{}", shown.stderr);
}
