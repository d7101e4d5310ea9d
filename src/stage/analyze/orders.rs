//! What orders say of themselves, and what that means.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::dimension::{OF_ORDER, Vocabularies};
use super::kinds::{Alike, Kinds, Split};
use super::words::{OrderStatus, required};
use crate::error::Result;
use crate::table::read;

/// The columns of words orders are told apart by: their dimensions, then what decides how they ended.
pub(super) const COLUMNS: [&str; 5] = [OF_ORDER[0], OF_ORDER[1], OF_ORDER[2], OF_ORDER[3], "status"];

/// The orders of a night.
pub(super) struct Orders {
    /// Their kinds.
    pub(super) kinds: Kinds<{ COLUMNS.len() }>,
    /// What it means to be of a kind.
    pub(super) means: Vec<Meaning>,
    /// What orders say in the dimensions of [`OF_ORDER`]; the first says nothing.
    pub(super) dimensions: Vec<[u32; OF_ORDER.len()]>,
}

/// What it means for an order to be of its kind.
#[derive(Clone, Copy)]
pub(super) struct Meaning {
    /// Which of the dimensions.
    pub(super) dimensions: u32,
    /// What the merchant's record says.
    pub(super) status: OrderStatus,
}

impl Orders {
    /// Reads what the orders of `parts` say.
    pub(super) fn read(parts: &[RecordBatch], vocabularies: &Vocabularies) -> Result<Self> {
        let kinds = Kinds::of(parts.par_iter().map(|part| alike(part, vocabularies)).collect());
        let (dimensions, by_dimensions) = kinds.by_first();
        let means = kinds.say.iter().zip(by_dimensions).map(|([.., status], dimensions)| {
            let status = required("status", vocabularies["status"].word(*status), OrderStatus::ALL, OrderStatus::word)?;
            Ok(Meaning { dimensions, status })
        });
        let means = means.collect::<Result<_>>()?;
        Ok(Self { kinds, means, dimensions })
    }
}

fn alike(part: &RecordBatch, vocabularies: &Vocabularies) -> Alike<{ COLUMNS.len() }> {
    let words = COLUMNS.map(|name| read::words(part, name));
    let mut split = Split::new(part.num_rows());
    for words in words {
        split.by_words(words);
    }
    let codes: Vec<_> = COLUMNS.into_iter().zip(words).map(|(name, words)| vocabularies[name].codes(words)).collect();
    split.alike(|row| std::array::from_fn(|column| codes[column](row)))
}
