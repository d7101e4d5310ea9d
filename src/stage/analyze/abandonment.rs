//! Abandonment: where the orders ended that were not paid, beside those that were.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use super::Rules;
use super::cells::{Cells, Place, by_cut, codes, counts, places, rows};
use super::counted::Counted;
use super::wilson::proportion;
use super::words::Stage;
use crate::error::{Error, Result};
use crate::table::analysis::ABANDONMENT;
use crate::table::build;

/// One row per cut, value, stage and maturity (peers: definition 8).
///
/// An order is mature when it is at least as old as the window at the close, whatever became of it: a share counts
/// mature orders only, of all mature ones, so the young ones who did not have their time yet bend nothing. The
/// abandonment rate is the sum of the shares other than paid, pending and `merchant_cancelled`.
pub(super) fn abandonment(cells: &Cells, counted: &Counted, rules: &Rules) -> Result<RecordBatch> {
    let sums = by_cut(&cells.orders, &["stage", "mature"], &[("orders".to_owned(), rows())])?;
    let (stages, mature) = (codes(&sums, "stage"), codes(&sums, "mature"));
    let mut ends: Vec<End> = places(&sums, &counted.vocabularies)
        .zip(counts(&sums, "orders"))
        .enumerate()
        .map(|(row, (place, orders))| End { place, stage: word(stages.value(row)), mature: mature.value(row) == 1, orders })
        .collect();
    ends.sort_unstable_by_key(|end| (end.place, end.stage, end.mature));
    let whole = hold(&ends, counted.order_count)?;

    let share = |end: &End| end.mature.then(|| proportion(end.orders, whole[&end.place])).flatten();
    Ok(ABANDONMENT.batch([
        ("business_date", build::same_date(rules.night, ends.len())),
        ("cut", build::words(ends.iter().map(|end| Some(end.place.cut)))),
        ("value", build::words(ends.iter().map(|end| Some(end.place.value)))),
        ("stage", build::words(ends.iter().map(|end| Some(end.stage)))),
        ("orders", build::counts(ends.iter().map(|end| end.orders))),
        ("share", build::ratios(ends.iter().map(|end| share(end).map(|share| share.rate)))),
        ("low", build::ratios(ends.iter().map(|end| share(end).map(|share| share.low)))),
        ("high", build::ratios(ends.iter().map(|end| share(end).map(|share| share.high)))),
        ("mature", build::flags(ends.iter().map(|end| end.mature))),
    ]))
}

/// Orders that ended at one stage of one place.
struct End<'a> {
    place: Place<'a>,
    stage: &'static str,
    mature: bool,
    orders: i64,
}

fn word(stage: u32) -> &'static str {
    Stage::ALL[usize::try_from(stage).expect("a stage is one of a few")].word()
}

/// The mature orders of every place; and in every cut, all stages of all values hold every order.
fn hold<'a>(ends: &[End<'a>], orders: usize) -> Result<HashMap<Place<'a>, i64>> {
    let mut mature: HashMap<Place, i64> = HashMap::new();
    let mut by_cut: HashMap<&str, i64> = HashMap::new();
    for end in ends {
        *by_cut.entry(end.place.cut).or_default() += end.orders;
        *mature.entry(end.place).or_default() += if end.mature { end.orders } else { 0 };
    }
    match by_cut.iter().find(|&(_, &sum)| usize::try_from(sum) != Ok(orders)) {
        None => Ok(mature),
        Some((cut, sum)) => {
            Err(Error::law(format!("the stages of cut {cut} do not hold every order")).expected(orders).found(sum))
        }
    }
}
