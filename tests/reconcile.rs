//! The reconcile stage: every verdict as a readable case, and breaks over several nights. The laws are in `laws` and `parts`.

mod laws;
pub(crate) mod notation;
mod parts;
mod resolutions;

use arrow::array::RecordBatch;
use notation::{Nights, Said, items, rules, side_of};
use tieout::error::Exit;
use tieout::stage::reconcile::{Sides, reconcile};
use tieout::table::reconciliation::{BREAKS, MATCHES};

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
    ]);
}

#[test]
fn fees_and_their_verdicts() {
    check(&[
        Case {
            why: "the fee is not the contract's",
            given: "P e1 100 ref=A provider=stripe fee=0.67 contracted=0.60; M a1 100 ref=A provider=stripe",
            expect: "M a1 break fee_mismatch
                     P e1 break fee_mismatch
                     fee_mismatch open stripe e1 a1 difference -0.07 CNY low: contracted 0.60 by a rule, charged 0.67 CNY",
        },
        Case {
            why: "a fee is in the currency that settles",
            given: "P e1 2000 cur=JPY ref=A settled=USD fee=0.70 contracted=0.69; M a1 2000 cur=JPY ref=A",
            expect: "M a1 break fee_mismatch
                     P e1 break fee_mismatch
                     fee_mismatch open wechat e1 a1 difference -0.01 USD low: contracted 0.69 by a rule, charged 0.70 USD",
        },
        Case {
            why: "whatever else disagrees comes first",
            given: "P e1 101 ref=A fee=0.70 contracted=0.69; M a1 100 ref=A",
            expect: "M a1 break amount_mismatch
                     P e1 break amount_mismatch
                     amount_mismatch open wechat e1 a1 difference 1.00 CNY low: merchant 100.00 CNY, provider 101.00 CNY; \
                     also fee_mismatch: contracted 0.69 by a rule, charged 0.70 CNY",
        },
        Case {
            why: "an entry that meets no record says so of its fee too",
            given: "P e1 100 ref=A fee=0.70 contracted=0.69; P e2 -8 chargeback fee=15 contracted=20",
            expect: "P e1 waiting missing_in_merchant
                     P e2 break chargeback
                     chargeback open wechat e2 difference -8.00 CNY low: also fee_mismatch: contracted 20.00 by a rule, charged 15.00 CNY
                     missing_in_merchant waiting wechat e1 difference 100.00 CNY low: \
                     also fee_mismatch: contracted 0.69 by a rule, charged 0.70 CNY",
        },
        Case {
            why: "a fee without a contract is not checked",
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
#[expect(clippy::too_many_lines, reason = "a table of cases reads as one")]
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
fn one_payment_in_parts() {
    check(&[
        Case {
            why: "an order captured in two: their sum is what the merchant recorded; a copy of a part is a duplicate",
            given: "P e1 60 ref=A pref=x; P e2 40 ref=A pref=y; P e3 40 ref=A pref=y; M a1 100 ref=A",
            expect: "M a1 match
                     P e1 match
                     P e2 match
                     P e3 break duplicate_in_provider
                     duplicate_in_provider open wechat e3 difference 40.00 CNY low: counted instead: e1, e2
                     match payment merchant_reference e1 a1 60.00 60.00 2:1
                     match payment merchant_reference e2 a1 40.00 40.00 2:1",
        },
        Case {
            why: "two captures of one payment may be equal: they are no copies of one where both add up",
            given: "P e1 50 ref=A pref=x; P e2 50 ref=A pref=x; M a1 100 ref=A pref=x",
            expect: "M a1 match
                     P e1 match
                     P e2 match
                     match payment merchant_reference e1 a1 50.00 50.00 2:1
                     match payment merchant_reference e2 a1 50.00 50.00 2:1",
        },
        Case {
            why: "and they are copies where they do not",
            given: "P e1 50 ref=A pref=x; P e2 50 ref=A pref=x; M a1 60 ref=A pref=x",
            expect: "M a1 break amount_mismatch
                     P e1 break amount_mismatch
                     P e2 break duplicate_in_provider
                     amount_mismatch open wechat e1 a1 difference -10.00 CNY low: merchant 60.00 CNY, provider 50.00 CNY
                     duplicate_in_provider open wechat e2 difference 50.00 CNY low: counted instead: e1",
        },
        Case {
            why: "one payment the merchant recorded in two",
            given: "P e1 100 ref=A pref=x; M a1 70 ref=A; M a2 30 ref=A",
            expect: "M a1 match
                     M a2 match
                     P e1 match
                     match payment merchant_reference - a2 30.00 30.00 1:2
                     match payment merchant_reference e1 a1 70.00 70.00 1:2",
        },
        Case {
            why: "several on both sides: what agrees one to one pairs, the rest is one in parts, and the sums close",
            given: "P e1 60 ref=A pref=x; P e2 40 ref=A pref=y; P e3 25 ref=A pref=z; M a1 60 ref=A; M a2 65 ref=A",
            expect: "M a1 match
                     M a2 match
                     P e1 match
                     P e2 match
                     P e3 match
                     match payment merchant_reference e1 a1 60.00 60.00
                     match payment merchant_reference e2 a2 40.00 40.00 2:1
                     match payment merchant_reference e3 a2 25.00 25.00 2:1",
        },
        Case {
            why: "three on each side and no two equal: they close together",
            given: "P e1 10 ref=A pref=x; P e2 20 ref=A pref=y; P e3 30 ref=A pref=z; M a1 15 ref=A; M a2 45 ref=A",
            expect: "M a1 match
                     M a2 match
                     P e1 match
                     P e2 match
                     P e3 match
                     match payment merchant_reference e1 a1 10.00 10.00 3:2
                     match payment merchant_reference e2 a2 20.00 20.00 3:2
                     match payment merchant_reference e3 a2 30.00 30.00 3:2",
        },
        Case {
            why: "sums that do not close are nobody's parts",
            given: "P e1 60 ref=A pref=x; P e2 50 ref=A pref=y; M a1 100 ref=A",
            expect: "M a1 break ambiguous
                     P e1 break ambiguous
                     P e2 break ambiguous
                     ambiguous open wechat a1 difference -100.00 CNY medium: equally good candidates: a1, e1, e2
                     ambiguous open wechat e1 difference 60.00 CNY low: equally good candidates: a1, e1, e2
                     ambiguous open wechat e2 difference 50.00 CNY low: equally good candidates: a1, e1, e2",
        },
        Case {
            why: "nothing is added up across currencies, nor of money the merchant does not claim",
            given: "P e1 60 ref=A pref=x; P e2 40 ref=A pref=y cur=USD; M a1 100 ref=A
                    P e3 60 ref=B pref=x; P e4 40 ref=B pref=y; M b1 100 ref=B status=failed",
            expect: "M a1 break ambiguous
                     M b1 break ambiguous
                     P e1 break ambiguous
                     P e2 break ambiguous
                     P e3 break ambiguous
                     P e4 break ambiguous
                     ambiguous open wechat a1 difference -100.00 CNY medium: equally good candidates: a1, e1, e2
                     ambiguous open wechat b1 difference -100.00 CNY medium: equally good candidates: b1, e3, e4
                     ambiguous open wechat e1 difference 60.00 CNY low: equally good candidates: a1, e1, e2
                     ambiguous open wechat e2 difference 40.00 USD low: equally good candidates: a1, e1, e2
                     ambiguous open wechat e3 difference 60.00 CNY low: equally good candidates: b1, e3, e4
                     ambiguous open wechat e4 difference 40.00 CNY low: equally good candidates: b1, e3, e4",
        },
        Case {
            why: "a wrong fee on one part is one break of the whole payment",
            given: "P e1 60 ref=A pref=x provider=stripe fee=0.36 contracted=0.36; P e2 40 ref=A pref=y provider=stripe fee=0.34 contracted=0.24; M a1 100 ref=A provider=stripe",
            expect: "M a1 break fee_mismatch
                     P e1 break fee_mismatch
                     P e2 break fee_mismatch
                     fee_mismatch open stripe e1 a1 difference -0.10 CNY low: contracted 0.24 by a rule, charged 0.34 CNY; in parts: e1, e2 for a1",
        },
    ]);
}

#[test]
fn parts_may_come_on_later_nights() {
    let mut nights = Nights::default();
    let said = nights.close(17, "P e1 50 ref=A pref=x; M a1 100 ref=A due=19");
    assert_lines(
        &said,
        "M a1 break amount_mismatch
         P e1 break amount_mismatch
         amount_mismatch open wechat e1 a1 difference -50.00 CNY low: merchant 100.00 CNY, provider 50.00 CNY",
    );
    assert_eq!(nights.open_items.num_rows(), 2, "both wait for another part");
    let said = nights.close(18, "P e2 30 ref=A pref=y seen=18 due=19");
    assert_lines(
        &said,
        "M a1 break amount_mismatch
         P e1 break amount_mismatch
         P e2 break amount_mismatch
         amount_mismatch cleared wechat e1 a1 difference -50.00 CNY low, 1 days, on 2026-11-18: merchant 100.00 CNY, provider 50.00 CNY
         amount_mismatch open wechat e1 a1 difference -20.00 CNY low: merchant 100.00 CNY, provider 80.00 CNY in parts: e1, e2 for a1",
    );
    let mut too_late = nights.clone();
    let said = nights.close(19, "P e3 20 ref=A pref=z seen=19 due=20");
    assert_lines(
        &said,
        "M a1 match
         P e1 match
         P e2 match
         P e3 match
         amount_mismatch cleared wechat e1 a1 difference -20.00 CNY low, 1 days, on 2026-11-19: merchant 100.00 CNY, provider 80.00 CNY in parts: e1, e2 for a1
         match payment merchant_reference e1 a1 50.00 50.00 3:1
         match payment merchant_reference e2 a1 30.00 30.00 3:1
         match payment merchant_reference e3 a1 20.00 20.00 3:1",
    );
    assert_eq!(nights.open_items.num_rows(), 0);
    // On the last night it waits for, the break stays, and nothing is carried any more.
    too_late.close(19, "");
    assert_eq!(too_late.open_items.num_rows(), 0);
    let said = too_late.close(20, "P e3 20 ref=A pref=z seen=20 due=21");
    assert_lines(
        &said,
        "P e3 waiting missing_in_merchant
         amount_mismatch open wechat e1 a1 difference -20.00 CNY low, 2 days: merchant 100.00 CNY, provider 80.00 CNY in parts: e1, e2 for a1
         missing_in_merchant waiting wechat e3 difference 20.00 CNY low",
    );
}

#[test]
fn refunds_of_one_payment() {
    check(&[
        Case {
            why: "a provider that names only the payment: refunds of different amounts are told apart by them",
            given: "P e1 -10 refund ref=A pref=x; P e2 -20 refund ref=A pref=y; M f1 -10 refund ref=A rref=r1; M f2 -20 refund ref=A rref=r2",
            expect: "M f1 match
                     M f2 match
                     P e1 match
                     P e2 match
                     match refund payment_and_amount e1 f1 -10.00 -10.00
                     match refund payment_and_amount e2 f2 -20.00 -20.00",
        },
        Case {
            why: "one refund of the provider for two of the merchant",
            given: "P e1 -30 refund ref=A pref=x; M f1 -10 refund ref=A rref=r1; M f2 -20 refund ref=A rref=r2",
            expect: "M f1 match
                     M f2 match
                     P e1 match
                     match refund payment_and_amount - f2 -20.00 -20.00 1:2
                     match refund payment_and_amount e1 f1 -10.00 -10.00 1:2",
        },
        Case {
            why: "equal ones wait for what tells them apart, and refunds of other names are others",
            given: "P e1 -10 refund ref=A pref=x; M f1 -10 refund ref=A rref=r1; M f2 -10 refund ref=A rref=r2
                    P e3 -5 refund ref=B rref=r3; M f4 -5 refund ref=B rref=r4",
            expect: "M f1 waiting refund_missing_in_provider
                     M f2 waiting refund_missing_in_provider
                     M f4 waiting refund_missing_in_provider
                     P e1 waiting refund_missing_in_merchant
                     P e3 waiting refund_missing_in_merchant
                     refund_missing_in_merchant waiting wechat e1 difference -10.00 CNY low
                     refund_missing_in_merchant waiting wechat e3 difference -5.00 CNY low
                     refund_missing_in_provider waiting wechat f1 difference 10.00 CNY low
                     refund_missing_in_provider waiting wechat f2 difference 10.00 CNY low
                     refund_missing_in_provider waiting wechat f4 difference 5.00 CNY low",
        },
    ]);
}

#[test]
fn amount_and_time() {
    let check = |why: &str, given: &str, expect: &str| {
        let said = Nights { within: 10, ..Nights::default() }.close(17, given);
        let expect: Vec<&str> = expect.lines().map(str::trim).collect();
        assert_eq!(said.lines(), expect, "{why}\n{}", said.lines().join("\n"));
    };
    check(
        "no reference, one amount, close in time, and nobody else: each is meant by the other",
        "P e1 100 pref=x at=5; M a1 100 at=15; M a2 100 at=16 provider=alipay",
        "M a1 match
         M a2 waiting missing_in_provider
         P e1 match
         match payment amount_and_time e1 a1 100.00 100.00
         missing_in_provider waiting alipay a2 difference -100.00 CNY low",
    );
    check(
        "a record that names no provider, and one that is not paid",
        "P e1 100 pref=x at=5; M a1 100 at=6 provider=-; M a2 100 at=5 status=failed",
        "M a1 match
         M a2 waiting
         P e1 match
         match payment amount_and_time e1 a1 100.00 100.00",
    );
    check(
        "too far apart; another reference; two candidates: nothing is guessed, all stay open",
        "P e1 1 at=5; M a1 1 at=16
         P e2 2 at=5 ref=A; M a2 2 at=5 ref=B
         P e3 3 at=5; M a3 3 at=5; M b3 3 at=6",
        "M a1 waiting missing_in_provider
         M a2 waiting missing_in_provider
         M a3 waiting missing_in_provider
         M b3 waiting missing_in_provider
         P e1 waiting missing_in_merchant
         P e2 waiting missing_in_merchant
         P e3 waiting missing_in_merchant
         missing_in_merchant waiting wechat e1 difference 1.00 CNY low
         missing_in_merchant waiting wechat e2 difference 2.00 CNY low
         missing_in_merchant waiting wechat e3 difference 3.00 CNY low
         missing_in_provider waiting wechat a1 difference -1.00 CNY low
         missing_in_provider waiting wechat a2 difference -2.00 CNY low
         missing_in_provider waiting wechat a3 difference -3.00 CNY low
         missing_in_provider waiting wechat b3 difference -3.00 CNY low",
    );
    check(
        "a refund without any reference",
        "P e1 -10 refund pref=x at=5; M f1 -10 refund at=9 status=pending",
        "M f1 match
         P e1 match
         match refund amount_and_time e1 f1 -10.00 -10.00",
    );
}

/// A line that was judged to be another amount came again by itself, waited for a record as a new one does, and the night
/// after took the difference for cleared.
#[test]
fn a_line_delivered_again_clears_no_difference() {
    let mut nights = Nights::default();
    nights.close(17, "P e1 10 ref=A pref=x; M a1 6 ref=A due=18");
    nights.close(18, "P e1 10 ref=A pref=x seen=18 due=19");
    let lines = nights.close(19, "").lines();
    let of_the_difference: Vec<&String> = lines.iter().filter(|line| line.starts_with("amount_mismatch")).collect();
    assert_eq!(of_the_difference.len(), 1, "{lines:#?}");
    assert!(of_the_difference[0].starts_with("amount_mismatch open wechat e1 a1 difference 4.00 CNY"), "{lines:#?}");
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
        let sides = Sides { provider: &[side_of(&items, "provider")], merchant: &[side_of(&items, "merchant")] };
        let error = reconcile(sides, carried, &rules(17)).expect_err("a law is broken");
        assert_eq!(error.exit, Exit::LawBroken);
        error.what
    };
    assert_eq!(law("P e1 1 ref=A; P e1 2 ref=B", &BREAKS.empty()), "provider payment e1 comes in twice");
    assert_eq!(law("P e1 1 ref=A; P e1 -2 refund ref=B", &BREAKS.empty()), "provider payment e1 comes in twice");
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
fn an_empty_night_is_an_answer() {
    let said = Nights::default().close(17, "");
    assert_eq!(said.matches, MATCHES.empty());
    assert_eq!(said.tables.breaks.num_rows() + said.open_items.num_rows() + said.tables.rollforward.num_rows(), 0);
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
