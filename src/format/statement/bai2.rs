//! BAI2 (<http://secure.bai.org/about-bai/reporting-codes/faq.aspx>): records of fields between commas, groups of accounts inside a file, each with a total behind it.
//!
//! Amounts are in the minor unit of the currency, without a point. The totals of accounts, groups and the file add
//! up every amount that is written, and must agree; of the number of records banks have two opinions, so that a
//! difference is said and not refused.

use super::{Book, Cell, Line, day, on_one_line, truncated};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::money::{Amount, minor_digits};

/// A record with the lines that go on with it: its code, its first line, counted from one, and its fields.
struct Record {
    code: [u8; 2],
    line: u64,
    /// Lines it stands on.
    lines: u64,
    /// Its text, a line end where one of its lines ends.
    text: String,
}

/// Reads a file.
pub(super) fn read(text: &str, book: &mut Book) -> Result<()> {
    let mut reader = Reader {
        book,
        line: Line::default(),
        file: Frame::default(),
        group: Frame::default(),
        account: Frame::default(),
        file_number: String::new(),
        day: String::new(),
        currency: String::new(),
        has_ended: false,
    };
    let mut pending: Option<Record> = None;
    for (at, line) in text.lines().enumerate() {
        let number = at as u64 + 1;
        // Records of a fixed length are filled up with spaces.
        let line = line.trim_end();
        if line.is_empty() {
            continue;
        }
        let Some((code, rest)) = code_of(line) else { return Err(no_record(number, line)) };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if code == *b"88" {
            let Some(record) = &mut pending else { return Err(no_record(number, line)) };
            record.lines += 1;
            record.text.push('\n');
            record.text.push_str(rest);
            continue;
        }
        if let Some(record) = pending.replace(Record { code, line: number, lines: 1, text: rest.to_owned() }) {
            reader.record(&record)?;
        }
    }
    if let Some(record) = pending {
        reader.record(&record)?;
    }
    if !reader.has_ended {
        return Err(truncated("a file trailer, 99", "the end of the file"));
    }
    "bai2".clone_into(&mut book.layout);
    Ok(())
}

/// The code a line begins with, and what follows it.
fn code_of(line: &str) -> Option<([u8; 2], &str)> {
    let (code, rest) = line.split_once(',')?;
    let is_known = ["01", "02", "03", "16", "49", "88", "98", "99"].contains(&code);
    Some((is_known.then(|| code.as_bytes().try_into().ok())??, rest))
}

fn no_record(number: u64, line: &str) -> Error {
    Error::data("a line is no record of BAI2, and nothing of this file is booked")
        .line(number)
        .expected("a line that begins with 01, 02, 03, 16, 49, 88, 98 or 99 and a comma, in their order")
        .found(masked(line))
        .next("check that the file is what its name says")
}

/// What stands between a header and its trailer.
#[derive(Debug, Default)]
struct Frame {
    is_open: bool,
    sum: Amount,
    /// Accounts of a group, groups of a file.
    parts: u64,
    records: u64,
}

impl Frame {
    fn begin() -> Self {
        Self { is_open: true, ..Self::default() }
    }
}

struct Reader<'b, 'p> {
    book: &'b mut Book<'p>,
    line: Line,
    file: Frame,
    group: Frame,
    account: Frame,
    file_number: String,
    /// The day the group is of.
    day: String,
    /// The currency of the group.
    currency: String,
    has_ended: bool,
}

