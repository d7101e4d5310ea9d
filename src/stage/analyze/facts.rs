//! What happened to each order and each attempt, one row each, in codes: what polars groups.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch};
use rayon::prelude::*;

use super::dimension::{NOT_STATED, OF_ATTEMPT, OF_ORDER, Vocabulary};
use super::link::{NO_ROW, Sequence, at, link, row};
use super::pack::Coded;
use super::words::{Ending, First, OrderStatus, Reached, Stage, Status};
use super::{Inputs, Rules};
use crate::error::{Error, Result};
use crate::stage::failures::FailureCategories;
use crate::table::read::{self, Words};

/// The facts of a night.
pub(super) struct Facts {
    /// One row per order: `hour`, its dimensions, `ending`, `first`, `stage`, `mature`, `recovered`, `settled`,
    /// `waiting`; beside them `attempts` and `amount`.
    pub(super) orders: Rows,
    /// One row per attempt: its dimensions and those of its order, `status`, `code`, `recovered`; beside them `amount`.
    pub(super) attempts: Rows,
    /// The words behind the codes of every dimension.
    pub(super) vocabularies: Vocabularies,
    /// The words behind `code`.
    pub(super) codes: Vocabulary,
    /// The hour whose code is zero, in hours since 1970-01-01 UTC.
    pub(super) first_hour: i64,
}

/// A table of facts.
pub(super) struct Rows {
    /// How many.
    pub(super) count: usize,
    /// What they are grouped by; a flag is 0 or 1.
    pub(super) coded: Vec<Coded>,
    /// What is summed.
    pub(super) summed: Vec<(&'static str, ArrayRef)>,
}

impl Rows {
    /// The codes of one column.
    pub(super) fn codes(&self, name: &str) -> &[u32] {
        &self.coded.iter().find(|column| column.name == name).expect("facts are asked for what they have").codes
    }

    /// The amount of every row.
    pub(super) fn amounts(&self) -> &Decimal128Array {
        let amount = self.summed.iter().find(|(name, _)| *name == "amount");
        amount.expect("every fact has an amount").1.as_primitive()
    }
}

type Vocabularies = HashMap<&'static str, Vocabulary>;

/// Establishes the facts.
pub(super) fn establish(inputs: &Inputs, rules: &Rules) -> Result<Facts> {
    let attempts = Attempts::read(inputs)?;
    let (orders, order_of) = link(inputs.orders, inputs.attempts)?;
    let progress = progress(orders.num_rows(), &order_of, &attempts);
    let created = read::instants(&orders, "created_at").values();
    let night = Night {
        first_hour: created.iter().map(|&at| hour(at)).min().unwrap_or_default(),
        vocabularies: vocabularies(&orders, inputs.attempts),
        codes: Vocabulary::of(&[attempts.codes]),
        orders,
        order_of,
        progress,
        attempts,
    };
    Ok(Facts {
        orders: order_facts(inputs, rules, &night)?,
        attempts: attempt_facts(inputs, &night),
        first_hour: night.first_hour,
        vocabularies: night.vocabularies,
        codes: night.codes,
    })
}

/// All that facts are read off.
struct Night<'a> {
    orders: RecordBatch,
    order_of: Vec<u32>,
    progress: Vec<Progress>,
    attempts: Attempts<'a>,
    vocabularies: Vocabularies,
    codes: Vocabulary,
    first_hour: i64,
}

/// The columns of the attempts that decide what happened.
struct Attempts<'a> {
    statuses: Vec<Status>,
    reached: Vec<Option<Reached>>,
    waiting: Vec<bool>,
    settled: &'a BooleanArray,
    providers: Words<'a>,
    codes: Words<'a>,
    sequence: Sequence<'a>,
}

