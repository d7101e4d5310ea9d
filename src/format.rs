//! The language of `schemas/providers/*.toml`: everything about a file, declared.
//!
//! A format names the columns of the file it reads (source names, read-only) and says how each column of its
//! table is filled (canonical names, write-only). There are no variables: no rule depends on another, and any
//! rule reads alone. A format is checked whole when it is loaded, and compiled against the header of each file
//! it reads ([`plan`]); the bytes are then read once ([`read`]).

pub mod account;
pub mod bounds;
pub mod column;
pub mod container;
pub mod control;
pub mod difference;
pub mod draft;
pub mod header;
pub mod keys;
pub mod look;
mod page;
mod parquet_headers;
pub mod plan;
pub mod read;
pub mod recognise;
pub mod scan;
pub mod schema;
pub mod shipped;
pub mod split;
pub mod stated;
pub mod statement;
pub mod time;
mod typed;
pub mod written;

use std::collections::BTreeMap;

pub use account::AccountIn;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use self::statement::Decoder;
use crate::error::Error;
use crate::table::column::Table;
use crate::table::{bank, entries, records};

/// One kind of file, as declared in TOML.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Format of tieout")]
pub struct Format {
    /// `<provider>/<report>`: its place below `schemas/`, without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// What the file is, for people.
    pub title: String,
    /// Where the layout is documented.
    #[serde(default)]
    pub documentation: Vec<String>,
    /// The table its rows become.
    #[serde(default)]
    pub target: Target,
    /// Why a file of this layout is never read: it is known, and it is the wrong file.
    pub refuse: Option<String>,
    /// How bytes become rows.
    #[serde(default)]
    pub file: FileShape,
    /// The sets of columns the file comes with. Without any, the columns the rules need are required.
    #[serde(default)]
    pub layout: Vec<Layout>,
    /// Where the file says whose account it is about.
    pub account: Option<AccountIn>,
    /// How each canonical column is filled, whatever the kind of the row.
    #[serde(default)]
    pub fill: BTreeMap<String, Rule>,
    /// The kind vocabulary: the first whose conditions hold decides.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// The columns that identify a row with its provider.
    #[serde(default)]
    pub identity: Vec<String>,
    /// How amounts are written, where they are not plain decimals with their own sign.
    #[serde(default)]
    pub amount: Vec<AmountShape>,
    /// Columns of which a row may name one currency only, because their amounts are added up.
    #[serde(default)]
    pub one_currency: Vec<String>,
    /// Two last lines, names and values, that state totals.
    pub summary: Option<Summary>,
    /// Comment lines that state totals.
    #[serde(default)]
    pub footer: Vec<Footer>,
    /// Another member of the same archive that states totals.
    pub companion: Option<Companion>,
    /// Lines that state totals of the rows before them, told by their first cell.
    #[serde(default)]
    pub stated: Vec<Stated>,
    /// Groups of rows whose signed sum is zero.
    #[serde(default)]
    pub closing: Vec<Closing>,
    /// Identities every row satisfies.
    #[serde(default)]
    pub row_check: Vec<RowCheck>,
    /// What becomes of rows whose identifiers may be numbers of cards: the job says it, not the format.
    #[serde(skip)]
    pub identifiers_like_cards: LikeCards,
}

/// What becomes of a row one of whose identifiers may be the number of a card: some shops count in numbers as long, and
/// every tenth of those has the check digit too.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LikeCards {
    /// It is a reject.
    #[default]
    Rejected,
    /// It is booked, and the identifier kept as it is: the merchant says that it is none.
    Kept,
}

/// The table a format fills.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// What a provider states.
    #[default]
    Entries,
    /// The merchant's orders.
    Orders,
    /// The merchant's attempts.
    Attempts,
    /// The merchant's refunds.
    Refunds,
    /// What the merchant's bank states.
    BankLines,
}

impl Target {
    /// The table.
    #[must_use]
    pub fn table(self) -> &'static Table {
        match self {
            Self::Entries => &entries::ENTRIES,
            Self::Orders => &records::ORDERS,
            Self::Attempts => &records::ATTEMPTS,
            Self::Refunds => &records::REFUNDS,
            Self::BankLines => &bank::BANK_LINES,
        }
    }

    /// Canonical columns that stages fill, not formats.
    #[must_use]
    pub fn filled_by_stages(self) -> &'static [&'static str] {
        match self {
            Self::Entries => &[
                "entry_id",
                "business_date",
                "provider",
                "account",
                "kind",
                "fee_rule",
                "fee_contracted",
                "outcome",
                "outcome_reason",
                "file_id",
                "line",
            ],
            Self::Orders => &["business_date", "stated_before", "file_id", "line"],
            Self::Attempts | Self::Refunds => &["business_date", "outcome", "outcome_reason", "file_id", "line"],
            Self::BankLines => &["bank_line_id", "business_date", "bank", "outcome", "outcome_reason", "file_id", "line"],
        }
    }
}

