//! What providers charge, and where that is not what the contracts say.

use std::collections::BTreeMap;

use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::payouts::left_out;
use super::rows::Rows;
use super::section::folded;
use super::words::Words;
use crate::money::{Amount, Rounding};
use crate::table::column::RATE_SCALE;

/// Most rules a page holds.
const MOST: usize = 300;

/// What one provider charges in one currency.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Charged {
    entries: i64,
    volume: Amount,
    charged: Amount,
    billed: Amount,
    contracted: Amount,
    /// Charged on entries no contract says anything of.
    uncontracted: Amount,
    /// Contracted less charged; what is negative costs the merchant.
    pub(super) difference: Amount,
    /// Of the differences, those that cost.
    pub(super) leakage: Amount,
}

impl Charged {
    fn add(&mut self, rows: &Rows, row: usize) {
        self.entries += rows.count("entries", row);
        self.volume += rows.sum("volume", row);
        self.charged += rows.sum("charged", row);
        self.billed += rows.sum("billed", row);
        match rows.amount("contracted", row) {
            Some(contracted) => self.contracted += contracted,
            None => self.uncontracted += rows.sum("charged", row),
        }
        let difference = rows.sum("difference", row);
        self.difference += difference;
        self.leakage += difference.min(Amount::ZERO);
    }

    fn effective_rate(&self) -> Option<i128> {
        (self.charged + self.billed).rate_of(self.volume, u32::from(RATE_SCALE.unsigned_abs()), Rounding::HalfEven)
    }
}

/// By provider and currency.
pub(super) fn charged(night: &Night) -> BTreeMap<[String; 2], Charged> {
    let mut charged: BTreeMap<[String; 2], Charged> = BTreeMap::new();
    if let Some(rows) = night.rows("fees") {
        for row in 0..rows.len() {
            let key = [rows.text("provider", row), rows.text("currency", row)].map(str::to_owned);
            charged.entry(key).or_default().add(rows, row);
        }
    }
    charged
}

pub(super) fn write(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("fees") else {
        html.element("p", words.say("fees.none"));
        return;
    };
    let number = |key: &str| Column::new(words.say(key)).number();
    let columns = vec![
        Column::new(words.say("column.provider")),
        number("column.lines").minor(),
        number("column.volume"),
        number("column.charged"),
        number("column.billed").minor(),
        number("column.contracted").minor(),
        number("column.fee_difference"),
        number("column.leakage"),
        number("column.uncontracted").minor(),
        number("column.effective_rate"),
    ];
    let mut listing = Listing::new("fees-by-provider", words.say("fees.by_provider"), columns);
    for ([provider, currency], of) in charged(night) {
        let money = |amount| Cell::Money(amount, currency.clone());
        listing.row(&[
            Cell::word(words, "provider", &provider),
            Cell::Count(of.entries),
            money(of.volume),
            money(of.charged),
            money(of.billed),
            money(of.contracted),
            money(of.difference),
            money(of.leakage),
            money(of.uncontracted),
            of.effective_rate().map_or(Cell::Nothing, Cell::PerCent),
        ]);
    }
    listing.write(html);
    html.element("p", words.say("fees.claim"));
    folded(html, words.say("fees.each"), |html| each(rows, words, html));
}

/// Every row of the table, as it is.
fn each(rows: &Rows, words: &Words, html: &mut Html) {
    let column = |name: &str| Column::new(words.say(&format!("column.{name}")));
    let columns = vec![
        column("provider"),
        column("method"),
        column("card").minor(),
        column("rule"),
        column("lines").number().minor(),
        column("volume").number().minor(),
        column("charged").number(),
        column("billed").number().minor(),
        column("contracted").number().minor(),
        column("fee_difference").number(),
        column("effective_rate").number().minor(),
    ];
    let mut listing = Listing::new("fees-each", words.say("fees.each"), columns);
    for row in 0..rows.len().min(MOST) {
        let money = |name: &str| Cell::money(rows.amount(name, row), rows.text("currency", row));
        let shown = |name: &str| rows.text(name, row).replace('_', " ");
        let joined = |names: &[&str]| {
            let parts: Vec<String> = names.iter().map(|name| shown(name)).filter(|part| !part.is_empty()).collect();
            Cell::text(&parts.join(" · "))
        };
        let rule = [rows.text("rule", row), rows.text("batch_reference", row)];
        let rule: Vec<&str> = rule.into_iter().filter(|part| !part.is_empty()).collect();
        listing.row(&[
            Cell::word(words, "provider", rows.text("provider", row)),
            joined(&["method", "wallet"]),
            joined(&["card_brand", "card_funding"]),
            Cell::code(&rule.join(" · ")),
            Cell::Count(rows.count("entries", row)),
            money("volume"),
            money("charged"),
            money("billed"),
            money("contracted"),
            money("difference"),
            rows.rate("effective_rate", row).map_or(Cell::Nothing, Cell::PerCent),
        ]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "fees", words, html);
}
