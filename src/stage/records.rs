//! The merchant's files, read, to `orders`, `attempts` and `refunds`: one order, each identifier once.

use arrow::array::{ArrayRef, AsArray, StringArray};
use chrono::NaiveDate;
use rayon::prelude::*;

use super::normalize::{Columns, Delivered, gather, keep_rows, take_parts, words_of_files};
use crate::format::Target;
use crate::format::read::{Part, Reject};
use crate::mask::masked;
use crate::table::build::{same_date, same_word};
use crate::table::read::count_of_rows;

/// All records of one table of a night, ordered by their identifier: every column but the outcome.
///
/// A second row of the same identifier is taken out of `delivered` and becomes a reject: of two that differ the one
/// whose bytes come first in a fixed order stays, wherever they stood.
#[must_use]
pub fn records(delivered: &mut [Delivered], target: Target, night: NaiveDate) -> Columns {
    let key = target.table().key[0];
    let mut order = ordered(delivered, key);
    if reject_repeated(delivered, key, &order) {
        order = ordered(delivered, key);
    }
    let file_ids = words_of_files(delivered, &order, |file| file.file_id.to_owned());
    let parts = take_parts(delivered);
    let mut columns = if parts.is_empty() { empty(target) } else { gather(parts, &order) };
    columns.push(("file_id", file_ids));
    columns.push(("business_date", same_date(night, order.len())));
    Columns { columns, rows: order.len() }
}

/// One attempt for each order: what a merchant who records no attempts says of them.
#[must_use]
pub fn attempts_of_orders(orders: &Columns) -> Columns {
    let rows = orders.rows;
    let statuses = crate::table::read::words_of(orders.column("status"));
    let status = (0..rows).map(|row| {
        Some(match statuses.get(row) {
            "paid" => "succeeded",
            "created" => "initiated",
            other => other,
        })
    });
    let none: ArrayRef = std::sync::Arc::new(StringArray::new_null(rows));
    let no_word = || same_word(None, rows);
    let mut columns = vec![
        ("attempt_id", orders.column("order_id").clone()),
        ("merchant_reference", orders.column("order_id").clone()),
        ("started_at", orders.column("created_at").clone()),
        ("finished_at", crate::table::build::instants(std::iter::repeat_n(None, rows))),
        ("status", crate::table::build::words(status)),
        ("provider_reference", none),
    ];
    columns.extend(
        ["provider", "method", "wallet", "card_brand", "card_funding", "stage", "failure_code"].map(|name| (name, no_word())),
    );
    columns.extend(
        ["order_id", "business_date", "amount", "currency", "file_id", "line"].map(|name| (name, orders.column(name).clone())),
    );
    Columns { columns, rows }
}

fn empty(target: Target) -> Vec<(&'static str, ArrayRef)> {
    let table = target.table().empty();
    let stages = ["business_date", "outcome", "outcome_reason", "file_id"];
    let columns = target.table().columns.iter().zip(table.columns());
    columns.filter(|(column, _)| !stages.contains(&column.name)).map(|(column, array)| (column.name, array.clone())).collect()
}

/// Every (part, row), ordered by identifier, then by content.
fn ordered(delivered: &[Delivered], key: &str) -> Vec<(u32, u32)> {
    let parts: Vec<(&Part, &StringArray)> =
        delivered.iter().flat_map(|file| &file.decoded.parts).map(|part| (part, key_column(part, key))).collect();
    let mut order = Vec::new();
    for (number, (part, _)) in parts.iter().enumerate() {
        let number = u32::try_from(number).expect("few parts");
        order.extend((0..count_of_rows(part.lines.len())).map(|row| (number, row)));
    }
    let of = |&(part, row): &(u32, u32)| {
        let (part, keys) = parts[part as usize];
        (keys.value(row as usize), part.contents[row as usize])
    };
    // Files are mostly written in order: looking costs less than sorting.
    if !order.is_sorted_by(|a, b| of(a) <= of(b)) {
        order.par_sort_unstable_by(|a, b| of(a).cmp(&of(b)).then(a.cmp(b)));
    }
    order
}

fn key_column<'a>(part: &'a Part, key: &str) -> &'a StringArray {
    part.columns.iter().find(|(name, _)| *name == key).expect("a record has its identifier").1.as_string::<i32>()
}

/// Turns every row that repeats the identifier of the one before it into a reject; says whether there was one.
fn reject_repeated(delivered: &mut [Delivered], key: &str, order: &[(u32, u32)]) -> bool {
    let parts: Vec<&Part> = delivered.iter().flat_map(|file| &file.decoded.parts).collect();
    let id = |&(part, row): &(u32, u32)| key_column(parts[part as usize], key).value(row as usize);
    let repeated: Vec<(u32, u32, String)> = order
        .windows(2)
        .filter(|pair| id(&pair[0]) == id(&pair[1]))
        .map(|pair| (pair[1].0, pair[1].1, id(&pair[1]).to_owned()))
        .collect();
    if repeated.is_empty() {
        return false;
    }
    let mut number = 0;
    for file in delivered {
        for part in &mut file.decoded.parts {
            let here: Vec<&(u32, u32, String)> = repeated.iter().filter(|(part, ..)| *part == number).collect();
            number += 1;
            if here.is_empty() {
                continue;
            }
            let gone: std::collections::BTreeSet<u32> = here.iter().map(|(_, row, _)| *row).collect();
            file.decoded.rejects.extend(here.iter().map(|(_, row, id)| Reject {
                line: u64::from(part.lines[*row as usize]), // SHIM
                column: key.to_owned(),
                value: masked(id),
                reason: "is stated by another line already".to_owned(),
            }));
            let keep: Vec<u32> = (0..count_of_rows(part.lines.len())).filter(|row| !gone.contains(row)).collect();
            keep_rows(part, &keep);
        }
        file.decoded.rejects.sort_by_key(|reject| reject.line);
    }
    true
}
