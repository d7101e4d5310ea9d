//! What is other than before: the changes the night found in its rates, the night before beside this one, and the last
//! nights as lines.

use std::collections::BTreeMap;

use super::figure;
use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::{NIGHTS, Night};
use super::payouts::left_out;
use super::rates::{say_nights, value};
use super::rows::Rows;
use super::section::{Plot, folded};
use super::words::Words;
use crate::money::Amount;

/// Most changes a page holds: the first by rank.
const MOST: usize = 50;
/// The counts of a night that are held against the night before.
const COUNTS: [&str; 9] = ["entries", "orders", "attempts", "refunds", "matches", "open", "waiting", "cleared", "rejects"];

pub(super) fn write(night: &Night, words: &Words, html: &mut Html) {
    html.element("h3", words.say("changes.rates"));
    match night.rows("changes") {
        None => drop(html.element("p", words.say("changes.none"))),
        Some(rows) => rates(rows, words, html),
    }
    html.element("h3", words.say("changes.before"));
    against_before(night, words, html);
    html.element("h3", &words.fill("changes.nights", &[("nights", &NIGHTS.to_string())]));
    over_nights(night, words, html);
    closing_amounts(night, words, html);
    generation(night, words, html);
}

/// The rates that moved, in their order.
fn rates(rows: &Rows, words: &Words, html: &mut Html) {
    let head = |key: &str| Column::new(words.say(key));
    let columns = vec![
        head("column.value"),
        head("column.cut").minor(),
        head("column.metric"),
        head("column.rate").number(),
        head("column.baseline").number(),
        head("column.change").number(),
        head("column.mix_part").number().minor(),
        head("column.rate_part").number().minor(),
        head("column.q_value").number().minor(),
        head("column.flagged"),
    ];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| (rows.optional_count("rank", row).unwrap_or(i64::MAX), row));
    let mut listing = Listing::new("rates-changed", words.say("changes.rates"), columns);
    for &row in order.iter().take(MOST) {
        let points = |name: &str| rows.rate(name, row).map_or(Cell::Nothing, Cell::ExactPoints);
        let is_flagged = rows.flag("flagged", row) == Some(true);
        listing.row(&[
            value(rows, row, words),
            Cell::word(words, "cut", rows.text("cut", row)),
            Cell::word(words, "metric", rows.text("metric", row)),
            Cell::share(rows.ratio("rate", row)),
            Cell::share(rows.ratio("baseline", row)),
            points("change"),
            points("mix_part"),
            points("rate_part"),
            rows.ratio("q_value", row).map_or(Cell::Nothing, Cell::Statistic),
            Cell::Text(words.say(if is_flagged { "word.flagged" } else { "word.not_flagged" }).to_owned()),
        ]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "changes", words, html);
}

/// The counts of this night and of the one before.
fn against_before(night: &Night, words: &Words, html: &mut Html) {
    let before = night.before().and_then(|before| {
        let rows = Rows::of(night.lake, before, "nights").ok().flatten().filter(|rows| rows.len() > 0)?;
        Some((before.night.business_date, rows))
    });
    let (Some(now), Some((date, before))) = (night.rows("nights"), before) else {
        html.element("p", words.say("changes.first"));
        return;
    };
    let columns = vec![
        Column::new(words.say("column.which")),
        Column::new(&night.date().to_string()).number(),
        Column::new(&date.to_string()).number(),
        Column::new(words.say("column.more_or_less")).number(),
    ];
    let mut listing = Listing::new("night-before", words.say("changes.before"), columns);
    for name in COUNTS {
        let [now, before] = [now, &before].map(|rows| rows.count(name, 0));
        let difference = now - before;
        let sign = if difference > 0 { "+" } else { "" };
        listing.row(&[
            Cell::word(words, "count", name),
            Cell::Count(now),
            Cell::Count(before),
            Cell::Word { word: difference.to_string(), shown: format!("{sign}{}", figure::count(difference)) },
        ]);
    }
    listing.write(html);
}

