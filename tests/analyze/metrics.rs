//! Each metric, on a small night with figures worked out by hand; and what it is cut by.

use std::slice::from_ref;

use arrow::array::{ArrayRef, RecordBatch};
use chrono::TimeDelta;
use proptest::prelude::*;
use tieout::error::Exit;
use tieout::job::Job;
use tieout::stage::analyze::{Analysis, Charges, DIMENSIONS, Inputs, Met, Rules, analyze};
use tieout::stage::failures::FailureCategories;
use tieout::stage::reconcile::Link;
use tieout::table::part::{NO_ROW, few_words};
use tieout::table::{build, read};

use super::{Attempt, MINUTE, Order, any_night, attempts, orders, records, rules, run, shown, small, with_words};

const COUNTS: [&str; 4] = ["numerator", "denominator", "pending", "excluded"];

fn all(rates: &RecordBatch, metric: &str) -> Vec<String> {
    shown(rates, &["metric", "cut"], &[metric, "all"], &COUNTS)
}

#[test]
fn every_metric_counts_what_its_name_says() {
    let rates = small().success_rates;
    for (metric, counts, why) in [
        // Twelve attempts: A01, A03 and A09 succeeded, A08 and A10 are open.
        ("attempt_success_raw", "3 10 2 0", "all that ended"),
        ("issuer_auth_rate", "3 5 2 5", "A02 and A04 were declined; A05, A06, A12 broke, A07 left, A11 was not authenticated"),
        ("acceptance_rate", "3 10 2 0", "all were sent but A10, which is open"),
        ("group_success_rate", "3 8 2 1", "O02 tried again in vain no time; O04 with another brand; A12 is of no order"),
        // Eleven orders: O07 and O08 have no attempt, O10 is young.
        ("first_attempt_rate", "2 7 2 2", "O01, O09"),
        ("order_success_rate", "3 7 2 2", "O02 too"),
        ("order_capture_rate", "2 6 3 2", "O01 and O11 were found; O02 waits, O06 and O10 are open"),
        ("checkout_conversion", "3 9 1 1", "O06 is open and O10 young"),
        ("confirmation_rate", "7 9 1 1", "all of those but O07 and O08"),
        ("post_confirm_success", "3 7 1 3", "O07 and O08 were not sent"),
        ("abandonment_rate", "5 10 0 1", "O03, O04, O05, O07, O11"),
        ("retry_recovery_rate", "1 4 0 7", "O02, of O02, O03, O04, O11"),
        ("settled_success_rate", "1 2 1 8", "O01 was found, O09 not, O02 waits"),
        ("false_success", "1 2 1 8", "O09"),
        ("false_failure", "1 4 2 5", "O11, of O03, O04, O05, O11; O06 and O10 are open"),
    ] {
        assert_eq!(all(&rates, metric), [counts], "{metric}: {why}");
    }
    let named: std::collections::BTreeSet<&str> =
        (0..rates.num_rows()).map(|row| read::words(&rates, "metric").get(row)).collect();
    assert_eq!(named.len(), 15, "and there are no others");
}

