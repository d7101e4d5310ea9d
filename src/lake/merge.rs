//! Sorted runs of a table, merged: sheet after sheet of as many rows as a row group has.
//!
//! No row is moved. The heads of the runs stand in a tournament, and the name of the winner goes onto the list of the
//! sheet. A key is a list of words of 64 bits, and a head is judged by where its key departs from that of the winner
//! before, and with which word: of two, the one that departs later comes first, and of two that depart at one place
//! the one with the lesser word. Two numbers tell nearly all heads apart, however much their keys have in common.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};

use crate::error::Result;
use crate::table::column::{Table, Type};
use crate::table::part::{PART_ROWS, identity, place, row_id};
use crate::table::read::{Words, column, words_of};
use crate::table::sheet::{Picked, Sheet};

/// A run: rows of a table in the order of its key, in batches of at most [`PART_ROWS`] rows. Their columns are named
/// as the table's and in the types of [`crate::table::part`], those of every batch in its own.
pub type Run = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Runs on their way to being one.
pub(super) struct Merge {
    table: &'static Table,
    heads: Vec<Head>,
    /// The winner, and then at every place of the tree who lost there. Those who meet at place `n` come from the
    /// places `2n` and `2n + 1`; past the last place stand the heads.
    places: Vec<Contender>,
}

/// A head, and how its key departs from that of the last winner it met.
#[derive(Clone, Copy)]
struct Contender {
    departure: u128,
    head: usize,
}

/// The departure of a key from the same key: less than any other.
const SAME: u128 = 0;
/// The departure of a run that has no row left: greater than any other.
const OVER: u128 = u128::MAX;

impl Merge {
    /// Begins to merge `runs`. Of rows with the same key those of an earlier run come first.
    pub(super) fn of(table: &'static Table, runs: Vec<Run>) -> Result<Self> {
        let nobody = Contender { departure: OVER, head: 0 };
        let mut heads: Vec<Head> = runs.into_iter().map(Head::new).collect();
        let mut winners = vec![nobody; heads.len()];
        for (number, head) in heads.iter_mut().enumerate() {
            winners.push(Contender { departure: head.departure(table)?, head: number });
        }
        let mut places = vec![nobody; heads.len().max(1)];
        for place in (1..heads.len()).rev() {
            (winners[place], places[place]) = meet(&heads, winners[2 * place], winners[2 * place + 1]);
        }
        places[0] = winners.get(1).copied().unwrap_or(nobody);
        Ok(Self { table, heads, places })
    }

    /// The next `most` rows, or as many as are left, if any are.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<Sheet>> {
        let mut parts: Vec<RecordBatch> = Vec::new();
        let mut names: Vec<u32> = Vec::new();
        while names.len() < most && self.places[0].departure != OVER {
            let winner = self.places[0].head;
            let head = &mut self.heads[winner];
            if head.row == head.first {
                head.name = row_id(parts.len(), 0);
                parts.push(head.batch.slice(head.first, head.batch.num_rows() - head.first));
            }
            names.push(head.name);
            head.name += 1;
            head.row += 1;
            let departure = head.departure(self.table)?;
            self.places[0] = self.winner(Contender { departure, head: winner });
        }
        if names.is_empty() {
            return Ok(None);
        }
        // A batch that is used in part is cut: what follows is no part of this sheet, and the first of a later one.
        for head in &mut self.heads {
            if head.row > head.first {
                let (part, _) = place(head.name - 1);
                parts[part] = parts[part].slice(0, head.row - head.first);
                head.first = head.row;
            }
        }
        let names = Arc::new(names);
        let picked = |name| Picked::rows(parts.iter().map(|part| ArrayRef::clone(column(part, name))).collect(), &names);
        let columns = self.table.columns.iter().map(|column| (column.name, picked(column.name)));
        Ok(Some(Sheet::new(self.table, names.len(), columns)))
    }

    /// Who wins once the winner's head has moved on to what `next` says.
    #[inline]
    fn winner(&mut self, next: Contender) -> Contender {
        let mut winner = next;
        let mut place = self.heads.len() + next.head;
        while place > 1 {
            place /= 2;
            (winner, self.places[place]) = meet(&self.heads, winner, self.places[place]);
        }
        winner
    }
}

