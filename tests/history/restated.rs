//! Records and entries that are delivered again on a later night, while they still wait for their counterpart.

use std::collections::BTreeMap;
use std::fs;

use tieout::night::Closed;
use tieout::table::column::Table;
use tieout::table::entries::ENTRIES;
use tieout::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS, ROLLFORWARD};

use crate::nights::{Shop, november};

const COMPARED: [&Table; 4] = [&BREAKS, &MATCHES, &OPEN_ITEMS, &ROLLFORWARD];

type Row = BTreeMap<String, String>;

/// The identifiers of what the first night left open on a side, of a kind and provider.
fn open(shop: &Shop, side: &str, kind: &str, provider: &str) -> Vec<String> {
    let is = |row: &Row| row["side"] == side && row["kind"] == kind && row["provider"] == provider;
    shop.rows(&OPEN_ITEMS, november(17)).into_iter().filter(is).map(|row| row["id"].clone()).collect()
}

/// Adds lines of a file of the first night to that of the second, each as `change` has it.
fn deliver_again(shop: &Shop, file: &str, is: impl Fn(&str) -> bool, change: impl Fn(&str) -> String) -> usize {
    let path = |date: &str| shop.data().join(file.replace("{}", date));
    let first = fs::read_to_string(path("20261117")).unwrap();
    let lines: Vec<String> = first.lines().skip(1).filter(|line| is(line)).map(change).collect();
    let second = fs::read_to_string(path("20261118")).unwrap();
    fs::write(path("20261118"), format!("{second}{}\n", lines.join("\n"))).unwrap();
    lines.len()
}

/// Adds all records of payments and refunds, and all lines of Stripe, that are open after the first night.
fn deliver_open_again(shop: &Shop) -> usize {
    let is_of = |ids: Vec<String>| move |line: &str| ids.iter().any(|id| line.starts_with(&format!("{id},")));
    let same = |line: &str| line.to_owned();
    let providers = ["wechat_pay", "alipay", "stripe", "adyen"];
    let records = |kind: &str| providers.iter().flat_map(|provider| open(shop, "merchant", kind, provider)).collect();
    let mut again = deliver_again(shop, "merchant/attempts_{}.csv", is_of(records("payment")), same);
    again += deliver_again(shop, "merchant/refunds_{}.csv", is_of(records("refund")), same);
    // The line an entry stands in, without its header.
    let entries: Vec<String> = ["payment", "refund"].iter().flat_map(|kind| open(shop, "provider", kind, "stripe")).collect();
    let of_entry = |row: &Row| entries.contains(&row["entry_id"]).then(|| row["line"].parse::<usize>().unwrap() - 1);
    let rows: Vec<usize> = shop.rows(&ENTRIES, november(17)).iter().filter_map(of_entry).collect();
    let path = shop.data().join("provider/stripe/payout_reconciliation_20261117.csv");
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().enumerate().filter(|(at, _)| rows.contains(at)).map(|(_, line)| line).collect();
    again + deliver_again(shop, "provider/stripe/payout_reconciliation_{}.csv", |line| lines.contains(&line), same)
}

fn restated(closed: &Closed) -> usize {
    closed.manifest.night.totals.get("restated").map_or(0, |count| usize::try_from(count.as_u64().unwrap()).unwrap())
}

#[test]
fn what_waits_and_is_delivered_again_unchanged_goes_on_as_it_was() {
    let once = Shop::generated(21, 3, 300);
    let (again, in_shares) = (once.twin(), once.twin());
    for shop in [&once, &again, &in_shares] {
        shop.close(november(17));
    }
    let count = deliver_open_again(&again);
    assert!(count > 20, "{count}");
    assert_eq!(deliver_open_again(&in_shares), count);
    for night in [18, 19].map(november) {
        assert_eq!(restated(&once.close(night)), 0);
        let closed = again.close(night);
        assert_eq!(restated(&closed), if night == november(18) { count } else { 0 });
        let closed_in_shares = in_shares.close_in_shares(night, 4);
        assert_eq!(closed.manifest.outputs, closed_in_shares.manifest.outputs);
        for table in COMPARED {
            assert_eq!(once.rows(table, night), again.rows(table, night), "{night} {}", table.name);
        }
    }
}

/// The break of an attempt on a night.
fn break_of(shop: &Shop, day: u32, attempt: &str) -> Option<Row> {
    shop.rows(&BREAKS, november(day)).into_iter().find(|row| row["attempt_id"] == attempt)
}

/// A shop whose second night states one open attempt again, as `change` has it; and that attempt.
fn stated_again(change: impl Fn(&str) -> String) -> (Shop, String) {
    let shop = Shop::of_sample_data();
    shop.close(november(17));
    let attempt = open(&shop, "merchant", "payment", "wechat_pay").remove(0);
    assert_eq!(break_of(&shop, 17, &attempt).unwrap()["state"], "waiting");
    deliver_again(&shop, "merchant/attempts_{}.csv", |line| line.starts_with(&attempt), change);
    shop.close(november(18));
    (shop, attempt)
}

#[test]
fn what_is_stated_last_stands_and_since_the_first_time() {
    let (shop, attempt) = stated_again(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let amount = cells[cells.len() - 2];
        line.replace(&format!(",{amount},"), ",7.77,")
    });
    let (before, after) = (break_of(&shop, 17, &attempt).unwrap(), break_of(&shop, 18, &attempt).unwrap());
    let told = |row: &Row| ["break_id", "first_seen"].map(|name| row[name].clone());
    assert_eq!(told(&before), told(&after), "one break, known since its first night");
    assert_eq!((after["state"].as_str(), after["merchant_amount"].as_str()), ("open", "7.77000000"));
    assert_ne!(before["merchant_amount"], after["merchant_amount"]);
    let item = shop.rows(&OPEN_ITEMS, november(18)).into_iter().find(|row| row["id"] == attempt).unwrap();
    assert_eq!(
        (item["amount"].as_str(), item["first_seen"].as_str(), item["expected_by"].as_str()),
        ("7.77000000", "2026-11-17", "2026-11-18")
    );
    // Law 6, with both amounts: what it said before is cleared, what it says now is new.
    let rolled = shop.rows(&ROLLFORWARD, november(18));
    let rolled = rolled.iter().find(|row| row["break_type"] == "missing_in_provider" && row["provider"] == "wechat_pay").unwrap();
    let amount = |name: &str| tieout::money::Amount::parse(rolled[name].as_bytes(), 8).unwrap();
    assert_eq!(amount("opening_amount") + amount("new_amount") - amount("cleared_amount"), amount("closing_amount"));
    assert!(rolled["cleared"].parse::<u64>().unwrap() > 0 && rolled["new"].parse::<u64>().unwrap() > 0);
    shop.close(november(19));
}

#[test]
fn a_record_that_claims_no_money_any_more_clears_its_break() {
    let (shop, attempt) = stated_again(|line| line.replace(",succeeded,", ",failed,"));
    let cleared = break_of(&shop, 18, &attempt).unwrap();
    assert_eq!((cleared["state"].as_str(), cleared["cleared_on"].as_str()), ("cleared", "2026-11-18"));
    shop.close(november(19));
}

#[test]
fn a_record_stated_again_of_a_provider_nobody_knows_is_out_of_it() {
    let (shop, attempt) = stated_again(|line| line.replace(",wechat_pay,", ",nobody,"));
    assert_eq!(break_of(&shop, 18, &attempt).unwrap()["state"], "cleared");
    assert!(!shop.rows(&OPEN_ITEMS, november(18)).iter().any(|row| row["id"] == attempt));
    shop.close(november(19));
}
