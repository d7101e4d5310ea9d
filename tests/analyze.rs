//! The analyze stage: given a few orders and attempts, expect these rows; and its laws on any. Nights in shares are in `shares`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod met;
mod metrics;
mod shares;

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal64Array, Decimal128Array, Int64Array, RecordBatch, StringDictionaryBuilder,
    UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType, UInt16Type};
use arrow::util::display::array_value_to_string;
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;
use tieout::error::{Exit, Result};
use tieout::money::Amount;
use tieout::stage::analyze::wilson::proportion;
use tieout::stage::analyze::{Analysis, Charges, Inputs, Rules, analyze};
use tieout::stage::failures::{Category, FailureCategories};
use tieout::stage::reconcile::{BreakType, Exclusion, Outcome};
use tieout::table::part::{NARROW_PRECISION, nothing};
use tieout::table::records::{ATTEMPTS, ORDERS};
use tieout::table::{build, frame, read};

const MINUTE: i64 = 60_000_000;
/// The night closes at the end of its 24th hour.
const CLOSE: i64 = 24 * 60 * MINUTE;

/// id, minute created, amount, currency, status, channel. `-` is empty.
type Order<'a> = (&'a str, i64, i64, &'a str, &'a str, &'a str);
/// id, order, minute started, provider, brand, status, stage, code, outcome, settled.
type Attempt<'a> = (&'a str, &'a str, i64, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str, bool);

const ORDER_ROWS: [Order; 11] = [
    // Paid at once, and settled.
    ("O01", 5, 1000, "CNY", "paid", "app"),
    // Failed, then paid through another provider; still waiting to settle.
    ("O02", 10, 2000, "CNY", "paid", "app"),
    // Declined and left.
    ("O03", 70, 3000, "USD", "expired", "web"),
    // The provider broke, twice.
    ("O04", 71, 4000, "USD", "cancelled", "web"),
    // Did not come back from the wallet.
    ("O05", 72, 500, "CNY", "expired", "app"),
    // The provider has not answered.
    ("O06", 130, 600, "CNY", "created", "-"),
    // No attempt.
    ("O07", 131, 700, "CNY", "expired", "-"),
    // No attempt, and the merchant cancelled.
    ("O08", 132, 800, "CNY", "cancelled", "-"),
    // Marked paid, and the provider never was: false success.
    ("O09", 133, 900, "USD", "paid", "web"),
    // A method was chosen, ten minutes before the close: it may yet be paid.
    ("O10", 1430, 950, "CNY", "created", "app"),
    // The provider was paid and the merchant says not: false failure.
    ("O11", 140, 100, "CNY", "cancelled", "app"),
];

const ATTEMPT_ROWS: [Attempt; 12] = [
    ("A01", "O01", 6, "wechat_pay", "-", "succeeded", "completed", "-", "match", true),
    ("A02", "O02", 11, "wechat_pay", "-", "failed", "submitted", "NOTENOUGH", "excluded", false),
    ("A03", "O02", 14, "alipay", "-", "succeeded", "completed", "-", "waiting", false),
    ("A04", "O03", 71, "stripe", "visa", "failed", "processing", "do_not_honor", "excluded", false),
    ("A05", "O04", 72, "stripe", "visa", "failed", "submitted", "processing_error", "excluded", false),
    ("A06", "O04", 75, "stripe", "mc", "failed", "submitted", " Processing_Error ", "excluded", false),
    ("A07", "O05", 73, "alipay", "-", "expired", "redirected", "-", "excluded", false),
    ("A08", "O06", 130, "alipay", "-", "pending", "processing", "-", "excluded", false),
    ("A09", "O09", 134, "stripe", "visa", "succeeded", "completed", "-", "break", false),
    ("A10", "O10", 1431, "alipay", "-", "initiated", "method_selected", "-", "excluded", false),
    ("A11", "O11", 141, "wechat_pay", "-", "failed", "authentication", "NEW_CODE", "break", true),
    // Of an order of another night.
    ("A12", "O99", 3, "alipay", "-", "failed", "submitted", "ACQ.SYSTEM_ERROR", "excluded", false),
];