/// Who of two wins, and who loses. Both departures are from one key; the loser's is then the one from the winner's.
#[inline]
fn meet(heads: &[Head], one: Contender, other: Contender) -> (Contender, Contender) {
    match one.departure.cmp(&other.departure) {
        // What departs from the key later than the other does departs from the other where that departs from the key.
        Ordering::Less => (one, other),
        Ordering::Greater => (other, one),
        Ordering::Equal => meet_closely(heads, one, other),
    }
}

/// Who of two wins whose departures are the same.
fn meet_closely(heads: &[Head], one: Contender, other: Contender) -> (Contender, Contender) {
    let (first, second) = if one.head < other.head { (one, other) } else { (other, one) };
    if first.departure == OVER {
        return (first, second);
    }
    let [first_key, second_key] = [first, second].map(|contender| heads[contender.head].key());
    if first_key <= second_key {
        (first, Contender { departure: departure(first_key, second_key), ..second })
    } else {
        (second, Contender { departure: departure(second_key, first_key), ..first })
    }
}

/// Where `key` departs from one that is not greater, and with which word.
///
/// # Panics
/// If the other is greater.
#[inline]
fn departure(from: &[u64], key: &[u64]) -> u128 {
    let at = from.iter().zip(key).take_while(|(from, word)| from == word).count();
    // No key begins with another.
    let Some(&word) = key.get(at) else { return SAME };
    assert!(from.get(at) < Some(&word), "a run comes ordered by the key of its table");
    u128::from(u64::MAX - 1 - at as u64) << 64 | u128::from(word)
}

/// A run, and the row of it that is merged next.
struct Head {
    run: Run,
    batch: RecordBatch,
    /// The first row of the batch that is in no sheet before the one in the making.
    first: usize,
    row: usize,
    /// The name of the row in the sheet in the making, once one of the batch is there.
    name: u32,
    keys: Keys,
}

impl Head {
    fn new(run: Run) -> Self {
        Self { run, batch: no_rows(), first: 0, row: 0, name: 0, keys: Keys::default() }
    }

    /// How the row departs from the one before it.
    #[inline]
    fn departure(&mut self, table: &Table) -> Result<u128> {
        if self.row == self.keys.rows.end && !self.read(table)? {
            return Ok(OVER);
        }
        Ok(self.keys.departures[self.row - self.keys.rows.start])
    }

    fn key(&self) -> &[u64] {
        self.keys.of(self.row)
    }

    /// Reads the keys of the next rows, of which there may be none.
    fn read(&mut self, table: &Table) -> Result<bool> {
        while self.row == self.batch.num_rows() {
            let next = self.run.next().transpose()?;
            let is_over = next.is_none();
            (self.batch, self.first, self.row) = (next.unwrap_or_else(no_rows), 0, 0);
            if is_over {
                return Ok(false);
            }
            assert!(self.batch.num_rows() <= PART_ROWS, "a batch of a run is a part");
        }
        let rows = self.row..self.batch.num_rows().min(self.row + Keys::MOST);
        self.keys.read(table, &self.batch, rows);
        Ok(true)
    }
}

fn no_rows() -> RecordBatch {
    RecordBatch::new_empty(Arc::new(Schema::empty()))
}

/// The keys of some rows of a batch, and of the row before them.
struct Keys {
    rows: Range<usize>,
    words: Vec<u64>,
    /// Where each key begins among the words, that of the row before them first; and the end.
    starts: Vec<usize>,
    /// How each row departs from the one before it.
    departures: Vec<u128>,
}

