//! What happened to each order and each attempt, counted into cells.
//!
//! Orders alike in hour, dimensions and fate are one cell, and so are attempts. Rows are read part by part and each
//! once; a million become some ten thousands, and no table of the analysis sees a single row again. What cells do not
//! tell, such as the band of an amount, is tallied beside them, for the cuts that ask for it.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::attempts::{self, Attempts};
use super::band;
use super::clock::{Clock, Moment};
use super::cut::{Cut, Says, cuts};
use super::dimension::{ACCOUNT, OF_ATTEMPT, OF_ORDER, Vocabularies, vocabularies};
use super::fate::{AttemptFate, Fates};
use super::groups::groups;
use super::keys::{AttemptKey, AttemptKeys, OrderKey, OrderKeys, hour, hours};
use super::link::link;
use super::margin::{LONGEST, Margin, Plan, Seconds, order_fate};
use super::orders::{self, Orders};
use super::progress::{Progress, Sequence, progress};
use super::tally::{Cell, tally};
use super::words::{Group, OrderStatus, Status};
use super::{Inputs, Rules};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::part::{Instants, NO_ROW, amounts, instants, place, row_id};

/// What was counted of a night, or of a share of one. Shares are added up by [`Counted::and`].
#[derive(Debug)]
pub struct Counted {
    /// Orders in cells, in order of hour and dimensions.
    pub(super) orders: Vec<Cell>,
    /// The keys of those.
    pub(super) order_keys: OrderKeys,
    /// Attempts in cells.
    pub(super) attempts: Vec<Cell>,
    /// The keys of those.
    pub(super) attempt_keys: AttemptKeys,
    /// What orders say in the dimensions of [`OF_ORDER`], by number; the first says nothing.
    pub(super) of_order: Vec<[u32; OF_ORDER.len()]>,
    /// What attempts say in the dimensions of [`OF_ATTEMPT`], by number; the first says nothing.
    pub(super) of_attempt: Vec<[u32; OF_ATTEMPT.len()]>,
    /// What attempts say in the columns they are grouped by, by number; `status` is the code of a [`Status`].
    pub(super) groups: Vec<[u32; attempts::GROUPED.len()]>,
    /// The words behind the codes of every column.
    pub(super) vocabularies: Vocabularies,
    /// All cuts of the night.
    pub(super) cuts: Vec<Cut>,
    /// Orders by the cuts that cells of orders do not tell, and by fate.
    pub(super) order_margins: Vec<Margin>,
    /// Attempts by the cuts that cells of attempts do not tell, and by fate.
    pub(super) attempt_margins: Vec<Margin>,
    /// Orders that were paid, by cut and seconds to pay.
    pub(super) times: Vec<Margin>,
    /// How many orders there are.
    pub(super) order_count: usize,
    /// Their amounts summed.
    pub(super) order_amount: Amount,
    /// How many attempts failed.
    pub(super) failed: usize,
}

/// Counts a night, or a share of one: some of its orders, and all attempts that name one of those. An attempt that names no
/// order of the night may be in any share.
///
/// # Panics
/// If `outcomes` or `accounts` are of another shape than `attempts`: a mistake in the code that calls.
pub fn count(inputs: &Inputs, rules: &Rules) -> Result<Counted> {
    assert_eq!(inputs.outcomes.len(), inputs.attempts.len(), "there are outcomes for every part of the attempts");
    let names = attempts::columns().chain(orders::COLUMNS);
    let mut vocabularies = vocabularies(inputs.orders, inputs.attempts, names);
    vocabularies.insert(ACCOUNT, attempts::accounts(inputs, rules.accounts));
    let attempts = Attempts::read(inputs, &vocabularies, rules)?;
    let orders = Orders::read(inputs.orders, &vocabularies)?;
    let order_of = link(inputs.orders, inputs.attempts)?;
    let sequence = Sequence::of(inputs.attempts);
    let progress = progress(inputs.orders, &order_of, &attempts, &sequence)?;
    let groups = groups(inputs.attempts, &order_of, &progress, &attempts, &sequence, rules.retry_within);
    let window = rules.maturity.num_microseconds().ok_or_else(|| {
        Error::configuration("the abandonment window is too long").expected("a window of less than 290,000 years")
    })?;
    let night = Night {
        orders,
        attempts,
        order_of,
        sequence,
        progress,
        groups,
        created: inputs.orders.iter().map(|part| instants(part, "created_at")).collect(),
        clock: Clock::new(rules.zone, rules.closes_at),
        mature_until: rules.closes_at.saturating_sub(window),
    };

    let cuts = cuts(rules.pairs);
    let plan = Plan::of(&cuts, &vocabularies, night.attempts.dimensions.len())?;
    let hours = inputs.orders.iter().filter_map(hours);
    let order_keys = OrderKeys::of(hours, &night.attempts.dimensions, &night.orders.dimensions)?;
    let attempt_keys = AttemptKeys::of(&night.attempts.groups, &night.orders.dimensions)?;
    let (order_cells, order_margins, times) = count_orders(inputs, &night, &order_keys, &plan)?;
    let (attempt_cells, attempt_margins) = count_attempts(inputs.attempts, &night, &attempt_keys, &plan)?;

    let Night { orders, attempts, .. } = night;
    let of_kind = attempts.means.iter().zip(&attempts.kinds.rows);
    let failed = of_kind.filter(|(meaning, _)| meaning.status == Status::Failed).map(|(_, rows)| rows).sum();
    Ok(Counted {
        orders: order_cells,
        order_keys,
        attempts: attempt_cells,
        attempt_keys,
        of_order: orders.dimensions,
        of_attempt: attempts.dimensions,
        groups: attempts.groups,
        vocabularies,
        cuts,
        order_margins,
        attempt_margins,
        times,
        order_count: inputs.orders.iter().map(RecordBatch::num_rows).sum(),
        order_amount: inputs.orders.par_iter().map(amount).sum(),
        failed,
    })
}

