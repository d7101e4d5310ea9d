//! A file of the lake that is read in pieces, by many threads at once: one and the same file from its footer to its last
//! page, whatever is put in its place meanwhile.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};

use object_store::UpdateVersion;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};

use super::objects::{Objects, unread};
use crate::error::{Error, Result};
use crate::lake::durable;
use crate::lake::manifest::hex;

/// Bytes asked of a store at once: pages are smaller, and a request costs as much as some of them.
const WINDOW: u64 = 2 << 20;

/// Windows that are kept of an object.
const WINDOWS: usize = 16;

/// A file that is open.
#[derive(Clone, Debug)]
pub(in crate::lake) struct Readable(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shown: String,
    size: u64,
    bytes: Bytes,
    /// The last error of the disk or the store it is on: then it is not the file that is wrong.
    refused: Mutex<Option<io::Error>>,
}

#[derive(Debug)]
enum Bytes {
    OfFile(File),
    OfObject { objects: Objects, path: String, version: UpdateVersion, windows: Mutex<Vec<(u64, bytes::Bytes)>> },
}

impl Readable {
    /// The file at `path`, if there is one.
    pub(in crate::lake) fn find(path: &Path) -> Result<Option<Self>> {
        let failed = |error: &io::Error| durable::failed("read", path, error);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let size = file.metadata().map_err(|error| failed(&error))?.len();
        Ok(Some(Self(Arc::new(Inner {
            shown: path.display().to_string(),
            size,
            bytes: Bytes::OfFile(file),
            refused: Mutex::default(),
        }))))
    }

    /// An object, in the state it was found in.
    pub(super) fn of_object(objects: Objects, path: String, shown: String, size: u64, version: UpdateVersion) -> Self {
        let bytes = Bytes::OfObject { objects, path, version, windows: Mutex::default() };
        Self(Arc::new(Inner { shown, size, bytes, refused: Mutex::default() }))
    }

    /// Which file it is, for people.
    pub(in crate::lake) fn shown(&self) -> &str {
        &self.0.shown
    }

    /// Its size.
    pub(in crate::lake) fn size(&self) -> u64 {
        self.0.size
    }

    /// The bytes from `start` on, `length` of them.
    pub(in crate::lake) fn bytes(&self, start: u64, length: usize) -> io::Result<bytes::Bytes> {
        let end = start + length as u64;
        if end > self.0.size {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the file ends before what is looked for"));
        }
        match &self.0.bytes {
            Bytes::OfFile(file) => {
                let mut buffer = vec![0; length];
                self.noting(read_exact_at(file, &mut buffer, start))?;
                Ok(buffer.into())
            }
            Bytes::OfObject { objects, path, version, windows } => {
                let within = |windows: &[(u64, bytes::Bytes)]| {
                    let fits = |(from, window): &&(u64, bytes::Bytes)| *from <= start && end <= from + window.len() as u64;
                    let (from, window) = windows.iter().find(fits)?;
                    let at = usize::try_from(start - from).expect("within a window");
                    Some(window.slice(at..at + length))
                };
                if let Some(found) = within(&windows.lock().expect("nothing panics while it holds the windows")) {
                    return Ok(found);
                }
                let until = self.0.size.min(end.max(start + WINDOW));
                let window = self.noting(objects.range(path, version, start..until))?;
                let found = window.slice(..length);
                let mut windows = windows.lock().expect("nothing panics while it holds the windows");
                if windows.len() == WINDOWS {
                    windows.remove(0);
                }
                windows.push((start, window));
                Ok(found)
            }
        }
    }

    /// What was read, with a note of why the disk or the store did not give it.
    fn noting<T>(&self, read: io::Result<T>) -> io::Result<T> {
        read.inspect_err(|error| {
            let why = error
                .raw_os_error()
                .map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error);
            *self.0.refused.lock().expect("nothing panics while it holds the reason") = Some(why);
        })
    }

    /// Why it could not be read, where that is not the fault of what is in it: 74 of a disk, 75 of a store.
    pub(in crate::lake) fn refused(&self) -> Option<Error> {
        let refused = self.0.refused.lock().expect("nothing panics while it holds the reason");
        let why = refused.as_ref()?;
        Some(match &self.0.bytes {
            Bytes::OfFile(_) => durable::failed("read", Path::new(&self.0.shown), why),
            Bytes::OfObject { .. } => unread(self.0.shown.clone(), why),
        })
    }

    /// SHA-256 of all its bytes.
    pub(in crate::lake) fn sha256(&self) -> io::Result<String> {
        let mut hash = Sha256::new();
        let mut reader = Reader { of: self.clone(), at: 0 };
        let mut buffer = vec![0; 1 << 18];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(hex(&hash.finalize())),
                count => hash.update(&buffer[..count]),
            }
        }
    }
}

impl Length for Readable {
    fn len(&self) -> u64 {
        self.0.size
    }
}

impl ChunkReader for Readable {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(Reader { of: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<bytes::Bytes> {
        self.bytes(start, length).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// A file, from one place on.
pub(in crate::lake) struct Reader {
    of: Readable,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.of.size().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        match &self.of.0.bytes {
            Bytes::OfFile(file) => self.of.noting(read_exact_at(file, &mut buffer[..count], self.at))?,
            Bytes::OfObject { .. } => buffer[..count].copy_from_slice(&self.of.bytes(self.at, count)?),
        }
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut start: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buffer, start)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[count..];
        start += count as u64;
    }
    Ok(())
}
