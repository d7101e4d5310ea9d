//! What was stated and has ended counts once, however often it comes again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;

use chrono::NaiveDate;
use tieout::lake::Lake;
use tieout::night::Memory;
use tieout::night::reperform::Reperformance;
use tieout::table::analysis::FUNNEL;
use tieout::table::column::Table;
use tieout::table::entries::ENTRIES;
use tieout::table::fees::FEES;
use tieout::table::payouts::PAYOUTS;
use tieout::table::reconciliation::{BREAKS, MATCHES};
use tieout::table::records::{ATTEMPTS, ORDERS};
use tieout::table::returns::RETURNS;

use crate::fees::Till;
use crate::nights::november;

const PAYMENT: &str = "provider_reference=p1 merchant_reference=A batch_reference=B1 occurred_at=2026-11-01T12:00:00+08:00";

fn till() -> Till {
    Till::new("{ percent = \"1\" }", "")
}

/// Orders that the merchant states on whichever night comes: `id day amount status`.
fn orders(till: &Till, orders: &str) {
    let mut csv = String::from("order_id,created_at,amount,currency,status,provider,merchant_reference\n");
    for order in orders.split(';').map(str::trim).filter(|order| !order.is_empty()) {
        let [id, day, amount, status] = order.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{order}") };
        writeln!(csv, "{id},2026-11-0{day}T11:59:00+08:00,{amount},USD,{status},p,{id}").unwrap();
    }
    fs::write(till.folder.path().join("orders.csv"), csv).unwrap();
}

fn told(till: &Till, table: &'static Table, day: u32, columns: &[&str]) -> Vec<String> {
    let plain = |text: &String| text.trim_end_matches("000000").to_owned();
    let row =
        |row: &std::collections::BTreeMap<String, String>| columns.iter().map(|name| plain(&row[*name])).collect::<Vec<_>>();
    let mut rows: Vec<String> = till.rows(table, november(day)).iter().map(|of| row(of).join(" ")).collect();
    rows.sort();
    rows
}

fn breaks(till: &Till, day: u32) -> Vec<String> {
    told(till, &BREAKS, day, &["break_type", "state", "merchant_amount", "provider_amount", "difference", "detail"])
}

/// Closes a night whole and in shares, and makes it again from the archive.
fn close(till: &Till, night: NaiveDate, lines: &str) {
    till.lines(night, lines);
    for memory in [Memory::Unlimited, Memory::Shares(3)] {
        let closed = till.try_close(night, memory).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(closed.manifest.generation, 1, "a night in shares is the same night");
        let lake = Lake::open(&till.folder.path().join("lake")).unwrap();
        let again = Reperformance::new(&lake, memory, &|_| {}).again(&closed.manifest).unwrap();
        assert_eq!(again.differing(&closed.manifest), Vec::<String>::new());
    }
}

#[test]
fn a_payment_that_comes_again_after_it_matched_moves_nothing() {
    let till = till();
    orders(&till, "A 1 100.00 paid");
    close(&till, november(1), &format!("payment 100.00 1.00 {PAYMENT}"));
    assert_eq!(told(&till, &MATCHES, 1, &["order_id", "provider_amount"]), ["A 100.00"]);

    orders(&till, "A 1 100.00 paid; C 2 7.00 paid");
    close(&till, november(2), &format!("payment 100.00 1.00 {PAYMENT}; payment 7.00 0.07 merchant_reference=C"));
    assert_eq!(told(&till, &MATCHES, 2, &["order_id", "provider_amount"]), ["C 7.00"]);
    assert_eq!(breaks(&till, 2), Vec::<String>::new());
    let outcome = ["merchant_reference", "outcome", "outcome_reason", "fee_rule"];
    assert_eq!(told(&till, &ENTRIES, 2, &outcome), ["A excluded stated_before ", "C match  1.00 %"]);
    let records = told(&till, &ATTEMPTS, 2, &["order_id", "outcome", "outcome_reason"]);
    assert_eq!(records, ["A excluded stated_before", "C match "]);
    // It is charged once, and paid out once.
    assert_eq!(told(&till, &FEES, 2, &["entries", "charged"]), ["1 0.07"]);
    assert_eq!(told(&till, &PAYOUTS, 2, &["reference", "lines", "gross"]), ["B1 1 100.00"]);
    let (code, said, _) = till.run(&["run", "job.toml", "--date", "2026-11-02"]);
    assert!(
        code == 0 && said.contains("once more:    1 line of an earlier night comes again; tonight that counts for nothing"),
        "{said}"
    );
}

#[test]
fn a_payment_that_ended_and_comes_as_another_amount_is_restated_until_somebody_decides() {
    let till = till();
    orders(&till, "A 1 100.00 paid");
    close(&till, november(1), &format!("payment 100.00 1.00 {PAYMENT}"));
    orders(&till, "");
    close(&till, november(2), &format!("payment 90.00 0.90 {PAYMENT}"));
    let detail = "on 2026-11-01 it was gross 100.00, fee 1.00, net 99.00 USD; now it is gross 90.00, fee 0.90, net 89.10 USD";
    let restated = format!("restated open 99.00 89.10 -9.90 {detail}");
    assert_eq!(breaks(&till, 2), [restated.as_str()]);
    assert_eq!(told(&till, &ENTRIES, 2, &["outcome", "outcome_reason"]), ["break restated"]);
    // What it was first is what it is compared with, as often as it comes.
    close(&till, november(3), &format!("payment 90.00 0.90 {PAYMENT}"));
    close(&till, november(4), "");
    for night in [3, 4] {
        assert_eq!(breaks(&till, night), [restated.as_str()], "the night {night}");
    }
    assert_eq!(told(&till, &ENTRIES, 3, &["outcome", "outcome_reason"]), ["break restated"]);
}

