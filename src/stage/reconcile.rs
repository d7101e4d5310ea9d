//! What agreed, what did not, and what is still waiting.
//!
//! ```text
//! provider items ┐   passes, in order:         judge each pair:      left over:
//!                ├─▶ who has the same key ──▶  match, or break  ──▶  break, waiting or excluded ──▶ tables
//! merchant items ┘   (keyed, candidates)       (judge)               + breaks of the night before   (laws checked)
//! ```
//!
//! Two tables and rules in, four tables and one outcome a row out. No I/O, no clock; the answer does not depend on
//! the order of rows or the number of threads.

mod breaks;
mod candidates;
mod items;
mod judge;
pub mod keyed;
mod laws;
mod matches;
mod outcome;
mod passes;
mod rollforward;

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::money::{Amount, Rounding};
use crate::table::build::day_number;
use candidates::Aside;
use items::{Items, Kind, Side};
use judge::{Break, judge};
use keyed::index;
pub use outcome::{BreakType, Exclusion, Outcome};
use passes::{PASSES, Pass};
pub use passes::{PassRule, pass_rules};

/// The two sides: tables shaped as `open_items`, each with what was carried in and the night's own items.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What the providers state.
    pub provider: &'a RecordBatch,
    /// What the merchant recorded.
    pub merchant: &'a RecordBatch,
}

/// What the comparison goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The business date that is closed.
    pub night: NaiveDate,
    /// What providers charge by contract; without a card a fee is not checked.
    pub rate_cards: Vec<RateCard>,
    /// Differences that are no break; without one for its currency an amount must be equal.
    pub tolerances: Vec<Tolerance>,
}

/// What a provider charges for a payment by contract: percent of what settles, rounded to the minor unit, plus a fixed part.
#[derive(Clone, Debug)]
pub struct RateCard {
    /// Whose contract.
    pub provider: String,
    /// For which account.
    pub account: String,
    /// `0.60` is 0.60 %.
    pub percent: Amount,
    /// Added to every payment, in the currency that settles.
    pub fixed: Amount,
    /// Settled currency it is for; any if none. A card of its currency goes before one for any.
    pub currency: Option<String>,
    /// How the percentage is rounded.
    pub rounding: Rounding,
}

/// The difference between the two amounts of a pair that is no break: the larger of the two limits.
#[derive(Clone, Debug)]
pub struct Tolerance {
    /// The currency it is for.
    pub currency: String,
    /// In the major unit of the currency.
    pub absolute: Amount,
    /// Of the merchant's amount: `0.1` is 0.1 %. Rounded down to the minor unit.
    pub percent: Amount,
}

/// What the comparison of a night says.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// Table `matches`: pairs that agree.
    pub matches: RecordBatch,
    /// Table `breaks`: waiting, open and cleared tonight.
    pub breaks: RecordBatch,
    /// Table `open_items`: what enters the next night.
    pub open_items: RecordBatch,
    /// Table `rollforward`.
    pub rollforward: RecordBatch,
    /// Where each row of the provider's side ended.
    pub provider_outcomes: Vec<Outcome>,
    /// Where each row of the merchant's side ended.
    pub merchant_outcomes: Vec<Outcome>,
}

/// Compares the two sides. `carried_breaks` is the table `breaks` of the night before.
pub fn reconcile(sides: Sides, carried_breaks: &RecordBatch, rules: &Rules) -> Result<Reconciled> {
    let provider = Items::of(Side::Provider, sides.provider)?;
    let merchant = Items::of(Side::Merchant, sides.merchant)?;
    laws::each_id_once(&provider)?;
    laws::each_id_once(&merchant)?;

    let mut night = Night::new(&provider, &merchant, rules);
    for pass in &PASSES {
        night.run(pass)?;
    }
    night.leave_entries()?;
    night.leave_records()?;

    let rolled = breaks::roll(&night, carried_breaks)?;
    let breaks = rolled.table(&night);
    let reconciled = Reconciled {
        matches: matches::table(&night),
        rollforward: rollforward::table(&rolled, &breaks, rules.night)?,
        breaks,
        open_items: matches::open_items(&night),
        provider_outcomes: ended(&provider, &night.entries)?,
        merchant_outcomes: ended(&merchant, &night.records)?,
    };
    laws::check(&night, &reconciled)?;
    Ok(reconciled)
}

