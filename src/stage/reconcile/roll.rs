//! The table `breaks` of the close: what this night found, and what the nights before left, each break once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array, RecordBatch, StringArray};
use arrow::compute::interleave_record_batch;
use chrono::NaiveDate;
use rayon::prelude::*;

use super::breaks::at_stake;
use super::items::Side;
use super::outcome::BreakType;
use super::resolve::{Verdict, detail, resolve, without_void};
use super::{Rules, laws, rollforward};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::build::{self, day_number};
use crate::table::identity::Identity;
use crate::table::part::{self, Id};
use crate::table::read;
use crate::table::reconciliation::BREAKS;

/// The states a break of the table may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Open,
    Cleared,
    Resolved,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Cleared => "cleared",
            Self::Resolved => "resolved",
        }
    }

    /// The state of a break that goes on; none for one that ended.
    fn going_on(word: &str) -> Option<Self> {
        match word {
            "waiting" => Some(Self::Waiting),
            "open" => Some(Self::Open),
            _ => None,
        }
    }
}

/// The tables `breaks` and `rollforward` of a close.
#[derive(Clone, Debug)]
pub struct Rolled {
    /// Table `breaks`: waiting, open, cleared tonight and resolved.
    pub breaks: RecordBatch,
    /// Table `rollforward`.
    pub rollforward: RecordBatch,
    /// How many breaks have a resolution that is void.
    pub void_resolutions: usize,
}

/// One break. What a carried break says changes only where what it is about was restated; else its state and its age do.
pub(super) struct Row {
    pub(super) id: Identity,
    pub(super) state: State,
    pub(super) source: Source,
}

/// Where a break is described.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// Found this night: which batch, and which row.
    New(usize, usize),
    /// A row of the night before.
    Carried(usize),
    /// Found again this night of items that were restated, so that it says something else than the row of the night
    /// before: which batch and row, and which row before.
    Restated((usize, usize), usize),
    /// Found again, though the night before has it as resolved: which batch and row, and which row before.
    Resolved((usize, usize), usize),
}

/// Joins the breaks comparisons `found` this night with those `carried` in: one found again goes on; one whose items
/// were carried in too and ended otherwise is cleared, and so is one of a payout or of the bank; all others stay open
/// until a person resolves them, as the resolutions among the rules do. `came_in` are items shaped as `open_items`, with
/// all that the night before left.
pub fn roll<'n>(
    found: &[RecordBatch],
    carried: &'n RecordBatch,
    came_in: impl IntoIterator<Item = &'n RecordBatch>,
    rules: &Rules,
) -> Result<Rolled> {
    let night = rules.night;
    let (mut before, resolved) = (going_on(carried)?, resolved(carried)?);
    let said_before = Said::of(carried);
    let mut rows: Vec<Row> = Vec::with_capacity(found.iter().map(RecordBatch::num_rows).sum::<usize>() + before.len());
    for (at, batch) in found.iter().enumerate() {
        let states = read::words(batch, "state");
        let said = Said::of(batch);
        for (row, id) in identities(batch)?.into_iter().enumerate() {
            let state = State::going_on(states.get(row)).expect("a break that was found is waiting or open");
            let source = match before.remove(&id) {
                None => resolved.get(&id).map_or(Source::New(at, row), |&carried| Source::Resolved((at, row), carried)),
                Some((carried, _)) if said.is_same(row, &said_before, carried) => Source::Carried(carried),
                Some((carried, _)) => Source::Restated((at, row), carried),
            };
            rows.push(Row { id, state, source });
        }
    }
    let waits_for = WaitsFor::of(carried);
    let came_in = CameIn::of(came_in, before.values().flat_map(|(row, _)| waits_for.items(*row)), night);
    for (id, (row, state)) in before {
        let is_cleared = waits_for.is_told_anew(row) || came_in.all(&waits_for.items(row));
        if !is_cleared && let Some((side, id)) = waits_for.missing(row) {
            return Err(Error::law(format!("{side} item {id} is missing among the items carried in"))
                .expected("every open item of the night before"));
        }
        rows.push(Row { id, state: if is_cleared { State::Cleared } else { state }, source: Source::Carried(row) });
    }

    rows.par_sort_unstable_by_key(|row| row.id);
    if let Some(twice) = rows.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(Error::law(format!("break {} is known twice", twice[0].id)));
    }
    let described = described(&rows, found, carried);
    let verdicts = resolve(&rules.resolutions, &mut rows, &described);
    let breaks = table(&rows, &described, carried, &verdicts, rules);
    let rollforward = rollforward::table(&rows, &breaks, carried, night)?;
    laws::rolls_forward(&breaks, &rollforward)?;
    let void_resolutions = verdicts.values().filter(|verdict| matches!(verdict, Verdict::Void(..))).count();
    Ok(Rolled { breaks, rollforward, void_resolutions })
}

