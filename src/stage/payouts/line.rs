//! One line of a bank statement: where it comes from, where it ends, and the rows of `open_bank_lines`.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Date32Type};

use super::meet::{Meeting, Met};
use super::{Rules, Unexplained};
use crate::error::Result;
use crate::money::Amount;
use crate::stage::reconcile::BreakType;
use crate::table::build::{self, date_of, day_number};
use crate::table::part::{self, ids, texts};
use crate::table::payouts::OPEN_BANK_LINES;
use crate::table::read::{amount, amounts, column, dates, text, words};
use crate::table::rows::Rows;

/// The columns in which a payout may be named, but for the text.
const REFERENCES: [&str; 3] = ["end_to_end_reference", "customer_reference", "line_reference"];

/// A booked line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) bank: String,
    pub(super) account: String,
    /// In the order of [`REFERENCES`].
    pub(super) references: [Option<String>; 3],
    pub(super) text: Option<String>,
    pub(super) currency: String,
    pub(super) amount: Amount,
    pub(super) booked_on: i32,
    pub(super) first_seen: i32,
    pub(super) expected_by: i32,
}

impl Line {
    /// Whether someone has to say what it is, if no payout does.
    pub(super) fn is_asked_about(&self, rules: &Rules) -> bool {
        match rules.banks.get(&[self.bank.as_str(), self.account.as_str()]).copied().unwrap_or_default() {
            Unexplained::All => true,
            Unexplained::Credits => self.amount > Amount::ZERO,
            Unexplained::None => false,
        }
    }
}

/// Tonight's booked lines, and those the night before left open, in the order of their identities. A line that is
/// delivered again is the same line.
pub(super) fn known(bank_lines: &Rows, carried: &RecordBatch, rules: &Rules) -> Result<Vec<Line>> {
    let night = day_number(rules.night);
    let expected_by = day_number((rules.settles)(None, rules.night)?);
    let mut lines: BTreeMap<String, Line> = open(carried).map(|line| (line.id.clone(), line)).collect();
    for part in &bank_lines.parts {
        for row in (0..part.num_rows()).filter(|&row| unbooked(part, row).is_none()) {
            let line = of_part(part, row, night, expected_by);
            let since = lines.get(&line.id).map_or((night, expected_by), |before| (before.first_seen, before.expected_by));
            lines.insert(line.id.clone(), Line { first_seen: since.0, expected_by: since.1, ..line });
        }
    }
    Ok(lines.into_values().collect())
}

/// Why a row of `bank_lines` is in no balance, if it is in none.
fn unbooked(part: &RecordBatch, row: usize) -> Option<&'static str> {
    if words(part, "status").get(row) != "booked" {
        return Some("not_booked");
    }
    (part::amounts(part, "amount").get(row) == Some(Amount::ZERO)).then_some("nothing")
}

fn of_part(part: &RecordBatch, row: usize, night: i32, expected_by: i32) -> Line {
    let text = |name: &str| texts(part, name).stated(row).map(ToOwned::to_owned);
    let word = |name: &str| words(part, name).get(row).to_owned();
    let booked_on = column(part, "booked_on");
    let booked_on = match booked_on.data_type() {
        DataType::Null => None,
        _ => Some(booked_on.as_primitive::<Date32Type>()).filter(|days| days.is_valid(row)).map(|days| days.value(row)),
    };
    Line {
        id: ids(part, "bank_line_id").get(row).with_text(ToOwned::to_owned),
        bank: word("bank"),
        account: word("account"),
        references: REFERENCES.map(text),
        text: text("text"),
        currency: word("currency"),
        amount: part::amounts(part, "amount").get(row).expect("a bank line has an amount"),
        booked_on: booked_on.unwrap_or(night),
        first_seen: night,
        expected_by,
    }
}

fn open(table: &RecordBatch) -> impl Iterator<Item = Line> {
    let said = |column: &StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
    let [bank, account, currency] = ["bank", "account", "currency"].map(|name| words(table, name));
    let [booked_on, first_seen, expected_by] = ["booked_on", "first_seen", "expected_by"].map(|name| dates(table, name));
    let (id, texts, sums) = (text(table, "bank_line_id"), text(table, "text"), amounts(table, "amount"));
    let references = REFERENCES.map(|name| text(table, name));
    (0..table.num_rows()).map(move |row| Line {
        id: id.value(row).to_owned(),
        bank: bank.get(row).to_owned(),
        account: account.get(row).to_owned(),
        references: references.map(|column| said(column, row)),
        text: said(texts, row),
        currency: currency.get(row).to_owned(),
        amount: amount(sums, row).unwrap_or_default(),
        booked_on: booked_on.value(row),
        first_seen: first_seen.value(row),
        expected_by: expected_by.value(row),
    })
}