impl<'a> Attempts<'a> {
    fn read(inputs: &Inputs<'a>) -> Result<Self> {
        let outcomes = read::words(inputs.attempts, "outcome");
        Ok(Self {
            statuses: required(inputs.attempts, "status", Status::ALL, Status::word)?,
            reached: listed(inputs.attempts, "stage", Reached::ALL, Reached::word)?,
            waiting: (0..inputs.attempts.num_rows()).map(|attempt| outcomes.get(attempt) == "waiting").collect(),
            settled: inputs.settled,
            providers: read::words(inputs.attempts, "provider"),
            codes: read::words(inputs.attempts, "failure_code"),
            sequence: Sequence::new(inputs.attempts, "attempt_id", "started_at"),
        })
    }
}

/// How far an order came.
#[derive(Clone)]
struct Progress {
    first: u32,
    last: u32,
    /// The latest attempt that succeeded.
    success: u32,
    attempts: u32,
    settled: bool,
    waiting: bool,
}

fn progress(orders: usize, order_of: &[u32], attempts: &Attempts) -> Vec<Progress> {
    let nothing = Progress { first: NO_ROW, last: NO_ROW, success: NO_ROW, attempts: 0, settled: false, waiting: false };
    let mut all = vec![nothing; orders];
    let sequence = &attempts.sequence;
    let later = |one: u32, other: u32| other == NO_ROW || sequence.compare(one, other) == Ordering::Greater;
    for attempt in (0..row(order_of.len())).filter(|&attempt| order_of[at(attempt)] != NO_ROW) {
        let order = &mut all[at(order_of[at(attempt)])];
        if order.first == NO_ROW || sequence.compare(attempt, order.first) == Ordering::Less {
            order.first = attempt;
        }
        if later(attempt, order.last) {
            order.last = attempt;
        }
        if attempts.statuses[at(attempt)] == Status::Succeeded && later(attempt, order.success) {
            order.success = attempt;
        }
        order.attempts += 1;
        order.settled |= attempts.settled.value(at(attempt));
        order.waiting |= attempts.waiting[at(attempt)];
    }
    all
}

/// Both sides have a currency, and a code means the same in each.
fn vocabularies(orders: &RecordBatch, attempts: &RecordBatch) -> Vocabularies {
    let of_attempt = OF_ATTEMPT.into_iter().map(|name| (name, Vocabulary::of(&[read::words(attempts, name)])));
    let of_order = OF_ORDER.into_iter().map(|name| match name {
        "currency" => (name, Vocabulary::of(&[read::words(orders, name), read::words(attempts, name)])),
        _ => (name, Vocabulary::of(&[read::words(orders, name)])),
    });
    of_attempt.chain(of_order).collect()
}

fn order_facts(inputs: &Inputs, rules: &Rules, night: &Night) -> Result<Rows> {
    let Night { orders, progress, attempts, vocabularies, .. } = night;
    let statuses = required(orders, "status", OrderStatus::ALL, OrderStatus::word)?;
    let created = read::instants(orders, "created_at").values();
    let window = rules.maturity.num_microseconds().ok_or_else(|| {
        Error::configuration("the abandonment window is too long").expected("a window of less than 290,000 years")
    })?;
    let of_attempt = OF_ATTEMPT.into_par_iter().map(|name| {
        let codes = vocabularies[name].codes(read::words(inputs.attempts, name));
        let of_first = |order: &Progress| if order.first == NO_ROW { NOT_STATED } else { codes[at(order.first)] };
        Coded { name, codes: progress.iter().map(of_first).collect(), size: vocabularies[name].size() }
    });
    let of_order = OF_ORDER.into_par_iter().map(|name| Coded {
        name,
        codes: vocabularies[name].codes(read::words(orders, name)),
        size: vocabularies[name].size(),
    });
    let mut coded: Vec<Coded> = of_attempt.chain(of_order).collect();

    let mut technical = Technical { failures: rules.failures, known: HashMap::new() };
    let each = || progress.iter().zip(&statuses);
    let stages = each().map(|(order, &status)| stage(order, status, technical.last_failure(order, attempts), attempts).code());
    let hours = || created.iter().map(|&at| u32::try_from(hour(at) - night.first_hour).expect("hours of centuries fit 32 bits"));
    coded.extend([
        Coded { name: "stage", codes: stages.collect(), size: Stage::ALL.len() },
        Coded {
            name: "ending",
            codes: each().map(|(order, &status)| ending(order, status, attempts).code()).collect(),
            size: Ending::ALL.len(),
        },
        Coded {
            name: "first",
            codes: progress.iter().map(|order| first(order, attempts).code()).collect(),
            size: First::ALL.len(),
        },
        flag("mature", created.iter().map(|at| at.saturating_add(window) <= rules.closes_at)),
        flag("recovered", progress.iter().map(|order| recovered(order, attempts))),
        flag("settled", progress.iter().map(|order| order.settled)),
        flag("waiting", progress.iter().map(|order| order.waiting)),
        Coded { name: "hour", codes: hours().collect(), size: hours().max().map_or(1, |last| at(last) + 1) },
    ]);
    let tries = progress.iter().map(|order| i64::from(order.attempts)).collect::<Int64Array>();
    let amount = Arc::clone(read::column(orders, "amount"));
    Ok(Rows { count: orders.num_rows(), coded, summed: vec![("attempts", Arc::new(tries)), ("amount", amount)] })
}

