//! CAMT.053: elements by their local names, so that every version reads alike.
//!
//! An entry is one line, or one for each of its transactions where those state amounts that add up to it: a batch
//! of payments is then as fine as the bank tells it, and never counted twice.

mod balances;
mod entry;

use memchr::memchr_iter;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use self::balances::Balances;
use self::entry::Entry;
use super::{Book, truncated};
use crate::error::{Error, Result};
use crate::format::container::encoding_error;
use crate::mask::masked;

/// Elements inside one another. A statement has at most sixteen.
const DEPTH: usize = 64;

/// Declares the elements that are read: their names, and the name all others share.
macro_rules! tags {
    ($($tag:ident)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::upper_case_acronyms, reason = "the names of the standard")]
        enum Tag {
            $($tag,)*
            Other,
        }

        impl Tag {
            fn of(name: &str) -> Self {
                $(if name == stringify!($tag) {
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
            Event::Text(text) => walk.value.push_str(&text),
            Event::CData(text) => walk.value.push_str(&text),
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
    resolve_xml_entity(entity).and_then(|text| text.chars().next()).ok_or_else(unknown)
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
    balances: Balances,
    is_first_entry: bool,
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
                    self.currency.push_str(&attribute.value);
                }
            }
            Tag::Stmt if self.in_message() == [Tag::Stmt] => {
                self.balances = Balances::default();
                self.is_first_entry = true;
                book.begin(line());
            }
            Tag::Bal => self.balances.begin(),
            Tag::TxsSummry => self.balances.begin_summary(line()),
            Tag::Ntry if self.in_message() == [Tag::Stmt, Tag::Ntry] => {
                self.transactions.clear();
                self.entry = Entry::at(line());
                if self.is_first_entry {
                    self.balances.open(book)?;
                    self.is_first_entry = false;
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
            [Tag::Stmt] => self.balances.close(line(), book)?,
            [Tag::Stmt, Tag::Ntry] => {
                self.balances.count(&self.entry.sided, self.entry.is_booked());
                self.entry.write(&mut self.transactions, book)?;
            }
            [Tag::Stmt, Tag::Ntry, Tag::NtryDtls, Tag::TxDtls, rest @ ..] => {
                if let Some(transaction) = self.transactions.last_mut() {
                    transaction.of_transaction(rest, text, &self.currency);
                }
            }
            [Tag::Stmt, Tag::Ntry, rest @ ..] => self.entry.of_entry(rest, text, &self.currency),
            [Tag::Stmt, Tag::Bal, rest @ ..] => self.balances.of_balance(rest, text, &self.currency),
            [Tag::Stmt, Tag::TxsSummry, rest @ ..] => self.balances.of_summary(rest, text),
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
}

/// The version the document declares, such as `camt.053.001.08`.
fn version(element: &BytesStart) -> String {
    let namespaces = element.attributes().flatten().filter(|attribute| attribute.key.as_ref().starts_with("xmlns"));
    let names = namespaces.map(|attribute| attribute.value.into_owned());
    let versions = names.filter_map(|name| name.rsplit(':').next().map(str::to_owned));
    { versions }.find(|version| version.starts_with("camt.053.") && version.len() < 20).unwrap_or_default()
}
