//! The reconcile stage: every verdict as a readable case, breaks over several nights, and the laws as properties.
//!
//! An item is one line: side (P or M), identifier, amount, then words that differ from the usual. Usual is a payment
//! through `wechat` in CNY, succeeded, read on the 17th and expected by the 18th; the night is the 17th. What a night
//! says is one line an item and one line a break, sorted.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use chrono::NaiveDate;
use proptest::prelude::*;
use tieout::error::Exit;
use tieout::money::{Amount, Rounding};
use tieout::stage::reconcile::keyed::{self, Keys};
use tieout::stage::reconcile::{Outcome, RateCard, Reconciled, Rules, Sides, Tolerance, reconcile};
use tieout::table::build::{self, day_number};
use tieout::table::identity::{Identity, identity};
use tieout::table::read;
use tieout::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS};

struct Case {
    why: &'static str,
    given: &'static str,
    expect: &'static str,
}

#[test]
fn pairs_and_their_verdicts() {
    check(&[
        Case {
            why: "equal reference, amount and fee: a match",
            given: "P e1 100 ref=A pref=x; M a1 100 ref=A",
            expect: "M a1 match
                     P e1 match
                     match payment merchant_reference e1 a1 100.00 100.00",
        },
        Case {
            why: "an order without attempts names no provider: any provider's entry will do",
            given: "P e1 100 ref=A; M a1 100 ref=A provider=-",
            expect: "M a1 match
                     P e1 match
                     match payment merchant_reference e1 a1 100.00 100.00",
        },
        Case {
            why: "another provider's entry is no counterpart where the merchant names the provider",
            given: "P e1 100 ref=A provider=alipay; M a1 100 ref=A",
            expect: "M a1 waiting missing_in_provider
                     P e1 waiting missing_in_merchant
                     missing_in_merchant waiting alipay e1 difference 100.00 CNY low
                     missing_in_provider waiting wechat a1 difference -100.00 CNY low",
        },
        Case {
            why: "the provider reference is the second rule",
            given: "P e1 100 pref=x; M a1 100 ref=A pref=x",
            expect: "M a1 match
                     P e1 match
                     match payment provider_reference e1 a1 100.00 100.00",
        },
        Case {
            why: "an empty reference is no key",
            given: "P e1 100; M a1 100",
            expect: "M a1 waiting missing_in_provider
                     P e1 waiting missing_in_merchant
                     missing_in_merchant waiting wechat e1 difference 100.00 CNY low
                     missing_in_provider waiting wechat a1 difference -100.00 CNY low",
        },
        Case {
            why: "amounts differ",
            given: "P e1 2101 ref=A; M a1 2100 ref=A",
            expect: "M a1 break amount_mismatch
                     P e1 break amount_mismatch
                     amount_mismatch open wechat e1 a1 difference 1.00 CNY low: merchant 2100.00 CNY, provider 2101.00 CNY",
        },
        Case {
            why: "a cent in US dollars is within tolerance, and one more is not",
            given: "P e1 5.01 cur=USD ref=A; M a1 5 cur=USD ref=A; P e2 5.02 cur=USD ref=B; M a2 5 cur=USD ref=B",
            expect: "M a1 match
                     M a2 break amount_mismatch
                     P e1 match
                     P e2 break amount_mismatch
                     amount_mismatch open wechat e2 a2 difference 0.02 USD low: merchant 5.00 USD, provider 5.02 USD
                     match payment merchant_reference e1 a1 5.00 5.01",
        },
        Case {
            why: "currencies differ: no difference is computed across them",
            given: "P e1 100 cur=USD ref=A; M a1 100 ref=A",
            expect: "M a1 break currency_mismatch
                     P e1 break currency_mismatch
                     currency_mismatch open wechat e1 a1 difference 0.00 CNY medium: merchant 100.00 CNY, provider 100.00 USD",
        },
        Case {
            why: "the provider was paid and the merchant says failed; what else disagrees goes into the detail",
            given: "P e1 100 ref=A; M a1 90 ref=A status=failed; P e2 50 ref=B; M a2 50 ref=B status=pending",
            expect: "M a1 break false_failure
                     M a2 break false_failure
                     P e1 break false_failure
                     P e2 break false_failure
                     false_failure open wechat e1 a1 difference 10.00 CNY low: the merchant says failed; also amount_mismatch: merchant 90.00 CNY, provider 100.00 CNY
                     false_failure open wechat e2 a2 difference 0.00 CNY low: the merchant says pending",
        },
        Case {
            why: "0.60 % of 100.00 was agreed in CNY; the card of the currency goes before the one for any",
            given: "P e1 100 ref=A provider=stripe fee=0.67; M a1 100 ref=A provider=stripe",
            expect: "M a1 break fee_mismatch
                     P e1 break fee_mismatch
                     fee_mismatch open stripe e1 a1 difference -0.07 CNY low: contracted 0.60 % of 100.00 plus 0.00 = 0.60, charged 0.67 CNY",
        },
        Case {
            why: "a fee is of what settles, in its currency, and rounded to its minor unit before the fixed part",
            given: "P e1 2000 cur=JPY ref=A provider=stripe settled=USD gross=13.50 fee=0.69; M a1 2000 cur=JPY ref=A provider=stripe",
            expect: "M a1 match
                     P e1 match
                     match payment merchant_reference e1 a1 2000.00 2000.00",
        },
        Case {
            why: "an account without a card is not checked",
            given: "P e1 100 ref=A provider=stripe account=other fee=9; M a1 100 ref=A provider=stripe",
            expect: "M a1 match
                     P e1 match
                     match payment merchant_reference e1 a1 100.00 100.00",
        },
    ]);
}

