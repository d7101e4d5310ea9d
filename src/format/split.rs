//! Lines of a delimited file to cells, at memory speed where nothing is quoted.

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use memchr::memchr;

use super::Format;
use super::container::encode;
use super::scan::Scanner;

/// The cells of one row.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    text: &'a [u8],
    /// Where `text` begins in that in which `ends` are counted.
    base: u32,
    /// Where each cell ends; one byte stands between two cells.
    ends: &'a [u32],
    prefix: Option<u8>,
}

impl<'a> Cells<'a> {
    /// Cells of `text` without a prefix that end at these places, one byte between two of them.
    #[must_use]
    pub fn new(text: &'a [u8], ends: &'a [u32]) -> Self {
        Self { text, base: 0, ends, prefix: None }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text they stand in.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Where each cell but the last ends in the text.
    pub fn inner_ends(&self) -> impl Iterator<Item = u32> {
        let inner = self.ends.split_last().map(|(_, inner)| inner).unwrap_or_default();
        inner.iter().map(|end| end.wrapping_sub(self.base))
    }

    /// A cell without its prefix and the spaces and tabs around it; empty past the last.
    #[must_use]
    pub fn get(&self, index: usize) -> &'a [u8] {
        let Some(&end) = self.ends.get(index) else { return b"" };
        let start = if index == 0 { 0 } else { self.ends[index - 1] - self.base + 1 };
        // The last cell may end before its line does.
        let cell = &self.text[start as usize..((end - self.base) as usize).min(self.text.len())];
        let cell = match (self.prefix, cell) {
            (Some(prefix), [first, rest @ ..]) if *first == prefix => rest,
            _ => cell,
        };
        cell.trim_ascii()
    }

    /// The same text with the cells from `index` on to `index + extra` read as one.
    #[must_use]
    pub fn joined(&self, index: usize, extra: usize, ends: &'a mut Vec<u32>) -> Cells<'a> {
        ends.clear();
        ends.extend_from_slice(&self.ends[..index]);
        ends.extend_from_slice(&self.ends[index + extra..]);
        Cells { ends, ..*self }
    }
}

/// One piece of a file.
#[derive(Debug)]
pub enum Piece<'a> {
    /// A row of cells.
    Row {
        /// Its first line, counted from one.
        line: u64,
        /// Its bytes.
        raw: &'a [u8],
        /// Its cells.
        cells: Cells<'a>,
    },
    /// A row whose quotes do not pair: where it ends is a guess.
    Unpaired {
        /// Its first line, counted from one.
        line: u64,
    },
    /// A blank or comment line.
    Framing {
        /// The line, counted from one.
        line: u64,
        /// Its bytes.
        text: &'a [u8],
    },
    /// A line of the summary at the end.
    Trailer {
        /// The line, counted from one.
        line: u64,
        /// Its bytes.
        text: &'a [u8],
    },
}

/// How lines become cells.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells that hold delimiters.
    pub quote: Option<u8>,
    /// In front of values.
    pub prefix: Option<u8>,
    /// How a comment line begins; none when empty.
    pub comment: Vec<u8>,
    /// How the first line of the summary begins; none when empty.
    pub summary: Vec<u8>,
    /// Cells a row should have.
    pub columns: usize,
    /// First byte and width of each cell, where they stand at fixed places.
    pub fixed: Vec<(usize, usize)>,
    /// The first cell of a row, where lines of another one are framing; none when empty.
    pub row_record: Vec<u8>,
}

impl Splitter {
    /// How the lines of a format become cells; how many a row has, its header tells.
    #[must_use]
    pub fn of(format: &Format) -> Self {
        let file = &format.file;
        let byte = |letter: char| u8::try_from(letter).ok();
        let encoded = |text: &str| encode(text, file.encoding);
        Self {
            delimiter: byte(file.delimiter).unwrap_or(b','),
            quote: file.quote.and_then(byte),
            prefix: file.value_prefix.and_then(byte),
            comment: file.comment.as_deref().map(encoded).unwrap_or_default(),
            summary: format.summary.as_ref().map(|summary| encoded(&summary.begins)).unwrap_or_default(),
            columns: 0,
            fixed: file.fixed_width.iter().map(|(_, first, width)| (*first, *width)).collect(),
            row_record: file.records.as_ref().map(|records| encoded(&records.row)).unwrap_or_default(),
        }
    }

