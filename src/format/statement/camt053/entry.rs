//! An entry of a statement and its transactions: elements to cells.

use super::Tag;
use crate::error::Result;
use crate::format::statement::{Book, Cell, Line, on_one_line};
use crate::money::{Amount, SCALE};

/// An amount with its currency and its side, before it has a sign.
#[derive(Clone, Debug, Default)]
pub(super) struct Sided {
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) side: String,
}

impl Sided {
    /// Sets amount and currency, of several the first.
    pub(super) fn state(&mut self, amount: &str, currency: &str) {
        if self.amount.is_empty() {
            amount.clone_into(&mut self.amount);
            currency.clone_into(&mut self.currency);
        }
    }

    /// The text of the amount with its sign. Where no side gives it one the text is no amount.
    pub(super) fn signed(&self) -> String {
        match (self.side.as_str(), self.amount.as_str()) {
            (_, "") => String::new(),
            ("CRDT", amount) => amount.to_owned(),
            ("DBIT", amount) => format!("-{amount}"),
            ("", amount) => format!("{amount} without CRDT or DBIT"),
            (other, amount) => format!("{amount} {other}"),
        }
    }

    pub(super) fn parsed(&self) -> Option<Amount> {
        Amount::parse(self.signed().as_bytes(), SCALE).ok()
    }
}

/// An entry or a transaction of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    line: Line,
    pub(super) sided: Sided,
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
    pub(super) fn at(number: u64) -> Self {
        Self { line: Line { number, ..Line::default() }, ..Self::default() }
    }

    /// Whether it is in the booked balance.
    pub(super) fn is_booked(&self) -> bool {
        self.line.get(Cell::Status) == "BOOK"
    }

    /// Writes an entry down: as its transactions where they add up to it, else as itself.
    pub(super) fn write(&mut self, transactions: &mut [Self], book: &mut Book) -> Result<()> {
        let is_booked = self.is_booked();
        let side = self.sided.side.clone();
        self.settle(&side);
        self.line.set(Cell::Amount, &self.sided.signed());
        self.line.set(Cell::Currency, &self.sided.currency);
        for transaction in transactions.iter_mut() {
            transaction.settle(&side);
        }
        match transactions {
            [only] => {
                self.line.complete(&only.line);
                book.line(&mut self.line, is_booked)
            }
            several if add_up(several, &self.sided) => {
                for transaction in several {
                    let sided = transaction.amount(&self.sided).expect("transactions that add up state amounts");
                    transaction.line.set(Cell::Amount, &sided.signed());
                    transaction.line.set(Cell::Currency, &sided.currency);
                    transaction.line.complete(&self.line);
                    book.line(&mut transaction.line, is_booked)?;
                }
                Ok(())
            }
            _ => book.line(&mut self.line, is_booked),
        }
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

    pub(super) fn of_entry(&mut self, path: &[Tag], text: &str, currency: &str) {
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

    pub(super) fn of_transaction(&mut self, path: &[Tag], text: &str, currency: &str) {
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
                self.debtor.name = on_one_line(text).into_owned();
            }
            [Tag::RltdPties, Tag::Cdtr, Tag::Nm] | [Tag::RltdPties, Tag::Cdtr, Tag::Pty, Tag::Nm] => {
                self.creditor.name = on_one_line(text).into_owned();
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
