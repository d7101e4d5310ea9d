//! Ways to pay side by side, on settled truth: how often each works, what its word is worth, what it costs, how long it takes.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};

use super::Rules;
use super::attempts::CURRENCY;
use super::counted::Counted;
use super::dimension::OF_ATTEMPT;
use super::fate::Fate;
use super::met::{Charged, Charges};
use super::metric::{self, OF_ORDERS, Part};
use super::success_amounts::ratio;
use super::tallied::Tally;
use super::tally::Cell;
use super::time_to_pay::Times;
use super::wilson::{Proportion, proportion};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::analysis::PAYMENT_METHODS;
use crate::table::build;

/// Provider, account, method, wallet, card funding and currency, in words.
type Way<'a> = [&'a str; 6];

/// The columns of [`Way`] but the last, and where each stands in [`OF_ATTEMPT`].
const SAID: [(&str, usize); 5] =
    [(OF_ATTEMPT[0], 0), (OF_ATTEMPT[1], 1), (OF_ATTEMPT[2], 2), (OF_ATTEMPT[3], 3), (OF_ATTEMPT[5], 5)];

/// What is known of one way to pay.
#[derive(Default)]
struct Of {
    orders: i64,
    attempts: i64,
    success: Tally,
    settled: Tally,
    false_success: Tally,
    false_failure: Tally,
    charged: Charged,
    /// Cells of times, by key.
    times: Vec<Cell>,
}

/// One row per provider, account, method, wallet, card funding and currency. An order is of its first attempt's; an attempt,
/// and what its payment cost, of its own.
pub(super) fn payment_methods(counted: &Counted, charges: &Charges, rules: &Rules) -> Result<RecordBatch> {
    let mut ways: BTreeMap<Way, Of> = BTreeMap::new();
    let way = |says: &[u32; OF_ATTEMPT.len()], currency: u32| -> Way {
        let [provider, account, method, wallet, funding] = SAID.map(|(name, at)| counted.vocabularies[name].word(says[at]));
        [provider, account, method, wallet, funding, counted.vocabularies["currency"].word(currency)]
    };
    for cell in &counted.orders {
        let key = counted.order_keys.read(cell);
        let (attempt, order) = (&counted.of_attempt[key.of_attempt as usize], &counted.of_order[key.of_order as usize]);
        let of = ways.entry(way(attempt, order[0])).or_default();
        of.add((Fate::of(key.fate), key.mature), cell);
    }
    for cell in &counted.attempts {
        let said = &counted.groups[counted.attempt_keys.read(cell).group as usize];
        let says = said.first_chunk().expect("attempts are grouped by what they say first");
        ways.entry(way(says, said[CURRENCY])).or_default().attempts += i64::from(cell.rows);
    }
    for (key, charged) in &charges.charges {
        ways.entry(key.each_ref().map(String::as_str)).or_default().charged = *charged;
    }
    let times = counted.times.last().expect("times are told by attempt too");
    for (_, cells) in times.by_value() {
        let [attempt, currency] = times.read(&cells[0]).value;
        let way = way(&counted.of_attempt[attempt as usize], currency);
        ways.entry(way).or_default().times.extend(cells);
    }
    hold(&ways, counted)?;

    let rows: Vec<(&Way, &Of)> = ways.iter().collect();
    let said = |at: usize| {
        let stated = |way: &Way| Some(way[at]).filter(|word| !word.is_empty()).map(str::to_owned);
        build::words(rows.iter().map(|(way, _)| stated(way)))
    };
    let count = |of: fn(&Of) -> i64| build::counts(rows.iter().map(|(_, row)| of(row)));
    let amount = |of: fn(&Of) -> Amount| build::amounts(rows.iter().map(|(_, row)| Some(of(row))));
    let share = |of: fn(&Of) -> &Tally, part: fn(Proportion) -> f64| -> ArrayRef {
        let share = |tally: &Tally| proportion(tally.count.success, tally.count.denominator());
        build::ratios(rows.iter().map(|(_, row)| share(of(row)).map(part)))
    };
    let median = |of: &Of| (!of.times.is_empty()).then(|| Times::of(&of.times, times).median());
    Ok(PAYMENT_METHODS.batch([
        ("business_date", build::same_date(rules.night, rows.len())),
        ("provider", said(0)),
        ("account", said(1)),
        ("method", said(2)),
        ("wallet", said(3)),
        ("card_funding", said(4)),
        ("currency", build::words(rows.iter().map(|(way, _)| Some(way[5])))),
        ("orders", count(|of| of.orders)),
        ("attempts", count(|of| of.attempts)),
        ("succeeded", count(|of| of.success.count.success)),
        ("order_success_rate", share(|of| &of.success, |share| share.rate)),
        ("order_success_low", share(|of| &of.success, |share| share.low)),
        ("order_success_high", share(|of| &of.success, |share| share.high)),
        ("enough", build::flags(rows.iter().map(|(_, of)| of.success.count.denominator() >= rules.minimum_count))),
        ("settled", count(|of| of.settled.count.success)),
        ("settled_success_rate", share(|of| &of.settled, |share| share.rate)),
        ("settled_success_low", share(|of| &of.settled, |share| share.low)),
        ("settled_success_high", share(|of| &of.settled, |share| share.high)),
        ("false_success", count(|of| of.false_success.count.success)),
        ("false_success_amount", amount(|of| Amount(of.false_success.amount.success))),
        ("false_failure", count(|of| of.false_failure.count.success)),
        ("false_failure_amount", amount(|of| Amount(of.false_failure.amount.success))),
        ("volume", amount(|of| of.charged.volume)),
        ("charged", amount(|of| of.charged.charged)),
        ("effective_fee", build::ratios(rows.iter().map(|(_, of)| ratio(of.charged.charged.0, of.charged.volume.0)))),
        ("median_time_to_pay", build::optional_counts(rows.iter().map(|(_, of)| median(of)))),
    ]))
}

impl Of {
    fn add(&mut self, order: (Fate, bool), cell: &Cell) {
        self.orders += i64::from(cell.rows);
        for (tally, name) in [
            (&mut self.success, metric::ORDER_SUCCESS_RATE),
            (&mut self.settled, metric::SETTLED_SUCCESS_RATE),
            (&mut self.false_success, metric::FALSE_SUCCESS),
            (&mut self.false_failure, metric::FALSE_FAILURE),
        ] {
            tally.add(part(name, order), cell);
        }
    }
}

/// What an order is to the metric of that name.
fn part(name: &str, order: (Fate, bool)) -> Part {
    let metric = OF_ORDERS.iter().find(|metric| metric.name == name);
    (metric.expect("the metrics named here are of orders").part)(order)
}

/// Every order and every attempt is in one row, and every order that took a time to be paid.
fn hold(ways: &BTreeMap<Way, Of>, counted: &Counted) -> Result<()> {
    let sum = |of: fn(&Of) -> i64| ways.values().map(of).sum::<i64>();
    let held = |cells: &[Cell]| cells.iter().map(|cell| i64::from(cell.rows)).sum::<i64>();
    let times = counted.times.first().map_or(0, |all| held(&all.cells));
    for (what, expected, found) in [
        ("orders", held(&counted.orders), sum(|of| of.orders)),
        ("attempts", held(&counted.attempts), sum(|of| of.attempts)),
        ("times to pay", times, ways.values().map(|of| held(&of.times)).sum()),
    ] {
        if expected != found {
            return Err(Error::law(format!("the ways to pay do not hold all {what}")).expected(expected).found(found));
        }
    }
    Ok(())
}
