//! Resolutions: appended to a text beside the job, replayed every night, and kept with the night they were replayed on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tieout::error::Error;
use tieout::job::Job;
use tieout::lake::{Lake, Manifest};
use tieout::money::Amount;
use tieout::night::reperform::Reperformance;
use tieout::night::resolve::{Action, Appended, Decided, Decision, resolve};
use tieout::night::{Closed, Memory};
use tieout::table::TABLES;
use tieout::table::reconciliation::{BREAKS, OPEN_ITEMS, ROLLFORWARD};

use crate::harness::Place;
use crate::nights::{Shop, files, november, three_nights};

type Row = BTreeMap<String, String>;

/// A shop whose job names a file of resolutions.
fn with_resolutions(shop: Shop) -> Shop {
    shop.rewrite_job(|job| job.replacen("timezone =", "resolutions = \"resolutions.toml\"\ntimezone =", 1));
    shop
}

fn file_of(shop: &Shop) -> PathBuf {
    shop.job_file().with_file_name("resolutions.toml")
}

fn decide(shop: &Shop, day: u32, break_id: &str, action: Action, reason: &str) -> Result<Decided, Error> {
    let job = Job::load(&shop.job_file()).unwrap();
    resolve(&job, &Decision { break_id, night: november(day), action, reason, by: "Ann" })
}

fn live(shop: &Shop, day: u32) -> Vec<Row> {
    let is_live = |row: &Row| ["open", "waiting"].contains(&row["state"].as_str());
    shop.rows(&BREAKS, november(day)).into_iter().filter(is_live).collect()
}

fn break_of(shop: &Shop, day: u32, id: &str) -> Option<Row> {
    shop.rows(&BREAKS, november(day)).into_iter().find(|row| row["break_id"] == id)
}

fn amount(text: &str) -> Amount {
    Amount::parse(text.as_bytes(), 8).unwrap()
}

/// Law 6 over the published tables: each night opens with what the one before closed with, and closes with what is live.
#[track_caller]
fn assert_rolls(shop: &Shop, days: &[u32]) {
    let key = |row: &Row| ["provider", "currency", "break_type"].map(|name| row[name].clone());
    let mut left_before: BTreeMap<[String; 3], (i64, Amount)> = BTreeMap::new();
    for &day in days {
        let mut closing = BTreeMap::new();
        for row in shop.rows(&ROLLFORWARD, november(day)) {
            let part = |name: &str| (row[name].parse::<i64>().unwrap(), amount(&row[&format!("{name}_amount")]));
            let [opening, new, cleared, resolved, close] = ["opening", "new", "cleared", "resolved", "closing"].map(part);
            assert_eq!(left_before.remove(&key(&row)).unwrap_or_default(), opening, "{day}: {row:?}");
            let left = (opening.0 + new.0 - cleared.0 - resolved.0, opening.1 + new.1 - cleared.1 - resolved.1);
            assert_eq!(left, close, "{day}: {row:?}");
            if close.0 > 0 {
                closing.insert(key(&row), close);
            }
        }
        assert!(left_before.is_empty(), "{day}: {left_before:?} is lost");
        let mut counted: BTreeMap<[String; 3], (i64, Amount)> = BTreeMap::new();
        for row in live(shop, day) {
            let line = counted.entry(key(&row)).or_default();
            line.0 += 1;
            line.1 += amount(&row["difference"]);
        }
        assert_eq!(counted, closing, "{day}");
        left_before = closing;
    }
}

fn resolved_in_all(shop: &Shop, day: u32) -> i64 {
    shop.rows(&ROLLFORWARD, november(day)).iter().map(|row| row["resolved"].parse::<i64>().unwrap()).sum()
}

