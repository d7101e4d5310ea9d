//! What providers pay out, and what of it is in the bank.

use std::collections::BTreeMap;

use super::figure;
use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::rows::Rows;
use super::words::Words;
use crate::mask::card_numbers;
use crate::money::Amount;

/// Most payouts, and most lines of the bank, a page holds.
const MOST: usize = 500;
/// The states of a payout, the pressing first.
const STATES: [&str; 7] = ["not_in_bank", "ambiguous", "waiting", "unstated", "stated", "in_bank", "nothing_to_pay"];

pub(super) fn write(night: &Night, words: &Words, html: &mut Html) {
    match night.rows("payouts") {
        None => drop(html.element("p", words.say("payouts.none"))),
        Some(rows) => {
            by_state(rows, words, html);
            list(rows, words, html);
        }
    }
    html.element("h3", words.say("payouts.bank"));
    match night.rows("open_bank_lines") {
        None => drop(html.element("p", words.say("payouts.bank_none"))),
        Some(rows) => bank_lines(rows, words, html),
    }
}

/// The place of a payout by its state, the pressing first.
pub(in crate::report) fn place(rows: &Rows, row: usize) -> usize {
    super::breaks::rank(&STATES, rows.text("state", row))
}

fn by_state(rows: &Rows, words: &Words, html: &mut Html) {
    let mut sums: BTreeMap<(&str, &str, usize), (i64, [Amount; 4])> = BTreeMap::new();
    for row in 0..rows.len() {
        let key = (rows.text("provider", row), rows.text("currency", row), place(rows, row));
        let (count, amounts) = sums.entry(key).or_default();
        *count += 1;
        for (sum, column) in amounts.iter_mut().zip(["expected", "stated", "residual", "bank_amount"]) {
            *sum += rows.sum(column, row);
        }
    }
    let number = |key: &str| Column::new(words.say(key)).number();
    let columns = vec![
        Column::new(words.say("column.provider")),
        Column::new(words.say("column.state")),
        number("column.payouts"),
        number("column.expected").minor(),
        number("column.stated"),
        number("column.residual").minor(),
        number("column.bank_amount"),
    ];
    let mut listing = Listing::new("payouts-by-state", words.say("payouts.by_state"), columns);
    for ((provider, currency, state), (count, amounts)) in sums {
        let mut cells = vec![
            Cell::word(words, "provider", provider),
            Cell::word(words, "payout_state", STATES.get(state).copied().unwrap_or_default()),
            Cell::Count(count),
        ];
        cells.extend(amounts.map(|amount| Cell::Money(amount, currency.to_owned())));
        listing.row(&cells);
    }
    listing.write(html);
}

fn list(rows: &Rows, words: &Words, html: &mut Html) {
    let column = |name: &str| Column::new(words.say(&format!("column.{name}")));
    let columns = vec![
        column("payout"),
        column("provider"),
        column("state"),
        column("expected").number().minor(),
        column("stated").number(),
        column("residual").number().minor(),
        column("bank_amount").number(),
        column("paid_on").minor(),
        column("booked_on").minor(),
    ];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| (place(rows, row), row));
    let mut listing = Listing::new("payouts-each", words.say("payouts.each"), columns).unfolding();
    for &row in order.iter().take(MOST) {
        let (text, currency) = (|name: &str| card_numbers(rows.text(name, row)), rows.text("currency", row));
        let money = |name: &str| Cell::money(rows.amount(name, row), currency);
        let label = |name: &str| words.say(&format!("column.{name}")).to_owned();
        let mut into: Vec<(String, Cell)> = vec![(label("lines"), Cell::Count(rows.count("lines", row)))];
        into.extend(["gross", "refunds", "chargebacks"].map(|name| (label(name), money(name))));
        into.push((label("fees_taken"), money("fees")));
        into.extend(["other", "expected", "stated", "residual"].map(|name| (label(name), money(name))));
        into.push((label("pass"), Cell::word(words, "payout_pass", rows.text("pass", row))));
        let codes = ["account", "statements", "other_references", "bank", "bank_reference"];
        into.extend(codes.map(|name| (label(name), Cell::code(&text(name)))));
        into.extend(["first_seen", "expected_by"].map(|name| (label(name), Cell::date(rows.date(name, row)))));
        let into: Vec<(&str, Cell)> = into.iter().map(|(label, cell)| (label.as_str(), cell.clone())).collect();
        let cells = [
            Cell::code(&text("reference")),
            Cell::word(words, "provider", rows.text("provider", row)),
            Cell::word(words, "payout_state", rows.text("state", row)),
            money("expected"),
            money("stated"),
            money("residual"),
            money("bank_amount"),
            Cell::date(rows.date("paid_on", row)),
            Cell::date(rows.date("booked_on", row)),
        ];
        listing.unfolding_row(&cells, &into, &[]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "payouts", words, html);
}

fn bank_lines(rows: &Rows, words: &Words, html: &mut Html) {
    let column = |name: &str| Column::new(words.say(&format!("column.{name}")));
    let columns = vec![
        column("bank"),
        column("booked_on"),
        column("amount").number(),
        column("text"),
        column("line_reference").minor(),
        column("first_seen").minor(),
        column("expected_by").minor(),
    ];
    let mut listing = Listing::new("bank-lines", words.say("payouts.bank_lines"), columns);
    for row in 0..rows.len().min(MOST) {
        listing.row(&[
            Cell::code(rows.text("bank", row)),
            Cell::date(rows.date("booked_on", row)),
            Cell::money(rows.amount("amount", row), rows.text("currency", row)),
            Cell::code(&card_numbers(rows.text("text", row))),
            Cell::code(&card_numbers(rows.text("line_reference", row))),
            Cell::date(rows.date("first_seen", row)),
            Cell::date(rows.date("expected_by", row)),
        ]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "open_bank_lines", words, html);
}

/// Says how many rows of a table a page does not hold.
pub(super) fn left_out(rows: usize, most: usize, table: &str, words: &Words, html: &mut Html) {
    if let Some(others) = rows.checked_sub(most).filter(|others| *others > 0) {
        let others = figure::count(i64::try_from(others).unwrap_or(i64::MAX));
        html.element("p", &words.fill("word.left_out", &[("others", &others), ("table", table)]));
    }
}