/// How bytes become rows of cells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileShape {
    /// What the bytes may be wrapped in.
    pub container: Vec<Container>,
    /// What reads a file that is no delimited text. Its cells are the columns, so that it needs no layout.
    pub decoder: Option<Decoder>,
    /// How the first line of the right archive member begins.
    pub member_begins: Option<String>,
    /// What the right archive member is called, `*` standing for anything.
    pub member_named: Option<String>,
    /// Members an archive may not have, because they move money this format does not read.
    pub refuse_members: Vec<RefusedMember>,
    /// Encoding of the text. A byte order mark of UTF-8 is framing.
    pub encoding: Encoding,
    /// Between two cells.
    pub delimiter: char,
    /// Around a cell that holds delimiters or line ends, doubled inside; without it nothing is quoted.
    pub quote: Option<char>,
    /// In front of every value; one is taken off.
    pub value_prefix: Option<char>,
    /// Lines that begin so are framing.
    pub comment: Option<String>,
    /// How the first line begins, where that tells the file from its neighbours.
    pub begins: Option<String>,
    /// Columns by name, first byte counted from zero, and width: rows are bytes at fixed places, without a header.
    pub fixed_width: Vec<(String, usize, usize)>,
    /// Bytes of such a row, without its line end.
    pub row_bytes: Option<usize>,
    /// The first cell of a line says what it is: header, row or framing.
    pub records: Option<Records>,
    /// A framing line that must be there, or the file is truncated: how it reads, `*` standing for anything.
    pub end: Option<String>,
    /// Whether a row may stop before its last columns.
    pub short_rows: bool,
    /// Columns that may hold unescaped delimiters: a row with too many cells is read when exactly one of them explains it.
    pub free_text: Vec<String>,
    /// What to do with columns no layout names.
    pub added_columns: AddedColumns,
    /// The time zone of the one business date all rows belong to, where the file is of one date.
    #[serde(deserialize_with = "zone_option")]
    #[schemars(with = "Option<schema::Zone>")]
    pub one_date_in: Option<Tz>,
}

impl Default for FileShape {
    fn default() -> Self {
        Self {
            container: vec![Container::None],
            decoder: None,
            member_begins: None,
            member_named: None,
            refuse_members: Vec::new(),
            fixed_width: Vec::new(),
            row_bytes: None,
            records: None,
            encoding: Encoding::Utf8,
            delimiter: ',',
            quote: None,
            value_prefix: None,
            comment: None,
            begins: None,
            end: None,
            short_rows: false,
            free_text: Vec::new(),
            added_columns: AddedColumns::Refuse,
            one_date_in: None,
        }
    }
}

/// A member an archive may not have.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedMember {
    /// What it is called, `*` standing for anything.
    pub named: String,
    /// Why the archive is refused.
    pub why: String,
}

/// Lines whose first cell says what they are. All but header and rows are framing; `[[stated]]` reads totals there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// First cell of the line of column names. Where it comes again, it is the same.
    pub header: String,
    /// First cell of a row.
    pub row: String,
    /// How the files of one report are counted.
    pub sequence: Option<Sequence>,
}

/// How the files of one report are counted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// First cell of the line with the number of the file.
    pub record: String,
    /// Position of the number, the first cell being one.
    pub at: usize,
    /// First cell of a line that only the last file has.
    pub last: String,
}

/// How the amounts of some columns are written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AmountShape {
    /// The columns.
    pub columns: Vec<String>,
    /// Decimals of a whole number: two where it counts hundredths.
    pub implied_decimals: u32,
    /// Unsigned, and negative in rows for which this holds.
    pub negative: BTreeMap<String, Condition>,
    /// Negative, whatever sign is written.
    pub always_negative: bool,
    /// A letter in front tells the sign.
    pub letters: BTreeMap<char, Sign>,
    /// Between whole and part; a point when not given.
    pub decimal_point: Option<char>,
    /// Between groups of three digits.
    pub thousands: Option<char>,
}

