//! Whether a ZIP archive arrived whole.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::http::FILE_BYTES;
use crate::error::{Error, Result};

/// Reads all of an archive against the checksums it carries. Where a provider states no hash, nothing else tells a
/// file from most of it.
pub fn check(file: impl Read + Seek) -> Result<()> {
    let wrong = |why: String| Error::data("the ZIP archive is truncated or corrupt").found(why).next("fetch it again");
    let mut archive = ZipArchive::new(file).map_err(|error| wrong(error.to_string()))?;
    let mut left = FILE_BYTES;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|error| wrong(error.to_string()))?;
        let read = std::io::copy(&mut member.take(left), &mut std::io::sink());
        left -= read.map_err(|error| wrong(error.to_string()))?;
        if left == 0 {
            return Err(wrong(format!("more than {FILE_BYTES} bytes in it")));
        }
    }
    Ok(())
}
