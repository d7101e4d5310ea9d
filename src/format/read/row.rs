//! One row: its kind, its amounts, its columns, or the reason it is rejected.

use std::borrow::Cow;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::super::column::{Building, Words};
use super::super::plan::{Fill, KindPlan, Plan, Test, TextFill, ZoneOf};
use super::super::split::Cells;
use super::super::time::{Zone, day, local_micros};
use super::super::{Case, Encoding, Otherwise, Sign};
use super::{Kept, Part, finish_columns, shown};
use crate::mask::masked;
use crate::money::{Amount, NotAnAmount, minor_digits};

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

/// Why a row is rejected: the cell, and the reason.
struct Refusal {
    cell: Option<usize>,
    reason: String,
}

fn refuse<T>(cell: Option<usize>, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { cell, reason: reason.into() })
}

/// Reads the rows of one chunk.
pub(super) struct RowReader<'p> {
    plan: &'p Plan,
    building: Vec<Building>,
    /// What each amount cell of the current row holds.
    slots: Vec<Option<Amount>>,
    /// A zone per target column, with the hour asked last.
    zones: Vec<Option<Zone>>,
    /// The targets that hold a currency.
    currencies: Vec<Currency>,
    /// Position of the targets gross, fee and net, where net is computed.
    net: Option<[usize; 3]>,
    part: Part,
    rejects: Vec<Reject>,
    kept: Kept,
    scratch: Vec<u8>,
}

impl<'p> RowReader<'p> {
    /// A reader with room for that many rows.
    pub(super) fn new(plan: &'p Plan, rows: usize) -> Self {
        let position = |name: &str| plan.targets.iter().position(|column| column.name == name);
        let states_net = |kind: &KindPlan, net: usize| !matches!(kind.fills[net], Fill::Nothing);
        let net = match (position("gross"), position("fee"), position("net")) {
            (Some(gross), Some(fee), Some(net)) if !plan.kinds.iter().any(|kind| states_net(kind, net)) => {
                Some([gross, fee, net])
            }
            _ => None,
        };
        Self {
            building: plan.targets.iter().map(|column| Building::new(column.kind, rows)).collect(),
            slots: vec![None; plan.amounts.len()],
            zones: plan.targets.iter().map(|_| None).collect(),
            currencies: ["currency", "customer_currency"].into_iter().filter_map(|name| Currency::of(plan, name)).collect(),
            net,
            part: Part::default(),
            rejects: Vec::new(),
            kept: Kept { sums: vec![(0, Amount::ZERO); plan.sums.len()], ..Kept::default() },
            scratch: Vec::new(),
            plan,
        }
    }

    pub(super) fn finish(self) -> (Part, Vec<Reject>, Kept) {
        let mut part = self.part;
        part.columns = finish_columns(self.plan, self.building);
        (part, self.rejects, self.kept)
    }

    /// Reads one row: it becomes a row of every column, or a reject.
    pub(super) fn row(&mut self, line: u64, raw: &[u8], cells: Cells) {
        let rows = self.part.lines.len();
        let mut spans = Vec::new();
        let read = match self.whole(cells, &mut spans) {
            Ok(cells) => self.read(line, raw, cells).map_err(|refusal| (refusal, cells)),
            Err(refusal) => Err((refusal, cells)),
        };
        if let Err((refusal, cells)) = read {
            for building in &mut self.building {
                building.truncate(rows);
            }
            let column =
                refusal.cell.and_then(|cell| self.plan.header.get(cell)).cloned().unwrap_or_else(|| WHOLE_LINE.to_owned());
            let value = refusal.cell.map(|cell| masked(&shown(cells.get(cell), self.plan.encoding))).unwrap_or_default();
            self.rejects.push(Reject { line, column, value, reason: refusal.reason });
        }
    }

    /// A row with as many cells as the header. One with more is read when exactly one free-text column explains
    /// it: then every amount is an amount, and every time a time.
    fn whole<'c>(&mut self, cells: Cells<'c>, spans: &'c mut Vec<(u32, u32)>) -> Result<Cells<'c>, Refusal> {
        let expected = self.plan.columns;
        if cells.len() == expected || (cells.len() < expected && self.plan.short_rows) {
            return Ok(cells);
        }
        if cells.len() > expected {
            let extra = cells.len() - expected;
            let mut fitting = None;
            for &column in &self.plan.free_text {
                let mut trial = Vec::new();
                let joined = cells.joined(column, extra, &mut trial);
                if self.makes_sense(joined) && fitting.replace(column).is_some() {
                    fitting = None;
                    break;
                }
            }
            if let Some(column) = fitting {
                return Ok(cells.joined(column, extra, spans));
            }
        }
        refuse(None, format!("has {} columns where the header has {expected}", cells.len()))
    }

