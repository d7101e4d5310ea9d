//! Where all is kept, and the only code that makes output visible.
//!
//! ```text
//! <lake>/raw/<source>/<business date>/<sha256>/<name>       every byte that was read, as received; immutable
//! <lake>/data/<table>/date=YYYY-MM-DD/<table>.parquet       what analysts glob: final files only
//! <lake>/meta/nights/YYYY-MM-DD/<generation>.json           the manifest of a night; its creation is the commit
//! <lake>/meta/texts/<sha256>.toml                           the job, formats and calendars it was closed by
//! <lake>/meta/deliveries/YYYY-MM-DD/<source>.<id>.json      what each source was asked, and answered
//! <lake>/aside/<source>/<business date>/<sha256>/<name>     what was refused as it came
//! <lake>/meta/acts/YYYY-MM-DD/<number>.json                 what people did to it: signed, reopened
//! <lake>/meta/backfills/last.json                           the nights the last backfill left; none where it left none
//! <lake>/meta/audit.jsonl                                   hash-chained: who did what, and when
//! <lake>/staging/YYYY-MM-DD/…                               of the run that holds the night, swept by the next
//! ```
//!
//! A write becomes visible in one order only: staged, read back, on the disk, renamed, committed. Whatever dies
//! in between leaves a night that [`Lake::is_intact`] denies, and the next run of that night repairs it.

mod acts;
mod audit;
mod backfills;
mod chain;
mod collect;
mod communication;
mod difference;
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
mod texts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

