//! The merchant's files, read, to `orders`, `attempts` and `refunds`: one order, each identifier once.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use chrono::NaiveDate;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::normalize::{Delivered, Repeated, batch, keep_rows};
use crate::format::Target;
use crate::format::read::{Part, Reject};
use crate::mask::masked;
use crate::table::build::words;
use crate::table::part::{nothing, place, row_id};
use crate::table::read::{column, count_of_rows, words as words_of};
use crate::table::rows::Rows;
use crate::table::sheet::Pick;

/// All records of one table of a night or of a share of it, ordered by their identifier: every column but the outcome.
///
/// A second row of the same identifier is taken out of `delivered` and becomes a reject: of two that differ the one
/// whose bytes come first in a fixed order stays, wherever they stood. `repeated` are identifiers that come more than
/// once in a night taken apart; none in a whole one.
#[must_use]
pub fn records(delivered: &mut [Delivered], target: Target, repeated: &Repeated, night: NaiveDate) -> Rows {
    let key = target.table().key[0];
    if !repeated.is_empty() {
        reject_repeated_elsewhere(delivered, key, repeated);
    }
    let mut order = Pick::All;
    if !Keys::of(delivered, key).are_in_order() {
        let mut rows = sorted(delivered, key);
        if reject_repeated(delivered, key, &rows) {
            rows = sorted(delivered, key);
        }
        order = Pick::in_order(rows);
    }
    let mut parts = Vec::new();
    for file in delivered {
        file.rows += file.decoded.parts.iter().map(|part| part.lines.len()).sum::<usize>();
        let read = std::mem::take(&mut file.decoded.parts);
        parts.extend(read.into_iter().map(|part| batch([], part, file.file_id, night)));
    }
    Rows { parts, order }
}

/// One attempt for each order: what a merchant who records no attempts says of them.
#[must_use]
pub fn attempts_of_orders(orders: &Rows) -> Rows {
    let parts = orders.parts.iter().map(|orders| {
        let rows = orders.num_rows();
        let same = |name: &'static str| (name, Arc::clone(column(orders, name)));
        let as_order = |name: &'static str, of: &str| (name, Arc::clone(column(orders, of)));
        let statuses = words_of(orders, "status");
        let status = (0..rows).map(|row| {
            Some(match statuses.get(row) {
                "paid" => "succeeded",
                "created" => "initiated",
                other => other,
            })
        });
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            as_order("attempt_id", "order_id"),
            as_order("merchant_reference", "order_id"),
            as_order("started_at", "created_at"),
            ("status", words(status)),
        ];
        columns.extend(["order_id", "business_date", "amount", "currency", "file_id", "line"].map(same));
        let unknown = [
            "finished_at",
            "provider_reference",
            "provider",
            "method",
            "wallet",
            "card_brand",
            "card_funding",
            "stage",
            "failure_code",
        ];
        columns.extend(unknown.map(|name| (name, nothing(rows))));
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .expect("every column has a row an order")
    });
    Rows { parts: parts.collect(), order: orders.order.clone() }
}

/// The identifiers of every part, with the hashes of the rows' bytes.
struct Keys<'a>(Vec<OfPart<'a>>);

struct OfPart<'a> {
    ids: &'a StringArray,
    contents: &'a [u64],
    file: usize,
    lines: &'a [u32],
}

impl<'a> Keys<'a> {
    fn of(delivered: &'a [Delivered], key: &str) -> Self {
        let parts = delivered.iter().flat_map(|file| file.decoded.parts.iter().map(|part| (file.number, part)));
        let of_part = |(file, part): (usize, &'a Part)| OfPart {
            ids: key_column(part, key),
            contents: &part.contents,
            file,
            lines: &part.lines,
        };
        Self(parts.map(of_part).collect())
    }

    fn get(&self, row: u32) -> &'a str {
        let (part, row) = place(row);
        self.0[part].ids.value(row)
    }

    fn content(&self, row: u32) -> u64 {
        let (part, row) = place(row);
        self.0[part].contents[row]
    }

    /// Which file, and which line of it.
    fn stands(&self, row: u32) -> (usize, u32) {
        let (part, row) = place(row);
        (self.0[part].file, self.0[part].lines[row])
    }

    /// Whether all rows stand in order as they are, each identifier once. Files are mostly written so, and looking
    /// costs less than sorting.
    fn are_in_order(&self) -> bool {
        let rises = |ids: &StringArray| (1..ids.len()).all(|row| ids.value(row - 1) < ids.value(row));
        let stated: Vec<&StringArray> = self.0.iter().map(|part| part.ids).filter(|ids| !ids.is_empty()).collect();
        stated.windows(2).all(|pair| pair[0].value(pair[0].len() - 1) < pair[1].value(0))
            && stated.par_iter().all(|ids| rises(ids))
    }

    /// What all identifiers begin with, in bytes.
    fn common_prefix(&self) -> usize {
        let stated = || self.0.iter().flat_map(|part| part.ids.iter().flatten());
        let Some(first) = stated().next() else { return 0 };
        stated().fold(first.len(), |common, id| {
            let same = first.bytes().zip(id.bytes()).take(common);
            same.take_while(|(one, other)| one == other).count()
        })
    }
}

