//! Whether a ZIP archive arrived whole.

use std::io::{Read, Seek, SeekFrom};

use crate::error::{Error, Result};
use crate::format::bounds;

/// Reads all of an archive against the checksums it carries. Where a provider states no hash, nothing else tells a
/// file from most of it.
pub fn check(mut file: impl Read + Seek) -> Result<()> {
    let wrong = |why: String| Error::data("the ZIP archive is truncated or corrupt").found(why).next("fetch it again");
    let packed = file.seek(SeekFrom::End(0)).map_err(|error| wrong(error.to_string()))?;
    let mut archive = bounds::archive(file)?;
    let most = bounds::most_unpacked(packed);
    let mut left = most;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|error| wrong(error.to_string()))?;
        let read = std::io::copy(&mut member.take(left), &mut std::io::sink());
        left -= read.map_err(|error| wrong(error.to_string()))?;
        if left == 0 {
            return Err(wrong(format!("more than {most} bytes in it")));
        }
    }
    Ok(())
}
