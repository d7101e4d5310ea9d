//! `tieout formats read`: one file as a format reads it, before any job uses it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::error::{Exit, Result};
use crate::format::Format;
use crate::format::control::check_delivery;
use crate::format::read::{Decoded, read};
use crate::format::recognise::recognise;
use crate::format::shipped::Library;

use super::{print, unknown};

/// Rejects that are shown.
const SHOWN: usize = 10;

pub(super) fn read_file(file: &Path, name: Option<&String>, library: &Library) -> Result<Exit> {
    let format = match name {
        Some(name) => library.load(name)?,
        None => recognised(file, library)?,
    };
    let decoded = read(file, &format)?;
    let tied = check_delivery(&format, &[&decoded]).map_err(|error| error.file(file.display()))?;
    let mut text = format!("{}  {}, layout {}\n", format.name, format.title, decoded.layout);
    let rows: usize = decoded.parts.iter().map(|part| part.lines.len()).sum();
    writeln!(text, "{} lines: {rows} rows, {} rejected, {} of framing", decoded.lines, decoded.rejects.len(), decoded.framing)
        .expect("writing to a string does not fail");
    for (kind, count) in kinds(&format, &decoded) {
        writeln!(text, "  {kind:20} {count}").expect("writing to a string does not fail");
    }
    for total in decoded.tied.iter().chain(&tied) {
        writeln!(text, "  ties: {} {}", total.name, total.figure).expect("writing to a string does not fail");
    }
    for reject in decoded.rejects.iter().take(SHOWN) {
        writeln!(text, "  line {}, column {}: `{}` {}", reject.line, reject.column, reject.value, reject.reason)
            .expect("writing to a string does not fail");
    }
    print(&text)?;
    Ok(Exit::Published)
}

/// The one format whose layout the file has.
fn recognised(file: &Path, library: &Library) -> Result<Format> {
    let formats = library.all()?;
    match recognise(file, &formats)?.iter().find(|candidate| candidate.fits) {
        Some(found) => library.load(&found.format),
        None => Err(unknown(file, &formats, false)?),
    }
}

/// How many rows of each kind there are, where the format tells kinds.
fn kinds(format: &Format, decoded: &Decoded) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for &kind in decoded.parts.iter().flat_map(|part| &part.kinds) {
        if let Some(kind) = format.kind.get(usize::from(kind)) {
            *kinds.entry(kind.is.clone()).or_default() += 1;
        }
    }
    kinds
}
