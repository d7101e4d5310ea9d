//! Sheet `Summary`: how the night closed, whether it ties, and who signs it.

use rust_xlsxwriter::Worksheet;

use super::Workbook;
use super::sheet::{Cell, Sheet, Style};
use crate::lake::Act;
use crate::report::page::ties::{ROLLED, Rolled, name, rolled};
use crate::report::page::verdict;
use crate::report::page::words::Words;

pub(super) fn sheet(book: &Workbook, words: &Words, style: &Style) -> Worksheet {
    let mut sheet = Sheet::new(words.say("sheet.summary"), style);
    sheet.widths(&[60, 19, 21, 12, 17, 12, 17, 12, 17, 12, 17, 12, 17, 16]);
    head(book, words, &mut sheet);
    signatures(book, words, &mut sheet);
    roll(book, words, &mut sheet);
    control(book, words, &mut sheet);
    roll_by_type(book, words, &mut sheet);
    sheet.into_worksheet()
}

/// Which night it is, and how it closed.
fn head(book: &Workbook, words: &Words, sheet: &mut Sheet) {
    let (night, manifest) = (&book.night, book.night.manifest);
    let (about, date) = (&manifest.night, manifest.night.business_date);
    let ties = |good: bool, yes: &str, no: &str| Cell::Ties(good, words.say(if good { yes } else { no }).to_owned());
    sheet.title(&words.fill("book.title", &[("job", &about.job), ("date", &date.to_string())]));
    let wrong = book.totals.iter().filter(|line| !line.ties()).count();
    let totals = [book.totals.len(), wrong].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    sheet.note(&verdict::sentence(night, totals, words));
    sheet.note(&verdict::summary(night, totals, words));
    if night.is_stale {
        sheet.note(words.say("finding.stale"));
    }
    sheet.heading(words.say("book.night"));
    sheet.fact(words.say("book.job"), &Cell::text(&about.job));
    sheet.fact(words.say("book.night"), &Cell::Date(date));
    sheet.fact(words.say("page.generation"), &Cell::Text(manifest.generation.to_string()));
    sheet.fact(words.say("column.complete"), &ties(about.complete, "word.complete", "word.incomplete"));
    sheet.fact(words.say("book.stale"), &ties(!night.is_stale, "word.no", "word.yes"));
    sheet.fact(words.say("page.timezone"), &Cell::text(&about.timezone));
    sheet.fact(words.say("page.version"), &Cell::text(&about.version));
    sheet.fact(words.say("book.outputs"), &Cell::text(&manifest.sha256));
}

/// Who signed, or room to sign.
fn signatures(book: &Workbook, words: &Words, sheet: &mut Sheet) {
    sheet.heading(words.say("book.signatures"));
    let approval = &book.approval;
    sheet.note(words.say(if approval.is_closed() { "book.closed" } else { "book.not_closed" }));
    let labels = ["book.part", "book.name", "book.signed_at", "book.remark"].map(|key| words.say(key).to_owned());
    let signed = |act: &Act, part: &str| {
        let at = book.moment_of(&act.at).map_or(Cell::Nothing, Cell::Moment);
        vec![Cell::text(words.say(part)), Cell::text(&act.by), at, Cell::text(act.comment.as_deref().unwrap_or_default())]
    };
    let parts = [("book.preparer", &approval.preparer), ("book.reviewer", &approval.reviewer)];
    let acts = parts.iter().filter_map(|(part, act)| act.as_ref().map(|act| signed(act, part)));
    sheet.table(&labels, acts);
    for (part, _) in parts.iter().filter(|(_, act)| act.is_none()) {
        sheet.sign_here(words.say(part));
    }
}

fn figures(rolled: &Rolled, currency: &str, words: &Words) -> impl Iterator<Item = Cell> {
    let ties = words.say(if rolled.ties() { "word.ties" } else { "word.ties_not" }).to_owned();
    let figures = rolled.counts.into_iter().zip(rolled.amounts);
    let currency = currency.to_owned();
    let figures = figures.flat_map(move |(count, amount)| [Cell::Count(count), Cell::Money(amount, currency.clone())]);
    figures.chain([Cell::Ties(rolled.ties(), ties)])
}

/// `head`, then what [`figures`] are.
fn labels(head: &[&str], words: &Words) -> Vec<String> {
    let figures = ROLLED.iter().flat_map(|(count, amount)| [*count, *amount]);
    head.iter().copied().chain(figures).chain(["ties"]).map(|name| words.say(&format!("column.{name}")).to_owned()).collect()
}

fn provider(words: &Words, provider: &str) -> Cell {
    Cell::text(&words.word("provider", if provider.is_empty() { "bank" } else { provider }))
}

fn roll(book: &Workbook, words: &Words, sheet: &mut Sheet) {
    sheet.heading(words.say("book.rolled"));
    sheet.note(words.say("tie_out.roll_is"));
    let rolled = rolled(&book.night);
    let rows = rolled.iter().map(|([of, currency], (sum, _))| {
        [provider(words, of), Cell::text(currency)].into_iter().chain(figures(sum, currency, words)).collect()
    });
    sheet.table(&labels(&["provider", "currency"], words), rows.collect::<Vec<Vec<Cell>>>());
}

fn roll_by_type(book: &Workbook, words: &Words, sheet: &mut Sheet) {
    sheet.heading(words.say("book.rolled_types"));
    let rolled = rolled(&book.night);
    let each = rolled.iter().flat_map(|([of, currency], (_, kinds))| kinds.iter().map(move |kind| (of, currency, kind)));
    let rows = each.map(|(of, currency, (kind, rolled))| {
        let what =
            format!("{} · {}", words.word("provider", if of.is_empty() { "bank" } else { of }), words.word("break_type", kind));
        [Cell::Text(what), Cell::text(currency)].into_iter().chain(figures(rolled, currency, words)).collect()
    });
    sheet.table(&labels(&["break_type", "currency"], words), rows.collect::<Vec<Vec<Cell>>>());
}

/// What was read against what the tables hold.
fn control(book: &Workbook, words: &Words, sheet: &mut Sheet) {
    sheet.heading(words.say("tie_out.control"));
    let labels = ["total", "provider", "currency", "stated_count", "stated", "computed_count", "computed", "ties"];
    let labels = labels.map(|name| words.say(&format!("column.{name}")).to_owned());
    let rows = book.totals.iter().map(|line| {
        let ties = words.say(if line.ties() { "word.ties" } else { "word.ties_not" }).to_owned();
        vec![
            Cell::Text(name(&line.total, words)),
            if line.provider.is_empty() { Cell::Nothing } else { provider(words, &line.provider) },
            Cell::text(&line.currency),
            Cell::Count(line.came_in.count),
            Cell::money(line.came_in.amount, &line.currency),
            Cell::Count(line.went_out.count),
            Cell::money(line.went_out.amount, &line.currency),
            Cell::Ties(line.ties(), ties),
        ]
    });
    sheet.table(&labels, rows);
}