fn stated(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

fn night() -> NaiveDate {
    build::date_of(0)
}

fn orders(rows: &[Order]) -> RecordBatch {
    let none = || build::same_word(None, rows.len());
    ORDERS.batch([
        ("order_id", build::texts(rows.iter().map(|row| Some(row.0)))),
        ("business_date", build::same_date(night(), rows.len())),
        ("created_at", build::instants(rows.iter().map(|row| Some(row.1 * MINUTE)))),
        ("amount", build::amounts(rows.iter().map(|row| Some(hundredths(row.2))))),
        ("currency", build::words(rows.iter().map(|row| Some(row.3)))),
        ("status", build::words(rows.iter().map(|row| Some(row.4)))),
        ("channel", build::words(rows.iter().map(|row| stated(row.5)))),
        ("country", none()),
        ("customer_segment", none()),
        ("stated_before", build::flags(rows.iter().map(|_| false))),
        ("file_id", build::same_word(Some("orders.csv"), rows.len())),
        ("line", build::counts((0..rows.len()).map(build::count))),
    ])
}

/// Where matching left each attempt.
type Outcomes = Vec<Option<Outcome>>;

fn attempts(rows: &[Attempt]) -> (RecordBatch, Outcomes) {
    let none = || build::same_word(None, rows.len());
    let amount = |order: &str| ORDER_ROWS.iter().find(|row| row.0 == order).map_or(100, |row| row.2);
    let currency = |order: &str| ORDER_ROWS.iter().find(|row| row.0 == order).map_or("CNY", |row| row.3);
    let batch = ATTEMPTS.batch([
        ("attempt_id", build::texts(rows.iter().map(|row| Some(row.0)))),
        ("business_date", build::same_date(night(), rows.len())),
        ("order_id", build::texts(rows.iter().map(|row| Some(row.1)))),
        ("provider", build::words(rows.iter().map(|row| stated(row.3)))),
        ("merchant_reference", build::texts(rows.iter().map(|row| Some(row.0)))),
        ("provider_reference", build::texts(rows.iter().map(|_| None::<&str>))),
        ("method", none()),
        ("wallet", none()),
        ("card_brand", build::words(rows.iter().map(|row| stated(row.4)))),
        ("card_funding", none()),
        ("started_at", build::instants(rows.iter().map(|row| Some(row.2 * MINUTE)))),
        ("finished_at", build::instants(rows.iter().map(|_| None))),
        ("stage", build::words(rows.iter().map(|row| stated(row.6)))),
        ("status", build::words(rows.iter().map(|row| Some(row.5)))),
        ("failure_code", build::words(rows.iter().map(|row| stated(row.7)))),
        ("amount", build::amounts(rows.iter().map(|row| Some(hundredths(amount(row.1)))))),
        ("currency", build::words(rows.iter().map(|row| Some(currency(row.1))))),
        ("outcome", build::words(rows.iter().map(|row| Some(row.8)))),
        ("outcome_reason", none()),
        ("file_id", build::same_word(Some("attempts.csv"), rows.len())),
        ("line", build::counts((0..rows.len()).map(build::count))),
    ]);
    let outcomes = rows.iter().map(|row| {
        let outcome = match (row.8, row.9) {
            ("match", _) => Some(Outcome::Match),
            ("waiting", _) => Some(Outcome::Waiting(None)),
            ("break", true) => Some(Outcome::Break(BreakType::FalseFailure)),
            ("break", false) => Some(Outcome::Break(BreakType::MissingInProvider)),
            // Its provider is not in the job.
            ("excluded", _) if row.3 == "-" => None,
            _ => Some(Outcome::Excluded(Exclusion::NotPaid)),
        };
        assert_eq!(outcome.is_some_and(Outcome::is_settled), row.9, "{row:?}");
        outcome
    });
    (batch, outcomes.collect())
}

fn hundredths(number: i64) -> Amount {
    Amount(i128::from(number) * 1_000_000)
}

fn run(orders: &RecordBatch, attempts: &RecordBatch, outcomes: &Outcomes) -> Result<Analysis> {
    run_parts(from_ref(orders), from_ref(attempts), from_ref(outcomes))
}

fn run_parts(orders: &[RecordBatch], attempts: &[RecordBatch], outcomes: &[Outcomes]) -> Result<Analysis> {
    analyze(&Inputs { orders, attempts, outcomes, accounts: None }, &Charges::default(), &rules(&FailureCategories::shipped()?))
}

/// Of a merchant in Kathmandu, half an hour off most clocks, with one account at each of two providers.
fn rules(failures: &FailureCategories) -> Rules<'_> {
    static ONLY: LazyLock<BTreeMap<String, String>> =
        LazyLock::new(|| [("stripe", "acct_1"), ("alipay", "2088")].map(|(name, account)| (name.into(), account.into())).into());
    Rules {
        night: night(),
        closes_at: CLOSE,
        zone: Tz::Asia__Kathmandu,
        maturity: TimeDelta::minutes(30),
        retry_within: TimeDelta::minutes(30),
        minimum_count: 5,
        pairs: &[["provider", "card_brand"], ["channel", "provider"], ["provider", "amount_band"], ["hour", "account"]],
        accounts: &ONLY,
        failures,
    }
}

fn small() -> Analysis {
    let (attempts, outcomes) = attempts(&ATTEMPT_ROWS);
    run(&orders(&ORDER_ROWS), &attempts, &outcomes).unwrap()
}

