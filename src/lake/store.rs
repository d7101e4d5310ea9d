//! What the lake asks of an object store: list, read, and create what is not there. A lake behind a URL differs
//! from a folder here and in how data files are put.

use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Exit, Result};

/// An object store and what drives it.
pub(super) struct Store {
    objects: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

impl Store {
    /// The store in a folder; none where the folder does not exist.
    pub(super) fn folder(root: &FilePath) -> Result<Option<Self>> {
        if !root.is_dir() {
            return Ok(None);
        }
        let objects = LocalFileSystem::new_with_prefix(root).map_err(|error| failed("open the lake", &root.display(), &error))?;
        let runtime = Builder::new_current_thread()
            .build()
            .map_err(|error| Error::new(Exit::TryAgain, format!("cannot start the reader of the lake: {error}")))?;
        Ok(Some(Self { objects: Arc::new(objects), runtime }))
    }

    /// Names of the folders in `folder`, in no particular order.
    pub(super) fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let listed = self.list(folder)?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Names of the files in `folder`, in no particular order.
    pub(super) fn files(&self, folder: &str) -> Result<Vec<String>> {
        let listed = self.list(folder)?;
        Ok(listed.objects.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect())
    }

    fn list(&self, folder: &str) -> Result<object_store::ListResult> {
        self.runtime
            .block_on(self.objects.list_with_delimiter(Some(&Path::from(folder))))
            .map_err(|error| failed("list", &folder, &error))
    }

    /// The bytes of a file.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>> {
        let read = async { self.objects.get(&Path::from(path)).await?.bytes().await };
        let bytes = self.runtime.block_on(read).map_err(|error| failed("read", &path, &error))?;
        Ok(bytes.to_vec())
    }

    /// Makes a complete file visible under a name that must be free: of two runs exactly one succeeds, and the
    /// other is told to try again. The staged file stays, for the sweep.
    pub(super) fn create(&self, staged: &str, path: &str) -> Result<()> {
        self.runtime.block_on(self.objects.copy_if_not_exists(&Path::from(staged), &Path::from(path))).map_err(|error| {
            match &error {
                object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                    Error::new(Exit::TryAgain, "another run published this night in the meantime")
                        .file(path)
                        .next("run the night again: it sees what the other run published")
                }
                _ => failed("create", &path, &error),
            }
        })
    }
}

/// A failed request: 77 where permission is missing, 74 where a disk refused, 75 where a store did not answer.
fn failed(doing: &str, path: &dyn std::fmt::Display, error: &object_store::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return super::durable::failed(doing, FilePath::new(&path.to_string()), io);
        }
        cause = inner.source();
    }
    let exit = match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => Exit::NotPermitted,
        object_store::Error::NotFound { .. } => Exit::CannotWrite,
        _ => Exit::TryAgain,
    };
    Error::new(exit, format!("cannot {doing}: {error}")).file(path)
}