#[test]
fn every_dimension_and_pair_is_a_cut() {
    let rates = small().success_rates;
    let cut = |metric: &str, cut: &str| {
        shown(&rates, &["metric", "cut"], &[metric, cut], &["value", "numerator", "denominator", "pending", "enough"])
    };
    for name in DIMENSIONS {
        assert!(!cut("attempt_success_raw", name).is_empty() && !cut("order_success_rate", name).is_empty(), "{name}");
    }
    // By the clock of Kathmandu, then 5:30 ahead: minute 5 is 05:35, 140 is 07:50, 1430 is 05:20 of Friday.
    assert_eq!(cut("order_success_rate", "hour"), ["05 2 2 1 false", "06 0 3 0 false", "07 1 2 1 false"]);
    assert_eq!(cut("order_success_rate", "weekday"), ["friday 0 0 1 false", "thursday 3 7 1 true"]);
    // A12 at minute 3 and A10 at 1431 are of 05.
    assert_eq!(cut("attempt_success_raw", "hour"), ["05 2 4 1 false", "06 0 4 0 false", "07 1 2 1 false"]);
    let bands = [
        "CNY 1-2 0 1 0 false",
        "CNY 10-20 1 1 0 false",
        "CNY 20-50 1 1 0 false",
        "CNY 5-10 0 1 2 false",
        "USD 20-50 0 2 0 false",
        "USD 5-10 1 1 0 false",
    ];
    assert_eq!(cut("order_success_rate", "amount_band"), bands, "O05, O06 and O10 are of the band that ends at ten");
    let accounts = [" 1 3 0 false", "2088 1 3 2 false", "acct_1 1 4 0 false"];
    assert_eq!(cut("attempt_success_raw", "account"), accounts, "WeChat has several");
    let pairs = ["alipay x  1 3 2 false", "stripe x mc 0 1 0 false", "stripe x visa 1 3 0 false", "wechat_pay x  1 3 0 false"];
    assert_eq!(cut("attempt_success_raw", "provider x card_brand"), pairs);
    let pairs = cut("order_success_rate", "provider x amount_band");
    assert_eq!(pairs.last().unwrap(), "wechat_pay x CNY 20-50 1 1 0 false");
    assert_eq!(cut("order_success_rate", "hour x account").first().unwrap(), "05 x  2 2 0 false");
    let stages =
        shown(&small().abandonment, &["cut", "value"], &["channel x provider", "app x wechat_pay"], &["stage", "orders"]);
    assert_eq!(stages, ["declined_and_left 1", "paid 2"]);
}

#[test]
fn a_band_holds_what_it_begins_with_and_not_what_it_ends_with() {
    for (hundredths, band) in [
        (0, "0"),
        (1, "0-1"),
        (99, "0-1"),
        (100, "1-2"),
        (199, "1-2"),
        (200, "2-5"),
        (499, "2-5"),
        (5000, "50-100"),
        (9999, "50-100"),
        (10_000, "100-200"),
        (499_999_999_999_999_999, "2000000000000000-5000000000000000"),
        (500_000_000_000_000_000, "5000000000000000-"),
    ] {
        let orders = orders(&[("O", 0, hundredths, "JPY", "paid", "-")]);
        let (attempts, outcomes) = attempts(&[]);
        let rates = run(&orders, &attempts, &outcomes).unwrap().success_rates;
        let shown = shown(&rates, &["metric", "cut"], &["checkout_conversion", "amount_band"], &["value"]);
        assert_eq!(shown, [format!("JPY {band}")], "{hundredths}");
    }
}

/// What the metrics of attempts say of one attempt: success, failure, pending or excluded.
fn of_one(status: &str, stage: &str, code: &str, amount: i64) -> [String; 3] {
    let orders = orders(&[("O", 0, amount, "USD", "created", "-")]);
    let (attempts, outcomes) = attempts(&[("A", "O", 1, "stripe", "visa", status, stage, code, "excluded", false)]);
    let amounts = build::amounts([Some(super::hundredths(amount))]);
    let attempts = super::with(&attempts, "amount", &amounts);
    let rates = run(&orders, &attempts, &outcomes).unwrap().success_rates;
    ["issuer_auth_rate", "acceptance_rate", "group_success_rate"].map(|metric| match all(&rates, metric)[0].as_str() {
        "1 1 0 0" => "success".to_owned(),
        "0 1 0 0" => "failure".to_owned(),
        "0 0 1 0" => "pending".to_owned(),
        "0 0 0 1" => "excluded".to_owned(),
        other => panic!("{metric}: {other}"),
    })
}

