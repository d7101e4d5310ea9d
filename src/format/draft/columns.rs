//! Which column of a file fills which of `entries`, guessed by names and by what the cells look like.

use super::super::look::Look;
use super::super::time::{Clock, Pattern};
use super::vocabulary::{MEANINGS, Meaning, Shape, kind_of, likeness};
use super::{quoted, seen, shown};
use crate::money::{Amount, SCALE};

/// How sure a guess is that is written without doubt.
const SURE: usize = 100;
/// Patterns of times, the likelier first.
const TIMES: [&str; 22] = [
    "rfc3339",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
];

/// How the columns of `entries` are filled.
#[derive(Debug, Default)]
pub(super) struct Fills {
    pub(super) fills: Vec<Fill>,
    /// The column by which kinds are told.
    pub(super) kind: Option<usize>,
    /// Columns nothing is filled from.
    pub(super) unused: Vec<usize>,
    /// Names of gross, `-` or `+`, fee and net, where each row adds up so.
    pub(super) closes: Option<[String; 4]>,
}

/// How one column of `entries` is filled.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) column: &'static str,
    /// The column of the file, where it is one.
    pub(super) cell: Option<usize>,
    /// What stands between the braces of the rule.
    pub(super) rule: String,
    /// Why it may be wrong.
    pub(super) doubt: Option<String>,
}

impl Fills {
    /// The column of the file that fills `column`.
    pub(super) fn cell(&self, column: &str) -> Option<usize> {
        self.fills.iter().find(|fill| fill.column == column)?.cell
    }

    fn add(&mut self, column: &'static str, cell: Option<usize>, rule: String, doubt: Option<String>) {
        self.fills.push(Fill { column, cell, rule, doubt });
    }
}

/// How each column of `entries` may be filled from the file.
pub(super) fn columns(look: &Look) -> Fills {
    let mut fills = Fills::default();
    let mut used = Vec::new();
    for meaning in &MEANINGS {
        let found =
            (0..look.header.len()).filter(|at| !used.contains(at)).filter_map(|at| Some((sureness(look, meaning, at)?, at)));
        // Of equally sure columns the first.
        let Some((sure, at)) = found.max_by_key(|(sure, at)| (*sure, std::cmp::Reverse(*at))) else { continue };
        used.push(at);
        fill(&mut fills, look, meaning, at, sure);
    }
    fills.kind = fills.cell("provider_status");
    signs(&mut fills, look);
    needed(&mut fills, look);
    fills.unused = (0..look.header.len()).filter(|at| !used.contains(at) && !look.header[*at].is_empty()).collect();
    fills
}

/// How sure it is that the column is meant; nothing where its cells look like something else.
fn sureness(look: &Look, meaning: &Meaning, at: usize) -> Option<usize> {
    let name = &look.header[at];
    let utc = (meaning.shape == Shape::Time).then(|| name.strip_suffix("_utc")).flatten();
    // Of a time in two clocks the one that needs no zone.
    let sure = utc.map_or_else(|| likeness(meaning, name), |local| likeness(meaning, local) + 1);
    let sure = Some(sure).filter(|&sure| sure > 1)?;
    let values = distinct(look, at);
    let fits = match meaning.shape {
        Shape::Amount => values.iter().all(|value| is_amount(value)),
        Shape::Currency => values.iter().all(|value| value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_alphabetic())),
        Shape::Time => values.is_empty() || !patterns(&values).is_empty(),
        Shape::Text => values.is_empty() || !values.iter().all(|value| is_amount(value) && value.contains('.')),
    };
    // The column that tells kinds is the one whose words are those of kinds.
    let tells_kinds = meaning.column == "provider_status" && values.iter().any(|value| kind_of(value).is_some());
    // A column without a value says little.
    fits.then(|| if values.is_empty() { sure / 2 } else { sure + if tells_kinds { SURE } else { 0 } })
}

