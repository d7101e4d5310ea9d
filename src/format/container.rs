//! What a file is wrapped in: nothing, gzip, or a ZIP archive of which one member is the file.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::bounds::{self, Unpacked};
use super::{Container, Encoding, Format};
use crate::error::{Error, Result};
use crate::mask::masked;

/// The most a companion member may hold.
const COMPANION_BYTES: u64 = 16 << 20;

/// What an opened file gives to its reader.
pub struct Opened<'a> {
    /// The text, as encoded by the provider.
    pub text: &'a mut dyn Read,
    /// The other member that states totals, where the archive has it.
    pub companion: Option<Vec<u8>>,
}

/// Opens `path` by what its first bytes say it is, and hands its text to `read`.
pub fn open<T>(path: &Path, format: &Format, read: impl FnOnce(Opened) -> Result<T>) -> Result<T> {
    let shown = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let failed = |error: &std::io::Error| Error::io("read", &shown, error);
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let mut magic = [0; 4];
    let seen = read_up_to(&mut file, &mut magic).map_err(|error| failed(&error))?;
    if seen == 0 {
        return Err(Error::data("the file is empty: not even a header")
            .file(&shown)
            .found("0 bytes")
            .next("a day without business still has a header and totals: fetch the file again"));
    }
    let found = match magic {
        [0x1f, 0x8b, ..] => Container::Gzip,
        [b'P', b'K', 3 | 5, 4 | 6] => Container::Zip,
        _ => Container::None,
    };
    if !format.file.container.contains(&found) {
        return Err(Error::data(format!("the file is no {}", format.title))
            .file(&shown)
            .expected(format.file.container.iter().map(|container| described(*container)).collect::<Vec<_>>().join(" or "))
            .found(described(found))
            .next("keep the file as the provider served it: do not unpack or re-save it"));
    }
    let refused = Cell::default();
    let file = File::open(path).map_err(|error| failed(&error))?;
    let packed = file.metadata().map_err(|error| failed(&error))?.len();
    let file = OfDisk { file, refused: &refused };
    let opened = match found {
        Container::None => read(Opened { text: &mut BufReader::new(file), companion: None }),
        Container::Gzip => {
            let text = &mut Unpacked::new(MultiGzDecoder::new(BufReader::new(file)), packed);
            read(Opened { text, companion: None })
        }
        Container::Zip => open_member(file, packed, &shown, format, read),
    };
    // Whatever was made of it: the file is not corrupt, the disk does not give it.
    refused.take().map_or(opened, |error| Err(failed(&error)))
}

/// A file, and the last error of the disk it is on.
struct OfDisk<'d> {
    file: File,
    refused: &'d Cell<Option<io::Error>>,
}

impl OfDisk<'_> {
    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.refused.set(error.raw_os_error().map(io::Error::from_raw_os_error));
            }
        })
    }
}

impl Read for OfDisk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        self.note(read)
    }
}

impl Seek for OfDisk<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Before the beginning of a file is no place: an archive that is not whole names such.
        self.file.seek(to)
    }
}

fn described(container: Container) -> &'static str {
    match container {
        Container::None => "plain text",
        Container::Gzip => "a gzip stream",
        Container::Zip => "a ZIP archive",
    }
}

fn open_member<T>(file: OfDisk, packed: u64, shown: &str, format: &Format, read: impl FnOnce(Opened) -> Result<T>) -> Result<T> {
    let corrupt = |error: &dyn std::fmt::Display| {
        Error::data("the ZIP archive is truncated or corrupt").file(shown).found(error).next("fetch the file again")
    };
    let mut archive = bounds::archive(BufReader::new(file)).map_err(|error| error.file(shown))?;
    let begins = format.file.member_begins.as_deref().map(|text| encode(text, format.file.encoding)).unwrap_or_default();
    let companion_begins = format.companion.as_ref().and_then(|companion| companion.begins.as_ref());
    let companion_begins = companion_begins.map(|begins| encode(begins, format.file.encoding));
    let companion_named = format.companion.as_ref().and_then(|companion| companion.named.as_deref());
    let (mut member, mut companion, mut is_utf8) = (None, None, false);
    let mut first_lines = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| corrupt(&error))?;
        let mut head = vec![0; 512];
        let seen = read_up_to(&mut entry, &mut head).map_err(|error| corrupt(&error))?;
        head.truncate(seen);
        // Not always UTF-8: what names are compared with is ASCII.
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let named = |pattern: &str| is_named(&name, pattern);
        if let Some(refused) = format.file.refuse_members.iter().find(|refused| seen > 0 && named(&refused.named)) {
            return Err(Error::data(format!("{}, and nothing of the archive is booked", refused.why))
                .file(shown)
                .found(format!("a member {}", masked(&name)))
                .next("ask for a format that reads that member too, or book it by hand and leave it out"));
        }
        let is_companion = companion_named.is_some_and(named);
        let is_file = format.file.member_named.as_deref().is_none_or(named);
        if is_companion || companion_begins.as_ref().is_some_and(|begins| head.starts_with(begins)) {
            let mut whole = head;
            entry.take(COMPANION_BYTES).read_to_end(&mut whole).map_err(|error| corrupt(&error))?;
            companion = Some(whole);
        } else if is_file && head.starts_with(&begins) {
            if member.replace(index).is_some() {
                return Err(Error::data("two members of the archive are the file").file(shown).next("split the archive"));
            }
        } else {
            let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
            is_utf8 |= format.file.member_begins.as_deref().is_some_and(|begins| head.starts_with(begins.as_bytes()));
            first_lines.push(masked(&decode(line, format.file.encoding)));
        }
    }
    let Some(index) = member else {
        if is_utf8 {
            return Err(encoding_error("GB 18030 (GBK)", "UTF-8").file(shown));
        }
        return Err(Error::data(format!("no member of the archive is {}", format.title))
            .file(shown)
            .expected(match (&format.file.member_named, &format.file.member_begins) {
                (Some(named), _) => format!("a member called {named}"),
                (None, begins) => format!("a member that begins with {}", begins.as_deref().unwrap_or_default()),
            })
            .found(format!("first lines that are `{}`", first_lines.join("` and `")))
            .next("check that the archive is the merchant's bill, encoded as the provider serves it"));
    };
    let entry = archive.by_index(index).map_err(|error| corrupt(&error))?;
    read(Opened { text: &mut Unpacked::new(entry, packed), companion })
}

/// Whether a member is called so, `*` standing for anything.
fn is_named(name: &str, pattern: &str) -> bool {
    glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
}

/// A file whose text is in another encoding than the provider's.
#[must_use]
pub fn encoding_error(declared: &str, found: &str) -> Error {
    Error::data("the encoding is not the provider's, and nothing of the file is booked")
        .expected(declared)
        .found(found)
        .next("keep the file as the provider served it: an editor or a spreadsheet has re-saved it")
}

/// Reads until the buffer is full or the input ends.
pub fn read_up_to(input: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Text as the file would hold it, so that cells are compared without being decoded.
#[must_use]
pub fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Gb18030 => encoding_rs::GB18030.encode(text).0.into_owned(),
    }
}

/// What the file holds, as text; what is not of the encoding is replaced.
#[must_use]
pub fn decode(bytes: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        Encoding::Gb18030 => encoding_rs::GB18030.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