fn attempt_facts(inputs: &Inputs, night: &Night) -> Rows {
    let Night { orders, order_of, progress, attempts, vocabularies, codes, .. } = night;
    let of_attempt = OF_ATTEMPT.into_iter().chain(["currency"]).collect::<Vec<_>>().into_par_iter().map(|name| Coded {
        name,
        codes: vocabularies[name].codes(read::words(inputs.attempts, name)),
        size: vocabularies[name].size(),
    });
    let of_order = OF_ORDER.into_par_iter().filter(|&name| name != "currency").map(|name| {
        let codes = vocabularies[name].codes(read::words(orders, name));
        let own = |&order: &u32| if order == NO_ROW { NOT_STATED } else { codes[at(order)] };
        Coded { name, codes: order_of.iter().map(own).collect(), size: vocabularies[name].size() }
    });
    let mut coded: Vec<Coded> = of_attempt.chain(of_order).collect();
    let recovered = |attempt: u32| {
        let order = order_of[at(attempt)];
        let success = if order == NO_ROW { NO_ROW } else { progress[at(order)].success };
        success != NO_ROW && attempts.sequence.compare(attempt, success) == Ordering::Less
    };
    coded.extend([
        Coded { name: "status", codes: attempts.statuses.iter().map(|status| status.code()).collect(), size: Status::ALL.len() },
        Coded { name: "code", codes: codes.codes(attempts.codes), size: codes.size() },
        flag("recovered", (0..row(order_of.len())).map(recovered)),
    ]);
    Rows { count: order_of.len(), coded, summed: vec![("amount", Arc::clone(read::column(inputs.attempts, "amount")))] }
}

const MICROSECONDS_AN_HOUR: i64 = 3_600_000_000;

fn hour(created_at: i64) -> i64 {
    created_at.div_euclid(MICROSECONDS_AN_HOUR)
}

/// The instant an hour of the facts begins, in microseconds.
pub(super) fn begins(facts: &Facts, hour: u32) -> i64 {
    (facts.first_hour + i64::from(hour)) * MICROSECONDS_AN_HOUR
}

fn flag(name: &'static str, holds: impl Iterator<Item = bool>) -> Coded {
    Coded { name, codes: holds.map(u32::from).collect(), size: 2 }
}

fn is_paid(order: &Progress, status: OrderStatus) -> bool {
    order.success != NO_ROW || status == OrderStatus::Paid
}

fn ending(order: &Progress, status: OrderStatus, attempts: &Attempts) -> Ending {
    if is_paid(order, status) {
        return Ending::Succeeded;
    }
    if order.last == NO_ROW {
        return if status == OrderStatus::Cancelled { Ending::Cancelled } else { Ending::Abandoned };
    }
    match attempts.statuses[at(order.last)] {
        Status::Failed => Ending::Failed,
        last if last.is_open() => Ending::Pending,
        _ => Ending::Abandoned,
    }
}