fn key_column<'a>(part: &'a Part, key: &str) -> &'a StringArray {
    part.columns.iter().find(|(name, _)| *name == key).expect("a record has its identifier").1.as_string::<i32>()
}

/// Every row, by identifier, then by content, then as they stand.
fn sorted(delivered: &[Delivered], key: &str) -> Vec<u32> {
    let keys = Keys::of(delivered, key);
    // Most identifiers share their first letters: eight bytes behind those decide almost every comparison.
    let skip = keys.common_prefix();
    let behind = |id: &str| {
        let mut eight = [0; 8];
        let rest = &id.as_bytes()[skip..];
        let length = rest.len().min(8);
        eight[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(eight)
    };
    let parts = keys.0.par_iter().enumerate();
    let mut rows: Vec<(u64, u32)> = parts
        .flat_map_iter(|(part, OfPart { ids, .. })| (0..ids.len()).map(move |row| (behind(ids.value(row)), row_id(part, row))))
        .collect();
    let compare = |a: &(u64, u32), b: &(u64, u32)| -> Ordering {
        let by_text = || (keys.get(a.1), keys.content(a.1)).cmp(&(keys.get(b.1), keys.content(b.1)));
        a.0.cmp(&b.0).then_with(by_text).then_with(|| keys.stands(a.1).cmp(&keys.stands(b.1)))
    };
    rows.par_sort_unstable_by(compare);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Turns every row that repeats the identifier of the one before it into a reject; says whether there was one.
fn reject_repeated(delivered: &mut [Delivered], key: &str, order: &[u32]) -> bool {
    let keys = Keys::of(delivered, key);
    let mut repeated: BTreeMap<usize, BTreeMap<usize, String>> = BTreeMap::new();
    for pair in order.windows(2).filter(|pair| keys.get(pair[0]) == keys.get(pair[1])) {
        let (part, row) = place(pair[1]);
        repeated.entry(part).or_default().insert(row, keys.get(pair[1]).to_owned());
    }
    if repeated.is_empty() {
        return false;
    }
    reject(delivered, key, repeated);
    true
}

/// Turns every row into a reject whose identifier comes in another share too, in a row whose bytes come first.
fn reject_repeated_elsewhere(delivered: &mut [Delivered], key: &str, known: &Repeated) {
    let mut repeated: BTreeMap<usize, BTreeMap<usize, String>> = BTreeMap::new();
    for (part, OfPart { ids, contents, .. }) in Keys::of(delivered, key).0.iter().enumerate() {
        for (row, (id, &content)) in ids.iter().flatten().zip(*contents).enumerate() {
            if known.get(number_of(id)).is_some_and(|contents| contents[0] < content) {
                repeated.entry(part).or_default().insert(row, id.to_owned());
            }
        }
    }
    reject(delivered, key, repeated);
}

/// The number of an identifier among those of a night taken apart.
#[must_use]
pub fn number_of(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

/// Turns rows into rejects: by part and row, with their identifiers.
fn reject(delivered: &mut [Delivered], key: &str, mut repeated: BTreeMap<usize, BTreeMap<usize, String>>) {
    let mut number = 0;
    for file in delivered {
        for part in &mut file.decoded.parts {
            let gone = repeated.remove(&number).unwrap_or_default();
            number += 1;
            if gone.is_empty() {
                continue;
            }
            file.decoded.rejects.extend(gone.iter().map(|(row, id)| Reject {
                line: u64::from(part.lines[*row]),
                column: key.to_owned(),
                value: masked(id),
                reason: "is stated by another line already".to_owned(),
            }));
            let keep: Vec<u32> =
                (0..count_of_rows(part.lines.len())).filter(|row| !gone.contains_key(&(*row as usize))).collect();
            keep_rows(part, &keep);
        }
        file.decoded.rejects.sort_by_key(|reject| reject.line);
    }
}