/// The rows whose `of` columns read `is`, as text: the `shown` columns, blank between.
fn shown(batch: &RecordBatch, of: &[&str], is: &[&str], shown: &[&str]) -> Vec<String> {
    let cell = |name: &&str, row: usize| {
        let column = read::column(batch, name);
        if column.is_null(row) {
            return "-".to_owned();
        }
        match column.data_type() {
            DataType::Float64 => format!("{:.4}", column.as_primitive::<Float64Type>().value(row)),
            DataType::Decimal128(..) => read::amount(column.as_primitive(), row).unwrap().to_string(),
            DataType::Timestamp(..) => column.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
            _ => array_value_to_string(column, row).unwrap(),
        }
    };
    let rows = (0..batch.num_rows()).filter(|&row| of.iter().zip(is).all(|(name, is)| cell(name, row) == *is));
    rows.map(|row| shown.iter().map(|name| cell(name, row)).collect::<Vec<_>>().join(" ")).collect()
}

const ENDS: [&str; 5] = ["succeeded", "failed", "pending", "abandoned", "cancelled"];

#[test]
fn the_funnel_has_each_order_once_by_hour_and_first_attempt() {
    let funnel = small().funnel;
    let columns = ["created", "attempted", "succeeded", "failed", "pending", "abandoned", "cancelled", "recovered", "settled"];
    let keyed = [&["provider", "card_brand", "currency", "channel"], &columns[..]].concat();
    let hour = |hour: i64| {
        let at = (hour * 60 * MINUTE).to_string();
        shown(&funnel, &["hour"], &[&at], &keyed)
    };
    assert_eq!(hour(0), ["wechat_pay - CNY app 2 2 2 0 0 0 0 1 1"], "both began with WeChat; one recovered elsewhere");
    assert_eq!(hour(1), ["alipay - CNY app 1 1 0 0 0 1 0 0 0", "stripe visa USD web 2 2 0 2 0 0 0 0 0"]);
    assert_eq!(
        hour(2),
        [
            "- - CNY - 2 0 0 0 0 1 1 0 0",
            "alipay - CNY - 1 1 0 0 1 0 0 0 0",
            "stripe visa USD web 1 1 1 0 0 0 0 0 0",
            "wechat_pay - CNY app 1 1 0 1 0 0 0 0 1",
        ],
        "sorted by key, what is not stated first"
    );
    assert_eq!(hour(23), ["alipay - CNY app 1 1 0 0 1 0 0 0 0"]);
    let amounts = ["created_amount", "succeeded_amount", "settled_amount", "attempts"];
    assert_eq!(
        shown(&funnel, &["currency", "provider"], &["CNY", "wechat_pay"], &amounts),
        ["30.00 30.00 10.00 3", "1.00 0.00 1.00 1"]
    );
}

#[test]
fn each_success_rate_counts_what_its_name_says() {
    let rates = small().success_rates;
    let columns = ["numerator", "denominator", "pending", "excluded", "rate", "mature"];
    let all = |metric: &str| shown(&rates, &["metric", "cut"], &[metric, "all"], &columns);
    // Twelve attempts: three succeeded, six failed, one expired, two without an end.
    assert_eq!(all("attempt_success_raw"), ["3 10 2 0 0.3000 false"]);
    // Nine orders with an attempt: O01 and O09 at first, O06 and O10 without an end.
    assert_eq!(all("first_attempt_rate"), ["2 7 2 2 0.2857 false"]);
    // O02 succeeds at last.
    assert_eq!(all("order_success_rate"), ["3 7 2 2 0.4286 false"]);
    // Three marked paid: one settled, one false success, one waiting.
    assert_eq!(all("settled_success_rate"), ["1 2 1 8 0.5000 false"]);

    let cut = |metric: &str, cut: &str| {
        shown(&rates, &["metric", "cut"], &[metric, cut], &["value", "numerator", "denominator", "pending", "mature"])
    };
    let providers = ["alipay 1 3 2 false", "stripe 1 4 0 true", "wechat_pay 1 3 0 true"];
    assert_eq!(cut("attempt_success_raw", "provider"), providers, "an attempt is its own provider's");
    let providers = [" 0 0 0 true", "alipay 0 1 2 false", "stripe 1 3 0 true", "wechat_pay 2 3 0 true"];
    assert_eq!(cut("order_success_rate", "provider"), providers, "an order is its first attempt's provider's");
    assert_eq!(cut("attempt_success_raw", "channel"), [" 0 1 1 false", "app 2 5 1 false", "web 1 4 0 true"]);
    let nothing = shown(&rates, &["metric", "cut", "value"], &["order_success_rate", "provider", ""], &["rate", "low", "high"]);
    assert_eq!(nothing, ["- - -"], "no rate of nothing");
    let unstated = shown(&rates, &["metric", "cut"], &["order_success_rate", "wallet"], &["value", "denominator"]);
    assert_eq!(unstated, [" 7"]);
}

