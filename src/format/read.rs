//! Reads a file with its format: one pass over the bytes, chunks of whole rows in parallel, columns built in place.
//!
//! Parsing a row never fails the file: it gives a row of columns or a [`Reject`]. A file is refused as a whole
//! when its container, encoding, columns or control totals are wrong.

use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memchr_iter;

use super::bounds::{COLUMNS, LINE_BYTES, long_line, not_unpacked};
use super::container::{self, encode, encoding_error};
use super::control::{self, Kept, Tied};
use super::plan::Plan;
use super::recognise::recognise;
use super::shipped::Library;
use super::split::{Cells, Piece, Splitter};
use super::statement::{self, Statement};
use super::{Encoding, Format, typed};
use crate::error::{Error, Result};

mod batch;
mod currency;
mod fill;
mod keep;
mod memo;
mod part;
mod row;
mod slots;
mod text;

pub use part::Part;
pub use row::Reject;
use row::{Refusal, Refusals, RowReader, refuse};

/// Bytes read at a time and given to one task.
const CHUNK_BYTES: usize = 2 << 20;
/// What is left at the end of a file goes to the chunk before it, so that a summary is never cut in two.
const TAIL_BYTES: usize = 64 << 10;

/// A file, read.
#[derive(Debug)]
pub struct Decoded {
    /// Which layout it has.
    pub layout: String,
    /// Its rows, in order.
    pub parts: Vec<Part>,
    /// Its lines that cannot be read, in order.
    pub rejects: Vec<Reject>,
    /// Rows and framing lines.
    pub lines: u64,
    /// Header, comment, summary and blank lines.
    pub framing: u64,
    /// What it states of itself and ties.
    pub tied: Vec<Tied>,
    /// What was kept of groups that may be spread over files.
    pub kept: Kept,
    /// Columns it has that the format does not know.
    pub added: Vec<String>,
    /// The statements of a bank file.
    pub statements: Vec<Statement>,
}

struct Chunk {
    index: usize,
    first_line: u64,
    lines: u64,
    bytes: Vec<u8>,
}

/// Takes rows of a file as they are read, on the thread that read them: what it returns, the file keeps.
///
/// Whether the file is refused is not known before its end.
pub type Take<'a> = dyn Fn(Part) -> Result<Option<Part>> + Sync + 'a;

/// Reads the file at `path` whole, and refuses it when it is not what `format` describes or does not tie.
pub fn read(path: &Path, format: &Format) -> Result<Decoded> {
    read_into(path, format, &|part| Ok(Some(part)))
}

/// As [`read`], handing its rows to `take`.
pub fn read_into(path: &Path, format: &Format, take: &Take) -> Result<Decoded> {
    read_as(path, format, take)
        .map_err(|error| if typed::is_typed(path) || format.refuse.is_some() { error } else { told_apart(error, path, format) })
}

/// As [`read_into`], without a look at what else a refused file may be: for those who read many files of no format.
pub fn read_as(path: &Path, format: &Format, take: &Take) -> Result<Decoded> {
    if typed::is_typed(path) {
        return typed::read(path, format, take);
    }
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    if let Some(why) = &format.refuse {
        return Err(Error::data(why.clone()).file(&name));
    }
    let read = |opened: container::Opened| match format.file.decoder {
        Some(decoder) => statement::read(opened.text, decoder, format, take),
        None => read_text(opened.text, format, opened.companion.as_deref(), take),
    };
    container::open(path, format, read).map_err(|error| if error.file.is_none() { error.file(&name) } else { error })
}

