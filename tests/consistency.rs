//! An entry agrees with itself: its amounts with its rate, its date with its night.

use tieout::night::Memory;
use tieout::table::entries::ENTRIES;
use tieout::table::reconciliation::BREAKS;

use crate::fees::Till;
use crate::nights::november;

/// The breaks of this kind after the 3rd of November: what is told of each, by the provider's reference.
fn found(kind: &str, more: &str, lines: &str) -> Vec<String> {
    let till = Till::new("{ percent = \"0\" }", more);
    till.lines(november(3), lines);
    for memory in [Memory::Unlimited, Memory::Shares(3)] {
        till.try_close(november(3), memory).unwrap_or_else(|error| panic!("{error}"));
    }
    let rows = till.rows(&BREAKS, november(3)).into_iter().filter(|row| row["break_type"] == kind);
    let told = rows.map(|row| {
        let amounts = ["merchant_amount", "provider_amount", "difference"].map(|name| row[name].trim_end_matches("000000"));
        let [_, number] = row["provider_reference"].rsplit_once('-').map_or(["", ""], |(night, number)| [night, number]);
        assert!(!row["entry_id"].is_empty());
        format!("{number} {} {} {}: {}", row["state"], amounts.join(" "), row["currency"], row["detail"])
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

#[test]
fn what_settles_is_what_was_charged_at_the_stated_rate() {
    let lines = "payment 56.00 0 customer_amount=8400 customer_currency=JPY exchange_rate=0.0066667
        payment 56.02 0 customer_amount=8400 customer_currency=JPY exchange_rate=0.0066667
        payment 10.85 0 customer_amount=10.00 customer_currency=EUR exchange_rate=1.085
        payment 10.86 0 customer_amount=10.00 customer_currency=EUR exchange_rate=1.085
        payment 10.87 0 customer_amount=10.00 customer_currency=EUR exchange_rate=1.085
        refund -10.86 0 customer_amount=-10.00 customer_currency=EUR exchange_rate=1.085
        refund -10.90 0 customer_amount=-10.00 customer_currency=EUR exchange_rate=1.085
        refund 10.85 0 customer_amount=-10.00 customer_currency=EUR exchange_rate=1.085
        payment 9.77 0 customer_amount=10.00 customer_currency=EUR exchange_rate=1.085 merchant_discount=1.00
        payment 9.70 0 customer_amount=10.00 customer_currency=EUR exchange_rate=1.085 merchant_discount=1.00
        payment 1085.55 0 customer_amount=1000.00 customer_currency=EUR exchange_rate=1.0855
        payment 1085.56 0 customer_amount=1000.00 customer_currency=EUR exchange_rate=1.0855
        payment 1100.06 0 customer_amount=1000.00 customer_currency=EUR exchange_rate=1.1
        payment 1100.02 0 customer_amount=1000.00 customer_currency=EUR exchange_rate=1.10002
        payment 1100.04 0 customer_amount=1000.00 customer_currency=EUR exchange_rate=1.10002
        payment 2.00 0 customer_amount=1000000000000000 customer_currency=EUR exchange_rate=100
        payment 99.00 0 customer_amount=10.00 customer_currency=EUR
        payment 99.00 0 customer_amount=10.00 customer_currency=USD exchange_rate=1.085
        transfer 99.00 0 customer_amount=10.00 customer_currency=EUR exchange_rate=1.085";
    let of_yen = "0001 open 56.00 56.02 0.02 USD: 8400 JPY at the stated rate of 0.0066667 is 56.00 USD";
    let others = [
        "0004 open 10.85 10.87 0.02 USD: 10.00 EUR at the stated rate of 1.085 is 10.85 USD",
        "0006 open -10.85 -10.90 -0.05 USD: -10.00 EUR at the stated rate of 1.085 is -10.85 USD",
        "0007 open -10.85 10.85 21.70 USD: -10.00 EUR at the stated rate of 1.085 is -10.85 USD",
        "0009 open 9.77 9.70 -0.07 USD: 9.00 EUR at the stated rate of 1.085 is 9.77 USD",
        "0011 open 1085.50 1085.56 0.06 USD: 1000.00 EUR at the stated rate of 1.0855 is 1085.50 USD",
        "0012 open 1100.00 1100.06 0.06 USD: 1000.00 EUR at the stated rate of 1.1 is 1100.00 USD",
        "0014 open 1100.02 1100.04 0.02 USD: 1000.00 EUR at the stated rate of 1.10002 is 1100.02 USD",
        "0015 open  2.00 2.00 USD: 1000000000000000.00 EUR at the stated rate of 100 is more than an amount may be",
    ];
    // A rate shown as 1.0855 may be 1.08555, one shown as 1.1 is 1.1000.
    assert_eq!(found("fx_variance", "", lines), [&[of_yen], &others[..]].concat());
    let tolerance = "[[tolerance]]\ncurrency = \"USD\"\nabsolute = \"0.04\"\n";
    assert_eq!(found("fx_variance", tolerance, lines), [&others[2..4], &others[7..]].concat());
}

#[test]
fn an_entry_is_of_the_month_that_books_it_or_was_due_in_it() {
    let lines = "payment 1.00 0 occurred_at=2026-10-30T12:00:00+08:00
        payment 2.00 0 occurred_at=2026-10-30T15:59:59Z
        payment 3.00 0 occurred_at=2026-10-30T16:00:00Z
        refund -4.00 0 occurred_at=2026-08-01T00:00:00+08:00
        payment 5.00 0 occurred_at=2026-11-04T23:59:59+08:00
        payment 6.00 0 occurred_at=2026-11-05T00:00:00+08:00
        payout -7.00 0 occurred_at=2026-11-09T00:00:00+08:00
        fee -8.00 0 occurred_at=2026-10-01T00:00:00+08:00";
    assert_eq!(
        found("out_of_period", "", lines),
        [
            "0000 open  1.00 1.00 USD: happened on 2026-10-30, and should have been booked by 2026-10-31: the night that books it is of a later month",
            "0001 open  2.00 2.00 USD: happened on 2026-10-30, and should have been booked by 2026-10-31: the night that books it is of a later month",
            "0003 open  -4.00 -4.00 USD: happened on 2026-08-01, and should have been booked by 2026-08-02: the night that books it is of a later month",
            "0005 open  6.00 6.00 USD: happened on 2026-11-05, which is after the night that books it",
        ]
    );
}

/// The entry meets its record all the same.
#[test]
fn an_entry_that_does_not_agree_with_itself_may_match() {
    let till = Till::new("{ percent = \"0\" }", "");
    let line = "payment 12.00 0 merchant_reference=A provider_reference=p1 customer_amount=10.00 customer_currency=EUR exchange_rate=1.1";
    till.lines(november(3), line);
    let orders = "order_id,created_at,amount,currency,status\nA,2026-11-03T11:00:00+08:00,10.00,EUR,paid\n";
    std::fs::write(till.folder.path().join("orders.csv"), orders).unwrap_or_else(|error| panic!("{error}"));
    let closed = till.close(november(3));
    assert!(closed.changed);
    let outcomes = |night| till.rows(&ENTRIES, november(night)).into_iter().map(|row| row["outcome"].clone()).collect::<Vec<_>>();
    let breaks = |night| {
        let rows = till.rows(&BREAKS, november(night)).into_iter();
        rows.map(|row| format!("{} {} {}", row["break_type"], row["state"], row["first_seen"])).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(3), ["match"]);
    assert_eq!(breaks(3), ["fx_variance open 2026-11-03"]);
    std::fs::remove_file(till.folder.path().join("orders.csv")).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(till.folder.path().join("orders.csv"), "order_id,created_at,amount,currency,status\n")
        .unwrap_or_else(|error| panic!("{error}"));
    till.lines(november(4), "");
    till.close(november(4));
    assert_eq!(breaks(4), ["fx_variance open 2026-11-03"], "until a person resolves it");
}