    /// Whether every amount of the row is an amount, and every time a time.
    fn makes_sense(&self, cells: Cells) -> bool {
        let is_time = |fill: &Fill| match fill {
            Fill::Instant { cells: sources, pattern, .. } | Fill::Day { cells: sources, pattern } => sources
                .iter()
                .all(|&source| std::str::from_utf8(cells.get(source)).is_ok_and(|text| local_micros(text, pattern).is_some())),
            _ => true,
        };
        self.plan.amounts.iter().all(|amount| is_amount(cells.get(amount.cell), amount.decimals))
            && self.plan.kinds.iter().flat_map(|kind| &kind.fills).all(is_time)
    }

    fn read(&mut self, line: u64, raw: &[u8], cells: Cells) -> Result<(), Refusal> {
        let plan = self.plan;
        let amounts = self.amounts(cells);
        self.keep(line, cells);
        amounts?;
        self.keep_row_check(line);
        let Some((kind_number, kind)) = plan.kinds.iter().enumerate().find(|(_, kind)| self.holds(&kind.when, cells)) else {
            let cell = plan.kinds.iter().flat_map(|kind| &kind.when).find_map(|test| match test {
                Test::OneOf(cell, _) => *cell,
                Test::Signed(..) => None,
            });
            return refuse(cell, "is not a kind the format knows");
        };
        for (target, fill) in kind.fills.iter().enumerate() {
            self.fill(target, fill, cells)?;
        }
        self.compute_net();
        self.check_currencies(kind)?;
        self.scratch.clear();
        for &cell in &plan.identity {
            let cell = cells.get(cell);
            self.scratch.extend_from_slice(&(cell.len() as u64).to_le_bytes());
            self.scratch.extend_from_slice(cell);
        }
        self.part.identities.push(xxh3_128(&self.scratch));
        self.part.contents.push(xxh3_64(raw));
        self.part.kinds.push(u16::try_from(kind_number).expect("a format has few kinds"));
        self.part.lines.push(i64::try_from(line).expect("a line number fits 63 bits"));
        Ok(())
    }

    /// Reads every amount cell once.
    fn amounts(&mut self, cells: Cells) -> Result<(), Refusal> {
        let mut refusal = Ok(());
        for (slot, amount) in self.slots.iter_mut().zip(&self.plan.amounts) {
            let cell = cells.get(amount.cell);
            *slot = if cell.is_empty() {
                None
            } else {
                match Amount::parse(cell, amount.decimals) {
                    Ok(amount) => Some(amount),
                    Err(why) => {
                        if refusal.is_ok() {
                            refusal = refuse(Some(amount.cell), format!("is {why}"));
                        }
                        None
                    }
                }
            };
        }
        refusal
    }

    fn sum(&self, add: &[usize], subtract: &[usize]) -> Amount {
        let total = |slots: &[usize]| slots.iter().filter_map(|&slot| self.slots[slot]).sum::<Amount>();
        total(add) - total(subtract)
    }

    /// Keeps what the row adds to totals, groups and identities, whether the row is rejected later or not.
    fn keep(&mut self, line: u64, cells: Cells) {
        let plan = self.plan;
        for (index, sum) in plan.sums.iter().enumerate() {
            if self.holds(&sum.of, cells) {
                let amount = self.sum(&sum.add, &sum.subtract);
                let kept = &mut self.kept.sums[index];
                kept.0 += 1;
                kept.1 += amount;
            }
        }
        for (index, closing) in plan.closings.iter().enumerate() {
            let amount = self.sum(&closing.add, &closing.subtract);
            let part = |&cell: &usize| match cells.get(cell) {
                b"" => "(none)".to_owned(),
                text => decoded(text, plan.encoding),
            };
            let group: Vec<String> = closing.by.iter().map(part).collect();
            let entry = self.kept.closings.entry((index, group.join(" "))).or_insert((Amount::ZERO, line));
            entry.0 += amount;
        }
    }