#[test]
fn refunds_and_chargebacks() {
    check(&[
        Case {
            why: "refunds meet by refund reference, with or without the payment's, with or without a provider",
            given: "P e1 -10 refund ref=A rref=r1; M f1 -10 refund ref=A rref=r1 status=pending
                    P e2 -10 refund rref=r2; M f2 -10 refund ref=A rref=r2
                    P e3 -10 refund rref=r3; M f3 -10 refund rref=r3 provider=-
                    P e4 -10 refund pref=x; M f4 -10 refund pref=x",
            expect: "M f1 match
                     M f2 match
                     M f3 match
                     M f4 match
                     P e1 match
                     P e2 match
                     P e3 match
                     P e4 match
                     match refund merchant_refund_reference e1 f1 -10.00 -10.00
                     match refund merchant_refund_reference e2 f2 -10.00 -10.00
                     match refund merchant_refund_reference e3 f3 -10.00 -10.00
                     match refund provider_reference e4 f4 -10.00 -10.00",
        },
        Case {
            why: "a refund is no payment, whatever its reference; its fee is not checked",
            given: "P e1 -10 refund ref=A pref=x; M a1 10 ref=A pref=x; P e2 -5 refund rref=r provider=stripe fee=3; M f2 -5 refund rref=r provider=stripe",
            expect: "M a1 waiting missing_in_provider
                     M f2 match
                     P e1 waiting refund_missing_in_merchant
                     P e2 match
                     match refund merchant_refund_reference e2 f2 -5.00 -5.00
                     missing_in_provider waiting wechat a1 difference -10.00 CNY low
                     refund_missing_in_merchant waiting wechat e1 difference -10.00 CNY low",
        },
        Case {
            why: "refunded another amount; refunded though the merchant says failed",
            given: "P e1 -12 refund rref=r1; M f1 -10 refund rref=r1; P e2 -8 refund rref=r2; M f2 -8 refund rref=r2 status=failed",
            expect: "M f1 break refund_amount_mismatch
                     M f2 break refund_missing_in_merchant
                     P e1 break refund_amount_mismatch
                     P e2 break refund_missing_in_merchant
                     refund_amount_mismatch open wechat e1 f1 difference -2.00 CNY low: merchant -10.00 CNY, provider -12.00 CNY
                     refund_missing_in_merchant open wechat e2 f2 difference 0.00 CNY low: the merchant says failed",
        },
        Case {
            why: "a chargeback is a break at once, never carried as an item",
            given: "P e1 -1000 chargeback ref=A; P e2 1000 chargeback_reversal ref=A; M a1 1000 ref=A seen=16 due=17",
            expect: "M a1 break missing_in_provider
                     P e1 break chargeback
                     P e2 break chargeback_reversed
                     chargeback open wechat e1 difference -1000.00 CNY high
                     chargeback_reversed open wechat e2 difference 1000.00 CNY high
                     missing_in_provider open wechat a1 difference -1000.00 CNY high",
        },
    ]);
}

