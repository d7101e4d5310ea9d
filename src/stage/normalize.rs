//! Provider files, read, to `entries`: identities, duplicates told apart, one order.
//!
//! The order of a night's entries and their identities come from what they say, never from where they stood:
//! shuffled lines and split files give the same rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray, StringBuilder, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

use crate::error::{Error, Result};
use crate::format::Format;
use crate::format::read::{Decoded, Part, Reject};
use crate::format::time::day_range;
use crate::table::build::same_date;
use crate::table::identity::Identity;
use crate::table::read::count_of_rows;

/// One file, read, and whose it is.
#[derive(Debug)]
pub struct Delivered<'a> {
    /// Who states it.
    pub provider: &'a str,
    /// The merchant's account with the provider; empty for the merchant's own records.
    pub account: &'a str,
    /// What it was read with.
    pub format: &'a Format,
    /// Identity of the file.
    pub file_id: &'a str,
    /// Its name as received.
    pub name: &'a str,
    /// What was read. Its parts are given up when a table is made of them.
    pub decoded: Decoded,
    /// Its rows in that table.
    pub rows: usize,
}

/// Rows of a table by column, without the columns that later stages fill.
#[derive(Debug, Default)]
pub struct Columns {
    /// Name and values.
    pub columns: Vec<(&'static str, ArrayRef)>,
    /// How many rows there are.
    pub rows: usize,
}

impl Columns {
    /// The column `name`.
    ///
    /// # Panics
    /// If there is none: a mistake in the code that asks.
    #[must_use]
    pub fn column(&self, name: &str) -> &ArrayRef {
        let found = self.columns.iter().find(|(column, _)| *column == name);
        &found.unwrap_or_else(|| panic!("no column {name}")).1
    }
}

/// All the entries of a night, ordered by provider, time and identity: every column but the outcome.
#[must_use]
pub fn normalize(delivered: &mut [Delivered], night: NaiveDate) -> Columns {
    let rows = gather_rows(delivered);
    let order: Vec<(u32, u32)> = rows.iter().map(|row| (row.part, row.row)).collect();
    let per_file = |text: fn(&Delivered) -> String| words_of_files(delivered, &order, text);
    let mut columns = vec![
        ("provider", per_file(|file| file.provider.to_owned())),
        ("account", per_file(|file| file.account.to_owned())),
        ("file_id", per_file(|file| file.file_id.to_owned())),
        ("kind", kinds(delivered, &order)),
        ("entry_id", identities(&rows)),
    ];
    columns.extend(gather(take_parts(delivered), &order));
    columns.push(("business_date", same_date(night, rows.len())));
    Columns { columns, rows: rows.len() }
}

/// A row and what orders it.
struct Row {
    provider: u32,
    occurred_at: i64,
    identity: u128,
    content: u64,
    part: u32,
    row: u32,
}

/// Every row with its identity, in order. Rows of one identity are told apart by an ordinal, in the order of
/// their bytes: which of two equal lines comes first makes no difference.
fn gather_rows(delivered: &[Delivered]) -> Vec<Row> {
    let mut providers: Vec<&str> = delivered.iter().map(|file| file.provider).collect();
    providers.sort_unstable();
    providers.dedup();
    let mut rows = Vec::with_capacity(delivered.iter().flat_map(|file| &file.decoded.parts).map(|part| part.lines.len()).sum());
    let mut number = 0;
    for file in delivered {
        let provider = providers.binary_search(&file.provider).expect("every provider is in the list");
        let seeds: Vec<u64> = file.format.kind.iter().map(|kind| seed(file, &kind.is)).collect();
        for part in &file.decoded.parts {
            let times = time_column(part);
            rows.extend((0..part.lines.len()).map(|row| {
                let seed = seeds[usize::from(part.kinds[row])];
                Row {
                    provider: u32::try_from(provider).expect("few providers"),
                    occurred_at: times[row],
                    identity: xxh3_128_with_seed(&part.identities[row].to_le_bytes(), seed),
                    content: part.contents[row],
                    part: number,
                    row: u32::try_from(row).expect("a chunk has fewer than 2^32 rows"),
                }
            }));
            number += 1;
        }
    }
    rows.par_sort_unstable_by_key(|row| row.identity);
    // Copies are rare, so only they are compared further.
    for copies in rows.chunk_by_mut(|one, next| one.identity == next.identity).filter(|copies| copies.len() > 1) {
        copies.sort_unstable_by_key(|row| (row.content, row.part, row.row));
    }
    let mut ordinal: u64 = 0;
    for at in 1..rows.len() {
        let same = rows[at].identity == rows[at - 1 - usize::try_from(ordinal).expect("fewer copies than rows")].identity;
        ordinal = if same { ordinal + 1 } else { 0 };
        if ordinal > 0 {
            let mut bytes = rows[at].identity.to_le_bytes().to_vec();
            bytes.extend_from_slice(&ordinal.to_le_bytes());
            rows[at].identity = xxh3_128(&bytes);
        }
    }
    rows.par_sort_unstable_by_key(|row| (row.provider, row.occurred_at, row.identity));
    rows
}

fn seed(file: &Delivered, kind: &str) -> u64 {
    let mut hash = Xxh3::new();
    for part in [file.provider, file.account, kind] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest()
}

fn time_column(part: &Part) -> &[i64] {
    let (_, times) = part.columns.iter().find(|(name, _)| *name == "occurred_at").expect("entries have a time");
    times.as_primitive::<TimestampMicrosecondType>().values()
}

/// The parts of all files, which give them up.
pub(super) fn take_parts(delivered: &mut [Delivered]) -> Vec<Part> {
    let mut parts = Vec::new();
    for file in delivered.iter_mut() {
        file.rows = file.decoded.parts.iter().map(|part| part.lines.len()).sum();
        parts.append(&mut file.decoded.parts);
        for (name, array) in parts.iter_mut().flat_map(|part| &mut part.columns) {
            *array = widened(array, file.format.target.table(), name); // SHIM
        }
    }
    // SHIM: a file without rows has no part.
    if let (true, Some(file)) = (parts.is_empty(), delivered.first()) {
        let stages = file.format.target.filled_by_stages();
        let columns = file.format.target.table().columns.iter().filter(|column| !stages.contains(&column.name));
        let columns = columns.map(|column| (column.name, arrow::array::new_empty_array(&column.kind.in_memory())));
        parts.push(Part { columns: columns.collect(), ..Part::default() });
    }
    parts
}

// SHIM: a column of a part in the type of the table in memory.
fn widened(array: &ArrayRef, table: &crate::table::column::Table, name: &str) -> ArrayRef {
    let kind = table.columns[table.position(name)].kind.in_memory();
    match array.data_type() {
        from if *from == kind => Arc::clone(array),
        arrow::datatypes::DataType::Null => arrow::array::new_null_array(&kind, array.len()),
        _ => arrow::compute::cast(array, &kind).expect("a part holds its column in a type that becomes the table's"),
    }
}

/// The columns of all parts, in that order of (part, row). One column a task; its parts are let go when it is whole.
pub(super) fn gather(parts: Vec<Part>, order: &[(u32, u32)]) -> Vec<(&'static str, ArrayRef)> {
    let Some(first) = parts.first() else { return Vec::new() };
    // Row numbers in the parts laid end to end.
    let starts: Vec<u32> = parts
        .iter()
        .scan(0, |next, part| {
            let start = *next;
            *next += count_of_rows(part.lines.len());
            Some(start)
        })
        .collect();
    let indices: UInt32Array = order.iter().map(|&(part, row)| starts[part as usize] + row).collect();
    let lines = order.iter().map(|&(part, row)| i64::from(parts[part as usize].lines[row as usize])); // SHIM
    let lines: ArrayRef = Arc::new(lines.collect::<arrow::array::Int64Array>());
    let mut by_column: Vec<(&'static str, Vec<ArrayRef>)> = first.columns.iter().map(|(name, _)| (*name, Vec::new())).collect();
    for part in parts {
        for (column, (_, array)) in by_column.iter_mut().zip(part.columns) {
            column.1.push(array);
        }
    }
    // Files are mostly written in the order of their key: then there is nothing to rearrange.
    let in_order = indices.values().iter().zip(0..).all(|(&index, row): (&u32, u32)| index == row);
    let mut columns: Vec<(&'static str, ArrayRef)> = by_column
        .into_par_iter()
        .with_max_len(1)
        .map(|(name, arrays)| {
            let whole = join(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>());
            drop(arrays);
            let ordered =
                if in_order { whole } else { take(&whole, &indices, None).expect("every row number is within the parts") };
            (name, ordered)
        })
        .collect();
    columns.push(("line", lines));
    columns
}

/// Arrays of one type, end to end. Dictionaries are made one, each value once.
#[must_use]
pub fn join(arrays: &[&dyn Array]) -> ArrayRef {
    if arrays.first().is_some_and(|array| array.as_dictionary_opt::<Int32Type>().is_none()) {
        return concat(arrays).expect("all are of one type");
    }
    let mut values: Vec<&str> = Vec::new();
    let mut keys: Vec<Option<i32>> = Vec::with_capacity(arrays.iter().map(|array| array.len()).sum());
    for array in arrays {
        let dictionary = array.as_dictionary::<Int32Type>();
        let codes: Vec<i32> = dictionary
            .values()
            .as_string::<i32>()
            .iter()
            .map(|value| {
                let value = value.unwrap_or_default();
                let at = values.iter().position(|known| *known == value).unwrap_or_else(|| {
                    values.push(value);
                    values.len() - 1
                });
                i32::try_from(at).expect("few values")
            })
            .collect();
        keys.extend(
            dictionary.keys().iter().map(|key| key.map(|key| codes[usize::try_from(key).expect("codes are not negative")])),
        );
    }
    let values = Arc::new(StringArray::from(values));
    Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(keys), values))
}

/// A word per row that is the same for all rows of a file.
pub(super) fn words_of_files(delivered: &[Delivered], order: &[(u32, u32)], text: impl Fn(&Delivered) -> String) -> ArrayRef {
    let mut values: Vec<String> = Vec::new();
    let mut of_part: Vec<i32> = Vec::new();
    for file in delivered {
        let value = text(file);
        let at = values.iter().position(|known| *known == value).unwrap_or_else(|| {
            values.push(value);
            values.len() - 1
        });
        let code = i32::try_from(at).expect("few files");
        of_part.extend(std::iter::repeat_n(code, file.decoded.parts.len()));
    }
    words_by_code(order.iter().map(|&(part, _)| of_part[part as usize]), values)
}

fn words_by_code(codes: impl Iterator<Item = i32>, values: Vec<String>) -> ArrayRef {
    let values = if values.is_empty() { vec![String::new()] } else { values };
    let keys: Int32Array = codes.map(Some).collect();
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(values))))
}

