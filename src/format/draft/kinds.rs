//! The kind vocabulary of a draft: the values of the column that tells kinds, each under the kind it seems to speak of.

use std::collections::BTreeMap;

use super::super::look::Look;
use super::columns::{Fills, distinct};
use super::vocabulary::kind_of;
use super::{Text, quoted};
use crate::mask::masked;
use crate::money::{Amount, SCALE};
use crate::table::entries::KINDS;

/// Most values of a column that tells kinds.
const MOST: usize = 40;
/// Kinds that take money from the merchant.
const TAKES: [&str; 5] = ["refund", "chargeback", "fee", "payout", "tax"];

pub(super) fn kinds(text: &mut Text, look: &Look, fills: &Fills) {
    let told = fills.kind.map(|column| (column, distinct(look, column)));
    let Some((column, values)) = told.filter(|(_, values)| (1..=MOST).contains(&values.len())) else {
        return by_sign(text, look, fills);
    };
    let mut of_kind: BTreeMap<usize, (Vec<&String>, Option<&str>)> = BTreeMap::new();
    for value in values.iter().filter(|value| masked(value) == **value) {
        let (kind, doubt) = match kind_of(value) {
            Some((kind, true)) => (kind, None),
            Some((kind, false)) => (kind, Some("is it, for every word?")),
            None => ("info", Some("what are these? `info` says that no money moved")),
        };
        let place = KINDS.iter().position(|known| *known == kind).expect("it is a kind");
        let (values, doubts) = of_kind.entry(place).or_default();
        values.push(value);
        *doubts = doubts.or(doubt);
    }
    for (kind, (values, doubt)) in of_kind {
        let kind = KINDS[kind];
        let list: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        let list = if list.len() == 1 { list[0].clone() } else { format!("[{}]", list.join(", ")) };
        text.line("\n[[kind]]");
        text.guess(format!("is = \"{kind}\""), doubt);
        text.line(format!("when = {{ {} = {list} }}", key(&look.header[column])));
        if TAKES.contains(&kind)
            && let Some(gross) = fills.cell("gross")
            && is_positive(look, column, &values, gross)
        {
            text.guess(
                format!("fill = {{ gross = {{ subtract = [{}] }} }}", quoted(&look.header[gross])),
                Some("written as positive here; money from the merchant is negative in entries"),
            );
        }
    }
}

/// Where no column tells kinds, money to the merchant is a payment and money from it a refund.
fn by_sign(text: &mut Text, look: &Look, fills: &Fills) {
    let Some(gross) = fills.cell("gross").or(fills.cell("net")) else {
        text.line("\n# TODO which kinds of rows are there? Without a [[kind]] every line is a reject.");
        return;
    };
    for (kind, sign) in [("payment", "positive"), ("refund", "negative")] {
        text.line("\n[[kind]]");
        text.guess(format!("is = \"{kind}\""), Some("no column tells kinds: are there others?"));
        text.line(format!("when = {{ {} = {{ sign = \"{sign}\" }} }}", key(&look.header[gross])));
    }
}

/// Whether rows of those values have amounts, and none below zero.
fn is_positive(look: &Look, column: usize, values: &[&String], gross: usize) -> bool {
    let rows = look.rows.iter().filter(|row| row.get(column).is_some_and(|value| values.contains(&value)));
    let mut amounts = rows.filter_map(|row| Amount::parse(row.get(gross)?.as_bytes(), SCALE).ok()).peekable();
    amounts.peek().is_some() && amounts.all(|amount| amount.0 > 0)
}

/// A key as TOML writes it.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_bare { name.to_owned() } else { quoted(name) }
}
