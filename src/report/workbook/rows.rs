//! The rows of listings, straight to the parts of the file: a night has very many of them, and the writer of everything
//! else takes several times as long for one.
//!
//! The writer makes each listing with its header, its filter and all that is about it, and a cell of each look under the
//! header. From these the number of each look is read, and the rows are put in their place: text inline, so that sheets
//! are made and compressed side by side and no row stays in memory.

use std::fmt::{Display, Write as _};
use std::io::{Cursor, Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use rust_xlsxwriter::Worksheet;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::sheet::{Cell, Held, LINE, LOOKS};
use crate::error::{Error, Exit, Result};

/// How hard it is compressed, of nine: a fifth of the time that the usual six takes, and a quarter larger.
const LEVEL: i64 = 2;
/// Bytes that are compressed in one go.
const BLOCK: usize = 64 * 1024;

/// A sheet, and its rows where they are written by themselves.
pub(super) struct Made<'b> {
    pub(super) worksheet: Worksheet,
    pub(super) rows: Option<Rows<'b>>,
}

impl From<Worksheet> for Made<'_> {
    fn from(worksheet: Worksheet) -> Self {
        Self { worksheet, rows: None }
    }
}

/// The rows of a listing that are on one sheet.
pub(super) struct Rows<'b> {
    /// Letters that a column shows in one line.
    pub(super) widths: Vec<u16>,
    /// Whether a column is of numbers.
    pub(super) numbers: Vec<bool>,
    pub(super) here: Range<usize>,
    pub(super) of: Arc<dyn Fn(usize) -> Vec<Cell> + Send + Sync + 'b>,
}

/// Writes the workbook of the sheets to `to`, which is called `name` where it cannot be written.
pub(super) fn save(workbook: &mut rust_xlsxwriter::Workbook, sheets: Vec<Made>, to: impl Write + Seek, name: &str) -> Result<()> {
    let unwritable = |error: &dyn Display| Error::new(Exit::CannotWrite, format!("cannot write: {error}")).file(name);
    let mut listings = Vec::new();
    for (number, sheet) in (1..).zip(sheets) {
        workbook.push_worksheet(sheet.worksheet);
        listings.extend(sheet.rows.map(|rows| (format!("xl/worksheets/sheet{number}.xml"), rows)));
    }
    let book = workbook.save_to_buffer().map_err(|error| unwritable(&error))?;
    let packed = listings.par_iter().map(|(part, rows)| rows.packed(part, &book));
    let packed = packed.collect::<ZipResult<Vec<_>>>().map_err(|error| unwritable(&error))?;
    let mut from = ZipArchive::new(Cursor::new(&book)).map_err(|error| unwritable(&error))?;
    let mut zip = ZipWriter::new(to);
    for at in 0..from.len() {
        let part = from.by_index_raw(at).map_err(|error| unwritable(&error))?;
        let listed = listings.iter().position(|(listed, _)| part.name_raw() == listed.as_bytes());
        let copied = match listed {
            None => zip.raw_copy_file(part),
            Some(listed) => {
                drop(part);
                let one = ZipArchive::new(Cursor::new(&packed[listed]));
                one.and_then(|mut one| zip.raw_copy_file(one.by_index_raw(0)?))
            }
        };
        copied.map_err(|error| unwritable(&error))?;
    }
    zip.finish().map(drop).map_err(|error| unwritable(&error))
}

