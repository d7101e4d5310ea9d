//! Files being written: text as it is, or CSV by RFC 4180. An error names the file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Creates `path` and the folders above it.
pub(super) fn create(path: &Path) -> Result<BufWriter<File>> {
    let folder = path.parent().expect("a file of a sample is below a folder");
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder.display(), &error))?;
    let file = File::create(path).map_err(|error| Error::io("create", path.display(), &error))?;
    Ok(BufWriter::with_capacity(1 << 18, file))
}

/// A file of text.
pub(super) struct Text {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Text {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        Ok(Self { out: create(&path)?, path })
    }

    pub(super) fn write(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(|error| Error::io("write", self.path.display(), &error))
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(|error| Error::io("write", self.path.display(), &error))
    }
}

/// A file of comma-separated rows under a header; LF, quoted where needed.
pub(super) struct Csv {
    path: PathBuf,
    out: csv::Writer<BufWriter<File>>,
    rows: u64,
}

impl Csv {
    pub(super) fn create(path: PathBuf, header: &[&str]) -> Result<Self> {
        let mut file = Self { out: csv::Writer::from_writer(create(&path)?), path, rows: 0 };
        file.row(header)?;
        file.rows = 0;
        Ok(file)
    }

    pub(super) fn row(&mut self, fields: &[&str]) -> Result<()> {
        self.rows += 1;
        self.out.write_record(fields).map_err(|error| Error::io("write", self.path.display(), &error.into()))
    }

    /// Rows under the header, all on disk.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.out.flush().map_err(|error| Error::io("write", self.path.display(), &error))?;
        Ok(self.rows)
    }
}
