//! What the last backfill left: one small file, replaced as a whole.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Lake;
use crate::error::{Error, Result};

/// Version of the file.
const SCHEMA_VERSION: u32 = 1;

/// The nights a backfill was to close and has not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOver {
    /// Version of this layout.
    schema_version: u32,
    /// The last night of its range: those up to it may be stale by what is left.
    pub to: NaiveDate,
    /// Whether it might publish without providers.
    pub partial: bool,
    /// The nights, in order.
    pub nights: Vec<NaiveDate>,
}

impl LeftOver {
    /// These nights, of a backfill up to `to`.
    #[must_use]
    pub fn new(to: NaiveDate, partial: bool, nights: Vec<NaiveDate>) -> Self {
        Self { schema_version: SCHEMA_VERSION, to, partial, nights }
    }
}

/// Where it is, relative to the lake.
const LAST: &str = "meta/backfills/last.json";

impl Lake {
    /// Remembers what a backfill has left, instead of what the one before did. Of one that left nothing there is nothing to
    /// remember.
    pub fn remember(&self, left: &LeftOver) -> Result<()> {
        if left.nights.is_empty() {
            return self.store.remove(LAST);
        }
        let scratch = self.scratch()?;
        let mut bytes = serde_json::to_vec_pretty(left).expect("it holds nothing JSON cannot say");
        bytes.push(b'\n');
        self.store.replace(LAST, &bytes, scratch.folder())
    }

    /// What the last backfill has left, if it left something.
    pub fn left_over(&self) -> Result<Option<LeftOver>> {
        let Some(bytes) = self.store.find(LAST)? else { return Ok(None) };
        let left: Option<LeftOver> = serde_json::from_slice(&bytes).ok();
        let left = left.filter(|left| left.schema_version == SCHEMA_VERSION);
        left.map(Some).ok_or_else(|| {
            Error::data("what the last backfill left cannot be read, or is of another version of tieout")
                .file(self.shown(LAST))
                .next("name the nights: tieout backfill <job> --from <first> --to <last>")
        })
    }
}