#[test]
fn several_candidates() {
    check(&[
        Case {
            why: "the same line twice is one thing: the smallest identifier takes part",
            given: "P e2 100 ref=A pref=x; P e1 100 ref=A pref=x; M a1 100 ref=A",
            expect: "M a1 match
                     P e1 match
                     P e2 break duplicate_in_provider
                     duplicate_in_provider open wechat e2 difference 100.00 CNY medium: counted instead: e1
                     match payment merchant_reference e1 a1 100.00 100.00",
        },
        Case {
            why: "charged twice: the provider reference the merchant knows says which",
            given: "P e1 100 ref=A pref=x; P e2 100 ref=A pref=y; M a1 100 ref=A pref=y",
            expect: "M a1 match
                     P e1 break duplicate_in_provider
                     P e2 match
                     duplicate_in_provider open wechat e1 difference 100.00 CNY medium: counted instead: e2
                     match payment merchant_reference e2 a1 100.00 100.00",
        },
        Case {
            why: "charged twice: or else the amount says which",
            given: "P e1 70 ref=A pref=x; P e2 100 ref=A pref=y; M a1 100 ref=A",
            expect: "M a1 match
                     P e1 break duplicate_in_provider
                     P e2 match
                     duplicate_in_provider open wechat e1 difference 70.00 CNY low: counted instead: e2
                     match payment merchant_reference e2 a1 100.00 100.00",
        },
        Case {
            why: "neither says which: nothing is guessed, every item is a break of its own",
            given: "P e1 70 ref=A pref=x; P e2 80 ref=A pref=y; M a1 100 ref=A",
            expect: "M a1 break ambiguous
                     P e1 break ambiguous
                     P e2 break ambiguous
                     ambiguous open wechat a1 difference -100.00 CNY medium: equally good candidates: a1, e1, e2
                     ambiguous open wechat e1 difference 70.00 CNY low: equally good candidates: a1, e1, e2
                     ambiguous open wechat e2 difference 80.00 CNY low: equally good candidates: a1, e1, e2",
        },
        Case {
            why: "equal candidates are not guessed between either",
            given: "P e1 100 ref=A pref=x; P e2 100 ref=A pref=y; M a1 100 ref=A",
            expect: "M a1 break ambiguous
                     P e1 break ambiguous
                     P e2 break ambiguous
                     ambiguous open wechat a1 difference -100.00 CNY medium: equally good candidates: a1, e1, e2
                     ambiguous open wechat e1 difference 100.00 CNY medium: equally good candidates: a1, e1, e2
                     ambiguous open wechat e2 difference 100.00 CNY medium: equally good candidates: a1, e1, e2",
        },
        Case {
            why: "a reference used again by a retry: the attempt that succeeded stands",
            given: "P e1 100 ref=A; M a1 100 ref=A status=failed; M a2 100 ref=A; M a3 100 ref=A status=expired",
            expect: "M a1 excluded superseded
                     M a2 match
                     M a3 excluded superseded
                     P e1 match
                     match payment merchant_reference e1 a2 100.00 100.00",
        },
        Case {
            why: "no try succeeded: the last one stands, and is wrong",
            given: "P e1 100 ref=A; M a1 100 ref=A status=failed at=9; M a2 100 ref=A status=failed at=5; M a3 100 ref=A status=failed at=9",
            expect: "M a1 excluded superseded
                     M a2 excluded superseded
                     M a3 break false_failure
                     P e1 break false_failure
                     false_failure open wechat e1 a3 difference 0.00 CNY medium: the merchant says failed",
        },
        Case {
            why: "recorded twice: by provider reference, by amount, or as copies",
            given: "P e1 100 ref=A pref=x; M a1 100 ref=A pref=y; M a2 100 ref=A pref=x
                    P e2 100 ref=B; M b1 90 ref=B; M b2 100 ref=B
                    P e3 100 ref=C pref=z; M c1 100 ref=C pref=z; M c2 100 ref=C pref=z",
            expect: "M a1 break duplicate_in_merchant
                     M a2 match
                     M b1 break duplicate_in_merchant
                     M b2 match
                     M c1 match
                     M c2 break duplicate_in_merchant
                     P e1 match
                     P e2 match
                     P e3 match
                     duplicate_in_merchant open wechat a1 difference -100.00 CNY medium: counted instead: a2
                     duplicate_in_merchant open wechat b1 difference -90.00 CNY low: counted instead: b2
                     duplicate_in_merchant open wechat c2 difference -100.00 CNY medium: counted instead: c1
                     match payment merchant_reference e1 a2 100.00 100.00
                     match payment merchant_reference e2 b2 100.00 100.00
                     match payment merchant_reference e3 c1 100.00 100.00",
        },
        Case {
            why: "recorded twice and neither fits",
            given: "P e1 100 ref=A; M a1 80 ref=A; M a2 90 ref=A",
            expect: "M a1 break ambiguous
                     M a2 break ambiguous
                     P e1 break ambiguous
                     ambiguous open wechat a1 difference -80.00 CNY low: equally good candidates: a1, a2, e1
                     ambiguous open wechat a2 difference -90.00 CNY low: equally good candidates: a1, a2, e1
                     ambiguous open wechat e1 difference 100.00 CNY medium: equally good candidates: a1, a2, e1",
        },
        Case {
            why: "two payments of one order, each known by its provider reference: two matches, and a copy beside them",
            given: "P e1 100 ref=A pref=x; P e2 100 ref=A pref=y; P e3 100 ref=A pref=y; M a1 100 ref=A pref=y; M a2 100 ref=A pref=x",
            expect: "M a1 match
                     M a2 match
                     P e1 match
                     P e2 match
                     P e3 break duplicate_in_provider
                     duplicate_in_provider open wechat e3 difference 100.00 CNY medium: counted instead: e1, e2
                     match payment merchant_reference e1 a2 100.00 100.00
                     match payment merchant_reference e2 a1 100.00 100.00",
        },
        Case {
            why: "a copy whose original a stronger rule took has no counterpart left",
            given: "P e1 100 ref=A pref=x; P e2 100 pref=x; M a1 100 ref=A pref=x",
            expect: "M a1 match
                     P e1 match
                     P e2 waiting missing_in_merchant
                     match payment merchant_reference e1 a1 100.00 100.00
                     missing_in_merchant waiting wechat e2 difference 100.00 CNY low",
        },
    ]);
}

