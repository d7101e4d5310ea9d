//! The stages of a night larger than memory: share after share goes through them, and waits on disk between.
//!
//! ```text
//! rows by share of their reference ─▶ compared, round after round ─▶ sorted runs ─▶ merged into the tables
//!                                         │ still open: by share of the next round's key
//!                                         └▶ attempts by share of their order ─▶ counted, and added up
//! ```
//!
//! Rows that may meet are always in one share, so every stage does to a share what it would do to the night.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use rayon::prelude::*;

use super::Closing;
use super::apart::Apart;
use super::deliveries::{Deliveries, Ledger, Sorted};
use super::ledger::{self, Summary};
use super::scatter::{Scatter, name_of};
use crate::error::{Error, Result};
use crate::format::Target;
use crate::lake::{Night, Run, Staging};
use crate::stage::analyze::{self, Analysis, Charges, Counted, count, once, tables};
use crate::stage::bank::bank_lines;
use crate::stage::failures::FailureCategories;
use crate::stage::fees::{Charged, breaks_of_batches, charge};
use crate::stage::items::{
    self, Expected, RecordsBefore, all_carried_in, merchant_side, met_by_attempts, outcome_columns, outcomes_of_rows,
    provider_side,
};
use crate::stage::normalize::{Repeated, normalize};
use crate::stage::payouts::Settled;
use crate::stage::reconcile::{Onward, Outcome, ROUNDS, Rules, Sides, Tolerated, compare, roll};
use crate::stage::records::{attempts_of_orders, records};
use crate::stage::restated::Stated;
use crate::stage::returns::{COLUMNS, Returned, returned};
use crate::stage::stated_before::{self, LINES};
use crate::table::alike::joined;
use crate::table::bank::BANK_LINES;
use crate::table::column::Table;
use crate::table::entries::ENTRIES;
use crate::table::fees::FEES;
use crate::table::part::texts;
use crate::table::payouts::{OPEN_BANK_LINES, PAYOUTS};
use crate::table::read::column;
use crate::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS, ROLLFORWARD};
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};
use crate::table::returns::RETURNS;
use crate::table::rows::Rows;
use crate::table::sheet::Sheet;

/// The tables that are made in runs.
static IN_RUNS: [&Table; 6] = [&ENTRIES, &ORDERS, &ATTEMPTS, &REFUNDS, &MATCHES, &OPEN_ITEMS];
/// Rows of a batch of a run: few, because a batch of every run is in memory when runs are merged.
const RUN_ROWS: usize = 1 << 12;
/// In place of a round: the run of entries that were stated before, which are in none.
const STATED_BEFORE: usize = ROUNDS.len();

