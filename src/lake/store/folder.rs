//! A lake in a folder of this machine: files are synced, then moved, then their folders are synced.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::{Lease, Move, Readable, Store, overtaken};
use crate::error::Result;
use crate::lake::durable;

/// A folder.
#[derive(Clone, Debug)]
pub(in crate::lake) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(in crate::lake) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Names of what is in `folder` and is one.
    fn names(&self, folder: &str, folders: bool) -> Result<Vec<String>> {
        let path = self.near(folder);
        let failed = |error: &std::io::Error| durable::failed("list", &path, error);
        let listed = match fs::read_dir(&path) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error)),
        };
        let mut names = Vec::new();
        for entry in listed {
            let entry = entry.map_err(|error| failed(&error))?;
            // Through links, which a lake may be put together of.
            let is_folder = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()),
                kind => kind.is_ok_and(|kind| kind.is_dir()),
            };
            if let (true, Ok(name)) = (is_folder == folders, entry.file_name().into_string()) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

impl Store for Folder {
    fn shown(&self, path: &str) -> String {
        self.near(path).display().to_string()
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>> {
        self.names(folder, true)
    }

    fn files(&self, folder: &str) -> Result<Vec<String>> {
        self.names(folder, false)
    }

    fn below(&self, folder: &str) -> Result<Vec<String>> {
        let mut paths = self.files(folder)?;
        for name in self.folders(folder)? {
            paths.extend(self.below(&format!("{folder}/{name}"))?.into_iter().map(|path| format!("{name}/{path}")));
        }
        Ok(paths)
    }

    /// One by one: each is in a folder of its own, and to list that takes longer.
    fn are_there(&self, _: &str, paths: &[String]) -> Result<Vec<bool>> {
        paths.iter().map(|path| Ok(self.size(path)?.is_some())).collect()
    }

    fn find(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let path = self.near(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(durable::failed("read", &path, &error)),
        }
    }

    fn open(&self, path: &str) -> Result<Option<Readable>> {
        Readable::find(&self.near(path))
    }

    fn size(&self, path: &str) -> Result<Option<u64>> {
        let path = self.near(path);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(durable::failed("read", &path, &error)),
        }
    }

    fn create(&self, path: &str, bytes: &[u8], staging: &Path) -> Result<()> {
        let place = self.near(path);
        let staged = staging.join(path.replace('/', "."));
        durable::write_new(&staged, bytes)?;
        durable::create_folders(durable::folder_of(&place))?;
        // A link is made where nothing is, or not at all.
        match fs::hard_link(&staged, &place) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(overtaken(self.shown(path))),
            Err(error) => return Err(durable::failed_to_create("create", &place, &error)),
        }
        durable::settle(&self.root, [place.as_path()])
    }

    fn replace(&self, path: &str, bytes: &[u8], staging: &Path) -> Result<()> {
        let place = self.near(path);
        let staged = staging.join(path.replace('/', "."));
        durable::write_new(&staged, bytes)?;
        durable::rename(&staged, &place)?;
        durable::settle(&self.root, [place.as_path()])
    }

    fn remove(&self, path: &str) -> Result<()> {
        let place = self.near(path);
        match fs::remove_file(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(durable::failed("remove", &place, &error)),
            _ => Ok(()),
        }
    }

    fn prune(&self, path: &str) {
        let place = self.near(path);
        let above = place.ancestors().skip(1).take_while(|folder| *folder != self.root);
        let _ = above.take_while(|folder| fs::remove_dir(folder).is_ok()).count();
    }

    fn put(&self, moves: &[Move]) -> Result<()> {
        let places: Vec<PathBuf> = moves.iter().map(|Move { path, .. }| self.near(path)).collect();
        for (Move { staged, .. }, place) in moves.iter().zip(&places) {
            durable::rename(staged, place)?;
        }
        durable::settle(&self.root, places.iter().map(PathBuf::as_path))
    }

    fn settle(&self, paths: &[&str]) -> Result<()> {
        let places: Vec<PathBuf> = paths.iter().map(|path| self.near(path)).collect();
        for place in &places {
            let synced = File::open(place).and_then(|file| file.sync_all());
            synced.map_err(|error| durable::failed("write", place, &error))?;
        }
        durable::settle(&self.root, places.iter().map(PathBuf::as_path))
    }

    fn append(&self, path: &str, next: &mut dyn FnMut(&str) -> Result<String>) -> Result<()> {
        let place = self.near(path);
        let unwritable = |error: std::io::Error| durable::failed("write", &place, &error);
        durable::create_folders(durable::folder_of(&place))?;
        let is_new = !place.exists();
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&place);
        let mut file = opened.map_err(|error| durable::failed_to_create("create", &place, &error))?;
        // Runs of other nights append too. A signal may interrupt the wait for them.
        while let Err(error) = file.lock() {
            if error.kind() != ErrorKind::Interrupted {
                return Err(unwritable(error));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| durable::failed("read", &place, &error))?;
        let complete = complete_lines(&text);
        if complete.len() < text.len() {
            file.set_len(complete.len() as u64).map_err(unwritable)?;
        }
        let line = next(complete)?;
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
        if is_new { durable::sync_folder(durable::folder_of(&place)) } else { Ok(()) }
    }

    fn near(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn bring(&self, _: &str) -> Result<bool> {
        Ok(false)
    }

    fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    fn lease(&self, _: &str) -> Result<Option<Lease>> {
        Ok(None)
    }
}

/// All of `text` up to its last line end: what follows it was never finished by the run that wrote it.
pub(in crate::lake) fn complete_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |end| end + 1)]
}
