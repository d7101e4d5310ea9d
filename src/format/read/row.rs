//! Rows: the kind, the amounts, the columns of each, or the reason it is rejected.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::batch::{BATCH_ROWS, Batch};
use super::currency::Currency;
use super::fill::{Source, Target};
use super::keep::Keeper;
use super::slots::Slots;
use super::{Kept, Part};
use crate::format::column::Building;
use crate::format::container::decode;
use crate::format::plan::{Fill, Plan};
use crate::format::split::Cells;
use crate::format::time::Clock;
use crate::mask::masked;
use crate::money::{Amount, NotAnAmount};

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Its line, counted from one.
    pub line: u64,
    /// The column that is wrong, by the file's own name.
    pub column: String,
    /// What stands there, masked.
    pub value: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// Stands for the column where the whole line is wrong.
const WHOLE_LINE: &str = "(line)";
/// Rows after which a part is finished.
const PART_ROWS: usize = 1 << 15;
/// Values of a word column after which a part is finished: rejected rows leave theirs behind.
const PART_WORDS: usize = 1 << 15;

/// Why a row is rejected: the cell, and the reason.
#[derive(Debug)]
pub(super) struct Refusal {
    cell: Option<usize>,
    reason: String,
}

pub(super) fn refuse<T>(cell: Option<usize>, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { cell, reason: reason.into() })
}

/// The rows of a batch that are rejected, each with what was wrong first.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    of_row: BTreeMap<u32, Refusal>,
}

impl Refusals {
    /// Refuses a row, unless it is refused already.
    #[cold]
    pub(super) fn add(&mut self, row: u32, cell: Option<usize>, reason: impl FnOnce() -> String) {
        self.of_row.entry(row).or_insert_with(|| Refusal { cell, reason: reason() });
    }

    /// Refuses a row, unless it is refused already.
    #[cold]
    pub(super) fn take(&mut self, row: u32, refusal: Refusal) {
        self.of_row.entry(row).or_insert(refusal);
    }
}

/// Reads the rows of one chunk.
///
/// Rows are collected and read a batch at a time, column by column. What is wrong with a row is found in the order of
/// the columns; a batch with refused rows is filled a second time without them.
pub(super) struct RowReader<'p> {
    plan: &'p Plan,
    batch: Batch,
    slots: Slots,
    keeper: Keeper<'p>,
    targets: Vec<Target<'p>>,
    /// The targets that hold a currency.
    currencies: Vec<Currency>,
    /// Position of the targets gross, fee and net, where net is computed.
    net: Option<[usize; 3]>,
    part: Part,
    parts: Vec<Part>,
    rejects: Vec<Reject>,
    /// Rows there is to be room for.
    room: usize,
    scratch: Vec<u8>,
}

impl<'p> RowReader<'p> {
    /// A reader of a file with this prefix in front of values, with room for that many rows.
    pub(super) fn new(plan: &'p Plan, prefix: Option<u8>, rows: usize) -> Self {
        let position = |name: &str| plan.targets.iter().position(|target| target.column.name == name);
        let net = match (position("gross"), position("fee"), position("net")) {
            (Some(gross), Some(fee), Some(net)) if Target::new(&plan.targets[net]).is_net => Some([gross, fee, net]),
            _ => None,
        };
        let mut reader = Self {
            batch: Batch::new(plan.columns, prefix),
            slots: Slots::new(plan.amounts.len()),
            keeper: Keeper::new(plan),
            targets: plan.targets.iter().map(Target::new).collect(),
            currencies: ["currency", "customer_currency", "instructed_currency"]
                .into_iter()
                .filter_map(|name| Currency::of(plan, name))
                .collect(),
            net,
            part: Part::default(),
            parts: Vec::new(),
            rejects: Vec::new(),
            room: rows,
            scratch: Vec::new(),
            plan,
        };
        reader.begin_part();
        reader
    }

    /// Gives up the parts that are whole.
    pub(super) fn parts(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }

    /// The rows by part, the rejects in order, and what was kept.
    pub(super) fn finish(mut self) -> (Vec<Part>, Vec<Reject>, Kept) {
        self.read_batch();
        if !self.part.lines.is_empty() {
            self.end_part();
        }
        self.rejects.sort_by_key(|reject| reject.line);
        (self.parts, self.rejects, self.keeper.finish())
    }

