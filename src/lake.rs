//! Where all is kept, and the only code that makes output visible.
//!
//! ```text
//! <lake>/raw/<source>/<business date>/<sha256>/<name>       every byte that was read, as received; never changed
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
//! in between leaves a night that [`Lake::is_intact`] denies, and the next run of that night repairs it. In a bucket
//! each table is put by one request, and the manifest under the condition that it is not there.

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
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use rayon::prelude::*;

pub use acts::{Act, Approval, Deed, Role};
pub use audit::AuditLine;
pub use backfills::LeftOver;
pub use chain::Chain;
pub use collect::{Collected, KeptFrom, Waste, Why};
pub use communication::{Ask, Communication, Correspondent};
pub use difference::{Change, Difference, Row};
pub use inbox::{Archived, Inbox, Incoming, Known, Received};
pub use lock::{NightLock, Scratch};
pub use manifest::{Input, Link, Manifest, Night, Output, PreviousNight, Reply, SCHEMA_VERSION, Text};
pub use merge::Run;
pub use parquet::{Division, Writer};
pub use publish::{Published, Staging};
pub use spill::{Batches, Spill};

use crate::bucket::Bucket;
use crate::error::{Error, Exit, Result};
use crate::table::column::Table;
use lock::Held;
use store::{Folder, Objects, Readable, Store};

/// A lake: a folder of this machine, or the objects of a bucket.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Arc<dyn Store>,
    /// The folder it is in; of a lake in a bucket, that in which this machine stages.
    root: PathBuf,
    /// Copies of what is in a bucket, for as long as the lake is open.
    _copies: Option<Arc<Held>>,
    /// Who works on it, for the audit trail.
    actor: String,
}

/// Where a lake is.
#[derive(Clone, Debug)]
pub enum Location {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket, below a prefix.
    Bucket {
        /// The bucket, and who asks.
        bucket: Arc<Bucket>,
        /// What every key of the lake begins with.
        prefix: String,
        /// The folder of this machine in which nights are staged.
        staging: PathBuf,
    },
}

impl Location {
    /// Whether it is asked over the net.
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Bucket { .. })
    }

    /// A path below it, for people.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        match self {
            Self::Folder(root) => root.join(path).display().to_string(),
            Self::Bucket { bucket, prefix, .. } => format!("{}/{path}", bucket.shown(prefix).trim_end_matches('/')),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => write!(f, "{}", root.display()),
            Self::Bucket { bucket, prefix, .. } => f.write_str(bucket.shown(prefix).trim_end_matches('/')),
        }
    }
}

impl Lake {
    /// The lake at `location`. Nothing is created there before something is written.
    pub fn at(location: &Location) -> Result<Self> {
        match location {
            Location::Folder(root) => Self::open(root),
            Location::Bucket { bucket, prefix, staging } => {
                let root = std::path::absolute(staging).map_err(|error| durable::failed("find the folder", staging, &error))?;
                durable::create_private(&root)?;
                let staging = root.join("staging");
                let copies = Held::first_free(&staging, "copies")?;
                let objects = Objects::new(bucket, prefix, staging, copies.folder().to_path_buf())?;
                let copies = Some(Arc::new(copies));
                Ok(Self { store: Arc::new(objects), root, _copies: copies, actor: NOBODY.to_owned() })
            }
        }
    }

    /// Whether a lake in a bucket can be reached: asked once. One in a folder of this machine is where its folder is.
    pub fn reach(location: &Location) -> Result<()> {
        match location {
            Location::Folder(_) => Ok(()),
            Location::Bucket { bucket, prefix, .. } => Objects::reach(bucket, prefix),
        }
    }

    /// The lake in the folder `root`. Nothing is created before something is written.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|error| durable::failed("find the lake", root, &error))?;
        if root.exists() && !root.is_dir() {
            return Err(Error::new(Exit::CannotCreate, "the lake is not a folder")
                .file(root.display())
                .next("name a folder, or a path where none exists yet, as `lake` in the job"));
        }
        Ok(Self { store: Arc::new(Folder::new(root.clone())), root, _copies: None, actor: NOBODY.to_owned() })
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

