//! Keeping every byte that arrives, as it was received.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::audit::{AuditLine, RECEIVED_REMOVED};
use super::manifest::hex;
use super::store::Move;
use super::{Input, Lake, NightLock, durable};
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
    /// Where it is on this machine, absolute. Read it from here: these bytes do not change.
    pub path: PathBuf,
    /// Where it is kept, relative to the lake.
    pub place: String,
}

/// A file that came, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The file, in the archive.
    pub archived: Archived,
    /// Where it came from and what it was there, for the next time.
    pub known: Known,
    /// Whether its bytes came now; if not, they came before and were not asked for again.
    pub now: bool,
}

/// A file that came before: what to compare a place with, so that nothing comes twice.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Where it is at its place: a path, a key, a report.
    pub locator: String,
    /// What tells one state of it there from another: an entity tag, or size and time. Without it nothing does.
    pub version: Option<String>,
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// What one source delivers for the lock's night.
#[derive(Debug)]
pub struct Inbox<'l> {
    lake: &'l Lake,
    lock: &'l NightLock,
    source: &'l str,
    known: Vec<Known>,
}

/// Where the archive keeps a file, relative to the lake.
fn archive_path(source: &str, night: NaiveDate, sha256: &str, name: &str) -> String {
    format!("raw/{source}/{night}/{sha256}/{name}")
}

/// How many files this process began to receive: no two of them are staged under one name.
static BEGUN: AtomicU64 = AtomicU64::new(0);

impl Lake {
    /// The inbox for what `source` delivers; `known` came before.
    pub fn inbox<'l>(&'l self, lock: &'l NightLock, source: &'l str, known: Vec<Known>) -> Result<Inbox<'l>> {
        if source.is_empty() || source.starts_with('.') || source.contains(['/', '\\']) {
            return Err(Error::configuration("this cannot be the name of a folder").found(source));
        }
        Ok(Inbox { lake: self, lock, source, known })
    }

    /// A file of the archive that a night was closed from, its bytes checked (65 where they are gone or others).
    pub fn archived(&self, night: NaiveDate, input: &Input) -> Result<Archived> {
        let path = archive_path(&input.source, night, &input.sha256, &input.name);
        let lost = |what: &str| lost(self.shown(&path), &format!("a file that the night {night} was closed from {what}"));
        if self.store.size(&path)?.is_none() {
            let lines = self.audit()?;
            let went = lines.iter().rev().find(|line| line.action == RECEIVED_REMOVED && line.business_date == night);
            return Err(match went {
                Some(AuditLine { at, .. }) => lost(&format!("was removed from the archive at {at}, for its age")).next(format!(
                    "where a night after it is closed, close those since then anew, in order: tieout backfill <job> --from \
                     {night} --to <last night>; to verify it, or see what it differed in, restore the file from a backup"
                )),
                None => lost("is not in the archive"),
            });
        }
        self.store.bring(&path)?;
        let near = self.store.near(&path);
        if sha256(&near)? != input.sha256 {
            return Err(lost("was changed"));
        }
        let (sha256, bytes, name) = (input.sha256.clone(), input.bytes, input.name.clone());
        Ok(Archived { sha256, bytes, name, path: near, place: path })
    }

    /// Has archived files on this machine, where they are read: of a lake in a bucket, what came before is not.
    pub fn bring<'a>(&self, files: impl IntoIterator<Item = &'a Archived>) -> Result<()> {
        files.into_iter().try_for_each(|file| {
            let is_as_archived = !self.store.bring(&file.place)? || sha256(&file.path)? == file.sha256;
            is_as_archived.then_some(()).ok_or_else(|| lost(self.shown(&file.place), "a file of the archive was changed"))
        })
    }

    /// Puts archived files on the disk, or in the bucket. A night settles them while it works on, and before it publishes.
    pub fn settle<'a>(&self, files: impl IntoIterator<Item = &'a Archived>) -> Result<()> {
        self.store.settle(&files.into_iter().map(|file| file.place.as_str()).collect::<Vec<_>>())
    }
}

/// SHA-256 of a file of this machine.
fn sha256(path: &Path) -> Result<String> {
    durable::sha256(path).map_err(|error| durable::failed("read", path, &error))
}

fn lost(shown: String, what: &str) -> Error {
    Error::data(what.to_owned()).file(shown).next("restore the file from a backup of the lake")
}

impl Inbox<'_> {
    /// What came before from `locator`, if its bytes are still kept and nothing there has changed since.
    #[must_use]
    pub fn unchanged(&self, locator: &str, version: Option<&str>) -> Option<Received> {
        let same = |known: &&Known| known.locator == locator && known.version.is_some() && known.version.as_deref() == version;
        self.kept(self.known.iter().find(same)?)
    }

    /// A file that came before, if its bytes are still kept.
    fn kept(&self, known: &Known) -> Option<Received> {
        let place = self.place(&known.sha256, &known.name);
        let path = self.lake.store.near(&place);
        // One that cannot be asked for is asked of its source again.
        let is_kept = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == known.bytes)
            || self.lake.store.size(&place).is_ok_and(|size| size == Some(known.bytes));
        let archived = Archived { sha256: known.sha256.clone(), bytes: known.bytes, name: known.name.clone(), path, place };
        is_kept.then(|| Received { archived, known: known.clone(), now: false })
    }

    /// All that came before, if there is any and all of its bytes are still kept.
    #[must_use]
    pub fn all_known(&self) -> Option<Vec<Received>> {
        if self.known.is_empty() { None } else { self.known.iter().map(|known| self.kept(known)).collect() }
    }

    /// Begins to receive a file that the other side calls `name`.
    pub fn receive(&self, name: &str) -> Result<Incoming<'_>> {
        let name = plain_name(name)?;
        let staged = self.lock.folder().join(format!("arriving.{}", BEGUN.fetch_add(1, Ordering::Relaxed)));
        let file = File::options().read(true).write(true).create_new(true).open(&staged);
        let file = file.map_err(|error| durable::failed_to_create("create", &staged, &error))?;
        Ok(Incoming { inbox: self, name: name.to_owned(), staged, file, hash: Sha256::new(), bytes: 0 })
    }

    /// Keeps a file of this machine. One that changes while it is read is not kept: 75. Not yet durable:
    /// [`Lake::settle`] makes it so.
    pub fn keep_file(&self, path: &Path) -> Result<Received> {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::data("the name of this file is not UTF-8 text").file(path.display()).next("rename the file"));
        };
        let mut incoming = self.receive(name)?;
        incoming.copy(path)?;
        let place = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        incoming.keep(&place.display().to_string(), None)
    }

    fn place(&self, sha256: &str, name: &str) -> String {
        archive_path(self.source, self.lock.night(), sha256, name)
    }
}

