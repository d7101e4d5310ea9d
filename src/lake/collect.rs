//! What no night needs: what runs that died have left, and, where a person says how long it is kept, what was set aside and
//! what was received.
//!
//! Never a manifest. A night that another run holds is left alone: what it has moved into place may not be named yet.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::audit::RECEIVED_REMOVED;
use super::{Lake, NightLock, durable};
use crate::error::{Exit, Result};

/// Something no night needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waste {
    /// Where it is, relative to the lake: a file, or a folder with all in it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Why nothing needs it.
    pub why: Why,
}

/// Why nothing needs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A run that died staged it.
    Staged,
    /// No manifest names it: a run died before it created one.
    Unnamed,
    /// It was set aside long ago.
    Aside,
    /// It was received long ago, for a night that is published.
    Received,
}

/// The nights before which something is no longer kept; none where it is kept for good.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeptFrom {
    /// What was set aside.
    pub aside: Option<NaiveDate>,
    /// The files of the archive.
    pub received: Option<NaiveDate>,
}

impl Why {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Unnamed => "unnamed",
            Self::Aside => "aside",
            Self::Received => "received",
        }
    }
}

/// What was found, and what was not looked at.
#[derive(Debug, Default)]
pub struct Collected {
    /// What no night needs, in the order of its paths.
    pub waste: Vec<Waste>,
    /// Nights that another run holds.
    pub held: Vec<NaiveDate>,
}

impl Lake {
    /// Finds what no night needs, and removes it where `remove` says so.
    pub fn collect(&self, remove: bool, kept_from: KeptFrom) -> Result<Collected> {
        let mut collected = Collected::default();
        self.staged(&mut collected)?;
        if remove {
            self.sweep()?;
        }
        self.unnamed(remove, &mut collected)?;
        if let Some(before) = kept_from.aside {
            self.set_aside(before, remove, &mut collected)?;
        }
        if let Some(before) = kept_from.received {
            self.received(before, remove, &mut collected)?;
        }
        collected.waste.sort_by(|one, other| one.path.cmp(&other.path));
        collected.held.sort_unstable();
        collected.held.dedup();
        Ok(collected)
    }

    /// Staging folders whose run no longer holds the lock beside them.
    fn staged(&self, collected: &mut Collected) -> Result<()> {
        let staging = self.store.staging();
        for lock in children(&staging)?.into_iter().filter(|path| path.extension().is_some_and(|of| of == "lock")) {
            let file = match OpenOptions::new().read(true).write(true).open(&lock) {
                Ok(file) => file,
                // Its run has ended meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(durable::failed("open", &lock, &error)),
            };
            let name = lock.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if file.try_lock().is_ok() {
                let bytes = size(&staging.join(name))?;
                collected.waste.push(Waste { path: format!("staging/{name}"), bytes, why: Why::Staged });
            } else if let Ok(night) = name.parse() {
                collected.held.push(night);
            }
        }
        Ok(())
    }

    /// Files among the tables that the newest manifest of their night does not name.
    fn unnamed(&self, remove: bool, collected: &mut Collected) -> Result<()> {
        let mut nights: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
        for path in self.store.below("data")? {
            let night = path.split('/').nth(1).and_then(|folder| folder.strip_prefix("date=")?.parse().ok());
            if let Some(night) = night {
                nights.entry(night).or_default().push(format!("data/{path}"));
            }
        }
        for (night, paths) in nights {
            if self.not_named(night, &paths)?.is_empty() || collected.held.contains(&night) {
                continue;
            }
            let lock = if remove { self.taken(night, collected)? } else { None };
            if remove && lock.is_none() {
                continue;
            }
            // Looked at again while nobody can publish it.
            for path in self.not_named(night, &paths)? {
                self.waste(path, Why::Unnamed, remove, collected)?;
            }
        }
        Ok(())
    }

    /// The right to a night; none, and noted, where another run holds it.
    fn taken(&self, night: NaiveDate, collected: &mut Collected) -> Result<Option<NightLock>> {
        match self.lock(night) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.exit == Exit::TryAgain => {
                collected.held.push(night);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn not_named<'p>(&self, night: NaiveDate, paths: &'p [String]) -> Result<Vec<&'p String>> {
        let manifest = self.manifest(night)?;
        let is_named = |path: &&String| {
            manifest.as_ref().is_some_and(|manifest| manifest.outputs.iter().any(|output| output.path == **path))
        };
        Ok(paths.iter().filter(|path| !is_named(path)).collect())
    }

    fn set_aside(&self, before: NaiveDate, remove: bool, collected: &mut Collected) -> Result<()> {
        for path in self.store.below("aside")? {
            let night = path.split('/').nth(1).and_then(|folder| folder.parse::<NaiveDate>().ok());
            if night.is_some_and(|night| night < before) {
                self.waste(&format!("aside/{path}"), Why::Aside, remove, collected)?;
            }
        }
        Ok(())
    }

    /// Files of the archive that nights before `before` were closed from. Those of a night that was never published are kept:
    /// nothing else tells of them.
    fn received(&self, before: NaiveDate, remove: bool, collected: &mut Collected) -> Result<()> {
        let mut nights: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
        for path in self.store.below("raw")? {
            let night = path.split('/').nth(1).and_then(|folder| folder.parse::<NaiveDate>().ok());
            if let Some(night) = night.filter(|night| *night < before && !collected.held.contains(night)) {
                nights.entry(night).or_default().push(format!("raw/{path}"));
            }
        }
        for (night, paths) in nights {
            let lock = if remove { self.taken(night, collected)? } else { None };
            let Some(manifest) = self.manifest(night)?.filter(|_| remove == lock.is_some()) else { continue };
            if remove {
                // Said before it is done: whoever misses a file finds why.
                self.record(RECEIVED_REMOVED, &manifest)?;
            }
            for path in &paths {
                self.waste(path, Why::Received, remove, collected)?;
            }
        }
        Ok(())
    }

    /// Notes a file, and removes it where that is wanted.
    fn waste(&self, path: &str, why: Why, remove: bool, collected: &mut Collected) -> Result<()> {
        let bytes = self.store.size(path)?.unwrap_or_default();
        collected.waste.push(Waste { path: path.to_owned(), bytes, why });
        if remove {
            self.store.remove(path)?;
            self.store.prune(path);
        }
        Ok(())
    }
}

/// What is in a folder, in order; nothing where there is none.
fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: &std::io::Error| durable::failed("list", folder, error);
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let mut paths = listed.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
    if let Ok(paths) = &mut paths {
        paths.sort();
    }
    paths.map_err(|error| failed(&error))
}

/// Bytes of a file, or of all files below a folder. A link is not followed.
fn size(path: &Path) -> Result<u64> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(durable::failed("read", path, &error)),
    };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    children(path)?.iter().map(|path| size(path)).sum()
}
