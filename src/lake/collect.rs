//! What no night needs: what runs that died have left, and what was set aside long ago.
//!
//! Never a manifest or a file of the archive. A night that another run holds is left alone: what it has moved into place may
//! not be named yet.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::{Lake, durable};
use crate::error::{Error, Exit, Result};

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
}

impl Why {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Unnamed => "unnamed",
            Self::Aside => "aside",
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
    /// Finds what no night needs, and removes it where `remove` says so. What was set aside counts of nights before
    /// `aside_before` alone.
    pub fn collect(&self, remove: bool, aside_before: Option<NaiveDate>) -> Result<Collected> {
        let mut collected = Collected::default();
        if !self.root.is_dir() {
            return Ok(collected);
        }
        self.staged(&mut collected)?;
        if remove {
            self.sweep()?;
        }
        for table in children(&self.root.join("data"))? {
            for partition in children(&table)? {
                self.unnamed(&partition, remove, &mut collected)?;
            }
        }
        if let Some(before) = aside_before {
            self.set_aside(before, remove, &mut collected)?;
        }
        collected.waste.sort_by(|one, other| one.path.cmp(&other.path));
        collected.held.sort_unstable();
        collected.held.dedup();
        Ok(collected)
    }

    /// Staging folders whose run no longer holds the lock beside them.
    fn staged(&self, collected: &mut Collected) -> Result<()> {
        for lock in children(&self.staging())?.into_iter().filter(|path| path.extension().is_some_and(|of| of == "lock")) {
            let file = match OpenOptions::new().read(true).write(true).open(&lock) {
                Ok(file) => file,
                // Its run has ended meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(durable::failed("open", &lock, &error)),
            };
            if file.try_lock().is_ok() {
                let folder = lock.with_extension("");
                let bytes = size(&folder)?;
                collected.waste.push(Waste { path: self.relative(&folder), bytes, why: Why::Staged });
            } else if let Some(night) = lock.file_stem().and_then(|name| name.to_str()?.parse().ok()) {
                collected.held.push(night);
            }
        }
        Ok(())
    }

    /// Files of one night of one table that its newest manifest does not name.
    fn unnamed(&self, partition: &Path, remove: bool, collected: &mut Collected) -> Result<()> {
        let name = partition.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(night) = name.strip_prefix("date=").and_then(|date| date.parse::<NaiveDate>().ok()) else { return Ok(()) };
        let stray = self.not_named(partition, night)?;
        if stray.is_empty() || collected.held.contains(&night) {
            return Ok(());
        }
        if !remove {
            return stray.iter().try_for_each(|path| self.note(path, collected));
        }
        // Looked at again while nobody can publish it.
        let lock = match self.lock(night) {
            Ok(lock) => lock,
            Err(error) if error.exit == Exit::TryAgain => {
                collected.held.push(night);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for path in self.not_named(partition, night)? {
            self.note(&path, collected)?;
            take_away(&path)?;
        }
        // Goes where it is empty now.
        let _ = fs::remove_dir(partition);
        drop(lock);
        Ok(())
    }

    fn note(&self, path: &Path, collected: &mut Collected) -> Result<()> {
        collected.waste.push(Waste { path: self.relative(path), bytes: size(path)?, why: Why::Unnamed });
        Ok(())
    }

    fn not_named(&self, partition: &Path, night: NaiveDate) -> Result<Vec<PathBuf>> {
        let manifest = self.manifest(night)?;
        let is_named = |path: &PathBuf| {
            let path = self.relative(path);
            manifest.as_ref().is_some_and(|manifest| manifest.outputs.iter().any(|output| output.path == path))
        };
        Ok(children(partition)?.into_iter().filter(|path| !is_named(path)).collect())
    }

    fn set_aside(&self, before: NaiveDate, remove: bool, collected: &mut Collected) -> Result<()> {
        for source in children(&self.root.join("aside"))? {
            for folder in children(&source)? {
                let night = folder.file_name().and_then(|name| name.to_str()?.parse::<NaiveDate>().ok());
                if night.is_none_or(|night| night >= before) {
                    continue;
                }
                collected.waste.push(Waste { path: self.relative(&folder), bytes: size(&folder)?, why: Why::Aside });
                if remove {
                    take_away(&folder)?;
                }
            }
            if remove {
                let _ = fs::remove_dir(&source);
            }
        }
        Ok(())
    }

    /// A path as the manifest writes it.
    fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
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

fn take_away(path: &Path) -> Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|error| Error::io("remove", path.display(), &error))
}
