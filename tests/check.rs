//! What `tieout check` finds, all of it at once, each with its place and what to do.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Place, Ran};

/// A job that nothing is wrong with, and a place to check it in.
const SOUND: &str = r#"name = "sound"
lake = "lake"
timezone = "Asia/Shanghai"

[[provider]]
name = "stripe"
account = "acct_1"
format = "stripe/payout_reconciliation"
source = { files = "inbox/stripe_{date:%Y%m%d}.csv" }
settles_in = "1 business day"
fee = [{ percent = "2.9", fixed = "0.30" }]

[merchant.orders]
source = { files = "inbox/orders_{date:%Y%m%d}.csv" }
"#;

fn with(job: &str) -> Place {
    let place = Place::empty();
    fs::create_dir(place.path("inbox")).unwrap();
    place.write("job.toml", job);
    place
}

fn check(job: &str) -> Ran {
    with(job).run("check job.toml")
}

/// The first line of each error, in order.
fn errors(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect()
}

/// Checks the sound job with one part replaced, and holds what is said against what is expected.
#[track_caller]
fn says(from: &str, to: &str, expected: &[&str]) {
    assert!(SOUND.contains(from), "{from}");
    let ran = check(&SOUND.replacen(from, to, 1));
    assert_eq!(ran.code, 78, "{}", ran.whole());
    for expected in expected {
        assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
    }
}

#[test]
fn nothing_is_wrong_with_a_sound_job_and_nothing_is_touched() {
    let place = with(SOUND);
    let ran = place.run("check job.toml");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.whole());
    assert!(!place.path("lake").exists());
}

#[test]
fn every_unknown_key_has_its_place_and_what_was_meant() {
    let job = SOUND
        .replace("timezone =", "timzone = \"UTC\"\ntimezone =")
        .replace("settles_in =", "settlesin = \"1 day\"\nsettles_in =")
        .replace("fixed = \"0.30\"", "fixed = \"0.30\", cap = \"1\"")
        .replace("[merchant.orders]", "[merchant.order]\n[merchant.orders]")
        + "\n[analysis]\nretry_in = \"1 hour\"\n";
    let ran = check(&job);
    assert_eq!(ran.code, 78);
    let places = [
        "job.toml:3:1: unknown key `timzone`",
        "job.toml:11:1: unknown key `settlesin` in provider[1]",
        "job.toml:13:43: unknown key `cap` in provider[1].fee[1]",
        "job.toml:15:11: unknown key `order` in merchant",
        "job.toml:20:1: unknown key `retry_in` in analysis",
    ];
    assert_eq!(errors(&ran), places, "{}", ran.stderr);
    for meant in ["timezone", "settles_in", "orders", "retry_within"] {
        assert!(ran.stderr.contains(&format!("next: did you mean `{meant}`?")), "{meant}: {}", ran.stderr);
    }
}

#[test]
fn an_unknown_place_is_named_among_those_there_are() {
    says(
        "files = \"inbox/stripe",
        "file = \"inbox/stripe",
        &["job.toml:9:12: unknown key `file` in provider[1].source", "did you mean `files`?"],
    );
}

#[test]
fn mistakes_of_every_part_are_told_at_once() {
    let job = SOUND
        .replace("Asia/Shanghai", "Asia/Shangai")
        .replace("stripe/payout_reconciliation", "stripe/payout_reconcilation")
        .replace("1 business day", "soon")
        .replace("\"2.9\"", "\"2,9\"")
        .replace("[merchant.orders]", "tolerence = 1\n[merchant.orders]\nformat = \"merchant/refunds\"")
        + "[severity]\nmedium = \"5\"\nhigh = \"4\"\n[[tolerance]]\ncurrency = \"EUR\"\n[[tolerance]]\ncurrency = \"EUR\"\n";
    let ran = check(&job);
    assert_eq!(ran.code, 78);
    let told = [
        "job.toml:13:1: unknown key `tolerence` in provider[1]",
        "job.toml:3:1, timezone: not a time zone",
        "job.toml:8:1, format: no format is called `stripe/payout_reconcilation`",
        "job.toml:10:1, settles_in: not a number of days",
        "job.toml:11:10, fee.percent: this is not a decimal",
        "job.toml:15:1, format: merchant/refunds does not describe orders",
        "job.toml:18:1, severity.medium: the limits of severity do not ascend",
        "job.toml:23:1, currency: two tolerances are of one currency",
    ];
    let said = errors(&ran);
    for told in told {
        assert!(said.iter().any(|said| said.starts_with(told)), "{told}: {}", ran.stderr);
    }
    assert_eq!(said.len(), told.len(), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("did you mean `Asia/Shanghai`?")
            && ran.stderr.contains("did you mean `stripe/payout_reconciliation`?")
    );
}

