//! What agreed, what did not, and what is still waiting.
//!
//! ```text
//! provider items ┐   passes, in order:         judge each pair:      left over:
//!                ├─▶ who has the same key ──▶  match, or break  ──▶  break, waiting or excluded ──▶ tables
//! merchant items ┘   (keyed, candidates)       (judge)               + breaks of the night before   (laws checked)
//! ```
//!
//! Two tables and rules in, four tables and one outcome a row out. No I/O, no clock; the answer does not depend on
//! the order of rows, their split into parts, the number of threads, or whether the night is compared whole
//! ([`reconcile`]) or in shares ([`compare`] each, round after round, then [`roll`]).

mod alone;
mod breaks;
mod candidates;
mod itemless;
mod items;
mod judge;
pub mod keyed;
mod laws;
mod matches;
mod open_items;
mod order;
mod outcome;
mod passes;
mod progress;
mod resolve;
mod roll;
mod rollforward;
mod severity;
mod tolerated;
mod vocabulary;

use std::ops::Range;

use arrow::array::RecordBatch;
use chrono::{NaiveDate, TimeDelta};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::money::{Amount, Rounding, minor_digits};
use crate::table::build::day_number;
use crate::table::part::{NO_ROW, place, row_id};
use crate::table::sheet::Sheet;
use candidates::{Aside, Group};
pub use itemless::{Itemless, OfEntry, itemless};
use items::{Items, Kind, Side};
use judge::{Break, Judge, Verdict};
use keyed::{Keys, Verify};
use order::Order;
pub use outcome::{BreakType, Exclusion, Outcome};
pub use passes::{Onward, PassRule, ROUNDS, Round, Rule, Together, pass_rules};
use passes::{PASSES, Pass};
use progress::Progress;
pub use resolve::{Action, Resolution, Said, Says};
pub use roll::{Rolled, roll};
pub use severity::{Limits, Severity};
pub use tolerated::{OfCurrency, Tolerated};
use vocabulary::Vocabulary;

/// The two sides: parts shaped as `open_items`, each side with what was carried in and the night's own items.
///
/// A part has at most [`crate::table::part::PART_ROWS`] rows, its columns in the types of [`crate::table::part`].
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What the providers state.
    pub provider: &'a [RecordBatch],
    /// What the merchant recorded.
    pub merchant: &'a [RecordBatch],
}

/// What the comparison goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The business date that is closed.
    pub night: NaiveDate,
    /// Differences that are no break; without one for its currency an amount must be equal.
    pub tolerances: Vec<Tolerance>,
    /// How far apart two items may have happened that meet by nothing but their amount; none do where it is zero.
    pub same_amount_within: TimeDelta,
    /// How much a break matters.
    pub severity: Severity,
    /// What people decided about breaks, as far as it holds for this night.
    pub resolutions: Vec<Resolution>,
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
    /// How much may be let go in a night, differences without sign; any sum where the job does not say.
    pub cap: Option<Amount>,
}

impl Tolerance {
    /// The largest difference of an amount that is no break: the larger of the absolute and the relative one.
    #[must_use]
    pub fn of(&self, amount: Amount) -> Amount {
        let relative = amount.abs().percent(self.percent, minor_digits(&self.currency), Rounding::Down);
        relative.max(self.absolute)
    }
}

/// What the comparison of a night says.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// Table `matches`: pairs that agree.
    pub matches: Sheet,
    /// Table `breaks`: waiting, open, cleared tonight and resolved.
    pub breaks: RecordBatch,
    /// Table `open_items`: what enters the next night.
    pub open_items: Sheet,
    /// Table `rollforward`.
    pub rollforward: RecordBatch,
    /// Where each row of the provider's side ended, by part.
    pub provider_outcomes: Vec<Vec<Outcome>>,
    /// Where each row of the merchant's side ended, by part.
    pub merchant_outcomes: Vec<Vec<Outcome>>,
}

/// What comparing two sides says.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Table `matches`: pairs that agree.
    pub matches: Sheet,
    /// Table `open_items`: what enters the next night.
    pub open_items: Sheet,
    /// Rows of the table `breaks`: what was found, in no particular order.
    pub found: RecordBatch,
    /// What was let go.
    pub tolerated: Tolerated,
    /// Where each row of the provider's side ended, by part; none where it goes on to a later round.
    pub provider_outcomes: Vec<Vec<Option<Outcome>>>,
    /// Where each row of the merchant's side ended, by part; none where it goes on to a later round.
    pub merchant_outcomes: Vec<Vec<Option<Outcome>>>,
    /// Which entries the records met, agreed or not.
    pub met: Met,
}

