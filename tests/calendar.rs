//! Business days: the shipped calendars against what is known of single days, and counting against plain counting.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;

use chrono::{Datelike, Days, NaiveDate};
use proptest::prelude::*;
use tieout::calendar::{Calendar, Calendars, SHIPPED};
use tieout::error::{Error, Exit};
use tieout::job::Job;

use crate::nights::{files, package};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn shipped(names: &str) -> Calendar {
    Calendars::shipped().load(names).unwrap()
}

#[test]
fn the_shipped_calendars_are_those_below_schemas() {
    let lie = files(&package().join("schemas/calendars"));
    assert_eq!(lie.len(), SHIPPED.len());
    for (name, text) in SHIPPED {
        assert!(lie.get(&PathBuf::from(format!("{name}.toml"))).unwrap() == text.as_bytes(), "{name} is another's text");
        let calendar = shipped(name);
        assert!(calendar.from <= day("2024-01-01") && calendar.to >= day("2026-12-31"), "{name}");
        assert!(calendar.source.iter().all(|source| source.starts_with("https://")) && !calendar.source.is_empty(), "{name}");
    }
}

/// Calendar, date, whether it is worked, and why that day is worth a line.
const DAYS: &[(&str, &str, bool, &str)] = &[
    ("CN", "2026-02-14", true, "a Saturday worked for Spring Festival"),
    ("CN", "2026-02-16", false, "New Year's Eve, by the lunar calendar"),
    ("CN", "2026-02-24", true, "the first day after it"),
    ("CN", "2024-02-09", true, "an exchange closes on New Year's Eve of 2024, a bank does not"),
    ("CN", "2026-01-04", true, "a Sunday"),
    ("CN", "2026-10-10", true, "a Saturday worked for National Day"),
    ("CN", "2026-10-11", false, "a plain Sunday"),
    ("US", "2026-07-03", true, "the fourth is a Saturday: the Federal Reserve Banks are open on the Friday"),
    ("US", "2027-07-05", false, "the fourth is a Sunday: they close on the Monday"),
    ("US", "2027-12-31", true, "New Year's Day of 2028 is a Saturday"),
    ("US", "2026-11-26", false, "Thanksgiving"),
    ("TARGET", "2026-04-06", false, "Easter Monday"),
    ("TARGET", "2026-05-25", true, "Whit Monday is a holiday in many countries, and worked"),
    ("UK", "2026-12-28", false, "Boxing Day is a Saturday"),
    ("UK", "2027-12-28", false, "both days of Christmas fall on a weekend"),
    ("JP", "2026-09-22", false, "a day between two holidays is one"),
    ("JP", "2025-05-06", false, "a substitute three days on"),
    ("JP", "2026-12-31", false, "banks close at the turn of the year"),
    ("US+TARGET", "2026-05-01", false, "Labour Day, in the euro area"),
    ("US+TARGET", "2026-05-25", false, "Memorial Day, in the United States"),
    ("CN+US", "2026-02-14", false, "worked in China alone"),
];

#[test]
fn single_days_are_as_the_authorities_announced_them() {
    for (name, date, worked, why) in DAYS {
        assert_eq!(shipped(name).is_business_day(day(date)).unwrap(), *worked, "{name} {date}: {why}");
    }
}

#[test]
fn a_date_past_the_range_is_an_error_that_says_how_to_go_on() {
    let calendar = shipped("CN");
    assert_eq!(calendar.after(day("2026-12-30"), 1).unwrap(), day("2026-12-31"));
    for refused in [calendar.after(day("2026-12-31"), 1), calendar.after(day("2023-12-30"), 1)] {
        let Error { exit, what, expected, next, .. } = refused.unwrap_err();
        assert_eq!(exit, Exit::BadConfiguration);
        assert!(what.contains("CN") && what.contains("20"), "{what}");
        assert_eq!(expected.unwrap(), "2024-01-01 to 2026-12-31");
        assert!(next.unwrap().contains("calendars"));
    }
    assert!(Calendar::weekdays().after(day("9999-12-31"), 3).is_ok());
    assert!(Calendar::weekdays().after(NaiveDate::MAX, 1).is_err());
}

