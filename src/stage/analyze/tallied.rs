//! Every metric counted for every cut and value, in things and in money; and what must be true of that.

use std::collections::HashMap;

use super::cut::ALL;
use super::fate::AttemptFate;
use super::margin::{Margin, MarginKey, read_order_fate};
use super::metric::{self, Metric, OF_ATTEMPTS, OF_ORDERS, Part};
use super::tally::Cell;
use crate::error::{Error, Result};

/// What a metric counts at one place. Every order or attempt it counts is a success, a failure, pending or excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many are which.
    pub(super) count: Parts<i64>,
    /// Their amounts, in units of an amount; of no meaning where currencies differ.
    pub(super) amount: Parts<i128>,
    /// Orders younger than the maturity window.
    pub(super) young: i64,
}

/// What things are to a metric, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts<N> {
    pub(super) success: N,
    pub(super) failure: N,
    pub(super) pending: N,
    pub(super) excluded: N,
}

impl<N: Copy + std::ops::Add<Output = N> + std::ops::AddAssign> Parts<N> {
    /// What the successes are of.
    pub(super) fn denominator(&self) -> N {
        self.success + self.failure
    }

    fn add(&mut self, part: Part, number: N) {
        match part {
            Part::Success => self.success += number,
            Part::Failure => self.failure += number,
            Part::Pending => self.pending += number,
            Part::Excluded => self.excluded += number,
            Part::NotCounted => {}
        }
    }

    /// Adds the others.
    pub(super) fn hold(&mut self, other: &Self) {
        self.success += other.success;
        self.failure += other.failure;
        self.pending += other.pending;
        self.excluded += other.excluded;
    }
}

impl Tally {
    /// Adds a cell that is this to the metric.
    pub(super) fn add(&mut self, part: Part, cell: &Cell) {
        self.count.add(part, cell.rows.into());
        self.amount.add(part, cell.amount);
    }

    /// Whether everything counted had the time to end.
    pub(super) fn is_mature(&self) -> bool {
        self.count.pending == 0 && self.young == 0
    }

    fn hold(&mut self, other: &Self) {
        self.count.hold(&other.count);
        self.amount.hold(&other.amount);
        self.young += other.young;
    }
}

/// A metric at one place.
pub(super) struct Rate<'a> {
    pub(super) metric: &'static str,
    pub(super) cut: &'a str,
    /// The codes of the value.
    pub(super) value: [u32; 2],
    /// Per currency, by its code.
    pub(super) by_currency: Vec<(u32, Tally)>,
    /// Of all currencies.
    pub(super) tally: Tally,
}

/// Every metric at every place of these margins of attempts and of orders; all that must hold of them holds.
pub(super) fn rates<'a>(attempts: &'a [Margin], orders: &'a [Margin]) -> Result<Vec<Rate<'a>>> {
    let attempt = |key: MarginKey| (AttemptFate::of(key.last), false);
    let order = |key: MarginKey| {
        let (fate, mature) = read_order_fate(key.last);
        ((fate, mature), !mature)
    };
    let mut rates: Vec<Rate> = attempts.iter().flat_map(|margin| of_margin(margin, &OF_ATTEMPTS, attempt)).collect();
    rates.extend(orders.iter().flat_map(|margin| of_margin(margin, &OF_ORDERS, order)));
    hold(&rates)?;
    Ok(rates)
}

/// A cell, what metrics ask about it, and how many of its things are young.
struct Told<'a, T> {
    cell: &'a Cell,
    thing: T,
    young: i64,
}

/// `tells` a cell's thing, and whether it is young.
fn of_margin<'a, T: Copy>(margin: &'a Margin, metrics: &[Metric<T>], tells: impl Fn(MarginKey) -> (T, bool)) -> Vec<Rate<'a>> {
    let mut rates = Vec::new();
    for (value, cells) in margin.by_value() {
        let told = |cell: &'a Cell| {
            let (thing, young) = tells(margin.read(cell));
            Told { cell, thing, young: if young { cell.rows.into() } else { 0 } }
        };
        let by_currency = margin.by_currency(cells).map(|(currency, cells)| (currency, cells.iter().map(told).collect()));
        let currencies: Vec<(u32, Vec<Told<T>>)> = by_currency.collect();
        for Metric { name, part } in metrics {
            let mut whole = Tally::default();
            let by_currency = currencies.iter().map(|(currency, cells)| {
                let mut tally = Tally::default();
                for Told { cell, thing, young } in cells {
                    tally.add(part(*thing), cell);
                    tally.young += young;
                }
                whole.hold(&tally);
                (*currency, tally)
            });
            let by_currency = by_currency.collect();
            rates.push(Rate { metric: name, cut: &margin.cut.name, value, by_currency, tally: whole });
        }
    }
    rates
}

/// What must be true of rates: the values of a cut add up to all; whoever succeeds at first succeeds; a conversion is its two
/// factors; and what is found and what is missing is all that is claimed.
fn hold(rates: &[Rate]) -> Result<()> {
    let mut by_cut: HashMap<(&str, &str), Tally> = HashMap::new();
    let mut known: HashMap<(&str, [u32; 2], &str), Parts<i64>> = HashMap::new();
    for rate in rates {
        by_cut.entry((rate.metric, rate.cut)).or_default().hold(&rate.tally);
        known.insert((rate.cut, rate.value, rate.metric), rate.tally.count);
    }
    for ((metric, cut), sum) in &by_cut {
        let all = &by_cut[&(*metric, ALL)];
        if sum != all {
            return Err(Error::law(format!("the values of {cut} do not add up to all in {metric}"))
                .expected(format!("{all:?}"))
                .found(format!("{sum:?}")));
        }
    }
    for &(cut, value, _) in known.keys().filter(|(.., metric)| *metric == metric::ORDER_SUCCESS_RATE) {
        let of = |metric| known[&(cut, value, metric)];
        let broken = |law: &str, found: [Parts<i64>; 3]| Err(Error::law(format!("{law}, by {cut}")).found(format!("{found:?}")));
        let [first, any] = [metric::FIRST_ATTEMPT_RATE, metric::ORDER_SUCCESS_RATE].map(of);
        if first.success > any.success {
            return broken("more orders succeed at first than at all", [first, any, any]);
        }
        let checkout = [metric::CHECKOUT_CONVERSION, metric::CONFIRMATION_RATE, metric::POST_CONFIRM_SUCCESS].map(of);
        let [conversion, confirmation, success] = checkout;
        let is_product = conversion.success == success.success
            && confirmation.success == success.denominator()
            && conversion.denominator() == confirmation.denominator();
        if !is_product {
            return broken("a conversion is not its two factors", checkout);
        }
        let [settled, missing] = [metric::SETTLED_SUCCESS_RATE, metric::FALSE_SUCCESS].map(of);
        if settled.success + missing.success != settled.denominator() || settled.denominator() != missing.denominator() {
            return broken("what is found and what is missing is not what is claimed", [settled, missing, missing]);
        }
    }
    Ok(())
}
