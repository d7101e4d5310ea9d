//! Texts of a job that stand for something: zones, days, durations, amounts, limits.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use chrono_tz::{TZ_VARIANTS, Tz};

use super::due::{ExpectedBy, Lag, Publishes};
use super::file::{AnalysisFile, LimitsFile, ProviderFile, SeverityFile, ToleranceFile};
use crate::error::{Error, Result};
use crate::format::keys::nearest;
use crate::money::Amount;
use crate::stage::analyze::{DIMENSIONS, dimension};
use crate::stage::change::Threshold;
use crate::stage::reconcile::{Limits, Severity, Tolerance};

/// A time zone by its name.
pub(super) fn zone(name: &str, column: &str) -> Result<Tz> {
    name.parse().map_err(|_| {
        let error = Error::configuration("not a time zone").column(column).found(name);
        match nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name())) {
            Some(nearest) => error.expected("a name such as Asia/Shanghai").next(format!("did you mean `{nearest}`?")),
            None => error,
        }
    })
}

pub(super) fn settles_in(text: &str) -> Result<Lag> {
    Lag::parse(text).ok_or_else(|| {
        Error::configuration("not a number of days")
            .column("settles_in")
            .expected("such as `1 business day` or `2 days`")
            .found(text)
    })
}

pub(super) fn tolerance(file: ToleranceFile) -> Result<Tolerance> {
    Ok(Tolerance {
        absolute: amount(&file.absolute, "absolute")?,
        percent: amount(&file.percent, "percent")?,
        cap: file.cap.map(|cap| amount(&cap, "cap")).transpose()?,
        currency: file.currency,
    })
}

/// A decimal in quotes.
pub(super) fn amount(text: &str, column: &str) -> Result<Amount> {
    Amount::parse(text.as_bytes(), crate::money::SCALE).map_err(|why| {
        Error::configuration(format!("this is {why}"))
            .column(column)
            .found(text)
            .next("write a decimal such as \"0.60\", in quotes")
    })
}

pub(super) fn expected_by(file: &ProviderFile, zone: Tz) -> Result<Option<ExpectedBy>> {
    let Some(text) = &file.expected_by else {
        let alone = if file.grace.is_some() { "grace" } else { "publishes" };
        return match (&file.grace, file.publishes) {
            (None, Publishes::EveryDay) => Ok(None),
            _ => Err(Error::configuration(format!("{alone} says nothing without expected_by"))
                .column(alone)
                .next("say when the file is there, such as `expected_by = \"10:00\"`")),
        };
    };
    let grace = file.grace.as_deref().map_or(Ok(TimeDelta::zero()), |grace| duration(grace, "grace"))?;
    ExpectedBy::parse(text, file.publishes, zone, grace).map(Some)
}

/// From when on a change of a rate counts.
pub(super) fn threshold(file: &AnalysisFile) -> Result<Threshold> {
    let of_one = |text: &str, column: &str| {
        let eighth = Amount::parse(text.as_bytes(), crate::money::SCALE).ok().map(|decimal| decimal.0);
        eighth.filter(|&of_one| 0 < of_one && of_one < Amount::whole(1).0).ok_or_else(|| {
            Error::configuration("not a share of one")
                .column(column)
                .expected("a decimal between 0 and 1, in quotes, such as \"0.01\"")
                .found(text)
        })
    };
    let [minimum_change, _] =
        [of_one(&file.minimum_change, "analysis.minimum_change")?, of_one(&file.false_discovery, "analysis.false_discovery")?];
    let false_discovery = file.false_discovery.parse().expect("a decimal is a number");
    // From 8 digits after the point to the 12 of a rate.
    Ok(Threshold { minimum_change: minimum_change * 10_000, false_discovery })
}

pub(super) fn severity(file: SeverityFile) -> Result<Severity> {
    let SeverityFile { medium, high, critical, older_than, currency } = file;
    let limits = |LimitsFile { medium, high, critical }: &LimitsFile, of: &str| {
        let column = |name: &str| format!("severity.{of}{name}");
        let limits = Limits {
            medium: amount(medium, &column("medium"))?,
            high: amount(high, &column("high"))?,
            critical: amount(critical, &column("critical"))?,
        };
        if limits.ascend() {
            return Ok(limits);
        }
        Err(Error::configuration("the limits of severity do not ascend")
            .column(column("medium"))
            .expected("0 < medium < high < critical")
            .found(format!("{medium}, {high}, {critical}"))
            .next("raise the one that is too low"))
    };
    let days = days(&older_than, "severity.older_than")?;
    let by_currency = currency.iter().map(|(of, file)| Ok((of.clone(), limits(file, &format!("currency.{of}."))?)));
    Ok(Severity {
        by_currency: by_currency.collect::<Result<_>>()?,
        limits: limits(&LimitsFile { medium, high, critical }, "")?,
        older_than_days: days.into(),
    })
}

pub(super) fn days(text: &str, column: &str) -> Result<u16> {
    let days = text.strip_suffix(" days").or(text.strip_suffix(" day")).and_then(|days| days.parse().ok());
    days.ok_or_else(|| {
        Error::configuration("not a number of days")
            .column(column)
            .expected("such as `7 days`")
            .found(text)
            .next("write a whole number and `days`")
    })
}

/// Pairs of dimensions: each of two that are known, and given once, whichever of its dimensions is first.
pub(super) fn pairs(given: &[[String; 2]]) -> Result<Vec<[&'static str; 2]>> {
    let mut seen = BTreeSet::new();
    let known = |name: &String| {
        let wrong = || Error::configuration("not a dimension").column("pairs").expected(DIMENSIONS.join(", ")).found(name);
        dimension(name).ok_or_else(wrong)
    };
    let pair = |[one, other]: &[String; 2]| {
        let pair = [known(one)?, known(other)?];
        let mut either = pair;
        either.sort_unstable();
        if one == other || !seen.insert(either) {
            return Err(Error::configuration("a pair of dimensions is given twice, or is one dimension twice")
                .column("pairs")
                .expected("two dimensions, and no other pair of them")
                .found(pair.join(", ")));
        }
        Ok(pair)
    };
    given.iter().map(pair).collect()
}

pub(super) fn duration(text: &str, column: &str) -> Result<TimeDelta> {
    let wrong =
        || Error::configuration("not a duration").column(column).expected("such as `30 minutes` or `2 hours`").found(text);
    let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match unit {
        "minute" | "minutes" => Ok(TimeDelta::minutes(number.into())),
        "hour" | "hours" => Ok(TimeDelta::hours(number.into())),
        "day" | "days" => Ok(TimeDelta::days(number.into())),
        _ => Err(wrong()),
    }
}