    /// Takes one row, which becomes a row of every column, or a reject.
    #[inline]
    pub(super) fn row(&mut self, line: u64, raw: &[u8], cells: Cells) {
        let content = xxh3_64(raw);
        if cells.len() == self.plan.columns || (cells.len() < self.plan.columns && self.plan.short_rows) {
            self.batch.push(line, content, cells);
        } else {
            self.odd_row(line, content, cells);
        }
        if self.batch.is_full() {
            self.read_batch();
        }
    }

    /// A row with more or fewer cells than the header. One with more is read when exactly one free-text column
    /// explains it: then every amount is an amount, and every time a time.
    #[cold]
    fn odd_row(&mut self, line: u64, content: u64, cells: Cells) {
        let expected = self.plan.columns;
        if cells.len() > expected {
            let extra = cells.len() - expected;
            let mut ends = Vec::new();
            let fits = |column: &&usize| self.makes_sense(cells.joined(**column, extra, &mut ends));
            let fitting: Vec<&usize> = self.plan.free_text.iter().filter(fits).take(2).collect();
            if let [&column] = fitting[..] {
                let mut ends = Vec::new();
                return self.batch.push(line, content, cells.joined(column, extra, &mut ends));
            }
        }
        self.rejects.push(Reject {
            line,
            column: WHOLE_LINE.to_owned(),
            value: String::new(),
            reason: format!("has {} columns where the header has {expected}", cells.len()),
        });
    }

    /// Whether every amount of the row is an amount, and every time a time.
    fn makes_sense(&self, cells: Cells) -> bool {
        let is_amount = |cell: &[u8], decimals| !cell.is_empty() && Amount::parse(cell, decimals).is_ok();
        let is_time = |fill: &Fill| match fill {
            Fill::Instant { cells: sources, pattern, .. } | Fill::Day { cells: sources, pattern } => {
                sources.iter().all(|&source| Clock::default().local(cells.get(source), pattern).is_some())
            }
            _ => true,
        };
        self.plan.amounts.iter().all(|amount| is_amount(cells.get(amount.cell), amount.decimals))
            && self.plan.targets.iter().flat_map(|target| &target.fills).all(is_time)
    }

    /// Reads the rows collected.
    fn read_batch(&mut self) {
        self.batch.pad();
        let mut rows: Vec<u32> = (0..self.batch.len()).map(|row| u32::try_from(row).expect("a batch has few rows")).collect();
        let mut refusals = Refusals::default();
        self.slots.read(&self.batch, &self.plan.amounts, &rows, &mut refusals);
        self.keeper.keep(&self.batch, &self.slots, &rows);
        self.reject(&mut rows, refusals);
        self.keeper.check_rows(&self.batch, &self.slots, &rows);
        let refusals = self.unknown_kinds(&rows);
        self.reject(&mut rows, refusals);
        let refusals = self.several_currencies(&rows);
        self.reject(&mut rows, refusals);
        loop {
            let refusals = self.fill(&rows);
            if refusals.of_row.is_empty() {
                break;
            }
            let before = self.part.lines.len();
            self.targets.iter_mut().for_each(|target| target.building.truncate(before));
            self.reject(&mut rows, refusals);
        }
        self.add_to_part(&rows);
        self.batch.clear();
        let many_words = |target: &Target| matches!(&target.building, Building::Word(words) if words.values().len() > PART_WORDS);
        if self.part.lines.len() + BATCH_ROWS > PART_ROWS || self.targets.iter().any(many_words) {
            self.end_part();
        }
    }

    /// Takes refused rows out of `rows`.
    fn reject(&mut self, rows: &mut Vec<u32>, refusals: Refusals) {
        if refusals.of_row.is_empty() {
            return;
        }
        rows.retain(|row| !refusals.of_row.contains_key(row));
        for (row, refusal) in refusals.of_row {
            let column = refusal.cell.and_then(|cell| self.plan.header.get(cell)).cloned();
            let shown = |cell| masked(&decode(self.batch.cell(row, cell), self.plan.encoding));
            self.rejects.push(Reject {
                line: u64::from(self.batch.lines[row as usize]),
                column: column.unwrap_or_else(|| WHOLE_LINE.to_owned()),
                value: refusal.cell.map(shown).unwrap_or_default(),
                reason: refusal.reason,
            });
        }
    }

    fn unknown_kinds(&self, rows: &[u32]) -> Refusals {
        let mut refusals = Refusals::default();
        for &row in rows.iter().filter(|&&row| self.keeper.kind(row).is_none()) {
            refusals.add(row, self.plan.kind_cell(), || "is not a kind the format knows".to_owned());
        }
        refusals
    }

