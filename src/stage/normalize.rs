//! Provider files, read, to `entries`: identities, duplicates told apart, one order.
//!
//! The order of a night's entries and their identities come from what they say, never from where they stood:
//! shuffled lines and split files give the same rows.

use std::sync::{Arc, LazyLock};

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
use crate::table::part::{identities, row_id, same_date, same_word};
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
    /// What was read. Its parts are given up when a table is made of them.
    pub decoded: Decoded,
    /// Its rows in that table.
    pub rows: usize,
}

/// All the entries of a night, ordered by provider, time and identity: every column but the outcome.
#[must_use]
pub fn normalize(delivered: &mut [Delivered], night: NaiveDate) -> Rows {
    let mut numbers = identify(delivered);
    tell_copies_apart(delivered, &mut numbers);
    let order = ordered(delivered, &numbers);
    let mut numbers = numbers.into_iter();
    let mut parts = Vec::with_capacity(numbers.len());
    for file in delivered {
        let kinds: Vec<u16> = file.format.kind.iter().map(|kind| kind_code(&kind.is)).collect();
        file.rows = file.decoded.parts.iter().map(|part| part.lines.len()).sum();
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

/// The identity of every row: hash of the cells its format names, and of whose and what it is.
fn identify(delivered: &[Delivered]) -> Vec<Vec<u128>> {
    let mut parts = Vec::new();
    for file in delivered {
        let seeds: Arc<[u64]> = file.format.kind.iter().map(|kind| seed(file, &kind.is)).collect();
        parts.extend(file.decoded.parts.iter().map(|part| (part, Arc::clone(&seeds))));
    }
    let numbers = parts.par_iter().map(|(part, seeds)| {
        let cells = part.kinds.iter().zip(&part.identities);
        cells.map(|(&kind, cells)| xxh3_128_with_seed(&cells.to_le_bytes(), seeds[usize::from(kind)])).collect()
    });
    numbers.collect()
}

fn seed(file: &Delivered, kind: &str) -> u64 {
    let mut hash = Xxh3::new();
    for part in [file.provider, file.account, kind] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest()
}

/// Rows of one identity get an ordinal, in the order of their bytes: which of two equal lines comes first makes no
/// difference.
fn tell_copies_apart(delivered: &[Delivered], numbers: &mut [Vec<u128>]) {
    // Halves of identities are enough to find the few that may be copies.
    let half = |number: u128| (number >> 64) as u64;
    let halves = numbers
        .par_iter()
        .enumerate()
        .flat_map_iter(|(part, numbers)| numbers.iter().enumerate().map(move |(row, &number)| (half(number), row_id(part, row))));
    let mut halves: Vec<(u64, u32)> = halves.collect();
    halves.par_sort_unstable();
    let parts: Vec<&Part> = delivered.iter().flat_map(|file| &file.decoded.parts).collect();
    for alike in halves.chunk_by(|one, next| one.0 == next.0).filter(|alike| alike.len() > 1) {
        let mut copies: Vec<(u128, u64, usize, usize)> = alike
            .iter()
            .map(|&(_, id)| {
                let (part, row) = crate::table::part::place(id);
                (numbers[part][row], parts[part].contents[row], part, row)
            })
            .collect();
        copies.sort_unstable();
        for copies in copies.chunk_by(|one, next| one.0 == next.0) {
            for (ordinal, &(number, _, part, row)) in copies.iter().enumerate().skip(1) {
                let mut bytes = number.to_le_bytes().to_vec();
                bytes.extend_from_slice(&(ordinal as u64).to_le_bytes());
                numbers[part][row] = xxh3_128(&bytes);
            }
        }
    }
}

/// Every row, ordered by provider, time and identity.
fn ordered(delivered: &[Delivered], numbers: &[Vec<u128>]) -> Pick {
    let mut providers: Vec<&str> = delivered.iter().map(|file| file.provider).collect();
    providers.sort_unstable();
    providers.dedup();
    let mut order = Vec::with_capacity(numbers.iter().map(Vec::len).sum());
    for provider in providers {
        let mut rows: Vec<(i64, u128, u32)> = Vec::new();
        let files = delivered.iter().flat_map(|file| file.decoded.parts.iter().map(move |part| (file.provider, part)));
        for (at, (_, part)) in files.enumerate().filter(|(_, (of, _))| *of == provider) {
            let keys = time_column(part).iter().zip(&numbers[at]).enumerate();
            rows.extend(keys.map(|(row, (&time, &number))| (time, number, row_id(at, row))));
        }
        rows.par_sort_unstable();
        order.extend(rows.into_iter().map(|(.., row)| row));
    }
    Pick::in_order(order)
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

/// Turns the rows of a file of one date that are dated outside the night into rejects. A file all of whose rows are
/// is of another night, and refused.
pub fn refuse_other_dates(decoded: &mut Decoded, format: &Format, night: NaiveDate) -> Result<()> {
    let Some(zone) = format.file.one_date_in else { return Ok(()) };
    let (start, end) = day_range(night, zone);
    let inside = |time: i64| (start..end).contains(&time);
    let mut outside = Vec::new();
    let rows: usize = decoded.parts.iter().map(|part| part.lines.len()).sum();
    for part in &mut decoded.parts {
        let times = time_column(part);
        if times.iter().all(|&time| inside(time)) {
            continue;
        }
        let keep: Vec<u32> = (0..count_of_rows(times.len())).filter(|&row| inside(times[row as usize])).collect();
        let column = format.fill.get("occurred_at").map(|rule| rule.from.0.join(" or ")).unwrap_or_default();
        for row in (0..times.len()).filter(|&row| !inside(times[row])) {
            let local = crate::format::time::date_in(times[row], zone);
            outside.push(Reject {
                line: u64::from(part.lines[row]),
                column: column.clone(),
                value: local.to_string(),
                reason: format!("is not of the night {night}"),
            });
        }
        keep_rows(part, &keep);
    }
    if rows > 0 && outside.len() == rows {
        let first = outside.swap_remove(0);
        return Err(Error::data("the file is of another night, and nothing of it is booked")
            .line(first.line)
            .column(first.column)
            .expected(night)
            .found(first.value)
            .next("check the date in the file's name, and fetch the file of the night"));
    }
    decoded.rejects.extend(outside);
    decoded.rejects.sort_by_key(|reject| reject.line);
    Ok(())
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
