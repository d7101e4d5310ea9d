//! From order to settled payment, and why payments failed on the way.

use std::collections::BTreeMap;

use chrono::{DateTime, Timelike};

use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::payouts::left_out;
use super::rows::Rows;
use super::section::{Plot, folded};
use super::words::Words;
use crate::mask::card_numbers;
use crate::money::Amount;

/// Most codes a page holds: those with most attempts.
const MOST: usize = 100;

/// The counts of the funnel, in the order they are shown.
const COUNTS: [&str; 9] =
    ["created", "attempted", "succeeded", "settled", "failed", "pending", "abandoned", "cancelled", "recovered"];
/// Its amounts.
const AMOUNTS: [&str; 3] = ["created_amount", "succeeded_amount", "settled_amount"];

/// Orders by [`COUNTS`].
#[derive(Clone, Copy, Default)]
struct Counts([i64; COUNTS.len()]);

impl Counts {
    fn add(&mut self, rows: &Rows, row: usize) {
        self.0.iter_mut().zip(COUNTS).for_each(|(sum, name)| *sum += rows.count(name, row));
    }

    fn cells(self) -> impl Iterator<Item = Cell> {
        self.0.into_iter().map(Cell::Count)
    }
}

pub(super) fn write(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("funnel") else {
        html.element("p", words.say("funnel.none"));
        return;
    };
    let mut all = Counts::default();
    let mut providers: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut currencies: BTreeMap<&str, (Counts, [Amount; AMOUNTS.len()])> = BTreeMap::new();
    let mut hours: BTreeMap<i64, Counts> = BTreeMap::new();
    for row in 0..rows.len() {
        all.add(rows, row);
        providers.entry(rows.text("provider", row)).or_default().add(rows, row);
        hours.entry(rows.instant("hour", row).unwrap_or_default()).or_default().add(rows, row);
        let (counts, amounts) = currencies.entry(rows.text("currency", row)).or_default();
        counts.add(rows, row);
        amounts.iter_mut().zip(AMOUNTS).for_each(|(sum, name)| *sum += rows.sum(name, row));
    }
    steps(all, words, html);
    let head = |key: &str| Column::new(words.say(key));
    let number = |name: &str| Column::new(words.say(&format!("column.{name}"))).number();
    let counted = |first: &str| {
        let counts = COUNTS.iter().enumerate().map(|(at, name)| if at < 4 { number(name) } else { number(name).minor() });
        [head(first)].into_iter().chain(counts).collect::<Vec<_>>()
    };

    let columns = [head("column.currency"), number("created"), number("succeeded"), number("settled")].into_iter();
    let columns = columns.chain(AMOUNTS.map(number)).collect();
    let mut listing = Listing::new("funnel-by-currency", words.say("funnel.by_currency"), columns);
    for (currency, (counts, amounts)) in &currencies {
        let [created, _, succeeded, settled, ..] = counts.0;
        let mut cells = vec![Cell::code(currency), Cell::Count(created), Cell::Count(succeeded), Cell::Count(settled)];
        cells.extend(amounts.map(|amount| Cell::Money(amount, (*currency).to_owned())));
        listing.row(&cells);
    }
    listing.write(html);

    let mut listing = Listing::new("funnel-by-provider", words.say("funnel.by_provider"), counted("column.first_provider"));
    for (provider, counts) in providers {
        let head = if provider.is_empty() {
            Cell::Word { word: String::new(), shown: words.say("word.no_attempt").to_owned() }
        } else {
            Cell::word(words, "provider", provider)
        };
        listing.row(&[head].into_iter().chain(counts.cells()).collect::<Vec<_>>());
    }
    listing.write(html);

    let title = words.fill("funnel.by_hour", &[("timezone", night.timezone.name())]);
    let mut listing = Listing::new("funnel-by-hour", &title, counted("column.hour"));
    for (hour, counts) in hours {
        let hour = DateTime::from_timestamp_micros(hour).unwrap_or_default().with_timezone(&night.timezone);
        let head = Cell::Word { word: hour.format("%Y-%m-%dT%H:%M").to_string(), shown: format!("{:02}:00", hour.hour()) };
        listing.row(&[head].into_iter().chain(counts.cells()).collect::<Vec<_>>());
    }
    Plot { title: &title, table: "funnel-by-hour", lines: "1,3,4", band: None, unit: "count" }.write(html);
    folded(html, &words.fill("word.table_of", &[("what", &title)]), |html| listing.write(html));
}