    /// Keeps the first row whose own identity does not hold; of a row with an amount that is none nothing can be said.
    fn keep_row_check(&mut self, line: u64) {
        if self.kept.row_check.is_some() {
            return;
        }
        for check in &self.plan.row_checks {
            let computed = self.sum(&check.add, &check.subtract);
            if let Some(stated) = self.slots[check.equals].filter(|&stated| stated != computed) {
                self.kept.row_check = Some((line, check.column.clone(), computed, stated));
            }
        }
    }

    fn holds(&self, tests: &[Test], cells: Cells) -> bool {
        tests.iter().all(|test| match test {
            Test::OneOf(cell, words) => {
                let cell = cell.map_or(&b""[..], |cell| cells.get(cell));
                words.iter().any(|word| word.eq_ignore_ascii_case(cell))
            }
            Test::Signed(slot, sign) => {
                let negative = self.slots[*slot].is_some_and(|amount| amount < Amount::ZERO);
                negative == (*sign == Sign::Negative)
            }
        })
    }

    fn fill(&mut self, target: usize, fill: &Fill, cells: Cells) -> Result<(), Refusal> {
        let required = !self.plan.targets[target].nullable;
        match (fill, &mut self.building[target]) {
            (Fill::Nothing, building) => push_nothing(building),
            (Fill::Text(rule), Building::Text(texts)) => {
                let value = rule.value(cells, self.plan.encoding, &mut self.scratch)?;
                if required && value.is_none() {
                    return refuse(rule.cells.first().copied(), "is empty");
                }
                texts.push(value.as_deref());
            }
            (Fill::Text(rule), Building::Word(words)) => {
                let code = word_code(rule, words, cells, self.plan.encoding, &mut self.scratch)?;
                words.push(code);
                if required && words.last().is_none() {
                    return refuse(rule.cells.first().copied(), "is empty");
                }
            }
            (Fill::Amount { add, subtract, default, .. }, Building::Decimal { values, valid, .. }) => {
                let mut slots = add.iter().chain(subtract).peekable();
                let first = slots.peek().map(|&&slot| self.plan.amounts[slot].cell);
                let stated = slots.any(|&slot| self.slots[slot].is_some());
                let total = |slots: &[usize]| slots.iter().filter_map(|&slot| self.slots[slot]).sum::<Amount>();
                let amount = if stated { Some(total(add) - total(subtract)) } else { *default };
                if required && amount.is_none() {
                    return refuse(first, "is empty");
                }
                if amount.is_some_and(|amount| !amount.fits()) {
                    return refuse(first, format!("adds up to {}", NotAnAmount::TooLarge));
                }
                values.push(amount.unwrap_or_default().0);
                valid.push(amount.is_some());
            }
            (Fill::Rate(cell), Building::Decimal { values, valid, .. }) => {
                let rate = rate(cells.get(*cell)).ok_or(()).or_else(|()| refuse(Some(*cell), "is not a rate of exchange"))?;
                values.push(rate.unwrap_or_default());
                valid.push(rate.is_some());
            }
            (Fill::Instant { cells: sources, pattern, zone }, Building::Instant(values, valid)) => {
                let source = sources.iter().copied().find(|&source| !cells.get(source).is_empty());
                let Some(source) = source else {
                    if required {
                        return refuse(sources.first().copied(), "is empty");
                    }
                    values.push(0);
                    valid.push(false);
                    return Ok(());
                };
                let text = std::str::from_utf8(cells.get(source)).unwrap_or_default();
                let Some((local, offset)) = local_micros(text, pattern) else { return refuse(Some(source), "is not a time") };
                let instant = match (offset, zone) {
                    (Some(seconds), _) => Some(local - seconds * 1_000_000),
                    (None, zone) => zone_clock(&mut self.zones[target], zone, cells)?.instant(local),
                };
                let Some(instant) = instant else { return refuse(Some(source), "never was in its time zone") };
                values.push(instant);
                valid.push(true);
            }
            (Fill::Day { cells: sources, pattern }, Building::Date(values, valid)) => {
                let source = sources.iter().copied().find(|&source| !cells.get(source).is_empty());
                let text = source.map(|source| std::str::from_utf8(cells.get(source)).unwrap_or_default());
                let day = text.map(|text| day(text, pattern));
                if day == Some(None) {
                    return refuse(source, "is not a date");
                }
                values.push(day.flatten().unwrap_or_default());
                valid.push(day.is_some());
            }
            (fill, building) => panic!("a plan fills {building:?} with {fill:?}"),
        }
        Ok(())
    }