/// A pair that agrees, and the pass that found it.
struct Match {
    entry: u32,
    record: u32,
    pass: &'static Pass,
}

/// The comparison so far.
struct Night<'a> {
    provider: &'a Items<'a>,
    merchant: &'a Items<'a>,
    rules: &'a Rules,
    /// Day number of the night.
    day: i32,
    /// Where each row of the provider's side ended; none while it is open.
    entries: Vec<Option<Outcome>>,
    /// Where each row of the merchant's side ended; none while it is open.
    records: Vec<Option<Outcome>>,
    matches: Vec<Match>,
    breaks: Vec<Break<'a>>,
    /// Rows of the provider's side that enter the next night.
    entries_carried: Vec<u32>,
    /// Rows of the merchant's side that enter the next night.
    records_carried: Vec<u32>,
}

impl<'a> Night<'a> {
    fn new(provider: &'a Items<'a>, merchant: &'a Items<'a>, rules: &'a Rules) -> Self {
        Self {
            provider,
            merchant,
            rules,
            day: day_number(rules.night),
            entries: vec![None; provider.rows().len()],
            records: vec![None; merchant.rows().len()],
            matches: Vec::new(),
            breaks: Vec::new(),
            entries_carried: Vec::new(),
            records_carried: Vec::new(),
        }
    }

    /// Lets a pass take what is open, and judges its pairs.
    fn run(&mut self, pass: &'static Pass) -> Result<()> {
        let entry_open = |row| self.entries[index(row)].is_none();
        let record_open = |row| self.records[index(row)].is_none();
        let claims = pass.claims(self.provider, self.merchant, entry_open, record_open);

        // In the order of the entries, so that judging reads both sides mostly forward.
        let mut pairs: Vec<(u32, u32)> = claims.iter().flat_map(|claims| &claims.pairs).copied().collect();
        pairs.par_sort_unstable();
        let verdicts: Vec<Option<Box<Break>>> = pairs
            .par_iter()
            .map(|&(entry, record)| judge(self.provider, self.merchant, entry, record, self.rules).map(Box::new))
            .collect();

        self.matches.reserve(pairs.len());
        for ((entry, record), verdict) in pairs.into_iter().zip(verdicts) {
            let outcome = verdict.as_ref().map_or(Outcome::Match, |verdict| Outcome::Break(verdict.kind));
            self.end_entry(entry, outcome)?;
            self.end_record(record, outcome)?;
            match verdict {
                Some(verdict) => self.breaks.push(*verdict),
                None => self.matches.push(Match { entry, record, pass }),
            }
        }
        for claims in claims {
            for (entry, aside) in claims.entries_aside {
                let outcome = self.set_aside(self.provider, entry, aside);
                self.end_entry(entry, outcome)?;
            }
            for (record, aside) in claims.records_aside {
                let outcome = self.set_aside(self.merchant, record, aside);
                self.end_record(record, outcome)?;
            }
        }
        Ok(())
    }

    /// Where a row ends that its group left without a pair.
    fn set_aside(&mut self, items: &Items<'a>, row: u32, aside: Aside) -> Outcome {
        match aside {
            Aside::Superseded => Outcome::Excluded(Exclusion::Superseded),
            Aside::Break(kind, detail) => {
                self.breaks.push(Break { detail: Some(detail), ..alone(items, row, kind) });
                Outcome::Break(kind)
            }
        }
    }

