//! Rows that memory may not hold, on disk while their night is closed.
//!
//! Batches are appended under a name and read back in the order they were written, in Arrow's own layout: what is read
//! is what was in memory, type for type. Nothing here is ever published; it goes with the staging folder.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;

use super::{NightLock, durable};
use crate::error::{Error, Result};

/// A folder of rows, in the staging of the run that holds the night.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
}

impl Spill {
    /// An empty one, for the holder of `lock`.
    pub fn new(lock: &NightLock) -> Result<Self> {
        let folder = lock.folder().join("rows");
        durable::create_folders(&folder)?;
        Ok(Self { folder })
    }

    /// Appends a batch to what is kept under `name`. Only one thread at a time may write under one name.
    pub fn write(&self, name: &str, batch: &RecordBatch) -> Result<()> {
        let path = self.path(name);
        let opened = OpenOptions::new().append(true).create(true).open(&path);
        let mut file = BufWriter::new(opened.map_err(|error| durable::failed_to_create("create", &path, &error))?);
        // A stream of its own for every batch: types and words may be others in the next.
        let mut stream = StreamWriter::try_new(&mut file, &batch.schema()).map_err(|error| self.failed("write", name, error))?;
        stream.write(batch).and_then(|()| stream.finish()).map_err(|error| self.failed("write", name, error))?;
        drop(stream);
        file.flush().map_err(|error| durable::failed("write", &path, &error))
    }

    /// What is kept under `name`, batch after batch; nothing if nothing was written.
    pub fn read(&self, name: &str) -> Result<Batches> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => Some(BufReader::with_capacity(64 << 10, file)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(durable::failed("read", &path, &error)),
        };
        Ok(Batches { path, file })
    }

    /// Gives back the room of what is kept under `name`.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(durable::failed("remove", &path, &error)),
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn failed(&self, doing: &str, name: &str, error: ArrowError) -> Error {
        failed(doing, &self.path(name), error)
    }
}

/// Batches, read back one at a time.
#[derive(Debug)]
pub struct Batches {
    path: PathBuf,
    file: Option<BufReader<File>>,
}

impl Batches {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        if file.fill_buf().map_err(|error| durable::failed("read", &self.path, &error))?.is_empty() {
            return Ok(None);
        }
        let mut stream = StreamReader::try_new(file, None).map_err(|error| failed("read", &self.path, error))?;
        let batch = stream.next().transpose().map_err(|error| failed("read", &self.path, error))?;
        // Reads the end of the stream, after which the next begins.
        let end = stream.next().transpose().map_err(|error| failed("read", &self.path, error))?;
        match (batch, end) {
            (Some(batch), None) => Ok(Some(batch)),
            _ => Err(Error::law("rows on disk are not one batch a stream").file(self.path.display())),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

fn failed(doing: &str, path: &std::path::Path, error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, cause) => durable::failed(doing, path, &cause),
        other => Error::law(format!("rows cannot be kept on disk: {other}")).file(path.display()),
    }
}