/// A refused file that is of another known layout is named as that, not by what it lacks.
fn told_apart(error: Error, path: &Path, format: &Format) -> Error {
    let mut formats = Library::shipped().all().unwrap_or_default();
    formats.retain(|shipped| shipped.name != format.name);
    formats.push(format.clone());
    let candidates = recognise(path, &formats).unwrap_or_default();
    let fitting: Vec<_> = candidates.iter().filter(|candidate| candidate.fits).collect();
    let other = match fitting.first() {
        Some(_) if fitting.iter().any(|candidate| candidate.format == format.name) => return error,
        Some(found) => match &found.refuse {
            Some(why) => Error::layout(why.clone()),
            None => Error::layout("the file is of another format, and nothing of it is booked")
                .expected(&format.title)
                .found(&found.title)
                .next(format!("read it with `format = \"{}\"`, or fetch the right file", found.format)),
        },
        None => return error,
    };
    other.file(error.file.unwrap_or_default())
}

/// Reads a text that is already out of its container.
fn read_text(text: &mut dyn Read, format: &Format, companion: Option<&[u8]>, take: &Take) -> Result<Decoded> {
    let mut splitter = Splitter::of(format);
    let mut blocks = Blocks { input: text, pending: Vec::new(), ended: false };
    let mut first = blocks.next(&splitter, 1, &Spare::default())?.unwrap_or_default();
    let head = Head::find(&mut first, &splitter, format)?;
    let plan = Plan::new(format, &head.header).map_err(|error| error.line(head.line))?;
    splitter.columns = plan.columns;

    let chunks = read_chunks(&mut blocks, first, head.line + 1, &splitter, &plan, take)?;
    let mut kept = Kept { comments: head.comments, ..Kept::default() };
    let (mut parts, mut rejects, mut read, mut rows, mut framing, mut cut) = (Vec::new(), Vec::new(), 0, 0, head.line, None);
    for chunk in chunks {
        if let Some(line) = chunk.too_long {
            return Err(long_line(line));
        }
        if let Some(line) = chunk.unpaired {
            return Err(Error::data("the quotes of a row do not pair, and nothing of the file is booked")
                .line(line)
                .expected("quotes around a whole cell, and a quote inside it written twice")
                .found("a quote in the middle of a cell, or one that is not closed")
                .next("fetch the file again, or have it written with its quotes doubled"));
        }
        rows += chunk.rows;
        framing += chunk.framing;
        kept.merge(chunk.kept);
        rejects.extend(chunk.rejects);
        cut = chunk.short_last_row;
        read += chunk.read;
        parts.extend(chunk.parts?);
    }
    if let Some((line, cells)) = cut
        && !plan.short_rows
        && format.summary.is_none()
        && format.file.end.is_none()
        && format.stated.is_empty()
    {
        return Err(Error::data("the file is truncated, and nothing of it is booked")
            .line(line)
            .expected(format!("{} columns and a line end", plan.columns))
            .found(format!("{cells} columns and the end of the file"))
            .next("fetch the file again"));
    }
    same_header(format, &splitter, &plan.header, &kept)?;
    let tied = control::check(format, &plan, &kept, companion).map_err(|error| with_rejects(error, &rejects))?;
    if (read + rejects.len()) as u64 != rows {
        return Err(Error::law(format!("{rows} rows became {read} rows and {} rejects", rejects.len())));
    }
    Ok(Decoded {
        layout: plan.layout,
        parts,
        rejects,
        lines: rows + framing,
        framing,
        tied,
        kept,
        added: plan.added,
        statements: Vec::new(),
    })
}

/// A line of column names that comes again, in another section, is the same.
fn same_header(format: &Format, splitter: &Splitter, header: &[String], kept: &Kept) -> Result<()> {
    let Some(records) = &format.file.records else { return Ok(()) };
    let names = |text: &[u8]| -> Vec<String> {
        splitter.header(text).iter().map(|cell| container::decode(cell, format.file.encoding)).collect()
    };
    let is_header = |text: &[u8]| container::decode(splitter.record(text), format.file.encoding) == records.header;
    match kept.comments.iter().find(|(_, text)| is_header(text) && names(text) != header) {
        Some((line, _)) => Err(Error::data("a later section of the file has other columns, and nothing of it is booked")
            .line(*line)
            .expected("the same columns in every section")
            .next("fetch the sections as files of their own")),
        None => Ok(()),
    }
}

