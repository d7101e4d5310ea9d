//! Rows in the order of what they are called.

use rayon::prelude::*;

use super::items::{Items, Kind};
use crate::table::part::{Id, row_id};

/// `rows` of one side in the order of their identifiers.
pub(super) fn by_id(items: &Items, mut rows: Vec<u32>) -> Vec<u32> {
    // Records mostly come in that order, and looking is cheaper than sorting.
    if !rows.is_sorted_by(|&one, &next| items.id(one) <= items.id(next)) {
        rows.par_sort_unstable_by_key(|&row| items.id(row));
    }
    rows
}

/// Whether every part holds the items of each kind in the order of their identifiers, each after all of another part
/// or before: then no identifier of a kind comes twice. Records mostly come so.
pub(super) fn is_known(items: &Items) -> bool {
    let Some(mut spans) = items.parts.par_iter().enumerate().map(|(part, _)| spans(items, part)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    [0, 1].into_iter().all(|kind| {
        let mut spans: Vec<(Id, Id)> = spans.iter_mut().filter_map(|spans| spans[kind].take()).collect();
        spans.sort_unstable();
        spans.is_sorted_by(|one, next| one.1 < next.0)
    })
}

/// The first and the last identifier of the payments of a part and of all else; none if they are not in order.
fn spans<'a>(items: &Items<'a>, part: usize) -> Option<[Option<(Id<'a>, Id<'a>)>; 2]> {
    let mut spans: [Option<(Id, Id)>; 2] = [None; 2];
    for row in 0..items.parts[part].rows() {
        let row = row_id(part, row);
        let id = items.id(row);
        let span = &mut spans[usize::from(items.kind(row) != Kind::Payment)];
        *span = match *span {
            None => Some((id, id)),
            Some((first, last)) if last < id => Some((first, id)),
            Some(_) => return None,
        };
    }
    Some(spans)
}
