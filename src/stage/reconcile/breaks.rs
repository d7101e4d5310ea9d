//! The table `breaks`: what this night found, and what the nights before left, each break once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use rayon::prelude::*;

use super::Night;
use super::items::{Items, Side};
use super::judge::Break;
use super::outcome::BreakType;
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::build::{self, day_number};
use crate::table::identity::Identity;
use crate::table::part::Id;
use crate::table::read;
use crate::table::reconciliation::BREAKS;

/// The states a break of the table may be in after this stage; a resolved one is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Open,
    Cleared,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Cleared => "cleared",
        }
    }

    /// The state of a carried break that goes on; none for one that ended.
    fn going_on(word: &str) -> Option<Self> {
        match word {
            "waiting" => Some(Self::Waiting),
            "open" => Some(Self::Open),
            _ => None,
        }
    }
}

/// All breaks known at the close, sorted by identity.
pub(super) struct Rolled<'n> {
    pub(super) rows: Vec<Row<'n>>,
    pub(super) carried: &'n RecordBatch,
}

/// One break. What a carried break says never changes; only its state and its age do.
pub(super) struct Row<'n> {
    id: Identity,
    pub(super) state: State,
    pub(super) source: Source<'n>,
}

/// Where a break is described.
#[derive(Clone, Copy)]
pub(super) enum Source<'n> {
    /// Found this night.
    New(&'n Break<'n>),
    /// A row of the night before.
    Carried(usize),
}

/// Joins the night's breaks with those carried in: one found again goes on, a missing one whose item is gone is
/// cleared, all others stay open until a person resolves them.
pub(super) fn roll<'n>(night: &'n Night, carried: &'n RecordBatch) -> Result<Rolled<'n>> {
    let mut before = going_on(carried)?;
    let ids: Vec<Identity> = night.breaks.par_iter().map(|found| identity(night, found)).collect();
    let mut rows: Vec<Row> = Vec::with_capacity(ids.len() + before.len());
    for (found, id) in night.breaks.iter().zip(ids) {
        let state = if found.waiting { State::Waiting } else { State::Open };
        let source = before.remove(&id).map_or(Source::New(found), |(row, _)| Source::Carried(row));
        rows.push(Row { id, state, source });
    }

    let waits_for = WaitsFor::of(carried);
    let mut gone = BTreeSet::new();
    for (id, (row, state)) in before {
        let item = waits_for.item(row);
        gone.extend(item);
        let state = if item.is_some() { State::Cleared } else { state };
        rows.push(Row { id, state, source: Source::Carried(row) });
    }
    carried_in(night, gone)?;

    rows.par_sort_unstable_by_key(|row| row.id);
    if let Some(twice) = rows.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(Error::law(format!("break {} is known twice", twice[0].id)));
    }
    Ok(Rolled { rows, carried })
}

/// The carried breaks that go on, by identity.
fn going_on(carried: &RecordBatch) -> Result<HashMap<Identity, (usize, State)>> {
    let (ids, states) = (read::text(carried, "break_id"), read::words(carried, "state"));
    let mut before = HashMap::new();
    for row in 0..carried.num_rows() {
        let Some(state) = State::going_on(states.get(row)) else { continue };
        let id =
            Identity::parse(ids.value(row)).ok_or_else(|| Error::law("a carried break has no identity").found(ids.value(row)))?;
        if before.insert(id, (row, state)).is_some() {
            return Err(Error::law(format!("break {id} is carried in twice")));
        }
    }
    Ok(before)
}

/// The same every night the break is known: its type and the items it is about.
fn identity(night: &Night, found: &Break) -> Identity {
    let entry = found.entry.map_or(Id::Text(""), |row| night.provider.id(row));
    let (kind, record) = found.record.map_or(("", Id::Text("")), |row| (night.merchant.kind_word(row), night.merchant.id(row)));
    entry.with_text(|entry| record.with_text(|record| Identity::of(&["break", found.kind.as_str(), entry, kind, record])))
}

