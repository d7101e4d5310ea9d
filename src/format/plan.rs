//! A format compiled against the header of one file: every name resolved to a cell, every word to bytes.

mod compile;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::container::encode;
use super::time::Pattern;
use super::written::Written;
use super::{Case, Encoding, Format, LikeCards, Otherwise, Sign, Target, Total};
use crate::money::Amount;
use crate::table::column::{Column, Type};

/// A format and a header: how each row of one file becomes a row of its table.
#[derive(Debug)]
pub struct Plan {
    /// Which layout the header has.
    pub layout: String,
    /// Cells a row has.
    pub columns: usize,
    /// The header, as text.
    pub header: Vec<String>,
    /// Columns the format does not know and may ignore.
    pub added: Vec<String>,
    /// Encoding of the cells.
    pub encoding: Encoding,
    /// Every cell that is read as an amount, each once a row.
    pub amounts: Vec<AmountCell>,
    /// The kinds, in order; one without conditions where the target has no kinds.
    pub kinds: Vec<KindPlan>,
    /// Every cell a kind or a total is told by, each once.
    pub telling: Telling,
    /// Canonical columns, in the order of the table.
    pub targets: Vec<TargetPlan>,
    /// Cells that identify a row; none where rows are the merchant's own, which name themselves.
    pub identity: Option<Vec<usize>>,
    /// Cells that may hold delimiters.
    pub free_text: Vec<usize>,
    /// Whether rows may stop early.
    pub short_rows: bool,
    /// Totals to keep while reading: those of the summary, then the footers, then the companion.
    pub sums: Vec<SumPlan>,
    /// Groups that are added up: first those that close at zero, then those the file states totals of.
    pub groups: Vec<GroupPlan>,
    /// Cells of which a row may name one currency only.
    pub one_currency: Vec<usize>,
    /// Identities of every row.
    pub row_checks: Vec<RowCheckPlan>,
}

/// A cell that is read as an amount.
#[derive(Clone, Debug, PartialEq)]
pub struct AmountCell {
    /// Its position.
    pub cell: usize,
    /// Decimals its text may have.
    pub decimals: u32,
    /// How it is written, where it is no plain decimal.
    pub written: Option<Written>,
}

/// One kind.
#[derive(Debug)]
pub struct KindPlan {
    /// The canonical kind.
    pub is: String,
    /// What must hold.
    pub when: Vec<Test>,
}

/// What tells kinds and totals: rows that agree in it are of one kind and count in the same totals.
#[derive(Debug, Default)]
pub struct Telling {
    /// The cells.
    pub cells: Vec<usize>,
    /// What tells by a yes or no.
    pub flags: Vec<Flag>,
}

/// What of a row tells by a yes or no: of its own it would be another thing in every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Whether the amount in that slot is negative.
    IsNegative(usize),
    /// Whether that cell is empty.
    IsEmpty(usize),
}

impl Telling {
    fn of<'t>(tests: impl Iterator<Item = &'t Test>) -> Self {
        let mut telling = Self::default();
        for test in tests {
            let flag = match test {
                Test::OneOf(Some(cell), words) if words.iter().all(Glob::is_empty) => Flag::IsEmpty(*cell),
                Test::Signed(slot, _) => Flag::IsNegative(*slot),
                Test::OneOf(Some(cell), _) if !telling.cells.contains(cell) => {
                    telling.cells.push(*cell);
                    continue;
                }
                Test::OneOf(..) => continue,
            };
            if !telling.flags.contains(&flag) {
                telling.flags.push(flag);
            }
        }
        telling
    }

    /// Whether all rows are alike.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.flags.is_empty()
    }
}

/// What becomes of a value that may be the number of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cards {
    /// Its row is a reject: were identifiers masked, rows would meet that are not the same.
    Refused,
    /// It is masked.
    Masked,
    /// It is kept: the job says that identifiers look so.
    Kept,
}

