//! What changed tonight: the statistics by simulation, on counts; the tables through real nights in [`nights`].
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod nights;
mod shop;

use std::collections::BTreeSet;

use proptest::prelude::*;
use tieout::stage::analyze::wilson::proportion;
use tieout::stage::change::{
    Changed, Counts, Parts, Place, Rates, Threshold, compare, parts, q_values, rounded, test, two_sided,
};

use shop::{Draw, Drop, PAIR, Shop, is_of};

/// As a job has it that says nothing.
const THRESHOLD: Threshold = Threshold { minimum_change: 10_000_000_000, false_discovery: 0.05 };
/// Every change is large enough: what is reported is for the false-discovery rate alone to say.
const ANY_CHANGE: Threshold = Threshold { minimum_change: 1, ..THRESHOLD };

fn counts(numerator: i64, denominator: i64) -> Counts {
    Counts { numerator, denominator, pending: 0 }
}

fn place(metric: &str, cut: &str, value: &str) -> Place {
    Place { metric: metric.to_owned(), cut: cut.to_owned(), value: value.to_owned() }
}

fn rates(of: &[(&str, &str, Counts)]) -> Rates {
    of.iter().map(|&(cut, value, counts)| (place("order_success_rate", cut, value), counts)).collect()
}

#[track_caller]
fn assert_near(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= expected.abs() * relative, "{found:e} is not {expected:e}");
}

/// Values of the standard normal distribution as tables of it print them.
#[test]
fn the_normal_tail_is_that_of_the_tables() {
    for (z, expected) in [
        (0.0, 1.0),
        (0.5, 0.617_075_077_451_973_8),
        (1.0, 0.317_310_507_862_914_15),
        (1.959_963_984_540_054, 0.05),
        (3.0, 0.002_699_796_063_260_19),
        (5.0, 5.733_031_437_583_88e-7),
        (10.0, 1.523_970_604_832_105e-23),
        (30.0, 9.813_427_854_296_374e-198),
    ] {
        assert_near(two_sided(z), expected, 1e-11);
        assert_near(two_sided(-z), expected, 1e-11);
    }
    assert!(two_sided(40.0) == 0.0, "less than any double there is");
    // Where one formula follows the other.
    assert_near(two_sided(3.0_f64.next_down()), two_sided(3.0), 1e-11);
}

#[test]
fn few_failures_are_tested_exactly() {
    // The textbook table of Fisher's test: 1 of 10 and 11 of 14; one tail is 0.00137973.
    let few = test(counts(1, 10), counts(11, 14));
    assert_near(few.p, 2.0 * 0.001_379_728, 1e-6);
    assert!(few.z < 0.0);
    // Successes are as rare as failures were.
    assert_near(test(counts(9, 10), counts(3, 14)).p, few.p, 1e-12);
    // Just below the limit and just above it they say much the same, the exact one rather less.
    let [below, above] = [30, 31].map(|failures| test(counts(1_000 - failures, 1_000), counts(991, 1_000)).p);
    assert!(below > above && below < above * 4.0, "{below:e}, {above:e}");
    // Ten failures of five hundred where two of two thousand were is no chance; by the normal distribution it would be
    // even less of one.
    let rare = test(counts(490, 500), counts(1_998, 2_000));
    assert!(rare.p < 1e-4 && two_sided(rare.z) < rare.p / 100.0, "{rare:?}");
    // Nothing differs.
    assert!(test(counts(500, 500), counts(2_000, 2_000)).p >= 1.0 && test(counts(0, 500), counts(0, 2_000)).p >= 1.0);
    assert!(test(counts(499, 500), counts(1_996, 2_000)).p >= 0.99);
    // A tail that is far out is no chance at all, and no number that is none.
    assert!(test(counts(0, 300), counts(400_000_000, 400_000_000)).p < 1e-280);
}

/// The example of Benjamini and Hochberg (1995): fifteen p-values, of which four are reported at 0.05.
#[test]
fn q_values_are_those_of_the_paper() {
    let p_values =
        [0.0459, 0.0001, 0.3240, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 1.0, 0.0298, 0.0344, 0.4262, 0.5719, 0.6528, 0.7590];
    let found = q_values(&p_values);
    let reported: BTreeSet<usize> = (0..15).filter(|&at| found[at] <= 0.05).collect();
    assert_eq!(reported, BTreeSet::from([1, 3, 4, 5]));
    assert_near(found[5], 0.0095 * 15.0 / 4.0, 1e-12);
    // Not less than that of a smaller p-value.
    assert_near(found[7], 0.0298 * 15.0 / 7.0, 1e-12);
    assert_near(found[8], 1.0, 0.0);
    assert!(q_values(&[]).is_empty());
}