#[test]
fn abandonment_stages_exclude_each_other_and_young_orders_are_left_out() {
    let abandonment = small().abandonment;
    let all = shown(&abandonment, &["cut"], &["all"], &["stage", "orders", "share", "mature"]);
    assert_eq!(
        all,
        [
            "declined_and_left 2 0.2000 true",
            "merchant_cancelled 1 0.1000 true",
            "method_no_submit 1 - false",
            "no_attempt 1 0.1000 true",
            "paid 3 0.3000 true",
            "pending 1 0.1000 true",
            "technical_and_left 1 0.1000 true",
            "wallet_or_redirect_not_returned 1 0.1000 true",
        ]
    );
    let web = shown(&abandonment, &["cut", "value"], &["channel", "web"], &["stage", "orders", "share"]);
    assert_eq!(web, ["declined_and_left 1 0.3333", "paid 1 0.3333", "technical_and_left 1 0.3333"]);
}

#[test]
fn the_last_attempt_decides_the_stage() {
    for (status, reached, code, order, expect) in [
        ("expired", "authentication", "-", "expired", "authentication_dropped"),
        ("cancelled", "redirected", "-", "expired", "wallet_or_redirect_not_returned"),
        ("initiated", "-", "-", "created", "method_no_submit"),
        ("initiated", "redirected", "-", "created", "wallet_or_redirect_not_returned"),
        ("initiated", "processing", "-", "created", "pending"),
        ("pending", "redirected", "-", "created", "pending"),
        ("expired", "submitted", "-", "expired", "expired_unpaid"),
        ("expired", "-", "-", "cancelled", "expired_unpaid"),
        ("cancelled", "submitted", "-", "cancelled", "merchant_cancelled"),
        // An answer says more than the stage it came at, or the order's cancelling after it.
        ("failed", "method_selected", "do_not_honor", "cancelled", "declined_and_left"),
        ("failed", "authentication", "issuer_not_available", "expired", "technical_and_left"),
        ("failed", "processing", "never seen", "expired", "declined_and_left"),
        // The merchant's record says paid, though no attempt does.
        ("expired", "processing", "-", "paid", "paid"),
        ("succeeded", "completed", "-", "created", "paid"),
    ] {
        let orders = orders(&[("O", 0, 100, "USD", order, "-")]);
        let (attempts, outcomes) = attempts(&[
            ("A2", "O", 2, "stripe", "-", status, reached, code, "excluded", false),
            ("A1", "O", 1, "stripe", "-", "failed", "submitted", "do_not_honor", "excluded", false),
        ]);
        let abandonment = run(&orders, &attempts, &outcomes).unwrap().abandonment;
        assert_eq!(shown(&abandonment, &["cut"], &["all"], &["stage"]), [expect], "{status} at {reached}, order {order}");
    }
}

#[test]
fn failure_reasons_count_attempts_and_who_recovered() {
    let columns = ["provider", "code", "category", "currency", "attempts", "amount", "actor", "hardness", "recovered"];
    assert_eq!(
        shown(&small().failure_reasons, &[], &[], &columns),
        [
            "alipay ACQ.SYSTEM_ERROR system_busy CNY 1 1.00 provider soft 0",
            "stripe  Processing_Error  provider_error USD 1 40.00 provider soft 0",
            "stripe do_not_honor declined_by_issuer USD 1 30.00 issuer soft 0",
            "stripe processing_error provider_error USD 1 40.00 provider soft 0",
            "wechat_pay NEW_CODE unmapped CNY 1 1.00 unknown unknown 0",
            "wechat_pay NOTENOUGH insufficient_funds CNY 1 20.00 customer soft 1",
        ]
    );
}

#[test]
fn an_empty_night_is_empty_tables() {
    let (attempts, outcomes) = attempts(&[]);
    let empty = run(&orders(&[]), &attempts, &outcomes).unwrap();
    for batch in batches(&empty) {
        assert_eq!(batch.num_rows(), 0);
    }
}

#[test]
fn an_order_or_attempt_stated_twice_is_against_the_law() {
    let once = orders(&[("O", 5, 100, "USD", "paid", "-"), ("P", 3, 200, "USD", "expired", "-")]);
    let twice = orders(&[("O", 5, 100, "USD", "paid", "-"), ("O", 3, 200, "USD", "expired", "-")]);
    let attempt = |id| (id, "O", 6, "stripe", "-", "pending", "-", "-", "excluded", false);
    let (distinct, outcomes) = attempts(&[attempt("A"), attempt("B")]);
    let (repeated, _) = attempts(&[attempt("A"), attempt("A")]);
    assert_eq!(run(&once, &distinct, &outcomes).map(drop), Ok(()));
    for (orders, attempts) in [(&twice, &distinct), (&once, &repeated)] {
        assert_eq!(run(orders, attempts, &outcomes).unwrap_err().exit, Exit::LawBroken);
    }
}

#[test]
fn dimensions_of_any_number_of_values_are_kept_apart() {
    // So many values in each of eight dimensions: more combinations than one 64-bit key tells apart.
    for values in [200, 1500] {
        each_value_is_kept_apart(values);
    }
}