#[test]
fn names_nobody_knows_are_told_with_the_nearest() {
    says(
        "settles_in",
        "calendar = \"TARGETS\"\nsettles_in",
        &["job.toml:10:1, calendar: no calendar is called `TARGETS`", "did you mean `TARGET`?"],
    );
    says(
        "settles_in",
        "publishes = \"bussiness days\"\nexpected_by = \"10:00\"\nsettles_in",
        &["job.toml:10:13", "did you mean `business days`?"],
    );
    says(
        "name = \"sound\"",
        "name = \"sound\"\nformats = \"layouts\"",
        &["job.toml:2:1, formats: there is no such folder of formats"],
    );
}

#[test]
fn formats_and_calendars_of_the_job_are_looked_at_named_or_not() {
    let place = with(&SOUND.replace("timezone", "formats = \"formats\"\ncalendars = \"calendars\"\ntimezone"));
    place.write(
        "formats/shop/orders.toml",
        "extends = \"merchant/orders\"\ntitel = \"ours\"\n\n[fill]\nammount = { from = \"amount\" }\n",
    );
    place.write(
        "calendars/OURS.toml",
        "title = \"Ours\"\nsource = []\nfrom = 2026-01-01\nto = 2026-12-31\nweekends = [\"sunday\"]\n",
    );
    let ran = place.run("check job.toml");
    assert_eq!(ran.code, 78);
    let said = errors(&ran);
    let told = [
        "formats/shop/orders.toml:2:1: unknown key `titel`",
        "formats/shop/orders.toml:5:1: unknown key `ammount` in fill",
        "calendars/OURS.toml:5:1: unknown key `weekends`, expected one of",
    ];
    for told in told {
        assert!(said.iter().any(|said| said.starts_with(told)), "{told}: {}", ran.stderr);
    }
    for meant in ["title", "amount", "weekend"] {
        assert!(ran.stderr.contains(&format!("did you mean `{meant}`?")), "{meant}: {}", ran.stderr);
    }
    // A job that names neither of them runs.
    assert_eq!(place.run("plan job.toml --date 2026-11-17").code, 0);
}

#[test]
fn files_beside_the_job_are_looked_at() {
    let place = with(&SOUND.replace("timezone", "resolutions = \"resolutions.toml\"\ntimezone"));
    place.write("comments.toml", "[[comment]]\nbreak_id = \"x\"\ntxt = \"a\"\nby = \"b\"\nat = \"c\"\n");
    place.write("resolutions.toml", "[[resolution]]\nbreak_id = \"x\"\nacton = \"accept\"\n");
    let ran = place.run("check job.toml");
    assert_eq!(ran.code, 78);
    let said = errors(&ran);
    assert!(said.iter().any(|said| said.starts_with("comments.toml:3:1: unknown key `txt`")), "{}", ran.stderr);
    assert!(said.iter().any(|said| said.starts_with("resolutions.toml:3:1: unknown key `acton`")), "{}", ran.stderr);
    place.write("resolutions.toml", "");
    let ran = place.run("check job.toml");
    assert_eq!((ran.code, errors(&ran).len()), (78, 1), "{}", ran.stderr);
    // No night depends on comments.
    assert_eq!(place.run("plan job.toml --date 2026-11-17").code, 0);
}

