//! Failure reasons: why attempts failed, in words all providers share.

use arrow::array::{ArrayRef, RecordBatch};
use polars::prelude::{IntoLazy, SortMultipleOptions, col};

use super::Rules;
use super::cells::{attempts, codes, counts, holds, is, rows, rows_where};
use super::counted::Counted;
use super::words::Status;
use crate::error::{Error, Result};
use crate::stage::failures::{Actor, Category, Failure, Hardness};
use crate::table::analysis::FAILURE_REASONS;
use crate::table::frame::{broken, export};
use crate::table::{build, read};

/// One row per provider, code and currency of the attempts that failed; the code decides the category.
pub(super) fn failure_reasons(counted: &Counted, rules: &Rules) -> Result<RecordBatch> {
    let key = [col("provider"), col("failure_code"), col("currency")];
    let plan = attempts(counted)?.lazy().filter(is("status", Status::Failed.code())).group_by(key.clone()).agg([
        rows().sum().alias("attempts"),
        col("amount").sum(),
        rows_where(holds("recovered")).sum().alias("of them recovered"),
        rows_where(holds("gave_up")).sum().alias("and left"),
    ]);
    let sums = export(plan.sort_by_exprs(key, SortMultipleOptions::default()).collect().map_err(broken)?)?;
    hold(&sums, counted)?;

    let [providers, currencies, written_in] = ["provider", "currency", "failure_code"].map(|name| &counted.vocabularies[name]);
    let written: Vec<&str> = codes(&sums, "failure_code").values().iter().map(|&code| written_in.word(code)).collect();
    let meanings: Vec<&Failure> = codes(&sums, "provider")
        .values()
        .iter()
        .zip(&written)
        .map(|(&provider, code)| rules.failures.find(providers.word(provider), code))
        .collect();
    let word = |of: fn(&Failure) -> &'static str| -> ArrayRef { build::words(meanings.iter().map(|meaning| Some(of(meaning)))) };
    let amounts = read::amounts(&sums, "amount");
    Ok(FAILURE_REASONS.batch([
        ("business_date", build::same_date(rules.night, sums.num_rows())),
        ("provider", providers.column(codes(&sums, "provider").values())),
        ("code", build::words(written.iter().map(Some))),
        ("category", word(|meaning| Category::word(meaning.category))),
        ("currency", currencies.column(codes(&sums, "currency").values())),
        ("attempts", build::counts(counts(&sums, "attempts"))),
        ("amount", build::amounts((0..sums.num_rows()).map(|row| read::amount(amounts, row)))),
        ("actor", word(|meaning| Actor::word(meaning.actor))),
        ("hardness", word(|meaning| Hardness::word(meaning.hardness))),
        ("recovered", build::counts(counts(&sums, "of them recovered"))),
        ("gave_up", build::counts(counts(&sums, "and left"))),
    ]))
}

/// Every failed attempt has one reason.
fn hold(sums: &RecordBatch, counted: &Counted) -> Result<()> {
    let reasons: i64 = counts(sums, "attempts").sum();
    if usize::try_from(reasons) == Ok(counted.failed) {
        return Ok(());
    }
    Err(Error::law("the failure reasons do not hold every attempt that failed").expected(counted.failed).found(reasons))
}