impl Cards {
    /// Of values of a column.
    fn of(column: &Column, format: &Format) -> Self {
        let identifies = column.kind == Type::Text || column.name.ends_with("_reference");
        match (identifies, format.identifiers_like_cards) {
            (true, LikeCards::Kept) => Self::Kept,
            // Lines of a bank are identified by its cells, and meet payouts by more than their references.
            (true, LikeCards::Rejected) if format.target != Target::BankLines => Self::Refused,
            _ => Self::Masked,
        }
    }
}

/// A canonical column and how it is filled.
#[derive(Debug)]
pub struct TargetPlan {
    /// The column.
    pub column: &'static Column,
    /// The ways it is filled, each once.
    pub fills: Vec<Fill>,
    /// Which of them, by kind.
    pub of_kind: Vec<usize>,
    /// What becomes of values that may be the number of a card.
    pub cards: Cards,
}

impl TargetPlan {
    fn new(column: &'static Column, of_kinds: Vec<Fill>, format: &Format) -> Self {
        let mut fills: Vec<Fill> = Vec::new();
        let of_kind = of_kinds.into_iter().map(|fill| {
            fills.iter().position(|known| *known == fill).unwrap_or_else(|| {
                fills.push(fill);
                fills.len() - 1
            })
        });
        Self { column, of_kind: of_kind.collect(), fills, cards: Cards::of(column, format) }
    }

    /// The fill of a kind.
    #[must_use]
    pub fn of(&self, kind: usize) -> &Fill {
        &self.fills[self.of_kind[kind]]
    }

    /// Whether no kind fills it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.fills.iter().all(|fill| *fill == Fill::Nothing)
    }

    /// The word that all rows have, whatever they hold.
    #[must_use]
    pub fn same_word(&self) -> Option<&str> {
        match &self.fills[..] {
            [Fill::Text(TextFill { cells, default: Some(word), .. })] if cells.is_empty() && self.column.kind == Type::Word => {
                Some(word)
            }
            _ => None,
        }
    }
}

/// A condition on a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The cell fits one of these, whatever its letter case. An absent column is an empty cell.
    OneOf(Option<usize>, Vec<Glob>),
    /// The amount in that slot has this sign.
    Signed(usize, Sign),
}

/// How one canonical column of one kind is filled.
#[derive(Debug, PartialEq)]
pub enum Fill {
    /// Left empty.
    Nothing,
    /// Text or a word out of cells.
    Text(TextFill),
    /// Amount slots added and taken off; the currency's decimals are checked unless the rule stated its own.
    Amount {
        /// Slots added.
        add: Vec<usize>,
        /// Slots taken off.
        subtract: Vec<usize>,
        /// The amount where no slot holds one.
        default: Option<Amount>,
        /// Whether the rule says how many decimals there may be.
        own_decimals: bool,
    },
    /// A rate of exchange in a cell.
    Rate(usize),
    /// An instant in the first cell that holds one.
    Instant {
        /// The cells, in order.
        cells: Vec<usize>,
        /// How the text is laid out.
        pattern: Pattern,
        /// Where its zone comes from.
        zone: ZoneOf,
    },
    /// A day in the first cell that holds one.
    Day {
        /// The cells, in order.
        cells: Vec<usize>,
        /// How the text is laid out.
        pattern: Pattern,
    },
}

/// Where the zone of a time comes from.
#[derive(Debug, PartialEq)]
pub enum ZoneOf {
    /// The text states its offset.
    Text,
    /// Declared.
    Fixed(Tz),
    /// Named by a cell: an abbreviation the format explains, or a name of the time zone database.
    Cell(usize, BTreeMap<String, Tz>),
}

/// Text or a word out of cells.
#[derive(Debug, PartialEq)]
pub struct TextFill {
    /// The cells, in order.
    pub cells: Vec<usize>,
    /// Cells that mean nothing is there.
    pub empty: Vec<Vec<u8>>,
    /// Letter case to bring the cell to.
    pub case: Option<Case>,
    /// Patterns and words.
    pub map: Vec<(Glob, String)>,
    /// What a cell that no pattern fits becomes.
    pub otherwise: Otherwise,
    /// The value where no cell gives one.
    pub default: Option<String>,
}