    fn kind(&self, row: u32) -> usize {
        usize::from(self.keeper.kind(row).expect("rows of unknown kinds are rejected"))
    }

    /// Adds the rows to every column, and says which must not stay.
    fn fill(&mut self, rows: &[u32]) -> Refusals {
        let mut refusals = Refusals::default();
        let mut targets = std::mem::take(&mut self.targets);
        let from = Source { plan: self.plan, batch: &self.batch, slots: &self.slots };
        for target in targets.iter_mut().filter(|target| target.varies) {
            let fill_of = |row: u32| target.plan.of_kind[self.kind(row)];
            if target.plan.fills.len() == 1 {
                target.fill(0, from, rows, &mut refusals);
                continue;
            }
            let runs: Vec<(usize, &[u32])> =
                rows.chunk_by(|&one, &next| fill_of(one) == fill_of(next)).map(|run| (fill_of(run[0]), run)).collect();
            for (number, run) in runs {
                target.fill(number, from, run, &mut refusals);
            }
        }
        let before = self.part.lines.len();
        if let Some([gross, fee, net]) = self.net {
            compute_net(&mut targets, [gross, fee, net], before, rows, &mut refusals);
        }
        let mut currencies = std::mem::take(&mut self.currencies);
        for currency in &mut currencies {
            currency.check(&targets, before, from, rows, |row| self.kind(row), &mut refusals);
        }
        self.currencies = currencies;
        self.targets = targets;
        refusals
    }

    /// Rows whose amounts are of two currencies, where they would be added up.
    fn several_currencies(&self, rows: &[u32]) -> Refusals {
        let mut refusals = Refusals::default();
        if let [first, others @ ..] = &self.plan.one_currency[..] {
            for &row in rows {
                let named = |cell: usize| Some(self.batch.cell(row, cell)).filter(|currency| !currency.is_empty());
                let currency = named(*first);
                let other =
                    others.iter().find(|&&cell| currency.is_some() && named(cell).is_some_and(|other| Some(other) != currency));
                if let Some(&cell) = other {
                    refusals.add(row, Some(cell), || format!("is another currency than {}", self.plan.header[*first]));
                }
            }
        }
        refusals
    }

    /// What is known of each row beside its columns.
    fn add_to_part(&mut self, rows: &[u32]) {
        let part = &mut self.part;
        if let Some(identity) = &self.plan.identity {
            for &row in rows {
                self.scratch.clear();
                for &cell in identity {
                    let cell = self.batch.cell(row, cell);
                    self.scratch.extend_from_slice(&(cell.len() as u64).to_le_bytes());
                    self.scratch.extend_from_slice(cell);
                }
                part.identities.push(xxh3_128(&self.scratch));
            }
        }
        let keeper = &self.keeper;
        part.kinds.extend(rows.iter().map(|&row| keeper.kind(row).expect("rows of unknown kinds are rejected")));
        part.contents.extend(rows.iter().map(|&row| self.batch.contents[row as usize]));
        part.lines.extend(rows.iter().map(|&row| self.batch.lines[row as usize]));
    }

    fn begin_part(&mut self) {
        let room = self.room.min(PART_ROWS);
        self.part.kinds.reserve(room);
        self.part.contents.reserve(room);
        self.part.lines.reserve(room);
        if self.plan.identity.is_some() {
            self.part.identities.reserve(room);
        }
        self.targets.iter_mut().for_each(|target| target.begin(room));
        self.currencies.iter_mut().for_each(Currency::begin);
    }

    fn end_part(&mut self) {
        let mut part = std::mem::take(&mut self.part);
        let rows = part.lines.len();
        self.room = self.room.saturating_sub(rows);
        part.columns = self.targets.iter_mut().map(|target| (target.plan.column.name, target.finish(rows))).collect();
        self.parts.push(part);
        self.begin_part();
    }
}

/// Where a format states no net, net is gross less fee by definition.
fn compute_net(targets: &mut [Target], [gross, fee, net]: [usize; 3], before: usize, rows: &[u32], refusals: &mut Refusals) {
    let mut column = std::mem::take(targets[net].amounts());
    for (at, &row) in (before..).zip(rows) {
        let amount = |target: &mut Target| target.amounts().get(at).unwrap_or_default();
        let left = amount(&mut targets[gross]) - amount(&mut targets[fee]);
        if !left.fits() {
            refusals.add(row, None, || format!("gross less fee adds up to {}", NotAnAmount::TooLarge));
        }
        column.push(Some(left).filter(|left| left.fits()));
    }
    *targets[net].amounts() = column;
}
