//! The table `open_items`: what enters the next night.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use rayon::prelude::*;

use super::Night;
use super::items::Items;
use crate::table::build;
use crate::table::part::{place, row_id};
use crate::table::read::column;
use crate::table::reconciliation::OPEN_ITEMS;
use crate::table::sheet::{Pick, Picked, Sheet};

/// The items that are carried, sorted by side and identifier.
pub(super) fn table(night: &Night) -> RecordBatch {
    // `merchant` comes before `provider`.
    let mut parts = Vec::new();
    let mut rows = take(night.merchant, &night.records.carried, &mut parts);
    rows.extend(take(night.provider, &night.entries.carried, &mut parts));
    let rows = Arc::new(rows);
    let in_order = rows.is_sorted();
    let columns = OPEN_ITEMS.columns.iter().map(|of| {
        let picked = match of.name {
            "business_date" => Picked::whole(build::same_date(night.rules.night, rows.len())),
            name => {
                let parts = parts.iter().map(|part| ArrayRef::clone(column(part, name))).collect();
                if in_order { Picked { parts, rows: Pick::All } } else { Picked::rows(parts, &rows) }
            }
        };
        (of.name, picked)
    });
    Sheet::new(&OPEN_ITEMS, rows.len(), columns).batch()
}

/// Takes rows out of their parts, so that only they are brought to the types of the table: appends what each part
/// gives to `taken`, and names the rows there, in order of identifier and kind.
fn take(items: &Items, rows: &[u32], taken: &mut Vec<RecordBatch>) -> Vec<u32> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let mut names = Vec::with_capacity(rows.len());
    for of_part in rows.chunk_by(|&one, &next| place(one).0 == place(next).0) {
        let (part, _) = place(of_part[0]);
        let places: UInt32Array = of_part.iter().map(|&row| row & 0xffff).collect();
        names.extend(of_part.iter().enumerate().map(|(at, &row)| (row, row_id(taken.len(), at))));
        taken.push(take_record_batch(&items.batches[part], &places).expect("the places are those of the part"));
    }
    names.par_sort_unstable_by_key(|&(row, _)| (items.id(row), items.kind_word(row)));
    names.into_iter().map(|(_, name)| name).collect()
}