/// From files to the tables of the night: the large ones merged by `staging`, each other given to `stage`.
pub(super) fn stages(
    closing: &Closing,
    mut deliveries: Deliveries,
    apart: Apart,
    staging: &Staging,
    stage: &dyn Fn(Sheet),
) -> Result<Night> {
    let (job, night) = (closing.job, closing.night);
    (closing.progress)("normalizing");
    let mut delivered = deliveries.delivered(job);
    let carried = Stated::carried(&closing.carried_columns(&OPEN_ITEMS, &["side", "id", "kind", "first_seen", "expected_by"])?);
    let (of_entries, of_attempts, of_refunds, restated) = again(closing, &delivered, &carried, apart)?;

    (closing.progress)("reconciling");
    let by_provider = job.expected(night)?;
    let expected = Expected { night, by_provider: &by_provider, restated: &restated };
    let only = job.only_accounts();
    let mut comparison = Comparison::new(apart, closing.rules(), expected, &only);
    comparison.send_carried(closing)?;
    let mut summary = Summary::default();
    summary.add_restated(&restated);
    let contracts = closing.contracts()?;
    let (mut charged, mut settled, mut given_back) = (Charged::default(), Settled::default(), Returned::default());
    for share in apart.shares() {
        for files in [&mut delivered.providers, &mut delivered.orders, &mut delivered.attempts, &mut delivered.refunds] {
            apart.load(files, share)?;
        }
        let orders = records(&mut delivered.orders, Target::Orders, &Repeated::default(), night);
        let attempts = match job.attempts {
            Some(_) => records(&mut delivered.attempts, Target::Attempts, &of_attempts, night),
            None => attempts_of_orders(&orders),
        };
        let entries = normalize(&mut delivered.providers, &of_entries, night);
        let before = closing.earlier.said(&LINES, &entries, &carried.entries, (night, job.timezone))?;
        let (mut entries, entries_again) = stated_before::apart(entries, &before, night);
        charged = charged.and(charge(&mut entries, &contracts));
        settled = settled.and(Settled::of(&entries, job.timezone));
        given_back = given_back.and(returned(&entries, night));
        comparison.compared.found.push(closing.inconsistent(&entries)?);
        comparison.compared.found.push(entries_again.found.clone());
        write_run(apart, STATED_BEFORE, share, &entries_again.sheet())?;
        let refunds = records(&mut delivered.refunds, Target::Refunds, &of_refunds, night);
        let before = closing.earlier.said_of_records(&attempts, &refunds, &carried, (night, job.timezone))?;
        let items = Items { entries, attempts, refunds, before, carried: apart.take(&sent_on(CARRIED, 0), share)? };
        summary.add_entries(&items.entries, &entries_again);
        for (table, of_share) in [("orders", &orders), ("attempts", &items.attempts), ("refunds", &items.refunds)] {
            summary.add(table, of_share.count());
        }
        let again = closing.earlier.said_of_orders(&orders, (night, job.timezone))?;
        write_run(apart, 0, share, &orders.sheet(&ORDERS, [stated_before::told_of_orders(&again)]))?;
        drop(orders);
        comparison.on_their_way -= items.carried_count();
        comparison.compare(0, share, &items)?;
    }
    restated.conserved(comparison.again)?;
    let bank_lines = bank_lines(&mut delivered.banks, night);
    summary.add_bank_lines(job, &bank_lines);
    let tied_out = closing.tie_out(settled, &bank_lines)?;
    summary.add("payouts", tied_out.payouts.num_rows());
    stage(bank_lines.sheet(&BANK_LINES, tied_out.bank_outcomes));
    stage(Sheet::of(&PAYOUTS, &tied_out.payouts));
    stage(Sheet::of(&OPEN_BANK_LINES, &tied_out.open_bank_lines));
    let files = Ledger::of(delivered);
    summary.add_files(&files);
    ledger::conserved(&files, &summary, job.attempts.is_some())?;
    let fees = charged.table(&contracts, night)?;
    summary.add_fees(&fees)?;
    for round in 1..ROUNDS.len() {
        comparison.begin(round)?;
        for share in apart.shares() {
            let items = Items::sent_on(apart, round, share)?;
            if items.count() > 0 {
                comparison.on_their_way -= items.count();
                comparison.compare(round, share, &items)?;
            }
        }
    }
    let mut compared = comparison.end()?;
    (closing.progress)("merging");
    // What was given back is looked for among them.
    merge(&ENTRIES, apart, staging, summary.rows("entries"))?;
    let tied = closing.returns(given_back, |sought| {
        let (looked_at, pick) = (sought.looked_at(), |batch: &RecordBatch| sought.rows(batch));
        let rows = staging.rows_where(&ENTRIES, &looked_at, pick, &COLUMNS)?;
        Ok(rows.iter().flat_map(|batch| sought.among(batch, night)).collect())
    })?;
    summary.add("returns", tied.returns.num_rows());
    let over_the_cap = compared.tolerated.breaks(&closing.rules());
    summary.add_tolerated(&compared.tolerated);
    compared.found.extend([over_the_cap, breaks_of_batches(&fees, night), tied.found, tied_out.found]);
    let came_in = closing.carried_columns(&OPEN_ITEMS, &["side", "id", "first_seen"])?;
    let rolled = roll(&compared.found, &closing.carried(&BREAKS)?, [&came_in], &closing.rules())?;
    summary.add("matches", compared.matches);
    summary.add("open_items", compared.open_items);
    summary.add_breaks(&rolled);
    stage(Sheet::of(&BREAKS, &rolled.breaks));
    stage(Sheet::of(&ROLLFORWARD, &rolled.rollforward));
    stage(Sheet::of(&RETURNS, &tied.returns));
    stage(Sheet::of(&FEES, &fees));

    (closing.progress)("analyzing");
    let failures = FailureCategories::shipped()?;
    let rules = closing.analysis_rules(&only, &failures);
    let analysis = analyze(apart, &compared.charges, &rules)?;
    let night = closing.end(&files, &summary, analysis, deliveries.left_out.is_empty(), stage)?;

    (closing.progress)("merging");
    for tables in IN_RUNS[1..].chunks(apart.sizes.merged) {
        tables.par_iter().with_max_len(1).try_for_each(|table| merge(table, apart, staging, summary.rows(table.name)))?;
    }
    Ok(night)
}

