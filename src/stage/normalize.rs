//! Provider files, read, to `entries`: identities, duplicates told apart, one order.
//!
//! The order of a night's entries and their identities come from what they say, never from where they stood:
//! shuffled lines and split files give the same rows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use arrow::array::{ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray, UInt16Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{TimestampMicrosecondType, UInt16Type};
use chrono::NaiveDate;
use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

use crate::error::{Error, Result};
use crate::format::Format;
use crate::format::read::{Decoded, Part, Reject};
use crate::format::time::day_range;
use crate::table::entries::KINDS;
use crate::table::part::{identities, place, row_id, same_date, same_word};
use crate::table::read::count_of_rows;
use crate::table::rows::Rows;
use crate::table::sheet::Pick;

/// One file, read, and whose it is.
#[derive(Debug)]
pub struct Delivered<'a> {
    /// Who states it.
    pub provider: &'a str,
    /// The merchant's account with the provider; empty for the merchant's own records.
    pub account: &'a str,
    /// What it was read with.
    pub format: &'a Format,
    /// Identity of the file.
    pub file_id: &'a str,
    /// Its name as received.
    pub name: &'a str,
    /// Its place among the files of the night.
    pub number: usize,
    /// What was read. Its parts are given up when a table is made of them.
    pub decoded: Decoded,
    /// Its rows in that table.
    pub rows: usize,
}

/// All the entries of a night or of a share of it, ordered by provider, time and identity: every column but the
/// outcome. `repeated` are identities that come more than once in a night taken apart; none in a whole one.
#[must_use]
pub fn normalize(delivered: &mut [Delivered], repeated: &Repeated, night: NaiveDate) -> Rows {
    let mut numbers = identify_all(delivered);
    tell_copies_apart(delivered, repeated, &mut numbers);
    let order = ordered(delivered, &numbers);
    let mut numbers = numbers.into_iter();
    let mut parts = Vec::with_capacity(numbers.len());
    for file in delivered {
        let kinds: Vec<u16> = file.format.kind.iter().map(|kind| kind_code(&kind.is)).collect();
        file.rows += file.decoded.parts.iter().map(|part| part.lines.len()).sum::<usize>();
        for part in std::mem::take(&mut file.decoded.parts) {
            let rows = part.lines.len();
            let own = [
                ("entry_id", identities(numbers.next().expect("every part was identified").into_iter())),
                ("provider", same_word(file.provider, rows)),
                ("account", same_word(file.account, rows)),
                ("kind", kind_words(&part.kinds, &kinds)),
            ];
            parts.push(batch(own, part, file.file_id, night));
        }
    }
    Rows { parts, order }
}

