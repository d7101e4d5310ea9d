//! A format compiled against the header of one file: every name resolved to a cell, every word to bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono_tz::Tz;
use unicode_normalization::UnicodeNormalization;

use super::container::{decode, encode};
use super::time::Pattern;
use super::written::Written;
use super::{AddedColumns, Case, Condition, Encoding, Format, Layout, LikeCards, Otherwise, Rule, Sign, Target, Total};
use crate::error::{Error, Result};
use crate::mask::masked;
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

/// A column name as it is compared: full-width forms folded, spaces around it and doubled inside it gone.
#[must_use]
pub fn folded(name: &str) -> String {
    // ASCII is its own normal form.
    if name.is_ascii() {
        return name.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    }
    name.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The layouts of a format held against a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The layout.
    pub layout: String,
    /// Columns it needs that are not there.
    pub missing: Vec<String>,
    /// Columns that are there and it does not know.
    pub added: Vec<String>,
    /// Columns it needs that are there.
    pub present: usize,
}

impl Fit {
    /// How far the header is from the layout.
    #[must_use]
    pub fn distance(&self, format: &Format) -> usize {
        self.missing.len() + if format.file.added_columns == AddedColumns::Refuse { self.added.len() } else { 0 }
    }
}

/// Every layout of `format` held against `header`, nearest first.
#[must_use]
pub fn fits(format: &Format, header: &[String]) -> Vec<Fit> {
    let there: BTreeSet<String> = header.iter().map(|name| folded(name)).collect();
    let derived = derived_layout(format);
    let layouts = if format.layout.is_empty() { std::slice::from_ref(&derived) } else { &format.layout[..] };
    let mut fits: Vec<Fit> = layouts
        .iter()
        .map(|layout| {
            let known: Vec<String> = layout.columns.iter().chain(&layout.optional).map(|name| folded(name)).collect();
            let is_known = |name: &str| {
                known.iter().any(|known| known == name || known.strip_suffix("[*]").is_some_and(|begin| name.starts_with(begin)))
            };
            let missing: Vec<String> = layout.columns.iter().filter(|name| !there.contains(&folded(name))).cloned().collect();
            Fit {
                layout: layout.name.clone(),
                present: layout.columns.len() - missing.len(),
                missing,
                added: header.iter().filter(|name| !name.is_empty() && !is_known(&folded(name))).cloned().collect(),
            }
        })
        .collect();
    fits.sort_by_key(|fit| (fit.distance(format), usize::MAX - fit.present));
    fits
}

/// Without declared layouts the columns of rules for canonical columns that are never empty are required.
fn derived_layout(format: &Format) -> Layout {
    let needed = |canonical: &str, rule: &Rule| {
        let column = &format.target.table().columns[format.target.table().position(canonical)];
        !column.nullable && rule.default.is_none() && rule.from.0.len() == 1
    };
    let columns =
        format.fill.iter().filter(|(canonical, rule)| needed(canonical, rule)).flat_map(|(_, rule)| rule.from.0.clone());
    let mut columns: Vec<String> = columns.collect();
    columns.dedup();
    let optional = format.fill.values().flat_map(|rule| rule.from.0.iter().chain(&rule.add).chain(&rule.zone_from).cloned());
    Layout { name: "default".to_owned(), optional: optional.collect(), columns, aliases: BTreeMap::new() }
}