    /// Where a format states no net, net is gross less fee by definition.
    fn compute_net(&mut self) {
        let Some([gross, fee, net]) = self.net else { return };
        let last = |building: &Building| match building {
            Building::Decimal { values, .. } => values.last().copied().unwrap_or_default(),
            _ => 0,
        };
        let amount = Amount(last(&self.building[gross])) - Amount(last(&self.building[fee]));
        if let Building::Decimal { values, valid, .. } = &mut self.building[net] {
            values.pop();
            valid.pop();
            values.push(amount.0);
            valid.push(true);
        }
    }

    /// A currency is a code of three capital letters, and an amount whose rule states no decimals of its own has at
    /// most those of its currency.
    fn check_currencies(&mut self, kind: &KindPlan) -> Result<(), Refusal> {
        for currency in &mut self.currencies {
            let Building::Word(words) = &self.building[currency.target] else { continue };
            let Some(code) = words.last_code() else { continue };
            let decimals = match currency.decimals.get(code).copied().flatten() {
                Some(decimals) => decimals,
                None => match currency.learn(code, words.last().unwrap_or_default()) {
                    Some(decimals) => decimals,
                    None => return refuse(kind.first_cell(currency.target), "is not a currency"),
                },
            };
            for &target in &currency.amounts {
                let (Fill::Amount { add, subtract, own_decimals: false, .. }, Building::Decimal { values, .. }) =
                    (&kind.fills[target], &self.building[target])
                else {
                    continue;
                };
                if values.last().is_some_and(|&value| !Amount(value).fits_decimals(decimals)) {
                    let finer = |slot: &&usize| self.slots[**slot].is_some_and(|amount| !amount.fits_decimals(decimals));
                    let cell = add.iter().chain(subtract).find(finer).map(|&slot| self.plan.amounts[slot].cell);
                    return refuse(cell, format!("has more decimals than {}", words.last().unwrap_or_default()));
                }
            }
        }
        Ok(())
    }
}

/// A target that holds a currency.
struct Currency {
    target: usize,
    /// The targets that hold amounts in it.
    amounts: Vec<usize>,
    /// Digits after the point of each currency met, by its code in the column.
    decimals: Vec<Option<u32>>,
}

impl Currency {
    fn of(plan: &Plan, name: &str) -> Option<Self> {
        let target = plan.targets.iter().position(|column| column.name == name)?;
        let amounts = (0..plan.targets.len()).filter(|&at| plan.targets[at].unit == name).collect();
        Some(Self { target, amounts, decimals: Vec::new() })
    }

    /// Digits of a currency met for the first time; none where it is no currency.
    fn learn(&mut self, code: usize, currency: &str) -> Option<u32> {
        let is_currency = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
        if self.decimals.len() <= code {
            self.decimals.resize(code + 1, None);
        }
        self.decimals[code] = is_currency.then(|| minor_digits(currency));
        self.decimals[code]
    }
}

impl KindPlan {
    /// The first cell the fill of a target reads.
    fn first_cell(&self, target: usize) -> Option<usize> {
        match &self.fills[target] {
            Fill::Text(rule) => rule.cells.first().copied(),
            _ => None,
        }
    }
}

fn push_nothing(building: &mut Building) {
    match building {
        Building::Text(texts) => texts.push(None),
        Building::Word(words) => {
            let nothing = words.code(None);
            words.push(nothing);
        }
        Building::Decimal { values, valid, .. } => {
            values.push(0);
            valid.push(false);
        }
        Building::Instant(values, valid) => {
            values.push(0);
            valid.push(false);
        }
        Building::Date(values, valid) => {
            values.push(0);
            valid.push(false);
        }
    }
}

/// The code of a word; raw cells seen before are not worked out again.
fn word_code(
    rule: &TextFill,
    words: &mut Words,
    cells: Cells,
    encoding: Encoding,
    scratch: &mut Vec<u8>,
) -> Result<i32, Refusal> {
    let raw: Cow<[u8]> = match rule.cells[..] {
        [] => Cow::Borrowed(b""),
        [only] => Cow::Borrowed(cells.get(only)),
        _ => {
            let mut all = Vec::new();
            for &cell in &rule.cells {
                all.extend_from_slice(cells.get(cell));
                all.push(0x1f);
            }
            Cow::Owned(all)
        }
    };
    if let Some(code) = words.recall(&raw) {
        return Ok(code);
    }
    let value = rule.value(cells, encoding, scratch)?;
    let code = words.code(value.as_deref());
    words.remember(&raw, code);
    Ok(code)
}