#[test]
fn wilson_intervals_hold_the_true_rate_nineteen_times_in_twenty() {
    let mut draw = Draw::of(1927);
    for (least, most) in [(0.5, 0.7), (0.7, 0.9), (0.9, 0.99)] {
        let times = 3_000;
        let held = (0..times).filter(|_| {
            let truth = least + (most - least) * draw.unit();
            let whole = 100 + draw.below(900);
            let part = (0..whole).filter(|_| draw.unit() < truth).count();
            let found = proportion(i64::try_from(part).unwrap(), i64::try_from(whole).unwrap()).unwrap();
            (found.low..=found.high).contains(&truth)
        });
        let share = f64::from(u32::try_from(held.count()).unwrap()) / f64::from(times);
        assert!((0.93..=0.97).contains(&share), "rates from {least} to {most}: {share}");
    }
}

fn flagged(changed: &[Changed]) -> Vec<&Changed> {
    changed.iter().filter(|changed| changed.is_flagged).collect()
}

/// Cuts that hold the same orders, and metrics that look at the same ones.
#[test]
fn where_nothing_changed_almost_no_night_reports_anything() {
    let shop = Shop::of(8_000);
    let nights = 400;
    let mut draw = Draw::of(1995);
    let reported = (0..nights).filter(|_| {
        let before = [0; 4].map(|_| shop.night(&mut draw, None));
        let changed = compare(&shop.night(&mut draw, None), &before, &ANY_CHANGE);
        assert!(changed.iter().filter(|changed| changed.test.is_some()).count() > 60, "many are looked at");
        !flagged(&changed).is_empty()
    });
    // Where all that is reported is chance, the share of it is one or none.
    let share = f64::from(u32::try_from(reported.count()).unwrap()) / f64::from(nights);
    assert!(share > 0.0 && share <= 0.05, "{share}");
}

#[test]
fn a_planted_drop_is_flagged_and_ranked_first_and_little_else_is_reported_by_chance() {
    let shop = Shop::of(60_000);
    let nights = 40;
    let mut draw = Draw::of(3);
    let mut false_share = 0.0;
    let mut times_first = 0;
    for _ in 0..nights {
        let before = [0; 4].map(|_| shop.night(&mut draw, None));
        let tonight = shop.night(&mut draw, Some(Drop { provider: "stripe", wallet: "apple_pay", points: 0.03 }));
        let changed = compare(&tonight, &before, &THRESHOLD);
        let first = changed.iter().find(|changed| changed.rank == 1).unwrap();
        times_first += u32::from(first.is_flagged && first.place.cut == PAIR && first.place.value == "stripe x apple_pay");
        assert!(!first.is_flagged || first.impact().unwrap() < 0.0, "it fell: {first:?}");
        // With any change reported, what has none of the orders that dropped is chance.
        let changed = compare(&tonight, &before, &ANY_CHANGE);
        let flagged = flagged(&changed);
        let chance = flagged.iter().filter(|changed| !is_of(&changed.place, "stripe", "apple_pay")).count();
        false_share += f64::from(u32::try_from(chance).unwrap()) / f64::from(u32::try_from(flagged.len().max(1)).unwrap());
    }
    assert_eq!(times_first, nights);
    assert!(false_share / f64::from(nights) <= 0.05, "{}", false_share / f64::from(nights));
}

/// Both providers' Apple Pay dropped: the wallet comes before either of its pairs. And where one pair of it dropped, it
/// does not, by luck alone.
#[test]
fn a_broader_cut_comes_first_where_it_lost_more_than_its_narrower_one() {
    let night = |stripe: i64, adyen: i64, other: i64| {
        rates(&[
            ("all", "all", counts(stripe + adyen + other, 30_000)),
            ("pair", "adyen x apple_pay", counts(adyen, 3_000)),
            ("pair", "stripe x apple_pay", counts(stripe, 5_000)),
            ("wallet", "", counts(other, 22_000)),
            ("wallet", "apple_pay", counts(stripe + adyen, 8_000)),
        ])
    };
    let before = [night(4_400, 2_640, 18_700), night(4_400, 2_640, 18_700), night(4_400, 2_640, 18_700)];
    let ranked = |tonight: &Rates| {
        let mut changed = compare(tonight, &before, &THRESHOLD);
        changed.sort_by_key(|changed| changed.rank);
        changed.into_iter().filter(|changed| changed.is_flagged).map(|changed| changed.place.value).collect::<Vec<_>>()
    };
    assert_eq!(ranked(&night(4_200, 2_520, 18_700)), ["apple_pay", "stripe x apple_pay", "adyen x apple_pay", "all"]);
    let lucky = night(4_250, 2_590, 18_700);
    let z = |value: &str| {
        let changed = compare(&lucky, &before, &THRESHOLD);
        changed.iter().find(|changed| changed.place.value == value).unwrap().test.unwrap().z
    };
    assert!(z("apple_pay") < z("stripe x apple_pay"), "by |z| alone the wallet would be first");
    assert_eq!(ranked(&lucky), ["stripe x apple_pay", "apple_pay", "adyen x apple_pay"]);
}