    /// Entries no pass took: what misses a record waits for it, a chargeback is a break at once.
    fn leave_entries(&mut self) -> Result<()> {
        for row in self.provider.rows() {
            if self.entries[index(row)].is_some() {
                continue;
            }
            let outcome = match self.provider.kind(row) {
                Kind::Payment => self.miss(self.provider, row, BreakType::MissingInMerchant),
                Kind::Refund => self.miss(self.provider, row, BreakType::RefundMissingInMerchant),
                Kind::Chargeback => self.break_at_once(row, BreakType::Chargeback),
                Kind::ChargebackReversal => self.break_at_once(row, BreakType::ChargebackReversed),
                Kind::Other => Outcome::Excluded(Exclusion::NotOfAnOrder),
            };
            self.end_entry(row, outcome)?;
        }
        Ok(())
    }

    /// Records no pass took: what claims money waits for its entry; what does not is watched for as long, because
    /// an entry would prove it wrong.
    fn leave_records(&mut self) -> Result<()> {
        for row in self.merchant.rows() {
            if self.records[index(row)].is_some() {
                continue;
            }
            let outcome = match (self.merchant.claims_money(row), self.merchant.kind(row)) {
                (true, Kind::Refund) => self.miss(self.merchant, row, BreakType::RefundMissingInProvider),
                (true, _) => self.miss(self.merchant, row, BreakType::MissingInProvider),
                (false, _) if self.merchant.is_waiting(row, self.day) => {
                    self.records_carried.push(row);
                    Outcome::Waiting(None)
                }
                (false, _) => Outcome::Excluded(Exclusion::NotPaid),
            };
            self.end_record(row, outcome)?;
        }
        Ok(())
    }

    /// A row without its counterpart: carried for as long, a break once it is late.
    fn miss(&mut self, items: &Items<'a>, row: u32, kind: BreakType) -> Outcome {
        let waiting = items.is_waiting(row, self.day);
        self.breaks.push(Break { waiting, ..alone(items, row, kind) });
        match items.side {
            Side::Provider => self.entries_carried.push(row),
            Side::Merchant => self.records_carried.push(row),
        }
        if waiting { Outcome::Waiting(Some(kind)) } else { Outcome::Break(kind) }
    }

    fn break_at_once(&mut self, entry: u32, kind: BreakType) -> Outcome {
        self.breaks.push(alone(self.provider, entry, kind));
        Outcome::Break(kind)
    }

    fn end_entry(&mut self, row: u32, outcome: Outcome) -> Result<()> {
        end(self.provider, &mut self.entries, row, outcome)
    }

    fn end_record(&mut self, row: u32, outcome: Outcome) -> Result<()> {
        end(self.merchant, &mut self.records, row, outcome)
    }
}

/// Law 3: a row ends once.
fn end(items: &Items, outcomes: &mut [Option<Outcome>], row: u32, outcome: Outcome) -> Result<()> {
    match outcomes[index(row)].replace(outcome) {
        None => Ok(()),
        Some(before) => Err(Error::law(format!("{} item {} ends twice", items.side.as_str(), items.id(row)))
            .found(format!("{before:?}, then {outcome:?}"))),
    }
}

/// Law 1: every row has ended.
fn ended(items: &Items, outcomes: &[Option<Outcome>]) -> Result<Vec<Outcome>> {
    let missing = |row| Error::law(format!("{} item {} ends nowhere", items.side.as_str(), items.id(row)));
    items.rows().map(|row| outcomes[index(row)].ok_or_else(|| missing(row))).collect()
}

/// The break of a row without a pair: the other side states nothing.
fn alone<'a>(items: &Items<'a>, row: u32, kind: BreakType) -> Break<'a> {
    let amount = items.amount(row);
    let stated = Break {
        kind,
        entry: None,
        record: None,
        currency: items.currency(row),
        merchant_amount: None,
        provider_amount: None,
        difference: amount,
        waiting: false,
        detail: None,
    };
    match items.side {
        Side::Provider => Break { entry: Some(row), provider_amount: Some(amount), ..stated },
        Side::Merchant => Break { record: Some(row), merchant_amount: Some(amount), difference: -amount, ..stated },
    }
}