#[test]
fn a_late_counterpart_clears_the_break() {
    let mut nights = Nights::default();
    let said = nights.close(17, "M a1 100 ref=A; P e9 20000 ref=Z");
    assert_lines(
        &said,
        "M a1 waiting missing_in_provider
         P e9 waiting missing_in_merchant
         missing_in_merchant waiting wechat e9 difference 20000.00 CNY low
         missing_in_provider waiting wechat a1 difference -100.00 CNY low",
    );
    let said = nights.close(18, "");
    assert_lines(
        &said,
        "M a1 break missing_in_provider
         P e9 break missing_in_merchant
         missing_in_merchant open wechat e9 difference 20000.00 CNY critical, 1 days
         missing_in_provider open wechat a1 difference -100.00 CNY medium, 1 days",
    );
    // Two nights late, and with another amount: the old break is cleared, the new one is open.
    let said = nights.close(19, "P e1 101 ref=A seen=19 due=20; M z1 20000 ref=Z seen=19 due=20");
    assert_lines(
        &said,
        "M a1 break amount_mismatch
         M z1 match
         P e1 break amount_mismatch
         P e9 match
         amount_mismatch open wechat e1 a1 difference 1.00 CNY low: merchant 100.00 CNY, provider 101.00 CNY
         match payment merchant_reference e9 z1 20000.00 20000.00
         missing_in_merchant cleared wechat e9 difference 20000.00 CNY critical, 2 days, on 2026-11-19
         missing_in_provider cleared wechat a1 difference -100.00 CNY medium, 2 days, on 2026-11-19",
    );
    assert_eq!(nights.open_items.num_rows(), 0);
    // Cleared breaks are told once; the other stays until a person resolves it, and grows more severe with age.
    let said = nights.close(27, "");
    assert_lines(
        &said,
        "amount_mismatch open wechat e1 a1 difference 1.00 CNY medium, 8 days: merchant 100.00 CNY, provider 101.00 CNY",
    );
}

#[test]
fn a_record_that_was_not_paid_is_watched_and_then_dropped() {
    let mut nights = Nights::default();
    assert_lines(&nights.close(17, "M a1 100 ref=A status=failed; M a2 100 ref=B status=pending"), "M a1 waiting\nM a2 waiting");
    assert_eq!(nights.open_items.num_rows(), 2);
    let said = nights.close(18, "P e1 100 ref=A seen=18 due=19");
    assert_lines(
        &said,
        "M a1 break false_failure
         M a2 excluded not_paid
         P e1 break false_failure
         false_failure open wechat e1 a1 difference 0.00 CNY medium: the merchant says failed",
    );
    assert_eq!(nights.open_items.num_rows(), 0);
}

#[test]
fn a_refund_judged_missing_waits_for_nothing_and_stays_open() {
    let mut nights = Nights::default();
    nights.close(17, "P e1 -8 refund rref=r; M f1 -8 refund rref=r status=cancelled");
    let said = nights.close(18, "");
    assert_lines(
        &said,
        "refund_missing_in_merchant open wechat e1 f1 difference 0.00 CNY low, 1 days: the merchant says cancelled",
    );
}

#[test]
fn a_broken_input_is_refused_as_a_broken_law() {
    let law = |given: &str, carried: &RecordBatch| {
        let items = items(given);
        let sides = Sides { provider: &side_of(&items, "provider"), merchant: &side_of(&items, "merchant") };
        let error = reconcile(sides, carried, &rules(17)).expect_err("a law is broken");
        assert_eq!(error.exit, Exit::LawBroken);
        error.what
    };
    assert_eq!(law("P e1 1 ref=A; P e1 2 ref=B", &BREAKS.empty()), "provider payment e1 comes in twice");
    assert_eq!(law("M a1 1 chargeback", &BREAKS.empty()), "merchant item a1 has no place in the comparison");
    assert_eq!(law("P e1 1 account=-", &BREAKS.empty()), "provider item e1 has no place in the comparison");

    let mut nights = Nights::default();
    nights.close(16, "M a1 100 ref=A seen=16 due=17");
    assert_eq!(law("", &nights.breaks), "merchant item a1 is missing among the items carried in");
}

#[test]
fn an_attempt_and_a_refund_may_share_an_identifier() {
    let said = Nights::default().close(17, "M 1 100 ref=A; M 1 -10 refund rref=r; P e1 100 ref=A; P e2 -10 refund rref=r");
    assert_lines(
        &said,
        "M 1 match
         M 1 match
         P e1 match
         P e2 match
         match payment merchant_reference e1 1 100.00 100.00
         match refund merchant_refund_reference e2 1 -10.00 -10.00",
    );
}