fn each_value_is_kept_apart(values: usize) {
    let words: Vec<String> = (0..values).map(|number| format!("W{number:04}")).collect();
    let (orders, attempts, outcomes) = of_words(&words, 1);
    let funnel = run(&orders, &attempts, &outcomes).unwrap().funnel;
    let names = ["provider", "method", "wallet", "card_brand", "card_funding", "channel", "country", "customer_segment"];
    let expect: Vec<String> = words.iter().map(|word| [word.as_str(); 8].join(" ") + " 1 1").collect();
    assert_eq!(shown(&funnel, &[], &[], &[&names[..], &["created", "failed"]].concat()), expect);
}

/// An order a word, created in that minute, with an attempt; every dimension but the currency is the word.
fn of_words(words: &[String], created: i64) -> (RecordBatch, RecordBatch, Outcomes) {
    let given: Vec<Order> = words.iter().map(|word| (word.as_str(), created, 100, "USD", "created", word.as_str())).collect();
    let tries: Vec<Attempt> = words
        .iter()
        .map(|word| (word.as_str(), word.as_str(), 2, word.as_str(), word.as_str(), "failed", "-", "-", "excluded", false))
        .collect();
    let with = |batch: RecordBatch, names: &[&str]| {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            let own = names.contains(&field.name().as_str());
            if own { build::words(words.iter().map(Some)) } else { ArrayRef::clone(column) }
        });
        RecordBatch::try_new(batch.schema(), columns.collect()).unwrap()
    };
    let orders = with(orders(&given), &["country", "customer_segment"]);
    let (attempts, outcomes) = attempts(&tries);
    (orders, with(attempts, &["method", "wallet", "card_funding"]), outcomes)
}

#[test]
fn orders_are_found_wherever_they_stand() {
    let ids: Vec<String> = (0..20_000).map(|number| format!("O{number:05}")).collect();
    let given: Vec<Order> = ids.iter().map(|id| (id.as_str(), 5, 100, "USD", "paid", "app")).collect();
    // Every third order has no attempt, and every fourth attempt is of an order of another night.
    let of: Vec<String> =
        (0..20_000).filter(|number| number % 3 > 0).map(|n| format!("O{:05}", n + n % 4 / 3 * 20_000)).collect();
    let status = |number: usize| if number.is_multiple_of(5) { "succeeded" } else { "failed" };
    let tries: Vec<Attempt> = of
        .iter()
        .enumerate()
        .map(|(n, id)| (id.as_str(), id.as_str(), 6, "stripe", "visa", status(n), "-", "-", "excluded", false))
        .collect();
    let orders = orders(&given);
    let (attempts, outcomes) = attempts(&tries);
    let ascending = run(&orders, &attempts, &outcomes).unwrap();
    let linked: i64 = read::counts(&ascending.funnel, "attempts").iter().flatten().sum();
    assert_eq!(linked, build::count(of.iter().filter(|id| id.as_str() < "O20000").count()));

    let elsewhere = in_parts(&shuffled(&orders, 7).1, 3000);
    let empty = elsewhere[0].slice(0, 0);
    let elsewhere = [&elsewhere[..3], from_ref(&empty), &elsewhere[3..]].concat();
    same(&ascending, &run_parts(&elsewhere, from_ref(&attempts), from_ref(&outcomes)).unwrap()).unwrap();
    let in_order = [from_ref(&empty), &in_parts(&orders, 3000)[..], from_ref(&empty)].concat();
    same(&ascending, &run_parts(&in_order, from_ref(&attempts), from_ref(&outcomes)).unwrap()).unwrap();
}

#[test]
fn a_status_that_is_not_in_the_list_is_refused() {
    let (attempts, outcomes) = attempts(&[("A", "O", 0, "stripe", "-", "captured", "-", "-", "excluded", false)]);
    let error = run(&orders(&[]), &attempts, &outcomes).unwrap_err();
    assert_eq!(error.exit, Exit::BadData);
    assert_eq!((error.column.as_deref(), error.found.as_deref()), (Some("status"), Some("captured")));
    assert!(error.expected.unwrap().contains("succeeded"));
}

#[test]
fn wilson_gives_the_known_intervals() {
    for (part, whole, low, high) in [
        (8, 10, 0.4901, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 2, 0.0945, 0.9055),
        (500, 1000, 0.4691, 0.5309),
    ] {
        let found = proportion(part, whole).unwrap();
        assert!((found.low - low).abs() < 1e-4 && (found.high - high).abs() < 1e-4, "{part} of {whole}: {found:?}");
    }
    assert_eq!(proportion(0, 0), None);
    let ids: Vec<String> = (0..10).map(|number| format!("O{number}")).collect();
    let rows: Vec<Order> = ids.iter().map(|id| (id.as_str(), 0, 100, "USD", "expired", "-")).collect();
    let status = |number| if number < 8 { "succeeded" } else { "failed" };
    let tries: Vec<Attempt> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| (id.as_str(), id.as_str(), 1, "stripe", "-", status(n), "-", "-", "match", true))
        .collect();
    let (attempts, outcomes) = attempts(&tries);
    let rates = run(&orders(&rows), &attempts, &outcomes).unwrap().success_rates;
    let all = shown(&rates, &["metric", "cut"], &["order_success_rate", "all"], &["rate", "low", "high"]);
    assert_eq!(all, ["0.8000 0.4902 0.9433"], "0.49016 in full");
}

