//! Success rates by amount: each metric for every cut and value, apart in each currency.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use super::Rules;
use super::counted::Counted;
use super::looks::Look;
use super::tallied::{Parts, Tally};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::analysis::SUCCESS_AMOUNTS;
use crate::table::build;

/// One row per metric, cut, value and currency; `looks` are in order of the first three.
pub(super) fn success_amounts(looks: &[Look], counted: &Counted, rules: &Rules) -> Result<RecordBatch> {
    let currencies = &counted.vocabularies["currency"];
    // Codes order as their words do.
    let rows: Vec<(&Look, &str, &Tally)> = looks
        .iter()
        .flat_map(|look| look.rate.by_currency.iter().map(move |(code, tally)| (look, currencies.word(*code), tally)))
        .collect();
    hold(&rows)?;
    let words = |of: fn(&Look) -> String| build::words(rows.iter().map(|(look, ..)| Some(of(look))));
    let amounts = |of: fn(&Parts<i128>) -> i128| build::amounts(rows.iter().map(|(.., tally)| Some(Amount(of(&tally.amount)))));
    Ok(SUCCESS_AMOUNTS.batch([
        ("business_date", build::same_date(rules.night, rows.len())),
        ("metric", words(|look| look.rate.metric.to_owned())),
        ("cut", words(|look| look.rate.cut.to_owned())),
        ("value", words(|look| look.value.clone())),
        ("currency", build::words(rows.iter().map(|(_, currency, _)| Some(*currency)))),
        ("numerator", amounts(|amount| amount.success)),
        ("denominator", amounts(Parts::denominator)),
        ("excluded", amounts(|amount| amount.excluded)),
        ("pending", amounts(|amount| amount.pending)),
        ("rate", build::ratios(rows.iter().map(|(.., tally)| ratio(tally.amount.success, tally.amount.denominator())))),
        ("mature", build::flags(rows.iter().map(|(.., tally)| tally.is_mature()))),
    ]))
}

/// Part ÷ whole, of amounts of one currency; none where the whole is nothing.
#[expect(clippy::cast_precision_loss, reason = "a proportion is a statistic, and no amount comes of it")]
pub(super) fn ratio(part: i128, whole: i128) -> Option<f64> {
    (whole != 0).then(|| part as f64 / whole as f64)
}

/// In each currency the values of a cut add up to one sum, whatever the cut.
fn hold(rows: &[(&Look, &str, &Tally)]) -> Result<()> {
    let mut sums: BTreeMap<(&str, &str), BTreeMap<&str, Parts<i128>>> = BTreeMap::new();
    for (look, currency, tally) in rows {
        let of_cuts = sums.entry((look.rate.metric, currency)).or_default();
        of_cuts.entry(look.rate.cut).or_default().hold(&tally.amount);
    }
    for ((metric, currency), of_cuts) in sums {
        let mut of_cuts = of_cuts.into_iter();
        let first = of_cuts.next();
        if let Some((cut, sum)) = of_cuts.find(|(_, sum)| first.as_ref().is_some_and(|(_, first)| first != sum)) {
            return Err(Error::law(format!("the amounts in {currency} of {metric} do not add up to all by {cut}"))
                .expected(format!("{first:?}"))
                .found(format!("{sum:?}")));
        }
    }
    Ok(())
}
