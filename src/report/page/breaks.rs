//! The breaks of a night: counted by type, age and amount, and as a list to search and unfold.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::figure;
use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::rows::Rows;
use super::words::Words;
use crate::job::comments::Comments;
use crate::mask::card_numbers;
use crate::money::Amount;
use crate::report::comments::said_by;

/// Most rows a page holds: the most severe and largest. The others are counted, and the tables have them.
pub(super) const MOST: usize = 1_000;

/// States, the pressing first.
const STATES: [&str; 4] = ["open", "waiting", "cleared", "resolved"];
/// Severities, the highest first.
pub(in crate::report) const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];
/// Ages of a break, as `age_bucket` has them.
pub(in crate::report) const AGES: [&str; 5] = ["0-1", "2-3", "4-7", "8-30", ">30"];

/// Breaks of one type, state and currency.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) count: i64,
    /// The sum of their differences.
    pub(super) difference: Amount,
    /// The sum of what is at stake in each, without signs.
    pub(super) at_stake: Amount,
}

impl Sum {
    pub(super) fn add(&mut self, difference: Amount, at_stake: Amount) {
        self.count += 1;
        self.difference += difference;
        self.at_stake += at_stake;
    }
}

/// What a person may lose by a break: its difference, or, where both sides state one amount, that amount.
pub(in crate::report) fn at_stake(rows: &Rows, row: usize) -> Amount {
    let difference = rows.sum("difference", row);
    if difference == Amount::ZERO { rows.sum("merchant_amount", row).abs() } else { difference.abs() }
}

/// The place of a word in a list; words it does not know come last.
pub(in crate::report) fn rank(list: &[&str], word: &str) -> usize {
    list.iter().position(|known| *known == word).unwrap_or(list.len())
}

pub(super) fn write(night: &Night, comments: &Comments, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("breaks") else {
        html.element("p", words.say("breaks.none"));
        return;
    };
    by_type(rows, words, html);
    let (shown, left_out) = chosen(rows);
    html.element("h3", words.say("breaks.list"));
    search(rows, words, html);
    list(rows, comments, &shown, words, html);
    rest(night, rows, &left_out, words, html);
}

/// Open and waiting breaks by type and currency, with the ages of the open.
fn by_type(rows: &Rows, words: &Words, html: &mut Html) {
    #[derive(Default)]
    struct Of {
        states: [Sum; STATES.len()],
        ages: [i64; AGES.len()],
    }
    let mut types: BTreeMap<(&str, &str), Of> = BTreeMap::new();
    for row in 0..rows.len() {
        let of = types.entry((rows.text("currency", row), rows.text("break_type", row))).or_default();
        let state = rank(&STATES, rows.text("state", row));
        if let Some(sum) = of.states.get_mut(state) {
            sum.add(rows.sum("difference", row), at_stake(rows, row));
        }
        let age = rank(&AGES, rows.text("age_bucket", row));
        if let Some(count) = of.ages.get_mut(age).filter(|_| state == 0) {
            *count += 1;
        }
    }
    let number = |key: &str| Column::new(words.say(key)).number();
    let mut columns = vec![
        Column::new(words.say("column.break_type")),
        number("column.open"),
        number("column.open_difference"),
        number("column.at_stake"),
    ];
    columns.extend(AGES.map(|age| Column::new(&words.fill("breaks.age", &[("days", age)])).number().minor()));
    columns.extend(["column.waiting", "column.cleared", "column.resolved"].map(|key| number(key).minor()));
    let mut listing = Listing::new("breaks-by-type", words.say("breaks.by_type"), columns);
    for ((currency, kind), of) in &types {
        let [open, waiting, cleared, resolved] = of.states;
        let money = |amount| Cell::Money(amount, (*currency).to_owned());
        let mut cells =
            vec![Cell::word(words, "break_type", kind), Cell::Count(open.count), money(open.difference), money(open.at_stake)];
        cells.extend(of.ages.map(Cell::Count));
        cells.extend([waiting, cleared, resolved].map(|sum| Cell::Count(sum.count)));
        listing.row(&cells);
    }
    listing.write(html);
}

