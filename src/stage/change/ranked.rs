//! What changed most: what is flagged, by how little chance explains it; then the rest by orders gained or lost.
//!
//! One drop shows in the cut it is of and, diluted, in all that hold it: there as many orders are lost, amid more chance.
//! So the cut that fits a drop has the largest |z|, the orders gained or lost in units of what chance alone moves. (Where
//! one cut is other than it was, the one of largest likelihood ratio is the likeliest, and z² is that ratio to first
//! order.) As every broader cut tries its luck against it, one leads only if what it lost besides is itself no chance:
//! otherwise the narrower, which explains the loss, comes before it.

use std::cmp::Reverse;

use super::compared::Changed;

/// How many standard deviations may be chance in what a broader cut gained or lost besides.
const CHANCE: f64 = 3.0;

/// Ranks what changed most, from 1 on; of equals the first by key comes first.
pub(super) fn rank(changed: &mut [Changed]) {
    let mut rest: Vec<usize> = (0..changed.len()).collect();
    let weight = |row: usize| if changed[row].is_flagged { z(&changed[row]) } else { impact(&changed[row]) }.abs();
    rest.sort_by(|&left, &right| {
        let flagged_first = Reverse(changed[left].is_flagged).cmp(&Reverse(changed[right].is_flagged));
        flagged_first.then(weight(right).total_cmp(&weight(left)))
    });
    let unflagged = rest.split_off(rest.partition_point(|&row| changed[row].is_flagged));
    let mut order = Vec::with_capacity(changed.len());
    while !rest.is_empty() {
        let mut first = 0;
        while let Some(narrower) = (first + 1..rest.len()).find(|&at| explains(&changed[rest[at]], &changed[rest[first]])) {
            first = narrower;
        }
        order.push(rest.remove(first));
    }
    order.extend(unflagged);
    order.into_iter().enumerate().for_each(|(at, row)| changed[row].rank = at + 1);
}

/// Whether a change in a good deal fewer orders leaves nothing of another that chance would not do.
fn explains(narrow: &Changed, broad: &Changed) -> bool {
    let is_within = narrow.place.metric == broad.place.metric
        && narrow.tonight.denominator <= broad.tonight.denominator / 5 * 4
        && z(narrow).is_sign_negative() == z(broad).is_sign_negative();
    let [chance, in_broad] = [narrow, broad].map(|changed| impact(changed) / z(changed));
    is_within && (impact(broad) - impact(narrow)).abs() <= CHANCE * (in_broad * in_broad - chance * chance).max(0.0).sqrt()
}

fn z(changed: &Changed) -> f64 {
    changed.test.map_or(0.0, |test| test.z)
}

fn impact(changed: &Changed) -> f64 {
    changed.impact().unwrap_or_default()
}