#[test]
fn a_calendar_that_contradicts_itself_is_refused() {
    let calendar = |rest: &str| {
        let text = "title = \"T\"\nsource = []\nfrom = 2026-01-01\nto = 2026-12-31\nweekend = [\"sunday\"]\n".to_owned() + rest;
        Calendar::parse("X", &text)
    };
    assert!(calendar("[holidays]\n2026-05-01 = \"a\"\n[working]\n2026-05-03 = \"b\"").is_ok());
    for (rest, said) in [
        ("[holidays]\n2027-05-01 = \"a\"", "is outside 2026-01-01 to 2026-12-31"),
        ("[holidays]\n2026-05-03 = \"a\"\n[working]\n2026-05-03 = \"b\"", "is a holiday or worked anyway"),
        ("[working]\n2026-05-01 = \"b\"", "is a holiday or worked anyway"),
        ("[holidays]\n2026-02-30 = \"a\"", "2026-02-30"),
        ("[holiday]\n2026-05-01 = \"a\"", "unknown key"),
    ] {
        let refused = calendar(rest).unwrap_err().to_string();
        assert!(refused.contains(said) && refused.contains("calendar X"), "{refused}");
    }
    let reversed = "title = \"T\"\nsource = []\nfrom = 2026-01-01\nto = 2025-12-31\nweekend = []";
    assert!(Calendar::parse("X", reversed).unwrap_err().to_string().contains("ends before"));
    let unknown = Calendars::shipped().load("US+XX").unwrap_err().to_string();
    assert!(unknown.contains("`XX`") && unknown.contains("CN, JP, TARGET, UK, US"), "{unknown}");
}

