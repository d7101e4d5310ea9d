//! `tieout formats`: list, show, recognise, read.

mod read;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::print;
use crate::cli::FormatsAction;
use crate::error::{Error, Exit, Result};
use crate::format::recognise::{Candidate, recognise};
use crate::format::shipped::Library;

pub(super) fn formats(action: &FormatsAction) -> Result<Exit> {
    match action {
        FormatsAction::List { formats } => list(&library(formats.as_ref())?),
        FormatsAction::Show { name, formats } => show(name, &library(formats.as_ref())?),
        FormatsAction::Read { file, format, formats } => read::read_file(file, format.as_ref(), &library(formats.as_ref())?),
        FormatsAction::Recognise { file, formats } => tell(file, &library(formats.as_ref())?),
    }
}

fn library(folder: Option<&PathBuf>) -> Result<Library> {
    folder.map_or_else(|| Ok(Library::shipped()), |folder| Library::with_folder(folder))
}

fn list(library: &Library) -> Result<Exit> {
    let mut text = String::new();
    for format in library.all()? {
        let note = if format.refuse.is_some() { "  (never read)" } else { "" };
        writeln!(text, "{:30} {}{note}", format.name, format.title).expect("writing to a string does not fail");
    }
    print(&text)?;
    Ok(Exit::Published)
}

fn show(name: &str, library: &Library) -> Result<Exit> {
    let format = library.load(name)?;
    print(library.text(&format.name).unwrap_or_default())?;
    Ok(Exit::Published)
}

fn tell(file: &Path, library: &Library) -> Result<Exit> {
    if let Err(error) = std::fs::File::open(file) {
        return Err(Error::io("read", file.display(), &error));
    }
    let candidates = recognise(file, &library.all()?)?;
    let fitting: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.fits).collect();
    let Some(best) = fitting.first() else { return Err(unknown(file, candidates.first())) };
    // Two formats may fit: a superset of columns fits both. The nearer comes first.
    let mut text = String::new();
    for candidate in fitting.iter().filter(|candidate| candidate.fit.present == best.fit.present) {
        writeln!(text, "{}  {}, layout {}", candidate.format, candidate.title, candidate.fit.layout)
            .expect("writing to a string does not fail");
        if let Some(why) = &candidate.refuse {
            writeln!(text, "  never read: {why}").expect("writing to a string does not fail");
        }
    }
    print(&text)?;
    Ok(Exit::Published)
}

fn unknown(file: &Path, nearest: Option<&Candidate>) -> Error {
    let error = Error::data("no known format has this layout").file(file.display());
    let Some(nearest) = nearest else { return error.next("describe it in a format file; `tieout formats show` prints examples") };
    let mut differences = Vec::new();
    if !nearest.fit.missing.is_empty() {
        differences.push(format!("missing: {}", nearest.fit.missing.join(", ")));
    }
    if !nearest.fit.added.is_empty() {
        differences.push(format!("not known: {}", nearest.fit.added.join(", ")));
    }
    error
        .expected(format!("nearest is {}, layout {}", nearest.format, nearest.fit.layout))
        .found(differences.join("; "))
        .next("describe the layout in a format file that extends the nearest")
}