#[test]
fn an_answer_is_the_issuers_the_providers_or_nobodys() {
    for (status, stage, code, amount, expected) in [
        ("succeeded", "completed", "-", 100, ["success", "success", "success"]),
        ("succeeded", "completed", "-", 0, ["excluded", "success", "success"]),
        ("failed", "processing", "insufficient_funds", 100, ["failure", "failure", "failure"]),
        ("failed", "processing", "never seen", 100, ["failure", "failure", "failure"]),
        ("failed", "processing", "insufficient_funds", 0, ["excluded", "failure", "failure"]),
        ("failed", "processing", "processing_error", 100, ["excluded", "failure", "failure"]),
        ("failed", "authentication", "authentication_required", 100, ["excluded", "failure", "failure"]),
        ("failed", "authentication", "-", 100, ["excluded", "failure", "failure"]),
        ("failed", "method_selected", "-", 100, ["failure", "failure", "failure"]),
        ("expired", "authentication", "-", 100, ["excluded", "failure", "failure"]),
        ("expired", "submitted", "-", 100, ["excluded", "failure", "failure"]),
        ("cancelled", "method_selected", "-", 100, ["excluded", "excluded", "failure"]),
        ("pending", "processing", "-", 100, ["pending", "pending", "pending"]),
        ("initiated", "-", "-", 100, ["pending", "pending", "pending"]),
    ] {
        assert_eq!(of_one(status, stage, code, amount), expected, "{status} at {stage}: {code} of {amount}");
    }
}

/// The groups of one order's attempts: minute, brand, status.
fn groups(tries: &[(i64, &str, &str)]) -> String {
    let orders = orders(&[("O", 0, 100, "USD", "created", "-")]);
    let ids: Vec<String> = (0..tries.len()).map(|number| format!("A{number}")).collect();
    let rows: Vec<Attempt> = tries
        .iter()
        .zip(&ids)
        .map(|(&(minute, brand, status), id)| (id.as_str(), "O", minute, "stripe", brand, status, "-", "-", "excluded", false))
        .collect();
    let (attempts, outcomes) = attempts(&rows);
    all(&run(&orders, &attempts, &outcomes).unwrap().success_rates, "group_success_rate").remove(0)
}

#[test]
fn attempts_are_a_group_while_the_customer_tries_the_same_again() {
    let (failed, succeeded) = ("failed", "succeeded");
    for (why, tries, expected) in [
        ("thirty minutes are within", &[(1, "visa", failed), (31, "visa", succeeded)][..], "1 1 0 0"),
        ("thirty-one are not", &[(1, "visa", failed), (32, "visa", succeeded)], "1 2 0 0"),
        ("each within of the one before", &[(1, "visa", failed), (30, "visa", failed), (59, "visa", succeeded)], "1 1 0 0"),
        ("a success ends a group", &[(1, "visa", succeeded), (2, "visa", succeeded)], "2 2 0 0"),
        ("whatever comes after it", &[(1, "visa", succeeded), (2, "visa", failed)], "1 2 0 0"),
        ("another card is another try", &[(1, "visa", failed), (2, "mc", succeeded)], "1 2 0 0"),
        ("a card that is not known may be the same", &[(1, "visa", failed), (2, "-", succeeded)], "1 1 0 0"),
        ("one without an end may yet succeed", &[(1, "visa", failed), (2, "visa", "pending")], "0 0 1 0"),
        ("unless a later one did", &[(1, "visa", "pending"), (2, "visa", succeeded)], "1 1 0 0"),
        ("order of time, not of rows", &[(9, "visa", succeeded), (1, "visa", failed)], "1 1 0 0"),
    ] {
        assert_eq!(groups(tries), expected, "{why}");
    }
}

