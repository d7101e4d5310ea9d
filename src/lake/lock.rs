//! One run at a time closes a night. The lock keeps two runs from doing the work twice; that only one of them
//! publishes is the manifest's create-only write.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::{Lake, durable};
use crate::error::{Error, Exit, Result};

/// The right to write one night, and its staging folder. Given back when dropped, or by the system when the run
/// dies.
#[derive(Debug)]
pub struct NightLock {
    night: NaiveDate,
    folder: PathBuf,
    path: PathBuf,
    /// Held open: the system's lock lives as long as this.
    _file: File,
}

impl Lake {
    /// Takes `night` for this run, and repairs what runs that died have left: their staging, and the line of the
    /// audit trail that a publication of this night still lacks. Held by another run: 75.
    pub fn lock(&self, night: NaiveDate) -> Result<NightLock> {
        let lock = NightLock::take(&self.staging(), night)?;
        self.sweep()?;
        self.complete_audit(night)?;
        Ok(lock)
    }

    /// Removes the staging of runs that no longer live; says of how many.
    pub fn sweep(&self) -> Result<usize> {
        let staging = self.staging();
        let listed = match fs::read_dir(&staging) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(durable::failed("list", &staging, &error)),
        };
        let mut swept = 0;
        for file in listed {
            let name = file.map_err(|error| durable::failed("list", &staging, &error))?.file_name();
            let night = name.to_str().and_then(|name| name.strip_suffix(".lock")?.parse().ok());
            // Held by another run: that one lives. Taking a night empties its folder, dropping it removes the rest.
            match night.map(|night| NightLock::take(&staging, night)) {
                Some(Ok(dead)) => {
                    drop(dead);
                    swept += 1;
                }
                Some(Err(error)) if error.exit != Exit::TryAgain => return Err(error),
                _ => {}
            }
        }
        Ok(swept)
    }
}

impl NightLock {
    /// The night it is of.
    #[must_use]
    pub fn night(&self) -> NaiveDate {
        self.night
    }

    /// The folder in which its holder stages.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn take(staging: &Path, night: NaiveDate) -> Result<Self> {
        let path = staging.join(format!("{night}.lock"));
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
                Err(TryLockError::WouldBlock) => return Err(held(night, &path)),
                Err(TryLockError::Error(error)) => return Err(durable::failed("lock", &path, &error)),
            }
            // The holder before may have removed the file between its opening and its locking here.
            if is_still(&file, &path) {
                break file;
            }
        };
        let folder = staging.join(night.to_string());
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
        Ok(Self { night, folder, path, _file: file })
    }
}

impl Drop for NightLock {
    fn drop(&mut self) {
        // What cannot be removed here is swept by the next run. The lock file goes last, while it is still held.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.path);
    }
}

fn held(night: NaiveDate, path: &Path) -> Error {
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
