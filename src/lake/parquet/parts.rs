//! The values of a column, picked out of its parts a page at a time.
//!
//! The rows of a page lie anywhere in memory. They are visited part after part and in the order they lie there, not
//! in their own: what is near is then read together. Each of these loops does one thing, and its rounds know nothing
//! of each other: the processor waits for many rows at once.

use std::ops::Range;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::texts::{Text, Texts};
use crate::table::part::{NO_ROW, PART_ROWS, place};
use crate::table::sheet::{Pick, Picked};

/// The values of one part, by place.
pub(super) trait Lane: Copy {
    /// What a value is read as.
    type Value;
    /// A part whose one value stands for those there are not.
    const NOTHING: Self;
    /// The value at a place.
    fn get(self, place: usize) -> Self::Value;
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Lane for &[$number] {
            type Value = $number;
            const NOTHING: Self = &[0 as $number];

            #[inline]
            fn get(self, place: usize) -> $number {
                self[place]
            }
        }
    )* };
}

numbers!(u32, i32, i64, i128, f64);

/// Texts, end to end.
#[derive(Clone, Copy)]
pub(super) struct Utf8<'a> {
    pub(super) offsets: &'a [i32],
    pub(super) bytes: &'a [u8],
}

impl<'a> Lane for Utf8<'a> {
    type Value = Text<'a>;
    const NOTHING: Self = Self { offsets: &[0, 0], bytes: &[] };

    #[inline]
    fn get(self, place: usize) -> Text<'a> {
        let [from, to] = [self.offsets[place], self.offsets[place + 1]].map(|offset| offset.cast_unsigned() as usize);
        Text::new(&self.bytes[from..], to - from)
    }
}

/// Identities, sixteen bytes each.
#[derive(Clone, Copy)]
pub(super) struct Identities<'a>(pub(super) &'a [[u8; 16]]);

impl Lane for Identities<'_> {
    type Value = u128;
    const NOTHING: Self = Self(&[[0; 16]]);

    #[inline]
    fn get(self, place: usize) -> u128 {
        u128::from_be_bytes(self.0[place])
    }
}

/// Codes of a dictionary, each known by its place among the entries of all dictionaries of the column.
#[derive(Clone, Copy)]
pub(super) struct Codes<'a, K> {
    pub(super) codes: &'a [K],
    pub(super) first: u32,
}

impl Lane for Codes<'_, u16> {
    type Value = u32;
    const NOTHING: Self = Self { codes: &[0], first: 0 };

    #[inline]
    fn get(self, place: usize) -> u32 {
        self.first + u32::from(self.codes[place])
    }
}

impl Lane for Codes<'_, i32> {
    type Value = u32;
    const NOTHING: Self = Self { codes: &[0], first: 0 };

    #[inline]
    fn get(self, place: usize) -> u32 {
        self.first + self.codes[place].cast_unsigned()
    }
}

/// Flags, eight a byte.
#[derive(Clone, Copy)]
pub(super) struct Flags<'a> {
    pub(super) bits: &'a [u8],
    pub(super) offset: usize,
}

impl Lane for Flags<'_> {
    type Value = bool;
    const NOTHING: Self = Self { bits: &[0], offset: 0 };

    #[inline]
    fn get(self, place: usize) -> bool {
        bit(self.bits, self.offset + place)
    }
}

fn bit(bits: &[u8], place: usize) -> bool {
    bits[place / 8] >> (place % 8) & 1 == 1
}

/// One part, so that a place is looked up the same way whether or not it holds a value: where there is nothing to
/// look up, a mask leads every place to the first.
#[derive(Clone, Copy)]
struct Part<'a, L> {
    lane: L,
    values: usize,
    held: &'a [u8],
    offset: usize,
    told: usize,
}

impl<L: Lane> Part<'_, L> {
    const NOTHING: Self = Self { lane: L::NOTHING, values: 0, held: &[0], offset: 0, told: 0 };

    #[inline]
    fn holds(&self, place: usize) -> bool {
        bit(self.held, self.offset + (place & self.told))
    }

    #[inline]
    fn get(&self, place: usize) -> L::Value {
        self.lane.get(place & self.values)
    }
}

/// A column as it lies in memory.
pub(super) struct Parts<'a, L> {
    parts: Vec<Part<'a, L>>,
    /// Where each part begins among the rows, and the end, where all are read in order.
    starts: Option<Vec<usize>>,
    /// How many rows hold a value, where that is known beforehand.
    known: Option<Known>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    All,
    None,
}

/// The rows of a row group in the order they are visited in, page by page: the name of each, and its number there.
pub(super) struct Visits {
    first: usize,
    visits: Vec<(u32, u32)>,
}

impl Visits {
    /// Of the rows `group` of those named.
    pub(super) fn new(rows: &[u32], group: Range<usize>, page: usize) -> Self {
        let pages = rows[group.clone()].chunks(page);
        let mut visits: Vec<(u32, u32)> = pages.flat_map(|page| page.iter().copied().zip(0..)).collect();
        visits.par_chunks_mut(page).for_each(<[_]>::sort_unstable);
        Self { first: group.start, visits }
    }

    fn of(&self, page: &Range<usize>) -> &[(u32, u32)] {
        &self.visits[page.start - self.first..page.end - self.first]
    }
}

