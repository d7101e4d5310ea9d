//! What a file looks like without a format: what it is wrapped in, its encoding, how its lines are divided, its columns.
//!
//! For people who have a file no format fits. Nothing is booked from a look: everything in it may be wrong.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::bounds;
use super::container::{decode, read_up_to};
use super::header::folded;
use super::split::{Piece, Splitter};
use super::{Container, Encoding};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::money::{Amount, SCALE};

/// Bytes looked at. What comes after them is not seen.
const LOOK_BYTES: u64 = 4 << 20;
/// Bytes looked at of all members of an archive. Those behind them are not seen.
const LOOK_BYTES_OF_ALL: u64 = 64 << 20;
/// Lines among which the names of the columns are looked for.
const HEADER_LINES: usize = 60;
/// Letters of the longest name of a column.
const NAME_LETTERS: usize = 80;
/// What may stand between two cells.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// What may stand in front of every value.
const PREFIXES: [char; 3] = ['`', '\'', '='];

/// What a file looks like.
#[derive(Clone, Debug)]
pub struct Look {
    /// What it is wrapped in.
    pub container: Container,
    /// How the first line of the member begins, where the archive has several.
    pub member_begins: Option<String>,
    /// The encoding its bytes are valid in.
    pub encoding: Encoding,
    /// Between two cells.
    pub delimiter: char,
    /// Around a cell.
    pub quote: Option<char>,
    /// In front of every value.
    pub value_prefix: Option<char>,
    /// How framing lines begin.
    pub comment: Option<String>,
    /// Lines before the names of the columns, blank ones left out.
    pub before: Vec<String>,
    /// The names of the columns.
    pub header: Vec<String>,
    /// Their line, counted from one.
    pub line: u64,
    /// The rows that were seen, cell by cell.
    pub rows: Vec<Vec<String>>,
    /// Lines after the rows: totals, a word of the end. Nothing where the file is longer than what was seen.
    pub behind: Vec<String>,
}

impl Look {
    /// Looks at the file at `path`. What is no text in columns is an error that says what it is instead.
    pub fn at(path: &Path) -> Result<Self> {
        let found = unwrapped(path).and_then(|unwrapped| {
            let looks = unwrapped.texts.iter().map(|(text, is_whole)| of_text(text, *is_whole));
            // Of several members the one with the most columns: the others sum it up.
            let best = looks.reduce(|best, look| match (&best, &look) {
                (Ok(one), Ok(other)) if other.header.len() > one.header.len() => look,
                (Err(_), Ok(_)) => look,
                _ => best,
            });
            let mut look = best.unwrap_or_else(|| Err(nothing("an archive without a file")))?;
            look.container = unwrapped.container;
            if unwrapped.texts.len() > 1 {
                look.member_begins = look.before.first().or(look.header.first()).cloned();
            }
            Ok(look)
        });
        found.map_err(|error| error.file(path.display()))
    }
}

/// The texts of a file, and whether each was seen whole.
struct Unwrapped {
    container: Container,
    texts: Vec<(Vec<u8>, bool)>,
}

fn unwrapped(path: &Path) -> Result<Unwrapped> {
    let open = || File::open(path).map_err(|error| Error::io("read", path.display(), &error));
    let mut magic = [0; 8];
    let seen = read_up_to(&mut open()?, &mut magic).map_err(|error| Error::io("read", path.display(), &error))?;
    let corrupt =
        |error: &dyn std::fmt::Display| Error::data("the file is truncated or corrupt").found(error).next("fetch the file again");
    let mut left = LOOK_BYTES_OF_ALL;
    let mut take = |input: &mut dyn Read| -> Result<(Vec<u8>, bool)> {
        let mut text = Vec::new();
        let most = LOOK_BYTES.min(left);
        input.take(most).read_to_end(&mut text).map_err(|error| corrupt(&error))?;
        let is_whole = (text.len() as u64) < most;
        left -= text.len() as u64;
        Ok((text, is_whole))
    };
    match magic {
        _ if seen == 0 => Err(nothing("0 bytes")),
        [0x1f, 0x8b, ..] => {
            let text = take(&mut MultiGzDecoder::new(BufReader::new(open()?)))?;
            Ok(Unwrapped { container: Container::Gzip, texts: vec![text] })
        }
        [b'P', b'K', 3 | 5, 4 | 6, ..] => {
            let mut archive = bounds::archive(BufReader::new(open()?))?;
            if archive.file_names().any(|name| name.is_ok_and(|name| name == "[Content_Types].xml")) {
                return Err(spreadsheet());
            }
            let texts = (0..archive.len()).map(|index| take(&mut archive.by_index(index).map_err(|error| corrupt(&error))?));
            Ok(Unwrapped { container: Container::Zip, texts: texts.collect::<Result<_>>()? })
        }
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Err(spreadsheet()),
        [b'%', b'P', b'D', b'F', ..] => Err(other("a PDF").next("fetch the report as CSV")),
        [b'P', b'A', b'R', b'1', ..] => Err(other("a Parquet file").next("name it as the merchant's own records in a job")),
        _ => Ok(Unwrapped { container: Container::None, texts: vec![take(&mut open()?)?] }),
    }
}