/// Where a line ended tonight: a word, and why.
fn outcome(line: &Line, met: &Met, rules: &Rules) -> (&'static str, Option<&'static str>) {
    match met {
        Met::Group { pass, .. } => ("payout", Some(pass)),
        Met::Ambiguous(_) => ("break", Some(BreakType::Ambiguous.as_str())),
        Met::Differs(_) => ("break", Some(BreakType::PayoutNotInBank.as_str())),
        Met::Alone if !line.is_asked_about(rules) => ("excluded", Some("unwatched")),
        Met::Alone if rules.night < date_of(line.expected_by) => ("waiting", Some(BreakType::BankUnexplained.as_str())),
        Met::Alone => ("break", Some(BreakType::BankUnexplained.as_str())),
    }
}

/// The columns `outcome` and `outcome_reason` of `bank_lines`, by part.
pub(super) fn outcomes(
    bank_lines: &Rows,
    lines: &[Line],
    meeting: &Meeting,
    rules: &Rules,
) -> [(&'static str, Vec<ArrayRef>); 2] {
    let numbers: BTreeMap<&str, usize> = lines.iter().enumerate().map(|(number, line)| (line.id.as_str(), number)).collect();
    let of_booked = |part: &RecordBatch, row: usize| {
        let number = ids(part, "bank_line_id").get(row).with_text(|id| numbers[id]);
        outcome(&lines[number], meeting.of_line(number), rules)
    };
    let of_row =
        |part: &RecordBatch, row: usize| unbooked(part, row).map_or_else(|| of_booked(part, row), |why| ("excluded", Some(why)));
    let said: Vec<Vec<(&str, Option<&str>)>> =
        bank_lines.parts.iter().map(|part| (0..part.num_rows()).map(|row| of_row(part, row)).collect()).collect();
    let narrow = |words: Vec<Option<&'static str>>| part::few_words(&words);
    [
        ("outcome", said.iter().map(|part| narrow(part.iter().map(|(word, _)| Some(*word)).collect())).collect()),
        ("outcome_reason", said.iter().map(|part| narrow(part.iter().map(|(_, why)| *why).collect())).collect()),
    ]
}

/// The table `open_bank_lines`: lines that are in no payout, and that someone has to say something about.
pub(super) fn table(lines: &[Line], meeting: &Meeting, rules: &Rules) -> RecordBatch {
    let is_open = |(number, line): &(usize, &Line)| match meeting.of_line(*number) {
        Met::Group { .. } => false,
        Met::Ambiguous(_) | Met::Differs(_) => true,
        Met::Alone => line.is_asked_about(rules),
    };
    let mut open: Vec<&Line> = lines.iter().enumerate().filter(is_open).map(|(_, line)| line).collect();
    open.sort_by(|one, other| (&one.bank, &one.id).cmp(&(&other.bank, &other.id)));
    let word = |of: fn(&Line) -> &str| build::words(open.iter().map(|line| Some(of(line))));
    let written = |of: fn(&Line) -> Option<&str>| build::texts(open.iter().map(|line| of(line)));
    let day = |of: fn(&Line) -> i32| build::dates(open.iter().map(|line| Some(of(line))));
    OPEN_BANK_LINES.batch([
        ("bank_line_id", written(|line| Some(&line.id))),
        ("business_date", build::same_date(rules.night, open.len())),
        ("bank", word(|line| &line.bank)),
        ("account", word(|line| &line.account)),
        ("end_to_end_reference", written(|line| line.references[0].as_deref())),
        ("customer_reference", written(|line| line.references[1].as_deref())),
        ("line_reference", written(|line| line.references[2].as_deref())),
        ("text", written(|line| line.text.as_deref())),
        ("currency", word(|line| &line.currency)),
        ("amount", build::amounts(open.iter().map(|line| Some(line.amount)))),
        ("booked_on", day(|line| line.booked_on)),
        ("first_seen", day(|line| line.first_seen)),
        ("expected_by", day(|line| line.expected_by)),
    ])
}
