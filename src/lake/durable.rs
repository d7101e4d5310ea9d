//! Files and folders that survive the power going out, and what to say when the disk refuses.
//!
//! A rename is durable only when the file was synced before it and the folder after it. An object store has
//! neither notion; this is what a folder needs besides.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::manifest::hex;
use crate::error::{Error, Exit, Result};

/// Moves a written and synced file to its final place, replacing what is there. [`settle`] makes the move durable.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    create_folders(folder_of(to))?;
    fs::rename(from, to).map_err(|error| failed("move the file into place", to, &error))
}

/// Makes creations and moves durable: every folder from `root` down to each of `paths`, each synced once, and all of
/// them after the last move, because the first sync of a disk's journal writes all that waits in it.
pub(super) fn settle<'a>(root: &Path, paths: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let below_root = |folder: &&Path| folder.starts_with(root);
    let folders: BTreeSet<&Path> = paths.into_iter().flat_map(|path| path.ancestors().skip(1).take_while(below_root)).collect();
    folders.into_iter().try_for_each(sync_folder)
}

/// Writes a file that must not be there yet, and syncs it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| failed("write", path, &error))
}

/// Creates a file that must not be there yet.
pub(super) fn create_new(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| failed_to_create("create", path, &error))
}

/// SHA-256 of the bytes of a file.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Creates a folder and those above it.
pub(super) fn create_folders(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| failed_to_create("create the folder", path, &error))
}

/// Creates the folder of a lake and those above it, each durably.
pub(super) fn create_root(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    create_root(above)?;
    create_folders(path)?;
    sync_folder(above)
}

/// Creates a folder that nobody else can look into, where others have folders too (77 where it is somebody else's).
pub(super) fn create_private(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| failed_to_create("create the folder", path, &error))?;
    if is_open_to_others(path).map_err(|error| failed("look at the folder", path, &error))? {
        return Err(Error::new(Exit::NotPermitted, "nights are staged where others could look at them, or change them")
            .file(path.display())
            .next("remove that folder, or name a place of your own for temporary files in TMPDIR"));
    }
    Ok(())
}

/// Whether somebody else may look into a folder.
#[cfg(unix)]
fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::symlink_metadata(path)?;
    // A link leads to where its maker wants; a folder of another user is his.
    let own = path.join(format!("own.{}", std::process::id()));
    let mine = File::create(&own).and_then(|file| file.metadata());
    let _ = fs::remove_file(&own);
    Ok(!metadata.is_dir() || metadata.mode() & 0o077 != 0 || metadata.uid() != mine?.uid())
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> io::Result<bool> {
    // The folder for temporary files is the user's own there.
    Ok(false)
}

/// Makes the creations and renames in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync the folder", path, &error))
}

/// The folder a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().expect("paths of a lake are absolute and below its folder")
}

/// A failed creation (73, or 77 when permission is missing).
pub(super) fn failed_to_create(doing: &str, path: &Path, error: &io::Error) -> Error {
    let mut failure = failed(doing, path, error);
    if failure.exit == Exit::CannotWrite {
        failure.exit = Exit::CannotCreate;
    }
    failure
}

/// A failed read or write (74, or 77 when permission is missing).
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    let failure = Error::io(doing, path.display(), error);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            failure.next("make room on the disk of the lake and run the night again")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            failure.next("let the user who runs tieout read and write the folder of the lake, and run the night again")
        }
        _ => failure,
    }
}