#[test]
fn the_decision_of_the_sample_holds_from_its_night_on() {
    let of = |named: bool| {
        let shop = Shop::of_sample_data();
        if named {
            shop.rewrite_job(|job| job.replacen("timezone =", "resolutions = \"data/resolutions.toml\"\ntimezone =", 1));
        }
        for night in three_nights() {
            shop.close(night);
        }
        shop
    };
    let (without, with) = (of(false), of(true));
    for day in [17, 18, 19] {
        let mut rows = [&without, &with].map(|shop| shop.rows(&BREAKS, november(day)));
        let is_decided = |row: &Row| row["break_type"] == "fee_mismatch" && row["merchant_reference"] == "SO20261117000003";
        let decided = rows.each_ref().map(|rows| rows.iter().find(|row| is_decided(row)).unwrap().clone());
        for rows in &mut rows {
            rows.retain(|row| !is_decided(row));
        }
        assert_eq!(rows[0], rows[1], "nothing else is decided");
        let said = decided.map(|row| format!("{} {}", row["state"], row["resolution"]));
        let resolved = "resolved write_off: seven cents: less than it costs to ask (Lin Yue)";
        assert_eq!(said, ["open ", if day == 19 { resolved } else { "open " }], "the {day}th");
    }
    assert_rolls(&with, &[17, 18, 19]);
    assert_eq!(resolved_in_all(&with, 19), 1);
}

#[test]
fn each_action_resolves_its_break_over_three_nights() {
    let shop = with_resolutions(Shop::of_sample_data());
    shop.close(november(17));
    let breaks = live(&shop, 17);
    let chosen: Vec<&Row> = breaks.iter().step_by((breaks.len() / 5).max(1)).take(5).collect();
    assert_eq!(chosen.len(), 5);
    for (row, action) in chosen.iter().zip(Action::ALL) {
        let decided = decide(&shop, 17, &row["break_id"], action, "known to us").unwrap();
        assert_eq!(decided.resolution.said.difference, amount(&row["difference"]));
    }
    let [first, second, third] = three_nights().map(|night| shop.close(night));
    assert_eq!((first.manifest.generation, second.manifest.generation, third.manifest.generation), (2, 1, 1));
    for (row, action) in chosen.iter().zip(Action::ALL) {
        let now = break_of(&shop, 17, &row["break_id"]).unwrap();
        assert_eq!((now["state"].as_str(), &now["resolution"]), ("resolved", &format!("{}: known to us (Ann)", action.word())));
        for day in [18, 19] {
            let later = break_of(&shop, day, &row["break_id"]).map(|row| row["state"].clone());
            assert!(later.is_none_or(|state| state == "resolved"), "{day}: it is no longer live");
        }
    }
    assert_eq!([17, 18, 19].map(|day| resolved_in_all(&shop, day)), [5, 0, 0], "each counts once");
    assert_rolls(&shop, &[17, 18, 19]);
    let told = first.manifest.night.totals["breaks"]["resolved"].as_object().unwrap();
    assert_eq!(told.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 5);
    assert!(first.manifest.night.totals.get("void_resolutions").is_none());
}

/// The break of an attempt of the first night whose counterpart never comes.
fn lasting(shop: &Shop) -> Row {
    let twin = shop.twin();
    for night in three_nights() {
        twin.close(night);
    }
    let of_attempt = |row: &Row| row["break_type"] == "missing_in_provider" && row["first_seen"] == "2026-11-17";
    live(&twin, 19).into_iter().find(of_attempt).unwrap()
}

