//! Bounds of a workbook that comes from anywhere, held against what really comes out of it and not what it claims.

use std::io::{BufRead, BufReader, Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::no_workbook;
use crate::error::{Error, Result};

/// Bytes of the file.
pub(super) const BYTES: u64 = 256 << 20;
/// Parts of the file.
const PARTS: u64 = 1_000;
/// Sheets among them, and what belongs to one.
const SHEETS: u64 = 256;
/// Bytes of all parts, unpacked.
const UNPACKED: u64 = 2 << 30;
/// Bytes of the texts of all cells, unpacked: they are held in memory.
const TEXTS: u64 = 512 << 20;
/// Unpacked bytes for each packed one, of a part that is not small.
const RATIO: u64 = 200;
/// What a part may hold whatever its ratio.
const SMALL: u64 = 1 << 20;
/// Texts of cells that the file may say it has: a reader reserves room for so many.
const CLAIMED: u64 = 16 << 20;
/// Formulas that share one: a reader keeps a place for each.
const SHARED: u64 = 1 << 20;

/// Refuses a file that is no workbook, or would take more than a workbook may (65).
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(no_workbook("a workbook of the old kind (.xls), or one with a password"));
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(no_workbook(if bytes.is_empty() { "an empty file" } else { "a file of another kind" }));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| no_workbook("a file that is cut off or damaged"))?;
    within("parts", archive.len() as u64, PARTS)?;
    let (mut total, mut sheets) = (0, 0);
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| no_workbook("a part that cannot be unpacked"))?;
        let name = String::from_utf8_lossy(part.name_raw()).to_ascii_lowercase();
        sheets += u64::from(name.contains("worksheets/"));
        within("sheets", sheets, SHEETS)?;
        let packed = part.compressed_size().max(1);
        let is_texts = name.ends_with("sharedstrings.xml");
        let left = if is_texts { TEXTS.min(UNPACKED - total) } else { UNPACKED - total };
        let mut part = Counted { input: part, seen: 0, most: left.min(packed.saturating_mul(RATIO).max(SMALL)) };
        let read = reserves(BufReader::new(&mut part));
        let rest = std::io::copy(&mut part, &mut std::io::sink());
        if part.seen > part.most {
            return Err(too_much(format!("more than {} bytes unpacked from {packed}", part.most)));
        }
        read?;
        rest.map_err(|_| no_workbook("a part that cannot be unpacked"))?;
        total += part.seen;
    }
    Ok(())
}

fn within(what: &str, found: u64, most: u64) -> Result<()> {
    if found > most { Err(too_much(format!("{found} {what}, where {most} may be"))) } else { Ok(()) }
}

fn too_much(found: impl std::fmt::Display) -> Error {
    Error::data("the file takes more than a workbook of comments may")
        .found(found)
        .next("copy the comments into a workbook as `tieout export workbook` writes it")
}

/// A part that ends once it is more than it may be.
struct Counted<R> {
    input: R,
    seen: u64,
    most: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.seen > self.most {
            return Err(std::io::Error::other("too much"));
        }
        let read = self.input.read(buffer)?;
        self.seen += read as u64;
        Ok(read)
    }
}

/// Reads XML as far as it is such, as a reader of cells does, and refuses what would make that reserve memory the file does
/// not fill.
fn reserves(input: impl BufRead) -> Result<()> {
    let mut xml = Reader::from_reader(input);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(element) | Event::Empty(element)) => claims(&element)?,
            Ok(Event::DocType(_)) => return Err(no_workbook("a part with definitions of its own (DOCTYPE)")),
            Ok(Event::Eof) | Err(_) => return Ok(()),
            Ok(_) => {}
        }
    }
}

/// What an element claims of how much there is.
fn claims(element: &BytesStart) -> Result<()> {
    let (name, most) = match element.local_name().as_ref() {
        "sst" => ("uniqueCount", CLAIMED),
        "f" => ("si", SHARED),
        _ => return Ok(()),
    };
    for attribute in element.attributes().with_checks(false).flatten() {
        if attribute.key.local_name().as_ref() == name {
            let claimed = attribute.value.trim().parse().ok();
            within(name, claimed.unwrap_or(u64::MAX), most)?;
        }
    }
    Ok(())
}
