//! MT940: fields `:NN:` on lines, as SWIFT and the banks that write it by hand lay them out.
//!
//! Whatever stands around the messages (envelopes, a bank's own headers) is framing. A field goes on over the lines
//! that follow it. A statement may come in pages, each with an interim balance at its end that the next begins with.

use super::{Book, Cell, Line, day, is_same_account, on_one_line, other_currency, truncated};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::money::{Amount, SCALE};

mod information;

/// A field: its tag, its first line, counted from one, and its text line by line.
struct Field<'t> {
    tag: &'t str,
    line: u64,
    texts: Vec<&'t str>,
}

/// Reads a file.
pub(super) fn read(text: &str, book: &mut Book) -> Result<()> {
    let mut reader = Reader {
        book,
        line: Line::default(),
        has_line: false,
        waiting: Vec::new(),
        state: State::Outside,
        last: None,
        sides: Sides::default(),
    };
    let mut field: Option<Field> = None;
    for (at, text) in text.lines().enumerate() {
        let text = text.trim_end_matches('\r');
        let text = text.rfind("{4:").filter(|_| text.starts_with('{')).map_or(text, |at| &text[at + 3..]);
        if let Some((tag, rest)) = tag_of(text) {
            if let Some(field) = field.take() {
                reader.field(&field)?;
            }
            field = Some(Field { tag, line: at as u64 + 1, texts: vec![rest] });
        } else if text.starts_with("-}") || (text.starts_with('-') && reader.may_end(field.as_ref())) {
            if let Some(field) = field.take() {
                reader.field(&field)?;
            }
            reader.end(true)?;
        } else if let Some(field) = &mut field {
            field.texts.push(text);
        } else if text.starts_with(':') {
            // The first letters of another message: what they belong to is lost.
            return Err(truncated("a tag and what it says", text).line(at as u64 + 1));
        }
    }
    if let Some(field) = field {
        reader.field(&field)?;
    }
    reader.end(false)?;
    if book.statements.is_empty() {
        return Err(Error::data("the file holds no bank statement")
            .expected("a line that begins with :20:, as in MT940")
            .found("none")
            .next("check that the file is what its name says"));
    }
    "mt940".clone_into(&mut book.layout);
    Ok(())
}

/// The tag a line begins with, `:61:` or `:60F:`, and what follows it.
fn tag_of(text: &str) -> Option<(&str, &str)> {
    let (tag, rest) = text.strip_prefix(':')?.split_once(':')?;
    let letters = tag.as_bytes();
    let is_tag = matches!(letters.len(), 2 | 3)
        && letters[..2].iter().all(u8::is_ascii_digit)
        && letters.get(2).is_none_or(u8::is_ascii_uppercase);
    is_tag.then_some((tag, rest))
}

/// Where in a statement the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outside,
    /// Before its closing balance.
    Open,
    Closed,
}

/// Number and sum of the debits and the credits of a statement.
#[derive(Clone, Copy, Debug, Default)]
struct Sides {
    debits: (u64, Amount),
    credits: (u64, Amount),
}

struct Reader<'b, 'p> {
    book: &'b mut Book<'p>,
    /// The line that is read, until what explains it is read too.
    line: Line,
    has_line: bool,
    /// Lines whose currency is not known before the closing balance, because there is no opening one.
    waiting: Vec<Line>,
    state: State,
    /// Account, number and closing balance of the page before, where it was not the last of its statement.
    last: Option<(String, String, Amount)>,
    /// What the lines of the statement add up to, over all its pages.
    sides: Sides,
}

impl Reader<'_, '_> {
    /// Whether a line that begins with a dash ends the message: inside a text it may be a part of it.
    fn may_end(&self, field: Option<&Field>) -> bool {
        let closes = |field: &Field| field.tag.starts_with("62");
        self.state != State::Open || field.is_some_and(closes)
    }

    fn field(&mut self, field: &Field) -> Result<()> {
        if self.state == State::Closed && matches!(field.tag, "25" | "25P" | "28" | "28C" | "60F" | "60M") {
            // Another statement of the same message.
            let before = self.book.statement().clone();
            let statement = self.book.begin(field.line);
            (statement.account, statement.number) = (before.account, before.number);
            self.state = State::Open;
        }
        match field.tag {
            "20" => {
                self.end(false)?;
                self.book.begin(field.line);
                self.state = State::Open;
            }
            "61" if self.state == State::Open => self.movement(field)?,
            "61" => return Err(outside(field.line)),
            _ if self.state == State::Outside => {}
            "25" | "25P" => field.texts[0].trim().clone_into(&mut self.book.statement().account),
            // A statement is one over its pages: what stands behind the stroke numbers those.
            "28" | "28C" => {
                let number = field.texts.concat();
                number.split('/').next().unwrap_or_default().trim().clone_into(&mut self.book.statement().number);
            }
            "60F" | "60M" => self.opening(field)?,
            "62F" | "62M" => self.closing(field)?,
            "86" if self.state == State::Closed => self.trailer(field),
            "86" if self.has_line => information::explain(&field.texts, &mut self.line),
            _ => {}
        }
        Ok(())
    }