fn fill(fills: &mut Fills, look: &Look, meaning: &Meaning, at: usize, sure: usize) {
    let name = quoted(&look.header[at]);
    let unsure = (sure < SURE).then(|| format!("is it this column? It holds {}", seen(look, at)));
    let values = distinct(look, at);
    let (rule, doubt) = match meaning.shape {
        Shape::Amount => (format!("from = {name}"), amount_doubt(&values).or(unsure)),
        Shape::Currency => {
            let case = if values.iter().any(|value| value.bytes().any(|byte| byte.is_ascii_lowercase())) {
                ", case = \"upper\""
            } else {
                ""
            };
            (format!("from = {name}{case}"), unsure)
        }
        Shape::Time => time(look, at, meaning.column, unsure),
        Shape::Text => {
            let case = if ["method", "card_brand", "card_funding"].contains(&meaning.column) { ", case = \"lower\"" } else { "" };
            (format!("from = {name}{case}"), unsure)
        }
    };
    fills.add(meaning.column, Some(at), rule, doubt);
}

fn time(look: &Look, at: usize, column: &str, unsure: Option<String>) -> (String, Option<String>) {
    let name = &look.header[at];
    let fitting = patterns(&distinct(look, at));
    let pattern = fitting.first().copied().unwrap_or("%Y-%m-%d %H:%M:%S");
    let rule = format!("from = {}, time = {}", quoted(name), quoted(pattern));
    let begins = |begin: &str| fitting.iter().find(|pattern| pattern.starts_with(begin));
    let order = match (begins("%d/"), begins("%m/")) {
        (Some(_), Some(other)) => Some(format!("{} fits too: {}", other, seen(look, at))),
        _ => None,
    };
    let unseen = fitting.is_empty().then(|| "no time was seen: how are they written?".to_owned());
    if pattern == "rfc3339" || column == "available_on" {
        return (rule, unseen.or(order).or(unsure));
    }
    let is_utc = name.to_lowercase().contains("utc");
    let is_chinese = look.header.iter().any(|name| name.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)));
    let zone = if is_chinese { "Asia/Shanghai" } else { "UTC" };
    let clock = (!is_utc).then(|| format!("which clock? A time was written as {}", seen(look, at)));
    (format!("{rule}, zone = {}", quoted(zone)), unseen.or(order).or(clock).or(unsure))
}

/// Whether fees cost or are given with their sign, and whether the three amounts of every row add up.
fn signs(fills: &mut Fills, look: &Look) {
    let amounts = ["gross", "fee", "net"].map(|column| fills.cell(column));
    let [Some(gross), Some(fee), net] = amounts else { return };
    let amount = |row: &Vec<String>, at: usize| Amount::parse(row.get(at)?.as_bytes(), SCALE).ok();
    let rows: Vec<[Amount; 2]> = look.rows.iter().filter_map(|row| Some([amount(row, gross)?, amount(row, fee)?])).collect();
    let nets: Vec<Amount> = net.map_or_else(Vec::new, |net| look.rows.iter().filter_map(|row| amount(row, net)).collect());
    let mut sign = rows.iter().all(|[_, fee]| fee.0 <= 0).then_some("+").filter(|_| rows.iter().any(|[_, fee]| fee.0 < 0));
    if let Some(net) = net
        && !rows.is_empty()
        && nets.len() == look.rows.len()
        && rows.len() == nets.len()
    {
        let closes = |sign: i128| rows.iter().zip(&nets).all(|([gross, fee], net)| gross.0 + sign * fee.0 == net.0);
        let holds = [("-", -1), ("+", 1)].into_iter().find(|(_, factor)| closes(*factor)).map(|(sign, _)| sign);
        sign = holds.or(sign);
        let [gross, fee, net] = [gross, fee, net].map(|at| quoted(&look.header[at]));
        fills.closes = holds.map(|sign| [gross, sign.to_owned(), fee, net]);
    }
    if sign == Some("+")
        && let Some(fill) = fills.fills.iter_mut().find(|fill| fill.column == "fee")
    {
        fill.rule = format!("subtract = [{}]", quoted(&look.header[fee]));
        fill.doubt = fill.doubt.take().or_else(|| Some("a fee that costs is negative here, and positive in entries".to_owned()));
    }
}

