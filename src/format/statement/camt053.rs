//! CAMT.053: elements by their local names, so that every version reads alike.
//!
//! An entry is one line, or one for each of its transactions where those state amounts that add up to it: a batch
//! of payments is then as fine as the bank tells it, and never counted twice.

use memchr::memchr_iter;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Book, Cell, Line, on_one_line, other_currency, truncated};
use crate::error::{Error, Result};
use crate::format::container::encoding_error;
use crate::mask::masked;
use crate::money::{Amount, SCALE};

/// Elements inside one another. A statement has at most sixteen.
const DEPTH: usize = 64;

/// Declares the elements that are read: their names, and the name all others share.
macro_rules! tags {
    ($($tag:ident)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Tag {
            $($tag,)*
            Other,
        }

        impl Tag {
            fn of(name: &[u8]) -> Self {
                $(if name == stringify!($tag).as_bytes() {
                    return Self::$tag;
                })*
                Self::Other
            }
        }
    };
}

tags! {
    Amt CdtDbtInd Ccy Cd Dt DtTm Id IBAN Othr Nm Pty Ntry NtryDtls TxDtls Refs RltdPties RmtInf Ustrd Strd CdtrRefInf Ref
    Dbtr Cdtr DbtrAcct CdtrAcct BkTxCd Domn Fmly SubFmlyCd Prtry AmtDtls InstdAmt TxAmt CntrValAmt CcyXchg XchgRate
    EndToEndId InstrId TxId UETR AcctSvcrRef NtryRef RvslInd Sts BookgDt ValDt AddtlNtryInf AddtlTxInf RtrInf Rsn Chrgs
    TtlChrgsAndTaxAmt Document BkToCstmrStmt BkToCstmrAcctRpt BkToCstmrDbtCdtNtfctn Stmt Acct Bal Tp
    CdOrPrtry TxsSummry TtlNtries TtlCdtNtries TtlDbtNtries NbOfNtries Sum TtlNetNtry TtlNetNtryAmt
}

/// Reads a file.
pub(super) fn read(bytes: &[u8], book: &mut Book) -> Result<()> {
    let text = text_of(bytes)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut lines = Lines { text: text.as_bytes(), counted: 0, line: 1 };
    let mut walk = Walk::default();
    loop {
        let event = reader.read_event().map_err(|error| {
            let at = lines.at(usize::try_from(reader.error_position()).unwrap_or(text.len()));
            not_xml().line(at).found(masked(&error.to_string()))
        })?;
        let at = usize::try_from(reader.buffer_position()).expect("a position in a text in memory");
        match event {
            Event::Start(element) => walk.start(&element, || lines.at(at), book)?,
            Event::End(_) => walk.end(|| lines.at(at), book)?,
            Event::Text(text) => walk.value.push_str(&text.decode().map_err(|_| not_xml().line(lines.at(at)))?),
            Event::CData(text) => walk.value.push_str(&text.decode().map_err(|_| not_xml().line(lines.at(at)))?),
            Event::GeneralRef(entity) => walk.value.push(letter(&entity).map_err(|error| error.line(lines.at(at)))?),
            Event::DocType(_) => {
                return Err(Error::data("the file declares a document type, and nothing of it is booked")
                    .line(lines.at(at))
                    .expected("a statement without one, as every bank writes it")
                    .next("fetch the file again; no bank sends such a file"));
            }
            Event::Eof => break,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if !walk.path.is_empty() {
        return Err(truncated("the end of every element", &format!("{} elements without an end", walk.path.len())));
    }
    if !walk.has_message {
        return Err(no_statement());
    }
    book.layout = if walk.version.is_empty() { "camt.053".to_owned() } else { walk.version };
    Ok(())
}

/// The text of an XML file: as its mark or its declaration says, else UTF-8.
fn text_of(bytes: &[u8]) -> Result<std::borrow::Cow<'_, str>> {
    let (encoding, mark) = encoding_rs::Encoding::for_bom(bytes).unwrap_or_else(|| {
        let head = &bytes[..bytes.len().min(200)];
        let declared = memchr::memmem::find(head, b"encoding=").map(|at| &head[at + 9..]);
        let label = declared.and_then(|rest| rest.split(|byte| matches!(byte, b'"' | b'\'')).nth(1));
        (label.and_then(encoding_rs::Encoding::for_label).unwrap_or(encoding_rs::UTF_8), 0)
    });
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]);
    decoded.ok_or_else(|| encoding_error(encoding.name(), "bytes that are not of it"))
}