/// What a file is wrapped in.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// Nothing.
    None,
    /// One gzip stream.
    Gzip,
    /// A ZIP archive, one member of which is the file.
    Zip,
}

/// Encoding of a text file.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// GB 18030, of which GBK is a part.
    #[serde(rename = "gb18030")]
    Gb18030,
}

/// What layout drift does.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum AddedColumns {
    /// The file is refused: the layout is fixed by the provider.
    Refuse,
    /// The column is ignored and named in `files`: columns are chosen when the report is made.
    Ignore,
}

/// One set of columns.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// What it is called.
    pub name: String,
    /// Columns that must be there, in any order.
    pub columns: Vec<String>,
    /// Columns that may be there.
    #[serde(default)]
    pub optional: Vec<String>,
    /// Where a column the rules name stands under another name in this layout: the first that is there.
    #[serde(default)]
    pub aliases: BTreeMap<String, Vec<String>>,
}

/// How one canonical column is filled.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// The same value in every row.
    pub value: Option<String>,
    /// Source columns: the first that gives a value. A name may end in `[*]` and then stands for every column that begins so, by name.
    pub from: Names,
    /// Amounts: columns added up.
    pub add: Vec<String>,
    /// Amounts: columns taken off.
    pub subtract: Vec<String>,
    /// Amounts: decimals the text may have; the currency's own, at most eight, when not given.
    pub decimals: Option<u32>,
    /// Cells that mean nothing is there.
    pub empty: Vec<String>,
    /// Letter case the cell is brought to before it is mapped.
    pub case: Option<Case>,
    /// Pairs of pattern and word, in order; `*` at either end of a pattern stands for anything.
    pub map: Vec<(String, String)>,
    /// What a cell that no pattern fits becomes.
    pub otherwise: Otherwise,
    /// The value where no cell gives one.
    pub default: Option<String>,
    /// Times: `rfc3339`, or a pattern such as `%Y-%m-%d %H:%M:%S`. Dates: the pattern of the text, of which the day is kept.
    pub time: Option<String>,
    /// Times without an offset: the zone they are in.
    #[schemars(with = "Option<schema::Zone>")]
    pub zone: Option<String>,
    /// Times without an offset: the column that names the zone.
    pub zone_from: Option<String>,
    /// What the zone column's abbreviations mean.
    #[serde(deserialize_with = "zone_map")]
    #[schemars(with = "BTreeMap<String, schema::Zone>")]
    pub zones: BTreeMap<String, Tz>,
}

/// One or several names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(from = "OneOrMany")]
#[schemars(with = "OneOrMany")]
pub struct Names(pub Vec<String>);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Names {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

/// Letter case.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// `visa`.
    Lower,
    /// `USD`.
    Upper,
}

/// What a cell that no pattern fits becomes.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// Itself.
    #[default]
    Keep,
    /// Nothing: the next source column is asked.
    Empty,
    /// The line is rejected.
    Reject,
}

/// One word of the kind vocabulary.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// The canonical kind.
    pub is: String,
    /// Conditions on source columns that must all hold.
    pub when: BTreeMap<String, Condition>,
    /// Canonical columns filled another way in rows of this kind.
    #[serde(default)]
    pub fill: BTreeMap<String, Rule>,
}

/// A condition on one cell.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Condition {
    /// It is this text, whatever its letter case; `*` at either end stands for anything.
    Is(String),
    /// It is one of these.
    OneOf(Vec<String>),
    /// It is an amount of this sign.
    Signed {
        /// `negative`, or `positive` (zero included).
        sign: Sign,
    },
}

/// The sign of an amount.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Below zero.
    Negative,
    /// Zero or above.
    Positive,
}

/// A total a file states of itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Total {
    /// The name it stands under, in a summary or companion.
    pub name: String,
    /// It counts rows.
    pub count: bool,
    /// It adds these columns up.
    pub add: Vec<String>,
    /// It takes these columns off.
    pub subtract: Vec<String>,
    /// Only rows for which this holds.
    pub of: BTreeMap<String, Condition>,
    /// Position of the figure in its line, the first cell being one, where the line has no names.
    pub at: Option<usize>,
    /// Stated without a sign, whatever sign the rows have.
    pub unsigned: bool,
}

