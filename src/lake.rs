//! Where all is kept, and the only code that makes output visible.
//!
//! ```text
//! <lake>/raw/<source>/<business date>/<sha256>/<name>       every byte that was read, as received; immutable
//! <lake>/data/<table>/date=YYYY-MM-DD/<table>.parquet       what analysts glob: final files only
//! <lake>/meta/nights/YYYY-MM-DD/<generation>.json           the manifest of a night; its creation is the commit
//! <lake>/meta/deliveries/YYYY-MM-DD/<source>.<id>.json      what each source was asked, and answered
//! <lake>/aside/<source>/<business date>/<sha256>/<name>     what was refused as it came
//! <lake>/meta/audit.jsonl                                   hash-chained: what was done, and when
//! <lake>/staging/YYYY-MM-DD/…                               of the run that holds the night, swept by the next
//! ```
//!
//! A write becomes visible in one order only: staged, read back, on the disk, renamed, committed. Whatever dies
//! in between leaves a night that [`Lake::is_intact`] denies, and the next run of that night repairs it.

mod audit;
mod communication;
mod durable;
mod inbox;
mod lock;
mod manifest;
mod merge;
mod order;
mod parquet;
mod publish;
mod spill;
mod store;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

pub use audit::AuditLine;
pub use communication::{Ask, Communication, Correspondent};
pub use inbox::{Archived, Inbox, Incoming, Known, Received};
pub use lock::NightLock;
pub use manifest::{Input, Manifest, Night, Output, PreviousNight, SCHEMA_VERSION};
pub use merge::Run;
pub use parquet::{Division, Writer};
pub use publish::{Published, Staging};
pub use spill::{Batches, Spill};

use crate::error::{Error, Exit, Result};
use crate::table::column::Table;
use store::Store;

/// A lake in a local folder.
#[derive(Clone, Debug)]
pub struct Lake {
    root: PathBuf,
}

impl Lake {
    /// The lake in the folder `root`. Nothing is created before something is written.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|error| durable::failed("find the lake", root, &error))?;
        if root.exists() && !root.is_dir() {
            return Err(Error::new(Exit::CannotCreate, "the lake is not a folder")
                .file(root.display())
                .next("name a folder, or a path where none exists yet, as `lake` in the job"));
        }
        Ok(Self { root })
    }

    /// The folder it is in, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The newest manifest of each published night, in order of business date.
    pub fn nights(&self) -> Result<Vec<Manifest>> {
        let Some(store) = Store::folder(&self.root)? else { return Ok(Vec::new()) };
        let mut manifests = Vec::new();
        for night in published_nights(&store)? {
            manifests.extend(newest_manifest(&store, night)?);
        }
        Ok(manifests)
    }

    /// The newest manifest of `night`, if it was ever published.
    pub fn manifest(&self, night: NaiveDate) -> Result<Option<Manifest>> {
        match Store::folder(&self.root)? {
            Some(store) => newest_manifest(&store, night),
            None => Ok(None),
        }
    }

    /// The newest manifest of the last night published before `night`.
    pub fn night_before(&self, night: NaiveDate) -> Result<Option<Manifest>> {
        let Some(store) = Store::folder(&self.root)? else { return Ok(None) };
        for earlier in published_nights(&store)?.into_iter().rev().filter(|&date| date < night) {
            if let Some(manifest) = newest_manifest(&store, earlier)? {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// The generation that publishing `night` from inputs of this hash has: that of the newest manifest where the
    /// inputs are the same, one more where they are not, one where there is none.
    pub fn generation(&self, night: NaiveDate, inputs_sha256: &str) -> Result<u64> {
        Ok(self.manifest(night)?.map_or(1, |newest| newest.generation_for(inputs_sha256)))
    }

    /// Whether every data file of `manifest` is there, has its size, and the footer it was published with. Reads
    /// footers only.
    pub fn is_intact(&self, manifest: &Manifest) -> Result<bool> {
        for output in &manifest.outputs {
            if !self.holds(output)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&self, output: &Output) -> Result<bool> {
        let path = self.root.join(&output.path);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.len() == output.bytes => Ok(parquet::footer_sha256(&path)? == output.footer_sha256),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(durable::failed("read", &path, &error)),
        }
    }

    /// What `night` published as `table`, in the schema of the table in memory.
    pub fn read(&self, table: &'static Table, night: NaiveDate) -> Result<RecordBatch> {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        self.read_columns(table, night, &names)
    }

    /// The same, a batch at a time: what a night left may be more than memory holds.
    pub fn batches(&self, table: &'static Table, night: NaiveDate) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        parquet::batches(self.root.join(data_path(table, night)), table)
    }

    /// The columns `names`, in that order, of what `night` published as `table`.
    ///
    /// # Panics
    /// If the table has no such column: a mistake in the code that asks.
    pub fn read_columns(&self, table: &'static Table, night: NaiveDate, names: &[&str]) -> Result<RecordBatch> {
        parquet::read(&self.root.join(data_path(table, night)), table, names)
    }

    fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }
}

const NIGHTS: &str = "meta/nights";

/// Where `night` keeps `table`, relative to the lake.
fn data_path(table: &Table, night: NaiveDate) -> String {
    format!("data/{0}/date={night}/{0}.parquet", table.name)
}

/// Where a generation of `night` keeps its manifest, relative to the lake.
fn manifest_path(night: NaiveDate, generation: u64) -> String {
    format!("{NIGHTS}/{night}/{generation}.json")
}

fn published_nights(store: &Store) -> Result<Vec<NaiveDate>> {
    let mut nights: Vec<NaiveDate> = store.folders(NIGHTS)?.iter().filter_map(|name| name.parse().ok()).collect();
    nights.sort_unstable();
    Ok(nights)
}

fn newest_manifest(store: &Store, night: NaiveDate) -> Result<Option<Manifest>> {
    let names = store.files(&format!("{NIGHTS}/{night}"))?;
    let newest = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok()).max();
    let Some(generation) = newest else { return Ok(None) };
    let path = manifest_path(night, generation);
    Manifest::decode(&store.read(&path)?, &path).map(Some)
}
