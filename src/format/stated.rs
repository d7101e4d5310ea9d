//! Lines of a file that state totals of the rows before them, told by their first cell, such as `SF`, `RF` and `FF`.
//!
//! The figures of all lines of one kind and group are added up and held against the rows of that group, so that it
//! does not matter in how many sections the rows came. What a line says of a whole delivery is held against all its
//! files.

use std::collections::{BTreeMap, BTreeSet};

use super::container::decode;
use super::control::{Kept, Tied, does_not_tie, truncated};
use super::read::Decoded;
use super::split::Splitter;
use super::written::Written;
use super::{Balance, Format, Stated, Total};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::money::Amount;

/// Holds what one file states of its own rows against what was kept of them.
pub fn check(format: &Format, kept: &Kept) -> Result<Vec<Tied>> {
    let lines = lines(format, kept);
    let mut tied = Vec::new();
    for (place, stated) in places(format) {
        let of_line: Vec<&Line> = lines.iter().filter(|line| line.record() == stated.record).collect();
        for line in &of_line {
            if let Some(balance) = &stated.balance {
                check_balance(stated, balance, line)?;
            }
        }
        if stated.whole_delivery {
            continue;
        }
        tied.extend(hold(stated, place, &of_line, &[kept])?);
    }
    Ok(tied)
}

/// Holds what the files of one delivery state together against all their rows.
pub fn check_delivery(format: &Format, files: &[&Decoded]) -> Result<Vec<Tied>> {
    let lines: Vec<Vec<Line>> = files.iter().map(|file| lines(format, &file.kept)).collect();
    check_sequence(format, &lines)?;
    let kept: Vec<&Kept> = files.iter().map(|file| &file.kept).collect();
    let mut tied = Vec::new();
    for (place, stated) in places(format).filter(|(_, stated)| stated.whole_delivery) {
        let of_line: Vec<&Line> = lines.iter().flatten().filter(|line| line.record() == stated.record).collect();
        tied.extend(hold(stated, place, &of_line, &kept)?);
    }
    Ok(tied)
}

/// Every kind of line with the place its first total has among the groups that are kept.
fn places(format: &Format) -> impl Iterator<Item = (usize, &Stated)> {
    format.stated.iter().scan(format.closing.len(), |next, stated| {
        let place = *next;
        *next += stated.totals.len();
        Some((place, stated))
    })
}

/// A line that is no row: its number and its cells.
struct Line {
    number: u64,
    cells: Vec<String>,
}

impl Line {
    fn record(&self) -> &str {
        self.cells.first().map_or("", String::as_str)
    }

    /// The cell at a position counted from one, the record being the first.
    fn at(&self, position: usize) -> &str {
        self.cells.get(position.wrapping_sub(1)).map_or("", String::as_str)
    }
}

fn lines(format: &Format, kept: &Kept) -> Vec<Line> {
    if format.file.records.is_none() {
        return Vec::new();
    }
    let splitter = Splitter::of(format);
    let cells = |text: &[u8]| splitter.header(text).iter().map(|cell| decode(cell, format.file.encoding)).collect();
    kept.comments.iter().map(|(number, text)| Line { number: *number, cells: cells(text) }).collect()
}

/// One kind of line against the rows of `kept`, whose groups of its first total stand at `place`.
fn hold(stated: &Stated, place: usize, lines: &[&Line], kept: &[&Kept]) -> Result<Vec<Tied>> {
    let Some(first) = lines.first() else {
        return if stated.required { Err(truncated(&format!("a line {}", stated.record))) } else { Ok(Vec::new()) };
    };
    let mut tied = Vec::new();
    // What moves in groups of which no line speaks.
    let mut unsaid: BTreeMap<String, Amount> = BTreeMap::new();
    for (at, total) in stated.totals.iter().enumerate() {
        let mut said: BTreeMap<String, (Amount, u64)> = BTreeMap::new();
        for line in lines {
            let group: Vec<&str> = stated.group.iter().map(|&position| line.at(position)).collect();
            let figure = figure(stated, total, line)?;
            let entry = said.entry(group.join(" ")).or_insert((Amount::ZERO, line.number));
            entry.0 += figure;
        }
        let mut summed: BTreeMap<String, Amount> = BTreeMap::new();
        for ((_, group), (sum, _)) in
            kept.iter().flat_map(|kept| kept.groups.range((place + at, String::new())..(place + at + 1, String::new())))
        {
            *summed.entry(group.clone()).or_default() += *sum;
        }
        let groups: BTreeSet<&String> = said.keys().chain(summed.keys()).collect();
        for group in groups {
            let computed = summed.get(group).copied().unwrap_or_default();
            // A group no line speaks of moves nothing, or its line is missing.
            let (figure, line) = said.get(group).copied().unwrap_or((Amount::ZERO, first.number));
            let name = [stated.record.as_str(), group, &total.name].into_iter().filter(|part| !part.is_empty());
            let name = name.collect::<Vec<_>>().join(" ");
            let shown = |amount: Amount| if total.count { amount.in_currency("JPY") } else { amount.to_string() };
            let is_unsaid = !said.contains_key(group);
            if is_unsaid && stated.omits_settled {
                *unsaid.entry(group.clone()).or_default() += stated.moved(total, computed);
                continue;
            }
            if figure != computed {
                return Err(does_not_tie(&name, &shown(figure), &shown(computed), &shown(figure - computed)).line(line));
            }
            if !is_unsaid {
                tied.push(Tied { name, figure: shown(figure) });
            }
        }
    }
    match unsaid.iter().find(|(_, moved)| **moved != Amount::ZERO) {
        Some((group, moved)) => {
            Err(does_not_tie(&format!("{} {group}", stated.record), "nothing", &moved.to_string(), &moved.to_string())
                .line(first.number))
        }
        None => Ok(tied),
    }
}