#[test]
fn the_shipped_failure_codes_load_and_know_the_common_ones() {
    let failures = FailureCategories::shipped().unwrap();
    for (provider, code, expect) in [
        ("wechat_pay", "NOTENOUGH", Category::InsufficientFunds),
        ("wechat_pay", "SYSTEMERROR", Category::SystemBusy),
        ("wechat_pay", "USERPAYING_TIMEOUT", Category::CustomerTimeout),
        ("wechat_pay", "BANKERROR", Category::IssuerUnavailable),
        ("alipay", "ACQ.BUYER_BALANCE_NOT_ENOUGH", Category::InsufficientFunds),
        ("alipay", "acq.system_error ", Category::SystemBusy),
        ("alipay", "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", Category::LimitExceeded),
        ("alipay", "ACQ.TRADE_HAS_CLOSE", Category::OrderClosed),
        ("stripe", "insufficient_funds", Category::InsufficientFunds),
        ("stripe", "do_not_honor", Category::DeclinedByIssuer),
        ("stripe", "authentication_required", Category::AuthenticationRequired),
        ("stripe", "processing_error", Category::ProviderError),
        ("adyen", "Not enough balance", Category::InsufficientFunds),
        ("adyen", "Refused", Category::DeclinedByIssuer),
        ("adyen", "3D Not Authenticated", Category::AuthenticationFailed),
        ("adyen", "Issuer Unavailable", Category::IssuerUnavailable),
        ("adyen", "51 : Insufficient funds", Category::InsufficientFunds),
        ("stripe", "NOTENOUGH", Category::Unmapped),
        ("", "", Category::Unmapped),
    ] {
        assert_eq!(failures.find(provider, code).category, expect, "{provider} {code}");
    }
}

#[test]
fn a_wrong_table_of_failure_codes_is_refused() {
    let header = "provider,code,category,actor,hardness,advice\n";
    for (rows, line, found) in [
        ("stripe,x,bad_luck,issuer,soft,\n", 2, "bad_luck"),
        ("stripe,x,duplicate,nobody,soft,\n", 2, "nobody"),
        ("stripe,x,duplicate,issuer,brittle,\n", 2, "brittle"),
        ("stripe,x,duplicate,issuer,soft,\nstripe, X ,duplicate,issuer,soft,\n", 3, "stripe X"),
    ] {
        let error = FailureCategories::parse(&format!("{header}{rows}"), "own.csv").unwrap_err();
        assert_eq!((error.exit, error.line, error.found.as_deref()), (Exit::BadConfiguration, Some(line), Some(found)));
        assert_eq!(error.file.as_deref(), Some("own.csv"));
    }
    let error = FailureCategories::parse("code,category\n", "own.csv").unwrap_err();
    assert_eq!((error.exit, error.line), (Exit::BadConfiguration, Some(1)));
    assert!(FailureCategories::parse(&format!("{header}stripe,x\n"), "own.csv").is_err(), "a short row");
}