fn not_xml() -> Error {
    Error::data("the file is not well-formed XML, and nothing of it is booked")
        .expected("an XML document")
        .next("fetch the file again; if it is the same, ask the bank for a corrected one")
}

fn no_statement() -> Error {
    Error::data("the file holds no bank statement")
        .expected("an element BkToCstmrStmt, as in camt.053")
        .found("another message")
        .next("check which report the bank delivers: the statement of a day that is booked is camt.053")
}

/// The letter an entity stands for. Only those that XML itself knows are there: no document type declares others.
fn letter(entity: &BytesRef) -> Result<char> {
    let unknown = || not_xml().found("an entity that is not declared");
    if let Some(letter) = entity.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(letter);
    }
    let name = entity.decode().map_err(|_| unknown())?;
    resolve_xml_entity(&name).and_then(|text| text.chars().next()).ok_or_else(unknown)
}

/// Counts lines as far as they are asked for.
struct Lines<'t> {
    text: &'t [u8],
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, position: usize) -> u64 {
        let passed = &self.text[self.counted..position.clamp(self.counted, self.text.len())];
        self.line += memchr_iter(b'\n', passed).count() as u64;
        self.counted += passed.len();
        self.line
    }
}

/// An amount with its currency and its side, before it has a sign.
#[derive(Clone, Debug, Default)]
struct Sided {
    amount: String,
    currency: String,
    side: String,
}

impl Sided {
    /// Sets amount and currency, of several the first.
    fn state(&mut self, amount: &str, currency: &str) {
        if self.amount.is_empty() {
            amount.clone_into(&mut self.amount);
            currency.clone_into(&mut self.currency);
        }
    }

    /// The text of the amount with its sign. Where no side gives it one the text is no amount.
    fn signed(&self) -> String {
        match (self.side.as_str(), self.amount.as_str()) {
            (_, "") => String::new(),
            ("CRDT", amount) => amount.to_owned(),
            ("DBIT", amount) => format!("-{amount}"),
            ("", amount) => format!("{amount} without CRDT or DBIT"),
            (other, amount) => format!("{amount} {other}"),
        }
    }

    fn parsed(&self) -> Option<Amount> {
        Amount::parse(self.signed().as_bytes(), SCALE).ok()
    }
}

/// An entry or a transaction of one.
#[derive(Clone, Debug, Default)]
struct Entry {
    line: Line,
    sided: Sided,
    /// What else may state the amount of a transaction.
    transaction: Sided,
    debtor: Party,
    creditor: Party,
    domain: String,
    proprietary: String,
}

/// Who paid or was paid.
#[derive(Clone, Debug, Default)]
struct Party {
    name: String,
    account: String,
}

impl Entry {
    fn at(number: u64) -> Self {
        Self { line: Line { number, ..Line::default() }, ..Self::default() }
    }

    /// Fills the cells that are made of several elements.
    fn settle(&mut self, side: &str) {
        let code = if self.domain.is_empty() { &self.proprietary } else { &self.domain };
        self.line.set(Cell::TransactionCode, code);
        let party = if side == "DBIT" { &self.creditor } else { &self.debtor };
        self.line.set(Cell::CounterpartyName, &party.name);
        self.line.set(Cell::CounterpartyAccount, &party.account);
    }
}

/// Entries and sums, as a summary states them.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    entries: u64,
    sum: Amount,
}

impl Tally {
    fn add(&mut self, amount: Amount) {
        self.entries += 1;
        self.sum += amount;
    }
}

/// What a statement's own summary says of credits, debits and both.
#[derive(Debug, Default)]
struct Summary {
    line: u64,
    /// Number of entries and their sum, as text.
    stated: [(String, String); 3],
    net: Sided,
}

const ALL: usize = 0;
const CREDITS: usize = 1;
const DEBITS: usize = 2;

/// A place in the document, and what was read of the statement it is in.
#[derive(Debug, Default)]
struct Walk {
    path: Vec<Tag>,
    value: String,
    /// Currency of the amount that is read.
    currency: String,
    version: String,
    /// Elements around the message.
    base: usize,
    has_message: bool,
    has_root: bool,
    balances: Vec<(String, Sided)>,
    summary: Option<Summary>,
    /// All entries and the booked ones: both, credits, debits.
    tallies: [[Tally; 3]; 2],
    entry: Entry,
    transactions: Vec<Entry>,
}