/// The carried breaks that go on, by identity.
fn going_on(carried: &RecordBatch) -> Result<HashMap<Identity, (usize, State)>> {
    let states = read::words(carried, "state");
    let mut before = HashMap::new();
    for (row, id) in identities(carried)?.into_iter().enumerate() {
        let Some(state) = State::going_on(states.get(row)) else { continue };
        if before.insert(id, (row, state)).is_some() {
            return Err(Error::law(format!("break {id} is carried in twice")));
        }
    }
    Ok(before)
}

/// The carried breaks that a person resolved, by identity.
fn resolved(carried: &RecordBatch) -> Result<HashMap<Identity, usize>> {
    let states = read::words(carried, "state");
    let is_resolved = |row: &usize| states.get(*row) == State::Resolved.as_str();
    if !(0..carried.num_rows()).any(|row| is_resolved(&row)) {
        return Ok(HashMap::new());
    }
    Ok(identities(carried)?.into_iter().zip(0..).filter(|(_, row)| is_resolved(row)).collect())
}

fn identities(breaks: &RecordBatch) -> Result<Vec<Identity>> {
    let ids = read::text(breaks, "break_id");
    let parse = |id: &str| Identity::parse(id).ok_or_else(|| Error::law("a break has no identity").found(id));
    ids.iter().map(|id| parse(id.unwrap_or_default())).collect()
}