    /// Hands out the pieces of `chunk`, whose first line is `first_line` of the file.
    pub fn split(&self, chunk: &[u8], first_line: u64, mut visit: impl FnMut(Piece)) {
        let quote = self.quote.filter(|&quote| memchr(quote, chunk).is_some());
        let mut scanner = Scanner::new(chunk, self.delimiter, self.columns);
        let mut quoted = quote.map(|quote| Quoted::new(self.delimiter, quote));
        let mut prefixed = Vec::new();
        let mut fixed = FixedWidth::default();
        let (mut start, mut line, mut trailing) = (0, first_line, false);
        while start < chunk.len() {
            let end = memchr(b'\n', &chunk[start..]).map_or(chunk.len(), |end| start + end);
            let text = &chunk[start..end];
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            trailing |= begins(text, &self.summary);
            if trailing {
                visit(Piece::Trailer { line, text });
            } else if self.is_framing(text) {
                visit(Piece::Framing { line, text });
            } else if !self.fixed.is_empty() {
                visit(Piece::Row { line, raw: text, cells: fixed.cells(text, &self.fixed) });
            } else if let Some(quoted) = &mut quoted
                && memchr(quoted.quote, text).is_some()
            {
                let raw = quoted.read(&chunk[start..]);
                quoted.visit(raw, line, self.prefix, &mut visit);
                line += memchr::memchr_iter(b'\n', raw).count() as u64;
                start += raw.len();
                continue;
            } else {
                let mut ends = scanner.ends(start, end);
                if ends.len() != self.columns
                    && quoted.is_none()
                    && let Some(prefix) = self.prefix
                {
                    // A value may hold a delimiter, but not the two together.
                    let separates = |&end: &u32| chunk.get(end as usize + 1) == Some(&prefix);
                    let (last, inner) = ends.split_last().expect("the end of a line is one");
                    prefixed.clear();
                    prefixed.extend(inner.iter().copied().filter(separates));
                    prefixed.push(*last);
                    if prefixed.len() == self.columns {
                        ends = &prefixed;
                    }
                }
                visit(Piece::Row { line, raw: text, cells: Cells { text, base: offset(start), ends, prefix: self.prefix } });
            }
            line += 1;
            start = end + 1;
        }
    }

    fn is_framing(&self, text: &[u8]) -> bool {
        text.first().is_none_or(u8::is_ascii_whitespace) && text.trim_ascii().is_empty()
            || begins(text, &self.comment)
            || !self.row_record.is_empty() && self.record(text) != self.row_record
    }

    /// The first cell of a line, without quotes.
    #[must_use]
    pub fn record<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let end = memchr(self.delimiter, text).unwrap_or(text.len());
        let cell = text[..end].trim_ascii();
        match self.quote {
            Some(quote) => cell.strip_prefix(&[quote]).and_then(|cell| cell.strip_suffix(&[quote])).unwrap_or(cell),
            None => cell,
        }
    }

    /// The cells of one line or record, as owned bytes: for headers.
    #[must_use]
    pub fn header(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let mut header = Vec::new();
        let plain = Self { comment: Vec::new(), summary: Vec::new(), row_record: Vec::new(), ..self.clone() };
        plain.split(text, 1, |piece| {
            if let (Piece::Row { cells, .. }, true) = (piece, header.is_empty()) {
                header = (0..cells.len()).map(|index| cells.get(index).to_vec()).collect();
            }
        });
        header
    }

    /// How much of `block` is whole rows: up to and with the last line end that no quotes surround.
    #[must_use]
    pub fn whole_rows(&self, block: &[u8]) -> usize {
        if let Some(quote) = self.quote.filter(|&quote| memchr(quote, block).is_some()) {
            let mut whole = 0;
            while let Some(length) = self.whole_row(&block[whole..], quote) {
                whole += length;
            }
            return whole;
        }
        memchr::memrchr(b'\n', block).map_or(0, |at| at + 1)
    }

    /// Bytes of the row or framing line that `rest` begins with, where its end is there. A framing line is one line,
    /// whatever quotes it holds.
    fn whole_row(&self, rest: &[u8], quote: u8) -> Option<usize> {
        let end = memchr(b'\n', rest)?;
        if memchr(quote, &rest[..end]).is_none() || self.is_framing(&rest[..end]) {
            return Some(end + 1);
        }
        let mut inside = false;
        let ends = |at: &usize| {
            inside ^= rest[*at] == quote;
            rest[*at] == b'\n' && !inside
        };
        memchr::memchr2_iter(quote, b'\n', rest).find(ends).map(|at| at + 1)
    }
}