fn other(found: &str) -> Error {
    Error::data("the file is no text in columns").expected("lines of cells under a line of column names").found(found)
}

fn nothing(found: &str) -> Error {
    Error::data("the file is empty")
        .found(found)
        .next("a day without business still has a line of column names: fetch the file again")
}

fn spreadsheet() -> Error {
    other("a spreadsheet (XLSX or XLS)").next("fetch the report as CSV: a spreadsheet cuts the digits of long numbers off")
}

fn of_text(bytes: &[u8], is_whole: bool) -> Result<Look> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(nothing("nothing but blanks"));
    }
    let encoding = encoding_of(bytes)?;
    let text = decode(bytes, encoding);
    refuse_markup(&text)?;
    let lines: Vec<(u64, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
    let header = header_of(&lines)
        .ok_or_else(|| other("no line of column names near its beginning").next("check that its first lines are not cut off"))?;
    let before: Vec<String> =
        lines.iter().take_while(|(line, _)| *line < header.line).map(|(_, text)| text.trim_end().to_owned()).collect();
    let comment = comment_of(&before, &text, header.line);
    let mut look = Look {
        container: Container::None,
        member_begins: None,
        encoding,
        delimiter: char::from(header.delimiter),
        quote: None,
        value_prefix: None,
        comment,
        before,
        header: header.names,
        line: header.line,
        rows: Vec::new(),
        behind: Vec::new(),
    };
    look.read_rows(&text, is_whole);
    Ok(look)
}

/// Valid UTF-8, which chance does not write, or else GB 18030.
fn encoding_of(bytes: &[u8]) -> Result<Encoding> {
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(other("text in UTF-16").next("keep the file as the provider served it: a spreadsheet has re-saved it"));
    }
    let is_binary = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1a);
    if bytes.iter().take(1 << 16).any(is_binary) {
        return Err(other("bytes that are no text").next("check that the file is what its name says"));
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => return Ok(Encoding::Utf8),
        // Cut off inside a letter where the look ends.
        Err(error) if error.error_len().is_none() => return Ok(Encoding::Utf8),
        Err(_) => {}
    }
    let end = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(bytes.len());
    if encoding_rs::GB18030.decode_without_bom_handling(&bytes[..end]).1 {
        return Err(other("text that is neither UTF-8 nor GB 18030").next("fetch the report in UTF-8"));
    }
    Ok(Encoding::Gb18030)
}

/// Answers of a server that are no report.
fn refuse_markup(text: &str) -> Result<()> {
    let begins = text.trim_start().chars().take(200).collect::<String>().to_ascii_lowercase();
    if begins.starts_with("<!doctype html") || begins.starts_with("<html") {
        return Err(other("a web page").next("fetch the file again: where it should be, a page was served, as for a sign-in"));
    }
    let words = || masked(text.split(['<', '>']).map(str::trim).find(|word| word.contains(' ')).unwrap_or_default());
    if begins.starts_with('<') {
        return Err(other(&format!("XML: {}", words())).next("if it is an answer that says why there is no file, do as it says"));
    }
    if begins.starts_with('{') || begins.starts_with('[') {
        return Err(other("JSON").next(
            "records of the merchant may be lines of JSON; if it is an answer that says why there is no file, do as it says",
        ));
    }
    Ok(())
}

struct Header {
    delimiter: u8,
    line: u64,
    names: Vec<String>,
}