#[test]
fn a_break_that_says_something_else_is_open_and_says_why() {
    let shop = with_resolutions(Shop::of_sample_data());
    shop.close(november(17));
    let of_attempt = lasting(&shop);
    let (id, attempt) = (&of_attempt["break_id"], &of_attempt["attempt_id"]);
    decide(&shop, 17, id, Action::WriteOff, "too little to ask for").unwrap();
    assert_eq!(shop.close(november(17)).manifest.generation, 2);
    assert_eq!(break_of(&shop, 17, id).unwrap()["state"], "resolved");

    // The merchant states the attempt again, with another amount.
    let [seventeenth, eighteenth] =
        ["20261117", "20261118"].map(|date| shop.data().join(format!("merchant/attempts_{date}.csv")));
    let line = fs::read_to_string(seventeenth)
        .unwrap()
        .lines()
        .find(|line| line.starts_with(&format!("{attempt},")))
        .unwrap()
        .to_owned();
    let cells: Vec<&str> = line.split(',').collect();
    let restated = line.replace(&format!(",{},", cells[cells.len() - 2]), ",7.77,");
    fs::write(&eighteenth, fs::read_to_string(&eighteenth).unwrap() + &restated + "\n").unwrap();
    let closed = shop.close(november(18));
    let now = break_of(&shop, 18, id).unwrap();
    let was = amount(&of_attempt["merchant_amount"]);
    let why =
        format!("void: the resolution of 2026-11-17 by Ann: difference was -{was}, is -7.77, merchant_amount was {was}, is 7.77");
    assert_eq!((now["state"].as_str(), now["resolution"].as_str(), now["detail"].as_str()), ("open", "", why.as_str()));
    assert_eq!((now["first_seen"].as_str(), closed.manifest.night.totals["void_resolutions"].as_u64()), ("2026-11-17", Some(1)));
    // It is told again, and once; and a decision about what it says now resolves it.
    let third = shop.close(november(19));
    assert_eq!((break_of(&shop, 19, id).unwrap()["detail"].as_str(), third.manifest.generation), (why.as_str(), 1));
    decide(&shop, 19, id, Action::Accept, "the merchant's mistake").unwrap();
    let third = shop.close(november(19));
    let now = break_of(&shop, 19, id).unwrap();
    assert_eq!((now["state"].as_str(), now["detail"].as_str(), third.manifest.generation), ("resolved", "", 2));
    assert!(third.manifest.night.totals.get("void_resolutions").is_none());
    assert_rolls(&shop, &[17, 18, 19]);
}

#[test]
fn a_late_counterpart_meets_the_item_of_a_resolved_break() {
    let shop = with_resolutions(Shop::of_sample_data());
    shop.close(november(17));
    // Cleared on the 19th, where nobody resolves it.
    let late = live(&shop, 17).into_iter().find(|row| row["merchant_reference"] == "SO20261117000010").unwrap();
    decide(&shop, 17, &late["break_id"], Action::Accept, "it will come").unwrap();
    for night in three_nights() {
        shop.close(night);
    }
    let states = [17, 18, 19].map(|day| break_of(&shop, day, &late["break_id"]).map(|row| row["state"].clone()));
    assert_eq!(states, [Some("resolved".to_owned()), Some("resolved".to_owned()), None]);
    let open = |day| shop.rows(&OPEN_ITEMS, november(day)).iter().any(|row| row["merchant_reference"] == "SO20261117000010");
    assert_eq!([17, 18, 19].map(open), [true, true, false]);
    assert_eq!([17, 18, 19].map(|day| resolved_in_all(&shop, day)), [1, 0, 0]);
    assert_rolls(&shop, &[17, 18, 19]);
}

/// A shop of generated nights, the first closed and half of its breaks resolved.
fn decided_shop(seed: u64) -> Shop {
    let shop = with_resolutions(Shop::generated(seed, 3, 600));
    shop.close(november(17));
    for (row, action) in live(&shop, 17).iter().step_by(2).zip(Action::ALL.into_iter().cycle()) {
        decide(&shop, 17, &row["break_id"], action, "known to us").unwrap();
    }
    shop
}

#[test]
fn shares_resolve_what_the_whole_does() {
    let shop = decided_shop(23);
    let twin = shop.twin();
    twin.close_in_shares(november(17), 3);
    fs::copy(file_of(&shop), file_of(&twin)).unwrap();
    for night in three_nights() {
        let (whole, apart) = (shop.close(night), twin.close_in_shares(night, 4));
        assert!(whole.manifest.outputs == apart.manifest.outputs, "{night}");
        assert_eq!(whole.manifest.night.totals, apart.manifest.night.totals, "{night}");
    }
    assert!(resolved_in_all(&twin, 17) > 5);
    assert!(files(&shop.lake_folder().join("data")) == files(&twin.lake_folder().join("data")));
    assert_rolls(&shop, &[17, 18, 19]);
}

