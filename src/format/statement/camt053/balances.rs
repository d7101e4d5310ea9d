//! The balances of a statement, and what its summary states of its entries.

use super::Tag;
use super::entry::Sided;
use crate::error::{Error, Result};
use crate::format::statement::{Book, other_currency};
use crate::mask::masked;
use crate::money::{Amount, SCALE};

/// The balances of a statement, its summary, and the entries counted.
#[derive(Debug, Default)]
pub(super) struct Balances {
    /// Each with the code of what it is.
    balances: Vec<(String, Sided)>,
    summary: Option<Summary>,
    /// All entries and the booked ones: both, credits, debits.
    tallies: [[Tally; 3]; 2],
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

impl Balances {
    /// Begins a balance.
    pub(super) fn begin(&mut self) {
        self.balances.push(Default::default());
    }

    /// Begins the summary.
    pub(super) fn begin_summary(&mut self, line: u64) {
        self.summary = Some(Summary { line, ..Summary::default() });
    }

    /// Counts an entry.
    pub(super) fn count(&mut self, entry: &Sided, is_booked: bool) {
        let Ok(amount) = Amount::parse(entry.amount.as_bytes(), SCALE) else { return };
        let of = if entry.side == "CRDT" { CREDITS } else { DEBITS };
        for tallies in self.tallies.iter_mut().take(if is_booked { 2 } else { 1 }) {
            tallies[ALL].add(amount);
            tallies[of].add(amount);
        }
    }

    /// Takes an element of the balance begun last.
    pub(super) fn of_balance(&mut self, path: &[Tag], text: &str, currency: &str) {
        let Some((kind, balance)) = self.balances.last_mut() else { return };
        match path {
            [Tag::Tp, Tag::CdOrPrtry, _] => text.clone_into(kind),
            [Tag::Amt] => balance.state(text, currency),
            [Tag::CdtDbtInd] => text.clone_into(&mut balance.side),
            _ => {}
        }
    }

    /// Takes an element of the summary.
    pub(super) fn of_summary(&mut self, path: &[Tag], text: &str) {
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
    pub(super) fn open(&self, book: &mut Book) -> Result<()> {
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

    /// Closes the statement, and holds its summary against its entries.
    pub(super) fn close(&mut self, line: u64, book: &mut Book) -> Result<()> {
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
}
