//! Ways in which programs like this one are known to go wrong, each as a test of what must hold instead.
//!
//! What another test shows already is not shown twice:
//! - equal candidates are ambiguous, and of several the one whose identifier or amount says so is taken:
//!   `reconcile::several_candidates`;
//! - a payment in parts is of one currency: `reconcile::one_payment_in_parts`;
//! - an item carried over whose counterpart comes with another amount is judged once and never missing again, and what only
//!   the provider states waits as well: `reconcile::a_late_counterpart_clears_the_break`;
//! - no item is in two matches, whatever the night: `reconcile::laws::every_item_ends_once`, and no order or number of
//!   threads decides which: `reconcile::laws::order_and_threads_change_nothing`;
//! - the fee is compared as the amount is: `reconcile::fees_and_their_verdicts`;
//! - a refund meets the merchant's refund: `reconcile::refunds_and_chargebacks`;
//! - what a trailer states is held against the lines: `bad_input::every_wrong_input_is_told` (`wechat_count`,
//!   `wechat_line_lost`, `alipay_footer`), `nights::entries_add_up_to_what_the_wechat_summary_states`;
//! - a night is closed again as often as one likes: `nights::closing_a_night_again_changes_nothing_and_says_so`;
//! - an amount is read without loss or refused: `laws::text_becomes_an_amount_without_loss`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use tieout::table::entries::ENTRIES;
use tieout::table::part::PART_ROWS;
use tieout::table::reconciliation::{BREAKS, MATCHES, ROLLFORWARD};

use crate::fees::Till;
use crate::nights::{Shop, november, three_nights};
use crate::reconcile::notation::{Nights, items, side_of};

/// What a night of these items says: one line an item, a match and a break.
fn said(given: &str) -> Vec<String> {
    Nights { within: 10, ..Nights::default() }.close(17, given).lines()
}

/// Every order of some lines.
fn orders<'l>(lines: &[&'l str]) -> Vec<Vec<&'l str>> {
    if lines.is_empty() {
        return vec![Vec::new()];
    }
    let begun = |at: usize| {
        let mut rest = lines.to_vec();
        let first = rest.remove(at);
        orders(&rest).into_iter().map(move |rest| [vec![first], rest].concat())
    };
    (0..lines.len()).flat_map(begun).collect()
}

fn matches(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|line| line.starts_with("match ")).collect()
}

// ---------------------------------------------------------------------------------------------------------------------
// What was matched is taken.

/// A search for candidates that forgets what earlier nights matched would settle one order with two payments.
#[test]
fn a_record_matched_on_one_night_is_nobodys_counterpart_on_the_next() {
    let mut nights = Nights { within: 10, ..Nights::default() };
    let first = nights.close(17, "P e1 100 ref=A pref=x; M a1 100 ref=A pref=x").lines();
    assert_eq!(matches(&first), ["match payment merchant_reference e1 a1 100.00 100.00"]);
    let second = nights.close(18, "P e2 100 ref=A pref=y seen=18 due=19").lines();
    assert_eq!(
        second,
        ["P e2 waiting missing_in_merchant", "missing_in_merchant waiting wechat e2 difference 100.00 CNY low"],
        "a second payment of one order is money to give back"
    );
    // The other way round: a payment that settled one order settles no other.
    let mut nights = Nights { within: 10, ..Nights::default() };
    nights.close(17, "P e1 100 pref=x; M a1 100 pref=x");
    let second = nights.close(18, "M a2 100 pref=x seen=18 due=19").lines();
    assert_eq!(matches(&second), [""; 0]);
}

/// Where candidates race, who comes first must not win.
#[test]
fn the_winner_is_the_same_in_whatever_order_candidates_come() {
    for given in [
        // The provider reference says which.
        ["P e1 100 ref=A pref=x", "P e2 100 ref=A pref=y", "P e3 100 ref=A pref=z", "M a1 100 ref=A pref=y"],
        // The amount does.
        ["P e1 70 ref=A pref=x", "P e2 80 ref=A pref=y", "P e3 100 ref=A pref=z", "M a1 100 ref=A"],
        // Nothing does.
        ["P e1 100 ref=A pref=x", "P e2 100 ref=A pref=y", "P e3 100 ref=A pref=z", "M a1 100 ref=A"],
        // There is only the amount, and two of each side have it.
        ["P e1 100 at=5", "P e2 100 at=6", "M a1 100 at=5", "M a2 100 at=6"],
    ] {
        let answers: BTreeSet<Vec<String>> = orders(&given).iter().map(|given| said(&given.join("; "))).collect();
        assert_eq!(answers.len(), 1, "{answers:#?}");
        assert!(matches(answers.first().unwrap()).len() <= 1, "{answers:#?}");
    }
}