#[test]
fn calendars_without_a_common_date_are_not_joined() {
    let of = |name: &str, year: u16| {
        let text = format!("title = \"T\"\nsource = []\nfrom = {year}-01-01\nto = {year}-12-31\nweekend = []");
        Calendar::parse(name, &text).unwrap()
    };
    let refused = of("A", 2025).and(&of("B", 2026)).unwrap_err().to_string();
    assert!(refused.contains("A and B have no date in common"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn business_days_are_counted_one_by_one(name in 0..SHIPPED.len(), start in 0_u64..900, days in 0_u32..40) {
        let calendar = shipped(SHIPPED[name].0);
        let date = day("2024-01-01") + Days::new(start);
        let after = calendar.after(date, days).unwrap();
        let worked = date.iter_days().skip(1).take_while(|at| *at <= after);
        let worked = worked.filter(|at| calendar.is_business_day(*at).unwrap()).count();
        prop_assert_eq!(worked, days as usize);
        prop_assert!(days == 0 && after == date || calendar.is_business_day(after).unwrap());
    }

    #[test]
    fn joined_calendars_are_worked_where_both_are(one in 0..SHIPPED.len(), two in 0..SHIPPED.len(), at in 0_u64..1_096) {
        let (one, two) = (SHIPPED[one].0, SHIPPED[two].0);
        let date = day("2024-01-01") + Days::new(at);
        let [left, right] = [one, two].map(|name| shipped(name).is_business_day(date).unwrap());
        prop_assert_eq!(shipped(&format!("{one}+{two}")).is_business_day(date).unwrap(), left && right);
    }

    #[test]
    fn without_a_calendar_monday_to_friday_are_worked(at in 0_u64..100_000) {
        let date = day("1900-01-01") + Days::new(at);
        let worked = Calendar::weekdays().is_business_day(date).unwrap();
        prop_assert_eq!(worked, date.weekday().number_from_monday() <= 5);
    }
}

/// A job with those lines for its one provider.
fn job(lines: &str) -> Result<Job, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    fs::create_dir(folder.path().join("calendars")).unwrap();
    let own = "title = \"Ours\"\nsource = []\nfrom = 2026-01-01\nto = 2026-12-31\nweekend = [\"sunday\"]\n";
    fs::write(folder.path().join("calendars/OURS.toml"), own).unwrap();
    let text = format!(
        "name = \"j\"\nlake = \"lake\"\ntimezone = \"Asia/Shanghai\"\ncalendars = \"calendars\"\n\n[[provider]]\nname = \"stripe\"\n\
         account = \"a\"\nformat = \"stripe/balance_change\"\nsource = {{ files = \"*.csv\" }}\n{lines}\n\n[merchant.orders]\n\
         source = {{ files = \"o.csv\" }}\n"
    );
    fs::write(&path, text).unwrap();
    Job::load(&path)
}

/// What the job says of its provider, the business date, when its file is due and late in UTC, and when it settles.
const DUE: &[(&str, &str, &str, &str, &str)] = &[
    ("expected_by = \"10:00\"", "2026-11-20", "2026-11-21 02:00", "2026-11-21 02:00", "2026-11-23"),
    ("expected_by = \"10:00 America/New_York\"", "2026-11-20", "2026-11-21 15:00", "2026-11-21 15:00", "2026-11-23"),
    ("expected_by = \"T+2 9:30 UTC\"\ngrace = \"2 hours\"", "2026-11-20", "2026-11-22 09:30", "2026-11-22 11:30", "2026-11-23"),
    ("expected_by = \"T+0 23:59\"\ngrace = \"1 day\"", "2026-11-20", "2026-11-20 15:59", "2026-11-21 15:59", "2026-11-23"),
    // Not published on days off: a Friday's and a Saturday's file both come on Monday.
    (
        "expected_by = \"10:00\"\npublishes = \"business days\"",
        "2026-11-20",
        "2026-11-23 02:00",
        "2026-11-23 02:00",
        "2026-11-23",
    ),
    (
        "expected_by = \"10:00\"\npublishes = \"business days\"",
        "2026-11-21",
        "2026-11-23 02:00",
        "2026-11-23 02:00",
        "2026-11-23",
    ),
    // A make-up Saturday, and the holiday after it.
    (
        "expected_by = \"10:00\"\npublishes = \"business days\"\ncalendar = \"CN\"",
        "2026-02-13",
        "2026-02-14 02:00",
        "2026-02-14 02:00",
        "2026-02-14",
    ),
    (
        "expected_by = \"10:00\"\npublishes = \"business days\"\ncalendar = \"CN\"",
        "2026-02-14",
        "2026-02-24 02:00",
        "2026-02-24 02:00",
        "2026-02-24",
    ),
    ("expected_by = \"10:00\"\ncalendar = \"CN\"", "2026-02-14", "2026-02-15 02:00", "2026-02-15 02:00", "2026-02-24"),
    ("expected_by = \"10:00\"\ncalendar = \"OURS\"", "2026-11-20", "2026-11-21 02:00", "2026-11-21 02:00", "2026-11-21"),
    // The clock is put forward from 2:00 to 3:00.
    ("expected_by = \"2:30 America/New_York\"", "2026-03-07", "2026-03-08 07:00", "2026-03-08 07:00", "2026-03-09"),
    // It shows 1:30 twice: the first counts.
    ("expected_by = \"1:30 America/New_York\"", "2026-10-31", "2026-11-01 05:30", "2026-11-01 05:30", "2026-11-02"),
];

#[test]
fn files_are_due_when_the_job_says() {
    for (lines, date, at, late_after, settles) in DUE {
        let job = job(&format!("settles_in = \"1 business day\"\n{lines}")).unwrap_or_else(|error| panic!("{lines}: {error}"));
        let due = job.providers[0].due(day(date)).unwrap().unwrap();
        let shown = [due.at, due.late_after].map(|at| at.format("%Y-%m-%d %H:%M").to_string());
        assert_eq!(shown, [*at, *late_after], "{lines} {date}");
        assert_eq!(job.expected(day(date)).unwrap()[0].1, day(settles), "{lines} {date}");
    }
    let silent = job("settles_in = \"3 days\"").unwrap();
    assert_eq!(silent.providers[0].due(day("2026-11-20")).unwrap(), None);
    assert_eq!(silent.expected(day("2026-11-20")).unwrap()[0].1, day("2026-11-23"));
}

#[test]
fn a_job_names_what_it_got_wrong_about_time() {
    for (lines, said) in [
        ("expected_by = \"ten\"", "not a time of day"),
        ("expected_by = \"T+x 10:00\"", "not a time of day"),
        ("expected_by = \"T+400 10:00\"", "not a time of day"),
        ("expected_by = \"10:00 Mars/Base\"", "not a time of day"),
        ("expected_by = \"10:00 UTC please\"", "not a time of day"),
        ("expected_by = \"10:00\"\ngrace = \"soon\"", "not a duration"),
        ("grace = \"2 hours\"", "grace says nothing without expected_by"),
        ("publishes = \"business days\"", "publishes says nothing without expected_by"),
        ("expected_by = \"10:00\"\npublishes = \"sometimes\"", "unknown variant"),
        ("calendar = \"XX\"", "no calendar is called `XX`"),
    ] {
        let refused = job(&format!("settles_in = \"1 business day\"\n{lines}")).unwrap_err();
        assert_eq!(refused.exit, Exit::BadConfiguration);
        assert!(refused.to_string().contains(said), "{lines}: {refused}");
    }
    let past = job("settles_in = \"1 business day\"\ncalendar = \"CN\"").unwrap().expected(day("2026-12-31"));
    assert!(past.unwrap_err().to_string().contains("does not know 2027-01-01"));
}

#[test]
fn what_a_calendar_says_is_part_of_what_a_night_depends_on() {
    let texts = |lines: &str| job(&format!("settles_in = \"1 business day\"\n{lines}")).unwrap().texts;
    assert_eq!(texts("calendar = \"US+TARGET\"").len(), texts("").len() + 2);
}
