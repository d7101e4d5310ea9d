//! Many codes in few numbers: what makes grouping by seventeen columns as cheap as by one.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::Int64Type;
use rayon::prelude::*;

use crate::table::{build, read};

/// A column of codes, each below `size`.
pub(super) struct Coded {
    pub(super) name: &'static str,
    pub(super) codes: Vec<u32>,
    pub(super) size: usize,
}

impl Coded {
    fn radix(&self) -> i64 {
        build::count(self.size)
    }
}

/// How columns of codes were packed: per key its columns with their sizes, first the least significant.
///
/// A key is a number in mixed radix. A column that does not fit below 2^63 with those before it begins a new key.
pub(super) struct Packing {
    keys: Vec<Vec<(&'static str, i64)>>,
}

/// The columns as few columns of keys, and how to take those apart again.
pub(super) fn pack(columns: &[Coded]) -> (Packing, Vec<ArrayRef>) {
    let mut groups: Vec<Vec<&Coded>> = Vec::new();
    let mut room = 0;
    for column in columns {
        let size = column.radix();
        if room < size {
            groups.push(Vec::new());
            room = i64::MAX;
        }
        room /= size;
        groups.last_mut().expect("the first column begins a group").push(column);
    }
    let keys = groups.iter().map(|group| Arc::new(key(group)) as ArrayRef).collect();
    let layout = |group: &Vec<&Coded>| group.iter().map(|column| (column.name, column.radix())).collect();
    (Packing { keys: groups.iter().map(layout).collect() }, keys)
}

fn key(group: &[&Coded]) -> Int64Array {
    let value = |row: usize| group.iter().rev().fold(0, |key, column| key * column.radix() + i64::from(column.codes[row]));
    let rows = group.first().map_or(0, |column| column.codes.len());
    Int64Array::from((0..rows).into_par_iter().with_min_len(1 << 14).map(value).collect::<Vec<i64>>())
}

impl Packing {
    /// The names of the columns of keys.
    pub(super) fn names(&self) -> Vec<String> {
        (0..self.keys.len()).map(|number| format!("key {number}")).collect()
    }

    /// The columns of codes behind the columns of keys.
    pub(super) fn unpack(&self, keys: &RecordBatch) -> Vec<(&'static str, ArrayRef)> {
        let mut columns = Vec::new();
        for (name, layout) in self.names().iter().zip(&self.keys) {
            let mut rest = read::column(keys, name).as_primitive::<Int64Type>().values().to_vec();
            for &(column, size) in layout {
                let take = |key: &mut i64| {
                    let code = u32::try_from(*key % size).expect("a code is below its size");
                    *key /= size;
                    code
                };
                columns.push((column, Arc::new(rest.iter_mut().map(take).collect::<UInt32Array>()) as ArrayRef));
            }
        }
        columns
    }
}