/// Reads which open item a carried break waits for.
struct WaitsFor<'n> {
    kinds: read::Words<'n>,
    items: [(Side, &'n arrow::array::StringArray); 3],
}

impl<'n> WaitsFor<'n> {
    fn of(carried: &'n RecordBatch) -> Self {
        let column = |side, name| (side, read::text(carried, name));
        let items =
            [column(Side::Provider, "entry_id"), column(Side::Merchant, "attempt_id"), column(Side::Merchant, "refund_id")];
        Self { kinds: read::words(carried, "break_type"), items }
    }

    /// The one item of a missing break. A pair may be judged missing too, but waits for nothing.
    fn item(&self, row: usize) -> Option<(Side, Id<'n>)> {
        if !BreakType::is_missing(self.kinds.get(row)) {
            return None;
        }
        let mut items =
            self.items.iter().filter(|(_, ids)| ids.is_valid(row)).map(|&(side, ids)| (side, Id::Text(ids.value(row))));
        items.next().filter(|_| items.next().is_none())
    }
}

/// A break is cleared because its item met something tonight, so the item must have come in.
fn carried_in<'n>(night: &'n Night<'n>, mut gone: BTreeSet<(Side, Id<'n>)>) -> Result<()> {
    for items in [night.provider, night.merchant] {
        for row in items.rows() {
            if gone.is_empty() {
                return Ok(());
            }
            if items.first_seen(row) < night.day {
                gone.remove(&(items.side, items.id(row)));
            }
        }
    }
    match gone.first() {
        None => Ok(()),
        Some((side, id)) => Err(Error::law(format!("{} item {id} is missing among the items carried in", side.as_str()))
            .expected("every open item of the night before")),
    }
}

impl Rolled<'_> {
    /// The published table.
    pub(super) fn table(&self, night: &Night) -> RecordBatch {
        let read = Columns { rolled: self, night };
        let rows = &self.rows;
        let seen = read::dates(self.carried, "first_seen");
        let first_seen: Vec<i32> = rows.iter().map(|row| row.pick(|_| night.day, |carried| seen.value(carried))).collect();
        let ages = || first_seen.iter().map(|first_seen| i64::from(night.day - first_seen));
        let cleared_on = |row: &Row| (row.state == State::Cleared).then(|| day_number(night.rules.night));
        let differences = self.differences();
        let at_stake = rows.iter().zip(&differences).map(|(row, &difference)| self.at_stake(row, difference));
        let severities = rows.iter().zip(ages()).zip(at_stake).map(|((row, age), stake)| severity(row.state, stake, age));
        BREAKS.batch([
            ("break_id", build::texts(rows.iter().map(|row| Some(row.id.to_string())))),
            ("business_date", build::same_date(night.rules.night, rows.len())),
            ("break_type", read.word("break_type", |found| Some(found.kind.as_str()))),
            ("state", build::words(rows.iter().map(|row| Some(row.state.as_str())))),
            ("provider", read.word("provider", |found| read.either(found, Items::provider))),
            ("account", read.word("account", |found| read.either(found, Items::account))),
            ("merchant_reference", read.text("merchant_reference", |found| read.either_record(found, Items::merchant_reference))),
            ("provider_reference", read.text("provider_reference", |found| read.either(found, Items::provider_reference))),
            ("order_id", read.text("order_id", |found| read.either_record(found, Items::order_id))),
            ("attempt_id", read.id("attempt_id", |found| read.record(found, "payment"))),
            ("refund_id", read.id("refund_id", |found| read.record(found, "refund"))),
            ("entry_id", read.id("entry_id", |found| found.entry.map(|row| night.provider.id(row)))),
            ("currency", read.word("currency", |found| Some(found.currency))),
            ("merchant_amount", read.amount("merchant_amount", |found| found.merchant_amount)),
            ("provider_amount", read.amount("provider_amount", |found| found.provider_amount)),
            ("difference", build::amounts(differences.iter().copied().map(Some))),
            ("first_seen", build::dates(first_seen.iter().copied().map(Some))),
            ("cleared_on", build::dates(rows.iter().map(cleared_on))),
            ("age_days", build::counts(ages())),
            ("age_bucket", build::words(ages().map(|age| Some(bucket(age))))),
            ("severity", build::words(severities.map(Some))),
            ("suggested_action", read.word("suggested_action", |found| Some(found.kind.suggested_action()))),
            ("resolution", read.word("resolution", |_| None)),
            ("detail", read.text("detail", |found| found.detail.as_deref())),
        ])
    }

    /// The difference of each break, as it was when found.
    pub(super) fn differences(&self) -> Vec<Amount> {
        let before = read::amounts(self.carried, "difference");
        self.rows.iter().map(|row| row.pick(|found| found.difference, |carried| Amount(before.value(carried)))).collect()
    }

    /// What a person may lose: the difference, or where both sides state one amount, that amount.
    fn at_stake(&self, row: &Row, difference: Amount) -> Amount {
        if difference != Amount::ZERO {
            return difference.abs();
        }
        let before = read::amounts(self.carried, "merchant_amount");
        let stated = row.pick(|found| found.merchant_amount, |carried| read::amount(before, carried));
        stated.unwrap_or_default().abs()
    }
}