pub use acts::{Act, Approval, Deed, Role};
pub use audit::AuditLine;
pub use backfills::LeftOver;
pub use chain::Chain;
pub use collect::{Collected, Waste, Why};
pub use communication::{Ask, Communication, Correspondent};
pub use difference::{Change, Difference, Row};
pub use inbox::{Archived, Inbox, Incoming, Known, Received};
pub use lock::{NightLock, Scratch};
pub use manifest::{Input, Link, Manifest, Night, Output, PreviousNight, Reply, SCHEMA_VERSION, Text};
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
    /// Who works on it, for the audit trail.
    actor: String,
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
        Ok(Self { root, actor: NOBODY.to_owned() })
    }

    /// The lake, with whatever is done to it done by `actor`.
    #[must_use]
    pub fn acting(self, actor: &str) -> Self {
        Self { actor: actor.to_owned(), ..self }
    }

    /// Who works on it.
    fn actor(&self) -> &str {
        &self.actor
    }

    /// The folder it is in, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The newest manifest of each published night, in order of business date.
    pub fn nights(&self) -> Result<Vec<Manifest>> {
        self.nights_from(NaiveDate::MIN)
    }

    /// The same of `first` and the nights after it.
    fn nights_from(&self, first: NaiveDate) -> Result<Vec<Manifest>> {
        let Some(store) = Store::folder(&self.root)? else { return Ok(Vec::new()) };
        let mut manifests = Vec::new();
        for night in published_nights(&store)?.into_iter().filter(|&night| night >= first) {
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

    /// The manifest of one generation of `night` (65 where there is none).
    pub fn manifest_of(&self, night: NaiveDate, generation: u64) -> Result<Manifest> {
        let known = match Store::folder(&self.root)? {
            Some(store) if generations(&store, night)?.contains(&generation) => return read_manifest(&store, night, generation),
            Some(store) => generations(&store, night)?,
            None => Vec::new(),
        };
        let known: Vec<String> = known.iter().map(u64::to_string).collect();
        let error = Error::data(format!("the lake has no generation {generation} of the night {night}"));
        Err(error.file(self.root.join(manifest_path(night, generation)).display()).expected(match known.len() {
            0 => "a night that was published".to_owned(),
            _ => known.join(", "),
        }))
    }

    /// The very text of a manifest.
    pub fn manifest_text(&self, manifest: &Manifest) -> Result<String> {
        let path = self.root.join(manifest_path(manifest.night.business_date, manifest.generation));
        std::fs::read_to_string(&path).map_err(|error| durable::failed("read", &path, &error))
    }

    /// The manifests of all generations of `night`, the oldest first.
    pub fn generations(&self, night: NaiveDate) -> Result<Vec<Manifest>> {
        let Some(store) = Store::folder(&self.root)? else { return Ok(Vec::new()) };
        generations(&store, night)?.into_iter().map(|generation| read_manifest(&store, night, generation)).collect()
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

    /// The nights that a new generation of one before them has left behind: each was closed on a manifest that is not the
    /// newest any more, or on a night that was.
    pub fn stale(&self) -> Result<BTreeSet<NaiveDate>> {
        let Some(store) = Store::folder(&self.root)? else { return Ok(BTreeSet::new()) };
        let mut links = Vec::new();
        for night in published_nights(&store)? {
            if let Some(&generation) = generations(&store, night)?.last() {
                let path = manifest_path(night, generation);
                links.push(Link::decode(&store.read(&path)?, &path)?);
            }
        }
        Ok(stale(&links))
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

    /// Whether the data files of `manifest` for `tables` are there, have their sizes, and the footers they were published
    /// with.
    pub fn holds_intact(&self, manifest: &Manifest, tables: &[&Table]) -> Result<bool> {
        for table in tables {
            let output = manifest.outputs.iter().find(|output| output.table == table.name);
            if !output.map_or(Ok(false), |output| self.holds(output))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the data files of `manifest` for `tables` have the very bytes that were published. Reads all of them.
    pub fn holds_all(&self, manifest: &Manifest, tables: &[&Table]) -> Result<bool> {
        let is_asked = |output: &&Output| tables.iter().any(|table| table.name == output.table);
        for output in manifest.outputs.iter().filter(is_asked) {
            let path = self.root.join(&output.path);
            match durable::sha256(&path) {
                Ok(sha256) if sha256 == output.sha256 => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(durable::failed("read", &path, &error)),
            }
        }
        Ok(true)
    }

    /// What `night` published as `table`, in the schema of the table in memory.
    pub fn read(&self, table: &'static Table, night: NaiveDate) -> Result<RecordBatch> {
        self.read_columns(table, night, &table.names())
    }

    /// The same, a batch at a time: what a night left may be more than memory holds.
    pub fn batches(&self, table: &'static Table, night: NaiveDate) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        parquet::batches(self.root.join(data_path(table, night)), table)
    }

    /// The columns `names` of each row group of it, a batch at a time.
    pub fn row_groups(
        &self,
        table: &'static Table,
        night: NaiveDate,
        names: &[&str],
    ) -> Result<Vec<impl Iterator<Item = Result<RecordBatch>> + Send + use<>>> {
        parquet::row_groups(&self.root.join(data_path(table, night)), table, names)
    }

    /// The columns `names`, in that order, of what `night` published as `table`.
    ///
    /// # Panics
    /// If the table has no such column: a mistake in the code that asks.
    pub fn read_columns(&self, table: &'static Table, night: NaiveDate, names: &[&str]) -> Result<RecordBatch> {
        parquet::read(&self.root.join(data_path(table, night)), table, names)
    }

    /// The columns `names` of those rows of what `night` published as `table` that `pick` chooses, looking at the columns
    /// `looked_at` of each batch of rows.
    pub fn rows_where(
        &self,
        (table, night): (&'static Table, NaiveDate),
        looked_at: &[&str],
        pick: impl Fn(&RecordBatch) -> Vec<usize>,
        names: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        parquet::rows_where(&self.root.join(data_path(table, night)), table, looked_at, pick, names)
    }

    fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }
}

/// Who works on a lake when nobody says.
const NOBODY: &str = "unknown";

const NIGHTS: &str = "meta/nights";

/// Where `night` keeps `table`, relative to the lake.
fn data_path(table: &Table, night: NaiveDate) -> String {
    format!("data/{0}/date={night}/{0}.parquet", table.name)
}

/// Where a generation of `night` keeps its manifest, relative to the lake.
fn manifest_path(night: NaiveDate, generation: u64) -> String {
    format!("{NIGHTS}/{night}/{generation}.json")
}

/// The stale ones of the newest manifests of all nights, which come in their order.
#[must_use]
pub fn stale(nights: &[Link]) -> BTreeSet<NaiveDate> {
    let mut stale = BTreeSet::new();
    let mut before: Option<&Link> = None;
    for night in nights {
        let built_on = night.previous_night.as_ref().map(|previous| &previous.manifest_sha256);
        let is_behind = before.is_some_and(|before| stale.contains(&before.business_date));
        if is_behind || built_on != before.map(|before| &before.sha256) {
            stale.insert(night.business_date);
        }
        before = Some(night);
    }
    stale
}

fn published_nights(store: &Store) -> Result<Vec<NaiveDate>> {
    let mut nights: Vec<NaiveDate> = store.folders(NIGHTS)?.iter().filter_map(|name| name.parse().ok()).collect();
    nights.sort_unstable();
    Ok(nights)
}

fn newest_manifest(store: &Store, night: NaiveDate) -> Result<Option<Manifest>> {
    generations(store, night)?.last().map(|&generation| read_manifest(store, night, generation)).transpose()
}

/// The generations of `night`, in order.
fn generations(store: &Store, night: NaiveDate) -> Result<Vec<u64>> {
    let names = store.files(&format!("{NIGHTS}/{night}"))?;
    let mut generations: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    generations.sort_unstable();
    Ok(generations)
}

fn read_manifest(store: &Store, night: NaiveDate, generation: u64) -> Result<Manifest> {
    let path = manifest_path(night, generation);
    Manifest::decode(&store.read(&path)?, &path)
}