/// Two rows under one key are not a pair because they stand in one place of their order.
#[test]
fn what_has_one_key_is_paired_by_what_it_says_and_not_by_its_place() {
    let crosswise = ["P e1 100 ref=A pref=x", "P e2 90 ref=A pref=y", "M a1 90 ref=A", "M a2 100 ref=A"];
    for given in orders(&crosswise) {
        let lines = said(&given.join("; "));
        let pairs =
            ["match payment merchant_reference e1 a2 100.00 100.00", "match payment merchant_reference e2 a1 90.00 90.00"];
        assert_eq!(matches(&lines), pairs, "{given:?}");
    }
    // Two and two that nothing tells apart: no pair is better than the other, and none is made up.
    let lines = said("P e1 100 ref=A pref=x; P e2 100 ref=A pref=y; M a1 100 ref=A; M a2 100 ref=A");
    let guessed: Vec<&str> = matches(&lines).into_iter().filter(|line| !line.ends_with("2:2")).collect();
    assert_eq!(guessed, [""; 0], "{lines:#?}");
}

/// The first candidates whose sum fits need not be the ones that belong together.
#[test]
fn parts_are_never_the_first_few_that_happen_to_add_up() {
    let given =
        ["P e1 60 ref=A pref=x", "P e2 40 ref=A pref=y", "P e3 25 ref=A pref=z", "P e4 75 ref=A pref=v", "M a1 100 ref=A"];
    let mut answers = BTreeSet::new();
    for given in orders(&given) {
        let lines = said(&given.join("; "));
        assert_eq!(matches(&lines), [""; 0], "60 and 40 fit as well as 25 and 75: {lines:#?}");
        assert_eq!(lines.iter().filter(|line| line.ends_with("break ambiguous")).count(), 5, "{lines:#?}");
        answers.insert(lines);
    }
    assert_eq!(answers.len(), 1);
}

// ---------------------------------------------------------------------------------------------------------------------
// Amounts and currencies.

/// Above 2^53 of its unit a double skips whole cents, and what differs by one is the same to it.
#[test]
fn a_cent_more_than_a_double_can_tell_is_a_difference() {
    let [less, more] = ["90071992547409.92", "90071992547409.93"];
    let cents = |text: &str| text.replace('.', "").parse::<f64>().unwrap().to_bits();
    assert_eq!(cents(less), cents(more), "in cents they are one double");
    let till = Till::new("", "");
    let orders = format!(
        "order_id,created_at,amount,currency,status\no1,2026-11-17T04:00:00Z,{less},USD,paid\no2,2026-11-17T04:00:00Z,{more},USD,paid\n"
    );
    fs::write(till.folder.path().join("orders.csv"), orders).unwrap();
    till.lines(november(17), &format!("payment {more} 0 merchant_reference=o1; payment {more} 0.01 merchant_reference=o2"));
    till.close(november(17));
    let breaks = till.rows(&BREAKS, november(17));
    let told: Vec<[&str; 4]> = breaks
        .iter()
        .map(|row| ["break_type", "merchant_amount", "provider_amount", "difference"].map(|name| row[name].as_str()))
        .collect();
    assert_eq!(told, [["amount_mismatch", "90071992547409.92000000", "90071992547409.93000000", "0.01000000"]]);
    assert_eq!(till.rows(&MATCHES, november(17)).len(), 1);
    let nets: BTreeSet<String> = till.rows(&ENTRIES, november(17)).iter().map(|row| row["net"].clone()).collect();
    assert_eq!(nets, BTreeSet::from([format!("{less}000000"), format!("{more}000000")]), "and one less the fee of a cent");
}