/// A total that does not tie because lines cannot be read says which.
#[must_use]
pub fn with_rejects(error: Error, rejects: &[Reject]) -> Error {
    let Some(first) = rejects.first() else { return error };
    let value = if first.value.is_empty() { "it".to_owned() } else { format!("`{}`", first.value) };
    let more = if rejects.len() > 1 { format!(", and {} more", rejects.len() - 1) } else { String::new() };
    let unread = format!("line {} cannot be read: column {}, {value} {}{more}", first.line, first.column, first.reason);
    let found = error.found.as_ref().map_or_else(|| unread.clone(), |found| format!("{found}; {unread}"));
    error.found(found)
}

/// The header of a file and the framing before it.
struct Head {
    header: Vec<Vec<u8>>,
    line: u64,
    comments: Vec<(u64, Vec<u8>)>,
}

impl Head {
    /// Takes everything up to and with the header off `block`.
    fn find(block: &mut Vec<u8>, splitter: &Splitter, format: &Format) -> Result<Self> {
        if !format.file.fixed_width.is_empty() {
            let header = format.file.fixed_width.iter().map(|(name, ..)| encode(name, format.file.encoding)).collect();
            return Ok(Self { header, line: 0, comments: Vec::new() });
        }
        let record = format.file.records.as_ref().map(|records| encode(&records.header, format.file.encoding));
        let mut at = if format.file.encoding == Encoding::Utf8 && block.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let (mut line, mut comments) = (0, Vec::new());
        loop {
            if at >= block.len() {
                return Err(Error::data(format!("no header: the file is no {}", format.title)).next("fetch the file again"));
            }
            line += 1;
            let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |end| at + end);
            let text = block[at..end].trim_ascii_end();
            at = end + 1;
            if text.is_empty() {
                continue;
            }
            if !splitter.comment.is_empty() && text.starts_with(&splitter.comment) {
                comments.push((line, text.to_vec()));
                continue;
            }
            if record.as_ref().is_some_and(|record| splitter.record(text) != record) {
                if splitter.record(text) == splitter.row_record {
                    return Err(Error::data("a row stands before the line of column names")
                        .line(line)
                        .next("fetch the file again"));
                }
                comments.push((line, text.to_vec()));
                continue;
            }
            check_encoding(text, format).map_err(|error| error.line(line))?;
            if text.len() > LINE_BYTES {
                return Err(long_line(line));
            }
            let columns = memchr_iter(splitter.delimiter, text).count() + 1;
            if columns > COLUMNS {
                return Err(Error::data("the file has more columns than a file may have, and nothing of it is booked")
                    .line(line)
                    .expected(format!("at most {COLUMNS} columns"))
                    .found(format!("{columns} columns"))
                    .next("check that the file is what its name says; write it with the columns that are read"));
            }
            let header = splitter.header(text);
            block.drain(..at.min(block.len()));
            return Ok(Self { header, line, comments });
        }
    }
}

/// A header in another encoding than declared is named as that, not as forty unknown columns.
fn check_encoding(header: &[u8], format: &Format) -> Result<()> {
    if header.is_ascii() {
        return Ok(());
    }
    let (declared, found) = match format.file.encoding {
        Encoding::Utf8 if std::str::from_utf8(header).is_err() => ("UTF-8", "bytes that are not UTF-8, as in GBK"),
        Encoding::Gb18030 if std::str::from_utf8(header).is_ok() => ("GB 18030 (GBK)", "UTF-8"),
        _ => return Ok(()),
    };
    Err(encoding_error(declared, found))
}

/// Reads blocks of whole rows.
struct Blocks<'a> {
    input: &'a mut dyn Read,
    pending: Vec<u8>,
    ended: bool,
}

