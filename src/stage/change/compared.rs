//! The rates of a night against those of the nights before.

use std::collections::{BTreeMap, BTreeSet};

use super::Threshold;
use super::discovery::q_values;
use super::parts::{Parts, parts, rounded};
use super::ranked::rank;
use super::rates::{Counts, Place, Rates, as_float};
use super::test::{Test, test};

/// How many a rate must be counted of, tonight and in its baseline, to be looked at. Fewer could tell of no change but a
/// landslide, and each rate looked at makes the others harder to see.
const ENOUGH: i64 = 100;

/// A rate that was compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Which rate, of what.
    pub place: Place,
    /// Tonight; nothing where only the baseline has it.
    pub tonight: Counts,
    /// What its baseline nights add up to; nothing where only tonight has it.
    pub baseline: Counts,
    /// Rate less baseline, in units of `10^-12`; none where one of them is of nothing.
    pub change: Option<i128>,
    /// Whether chance would do it; none where too few were counted, or too many have not ended.
    pub test: Option<Test>,
    /// The false-discovery rate at which it is reported.
    pub q_value: Option<f64>,
    /// Whether it is reported.
    pub is_flagged: bool,
    /// What it adds to the change of the whole; none where the values of its cut are not the whole on both sides.
    pub parts: Option<Parts>,
    /// Its place among what changed most, from 1 on.
    pub rank: usize,
}

impl Changed {
    /// How many more succeeded than would have by the baseline.
    #[must_use]
    pub fn impact(&self) -> Option<f64> {
        let expected = self.baseline.rate()? * as_float(self.tonight.denominator);
        (self.tonight.denominator > 0).then(|| as_float(self.tonight.numerator) - expected)
    }
}

/// Compares the rates of a night with those of its baseline nights, in the order of the key: of every metric that has a
/// baseline, whatever tonight or the baseline has.
#[must_use]
pub fn compare(tonight: &Rates, before: &[Rates], threshold: &Threshold) -> Vec<Changed> {
    let baseline = baseline(before, threshold);
    let metrics: BTreeSet<&str> = baseline.keys().map(|place| place.metric.as_str()).collect();
    let places: BTreeSet<&Place> =
        tonight.keys().filter(|place| metrics.contains(place.metric.as_str())).chain(baseline.keys()).collect();
    let counts = |rates: &Rates, place: &Place| rates.get(place).copied().unwrap_or_default();
    let compared = |place: &Place| {
        let (tonight, baseline) = (counts(tonight, place), counts(&baseline, place));
        let is_asked = |side: &Counts| side.denominator >= ENOUGH && side.is_decided(threshold.minimum_change);
        Changed {
            place: place.clone(),
            tonight,
            baseline,
            change: rounded(tonight, baseline),
            test: (is_asked(&tonight) && is_asked(&baseline)).then(|| test(tonight, baseline)),
            q_value: None,
            is_flagged: false,
            parts: None,
            rank: 0,
        }
    };
    let mut changed: Vec<Changed> = places.into_iter().map(compared).collect();
    flag(&mut changed, threshold);
    split(&mut changed);
    rank(&mut changed);
    changed
}

/// What the nights before add up to, of each metric those of which enough had ended.
fn baseline(before: &[Rates], threshold: &Threshold) -> Rates {
    let mut sums = Rates::new();
    for night in before {
        for (place, counts) in night {
            let stands = |all: &Counts| all.denominator > 0 && all.is_decided(threshold.minimum_change);
            if night.get(&Place::all(&place.metric)).is_some_and(stands) {
                sums.entry(place.clone()).or_default().add(counts);
            }
        }
    }
    sums
}

/// Reports what changed by enough, and more than chance would have it among all that were looked at.
fn flag(changed: &mut [Changed], threshold: &Threshold) {
    // Rates of one metric with the same counts on both sides are of the same orders, and one question: all of them where a
    // cut has one value, or a wallet that only one provider has.
    let question = |changed: &Changed| (changed.place.metric.clone(), changed.tonight, changed.baseline);
    let asked: BTreeMap<(String, Counts, Counts), f64> =
        changed.iter().filter_map(|changed| Some((question(changed), changed.test?.p))).collect();
    let q_values = q_values(&asked.values().copied().collect::<Vec<f64>>());
    let answers: BTreeMap<(String, Counts, Counts), f64> = asked.into_keys().zip(q_values).collect();
    for changed in changed.iter_mut().filter(|changed| changed.test.is_some()) {
        let q_value = answers[&question(changed)];
        let is_large = changed.change.is_some_and(|change| change.abs() >= threshold.minimum_change);
        changed.q_value = Some(q_value);
        changed.is_flagged = is_large && q_value <= threshold.false_discovery;
    }
}

/// Splits the change of the whole by each cut. One that the night or its baseline does not have of all, such as a pair
/// that is new in the job, splits nothing.
fn split(changed: &mut [Changed]) {
    let same_cut = |one: &Changed, other: &Changed| one.place.metric == other.place.metric && one.place.cut == other.place.cut;
    let of_both = |changed: &Changed| {
        [changed.baseline, changed.tonight].map(|Counts { numerator, denominator, .. }| [numerator, denominator])
    };
    let wholes: BTreeMap<String, [[i64; 2]; 2]> = changed
        .iter()
        .filter(|changed| changed.place == Place::all(&changed.place.metric))
        .map(|changed| (changed.place.metric.clone(), of_both(changed)))
        .collect();
    for values in changed.chunk_by_mut(same_cut) {
        let mut sums = [[0; 2]; 2];
        for value in values.iter() {
            let counts = of_both(value);
            (0..4).for_each(|at| sums[at / 2][at % 2] += counts[at / 2][at % 2]);
        }
        if wholes.get(&values[0].place.metric) != Some(&sums) {
            continue;
        }
        let counts: Vec<[Counts; 2]> = values.iter().map(|value| [value.baseline, value.tonight]).collect();
        let Some(parts) = parts(&counts) else { continue };
        values.iter_mut().zip(parts).for_each(|(value, parts)| value.parts = Some(parts));
    }
}
