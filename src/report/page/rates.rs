//! How well customers got through the checkout, and how many did not, with the last nights beside.

use std::collections::BTreeMap;

use super::figure;
use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::{NIGHTS, Night};
use super::rows::Rows;
use super::section::{Plot, folded};
use super::words::Words;

/// Most values of one cut a page holds: those that count most.
const MOST: usize = 30;
/// Where an order ends, in the order of the checkout.
const STAGES: [&str; 10] = [
    "no_attempt",
    "method_no_submit",
    "authentication_dropped",
    "wallet_or_redirect_not_returned",
    "declined_and_left",
    "technical_and_left",
    "expired_unpaid",
    "merchant_cancelled",
    "pending",
    "paid",
];

pub(super) fn success(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("success_rates") else {
        html.element("p", words.say("success.none"));
        return;
    };
    let overall: Vec<usize> = (0..rows.len()).filter(|&row| rows.text("cut", row) == "all").collect();
    let mut listing = Listing::new("rates", words.say("success.all"), columns(words, "column.metric"));
    for &row in &overall {
        listing.row(&cells(rows, row, Cell::word(words, "metric", rows.text("metric", row)), words));
    }
    listing.write(html);
    html.element("p", words.say("success.interval"));
    over_nights(night, words, html);
    html.element("h3", words.say("success.cuts"));
    by_cut(rows, words, html);
}

/// The columns of a list of rates.
fn columns(words: &Words, head: &str) -> Vec<Column> {
    let number = |key: &str| Column::new(words.say(key)).number();
    vec![
        Column::new(words.say(head)),
        number("column.rate"),
        number("column.interval"),
        number("column.numerator"),
        number("column.denominator"),
        number("column.excluded").minor(),
        number("column.pending").minor(),
        number("column.change"),
        Column::new(words.say("column.remark")).minor(),
    ]
}

fn cells(rows: &Rows, row: usize, head: Cell, words: &Words) -> Vec<Cell> {
    let ratio = |name: &str| rows.ratio(name, row);
    vec![
        head,
        Cell::share(ratio("rate")),
        Cell::interval(ratio("low"), ratio("rate"), ratio("high")),
        Cell::Count(rows.count("numerator", row)),
        Cell::Count(rows.count("denominator", row)),
        Cell::Count(rows.count("excluded", row)),
        Cell::Count(rows.count("pending", row)),
        Cell::points(ratio("change")),
        Cell::text(&remark(rows, row, words)),
    ]
}

/// What keeps a rate from being read as it stands.
fn remark(rows: &Rows, row: usize, words: &Words) -> String {
    let mut said = Vec::new();
    if rows.flag("mature", row) == Some(false) {
        said.push(words.say("word.immature").to_owned());
    }
    if rows.flag("enough", row) == Some(false) {
        said.push(words.say("word.too_few").to_owned());
    }
    if let Some(q_value) = rows.ratio("q_value", row) {
        said.push(format!("q {}", figure::statistic(q_value)));
    }
    said.join(words.say("word.comma"))
}

/// Every rate of all, over the last nights: a plot and its table for each.
fn over_nights(night: &Night, words: &Words, html: &mut Html) {
    let (nights, unreadable) = night.line_of("success_rates");
    let mut metrics: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, (_, rows)) in nights.iter().enumerate() {
        for row in (0..rows.len()).filter(|&row| rows.text("cut", row) == "all" && rows.text("value", row) == "all") {
            metrics.entry(rows.text("metric", row).to_owned()).or_default().push((at, row));
        }
    }
    html.element("h3", &words.fill("success.nights", &[("nights", &NIGHTS.to_string())]));
    say_nights(&nights, unreadable, words, html);
    html.raw("<div class=\"plots\">");
    for (number, (metric, places)) in (1..).zip(&metrics) {
        let name = words.word("metric", metric);
        let columns = vec![
            Column::new(words.say("column.night")),
            Column::new(words.say("column.rate")).number(),
            Column::new(words.say("column.interval")).number(),
            Column::new(words.say("column.numerator")).number(),
            Column::new(words.say("column.denominator")).number(),
        ];
        let mut listing = Listing::new("rate-nights", &name, columns).numbered(number);
        for &(at, row) in places {
            let (date, rows) = &nights[at];
            let head = Cell::Date(*date);
            listing.row(&cells(rows, row, head, words)[..5]);
        }
        html.raw("<div class=\"plotted\">");
        let table = format!("rate-nights-{number}");
        Plot { title: &name, table: &table, lines: "1", band: Some("2"), unit: "share" }.write(html);
        folded(html, &words.fill("word.table_of", &[("what", &name)]), |html| listing.write(html));
        html.raw("</div>");
    }
    html.raw("</div>");
}