fn first(order: &Progress, attempts: &Attempts) -> First {
    if order.first == NO_ROW {
        return First::None;
    }
    match attempts.statuses[at(order.first)] {
        Status::Succeeded => First::Succeeded,
        first if first.is_open() => First::Open,
        _ => First::Other,
    }
}

fn recovered(order: &Progress, attempts: &Attempts) -> bool {
    // The first attempt failed, so one that succeeded is a later one.
    order.first != NO_ROW && attempts.statuses[at(order.first)] == Status::Failed && order.success != NO_ROW
}

/// An answer explains an end better than the stage it came at, and the stage better than the tidying up after it.
fn stage(order: &Progress, status: OrderStatus, technical: bool, attempts: &Attempts) -> Stage {
    if is_paid(order, status) {
        return Stage::Paid;
    }
    let called_off = status == OrderStatus::Cancelled;
    if order.last == NO_ROW {
        return if called_off { Stage::MerchantCancelled } else { Stage::NoAttempt };
    }
    match (attempts.statuses[at(order.last)], attempts.reached[at(order.last)]) {
        (Status::Pending, _) => Stage::Pending,
        (Status::Failed, _) if technical => Stage::TechnicalAndLeft,
        (Status::Failed, _) => Stage::DeclinedAndLeft,
        (Status::Cancelled, _) if called_off => Stage::MerchantCancelled,
        (_, Some(Reached::MethodSelected)) | (Status::Initiated, None) => Stage::MethodNoSubmit,
        (_, Some(Reached::Authentication)) => Stage::AuthenticationDropped,
        (_, Some(Reached::Redirected)) => Stage::WalletOrRedirectNotReturned,
        (Status::Initiated, _) => Stage::Pending,
        _ => Stage::ExpiredUnpaid,
    }
}

/// Which failures are technical, each provider and code looked up once.
struct Technical<'a> {
    failures: &'a FailureCategories,
    known: HashMap<(Option<usize>, Option<usize>), bool>,
}

impl Technical<'_> {
    fn last_failure(&mut self, order: &Progress, attempts: &Attempts) -> bool {
        if order.last == NO_ROW || attempts.statuses[at(order.last)] != Status::Failed {
            return false;
        }
        let last = at(order.last);
        let find = || self.failures.find(attempts.providers.get(last), attempts.codes.get(last)).category.is_technical();
        *self.known.entry((attempts.providers.code(last), attempts.codes.code(last))).or_insert_with(find)
    }
}

/// The values of a column of a closed list that every row fills.
fn required<T: Copy>(records: &RecordBatch, column: &str, all: &[T], written: fn(T) -> &'static str) -> Result<Vec<T>> {
    let values = listed(records, column, all, written)?;
    values.into_iter().collect::<Option<_>>().ok_or_else(|| unknown(column, all, written, "nothing"))
}

/// The values of a column of a closed list.
fn listed<T: Copy>(records: &RecordBatch, column: &str, all: &[T], written: fn(T) -> &'static str) -> Result<Vec<Option<T>>> {
    let words = read::words(records, column);
    let find = |word: &str| all.iter().copied().find(|&one| written(one) == word);
    let known: Vec<Option<T>> = words.values.iter().map(|word| find(word.unwrap_or_default())).collect();
    let value = |row: usize| match words.code(row) {
        Some(code) if !words.values.value(code).is_empty() => match known[code] {
            None => Err(unknown(column, all, written, words.values.value(code))),
            value => Ok(value),
        },
        _ => Ok(None),
    };
    (0..records.num_rows()).map(value).collect()
}

fn unknown<T: Copy>(column: &str, all: &[T], written: fn(T) -> &'static str, found: &str) -> Error {
    Error::data(format!("a record of the merchant has a {column} that is not in the list"))
        .column(column)
        .expected(all.iter().map(|&one| written(one)).collect::<Vec<_>>().join(", "))
        .found(found)
}
