//! Columns out of cells: one rule applied to the rows of a batch.

use arrow::array::ArrayRef;

use super::batch::Batch;
use super::memo::Memo;
use super::slots::Slots;
use super::{Refusal, Refusals, refuse};
use crate::format::column::{Amounts, Building, NO_DATE, NO_INSTANT, NO_RATE, NO_WORD, Texts, Words};
use crate::format::plan::{Cards, Fill, Plan, TargetPlan, TextFill, ZoneOf};
use crate::format::time::{Clock, Pattern, Zone};
use crate::mask::{card_numbers, holds_card_number};
use crate::money::{Amount, NotAnAmount};
use crate::table::part::{nothing, same_word};

/// Why a row with a card's number where an identifier belongs is a reject, and what to do where it is none.
const MAY_BE_A_CARD: &str =
    "may be the number of a card; where identifiers look so, the job says identifiers_like_cards = \"kept\"";

/// A canonical column under construction.
pub(super) struct Target<'p> {
    pub(super) plan: &'p TargetPlan,
    pub(super) building: Building,
    /// Whether it depends on what rows hold.
    pub(super) varies: bool,
    /// Whether it is net, and computed.
    pub(super) is_net: bool,
    /// What is remembered of each of its fills.
    remembered: Vec<Remembered>,
}

/// What a fill remembers from row to row.
#[derive(Debug, Default)]
struct Remembered {
    words: Memo,
    clock: Clock,
    /// Zones by the cell that names them.
    zones: Vec<(Vec<u8>, Zone)>,
    long: Vec<u8>,
}

/// The rows a column is filled from.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) plan: &'s Plan,
    pub(super) batch: &'s Batch,
    pub(super) slots: &'s Slots,
}

impl<'p> Target<'p> {
    /// A column without rows.
    pub(super) fn new(plan: &'p TargetPlan) -> Self {
        Self {
            varies: is_required(plan) && plan.is_nothing() || plan.same_word().is_none() && !plan.is_nothing(),
            is_net: is_computed(plan),
            building: Building::new(plan.column.kind, 0),
            remembered: plan.fills.iter().map(|_| Remembered::default()).collect(),
            plan,
        }
    }

    /// Begins the column of another part, with room for that many rows.
    pub(super) fn begin(&mut self, room: usize) {
        let room = if self.varies || self.is_net { room } else { 0 };
        self.building = Building::new(self.plan.column.kind, room);
        // Codes of words are of one part.
        self.remembered.iter_mut().for_each(|remembered| remembered.words.clear());
    }

    /// The column of a part of that many rows.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        match self.plan.same_word() {
            Some(word) => same_word(word, rows),
            None if self.varies || self.is_net => {
                std::mem::replace(&mut self.building, Building::new(self.plan.column.kind, 0)).finish()
            }
            None => nothing(rows),
        }
    }

    /// The column as the one of amounts that it is.
    pub(super) fn amounts(&mut self) -> &mut Amounts {
        match &mut self.building {
            Building::Amount(amounts) => amounts,
            other => panic!("{} holds amounts, not {other:?}", self.plan.column.name),
        }
    }

    /// Adds a row of the column for each of these rows, by the fill of that number. Of a row that is refused the
    /// column has a value that means nothing.
    pub(super) fn fill(&mut self, number: usize, from: Source, rows: &[u32], refusals: &mut Refusals) {
        let required = is_required(self.plan);
        let remembered = &mut self.remembered[number];
        match (&self.plan.fills[number], &mut self.building) {
            (Fill::Nothing, building) => {
                building.extend_with_nothing(rows.len());
                for &row in rows.iter().filter(|_| required) {
                    refusals.add(row, None, || format!("has no {}: no rule of the format gives it one", self.plan.column.name));
                }
            }
            (Fill::Text(rule), Building::Text(column)) => texts((rule, self.plan), column, from, rows, refusals),
            (Fill::Text(rule), Building::Word(column)) => words((rule, self.plan), column, remembered, from, rows, refusals),
            (Fill::Amount { add, subtract, default, .. }, Building::Amount(column)) => {
                amounts((add, subtract, *default), column, from, rows, required, refusals);
            }
            (Fill::Rate(cell), Building::Rate(column)) => {
                column.extend(rows.iter().map(|&row| {
                    let rate = rate(from.batch.cell(row, *cell));
                    if rate.is_none() {
                        refusals.add(row, Some(*cell), || "is not a rate of exchange".to_owned());
                    }
                    rate.flatten().unwrap_or(NO_RATE)
                }));
            }
            (Fill::Instant { cells, pattern, zone }, Building::Instant(column)) => {
                column.extend(rows.iter().map(|&row| {
                    match remembered.instant((cells, pattern, zone), from.batch, row) {
                        Ok(None) if required => refusals.add(row, cells.first().copied(), || "is empty".to_owned()),
                        Ok(instant) => return instant.unwrap_or(NO_INSTANT),
                        Err(refusal) => refusals.take(row, refusal),
                    }
                    NO_INSTANT
                }));
            }
            (Fill::Day { cells, pattern }, Building::Date(column)) => {
                column.extend(rows.iter().map(|&row| {
                    let Some((cell, text)) = stated(cells, from.batch, row) else { return NO_DATE };
                    remembered.clock.day(text, pattern).unwrap_or_else(|| {
                        refusals.add(row, Some(cell), || "is not a date".to_owned());
                        NO_DATE
                    })
                }));
            }
            (fill, building) => panic!("a plan fills {building:?} with {fill:?}"),
        }
    }
}

