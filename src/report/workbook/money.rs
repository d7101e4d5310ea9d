//! Sheets `Fees`, `Payouts`, `Bank` and `Journals`: what is charged, what is paid out, what is in the bank, and what would
//! be booked.

use super::rows::Made;
use super::sheet::{Cell, Column, Sheet, Style, listing};
use super::{Journals, Workbook};
use crate::money::Amount;
use crate::report::page::payouts::place;
use crate::report::page::rows::Rows;
use crate::report::page::words::Words;

/// A table of the night as a sheet: `of` makes a row of cells of each row.
fn rows_of<'b>(
    book: &'b Workbook,
    table: &str,
    (name, columns): (&str, &[Column]),
    style: &Style,
    of: impl Fn(&Rows, usize) -> Vec<Cell> + Send + Sync + 'b,
) -> Vec<Made<'b>> {
    match book.night.rows(table) {
        None => listing(name, style, columns, columns.len(), 0, |_| Vec::new(), book.rows),
        Some(rows) => {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            if table == "payouts" {
                order.sort_by_key(|&row| (place(rows, row), row));
            }
            listing(name, style, columns, columns.len(), order.len(), move |at| of(rows, order[at]), book.rows)
        }
    }
}

/// What is charged, what the contract says, and what of it is too much.
pub(super) fn fees<'b>(book: &'b Workbook, words: &'b Words, style: &Style) -> Vec<Made<'b>> {
    let text = |key: &str, width| Column::text(words.say(key), width);
    let number = |key: &str, width| Column::number(words.say(key), width);
    let columns = [
        text("column.provider", 13),
        text("column.account", 20),
        text("column.method", 14),
        text("book.wallet", 14),
        text("book.card_brand", 13),
        text("book.card_funding", 11),
        text("column.rule", 20),
        text("book.batch", 20),
        text("column.currency", 9),
        number("column.lines", 9),
        number("column.gross", 15),
        number("column.volume", 15),
        number("column.charged", 14),
        number("column.billed", 14),
        number("column.contracted", 14),
        number("book.tax", 12),
        number("column.fee_difference", 14),
        number("column.leakage", 14),
        number("column.effective_rate", 11),
    ];
    rows_of(book, "fees", (words.say("sheet.fees"), &columns), style, move |rows, row| {
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
pub(super) fn payouts<'b>(book: &'b Workbook, words: &'b Words, style: &Style) -> Vec<Made<'b>> {
    let text = |key: &str, width| Column::text(words.say(key), width);
    let number = |key: &str, width| Column::number(words.say(key), width);
    let columns = [
        text("column.payout", 27),
        text("column.provider", 13),
        text("column.account", 20),
        text("column.currency", 9),
        text("column.state", 17),
        number("column.lines", 9),
        number("column.gross", 14),
        number("column.refunds", 14),
        number("column.chargebacks", 14),
        number("column.fees_taken", 13),
        number("column.other", 14),
        number("column.expected", 14),
        number("column.stated", 14),
        number("column.residual", 13),
        text("column.paid_on", 12),
        text("column.bank", 14),
        text("column.bank_reference", 22),
        number("column.bank_amount", 14),
        text("column.booked_on", 12),
        text("column.pass", 17),
        text("column.first_seen", 12),
        text("column.expected_by", 12),
    ];
    rows_of(book, "payouts", (words.say("sheet.payouts"), &columns), style, move |rows, row| {
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
pub(super) fn bank<'b>(book: &'b Workbook, words: &'b Words, style: &Style) -> Vec<Made<'b>> {
    let text = |key: &str, width| Column::text(words.say(key), width);
    let number = |key: &str, width| Column::number(words.say(key), width);
    let columns = [
        text("column.line_reference", 24),
        text("column.bank", 14),
        text("column.account", 26),
        text("column.currency", 9),
        number("column.amount", 15),
        text("column.booked_on", 12),
        text("column.text", 48),
        text("column.reference", 24),
        text("column.first_seen", 12),
        text("column.expected_by", 12),
    ];
    rows_of(book, "open_bank_lines", (words.say("sheet.bank"), &columns), style, move |rows, row| {
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
pub(super) fn journals<'b>(book: &'b Workbook, words: &'b Words, style: &Style) -> Vec<Made<'b>> {
    let name = words.say("sheet.journals");
    let lines = match &book.journals {
        Journals::Proposed(lines) => lines,
        Journals::Unmapped => return vec![said(name, words.say("book.unmapped"), style)],
        Journals::Refused(why) => return vec![said(name, &words.fill("book.refused", &[("why", why)]), style)],
    };
    let text = |key: &str, width| Column::text(words.say(key), width);
    let number = |key: &str, width| Column::number(words.say(key), width);
    let columns = [
        text("book.journal", 29),
        number("column.line", 7),
        text("book.status", 10),
        text("column.provider", 13),
        text("column.account", 20),
        text("column.currency", 9),
        text("book.ledger_account", 16),
        number("book.debit", 15),
        number("book.credit", 15),
        text("book.what", 16),
        number("column.lines", 9),
        text("book.memo", 56),
    ];
    let cells = move |at: usize| {
        let line = &lines[at];
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
    };
    listing(name, style, &columns, columns.len(), lines.len(), cells, book.rows)
}

/// A sheet that says why it has no table.
fn said<'b>(name: &str, text: &str, style: &Style) -> Made<'b> {
    let mut sheet = Sheet::new(name, style);
    sheet.title(name);
    sheet.note(text);
    sheet.into_worksheet().into()
}