/// Which entries the merchant's rows met, all by name of row.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// By part of the merchant's side and by row, the entry; [`NO_ROW`] if none, or several.
    pub alone: Vec<Vec<u32>>,
    /// The same of groups.
    pub in_groups: Vec<Link>,
}

/// A record of a group, and an entry of it.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The record.
    pub record: u32,
    /// Its entry; the first of the group where there are less entries than records, and none is left for it.
    pub entry: u32,
    /// Whether it is its own.
    pub is_own: bool,
}

/// Compares the two sides of a night. `carried_breaks` is the table `breaks` of the night before.
pub fn reconcile(sides: Sides, carried_breaks: &RecordBatch, rules: &Rules) -> Result<Reconciled> {
    let compared = compare(sides, 0..ROUNDS.len(), rules)?;
    let came_in = sides.provider.iter().chain(sides.merchant);
    let found = [compared.found, compared.tolerated.breaks(rules)];
    let rolled = roll(&found, carried_breaks, came_in, rules)?;
    let ended = |outcomes: Vec<Vec<Option<Outcome>>>| -> Vec<Vec<Outcome>> {
        outcomes.into_iter().map(|part| part.into_iter().map(|outcome| outcome.expect("no round is left")).collect()).collect()
    };
    Ok(Reconciled {
        matches: compared.matches,
        breaks: rolled.breaks,
        open_items: compared.open_items,
        rollforward: rolled.rollforward,
        provider_outcomes: ended(compared.provider_outcomes),
        merchant_outcomes: ended(compared.merchant_outcomes),
    })
}

/// Compares two sides in the passes of these rounds: a night whole, in all, or a share of it that holds every row which
/// may meet another in one of them.
pub fn compare(sides: Sides, rounds: Range<usize>, rules: &Rules) -> Result<Compared> {
    let mut vocabulary = Vocabulary::default();
    let provider = Items::of(Side::Provider, sides.provider, &mut vocabulary)?;
    let merchant = Items::of(Side::Merchant, sides.merchant, &mut vocabulary)?;
    let order = Order::of(&merchant);
    let (entries, records) = rayon::join(|| laws::each_id_once(&provider), || laws::each_record_once(&merchant, &order));
    entries.and(records)?;

    let judge = Judge::new(&provider, &merchant, rules);
    let mut night = Night::new(&judge);
    for (number, pass) in (0..).zip(&PASSES).filter(|(_, pass)| rounds.contains(&pass.round)) {
        night.run(number, pass)?;
    }
    night.leave_entries(rounds.end)?;
    night.leave_records(rounds.end)?;

    let matches = matches::sheet(&night, &order);
    let mut compared = Compared {
        tolerated: Tolerated::of(&night, &matches),
        matches,
        open_items: open_items::sheet(&night),
        found: breaks::found(&night),
        provider_outcomes: night.entries.outcomes(rounds.end)?,
        merchant_outcomes: night.records.outcomes(rounds.end)?,
        met: Met::default(),
    };
    laws::check(&night, &compared, &vocabulary)?;
    let of_group = |group: &Group| {
        let first = group.entries[0];
        let links: Vec<Link> = group
            .links()
            .map(|(record, entry)| Link { record, entry: entry.unwrap_or(first), is_own: entry.is_some() })
            .collect();
        links
    };
    compared.met = Met { in_groups: night.groups.iter().flat_map(of_group).collect(), alone: night.met };
    Ok(compared)
}

/// How a record met its entry.
#[derive(Clone, Copy, Default)]
struct How {
    /// The number of the pass.
    pass: u8,
    /// Whether their amounts differ, by no more than they may.
    tolerated: bool,
}

/// The comparison so far.
struct Night<'a> {
    provider: &'a Items<'a>,
    merchant: &'a Items<'a>,
    judge: &'a Judge<'a>,
    rules: &'a Rules,
    /// Day number of the night.
    day: i32,
    entries: Progress<'a>,
    records: Progress<'a>,
    /// The entry each record met, by part of the merchant's side; [`NO_ROW`] if none.
    met: Vec<Vec<u32>>,
    /// How they met.
    how: Vec<Vec<How>>,
    /// What belongs together without being pairs.
    groups: Vec<Group>,
    breaks: Vec<Break<'a>>,
}