impl Rows<'_> {
    pub(super) fn unless_empty(self) -> Option<Self> {
        (!self.here.is_empty()).then_some(self)
    }

    /// An archive of the one `part` of `book` with these rows in it.
    fn packed(&self, part: &str, book: &[u8]) -> ZipResult<Vec<u8>> {
        let mut sheet = String::new();
        ZipArchive::new(Cursor::new(book))?.by_name(part)?.read_to_string(&mut sheet)?;
        let [before, looks, after] = split(&sheet);
        let looks = numbers_of(looks);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o600);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(part, options)?;
        let columns: Vec<String> = (0..self.widths.len()).map(letters).collect();
        let last = columns.last().expect("a listing has columns");
        let mut text = measured(before, last, self.here.len() + 1);
        for (number, row) in (2..).zip(self.here.clone()) {
            self.row(&mut text, number, &(self.of)(row), &columns, &looks);
            if text.len() >= BLOCK {
                zip.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        text.push_str(after);
        zip.write_all(text.as_bytes())?;
        Ok(zip.finish()?.into_inner())
    }

    fn row(&self, text: &mut String, number: usize, cells: &[Cell], columns: &[String], looks: &[&str; LOOKS]) {
        assert_eq!(cells.len(), columns.len(), "a row has a cell for each column");
        let number = number.to_string();
        put(text, &["<row r=\"", &number, "\""]);
        // Not every program makes a row as high as what is in it.
        let lines = cells.iter().zip(&self.widths).map(|(cell, width)| cell.lines(*width)).max().unwrap_or(1);
        if lines > 1 {
            write!(text, " ht=\"{}\" customHeight=\"1\"", LINE * lines).expect("a text takes what is written to it");
        }
        text.push('>');
        for ((cell, column), is_number) in cells.iter().zip(columns).zip(&self.numbers) {
            assert!(*is_number || !cell.is_number(), "numbers stand under headings of numbers");
            let (look, held) = cell.held();
            put(text, &["<c r=\"", column, &number, "\" s=\"", looks[look], "\""]);
            match held {
                Held::Text(said) if !said.is_empty() => {
                    let edge = [' ', '\t', '\n'];
                    let is_edged = said.starts_with(edge) || said.ends_with(edge);
                    text.push_str(" t=\"inlineStr\"><is><t");
                    text.push_str(if is_edged { " xml:space=\"preserve\">" } else { ">" });
                    escape(text, &said);
                    text.push_str("</t></is></c>");
                }
                Held::Nothing | Held::Text(_) => text.push_str("/>"),
                Held::Number(digits) => put(text, &["><v>", &digits, "</v></c>"]),
            }
        }
        text.push_str("</row>");
    }
}

fn put(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

/// What of a sheet is before its rows and their header, the looks, and what is after them.
fn split(sheet: &str) -> [&str; 3] {
    let start = sheet.find("<row r=\"2\"").expect("a listing has a cell of each look under its header");
    let end = start + sheet[start..].find("</sheetData>").expect("a sheet has an end of its cells");
    [&sheet[..start], &sheet[start..end], &sheet[end..]]
}

/// The numbers the writer gave the looks, in their order.
fn numbers_of(looks: &str) -> [&str; LOOKS] {
    let numbers = looks.split(" s=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(number, _)| number);
    numbers.collect::<Vec<_>>().try_into().expect("each look has its number")
}

/// What is before the rows, told how far these reach.
fn measured(before: &str, last_column: &str, last_row: usize) -> String {
    let size = before.split_once("<dimension ref=\"").and_then(|(head, rest)| Some((head, rest.split_once('"')?.1)));
    let (head, rest) = size.expect("a sheet says how far it reaches");
    format!("{head}<dimension ref=\"A1:{last_column}{last_row}\"{rest}")
}

/// What a column is called, the first by 0.
fn letters(column: usize) -> String {
    let letter = |at: usize| char::from(b'A' + u8::try_from(at).expect("a letter of 26"));
    if column < 26 { letter(column).to_string() } else { format!("{}{}", letter(column / 26 - 1), letter(column % 26)) }
}

/// Text as XML has it, and what looks like a letter that Excel would write by its number.
fn escape(into: &mut String, text: &str) {
    let mut from = 0;
    for (at, letter) in text.bytes().enumerate() {
        let instead = match letter {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'_' if is_numbered(&text.as_bytes()[at..]) => "_x005F_",
            _ => continue,
        };
        put(into, &[&text[from..at], instead]);
        from = at + 1;
    }
    into.push_str(&text[from..]);
}

/// Whether a text begins as `_x0041_` does, which Excel takes for the letter of that number.
fn is_numbered(text: &[u8]) -> bool {
    matches!(text, [b'_', b'x', a, b, c, d, b'_', ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()))
}