#[test]
fn a_batch_goes_to_polars_and_comes_back_the_same() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("count", Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN), Some(4)]))),
        ("code", Arc::new(UInt32Array::from(vec![0, u32::MAX, 2, 3]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
        ("amount", build::amounts([Some(Amount(i128::from(i64::MAX) * 10_000)), None, Some(Amount(-1)), Some(Amount::ZERO)])),
        ("ratio", build::ratios([Some(0.5), None, Some(1.0), Some(0.0)])),
    ];
    let whole = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    for batch in [whole.clone(), whole.slice(1, 2), whole.slice(3, 0)] {
        let back = frame::export(frame::import(&batch).unwrap()).unwrap();
        for (name, array) in batch.schema().fields().iter().map(|field| (field.name(), read::column(&batch, field.name()))) {
            assert_eq!(read::column(&back, name), array, "{name}");
        }
    }
}

/// minute, amount, currency, status, channel.
type AnyOrder = (i64, i64, usize, usize, usize);
/// order, minute, provider, status, stage, code, settled.
type AnyAttempt = (u8, i64, usize, usize, usize, usize, bool);

/// Any merchant's night, however its records contradict each other.
fn any_night() -> impl Strategy<Value = (BTreeMap<u8, AnyOrder>, Vec<AnyAttempt>)> {
    // One amount in five does not fit 64 bits.
    let amount = prop_oneof![4 => 1..9999_i64, 1 => 1_000_000_000_000..9_000_000_000_000_i64];
    let order = (0..1500_i64, amount, 0..3_usize, 0..4_usize, 0..3_usize);
    let attempt = (0..14_u8, 0..1500_i64, 0..3_usize, 0..6_usize, 0..7_usize, 0..4_usize, any::<bool>());
    (prop::collection::btree_map(0..12_u8, order, 0..12), prop::collection::vec(attempt, 0..30))
}

const CURRENCIES: [&str; 3] = ["CNY", "EUR", "USD"];
const ORDER_STATUSES: [&str; 4] = ["created", "paid", "expired", "cancelled"];
const CHANNELS: [&str; 3] = ["app", "web", "-"];
const PROVIDERS: [&str; 3] = ["stripe", "adyen", "-"];
const STATUSES: [&str; 6] = ["initiated", "pending", "succeeded", "failed", "expired", "cancelled"];
const STAGES: [&str; 7] = ["method_selected", "submitted", "authentication", "redirected", "processing", "completed", "-"];
const CODES: [&str; 4] = ["do_not_honor", "Issuer Unavailable", "strange", "-"];

/// Orders, attempts, and where matching left those.
fn records(orders: &BTreeMap<u8, AnyOrder>, attempts: &[AnyAttempt]) -> (RecordBatch, RecordBatch, Outcomes) {
    let order_ids: Vec<String> = orders.keys().map(|id| format!("O{id}")).collect();
    let attempt_ids: Vec<String> = (0..attempts.len()).map(|number| format!("A{number}")).collect();
    let of: Vec<String> = attempts.iter().map(|row| format!("O{}", row.0)).collect();
    let given = orders.values().zip(&order_ids);
    let given: Vec<Order> =
        given.map(|(row, id)| (id.as_str(), row.0, row.1, CURRENCIES[row.2], ORDER_STATUSES[row.3], CHANNELS[row.4])).collect();
    let tries = attempts.iter().zip(&attempt_ids).zip(&of).map(|((row, id), of)| {
        let (provider, status, stage, code) = (PROVIDERS[row.2], STATUSES[row.3], STAGES[row.4], CODES[row.5]);
        let outcome = if row.6 { "match" } else { "waiting" };
        (id.as_str(), of.as_str(), row.1, provider, "-", status, stage, code, outcome, row.6)
    });
    let (attempts, outcomes) = self::attempts(&tries.collect::<Vec<Attempt>>());
    (self::orders(&given), attempts, outcomes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_night_adds_up_and_does_not_depend_on_the_order_of_rows(
        (order_rows, attempt_rows) in any_night(), turn in any::<u64>(), sizes in (1..9_usize, 1..9_usize),
    ) {
        let (orders, attempts, outcomes) = records(&order_rows, &attempt_rows);
        let analysis = run(&orders, &attempts, &outcomes).unwrap();

        let distinct = order_rows.len();
        let sum = |batch: &RecordBatch, name: &str| read::counts(batch, name).iter().flatten().sum::<i64>();
        prop_assert_eq!(sum(&analysis.funnel, "created"), build::count(distinct));
        prop_assert_eq!(ENDS.iter().map(|end| sum(&analysis.funnel, end)).sum::<i64>(), build::count(distinct));
        let failed = attempt_rows.iter().filter(|row| STATUSES[row.3] == "failed").count();
        prop_assert_eq!(sum(&analysis.failure_reasons, "attempts"), build::count(failed));
        let mut by_cut: BTreeMap<String, i64> = BTreeMap::new();
        for (row, orders) in read::counts(&analysis.abandonment, "orders").iter().enumerate() {
            *by_cut.entry(read::words(&analysis.abandonment, "cut").get(row).to_owned()).or_default() += orders.unwrap();
        }
        prop_assert!(by_cut.values().all(|&orders| orders == build::count(distinct)));
        let paid = shown(&analysis.abandonment, &["cut", "stage"], &["all", "paid"], &["orders"]);
        let paid: i64 = paid.iter().map(|orders| orders.parse::<i64>().unwrap()).sum();
        prop_assert_eq!(sum(&analysis.funnel, "succeeded"), paid);
        for batch in [&analysis.success_rates, &analysis.abandonment] {
            for name in ["rate", "share", "low", "high"].iter().filter(|name| batch.column_by_name(name).is_some()) {
                prop_assert!(read::column(batch, name).as_primitive::<Float64Type>().iter().flatten().all(|part| (0.0..=1.0).contains(&part)));
            }
        }

        let orders = shuffled(&orders, turn).1;
        let (rows, attempts) = shuffled(&attempts, turn.rotate_left(17));
        let outcomes: Outcomes = rows.iter().map(|&row| outcomes[row as usize]).collect();
        let again = run(&orders, &attempts, &outcomes).unwrap();
        same(&analysis, &again)?;

        let (orders, attempts) = (in_parts(&orders, sizes.0), in_parts(&attempts, sizes.1));
        let outcomes: Vec<Outcomes> = outcomes.chunks(sizes.1).map(<[_]>::to_vec).collect();
        same(&analysis, &run_parts(&orders, &attempts, &outcomes).unwrap())?;
        let (orders, attempts): (Vec<_>, Vec<_>) = (orders.iter().map(compact).collect(), attempts.iter().map(compact).collect());
        same(&analysis, &run_parts(&orders, &attempts, &outcomes).unwrap())?;
    }
}

fn same(one: &Analysis, other: &Analysis) -> std::result::Result<(), TestCaseError> {
    for (one, other) in batches(one).into_iter().zip(batches(other)) {
        prop_assert_eq!(plain(one), plain(other));
    }
    Ok(())
}

/// All tables of the analysis.
fn batches(analysis: &Analysis) -> [&RecordBatch; 7] {
    let Analysis { funnel, success_rates, success_amounts, payment_methods, time_to_pay, abandonment, failure_reasons } =
        analysis;
    [funnel, success_rates, success_amounts, payment_methods, time_to_pay, abandonment, failure_reasons]
}

/// The batch with another column of that name.
fn with(batch: &RecordBatch, name: &str, array: &ArrayRef) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, column)| ArrayRef::clone(if field.name() == name { array } else { column }));
    RecordBatch::try_new(batch.schema(), columns.collect()).unwrap()
}

