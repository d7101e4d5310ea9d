//! Files and folders that survive the power going out, and what to say when the disk refuses.
//!
//! A rename is durable only when the file was synced before it and the folder after it. An object store has
//! neither notion; this is what a folder needs besides.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::error::{Error, Exit, Result};

/// Moves a written and synced file to its final place, replacing what is there, and makes the move durable.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    create_folders(folder_of(to))?;
    fs::rename(from, to).map_err(|error| failed("move the file into place", to, &error))?;
    sync_folder(folder_of(to))
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

/// Creates a folder and those above it, each durably.
pub(super) fn create_folders(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    create_folders(above)?;
    match fs::create_dir(path) {
        Ok(()) => sync_folder(above),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(failed_to_create("create the folder", path, &error)),
    }
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
