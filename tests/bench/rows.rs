//! Rows made from their number alone: the same each time, in no order, without a table of what was drawn before.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use tieout::table::part::PART_ROWS;

/// Coprime to any number of rows below it: what row numbers are multiplied with to stand in another order.
const STRIDE: u64 = 2_654_435_761;
/// Fifteen digits, as many as a key has of its own.
const DIGITS: u128 = 1_000_000_000_000_000;

/// The fifteen digits that thing `number` is known by. Each has others: the factor is coprime to ten.
pub(crate) fn digits(number: u64) -> u64 {
    let scrambled = (u128::from(number) * 693_147_180_559_947 + 27_182_818_284_590) % DIGITS;
    u64::try_from(scrambled).expect("fifteen digits fit 64 bits")
}

/// The place of row `row` of `rows` in another order.
pub(crate) fn shuffled(row: u64, rows: u64) -> u64 {
    let place = u128::from(row) * u128::from(STRIDE) % u128::from(rows);
    u64::try_from(place).expect("a place is below the number of rows")
}

/// A column of references of 28 characters, one for each of `rows`.
pub(crate) fn references(rows: Range<u64>, thing_of: impl Fn(u64) -> u64) -> ArrayRef {
    column(rows, 28, |text, row| write!(text, "4200002026112{:015}", digits(thing_of(row))))
}

/// A column of texts of about `length` characters.
pub(crate) fn column(rows: Range<u64>, length: usize, write: impl Fn(&mut StringBuilder, u64) -> std::fmt::Result) -> ArrayRef {
    let count = usize::try_from(rows.end - rows.start).expect("rows in memory are counted by an index");
    let mut texts = StringBuilder::with_capacity(count, count * length);
    for row in rows {
        write(&mut texts, row).expect("a builder takes any text");
        // What was written so far is one value.
        texts.append_value("");
    }
    Arc::new(texts.finish())
}

/// A batch in parts of the length the program gives them.
pub(crate) fn in_parts(batch: &RecordBatch) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(PART_ROWS);
    starts.map(|start| batch.slice(start, PART_ROWS.min(batch.num_rows() - start))).collect()
}