/// Buffers of blocks that are read, to be filled again: memory that was touched once costs nothing the second time.
#[derive(Default)]
struct Spare {
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Spare {
    fn take(&self) -> Vec<u8> {
        self.buffers.lock().expect("nothing panics while it holds the list").pop().unwrap_or_default()
    }

    fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffers.lock().expect("nothing panics while it holds the list").push(buffer);
    }
}

impl Blocks<'_> {
    /// The next block of whole rows, from `line` on; the last one may lack its line end.
    fn next(&mut self, splitter: &Splitter, line: u64, spare: &Spare) -> Result<Option<Vec<u8>>> {
        loop {
            if self.ended {
                return Ok(if self.pending.is_empty() { None } else { Some(std::mem::take(&mut self.pending)) });
            }
            let before = self.pending.len();
            self.pending.reserve(CHUNK_BYTES);
            (&mut *self.input).take(CHUNK_BYTES as u64).read_to_end(&mut self.pending).map_err(|error| not_unpacked(&error))?;
            self.ended = self.pending.len() - before < CHUNK_BYTES;
            if self.ended {
                continue;
            }
            // A short rest is left for the next round, so that the end of the file is not cut off its last rows.
            let whole = splitter.whole_rows(&self.pending[..self.pending.len() - TAIL_BYTES]);
            if whole > 0 {
                let mut rest = spare.take();
                rest.extend_from_slice(&self.pending[whole..]);
                self.pending.truncate(whole);
                return Ok(Some(std::mem::replace(&mut self.pending, rest)));
            }
            // At the end of the file, or where it stands among others, its length is looked at when it is read.
            if self.pending.len() - TAIL_BYTES > LINE_BYTES {
                return Err(long_line(line));
            }
        }
    }
}

/// Rows that come cell by cell, not as lines of bytes.
pub struct Rows<'p> {
    plan: &'p Plan,
    reader: RowReader<'p>,
    /// The cells of a row, one byte between two, and where they end.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// The cells of a row with nothing between them.
    raw: Vec<u8>,
    rows: u64,
}

impl<'p> Rows<'p> {
    /// No rows yet.
    #[must_use]
    pub fn new(plan: &'p Plan) -> Self {
        let reader = RowReader::new(plan, None, 0);
        Self { plan, reader, bytes: Vec::new(), ends: Vec::new(), raw: Vec::new(), rows: 0 }
    }

    /// Reads one row.
    pub fn push<'c>(&mut self, line: u64, cells: impl Iterator<Item = &'c [u8]>) {
        self.bytes.clear();
        self.ends.clear();
        self.raw.clear();
        for cell in cells {
            self.raw.extend_from_slice(cell);
            self.bytes.extend_from_slice(cell);
            self.ends.push(u32::try_from(self.bytes.len()).expect("a row is smaller than 4 GiB"));
            self.bytes.push(b'\n');
        }
        self.bytes.pop();
        self.rows += 1;
        self.reader.row(line, &self.raw, Cells::new(&self.bytes, &self.ends));
    }

    /// Gives up the parts that are whole.
    pub fn parts(&mut self) -> Vec<Part> {
        self.reader.parts()
    }

    /// What was read, and not given up before.
    #[must_use]
    pub fn finish(self) -> Decoded {
        let (parts, rejects, kept) = self.reader.finish();
        Decoded {
            layout: self.plan.layout.clone(),
            parts,
            rejects,
            lines: self.rows,
            framing: 0,
            tied: Vec::new(),
            kept,
            added: self.plan.added.clone(),
            statements: Vec::new(),
        }
    }
}

/// What one chunk became.
struct ReadChunk {
    index: usize,
    /// What was not taken of its parts.
    parts: Result<Vec<Part>>,
    /// How many of its rows were read.
    read: usize,
    rejects: Vec<Reject>,
    kept: Kept,
    rows: u64,
    framing: u64,
    /// Line and cells of the chunk's last row, where it stops early and no line end follows.
    short_last_row: Option<(u64, usize)>,
    /// Line of the first row whose quotes do not pair.
    unpaired: Option<u64>,
    /// Line of the first row or other line that is too long.
    too_long: Option<u64>,
}

