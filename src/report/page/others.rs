//! Tables of figures that are shown as they are: a column for each of theirs.

use arrow::datatypes::DataType;

use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::payouts::left_out;
use super::rates::value;
use super::rows::Rows;
use super::section::folded;
use super::words::Words;
use crate::mask::card_numbers;
use crate::table::column::RATE_SCALE;

/// Most rows of one table a page holds.
const MOST: usize = 200;
/// Doubles that are parts of a whole. Every other double is a statistic of its own.
const SHARES: [&str; 6] = ["rate", "share", "low", "high", "baseline", "baseline_rate"];

/// One table, folded, where the night has it.
pub(super) fn write(night: &Night, (table, number): (&'static str, usize), words: &Words, html: &mut Html) {
    let Some(rows) = night.rows(table) else { return };
    let names: Vec<String> =
        rows.columns().filter(|name| !["business_date", "currency"].contains(name)).map(str::to_owned).collect();
    let columns = names.iter().map(|name| {
        let column = Column::new(&words.word("column", name));
        let is_number = !matches!(rows.kind(name), Some(DataType::Utf8 | DataType::Dictionary(..) | DataType::Boolean));
        if is_number { column.number() } else { column }
    });
    let title = words.word("table", table);
    let mut listing = Listing::new("table", &title, columns.collect()).numbered(number);
    for row in 0..rows.len().min(MOST) {
        listing.row(&names.iter().map(|name| cell(rows, name, row, words)).collect::<Vec<_>>());
    }
    folded(html, &title, |html| {
        listing.write(html);
        left_out(rows.len(), MOST, table, words, html);
    });
}

fn cell(rows: &Rows, name: &str, row: usize, words: &Words) -> Cell {
    match rows.kind(name) {
        Some(DataType::Decimal128(_, scale)) if *scale == RATE_SCALE => rows.rate(name, row).map_or(Cell::Nothing, Cell::PerCent),
        Some(DataType::Decimal128(..)) => Cell::money(rows.amount(name, row), rows.text("currency", row)),
        Some(DataType::Int64) => rows.optional_count(name, row).map_or(Cell::Nothing, Cell::Count),
        Some(DataType::Float64) if SHARES.contains(&name) => Cell::share(rows.ratio(name, row)),
        Some(DataType::Float64) if name == "change" => Cell::points(rows.ratio(name, row)),
        Some(DataType::Float64) => rows.ratio(name, row).map_or(Cell::Nothing, Cell::Statistic),
        Some(DataType::Date32) => Cell::date(rows.date(name, row)),
        Some(DataType::Boolean) => rows
            .flag(name, row)
            .map_or(Cell::Nothing, |is| Cell::Text(words.say(if is { "word.yes" } else { "word.no" }).to_owned())),
        _ if name == "value" => value(rows, row, words),
        _ if words.find(name, rows.text(name, row)).is_some() => Cell::word(words, name, rows.text(name, row)),
        _ => Cell::code(&card_numbers(rows.text(name, row))),
    }
}