    /// The folder it is in, absolute; of a lake in a bucket, that in which this machine stages.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of it, or all of it, for people.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        self.store.shown(path)
    }

    /// The newest manifest of each published night, in order of business date.
    pub fn nights(&self) -> Result<Vec<Manifest>> {
        self.nights_from(NaiveDate::MIN)
    }

    /// The same of `first` and the nights after it.
    fn nights_from(&self, first: NaiveDate) -> Result<Vec<Manifest>> {
        let mut manifests = Vec::new();
        for night in published_nights(&*self.store)?.into_iter().filter(|&night| night >= first) {
            manifests.extend(newest_manifest(&*self.store, night)?);
        }
        Ok(manifests)
    }

    /// The newest manifest of `night`, if it was ever published.
    pub fn manifest(&self, night: NaiveDate) -> Result<Option<Manifest>> {
        newest_manifest(&*self.store, night)
    }

    /// The manifest of one generation of `night` (65 where there is none).
    pub fn manifest_of(&self, night: NaiveDate, generation: u64) -> Result<Manifest> {
        let known = generations(&*self.store, night)?;
        if known.contains(&generation) {
            return read_manifest(&*self.store, night, generation);
        }
        let known: Vec<String> = known.iter().map(u64::to_string).collect();
        let error = Error::data(format!("the lake has no generation {generation} of the night {night}"));
        Err(error.file(self.shown(&manifest_path(night, generation))).expected(match known.len() {
            0 => "a night that was published".to_owned(),
            _ => known.join(", "),
        }))
    }

    /// The very text of a manifest.
    pub fn manifest_text(&self, manifest: &Manifest) -> Result<String> {
        let path = manifest_path(manifest.night.business_date, manifest.generation);
        let text = String::from_utf8(store::read(&*self.store, &path)?);
        text.map_err(|_| Error::data("this manifest is not text").file(self.shown(&path)))
    }

    /// The manifests of all generations of `night`, the oldest first.
    pub fn generations(&self, night: NaiveDate) -> Result<Vec<Manifest>> {
        generations(&*self.store, night)?.into_iter().map(|generation| read_manifest(&*self.store, night, generation)).collect()
    }

    /// The newest manifest of the last night published before `night`.
    pub fn night_before(&self, night: NaiveDate) -> Result<Option<Manifest>> {
        for earlier in published_nights(&*self.store)?.into_iter().rev().filter(|&date| date < night) {
            if let Some(manifest) = newest_manifest(&*self.store, earlier)? {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// The nights that a new generation of one before them has left behind: each was closed on a manifest that is not the
    /// newest any more, or on a night that was.
    pub fn stale(&self) -> Result<BTreeSet<NaiveDate>> {
        let (nights, mut told) = (published_nights(&*self.store)?, self.links());
        // A generation after the one the trail tells of is there where its run died before it could say so.
        let next = |night: &NaiveDate| manifest_path(*night, told.get(night).map_or(1, |(newest, _)| newest + 1));
        let is_told = self.store.are_there(NIGHTS, &nights.iter().map(next).collect::<Vec<_>>())?.into_iter().map(|there| !there);
        let mut links = Vec::with_capacity(nights.len());
        for (night, is_told) in nights.into_iter().zip(is_told) {
            links.extend(match told.remove(&night).filter(|_| is_told) {
                Some((_, link)) => Some(link),
                None => self.link(night)?,
            });
        }
        Ok(stale(&links))
    }

    /// The place of the newest manifest of `night` in the chain of nights, as it says itself.
    fn link(&self, night: NaiveDate) -> Result<Option<Link>> {
        let Some(&newest) = generations(&*self.store, night)?.last() else { return Ok(None) };
        let path = manifest_path(night, newest);
        Link::decode(&store::read(&*self.store, &path)?, &path).map(Some)
    }

    /// Whether every data file of `manifest` is there, has its size, and the footer it was published with. Reads
    /// footers only.
    pub fn is_intact(&self, manifest: &Manifest) -> Result<bool> {
        // Side by side: each asks a store a few times.
        let held: Vec<bool> = manifest.outputs.par_iter().map(|output| self.holds(output)).collect::<Result<_>>()?;
        Ok(held.into_iter().all(|held| held))
    }

    fn holds(&self, output: &Output) -> Result<bool> {
        match self.store.open(&output.path)? {
            Some(file) if file.size() == output.bytes => Ok(parquet::footer_sha256(&file)? == output.footer_sha256),
            _ => Ok(false),
        }
    }

    /// Whether the data files of `manifest` for `tables` are there, have their sizes, and the footers they were published
    /// with.
    pub fn holds_intact(&self, manifest: &Manifest, tables: &[&Table]) -> Result<bool> {
        let holds = |table: &&Table| {
            let output = manifest.outputs.iter().find(|output| output.table == table.name);
            output.map_or(Ok(false), |output| self.holds(output))
        };
        let held: Vec<bool> = tables.par_iter().map(holds).collect::<Result<_>>()?;
        Ok(held.into_iter().all(|held| held))
    }

    /// Whether the data files of `manifest` for `tables` have the very bytes that were published. Reads all of them.
    pub fn holds_all(&self, manifest: &Manifest, tables: &[&Table]) -> Result<bool> {
        let is_asked = |output: &&Output| tables.iter().any(|table| table.name == output.table);
        for output in manifest.outputs.iter().filter(is_asked) {
            let Some(file) = self.store.open(&output.path)? else { return Ok(false) };
            let sha256 = file.sha256().map_err(|error| durable::failed("read", Path::new(file.shown()), &error))?;
            if sha256 != output.sha256 {
                return Ok(false);
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
        parquet::batches(&self.table(table, night)?, table)
    }

    /// The columns `names` of each row group of it, a batch at a time.
    pub fn row_groups(
        &self,
        table: &'static Table,
        night: NaiveDate,
        names: &[&str],
    ) -> Result<Vec<impl Iterator<Item = Result<RecordBatch>> + Send + use<>>> {
        parquet::row_groups(&self.table(table, night)?, table, names)
    }

    /// The columns `names`, in that order, of what `night` published as `table`.
    ///
    /// # Panics
    /// If the table has no such column: a mistake in the code that asks.
    pub fn read_columns(&self, table: &'static Table, night: NaiveDate, names: &[&str]) -> Result<RecordBatch> {
        parquet::read(&self.table(table, night)?, table, names)
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
        parquet::rows_where(&self.table(table, night)?, table, looked_at, pick, names)
    }

    /// The file of a table that has to be there.
    fn table(&self, table: &Table, night: NaiveDate) -> Result<Readable> {
        let path = data_path(table, night);
        self.store.open(&path)?.ok_or_else(|| parquet::damaged(&self.shown(&path), "it is not there"))
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
        let is_behind = before.is_some_and(|before| stale.contains(&before.business_date));
        if is_behind || night.built_on.as_ref() != before.map(|before| &before.sha256) {
            stale.insert(night.business_date);
        }
        before = Some(night);
    }
    stale
}

fn published_nights(store: &dyn Store) -> Result<Vec<NaiveDate>> {
    let mut nights: Vec<NaiveDate> = store.folders(NIGHTS)?.iter().filter_map(|name| name.parse().ok()).collect();
    nights.sort_unstable();
    Ok(nights)
}

fn newest_manifest(store: &dyn Store, night: NaiveDate) -> Result<Option<Manifest>> {
    generations(store, night)?.last().map(|&generation| read_manifest(store, night, generation)).transpose()
}

/// The generations of `night`, in order.
fn generations(store: &dyn Store, night: NaiveDate) -> Result<Vec<u64>> {
    let names = store.files(&format!("{NIGHTS}/{night}"))?;
    let mut generations: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    generations.sort_unstable();
    Ok(generations)
}

fn read_manifest(store: &dyn Store, night: NaiveDate, generation: u64) -> Result<Manifest> {
    let path = manifest_path(night, generation);
    Manifest::decode(&store::read(store, &path)?, &path)
}