/// Lines that state totals of the rows before them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stated {
    /// The first cell of such a line.
    pub record: String,
    /// Columns that make a group of rows, of which each line states its own totals.
    pub by: Vec<String>,
    /// Positions of the same in the line, the first cell being one.
    pub group: Vec<usize>,
    /// Decimals of the figures, which are whole numbers.
    pub implied_decimals: u32,
    /// The figures.
    pub totals: Vec<Total>,
    /// What is so within each line.
    pub balance: Option<Balance>,
    /// Whether a file without such a line is truncated.
    pub required: bool,
    /// Whether a group that moves nothing may have no line.
    pub omits_settled: bool,
    /// Whether the line speaks of all files of a delivery.
    pub whole_delivery: bool,
}

/// Opening, with what was added and taken off, is closing: positions in one line, the first cell being one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The opening balance; the cell before tells its sign.
    pub opening: usize,
    /// What is added.
    pub add: Vec<usize>,
    /// What is taken off.
    pub subtract: Vec<usize>,
    /// The closing balance; the cell before tells its sign.
    pub closing: usize,
    /// The word for a balance below zero.
    pub debit: String,
}

/// Two last lines, names and values, that state totals.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// How the line of names begins.
    pub begins: String,
    /// Every name it may hold. A name that is there is checked.
    pub totals: Vec<Total>,
}

/// A comment line that states totals.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// The line, `{}` standing for each figure in turn.
    pub line: String,
    /// The figures, in turn.
    pub totals: Vec<Total>,
}

/// Another member of the same archive that states totals; an archive may come without it, unless it is required.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Companion {
    /// How its first line begins.
    pub begins: Option<String>,
    /// What it is called, `*` standing for anything.
    pub named: Option<String>,
    /// Its encoding, where it is not that of the file.
    pub encoding: Option<Encoding>,
    /// Spaces stand between its cells, and it has no names: figures are told by their position.
    pub spaced: bool,
    /// Whether an archive without it is refused.
    pub required: bool,
    /// What the first cell of its line of totals is.
    pub row: String,
    /// The totals, by the name of their column or by position.
    pub totals: Vec<Total>,
}

/// Groups of rows whose signed sum is zero.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// What a group is called.
    pub name: String,
    /// The columns that make a group.
    pub by: Vec<String>,
    /// Columns added up.
    pub add: Vec<String>,
    /// Columns taken off.
    #[serde(default)]
    pub subtract: Vec<String>,
}

/// An identity every row satisfies.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCheck {
    /// Columns added up.
    pub add: Vec<String>,
    /// Columns taken off.
    #[serde(default)]
    pub subtract: Vec<String>,
    /// The column that states the result.
    pub equals: String,
}