    fn opening(&mut self, field: &Field) -> Result<()> {
        let (currency, balance) = balance(field)?;
        let statement = self.book.statement();
        currency.clone_into(&mut statement.currency);
        statement.opening = Some(balance);
        // Some banks write the currency behind the account.
        if let Some(account) = statement.account.strip_suffix(&currency).filter(|account| is_iban(account)) {
            statement.account = account.trim_end().to_owned();
        }
        let before = self.last.take().filter(|(account, number, _)| {
            field.tag == "60M" && is_same_account(account, &statement.account) && *number == statement.number
        });
        let title = statement.title();
        match before {
            Some((.., closing)) => {
                self.book.tie(format!("balance between two pages of {title}"), field.line, balance, closing);
            }
            None => self.sides = Sides::default(),
        }
        Ok(())
    }

    fn closing(&mut self, field: &Field) -> Result<()> {
        self.write()?;
        let (currency, balance) = balance(field)?;
        let statement = self.book.statement();
        if statement.currency.is_empty() {
            currency.clone_into(&mut statement.currency);
        } else if statement.currency != currency {
            return Err(other_currency("a balance", &statement.currency, &currency, field.line));
        }
        statement.closing = Some(balance);
        self.last = (field.tag == "62M").then(|| (statement.account.clone(), statement.number.clone(), balance));
        self.write_waiting()?;
        self.book.close(field.line);
        self.state = State::Closed;
        Ok(())
    }

    /// Begins a line of the statement.
    fn movement(&mut self, field: &Field) -> Result<()> {
        self.write()?;
        self.line.begin(field.line);
        self.has_line = true;
        match Movement::read(field.texts[0].trim()) {
            Some(movement) => movement.fill(&mut self.line),
            // What stands there is rejected as the amount it does not state.
            None => self.line.set(Cell::Amount, field.texts[0]),
        }
        for text in &field.texts[1..] {
            self.line.add(Cell::BookingText, &on_one_line(text));
        }
        if let Ok(amount) = Amount::parse(self.line.get(Cell::Amount).as_bytes(), SCALE) {
            let side = if amount < Amount::ZERO { &mut self.sides.debits } else { &mut self.sides.credits };
            *side = (side.0 + 1, side.1 + amount.abs());
        }
        Ok(())
    }

    /// Writes the line down that is read.
    fn write(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.has_line) {
            return Ok(());
        }
        // Where one waits, those behind it do too: lines stay in the order of the file.
        if self.book.statement().currency.is_empty() || !self.waiting.is_empty() {
            self.waiting.push(std::mem::take(&mut self.line));
            return Ok(());
        }
        self.book.line(&mut self.line, true)
    }

    /// Writes the lines down that waited.
    fn write_waiting(&mut self) -> Result<()> {
        std::mem::take(&mut self.waiting).iter_mut().try_for_each(|line| self.book.line(line, true))
    }

    /// Ends the statement, which has come to its closing balance or to the `marked` end of its message.
    fn end(&mut self, marked: bool) -> Result<()> {
        self.write()?;
        if self.state == State::Open {
            let line = self.book.statement().line;
            if !marked {
                return Err(truncated("a closing balance, :62F: or :62M:", "a statement without one").line(line));
            }
            self.write_waiting()?;
            self.book.close(line);
        }
        self.state = State::Outside;
        Ok(())
    }

    /// The figures ING states behind the last balance: `/SUM/4/4/134,46/36,58/`, or `D000004C000004D134,46C36,58`.
    fn trailer(&mut self, field: &Field) {
        let text = field.texts.concat();
        let figures: Vec<&str> = match text.trim().strip_prefix("/SUM/") {
            Some(figures) => figures.split('/').collect(),
            None => text.trim().split(['D', 'C']).skip(1).collect(),
        };
        let is_figure = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
        let Some(&[debits, credits, debited, credited]) = figures.first_chunk() else { return };
        if ![debits, credits, debited, credited].iter().all(is_figure) {
            return;
        }
        let title = self.book.statement().title();
        let Sides { debits: of_debits, credits: of_credits } = self.sides;
        for (name, stated, counted) in [("debits", debits, of_debits.0), ("credits", credits, of_credits.0)] {
            if let Ok(stated) = stated.parse() {
                self.book.count(format!("number of {name} in {title}"), field.line, stated, counted);
            }
        }
        for (name, stated, added) in [("debits", debited, of_debits.1), ("credits", credited, of_credits.1)] {
            if let Ok(stated) = Amount::parse(with_point(stated).as_bytes(), SCALE) {
                self.book.tie(format!("sum of {name} in {title}"), field.line, stated, added);
            }
        }
    }
}