/// The same orders at the same rates, but more of them where the rate is low.
#[test]
fn a_shift_of_customers_is_mix_and_a_drop_is_rate() {
    let before = rates(&[
        ("all", "all", counts(1_700, 2_000)),
        ("wallet", "good", counts(900, 1_000)),
        ("wallet", "poor", counts(800, 1_000)),
    ]);
    let shifted = rates(&[
        ("all", "all", counts(1_650, 2_000)),
        ("wallet", "good", counts(450, 500)),
        ("wallet", "poor", counts(1_200, 1_500)),
    ]);
    let changed = compare(&shifted, std::slice::from_ref(&before), &THRESHOLD);
    let parts_of =
        |changed: &[Changed], value: &str| changed.iter().find(|changed| changed.place.value == value).unwrap().parts.unwrap();
    let point = 10_000_000_000;
    assert_eq!(parts_of(&changed, "all"), Parts { mix: 0, rate: -5 * point / 2 });
    for value in ["good", "poor"] {
        let found = parts_of(&changed, value);
        assert_eq!(found.rate, 0, "its rate is what it was");
        assert!(found.mix < 0, "fewer of the better than the mean, more of the poorer");
    }
    // One of them fell by ten points; as many bought as before.
    let fell = rates(&[
        ("all", "all", counts(1_600, 2_000)),
        ("wallet", "good", counts(800, 1_000)),
        ("wallet", "poor", counts(800, 1_000)),
    ]);
    let changed = compare(&fell, &[before], &THRESHOLD);
    assert_eq!(parts_of(&changed, "good"), Parts { mix: 0, rate: -5 * point });
    assert_eq!(parts_of(&changed, "poor"), Parts::default());
}

#[test]
fn a_night_that_has_not_ended_is_no_baseline_and_one_that_never_was_is_none() {
    let whole = |pending| rates(&[("all", "all", Counts { numerator: 900, denominator: 1_000, pending })]);
    // Of 1,010 ten may still end either way: not one point. Of 1,011 eleven: more.
    let changed = compare(&whole(0), &[whole(10), whole(11)], &THRESHOLD);
    assert_eq!(changed[0].baseline.denominator, 1_000, "one of the two stands");
    assert!(changed[0].test.is_some());
    assert_eq!(changed[0].change, Some(0));
    // Tonight's own is shown, and not asked about.
    let changed = compare(&whole(11), &[whole(0)], &THRESHOLD);
    assert!(changed[0].test.is_none() && changed[0].q_value.is_none() && changed[0].change.is_some());
    assert_eq!(compare(&whole(0), &[whole(11)], &THRESHOLD), []);
    assert_eq!(compare(&whole(0), &[], &THRESHOLD), []);
    // Of too few nothing is asked either.
    let few = rates(&[("all", "all", counts(90, 99))]);
    assert!(compare(&few, &[whole(0)], &THRESHOLD)[0].test.is_none());
}

#[test]
fn what_is_on_one_side_only_is_mix_and_a_new_cut_splits_nothing() {
    let before = rates(&[
        ("all", "all", counts(1_000, 2_000)),
        ("wallet", "gone", counts(200, 1_000)),
        ("wallet", "kept", counts(800, 1_000)),
    ]);
    let tonight = rates(&[
        ("all", "all", counts(1_700, 2_000)),
        ("pair", "new in the job", counts(1_700, 2_000)),
        ("wallet", "came", counts(900, 1_000)),
        ("wallet", "kept", counts(800, 1_000)),
    ]);
    let changed = compare(&tonight, &[before], &THRESHOLD);
    let found = |value: &str| changed.iter().find(|changed| changed.place.value == value).unwrap();
    for value in ["gone", "came"] {
        let parts = found(value).parts.unwrap();
        assert!(parts.rate == 0 && parts.mix > 0, "{value}: {parts:?}");
        assert!(found(value).test.is_none() && found(value).change.is_none() && found(value).impact().is_none());
    }
    assert_eq!(found("new in the job").parts, None);
    // One question asked once: the pair is not in the baseline, and `all` and `kept` remain.
    assert!(found("all").is_flagged && found("all").rank == 1, "{:?}", found("all"));
    let ranks: BTreeSet<usize> = changed.iter().map(|changed| changed.rank).collect();
    assert_eq!(ranks, (1..=changed.len()).collect());
}

