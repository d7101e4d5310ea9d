//! The night in words: how it closed, what is wrong, what to do first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::breaks::{SEVERITIES, Sum, at_stake, rank};
use super::fees::charged;
use super::figure;
use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::ties::TieOut;
use super::words::Words;
use crate::money::Amount;

/// How many groups of breaks are named as what to do first.
const FIRST: usize = 6;

/// How a night closed, the best first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Clean,
    WithBreaks,
    Incomplete,
}

/// Something that is wrong, with the section that tells more.
struct Finding {
    said: String,
    section: &'static str,
}

/// How a night of `totals` in all and wrong closed, in a sentence.
pub(in crate::report) fn sentence(night: &Night, totals: [i64; 2], words: &Words) -> String {
    told(night, totals, words).1
}

fn told(night: &Night, totals: [i64; 2], words: &Words) -> (Outcome, String) {
    let open = in_state(night, "open");
    match (night.manifest.night.complete, open, totals[1]) {
        (false, ..) => (Outcome::Incomplete, words.counted("verdict.incomplete", open)),
        (true, 0, 0) => (Outcome::Clean, words.say("verdict.clean").to_owned()),
        _ => (Outcome::WithBreaks, words.counted("verdict.with_breaks", open)),
    }
}

pub(super) fn write(night: &Night, tie_out: &TieOut, words: &Words, html: &mut Html) {
    let totals = tie_out.totals();
    let (outcome, said) = told(night, totals, words);
    html.raw(match outcome {
        Outcome::Clean => "<p class=\"verdict good\">",
        Outcome::WithBreaks => "<p class=\"verdict fair\">",
        Outcome::Incomplete => "<p class=\"verdict bad\">",
    });
    html.text(&said).raw("</p>");
    html.element("p", &summary(night, totals, words));
    by_currency(night, words, html);
    html.raw("<div class=\"beside\"><div>");
    let findings = findings(night, totals, words);
    html.element("h3", words.say("verdict.wrong"));
    if findings.is_empty() {
        html.element("p", words.say("verdict.nothing_wrong"));
    } else {
        html.raw("<ul>");
        for finding in findings {
            html.raw("<li><a").attribute("href", &format!("#{}", finding.section)).raw(">").text(&finding.said).raw("</a></li>");
        }
        html.raw("</ul>");
    }
    html.raw("</div><div>").element("h3", words.say("verdict.first"));
    first(night, words, html);
    html.raw("</div></div>");
}

fn in_state(night: &Night, state: &str) -> i64 {
    night.rows("nights").map_or(0, |rows| rows.count(state, 0))
}

/// What was read and what became of it.
pub(in crate::report) fn summary(night: &Night, [all, wrong]: [i64; 2], words: &Words) -> String {
    let count = |name: &str| figure::count(in_state(night, name));
    let names = ["entries", "orders", "attempts", "refunds", "matches", "waiting", "cleared", "rejects"];
    let counts = names.map(|name| (name, count(name)));
    let mut with: Vec<(&str, &str)> = counts.iter().map(|(name, count)| (*name, count.as_str())).collect();
    let [all, tied] = [all, all - wrong].map(figure::count);
    with.extend([("totals", all.as_str()), ("tied", tied.as_str())]);
    words.fill("verdict.summary", &with)
}

/// The live breaks of each currency.
fn by_currency(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("breaks") else { return };
    let mut sums: BTreeMap<&str, [Sum; 3]> = BTreeMap::new();
    for row in 0..rows.len() {
        let sums = sums.entry(rows.text("currency", row)).or_default();
        let (difference, at_stake) = (rows.sum("difference", row), at_stake(rows, row));
        match rows.text("state", row) {
            "open" => {
                sums[0].add(difference, at_stake);
                if rank(&SEVERITIES, rows.text("severity", row)) < 2 {
                    sums[1].add(difference, at_stake);
                }
            }
            "waiting" => sums[2].add(difference, at_stake),
            _ => {}
        }
    }
    let number = |key: &str| Column::new(words.say(key)).number();
    let columns = vec![
        Column::new(words.say("column.currency")),
        number("column.open"),
        number("column.open_difference"),
        number("column.at_stake"),
        number("column.severe"),
        number("column.waiting"),
        number("column.waiting_difference").minor(),
    ];
    let mut listing = Listing::new("by-currency", words.say("verdict.by_currency"), columns);
    for (currency, [open, severe, waiting]) in sums {
        let money = |amount| Cell::Money(amount, currency.to_owned());
        listing.row(&[
            Cell::code(currency),
            Cell::Count(open.count),
            money(open.difference),
            money(open.at_stake),
            Cell::Count(severe.count),
            Cell::Count(waiting.count),
            money(waiting.difference),
        ]);
    }
    listing.write(html);
}