impl Walk {
    fn start(&mut self, element: &BytesStart, line: impl FnOnce() -> u64, book: &mut Book) -> Result<()> {
        let tag = Tag::of(element.local_name().as_ref());
        if self.path.is_empty() && std::mem::replace(&mut self.has_root, true) {
            return Err(not_xml().line(line()).found("a second document behind the first"));
        }
        self.path.push(tag);
        self.value.clear();
        if self.path.len() > DEPTH {
            return Err(not_xml().line(line()).found(format!("more than {DEPTH} elements inside one another")));
        }
        match tag {
            Tag::Document => self.version = version(element),
            Tag::BkToCstmrStmt => (self.base, self.has_message) = (self.path.len(), true),
            Tag::BkToCstmrAcctRpt | Tag::BkToCstmrDbtCdtNtfctn => {
                let found = if tag == Tag::BkToCstmrAcctRpt {
                    "a report within the day (camt.052)"
                } else {
                    "a notification of single entries (camt.054)"
                };
                return Err(no_statement().line(line()).found(found));
            }
            Tag::Amt | Tag::TtlChrgsAndTaxAmt | Tag::TtlNetNtryAmt => {
                self.currency.clear();
                let attribute = element.try_get_attribute("Ccy").map_err(|_| not_xml())?;
                if let Some(attribute) = attribute {
                    self.currency.push_str(&String::from_utf8_lossy(&attribute.value));
                }
            }
            Tag::Stmt if self.in_message() == [Tag::Stmt] => {
                self.balances.clear();
                self.tallies = Default::default();
                self.summary = None;
                book.begin(line());
            }
            Tag::Bal => self.balances.push(Default::default()),
            Tag::TxsSummry => self.summary = Some(Summary { line: line(), ..Summary::default() }),
            Tag::Ntry if self.in_message() == [Tag::Stmt, Tag::Ntry] => {
                self.transactions.clear();
                self.entry = Entry::at(line());
                if self.tallies[0][ALL].entries == 0 {
                    self.open(book)?;
                }
            }
            Tag::TxDtls => self.transactions.push(Entry::at(line())),
            _ => {}
        }
        Ok(())
    }

    /// The elements from the message on.
    fn in_message(&self) -> &[Tag] {
        if self.has_message { self.path.get(self.base..).unwrap_or_default() } else { &[] }
    }

    /// Takes the value of the element that ends.
    fn end(&mut self, line: impl FnOnce() -> u64, book: &mut Book) -> Result<()> {
        let path = std::mem::take(&mut self.path);
        let value = std::mem::take(&mut self.value);
        let text = value.trim();
        match if self.has_message { path.get(self.base..).unwrap_or_default() } else { &[] } {
            [] => {}
            [Tag::Stmt] => self.close(line(), book)?,
            [Tag::Stmt, Tag::Ntry] => self.write(book)?,
            [Tag::Stmt, Tag::Ntry, Tag::NtryDtls, Tag::TxDtls, rest @ ..] => {
                if let Some(transaction) = self.transactions.last_mut() {
                    transaction.of_transaction(rest, text, &self.currency);
                }
            }
            [Tag::Stmt, Tag::Ntry, rest @ ..] => self.entry.of_entry(rest, text, &self.currency),
            [Tag::Stmt, Tag::Bal, rest @ ..] => self.of_balance(rest, text),
            [Tag::Stmt, Tag::TxsSummry, rest @ ..] => self.of_summary(rest, text),
            [Tag::Stmt, Tag::Acct, Tag::Id, Tag::IBAN] | [Tag::Stmt, Tag::Acct, Tag::Id, Tag::Othr, Tag::Id] => {
                text.clone_into(&mut book.statement().account);
            }
            [Tag::Stmt, Tag::Acct, Tag::Ccy] => text.clone_into(&mut book.statement().currency),
            [Tag::Stmt, Tag::Id] => text.clone_into(&mut book.statement().number),
            _ => {}
        }
        (self.path, self.value) = (path, value);
        self.path.pop();
        self.value.clear();
        Ok(())
    }