/// Analyzes the orders and attempts that have ended, share by share.
fn analyze(apart: Apart, charges: &Charges, rules: &analyze::Rules) -> Result<Analysis> {
    let mut counted: Option<Counted> = None;
    for share in apart.shares() {
        let orders: Vec<RecordBatch> = apart.spill.read(&run(&ORDERS, 0, share))?.collect::<Result<_>>()?;
        let attempts = apart.take(BY_ORDER, share)?;
        let outcomes: Vec<Vec<Option<Outcome>>> = attempts.iter().map(items::outcomes_of_columns).collect();
        let accounts: Vec<ArrayRef> = attempts.iter().map(|part| Arc::clone(column(part, ACCOUNT))).collect();
        let accounts = Some(&*accounts);
        let again: Vec<Vec<bool>> = orders.iter().map(stated_before::told).collect();
        let inputs = analyze::Inputs { orders: &orders, attempts: &attempts, outcomes: &outcomes, accounts };
        let of_share = once(&inputs, &again, |inputs| count(inputs, rules))?;
        counted = Some(match counted {
            None => of_share,
            Some(before) => before.and(&of_share)?,
        });
    }
    tables(&counted.expect("a night has a share"), charges, rules)
}

/// Law 1: a row of a share is a row of the table, which has so many.
fn merge(table: &'static Table, apart: Apart, staging: &Staging, expected: u64) -> Result<()> {
    let mut runs = Vec::new();
    for (round, share) in (0..=STATED_BEFORE).flat_map(|round| apart.shares().map(move |share| (round, share))) {
        runs.push(Box::new(apart.spill.read(&run(table, round, share))?) as Run);
    }
    let rows = staging.merge(table, runs)?;
    if rows == expected {
        return Ok(());
    }
    Err(Error::law(format!("the runs of {} make {rows} rows", table.name)).expected(expected))
}

/// What comes more than once among the entries, attempts and refunds of the night, and what they state again of what was
/// carried in.
fn again(
    closing: &Closing,
    delivered: &Sorted,
    carried: &Stated,
    apart: Apart,
) -> Result<(Repeated, Repeated, Repeated, Stated)> {
    let (of_entries, mut entries) = apart.repeated(&delivered.providers, &carried.entries)?;
    of_entries.counts().for_each(|(number, copies)| entries.take_copies(&carried.entries, number, copies));
    let stand_for_attempts = if closing.job.attempts.is_some() { &delivered.attempts } else { &delivered.orders };
    let (of_attempts, attempts) = apart.repeated(stand_for_attempts, &carried.attempts)?;
    let (of_refunds, refunds) = apart.repeated(&delivered.refunds, &carried.refunds)?;
    Ok((of_entries, of_attempts, of_refunds, Stated { entries, attempts, refunds }))
}

/// What of a share is compared in a round.
struct Items {
    entries: Rows,
    attempts: Rows,
    refunds: Rows,
    /// What of the records was stated before: it ends in the first round.
    before: RecordsBefore,
    /// Rows of the table `open_items` of the night before.
    carried: Vec<RecordBatch>,
}

/// What goes on from round to round; what was carried in goes to the first.
const SENT_ON: [&str; 4] = ["entries", "attempts", "refunds", CARRIED];
const CARRIED: &str = "carried";

/// What rows that go on to a round are kept under.
fn sent_on(what: &str, round: usize) -> String {
    format!("{what}.{round}")
}

const BY_ORDER: &str = "attempts.by_order";

/// What a sorted run is kept under.
fn run(table: &Table, round: usize, share: usize) -> String {
    name_of(&format!("run.{}.{round}", table.name), share)
}

impl Items {
    /// What the rounds before sent on.
    fn sent_on(apart: Apart, round: usize, share: usize) -> Result<Self> {
        let rows =
            |table: &'static Table| -> Result<Rows> { Ok(Rows::by_key(apart.take(&sent_on(table.name, round), share)?, table)) };
        Ok(Self {
            entries: rows(&ENTRIES)?,
            attempts: rows(&ATTEMPTS)?,
            refunds: rows(&REFUNDS)?,
            before: RecordsBefore::default(),
            carried: apart.take(&sent_on(CARRIED, round), share)?,
        })
    }

    fn count(&self) -> usize {
        let rows: usize = [&self.entries, &self.attempts, &self.refunds].into_iter().map(Rows::count).sum();
        rows + self.carried_count()
    }

