//! The table `open_items`: what enters the next night.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::Night;
use super::items::Items;
use crate::table::build;
use crate::table::part::{place, row_id};
use crate::table::read::column;
use crate::table::reconciliation::OPEN_ITEMS;
use crate::table::sheet::{Picked, Sheet, published};

/// The items that are carried, sorted by side and identifier.
pub(super) fn sheet(night: &Night) -> Sheet {
    // `merchant` comes before `provider`. The merchant's rows are many, and picked where they are; the provider's are
    // called by numbers, and few: they are taken out, so that only they are brought to text.
    let mut parts = night.merchant.batches.to_vec();
    let mut rows = in_order(night.merchant, &night.records.carried);
    for of_part in by_part(&night.entries.carried) {
        let places: UInt32Array = of_part.iter().map(|&row| row & 0xffff).collect();
        let items = &night.provider.batches[place(of_part[0]).0];
        parts.push(take_record_batch(items, &places).expect("the places are those of the part"));
    }
    let taken = by_part(&night.entries.carried).enumerate().flat_map(|(at, of_part)| {
        let part = night.merchant.batches.len() + at;
        of_part.into_iter().enumerate().map(move |(at, row)| (row, row_id(part, at)))
    });
    let taken: BTreeMap<u32, u32> = taken.collect();
    rows.extend(in_order(night.provider, &night.entries.carried).iter().map(|row| taken[row]));

    let rows = Arc::new(rows);
    let columns = OPEN_ITEMS.columns.iter().map(|of| {
        let picked = match of.name {
            "business_date" => Picked::whole(build::same_date(night.rules.night, rows.len())),
            "id" => Picked::rows(parts.iter().map(|part| called(column(part, "id"))).collect(), &rows),
            name => Picked::rows(parts.iter().map(|part| ArrayRef::clone(column(part, name))).collect(), &rows),
        };
        (of.name, picked)
    });
    Sheet::new(&OPEN_ITEMS, rows.len(), columns)
}

/// Rows by identifier and kind.
fn in_order(items: &Items, rows: &[u32]) -> Vec<u32> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows.par_sort_by(|&one, &other| (items.id(one), items.kind_word(one)).cmp(&(items.id(other), items.kind_word(other))));
    rows
}

/// Rows, those of a part together.
fn by_part(rows: &[u32]) -> impl Iterator<Item = Vec<u32>> + use<> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let parts: Vec<Vec<u32>> = rows.chunk_by(|&one, &next| place(one).0 == place(next).0).map(<[u32]>::to_vec).collect();
    parts.into_iter()
}

/// What rows are called, as text.
fn called(ids: &ArrayRef) -> ArrayRef {
    published(ids, &DataType::Utf8)
}