#[test]
fn a_customer_gives_up_after_the_last_failure_of_an_order_that_had_its_time() {
    let reasons = small().failure_reasons;
    let gave_up = shown(&reasons, &[], &[], &["code", "gave_up"]);
    // O03, O04 and O11 were left; O02 was paid at last, and A12 is of no order of the night.
    let expected =
        ["ACQ.SYSTEM_ERROR 0", " Processing_Error  1", "do_not_honor 1", "processing_error 0", "NEW_CODE 1", "NOTENOUGH 0"];
    assert_eq!(gave_up, expected);
    // Ten minutes before the close the customer may yet come back.
    let orders = orders(&[("O", 1430, 100, "USD", "created", "-")]);
    let (attempts, outcomes) = attempts(&[("A", "O", 1431, "stripe", "-", "failed", "-", "x", "excluded", false)]);
    let young = run(&orders, &attempts, &outcomes).unwrap().failure_reasons;
    assert_eq!(shown(&young, &[], &[], &["attempts", "gave_up"]), ["1 0"]);
}

#[test]
fn amounts_are_weighed_in_each_currency_alone() {
    let amounts = small().success_amounts;
    let columns = ["currency", "numerator", "denominator", "excluded", "pending", "rate", "mature"];
    let all = |metric: &str| shown(&amounts, &["metric", "cut"], &[metric, "all"], &columns);
    // CNY: O01 10.00 and O02 20.00 of those and O05 5.00, O11 1.00. USD: O09 9.00, of that and O03 30.00, O04 40.00.
    assert_eq!(all("order_success_rate"), ["CNY 30.00 36.00 15.00 15.50 0.8333 false", "USD 9.00 79.00 0.00 0.00 0.1139 true"]);
    assert_eq!(all("false_success"), ["CNY 0.00 10.00 36.50 20.00 0.0000 false", "USD 9.00 9.00 70.00 0.00 1.0000 true"]);
    let band = shown(&amounts, &["metric", "cut", "value"], &["order_success_rate", "amount_band", "CNY 5-10"], &columns);
    assert_eq!(band, ["CNY 0.00 5.00 15.00 15.50 0.0000 false"]);
}

#[test]
fn time_to_pay_is_by_nearest_rank() {
    // Twenty orders paid after 1 to 20 minutes, and one that failed before it was paid, after 21.
    let ids: Vec<String> = (1..=21).map(|number| format!("O{number:02}")).collect();
    let given: Vec<Order> = ids.iter().map(|id| (id.as_str(), 0, 100, "USD", "paid", "app")).collect();
    let mut tries: Vec<Attempt> = (1_i64..)
        .zip(&ids)
        .map(|(minute, id)| (id.as_str(), id.as_str(), minute, "stripe", "-", "succeeded", "-", "-", "match", true))
        .collect();
    tries.push(("again", "O21", 30, "stripe", "-", "succeeded", "-", "-", "match", true));
    tries.push(("first", "O21", 1, "alipay", "-", "failed", "-", "-", "excluded", false));
    let (attempts, outcomes) = attempts(&tries);
    let analysis = run(&orders(&given), &attempts, &outcomes).unwrap();
    let columns = ["value", "orders", "median", "p95", "enough"];
    assert_eq!(shown(&analysis.time_to_pay, &["cut"], &["all"], &columns), ["all 21 660 1200 true"]);
    let providers = shown(&analysis.time_to_pay, &["cut"], &["provider"], &columns);
    assert_eq!(providers, ["alipay 1 1260 1260 false", "stripe 20 600 1140 true"], "of the first attempt, to the first success");
    // An answer tells more exactly when an order was paid than the start of its attempt.
    let finished = (1_i64..).zip(&tries).map(|(number, _)| (number <= 20).then_some(number * 2 * MINUTE - 1));
    let finished = build::instants(finished);
    let attempts = super::with(&attempts, "finished_at", &finished);
    let analysis = run(&orders(&given), &attempts, &outcomes).unwrap();
    assert_eq!(shown(&analysis.time_to_pay, &["cut", "value"], &["provider", "stripe"], &columns), ["stripe 20 1199 2279 true"]);
}