impl Plan {
    /// Compiles `format` against the cells of a header.
    pub fn new(format: &Format, header: &[Vec<u8>]) -> Result<Self> {
        let encoding = format.file.encoding;
        let header: Vec<String> = header.iter().map(|cell| decode(cell, encoding)).collect();
        let fit = fits(format, &header).into_iter().next().expect("a format has at least one layout");
        if fit.distance(format) > 0 {
            return Err(layout_error(format, &header, &fit));
        }
        refuse_repeated(format, &header, &fit)?;
        // Of two cells of one name, which no layout asks for, the first.
        let cells = header.iter().enumerate().rev().map(|(at, cell)| (folded(cell), at)).collect();
        let mut compiler = Compiler { format, layout: &fit.layout, header: &header, cells, amounts: Vec::new() };
        let by_stages = format.target.filled_by_stages();
        let columns = format.target.table().columns.iter().filter(|column| !by_stages.contains(&column.name));
        let (kinds, targets) = compiler.kinds(&columns.collect::<Vec<_>>())?;
        let sums = compiler.sums();
        let groups = compiler.groups();
        let one_currency = compiler.cells(&format.one_currency);
        let row_checks = compiler.row_checks();
        let identity = format.identity.iter().filter_map(|name| compiler.cell(name)).collect();
        let identity = matches!(format.target, Target::Entries | Target::BankLines).then_some(identity);
        let free_text = format.file.free_text.iter().filter_map(|name| compiler.cell(name)).collect();
        let amounts = compiler.amounts;
        let tests = kinds.iter().flat_map(|kind| &kind.when).chain(sums.iter().flat_map(|sum| &sum.of));
        let tests = tests.chain(groups.iter().flat_map(|group| &group.of));
        Ok(Self {
            layout: fit.layout,
            columns: header.len(),
            added: fit.added,
            encoding,
            amounts,
            telling: Telling::of(tests),
            kinds,
            targets,
            identity,
            free_text,
            short_rows: format.file.short_rows,
            sums,
            groups,
            one_currency,
            row_checks,
            header,
        })
    }
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

/// Names of columns a message lists.
const LISTED: usize = 12;

fn layout_error(format: &Format, header: &[String], fit: &Fit) -> Error {
    let error = Error::layout(format!("the columns are not those of {}", format.title));
    if fit.present == 0 {
        // What stands there may be a row of data: it is not shown.
        return error
            .expected(format!("a line of column names, such as {}", listed(&fit.missing)))
            .found(format!("a line of {} cells, none of which is the name of a column", header.len()))
            .next("check that the file is what its name says, and that its first lines are not cut off");
    }
    let mut differences = Vec::new();
    if !fit.missing.is_empty() {
        differences.push(format!("missing: {}", listed(&fit.missing)));
    }
    if format.file.added_columns == AddedColumns::Refuse && !fit.added.is_empty() {
        differences.push(format!("not known: {}", listed(&fit.added)));
    }
    error
        .expected(format!("the columns of layout `{}` of {}", fit.layout, format.name))
        .found(differences.join("; "))
        .next("if the report has changed, describe the new layout in a format file; `tieout formats show` prints the known ones")
}

/// Names with commas between them, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| masked(name)).collect();
    let more = names.len().saturating_sub(LISTED);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Two columns of one name, where the layout needs one: nothing says which is meant.
fn refuse_repeated(format: &Format, header: &[String], fit: &Fit) -> Result<()> {
    let derived = derived_layout(format);
    let layout = format.layout.iter().find(|layout| layout.name == fit.layout).unwrap_or(&derived);
    let mut names: Vec<String> = header.iter().map(|cell| folded(cell)).collect();
    names.sort_unstable();
    let repeated: BTreeSet<&String> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    let twice = |name: &&String| !repeated.is_empty() && repeated.contains(&folded(name));
    match layout.columns.iter().chain(&layout.optional).find(twice) {
        Some(name) => Err(Error::data("two columns have one name, and nothing of the file is booked")
            .column(name)
            .expected("it once")
            .next("make the report again with each column once")),
        None => Ok(()),
    }
}

struct Compiler<'a> {
    format: &'a Format,
    layout: &'a str,
    header: &'a [String],
    /// The cells of the header by name, as names are compared.
    cells: HashMap<String, usize>,
    amounts: Vec<AmountCell>,
}