#[test]
fn a_night_comes_out_by_its_resolutions_after_they_are_gone() {
    let shop = decided_shop(29);
    let closed: Vec<Closed> = three_nights().into_iter().map(|night| shop.close(night)).collect();
    let text = |manifest: &Manifest| manifest.night.texts.iter().filter(|text| text.kind == "resolutions").count();
    let lake = shop.lake();
    let generations = lake.generations(november(17)).unwrap();
    assert_eq!(generations.iter().map(text).collect::<Vec<_>>(), [0, 1], "only what holds for a night is kept with it");
    fs::remove_dir_all(shop.lake_folder().join("data")).unwrap();
    fs::remove_dir_all(shop.data()).unwrap();
    fs::remove_file(file_of(&shop)).unwrap();
    fs::remove_file(shop.job_file()).unwrap();
    let comes_out = |lake: &Lake, manifest: &Manifest, memory: Memory| {
        let mut nights = Reperformance::new(lake, memory, &|_| {});
        let again = nights.whole(manifest).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.manifest, *manifest);
        assert!(again.lake.holds_all(manifest, &TABLES).unwrap());
    };
    for manifest in generations.iter().chain(closed.iter().map(|closed| &closed.manifest)) {
        comes_out(&lake, manifest, Memory::Unlimited);
    }
    comes_out(&lake, &closed[2].manifest, Memory::Shares(3));
}

#[test]
fn a_night_depends_on_what_holds_for_it_and_on_no_later_decision() {
    let shop = with_resolutions(Shop::of_sample_data());
    for night in three_nights() {
        shop.close(night);
    }
    let id = live(&shop, 18)[0]["break_id"].clone();
    decide(&shop, 18, &id, Action::Accept, "known").unwrap();
    assert_eq!(three_nights().map(|night| shop.close(night).changed), [false, true, true]);
    // Neither its place in the file nor its spacing is part of a night.
    let text = fs::read_to_string(file_of(&shop)).unwrap();
    fs::write(
        file_of(&shop),
        text.replace("action = ", "\n   action   = ").replace("[[resolution]]", "# a word\n[[resolution]]"),
    )
    .unwrap();
    assert_eq!(three_nights().map(|night| shop.close(night).changed), [false; 3]);
    fs::write(file_of(&shop), text.replace("known", "well known")).unwrap();
    assert_eq!(three_nights().map(|night| shop.close(night).changed), [false, true, true]);
}

const JOB: &str = "jobs/nightly.toml";
const FILE: &str = "jobs/resolutions.toml";

/// The first sample night, closed by a job that names a file of resolutions, and the breaks that are live.
fn closed() -> (Place, Vec<Row>) {
    let place = Place::with_sample_nights();
    place.replace(JOB, "timezone =", "resolutions = \"resolutions.toml\"\ntimezone =");
    assert_eq!(place.run(&format!("run {JOB} --date 2026-11-17 --quiet")).code, 0);
    let breaks = Lake::open(&place.path("lake")).unwrap().read(&BREAKS, november(17)).unwrap();
    let live = crate::nights::rows(&breaks).into_iter().filter(|row| row["state"] != "cleared").collect();
    (place, live)
}

