//! A workbook that comes back: the comments that people typed in it, and of which night it is. It comes from anywhere, so
//! it is bounded before its cells are read, and read cell by cell: what it claims of its size reserves no memory.

mod bounds;

use std::fs::{self, File};
use std::io::{Cursor, ErrorKind, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use self::bounds::{BYTES, check};
use super::breaks::{self, STATES};
use super::origin::IDENTITY;
use crate::error::{Error, Exit, Result};
use crate::mask::masked;
use crate::night::comment::{About, Returned, Typed};
use crate::report::page::words::{Language, Words};

/// Rows above the headings, of what people put there.
const ABOVE: u32 = 100;

/// Reads the comments of the workbook at `path`. One that is none, or lacks what comments are found by, is an error (65).
pub fn read(path: &Path) -> Result<Returned> {
    let shown = path.display().to_string();
    let bytes = bytes_of(path).map_err(|error| error.file(&shown))?;
    check(&bytes).map_err(|error| error.file(&shown))?;
    // The reader of cells is not ours, and the file may be anybody's.
    quietly(|| of(&bytes, &shown)).unwrap_or_else(|| Err(no_workbook("its parts do not fit together").file(&shown)))
}

/// What `read` makes; none where it panics, of which nothing is said: the error tells it.
fn quietly<T>(read: impl FnOnce() -> T) -> Option<T> {
    let reader = thread::current().id();
    let told = Arc::new(panic::take_hook());
    let others = Arc::clone(&told);
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() != reader {
            others(panic);
        }
    }));
    let made = panic::catch_unwind(AssertUnwindSafe(read));
    panic::set_hook(Box::new(move |panic| told(panic)));
    made.ok()
}

fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let unread = |error: &std::io::Error| match error.kind() {
        ErrorKind::NotFound => Error::new(Exit::MissingInput, "no such file").next("name the workbook that came back"),
        _ => Error::io("read", path.display(), error),
    };
    let length = fs::metadata(path).map_err(|error| unread(&error))?.len();
    if length > BYTES {
        return Err(Error::data("the file is too large for a workbook of comments")
            .expected(format!("at most {BYTES} bytes"))
            .found(format!("{length} bytes"))
            .next("take the comments into a workbook as `tieout export workbook` writes it"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unread(&error))?;
    file.take(BYTES).read_to_end(&mut bytes).map_err(|error| unread(&error))?;
    Ok(bytes)
}

/// What is wrong with a file that is none, in a word or two.
fn no_workbook(found: impl std::fmt::Display) -> Error {
    Error::data("the file is no workbook of Excel")
        .expected("a file .xlsx, as `tieout export workbook` writes it")
        .found(found)
        .next("save it as Excel Workbook (.xlsx), without a password, and take that")
}

/// What is in the bytes of a file.
fn of(bytes: &[u8], file: &str) -> Result<Returned> {
    let broken = |error: XlsxError| no_workbook(masked(&error.to_string())).file(file);
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let names = workbook.sheet_names();
    let (words, readme) = language_of(&names).map_err(|error| error.file(file))?;
    let about = about(&mut workbook, &readme, file)?;
    let mut returned = Returned { about, about_at: format!("{file}, {readme}"), typed: Vec::new(), empty: 0 };
    for state in STATES {
        let name = breaks::name_of(state, &words);
        let sheets: Vec<&String> = names.iter().filter(|sheet| is_part(sheet, name)).collect();
        if sheets.is_empty() {
            return Err(Error::data("a sheet is missing")
                .file(file)
                .expected(name)
                .found(masked(&names.join(", ")))
                .next("call the sheet so again, or copy the comments into a fresh workbook"));
        }
        for sheet in sheets {
            comments(&mut workbook, sheet, &words, file, &mut returned)?;
        }
    }
    Ok(returned)
}

/// The words of the language a workbook is in, and what its sheet is called that says of which night it is.
fn language_of(names: &[String]) -> Result<(Words, String)> {
    let all = Language::ALL.map(Words::of);
    let readme = |words: &Words| words.say("sheet.readme").to_owned();
    let expected = all.iter().map(readme).collect::<Vec<_>>().join(" or ");
    let found = all.into_iter().find(|words| names.contains(&readme(words)));
    found.map(|words| (readme(&words), words)).map(|(name, words)| (words, name)).ok_or_else(|| {
        Error::data("a sheet is missing")
            .expected(expected)
            .found(masked(&names.join(", ")))
            .next("take a workbook that `tieout export workbook` wrote, with all of its sheets")
    })
}

/// Whether a sheet is of a table that is called `name`: it, or one that goes on where it is full.
fn is_part(sheet: &str, name: &str) -> bool {
    let rest = sheet.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(' ').is_some_and(|number| number.parse::<u32>().is_ok()))
}

/// A cell by the name a spreadsheet gives it.
fn cell((row, column): (u32, u32)) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).expect("a letter of 26")));
        rest /= 26;
    }
    format!("{}{}", letters.iter().rev().collect::<String>(), row + 1)
}

/// What a cell says: none where it is a formula.
struct Stated {
    at: (u32, u32),
    text: Option<String>,
}

/// Hands each cell of a sheet to `read`, row by row, until it says that it has seen enough.
fn cells(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    sheet: &str,
    file: &str,
    mut read: impl FnMut(Stated) -> Result<bool>,
) -> Result<()> {
    let broken = |error: XlsxError| no_workbook(masked(&error.to_string())).file(format!("{file}, {sheet}"));
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(broken)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(broken)? {
        let is_error = matches!(cell.value, DataRef::Error(_));
        let text = if cell.formula.is_some() || is_error { None } else { Some(text_of(&cell.value)) };
        if !read(Stated { at: cell.pos, text })? {
            break;
        }
    }
    Ok(())
}