/// Reads all chunks, in parallel, and gives them in order.
fn read_chunks(
    blocks: &mut Blocks,
    first: Vec<u8>,
    first_line: u64,
    splitter: &Splitter,
    plan: &Plan,
    take: &Take,
) -> Result<Vec<ReadChunk>> {
    let done = Mutex::new(Vec::new());
    let in_flight = AtomicUsize::new(0);
    let spare = Spare::default();
    let limit = 2 * rayon::current_num_threads();
    let mut next_line = first_line;
    rayon::in_place_scope(|scope| {
        let (mut block, mut index) = (Some(first), 0);
        while let Some(bytes) = block {
            let ends_open = !bytes.is_empty() && !bytes.ends_with(b"\n");
            let lines = memchr_iter(b'\n', &bytes).count() as u64 + u64::from(ends_open);
            let chunk = Chunk { index, first_line: next_line, lines, bytes };
            next_line += lines;
            index += 1;
            // Bounded memory: no more chunks are read than can soon be worked on. A worker thread helps; another waits.
            while in_flight.load(Ordering::Acquire) >= limit {
                if !matches!(rayon::yield_now(), Some(rayon::Yield::Executed)) {
                    std::thread::sleep(std::time::Duration::from_micros(100));
                }
            }
            in_flight.fetch_add(1, Ordering::AcqRel);
            let (done, in_flight, spare) = (&done, &in_flight, &spare);
            scope.spawn(move |_| {
                let read = read_chunk(&chunk, splitter, plan, take);
                spare.give(chunk.bytes);
                done.lock().expect("no reader panics while it holds the list").push(read);
                in_flight.fetch_sub(1, Ordering::AcqRel);
            });
            block = blocks.next(splitter, next_line, spare)?;
        }
        Ok(())
    })?;
    let mut chunks = done.into_inner().expect("every reader has ended");
    chunks.sort_by_key(|chunk: &ReadChunk| chunk.index);
    Ok(chunks)
}

fn read_chunk(chunk: &Chunk, splitter: &Splitter, plan: &Plan, take: &Take) -> ReadChunk {
    let most_rows = usize::try_from(chunk.lines).expect("a chunk has fewer lines than bytes");
    let mut reader = RowReader::new(plan, splitter.prefix, most_rows);
    let mut kept = Kept::default();
    let (mut rows, mut framing, mut last, mut unpaired, mut too_long) = (0, 0, None, None, None);
    splitter.split(&chunk.bytes, chunk.first_line, |piece| match piece {
        Piece::Row { line, raw: text, .. } | Piece::Framing { line, text } | Piece::Trailer { line, text }
            if text.len() > LINE_BYTES =>
        {
            too_long = too_long.or(Some(line));
        }
        Piece::Row { line, raw, cells } => {
            rows += 1;
            last = Some((line, cells.len()));
            reader.row(line, raw, cells);
        }
        Piece::Unpaired { line } => unpaired = unpaired.or(Some(line)),
        Piece::Framing { line, text } => {
            framing += 1;
            if !text.is_empty() {
                kept.comments.push((line, text.to_vec()));
            }
        }
        Piece::Trailer { line, text } => {
            framing += 1;
            if !text.is_empty() {
                kept.trailer.push((line, text.to_vec()));
            }
        }
    });
    let short_last_row = last.filter(|&(_, cells)| cells < plan.columns && !chunk.bytes.ends_with(b"\n"));
    let (parts, rejects, of_rows) = reader.finish();
    kept.merge(of_rows);
    let read = parts.iter().map(|part| part.lines.len()).sum();
    let parts = parts.into_iter().filter_map(|part| take(part).transpose()).collect();
    ReadChunk { index: chunk.index, parts, read, rejects, kept, rows, framing, short_last_row, unpaired, too_long }
}
