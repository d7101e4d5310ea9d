//! Sheet `Ageing`: the breaks that are open or waiting by their age, in business dates.

use std::collections::BTreeMap;

use rust_xlsxwriter::Worksheet;

use super::Workbook;
use super::sheet::{Cell, Sheet, Style};
use crate::money::Amount;
use crate::report::page::breaks::{AGES, rank};
use crate::report::page::words::Words;

/// Breaks of one age, and the sum of their differences.
type Aged = [(i64, Amount); AGES.len()];

pub(super) fn sheet(book: &Workbook, words: &Words, style: &Style) -> Worksheet {
    let mut sheet = Sheet::new(words.say("sheet.ageing"), style);
    sheet.widths(&[30, 12, 11, 9, 16, 9, 16, 9, 16, 9, 16, 9, 16, 9, 16]);
    sheet.title(words.say("book.ageing"));
    sheet.note(words.say("book.ageing_is"));
    sheet.heading(words.say("sheet.ageing"));
    let aged = aged(book, |rows, row| [rows("provider", row), rows("state", row), rows("currency", row)], &["open", "waiting"]);
    let rows = aged.iter().map(|([provider, state, currency], aged)| {
        let provider = words.word("provider", if provider.is_empty() { "bank" } else { provider });
        line([Cell::text(&provider), Cell::text(&words.word("state", state)), Cell::text(currency)], aged, currency)
    });
    sheet.table(&labels(["provider", "state", "currency"], words), rows.collect::<Vec<_>>());
    sheet.heading(words.say("book.ageing_types"));
    let aged = aged_by_type(book);
    let rows = aged.iter().map(|([kind, severity, currency], aged)| {
        let head = [words.word("break_type", kind), words.word("severity", severity)].map(|word| Cell::text(&word));
        let [kind, severity] = head;
        line([kind, severity, Cell::text(currency)], aged, currency)
    });
    sheet.table(&labels(["break_type", "severity", "currency"], words), rows.collect::<Vec<_>>());
    sheet.into_worksheet()
}

fn aged_by_type(book: &Workbook) -> BTreeMap<[String; 3], Aged> {
    aged(book, |rows, row| [rows("break_type", row), rows("severity", row), rows("currency", row)], &["open"])
}

/// The breaks in some states by a key, and by age.
fn aged(
    book: &Workbook,
    key: impl Fn(&dyn Fn(&str, usize) -> String, usize) -> [String; 3],
    states: &[&str],
) -> BTreeMap<[String; 3], Aged> {
    let mut aged: BTreeMap<[String; 3], Aged> = BTreeMap::new();
    let Some(rows) = book.night.rows("breaks") else { return aged };
    let text = |name: &str, row: usize| rows.text(name, row).to_owned();
    for row in (0..rows.len()).filter(|&row| states.contains(&rows.text("state", row))) {
        let of = aged.entry(key(&text, row)).or_default();
        let bucket = rank(&AGES, rows.text("age_bucket", row));
        let sum = of.get_mut(bucket).expect("a break is of an age that there is");
        sum.0 += 1;
        sum.1 += rows.sum("difference", row);
    }
    aged
}

fn labels(head: [&str; 3], words: &Words) -> Vec<String> {
    let head = head.map(|name| words.say(&format!("column.{name}")).to_owned());
    let ages = AGES.iter().flat_map(|days| ["book.count", "book.amount"].map(|key| words.fill(key, &[("days", days)])));
    let all = ["book.all", "book.all_amount"].map(|key| words.say(key).to_owned());
    head.into_iter().chain(ages).chain(all).collect()
}

fn line(head: [Cell; 3], aged: &Aged, currency: &str) -> Vec<Cell> {
    let all = aged.iter().fold((0, Amount::ZERO), |(count, sum), of| (count + of.0, sum + of.1));
    let figures =
        aged.iter().chain([&all]).flat_map(|(count, sum)| [Cell::Count(*count), Cell::Money(*sum, currency.to_owned())]);
    head.into_iter().chain(figures).collect()
}