impl Format {
    /// Reads a format from TOML; `find` gives the text of a format it extends.
    pub fn parse(name: &str, text: &str, find: &dyn Fn(&str) -> Option<String>) -> crate::error::Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Error::configuration(error.to_string().trim_end().to_owned()).file(format!("format {name}"))
        };
        let of_format = |error: Error| error.file(format!("format {name}"));
        let mut table: toml::Table = toml::from_str(text).map_err(|error| of_format(keys::toml_error(&error, text)))?;
        if let Some(parent) = table.remove("extends") {
            let parent = parent.as_str().ok_or_else(|| wrong(&"extends is the name of a format"))?.to_owned();
            let base = find(&parent).ok_or_else(|| {
                wrong(&format!("extends an unknown format, {parent}")).next("list the known ones with `tieout formats list`")
            })?;
            let mut base: toml::Table = toml::from_str(&base).map_err(|error| wrong(&error))?;
            overlay(&mut base, table);
            table = base;
        }
        // Serialized again so that an error can point at a line even where a format extends another.
        let whole = toml::to_string(&table).map_err(|error| wrong(&error))?;
        let mut format: Self = toml::from_str(&whole).map_err(|error| {
            // A key nobody knows has its place in the text as it was written.
            keys::unknown(text, &schema::carried()).into_iter().next().map_or_else(|| wrong(&error), of_format)
        })?;
        name.clone_into(&mut format.name);
        if let Some(decoder) = format.file.decoder {
            if !format.layout.is_empty() {
                return Err(wrong(&"a decoder names the columns itself: take the layout out"));
            }
            format.layout = vec![decoder.layout()];
        } else if format.layout.is_empty() && !format.file.fixed_width.is_empty() {
            let columns = format.file.fixed_width.iter().map(|(name, ..)| name.clone()).collect();
            format.layout.push(Layout { name: "fixed width".to_owned(), columns, ..Layout::default() });
        }
        format.check().map_err(|error| error.file(format!("format {name}")))?;
        Ok(format)
    }

    /// The part of the name before the slash: the provider, or `merchant`.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Every rule of every kind, with its canonical column.
    fn rules(&self) -> impl Iterator<Item = (&String, &Rule)> {
        self.fill.iter().chain(self.kind.iter().flat_map(|kind| &kind.fill))
    }

    /// Everything about a format that can be wrong without a file.
    fn check(&self) -> crate::error::Result<()> {
        if self.refuse.is_some() {
            return Ok(());
        }
        let table = self.target.table();
        let fillable: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name)
            .filter(|name| !self.target.filled_by_stages().contains(name))
            .collect();
        for (canonical, _) in self.rules() {
            if !fillable.contains(&canonical.as_str()) {
                return Err(unknown("canonical column", canonical, &fillable));
            }
        }
        if self.target == Target::Entries {
            let kinds = entries::KINDS;
            for kind in &self.kind {
                if !kinds.contains(&kind.is.as_str()) {
                    return Err(unknown("kind", &kind.is, &kinds));
                }
            }
        }
        if let Some(AccountIn::Line(line)) = &self.account
            && line.matches("{}").count() != 1
        {
            return Err(Error::configuration("the line of the account has no place for it")
                .expected("`{}` once, where the account stands")
                .found(line));
        }
        self.check_sources()
    }

    /// Every source column a rule names must be a column of some layout.
    fn check_sources(&self) -> crate::error::Result<()> {
        if self.layout.is_empty() {
            return Ok(());
        }
        let known: Vec<&str> = self
            .layout
            .iter()
            .flat_map(|layout| layout.columns.iter().chain(&layout.optional).chain(layout.aliases.keys()))
            .map(String::as_str)
            .collect();
        let conditions = |when: &BTreeMap<String, Condition>| when.keys().cloned().collect::<Vec<_>>();
        let mut named: Vec<String> = Vec::new();
        for (_, rule) in self.rules() {
            named.extend(rule.from.0.iter().chain(&rule.add).chain(&rule.subtract).chain(&rule.zone_from).cloned());
        }
        named.extend(self.kind.iter().flat_map(|kind| conditions(&kind.when)));
        let totals = self.summary.iter().flat_map(|summary| &summary.totals);
        let totals = totals.chain(self.footer.iter().flat_map(|footer| &footer.totals));
        for total in totals.chain(self.companion.iter().flat_map(|companion| &companion.totals)) {
            named.extend(total.add.iter().chain(&total.subtract).cloned().chain(conditions(&total.of)));
        }
        for stated in &self.stated {
            named.extend(stated.by.iter().cloned());
            for total in &stated.totals {
                named.extend(total.add.iter().chain(&total.subtract).cloned().chain(conditions(&total.of)));
            }
        }
        for shape in &self.amount {
            named.extend(shape.columns.iter().cloned().chain(conditions(&shape.negative)));
        }
        for closing in &self.closing {
            named.extend(closing.by.iter().chain(&closing.add).chain(&closing.subtract).cloned());
        }
        for check in &self.row_check {
            named.extend(check.add.iter().chain(&check.subtract).cloned().chain([check.equals.clone()]));
        }
        named.extend(self.identity.iter().chain(&self.file.free_text).chain(&self.one_currency).cloned());
        if let Some(AccountIn::Column(column)) = &self.account {
            named.push(column.clone());
        }
        match named.iter().find(|name| !known.contains(&name.as_str()) && !name.contains('[')) {
            Some(name) => Err(unknown("column", name, &known)),
            None => Ok(()),
        }
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    let nearest = known.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
    let error = Error::configuration(format!("unknown {what} `{name}`")).expected(known.join(", "));
    match nearest {
        Some(nearest) => error.next(format!("did you mean `{nearest}`?")),
        None => error,
    }
}

fn zone_of<E: serde::de::Error>(name: &str) -> Result<Tz, E> {
    name.parse().map_err(|_| E::custom(format!("`{name}` is not a time zone, such as Asia/Shanghai")))
}

fn zone_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tz>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|name| zone_of(&name)).transpose()
}

fn zone_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Tz>, D::Error> {
    let names = BTreeMap::<String, String>::deserialize(deserializer)?;
    names.into_iter().map(|(abbreviation, name)| Ok((abbreviation, zone_of(&name)?))).collect()
}

/// Lays `over` on `base`: tables are merged, everything else is replaced.
fn overlay(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) if key == "fill" || key == "file" => {
                overlay_one(inner, value);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn overlay_one(base: &mut toml::Table, over: toml::Table) {
    base.extend(over);
}
