//! Rows that are read together: of a few hundred rows one column is filled after the other.
//!
//! The rows stand here one behind the other, as they stood in the file; a cell is found by where it starts.

use crate::format::column::COPIED;
use crate::format::split::Cells;

/// Most rows of a batch: few enough that they stay in the cache of a core while their columns are filled.
pub(super) const BATCH_ROWS: usize = 256;
/// Bytes of rows after which a batch is read.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes of a short key.
const KEY_BYTES: usize = 16;

/// Rows that are read together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The rows, and bytes behind them so that any cell can be looked at as a number.
    text: Vec<u8>,
    /// Where the cells of each row start, one after the other, and where one more would.
    starts: Vec<u32>,
    /// Where the starts of each row begin.
    rows: Vec<usize>,
    /// The line of each row.
    pub(super) lines: Vec<u32>,
    /// Hash of the bytes of each row.
    pub(super) contents: Vec<u64>,
    prefix: Option<u8>,
    columns: usize,
}

/// Where a cell stands, without its prefix and the spaces around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: usize,
    /// Bytes it has.
    pub(super) length: usize,
}

/// Raw cells as two numbers, or as bytes where they are too long for them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'k> {
    Short(Short),
    Long(&'k [u8]),
}

/// A short key.
pub(super) type Short = [u64; 2];

/// Ones where a text of so many bytes has its bytes.
static MASKS: [Short; KEY_BYTES] = {
    let mut masks = [[0; 2]; KEY_BYTES];
    let mut length = 1;
    while length < KEY_BYTES {
        let ones = (1_u128 << (8 * length)) - 1;
        #[expect(clippy::cast_possible_truncation, reason = "halves are taken")]
        let halves = [ones as u64, (ones >> 64) as u64];
        masks[length] = halves;
        length += 1;
    }
    masks
};

impl Batch {
    /// No rows yet, each to have that many cells.
    pub(super) fn new(columns: usize, prefix: Option<u8>) -> Self {
        Self { prefix, columns, ..Self::default() }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is room for no other row.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() == BATCH_ROWS || self.text.len() > BATCH_BYTES
    }

    /// Adds a row, which has no more cells than it should have; those it lacks are empty.
    pub(super) fn push(&mut self, line: u64, content: u64, cells: Cells) {
        let start = offset(self.text.len());
        let end = start + offset(cells.text().len()) + 1;
        self.text.extend_from_slice(cells.text());
        self.rows.push(self.starts.len());
        self.starts.push(start);
        self.starts.extend(cells.inner_ends().map(|end| start.wrapping_add(end).wrapping_add(1)));
        self.starts.extend(std::iter::repeat_n(end, self.columns + 1 - cells.len()));
        self.lines.push(u32::try_from(line).expect("a file has fewer than 2^32 lines"));
        self.contents.push(content);
    }

    /// Makes the rows ready to be read.
    pub(super) fn pad(&mut self) {
        self.text.extend_from_slice(&[0; COPIED]);
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.starts.clear();
        self.rows.clear();
        self.lines.clear();
        self.contents.clear();
    }

    /// Where a cell of a row stands.
    #[inline]
    pub(super) fn span(&self, row: u32, cell: usize) -> Span {
        let at = self.rows[row as usize] + cell;
        let [start, next] = [self.starts[at] as usize, self.starts[at + 1] as usize];
        // A cell the row lacks starts where the next one does.
        let Some(bytes) = self.text.get(start..next.wrapping_sub(1)) else { return Span { start, length: 0 } };
        match (bytes, self.prefix) {
            ([first, ..], Some(prefix)) if *first == prefix => self.trimmed(start + 1, bytes.len() - 1),
            _ => self.trimmed(start, bytes.len()),
        }
    }

    #[inline]
    fn trimmed(&self, start: usize, length: usize) -> Span {
        let bytes = &self.text[start..start + length];
        let is_space = |byte: &u8| *byte <= b' ';
        if bytes.first().is_some_and(is_space) || bytes.last().is_some_and(is_space) {
            return self.trimmed_of_spaces(start, length);
        }
        Span { start, length }
    }

    #[cold]
    fn trimmed_of_spaces(&self, start: usize, length: usize) -> Span {
        let bytes = &self.text[start..start + length];
        let before = length - bytes.trim_ascii_start().len();
        Span { start: start + before, length: bytes.trim_ascii().len() }
    }

    /// The bytes at a span.
    #[inline]
    pub(super) fn at(&self, span: Span) -> &[u8] {
        &self.text[span.start..span.start + span.length]
    }

    /// The bytes at a span, and those behind it.
    #[inline]
    pub(super) fn from(&self, span: Span) -> &[u8] {
        &self.text[span.start..]
    }

    /// A cell without its prefix and the spaces around it.
    #[inline]
    pub(super) fn cell(&self, row: u32, cell: usize) -> &[u8] {
        self.at(self.span(row, cell))
    }

    /// The first eight bytes from a span on, the first lowest.
    #[inline]
    pub(super) fn word(&self, span: Span) -> u64 {
        u64::from_le_bytes(*self.text[span.start..].first_chunk().expect("rows are padded"))
    }

    /// A cell of a row as a key: its bytes, and its length behind them; `None` where it is too long.
    #[inline]
    pub(super) fn short_key(&self, row: u32, cell: usize) -> Option<Short> {
        let span = self.span(row, cell);
        let [low, high] = *MASKS.get(span.length)?;
        let bytes: &[u8; KEY_BYTES] = self.text[span.start..].first_chunk().expect("rows are padded");
        let [first, second] = bytes.as_chunks().0 else { return None };
        let [first, second] = [first, second].map(|half| u64::from_le_bytes(*half));
        Some([first & low, second & high | (span.length as u64) << 56])
    }

    /// Cells of a row as a key: each with its length before it. Flags follow in a byte of their own.
    #[inline]
    pub(super) fn key<'k>(&self, row: u32, cells: &[usize], flags: &[u8], long: &'k mut Vec<u8>) -> Key<'k> {
        if let (&[only], []) = (cells, flags) {
            return self.short_key(row, only).map_or_else(|| self.long_key(row, cells, flags, long), Key::Short);
        }
        let mut key = [0; KEY_BYTES];
        let mut used = 0;
        for &cell in cells {
            let cell = self.cell(row, cell);
            let Some(room) = key.get_mut(used..used + 1 + cell.len()) else { return self.long_key(row, cells, flags, long) };
            room[0] = u8::try_from(cell.len()).expect("a short key has short cells");
            room[1..].copy_from_slice(cell);
            used += room.len();
        }
        let Some(room) = key.get_mut(used..used + flags.len()) else { return self.long_key(row, cells, flags, long) };
        room.copy_from_slice(flags);
        let [first, second] = key.as_chunks().0 else { unreachable!("a key has two halves") };
        Key::Short([*first, *second].map(u64::from_le_bytes))
    }

    #[cold]
    fn long_key<'k>(&self, row: u32, cells: &[usize], flags: &[u8], long: &'k mut Vec<u8>) -> Key<'k> {
        long.clear();
        for &cell in cells {
            let cell = self.cell(row, cell);
            long.extend_from_slice(&offset(cell.len()).to_le_bytes());
            long.extend_from_slice(cell);
        }
        long.extend_from_slice(flags);
        Key::Long(long)
    }
}

fn offset(position: usize) -> u32 {
    u32::try_from(position).expect("a chunk is smaller than 4 GiB")
}
