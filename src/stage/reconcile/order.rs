//! Rows in the order of what they are called.

use rayon::prelude::*;

use super::items::Items;

/// `rows` of one side in the order of their identifiers.
pub(super) fn by_id(items: &Items, mut rows: Vec<u32>) -> Vec<u32> {
    // Records mostly come in that order, and looking is cheaper than sorting.
    if !rows.is_sorted_by(|&one, &next| items.id(one) <= items.id(next)) {
        rows.par_sort_unstable_by_key(|&row| items.id(row));
    }
    rows
}