impl<'a, L: Lane> Parts<'a, L> {
    /// The rows `picked` names, of `parts` whose values `lane` finds.
    pub(super) fn new(picked: &'a Picked, parts: &'a [ArrayRef], mut lane: impl FnMut(&'a ArrayRef) -> L) -> Self {
        let part = |array: &'a ArrayRef| {
            if *array.data_type() == DataType::Null {
                return Part::NOTHING;
            }
            let lane = lane(array);
            match array.nulls() {
                Some(nulls) => {
                    Part { lane, values: usize::MAX, held: nulls.validity(), offset: nulls.offset(), told: usize::MAX }
                }
                None => Part { lane, values: usize::MAX, held: &[1], offset: 0, told: 0 },
            }
        };
        let (starts, names_none) = match &picked.rows {
            Pick::All => {
                let ends = parts.iter().scan(0, |end, part| {
                    *end += part.len();
                    Some(*end)
                });
                (Some(std::iter::once(0).chain(ends).collect()), false)
            }
            Pick::Rows(rows) => (None, rows.contains(&NO_ROW)),
        };
        let is_nothing = |array: &ArrayRef| *array.data_type() == DataType::Null;
        let known = if parts.iter().all(is_nothing) {
            Some(Known::None)
        } else if parts.iter().any(|part| part.logical_null_count() > 0) || names_none {
            None
        } else {
            Some(Known::All)
        };
        let mut parts: Vec<Part<'a, L>> = parts.iter().map(part).collect();
        assert!(parts.len() < PART_ROWS || starts.is_some(), "a part has a number of sixteen bits");
        // The part of rows there are not.
        parts.push(Part::NOTHING);
        Self { parts, starts, known }
    }

    /// Whether every row holds a value.
    pub(super) fn is_full(&self) -> bool {
        self.known == Some(Known::All)
    }

    /// The values of the rows `page` that hold one, into `values`; which rows these are, into `held`, which is left
    /// empty where all do or none does.
    pub(super) fn gather<V>(&self, page: &Range<usize>, visits: Option<&Visits>, values: &mut Vec<V>, held: &mut Vec<bool>)
    where
        V: From<L::Value> + Copy + Default,
    {
        held.clear();
        values.clear();
        if self.known == Some(Known::None) {
            return;
        }
        values.resize(page.len(), V::default());
        if self.is_full() {
            self.visit(page, visits, |part, place, row| values[row] = V::from(part.get(place)));
        } else {
            held.resize(page.len(), false);
            self.visit(page, visits, |part, place, row| {
                held[row] = part.holds(place);
                values[row] = V::from(part.get(place));
            });
            keep(values, held);
        }
    }

    /// Visits the rows `page`: calls `visit` with the part, the place there, and the row's number on the page.
    #[inline]
    fn visit(&self, page: &Range<usize>, visits: Option<&Visits>, mut visit: impl FnMut(&Part<'a, L>, usize, usize)) {
        if let Some(starts) = &self.starts {
            return stretches(starts, page.clone(), |part, places, rows| {
                let part = &self.parts[part];
                places.zip(rows).for_each(|(place, row)| visit(part, place, row));
            });
        }
        let visits = visits.expect("rows that are named have an order to visit them in");
        let nothing = self.parts.len() - 1;
        for &(row, number) in visits.of(page) {
            let (part, place) = place(row);
            // A name of no part is a mistake in the stage, never an empty column.
            let part = if row == NO_ROW { nothing } else { part };
            assert!(part < nothing || row == NO_ROW, "row {row:#x} is of a part there is not");
            visit(&self.parts[part], place, number as usize);
        }
    }
}

impl<'a> Parts<'a, Utf8<'a>> {
    /// As [`Parts::gather`], into the texts of a page.
    pub(super) fn gather_texts(&self, page: &Range<usize>, visits: Option<&Visits>, texts: &mut Texts, held: &mut Vec<bool>) {
        held.clear();
        if self.known == Some(Known::None) {
            return texts.begin(0);
        }
        texts.begin(page.len());
        if self.is_full() {
            self.visit(page, visits, |part, place, row| texts.put(row, part.get(place)));
        } else {
            held.resize(page.len(), false);
            self.visit(page, visits, |part, place, row| {
                held[row] = part.holds(place);
                texts.put(row, part.get(place));
            });
            texts.keep(held);
        }
    }
}

/// Keeps the values whose rows hold one. Where that is all of them or none, nothing more is said of it.
pub(super) fn keep<V: Copy>(values: &mut Vec<V>, held: &mut Vec<bool>) {
    let mut count = 0;
    for row in 0..values.len() {
        values[count] = values[row];
        count += usize::from(held[row]);
    }
    values.truncate(count);
    if count == 0 || count == held.len() {
        held.clear();
    }
}

/// The places of the rows `page` in each part that has some of them, and the numbers of these rows on the page.
fn stretches(starts: &[usize], page: Range<usize>, mut visit: impl FnMut(usize, Range<usize>, Range<usize>)) {
    let mut part = starts.partition_point(|&start| start <= page.start) - 1;
    let mut row = page.start;
    while row < page.end {
        let end = starts[part + 1].min(page.end);
        visit(part, row - starts[part]..end - starts[part], row - page.start..end - page.start);
        row = end;
        part += 1;
    }
}