impl Stated {
    /// What a total adds to the balance of its group.
    fn moved(&self, total: &Total, sum: Amount) -> Amount {
        let among = |positions: fn(&Balance) -> &Vec<usize>| {
            self.balance.iter().any(|balance| total.at.is_some_and(|at| positions(balance).contains(&at)))
        };
        match (among(|balance| &balance.add), among(|balance| &balance.subtract)) {
            (true, _) => sum,
            (_, true) => -sum,
            _ => Amount::ZERO,
        }
    }
}

/// A figure of a line.
fn figure(stated: &Stated, total: &Total, line: &Line) -> Result<Amount> {
    let position = total.at.unwrap_or_default();
    let implied_decimals = if total.count { 0 } else { stated.implied_decimals };
    amount(line.at(position), implied_decimals).map_err(|why| {
        Error::data(format!("the total that the file states is {why}, and nothing of this file is booked"))
            .line(line.number)
            .column(format!("{} {}", stated.record, total.name))
            .found(masked(line.at(position)))
            .next("keep the file as the provider served it, or fetch it again")
    })
}

/// Within one line: opening, and what was added and taken off, is closing.
fn check_balance(stated: &Stated, balance: &Balance, line: &Line) -> Result<()> {
    let read = |positions: &[usize]| {
        positions.iter().try_fold(Amount::ZERO, |sum, &position| {
            amount(line.at(position), stated.implied_decimals).map(|amount| sum + amount)
        })
    };
    // A balance stands behind the letters that tell its sign.
    let signed = |position: usize| {
        let amount = read(&[position])?;
        let is_debit = line.at(position - 1).eq_ignore_ascii_case(&balance.debit);
        Ok(if is_debit { -amount } else { amount })
    };
    let figures = (|| Ok((signed(balance.opening)?, read(&balance.add)?, read(&balance.subtract)?, signed(balance.closing)?)))();
    let wrong = |why: crate::money::NotAnAmount| {
        Error::data(format!("a balance that the file states is {why}, and nothing of this file is booked")).line(line.number)
    };
    let (opening, added, taken, closing) = figures.map_err(wrong)?;
    let computed = opening + added - taken;
    if computed != closing {
        let group: Vec<&str> = stated.group.iter().map(|&position| line.at(position)).collect();
        let name = format!("{} {} closing balance", stated.record, group.join(" "));
        let difference = closing - computed;
        return Err(does_not_tie(&name, &closing.to_string(), &computed.to_string(), &difference.to_string()).line(line.number));
    }
    Ok(())
}

fn amount(cell: &str, implied_decimals: u32) -> std::result::Result<Amount, crate::money::NotAnAmount> {
    if cell.is_empty() {
        return Ok(Amount::ZERO);
    }
    let written = Written {
        implied_decimals,
        negative: Vec::new(),
        always_negative: false,
        letters: Vec::new(),
        decimal_point: b'.',
        thousands: None,
    };
    written.read(cell.as_bytes(), 8)
}

/// A report of several files has them all: numbered from one on, and the last says so.
fn check_sequence(format: &Format, files: &[Vec<Line>]) -> Result<()> {
    let Some(sequence) = format.file.records.as_ref().and_then(|records| records.sequence.as_ref()) else { return Ok(()) };
    let number = |file: &Vec<Line>| {
        let line = file.iter().find(|line| line.record() == sequence.record)?;
        line.at(sequence.at).parse::<u32>().ok()
    };
    let numbers: BTreeSet<u32> = files.iter().filter_map(number).collect();
    let Some(last) = numbers.last() else { return Ok(()) };
    if let Some(missing) = (1..*last).find(|number| !numbers.contains(number)) {
        return Err(Error::data("a file of this report is missing, and nothing of it is booked")
            .expected(format!("files 1 to {last}"))
            .found(format!("no file {missing}"))
            .next("fetch the file that is missing"));
    }
    if files.iter().any(|file| file.iter().any(|line| line.record() == sequence.last)) {
        return Ok(());
    }
    Err(Error::data("the last file of this report is missing, and nothing of it is booked")
        .expected(format!("a file with a line {}", sequence.last))
        .found(format!("{} of {} files without one", files.len(), files.len()))
        .next("fetch the files that are missing"))
}
