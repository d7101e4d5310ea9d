//! Places of delimiters and line ends in a text, sixty-four bytes at a time and without a branch on what they hold.

/// Bytes looked at together.
const BLOCK: usize = 64;
/// Bytes scanned ahead of the row that is asked for: few enough that their places stay near the core.
const AHEAD: usize = 16 << 10;

/// Where the delimiters and line ends of a text are, found as its rows are asked for.
#[derive(Debug)]
pub struct Scanner<'t> {
    text: &'t [u8],
    delimiter: u8,
    /// Cells a line mostly has.
    columns: usize,
    /// How far the text has been looked at.
    scanned: usize,
    /// Places found, the first `passed` of them before the row asked for last.
    places: Vec<u32>,
    passed: usize,
}

impl<'t> Scanner<'t> {
    /// The places in `text`, whose lines mostly have that many cells.
    #[must_use]
    pub fn new(text: &'t [u8], delimiter: u8, columns: usize) -> Self {
        Self { text, delimiter, columns: columns.max(1), scanned: 0, places: Vec::new(), passed: 0 }
    }

    /// Where the cells of the line at `start..end` end, the last of them at `end`. Lines are asked for in order.
    pub fn ends(&mut self, start: usize, end: usize) -> &[u32] {
        if self.scanned <= end {
            self.places.drain(..self.passed);
            self.passed = 0;
            self.scan((end + AHEAD).min(self.text.len()));
        }
        let (start, end) = (place(start), place(end));
        while self.places[self.passed] < start {
            self.passed += 1;
        }
        let first = self.passed;
        if self.places.get(first + self.columns - 1) == Some(&end) {
            self.passed += self.columns;
            return &self.places[first..self.passed];
        }
        while self.places[self.passed] < end {
            self.passed += 1;
        }
        self.passed += 1;
        &self.places[first..self.passed]
    }

    /// Finds the places up to `end` at least; the end of the text is one.
    fn scan(&mut self, end: usize) {
        while self.scanned + BLOCK <= self.text.len() && self.scanned <= end {
            let block = &self.text[self.scanned..];
            let mut found = ends_of_cells(block.first_chunk().expect("a whole block is left"), self.delimiter);
            // Eight places are written whether there are eight or not: what is too much is taken off again.
            let mut kept = self.places.len();
            let whole = kept + found.count_ones() as usize;
            while kept < whole {
                let mut eight = [0; 8];
                for at in &mut eight {
                    *at = place(self.scanned) + found.trailing_zeros();
                    found &= found.wrapping_sub(1);
                }
                self.places.extend_from_slice(&eight);
                kept += eight.len();
            }
            self.places.truncate(whole);
            self.scanned += BLOCK;
        }
        if self.scanned + BLOCK > self.text.len() && self.scanned <= self.text.len() {
            let rest = self.text[self.scanned..].iter().zip(self.scanned..);
            self.places.extend(rest.filter(|(byte, _)| [self.delimiter, b'\n'].contains(byte)).map(|(_, at)| place(at)));
            self.places.push(place(self.text.len()));
            self.scanned = self.text.len() + 1;
        }
    }
}

/// A bit for each byte of a block that ends a cell.
fn ends_of_cells(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    // Compared as bytes, which compiles to vectors; each eight answers of one bit are then gathered in one product.
    let mut ends = [0; BLOCK];
    for (end, &byte) in ends.iter_mut().zip(block) {
        *end = u8::from(byte == delimiter) | u8::from(byte == b'\n');
    }
    ends.as_chunks()
        .0
        .iter()
        .enumerate()
        .fold(0, |bits, (at, eight)| bits | (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at))
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("a chunk is smaller than 4 GiB")
}