    fn carried_count(&self) -> usize {
        self.carried.iter().map(RecordBatch::num_rows).sum()
    }
}

/// What an attempt on its way to the analysis has the account under of the entry it met.
const ACCOUNT: &str = "account";

/// The comparison of a night, share by share.
struct Comparison<'a> {
    apart: Apart<'a>,
    expected: Expected<'a>,
    rules: Rules,
    /// Rows on their way to later rounds, by round; the last stands first. What they are is told by [`SENT_ON`].
    onward: Vec<[Scatter<'a>; SENT_ON.len()]>,
    /// How many those are, and the rows carried in whose share was not compared yet.
    on_their_way: usize,
    /// The providers of the job with one account, and that.
    only: &'a BTreeMap<String, String>,
    /// Attempts that have ended, on their way to the analysis.
    by_order: Scatter<'a>,
    compared: Compared,
    /// How many rows of the night stated again what was carried in.
    again: usize,
}

/// What was compared so far, beside what is in runs.
#[derive(Default)]
struct Compared {
    /// Rows of the table `breaks`.
    found: Vec<RecordBatch>,
    tolerated: Tolerated,
    matches: usize,
    open_items: usize,
    /// What the payments cost.
    charges: Charges,
}

impl<'a> Comparison<'a> {
    fn new(apart: Apart<'a>, rules: Rules, expected: Expected<'a>, only: &'a BTreeMap<String, String>) -> Self {
        let to_round = |round| SENT_ON.map(|what| apart.scatter(sent_on(what, round)));
        Self {
            apart,
            expected,
            rules,
            onward: (1..ROUNDS.len()).rev().map(to_round).collect(),
            on_their_way: 0,
            only,
            by_order: apart.scatter(BY_ORDER.to_owned()),
            compared: Compared::default(),
            again: 0,
        }
    }

    /// Takes what was carried in apart: it meets the night's own items in the rounds.
    fn send_carried(&mut self, closing: &Closing) -> Result<()> {
        let carried = self.apart.scatter(sent_on(CARRIED, 0));
        closing.carried_batches(&OPEN_ITEMS, |batch| {
            let (references, ids) = (texts(batch, "merchant_reference"), texts(batch, "id"));
            let key = |row: usize| references.stated(row).or(ids.get(row)).unwrap_or_default();
            self.on_their_way += batch.num_rows();
            carried.add(batch, |row| Some(self.apart.share_of(key(row).as_bytes())))
        })?;
        carried.finish()
    }

    /// Begins a later round: nothing more is sent on to it.
    fn begin(&mut self, round: usize) -> Result<()> {
        assert_eq!(self.onward.len(), ROUNDS.len() - round, "rounds follow one another");
        self.onward.pop().expect("a later round").into_iter().try_for_each(Scatter::finish)
    }

    /// Law 1: what was sent on has arrived.
    fn end(self) -> Result<Compared> {
        if self.on_their_way != 0 {
            return Err(Error::law(format!("{} items were sent on to a later round and are in none", self.on_their_way)));
        }
        self.by_order.finish()?;
        Ok(self.compared)
    }

    /// Compares the items of a share: those that end go to runs, the others on to a later round.
    fn compare(&mut self, round: usize, share: usize, items: &Items) -> Result<()> {
        let carried = if items.carried.is_empty() { OPEN_ITEMS.empty() } else { joined(&items.carried) };
        let (provider, merchant) = rayon::join(
            || provider_side(&items.entries, &carried, &self.expected),
            || merchant_side(&items.attempts, &items.refunds, &carried, &self.expected, &items.before),
        );
        all_carried_in([&provider, &merchant], &carried, self.expected.restated)?;
        if round == 0 {
            // What goes on to a later round is the same rows.
            self.again += provider.again + merchant.again;
        }
        let sides = Sides { provider: &provider.parts, merchant: &merchant.parts };
        let compared = compare(sides, round..round + 1, &self.rules)?;
        let of_entries = outcomes_of_rows(&provider.own, &compared.provider_outcomes);
        let mut of_attempts = outcomes_of_rows(&merchant.own, &compared.merchant_outcomes);
        let of_refunds = of_attempts.split_off(items.attempts.parts.len());

        let entries: Vec<(usize, &RecordBatch)> = items.entries.parts.iter().map(|part| (0, part)).collect();
        let attempts = items.attempts.parts.iter().map(|part| (1, part));
        let records: Vec<(usize, &RecordBatch)> = attempts.chain(items.refunds.parts.iter().map(|part| (2, part))).collect();
        self.send_on(round, &provider, &compared.provider_outcomes, &entries, &carried)?;
        self.send_on(round, &merchant, &compared.merchant_outcomes, &records, &carried)?;
        let met = met_by_attempts(&items.attempts, &merchant, &provider, &compared.met);
        let met = met.learned(self.only);
        self.compared.charges = std::mem::take(&mut self.compared.charges).and(met.charges);
        self.send_to_analysis(&items.attempts, &of_attempts, &met.accounts)?;

        let sheets = [
            ended(&items.entries, &of_entries).sheet(&ENTRIES, outcome_columns(&of_entries)),
            ended(&items.attempts, &of_attempts).sheet(&ATTEMPTS, outcome_columns(&of_attempts)),
            ended(&items.refunds, &of_refunds).sheet(&REFUNDS, outcome_columns(&of_refunds)),
            compared.matches,
            compared.open_items,
        ];
        self.compared.matches += sheets[3].rows;
        self.compared.open_items += sheets[4].rows;
        self.compared.found.push(compared.found);
        self.compared.tolerated = std::mem::take(&mut self.compared.tolerated).and(compared.tolerated);
        let apart = self.apart;
        sheets.par_iter().with_max_len(1).try_for_each(|sheet| write_run(apart, round, share, sheet))
    }

