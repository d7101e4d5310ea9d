//! Success rates, each under its own name: there is no one "success rate".

use std::collections::HashMap;

use arrow::array::RecordBatch;
use polars::prelude::{Expr, lit};

use super::Rules;
use super::cells::{ALL, Cells, Place, by_cut, counts, holds, is, places, rows, rows_where};
use super::counted::Counted;
use super::wilson::proportion;
use super::words::{Ending, First, Status};
use crate::error::{Error, Result};
use crate::table::analysis::SUCCESS_RATES;
use crate::table::build;

/// One row per metric, cut and value.
pub(super) fn success_rates(cells: &Cells, counted: &Counted, rules: &Rules) -> Result<RecordBatch> {
    let of_attempts = [attempt_success_raw()];
    let of_orders = [first_attempt_rate(), order_success_rate(), settled_success_rate()];
    // An attempt has ended or is pending; an order must also have had its time.
    let attempts = by_cut(&cells.attempts, &[], &columns_of(&of_attempts, rows_where(lit(false))))?;
    let orders = by_cut(&cells.orders, &[], &columns_of(&of_orders, rows_where(holds("mature").not())))?;
    let mut rates = tallies(&attempts, &of_attempts, counted);
    rates.extend(tallies(&orders, &of_orders, counted));
    rates.sort_unstable_by_key(|&(metric, place, _)| (metric, place));
    hold(&rates)?;

    let share = |tally: &Tally| proportion(tally.numerator, tally.denominator());
    let tallies = || rates.iter().map(|(.., tally)| tally);
    let nothing = || build::ratios(vec![None; rates.len()]);
    Ok(SUCCESS_RATES.batch([
        ("business_date", build::same_date(rules.night, rates.len())),
        ("metric", build::words(rates.iter().map(|(metric, ..)| Some(metric)))),
        ("cut", build::words(rates.iter().map(|(_, place, _)| Some(place.cut)))),
        ("value", build::words(rates.iter().map(|(_, place, _)| Some(place.value)))),
        ("numerator", build::counts(tallies().map(|tally| tally.numerator))),
        ("denominator", build::counts(tallies().map(Tally::denominator))),
        ("excluded", build::counts(tallies().map(|tally| tally.excluded))),
        ("pending", build::counts(tallies().map(|tally| tally.pending))),
        ("rate", build::ratios(tallies().map(|tally| share(tally).map(|share| share.rate)))),
        ("low", build::ratios(tallies().map(|tally| share(tally).map(|share| share.low)))),
        ("high", build::ratios(tallies().map(|tally| share(tally).map(|share| share.high)))),
        ("baseline", nothing()),
        ("change", nothing()),
        ("q_value", nothing()),
        ("mature", build::flags(tallies().map(|tally| tally.pending == 0 && tally.young == 0))),
    ]))
}

/// A rate: which orders or attempts count as a success, which may still, and which are not asked. All others failed.
struct Metric {
    name: &'static str,
    succeeded: Expr,
    pending: Expr,
    excluded: Expr,
}

/// Attempts that succeeded ÷ attempts with a final status (peers: definition 1; Hyperswitch's payment success rate
/// and Stripe's raw success rate count so). Attempts without a final status are pending, never failures.
fn attempt_success_raw() -> Metric {
    let open = Status::OPEN.map(|status| is("status", status.code())).into_iter().reduce(Expr::or);
    Metric {
        name: "attempt_success_raw",
        succeeded: is("status", Status::Succeeded.code()),
        pending: open.expect("some statuses are open"),
        excluded: lit(false),
    }
}

/// Orders whose first attempt succeeded ÷ orders whose first attempt has a final status (peers: definition 4;
/// Hyperswitch's first-attempt authorization rate, FAAR). Orders without an attempt are excluded.
fn first_attempt_rate() -> Metric {
    Metric {
        name: "first_attempt_rate",
        succeeded: is("first", First::Succeeded.code()),
        pending: is("first", First::Open.code()),
        excluded: is("first", First::None.code()),
    }
}