#[test]
fn an_identity_reads_back_orders_as_its_text_and_knows_its_parts() {
    let names: Vec<String> = (0..500).map(|number| format!("name {number}")).collect();
    let mut numbers: Vec<Identity> = names.iter().map(|name| Identity::of(&[name])).collect();
    let mut texts: Vec<String> = names.iter().map(|name| identity(&[name])).collect();
    numbers.sort();
    texts.sort();
    assert_eq!(numbers.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    assert!(texts.iter().zip(&numbers).all(|(text, &number)| text.len() == 26 && Identity::parse(text) == Some(number)));
    assert_ne!(identity(&["a", "bc"]), identity(&["ab", "c"]));
    assert_eq!(Identity::parse("80000000000000000000000000"), None, "more than 128 bits");
    assert_eq!(Identity::parse("not an identity at all, no"), None);
    // Published identities never change: a break keeps its name over releases.
    assert_eq!(identity(&["break", "a"]), "4858w9r18kva0v12g54ckx74bk");
}

#[test]
fn keys_with_one_hash_are_still_told_apart() {
    // The kernel compares 32 bits of hash inside a partition; among this many keys some agree in them by chance.
    let mut by_hash: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for number in 0..300_000 {
        let key = format!("key {number}");
        by_hash.entry(xxhash_rust::xxh3::xxh3_64(key.as_bytes()) & 0xffff_ffff).or_default().push(key);
    }
    let colliding: Vec<String> = by_hash.into_values().filter(|keys| keys.len() > 1).flatten().collect();
    assert!(colliding.len() >= 4, "the test needs collisions");
    let left = one_column(colliding.iter().map(|key| Some(key.as_str())));
    let right = one_column(colliding.iter().rev().skip(1).map(|key| Some(key.as_str())));
    let groups = keyed_groups(&left, &right);
    assert_eq!(groups.len(), colliding.len() - 1);
    assert!(groups.iter().all(|(_, left, right)| left.len() == 1 && right.len() == 1));
    assert_eq!(keyed::repeated(&Keys::of(&left, &["key"])), None);
}

#[test]
fn many_partitions_give_what_one_would() {
    let key = |number: u64| format!("{:020}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 150_000);
    let left: Vec<String> = (0..200_000).map(key).collect();
    let right: Vec<String> = (100_000..350_000).map(key).collect();
    let left = one_column(left.iter().map(|key| Some(key.as_str())));
    let right = one_column(right.iter().map(|key| Some(key.as_str())));
    assert_eq!(keyed_groups(&left, &right), naive_groups(&left, &right));
    assert!(keyed::repeated(&Keys::of(&left, &["key"])).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Groups are those of a map by key; empty keys and rows left out take no part.
    #[test]
    fn the_kernel_agrees_with_a_map(
        left in prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..40),
        right in prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..40),
    ) {
        let left = one_column(left.iter().map(Option::as_deref));
        let right = one_column(right.iter().map(Option::as_deref));
        prop_assert_eq!(keyed_groups(&left, &right), naive_groups(&left, &right));
        let twice = naive_groups(&left, &left).into_iter().find(|(_, rows, _)| rows.len() > 1);
        prop_assert_eq!(keyed::repeated(&Keys::of(&left, &["key"])).is_some(), twice.is_some());
    }

    /// Law 1 and 3, counted anew from what is published.
    #[test]
    fn every_item_ends_once(given in night_of(17)) {
        let said = Nights::default().close(17, &given.join("\n"));
        let in_matches: Vec<&str> = texts(&said.tables.matches, "entry_id");
        prop_assert_eq!(in_matches.iter().collect::<BTreeSet<_>>().len(), in_matches.len());
        let ended = |outcomes: &[(String, Outcome)], word: &str| outcomes.iter().filter(|(_, outcome)| outcome.as_str() == word).count();
        for (name, outcomes) in [("provider", &said.provider), ("merchant", &said.merchant)] {
            let words = ["match", "break", "waiting", "excluded"];
            prop_assert_eq!(words.iter().map(|word| ended(outcomes, word)).sum::<usize>(), outcomes.len());
            prop_assert_eq!(ended(outcomes, "match"), said.tables.matches.num_rows());
            let carried: BTreeSet<(&str, &str)> = open_ids(&said.tables.open_items, name);
            let waiting = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Waiting(_))).count();
            prop_assert!(carried.len() >= waiting);
        }
        // A break names what ended as a break or waits with a type.
        let named = said.provider.iter().chain(&said.merchant)
            .filter(|(_, outcome)| matches!(outcome, Outcome::Break(_) | Outcome::Waiting(Some(_)))).count();
        let ids = ["entry_id", "attempt_id", "refund_id"];
        let in_breaks: usize = ids.iter().map(|name| texts(&said.tables.breaks, name).len()).sum();
        prop_assert_eq!(named, in_breaks);
    }

    /// Law 4: the order of rows and the number of threads change nothing.
    #[test]
    fn order_and_threads_change_nothing(given in night_of(17).prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle()))) {
        let (given, shuffled) = given;
        let one = Nights::default().close(17, &given.join("\n"));
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let other = alone.install(|| Nights::default().close(17, &shuffled.join("\n")));
        prop_assert_eq!(one.batches(), other.batches());
        let sorted = |outcomes: &[(String, Outcome)]| { let mut all = outcomes.to_vec(); all.sort(); all };
        prop_assert_eq!(sorted(&one.provider), sorted(&other.provider));
        prop_assert_eq!(sorted(&one.merchant), sorted(&other.merchant));
    }

    /// Law 6 over three nights: a night opens with what the one before closed with, and a break is told once.
    #[test]
    fn three_nights_roll_forward(first in night_of(17), second in night_of(18), third in night_of(19)) {
        let mut nights = Nights::default();
        let mut closed: BTreeMap<String, (i64, Amount)> = BTreeMap::new();
        for (night, given) in [(17, first), (18, second), (19, third)] {
            let said = nights.close(night, &given.join("\n"));
            let (opening, closing) = opening_and_closing(&said.tables.rollforward);
            prop_assert_eq!(&opening, &closed);
            let mut live: BTreeMap<String, (i64, Amount)> = BTreeMap::new();
            let ids: BTreeSet<&str> = texts(&said.tables.breaks, "break_id").into_iter().collect();
            prop_assert_eq!(ids.len(), said.tables.breaks.num_rows());
            for row in 0..said.tables.breaks.num_rows() {
                if read::words(&said.tables.breaks, "state").get(row) != "cleared" {
                    let line = live.entry(line_name(&said.tables.breaks, row)).or_default();
                    line.0 += 1;
                    line.1 += Amount(read::amounts(&said.tables.breaks, "difference").value(row));
                }
            }
            prop_assert_eq!(&closing, &live);
            closed = closing;
        }
    }

    /// A pair that agrees, on keys of its own, adds one match and changes nothing else.
    #[test]
    fn a_pair_that_agrees_changes_only_itself(given in night_of(17)) {
        let before = Nights::default().close(17, &given.join("\n"));
        let after = Nights::default().close(17, &format!("{}\nP e-new 7 ref=new pref=new\nM m-new 7 ref=new", given.join("\n")));
        prop_assert_eq!(&before.tables.breaks, &after.tables.breaks);
        prop_assert_eq!(&before.tables.open_items, &after.tables.open_items);
        prop_assert_eq!(&before.tables.rollforward, &after.tables.rollforward);
        let entries = read::text(&after.tables.matches, "entry_id");
        let others: BooleanArray = entries.iter().map(|id| Some(id != Some("e-new"))).collect();
        prop_assert_eq!(&before.tables.matches, &filter_record_batch(&after.tables.matches, &others).expect("one flag a row"));
        prop_assert_eq!(before.tables.matches.num_rows() + 1, after.tables.matches.num_rows());
    }
}