/// Whether every row has a value from its line.
fn is_required(plan: &TargetPlan) -> bool {
    !plan.column.nullable && !is_computed(plan)
}

/// Whether it is net, and no rule gives it: it is gross without fee.
fn is_computed(plan: &TargetPlan) -> bool {
    plan.is_nothing() && plan.column.name == "net"
}

fn texts((rule, plan): (&TextFill, &TargetPlan), column: &mut Texts, from: Source, rows: &[u32], refusals: &mut Refusals) {
    let (batch, required) = (from.batch, is_required(plan));
    // Those of a bank are masked by its stage.
    let is_refused = |value: &[u8]| plan.cards == Cards::Refused && holds_card_number(value);
    if rule.copies() {
        // All cells are copied, and their bytes looked at together: almost all are ASCII in every encoding.
        let (before, mut any_empty) = (column.len(), false);
        for &row in rows {
            if let Some(span) = rule.stated(batch, row) {
                column.push_start(batch.from(span), span.length);
            } else {
                any_empty = true;
                column.push(b"");
            }
        }
        if column.is_ascii_from(before) && !(required && any_empty) && !column.from_row(before).any(is_refused) {
            return;
        }
        column.truncate(before);
    }
    for &row in rows {
        match rule.value(batch, row, from.plan.encoding) {
            Ok(Some(value)) if is_refused(value.as_bytes()) => refuse_card(rule, batch, row, refusals),
            Ok(Some(value)) => {
                column.push(value.as_bytes());
                continue;
            }
            Ok(None) if required => refusals.add(row, rule.cells.first().copied(), || "is empty".to_owned()),
            Ok(None) => {}
            Err(refusal) => refusals.take(row, refusal),
        }
        column.push(b"");
    }
}

/// Refuses a row whose identifier may be the number of a card.
#[cold]
fn refuse_card(rule: &TextFill, batch: &Batch, row: u32, refusals: &mut Refusals) {
    let holds = |cell: &&usize| holds_card_number(batch.cell(row, **cell));
    refusals.add(row, rule.cells.iter().find(holds).copied(), || MAY_BE_A_CARD.to_owned());
}

fn words(
    (rule, plan): (&TextFill, &TargetPlan),
    column: &mut Words,
    remembered: &mut Remembered,
    from: Source,
    rows: &[u32],
    refusals: &mut Refusals,
) {
    let required = is_required(plan);
    if rule.cells.is_empty() && (rule.default.is_some() || !required) {
        let code = column.code(rule.default.as_deref());
        return column.extend(code, rows.len());
    }
    for &row in rows {
        // What almost every word is: one short cell, seen before.
        if let [only] = rule.cells[..]
            && let Some(key) = from.batch.short_key(row, only)
            && let Some(code) = remembered.words.recall_short(key)
            && !(required && code == NO_WORD)
        {
            column.push(code);
            continue;
        }
        let key = from.batch.key(row, &rule.cells, &[], &mut remembered.long);
        let code = remembered.words.recall(key).unwrap_or_else(|| match word((rule, plan), column, from, row) {
            Ok(code) => {
                remembered.words.remember(key, code);
                code
            }
            Err(refusal) => {
                refusals.take(row, refusal);
                NO_WORD
            }
        });
        if required && code == NO_WORD {
            refusals.add(row, rule.cells.first().copied(), || "is empty".to_owned());
        }
        column.push(code);
    }
}

