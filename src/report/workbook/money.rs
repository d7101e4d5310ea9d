//! Sheets `Fees`, `Payouts`, `Bank` and `Journals`: what is charged, what is paid out, what is in the bank, and what would
//! be booked.

use rust_xlsxwriter::Worksheet;

use super::sheet::{Cell, Column, Sheet, Style, listing};
use super::{Journals, Workbook};
use crate::money::Amount;
use crate::report::page::payouts::place;
use crate::report::page::rows::Rows;
use crate::report::page::words::Words;

/// Columns by their keys in the words, each with its width.
fn columns(words: &Words, keys: &[(&str, u16)]) -> Vec<Column> {
    keys.iter().map(|(key, width)| Column::new(words.say(key), *width)).collect()
}

/// A table of the night as a sheet: `of` makes a row of cells of each row.
fn rows_of(
    book: &Workbook,
    table: &str,
    (name, columns): (&str, &[Column]),
    style: &Style,
    of: impl Fn(&Rows, usize) -> Vec<Cell>,
) -> Vec<Worksheet> {
    match book.night.rows(table) {
        None => listing(name, style, columns, columns.len(), std::iter::empty(), book.rows),
        Some(rows) => {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            if table == "payouts" {
                order.sort_by_key(|&row| (place(rows, row), row));
            }
            listing(name, style, columns, columns.len(), order.into_iter().map(|row| of(rows, row)), book.rows)
        }
    }
}

/// What is charged, what the contract says, and what of it is too much.
pub(super) fn fees(book: &Workbook, words: &Words, style: &Style) -> Vec<Worksheet> {
    let keys = [
        ("column.provider", 13),
        ("column.account", 20),
        ("column.method", 14),
        ("book.wallet", 14),
        ("book.card_brand", 13),
        ("book.card_funding", 11),
        ("column.rule", 20),
        ("book.batch", 20),
        ("column.currency", 9),
        ("column.lines", 9),
        ("column.gross", 15),
        ("column.volume", 15),
        ("column.charged", 14),
        ("column.billed", 14),
        ("column.contracted", 14),
        ("book.tax", 12),
        ("column.fee_difference", 14),
        ("column.leakage", 14),
        ("column.effective_rate", 11),
    ];
    rows_of(book, "fees", (words.say("sheet.fees"), &columns(words, &keys)), style, |rows, row| {
        let text = |name: &str| Cell::id(rows.text(name, row));
        let word = |list: &str, name: &str| Cell::text(&words.word(list, rows.text(name, row)));
        let currency = rows.text("currency", row);
        let money = |name: &str| Cell::money(rows.amount(name, row), currency);
        let leakage = rows.amount("difference", row).map(|difference| difference.min(Amount::ZERO));
        vec![
            word("provider", "provider"),
            text("account"),
            word("value", "method"),
            word("value", "wallet"),
            text("card_brand"),
            text("card_funding"),
            text("rule"),
            text("batch_reference"),
            Cell::text(currency),
            Cell::Count(rows.count("entries", row)),
            money("gross"),
            money("volume"),
            money("charged"),
            money("billed"),
            money("contracted"),
            money("tax"),
            money("difference"),
            Cell::money(leakage, currency),
            rows.rate("effective_rate", row).map_or(Cell::Nothing, Cell::Rate),
        ]
    })
}

