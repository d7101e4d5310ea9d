//! One run at a time closes a night. The lock keeps two runs from doing the work twice; that only one of them
//! publishes is the manifest's create-only write. Work that is never published is held in the same way.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::store::Lease;
use super::{Lake, durable};
use crate::error::{Error, Exit, Result};
use crate::signal;

/// The right to write one night, and its staging folder. Given back when dropped, or by the system when the run
/// dies.
#[derive(Debug)]
pub struct NightLock {
    night: NaiveDate,
    held: Held,
    /// Where the lake is one that other machines write too.
    lease: Option<Lease>,
}

/// A folder for work that is never published. Gone when dropped, or swept by the next run when this one dies.
#[derive(Debug)]
pub struct Scratch {
    held: Held,
}

/// A folder below `staging` that is one run's, by a lock on the file beside it.
#[derive(Debug)]
pub(super) struct Held {
    folder: PathBuf,
    path: PathBuf,
    /// Held open: the system's lock lives as long as this.
    _file: File,
}

impl Lake {
    /// Takes `night` for this run, and repairs what runs that died have left: their staging, and the line of the
    /// audit trail that a publication of this night still lacks. Held by another run: 75.
    pub fn lock(&self, night: NaiveDate) -> Result<NightLock> {
        let staging = self.store.staging();
        let Some(held) = Held::take(&staging, &night.to_string())? else {
            return Err(is_held(night, &staging.join(format!("{night}.lock"))));
        };
        let lease = self.store.lease(&night.to_string())?;
        let lock = NightLock { night, held, lease };
        self.sweep()?;
        self.complete_audit(night)?;
        Ok(lock)
    }

    /// A folder for work that is never published.
    pub fn scratch(&self) -> Result<Scratch> {
        Ok(Scratch { held: Held::first_free(&self.store.staging(), "scratch")? })
    }

    /// Removes the staging of runs that no longer live; says of how many.
    pub fn sweep(&self) -> Result<usize> {
        let staging = self.store.staging();
        let listed = match fs::read_dir(&staging) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(durable::failed("list", &staging, &error)),
        };
        let mut swept = 0;
        for file in listed {
            let name = file.map_err(|error| durable::failed("list", &staging, &error))?.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".lock")) else { continue };
            // Held by another run: that one lives. Taking a folder empties it, dropping it removes the rest.
            if let Some(dead) = Held::take(&staging, name)? {
                drop(dead);
                swept += 1;
            }
        }
        Ok(swept)
    }
}

impl NightLock {
    /// That the night is still this run's: asked before anything of it becomes visible (75 where it is not).
    pub(super) fn confirm(&self) -> Result<()> {
        self.lease.as_ref().map_or(Ok(()), Lease::confirm)
    }

    /// The night it is of.
    #[must_use]
    pub fn night(&self) -> NaiveDate {
        self.night
    }

    /// The folder in which its holder stages.
    pub(super) fn folder(&self) -> &Path {
        &self.held.folder
    }
}

impl Scratch {
    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.held.folder
    }

    /// A lake below it, which nobody else sees.
    pub fn lake(&self, name: &str) -> Result<Lake> {
        Lake::open(&self.held.folder.join(name))
    }
}

impl Held {
    /// Takes the first folder `<name>.<number>` that no run holds.
    pub(super) fn first_free(staging: &Path, name: &str) -> Result<Self> {
        let mut number = 1;
        loop {
            if let Some(held) = Self::take(staging, &format!("{name}.{number}"))? {
                return Ok(held);
            }
            number += 1;
        }
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the folder `name`, empty; none where another run holds it.
    fn take(staging: &Path, name: &str) -> Result<Option<Self>> {
        let path = staging.join(format!("{name}.lock"));
        let mut file = loop {
            durable::create_root(durable::folder_of(staging))?;
            durable::create_folders(staging)?;
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(|error| durable::failed_to_create("create the lock", &path, &error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(durable::failed("lock", &path, &error)),
            }
            // The holder before may have removed the file between its opening and its locking here.
            if is_still(&file, &path) {
                break file;
            }
        };
        let folder = staging.join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(durable::failed("remove what a run that died has left", &folder, &error));
            }
            _ => durable::create_folders(&folder)?,
        }
        // For people who look: who holds it. Nothing reads it but the message of the run that waits.
        file.set_len(0)
            .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()))
            .map_err(|error| durable::failed("write the lock", &path, &error))?;
        signal::hold(&folder);
        Ok(Some(Self { folder, path, _file: file }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // What cannot be removed here is swept by the next run. The lock file goes last, while it is still held.
        let _ = fs::remove_dir_all(&self.folder);
        signal::let_go(&self.folder);
        let _ = fs::remove_file(&self.path);
    }
}

fn is_held(night: NaiveDate, path: &Path) -> Error {
    let holder = fs::read_to_string(path).unwrap_or_default();
    let error = Error::new(Exit::TryAgain, format!("the night {night} is being closed by another run"))
        .file(path.display())
        .next("wait for that run to end, then run again");
    if holder.is_empty() { error } else { error.found(format!("held by process {holder}")) }
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |open: &fs::Metadata, named: &fs::Metadata| open.dev() == named.dev() && open.ino() == named.ino();
    matches!((file.metadata(), fs::metadata(path)), (Ok(open), Ok(named)) if same(&open, &named))
}

#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    // An open file cannot be removed there.
    path.exists()
}