/// What breaks say of the two sides.
struct Said<'b> {
    words: [read::Words<'b>; 3],
    texts: [&'b StringArray; 3],
    amounts: [&'b Decimal128Array; 3],
}

impl<'b> Said<'b> {
    fn of(breaks: &'b RecordBatch) -> Self {
        Self {
            words: ["provider", "account", "currency"].map(|name| read::words(breaks, name)),
            texts: ["merchant_reference", "provider_reference", "order_id"].map(|name| read::text(breaks, name)),
            amounts: ["merchant_amount", "provider_amount", "difference"].map(|name| read::amounts(breaks, name)),
        }
    }

    fn is_same(&self, row: usize, before: &Self, carried: usize) -> bool {
        let text = |texts: &'b StringArray, row: usize| texts.is_valid(row).then(|| texts.value(row));
        let mut words = self.words.iter().zip(&before.words);
        let mut texts = self.texts.iter().zip(&before.texts);
        let mut amounts = self.amounts.iter().zip(&before.amounts);
        words.all(|(is, was)| is.optional(row) == was.optional(carried))
            && texts.all(|(is, was)| text(is, row) == text(was, carried))
            && amounts.all(|(is, was)| read::amount(is, row) == read::amount(was, carried))
    }
}

/// Reads which open item a carried break waits for.
struct WaitsFor<'n> {
    kinds: read::Words<'n>,
    amounts: [&'n Decimal128Array; 2],
    items: [(Side, &'n StringArray); 3],
}

impl<'n> WaitsFor<'n> {
    fn of(carried: &'n RecordBatch) -> Self {
        let column = |side, name| (side, read::text(carried, name));
        let items =
            [column(Side::Provider, "entry_id"), column(Side::Merchant, "attempt_id"), column(Side::Merchant, "refund_id")];
        let amounts = ["merchant_amount", "provider_amount"].map(|name| read::amounts(carried, name));
        Self { kinds: read::words(carried, "break_type"), amounts, items }
    }

    /// Whether a break is about no item, but about a payout or a line of the bank: its night says all that is left of it.
    fn is_told_anew(&self, row: usize) -> bool {
        let kind = self.kinds.get(row);
        let is_ambiguous = kind == BreakType::Ambiguous.as_str() && self.stated(row).next().is_none();
        is_ambiguous || BreakType::is_told_anew(kind)
    }

    /// The items of a break which, while they are carried, may still meet others: the one that is missing its counterpart,
    /// or the entry that is less than its record, and the record. One of these two alone was delivered again by itself.
    fn items(&self, row: usize) -> Vec<(&'static str, Id<'n>)> {
        if self.is_part(row) { self.stated(row).collect() } else { self.missing(row).into_iter().collect() }
    }

    /// Whether the rest of a record may come. One that is exceeded ended with its entry: where both come again, they are new.
    fn is_part(&self, row: usize) -> bool {
        let kind = self.kinds.get(row);
        let [recorded, stated] = self.amounts.map(|amounts| read::amount(amounts, row).unwrap_or_default().abs());
        [BreakType::AmountMismatch, BreakType::RefundAmountMismatch].iter().any(|differs| differs.as_str() == kind)
            && stated < recorded
    }

    /// The one item of a missing break. A pair may be judged missing too, but waits for nothing.
    fn missing(&self, row: usize) -> Option<(&'static str, Id<'n>)> {
        if !BreakType::is_missing(self.kinds.get(row)) {
            return None;
        }
        let mut items = self.stated(row);
        items.next().filter(|_| items.next().is_none())
    }

    fn stated(&self, row: usize) -> impl Iterator<Item = (&'static str, Id<'n>)> {
        let stated = self.items.iter().filter(move |(_, ids)| ids.is_valid(row));
        stated.map(move |&(side, ids)| (side.as_str(), Id::Text(ids.value(row))))
    }
}

/// Items that carried breaks are about, and whether the night before left them to this one.
struct CameIn<'n>(BTreeMap<(&'static str, Id<'n>), bool>);

impl<'n> CameIn<'n> {
    fn of(
        items: impl IntoIterator<Item = &'n RecordBatch>,
        asked: impl Iterator<Item = (&'static str, Id<'n>)>,
        night: NaiveDate,
    ) -> Self {
        let mut known: BTreeMap<(&str, Id), bool> = asked.map(|item| (item, false)).collect();
        let mut open = known.len();
        let tonight = day_number(night);
        for part in items {
            if open == 0 {
                break;
            }
            let (sides, ids, first_seen) = (read::words(part, "side"), part::ids(part, "id"), part::dates(part, "first_seen"));
            for row in (0..part.num_rows()).filter(|&row| first_seen.value(row) < tonight) {
                let side = [Side::Provider, Side::Merchant].map(Side::as_str).into_iter().find(|side| *side == sides.get(row));
                if let Some(came_in) = known.get_mut(&(side.unwrap_or_default(), ids.get(row))) {
                    open -= usize::from(!*came_in);
                    *came_in = true;
                }
            }
        }
        Self(known)
    }

    /// Whether there are any of these items, and all of them were left to this night.
    fn all(&self, items: &[(&'static str, Id)]) -> bool {
        !items.is_empty() && items.iter().all(|item| self.0.get(item) == Some(&true))
    }
}

/// The rows of the table, each as what was found or carried in describes it.
fn described(rows: &[Row], found: &[RecordBatch], carried: &RecordBatch) -> RecordBatch {
    let described: Vec<&RecordBatch> = found.iter().chain([carried]).collect();
    let places = rows.iter().map(|row| match row.source {
        Source::New(batch, row) | Source::Restated((batch, row), _) | Source::Resolved((batch, row), _) => (batch, row),
        Source::Carried(row) => (found.len(), row),
    });
    interleave_record_batch(&described, &places.collect::<Vec<_>>()).expect("all are of one table")
}

/// The published table, of `rows` sorted by identity.
fn table(
    rows: &[Row],
    described: &RecordBatch,
    carried: &RecordBatch,
    verdicts: &BTreeMap<usize, Verdict>,
    rules: &Rules,
) -> RecordBatch {
    let night = rules.night;
    let tonight = day_number(night);
    let (seen, seen_before) = (read::dates(described, "first_seen"), read::dates(carried, "first_seen"));
    let first_seen: Vec<i32> = (0..)
        .zip(rows)
        .map(|(at, row)| match row.source {
            Source::Restated(_, carried) | Source::Resolved(_, carried) => seen_before.value(carried),
            Source::New(..) | Source::Carried(_) => seen.value(at),
        })
        .collect();
    let difference = read::amounts(described, "difference");
    let stated = read::amounts(described, "merchant_amount");
    let currency = read::words(described, "currency");
    let age = |row: usize| i64::from(tonight - first_seen[row]);
    let severity = |(row, of): (usize, &Row)| {
        let at_stake = at_stake(Amount(difference.value(row)), read::amount(stated, row));
        rules.severity.of(of.state, currency.get(row), at_stake, age(row))
    };
    let cleared_on = |row: &Row| (row.state == State::Cleared).then_some(tonight);
    let resolution = |row: usize| match verdicts.get(&row) {
        Some(Verdict::Holds(resolution)) => Some(resolution.to_string()),
        _ => None,
    };
    let of_tonight: [(&str, ArrayRef); 9] = [
        ("business_date", build::same_date(night, rows.len())),
        ("first_seen", build::dates(first_seen.iter().copied().map(Some))),
        ("state", build::words(rows.iter().map(|row| Some(row.state.as_str())))),
        ("cleared_on", build::dates(rows.iter().map(cleared_on))),
        ("age_days", build::counts((0..rows.len()).map(age))),
        ("age_bucket", build::words((0..rows.len()).map(|row| Some(bucket(age(row)))))),
        ("severity", build::words(rows.iter().enumerate().map(severity).map(Some))),
        ("resolution", build::words((0..rows.len()).map(resolution))),
        ("detail", details(described, verdicts)),
    ];
    let described_as = |name: &str| Arc::clone(read::column(described, name));
    BREAKS.batch(BREAKS.columns.iter().map(|column| {
        let of_tonight = of_tonight.iter().find(|(name, _)| *name == column.name);
        (column.name, of_tonight.map_or_else(|| described_as(column.name), |(_, array)| Arc::clone(array)))
    }))
}

/// Column `detail`, which tells of the void resolutions of tonight and of no other night.
fn details(described: &RecordBatch, verdicts: &BTreeMap<usize, Verdict>) -> ArrayRef {
    let told = read::text(described, "detail");
    let is_void = |verdict: &Verdict| matches!(verdict, Verdict::Void(..));
    let was_void = || told.iter().flatten().any(|detail| without_void(detail) != detail);
    if !verdicts.values().any(is_void) && !was_void() {
        return Arc::clone(read::column(described, "detail"));
    }
    build::texts(told.iter().enumerate().map(|(row, of_break)| detail(of_break, verdicts.get(&row))))
}

pub(super) fn bucket(age_days: i64) -> &'static str {
    match age_days {
        ..=1 => "0-1",
        2..=3 => "2-3",
        4..=7 => "4-7",
        8..=30 => "8-30",
        31.. => ">30",
    }
}