/// What a value says as text: people type numbers and dates for comments too.
fn text_of(value: &DataRef) -> String {
    match value {
        DataRef::Empty | DataRef::Error(_) => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(is) => is.to_string(),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let date = format!("{year}-{month:02}-{day:02}");
            if (hour, minute, second) == (0, 0, 0) { date } else { format!("{date} {hour:02}:{minute:02}:{second:02}") }
        }
    }
}

/// Which night the workbook says it is of.
fn about(workbook: &mut Xlsx<Cursor<&[u8]>>, sheet: &str, file: &str) -> Result<About> {
    let mut told: [Option<String>; IDENTITY.len()] = Default::default();
    let mut label: Option<(u32, usize)> = None;
    cells(workbook, sheet, file, |read| {
        let text = read.text.unwrap_or_default();
        match (read.at, label) {
            ((row, 0), _) => label = IDENTITY.iter().position(|name| *name == text.trim()).map(|name| (row, name)),
            ((row, 1), Some((of, name))) if of == row => told[name] = Some(text.trim().to_owned()),
            _ => {}
        }
        Ok(true)
    })?;
    let missing = |name: &str| {
        Error::data(format!("the workbook does not say its {name}"))
            .file(format!("{file}, {sheet}"))
            .expected(format!("{} in column A, and what each is in column B", IDENTITY.join(", ")))
            .next("take a workbook that `tieout export workbook` wrote, with this sheet as it was")
    };
    let [job, night, _, manifest_sha256] = told;
    let night = night.and_then(|night| night.parse().ok()).ok_or_else(|| missing(IDENTITY[1]))?;
    Ok(About {
        job: job.ok_or_else(|| missing(IDENTITY[0]))?,
        night,
        manifest_sha256: manifest_sha256.ok_or_else(|| missing(IDENTITY[3]))?,
    })
}

/// Where a sheet has the break and the comment of a row.
#[derive(Clone, Copy)]
struct Columns {
    /// The row of their headings.
    row: u32,
    break_id: u32,
    comment: u32,
}

/// A row in the making.
#[derive(Default)]
struct Row {
    number: u32,
    break_id: Option<Stated>,
    comment: Option<Stated>,
}

/// Adds the comments of a sheet to what came back.
fn comments(workbook: &mut Xlsx<Cursor<&[u8]>>, sheet: &str, words: &Words, file: &str, returned: &mut Returned) -> Result<()> {
    let labels = [breaks::label_of_break(words), words.say("book.comment")];
    let mut heading: [Option<(u32, u32)>; 2] = [None; 2];
    let mut columns = None;
    let mut row = Row::default();
    let place = |at| format!("{file}, {sheet}!{}", cell(at));
    cells(workbook, sheet, file, |read| {
        // Also past the second heading, to the end of its row.
        if columns.is_none_or(|Columns { row, .. }| row == read.at.0) {
            let text = read.text.as_deref().unwrap_or_default();
            if let Some(label) = labels.iter().position(|label| *label == text.trim()) {
                if let Some(first) = heading[label].filter(|first| first.0 == read.at.0) {
                    return Err(Error::data("a heading stands twice")
                        .file(place(read.at))
                        .expected(format!("{} once, as in {}", labels[label], cell(first)))
                        .next("call the other column something else, save, and take the file again"));
                }
                heading[label] = Some(read.at);
            }
            if let [Some(id), Some(comment)] = heading
                && id.0 == comment.0
            {
                columns = Some(Columns { row: id.0, break_id: id.1, comment: comment.1 });
            }
            return Ok(read.at.0 <= ABOVE);
        }
        let Some(Columns { break_id, comment, .. }) = columns else { return Ok(true) };
        if read.at.0 != row.number {
            end(std::mem::take(&mut row), comment, &place, returned)?;
            row.number = read.at.0;
        }
        if read.at.1 == break_id {
            row.break_id = Some(read);
        } else if read.at.1 == comment {
            row.comment = Some(read);
        }
        Ok(true)
    })?;
    let Some(Columns { comment, .. }) = columns else {
        return Err(Error::data("a column is missing")
            .file(format!("{file}, {sheet}"))
            .expected(format!("the headings {} and {} in one row", labels[0], labels[1]))
            .next("call the columns so again, save, and take the file again"));
    };
    end(row, comment, &place, returned)
}

/// Adds what a row says.
fn end(row: Row, comment: u32, place: &dyn Fn((u32, u32)) -> String, returned: &mut Returned) -> Result<()> {
    let text = match row.comment {
        None => String::new(),
        Some(Stated { text: Some(text), .. }) => text,
        Some(Stated { at, text: None }) => return Err(formula(place(at), "a comment as text")),
    };
    if text.trim().is_empty() {
        returned.empty += usize::from(row.break_id.is_some());
        return Ok(());
    }
    let at = place((row.number, comment));
    let (break_at, break_id) = match row.break_id {
        None => (at.clone(), String::new()),
        Some(Stated { at, text: Some(id) }) => (place(at), id),
        Some(Stated { at, text: None }) => return Err(formula(place(at), "the break_id as text")),
    };
    returned.typed.push(Typed { at, break_at, break_id, text });
    Ok(())
}

fn formula(at: String, expected: &str) -> Error {
    Error::data("a formula, or an error of one, where text is asked for")
        .file(at)
        .expected(expected)
        .next("type what it says in its place: copy the cell, and paste values only")
}