/// The line and the delimiter that give the most names; of equal ones the first.
fn header_of(lines: &[(u64, &str)]) -> Option<Header> {
    let mut best: Option<Header> = None;
    for (line, text) in lines.iter().take(HEADER_LINES) {
        for delimiter in DELIMITERS {
            let splitter = Splitter { delimiter, quote: Some(b'"'), ..Splitter::default() };
            let names: Vec<String> =
                splitter.header(text.as_bytes()).iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            let is_longer = best.as_ref().is_none_or(|best| names.len() > best.names.len());
            if is_longer && are_names(&names) {
                best = Some(Header { delimiter, line: *line, names });
            }
        }
    }
    best
}

fn are_names(cells: &[String]) -> bool {
    let mut names: Vec<String> = cells.iter().filter(|cell| !cell.is_empty()).map(|cell| folded(cell)).collect();
    let filled = names.len();
    let is_name = |name: &String| {
        name.chars().count() <= NAME_LETTERS && name.chars().any(char::is_alphabetic) && !is_value(name) && !name.starts_with('`')
    };
    let all = names.iter().all(is_name);
    names.sort();
    names.dedup();
    all && filled >= 2 && filled * 2 >= cells.len() && names.len() == filled
}

/// Whether a cell is rather a value than a name: an amount, a time, a long number.
fn is_value(cell: &str) -> bool {
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    Amount::parse(cell.as_bytes(), SCALE).is_ok() || digits >= 6
}

/// The letter all lines before the names begin with, where they do and the names do not.
fn comment_of(before: &[String], text: &str, header: u64) -> Option<String> {
    let first = before.first()?.chars().next().filter(|letter| !letter.is_alphanumeric() && *letter != '"')?;
    let names = text.lines().nth(usize::try_from(header).ok()?.checked_sub(1)?)?;
    let is_comment = before.iter().all(|line| line.starts_with(first)) && !names.starts_with(first);
    is_comment.then(|| first.to_string())
}

impl Look {
    fn read_rows(&mut self, text: &str, is_whole: bool) {
        let start = text.split_inclusive('\n').take(usize::try_from(self.line).unwrap_or(usize::MAX)).map(str::len).sum();
        let rest: &str = text.get(start..).unwrap_or_default();
        let delimiter = u8::try_from(self.delimiter).unwrap_or(b',');
        let is_quoted = text.lines().any(|line| begins_a_quote(line, self.delimiter));
        self.quote = is_quoted.then_some('"');
        let splitter = Splitter {
            delimiter,
            quote: is_quoted.then_some(b'"'),
            comment: self.comment.clone().unwrap_or_default().into_bytes(),
            columns: self.header.len(),
            ..Splitter::default()
        };
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        splitter.split(rest.as_bytes(), 1, |piece| match piece {
            Piece::Row { raw, cells, .. } => {
                let texts = (0..cells.len()).map(|at| String::from_utf8_lossy(cells.get(at)).into_owned());
                lines.push((String::from_utf8_lossy(raw).into_owned(), texts.collect()));
            }
            Piece::Framing { text, .. } if !text.trim_ascii().is_empty() => {
                lines.push((String::from_utf8_lossy(text).into_owned(), Vec::new()));
            }
            _ => {}
        });
        let last = lines.iter().rposition(|(_, cells)| cells.len() >= self.header.len()).map_or(0, |last| last + 1);
        let behind = lines.split_off(last);
        if is_whole {
            self.behind = behind.into_iter().map(|(text, _)| text.trim_end().to_owned()).collect();
        }
        self.rows = lines.into_iter().map(|(_, cells)| cells).filter(|cells| !cells.is_empty()).collect();
        let begin = |prefix: char| {
            let filled = self.rows.iter().flatten().filter(|cell| !cell.is_empty());
            let (with, all) = filled.fold((0, 0), |(with, all), cell| (with + usize::from(cell.starts_with(prefix)), all + 1));
            all > 0 && with * 10 >= all * 8
        };
        self.value_prefix = PREFIXES.into_iter().find(|&prefix| begin(prefix));
        if let Some(prefix) = self.value_prefix {
            for cell in self.rows.iter_mut().flatten() {
                if let Some(value) = cell.strip_prefix(prefix) {
                    *cell = value.to_owned();
                }
            }
        }
    }
}

/// Whether a cell of the line begins with a quote, and every quote that is opened is closed.
fn begins_a_quote(line: &str, delimiter: char) -> bool {
    line.matches('"').count().is_multiple_of(2) && line.split(delimiter).any(|cell| cell.starts_with('"'))
}