#[test]
fn resolve_appends_and_says_what_to_do_next() {
    let (place, breaks) = closed();
    let id = &breaks[0]["break_id"];
    let resolve = |id: &str, more: &str| place.run(&format!("resolve {JOB} {id} --date 2026-11-17 {more}"));
    let ran = resolve(&id[..12].to_uppercase(), "--action accept --reason known --by Ann");
    assert_eq!(ran.code, 0, "{}", ran.whole());
    for told in [id.as_str(), "accept: known (Ann), from the night 2026-11-17 on", "appended  jobs/resolutions.toml, line 4"] {
        assert!(ran.stdout.contains(told), "{told}: {}", ran.whole());
    }
    assert!(ran.stdout.ends_with("next      review and commit the file, then: tieout run jobs/nightly.toml --date 2026-11-17\n"));
    // Twice is once; what a person wrote stays as it is, to the byte.
    let first = place.read(FILE);
    let again = resolve(id, "--action accept --reason known --by Ann");
    assert!(again.code == 0 && again.stdout.contains("there before  jobs/resolutions.toml, line 4"), "{}", again.whole());
    assert_eq!(place.read(FILE), first);
    let edited = [&first[..], "\r\n# 由财务确认\n  # no line end".as_bytes()].concat();
    place.write(FILE, &edited);
    let second = resolve(&breaks[1]["break_id"], "--action not_ours --reason \"theirs\" --by Ann --json");
    assert_eq!(second.code, 0, "{}", second.whole());
    let told: serde_json::Value = serde_json::from_str(&second.stdout).unwrap();
    assert_eq!((&told["changed"], &told["action"], &told["by"]), (&true.into(), &"not_ours".into(), &"Ann".into()));
    assert!(place.read(FILE).starts_with(&edited));
    let line = usize::try_from(told["line"].as_u64().unwrap()).unwrap();
    assert_eq!(String::from_utf8(place.read(FILE)).unwrap().lines().nth(line - 1), Some("[[resolution]]"));
    assert!(!place.path("jobs/.resolutions.toml.new").exists());

    // The run says what came of them.
    let ran = place.run(&format!("run {JOB} --date 2026-11-17"));
    assert!(ran.stdout.contains("  resolutions:  2 breaks are resolved\n"), "{}", ran.whole());
    assert!(ran.stdout.lines().any(|line| line.split_whitespace().eq(["break", "open", "waiting", "cleared", "resolved"])));
    let text = String::from_utf8(place.read(FILE)).unwrap().replace("difference = \"", "difference = \"1");
    place.write(FILE, text.replace("\"1-", "\"-1"));
    let ran = place.run(&format!("run {JOB} --date 2026-11-17"));
    assert!(ran.stdout.contains("  resolutions:  0 breaks are resolved, 2 void"), "{}", ran.whole());
    let explained = place.run(&format!("explain {JOB} {id}"));
    assert!(explained.stdout.contains("void: the resolution of 2026-11-17 by Ann: difference was "), "{}", explained.whole());
}

#[test]
fn a_night_that_is_closed_is_left_as_it_was_signed() {
    let (place, breaks) = closed();
    for (role, by) in [("preparer", "Ann"), ("reviewer", "Ben")] {
        assert_eq!(place.run(&format!("signoff {JOB} --date 2026-11-17 --role {role} --by {by}")).code, 0);
    }
    let ran =
        place.run(&format!("resolve {JOB} {} --date 2026-11-17 --action accept --reason known --by Ann", breaks[0]["break_id"]));
    assert!(ran.stdout.contains("accept: known (Ann), from the night 2026-11-18 on"), "{}", ran.whole());
    assert!(ran.stdout.ends_with("then: tieout run jobs/nightly.toml --date 2026-11-18\n"), "{}", ran.whole());
    let ran = place.run(&format!("run {JOB} --date 2026-11-17"));
    assert!(ran.code == 0 && ran.stdout.contains("unchanged"), "{}", ran.whole());
}