/// Cells at fixed places, copied so that one byte stands between two.
#[derive(Default)]
struct FixedWidth {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl FixedWidth {
    /// The cells of a line; those behind its end are missing.
    fn cells(&mut self, line: &[u8], places: &[(usize, usize)]) -> Cells<'_> {
        self.text.clear();
        self.ends.clear();
        for &(first, width) in places {
            let Some(cell) = line.get(first..first + width) else { break };
            self.text.extend_from_slice(cell);
            self.ends.push(offset(self.text.len()));
            self.text.push(b'\n');
        }
        self.text.pop();
        Cells { text: &self.text, base: 0, ends: &self.ends, prefix: None }
    }
}

/// Whether a line begins so, where `begin` is not empty. The first letter says no to almost all lines.
fn begins(text: &[u8], begin: &[u8]) -> bool {
    !begin.is_empty() && text.first() == begin.first() && text.starts_with(begin)
}

/// Reads records that hold quotes.
struct Quoted {
    delimiter: u8,
    quote: u8,
    reader: csv_core::Reader,
    output: Vec<u8>,
    output_ends: Vec<usize>,
    fields: usize,
    /// The cells of the record read last, one byte between two, and where they end.
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Quoted {
    fn new(delimiter: u8, quote: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).quote(quote).terminator(Terminator::Any(b'\n')).build();
        let (output, output_ends) = (vec![0; 4096], vec![0; 64]);
        Self { delimiter, quote, reader, output, output_ends, fields: 0, text: Vec::new(), ends: Vec::new() }
    }

    /// Reads the record that `rest` begins with, and gives its bytes, with their line end.
    fn read<'r>(&mut self, rest: &'r [u8]) -> &'r [u8] {
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (result, taken, wrote, fields) =
                self.reader.read_record(&rest[read..], &mut self.output[written..], &mut self.output_ends[ended..]);
            (read, written, ended) = (read + taken, written + wrote, ended + fields);
            match result {
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.output_ends.resize(self.output_ends.len() * 2, 0),
                // The input is the whole rest: empty input says so.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.fields = ended;
        &rest[..read]
    }

    /// Hands out the record read last, whose bytes are `raw`.
    fn visit(&mut self, raw: &[u8], line: u64, prefix: Option<u8>, visit: &mut impl FnMut(Piece)) {
        // Without its line end, as where nothing is quoted: the bytes of a row do not depend on its neighbours.
        let row = raw.strip_suffix(b"\n").unwrap_or(raw);
        let without_return = row.strip_suffix(b"\r");
        let row = without_return.unwrap_or(row);
        if !quotes_pair(row, self.quote, self.delimiter) {
            return visit(Piece::Unpaired { line });
        }
        self.text.clear();
        self.ends.clear();
        // Only `\n` ends a record, as where nothing is quoted; a `\r` before it is none of the last cell.
        if let (Some(_), Some(last)) = (without_return, self.output_ends[..self.fields].last_mut()) {
            *last -= 1;
        }
        let mut start = 0;
        for &end in &self.output_ends[..self.fields] {
            self.text.extend_from_slice(&self.output[start..end]);
            self.ends.push(offset(self.text.len()));
            self.text.push(self.delimiter);
            start = end;
        }
        self.text.pop();
        visit(Piece::Row { line, raw: row, cells: Cells { text: &self.text, base: 0, ends: &self.ends, prefix } });
    }
}

/// Whether every quote of a row begins a cell, ends one, or is one of two inside.
fn quotes_pair(raw: &[u8], quote: u8, delimiter: u8) -> bool {
    let mut places = memchr::memchr_iter(quote, raw);
    let mut inside = false;
    while let Some(at) = places.next() {
        let next = raw.get(at + 1).copied();
        if inside && next == Some(quote) {
            places.next();
        } else if inside {
            if next.is_some_and(|next| next != delimiter) {
                return false;
            }
            inside = false;
        } else {
            if at > 0 && raw[at - 1] != delimiter {
                return false;
            }
            inside = true;
        }
    }
    !inside
}

fn offset(position: usize) -> u32 {
    u32::try_from(position).expect("a chunk is smaller than 4 GiB")
}
