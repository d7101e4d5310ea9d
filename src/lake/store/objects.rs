//! A lake among the objects of a bucket: S3 and what speaks as it does, Google Cloud Storage, Azure.
//!
//! A put is one request, or a multipart upload that ends with one: readers see the object before or the object after. A
//! put whose answer was lost may have been done: what is there is looked at before it is called a failure.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{
    GetOptions, GetRange, ListResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, PutResult, RetryConfig,
    UpdateVersion,
};
use tokio::runtime::{Builder, Runtime};

use super::folder::complete_lines;
use super::{Lease, Move, Readable, Store, gone, overtaken};
use crate::bucket::{self, Bucket};
use crate::error::{Error, Exit, Result};
use crate::lake::durable;

/// What goes in one request; longer files go in parts of so many bytes.
const PART: u64 = 8 << 20;

/// Bytes at its end that are read back of what was put: there a table has its statistics.
const TAIL: u64 = 1 << 20;

/// Files that are put at once.
const AT_ONCE: usize = 8;

/// How often a condition is tried that another request was in the way of.
const TRIES: usize = 20;

/// How long a store may take to answer a call.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a request may take with all it sends and gets, which is a part at most: over a line of 5 Mbit/s [`AT_ONCE`] of
/// them take less.
const REQUEST: Duration = Duration::from_mins(2);

/// Objects below a prefix, and what drives them.
#[derive(Clone, Debug)]
pub(in crate::lake) struct Objects(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
    /// The address of the lake, for people.
    address: String,
    prefix: Key,
    /// The folder of this machine in which runs stage, and its part for copies.
    staging: PathBuf,
    copies: PathBuf,
}

/// What an object is, and in which state.
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    pub(super) version: UpdateVersion,
    pub(super) modified: chrono::DateTime<chrono::Utc>,
}

impl Objects {
    /// The objects of `bucket` below `prefix`, staged in a folder of this machine.
    pub(in crate::lake) fn new(bucket: &Bucket, prefix: &str, staging: PathBuf, copies: PathBuf) -> Result<Self> {
        // What a store says when it is busy is tried again for three minutes.
        Self::connect(bucket, prefix, staging, copies, &RetryConfig::default())
    }

    /// Asks a bucket once what is below `prefix`: whether it is there, answers, and lets these keys in.
    pub(in crate::lake) fn reach(bucket: &Bucket, prefix: &str) -> Result<()> {
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let listed = Self::connect(bucket, prefix, PathBuf::new(), PathBuf::new(), &once)?.list("");
        listed.map(drop).map_err(|error| match error.exit {
            Exit::TryAgain => error.next("check its address, and whether it can be reached from here; then try again"),
            _ => error,
        })
    }