/// What the attempts of `ATTEMPT_ROWS` met: entries of account, currency, gross and fee in hundredths.
fn met(attempts: &RecordBatch, alone: &[(usize, u32)], in_groups: Vec<Link>) -> (Charges, Vec<ArrayRef>) {
    let rows = [("1900", "CNY", 1000, 6), ("1901", "CNY", 2000, 12), ("acct_9", "USD", 850, 30), ("acct_9", "USD", 50, 0)];
    let amounts =
        |of: fn(&(&str, &str, i64, i64)) -> i64| build::amounts(rows.iter().map(|row| Some(super::hundredths(of(row)))));
    let entries = RecordBatch::try_from_iter([
        ("account", few_words(&rows.map(|row| Some(row.0)))),
        ("settled_currency", few_words(&rows.map(|row| Some(row.1)))),
        ("gross", amounts(|row| row.2)),
        ("fee", amounts(|row| row.3)),
    ]);
    let mut by_row = vec![NO_ROW; attempts.num_rows()];
    for &(row, entry) in alone {
        by_row[row] = entry;
    }
    let entries = [entries.unwrap()];
    let met = Met { attempts: from_ref(attempts), entries: &entries, alone: vec![by_row], in_groups };
    let failures = FailureCategories::shipped().unwrap();
    let met = met.learned(rules(&failures).accounts);
    (met.charges, met.accounts)
}

#[test]
fn ways_to_pay_stand_side_by_side_on_settled_truth() {
    let (attempts, outcomes) = attempts(&super::ATTEMPT_ROWS);
    // A01 and A11 met entries of two accounts; A09 a group of two captures.
    let capture = |entry| Link { record: 8, entry, is_own: true };
    let (charges, accounts) = met(&attempts, &[(0, 0), (10, 1)], vec![capture(2), capture(3)]);
    let orders = orders(&super::ORDER_ROWS);
    let failures = FailureCategories::shipped().unwrap();
    let (orders, attempts, outcomes) = (from_ref(&orders), from_ref(&attempts), from_ref(&outcomes));
    let inputs = Inputs { orders, attempts, outcomes, accounts: Some(&accounts) };
    let analysis = analyze(&inputs, &charges, &rules(&failures)).unwrap();
    let columns =
        ["provider", "account", "currency", "orders", "attempts", "succeeded", "order_success_rate", "enough", "settled"];
    assert_eq!(
        shown(&analysis.payment_methods, &[], &[], &columns),
        [
            "- - CNY 2 0 0 - false 0",
            "alipay 2088 CNY 3 5 0 0.0000 false 0",
            "stripe acct_1 USD 3 4 1 0.3333 false 0",
            "wechat_pay - CNY 1 1 1 1.0000 false 0",
            "wechat_pay 1900 CNY 1 1 1 1.0000 false 1",
            "wechat_pay 1901 CNY 1 1 0 0.0000 false 0",
        ]
    );
    let money = ["account", "false_success", "false_success_amount", "false_failure", "false_failure_amount"];
    let cost = ["volume", "charged", "effective_fee", "median_time_to_pay"];
    assert_eq!(
        shown(&analysis.payment_methods, &[], &[], &[&money[..], &cost[..]].concat()),
        [
            "- 0 0.00 0 0.00 0.00 0.00 - -",
            "2088 0 0.00 0 0.00 0.00 0.00 - -",
            "acct_1 1 9.00 0 0.00 9.00 0.30 0.0333 60",
            "- 0 0.00 0 0.00 0.00 0.00 - 240",
            "1900 0 0.00 0 0.00 10.00 0.06 0.0060 60",
            "1901 0 0.00 1 1.00 20.00 0.12 0.0060 -",
        ]
    );
    let cut = shown(&analysis.success_rates, &["metric", "cut"], &["attempt_success_raw", "account"], &["value", "denominator"]);
    assert_eq!(cut, [" 1", "1900 1", "1901 1", "2088 3", "acct_1 4"]);
}