    fn of_balance(&mut self, path: &[Tag], text: &str) {
        let Some((kind, balance)) = self.balances.last_mut() else { return };
        match path {
            [Tag::Tp, Tag::CdOrPrtry, _] => text.clone_into(kind),
            [Tag::Amt] => balance.state(text, &self.currency),
            [Tag::CdtDbtInd] => text.clone_into(&mut balance.side),
            _ => {}
        }
    }

    fn of_summary(&mut self, path: &[Tag], text: &str) {
        let Some(summary) = &mut self.summary else { return };
        let of = |tag: Tag| match tag {
            Tag::TtlNtries => Some(ALL),
            Tag::TtlCdtNtries => Some(CREDITS),
            Tag::TtlDbtNtries => Some(DEBITS),
            _ => None,
        };
        match *path {
            [tag, figure @ (Tag::NbOfNtries | Tag::Sum)] => {
                let Some((entries, sum)) = of(tag).map(|of| &mut summary.stated[of]) else { return };
                text.clone_into(if figure == Tag::Sum { sum } else { entries });
            }
            [Tag::TtlNtries, Tag::TtlNetNtryAmt] | [Tag::TtlNtries, Tag::TtlNetNtry, Tag::Amt] => summary.net.state(text, ""),
            [Tag::TtlNtries, Tag::CdtDbtInd] | [Tag::TtlNtries, Tag::TtlNetNtry, Tag::CdtDbtInd] => {
                text.clone_into(&mut summary.net.side);
            }
            _ => {}
        }
    }

    /// Finds the balances: before the first entry, and again at the end, where a bank may state them too.
    fn open(&mut self, book: &mut Book) -> Result<()> {
        let statement = book.statement();
        let of = |kind: &str| self.balances.iter().find(|(of, _)| of == kind).map(|(_, balance)| balance);
        // Of the pages of a long statement each begins and ends with an interim balance.
        let mut interim = self.balances.iter().filter(|(kind, _)| kind == "ITBD").map(|(_, balance)| balance);
        let (first, last) = (interim.next(), interim.next_back());
        let (opens, closes) = (of("OPBD").or_else(|| of("PRCD")), of("CLBD"));
        let (opening, closing) = match (opens, closes) {
            (Some(opens), Some(closes)) => (Some(opens), Some(closes)),
            (Some(opens), None) => (Some(opens), last.or(first)),
            (None, Some(closes)) => (first, Some(closes)),
            (None, None) => (first.filter(|_| last.is_some()), last),
        };
        for balance in [opening, closing].into_iter().flatten() {
            if statement.currency.is_empty() || opening.is_some_and(|opening| std::ptr::eq(opening, balance)) {
                balance.currency.clone_into(&mut statement.currency);
            } else if statement.currency != balance.currency {
                return Err(other_currency("a balance", &statement.currency, &balance.currency, statement.line));
            }
        }
        let unread = |balance: &Sided| {
            Error::data("a balance is no amount, and nothing of this file is booked")
                .column("Bal/Amt")
                .found(masked(&balance.signed()))
                .next("fetch the file again")
        };
        let amount = |balance: Option<&Sided>| {
            balance.map(|balance| balance.parsed().ok_or_else(|| unread(balance).line(statement.line))).transpose()
        };
        (statement.opening, statement.closing) = (amount(opening)?, amount(closing)?);
        Ok(())
    }

    fn close(&mut self, line: u64, book: &mut Book) -> Result<()> {
        self.open(book)?;
        book.close(line);
        let Some(summary) = self.summary.take() else { return Ok(()) };
        let title = book.statement().title();
        for (of, name) in [(ALL, "entries"), (CREDITS, "credits"), (DEBITS, "debits")] {
            let (entries, sum) = &summary.stated[of];
            if let Ok(entries) = entries.parse() {
                // Some banks count all entries, others those that are booked.
                let counted = self.tallies.map(|tallies| tallies[of].entries);
                let counted = if counted[1] == entries { counted[1] } else { counted[0] };
                book.count(format!("number of {name} in {title}"), summary.line, entries, counted);
            }
            if let Ok(sum) = Amount::parse(sum.as_bytes(), SCALE) {
                let added = self.tallies.map(|tallies| tallies[of].sum);
                book.tie(format!("sum of {name} in {title}"), summary.line, sum, if added[1] == sum { sum } else { added[0] });
            }
        }
        if let Some(net) = summary.net.parsed() {
            let added = self.tallies.map(|tallies| tallies[CREDITS].sum - tallies[DEBITS].sum);
            book.tie(format!("net of entries in {title}"), summary.line, net, if added[1] == net { net } else { added[0] });
        }
        Ok(())
    }