/// How many nights a line has, and how many could not be read.
pub(super) fn say_nights<T>(nights: &[T], unreadable: i64, words: &Words, html: &mut Html) {
    let mut said = words.counted("word.nights_shown", i64::try_from(nights.len()).unwrap_or(i64::MAX));
    if unreadable > 0 {
        said.push(' ');
        said.push_str(&words.counted("word.nights_unreadable", unreadable));
    }
    html.element("p", &said);
}

/// The value of a cut, in words.
pub(super) fn value(rows: &Rows, row: usize, words: &Words) -> Cell {
    match (rows.text("cut", row), rows.text("value", row)) {
        (_, "") => Cell::Word { word: String::new(), shown: words.say("word.not_stated").to_owned() },
        (_, "all") => Cell::Word { word: "all".to_owned(), shown: words.say("cut.all").to_owned() },
        ("provider", value) => Cell::word(words, "provider", value),
        ("method" | "wallet" | "channel", value) => Cell::word(words, "value", value),
        (_, value) => Cell::Word { word: value.to_owned(), shown: value.to_owned() },
    }
}

/// A folded table for each cut: its values, and under each the rates.
fn by_cut(rows: &Rows, words: &Words, html: &mut Html) {
    let mut cuts: BTreeMap<&str, BTreeMap<&str, (i64, Vec<usize>)>> = BTreeMap::new();
    for row in (0..rows.len()).filter(|&row| rows.text("cut", row) != "all") {
        let values = cuts.entry(rows.text("cut", row)).or_default();
        let (most, of_value) = values.entry(rows.text("value", row)).or_default();
        *most = (*most).max(rows.count("denominator", row));
        of_value.push(row);
    }
    if cuts.is_empty() {
        html.element("p", words.say("success.no_cuts"));
    }
    for (number, (cut, values)) in (1..).zip(&cuts) {
        let name = words.word("cut", cut);
        let mut order: Vec<(&&str, &(i64, Vec<usize>))> = values.iter().collect();
        order.sort_by_key(|(value, (most, _))| (-most, **value));
        let mut columns = columns(words, "column.value");
        columns.insert(1, Column::new(words.say("column.metric")));
        let mut listing = Listing::new("rates-by", &words.fill("success.by", &[("cut", &name)]), columns).numbered(number);
        for (_, (_, of_value)) in order.iter().take(MOST) {
            for &row in of_value {
                let mut cells = cells(rows, row, value(rows, row, words), words);
                cells.insert(1, Cell::word(words, "metric", rows.text("metric", row)));
                listing.row(&cells);
            }
        }
        folded(html, &words.fill("success.by", &[("cut", &name)]), |html| {
            listing.write(html);
            super::payouts::left_out(order.len(), MOST, "success_rates", words, html);
        });
    }
}

pub(super) fn abandonment(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("abandonment") else {
        html.element("p", words.say("abandonment.none"));
        return;
    };
    let head = |key: &str| Column::new(words.say(key));
    let columns = || {
        vec![
            head("column.stage"),
            head("column.orders").number(),
            head("column.share").number(),
            head("column.interval").number(),
            head("column.remark").minor(),
        ]
    };
    let cells = |row: usize| {
        let ratio = |name: &str| rows.ratio(name, row);
        vec![
            Cell::word(words, "stage", rows.text("stage", row)),
            Cell::Count(rows.count("orders", row)),
            Cell::share(ratio("share")),
            Cell::interval(ratio("low"), ratio("share"), ratio("high")),
            Cell::text(&remark(rows, row, words)),
        ]
    };
    let mut cuts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| {
        (super::breaks::rank(&STAGES, rows.text("stage", row)), rows.flag("mature", row) == Some(false), row)
    });
    for row in order {
        cuts.entry(rows.text("cut", row)).or_default().push(row);
    }
    let mut overall = Listing::new("abandonment-all", words.say("abandonment.all"), columns());
    cuts.remove("all").into_iter().flatten().for_each(|row| overall.row(&cells(row)));
    overall.write(html);
    for (number, (cut, of_cut)) in (1..).zip(&cuts) {
        let mut orders: BTreeMap<&str, i64> = BTreeMap::new();
        for &row in of_cut {
            *orders.entry(rows.text("value", row)).or_default() += rows.count("orders", row);
        }
        let mut order: Vec<(&str, i64)> = orders.into_iter().collect();
        order.sort_by_key(|(value, orders)| (-orders, *value));
        let title = words.fill("abandonment.by", &[("cut", &words.word("cut", cut))]);
        let mut columns = columns();
        columns.insert(0, head("column.value"));
        let mut listing = Listing::new("abandonment-by", &title, columns).numbered(number);
        for (of_value, _) in order.iter().take(MOST) {
            for &row in of_cut.iter().filter(|&&row| rows.text("value", row) == *of_value) {
                let mut cells = cells(row);
                cells.insert(0, value(rows, row, words));
                listing.row(&cells);
            }
        }
        folded(html, &title, |html| {
            listing.write(html);
            super::payouts::left_out(order.len(), MOST, "abandonment", words, html);
        });
    }
}
