//! Bounds of what a file may hold, held against what really comes out of it and not what it claims.
//!
//! `jobs/README.md` lists them, and `tests/hostile.rs` reads a file at each and one past it.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use memchr::{memchr_iter, memmem};
use zip::ZipArchive;

use super::Encoding;
use super::container::decode;
use crate::error::{Error, Result};
use crate::mask::masked;

/// Members of an archive. A bill has two.
pub const MEMBERS: usize = 1_000;
/// Bytes of the name of a member.
pub const NAME_BYTES: usize = 255;
/// Bytes a file may unpack to: as many as one that is fetched may have.
pub const UNPACKED_BYTES: u64 = 16 << 30;
/// Unpacked bytes for each packed one, of a file that is not small. Bills are packed to a tenth, seldom to a fiftieth.
pub const RATIO: u64 = 200;
/// What may be unpacked whatever the ratio: a day of a few lines between blanks is packed to next to nothing.
pub const SMALL_BYTES: u64 = 16 << 20;
/// Bytes of a line, and so of a cell. The longest of real reports are of some kilobytes.
pub const LINE_BYTES: usize = 8 << 20;
/// Columns of a file. The widest report has some two hundred.
pub const COLUMNS: usize = 4_096;

/// The end of an archive: where its directory is and how much is in it, with the longest comment behind it.
const END_BYTES: u64 = 22 + 0xffff;

/// What is unpacked, which ends with an error once it is more than it may be.
pub struct Unpacked<R> {
    input: R,
    packed: u64,
    seen: u64,
}

impl<R> Unpacked<R> {
    /// What `input` unpacks out of so many bytes.
    pub fn new(input: R, packed: u64) -> Self {
        Self { input, packed, seen: 0 }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.seen += read as u64;
        let most = most_unpacked(self.packed);
        if self.seen > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TooMuch { packed: self.packed, most }));
        }
        Ok(read)
    }
}

/// Bytes that may come out of so many packed ones.
#[must_use]
pub fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(RATIO).clamp(SMALL_BYTES, UNPACKED_BYTES)
}

/// Why [`Unpacked`] ended.
#[derive(Debug)]
struct TooMuch {
    packed: u64,
    most: u64,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} bytes out of {} packed ones", self.most, self.packed)
    }
}

impl std::error::Error for TooMuch {}

/// A file that cannot be unpacked, or unpacks to too much.
#[must_use]
pub fn not_unpacked(error: &io::Error) -> Error {
    if error.get_ref().and_then(|inner| inner.downcast_ref::<TooMuch>()).is_some() {
        return Error::data("the file unpacks to more than a file may hold, and nothing of it is booked")
            .expected(format!(
                "at most {RATIO} bytes out of each packed one, or {} MiB, and {} GiB",
                SMALL_BYTES >> 20,
                UNPACKED_BYTES >> 30
            ))
            .found(error)
            .next("look where the file comes from: no provider packs a bill so");
    }
    Error::data(format!("cannot unpack the file: {error}")).next("fetch the file again")
}

/// A line that is longer than a line may be.
#[must_use]
pub fn long_line(line: u64) -> Error {
    Error::data(format!("a line of more than {} MiB", LINE_BYTES >> 20))
        .line(line)
        .next("check that the file is what its name says, and that every quote is closed")
}

/// Text of lines, which ends with an error where one is too long.
pub(super) struct Lines<R> {
    input: R,
    /// Lines that ended, and bytes of the one that has not.
    ended: u64,
    open: usize,
}

impl<R> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, ended: 0, open: 0 }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let mut start = 0;
        for end in memchr_iter(b'\n', &buffer[..read]).chain([read]) {
            self.open += end - start;
            if self.open > LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, LongLine(self.ended + 1)));
            }
            if end < read {
                (self.open, start, self.ended) = (0, end + 1, self.ended + 1);
            }
        }
        Ok(read)
    }
}