/// Orders that succeeded ÷ orders with at least one attempt (peers: definition 6; Hyperswitch's net authorization
/// rate, NAR, and Airwallex's payment acceptance rate at order level). Success is the merchant's record. Orders
/// whose last attempt has no final status are pending; orders without an attempt are excluded.
fn order_success_rate() -> Metric {
    Metric {
        name: "order_success_rate",
        succeeded: attempted().and(is("ending", Ending::Succeeded.code())),
        pending: is("ending", Ending::Pending.code()),
        excluded: attempted().not(),
    }
}

/// Orders found at the provider ÷ orders the merchant marked paid (peers: definition 11, ours alone; what is missing
/// to one is false success). Paid orders that still wait inside the settlement lag are pending; orders that are not
/// paid are excluded.
fn settled_success_rate() -> Metric {
    let paid = || is("ending", Ending::Succeeded.code());
    Metric {
        name: "settled_success_rate",
        succeeded: paid().and(holds("settled")),
        pending: paid().and(holds("settled").not()).and(holds("waiting")),
        excluded: paid().not(),
    }
}

fn attempted() -> Expr {
    is("first", First::None.code()).not()
}

/// What a metric counts at one place. Every order or attempt there is a success, pending, excluded, or a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    total: i64,
    numerator: i64,
    pending: i64,
    excluded: i64,
    /// Those younger than the maturity window.
    young: i64,
}

impl Tally {
    fn denominator(&self) -> i64 {
        self.total - self.pending - self.excluded
    }

    fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.numerator += other.numerator;
        self.pending += other.pending;
        self.excluded += other.excluded;
        self.young += other.young;
    }
}

fn columns_of(metrics: &[Metric], young: Expr) -> Vec<(String, Expr)> {
    let mut columns = vec![("total".to_owned(), rows()), ("young".to_owned(), young)];
    for Metric { name, succeeded, pending, excluded } in metrics {
        for (part, condition) in [("succeeded", succeeded), ("pending", pending), ("excluded", excluded)] {
            columns.push((format!("{name} {part}"), rows_where(condition.clone())));
        }
    }
    columns
}

type Rate<'a> = (&'static str, Place<'a>, Tally);

fn tallies<'a>(sums: &RecordBatch, metrics: &[Metric], counted: &'a Counted) -> Vec<Rate<'a>> {
    let column = |name: &str| counts(sums, name).collect::<Vec<_>>();
    let (total, young) = (column("total"), column("young"));
    let places: Vec<Place> = places(sums, &counted.vocabularies).collect();
    let mut rates = Vec::with_capacity(metrics.len() * places.len());
    for &Metric { name, .. } in metrics {
        let [numerator, pending, excluded] = ["succeeded", "pending", "excluded"].map(|part| column(&format!("{name} {part}")));
        rates.extend(places.iter().enumerate().map(|(row, &place)| {
            let (total, young) = (total[row], young[row]);
            (name, place, Tally { total, numerator: numerator[row], pending: pending[row], excluded: excluded[row], young })
        }));
    }
    rates
}

/// What must be true of rates: a part is not more than its whole, the values of a cut add up to all, and whoever
/// succeeds at first succeeds.
fn hold(rates: &[Rate]) -> Result<()> {
    let mut by_cut: HashMap<(&str, &str), Tally> = HashMap::new();
    let known: HashMap<(&str, Place), Tally> = rates.iter().map(|&(metric, place, tally)| ((metric, place), tally)).collect();
    for (metric, place, tally) in rates {
        by_cut.entry((metric, place.cut)).or_default().add(tally);
        if !(0..=tally.denominator()).contains(&tally.numerator) {
            return Err(Error::law(format!("{metric} of {} {:?} is not between 0 and 1", place.cut, place.value))
                .found(format!("{} of {}", tally.numerator, tally.denominator())));
        }
        if *metric == "first_attempt_rate" && tally.numerator > known[&("order_success_rate", *place)].numerator {
            return Err(Error::law(format!("more orders of {} {:?} succeed at first than at all", place.cut, place.value)));
        }
    }
    for ((metric, cut), sum) in &by_cut {
        if *sum != by_cut[&(*metric, ALL)] {
            return Err(Error::law(format!("the values of {cut} do not add up to all in {metric}"))
                .expected(format!("{:?}", by_cut[&(*metric, ALL)]))
                .found(format!("{sum:?}")));
        }
    }
    Ok(())
}