/// Breaks of the last nights.
fn over_nights(night: &Night, words: &Words, html: &mut Html) {
    let (nights, unreadable) = night.line_of("nights");
    say_nights(&nights, unreadable, words, html);
    let mut columns = vec![Column::new(words.say("column.night"))];
    columns.extend(
        ["open", "waiting", "cleared", "entries", "matches"]
            .map(|name| Column::new(words.say(&format!("column.{name}"))).number()),
    );
    columns.push(Column::new(words.say("column.complete")).minor());
    let mut listing = Listing::new("nights", words.say("changes.nights_table"), columns);
    for (date, rows) in nights.iter().filter(|(_, rows)| rows.len() > 0) {
        let mut cells = vec![Cell::Date(*date)];
        cells.extend(["open", "waiting", "cleared", "entries", "matches"].map(|name| Cell::Count(rows.count(name, 0))));
        let complete = if rows.flag("complete", 0) == Some(true) { "word.complete" } else { "word.incomplete" };
        cells.push(Cell::Text(words.say(complete).to_owned()));
        listing.row(&cells);
    }
    html.raw("<div class=\"plots\"><div class=\"plotted\">");
    Plot { title: words.say("changes.plot_breaks"), table: "nights", lines: "1,2,3", band: None, unit: "count" }.write(html);
    html.raw("</div><div class=\"plotted\">");
    Plot { title: words.say("changes.plot_lines"), table: "nights", lines: "4,5", band: None, unit: "count" }.write(html);
    html.raw("</div></div>");
    folded(html, words.say("changes.nights_table"), |html| listing.write(html));
}

/// What stood open at the end of each of the last nights, currency for currency.
fn closing_amounts(night: &Night, words: &Words, html: &mut Html) {
    let (nights, _) = night.line_of("rollforward");
    let mut sums: BTreeMap<(&str, usize), (i64, Amount)> = BTreeMap::new();
    for (at, (_, rows)) in nights.iter().enumerate() {
        for row in 0..rows.len() {
            let sum = sums.entry((rows.text("currency", row), at)).or_default();
            sum.0 += rows.count("closing", row);
            sum.1 += rows.sum("closing_amount", row);
        }
    }
    let columns = vec![
        Column::new(words.say("column.currency")),
        Column::new(words.say("column.night")),
        Column::new(words.say("column.closing")).number(),
        Column::new(words.say("column.closing_amount")).number(),
    ];
    let mut listing = Listing::new("closing-amounts", words.say("changes.closing"), columns);
    for ((currency, at), (count, amount)) in sums {
        let cells =
            [Cell::code(currency), Cell::Date(nights[at].0), Cell::Count(count), Cell::Money(amount, currency.to_owned())];
        listing.row(&cells);
    }
    if !listing.is_empty() {
        folded(html, words.say("changes.closing"), |html| listing.write(html));
    }
}

/// What this generation of the night has other than the one before.
fn generation(night: &Night, words: &Words, html: &mut Html) {
    let Some(differences) = &night.manifest.differences else { return };
    html.element("h3", &words.fill("changes.generation", &[("before", &(night.manifest.generation - 1).to_string())]));
    let columns = vec![
        Column::new(words.say("column.table")),
        Column::new(words.say("column.added")).number(),
        Column::new(words.say("column.removed")).number(),
        Column::new(words.say("column.changed")).number(),
    ];
    let mut listing = Listing::new("generation", words.say("changes.tables"), columns);
    for difference in differences {
        let count = |rows: u64| Cell::Count(i64::try_from(rows).unwrap_or(i64::MAX));
        listing.row(&[
            Cell::code(&difference.table),
            count(difference.added),
            count(difference.removed),
            count(difference.changed),
        ]);
    }
    if listing.is_empty() {
        html.element("p", words.say("changes.same"));
    } else {
        listing.write(html);
    }
}