// What the tests are written in.

/// Closes nights one after the other, carrying what a night leaves to the next.
struct Nights {
    open_items: RecordBatch,
    breaks: RecordBatch,
}

impl Default for Nights {
    fn default() -> Self {
        Self { open_items: OPEN_ITEMS.empty(), breaks: BREAKS.empty() }
    }
}

/// What one night said.
struct Said {
    tables: Reconciled,
    provider: Vec<(String, Outcome)>,
    merchant: Vec<(String, Outcome)>,
    first_seen_today: i32,
}

impl Nights {
    fn close(&mut self, night: u32, given: &str) -> Said {
        let all = concat_batches(&OPEN_ITEMS.schema(), [&items(given), &self.open_items]).expect("one schema");
        let (provider, merchant) = (side_of(&all, "provider"), side_of(&all, "merchant"));
        let sides = Sides { provider: &provider, merchant: &merchant };
        let tables = reconcile(sides, &self.breaks, &rules(night)).unwrap_or_else(|error| panic!("{error}"));
        self.open_items = tables.open_items.clone();
        self.breaks = tables.breaks.clone();
        let named = |side: &RecordBatch, outcomes: &[Outcome]| {
            texts(side, "id").into_iter().map(str::to_owned).zip(outcomes.iter().copied()).collect()
        };
        Said {
            provider: named(&provider, &tables.provider_outcomes),
            merchant: named(&merchant, &tables.merchant_outcomes),
            tables,
            first_seen_today: day_number(day(night)),
        }
    }
}

impl Said {
    fn batches(&self) -> [&RecordBatch; 4] {
        [&self.tables.matches, &self.tables.breaks, &self.tables.open_items, &self.tables.rollforward]
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (side, outcomes) in [("P", &self.provider), ("M", &self.merchant)] {
            for (id, outcome) in outcomes {
                let reason = outcome.reason().map(|reason| format!(" {reason}")).unwrap_or_default();
                lines.push(format!("{side} {id} {}{reason}", outcome.as_str()));
            }
        }
        let matches = &self.tables.matches;
        for row in 0..matches.num_rows() {
            let word = |name| read::words(matches, name).get(row);
            let record = text(matches, "attempt_id", row).or(text(matches, "refund_id", row)).expect("a match has a record");
            let amount = |name| Amount(read::amounts(matches, name).value(row));
            let entry = text(matches, "entry_id", row).expect("a match has an entry");
            lines.push(format!(
                "match {} {} {entry} {record} {} {}",
                word("kind"),
                word("pass"),
                amount("merchant_amount"),
                amount("provider_amount")
            ));
        }
        lines.extend((0..self.tables.breaks.num_rows()).map(|row| self.break_line(row)));
        lines.sort();
        lines
    }

    fn break_line(&self, row: usize) -> String {
        let breaks = &self.tables.breaks;
        let word = |name| read::words(breaks, name).get(row);
        let ids: Vec<&str> = ["entry_id", "attempt_id", "refund_id"].iter().filter_map(|id| text(breaks, id, row)).collect();
        let mut line = format!(
            "{} {} {} {} difference {} {} {}",
            word("break_type"),
            word("state"),
            word("provider"),
            ids.join(" "),
            Amount(read::amounts(breaks, "difference").value(row)),
            word("currency"),
            word("severity")
        );
        let age = read::counts(breaks, "age_days").value(row);
        assert_eq!(age, i64::from(self.first_seen_today - read::dates(breaks, "first_seen").value(row)));
        if age > 0 {
            line += &format!(", {age} days");
        }
        let cleared_on = read::dates(breaks, "cleared_on");
        if cleared_on.is_valid(row) {
            line += &format!(", on {}", build::date_of(cleared_on.value(row)));
        }
        if let Some(detail) = text(breaks, "detail", row) {
            line += &format!(": {detail}");
        }
        line
    }
}