impl<'a> Night<'a> {
    fn new(judge: &'a Judge<'a>) -> Self {
        let Judge { provider, merchant, rules, .. } = *judge;
        Self {
            provider,
            merchant,
            judge,
            rules,
            day: day_number(rules.night),
            entries: Progress::new(provider),
            records: Progress::new(merchant),
            met: merchant.parts.iter().map(|part| vec![NO_ROW; part.rows()]).collect(),
            how: merchant.parts.iter().map(|part| vec![How::default(); part.rows()]).collect(),
            groups: Vec::new(),
            breaks: Vec::new(),
        }
    }

    /// Lets a pass take what is open, and judges its pairs.
    fn run(&mut self, number: u8, pass: &Pass) -> Result<()> {
        let (entries, records) = (self.entries.open(pass.kind), self.records.open(pass.kind));
        let claims = pass.claims(self.provider, entries, self.merchant, records, self.rules.same_amount_within);
        let mut others = Vec::new();
        for claims in claims {
            for (entry, record) in claims.pairs {
                self.meet(entry, record, number)?;
            }
            others.push((claims.groups, claims.entries_aside, claims.records_aside));
        }
        self.judge(pass)?;
        for (groups, entries, records) in others {
            for group in groups {
                self.join(group, number)?;
            }
            for (entry, aside) in entries {
                let outcome = self.set_aside(self.provider, entry, aside);
                self.entries.end(entry, outcome)?;
            }
            for (record, aside) in records {
                let outcome = self.set_aside(self.merchant, record, aside);
                self.records.end(record, outcome)?;
            }
        }
        self.entries.close(pass.kind);
        self.records.close(pass.kind);
        Ok(())
    }

    /// Law 3, of a record: it meets one entry. Those of entries and of all outcomes are in [`Progress::end`].
    fn meet(&mut self, entry: u32, record: u32, pass: u8) -> Result<()> {
        let (part, row) = place(record);
        if self.met[part][row] != NO_ROW {
            return Err(Error::law(format!("merchant item {} meets two entries", self.merchant.id(record))));
        }
        self.met[part][row] = entry;
        self.how[part][row].pass = pass;
        Ok(())
    }

    /// Lets a group end as one: it agrees, or is one break.
    fn join(&mut self, group: Group, pass: u8) -> Result<()> {
        let found = self.judge.group(&group);
        let outcome = found.as_ref().map_or(Outcome::Match, |found| Outcome::Break(found.kind));
        for &entry in &group.entries {
            self.entries.end(entry, outcome)?;
        }
        for &record in &group.records {
            self.records.end(record, outcome)?;
            let (part, row) = place(record);
            self.how[part][row].pass = pass;
        }
        if let Some(found) = found {
            if found.carried {
                self.entries.carried.extend(&group.entries);
                self.records.carried.extend(&group.records);
            }
            self.breaks.push(Break { group: Some(self.groups.len()), ..found });
        }
        self.groups.push(group);
        Ok(())
    }

    /// The entries a break is about, or its records.
    fn rows_of(&self, found: &Break, side: Side) -> Vec<u32> {
        match (found.group.map(|group| &self.groups[group]), side) {
            (Some(group), Side::Provider) => group.entries.clone(),
            (Some(group), Side::Merchant) => group.records.clone(),
            (None, Side::Provider) => found.entry.into_iter().collect(),
            (None, Side::Merchant) => found.record.into_iter().collect(),
        }
    }

    /// The entry a record met, and how.
    #[inline]
    fn met(&self, record: u32) -> (u32, How) {
        let (part, row) = place(record);
        (self.met[part][row], self.how[part][row])
    }