/// A part as a batch: what is known of its file, what it was read as, where it stood, and the night.
pub(super) fn batch<const N: usize>(
    own: [(&'static str, ArrayRef); N],
    part: Part,
    file_id: &str,
    night: NaiveDate,
) -> RecordBatch {
    let rows = part.lines.len();
    let about = [
        ("file_id", same_word(file_id, rows)),
        ("line", Arc::new(UInt32Array::from(part.lines)) as ArrayRef),
        ("business_date", same_date(night, rows)),
    ];
    let columns = own.into_iter().chain(part.columns).chain(about);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .expect("every column of a part has its rows")
}

/// The identity of every row.
pub(super) fn identify_all(delivered: &[Delivered]) -> Vec<Vec<u128>> {
    let mut parts = Vec::new();
    for file in delivered {
        let seeds: Arc<[u64]> = seeds(file.provider, file.account, file.format).into();
        parts.extend(file.decoded.parts.iter().map(|part| (part, Arc::clone(&seeds))));
    }
    parts.par_iter().map(|(part, seeds)| identify(part, seeds).collect()).collect()
}

/// The identity of every row of a part, but for copies: hash of the cells its format names, and of whose and what it is.
pub fn identify(part: &Part, seeds: &[u64]) -> impl Iterator<Item = u128> {
    let cells = part.kinds.iter().zip(&part.identities);
    cells.map(|(&kind, cells)| xxh3_128_with_seed(&cells.to_le_bytes(), seeds[usize::from(kind)]))
}

/// Whose and what a row is, for each kind of the format; where it has none all rows are of one.
#[must_use]
pub fn seeds(provider: &str, account: &str, format: &Format) -> Vec<u64> {
    let seed = |kind: &str| {
        let mut hash = Xxh3::new();
        for part in [provider, account, kind] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.digest()
    };
    let kinds = format.kind.iter().map(|kind| kind.is.as_str());
    kinds.chain(format.kind.is_empty().then_some("")).map(seed).collect()
}

/// What comes more than once in a night taken apart: for the number of each such thing, the hashes of its rows' bytes.
///
/// Rows of equal bytes are always in one share, others may not be.
#[derive(Debug, Default)]
pub struct Repeated(HashMap<u128, Vec<u64>>);

impl Repeated {
    /// Adds all rows of some numbers: the number of each, and the hash of its bytes.
    pub fn add(&mut self, mut rows: Vec<(u128, u64)>) {
        rows.sort_unstable();
        let repeated = rows.chunk_by(|one, next| one.0 == next.0).filter(|rows| rows.len() > 1);
        self.0.extend(repeated.map(|rows| (rows[0].0, rows.iter().map(|&(_, content)| content).collect())));
    }

    /// The hashes of the rows of `number`, ascending, if there are several.
    #[must_use]
    pub fn get(&self, number: u128) -> Option<&[u64]> {
        self.0.get(&number).map(Vec::as_slice)
    }

    /// Each number that comes more than once, and how often.
    pub fn counts(&self) -> impl Iterator<Item = (u128, usize)> {
        self.0.iter().map(|(number, contents)| (*number, contents.len()))
    }

    /// Whether nothing comes more than once.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Rows of one identity get an ordinal, in the order of their bytes: which of two equal lines comes first makes no
/// difference, but the first is the one that stands first.
pub(super) fn tell_copies_apart(delivered: &[Delivered], repeated: &Repeated, numbers: &mut [Vec<u128>]) {
    let parts: Vec<(usize, &Part)> =
        delivered.iter().flat_map(|file| file.decoded.parts.iter().map(|part| (file.number, part))).collect();
    let mut copies: Vec<(u128, u64, (usize, u32), u32)> = Vec::new();
    let marks = Marks::of(numbers);
    let comes_again = |number| marks.may_repeat(number) || !repeated.is_empty() && repeated.get(number).is_some();
    for (part, numbers) in numbers.iter().enumerate() {
        let (file, of) = parts[part];
        let alike = numbers.iter().enumerate().filter(|(_, number)| comes_again(**number));
        copies.extend(alike.map(|(row, &number)| (number, of.contents[row], (file, of.lines[row]), row_id(part, row))));
    }
    copies.sort_unstable();
    for copies in copies.chunk_by(|one, next| one.0 == next.0) {
        let everywhere = repeated.get(copies[0].0);
        for (at, &(number, content, _, row)) in copies.iter().enumerate() {
            // Where all copies of the night are known, this many of them come before those of its bytes.
            let ordinal = everywhere.map_or(at, |contents| {
                let before_here = copies.partition_point(|copy| copy.1 < content);
                contents.partition_point(|&other| other < content) + at - before_here
            });
            let (part, row) = place(row);
            numbers[part][row] = copy_of(number, ordinal);
        }
    }
}

/// The identity of the copy of a row that comes after so many others.
#[must_use]
pub fn copy_of(number: u128, ordinal: usize) -> u128 {
    if ordinal == 0 {
        return number;
    }
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(ordinal as u64).to_le_bytes());
    xxh3_128(&bytes)
}

/// Which identities may be there twice: a few that are not, and all that are. Two bits a place, sixteen places a row.
struct Marks {
    once: Vec<u64>,
    again: Vec<u64>,
}

impl Marks {
    fn of(numbers: &[Vec<u128>]) -> Self {
        let rows: usize = numbers.iter().map(Vec::len).sum();
        let words = (rows / 4).next_power_of_two();
        let mut marks = Self { once: vec![0; words], again: vec![0; words] };
        for &number in numbers.iter().flatten() {
            let (word, bit) = marks.place(number);
            marks.again[word] |= marks.once[word] & bit;
            marks.once[word] |= bit;
        }
        marks
    }

    fn may_repeat(&self, number: u128) -> bool {
        let (word, bit) = self.place(number);
        self.again[word] & bit != 0
    }

    /// Identities are hashes: some of their bits are a place.
    fn place(&self, number: u128) -> (usize, u64) {
        let low = u64::try_from(number & u128::from(u64::MAX)).expect("masked to 64 bits");
        (usize::try_from(low >> 6).expect("an index has 64 bits") & (self.once.len() - 1), 1 << (low & 63))
    }
}

/// Every row, ordered by provider, time and identity.
fn ordered(delivered: &[Delivered], numbers: &[Vec<u128>]) -> Pick {
    let mut providers: Vec<&str> = delivered.iter().map(|file| file.provider).collect();
    providers.sort_unstable();
    providers.dedup();
    let files = || delivered.iter().flat_map(|file| file.decoded.parts.iter().map(|part| (file.provider, part)));
    let of_provider = |provider: &str| {
        let parts = files().enumerate().filter(|(_, (of, _))| *of == provider);
        let rows = parts.flat_map(|(at, (_, part))| {
            let times = time_column(part).iter().enumerate();
            times.map(move |(row, &time)| (time, row_id(at, row)))
        });
        let mut rows: Vec<(i64, u32)> = rows.collect();
        rows.par_sort_unstable();
        // Bills date to the second: what happened in the same one is told apart by identity.
        let number = |row: u32| {
            let (part, row) = place(row);
            numbers[part][row]
        };
        for same in rows.chunk_by_mut(|one, next| one.0 == next.0).filter(|same| same.len() > 1) {
            same.sort_unstable_by_key(|&(_, row)| number(row));
        }
        rows.into_iter().map(|(_, row)| row).collect()
    };
    let orders: Vec<Vec<u32>> = providers.par_iter().map(|provider| of_provider(provider)).collect();
    Pick::in_order(orders.concat())
}

fn time_column(part: &Part) -> &[i64] {
    let (_, times) = part.columns.iter().find(|(name, _)| *name == "occurred_at").expect("entries have a time");
    times.as_primitive::<TimestampMicrosecondType>().values()
}

fn kind_code(kind: &str) -> u16 {
    let at = KINDS.iter().position(|name| *name == kind).expect("a format names known kinds only");
    u16::try_from(at).expect("there are few kinds")
}

/// The kinds of a part as words, from their codes in the format.
fn kind_words(kinds: &[u16], codes: &[u16]) -> ArrayRef {
    static WORDS: LazyLock<Arc<StringArray>> = LazyLock::new(|| Arc::new(StringArray::from(KINDS.to_vec())));
    let codes: UInt16Array = kinds.iter().map(|&kind| codes[usize::from(kind)]).collect::<Vec<u16>>().into();
    let words: ArrayRef = WORDS.clone();
    Arc::new(DictionaryArray::<UInt16Type>::try_new(codes, words).expect("every code is of a kind"))
}

/// Watches over a file of one date: rows dated outside the night become rejects. A file all of whose rows are is of
/// another night, and refused.
#[derive(Debug)]
pub struct OneDate<'a> {
    format: &'a Format,
    night: NaiveDate,
    rows: AtomicUsize,
    outside: Mutex<Vec<Reject>>,
}

impl<'a> OneDate<'a> {
    /// Of a file that is read for `night`.
    #[must_use]
    pub fn new(format: &'a Format, night: NaiveDate) -> Self {
        Self { format, night, rows: AtomicUsize::default(), outside: Mutex::default() }
    }

    /// The rows of a part that are of the night; none if no row is.
    #[must_use]
    pub fn keep(&self, mut part: Part) -> Option<Part> {
        let Some(zone) = self.format.file.one_date_in else { return Some(part) };
        let (start, end) = day_range(self.night, zone);
        let inside = |time: i64| (start..end).contains(&time);
        let times = time_column(&part);
        self.rows.fetch_add(times.len(), Ordering::Relaxed);
        if times.iter().all(|&time| inside(time)) {
            return Some(part);
        }
        let keep: Vec<u32> = (0..count_of_rows(times.len())).filter(|&row| inside(times[row as usize])).collect();
        let column = self.format.fill.get("occurred_at").map(|rule| rule.from.0.join(" or ")).unwrap_or_default();
        let reject = |row: usize| Reject {
            line: u64::from(part.lines[row]),
            column: column.clone(),
            value: crate::format::time::date_in(times[row], zone).to_string(),
            reason: format!("is not of the night {}", self.night),
        };
        let rejects = (0..times.len()).filter(|&row| !inside(times[row])).map(reject);
        self.outside.lock().expect("nothing panics while it holds the rejects").extend(rejects);
        if keep.is_empty() {
            return None;
        }
        keep_rows(&mut part, &keep);
        Some(part)
    }

    /// Adds the rejects to those of the file, or refuses it.
    pub fn finish(self, decoded: &mut Decoded) -> Result<()> {
        let mut outside = self.outside.into_inner().expect("nothing panics while it holds the rejects");
        outside.sort_by_key(|reject| reject.line);
        if !outside.is_empty() && outside.len() == self.rows.into_inner() {
            let first = outside.swap_remove(0);
            return Err(Error::data("the file is of another night, and nothing of it is booked")
                .line(first.line)
                .column(first.column)
                .expected(self.night)
                .found(first.value)
                .next("check the date in the file's name, and fetch the file of the night"));
        }
        decoded.rejects.extend(outside);
        decoded.rejects.sort_by_key(|reject| reject.line);
        Ok(())
    }
}

/// Keeps those rows of a part.
pub(super) fn keep_rows(part: &mut Part, keep: &[u32]) {
    fn picked<T: Copy>(values: &[T], keep: &[u32]) -> Vec<T> {
        // A part whose format names no identity has none.
        if values.is_empty() { Vec::new() } else { keep.iter().map(|&row| values[row as usize]).collect() }
    }
    let indices = UInt32Array::from(keep.to_vec());
    for (_, column) in &mut part.columns {
        *column = take(column, &indices, None).expect("every row number is within the part");
    }
    part.kinds = picked(&part.kinds, keep);
    part.identities = picked(&part.identities, keep);
    part.contents = picked(&part.contents, keep);
    part.lines = picked(&part.lines, keep);
}
