//! What attempts met at their providers, of nights as they are published: whose account, and what it cost.

use std::fmt::Write;

use tieout::job::Job;
use tieout::lake::Lake;
use tieout::night::{Memory, Options, close};
use tieout::table::analysis::{PAYMENT_METHODS, SUCCESS_RATES};

use super::shown;
use crate::harness::Place;
use crate::nights::{board, messages, november};

const JOB: &str = r#"
name = "shop"
lake = "lake"
timezone = "UTC"
[merchant.orders]
source = { files = "orders.csv" }
[merchant.attempts]
source = { files = "attempts.csv" }
"#;

/// Closes the night whole and in shares: each way to pay, and the account of what succeeded.
fn closed(accounts: &[(&str, &str)], attempts: &str) -> [Vec<String>; 2] {
    let place = Place::empty();
    let mut job = JOB.to_owned();
    for (account, lines) in accounts {
        writeln!(job, "[[provider]]\nname = \"p\"\naccount = {account:?}\nformat = \"generic/entries\"").unwrap();
        writeln!(job, "source = {{ files = \"{account}.csv\" }}\nsettles_in = \"1 business day\"").unwrap();
        place.write(
            &format!("{account}.csv"),
            format!("kind,provider_reference,merchant_reference,currency,gross,fee,occurred_at\n{lines}"),
        );
    }
    place.write("orders.csv", "order_id,created_at,amount,currency,status\nO,2026-11-01T10:00:00Z,10.00,EUR,paid\n");
    let header = "attempt_id,order_id,provider,merchant_reference,method,started_at,status,amount,currency\n";
    place.write("attempts.csv", header.to_owned() + attempts);
    let told = [Memory::Unlimited, Memory::Shares(3)].map(|memory| {
        let name = format!("{memory:?}");
        place.write("job.toml", job.replace("\"lake\"", &format!("{name:?}")));
        let job = Job::load(&place.path("job.toml")).unwrap();
        let options = Options { memory, ..Options::of(november(1)) };
        close(&job, options, &board(), &|_| {}).unwrap_or_else(|errors| panic!("{}", messages(&errors)));
        let lake = Lake::open(&place.path(&name)).unwrap();
        let ways = lake.read(&PAYMENT_METHODS, november(1)).unwrap();
        let rates = lake.read(&SUCCESS_RATES, november(1)).unwrap();
        let columns = ["provider", "account", "method", "orders", "attempts", "volume", "charged"];
        let of = (["metric", "cut"], ["attempt_success_raw", "account"]);
        [shown(&ways, &[], &[], &columns), shown(&rates, &of.0, &of.1, &["value", "numerator", "denominator"])]
    });
    assert_eq!(told[0], told[1], "a night in shares is the same night");
    told.into_iter().next().unwrap()
}

/// Two attempts met two entries as one group: the first alone had the account and the money of both.
#[test]
fn each_attempt_of_a_group_has_the_entry_it_is_linked_with() {
    let [ways, accounts] = closed(
        &[
            ("one", ""),
            ("two", "payment,n1,O,EUR,5.00,0.05,2026-11-01T10:00:20Z\npayment,n2,O,EUR,5.00,0.07,2026-11-01T10:01:20Z\n"),
        ],
        "A1,O,p,O,card,2026-11-01T10:00:10Z,succeeded,5.00,EUR\nA2,O,p,O,wallet,2026-11-01T10:01:10Z,succeeded,5.00,EUR\n",
    );
    assert_eq!(ways, ["p two card 1 1 5.00 0.05", "p two wallet 0 1 5.00 0.07"]);
    assert_eq!(accounts, ["two 2 2"]);
}

/// One capture of two attempts is the account of both, and costs once.
#[test]
fn attempts_that_share_an_entry_share_its_account_and_not_its_cost() {
    let [ways, accounts] = closed(
        &[("one", ""), ("two", "payment,n1,O,EUR,10.00,0.10,2026-11-01T10:00:20Z\n")],
        "A1,O,p,O,card,2026-11-01T10:00:10Z,succeeded,5.00,EUR\nA2,O,p,O,card,2026-11-01T10:01:10Z,succeeded,5.00,EUR\n",
    );
    assert_eq!(ways, ["p two card 1 2 10.00 0.10"]);
    assert_eq!(accounts, ["two 2 2"]);
}

/// An attempt that names no provider has the account of the entry it met, though every provider has but one: what it cost was in
/// another row than the attempt itself.
#[test]
fn an_attempt_without_a_provider_has_the_account_of_its_entry() {
    let [ways, accounts] = closed(
        &[("one", "payment,n1,O,EUR,10.00,0.10,2026-11-01T10:00:20Z\n")],
        "A1,O,,O,card,2026-11-01T10:00:10Z,succeeded,10.00,EUR\n",
    );
    assert_eq!(ways, ["- one card 1 1 10.00 0.10"]);
    assert_eq!(accounts, ["one 1 1"]);
}
