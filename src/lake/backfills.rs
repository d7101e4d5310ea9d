//! What the last backfill left: one small file, replaced as a whole.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Lake, durable};
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

impl Lake {
    fn backfill_path(&self) -> PathBuf {
        self.root.join("meta/backfills/last.json")
    }

    /// Remembers what a backfill has left, instead of what the one before did. Of one that left nothing there is nothing to
    /// remember.
    pub fn remember(&self, left: &LeftOver) -> Result<()> {
        let path = self.backfill_path();
        if left.nights.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(durable::failed("remove", &path, &error)),
                _ => Ok(()),
            };
        }
        let scratch = self.scratch()?;
        let folder = scratch.lake("backfill")?.root().to_path_buf();
        durable::create_folders(&folder)?;
        let staged = folder.join("last.json");
        let mut bytes = serde_json::to_vec_pretty(left).expect("it holds nothing JSON cannot say");
        bytes.push(b'\n');
        durable::write_new(&staged, &bytes)?;
        durable::rename(&staged, &path)?;
        durable::settle(&self.root, [path.as_path()])
    }

    /// What the last backfill has left, if it left something.
    pub fn left_over(&self) -> Result<Option<LeftOver>> {
        let path = self.backfill_path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(durable::failed("read", &path, &error)),
        };
        let left: Option<LeftOver> = serde_json::from_slice(&bytes).ok();
        let left = left.filter(|left| left.schema_version == SCHEMA_VERSION);
        left.map(Some).ok_or_else(|| {
            Error::data("what the last backfill left cannot be read, or is of another version of tieout")
                .file(path.display())
                .next("name the nights: tieout backfill <job> --from <first> --to <last>")
        })
    }
}
