//! Bank statements: lines between two balances, decoded to rows of named cells.
//!
//! The three decoders fill the same [`Cell`]s, each with the bank's own words; a format fills `bank_lines` from
//! them by rules, as it does from the columns of a delimited file. A statement proves itself: its opening balance
//! and its booked lines are its closing balance, or nothing of the file is booked.

mod bai2;
mod camt053;
mod mt940;

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use memchr::memmem;
use serde::Deserialize;

use super::bounds::not_unpacked;
use super::control::{Tied, does_not_tie};
use super::plan::Plan;
use super::read::{Decoded, Rows, Take, with_rejects};
use super::{Format, Layout};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::money::Amount;

/// The most a file may hold: it is read whole, because a balance at its end may refuse all of it.
const FILE_BYTES: u64 = 256 << 20;

/// How a bank file becomes rows.
#[derive(Clone, Copy, Debug, Deserialize, schemars::JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Decoder {
    /// ISO 20022 bank-to-customer statement, any version: <https://www.iso20022.org/iso-20022-message-definitions>.
    Camt053,
    /// SWIFT customer statement message MT940, with or without its envelope.
    Mt940,
    /// Cash management balance reporting of the Bank Administration Institute, version 2.
    Bai2,
}

impl Decoder {
    /// The columns a file of this kind has: the cells.
    #[must_use]
    pub fn layout(self) -> Layout {
        let name = match self {
            Self::Camt053 => "camt.053",
            Self::Mt940 => "mt940",
            Self::Bai2 => "bai2",
        };
        let optional = Cell::ALL.map(|cell| cell.name().to_owned()).to_vec();
        Layout { name: name.to_owned(), optional, ..Layout::default() }
    }

    /// Whether a file that begins so is of this kind.
    #[must_use]
    pub fn knows(self, head: &[u8]) -> bool {
        let has = |text: &str| memmem::find(head, text.as_bytes()).is_some();
        let begins_a_line = |text: &str| head.starts_with(text.as_bytes()) || has(&format!("\n{text}"));
        match self {
            Self::Camt053 => head.trim_ascii_start().starts_with(b"<") && has("BkToCstmrStmt"),
            Self::Mt940 => (begins_a_line(":20:") || has("{4::20:")) && begins_a_line(":25") && begins_a_line(":60"),
            Self::Bai2 => head.starts_with(b"01,") && begins_a_line("02,"),
        }
    }
}

/// What a decoder says of a line; empty where the file does not state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The account the statement is of.
    Account,
    /// Currency of the amount.
    Currency,
    /// The bank's number of the statement.
    Statement,
    /// The bank's reference of the line.
    LineReference,
    /// What the payer gave the payment to carry from end to end.
    EndToEndReference,
    /// The account owner's own reference.
    CustomerReference,
    /// The structured reference of the invoice that is paid.
    CreditorReference,
    /// What kind of transaction it is, in the bank's code.
    TransactionCode,
    /// The amount with a decimal point, negative when the account is debited.
    Amount,
    /// Whether it is booked, in the bank's word.
    Status,
    /// `true` where the line takes back another.
    Reversal,
    /// Day of the booking, `2026-11-17`.
    BookedOn,
    /// Day of the value, `2026-11-17`.
    ValueOn,
    /// What the payer wrote.
    Text,
    /// What the bank wrote.
    BookingText,
    /// Who paid or was paid.
    CounterpartyName,
    /// Their account.
    CounterpartyAccount,
    /// The amount the payer ordered, without a sign.
    InstructedAmount,
    /// Its currency.
    InstructedCurrency,
    /// The rate of exchange.
    ExchangeRate,
    /// What the bank took for itself, without a sign.
    Charges,
    /// Its currency.
    ChargesCurrency,
    /// Why the payment came back, in the bank's code.
    ReturnReason,
    /// The identifier of the transaction between banks.
    TransactionId,
}

impl Cell {
    /// All of them, in order.
    pub const ALL: [Self; 24] = [
        Self::Account,
        Self::Currency,
        Self::Statement,
        Self::LineReference,
        Self::EndToEndReference,
        Self::CustomerReference,
        Self::CreditorReference,
        Self::TransactionCode,
        Self::Amount,
        Self::Status,
        Self::Reversal,
        Self::BookedOn,
        Self::ValueOn,
        Self::Text,
        Self::BookingText,
        Self::CounterpartyName,
        Self::CounterpartyAccount,
        Self::InstructedAmount,
        Self::InstructedCurrency,
        Self::ExchangeRate,
        Self::Charges,
        Self::ChargesCurrency,
        Self::ReturnReason,
        Self::TransactionId,
    ];