#[test]
fn what_cannot_be_resolved_is_said() {
    let (place, breaks) = closed();
    let id = breaks[0]["break_id"].as_str();
    let decide = "--action accept --reason known --by Ann";
    let asked = |id: &str, date: &str, more: &str| place.run(&format!("resolve {JOB} {id} --date {date} {more}"));
    let refused = |ran: &crate::harness::Ran, code: i32, told: &[&str]| {
        assert_eq!(ran.code, code, "{}", ran.whole());
        for told in told {
            assert!(ran.stderr.contains(told), "{told}: {}", ran.whole());
        }
        assert!(!place.path("jobs/.resolutions.toml.new").exists(), "nothing is left beside the file");
    };
    let unknown = asked("zzzz", "2026-11-17", decide);
    refused(&unknown, 64, &["no break zzzz is known on 2026-11-17", "next: see which are open: tieout status <job>"]);
    refused(&asked(id, "2026-11-18", decide), 64, &["no night 2026-11-18 was published", "next: "]);
    // A digit with which two begin.
    let first = |row: &Row| row["break_id"][..1].to_owned();
    let twice = breaks.iter().map(first).find(|digit| breaks.iter().filter(|row| first(row) == *digit).count() > 1).unwrap();
    refused(&asked(&twice, "2026-11-17", decide), 64, &[&format!("begin with {twice}"), "next: give more of the break_id"]);
    refused(&asked(id, "2026-11-17", "--action forgive --reason known --by Ann"), 64, &["'forgive'", "write_off", "not_ours"]);
    refused(&asked(id, "2026-11-17", "--action accept --by Ann"), 64, &["--reason <TEXT>"]);
    refused(&asked(id, "2026-11-17", "--action accept --reason= --by Ann"), 64, &["it says nothing"]);
    let card = asked(id, "2026-11-17", "--action accept --reason card:4111111111111111 --by Ann");
    refused(&card, 64, &["it holds what may be a card number", "************1111"]);
    assert!(!card.stderr.contains("4111111111111111") && !place.path(FILE).exists());

    assert_eq!(asked(id, "2026-11-17", decide).code, 0);
    let other = asked(id, "2026-11-17", "--action write_off --reason known --by Ann");
    refused(&other, 64, &["jobs/resolutions.toml, line 4: ", "is resolved already", "found: accept: known (Ann)", "next: "]);
    assert_eq!(place.run(&format!("run {JOB} --date 2026-11-17 --quiet")).code, 0);
    refused(
        &asked(id, "2026-11-17", decide),
        64,
        &["is resolved on 2026-11-17", "expected: one that is open or waiting", "next: "],
    );

    place.write("jobs/.resolutions.toml.new", "");
    let writing = asked(&breaks[1]["break_id"], "2026-11-17", decide);
    assert!(writing.code == 75 && writing.stderr.contains("somebody else is writing resolutions"), "{}", writing.whole());
    place.remove("jobs/.resolutions.toml.new");
    place.replace(JOB, "resolutions = \"resolutions.toml\"\n", "");
    let without = asked(id, "2026-11-17", decide);
    let told = [
        "jobs/nightly.toml: the job names no file of resolutions",
        "expected: resolutions = \"resolutions.toml\"",
        "next: add this line",
    ];
    refused(&without, 78, &told);
}

const RIGHT: &str = "\
[[resolution]]
break_id = \"4858w9r18kva0v12g54ckx74bk\"
action = \"accept\"
reason = \"known\"
by = \"Ann\"
on = \"2026-11-17\"
break_type = \"chargeback\"
currency = \"CNY\"
difference = \"-12.00\"
";

