//! Keeping every byte that was read, as it was received.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::manifest::hex;
use super::{Lake, NightLock, durable};
use crate::error::{Error, Exit, Result};

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Its name as received.
    pub name: String,
    /// Where it is kept, absolute. Read it from here: these bytes do not change.
    pub path: PathBuf,
}

impl Lake {
    /// Keeps `file` as what `source` delivered for the lock's night. The same bytes under the same name are kept
    /// once. A file that changes while it is read is not kept: 75. Not yet durable: [`Lake::settle`] makes it so.
    pub fn archive(&self, lock: &NightLock, source: &str, file: &Path) -> Result<Archived> {
        if source.is_empty() || source.starts_with('.') || source.contains(['/', '\\']) {
            return Err(Error::configuration("this cannot be the name of a folder").found(source));
        }
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::data("the name of this file is not UTF-8 text").file(file.display()).next("rename the file"));
        };
        // Two files of one name may come from two folders, at the same time.
        let from = xxh3_64(file.as_os_str().as_encoded_bytes());
        let staged = lock.folder().join(format!("{source}.{from:016x}.{name}"));
        let (copy, sha256, bytes) = copy_hashing(file, &staged)?;

        let path = self.root.join(format!("raw/{source}/{}/{sha256}/{name}", lock.night()));
        let kept = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes);
        if kept {
            fs::remove_file(&staged).map_err(|error| durable::failed("remove", &staged, &error))?;
        } else {
            seal(&copy).map_err(|error| durable::failed("write", &staged, &error))?;
            durable::rename(&staged, &path)?;
        }
        Ok(Archived { sha256, bytes, name: name.to_owned(), path })
    }

    /// Puts archived files on the disk. A night settles them while it works on, and before it publishes.
    pub fn settle(&self, files: &[PathBuf]) -> Result<()> {
        for path in files {
            let synced = File::open(path).and_then(|file| file.sync_all());
            synced.map_err(|error| durable::failed("write", path, &error))?;
        }
        durable::settle(&self.root, files.iter().map(PathBuf::as_path))
    }
}

/// Makes a file, as a reminder to people, read-only.
fn seal(file: &File) -> std::io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)
}

/// Copies `from` in one reading, and returns the copy, the hash of what was read, and its size.
fn copy_hashing(from: &Path, to: &Path) -> Result<(File, String, u64)> {
    let unreadable = |error: std::io::Error| Error::io("read", from.display(), &error);
    let mut source = File::open(from).map_err(unreadable)?;
    let before = source.metadata().map_err(unreadable)?;
    let mut copy = durable::create_new(to)?;

    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0_u8; 1 << 18];
    loop {
        let count = source.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        copy.write_all(&buffer[..count]).map_err(|error| durable::failed("write", to, &error))?;
        bytes += count as u64;
    }

    // Asked by name: a file that was replaced is as bad as one that grew.
    let after = fs::metadata(from).map_err(unreadable)?;
    let same_time = before.modified().ok() == after.modified().ok();
    if bytes != before.len() || bytes != after.len() || !same_time {
        fs::remove_file(to).map_err(|error| durable::failed("remove", to, &error))?;
        return Err(Error::new(Exit::TryAgain, "the file changed while it was read: it is still being delivered")
            .file(from.display())
            .expected(format!("{} bytes", before.len()))
            .found(format!("{bytes} bytes read, {} there now", after.len()))
            .next("run again when the delivery is complete"));
    }
    Ok((copy, hex(&hash.finalize()), bytes))
}
