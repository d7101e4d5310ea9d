//! Lines of a delimited file to cells, at memory speed where nothing is quoted.

use csv_core::{ReadRecordResult, ReaderBuilder};
use memchr::memchr;

/// The cells of one row.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    text: &'a [u8],
    spans: &'a [(u32, u32)],
    prefix: Option<u8>,
}

impl<'a> Cells<'a> {
    /// Cells at these places of a text, without a prefix.
    #[must_use]
    pub fn new(text: &'a [u8], spans: &'a [(u32, u32)]) -> Self {
        Self { text, spans, prefix: None }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A cell without its prefix and the spaces and tabs around it; empty past the last.
    #[must_use]
    pub fn get(&self, index: usize) -> &'a [u8] {
        let Some(&(start, end)) = self.spans.get(index) else { return b"" };
        let cell = &self.text[start as usize..end as usize];
        let cell = match (self.prefix, cell) {
            (Some(prefix), [first, rest @ ..]) if *first == prefix => rest,
            _ => cell,
        };
        cell.trim_ascii()
    }

    /// The same text with the cells from `index` on to `index + extra` read as one.
    #[must_use]
    pub fn joined(&self, index: usize, extra: usize, spans: &'a mut Vec<(u32, u32)>) -> Cells<'a> {
        spans.clear();
        spans.extend_from_slice(&self.spans[..index]);
        spans.push((self.spans[index].0, self.spans[index + extra].1));
        spans.extend_from_slice(&self.spans[index + extra + 1..]);
        Cells { text: self.text, spans, prefix: self.prefix }
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
}

impl Splitter {
    /// Hands out the pieces of `chunk`, whose first line is `first_line` of the file.
    pub fn split(&self, chunk: &[u8], first_line: u64, mut visit: impl FnMut(Piece)) {
        match self.quote {
            Some(quote) if memchr(quote, chunk).is_some() => self.split_quoted(quote, chunk, first_line, &mut visit),
            _ => self.split_plain(chunk, first_line, &mut visit),
        }
    }

    fn split_plain(&self, chunk: &[u8], first_line: u64, visit: &mut impl FnMut(Piece)) {
        let mut spans = Vec::with_capacity(self.columns);
        let (mut rest, mut line, mut trailing) = (chunk, first_line, false);
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let text = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            trailing |= !self.summary.is_empty() && text.starts_with(&self.summary);
            if trailing {
                visit(Piece::Trailer { line, text });
            } else if self.is_framing(text) {
                visit(Piece::Framing { line, text });
            } else {
                self.cells(text, &mut spans);
                visit(Piece::Row { line, raw: text, cells: Cells { text, spans: &spans, prefix: self.prefix } });
            }
            line += 1;
        }
    }

    fn is_framing(&self, text: &[u8]) -> bool {
        text.trim_ascii().is_empty() || (!self.comment.is_empty() && text.starts_with(&self.comment))
    }

    /// Spans of the cells of an unquoted line. A delimiter followed by the prefix is tried first: a value may
    /// hold a delimiter, but not the two together.
    fn cells(&self, text: &[u8], spans: &mut Vec<(u32, u32)>) {
        if let Some(prefix) = self.prefix {
            self.cells_where(text, spans, |at| text.get(at + 1) == Some(&prefix));
            if spans.len() == self.columns {
                return;
            }
        }
        self.cells_where(text, spans, |_| true);
    }

    fn cells_where(&self, text: &[u8], spans: &mut Vec<(u32, u32)>, separates: impl Fn(usize) -> bool) {
        spans.clear();
        let mut start = 0;
        for at in memchr::memchr_iter(self.delimiter, text).filter(|&at| separates(at)) {
            spans.push((offset(start), offset(at)));
            start = at + 1;
        }
        spans.push((offset(start), offset(text.len())));
    }

    fn split_quoted(&self, quote: u8, chunk: &[u8], first_line: u64, visit: &mut impl FnMut(Piece)) {
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).quote(quote).build();
        let (mut output, mut ends) = (vec![0; 4096], vec![0; self.columns + 16]);
        let mut spans = Vec::with_capacity(self.columns);
        let (mut rest, mut line) = (chunk, first_line);
        while !rest.is_empty() {
            // Blank and comment lines are taken here, where they can be counted.
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            if self.is_framing(&rest[..end]) {
                visit(Piece::Framing { line, text: rest[..end].trim_ascii_end() });
                rest = rest.get(end + 1..).unwrap_or_default();
                line += 1;
                continue;
            }
            let (mut read, mut written, mut ended) = (0, 0, 0);
            loop {
                let (result, taken, wrote, fields) =
                    reader.read_record(&rest[read..], &mut output[written..], &mut ends[ended..]);
                (read, written, ended) = (read + taken, written + wrote, ended + fields);
                match result {
                    ReadRecordResult::OutputFull => output.resize(output.len() * 2, 0),
                    ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                    // The input is the whole rest: empty input says so.
                    ReadRecordResult::InputEmpty => {}
                    ReadRecordResult::Record | ReadRecordResult::End => break,
                }
            }
            // `\r\n` ends a record at `\r`; the `\n` belongs to it.
            if rest.get(read - 1) == Some(&b'\r') && rest.get(read) == Some(&b'\n') {
                read += 1;
            }
            spans.clear();
            let mut start = 0;
            for &end in &ends[..ended] {
                spans.push((offset(start), offset(end)));
                start = end;
            }
            // Without its line end, as where nothing is quoted: the bytes of a row do not depend on its neighbours.
            let raw = &rest[..read];
            let row = raw.strip_suffix(b"\n").unwrap_or(raw);
            let row = row.strip_suffix(b"\r").unwrap_or(row);
            if quotes_pair(row, quote, self.delimiter) {
                visit(Piece::Row { line, raw: row, cells: Cells { text: &output, spans: &spans, prefix: self.prefix } });
            } else {
                visit(Piece::Unpaired { line });
            }
            line += memchr::memchr_iter(b'\n', raw).count() as u64;
            rest = &rest[read..];
        }
    }

    /// The cells of one line or record, as owned bytes: for headers.
    #[must_use]
    pub fn header(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let mut header = Vec::new();
        let plain = Self { comment: Vec::new(), summary: Vec::new(), ..self.clone() };
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
            let (mut inside, mut end) = (false, 0);
            for at in memchr::memchr2_iter(quote, b'\n', block) {
                if block[at] == quote {
                    inside = !inside;
                } else if !inside {
                    end = at + 1;
                }
            }
            return end;
        }
        memchr::memrchr(b'\n', block).map_or(0, |at| at + 1)
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
            if next.is_some_and(|next| next != delimiter && next != b'\r' && next != b'\n') {
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