impl TextFill {
    /// The first value the cells give, or the default.
    fn value<'a>(&'a self, cells: Cells<'a>, encoding: Encoding, scratch: &mut Vec<u8>) -> Result<Option<Cow<'a, str>>, Refusal> {
        for &source in &self.cells {
            let cell = cells.get(source);
            // A reference kept as it stands is what most cells are.
            if self.is_plain() && !cell.is_empty() {
                return kept(cell, source, encoding);
            }
            if cell.is_empty() || self.empty.iter().any(|empty| empty == cell) {
                continue;
            }
            if let Some(value) = self.mapped(cell, source, encoding, scratch)? {
                return Ok(Some(value));
            }
        }
        Ok(self.default.as_deref().map(Cow::Borrowed))
    }

    fn mapped<'a>(
        &'a self,
        cell: &'a [u8],
        source: usize,
        encoding: Encoding,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some(case) = self.case else { return self.chosen(cell, source, encoding) };
        scratch.clear();
        scratch.extend_from_slice(cell);
        match case {
            Case::Lower => scratch.make_ascii_lowercase(),
            Case::Upper => scratch.make_ascii_uppercase(),
        }
        // Owned because the scratch is used again for the next cell; changes of case are for words of few values.
        Ok(self.chosen(scratch, source, encoding)?.map(|value| Cow::Owned(value.into_owned())))
    }

    fn is_plain(&self) -> bool {
        self.map.is_empty() && self.empty.is_empty() && self.case.is_none() && self.otherwise == Otherwise::Keep
    }

    fn chosen<'a>(&'a self, cell: &'a [u8], source: usize, encoding: Encoding) -> Result<Option<Cow<'a, str>>, Refusal> {
        if let Some((_, word)) = self.map.iter().find(|(pattern, _)| pattern.fits(cell)) {
            return Ok((!word.is_empty()).then_some(Cow::Borrowed(word)));
        }
        match self.otherwise {
            Otherwise::Keep => kept(cell, source, encoding),
            Otherwise::Empty => Ok(None),
            Otherwise::Reject => {
                let mut words: Vec<&str> = self.map.iter().map(|(_, word)| word.as_str()).collect();
                words.dedup();
                refuse(Some(source), format!("is not one of {}", words.join(", ")))
            }
        }
    }
}

/// A cell as it stands.
fn kept(cell: &[u8], source: usize, encoding: Encoding) -> Result<Option<Cow<'_, str>>, Refusal> {
    match text(cell, encoding) {
        Some(text) => Ok(Some(text)),
        None => refuse(Some(source), "is not text of the file's encoding"),
    }
}

/// A cell as UTF-8; ASCII is not copied.
fn text(cell: &[u8], encoding: Encoding) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Gb18030 if !cell.is_ascii() => encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(cell),
        _ => std::str::from_utf8(cell).ok().map(Cow::Borrowed),
    }
}

/// A cell as text for a group's name.
fn decoded(cell: &[u8], encoding: Encoding) -> String {
    text(cell, encoding).unwrap_or_default().into_owned()
}

/// The clock of a time: one zone for the file, or the zone a cell names.
fn zone_clock<'z>(kept: &'z mut Option<Zone>, zone: &ZoneOf, cells: Cells) -> Result<&'z mut Zone, Refusal> {
    let wanted = match zone {
        ZoneOf::Text => return refuse(None, "states no offset"),
        ZoneOf::Fixed(zone) => *zone,
        ZoneOf::Cell(cell, names) => {
            let name = std::str::from_utf8(cells.get(*cell)).unwrap_or_default();
            match names.get(name).copied().or_else(|| name.parse().ok()) {
                Some(zone) => zone,
                None => return refuse(Some(*cell), "is not a time zone the format knows"),
            }
        }
    };
    if kept.as_ref().is_none_or(|kept| kept.name() != wanted) {
        *kept = Some(Zone::new(wanted));
    }
    Ok(kept.as_mut().expect("it was just made"))
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
    let digit = |at: usize| i128::from(part.get(at).map_or(0, |byte| byte - b'0'));
    let whole = whole.iter().fold(0, |value, byte| value * 10 + i128::from(byte - b'0'));
    let rate = (0..12).fold(whole, |value, at| value * 10 + digit(at));
    Some(Some(rate + i128::from(digit(12) >= 5)))
}

fn is_amount(cell: &[u8], decimals: u32) -> bool {
    !cell.is_empty() && Amount::parse(cell, decimals).is_ok()
}