/// A pattern with `*` at either end.
#[derive(Clone, Debug, PartialEq)]
pub struct Glob {
    /// The text between.
    pub text: Vec<u8>,
    /// Anything may stand before.
    pub before: bool,
    /// Anything may stand after.
    pub after: bool,
}

impl Glob {
    fn new(pattern: &str, encoding: Encoding) -> Self {
        let inner = pattern.strip_prefix('*').unwrap_or(pattern);
        let inner = inner.strip_suffix('*').unwrap_or(inner);
        Self {
            text: encode(inner, encoding),
            before: pattern.starts_with('*'),
            after: pattern.len() > 1 && pattern.ends_with('*'),
        }
    }

    /// Whether only an empty cell fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.before && !self.after
    }

    /// Whether a cell fits, whatever its letter case.
    #[must_use]
    pub fn fits_any_case(&self, cell: &[u8]) -> bool {
        let length = self.text.len();
        let is = |part: Option<&[u8]>| part.is_some_and(|part| part.eq_ignore_ascii_case(&self.text));
        match (self.before, self.after) {
            (false, false) => is(Some(cell)),
            (true, false) => is(cell.len().checked_sub(length).map(|start| &cell[start..])),
            (false, true) => is(cell.get(..length)),
            (true, true) => length == 0 || cell.windows(length).any(|part| is(Some(part))),
        }
    }

    /// Whether a cell fits.
    #[must_use]
    pub fn fits(&self, cell: &[u8]) -> bool {
        match (self.before, self.after) {
            (false, false) => cell == self.text,
            (true, false) => cell.ends_with(&self.text),
            (false, true) => cell.starts_with(&self.text),
            (true, true) => self.text.is_empty() || memchr::memmem::find(cell, &self.text).is_some(),
        }
    }
}

/// A total kept while reading.
#[derive(Debug)]
pub struct SumPlan {
    /// Only rows for which this holds.
    pub of: Vec<Test>,
    /// Amount slots added.
    pub add: Vec<usize>,
    /// Amount slots taken off.
    pub subtract: Vec<usize>,
}

/// Groups of rows that are added up: to zero where they close, or to what the file states.
#[derive(Debug)]
pub struct GroupPlan {
    /// Cells that make a group.
    pub by: Vec<usize>,
    /// Only rows for which this holds.
    pub of: Vec<Test>,
    /// Whether rows are counted.
    pub count: bool,
    /// Amount slots added.
    pub add: Vec<usize>,
    /// Amount slots taken off.
    pub subtract: Vec<usize>,
}

/// An identity of every row.
#[derive(Debug)]
pub struct RowCheckPlan {
    /// Amount slots added.
    pub add: Vec<usize>,
    /// Amount slots taken off.
    pub subtract: Vec<usize>,
    /// The amount slot that states the result.
    pub equals: usize,
    /// The column that states the result.
    pub column: String,
}

impl Plan {
    /// The cell to name where a row is of no kind.
    #[must_use]
    pub fn kind_cell(&self) -> Option<usize> {
        self.kinds.iter().flat_map(|kind| &kind.when).find_map(|test| match test {
            Test::OneOf(cell, _) => *cell,
            Test::Signed(..) => None,
        })
    }
}

/// Every total a format checks, in the order of [`Plan::sums`].
pub fn totals(format: &Format) -> impl Iterator<Item = &Total> {
    let summary = format.summary.iter().flat_map(|summary| &summary.totals);
    let footers = format.footer.iter().flat_map(|footer| &footer.totals);
    let companion = format.companion.iter().flat_map(|companion| &companion.totals);
    summary.chain(footers).chain(companion)
}