/// A currency is not a detail of an amount: 100 dollars are not 100 yuan, by whichever way they would meet.
#[test]
fn two_currencies_meet_in_no_pass() {
    for keys in [
        "payment 100 ref=A",
        "payment 100 pref=x",
        "payment 100",
        "payment 100 provider=-",
        "refund -10 rref=r",
        "refund -10 ref=A rref=r",
        "refund -10 pref=x",
        "refund -10 ref=A",
        "refund -10",
    ] {
        let [kind, amount, rest @ ..] = &keys.split(' ').collect::<Vec<_>>()[..] else { panic!("{keys}") };
        let item = |side: &str, rest: &str| format!("{side} {side}1 {amount} {kind} {rest} at=5");
        let rest = rest.join(" ");
        let of_entry = rest.replace("provider=-", "");
        let met = said(&format!("{}; {}", item("P", &of_entry), item("M", &rest)));
        assert_eq!(matches(&met).len(), 1, "in one currency they meet: {keys} {met:?}");
        let apart = said(&format!("{}; {}", item("P", &format!("{of_entry} cur=USD")), item("M", &rest)));
        assert_eq!(matches(&apart), [""; 0], "{keys}");
        assert!(apart.iter().any(|line| line.contains("USD") || line.contains("missing")), "and it is told: {apart:?}");
    }
}

/// A currency that only one side has must not fall out of a comparison that goes by the other's.
#[test]
fn a_currency_of_one_side_alone_is_told() {
    let till = Till::new("", "");
    let orders = "order_id,created_at,amount,currency,status\no1,2026-11-17T04:00:00Z,10.00,USD,paid\no2,2026-11-17T04:00:00Z,900,JPY,paid\n";
    fs::write(till.folder.path().join("orders.csv"), orders).unwrap();
    till.lines(november(17), "payment 10 0 merchant_reference=o1; payment 7 0 merchant_reference=o3 currency=EUR");
    till.close(november(17));
    let told = |row: &BTreeMap<String, String>| ["break_type", "currency"].map(|name| row[name].clone()).join(" ");
    let breaks: BTreeSet<String> = till.rows(&BREAKS, november(17)).iter().map(told).collect();
    assert_eq!(breaks, ["missing_in_merchant EUR", "missing_in_provider JPY"].map(str::to_owned).into());
    let rolled: BTreeSet<String> = till.rows(&ROLLFORWARD, november(17)).iter().map(told).collect();
    assert_eq!(rolled, breaks);
}

/// Too much is not fine because it is not too little, and what is too much here does not make up for what is too little there.
#[test]
fn a_difference_is_a_break_in_either_direction() {
    let lines = said("P e1 101 ref=A; M a1 100 ref=A; P e2 99 ref=B; M a2 100 ref=B; P e3 1000 ref=C; M a3 100 ref=C");
    assert_eq!(matches(&lines), [""; 0]);
    let differences: Vec<&str> =
        lines.iter().filter_map(|line| Some(line.split_once("difference ")?.1.split_once(' ')?.0)).collect();
    assert_eq!(differences, ["1.00", "-1.00", "900.00"]);
    // Nor does a fee that is too small pass for one that is right.
    let lines =
        said("P e1 100 ref=A fee=0.50 contracted=0.60; M a1 100 ref=A; P e2 100 ref=B fee=0.70 contracted=0.60; M a2 100 ref=B");
    assert_eq!(lines.iter().filter(|line| line.starts_with("fee_mismatch open")).count(), 2, "{lines:#?}");
}

// ---------------------------------------------------------------------------------------------------------------------
// What waits.

/// What was carried over and then met its counterpart is no longer carried, be the counterpart wrong in its fee only.
#[test]
fn what_waited_and_met_a_wrong_fee_is_judged_once() {
    let mut nights = Nights::default();
    nights.close(17, "M a1 100 ref=A due=20");
    let met = nights.close(18, "P e1 100 ref=A fee=0.70 contracted=0.60 seen=18 due=19").lines();
    assert!(met.contains(&"M a1 break fee_mismatch".to_owned()), "{met:#?}");
    assert!(met.iter().any(|line| line.starts_with("missing_in_provider cleared")), "{met:#?}");
    assert_eq!(nights.open_items.num_rows(), 0);
    for night in 19..=27 {
        let later = nights.close(night, "").lines();
        assert_eq!(later.len(), 1, "{night}: {later:#?}");
        assert!(later[0].starts_with("fee_mismatch open wechat e1 a1"), "{night}: {later:#?}");
    }
}