#[cold]
fn word((rule, plan): (&TextFill, &TargetPlan), column: &mut Words, from: Source, row: u32) -> Result<u16, Refusal> {
    let value = rule.value(from.batch, row, from.plan.encoding)?;
    let holds_one = value.as_deref().is_some_and(|value| holds_card_number(value.as_bytes()));
    match (plan.cards, value) {
        (Cards::Refused, _) if holds_one => refuse(rule.cells.first().copied(), MAY_BE_A_CARD),
        (Cards::Masked, Some(value)) if holds_one => Ok(column.code(Some(&card_numbers(&value)))),
        (_, value) => Ok(column.code(value.as_deref())),
    }
}

fn amounts(
    (add, subtract, default): (&[usize], &[usize], Option<Amount>),
    column: &mut Amounts,
    from: Source,
    rows: &[u32],
    required: bool,
    refusals: &mut Refusals,
) {
    let first = || add.iter().chain(subtract).next().map(|&slot| from.plan.amounts[slot].cell);
    for &row in rows {
        let mut amount = from.slots.sum(row, add, subtract).or(default);
        match amount {
            None if required => refusals.add(row, first(), || "is empty".to_owned()),
            Some(sum) if !sum.fits() => {
                refusals.add(row, first(), || format!("adds up to {}", NotAnAmount::TooLarge));
                amount = None;
            }
            _ => {}
        }
        column.push(amount);
    }
}

/// The first of these cells that holds something.
#[inline]
fn stated<'b>(cells: &[usize], batch: &'b Batch, row: u32) -> Option<(usize, &'b [u8])> {
    cells.iter().map(|&cell| (cell, batch.cell(row, cell))).find(|(_, text)| !text.is_empty())
}

impl Remembered {
    #[inline]
    fn instant(
        &mut self,
        (cells, pattern, zone): (&[usize], &Pattern, &ZoneOf),
        batch: &Batch,
        row: u32,
    ) -> Result<Option<i64>, Refusal> {
        let Some((cell, text)) = stated(cells, batch, row) else { return Ok(None) };
        let Some((local, offset)) = self.clock.local(text, pattern) else { return refuse(Some(cell), "is not a time") };
        let instant = match offset {
            Some(seconds) => Some(local - seconds * 1_000_000),
            None => self.zone(zone, batch, row)?.instant(local),
        };
        instant.map_or_else(|| refuse(Some(cell), "never was in its time zone"), |instant| Ok(Some(instant)))
    }

    /// The zone of a time: one for the file, or the zone a cell names.
    #[inline]
    fn zone(&mut self, zone: &ZoneOf, batch: &Batch, row: u32) -> Result<&mut Zone, Refusal> {
        let name = if let ZoneOf::Cell(cell, _) = zone { batch.cell(row, *cell) } else { b"" };
        let is_named = |known: &[u8]| known.len() == name.len() && (name.is_empty() || known == name);
        if let Some(at) = self.zones.iter().position(|(known, _)| is_named(known)) {
            return Ok(&mut self.zones[at].1);
        }
        let zone = match zone {
            ZoneOf::Text => return refuse(None, "states no offset"),
            ZoneOf::Fixed(zone) => *zone,
            ZoneOf::Cell(cell, names) => {
                let name = std::str::from_utf8(name).unwrap_or_default();
                match names.get(name).copied().or_else(|| name.parse().ok()) {
                    Some(zone) => zone,
                    None => return refuse(Some(*cell), "is not a time zone the format knows"),
                }
            }
        };
        self.zones.push((name.to_vec(), Zone::new(zone)));
        Ok(&mut self.zones.last_mut().expect("it was just added").1)
    }
}

/// A rate of exchange in units of `10^-12`; further digits are rounded half up. `Some(None)` where the cell is empty.
#[expect(clippy::option_option, reason = "not a rate, no rate, and a rate are three answers")]
fn rate(cell: &[u8]) -> Option<Option<i128>> {
    if cell.is_empty() {
        return Some(None);
    }
    let point = cell.iter().position(|&byte| byte == b'.').unwrap_or(cell.len());
    let (whole, part) = (&cell[..point], cell.get(point + 1..).unwrap_or_default());
    if whole.len() > 12 || part.len() > 18 || whole.iter().chain(part).any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    // Twelve digits before the point and twelve behind it: each fit 64 bits, and are a rate together.
    let digit = |at: usize| u64::from(part.get(at).map_or(0, |byte| byte - b'0'));
    let whole = whole.iter().fold(0, |value, byte| value * 10 + u64::from(byte - b'0'));
    let behind = (0..12).fold(0, |value, at| value * 10 + digit(at)) + u64::from(digit(12) >= 5);
    Some(Some(i128::from(whole) * 1_000_000_000_000 + i128::from(behind)))
}