#[test]
fn what_was_given_back_is_given_back_once() {
    let till = till();
    close(&till, november(1), &format!("payment 100.00 1.00 {PAYMENT}"));
    let refund =
        "refund -60.00 0 provider_reference=r1 original_reference=p1 merchant_reference=A occurred_at=2026-11-02T12:00:00+08:00";
    close(&till, november(2), refund);
    // It was missing in the merchant, and open: what is stated last stands. Then it is resolved by a record, and comes again.
    close(&till, november(3), refund);
    close(&till, november(4), &format!("{refund}; refund -40.00 0 original_reference=p1 merchant_reference=A"));
    assert_eq!(told(&till, &RETURNS, 4, &["state", "paid", "given_back"]), ["wholly 100.00 100.00"]);
    assert!(!breaks(&till, 4).iter().any(|found| found.starts_with("refund_exceeds_payment")));
}

#[test]
fn an_attempt_that_failed_and_is_stated_as_paid_is_a_claim() {
    let till = till();
    orders(&till, "A 1 100.00 cancelled; C 1 5.00 paid");
    close(&till, november(1), "payment 5.00 0.05 merchant_reference=C");
    assert_eq!(told(&till, &ATTEMPTS, 1, &["order_id", "outcome", "outcome_reason"]), ["A waiting ", "C match "]);
    orders(&till, "A 1 100.00 paid; C 1 8.00 paid");
    close(&till, november(2), "payment 100.00 1.00 merchant_reference=A");
    let records = told(&till, &ATTEMPTS, 2, &["order_id", "outcome", "outcome_reason"]);
    // What says another amount than it did is another claim, and is looked for.
    assert_eq!(records, ["A match ", "C waiting missing_in_provider"]);
}

#[test]
fn what_happened_before_it_was_first_stated_is_no_copy() {
    let till = till();
    close(&till, november(1), "payment 5.00 0.05 merchant_reference=C");
    close(&till, november(2), &format!("payment 100.00 1.00 {PAYMENT}"));
    assert_eq!(told(&till, &ENTRIES, 2, &["outcome", "outcome_reason"]), ["waiting missing_in_merchant"]);
}

/// Without an identifier of its own a fee is called the same night after night: two nights' fees are not one.
#[test]
fn a_line_that_happened_at_another_time_is_another() {
    let till = till();
    close(&till, november(1), "fee -3.00 0 provider_reference=monthly occurred_at=2026-11-01T08:00:00+08:00");
    close(&till, november(2), "fee -3.00 0 provider_reference=monthly occurred_at=2026-11-01T09:00:00+08:00");
    let outcome = ["gross", "outcome", "outcome_reason"];
    assert_eq!(told(&till, &ENTRIES, 2, &outcome), ["-3.00 excluded not_of_an_order"]);
    close(&till, november(3), "fee -3.00 0 provider_reference=monthly occurred_at=2026-11-01T09:00:00+08:00");
    assert_eq!(told(&till, &ENTRIES, 3, &outcome), ["-3.00 excluded stated_before"]);
}

/// A difference that had ended is for a person to resolve: it was cleared unseen where its record and its line both came again as
/// other statements, which wait for others.
#[test]
fn what_is_stated_anew_does_not_clear_a_difference_that_ended() {
    let till = till();
    orders(&till, "A 1 10.00 paid");
    close(
        &till,
        november(1),
        "payment 16.00 0.16 provider_reference=p1 merchant_reference=A occurred_at=2026-11-01T12:00:00+08:00",
    );
    let open = "amount_mismatch open 10.00 16.00 6.00 merchant 10.00 USD, provider 16.00 USD";
    assert_eq!(breaks(&till, 1), [open]);

    orders(&till, "A 1 6.00 paid");
    close(
        &till,
        november(2),
        "payment 4.00 0.04 provider_reference=p1 merchant_reference=B occurred_at=2026-11-01T12:00:08+08:00",
    );
    let waiting = ["missing_in_merchant waiting  4.00 4.00 ", "missing_in_provider waiting 6.00  -6.00 "];
    assert_eq!(breaks(&till, 2), [&[open], &waiting[..]].concat());
    orders(&till, "");
    close(&till, november(3), "");
    assert!(breaks(&till, 3).contains(&open.to_owned()), "{:?}", breaks(&till, 3));
}

/// An order that came again was counted in the rates of both nights.
#[test]
fn an_order_that_comes_again_counts_once_until_it_says_something_else() {
    let till = till();
    let counts = |day| told(&till, &FUNNEL, day, &["created", "attempted", "succeeded", "settled"]).join(", ");
    let again = |day| told(&till, &ORDERS, day, &["order_id", "stated_before"]).join(", ");
    orders(&till, "A 1 100.00 paid; B 1 50.00 created");
    close(&till, november(1), &format!("payment 100.00 1.00 {PAYMENT}"));
    assert_eq!((counts(1), again(1)), ("1 1 0 0, 1 1 1 1".to_owned(), "A false, B false".to_owned()));

    orders(&till, "A 1 100.00 paid; B 1 50.00 created; C 2 7.00 paid");
    close(&till, november(2), &format!("payment 100.00 1.00 {PAYMENT}; payment 7.00 0.07 merchant_reference=C"));
    assert_eq!((counts(2), again(2)), ("1 1 1 1".to_owned(), "A true, B true, C false".to_owned()));

    // It was paid after all.
    orders(&till, "B 1 50.00 paid");
    close(&till, november(3), "");
    assert_eq!((counts(3), again(3)), ("1 1 1 0".to_owned(), "B false".to_owned()));
}