/// The rows a page shows, in its order, and those it does not.
///
/// Within one state and severity the largest of each currency come first, then the second largest: amounts of two
/// currencies are not compared.
fn chosen(rows: &Rows) -> (Vec<usize>, Vec<usize>) {
    let urgency = |row: usize| [rank(&STATES, rows.text("state", row)), rank(&SEVERITIES, rows.text("severity", row))];
    let order = |row: &usize| (urgency(*row), rows.text("currency", *row), Reverse(at_stake(rows, *row)), *row);
    let mut all: Vec<usize> = (0..rows.len()).collect();
    all.sort_by(|one, other| order(one).cmp(&order(other)));
    if all.len() <= MOST {
        return (all, Vec::new());
    }
    let mut places: BTreeMap<([usize; 2], &str), usize> = BTreeMap::new();
    let mut ranked: Vec<([usize; 2], usize, usize)> = Vec::with_capacity(all.len());
    for (at, &row) in all.iter().enumerate() {
        let place = places.entry((urgency(row), rows.text("currency", row))).or_default();
        ranked.push((urgency(row), *place, at));
        *place += 1;
    }
    ranked.sort_unstable();
    let mut kept: Vec<usize> = ranked.iter().take(MOST).map(|(_, _, at)| *at).collect();
    kept.sort_unstable();
    let mut left_out: Vec<usize> = ranked.iter().skip(MOST).map(|(_, _, at)| all[*at]).collect();
    left_out.sort_unstable();
    (kept.into_iter().map(|at| all[at]).collect(), left_out)
}

/// What rows are searched and chosen by. A page without scripts does without.
fn search(rows: &Rows, words: &Words, html: &mut Html) {
    const CHOICES: [(&str, &str); 5] = [
        ("state", "state"),
        ("severity", "severity"),
        ("break_type", "break_type"),
        ("provider", "provider"),
        ("currency", "currency"),
    ];
    html.raw("<form class=\"search\" role=\"search\" hidden").attribute("aria-label", words.say("breaks.list"));
    html.raw("><label class=\"query\"><span>").text(words.say("breaks.search"));
    html.raw("</span><input type=\"search\" name=\"query\" autocomplete=\"off\" spellcheck=\"false\" aria-controls=\"break-list\"></label>");
    for (column, list) in CHOICES {
        let mut found: Vec<&str> = (0..rows.len()).map(|row| rows.text(column, row)).collect();
        found.sort_unstable();
        found.dedup();
        match column {
            "state" => found.sort_by_key(|word| rank(&STATES, word)),
            "severity" => found.sort_by_key(|word| rank(&SEVERITIES, word)),
            _ => {}
        }
        html.raw("<label><span>").text(words.say(&format!("column.{column}"))).raw("</span><select");
        html.attribute("name", column).raw("><option value=\"*\">").text(words.say("breaks.any")).raw("</option>");
        for word in found {
            let shown = if word.is_empty() { words.word(list, "bank") } else { words.word(list, word) };
            html.raw("<option").attribute("value", word).raw(">").text(&shown).raw("</option>");
        }
        html.raw("</select></label>");
    }
    html.raw("<button type=\"reset\">")
        .text(words.say("breaks.reset"))
        .raw("</button><p class=\"found\" role=\"status\" aria-live=\"polite\"");
    html.attribute("data-found", words.say("breaks.found")).attribute("data-of", words.say("breaks.found_of"));
    html.raw("></p></form>");
}

