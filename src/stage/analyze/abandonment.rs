//! Abandonment: where the orders ended that were not paid, beside those that were.

use std::collections::{BTreeMap, HashMap};

use arrow::array::RecordBatch;

use super::Rules;
use super::counted::Counted;
use super::margin::{Margin, read_order_fate};
use super::wilson::proportion;
use crate::error::{Error, Result};
use crate::table::analysis::ABANDONMENT;
use crate::table::build;

/// One row per cut, value, stage and maturity (peers: definition 8).
///
/// An order is mature when it is at least as old as the window at the close, whatever became of it: a share counts
/// mature orders only, of all mature ones, so the young ones who did not have their time yet bend nothing. The
/// abandonment rate is the sum of the shares other than paid, pending and `merchant_cancelled`.
pub(super) fn abandonment(orders: &[Margin], counted: &Counted, rules: &Rules) -> Result<RecordBatch> {
    let mut ends: Vec<End> = orders.iter().flat_map(|margin| ends(margin, counted)).collect();
    ends.sort_by(|one, other| one.key().cmp(&other.key()));
    let whole = hold(&ends, counted.order_count)?;

    let share = |end: &End| end.mature.then(|| proportion(end.orders, whole[&end.place()])).flatten();
    Ok(ABANDONMENT.batch([
        ("business_date", build::same_date(rules.night, ends.len())),
        ("cut", build::words(ends.iter().map(|end| Some(end.cut)))),
        ("value", build::words(ends.iter().map(|end| Some(&end.value)))),
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
    cut: &'a str,
    value: String,
    stage: &'static str,
    mature: bool,
    orders: i64,
}

impl End<'_> {
    fn place(&self) -> (&str, &str) {
        (self.cut, &self.value)
    }

    fn key(&self) -> (&str, &str, &str, bool) {
        (self.cut, &self.value, self.stage, self.mature)
    }
}

fn ends<'a>(margin: &'a Margin, counted: &Counted) -> Vec<End<'a>> {
    let mut ends = Vec::new();
    for (value, cells) in margin.by_value() {
        let mut orders: BTreeMap<(&'static str, bool), i64> = BTreeMap::new();
        for cell in cells {
            let (fate, mature) = read_order_fate(margin.read(cell).last);
            *orders.entry((fate.stage.word(), mature)).or_default() += i64::from(cell.rows);
        }
        let value = margin.cut.value(value, &counted.vocabularies);
        ends.extend(orders.into_iter().map(|((stage, mature), orders)| End {
            cut: &margin.cut.name,
            value: value.clone(),
            stage,
            mature,
            orders,
        }));
    }
    ends
}

/// The mature orders of every place; and in every cut, all stages of all values hold every order.
fn hold<'a>(ends: &'a [End<'a>], orders: usize) -> Result<HashMap<(&'a str, &'a str), i64>> {
    let mut mature: HashMap<(&str, &str), i64> = HashMap::new();
    let mut by_cut: HashMap<&str, i64> = HashMap::new();
    for end in ends {
        *by_cut.entry(end.cut).or_default() += end.orders;
        *mature.entry(end.place()).or_default() += if end.mature { end.orders } else { 0 };
    }
    match by_cut.iter().find(|&(_, &sum)| usize::try_from(sum) != Ok(orders)) {
        None => Ok(mature),
        Some((cut, sum)) => {
            Err(Error::law(format!("the stages of cut {cut} do not hold every order")).expected(orders).found(sum))
        }
    }
}