/// Why [`Lines`] ended, and at which line.
#[derive(Debug)]
pub(super) struct LongLine(pub(super) u64);

impl fmt::Display for LongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} has more than {} MiB", self.0, LINE_BYTES >> 20)
    }
}

impl std::error::Error for LongLine {}

/// Opens a ZIP archive that is within bounds and whose names are names.
///
/// No name becomes a path: members are read one by one. One that would be a path elsewhere says that the archive was not
/// made by a provider.
pub fn archive<R: Read + Seek>(mut input: R) -> Result<ZipArchive<R>> {
    let corrupt = |error: &dyn fmt::Display| {
        Error::data("the ZIP archive is truncated or corrupt").found(error).next("fetch the file again")
    };
    // The library makes room for all members before it says how many there are.
    let stated = stated_members(&mut input).map_err(|error| corrupt(&error))?;
    if stated > MEMBERS as u64 {
        return Err(unlike_a_bill(format!("{stated} members")).expected(format!("at most {MEMBERS} members")));
    }
    let mut archive = ZipArchive::new(input).map_err(|error| corrupt(&error))?;
    if archive.has_duplicate_names() {
        return Err(unlike_a_bill("two members of one name").expected("a name for each member"));
    }
    let mut folded = BTreeSet::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|error| corrupt(&error))?;
        let raw = member.name_raw();
        let name = std::str::from_utf8(raw).map_or_else(|_| decode(raw, Encoding::Gb18030), str::to_owned);
        // Of a folder, or of what has no file mode, as on Windows; else of a link or a device.
        let is_special = member.unix_mode().is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o040_000 | 0o100_000));
        if raw.len() > NAME_BYTES || leads_elsewhere(&name) || is_special {
            let what = if is_special { "a link or a device called" } else { "a member called" };
            return Err(unlike_a_bill(format!("{what} {}", masked(&name).escape_debug()))
                .expected(format!("plain files with names of at most {NAME_BYTES} bytes that stay in their folder")));
        }
        if !folded.insert(name.to_lowercase()) {
            return Err(unlike_a_bill(format!("two members called {}, but for the case of letters", masked(&name)))
                .expected("a name for each member"));
        }
    }
    if archive.has_overlapping_files().map_err(|error| corrupt(&error))? {
        return Err(unlike_a_bill("members that share bytes").expected("bytes of its own for each member"));
    }
    Ok(archive)
}

fn unlike_a_bill(found: impl fmt::Display) -> Error {
    Error::data("the ZIP archive is not one a provider makes, and nothing of it is booked")
        .found(found)
        .next("look where the file comes from, and fetch it again from the provider")
}

/// Whether a name would lead out of the folder it is unpacked in, here or on another system.
fn leads_elsewhere(name: &str) -> bool {
    name.is_empty()
        || name.starts_with('/')
        || name.contains(|letter: char| letter == '\\' || letter.is_control())
        || name.as_bytes().get(1) == Some(&b':')
        || name.split('/').any(|part| part == "..")
}

/// The most members that any end of an archive states that a reader may take for its end.
fn stated_members(input: &mut (impl Read + Seek)) -> io::Result<u64> {
    let length = input.seek(SeekFrom::End(0))?;
    let mut tail = Vec::new();
    // The end of a large archive stands before that of a small one.
    input.seek(SeekFrom::Start(length.saturating_sub(END_BYTES + 76)))?;
    input.take(END_BYTES + 76).read_to_end(&mut tail)?;
    input.rewind()?;
    let number = |at: usize, bytes: usize| {
        let bytes = tail.get(at..at + bytes)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let large = memmem::rfind(&tail, b"PK\x06\x06").and_then(|at| number(at + 32, 8));
    let ends = memmem::find_iter(&tail, b"PK\x05\x06").filter_map(|at| number(at + 10, 2));
    Ok(ends.map(|count| if count == 0xffff { large.unwrap_or(count) } else { count }).max().unwrap_or_default())
}