    /// Sends the rows of a side that have not ended to where they may still meet another: `own` are the rows of the
    /// night's tables for each part of the side, with their place in [`SENT_ON`]; then come those carried in.
    fn send_on(
        &mut self,
        round: usize,
        side: &items::Side,
        outcomes: &[Vec<Option<Outcome>>],
        own: &[(usize, &RecordBatch)],
        carried: &RecordBatch,
    ) -> Result<()> {
        for (part, outcomes) in outcomes.iter().enumerate() {
            if outcomes.iter().all(Option::is_some) {
                continue;
            }
            let (what, rows) = own.get(part).copied().unwrap_or((SENT_ON.len() - 1, carried));
            let onward = Onward::of(&side.parts[part], round + 1);
            let mut goes: Vec<Option<(usize, usize)>> = vec![None; rows.num_rows()];
            for (row, _) in outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none()) {
                let (to, key) = onward.get(row).expect("what has not ended goes on");
                goes[side.place(part, row)] = Some((to, self.apart.share_of(key.bytes())));
                self.on_their_way += 1;
            }
            for (later, scatters) in self.onward.iter().rev().enumerate() {
                let share = |row: usize| goes[row].filter(|(to, _)| *to == round + 1 + later).map(|(_, share)| share);
                scatters[what].add(rows, share)?;
            }
        }
        Ok(())
    }

    /// Sends attempts that have ended to the share of their order.
    fn send_to_analysis(&self, attempts: &Rows, outcomes: &[Vec<Option<Outcome>>], accounts: &[ArrayRef]) -> Result<()> {
        let [(outcome, words), (reason, reasons)] = outcome_columns(outcomes);
        let parts = attempts.parts.par_iter().zip(outcomes).zip(words).zip(reasons).enumerate();
        let (by_order, apart) = (&self.by_order, self.apart);
        parts.try_for_each(|(at, (((part, outcomes), words), reasons))| {
            let orders = texts(part, "order_id");
            let columns = analyze::attempt_columns().map(|name| (name, Arc::clone(column(part, name))));
            let account = [(ACCOUNT, Arc::clone(&accounts[at]))];
            let columns =
                columns.chain([(outcome, words), (reason, reasons)]).chain(account).map(|(name, array)| (name, array, true));
            let rows = RecordBatch::try_from_iter_with_nullable(columns).expect("every column has a row an attempt");
            by_order.add(&rows, |row| {
                let order = orders.get(row).unwrap_or_default();
                outcomes[row].map(|_| apart.share_of(order.as_bytes()))
            })
        })
    }
}

/// Keeps what a share adds to a table, in the order of its key.
fn write_run(apart: Apart, round: usize, share: usize, sheet: &Sheet) -> Result<()> {
    let name = run(sheet.table, round, share);
    sheet.parts(RUN_ROWS).try_for_each(|batch| apart.spill.write(&name, &batch))
}

/// The rows that have ended.
fn ended(rows: &Rows, outcomes: &[Vec<Option<Outcome>>]) -> Rows {
    if outcomes.iter().flatten().all(Option::is_some) {
        return rows.clone();
    }
    rows.filter(|part, row| outcomes[part][row].is_some())
}