/// A wallet that only one provider has is the provider over again, and is not asked about twice.
#[test]
fn the_same_orders_under_two_names_are_one_question() {
    let night = |numerator| {
        let all = counts(1_700 + numerator, 3_000);
        let mut night = vec![("all", "all", all), ("currency", "CNY", all)];
        for cut in ["provider", "wallet"] {
            night.extend([(cut, "one", counts(numerator, 1_000)), (cut, "two", counts(1_700, 2_000))]);
        }
        rates(&night)
    };
    let changed = compare(&night(830), &[night(850), night(850)], &THRESHOLD);
    let p = test(counts(830, 1_000), counts(1_700, 2_000)).p;
    let whole = test(counts(2_530, 3_000), counts(5_100, 6_000)).p;
    let one = changed.iter().find(|changed| changed.place.value == "one").unwrap();
    // Of three questions it is the first: all, one, two.
    assert_near(one.q_value.unwrap(), (p * 3.0).min(whole * 3.0 / 2.0), 1e-12);
    assert_eq!(changed.iter().filter(|changed| changed.q_value == one.q_value && changed.test == one.test).count(), 2);
}

/// Counts of a value on both sides; on one only, or on none.
fn value(most: i64) -> impl Strategy<Value = [Counts; 2]> {
    let side = prop_oneof![1 => Just(0), 4 => 1..=10_i64, 4 => 1..=most]
        .prop_flat_map(|denominator| (0..=denominator).prop_map(move |numerator| counts(numerator, denominator)));
    [side.clone(), side]
}

#[expect(clippy::cast_precision_loss, reason = "compared within a billionth")]
fn float(number: impl Into<i128>) -> f64 {
    number.into() as f64
}

proptest! {
    #[test]
    fn mix_and_rate_add_up_to_the_last_digit(values in prop::collection::vec(value(400_000_000), 1..14)) {
        let sum = |side: usize| values.iter().fold(counts(0, 0), |sum, value| {
            counts(sum.numerator + value[side].numerator, sum.denominator + value[side].denominator)
        });
        let [before, after] = [sum(0), sum(1)];
        let Some(parts) = parts(&values) else {
            prop_assert!(before.denominator == 0 || after.denominator == 0);
            return Ok(());
        };
        let whole: i128 = parts.iter().map(|parts| parts.mix + parts.rate).sum();
        prop_assert_eq!(Some(whole), rounded(after, before));
        let rate = |counts: Counts| float(counts.numerator) / float(counts.denominator);
        for (value, found) in values.iter().zip(parts) {
            let weights = [float(value[0].denominator) / float(before.denominator), float(value[1].denominator) / float(after.denominator)];
            let mean = f64::midpoint(rate(before), rate(after));
            let (of_rate, own) = match value.map(|side| side.denominator > 0) {
                [true, true] => (
                    f64::midpoint(weights[0], weights[1]) * (rate(value[1]) - rate(value[0])),
                    f64::midpoint(rate(value[0]), rate(value[1])),
                ),
                [true, false] => (0.0, rate(value[0])),
                [false, true] => (0.0, rate(value[1])),
                [false, false] => (0.0, 0.0),
            };
            prop_assert!((float(found.rate) / 1e12 - of_rate).abs() < 1e-9, "{:?} {}", found, of_rate);
            prop_assert!((float(found.mix) / 1e12 - (weights[1] - weights[0]) * (own - mean)).abs() < 1e-9);
            if value[0].denominator == 0 || value[1].denominator == 0 {
                prop_assert_eq!(found.rate, 0, "it is all mix");
            }
        }
    }

    /// What is rounded is rounded once, from the very fraction.
    #[test]
    fn a_change_is_the_nearest_of_twelve_decimals(value in value(100_000_000)) {
        let Some(units) = rounded(value[1], value[0]) else {
            prop_assert!(value.iter().any(|side| side.denominator == 0));
            return Ok(());
        };
        let [[k0, n0], [k1, n1]] = value.map(|side| [side.numerator, side.denominator].map(i128::from));
        let (over, under) = ((k1 * n0 - k0 * n1) * 1_000_000_000_000, n0 * n1);
        prop_assert!((units * under - over).abs() * 2 <= under);
        prop_assert_eq!(rounded(value[0], value[1]), Some(-units));
    }
}
