//! The values of a column, picked out of its parts a page at a time.
//!
//! The rows of a page lie anywhere, so each of these loops does one thing and its rounds know nothing of each
//! other: the processor then waits for many rows at once.

use std::ops::Range;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

use super::texts::Text;
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
    rows: Rows<'a>,
    /// How many rows hold a value, where that is known beforehand.
    known: Option<Known>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    All,
    None,
}

enum Rows<'a> {
    /// Part after part: where each begins, and the end.
    All(Vec<usize>),
    Named(&'a [u32]),
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
        let rows = match &picked.rows {
            Pick::All => {
                let starts = parts.iter().scan(0, |end, part| {
                    *end += part.len();
                    Some(*end)
                });
                Rows::All(std::iter::once(0).chain(starts).collect())
            }
            Pick::Rows(rows) => Rows::Named(rows),
        };
        let is_nothing = |array: &ArrayRef| *array.data_type() == DataType::Null;
        let known = if parts.iter().all(is_nothing) {
            Some(Known::None)
        } else if parts.iter().any(|part| part.logical_null_count() > 0) || rows.name_none() {
            None
        } else {
            Some(Known::All)
        };
        let mut parts: Vec<Part<'a, L>> = parts.iter().map(part).collect();
        assert!(parts.len() < PART_ROWS || matches!(rows, Rows::All(_)), "a part has a number of sixteen bits");
        // The part of rows there are not.
        parts.push(Part::NOTHING);
        Self { parts, rows, known }
    }

    /// Whether every row holds a value.
    pub(super) fn is_full(&self) -> bool {
        self.known == Some(Known::All)
    }

    /// The values of the rows `range` that hold one, into `values`; which rows these are, into `held`, which is left
    /// empty where all do or none does.
    pub(super) fn gather<V: From<L::Value> + Copy + Default>(
        &self,
        range: Range<usize>,
        values: &mut Vec<V>,
        held: &mut Vec<bool>,
    ) {
        values.clear();
        held.clear();
        match self.known {
            Some(Known::None) => {}
            Some(Known::All) => self.gather_all(range, values),
            None => {
                self.gather_held(&range, values, held);
                if values.is_empty() || values.len() == range.len() {
                    held.clear();
                }
            }
        }
    }

    fn gather_all<V: From<L::Value>>(&self, range: Range<usize>, values: &mut Vec<V>) {
        match &self.rows {
            Rows::Named(rows) => values.extend(rows[range].iter().map(|&row| {
                let (part, place) = place(row);
                V::from(self.parts[part].get(place))
            })),
            Rows::All(starts) => stretches(starts, range, |part, places| {
                let part = &self.parts[part];
                values.extend(places.map(|place| V::from(part.get(place))));
            }),
        }
    }

    fn gather_held<V: From<L::Value> + Copy + Default>(&self, range: &Range<usize>, values: &mut Vec<V>, held: &mut Vec<bool>) {
        values.resize(range.len(), V::default());
        held.resize(range.len(), false);
        let (mut row, mut count) = (0, 0);
        // Every value is written, and the next one over it where the row holds none: no round depends on a guess.
        let mut keep = |part: &Part<'a, L>, place: usize| {
            let holds = part.holds(place);
            values[count] = V::from(part.get(place));
            held[row] = holds;
            row += 1;
            count += usize::from(holds);
        };
        match &self.rows {
            Rows::Named(rows) => {
                let nothing = self.parts.len() - 1;
                for &row in &rows[range.clone()] {
                    let (part, place) = place(row);
                    keep(&self.parts[part.min(nothing)], place);
                }
            }
            Rows::All(starts) => stretches(starts, range.clone(), |part, places| {
                let part = &self.parts[part];
                places.for_each(|place| keep(part, place));
            }),
        }
        values.truncate(count);
    }
}

impl Rows<'_> {
    /// Whether a row is named that there is not.
    fn name_none(&self) -> bool {
        match self {
            Self::All(_) => false,
            Self::Named(rows) => rows.contains(&NO_ROW),
        }
    }
}

/// The places of the rows `range` in each part that has some of them.
fn stretches(starts: &[usize], range: Range<usize>, mut visit: impl FnMut(usize, Range<usize>)) {
    let mut part = starts.partition_point(|&start| start <= range.start) - 1;
    let mut row = range.start;
    while row < range.end {
        let end = starts[part + 1].min(range.end);
        visit(part, row - starts[part]..end - starts[part]);
        row = end;
        part += 1;
    }
}