/// The rows, each unfolding into all there is about it.
fn list(rows: &Rows, comments: &Comments, shown: &[usize], words: &Words, html: &mut Html) {
    let column = |name: &str| Column::new(words.say(&format!("column.{name}")));
    let columns = vec![
        column("break_type").sorts(),
        column("state").sorts(),
        column("severity").sorts(),
        column("provider").sorts(),
        column("difference").number().sorts(),
        column("merchant_amount").number().sorts(),
        column("provider_amount").number().sorts(),
        column("age_days").number().sorts(),
        column("reference").minor(),
    ];
    let mut listing = Listing::new("break-list", words.say("breaks.list_caption"), columns).unfolding();
    for &row in shown {
        let text = |name: &str| rows.text(name, row);
        let currency = text("currency");
        let provider = if text("provider").is_empty() { "bank" } else { text("provider") };
        let masked = |name: &str| Cell::code(&card_numbers(text(name)));
        let reference = ["order_id", "merchant_reference", "provider_reference"].into_iter().find(|name| !text(name).is_empty());
        let money = |name: &str| Cell::money(rows.amount(name, row), currency);
        let cells = [
            Cell::word(words, "break_type", text("break_type")),
            Cell::word(words, "state", text("state")),
            Cell::word(words, "severity", text("severity")),
            Cell::word(words, "provider", provider),
            money("difference"),
            money("merchant_amount"),
            money("provider_amount"),
            Cell::Count(rows.count("age_days", row)),
            reference.map_or(Cell::Nothing, masked),
        ];
        let action = words.find("action", text("break_type")).unwrap_or_else(|| text("suggested_action"));
        let label = |name: &str| words.say(&format!("column.{name}")).to_owned();
        let mut into =
            vec![(label("suggested_action"), Cell::text(action)), (label("detail"), Cell::text(&card_numbers(text("detail"))))];
        into.push((label("resolution"), Cell::text(&card_numbers(text("resolution")))));
        let said = comments.of(text("break_id")).iter().map(said_by);
        into.push((words.say("book.comment").to_owned(), Cell::text(&said.collect::<Vec<_>>().join("; "))));
        let ids = [
            "order_id",
            "attempt_id",
            "refund_id",
            "merchant_reference",
            "provider_reference",
            "account",
            "entry_id",
            "break_id",
        ];
        into.extend(ids.map(|name| (label(name), masked(name))));
        into.extend(["first_seen", "cleared_on"].map(|name| (label(name), Cell::date(rows.date(name, row)))));
        let into: Vec<(&str, Cell)> = into.iter().map(|(label, cell)| (label.as_str(), cell.clone())).collect();
        let keys = [
            ("data-state", text("state")),
            ("data-severity", text("severity")),
            ("data-break_type", text("break_type")),
            ("data-provider", text("provider")),
            ("data-currency", currency),
        ];
        listing.unfolding_row(&cells, &into, &keys);
    }
    listing.write(html);
    html.raw("<p class=\"pages\" hidden><button type=\"button\" class=\"all\"")
        .attribute("data-say", words.say("breaks.show_all"));
    html.raw("></button></p>");
}

/// What is not on the page: counted, and where it is.
fn rest(night: &Night, rows: &Rows, left_out: &[usize], words: &Words, html: &mut Html) {
    if left_out.is_empty() {
        return;
    }
    let mut sums: BTreeMap<(usize, &str, &str), Sum> = BTreeMap::new();
    for &row in left_out {
        let state = rank(&STATES, rows.text("state", row));
        let sum = sums.entry((state, rows.text("break_type", row), rows.text("currency", row))).or_default();
        sum.add(rows.sum("difference", row), at_stake(rows, row));
    }
    let [most, others] = [MOST, left_out.len()].map(|count| figure::count(i64::try_from(count).unwrap_or(i64::MAX)));
    html.element("h3", words.say("breaks.rest"));
    html.element("p", &words.fill("breaks.rest_is", &[("shown", &most), ("others", &others)]));
    html.raw("<pre><code>").text(&format!(
        "lake/data/breaks/date={0}/breaks.parquet\ntieout export evidence <job> --date {0} --out evidence.zip",
        night.date()
    ));
    html.raw("</code></pre>");
    let columns = vec![
        Column::new(words.say("column.break_type")),
        Column::new(words.say("column.state")),
        Column::new(words.say("column.breaks")).number(),
        Column::new(words.say("column.difference")).number(),
        Column::new(words.say("column.at_stake")).number(),
    ];
    let mut listing = Listing::new("breaks-not-shown", words.say("breaks.rest"), columns);
    for ((state, kind, currency), sum) in sums {
        listing.row(&[
            Cell::word(words, "break_type", kind),
            Cell::word(words, "state", STATES.get(state).copied().unwrap_or_default()),
            Cell::Count(sum.count),
            Cell::Money(sum.difference, currency.to_owned()),
            Cell::Money(sum.at_stake, currency.to_owned()),
        ]);
    }
    listing.write(html);
}