impl Default for Keys {
    /// Of no rows, after one whose key is less than any.
    fn default() -> Self {
        Self { rows: 0..0, words: Vec::new(), starts: vec![0, 0], departures: Vec::new() }
    }
}

impl Keys {
    /// Rows whose keys are held of a run at a time: they stay in the cache.
    const MOST: usize = 1024;

    #[inline]
    fn of(&self, row: usize) -> &[u64] {
        let at = row - self.rows.start + 1;
        &self.words[self.starts[at]..self.starts[at + 1]]
    }

    /// Reads the keys of the rows that follow.
    fn read(&mut self, table: &Table, batch: &RecordBatch, rows: Range<usize>) {
        let last = self.starts[self.starts.len() - 2];
        self.words.drain(..last);
        self.starts.clear();
        self.starts.extend([0, self.words.len()]);
        self.departures.clear();
        let arrays: Vec<ArrayRef> = table.key.iter().map(|name| of_key(table, batch, name, &rows)).collect();
        let columns: Vec<Values> = arrays.iter().map(Values::of).collect();
        for row in 0..rows.len() {
            for column in &columns {
                column.append(row, &mut self.words);
            }
            let (before, key) = self.words[self.starts[row]..].split_at(self.starts[row + 1] - self.starts[row]);
            self.departures.push(departure(before, key));
            self.starts.push(self.words.len());
        }
        self.rows = rows;
    }
}

/// Some rows of a column of the key; numbers of all kinds in 64 bits.
fn of_key(table: &Table, batch: &RecordBatch, name: &str, rows: &Range<usize>) -> ArrayRef {
    let values = column(batch, name).slice(rows.start, rows.len());
    match table.columns[table.position(name)].kind {
        Type::Text | Type::Word => values,
        Type::Instant | Type::Date | Type::Count | Type::Flag => {
            cast(&values, &DataType::Int64).expect("numbers of these kinds have 64 bits")
        }
        kind => panic!("table {}: no key has a column of {kind:?}", table.name),
    }
}

/// A column of the key.
enum Values<'a> {
    Texts(&'a StringArray),
    Identities(&'a FixedSizeBinaryArray),
    Words(Words<'a>),
    Numbers(&'a Int64Array),
    Nothing,
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Null => Self::Nothing,
            DataType::Int64 => Self::Numbers(array.as_primitive::<Int64Type>()),
            DataType::FixedSizeBinary(_) => Self::Identities(array.as_fixed_size_binary()),
            DataType::Dictionary(..) => Self::Words(words_of(array)),
            _ => Self::Texts(array.as_string::<i32>()),
        }
    }

    /// Appends the value of a row, so that lists of words order as values do; nothing is the word zero.
    fn append(&self, row: usize, words: &mut Vec<u64>) {
        match self {
            Self::Texts(texts) if texts.is_valid(row) => append_text(texts.value(row).as_bytes(), words),
            // As the text that other batches may have.
            Self::Identities(numbers) if numbers.is_valid(row) => append_text(&identity(numbers.value(row)).digits(), words),
            Self::Numbers(numbers) if numbers.is_valid(row) => {
                words.extend([1, numbers.value(row).cast_unsigned() ^ 1 << (u64::BITS - 1)]);
            }
            Self::Words(values) => match values.optional(row) {
                Some(word) => append_text(word.as_bytes(), words),
                None => words.push(0),
            },
            _ => words.push(0),
        }
    }
}

/// Appends a text as words of seven bytes each. The eighth says how many of them the text has, and whether it goes on,
/// so that no text begins with the words of another.
fn append_text(text: &[u8], words: &mut Vec<u64>) {
    const GOES_ON: u64 = 9;
    let mut rest = text;
    while let Some(eight) = rest.first_chunk::<8>() {
        words.push(u64::from_be_bytes(*eight) & !0xff | GOES_ON);
        rest = &rest[7..];
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.push(u64::from_be_bytes(last) | (rest.len() as u64 + 1));
}