/// The steps one after another, each as part of the first, and where the others ended.
fn steps(all: Counts, words: &Words, html: &mut Html) {
    let columns = vec![
        Column::new(words.say("column.step")),
        Column::new(words.say("column.orders")).number(),
        Column::new(words.say("column.of_created")).number(),
    ];
    let mut listing = Listing::new("funnel-steps", words.say("funnel.steps"), columns);
    #[expect(clippy::cast_precision_loss, reason = "a share, not money")]
    let share = |count: i64| if all.0[0] == 0 { Cell::Nothing } else { Cell::Share(count as f64 / all.0[0] as f64) };
    for (name, count) in COUNTS.iter().zip(all.0) {
        listing.row(&[Cell::word(words, "step", name), Cell::Count(count), share(count)]);
    }
    listing.write(html);
}

pub(super) fn failures(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("failure_reasons") else {
        html.element("p", words.say("failures.none"));
        return;
    };
    let mut categories: BTreeMap<(&str, &str, &str), [i64; 2]> = BTreeMap::new();
    for row in 0..rows.len() {
        let key = (rows.text("category", row), rows.text("actor", row), rows.text("hardness", row));
        let sum = categories.entry(key).or_default();
        sum[0] += rows.count("attempts", row);
        sum[1] += rows.count("recovered", row);
    }
    let head = |key: &str| Column::new(words.say(key));
    let columns = vec![
        head("column.category"),
        head("column.actor"),
        head("column.hardness").minor(),
        head("column.attempts").number(),
        head("column.recovered_attempts").number(),
    ];
    let mut listing = Listing::new("failures-by-category", words.say("failures.by_category"), columns);
    let mut order: Vec<_> = categories.into_iter().collect();
    order.sort_by_key(|(key, [attempts, _])| (-attempts, *key));
    for ((category, actor, hardness), [attempts, recovered]) in order {
        listing.row(&[
            Cell::word(words, "category", category),
            Cell::word(words, "actor", actor),
            Cell::word(words, "hardness", hardness),
            Cell::Count(attempts),
            Cell::Count(recovered),
        ]);
    }
    listing.write(html);
    folded(html, words.say("failures.by_code"), |html| codes(rows, words, html));
}

fn codes(rows: &Rows, words: &Words, html: &mut Html) {
    let head = |key: &str| Column::new(words.say(key));
    let columns = vec![
        head("column.code"),
        head("column.provider"),
        head("column.category"),
        head("column.attempts").number(),
        head("column.amount").number(),
        head("column.recovered_attempts").number().minor(),
    ];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| (-rows.count("attempts", row), row));
    let mut listing = Listing::new("failures-by-code", words.say("failures.by_code"), columns);
    for &row in order.iter().take(MOST) {
        let code = match rows.text("code", row) {
            "" => Cell::Word { word: String::new(), shown: words.say("word.not_stated").to_owned() },
            code => Cell::code(&card_numbers(code)),
        };
        listing.row(&[
            code,
            Cell::word(words, "provider", rows.text("provider", row)),
            Cell::word(words, "category", rows.text("category", row)),
            Cell::Count(rows.count("attempts", row)),
            Cell::money(rows.amount("amount", row), rows.text("currency", row)),
            Cell::Count(rows.count("recovered", row)),
        ]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "failure_reasons", words, html);
}