    /// Judges the pairs of a pass that met: in the order of the records, so that their side is read forward.
    fn judge(&mut self, pass: &Pass) -> Result<()> {
        let judge = self.judge;
        let keys = [self.provider, self.merchant].map(|items| Keys::of(items.batches, pass.keys));
        let verify = Verify::new(&keys[0], &keys[1]);
        let (open, ended) = self.records.open_and_ended(pass.kind);
        let parts = open.par_iter().zip(ended).zip(&mut self.met).zip(&mut self.how).enumerate();
        let judged = parts.map(|(part, (((rows, ended), met), how))| {
            let mut candidates = Vec::with_capacity(rows.len());
            rows.for_each(|row| {
                let entry = std::mem::replace(&mut met[row], NO_ROW);
                if entry != NO_ROW {
                    candidates.push((entry, row_id(part, row)));
                }
            });
            let mut pairs = Vec::with_capacity(candidates.len());
            verify.same(&candidates, |pair| pairs.push(pair));
            let mut found = Vec::new();
            judge.verdicts(&pairs, |(entry, record), verdict| {
                let (_, row) = place(record);
                met[row] = entry;
                ended[row] = Some(Outcome::Match);
                match verdict {
                    Verdict::Same => {}
                    Verdict::WithinTolerance => how[row].tolerated = true,
                    Verdict::Break(of_pair) => {
                        ended[row] = Some(Outcome::Break(of_pair.kind));
                        found.push(of_pair);
                    }
                }
            });
            (pairs, found)
        });
        for (part, (pairs, found)) in judged.collect::<Vec<_>>().into_iter().enumerate() {
            for (entry, record) in pairs {
                let outcome = self.records.ended[part][place(record).1].expect("it was judged");
                self.entries.end(entry, outcome)?;
            }
            for found in found {
                if found.carried {
                    self.entries.carried.extend(found.entry);
                    self.records.carried.extend(found.record);
                }
                self.breaks.push(found);
            }
        }
        Ok(())
    }

    /// Where a row ends that its group left without a pair.
    fn set_aside(&mut self, items: &'a Items<'a>, row: u32, aside: Aside) -> Outcome {
        match aside {
            Aside::Superseded => Outcome::Excluded(Exclusion::Superseded),
            Aside::Break(kind, detail) => {
                let alone = self.alone(items, row, kind);
                let detail = [Some(detail), alone.detail].into_iter().flatten().collect::<Vec<_>>().join("; ");
                self.breaks.push(Break { detail: Some(detail), ..alone });
                Outcome::Break(kind)
            }
        }
    }

    /// Entries no pass took: what misses a record waits for it, a chargeback is a break at once.
    fn leave_entries(&mut self, next_round: usize) -> Result<()> {
        for row in self.entries.left(next_round) {
            let outcome = match self.provider.kind(row) {
                Kind::Payment => self.miss(self.provider, row, BreakType::MissingInMerchant),
                Kind::Refund => self.miss(self.provider, row, BreakType::RefundMissingInMerchant),
                Kind::Chargeback => self.break_at_once(row, BreakType::Chargeback),
                Kind::ChargebackReversal => self.break_at_once(row, BreakType::ChargebackReversed),
                Kind::Other => Outcome::Excluded(Exclusion::NotOfAnOrder),
            };
            self.entries.end(row, outcome)?;
        }
        Ok(())
    }

    /// Records no pass took: what claims money waits for its entry; what does not is watched for as long, because
    /// an entry would prove it wrong.
    fn leave_records(&mut self, next_round: usize) -> Result<()> {
        for row in self.records.left(next_round) {
            let outcome = match (self.merchant.claims_money(row), self.merchant.kind(row)) {
                (true, Kind::Refund) => self.miss(self.merchant, row, BreakType::RefundMissingInProvider),
                (true, _) => self.miss(self.merchant, row, BreakType::MissingInProvider),
                (false, _) if self.merchant.is_waiting(row, self.day) => {
                    self.records.carried.push(row);
                    Outcome::Waiting(None)
                }
                (false, _) => Outcome::Excluded(Exclusion::NotPaid),
            };
            self.records.end(row, outcome)?;
        }
        Ok(())
    }

    /// A row without its counterpart: carried for as long, a break once it is late.
    fn miss(&mut self, items: &'a Items<'a>, row: u32, kind: BreakType) -> Outcome {
        let waiting = items.is_waiting(row, self.day);
        self.breaks.push(Break { waiting, carried: true, ..self.alone(items, row, kind) });
        match items.side {
            Side::Provider => self.entries.carried.push(row),
            Side::Merchant => self.records.carried.push(row),
        }
        if waiting { Outcome::Waiting(Some(kind)) } else { Outcome::Break(kind) }
    }

    fn break_at_once(&mut self, entry: u32, kind: BreakType) -> Outcome {
        self.breaks.push(self.alone(self.provider, entry, kind));
        Outcome::Break(kind)
    }

    /// The break of a row without a pair: the other side states nothing.
    fn alone(&self, items: &Items<'a>, row: u32, kind: BreakType) -> Break<'a> {
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
            carried: false,
            group: None,
            detail: None,
        };
        match items.side {
            Side::Provider => {
                Break { entry: Some(row), provider_amount: Some(amount), detail: self.judge.wrong_fee(row), ..stated }
            }
            Side::Merchant => Break { record: Some(row), merchant_amount: Some(amount), difference: -amount, ..stated },
        }
    }
}