    fn connect(bucket: &Bucket, prefix: &str, staging: PathBuf, copies: PathBuf, retry: &RetryConfig) -> Result<Self> {
        let store = bucket.connect(SILENCE, Some(REQUEST), retry)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(Exit::TryAgain, format!("cannot start the reader of the lake: {error}")))?;
        let (address, prefix) = (bucket.shown(prefix), bucket.key(prefix)?);
        Ok(Self(Arc::new(Inner { store, runtime, address, prefix, staging, copies })))
    }

    fn key(&self, path: &str) -> Key {
        path.split('/').filter(|part| !part.is_empty()).fold(self.0.prefix.clone(), Key::join)
    }

    fn wait<T>(&self, request: impl Future<Output = T>) -> T {
        self.0.runtime.block_on(request)
    }

    fn failed(&self, doing: &str, path: &str, error: &object_store::Error) -> Error {
        failed(doing, self.shown(path), error)
    }

    fn list(&self, folder: &str) -> Result<ListResult> {
        let key = self.key(folder);
        self.wait(self.0.store.list_with_delimiter(Some(&key))).map_err(|error| self.failed("list", folder, &error))
    }

    fn head(&self, path: &str) -> Result<Option<ObjectMeta>> {
        match self.wait(self.0.store.head(&self.key(path))) {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, &error)),
        }
    }

    /// An object with its state, if it is there.
    pub(super) fn get(&self, path: &str) -> Result<Option<Found>> {
        let request = async {
            let got = self.0.store.get(&self.key(path)).await?;
            let (version, modified) = (version(&got.meta), got.meta.last_modified);
            Ok(Found { bytes: got.bytes().await?.to_vec(), version, modified })
        };
        match self.wait(request) {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path, &error)),
        }
    }

    /// A range of an object that must still be in the state it had.
    pub(super) fn range(&self, path: &str, version: &UpdateVersion, range: Range<u64>) -> std::io::Result<bytes::Bytes> {
        let options = GetOptions {
            if_match: version.e_tag.clone(),
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let request = async { self.0.store.get_opts(&self.key(path), options).await?.bytes().await };
        let bytes = self.wait(request).map_err(|error| match error {
            object_store::Error::Precondition { .. } => std::io::Error::other("it was replaced while it was read: read again"),
            error => std::io::Error::other(bucket::said(&error).1),
        })?;
        if bytes.len() as u64 == range.end - range.start { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Puts bytes under a condition. None where the condition does not hold, or another request is in the way.
    pub(super) fn put_if(&self, path: &str, bytes: &[u8], mode: PutMode) -> Result<Option<PutResult>> {
        let payload = PutPayload::from(bytes.to_vec());
        match self.wait(self.0.store.put_opts(&self.key(path), payload, mode.into())) {
            Ok(put) => Ok(Some(put)),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(None),
            Err(object_store::Error::NotImplemented { .. }) => Err(unconditional(self.shown(path))),
            Err(error) => Err(self.failed("write", path, &error)),
        }
    }

    /// Uploads one file of this machine, and looks at what the store has of it.
    async fn upload(&self, staged: &Path, path: &str) -> Result<()> {
        let unread = |error: std::io::Error| durable::failed("read", staged, &error);
        let mut file = File::open(staged).map_err(unread)?;
        let size = file.metadata().map_err(unread)?.len();
        let key = self.key(path);
        let put = if size <= PART {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(unread)?;
            self.0.store.put(&key, bytes.into()).await.map(drop)
        } else {
            self.in_parts(&mut file, &key).await
        };
        match put {
            Ok(()) if self.has(path, staged, size.saturating_sub(TAIL)..size).await? => Ok(()),
            Ok(()) => Err(Error::new(Exit::TryAgain, "the store has another file than was sent to it")
                .file(self.shown(path))
                .next("run the night again")),
            // An answer that was lost leaves the file there, whole.
            Err(_) if self.has(path, staged, 0..size).await.unwrap_or(false) => Ok(()),
            Err(error) => Err(self.failed("write", path, &error)),
        }
    }

    async fn in_parts(&self, file: &mut File, key: &Key) -> object_store::Result<()> {
        let mut upload = self.0.store.put_multipart(key).await?;
        let sent = async {
            loop {
                let mut part = Vec::new();
                let read = file.by_ref().take(PART).read_to_end(&mut part);
                read.map_err(|error| object_store::Error::Generic { store: "file", source: error.into() })?;
                if part.is_empty() {
                    break;
                }
                upload.put_part(part.into()).await?;
            }
            upload.complete().await.map(drop)
        };
        let sent = sent.await;
        if sent.is_err() {
            // Parts that were sent are paid for until they are given up.
            let _ = upload.abort().await;
        }
        sent
    }

    /// Whether an object has the size of a file of this machine, where `range` ends, and its bytes there.
    async fn has(&self, path: &str, staged: &Path, range: Range<u64>) -> Result<bool> {
        let unread = |error: std::io::Error| durable::failed("read", staged, &error);
        let refused = |error: object_store::Error| self.failed("read", path, &error);
        let mut file = File::open(staged).map_err(unread)?;
        file.seek(SeekFrom::Start(range.start)).map_err(unread)?;
        let mut at = range.start;
        loop {
            let until = range.end.min(at + PART);
            // No store gives a range of nothing.
            let asked = (at < until).then_some(GetRange::Bounded(at..until));
            let got = self.0.store.get_opts(&self.key(path), GetOptions { range: asked, ..GetOptions::default() }).await;
            let got = got.map_err(refused)?;
            if got.meta.size != range.end {
                return Ok(false);
            }
            let mut bytes = Vec::new();
            file.by_ref().take(until - at).read_to_end(&mut bytes).map_err(unread)?;
            if got.bytes().await.map_err(refused)? != bytes {
                return Ok(false);
            }
            at = until;
            if at == range.end {
                return Ok(true);
            }
        }
    }
}

impl Store for Objects {
    fn shown(&self, path: &str) -> String {
        let address = self.0.address.trim_end_matches('/');
        if path.is_empty() { address.to_owned() } else { format!("{address}/{path}") }
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let listed = self.list(folder)?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    fn files(&self, folder: &str) -> Result<Vec<String>> {
        let listed = self.list(folder)?;
        Ok(listed.objects.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect())
    }

    fn below(&self, folder: &str) -> Result<Vec<String>> {
        let key = self.key(folder);
        let listed: Vec<ObjectMeta> =
            self.wait(self.0.store.list(Some(&key)).try_collect()).map_err(|error| self.failed("list", folder, &error))?;
        let relative = |object: &ObjectMeta| {
            let parts: Vec<_> = object.location.prefix_match(&key)?.map(|part| part.as_ref().to_owned()).collect();
            Some(parts.join("/"))
        };
        Ok(listed.iter().filter_map(relative).collect())
    }

    /// By one list: to ask for each is a request each.
    fn are_there(&self, folder: &str, paths: &[String]) -> Result<Vec<bool>> {
        let there: HashSet<String> = self.below(folder)?.into_iter().map(|path| format!("{folder}/{path}")).collect();
        Ok(paths.iter().map(|path| there.contains(path)).collect())
    }

    fn find(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(path)?.map(|found| found.bytes))
    }

    fn open(&self, path: &str) -> Result<Option<Readable>> {
        let found = self.head(path)?;
        Ok(found.map(|found| Readable::of_object(self.clone(), path.to_owned(), self.shown(path), found.size, version(&found))))
    }

    fn size(&self, path: &str) -> Result<Option<u64>> {
        Ok(self.head(path)?.map(|found| found.size))
    }

    fn create(&self, path: &str, bytes: &[u8], _: &Path) -> Result<()> {
        for _ in 0..TRIES {
            if self.put_if(path, bytes, PutMode::Create)?.is_some() {
                return Ok(());
            }
            // Made by this run, if its answer was lost; by another run, which is then told; or by nobody, if two requests
            // met in the store and it refused both.
            match self.get(path)? {
                Some(found) if found.bytes == bytes => return Ok(()),
                Some(_) => return Err(overtaken(self.shown(path))),
                None => std::thread::sleep(Duration::from_millis(100)),
            }
        }
        Err(overtaken(self.shown(path)))
    }

    fn replace(&self, path: &str, bytes: &[u8], _: &Path) -> Result<()> {
        let put = self.wait(self.0.store.put(&self.key(path), bytes.to_vec().into()));
        put.map(drop).map_err(|error| self.failed("write", path, &error))
    }

    fn remove(&self, path: &str) -> Result<()> {
        match self.wait(self.0.store.delete(&self.key(path))) {
            Err(error) if !matches!(error, object_store::Error::NotFound { .. }) => Err(self.failed("remove", path, &error)),
            _ => Ok(()),
        }
    }

    fn put(&self, moves: &[Move]) -> Result<()> {
        self.wait(async {
            let uploads = futures::stream::iter(moves).map(|Move { staged, path }| self.upload(staged, path));
            uploads.buffer_unordered(AT_ONCE).try_collect().await
        })
    }

    fn settle(&self, paths: &[&str]) -> Result<()> {
        let mut moves = Vec::new();
        for path in paths {
            let staged = self.near(path);
            // Not here: it was not kept now, and is there from before.
            if let Ok(metadata) = std::fs::metadata(&staged)
                && self.size(path)? != Some(metadata.len())
            {
                moves.push(Move { staged, path: (*path).to_owned() });
            }
        }
        self.put(&moves)
    }

    fn append(&self, path: &str, next: &mut dyn FnMut(&str) -> Result<String>) -> Result<()> {
        let mut tried: Option<String> = None;
        for _ in 0..TRIES {
            let found = self.get(path)?;
            let (bytes, mode) = match found {
                Some(found) => (found.bytes, PutMode::Update(found.version)),
                None => (Vec::new(), PutMode::Create),
            };
            let text = String::from_utf8(bytes).map_err(|_| {
                Error::data("this file of the lake is not text")
                    .file(self.shown(path))
                    .next("restore it from a backup of the lake")
            })?;
            // Its answer was lost, and it is there.
            if tried.is_some_and(|tried| text.ends_with(&tried)) {
                return Ok(());
            }
            let complete = complete_lines(&text);
            let line = next(complete)?;
            if self.put_if(path, format!("{complete}{line}").as_bytes(), mode)?.is_some() {
                return Ok(());
            }
            tried = Some(line);
        }
        Err(Error::new(Exit::TryAgain, "other runs write this file all the time").file(self.shown(path)).next("run again"))
    }

    fn near(&self, path: &str) -> PathBuf {
        self.0.copies.join(path)
    }

    fn bring(&self, path: &str) -> Result<bool> {
        let near = self.near(path);
        if near.exists() {
            return Ok(false);
        }
        let folder = durable::folder_of(&near);
        durable::create_folders(folder)?;
        let arriving = folder.join("arriving");
        let Some(found) = self.head(path)? else { return Err(gone(self.shown(path))) };
        let fetch = || {
            let mut file = durable::create_new(&arriving)?;
            let mut at = 0;
            while at < found.size {
                let until = found.size.min(at + PART);
                let part = self.range(path, &version(&found), at..until).map_err(|error| unread(self.shown(path), &error))?;
                std::io::Write::write_all(&mut file, &part).map_err(|error| durable::failed("write", &arriving, &error))?;
                at = until;
            }
            Ok(())
        };
        fetch().inspect_err(|_: &Error| drop(std::fs::remove_file(&arriving)))?;
        durable::rename(&arriving, &near)?;
        Ok(true)
    }

    fn staging(&self) -> PathBuf {
        self.0.staging.clone()
    }

    fn lease(&self, night: &str) -> Result<Option<Lease>> {
        Lease::take(self, night).map(Some)
    }
}

/// What tells one state of an object from another.
fn version(found: &ObjectMeta) -> UpdateVersion {
    UpdateVersion { e_tag: found.e_tag.clone(), version: found.version.clone() }
}

/// A store that does not hold a condition.
pub(super) fn unconditional(shown: String) -> Error {
    Error::configuration("this store does not hold the condition that an object is made once only")
        .file(shown)
        .expected("a store with conditional writes: two runs of one night could both publish otherwise")
        .next("keep the lake in a store that has them, such as S3, Google Cloud Storage or Azure, or in a folder")
}

/// A part of an object that did not come.
pub(super) fn unread(shown: String, why: &std::io::Error) -> Error {
    Error::new(Exit::TryAgain, format!("the store of the lake did not let us read this: {why}")).file(shown).next("run again")
}

/// A request that failed: 77 where permission is missing, 78 where there is no such bucket, 75 where a store did not answer.
fn failed(doing: &str, shown: String, error: &object_store::Error) -> Error {
    let (exit, found) = bucket::said(error);
    let next = match exit {
        Exit::NotPermitted => "give these keys the permission to list, read, write and delete below the lake",
        Exit::BadConfiguration => "check the name of the bucket, its region and its endpoint",
        _ => "run again: what was written so far is nothing that is visible as a night",
    };
    Error::new(exit, format!("the store of the lake did not let us {doing} this")).file(shown).found(found).next(next)
}