/// A file that is being received: hashed as it comes, not visible before it is kept.
#[derive(Debug)]
pub struct Incoming<'l> {
    inbox: &'l Inbox<'l>,
    name: String,
    staged: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Incoming<'_> {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.file.write_all(piece).map_err(|error| durable::failed("write", &self.staged, &error))?;
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// How many bytes came so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forgets what came, to begin anew.
    pub fn restart(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| durable::failed("write", &self.staged, &error))?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    /// What came so far, from its first byte, to be checked before it is kept.
    pub fn read_back(&self) -> Result<impl Read + Seek + use<>> {
        let mut file = File::open(&self.staged).map_err(|error| durable::failed("read", &self.staged, &error))?;
        file.seek(SeekFrom::Start(0)).map_err(|error| durable::failed("read", &self.staged, &error))?;
        Ok(std::io::BufReader::new(file))
    }

    /// Keeps it, as what `locator` was when it had `version`. The same bytes under the same name are kept once. Not
    /// yet durable: [`Lake::settle`] makes it so.
    pub fn keep(self, locator: &str, version: Option<String>) -> Result<Received> {
        let sha256 = hex(&self.hash.clone().finalize());
        let place = self.inbox.place(&sha256, &self.name);
        let path = self.inbox.lake.store.near(&place);
        // Read again: what a run left that died with the power may have its size and other bytes.
        let kept = durable::sha256(&path).is_ok_and(|kept| kept == sha256);
        if !kept {
            seal(&self.file).map_err(|error| durable::failed("write", &self.staged, &error))?;
            durable::rename(&self.staged, &path)?;
        }
        let archived = Archived { sha256: sha256.clone(), bytes: self.bytes, name: self.name.clone(), path, place };
        let known = Known { locator: locator.to_owned(), version, name: self.name.clone(), sha256, bytes: self.bytes };
        Ok(Received { archived, known, now: true })
    }

    /// Keeps bytes that are refused aside, for whoever looks into it, and names the place in the error.
    #[must_use]
    pub fn set_aside(self, why: Error) -> Error {
        let sha256 = hex(&self.hash.clone().finalize());
        let path = format!("aside/{}/{}/{sha256}/{}", self.inbox.source, self.inbox.lock.night(), self.name);
        let moves = [Move { staged: self.staged.clone(), path: path.clone() }];
        match self.inbox.lake.store.put(&moves) {
            Ok(()) => {
                let aside = format!("the bytes are kept aside in {}", self.inbox.lake.shown(&path));
                let found = why.found.as_ref().map_or_else(|| aside.clone(), |found| format!("{found}; {aside}"));
                why.found(found)
            }
            // They are not needed to go on; that they were wrong is what must be said.
            Err(_) => why,
        }
    }

    /// Copies a file of this machine in one reading.
    fn copy(&mut self, from: &Path) -> Result<()> {
        let unreadable = |error: std::io::Error| Error::io("read", from.display(), &error);
        let mut source = File::open(from).map_err(unreadable)?;
        let before = source.metadata().map_err(unreadable)?;
        let mut buffer = vec![0_u8; 1 << 18];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.push(&buffer[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        // Asked by name: a file that was replaced is as bad as one that grew.
        let after = fs::metadata(from).map_err(unreadable)?;
        let same_time = before.modified().ok() == after.modified().ok();
        if self.bytes != before.len() || self.bytes != after.len() || !same_time {
            return Err(Error::new(Exit::TryAgain, "the file changed while it was read: it is still being delivered")
                .file(from.display())
                .expected(format!("{} bytes", before.len()))
                .found(format!("{} bytes read, {} there now", self.bytes, after.len()))
                .next("run again when the delivery is complete"));
        }
        Ok(())
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        // Moved away where it was kept; what is left otherwise, the next run sweeps.
        let _ = fs::remove_file(&self.staged);
    }
}

/// Names come from other machines: one that is a path, hidden or endless never reaches the disk.
fn plain_name(name: &str) -> Result<&str> {
    const LONGEST: usize = 200;
    let plain = !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with('.')
        && !name.contains(|letter: char| matches!(letter, '/' | '\\' | ':') || letter.is_control());
    if plain {
        return Ok(name);
    }
    let shown: String = name.chars().take(80).collect::<String>().escape_debug().to_string();
    Err(Error::data("this is no name for a file")
        .expected(format!("at most {LONGEST} bytes without slashes, colons or control characters, not beginning with a point"))
        .found(shown)
        .next("rename the file where it comes from"))
}

/// Makes a file, as a reminder to people, read-only.
fn seal(file: &File) -> std::io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)
}