impl Row<'_> {
    pub(super) fn pick<T>(&self, found: impl FnOnce(&Break) -> T, carried: impl FnOnce(usize) -> T) -> T {
        match self.source {
            Source::New(new) => found(new),
            Source::Carried(row) => carried(row),
        }
    }
}

/// Columns of the table, each from the night's break or from the carried row.
struct Columns<'n> {
    rolled: &'n Rolled<'n>,
    night: &'n Night<'n>,
}

impl<'n> Columns<'n> {
    fn text(&self, name: &str, found: impl Fn(&'n Break<'n>) -> Option<&'n str>) -> ArrayRef {
        let before = read::text(self.rolled.carried, name);
        build::texts(self.rolled.rows.iter().map(|row| match row.source {
            Source::New(new) => found(new),
            Source::Carried(row) => before.is_valid(row).then(|| before.value(row)),
        }))
    }

    fn id(&self, name: &str, found: impl Fn(&'n Break<'n>) -> Option<Id<'n>>) -> ArrayRef {
        let before = read::text(self.rolled.carried, name);
        let mut texts = StringBuilder::new();
        for row in &self.rolled.rows {
            let id = match row.source {
                Source::New(new) => found(new),
                Source::Carried(row) => before.is_valid(row).then(|| Id::Text(before.value(row))),
            };
            match id {
                Some(id) => id.with_text(|text| texts.append_value(text)),
                None => texts.append_null(),
            }
        }
        Arc::new(texts.finish())
    }

    fn word(&self, name: &str, found: impl Fn(&'n Break<'n>) -> Option<&'n str>) -> ArrayRef {
        let before = read::words(self.rolled.carried, name);
        build::words(self.rolled.rows.iter().map(|row| match row.source {
            Source::New(new) => found(new),
            Source::Carried(row) => before.optional(row),
        }))
    }

    fn amount(&self, name: &str, found: impl Fn(&Break) -> Option<Amount>) -> ArrayRef {
        let before = read::amounts(self.rolled.carried, name);
        build::amounts(self.rolled.rows.iter().map(|row| row.pick(&found, |carried| read::amount(before, carried))))
    }

    /// What the entry says, or else the record.
    fn either<T>(&self, found: &Break, of: impl Fn(&Items<'n>, u32) -> Option<T>) -> Option<T> {
        let entry = found.entry.and_then(|row| of(self.night.provider, row));
        entry.or_else(|| found.record.and_then(|row| of(self.night.merchant, row)))
    }

    /// What the record says, or else the entry.
    fn either_record<T>(&self, found: &Break, of: impl Fn(&Items<'n>, u32) -> Option<T>) -> Option<T> {
        let record = found.record.and_then(|row| of(self.night.merchant, row));
        record.or_else(|| found.entry.and_then(|row| of(self.night.provider, row)))
    }

    /// The record's identifier, if it is of `kind`.
    fn record(&self, found: &Break, kind: &str) -> Option<Id<'n>> {
        let record = found.record.filter(|&row| self.night.merchant.kind_word(row) == kind)?;
        Some(self.night.merchant.id(record))
    }
}

fn bucket(age_days: i64) -> &'static str {
    match age_days {
        ..=1 => "0-1",
        2..=3 => "2-3",
        4..=7 => "4-7",
        8..=30 => "8-30",
        31.. => ">30",
    }
}

/// By what is at stake, one step up after a week; what may still come by itself is low.
fn severity(state: State, at_stake: Amount, age_days: i64) -> &'static str {
    const WORDS: [&str; 4] = ["low", "medium", "high", "critical"];
    const STEPS: [i128; 3] = [100, 1_000, 10_000];
    if state == State::Waiting {
        return WORDS[0];
    }
    let one = 10_i128.pow(crate::money::SCALE);
    let step = STEPS.iter().filter(|&&step| at_stake.0 >= step * one).count();
    WORDS[(step + usize::from(age_days > 7)).min(3)]
}