impl Compiler<'_> {
    /// The cell of a source column in this layout, by its own name or an alias.
    fn cell(&self, name: &str) -> Option<usize> {
        let position = |name: &str| self.cells.get(&folded(name)).copied();
        position(name).or_else(|| {
            let layout = self.format.layout.iter().find(|layout| layout.name == self.layout)?;
            layout.aliases.get(name)?.iter().find_map(|alias| position(alias))
        })
    }

    /// The cells a list of names stands for; `begin[*]` is every column that begins so, by name.
    fn cells(&self, names: &[String]) -> Vec<usize> {
        let mut cells = Vec::new();
        for name in names {
            if let Some(begin) = name.strip_suffix("*]") {
                let mut columns: Vec<(&String, usize)> = self
                    .header
                    .iter()
                    .enumerate()
                    .filter(|(_, column)| column.starts_with(begin))
                    .map(|(at, name)| (name, at))
                    .collect();
                columns.sort();
                cells.extend(columns.into_iter().map(|(_, at)| at));
            } else {
                cells.extend(self.cell(name));
            }
        }
        cells
    }

    /// The slot in which an amount column is read.
    fn slot(&mut self, name: &str, decimals: u32) -> Option<usize> {
        let cell = self.cell(name)?;
        if let Some(slot) = self.amounts.iter().position(|amount| amount.cell == cell) {
            self.amounts[slot].decimals = self.amounts[slot].decimals.max(decimals);
            return Some(slot);
        }
        let written = self.written(name);
        self.amounts.push(AmountCell { cell, decimals, written });
        Some(self.amounts.len() - 1)
    }

    /// How the amounts of a column are written, where they are no plain decimals.
    fn written(&mut self, name: &str) -> Option<Written> {
        let format = self.format;
        let shape = format.amount.iter().find(|shape| shape.columns.iter().any(|column| column == name))?;
        let byte = |letter: char| u8::try_from(letter).ok();
        Some(Written {
            implied_decimals: shape.implied_decimals,
            negative: self.tests(&shape.negative),
            always_negative: shape.always_negative,
            letters: shape.letters.iter().filter_map(|(letter, sign)| Some((byte(*letter)?, *sign))).collect(),
            decimal_point: shape.decimal_point.and_then(byte).unwrap_or(b'.'),
            thousands: shape.thousands.and_then(byte),
        })
    }

    fn slots(&mut self, names: &[String], decimals: u32) -> Vec<usize> {
        names.iter().filter_map(|name| self.slot(name, decimals)).collect()
    }

    fn kinds(&mut self, columns: &[&'static Column]) -> Result<(Vec<KindPlan>, Vec<TargetPlan>)> {
        let format = self.format;
        let mut kinds = Vec::new();
        let mut fills: Vec<Vec<Fill>> = columns.iter().map(|_| Vec::new()).collect();
        // Where the target has no kinds, all rows are of one.
        let declared = format.kind.iter().map(Some).chain(format.kind.is_empty().then_some(None));
        for kind in declared {
            for (column, fills) in columns.iter().zip(&mut fills) {
                let own = kind.and_then(|kind| kind.fill.get(column.name));
                fills.push(self.fill(column, own.or_else(|| format.fill.get(column.name)))?);
            }
            kinds.push(match kind {
                Some(kind) => KindPlan { is: kind.is.clone(), when: self.tests(&kind.when) },
                None => KindPlan { is: String::new(), when: Vec::new() },
            });
        }
        let targets = columns.iter().zip(fills).map(|(column, fills)| TargetPlan::new(column, fills, format));
        Ok((kinds, targets.collect()))
    }

    fn tests(&mut self, when: &BTreeMap<String, Condition>) -> Vec<Test> {
        let encoding = self.format.file.encoding;
        let test = |(name, condition): (&String, &Condition)| match condition {
            Condition::Is(text) => Test::OneOf(self.cell(name), vec![Glob::new(text, encoding)]),
            Condition::OneOf(texts) => Test::OneOf(self.cell(name), texts.iter().map(|text| Glob::new(text, encoding)).collect()),
            Condition::Signed { sign } => match self.slot(name, 8) {
                Some(slot) => Test::Signed(slot, *sign),
                None => Test::OneOf(None, Vec::new()),
            },
        };
        when.iter().map(test).collect()
    }

    fn fill(&mut self, column: &Column, rule: Option<&Rule>) -> Result<Fill> {
        let wrong = |what: String| Error::configuration(what).file(format!("format {}", self.format.name));
        let Some(rule) = rule else { return Ok(Fill::Nothing) };
        let mut cells = self.cells(&rule.from.0);
        // A column that is named and fits a `[*]` too is asked once.
        let mut asked = BTreeSet::new();
        cells.retain(|&cell| asked.insert(cell));
        match column.kind {
            Type::Text | Type::Word => Ok(Fill::Text(self.text_fill(rule, cells))),
            Type::Amount => {
                let default = rule
                    .default
                    .as_ref()
                    .or(rule.value.as_ref())
                    .filter(|text| !text.is_empty())
                    .map(|text| Amount::parse(text.as_bytes(), 8))
                    .transpose();
                let default = default.map_err(|why| wrong(format!("default of {}: {why}", column.name)))?;
                let decimals = rule.decimals.unwrap_or(8);
                let first = rule.from.0.iter().find_map(|name| self.slot(name, decimals));
                let add = first.into_iter().chain(self.slots(&rule.add, decimals)).collect();
                Ok(Fill::Amount {
                    add,
                    subtract: self.slots(&rule.subtract, decimals),
                    default,
                    own_decimals: rule.decimals.is_some(),
                })
            }
            Type::Rate => Ok(cells.first().map_or(Fill::Nothing, |&cell| Fill::Rate(cell))),
            Type::Instant | Type::Date => {
                let Some(pattern) = &rule.time else {
                    return Err(wrong(format!("{} is a time: its rule needs `time`, the pattern of the text", column.name)));
                };
                let pattern = Pattern::new(pattern);
                if cells.is_empty() && !column.nullable {
                    return Err(Error::data(format!("no column gives {}", column.name)).expected(rule.from.0.join(" or ")));
                }
                if column.kind == Type::Date {
                    return Ok(Fill::Day { cells, pattern });
                }
                let zone = match (&pattern, &rule.zone, rule.zone_from.as_ref().and_then(|name| self.cell(name))) {
                    (Pattern::Rfc3339 | Pattern::WithOffset(_), ..) => ZoneOf::Text,
                    (_, _, Some(cell)) => ZoneOf::Cell(cell, rule.zones.clone()),
                    (_, Some(zone), None) => ZoneOf::Fixed(
                        zone.parse().map_err(|_| wrong(format!("`{zone}` is not a time zone, such as Asia/Shanghai")))?,
                    ),
                    (_, None, None) => {
                        return Err(wrong(format!("{} is a time without an offset: its rule needs `zone`", column.name)));
                    }
                };
                Ok(Fill::Instant { cells, pattern, zone })
            }
            Type::Count | Type::Ratio | Type::Flag => Err(wrong(format!("no format fills {}", column.name))),
        }
    }

    fn text_fill(&self, rule: &Rule, cells: Vec<usize>) -> TextFill {
        let encoding = self.format.file.encoding;
        TextFill {
            cells,
            empty: rule.empty.iter().map(|text| encode(text, encoding)).collect(),
            case: rule.case,
            map: rule.map.iter().map(|(pattern, word)| (Glob::new(pattern, encoding), word.clone())).collect(),
            otherwise: rule.otherwise,
            default: rule.value.clone().or_else(|| rule.default.clone()).filter(|text| !text.is_empty()),
        }
    }

    fn sums(&mut self) -> Vec<SumPlan> {
        let format = self.format;
        totals(format)
            .map(|total| SumPlan {
                of: self.tests(&total.of),
                add: self.slots(&total.add, 8),
                subtract: self.slots(&total.subtract, 8),
            })
            .collect()
    }

    fn groups(&mut self) -> Vec<GroupPlan> {
        let format = self.format;
        let closing = format.closing.iter().map(|closing| (&closing.by, &closing.add, &closing.subtract, None));
        let stated = format
            .stated
            .iter()
            .flat_map(|stated| stated.totals.iter().map(|total| (&stated.by, &total.add, &total.subtract, Some(total))));
        let mut groups = Vec::new();
        for (by, add, subtract, total) in closing.chain(stated) {
            groups.push(GroupPlan {
                by: self.cells(by),
                of: total.map(|total| self.tests(&total.of)).unwrap_or_default(),
                count: total.is_some_and(|total| total.count),
                add: self.slots(add, 8),
                subtract: self.slots(subtract, 8),
            });
        }
        groups
    }

    fn row_checks(&mut self) -> Vec<RowCheckPlan> {
        let format = self.format;
        let compile = |check: &super::RowCheck| {
            Some(RowCheckPlan {
                equals: self.slot(&check.equals, 8)?,
                add: self.slots(&check.add, 8),
                subtract: self.slots(&check.subtract, 8),
                column: check.equals.clone(),
            })
        };
        format.row_check.iter().filter_map(compile).collect()
    }
}

/// Every total a format checks, in the order of [`Plan::sums`].
pub fn totals(format: &Format) -> impl Iterator<Item = &Total> {
    let summary = format.summary.iter().flat_map(|summary| &summary.totals);
    let footers = format.footer.iter().flat_map(|footer| &footer.totals);
    let companion = format.companion.iter().flat_map(|companion| &companion.totals);
    summary.chain(footers).chain(companion)
}
