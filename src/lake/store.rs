//! Where a lake keeps its files, and what it asks of such a place: a folder of this machine, or the objects of a bucket.
//!
//! Paths are relative to the lake, with slashes. What a call makes visible is whole: a file is moved into place, or put
//! by one request. What must be made once only is created under a condition that the disk or the store holds.

mod folder;
mod lease;
mod objects;
mod readable;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Exit, Result};

pub(super) use folder::{Folder, complete_lines};
pub(super) use lease::Lease;
pub(super) use objects::Objects;
pub(super) use readable::Readable;

/// A place that keeps a lake.
pub(super) trait Store: fmt::Debug + Send + Sync {
    /// A file of it, or all of it, for people.
    fn shown(&self, path: &str) -> String;

    /// Names of the folders in `folder`, in no particular order.
    fn folders(&self, folder: &str) -> Result<Vec<String>>;

    /// Names of the files in `folder`, in no particular order.
    fn files(&self, folder: &str) -> Result<Vec<String>>;

    /// Paths of all files below `folder`, relative to it, in no particular order.
    fn below(&self, folder: &str) -> Result<Vec<String>>;

    /// Which of some files, all of them below `folder`, are there.
    fn are_there(&self, folder: &str, paths: &[String]) -> Result<Vec<bool>>;

    /// The bytes of a file, if it is there.
    fn find(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// A file, to be read in pieces, if it is there: the same file to the end, whatever is put in its place.
    fn open(&self, path: &str) -> Result<Option<Readable>>;

    /// The size of a file, if it is there.
    fn size(&self, path: &str) -> Result<Option<u64>>;

    /// Makes a file under a name that must be free, durably: of two runs exactly one succeeds, and the other is told to
    /// try again (75). `staging` is a folder for it on the way.
    fn create(&self, path: &str, bytes: &[u8], staging: &Path) -> Result<()>;

    /// Makes a file, in place of one that is there, durably.
    fn replace(&self, path: &str, bytes: &[u8], staging: &Path) -> Result<()>;

    /// Removes a file, if it is there.
    fn remove(&self, path: &str) -> Result<()>;

    /// Removes the folders above a file that went, as far as they are empty, where nobody is about to use them. A bucket has
    /// none.
    fn prune(&self, _path: &str) {}

    /// Puts staged files in their places, durably: all of them, before this returns.
    fn put(&self, moves: &[Move]) -> Result<()>;

    /// Puts files, which are where [`near`](Self::near) says, on the disk or in the bucket.
    fn settle(&self, paths: &[&str]) -> Result<()>;

    /// Appends to a file of lines, durably. `next` is given the lines that are there, without one that was never finished,
    /// and gives the line that follows; it may be asked again where another run was in the way.
    fn append(&self, path: &str, next: &mut dyn FnMut(&str) -> Result<String>) -> Result<()>;

    /// Where a file is on this machine once it was kept or brought.
    fn near(&self, path: &str) -> PathBuf;

    /// Brings a file to this machine, if it is not here. Whether it came now.
    fn bring(&self, path: &str) -> Result<bool>;

    /// The folder in which runs stage.
    fn staging(&self) -> PathBuf;

    /// The right to write a night, where a lock of this machine is not enough.
    fn lease(&self, night: &str) -> Result<Option<Lease>>;
}

/// A staged file, and its place.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) staged: PathBuf,
    pub(super) path: String,
}

/// The bytes of a file that has to be there.
pub(super) fn read(store: &dyn Store, path: &str) -> Result<Vec<u8>> {
    store.find(path)?.ok_or_else(|| gone(store.shown(path)))
}

fn gone(shown: String) -> Error {
    Error::new(Exit::CannotWrite, "a file of the lake is not there").file(shown)
}

/// Another run made what this one was about to make.
fn overtaken(shown: String) -> Error {
    Error::new(Exit::TryAgain, "another run published this night in the meantime")
        .file(shown)
        .next("run the night again: it sees what the other run published")
}