    /// Writes an entry down: as its transactions where they add up to it, else as itself.
    fn write(&mut self, book: &mut Book) -> Result<()> {
        let mut entry = std::mem::take(&mut self.entry);
        let side = entry.sided.side.clone();
        let is_booked = entry.line.get(Cell::Status) == "BOOK";
        if let Ok(amount) = Amount::parse(entry.sided.amount.as_bytes(), SCALE) {
            let of = if side == "CRDT" { CREDITS } else { DEBITS };
            for tallies in self.tallies.iter_mut().take(if is_booked { 2 } else { 1 }) {
                tallies[ALL].add(amount);
                tallies[of].add(amount);
            }
        }
        entry.settle(&side);
        entry.line.set(Cell::Amount, &entry.sided.signed());
        entry.line.set(Cell::Currency, &entry.sided.currency);
        self.transactions.iter_mut().for_each(|transaction| transaction.settle(&side));
        match &mut self.transactions[..] {
            [only] => {
                entry.line.complete(&only.line);
                book.line(&mut entry.line, is_booked)
            }
            several if add_up(several, &entry.sided) => {
                for transaction in several {
                    let sided = transaction.amount(&entry.sided).expect("transactions that add up state amounts");
                    transaction.line.set(Cell::Amount, &sided.signed());
                    transaction.line.set(Cell::Currency, &sided.currency);
                    transaction.line.complete(&entry.line);
                    book.line(&mut transaction.line, is_booked)?;
                }
                Ok(())
            }
            _ => book.line(&mut entry.line, is_booked),
        }
    }
}

/// Whether there are transactions, and each states an amount of the entry's currency, and together they are the entry.
fn add_up(transactions: &[Entry], entry: &Sided) -> bool {
    let parsed = |transaction: &Entry| transaction.amount(entry).and_then(|sided| sided.parsed());
    let sum = transactions.iter().map(parsed).sum::<Option<Amount>>();
    !transactions.is_empty() && sum.is_some() && sum == entry.parsed()
}

impl Entry {
    /// What a transaction adds to its entry, on the side of the entry where it states none.
    fn amount(&self, entry: &Sided) -> Option<Sided> {
        let mut stated = if self.sided.amount.is_empty() { self.transaction.clone() } else { self.sided.clone() };
        stated.side.clone_from(if self.sided.side.is_empty() { &entry.side } else { &self.sided.side });
        (stated.currency == entry.currency && !stated.amount.is_empty()).then_some(stated)
    }

    fn of_entry(&mut self, path: &[Tag], text: &str, currency: &str) {
        let line = &mut self.line;
        match path {
            [Tag::Amt] => self.sided.state(text, currency),
            [Tag::CdtDbtInd] => text.clone_into(&mut self.sided.side),
            [Tag::AcctSvcrRef] => line.set(Cell::LineReference, text),
            [Tag::NtryRef] => line.state(Cell::LineReference, text),
            [Tag::RvslInd] if matches!(text, "true" | "1") => line.set(Cell::Reversal, "true"),
            [Tag::Sts] | [Tag::Sts, Tag::Cd | Tag::Prtry] => line.state(Cell::Status, text),
            [Tag::BookgDt, Tag::Dt | Tag::DtTm] => line.set(Cell::BookedOn, day_of(text)),
            [Tag::ValDt, Tag::Dt | Tag::DtTm] => line.set(Cell::ValueOn, day_of(text)),
            [Tag::AddtlNtryInf] => line.add(Cell::BookingText, &on_one_line(text)),
            [Tag::BkTxCd, code @ ..] => self.of_code(code, text),
            [Tag::AmtDtls, details @ ..] => self.of_details(details, text, currency),
            [Tag::Chrgs, charges @ ..] => of_charges(line, charges, text, currency),
            _ => {}
        }
    }