/// The rows of those columns say other words: any, empty text, or nothing.
fn with_words(batch: &RecordBatch, names: &[&str], of_rows: &[u32]) -> RecordBatch {
    let any = [None, Some(""), Some("a"), Some("b"), Some("c"), Some("d"), Some("e"), Some("f")];
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let Some(place) = names.iter().position(|name| name == field.name()) else { return ArrayRef::clone(column) };
        // What every row must state, it does.
        let word = |row: usize| any[(of_rows[row] >> (3 * place) & 7).max(if field.is_nullable() { 0 } else { 2 }) as usize];
        build::words((0..batch.num_rows()).map(word))
    });
    RecordBatch::try_new(batch.schema(), columns.collect()).unwrap()
}

/// The rows in another order, and the dictionaries of their words laid out another way; and which rows they are.
fn shuffled(batch: &RecordBatch, turn: u64) -> (Vec<u32>, RecordBatch) {
    let mut rows: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap()).collect();
    let mut state = turn | 1;
    for position in (1..rows.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        rows.swap(position, usize::try_from(state >> 33).unwrap() % (position + 1));
    }
    let taken = take_record_batch(batch, &UInt32Array::from(rows.clone())).unwrap();
    let schema = taken.schema();
    let relaid = schema.fields().iter().zip(taken.columns()).map(|(field, column)| match field.data_type() {
        DataType::Dictionary(..) => {
            let words = read::words(&taken, field.name());
            build::words((0..taken.num_rows()).map(|row| words.optional(row)))
        }
        _ => ArrayRef::clone(column),
    });
    let relaid = RecordBatch::try_new(taken.schema(), relaid.collect()).unwrap();
    // Two parts joined: a dictionary may then hold a word twice.
    let half = relaid.num_rows() / 2;
    let parts = [relaid.slice(0, half), relaid.slice(half, relaid.num_rows() - half)];
    (rows, concat_batches(&relaid.schema(), &parts).unwrap())
}

/// The rows in parts of `size`.
fn in_parts(batch: &RecordBatch, size: usize) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(size);
    starts.map(|start| batch.slice(start, size.min(batch.num_rows() - start))).collect()
}

/// The columns analysis asks for, each as small as it may be in a part.
fn compact(part: &RecordBatch) -> RecordBatch {
    let schema = part.schema();
    let others = ["business_date", "outcome", "outcome_reason", "file_id", "line"];
    let asked = schema.fields().iter().zip(part.columns()).filter(|(field, _)| !others.contains(&field.name().as_str()));
    let small = asked.map(|(field, column)| {
        let column = match field.data_type() {
            _ if column.null_count() == column.len() => nothing(column.len()),
            DataType::Dictionary(..) => narrow_words(&read::words_of(column)),
            DataType::Decimal128(..) => narrow_amounts(column.as_primitive()),
            _ => ArrayRef::clone(column),
        };
        (field.name(), column, true)
    });
    RecordBatch::try_from_iter_with_nullable(small).unwrap()
}

fn narrow_words(words: &read::Words) -> ArrayRef {
    let mut narrow = StringDictionaryBuilder::<UInt16Type>::new();
    // A word that no row has.
    narrow.append_value("nowhere");
    (0..words.codes.len()).for_each(|row| narrow.append_option(words.optional(row)));
    Arc::new(narrow.finish().slice(1, words.codes.len()))
}

fn narrow_amounts(amounts: &Decimal128Array) -> ArrayRef {
    let fits = amounts.iter().flatten().all(|amount| amount.abs() < 10_i128.pow(NARROW_PRECISION.into()));
    if !fits {
        return Arc::new(amounts.clone());
    }
    let narrow: Decimal64Array = amounts.iter().map(|amount| amount.map(|amount| i64::try_from(amount).unwrap())).collect();
    Arc::new(narrow.with_precision_and_scale(NARROW_PRECISION, 8).unwrap())
}

/// As the file shows it: words as plain text.
fn plain(batch: &RecordBatch) -> Vec<String> {
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    shown(batch, &[], &[], &names.iter().map(String::as_str).collect::<Vec<_>>())
}
