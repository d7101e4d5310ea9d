//! Money given back never exceeds its payment, however many nights lie between.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use chrono::NaiveDate;
use proptest::prelude::*;
use tieout::lake::{Lake, Manifest};
use tieout::money::Amount;
use tieout::night::Memory;
use tieout::night::reperform::Reperformance;
use tieout::table::TABLES;
use tieout::table::reconciliation::BREAKS;
use tieout::table::returns::RETURNS;

use crate::fees::Till;
use crate::nights::november;

const KINDS: [&str; 2] = ["refund_exceeds_payment", "refund_unlinked"];

/// A till that looks back so many days.
fn till(days: u32) -> Till {
    Till::new("{ percent = \"0\" }", &format!("[matching]\ngiven_back_within = \"{days} days\"\n"))
}

fn plain(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { Amount::parse(text.as_bytes(), 8).unwrap().to_string() }
}

/// The breaks of money given back that a night knows: `type state reference most given-back difference`.
fn breaks(till: &Till, night: NaiveDate) -> Vec<String> {
    let rows = till.rows(&BREAKS, night);
    let of_returns = rows.iter().filter(|row| KINDS.contains(&row["break_type"].as_str()));
    let told = of_returns.map(|row| {
        let reference =
            if row["merchant_reference"].is_empty() { &row["provider_reference"] } else { &row["merchant_reference"] };
        let amounts = ["merchant_amount", "provider_amount", "difference"].map(|name| plain(&row[name])).join(" ");
        format!("{} {} {reference} {amounts}", row["break_type"], row["state"])
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

/// The table `returns` of a night: `reference state paid given-back remaining currency`.
fn returns(till: &Till, night: NaiveDate) -> Vec<String> {
    let told = till.rows(&RETURNS, night).into_iter().map(|row| {
        let reference =
            if row["merchant_reference"].is_empty() { &row["provider_reference"] } else { &row["merchant_reference"] };
        let amounts = ["paid", "given_back", "remaining"].map(|name| plain(&row[name])).join(" ");
        format!("{reference} {} {amounts} {}", row["state"], row["currency"])
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

fn close(till: &Till, day: u32, lines: &str) -> Manifest {
    till.lines(november(day), lines);
    till.close(november(day)).manifest
}

#[test]
fn refunds_over_several_nights_add_up_to_their_payment_and_no_further() {
    let till = till(30);
    close(&till, 1, "payment 100.00 0 merchant_reference=A provider_reference=p1");
    close(&till, 2, "refund -60.00 0 merchant_reference=A original_reference=p1");
    assert_eq!(returns(&till, november(2)), ["A partly 100.00 60.00 40.00 USD"]);
    close(&till, 3, "refund -40.00 0 merchant_reference=A original_reference=p1");
    assert_eq!(returns(&till, november(3)), ["A wholly 100.00 100.00 0.00 USD"]);
    assert_eq!(breaks(&till, november(3)), [""; 0]);
    close(&till, 4, "");
    assert_eq!(returns(&till, november(4)), [""; 0], "nothing was given back, and nothing is wrong");
    close(&till, 5, "refund -0.01 0 merchant_reference=A original_reference=p1");
    let exceeds = ["refund_exceeds_payment open A -100.00 -100.01 -0.01"];
    assert_eq!(breaks(&till, november(5)), exceeds);
    let detail = &till.rows(&BREAKS, november(5)).into_iter().find(|row| row["break_type"] == KINDS[0]).unwrap()["detail"];
    let told: Vec<&str> = detail.split(['(', ')']).step_by(2).collect();
    assert_eq!(
        told,
        [
            "payment 100.00 USD on 2026-11-01 ",
            "; refund -60.00 USD on 2026-11-02 ",
            ", refund -40.00 USD on 2026-11-03 ",
            ", refund -0.01 USD on 2026-11-05 ",
            ""
        ]
    );
    close(&till, 6, "");
    assert_eq!(breaks(&till, november(6)), exceeds, "it stays until it is made good");
    close(&till, 7, "refund_reversal 0.01 0 merchant_reference=A original_reference=p1");
    assert_eq!(breaks(&till, november(7)), ["refund_exceeds_payment cleared A -100.00 -100.01 -0.01"]);
    close(&till, 8, "");
    assert_eq!(breaks(&till, november(8)), [""; 0]);
}

#[test]
fn a_chargeback_after_the_refund_takes_the_money_twice_until_it_is_reversed() {
    let till = till(30);
    close(&till, 1, "payment 80.00 0 merchant_reference=A provider_reference=p1; refund -80.00 0 original_reference=p1");
    assert_eq!(returns(&till, november(1)), ["A wholly 80.00 80.00 0.00 USD"]);
    close(&till, 9, "chargeback -80.00 0 original_reference=p1");
    assert_eq!(breaks(&till, november(9)), ["refund_exceeds_payment open A -80.00 -160.00 -80.00"]);
    let row = &till.rows(&RETURNS, november(9))[0];
    assert_eq!(
        [&row["refunded"], &row["charged_back"], &row["state"]].map(String::as_str),
        ["80.00000000", "80.00000000", "exceeds"]
    );
    close(&till, 10, "chargeback_reversal 80.00 0 original_reference=p1");
    assert_eq!(breaks(&till, november(10)), ["refund_exceeds_payment cleared A -80.00 -160.00 -80.00"]);
    assert_eq!(returns(&till, november(10)), ["A wholly 80.00 80.00 0.00 USD"]);
}

/// The chargeback names the provider's payment only, and the order is still told of it.
#[test]
fn the_story_of_an_order_has_the_chargeback_of_its_payment() {
    let till = till(30);
    close(&till, 1, "payment 80.00 0 merchant_reference=A provider_reference=p1; refund -30.00 0 merchant_reference=A");
    close(&till, 9, "chargeback -80.00 0 original_reference=p1");
    let (code, story, _) = till.run(&["explain", "job.toml", "A"]);
    assert_eq!(code, 0);
    for told in [
        "provider -80.00, difference -80.00 USD",
        "refund_exceeds_payment of p1: open 2026-11-09",
        "p: at most -80.00, given back -110.00, difference -30.00 USD",
    ] {
        assert!(story.contains(told), "{story}");
    }
}

#[test]
fn parts_captured_on_several_nights_are_one_payment_under_their_reference() {
    let till = till(30);
    close(&till, 1, "payment 60.00 0 merchant_reference=A provider_reference=p1");
    close(&till, 2, "payment 40.00 0 merchant_reference=A provider_reference=p2");
    // One names the order, one a part of it, one both.
    close(&till, 3, "refund -30.00 0 merchant_reference=A; refund -30.00 0 original_reference=p2 merchant_reference=A");
    assert_eq!(returns(&till, november(3)), ["A partly 100.00 60.00 40.00 USD"]);
    close(&till, 4, "refund -41.00 0 merchant_reference=A original_reference=p1");
    assert_eq!(breaks(&till, november(4)), ["refund_exceeds_payment open A -100.00 -101.00 -1.00"]);
    // Another part that was captured late makes it good.
    close(&till, 5, "payment 1.00 0 merchant_reference=A provider_reference=p3");
    assert_eq!(breaks(&till, november(5)), ["refund_exceeds_payment cleared A -100.00 -101.00 -1.00"]);
}

#[test]
fn what_no_night_has_is_a_break_once_the_lake_could_have_it() {
    let till = till(3);
    close(&till, 1, "refund -5.00 0 original_reference=before merchant_reference=old");
    assert_eq!(returns(&till, november(1)), ["old unknown - 5.00 - USD"], "its payment may be older than the lake");
    close(&till, 2, "payment 9.00 0 merchant_reference=A provider_reference=p1");
    close(&till, 4, "refund -7.00 0 original_reference=nobodys; refund -2.00 0; refund_reversal 4.00 0 original_reference=p1");
    let open = [
        "refund_unlinked open  - -2.00 -2.00",
        "refund_unlinked open A - 4.00 4.00",
        "refund_unlinked open nobodys - -7.00 -7.00",
    ];
    assert_eq!(breaks(&till, november(4)), open, "and what came back was never given back");
    close(&till, 5, "");
    assert_eq!(breaks(&till, november(5)), open);
    close(&till, 8, "payment 7.00 0 provider_reference=nobodys merchant_reference=B; refund -4.00 0 original_reference=p1");
    assert_eq!(
        breaks(&till, november(8)),
        [
            "refund_unlinked cleared A - 4.00 4.00",
            "refund_unlinked cleared nobodys - -7.00 -7.00",
            "refund_unlinked open  - -2.00 -2.00"
        ]
    );
    assert_eq!(
        returns(&till, november(8)),
        [" unlinked - 2.00 - USD", "A wholly 9.00 0.00 9.00 USD", "B wholly 7.00 7.00 0.00 USD"]
            .map(|line| line.replace("A wholly", "A partly"))
    );
    close(&till, 12, "refund -1.00 0 original_reference=p1");
    assert_eq!(breaks(&till, november(12))[1..], ["refund_unlinked open p1 - -1.00 -1.00"], "no longer ago than the job says");
}

/// A break that is carried on keeps every name of its payment: the one that comes late may bear any.
#[test]
fn a_late_payment_makes_good_by_whichever_of_its_names() {
    let till = till(30);
    let lines = "payment 10.00 0 merchant_reference=R provider_reference=L; chargeback -20.00 0 merchant_reference=R original_reference=N";
    close(&till, 1, lines);
    assert_eq!(breaks(&till, november(1)), ["refund_exceeds_payment open R -10.00 -20.00 -10.00"]);
    close(&till, 2, "");
    close(&till, 3, "payment 30.00 0 provider_reference=N");
    assert_eq!(breaks(&till, november(3)), ["refund_exceeds_payment cleared R -10.00 -20.00 -10.00"]);
    assert_eq!(returns(&till, november(3)), ["R partly 40.00 20.00 20.00 USD"]);
}

#[test]
fn currencies_are_held_against_their_own() {
    let till = till(30);
    close(&till, 1, "payment 10.00 0 merchant_reference=A provider_reference=p1 currency=EUR");
    close(&till, 2, "refund -4.00 0 original_reference=p1 currency=EUR; refund -50.00 0 original_reference=p1");
    assert_eq!(returns(&till, november(2)), ["A other_currency - 50.00 - USD", "A partly 10.00 4.00 6.00 EUR"]);
    assert_eq!(breaks(&till, november(2)), [""; 0]);
}

#[test]
fn a_refund_that_is_delivered_again_counts_once() {
    let till = till(30);
    let line = "refund -60.00 0 merchant_reference=A original_reference=p1 provider_reference=r1";
    close(&till, 1, "payment 100.00 0 merchant_reference=A provider_reference=p1");
    close(&till, 2, line);
    close(&till, 3, line);
    assert_eq!(returns(&till, november(3)), ["A partly 100.00 60.00 40.00 USD"]);
    // Restated with another amount, it is what was said last.
    close(&till, 4, &line.replace("-60.00", "-70.00"));
    assert_eq!(returns(&till, november(4)), ["A partly 100.00 70.00 30.00 USD"]);
}

#[test]
fn accounts_have_payments_of_their_own() {
    let till = till(30);
    let job = till.folder.path().join("job.toml");
    let text = fs::read_to_string(&job).unwrap();
    let (head, merchant) = text.split_once("[merchant.orders]").unwrap();
    let provider = &head[head.find("[[provider]]").unwrap()..];
    let other = provider.replace("account = \"a\"", "account = \"b\"").replace("lines_", "other_");
    fs::write(&job, format!("{head}{other}[merchant.orders]{merchant}")).unwrap();
    till.lines(november(1), "payment 10.00 0 provider_reference=p1; refund -1.00 0 original_reference=p1");
    fs::rename(till.folder.path().join("lines_20261101.csv"), till.folder.path().join("other_20261101.csv")).unwrap();
    close(&till, 1, "payment 3.00 0 provider_reference=p1; refund -5.00 0 original_reference=p1");
    assert_eq!(breaks(&till, november(1)), ["refund_exceeds_payment open p1 -3.00 -5.00 -2.00"]);
}

/// The payment is looked for in what the nights before published; what is gone of that is made again from the archive.
#[test]
fn a_night_whose_entries_are_gone_is_read_again_from_the_archive() {
    let [till, whole] = [till(30), till(30)];
    for till in [&till, &whole] {
        close(till, 1, "payment 100.00 0 merchant_reference=A provider_reference=p1");
        close(till, 2, "refund -60.00 0 merchant_reference=A original_reference=p1");
    }
    let data = till.folder.path().join("lake/data");
    for gone in ["entries/date=2026-11-01", "entries/date=2026-11-02", "breaks/date=2026-11-01"] {
        fs::remove_dir_all(data.join(gone)).unwrap();
    }
    let [closed, expected] =
        [&till, &whole].map(|till| close(till, 3, "refund -60.00 0 merchant_reference=A original_reference=p1"));
    assert_eq!(breaks(&till, november(3)), ["refund_exceeds_payment open A -100.00 -120.00 -20.00"]);
    assert_eq!(closed.outputs, expected.outputs);
}

/// A night stands on those before it as they were when it was built on them, also where one of them was published anew
/// since; so it comes out the same from the archive.
#[test]
fn a_night_looks_into_the_generations_it_is_built_on() {
    let till = till(30);
    close(&till, 1, "payment 100.00 0 merchant_reference=A provider_reference=p1");
    close(&till, 2, "");
    let restated = close(&till, 1, "payment 70.00 0 merchant_reference=A provider_reference=p1");
    assert_eq!(restated.generation, 2);
    let closed = close(&till, 3, "refund -90.00 0 merchant_reference=A original_reference=p1");
    assert_eq!(returns(&till, november(3)), ["A partly 100.00 90.00 10.00 USD"], "the second was built on the first as it was");
    let lake = Lake::open(&till.folder.path().join("lake")).unwrap();
    assert_eq!(Reperformance::new(&lake, Memory::Unlimited, &|_| {}).again(&closed).unwrap().manifest, closed);
    close(&till, 2, "");
    close(&till, 3, "refund -90.00 0 merchant_reference=A original_reference=p1");
    assert_eq!(breaks(&till, november(3)), ["refund_exceeds_payment open A -70.00 -90.00 -20.00"]);
}

/// A payment or return of a night: whether it says its payment by the provider's reference, the merchant's, or both.
#[derive(Clone, Debug)]
struct Line {
    night: u32,
    kind: &'static str,
    payment: u8,
    cents: u32,
    says: u8,
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let kinds = ["payment", "payment", "refund", "refund", "refund_reversal", "chargeback", "chargeback_reversal"];
    let line = (1..7_u32, prop::sample::select(kinds.to_vec()), 0..4_u8, 1..40_u32, 1..4_u8);
    let line = line.prop_map(|(night, kind, payment, cents, says)| Line { night, kind, payment, cents, says });
    prop::collection::vec(line, 1..24)
}

const DAYS: u32 = 2;

/// What was said of a payment up to a night, no longer ago than the job looks back: whether it was paid, cents paid, and
/// cents given back.
fn balance(lines: &[Line], payment: u8, nights: std::ops::RangeInclusive<u32>) -> (bool, i64, i64) {
    let (mut is_known, mut paid, mut given_back) = (false, 0, 0);
    for line in lines.iter().filter(|line| line.payment == payment && nights.contains(&line.night)) {
        let cents = i64::from(line.cents);
        match line.kind {
            "payment" => (is_known, paid) = (true, paid + cents),
            "refund" | "chargeback" => given_back += cents,
            _ => given_back -= cents,
        }
    }
    (is_known, paid, given_back)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// On the night something is given back, its payment stands as the nights before add up; whole and in shares alike.
    #[test]
    fn payments_stand_as_the_nights_add_up(lines in lines()) {
        let [whole, apart] = [till(DAYS), till(DAYS)];
        for night in 1..7 {
            let of_night: Vec<&Line> = lines.iter().filter(|line| line.night == night).collect();
            let written = |(number, line): (usize, &&Line)| {
                let is_payment = line.kind == "payment";
                let is_out = ["refund", "chargeback"].contains(&line.kind);
                let provider = if is_payment { "provider_reference" } else { "original_reference" };
                let amount = format!("{}0.{:02}", if is_out { "-" } else { "" }, line.cents);
                let mut text = format!("{} {amount} 0", line.kind);
                let first = lines.iter().filter(|first| first.kind == "payment" && first.payment == line.payment);
                let first = first.min_by_key(|first| first.night).is_some_and(|first| std::ptr::eq(first, *line));
                // A payment is called both, or what names it by the provider's word would not meet what names it by the
                // merchant's; and each part of it has a name of its own.
                if is_payment && !first {
                    write!(text, " provider_reference={night}-{number}").unwrap();
                } else if is_payment || line.says & 1 != 0 {
                    write!(text, " {provider}=p{}", line.payment).unwrap();
                }
                if is_payment || line.says & 2 != 0 {
                    write!(text, " merchant_reference=M{}", line.payment).unwrap();
                }
                text
            };
            let text = of_night.iter().enumerate().map(written).collect::<Vec<_>>().join("; ");
            for (till, memory) in [(&whole, Memory::Unlimited), (&apart, Memory::Shares(3))] {
                till.lines(november(night), &text);
                till.try_close(november(night), memory).unwrap();
            }
            for table in TABLES {
                prop_assert_eq!(whole.rows(table, november(night)), apart.rows(table, november(night)), "{}", table.name);
            }
            let table: BTreeMap<String, BTreeMap<String, String>> =
                whole.rows(&RETURNS, november(night)).into_iter().map(|row| (row["payment_id"].clone(), row)).collect();
            for payment in 0..4 {
                let is_returned = of_night.iter().any(|line| line.payment == payment && line.kind != "payment");
                let (is_known, paid, given_back) = balance(&lines, payment, night.saturating_sub(DAYS)..=night);
                let first = lines.iter().filter(|line| line.payment == payment && line.kind == "payment").map(|line| line.night).min();
                // What only one of its returns says is joined by the payment; without that there may be two.
                if !is_returned || !is_known || first.is_some_and(|first| first + DAYS < night) {
                    continue;
                }
                let of_payment = |row: &&BTreeMap<String, String>| {
                    row["merchant_reference"] == format!("M{payment}") && row["last_seen"] == november(night).to_string()
                };
                let rows: Vec<_> = table.values().filter(of_payment).collect();
                prop_assert_eq!(rows.len(), 1);
                // A break that was carried remembers more than the nights it is looked for in; as long as one of its returns
                // alone was known it may have had but one of the two names, and so another identity.
                let carried = whole.rows(&RETURNS, november(night.max(2) - 1)).into_iter().any(|row| {
                    let names = [&row["merchant_reference"], &row["provider_reference"]];
                    let is_named = names.iter().any(|name| [format!("M{payment}"), format!("p{payment}")].contains(name));
                    is_named && ["exceeds", "unlinked"].contains(&row["state"].as_str())
                });
                if carried && night > 1 {
                    continue;
                }
                let cents = |name: &str| Amount::parse(rows[0][name].as_bytes(), 8).unwrap();
                let expected = |cents: i64| Amount(i128::from(cents) * 1_000_000);
                prop_assert_eq!((cents("paid"), cents("given_back")), (expected(paid), expected(given_back)));
                let state = match given_back {
                    more if more > paid => "exceeds",
                    all if all == paid => "wholly",
                    some if some >= 0 => "partly",
                    _ if night > DAYS => "unlinked",
                    _ => "unknown",
                };
                prop_assert_eq!(&rows[0]["state"], state);
            }
        }
    }
}
