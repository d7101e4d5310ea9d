//! Rows that are read together: of a few hundred rows one column is filled after the other.
//!
//! The rows stand here one behind the other, as they stood in the file; a cell is found by where it starts.

use crate::format::column::COPIED;
use crate::format::split::Cells;

/// Most rows of a batch: few enough that they stay in the cache of a core while their columns are filled.
pub(super) const BATCH_ROWS: usize = 256;
/// Bytes of rows after which a batch is read.
const BATCH_BYTES: usize = 1 << 20;
/// Longest text of a key.
const KEY_BYTES: usize = size_of::<u128>();

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

/// Raw cells as a number, or as bytes where they are too long for one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'k> {
    Short(u128),
    Long(&'k [u8]),
}

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
        match &self.text[start..start + length] {
            [first, .., last] if *first > b' ' && *last > b' ' => Span { start, length },
            [only] if *only > b' ' => Span { start, length },
            bytes => {
                let before = length - bytes.trim_ascii_start().len();
                Span { start: start + before, length: bytes.trim_ascii().len() }
            }
        }
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

    /// Cells of a row as a key: each with its length before it. Signs follow in a byte of their own.
    #[inline]
    pub(super) fn key<'k>(&self, row: u32, cells: &[usize], signs: &[u8], long: &'k mut Vec<u8>) -> Key<'k> {
        let (mut key, mut used) = (0, 0);
        for &cell in cells {
            let span = self.span(row, cell);
            let after = used + 1 + span.length;
            if after > KEY_BYTES {
                return self.long_key(row, cells, signs, long);
            }
            let bytes = u128::from_le_bytes(*self.text[span.start..].first_chunk().expect("rows are padded"));
            let bytes = bytes & ((1 << (8 * span.length)) - 1);
            key |= (bytes << 8 | span.length as u128) << (8 * used);
            used = after;
        }
        if used + signs.len() > KEY_BYTES {
            return self.long_key(row, cells, signs, long);
        }
        for (&sign, at) in signs.iter().zip(used..) {
            key |= u128::from(sign) << (8 * at);
        }
        Key::Short(key)
    }

    #[cold]
    fn long_key<'k>(&self, row: u32, cells: &[usize], signs: &[u8], long: &'k mut Vec<u8>) -> Key<'k> {
        long.clear();
        for &cell in cells {
            let cell = self.cell(row, cell);
            long.extend_from_slice(&offset(cell.len()).to_le_bytes());
            long.extend_from_slice(cell);
        }
        long.extend_from_slice(signs);
        Key::Long(long)
    }
}

fn offset(position: usize) -> u32 {
    u32::try_from(position).expect("a chunk is smaller than 4 GiB")
}