/// All that is wrong, the gravest first.
fn findings(night: &Night, [_, wrong]: [i64; 2], words: &Words) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |section: &'static str, said: String| found.push(Finding { said, section });
    if night.is_stale {
        say("changes", words.say("finding.stale").to_owned());
    }
    for (source, answer) in left_out(night) {
        let with = [("source", words.word("provider", &source)), ("answer", words.word("answer", &answer))];
        say("deliveries", words.fill("finding.source", &[("source", &with[0].1), ("answer", &with[1].1)]));
    }
    if wrong > 0 {
        say("tie-out", words.counted("finding.totals", wrong));
    }
    if let Some(rows) = night.rows("breaks") {
        for severity in &SEVERITIES[..2] {
            let is_such = |row: &usize| rows.text("state", *row) == "open" && rows.text("severity", *row) == *severity;
            let count = (0..rows.len()).filter(is_such).count();
            if count > 0 {
                say("breaks", words.counted(&format!("finding.{severity}"), i64::try_from(count).unwrap_or(i64::MAX)));
            }
        }
    }
    if let Some(rows) = night.rows("payouts") {
        for state in ["not_in_bank", "ambiguous"] {
            let mut sums: BTreeMap<(&str, &str), (i64, Amount)> = BTreeMap::new();
            for row in (0..rows.len()).filter(|&row| rows.text("state", row) == state) {
                let sum = sums.entry((rows.text("provider", row), rows.text("currency", row))).or_default();
                sum.0 += 1;
                sum.1 += rows.sum("stated", row);
            }
            for ((provider, currency), (count, amount)) in sums {
                let with = [("provider", &*words.word("provider", provider)), ("amount", &money(amount, currency))];
                say("payouts", words.counted_with(&format!("finding.{state}"), count, &with));
            }
        }
        for row in 0..rows.len() {
            if let Some(residual) = rows.amount("residual", row).filter(|residual| *residual != Amount::ZERO) {
                let amount = money(residual, rows.text("currency", row));
                let provider = words.word("provider", rows.text("provider", row));
                say(
                    "payouts",
                    words.fill(
                        "finding.residual",
                        &[("provider", &provider), ("amount", &amount), ("reference", rows.text("reference", row))],
                    ),
                );
            }
        }
    }
    for ([provider, currency], of) in charged(night) {
        if of.leakage < Amount::ZERO {
            let with = [("provider", &*words.word("provider", &provider)), ("amount", &money(of.leakage.abs(), &currency))];
            say("fees", words.fill("finding.leakage", &with));
        }
    }
    let rejects = in_state(night, "rejects");
    if rejects > 0 {
        say("deliveries", words.counted("finding.rejects", rejects));
    }
    if let Some(rows) = night.rows("changes") {
        let flagged = (0..rows.len()).filter(|&row| rows.flag("flagged", row) == Some(true)).count();
        if flagged > 0 {
            say("changes", words.counted("finding.flagged", i64::try_from(flagged).unwrap_or(i64::MAX)));
        }
    }
    found
}

fn money(amount: Amount, currency: &str) -> String {
    format!("{} {currency}", figure::money(amount, currency))
}

/// Sources that did not give what they should: who, and what they answered.
fn left_out(night: &Night) -> Vec<(String, String)> {
    const ANSWERED_IN_ORDER: [&str; 3] = ["delivered", "no_bill", "empty"];
    let Some(rows) = night.rows("files") else { return Vec::new() };
    let wrong = (0..rows.len()).filter(|&row| !ANSWERED_IN_ORDER.contains(&rows.text("answer", row)));
    wrong.map(|row| (rows.text("source", row).to_owned(), rows.text("answer", row).to_owned())).collect()
}

/// What to do first: the missing files, then open breaks by type, provider and currency, the most severe and the oldest
/// first.
fn first(night: &Night, words: &Words, html: &mut Html) {
    #[derive(Default)]
    struct Group {
        sum: Sum,
        severity: Option<usize>,
        oldest: i64,
    }
    let mut groups: BTreeMap<[&str; 3], Group> = BTreeMap::new();
    let mut actions: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some(rows) = night.rows("breaks") {
        for row in (0..rows.len()).filter(|&row| rows.text("state", row) == "open") {
            let kind = rows.text("break_type", row);
            let group = groups.entry([kind, rows.text("provider", row), rows.text("currency", row)]).or_default();
            group.sum.add(rows.sum("difference", row), at_stake(rows, row));
            let severity = rank(&SEVERITIES, rows.text("severity", row));
            group.severity = Some(group.severity.map_or(severity, |known| known.min(severity)));
            group.oldest = group.oldest.max(rows.count("age_days", row));
            actions.insert(kind, words.find("action", kind).unwrap_or_else(|| rows.text("suggested_action", row)));
        }
    }
    let missing: Vec<String> = left_out(night)
        .iter()
        .filter(|(_, answer)| answer != "restated")
        .map(|(source, _)| words.fill("verdict.get_file", &[("source", &words.word("provider", source))]))
        .collect();
    if groups.is_empty() && missing.is_empty() {
        html.element("p", words.say("verdict.nothing_to_do"));
        return;
    }
    let mut order: Vec<([&str; 3], Group)> = groups.into_iter().collect();
    order.sort_by_key(|(key, group)| (group.severity, Reverse(group.oldest), Reverse(group.sum.count), *key));
    html.raw("<ol class=\"first\">");
    for said in missing {
        html.element("li", &said);
    }
    for ([kind, provider, currency], group) in order.iter().take(FIRST) {
        let shown = words.word("provider", if provider.is_empty() { "bank" } else { provider });
        html.raw("<li><a href=\"#break-list\"").attribute("data-break_type", kind).attribute("data-provider", provider);
        html.attribute("data-currency", currency).attribute("data-state", "open").raw(">");
        let with = [
            ("count", &*figure::count(group.sum.count)),
            ("type", &*words.word("break_type", kind)),
            ("provider", &*shown),
            ("amount", &*money(group.sum.at_stake, currency)),
            ("severity", &*words.word("severity", SEVERITIES.get(group.severity.unwrap_or(3)).copied().unwrap_or_default())),
            ("days", &*words.counted("verdict.days", group.oldest)),
        ];
        html.text(&words.fill("verdict.group", &with)).raw("</a> <span>").text(actions.get(kind).copied().unwrap_or_default());
        html.raw("</span></li>");
    }
    html.raw("</ol>");
    let others = order.len().saturating_sub(FIRST);
    if others > 0 {
        html.element("p", &words.counted("verdict.more_groups", i64::try_from(others).unwrap_or(i64::MAX)));
    }
}