    /// The name a format calls it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Currency => "currency",
            Self::Statement => "statement",
            Self::LineReference => "line_reference",
            Self::EndToEndReference => "end_to_end_reference",
            Self::CustomerReference => "customer_reference",
            Self::CreditorReference => "creditor_reference",
            Self::TransactionCode => "transaction_code",
            Self::Amount => "amount",
            Self::Status => "status",
            Self::Reversal => "reversal",
            Self::BookedOn => "booked_on",
            Self::ValueOn => "value_on",
            Self::Text => "text",
            Self::BookingText => "booking_text",
            Self::CounterpartyName => "counterparty_name",
            Self::CounterpartyAccount => "counterparty_account",
            Self::InstructedAmount => "instructed_amount",
            Self::InstructedCurrency => "instructed_currency",
            Self::ExchangeRate => "exchange_rate",
            Self::Charges => "charges",
            Self::ChargesCurrency => "charges_currency",
            Self::ReturnReason => "return_reason",
            Self::TransactionId => "transaction_id",
        }
    }
}

/// A line of a statement, cell by cell.
#[derive(Clone, Debug, Default)]
struct Line {
    /// Where it begins, counted from one.
    number: u64,
    cells: [String; Cell::ALL.len()],
}

impl Line {
    /// Begins another line, in the room of this one.
    fn begin(&mut self, number: u64) {
        self.number = number;
        self.cells.iter_mut().for_each(String::clear);
    }

    fn get(&self, cell: Cell) -> &str {
        &self.cells[cell as usize]
    }

    fn set(&mut self, cell: Cell, text: &str) {
        let room = &mut self.cells[cell as usize];
        room.clear();
        room.push_str(text);
    }

    /// Sets a cell that is still empty: of several that state it the first counts.
    fn state(&mut self, cell: Cell, text: &str) {
        if self.get(cell).is_empty() {
            self.set(cell, text);
        }
    }

    /// Adds to a cell, with a space between.
    fn add(&mut self, cell: Cell, text: &str) {
        let room = &mut self.cells[cell as usize];
        if !room.is_empty() && !text.is_empty() {
            room.push(' ');
        }
        room.push_str(text);
    }

    /// Takes what this line leaves empty from `other`.
    fn complete(&mut self, other: &Self) {
        for (cell, of_other) in self.cells.iter_mut().zip(&other.cells) {
            if cell.is_empty() {
                cell.push_str(of_other);
            }
        }
    }
}

/// A statement of a bank file: the lines of one account between two balances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Where it begins, counted from one.
    pub line: u64,
    /// The account, as the bank writes it.
    pub account: String,
    /// Currency of its balances.
    pub currency: String,
    /// The bank's number of it.
    pub number: String,
    /// The balance before its lines.
    pub opening: Option<Amount>,
    /// The balance after its lines.
    pub closing: Option<Amount>,
    /// What its booked lines add up to.
    pub booked: Amount,
}

impl Statement {
    /// What a message calls it.
    fn title(&self) -> String {
        let number = if self.number.is_empty() { "statement".to_owned() } else { format!("statement {}", self.number) };
        if self.account.is_empty() { number } else { format!("{number} of {}", masked(&self.account)) }
    }
}

/// Whether two ways to write an account are of one: spaces, points and the case of letters do not tell.
#[must_use]
pub fn is_same_account(one: &str, other: &str) -> bool {
    let letters = |account: &str| -> Vec<u8> {
        account.bytes().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
    };
    letters(one) == letters(other)
}

/// Reads a bank file that is already out of its container.
pub(super) fn read(input: &mut dyn Read, decoder: Decoder, format: &Format, take: &Take) -> Result<Decoded> {
    let mut bytes = Vec::new();
    let unpacked = input.take(FILE_BYTES + 1).read_to_end(&mut bytes);
    unpacked.map_err(|error| not_unpacked(&error))?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Error::data(format!("a bank file of more than {} MiB", FILE_BYTES >> 20))
            .next("check that the file is what its name says; ask the bank for a file a day or an account"));
    }
    let header: Vec<Vec<u8>> = Cell::ALL.map(|cell| cell.name().as_bytes().to_vec()).to_vec();
    let plan = Plan::new(format, &header)?;
    let mut book = Book::new(&plan);
    match decoder {
        Decoder::Camt053 => camt053::read(&bytes, &mut book)?,
        Decoder::Mt940 => mt940::read(&text_of(&bytes), &mut book)?,
        Decoder::Bai2 => bai2::read(&text_of(&bytes), &mut book)?,
    }
    book.finish(take)
}

/// The text of a file that does not say how it is encoded: UTF-8, or else the Latin letters of Windows.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// What a decoder writes a file down in: its lines as they come, its statements, and what it states of itself.
struct Book<'p> {
    rows: Rows<'p>,
    layout: String,
    statements: Vec<Statement>,
    tied: Vec<Tied>,
    /// The first figure that does not tie.
    broken: Option<Error>,
}

impl<'p> Book<'p> {
    fn new(plan: &'p Plan) -> Self {
        let (statements, tied) = (Vec::new(), Vec::new());
        Self { rows: Rows::new(plan), layout: plan.layout.clone(), statements, tied, broken: None }
    }

    /// Begins a statement.
    fn begin(&mut self, line: u64) -> &mut Statement {
        self.statements.push(Statement { line, ..Statement::default() });
        self.statement()
    }

    /// The statement begun last.
    fn statement(&mut self) -> &mut Statement {
        self.statements.last_mut().expect("a decoder begins a statement before it writes into it")
    }