#[test]
fn a_file_that_is_wrong_says_where_and_what_to_do() {
    let place = Place::with_sample_nights();
    place.replace(JOB, "timezone =", "resolutions = \"resolutions.toml\"\ntimezone =");
    place.write(FILE, RIGHT);
    assert_eq!(place.run(&format!("check {JOB}")).code, 0);
    let twice = format!("{RIGHT}\n{}", RIGHT.replace("accept", "write_off"));
    let wrong = |from: &str, to: &str| {
        assert_eq!(RIGHT.matches(from).count(), 1, "{from}");
        RIGHT.replace(from, to)
    };
    for (text, line, told) in [
        (wrong("by = ", "whom = "), 5, "next: did you mean `"),
        (wrong("by = \"Ann\"\n", ""), 1, "missing field `by`"),
        (
            wrong("\"accept\"", "\"acept\""),
            3,
            "expected: accept, write_off, force_match, duplicate, not_ours\n  found: acept\n  next: ",
        ),
        (wrong("\"known\"", "\" \""), 4, "it says nothing\n  next: say the reason"),
        (wrong("\"Ann\"", "\"\""), 5, "it says nothing\n  next: say the by"),
        (wrong("\"known\"", "\"card 4111 1111 1111 1111\""), 4, "it holds what may be a card number"),
        (
            wrong("4858w9r18kva0v12g54ckx74bk", "4858"),
            2,
            "not a break_id\n  expected: 26 digits and letters\n  found: 4858\n  next: ",
        ),
        (wrong("2026-11-17", "17.11.2026"), 6, "not a date\n  expected: such as \"2026-11-18\""),
        (wrong("\"2026-11-17\"", "2026-11-17"), 6, "next: see the section Resolutions of jobs/README.md"),
        (wrong("chargeback", "charge_back"), 7, "not a type of break\n  expected: missing_in_provider, "),
        (wrong("-12.00", "-12,00"), 9, "found: -12,00\n  next: write it as the table breaks has it"),
        (wrong("\"-12.00\"", "\"-12.00\"\nprovider_amount = \"x\""), 10, ", provider_amount: "),
        (wrong("\"known\"", "4111111111111111"), 4, "found: ************1111\n  next: "),
        (wrong("[[resolution]]", "[[resolution]"), 1, "next: see the section Resolutions"),
        (
            twice,
            11,
            "expected: nothing beside line 1: accept: known (Ann), on 2026-11-17\n  found: write_off: known (Ann), on 2026-11-17\n  next: remove one of the two",
        ),
    ] {
        place.write(FILE, &text);
        let ran = place.run(&format!("run {JOB} --date 2026-11-17"));
        assert_eq!(ran.code, 78, "{text}{}", ran.whole());
        assert!(ran.stderr.contains(&format!("jobs/resolutions.toml:{line}:")), "{line}: {}", ran.whole());
        assert!(ran.stderr.contains(told), "{told}: {}", ran.whole());
        assert!(
            ran.stderr.contains("\n  next: ") && !ran.stderr.replace(' ', "").contains("4111111111111111"),
            "{}",
            ran.whole()
        );
    }
    place.write(FILE, [0xff, 0xfe]);
    let ran = place.run(&format!("run {JOB} --date 2026-11-17"));
    assert!(ran.code == 78 && ran.stderr.contains("resolutions.toml: cannot read the resolutions: "), "{}", ran.whole());
    // The example of the page is right.
    let page = fs::read_to_string(crate::nights::package().join("jobs/README.md")).unwrap();
    let example = page.split("```").find(|block| block.starts_with("\n[[resolution]]")).unwrap();
    place.write(FILE, example);
    assert_eq!(place.run(&format!("check {JOB}")).code, 0);
    // The same twice is once, and what a break says at another time is another matter.
    place.write(FILE, format!("{RIGHT}\n{RIGHT}\n{}", RIGHT.replace("-12.00", "-13.00").replace("accept", "write_off")));
    assert_eq!(place.run(&format!("check {JOB}")).code, 0);
}