fn check(cases: &[Case]) {
    for case in cases {
        let said = Nights::default().close(17, case.given);
        let expect: Vec<&str> = case.expect.lines().map(str::trim).collect();
        assert_eq!(said.lines(), expect, "{}\n{}", case.why, said.lines().join("\n"));
    }
}

fn assert_lines(said: &Said, expect: &str) {
    let expect: Vec<&str> = expect.lines().map(str::trim).collect();
    assert_eq!(said.lines(), expect, "\n{}", said.lines().join("\n"));
}

fn rules(night: u32) -> Rules {
    let amount = |text: &str| Amount::parse(text.as_bytes(), 8).expect("an amount");
    let card = |percent, fixed, currency: Option<&str>| RateCard {
        provider: "stripe".into(),
        account: "main".into(),
        percent: amount(percent),
        fixed: amount(fixed),
        currency: currency.map(Into::into),
        rounding: Rounding::HalfUp,
    };
    Rules {
        night: day(night),
        rate_cards: vec![card("2.9", "0.30", None), card("0.60", "0", Some("CNY"))],
        tolerances: vec![Tolerance { currency: "USD".into(), absolute: amount("0.01"), percent: amount("0.1") }],
    }
}

fn day(of_month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, of_month).expect("a day of November")
}

/// Reads the notation: items separated by `;` or line ends.
fn items(given: &str) -> RecordBatch {
    let items: Vec<Item> = given.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()).map(Item::parse).collect();
    let texts = |name| build::texts(items.iter().map(|item| item.word(name)));
    let words = |name, usual| build::words(items.iter().map(|item| item.word_or(name, usual)));
    let amounts = |name| build::amounts(items.iter().map(|item| Some(item.amount(name))));
    let dates = |name, usual| build::dates(items.iter().map(|item| Some(day_number(day(item.number(name, usual))))));
    OPEN_ITEMS.batch([
        ("side", build::words(items.iter().map(|item| Some(item.side)))),
        ("id", build::texts(items.iter().map(|item| Some(item.id)))),
        ("business_date", dates("seen", 17)),
        ("kind", build::words(items.iter().map(|item| Some(item.kind)))),
        ("provider", words("provider", "wechat")),
        ("account", words("account", "main")),
        ("order_id", texts("order")),
        ("merchant_reference", texts("ref")),
        ("provider_reference", texts("pref")),
        ("merchant_refund_reference", texts("rref")),
        ("currency", words("cur", "CNY")),
        ("amount", build::amounts(items.iter().map(|item| Some(item.amount)))),
        ("status", words("status", "succeeded")),
        ("occurred_at", build::instants(items.iter().map(|item| Some(i64::from(item.number("at", 0)))))),
        ("settled_currency", build::words(items.iter().map(|item| item.word("settled").or(item.word_or("cur", "CNY"))))),
        (
            "gross",
            build::amounts(items.iter().map(|item| Some(item.word("gross").map_or(item.amount, |_| item.amount("gross"))))),
        ),
        ("fee", amounts("fee")),
        ("first_seen", dates("seen", 17)),
        ("expected_by", dates("due", 18)),
    ])
}

struct Item<'t> {
    side: &'t str,
    id: &'t str,
    amount: Amount,
    kind: &'t str,
    words: BTreeMap<&'t str, &'t str>,
}

impl<'t> Item<'t> {
    fn parse(line: &'t str) -> Self {
        let mut words = line.split_whitespace();
        let side = match words.next() {
            Some("P") => "provider",
            Some("M") => "merchant",
            other => panic!("no side: {other:?}"),
        };
        let id = words.next().expect("an identifier");
        let amount = Amount::parse(words.next().expect("an amount").as_bytes(), 8).expect("an amount");
        let mut item = Self { side, id, amount, kind: "payment", words: BTreeMap::new() };
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => drop(item.words.insert(name, value)),
                None => item.kind = word,
            }
        }
        item
    }

    fn word(&self, name: &str) -> Option<&'t str> {
        self.words.get(name).copied().filter(|&value| value != "-")
    }

    fn word_or(&self, name: &str, usual: &'t str) -> Option<&'t str> {
        self.words.get(name).copied().or(Some(usual)).filter(|&value| value != "-")
    }

    fn number(&self, name: &str, usual: u32) -> u32 {
        self.word(name).map_or(usual, |value| value.parse().expect("a number"))
    }

    /// Without one stated, the contracted fee of `stripe` would be wrong, so only its cases state fees.
    fn amount(&self, name: &str) -> Amount {
        self.word(name).map_or(Amount::ZERO, |value| Amount::parse(value.as_bytes(), 8).expect("an amount"))
    }
}