/// What each payout's lines add up to, what is stated, and what the bank booked.
pub(super) fn payouts(book: &Workbook, words: &Words, style: &Style) -> Vec<Worksheet> {
    let keys = [
        ("column.payout", 27),
        ("column.provider", 13),
        ("column.account", 20),
        ("column.currency", 9),
        ("column.state", 17),
        ("column.lines", 9),
        ("column.gross", 14),
        ("column.refunds", 14),
        ("column.chargebacks", 14),
        ("column.fees_taken", 13),
        ("column.other", 14),
        ("column.expected", 14),
        ("column.stated", 14),
        ("column.residual", 13),
        ("column.paid_on", 12),
        ("column.bank", 14),
        ("column.bank_reference", 22),
        ("column.bank_amount", 14),
        ("column.booked_on", 12),
        ("column.pass", 17),
        ("column.first_seen", 12),
        ("column.expected_by", 12),
    ];
    rows_of(book, "payouts", (words.say("sheet.payouts"), &columns(words, &keys)), style, |rows, row| {
        let text = |name: &str| Cell::id(rows.text(name, row));
        let word = |list: &str, name: &str| Cell::text(&words.word(list, rows.text(name, row)));
        let currency = rows.text("currency", row);
        let money = |name: &str| Cell::money(rows.amount(name, row), currency);
        let date = |name: &str| Cell::date(rows.date(name, row));
        vec![
            text("reference"),
            word("provider", "provider"),
            text("account"),
            Cell::text(currency),
            word("payout_state", "state"),
            Cell::Count(rows.count("lines", row)),
            money("gross"),
            money("refunds"),
            money("chargebacks"),
            money("fees"),
            money("other"),
            money("expected"),
            money("stated"),
            money("residual"),
            date("paid_on"),
            text("bank"),
            text("bank_reference"),
            money("bank_amount"),
            date("booked_on"),
            word("payout_pass", "pass"),
            date("first_seen"),
            date("expected_by"),
        ]
    })
}

/// Booked lines of the bank that no payout explains.
pub(super) fn bank(book: &Workbook, words: &Words, style: &Style) -> Vec<Worksheet> {
    let keys = [
        ("column.line_reference", 24),
        ("column.bank", 14),
        ("column.account", 26),
        ("column.currency", 9),
        ("column.amount", 15),
        ("column.booked_on", 12),
        ("column.text", 48),
        ("column.reference", 24),
        ("column.first_seen", 12),
        ("column.expected_by", 12),
    ];
    rows_of(book, "open_bank_lines", (words.say("sheet.bank"), &columns(words, &keys)), style, |rows, row| {
        let text = |name: &str| Cell::id(rows.text(name, row));
        let references = ["end_to_end_reference", "customer_reference"].map(|name| rows.text(name, row));
        let reference = references.into_iter().find(|reference| !reference.is_empty()).unwrap_or_default();
        vec![
            text("line_reference"),
            text("bank"),
            text("account"),
            text("currency"),
            Cell::money(rows.amount("amount", row), rows.text("currency", row)),
            Cell::date(rows.date("booked_on", row)),
            Cell::text(rows.text("text", row)),
            Cell::id(reference),
            Cell::date(rows.date("first_seen", row)),
            Cell::date(rows.date("expected_by", row)),
        ]
    })
}

/// Journals as proposals: nothing is posted.
pub(super) fn journals(book: &Workbook, words: &Words, style: &Style) -> Vec<Worksheet> {
    let name = words.say("sheet.journals");
    let lines = match &book.journals {
        Journals::Proposed(lines) => lines,
        Journals::Unmapped => return vec![said(name, words.say("book.unmapped"), style)],
        Journals::Refused(why) => return vec![said(name, &words.fill("book.refused", &[("why", why)]), style)],
    };
    let keys = [
        ("book.journal", 29),
        ("column.line", 7),
        ("book.status", 10),
        ("column.provider", 13),
        ("column.account", 20),
        ("column.currency", 9),
        ("book.ledger_account", 16),
        ("book.debit", 15),
        ("book.credit", 15),
        ("book.what", 16),
        ("column.lines", 9),
        ("book.memo", 56),
    ];
    let rows = lines.iter().map(|line| {
        let money = |amount: Amount| Cell::money((amount != Amount::ZERO).then_some(amount), &line.currency);
        vec![
            Cell::id(&line.journal_id),
            Cell::Count(line.number.into()),
            Cell::text(words.say("book.proposal")),
            Cell::text(&words.word("provider", &line.provider)),
            Cell::id(&line.provider_account),
            Cell::text(&line.currency),
            Cell::id(&line.ledger_account),
            money(line.debit),
            money(line.credit),
            Cell::id(line.what.word()),
            Cell::count_of(line.entries),
            Cell::text(&line.memo),
        ]
    });
    listing(name, style, &columns(words, &keys), keys.len(), rows, book.rows)
}

/// A sheet that says why it has no table.
fn said(name: &str, text: &str, style: &Style) -> Worksheet {
    let mut sheet = Sheet::new(name, style);
    sheet.title(name);
    sheet.note(text);
    sheet.into_worksheet()
}