fn counts_of(analysis: &Analysis, metric: &str, cut: &str, value: &str) -> [i64; 4] {
    let rates = &analysis.success_rates;
    let names = ["metric", "cut", "value"].map(|name| read::words(rates, name));
    let row = (0..rates.num_rows()).find(|&row| names.map(|words| words.get(row)) == [metric, cut, value]);
    row.map_or([0; 4], |row| COUNTS.map(|name| read::counts(rates, name).value(row)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The identities between metrics, at every place; and each metric by amount is of the same things.
    #[test]
    fn metrics_of_any_night_agree_with_each_other(
        (order_rows, attempt_rows) in any_night(), words in prop::collection::vec(any::<u32>(), 42),
    ) {
        let (orders, attempts, outcomes) = records(&order_rows, &attempt_rows);
        let attempts = with_words(&attempts, &["method", "wallet", "card_brand", "card_funding"], &words[12..]);
        let analysis = run(&orders, &attempts, &outcomes).unwrap();
        let rates = &analysis.success_rates;
        let [cuts, values, metrics] = ["cut", "value", "metric"].map(|name| read::words(rates, name));
        let mut by_cut = std::collections::BTreeMap::<(&str, &str), [i64; 4]>::new();
        for row in 0..rates.num_rows() {
            let (cut, value) = (cuts.get(row), values.get(row));
            let of = |metric| counts_of(&analysis, metric, cut, value);
            let sums = by_cut.entry((metrics.get(row), cut)).or_default();
            of(metrics.get(row)).iter().zip(sums).for_each(|(own, sum)| *sum += own);
            if metrics.get(row) != "checkout_conversion" {
                continue;
            }
            let [conversion, confirmation, success] = ["checkout_conversion", "confirmation_rate", "post_confirm_success"].map(of);
            // paid ÷ created = sent ÷ created × paid ÷ sent, over whole numbers.
            prop_assert_eq!((conversion[0], conversion[1], confirmation[0]), (success[0], confirmation[1], success[1]));
            let [settled, missing] = ["settled_success_rate", "false_success"].map(of);
            prop_assert_eq!((settled[0] + missing[0], settled[1]), (settled[1], missing[1]));
            let [left, mature, pending, young] = of("abandonment_rate");
            prop_assert_eq!(pending, 0);
            let stage = |names: &[&str], mature: &str| -> i64 {
                let of = |name: &&str| shown(&analysis.abandonment, &["cut", "value", "stage", "mature"], &[cut, value, name, mature], &["orders"]);
                names.iter().flat_map(of).map(|orders| orders.parse::<i64>().unwrap()).sum()
            };
            let abandoned = ["no_attempt", "method_no_submit", "authentication_dropped", "wallet_or_redirect_not_returned",
                "declined_and_left", "technical_and_left", "expired_unpaid"];
            let others = ["paid", "pending", "merchant_cancelled"];
            let all = [&abandoned[..], &others[..]].concat();
            prop_assert_eq!(left, stage(&abandoned, "true"));
            prop_assert_eq!(mature, left + stage(&others, "true"));
            prop_assert_eq!(young, stage(&all, "false"));
            prop_assert!(of("first_attempt_rate")[0] <= of("order_success_rate")[0]);
            // Whoever pays at once, or recovers, has paid.
            prop_assert!(of("first_attempt_rate")[0] + of("retry_recovery_rate")[0] <= of("order_success_rate")[0]);
        }
        for ((metric, _), sums) in &by_cut {
            prop_assert_eq!(sums, &counts_of(&analysis, metric, "all", "all"));
        }
        for metric in ["attempt_success_raw", "issuer_auth_rate", "acceptance_rate"] {
            let [_, ended, pending, excluded] = counts_of(&analysis, metric, "all", "all");
            prop_assert_eq!(ended + pending + excluded, build::count(attempt_rows.len()));
        }
        let paid_by_attempt = shown(&analysis.time_to_pay, &["cut"], &["all"], &["orders"]);
        let paid_by_attempt: i64 = paid_by_attempt.iter().map(|orders| orders.parse::<i64>().unwrap()).sum();
        prop_assert!(paid_by_attempt <= counts_of(&analysis, "order_success_rate", "all", "all")[0]);
        let sum = |name: &str| read::counts(&analysis.payment_methods, name).iter().flatten().sum::<i64>();
        prop_assert_eq!(sum("orders"), build::count(order_rows.len()));
        prop_assert_eq!(sum("attempts"), build::count(attempt_rows.len()));
        prop_assert_eq!(sum("succeeded"), counts_of(&analysis, "order_success_rate", "all", "all")[0]);
        prop_assert_eq!(sum("false_failure"), counts_of(&analysis, "false_failure", "all", "all")[0]);
    }
}

#[test]
fn pairs_are_of_two_dimensions_and_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    let text = std::fs::read_to_string("jobs/nightly.toml").unwrap();
    let load = |analysis: &str| {
        std::fs::write(&path, format!("{text}\n[analysis]\n{analysis}\n")).unwrap();
        Job::load(&path)
    };
    let job = load("minimum_count = 100\npairs = [[\"provider\", \"wallet\"], [\"hour\", \"provider\"]]").unwrap();
    assert_eq!((job.minimum_count, job.retry_within, job.abandoned_after), (100, TimeDelta::minutes(30), TimeDelta::hours(2)));
    assert_eq!(job.pairs, [["provider", "wallet"], ["hour", "provider"]]);
    for (pairs, found) in [
        (r#"[["provider", "colour"]]"#, "colour"),
        (r#"[["hour", "hour"]]"#, "hour, hour"),
        (r#"[["hour", "channel"], ["channel", "hour"]]"#, "channel, hour"),
    ] {
        let error = load(&format!("pairs = {pairs}")).unwrap_err();
        assert_eq!((error.exit, error.column.as_deref()), (Exit::BadConfiguration, Some("pairs")));
        assert_eq!(error.found.as_deref(), Some(found));
    }
}

#[test]
fn the_hour_is_of_the_day_it_was_when_clocks_were_turned() {
    // On 1970-04-26 the clocks of New York went from 2:00 to 3:00 at 7:00 UTC.
    let failures = FailureCategories::shipped().unwrap();
    let closes_at = 116 * 24 * 60 * MINUTE;
    let zone = chrono_tz::Tz::America__New_York;
    let rules = Rules { closes_at, zone, maturity: TimeDelta::zero(), ..rules(&failures) };
    let day = 115 * 24 * 60;
    let orders = orders(&[
        ("O1", day + 6 * 60 + 59, 100, "USD", "paid", "-"),
        ("O2", day + 7 * 60, 100, "USD", "paid", "-"),
        ("O3", day - 400 * 24 * 60, 100, "USD", "paid", "-"),
    ]);
    let (attempts, outcomes) = attempts(&[]);
    let inputs =
        Inputs { orders: from_ref(&orders), attempts: from_ref(&attempts), outcomes: from_ref(&outcomes), accounts: None };
    let rates = analyze(&inputs, &Charges::default(), &rules).unwrap().success_rates;
    let hours = shown(&rates, &["metric", "cut"], &["checkout_conversion", "hour"], &["value", "numerator"]);
    assert_eq!(hours, ["01 1", "03 1", "19 1"], "and an order of long ago has the hour of then");
    // In Kathmandu, half past an hour in Greenwich is the full hour; a calendar that knows no such day leaves it alone.
    let rules = Rules { zone: chrono_tz::Tz::Asia__Kathmandu, ..rules };
    for (minute, hour) in [(day + 29, "05"), (day + 30, "06"), (day + 59, "06"), (i64::MAX / MINUTE, "04")] {
        let orders = super::orders(&[("O", minute, 100, "USD", "paid", "-")]);
        let inputs = Inputs { orders: from_ref(&orders), ..inputs };
        let rates = analyze(&inputs, &Charges::default(), &rules).unwrap().success_rates;
        assert_eq!(shown(&rates, &["metric", "cut"], &["order_capture_rate", "hour"], &["value"]), [hour], "{minute}");
    }
}