    fn of_transaction(&mut self, path: &[Tag], text: &str, currency: &str) {
        let line = &mut self.line;
        match path {
            [Tag::Amt] => self.sided.state(text, currency),
            [Tag::CdtDbtInd] => text.clone_into(&mut self.sided.side),
            [Tag::Refs, Tag::AcctSvcrRef] => line.set(Cell::LineReference, text),
            [Tag::Refs, Tag::EndToEndId] => line.set(Cell::EndToEndReference, text),
            [Tag::Refs, Tag::InstrId] => line.set(Cell::CustomerReference, text),
            [Tag::Refs, Tag::TxId] => line.set(Cell::TransactionId, text),
            [Tag::Refs, Tag::UETR] => line.state(Cell::TransactionId, text),
            [Tag::RmtInf, Tag::Ustrd] => line.add(Cell::Text, &on_one_line(text)),
            [Tag::RmtInf, Tag::Strd, Tag::CdtrRefInf, Tag::Ref] => line.state(Cell::CreditorReference, text),
            [Tag::AddtlTxInf] => line.add(Cell::BookingText, &on_one_line(text)),
            [Tag::RtrInf, Tag::Rsn, Tag::Cd | Tag::Prtry] => line.set(Cell::ReturnReason, text),
            [Tag::RltdPties, Tag::Dbtr, Tag::Nm] | [Tag::RltdPties, Tag::Dbtr, Tag::Pty, Tag::Nm] => {
                self.debtor.name = on_one_line(text);
            }
            [Tag::RltdPties, Tag::Cdtr, Tag::Nm] | [Tag::RltdPties, Tag::Cdtr, Tag::Pty, Tag::Nm] => {
                self.creditor.name = on_one_line(text);
            }
            [Tag::RltdPties, Tag::DbtrAcct, Tag::Id, Tag::IBAN]
            | [Tag::RltdPties, Tag::DbtrAcct, Tag::Id, Tag::Othr, Tag::Id] => {
                text.clone_into(&mut self.debtor.account);
            }
            [Tag::RltdPties, Tag::CdtrAcct, Tag::Id, Tag::IBAN]
            | [Tag::RltdPties, Tag::CdtrAcct, Tag::Id, Tag::Othr, Tag::Id] => {
                text.clone_into(&mut self.creditor.account);
            }
            [Tag::BkTxCd, code @ ..] => self.of_code(code, text),
            [Tag::AmtDtls, details @ ..] => self.of_details(details, text, currency),
            [Tag::Chrgs, charges @ ..] => of_charges(line, charges, text, currency),
            _ => {}
        }
    }

    fn of_code(&mut self, path: &[Tag], text: &str) {
        match path {
            [Tag::Prtry, Tag::Cd] => text.clone_into(&mut self.proprietary),
            [Tag::Domn, Tag::Cd] | [Tag::Domn, Tag::Fmly, Tag::Cd | Tag::SubFmlyCd] => {
                if !self.domain.is_empty() {
                    self.domain.push('-');
                }
                self.domain.push_str(text);
            }
            _ => {}
        }
    }

    fn of_details(&mut self, path: &[Tag], text: &str, currency: &str) {
        match path {
            [Tag::InstdAmt, Tag::Amt] => {
                self.line.set(Cell::InstructedAmount, text);
                self.line.set(Cell::InstructedCurrency, currency);
            }
            [Tag::TxAmt, Tag::Amt] => self.transaction.state(text, currency),
            [Tag::InstdAmt | Tag::TxAmt | Tag::CntrValAmt, Tag::CcyXchg, Tag::XchgRate] => {
                self.line.state(Cell::ExchangeRate, text);
            }
            _ => {}
        }
    }
}

fn of_charges(line: &mut Line, path: &[Tag], text: &str, currency: &str) {
    if let [Tag::Amt | Tag::TtlChrgsAndTaxAmt] = path {
        line.state(Cell::Charges, text);
        line.state(Cell::ChargesCurrency, currency);
    }
}

/// The day of a date or of a time: as the bank dates it, whatever the offset.
fn day_of(text: &str) -> &str {
    text.get(..10).unwrap_or(text)
}

/// The version the document declares, such as `camt.053.001.08`.
fn version(element: &BytesStart) -> String {
    let namespaces = element.attributes().flatten().filter(|attribute| attribute.key.as_ref().starts_with(b"xmlns"));
    let names = namespaces.map(|attribute| String::from_utf8_lossy(&attribute.value).into_owned());
    let versions = names.filter_map(|name| name.rsplit(':').next().map(str::to_owned));
    { versions }.find(|version| version.starts_with("camt.053.") && version.len() < 20).unwrap_or_default()
}