/// What every entry has: where no column gives it, something to be replaced.
fn needed(fills: &mut Fills, look: &Look) {
    if fills.cell("gross").is_none() {
        let other = (0..look.header.len()).find(|&at| {
            let values = distinct(look, at);
            values.iter().any(|value| value.contains('.')) && values.iter().all(|value| is_amount(value))
        });
        let other = other.filter(|at| !fills.fills.iter().any(|fill| fill.cell == Some(*at)));
        let net = fills.cell("net").map(|at| match fills.cell("fee") {
            Some(fee) => format!("add = [{}, {}]", quoted(&look.header[at]), quoted(&look.header[fee])),
            None => format!("from = {}", quoted(&look.header[at])),
        });
        let rule = net.or_else(|| other.map(|at| format!("from = {}", quoted(&look.header[at]))));
        let rule = rule.unwrap_or_else(|| "value = \"0\"".to_owned());
        fills.add("gross", other, rule, Some("which column is what settles before fees?".to_owned()));
    }
    if fills.cell("fee").is_none() {
        fills.add("fee", None, "value = \"0\"".to_owned(), Some("no column of fees was found".to_owned()));
    }
    if fills.cell("currency").is_none() {
        let named = look.header.iter().find_map(|name| currency_in(name));
        let doubt = match named {
            Some(_) => "no column of currencies was found; this one stands in the name of another",
            None => "no column of currencies was found: in which are all amounts?",
        };
        fills.add("currency", None, format!("value = \"{}\"", named.unwrap_or("XXX")), Some(doubt.to_owned()));
    }
    if fills.cell("occurred_at").is_none() {
        let other = (0..look.header.len()).find(|&at| {
            let values = distinct(look, at);
            !values.is_empty() && !patterns(&values).is_empty()
        });
        if let Some(at) = other {
            let (rule, _) = time(look, at, "occurred_at", None);
            fills.add("occurred_at", Some(at), rule, Some(format!("is it this column? It holds {}", seen(look, at))));
        }
    }
}

/// The currency a name speaks of, such as `Amount (EUR)` or `金额（元）`.
fn currency_in(name: &str) -> Option<&'static str> {
    const NAMED: [(&str, &str); 8] = [
        ("元", "CNY"),
        ("CNY", "CNY"),
        ("EUR", "EUR"),
        ("USD", "USD"),
        ("GBP", "GBP"),
        ("JPY", "JPY"),
        ("HKD", "HKD"),
        ("AUD", "AUD"),
    ];
    NAMED.iter().find(|(word, _)| name.contains(word)).map(|(_, currency)| *currency)
}

fn is_amount(value: &str) -> bool {
    let is_letter =
        |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',' | '-' | '+' | ' ' | '\'' | '¥' | '€' | '$' | '£');
    value.chars().all(is_letter) && value.chars().any(|letter| letter.is_ascii_digit())
}

fn amount_doubt(values: &[String]) -> Option<String> {
    let odd = values.iter().find(|value| Amount::parse(value.as_bytes(), SCALE).is_err())?;
    Some(format!("an amount is written as `{}`: its shape must be said, or its lines are rejects", shown(odd)))
}

/// The patterns of times all values fit.
fn patterns(values: &[String]) -> Vec<&'static str> {
    let fits = |pattern: &&str| {
        let pattern = Pattern::new(pattern);
        values.iter().all(|value| Clock::default().local(value.as_bytes(), &pattern).is_some())
    };
    if values.is_empty() { Vec::new() } else { TIMES.into_iter().filter(|pattern| fits(pattern)).collect() }
}

/// The values of a column, each once, in order; empty cells left out.
pub(super) fn distinct(look: &Look, column: usize) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let values = look.rows.iter().filter_map(|row| row.get(column)).filter(|value| !value.is_empty());
    values.filter(|value| seen.insert(value.as_str())).cloned().collect()
}
