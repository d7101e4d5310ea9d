//! A night taken apart: its files' rows on disk, by the share of the night they belong to.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::datatypes::UInt64Type;

use super::memory::Sizes;
use super::scatter::{self, Scatter, name_of};
use crate::error::Result;
use crate::format::read::{Decoded, Part, read_into};
use crate::format::{Format, Target};
use crate::lake::Spill;
use crate::stage::normalize::{Delivered, OneDate, Repeated, identify, seeds};
use crate::stage::records::number_of;
use crate::stage::restated::Known;
use crate::table::part::{identities, identity};
use crate::table::read::column;

/// Where the rows of a night wait, and in how many shares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Apart<'a> {
    pub(super) spill: &'a Spill,
    pub(super) sizes: Sizes,
}

/// A file that is read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// Its place among the files of the night.
    pub(super) number: usize,
    pub(super) path: &'a Path,
    pub(super) format: &'a Format,
    /// Who states it, and of which account; empty for the merchant's own records.
    pub(super) provider: &'a str,
    pub(super) account: &'a str,
    /// Whether its rows are compared: those of orders only where they stand for attempts.
    pub(super) is_compared: bool,
}

impl<'a> Apart<'a> {
    /// The numbers of the shares.
    pub(super) fn shares(&self) -> Range<usize> {
        0..self.sizes.shares
    }

    /// The share a key belongs to.
    pub(super) fn share_of(&self, key: &[u8]) -> usize {
        scatter::share_of(key, self.sizes.shares)
    }

    /// Begins to take rows apart, which are kept under `name`.
    pub(super) fn scatter(&self, name: String) -> Scatter<'a> {
        Scatter::new(self.spill, name, self.sizes)
    }

    /// Reads a file, and keeps its rows by share: those of one reference together, and those of one order.
    pub(super) fn read(&self, source: &Source, of_night: &OneDate) -> Result<Decoded> {
        let Source { number, path, format, provider, account, is_compared } = *source;
        let rows = self.scatter(rows_of(number));
        let numbers = self.scatter(numbers_of(number));
        let seeds = seeds(provider, account, format);
        let key = if format.target == Target::Orders { "order_id" } else { "merchant_reference" };
        let take = |part: Part| {
            let Some(part) = of_night.keep(part) else { return Ok(None) };
            if is_compared {
                let batch = numbered(&part, format.target, &seeds);
                let numbers_in = column(&batch, NUMBER).as_fixed_size_binary();
                numbers.add(&batch, |row| Some(self.share_of(numbers_in.value(row))))?;
            }
            let batch = part.into_batch();
            let references = batch.column_by_name(key).and_then(|array| array.as_string_opt::<i32>());
            // A row without a reference meets no other yet, so that any share will do: one its bytes decide.
            let contents = column(&batch, Part::CONTENTS).as_primitive::<UInt64Type>();
            rows.add(&batch, |row| {
                let reference = references.filter(|references| references.is_valid(row)).map(|references| references.value(row));
                Some(match reference.filter(|reference| !reference.is_empty()) {
                    Some(reference) => self.share_of(reference.as_bytes()),
                    None => self.share_of(&contents.value(row).to_le_bytes()),
                })
            })?;
            Ok(None)
        };
        let decoded = read_into(path, format, &take)?;
        rows.finish()?;
        numbers.finish()?;
        Ok(decoded)
    }

    /// What comes more than once in these files; and, of what was `carried` in, what they state again.
    pub(super) fn repeated(&self, delivered: &[Delivered], carried: &Known) -> Result<(Repeated, Known)> {
        let (mut repeated, mut again) = (Repeated::default(), Known::default());
        for share in self.shares() {
            let mut rows = Vec::new();
            for file in delivered {
                let name = name_of(&numbers_of(file.number), share);
                for batch in self.spill.read(&name)? {
                    let batch = batch?;
                    let contents = column(&batch, Part::CONTENTS).as_primitive::<UInt64Type>().values();
                    let numbers = column(&batch, NUMBER).as_fixed_size_binary();
                    let numbers = numbers.iter().flatten().map(|bytes| identity(bytes).number());
                    rows.extend(numbers.zip(contents.iter().copied()));
                }
                self.spill.remove(&name)?;
            }
            again.take(carried, rows.iter().map(|(number, _)| *number));
            repeated.add(rows);
        }
        Ok((repeated, again))
    }

    /// Gives files their rows of a share back.
    pub(super) fn load(&self, delivered: &mut [Delivered], share: usize) -> Result<()> {
        for file in delivered {
            let name = name_of(&rows_of(file.number), share);
            let table = file.format.target.table();
            let parts = self.spill.read(&name)?.map(|batch| Ok(Part::from_batch(&batch?, table)));
            file.decoded.parts = parts.collect::<Result<_>>()?;
            self.spill.remove(&name)?;
        }
        Ok(())
    }

    /// All that is kept under a name for a share.
    pub(super) fn take(&self, name: &str, share: usize) -> Result<Vec<RecordBatch>> {
        let name = name_of(name, share);
        let batches = self.spill.read(&name)?.collect::<Result<_>>()?;
        self.spill.remove(&name)?;
        Ok(batches)
    }
}

fn rows_of(file: usize) -> String {
    format!("rows.{file}")
}

fn numbers_of(file: usize) -> String {
    format!("numbers.{file}")
}

const NUMBER: &str = ":number";

/// What each row of a part is called as a number, and the hash of its bytes.
fn numbered(part: &Part, target: Target, seeds: &[u64]) -> RecordBatch {
    let numbers = match target {
        Target::Entries => identities(identify(part, seeds).collect::<Vec<_>>().into_iter()),
        Target::Orders | Target::Attempts | Target::Refunds | Target::BankLines => {
            let ids = part.column(target.table().key[0]).expect("a record has its identifier").as_string::<i32>();
            identities(ids.iter().map(|id| number_of(id.unwrap_or_default())))
        }
    };
    let contents: ArrayRef = Arc::new(UInt64Array::from(part.contents.clone()));
    RecordBatch::try_from_iter([(NUMBER, numbers), (Part::CONTENTS, contents)]).expect("a number and a hash for every row")
}