/// What waits is not one pool: a line of one provider does not clear what another owes.
#[test]
fn what_waits_for_one_provider_does_not_meet_another() {
    let mut nights = Nights { within: 10, ..Nights::default() };
    nights.close(17, "M a1 100 ref=A pref=x at=5 due=20; P e1 50 ref=B pref=y at=5 due=20; M f1 -10 refund rref=r at=5 due=20");
    let next = nights.close(
        18,
        "P e2 100 ref=A pref=x at=5 provider=stripe seen=18 due=20; M a2 50 ref=B pref=y at=5 provider=stripe seen=18 due=20
         P e3 -10 refund rref=r at=5 provider=stripe seen=18 due=20",
    );
    let lines = next.lines();
    assert_eq!(matches(&lines), [""; 0], "{lines:#?}");
    assert_eq!(nights.open_items.num_rows(), 6, "all wait on");
    // Its own provider's lines are what it waited for.
    let last = nights.close(
        19,
        "P e4 100 ref=A pref=x seen=19 due=20; M a4 50 ref=B pref=y seen=19 due=20; P e5 -10 refund rref=r seen=19 due=20",
    );
    assert_eq!(matches(&last.lines()).len(), 3);
}

/// Refunds are in the bills of every provider, in a place of its own each time, and easily read over.
#[test]
fn refunds_of_every_provider_meet_those_of_the_merchant() {
    let shop = Shop::of_sample_data();
    let mut met = BTreeSet::new();
    for night in three_nights() {
        shop.close(night);
        let refunds: BTreeMap<String, String> = shop
            .rows(&ENTRIES, night)
            .into_iter()
            .filter(|row| row["kind"] == "refund")
            .map(|row| (row["entry_id"].clone(), row["gross"].clone()))
            .collect();
        assert!(refunds.values().all(|gross| gross.starts_with('-')), "what is given back is below zero: {refunds:?}");
        let matched = shop.rows(&MATCHES, night).into_iter().filter(|row| row["kind"] == "refund");
        met.extend(matched.filter(|row| refunds.contains_key(&row["entry_id"])).map(|row| row["provider"].clone()));
    }
    assert_eq!(met, ["adyen", "alipay", "stripe", "wechat_pay"].map(str::to_owned).into());
}

// ---------------------------------------------------------------------------------------------------------------------
// Size.

/// A limit on candidates is a night that cannot be closed the day business is good.
#[test]
fn a_hundred_thousand_candidates_are_compared_like_ten() {
    const PAIRS: usize = 100_000;
    let mut given = String::new();
    for number in 0..PAIRS {
        writeln!(given, "P e{number} 100 ref=R{number}\nM a{number} 100 ref=R{}", PAIRS - 1 - number).unwrap();
    }
    let all = items(&given);
    let [provider, merchant] = ["provider", "merchant"].map(|side| {
        let rows = side_of(&all, side);
        (0..PAIRS).step_by(PART_ROWS).map(|from| rows.slice(from, PART_ROWS.min(PAIRS - from))).collect::<Vec<_>>()
    });
    let night = Nights::default().close_parts(17, &provider, &merchant);
    assert_eq!(night.matches.num_rows(), PAIRS);
    assert_eq!(night.tables.breaks.num_rows() + night.open_items.num_rows(), 0);
}

/// Nor is there one for those that share an amount and nothing else, or a reference: none is picked, all are told.
#[test]
fn thousands_of_equal_candidates_are_not_guessed_between() {
    const MANY: usize = 6_000;
    let mut alike = String::new();
    for number in 0..MANY {
        writeln!(alike, "P e{number} 100 at=5\nM a{number} 100 at=5").unwrap();
    }
    let night = Nights { within: 10, ..Nights::default() }.close(17, &alike);
    assert_eq!((night.matches.num_rows(), night.open_items.num_rows()), (0, 2 * MANY));

    let mut of_one_order = "M a1 100 ref=A".to_owned();
    for number in 0..MANY {
        write!(of_one_order, "\nP e{number} 100 ref=A pref=x{number}").unwrap();
    }
    let night = Nights::default().close(17, &of_one_order);
    assert_eq!((night.matches.num_rows(), night.tables.breaks.num_rows()), (0, MANY + 1));
}
