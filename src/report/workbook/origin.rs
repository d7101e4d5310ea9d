//! Sheets `Sources`, `Definitions` and `ReadMe`: what the night was closed from, how each figure is defined, and what this
//! workbook is.

use rust_xlsxwriter::Worksheet;

use super::Workbook;
use super::sheet::{Cell, Sheet, Style};
use crate::report::page::definitions::{DEFINED, TYPES};
use crate::report::page::rows::Rows;
use crate::report::page::words::Words;
use crate::table::column::Table;
use crate::table::fees::FEES;
use crate::table::payouts::PAYOUTS;
use crate::table::reconciliation::BREAKS;

/// What names the night of a workbook, in the order of [`identity`].
pub(super) const IDENTITY: [&str; 4] = ["job", "business_date", "generation", "manifest_sha256"];

/// The same in every language.
fn identity(book: &Workbook) -> [String; 4] {
    let manifest = book.night.manifest;
    let night = &manifest.night;
    [night.job.clone(), night.business_date.to_string(), manifest.generation.to_string(), manifest.sha256.clone()]
}

/// What stands under each key of the words; nothing under none.
fn labels(words: &Words, keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| if key.is_empty() { String::new() } else { words.say(key).to_owned() }).collect()
}

/// Files with their hashes, the texts the night was closed by, and the tables it published.
pub(super) fn sources(book: &Workbook, words: &Words, style: &Style) -> Worksheet {
    let mut sheet = Sheet::new(words.say("sheet.sources"), style);
    sheet.widths(&[18, 22, 64, 22, 70, 12, 9, 9, 9, 9, 28, 21]);
    sheet.title(words.say("sheet.sources"));
    sheet.note(words.say("lead.deliveries"));
    sheet.heading(words.say("book.files"));
    let keys = [
        "column.source",
        "column.account",
        "column.file",
        "column.answer",
        "column.sha256",
        "column.bytes",
        "column.lines",
        "column.rows",
        "column.rejects",
        "column.framing",
        "column.format",
        "book.asked_at",
    ];
    let files = book.night.rows("files");
    let rows = (0..files.map_or(0, Rows::len)).filter_map(|row| {
        let files = files?;
        let text = |name: &str| Cell::id(files.text(name, row));
        let asked = files.instant("asked_at", row).and_then(|instant| book.moment(instant));
        let mut cells = vec![
            Cell::text(&words.word("provider", files.text("source", row))),
            text("account"),
            text("name"),
            Cell::text(&words.word("answer", files.text("answer", row))),
            text("sha256"),
        ];
        cells.extend(["bytes", "lines", "entries", "rejects", "framing"].map(|name| Cell::Count(files.count(name, row))));
        cells.extend([text("format"), asked.map_or(Cell::Nothing, Cell::Moment)]);
        Some(cells)
    });
    sheet.table(&labels(words, &keys), rows.collect::<Vec<_>>());
    let manifest = book.night.manifest;
    sheet.heading(words.say("book.texts"));
    let texts = manifest.night.texts.iter().map(|text| {
        let whose = words.say(if text.shipped { "book.shipped" } else { "book.own" });
        vec![Cell::text(&text.kind), Cell::text(whose), Cell::id(&text.name), Cell::Nothing, Cell::id(&text.sha256)]
    });
    sheet.table(&labels(words, &["book.text_kind", "book.whose", "book.name", "", "column.sha256"]), texts);
    sheet.heading(words.say("book.tables"));
    let outputs = manifest.outputs.iter().map(|output| {
        let [table, path, sha256] = [&output.table, &output.path, &output.sha256].map(|text| Cell::id(text));
        vec![table, Cell::Nothing, path, Cell::count_of(output.rows), sha256]
    });
    sheet.table(&labels(words, &["column.table", "", "column.file", "column.rows", "column.sha256"]), outputs);
    sheet.into_worksheet()
}

/// Types of breaks, figures, and columns.
pub(super) fn definitions(words: &Words, style: &Style) -> Worksheet {
    let mut sheet = Sheet::new(words.say("sheet.definitions"), style);
    sheet.widths(&[30, 96, 70]);
    sheet.title(words.say("sheet.definitions"));
    sheet.heading(words.say("definitions.types"));
    let types = TYPES
        .iter()
        .map(|kind| ["break_type", "break_is", "action"].map(|list| Cell::text(words.say(&format!("{list}.{kind}")))).to_vec());
    sheet.table(&labels(words, &["column.break_type", "book.meaning", "column.suggested_action"]), types);
    for (heading, terms) in DEFINED.iter().filter(|(heading, _)| ["money", "breaks"].contains(heading)) {
        sheet.heading(words.say(&format!("definitions.{heading}")));
        let terms =
            terms.iter().map(|term| ["term", "term_is"].map(|list| Cell::text(words.say(&format!("{list}.{term}")))).to_vec());
        sheet.table(&labels(words, &["column.which", "book.meaning"]), terms.collect::<Vec<_>>());
    }
    sheet.heading(words.say("book.columns"));
    let tables: [&Table; 3] = [&BREAKS, &FEES, &PAYOUTS];
    let columns = tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table.name, column)));
    let rows = columns.map(|(table, column)| vec![Cell::id(&format!("{table}.{}", column.name)), Cell::text(column.meaning)]);
    sheet.table(&labels(words, &["book.defined_in", "book.meaning"]), rows);
    sheet.into_worksheet()
}

/// What this is, how comments come back, and of which night.
pub(super) fn readme(book: &Workbook, words: &Words, style: &Style) -> Worksheet {
    let mut sheet = Sheet::new(words.say("sheet.readme"), style);
    sheet.widths(&[24, 70, 24, 24]);
    let night = &book.night.manifest.night;
    let of = [("job", night.job.as_str()), ("date", &night.business_date.to_string())];
    sheet.title(&words.fill("book.title", &of));
    for key in ["book.readme", "book.no_formulas", "book.exact", "book.masked", "book.letters", "book.split"] {
        sheet.note(words.say(key));
    }
    sheet.heading(words.say("book.comment"));
    sheet.note(words.say("book.comment_how"));
    sheet.note("tieout import-comments <job>.toml <this file>.xlsx");
    sheet.note(words.say("book.comment_rules"));
    sheet.note(words.say("book.comment_effect"));
    sheet.heading(words.say("book.identity"));
    for (name, value) in IDENTITY.iter().zip(identity(book)) {
        sheet.fact(name, &Cell::Text(value));
    }
    sheet.into_worksheet()
}