fn outside(line: u64) -> Error {
    Error::data("a line stands outside a statement, and nothing of this file is booked")
        .line(line)
        .expected("every :61: between the balances of its statement")
        .next("fetch the file again; if it is the same, ask the bank for a corrected one")
}

fn is_iban(account: &str) -> bool {
    let account = account.trim().as_bytes();
    account.len() >= 15 && account[..2].iter().all(u8::is_ascii_uppercase) && account[2..4].iter().all(u8::is_ascii_digit)
}

/// A number with a decimal comma, as one with a point; a point alone at the end goes.
fn with_point(text: &str) -> String {
    let text = text.replace(',', ".");
    text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
}

/// Currency and amount of a balance: `C260117EUR380115,12`.
fn balance(field: &Field) -> Result<(String, Amount)> {
    let text = field.texts[0].trim();
    let read = || {
        let (side, rest) = text.split_at_checked(1)?;
        let (_, rest) = rest.split_at_checked(6).filter(|(date, _)| day(date).is_some())?;
        let (currency, amount) = rest.split_at_checked(3)?;
        let is_currency = currency.bytes().all(|letter| letter.is_ascii_uppercase());
        let amount = Amount::parse(with_point(amount.trim()).as_bytes(), SCALE).ok().filter(|_| is_currency)?;
        match side {
            "C" => Some((currency.to_owned(), amount)),
            "D" => Some((currency.to_owned(), -amount)),
            _ => None,
        }
    };
    read().ok_or_else(|| {
        Error::data("a balance cannot be read, and nothing of this file is booked")
            .line(field.line)
            .column(format!(":{}:", field.tag))
            .expected("C or D, a date, a currency and an amount, such as C261117EUR1204,50")
            .found(masked(text))
            .next("fetch the file again")
    })
}

/// The parts of field 61: value date, entry date, side, funds code, amount, type and references.
struct Movement<'t> {
    value: &'t str,
    entry: Option<&'t str>,
    is_debit: bool,
    is_reversal: bool,
    amount: &'t str,
    code: &'t str,
    customer: &'t str,
    bank: &'t str,
}

impl<'t> Movement<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (value, rest) = text.split_at_checked(6).filter(|(date, _)| digits(date))?;
        let dated = rest.split_at_checked(4).filter(|(date, _)| digits(date));
        let (entry, rest) = dated.map_or((None, rest), |(date, rest)| (Some(date), rest));
        let (is_reversal, rest) = rest.strip_prefix('R').map_or((false, rest), |rest| (true, rest));
        let (is_debit, rest) = match rest.as_bytes().first()? {
            b'C' => (false, &rest[1..]),
            b'D' => (true, &rest[1..]),
            _ => return None,
        };
        // The third letter of the currency may stand before the amount.
        let rest = rest.strip_prefix(|letter: char| letter.is_ascii_uppercase()).unwrap_or(rest);
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != ',')?;
        let (amount, rest) = rest.split_at(end);
        // Type and references: a letter and three of a code, then what the customer, then what the bank calls it.
        let (code, references) = rest.split_at_checked(4)?;
        let (customer, bank) = references.split_once("//").unwrap_or((references, ""));
        let (customer, bank) = (customer.trim(), bank.trim());
        (!amount.is_empty()).then_some(Self { value, entry, is_debit, is_reversal, amount, code, customer, bank })
    }

    fn fill(&self, line: &mut Line) {
        // Debits and what takes back credits leave the account.
        let sign = if self.is_debit == self.is_reversal { "" } else { "-" };
        line.set(Cell::Amount, &format!("{sign}{}", with_point(self.amount)));
        if self.is_reversal {
            line.set(Cell::Reversal, "true");
        }
        line.set(Cell::TransactionCode, self.code);
        line.set(Cell::CustomerReference, self.customer);
        line.set(Cell::LineReference, self.bank);
        let value = day(self.value);
        line.set(Cell::ValueOn, value.as_deref().unwrap_or(self.value));
        if let Some(entry) = self.entry {
            let booked = value.as_deref().and_then(|value| near(entry, value));
            line.set(Cell::BookedOn, booked.as_deref().unwrap_or(entry));
        }
    }
}

/// `MMDD` in the year that brings it nearest to a day: a booking of January may have its value in December.
fn near(entry: &str, value: &str) -> Option<String> {
    let (year, month) = (value.get(..4)?.parse::<u32>().ok()?, value.get(5..7)?.parse::<i32>().ok()?);
    let entered = entry.get(..2)?.parse::<i32>().ok()?;
    let year = match entered - month {
        7.. => year - 1,
        ..=-7 => year + 1,
        _ => year,
    };
    day(&format!("{:02}{entry}", year % 100))
}