    /// Writes a line of the statement down; a booked one counts in its balance.
    fn line(&mut self, line: &mut Line, is_booked: bool) -> Result<()> {
        let statement = self.statements.last_mut().expect("a decoder begins a statement before its lines");
        line.state(Cell::Account, &statement.account);
        line.state(Cell::Statement, &statement.number);
        line.state(Cell::Currency, &statement.currency);
        if statement.currency.is_empty() {
            line.get(Cell::Currency).clone_into(&mut statement.currency);
        }
        // A line whose amount is none is rejected where it is read; its statement does not tie then.
        if let (true, Ok(amount)) = (is_booked, Amount::parse(line.get(Cell::Amount).as_bytes(), crate::money::SCALE)) {
            if statement.currency != line.get(Cell::Currency) {
                return Err(other_currency("a line", &statement.currency, line.get(Cell::Currency), line.number));
            }
            statement.booked += amount;
        }
        self.rows.push(line.number, line.cells.iter().map(String::as_bytes));
        Ok(())
    }

    /// Closes the statement: its balances and its booked lines must agree.
    fn close(&mut self, line: u64) {
        let statement = self.statement();
        let title = statement.title();
        match (statement.opening, statement.closing) {
            (Some(opening), Some(closing)) => {
                let computed = opening + statement.booked;
                self.tie(format!("closing balance of {title}"), line, closing, computed);
            }
            (None, Some(_)) => self.note(title, "not checkable, it states no opening balance"),
            (Some(_), None) => self.note(title, "not checkable, it states no closing balance"),
            (None, None) => self.note(title, "not checkable, it states no balances"),
        }
    }

    /// Holds an amount the file states against what its lines add up to.
    fn tie(&mut self, name: String, line: u64, stated: Amount, computed: Amount) {
        let difference = (stated - computed).to_string();
        self.hold(name, line, (stated.to_string(), computed.to_string(), difference));
    }

    /// Holds a number the file states against what it holds.
    fn count(&mut self, name: String, line: u64, stated: u64, computed: u64) {
        let difference = i128::from(stated) - i128::from(computed);
        self.hold(name, line, (stated.to_string(), computed.to_string(), difference.to_string()));
    }

    fn hold(&mut self, name: String, line: u64, (stated, computed, difference): (String, String, String)) {
        if stated == computed {
            self.tied.push(Tied { name, figure: stated });
        } else {
            self.broken.get_or_insert_with(|| does_not_tie(&name, &stated, &computed, &difference).line(line));
        }
    }

    /// Says of a figure what no check can.
    fn note(&mut self, name: String, figure: &str) {
        self.tied.push(Tied { name, figure: figure.to_owned() });
    }

    /// Gives up the rows, unless something does not tie.
    fn finish(self, take: &Take) -> Result<Decoded> {
        let mut decoded = self.rows.finish();
        if let Some(error) = self.broken {
            return Err(with_rejects(error, &decoded.rejects));
        }
        // The head of a statement, with its balances, is framing of the lines between them.
        decoded.framing = self.statements.len() as u64;
        decoded.lines += decoded.framing;
        decoded.layout = self.layout;
        decoded.tied = self.tied;
        decoded.statements = self.statements;
        let parts = std::mem::take(&mut decoded.parts).into_iter();
        decoded.parts = parts.filter_map(|part| take(part).transpose()).collect::<Result<_>>()?;
        Ok(decoded)
    }
}

/// Amounts of two currencies in one statement: they are not added up.
fn other_currency(what: &str, expected: &str, found: &str, line: u64) -> Error {
    Error::data(format!("{what} is in another currency than the statement, and nothing of this file is booked"))
        .line(line)
        .column("currency")
        .expected(masked(expected))
        .found(masked(found))
        .next("fetch the file again; if it is the same, ask the bank for a statement of each currency")
}

/// A file that ends before what it began.
fn truncated(expected: &str, found: &str) -> Error {
    Error::data("the file is truncated, and nothing of it is booked").expected(expected).found(found).next("fetch the file again")
}

/// Text on one line: every run of spaces, line ends and letters without a shape is one space.
fn on_one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && memmem::find(text.as_bytes(), b"  ").is_none() {
        return Cow::Borrowed(text);
    }
    let is_space = |letter: char| letter.is_whitespace() || letter.is_control();
    Cow::Owned(text.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

/// `YYMMDD` as `YYYY-MM-DD`; none where it is not six digits. Years from 80 on are of the last century, as SWIFT
/// reads them. A day past the end of its month, such as 30 February of the banks' interest calendar, is the last.
fn day(text: &str) -> Option<String> {
    let digits = |range: Range<usize>| -> Option<u32> {
        text.get(range).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    };
    let (year, month, day) = (digits(0..2)?, digits(2..4)?, digits(4..6)?);
    if text.len() != 6 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (century, year) = if year >= 80 { ("19", 1900 + year) } else { ("20", 2000 + year) };
    let mut date = [century, &text[..2], "-", &text[2..4], "-", &text[4..]].concat();
    let last = days_of(year, month);
    if day > last {
        date.replace_range(8.., &last.to_string());
    }
    Some(date)
}

/// Days of a month.
fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