#[test]
fn what_is_appended_reads_back_whatever_stands_in_it() {
    let shop = with_resolutions(Shop::of_sample_data());
    shop.close(november(17));
    let reasons = ["a \"quote\" and a \\ slash", "'single' ''' three", "two\nlines", "由财务确认 é \u{7f}", "# no comment = [1]"];
    for (row, reason) in live(&shop, 17).iter().zip(reasons) {
        let decided = decide(&shop, 17, &row["break_id"], Action::ForceMatch, reason).unwrap();
        assert!(matches!(decided.appended, Appended::At(_)));
        let known = Job::load(&shop.job_file()).unwrap().resolutions_until(november(17));
        assert!(known.contains(&decided.resolution), "{reason}");
    }
    let first = Job::load(&shop.job_file()).unwrap();
    let text = first.resolutions.as_ref().unwrap().text_until(november(17)).unwrap();
    fs::write(file_of(&shop), &text).unwrap();
    let again = Job::load(&shop.job_file()).unwrap();
    assert_eq!(again.resolutions.unwrap().text_until(november(17)).unwrap(), text, "what is kept is kept as it is");
    assert_eq!(first.resolutions.unwrap().text_until(november(16)), None);
}

#[test]
fn severity_goes_by_the_limits_of_the_job() {
    let of = |severity: &str| {
        let shop = Shop::of_sample_data();
        shop.rewrite_job(|job| format!("{job}\n{severity}\n"));
        for night in three_nights() {
            shop.close(night);
        }
        let breaks = live(&shop, 19);
        let told = |row: Row| {
            (row["currency"].clone(), amount(&row["difference"]).abs(), row["age_days"].clone(), row["severity"].clone())
        };
        breaks.into_iter().filter(|row| row["state"] == "open").map(told).collect::<Vec<_>>()
    };
    let at_one_unit = "[severity]\nmedium = \"0.01\"\nhigh = \"0.02\"\ncritical = \"0.03\"\nolder_than = \"900 days\"\n";
    let usual = of("");
    assert_eq!(of("[severity]\nmedium = \"100\"\nolder_than = \"7 days\""), usual, "the defaults");
    assert!(usual.iter().any(|row| row.3 == "low"));
    assert!(of(at_one_unit).iter().all(|row| row.3 == "critical"));
    let in_yuan = of("[severity]\ncurrency = { CNY = { medium = \"0.01\", high = \"0.02\", critical = \"0.03\" } }");
    for (row, usual) in in_yuan.iter().zip(&usual) {
        assert_eq!(row.3, if row.0 == "CNY" { "critical" } else { usual.3.as_str() }, "{row:?}");
    }
    // One step up, once it is known for longer.
    let sooner = of("[severity]\nolder_than = \"1 day\"");
    let step = |word: &str| ["low", "medium", "high", "critical"].iter().position(|known| *known == word).unwrap();
    for (row, usual) in sooner.iter().zip(&usual) {
        let is_older = row.2.parse::<u32>().unwrap() > 1;
        assert_eq!(step(&row.3), (step(&usual.3) + usize::from(is_older)).min(3), "{row:?}");
    }
    assert!(sooner.iter().any(|row| row.2 == "2"));
}

#[test]
fn limits_of_severity_ascend() {
    let place = Place::with_sample_nights();
    let job = String::from_utf8(place.read(JOB)).unwrap();
    for (severity, told) in [
        (
            "high = \"100\"",
            "severity.medium: the limits of severity do not ascend\n  expected: 0 < medium < high < critical\n  found: 100, 100, 10000\n  next: ",
        ),
        ("medium = \"0\"", "the limits of severity do not ascend"),
        ("medium = \"-1\"", "the limits of severity do not ascend"),
        ("medium = \"many\"", "severity.medium: "),
        (
            "older_than = \"a week\"",
            "severity.older_than: not a number of days\n  expected: such as `7 days`\n  found: a week\n  next: ",
        ),
        (
            "currency = { JPY = { medium = \"3\", high = \"2\", critical = \"4\" } }",
            "severity.currency.JPY.medium: the limits of severity do not ascend",
        ),
        ("lowest = \"1\"", "unknown key `lowest`"),
    ] {
        place.write(JOB, format!("{job}\n[severity]\n{severity}\n"));
        let ran = place.run(&format!("check {JOB}"));
        assert!(ran.code == 78 && ran.stderr.contains(told), "{told}: {}", ran.whole());
    }
}