/// All that is counted.
struct Night<'a> {
    orders: Orders,
    attempts: Attempts,
    /// Per part of the attempts and per row, the order.
    order_of: Vec<Vec<u32>>,
    sequence: Sequence<'a>,
    /// Per part of the orders and per row, how far it came.
    progress: Vec<Vec<Progress>>,
    /// Per part of the attempts and per row, what became of the group it leads.
    groups: Vec<Vec<Group>>,
    /// Per part of the orders, when they were created.
    created: Vec<Instants<'a>>,
    clock: Clock,
    /// Orders created until then had their time, in microseconds.
    mature_until: i64,
}

impl Night<'_> {
    fn progress(&self, order: u32) -> &Progress {
        let (part, row) = place(order);
        &self.progress[part][row]
    }

    fn created(&self, part: usize, row: usize) -> i64 {
        self.created[part].get(row).expect("an order says when it was created")
    }

    fn is_mature(&self, order: u32) -> bool {
        let (part, row) = place(order);
        self.created(part, row) <= self.mature_until
    }
}

/// When attempts were answered: where that is not recorded, when they were started.
struct Answered<'a> {
    parts: Vec<[Instants<'a>; 2]>,
}

impl<'a> Answered<'a> {
    fn of(attempts: &'a [RecordBatch]) -> Self {
        let of_part = |part: &'a RecordBatch| ["finished_at", "started_at"].map(|name| instants(part, name));
        Self { parts: attempts.iter().map(of_part).collect() }
    }

    /// Full seconds from `began` to the answer to an attempt; none where the clocks that wrote them disagree so far that it
    /// came before.
    fn seconds_after(&self, began: i64, attempt: u32) -> u32 {
        let (part, row) = place(attempt);
        let [finished, started] = self.parts[part].map(|instants| instants.get(row));
        let seconds = finished.or(started).unwrap_or(began).saturating_sub(began).max(0) / 1_000_000;
        u32::try_from(seconds).map_or(LONGEST, |seconds| seconds.min(LONGEST))
    }
}

type OrdersCounted = (Vec<Cell>, Vec<Margin>, Vec<Margin>);