impl Reader<'_, '_> {
    fn record(&mut self, record: &Record) -> Result<()> {
        let in_order = match &record.code {
            b"01" => !self.file.is_open && !self.has_ended,
            b"02" | b"99" => self.file.is_open && !self.group.is_open,
            b"03" | b"98" => self.group.is_open && !self.account.is_open,
            _ => self.account.is_open,
        };
        if !in_order {
            return Err(no_record(record.line, "a record out of its order"));
        }
        for frame in [&mut self.file, &mut self.group, &mut self.account] {
            frame.records += record.lines;
        }
        let mut fields = Fields { rest: Some(&record.text) };
        match &record.code {
            b"01" => {
                self.file = Frame { records: record.lines, ..Frame::begin() };
                fields.nth(4).unwrap_or_default().clone_into(&mut self.file_number);
            }
            b"02" => self.begin_group(record, fields)?,
            b"03" => self.begin_account(record, fields)?,
            b"16" => self.transaction(record, fields)?,
            b"49" => {
                let title = self.book.statement().title();
                self.total(&title, "account", record, &mut fields)?;
                self.records(&title, self.account.records, record, fields.next());
                self.book.close(record.line);
                self.account.is_open = false;
                self.group.parts += 1;
                self.group.sum += self.account.sum;
            }
            b"98" => {
                let title = format!("group {}", self.file.parts + 1);
                self.total(&title, "group", record, &mut fields)?;
                self.parts(&title, "accounts", self.group.parts, record, fields.next());
                self.records(&title, self.group.records, record, fields.next());
                self.group.is_open = false;
                self.file.parts += 1;
                self.file.sum += self.group.sum;
            }
            _ => {
                self.total("the file", "file", record, &mut fields)?;
                self.parts("the file", "groups", self.file.parts, record, fields.next());
                self.records("the file", self.file.records, record, fields.next());
                self.file.is_open = false;
                self.has_ended = true;
            }
        }
        Ok(())
    }

    fn begin_group(&mut self, record: &Record, mut fields: Fields) -> Result<()> {
        // 1 is an update and 3 a correction; 2 takes a group back, and 4 is a test.
        let status = fields.nth(2).unwrap_or_default();
        if !matches!(status, "1" | "3" | "") {
            return Err(Error::data("a group takes back what was sent before, or is a test, and nothing of this file is booked")
                .line(record.line)
                .column("group status")
                .expected("1 or 3")
                .found(masked(status))
                .next("ask the bank for the file of the day as it is now"));
        }
        let stated = fields.next().unwrap_or_default();
        self.day = day(stated).unwrap_or_else(|| stated.to_owned());
        stated_or(fields.nth(1), "USD").clone_into(&mut self.currency);
        self.group = Frame { records: record.lines, ..Frame::begin() };
        Ok(())
    }

    fn begin_account(&mut self, record: &Record, mut fields: Fields) -> Result<()> {
        self.account = Frame { records: record.lines, ..Frame::begin() };
        let account = fields.next().unwrap_or_default().to_owned();
        let currency = stated_or(fields.next(), &self.currency).to_owned();
        let (mut opening, mut closing) = (None, None);
        while let Some(code) = fields.next() {
            let amount = fields.next().unwrap_or_default();
            fields.next();
            fields.skip_funds();
            if amount.is_empty() {
                continue;
            }
            let amount = self.counted(amount, record)?;
            match code {
                "010" => opening = Some(major(amount, &currency)),
                "015" => closing = Some(major(amount, &currency)),
                _ => {}
            }
        }
        let number = [self.day.as_str(), &self.file_number].join("/");
        let statement = self.book.begin(record.line);
        (statement.account, statement.currency, statement.number) = (account, currency, number);
        (statement.opening, statement.closing) = (opening, closing);
        Ok(())
    }

    fn transaction(&mut self, record: &Record, mut fields: Fields) -> Result<()> {
        let code = fields.next().unwrap_or_default();
        let stated = fields.next().unwrap_or_default();
        let line = &mut self.line;
        line.begin(record.line);
        line.set(Cell::TransactionCode, code);
        line.set(Cell::BookedOn, &self.day);
        let value = fields.skip_funds().and_then(day);
        line.set(Cell::ValueOn, value.as_deref().unwrap_or_default());
        line.set(Cell::LineReference, fields.next().unwrap_or_default().trim());
        line.set(Cell::CustomerReference, fields.next().unwrap_or_default().trim());
        line.set(Cell::Text, &on_one_line(fields.rest.unwrap_or_default()));
        // 890 is a message: it moves nothing.
        let is_message = code == "890" && stated.is_empty();
        line.set(Cell::Status, if is_message { "information" } else { "booked" });
        if is_message {
            line.set(Cell::Amount, "0");
        } else {
            let amount = self.counted(stated, record)?;
            let currency = self.book.statement().currency.clone();
            // A code that is neither credit nor debit gives the amount no side: the line is rejected by it.
            let text = match code.parse() {
                Ok(100..=399 | 930..=959) => major(amount, &currency).to_string(),
                Ok(400..=699 | 960..=999_u16) => (-major(amount, &currency)).to_string(),
                _ => format!("{} with code {code}", major(amount, &currency)),
            };
            self.line.set(Cell::Amount, &text);
        }
        self.book.line(&mut self.line, !is_message)
    }

