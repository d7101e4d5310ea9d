//! What was asked of whom, and what came.

use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::payouts::left_out;
use super::words::Words;
use crate::mask::card_numbers;

/// Most files, and most refused lines, a page holds.
const MOST: usize = 500;

pub(super) fn write(night: &Night, words: &Words, html: &mut Html) {
    let Some(rows) = night.rows("files") else {
        html.element("p", words.say("deliveries.none"));
        return;
    };
    let column = |name: &str| Column::new(words.say(&format!("column.{name}")));
    let columns = vec![
        column("source"),
        column("answer"),
        column("file").minor(),
        column("lines").number(),
        column("rows").number(),
        column("rejects").number(),
        column("framing").number().minor(),
        column("ties").minor(),
    ];
    let mut listing = Listing::new("files", words.say("deliveries.files"), columns).unfolding();
    for row in 0..rows.len().min(MOST) {
        let label = |name: &str| words.say(&format!("column.{name}")).to_owned();
        let count = |name: &str| rows.count(name, row);
        let [lines, entries, rejects, framing] = ["lines", "entries", "rejects", "framing"].map(count);
        let mut into: Vec<(String, Cell)> = vec![
            (label("file"), Cell::code(rows.text("name", row))),
            (label("account"), Cell::code(rows.text("account", row))),
            (label("file_state"), Cell::word(words, "file_state", rows.text("state", row))),
            (label("said"), Cell::text(rows.text("said", row))),
            (label("control_totals"), Cell::code(&card_numbers(rows.text("control_totals", row)))),
            (label("added_columns"), Cell::code(rows.text("added_columns", row))),
        ];
        into.extend(["format", "layout", "sha256"].map(|name| (label(name), Cell::code(rows.text(name, row)))));
        into.extend(
            ["bytes", "tries", "took"]
                .map(|name| (label(name), rows.optional_count(name, row).map_or(Cell::Nothing, Cell::Count))),
        );
        let into: Vec<(&str, Cell)> = into.iter().map(|(label, cell)| (label.as_str(), cell.clone())).collect();
        let cells = [
            Cell::word(words, "provider", rows.text("source", row)),
            Cell::word(words, "answer", rows.text("answer", row)),
            Cell::code(rows.text("name", row)),
            Cell::Count(lines),
            Cell::Count(entries),
            Cell::Count(rejects),
            Cell::Count(framing),
            Cell::ties(words, lines == entries + rejects + framing),
        ];
        listing.unfolding_row(&cells, &into, &[]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "files", words, html);
    rejects(night, words, html);
}

/// The lines that could not be read, as the table masks them.
fn rejects(night: &Night, words: &Words, html: &mut Html) {
    html.element("h3", words.say("deliveries.rejects"));
    let Some(rows) = night.rows("rejects") else {
        html.element("p", words.say("deliveries.no_rejects"));
        return;
    };
    let name_of = |file: &str| {
        let files = night.rows("files")?;
        let row = (0..files.len()).find(|&row| files.text("file_id", row) == file)?;
        Some(files.text("name", row).to_owned())
    };
    let column = |name: &str| Column::new(words.say(&format!("column.{name}")));
    let columns = vec![column("file"), column("line").number(), column("column"), column("stands_there"), column("reason")];
    let mut listing = Listing::new("rejects", words.say("deliveries.rejects"), columns);
    for row in 0..rows.len().min(MOST) {
        let file = rows.text("file_id", row);
        listing.row(&[
            Cell::code(&name_of(file).unwrap_or_else(|| file.to_owned())),
            Cell::Count(rows.count("line", row)),
            Cell::code(rows.text("column", row)),
            Cell::code(&card_numbers(rows.text("value", row))),
            Cell::text(rows.text("reason", row)),
        ]);
    }
    listing.write(html);
    left_out(rows.len(), MOST, "rejects", words, html);
}