fn count_orders(inputs: &Inputs, night: &Night, keys: &OrderKeys, plan: &Plan) -> Result<OrdersCounted> {
    let parts = inputs.orders;
    let fates = Fates::of(&night.attempts);
    let answered = Answered::of(inputs.attempts);
    let mut tallied = tally(parts.len(), 1 + plan.orders.len() + plan.times.len(), |tallies, part| {
        let (cells, rest) = tallies.split_first_mut().expect("the cells come first");
        let (margins, times) = rest.split_at_mut(plan.orders.len());
        let amounts = amounts(&parts[part], "amount");
        let kinds = night.orders.kinds.of_part(part);
        let mut seconds: Vec<Seconds> = plan.times.iter().map(Seconds::of).collect();
        for (row, (progress, kind)) in night.progress[part].iter().zip(kinds).enumerate() {
            let order = &night.orders.means[kind];
            let (of_attempt, fate) = fates.of_order(progress, order.status);
            let created = night.created(part, row);
            let amount = amounts.get(row).unwrap_or_default();
            let (hour, local) = (hour(created), night.clock.hours(created));
            let mature = created <= night.mature_until;
            let key = OrderKey { hour, of_attempt, of_order: order.dimensions, ahead: local - hour, fate, mature };
            let cell = Cell { key: keys.pack(key), rows: 1, attempts: progress.attempts, amount: amount.0 };
            cells.add(cell);
            let of_order = &night.orders.dimensions[order.dimensions as usize];
            let says = Says {
                attempt: of_attempt,
                of_attempt: &night.attempts.dimensions[of_attempt as usize],
                of_order,
                currency: of_order[0],
                moment: Moment::of(local),
                band: band::of(amount),
            };
            Plan::tell(&plan.orders, margins, &says, order_fate(fate, mature), cell);
            if progress.paid != NO_ROW {
                let took = answered.seconds_after(created, progress.paid);
                seconds.iter_mut().zip(&mut *times).for_each(|(seconds, tally)| seconds.add(tally, &says, took));
            }
        }
        seconds.into_iter().zip(times).for_each(|(seconds, tally)| seconds.end(tally));
        Ok(())
    })?
    .into_iter();
    let cells = hold(tallied.next().expect("the cells come first"), parts)?;
    let margins = plan.orders.iter().map(|cut| cut.margin(tallied.next().expect("one a cut"))).collect();
    let times = plan.times.iter().map(|cut| cut.margin(tallied.next().expect("one a cut"))).collect();
    Ok((cells, margins, times))
}

fn count_attempts(parts: &[RecordBatch], night: &Night, keys: &AttemptKeys, plan: &Plan) -> Result<(Vec<Cell>, Vec<Margin>)> {
    let mut tallied = tally(parts.len(), 1 + plan.attempts.len(), |tallies, part| {
        let (cells, margins) = tallies.split_first_mut().expect("the cells come first");
        let (started, amounts) = (instants(&parts[part], "started_at"), amounts(&parts[part], "amount"));
        let kinds = night.attempts.kinds.of_part(part);
        for (row, (&order, kind)) in night.order_of[part].iter().zip(kinds).enumerate() {
            let meaning = &night.attempts.means[kind];
            let amount = amounts.get(row).unwrap_or_default();
            let mut fate = AttemptFate {
                answer: meaning.answer,
                group: night.groups[part][row],
                recovered: false,
                gave_up: false,
                of_nothing: amount == Amount::ZERO,
            };
            let mut of_order = 0;
            if order != NO_ROW {
                let (attempt, progress) = (row_id(part, row), night.progress(order));
                let of_kind = &night.orders.means[night.orders.kinds.of_row(order)];
                of_order = of_kind.dimensions;
                fate.recovered = progress.recovered(attempt, &night.sequence)?;
                fate.gave_up = meaning.status == Status::Failed
                    && progress.last == attempt
                    && !progress.has_success()
                    && of_kind.status != OrderStatus::Paid
                    && night.is_mature(order);
            }
            let fate = fate.code();
            let cell = Cell {
                key: keys.pack(AttemptKey { group: meaning.group, of_order, fate }),
                rows: 1,
                attempts: 1,
                amount: amount.0,
            };
            cells.add(cell);
            let says = Says {
                attempt: meaning.dimensions,
                of_attempt: &night.attempts.dimensions[meaning.dimensions as usize],
                of_order: &night.orders.dimensions[of_order as usize],
                currency: night.attempts.groups[meaning.group as usize][attempts::CURRENCY],
                moment: Moment::of(night.clock.hours(started.get(row).unwrap_or_default())),
                band: band::of(amount),
            };
            Plan::tell(&plan.attempts, margins, &says, fate, cell);
        }
        Ok(())
    })?
    .into_iter();
    let cells = hold(tallied.next().expect("the cells come first"), parts)?;
    let margins = plan.attempts.iter().map(|cut| cut.margin(tallied.next().expect("one a cut"))).collect();
    Ok((cells, margins))
}

/// The cells hold every row.
fn hold(cells: Vec<Cell>, parts: &[RecordBatch]) -> Result<Vec<Cell>> {
    let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
    let held: usize = cells.iter().map(|cell| cell.rows as usize).sum();
    if held == rows {
        return Ok(cells);
    }
    Err(Error::law("the cells do not hold every row").expected(rows).found(held))
}

fn amount(part: &RecordBatch) -> Amount {
    let amounts = amounts(part, "amount");
    (0..part.num_rows()).filter_map(|row| amounts.get(row)).sum()
}