    /// An amount in minor units, which counts in the total of its account.
    fn counted(&mut self, text: &str, record: &Record) -> Result<Amount> {
        let amount = minor_units(text, "amount", record)?;
        self.account.sum += amount;
        Ok(amount)
    }

    /// Holds a trailer's total against the amounts before it: sums are of minor units, whatever the currency.
    fn total(&mut self, title: &str, of: &str, record: &Record, fields: &mut Fields) -> Result<()> {
        let frame = match of {
            "account" => &self.account,
            "group" => &self.group,
            _ => &self.file,
        };
        let stated = minor_units(fields.next().unwrap_or_default(), "control total", record)?;
        let shown = |amount: Amount| amount.in_currency("JPY");
        let figures = (shown(stated), shown(frame.sum), shown(stated - frame.sum));
        self.book.hold(format!("control total of {title}"), record.line, figures);
        Ok(())
    }

    fn parts(&mut self, title: &str, name: &str, counted: u64, record: &Record, stated: Option<&str>) {
        if let Some(stated) = stated.and_then(|stated| stated.trim().parse().ok()) {
            self.book.count(format!("number of {name} in {title}"), record.line, stated, counted);
        }
    }

    fn records(&mut self, title: &str, counted: u64, record: &Record, stated: Option<&str>) {
        let name = format!("number of records in {title}");
        match stated.and_then(|stated| stated.trim().parse::<u64>().ok()) {
            Some(stated) if stated == counted => self.book.count(name, record.line, stated, counted),
            Some(stated) => self.book.note(name, &format!("{stated} by the bank's count, {counted} lines")),
            None => {}
        }
    }
}

fn stated_or<'t>(field: Option<&'t str>, otherwise: &'t str) -> &'t str {
    field.map(str::trim).filter(|field| !field.is_empty()).unwrap_or(otherwise)
}

/// A number of minor units, with or without a sign.
fn minor_units(text: &str, column: &str, record: &Record) -> Result<Amount> {
    let text = text.trim();
    // With a point it would be read as a hundredth of what it says.
    let parsed = Amount::parse(text.as_bytes(), 0).ok().filter(|_| !text.contains('.'));
    parsed.ok_or_else(|| {
        Error::data("an amount cannot be read, and nothing of this file is booked")
            .line(record.line)
            .column(column)
            .expected("a whole number of the currency's minor unit")
            .found(masked(text))
            .next("fetch the file again")
    })
}

/// Minor units as an amount of the major one. Their digits are those of the currency, so that nothing is lost.
fn major(amount: Amount, currency: &str) -> Amount {
    Amount(amount.0 / 10_i128.pow(minor_digits(currency)))
}

/// The fields of a record, one after the other. A line ends a field as a comma does, but not inside the text.
struct Fields<'t> {
    rest: Option<&'t str>,
}

impl<'t> Iterator for Fields<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let rest = self.rest?;
        let (field, rest) = rest.split_once([',', '\n']).map_or((rest, None), |(field, rest)| (field, Some(rest)));
        self.rest = rest;
        Some(field)
    }
}

impl<'t> Fields<'t> {
    /// Passes over the funds type and what it brings with it; gives the value date, where it states one.
    fn skip_funds(&mut self) -> Option<&'t str> {
        match self.next()?.trim() {
            "S" => self.by_ref().take(3).for_each(drop),
            "V" => {
                let date = self.next();
                self.next();
                return date;
            }
            // Pairs of days and an amount, after their number.
            "D" => {
                let pairs: u8 = self.next()?.trim().parse().ok()?;
                self.by_ref().take(2 * usize::from(pairs)).for_each(drop);
            }
            _ => {}
        }
        None
    }
}