#[test]
fn rules_that_contradict_each_other_are_told() {
    let second = "fixed = \"0.30\" }, { percent = \"1\", currency = \"EUR\" }, { percent = \"2\", method = \"card\" }";
    says("fixed = \"0.30\" }", second, &["may both fit a line, and neither is the narrower"]);
    says(
        "[merchant.orders]",
        "[[tolerance]]\ncurrency = \"Euro\"\n\n[merchant.orders]",
        &["job.toml:14:1, currency: not a currency"],
    );
    says(
        "inbox/orders_{date:%Y%m%d}.csv",
        "inbox/stripe_{date:%Y%m%d}.csv",
        &["two sources take the same file: stripe acct_1, and orders"],
    );
    says("inbox/orders_", "inbox/../inbox/stripe_", &["two sources take the same file"]);
    says("inbox/orders_{date:%Y%m%d}", "**/orders_{date:%Y%m%d}", &["orders takes its files out of the lake"]);
    says("inbox/orders_{date:%Y%m%d}.csv", "lake/raw/orders/*/*/*.csv", &["orders takes its files out of the lake"]);
    let provider = SOUND.split("[merchant").next().unwrap().split_once("\n\n").unwrap().1;
    says("[merchant.orders]", &format!("{provider}[merchant.orders]"), &["stripe acct_1 is named twice"]);
    says("inbox/orders_", "outbox/orders_", &["outbox: the folder of the files of orders is not there"]);
}

#[test]
fn files_that_fit_two_patterns_are_told_of_a_night() {
    let place = with(&SOUND.replace("inbox/orders_{date:%Y%m%d}.csv", "inbox/*_{date:%Y%m%d}.csv"));
    place.write("inbox/stripe_20261117.csv", "");
    let ran = place.run("check job.toml --date 2026-11-17");
    assert!(ran.stderr.contains("two sources take the same file: stripe acct_1, and orders"), "{}", ran.whole());
}

#[test]
fn a_calendar_that_ends_is_told_before_the_night_it_is_needed() {
    let job = SOUND.replace("settles_in", "calendar = \"CN\"\nsettles_in");
    let at = |now: &str| with(&job).run(&format!("check job.toml --now {now}"));
    assert_eq!(at("2026-11-18T02:30:00Z").code, 0);
    let ended = at("2031-01-02T02:30:00Z");
    assert_eq!(ended.code, 78, "{}", ended.whole());
    assert!(
        ended.stderr.contains("job.toml, column calendar of stripe: the calendar CN does not know 2031-01-02"),
        "{}",
        ended.stderr
    );
}

#[test]
fn secrets_are_looked_at_and_sources_asked() {
    // Nobody listens there.
    let https = "source = { https = { url = \"https://127.0.0.1:1/{date:%Y%m%d}.csv\", token = { file = \"token\" } } }";
    let place = with(&SOUND.replace("source = { files = \"inbox/stripe_{date:%Y%m%d}.csv\" }", https));
    let said = |arguments: &str| {
        let ran = place.run(&format!("check job.toml {arguments}"));
        (ran.code, ran.stderr)
    };
    let (code, stderr) = said("--offline");
    assert_eq!(code, 78, "{stderr}");
    assert!(stderr.contains("token: cannot read the secret"), "{stderr}");
    place.write("token", "tok_very_secret");
    fs::set_permissions(place.path("token"), PermissionsExt::from_mode(0o644)).unwrap();
    let (code, stderr) = said("--offline");
    assert_eq!(code, 77, "{stderr}");
    assert!(stderr.contains("others can read this secret") && stderr.contains("chmod 600"), "{stderr}");
    place.write_secret("token", "tok_very_secret");
    assert_eq!(said("--offline"), (0, String::new()));
    let (code, stderr) = said("");
    assert_eq!(code, 75, "{stderr}");
    assert!(stderr.contains("error: stripe acct_1: ") && !stderr.contains("tok_very_secret"), "{stderr}");
    // One that the night may lack is told, and no error.
    place.replace("job.toml", "settles_in", "required = false\nsettles_in");
    assert_eq!(said("").0, 0);
}
