//! Sheets `Exceptions` and `Timing`: a row per break that is open, and per one that is waiting in time; each with a cell
//! in which a person types.

use std::cmp::Reverse;

use super::Workbook;
use super::rows::Made;
use super::sheet::{Cell, Column, Style, listing};
use crate::report::page::breaks::{SEVERITIES, at_stake, rank};
use crate::report::page::rows::Rows;
use crate::report::page::words::Words;

/// The states that have a sheet.
pub(super) const STATES: [&str; 2] = ["open", "waiting"];

/// Columns that are printed: all but the identifiers at the end.
const PRINTED: usize = 16;

/// What the sheet of a state is called.
pub(super) fn name_of<'w>(state: &str, words: &'w Words) -> &'w str {
    words.say(if state == "open" { "sheet.exceptions" } else { "sheet.timing" })
}

/// The label under which a break is told.
pub(super) fn label_of_break(words: &Words) -> &str {
    words.say("column.break_id")
}

fn columns(words: &Words) -> Vec<Column> {
    let column = |name: &str, width| Column::text(words.say(&format!("column.{name}")), width);
    let number = |name: &str, width| Column::number(words.say(&format!("column.{name}")), width);
    let book = |name: &str, width| Column::text(words.say(&format!("book.{name}")), width);
    let amount = |name: &str, width| Column::number(words.say(&format!("book.{name}")), width);
    vec![
        column("break_type", 23),
        column("severity", 11),
        column("provider", 13),
        column("currency", 10),
        number("difference", 14),
        amount("merchant_amount", 14),
        amount("provider_amount", 14),
        column("first_seen", 13),
        number("age_days", 8),
        column("merchant_reference", 23),
        column("provider_reference", 32),
        column("suggested_action", 36),
        column("detail", 36),
        book("comment", 40),
        book("commented_by", 22),
        Column::text(label_of_break(words), 31),
        number("at_stake", 14),
        book("age_bucket", 9),
        column("order_id", 23),
        column("account", 21),
        column("attempt_id", 25),
        column("refund_id", 25),
        column("entry_id", 31),
    ]
}

/// The breaks in a state, the most severe first and of these the largest of each currency.
pub(super) fn sheets<'b>(book: &'b Workbook, state: &str, words: &'b Words, style: &Style) -> Vec<Made<'b>> {
    let name = name_of(state, words);
    let Some(rows) = book.night.rows("breaks") else {
        return listing(name, style, &columns(words), PRINTED, 0, |_| Vec::new(), book.rows);
    };
    let mut order: Vec<usize> = (0..rows.len()).filter(|&row| rows.text("state", row) == state).collect();
    order.sort_by_cached_key(|&row| {
        let severity = rank(&SEVERITIES, rows.text("severity", row));
        (severity, rows.text("currency", row).to_owned(), Reverse(at_stake(rows, row)), row)
    });
    listing(name, style, &columns(words), PRINTED, order.len(), move |at| cells(book, rows, order[at], words), book.rows)
}

fn cells(book: &Workbook, rows: &Rows, row: usize, words: &Words) -> Vec<Cell> {
    let text = |name: &str| rows.text(name, row);
    let word = |name: &str| Cell::text(&words.word(name, text(name)));
    let currency = text("currency");
    let money = |name: &str| Cell::money(rows.amount(name, row), currency);
    let provider = if text("provider").is_empty() { "bank" } else { text("provider") };
    let comment = book.comments.last(text("break_id"));
    let by = comment
        .map(|comment| format!("{}, {}", comment.by, book.moment(comment.at.timestamp_micros()).unwrap_or_default().date()));
    vec![
        word("break_type"),
        word("severity"),
        Cell::text(&words.word("provider", provider)),
        Cell::text(currency),
        money("difference"),
        money("merchant_amount"),
        money("provider_amount"),
        Cell::date(rows.date("first_seen", row)),
        Cell::Count(rows.count("age_days", row)),
        Cell::id(text("merchant_reference")),
        Cell::id(text("provider_reference")),
        Cell::text(words.find("action", text("break_type")).unwrap_or_else(|| text("suggested_action"))),
        Cell::text(text("detail")),
        Cell::Comment(comment.map(|comment| comment.text.clone()).unwrap_or_default()),
        Cell::text(&by.unwrap_or_default()),
        Cell::id(text("break_id")),
        Cell::Money(at_stake(rows, row), currency.to_owned()),
        Cell::text(text("age_bucket")),
        Cell::id(text("order_id")),
        Cell::id(text("account")),
        Cell::id(text("attempt_id")),
        Cell::id(text("refund_id")),
        Cell::id(text("entry_id")),
    ]
}