fn kinds(delivered: &[Delivered], order: &[(u32, u32)]) -> ArrayRef {
    let names = crate::table::entries::KINDS;
    let code = |kind: &str| names.iter().position(|name| *name == kind).expect("a format names known kinds only");
    let mut of_part = Vec::new();
    for file in delivered {
        let codes: Vec<i32> = file.format.kind.iter().map(|kind| i32::try_from(code(&kind.is)).expect("few kinds")).collect();
        of_part.extend(file.decoded.parts.iter().map(|part| (codes.clone(), &part.kinds)));
    }
    let codes = order.iter().map(|&(part, row)| {
        let (codes, kinds) = &of_part[part as usize];
        codes[usize::from(kinds[row as usize])]
    });
    words_by_code(codes, names.iter().map(|name| (*name).to_owned()).collect())
}

fn identities(rows: &[Row]) -> ArrayRef {
    let mut texts = StringBuilder::with_capacity(rows.len(), rows.len() * 26);
    for row in rows {
        Identity::from_number(row.identity).with_text(|text| texts.append_value(text));
    }
    Arc::new(texts.finish())
}

/// Turns the rows of a file of one date that are dated outside the night into rejects. A file all of whose rows are
/// is of another night, and refused.
pub fn refuse_other_dates(decoded: &mut Decoded, format: &Format, night: NaiveDate) -> Result<()> {
    let Some(zone) = format.file.one_date_in else { return Ok(()) };
    let (start, end) = day_range(night, zone);
    let inside = |time: i64| (start..end).contains(&time);
    let mut outside = Vec::new();
    let rows: usize = decoded.parts.iter().map(|part| part.lines.len()).sum();
    for part in &mut decoded.parts {
        let times = time_column(part);
        if times.iter().all(|&time| inside(time)) {
            continue;
        }
        let keep: Vec<u32> = (0..count_of_rows(times.len())).filter(|&row| inside(times[row as usize])).collect();
        let column = format.fill.get("occurred_at").map(|rule| rule.from.0.join(" or ")).unwrap_or_default();
        for row in (0..times.len()).filter(|&row| !inside(times[row])) {
            let local = crate::format::time::date_in(times[row], zone);
            outside.push(Reject {
                line: u64::from(part.lines[row]), // SHIM
                column: column.clone(),
                value: local.to_string(),
                reason: format!("is not of the night {night}"),
            });
        }
        keep_rows(part, &keep);
    }
    if rows > 0 && outside.len() == rows {
        let first = outside.swap_remove(0);
        return Err(Error::data("the file is of another night, and nothing of it is booked")
            .line(first.line)
            .column(first.column)
            .expected(night)
            .found(first.value)
            .next("check the date in the file's name, and fetch the file of the night"));
    }
    decoded.rejects.extend(outside);
    decoded.rejects.sort_by_key(|reject| reject.line);
    Ok(())
}

/// Keeps those rows of a part.
pub(super) fn keep_rows(part: &mut Part, keep: &[u32]) {
    let indices = UInt32Array::from(keep.to_vec());
    for (_, column) in &mut part.columns {
        *column = take(column, &indices, None).expect("every row number is within the part");
    }
    let pick = |row: &u32| *row as usize;
    part.kinds = keep.iter().map(|row| part.kinds[pick(row)]).collect();
    if !part.identities.is_empty() {
        part.identities = keep.iter().map(|row| part.identities[pick(row)]).collect(); // SHIM
    }
    part.contents = keep.iter().map(|row| part.contents[pick(row)]).collect();
    part.lines = keep.iter().map(|row| part.lines[pick(row)]).collect();
}