/// A night of items that often meet, in every way: few references, few amounts.
fn night_of(night: u32) -> impl Strategy<Value = Vec<String>> {
    let side = |side: &'static str, kinds: &'static [&'static str], statuses: &'static [&'static str]| {
        let pick = |words: &'static [&'static str]| prop::sample::select(words);
        (
            (pick(kinds), pick(statuses), pick(&["wechat", "wechat", "stripe", "-"]), pick(&["CNY", "CNY", "CNY", "USD"])),
            (pick(&["-", "A", "B", "C", "D"]), pick(&["-", "-", "x", "y", "z"]), pick(&["-", "r", "s"]), 1..4_u32, 0..3_u32),
        )
            .prop_map(move |((kind, status, provider, currency), (reference, theirs, refund, amount, due))| {
                let provider = if side == "P" && provider == "-" { "wechat" } else { provider };
                let sign = if kind == "refund" || kind == "chargeback" { "-" } else { "" };
                format!(
                    "{sign}{amount} {kind} status={status} provider={provider} cur={currency} ref={reference} pref={theirs} rref={refund} at={amount} seen={night} due={}",
                    night + due
                )
            })
    };
    let entries = side("P", &["payment", "payment", "refund", "chargeback", "chargeback_reversal"], &["succeeded"]);
    let records = side("M", &["payment", "payment", "refund"], &["succeeded", "succeeded", "pending", "failed"]);
    let named = move |side: &'static str, lines: Vec<String>| {
        lines.into_iter().enumerate().map(move |(number, line)| format!("{side} {side}{night}-{number} {line}"))
    };
    (prop::collection::vec(entries, 0..14), prop::collection::vec(records, 0..14))
        .prop_map(move |(entries, records)| named("P", entries).chain(named("M", records)).collect())
}

fn side_of(items: &RecordBatch, side: &str) -> RecordBatch {
    let words = read::words(items, "side");
    let rows: UInt32Array = (0_u32..).take(items.num_rows()).filter(|&row| words.get(row as usize) == side).collect();
    take_record_batch(items, &rows).expect("rows of the batch")
}

fn text<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Option<&'b str> {
    let column = read::text(batch, name);
    column.is_valid(row).then(|| column.value(row))
}

/// The values of a text column that are there.
fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Vec<&'b str> {
    read::text(batch, name).iter().flatten().collect()
}

fn open_ids<'b>(open_items: &'b RecordBatch, side: &str) -> BTreeSet<(&'b str, &'b str)> {
    let (sides, kinds) = (read::words(open_items, "side"), read::words(open_items, "kind"));
    let rows = (0..open_items.num_rows()).filter(|&row| sides.get(row) == side);
    rows.map(|row| (kinds.get(row), read::text(open_items, "id").value(row))).collect()
}

fn line_name(batch: &RecordBatch, row: usize) -> String {
    let word = |name| read::words(batch, name).get(row);
    format!("{} {} {}", word("provider"), word("currency"), word("break_type"))
}

/// Opening and closing of the lines that have any.
fn opening_and_closing(rollforward: &RecordBatch) -> (BTreeMap<String, (i64, Amount)>, BTreeMap<String, (i64, Amount)>) {
    let of = |count: &str, amount: &str| {
        let (counts, amounts) = (read::counts(rollforward, count), read::amounts(rollforward, amount));
        let lines = (0..rollforward.num_rows()).filter(|&row| counts.value(row) > 0);
        lines.map(|row| (line_name(rollforward, row), (counts.value(row), Amount(amounts.value(row))))).collect()
    };
    (of("opening", "opening_amount"), of("closing", "closing_amount"))
}

type Group = (String, Vec<u32>, Vec<u32>);

fn one_column<'k>(keys: impl Iterator<Item = Option<&'k str>>) -> RecordBatch {
    let keys: StringArray = keys.collect();
    RecordBatch::try_from_iter_with_nullable([("key", std::sync::Arc::new(keys) as _, true)]).expect("one column")
}

fn keyed_groups(left: &RecordBatch, right: &RecordBatch) -> Vec<Group> {
    let (left_keys, right_keys) = (Keys::of(left, &["key"]), Keys::of(right, &["key"]));
    let found = keyed::groups(&left_keys, &right_keys, |found: &mut Vec<Group>, left_rows, right_rows| {
        found.push((read::text(left, "key").value(left_rows[0] as usize).to_owned(), left_rows.to_vec(), right_rows.to_vec()));
    });
    let mut found: Vec<Group> = found.into_iter().flatten().collect();
    found.sort();
    found
}

fn naive_groups(left: &RecordBatch, right: &RecordBatch) -> Vec<Group> {
    let rows = |batch: &RecordBatch| {
        let mut rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (row, key) in (0..).zip(read::text(batch, "key")) {
            if let Some(key) = key.filter(|key| !key.is_empty()) {
                rows.entry(key.to_owned()).or_default().push(row);
            }
        }
        rows
    };
    let mut right = rows(right);
    rows(left).into_iter().filter_map(|(key, left)| right.remove(&key).map(|right| (key, left, right))).collect()
}

#[test]
fn an_empty_night_is_an_answer() {
    let said = Nights::default().close(17, "");
    assert_eq!(said.tables.matches, MATCHES.empty());
    assert_eq!(said.tables.breaks.num_rows() + said.tables.open_items.num_rows() + said.tables.rollforward.num_rows(), 0);
}
