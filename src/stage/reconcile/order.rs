//! The order of records by their identifiers, by which `matches` is sorted.

use rayon::prelude::*;

use super::items::{Items, Kind};
use crate::table::part::{Id, row_id};

/// What is known of the order of one side's rows, for payments and for all else.
pub(super) struct Order<'a> {
    items: &'a Items<'a>,
    /// The parts in the order of their identifiers, if each is in order and all of it before the next: then no
    /// identifier of the kind comes twice. Records mostly come so, and looking is cheaper than sorting.
    parts: [Option<Vec<usize>>; 2],
}

impl<'a> Order<'a> {
    pub(super) fn of(items: &'a Items<'a>) -> Self {
        let spans: Vec<[Span; 2]> = (0..items.parts.len()).into_par_iter().map(|part| spans(items, part)).collect();
        Self { items, parts: [0, 1].map(|kind| ordered(spans.iter().map(|spans| spans[kind]))) }
    }

    /// Whether the parts are known to be in order, of all kinds.
    pub(super) fn is_strict(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }

    /// Rows of a kind in order. `of_part` picks them from a part, in the order they have there.
    pub(super) fn rows(&self, kind: Kind, of_part: impl Fn(usize) -> Vec<u32> + Sync) -> Vec<u32> {
        if let Some(parts) = &self.parts[column(kind)] {
            return parts.par_iter().map(|&part| of_part(part)).collect::<Vec<_>>().concat();
        }
        let rows: Vec<Vec<u32>> = (0..self.items.parts.len()).into_par_iter().map(&of_part).collect();
        sorted(self.items, &rows.concat())
    }
}

/// The first and the last identifier of rows in order.
#[derive(Clone, Copy)]
enum Span<'a> {
    NoRow,
    InOrder(Id<'a>, Id<'a>),
    Disordered,
}

fn column(kind: Kind) -> usize {
    usize::from(kind != Kind::Payment)
}

fn spans<'a>(items: &Items<'a>, part: usize) -> [Span<'a>; 2] {
    let mut spans = [Span::NoRow; 2];
    for row in 0..items.parts[part].rows() {
        let row = row_id(part, row);
        let id = items.id(row);
        let span = &mut spans[column(items.kind(row))];
        *span = match *span {
            Span::NoRow => Span::InOrder(id, id),
            Span::InOrder(first, last) if last < id => Span::InOrder(first, id),
            _ => Span::Disordered,
        };
    }
    spans
}

fn ordered<'a>(spans: impl Iterator<Item = Span<'a>>) -> Option<Vec<usize>> {
    let mut in_order: Vec<(Id, Id, usize)> = Vec::new();
    for (part, span) in spans.enumerate() {
        match span {
            Span::NoRow => {}
            Span::InOrder(first, last) => in_order.push((first, last, part)),
            Span::Disordered => return None,
        }
    }
    in_order.sort_unstable();
    in_order.is_sorted_by(|one, next| one.1 < next.0).then(|| in_order.into_iter().map(|(_, _, part)| part).collect())
}

/// Rows sorted by their identifiers: by eight bytes of them first, past those all have in common.
fn sorted(items: &Items, rows: &[u32]) -> Vec<u32> {
    let Some(&first) = rows.first() else { return Vec::new() };
    let common = items.id(first).with_text(|first| {
        let common = |row: &u32| items.id(*row).with_text(|id| first.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count());
        rows.par_iter().map(common).min().expect("there is a row")
    });
    let lead = |row: u32| {
        let mut lead = [0; 8];
        items.id(row).with_text(|id| {
            id.as_bytes()[common..].iter().zip(&mut lead).for_each(|(&byte, place)| *place = byte);
        });
        (u64::from_be_bytes(lead), row)
    };
    let mut rows: Vec<(u64, u32)> = rows.par_iter().map(|&row| lead(row)).collect();
    rows.par_sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| items.id(one.1).cmp(&items.id(other.1))));
    rows.into_iter().map(|(_, row)| row).collect()
}
