//! Files for those who watch: whole or as they were, whoever reads them meanwhile.

use std::fs::{self, OpenOptions};
use std::io::{Error, Result, Write};
use std::path::{Path, PathBuf};

/// The most that is read of a file that those who watch have.
const KEPT: u64 = 1 << 20;

/// What a file says now; nothing where there is none, or none that can be read. A device may say things without end.
pub(super) fn said(path: &Path) -> String {
    let is_ours = |there: fs::Metadata| there.is_file() && there.len() <= KEPT;
    if fs::metadata(path).is_ok_and(is_ours) { fs::read_to_string(path).unwrap_or_default() } else { String::new() }
}

/// Writes a file beside the one at `path`, and puts it in its place.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    // A link stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
        // A device or a pipe: there is nothing to put in its place.
        return OpenOptions::new().write(true).open(&path)?.write_all(text.as_bytes());
    }
    let beside = beside(&path)?;
    // Of a run that was killed, whose number has come up again.
    let _ = fs::remove_file(&beside);
    let written = OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, &path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Adds a line to a file, in one write.
pub(super) fn append(path: &Path, line: &str) -> Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

/// A name no collector takes for one of its files.
fn beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| Error::other("not the name of a file"))?;
    Ok(path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id())))
}
