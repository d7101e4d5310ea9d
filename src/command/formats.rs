//! `tieout formats`: list, show, read, recognise, draft.

mod read;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::print;
use crate::cli::FormatsAction;
use crate::error::{Error, Exit, Result};
use crate::format::Format;
use crate::format::difference::{State, nearest};
use crate::format::draft::draft;
use crate::format::look::Look;
use crate::format::recognise::{Candidate, recognise};
use crate::format::shipped::Library;
use crate::report::difference;

pub(super) fn formats(action: &FormatsAction) -> Result<Exit> {
    match action {
        FormatsAction::List { formats } => list(&library(formats.as_ref())?),
        FormatsAction::Show { name, formats } => show(name, &library(formats.as_ref())?),
        FormatsAction::Read { file, format, formats } => read::read_file(file, format.as_ref(), &library(formats.as_ref())?),
        FormatsAction::Draft { file, name } => {
            print(&draft(&Look::at(file)?, name.as_deref()))?;
            Ok(Exit::Published)
        }
        FormatsAction::Recognise { file, formats, json } => tell(file, &library(formats.as_ref())?, *json),
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

fn tell(file: &Path, known: &Library, as_json: bool) -> Result<Exit> {
    if let Err(error) = std::fs::File::open(file) {
        return Err(Error::io("read", file.display(), &error));
    }
    let formats = known.all()?;
    let candidates = recognise(file, &formats)?;
    // Two formats may fit: a superset of columns fits both. The nearer comes first.
    let fitting: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.fits)
        .scan(None, |most, candidate| (*most.get_or_insert(candidate.fit.present) == candidate.fit.present).then_some(candidate))
        .collect();
    if fitting.is_empty() {
        return Err(unknown(file, &formats, as_json)?);
    }
    let mut text = String::new();
    if as_json {
        let fitting: Vec<Value> = fitting.iter().map(|candidate| json(candidate)).collect();
        writeln!(text, "{}", json!({ "file": file.display().to_string(), "formats": fitting, "nearest": null }))
            .expect("writing to a string does not fail");
    } else {
        for candidate in fitting {
            let account = candidate.account.as_ref().map_or_else(String::new, |account| format!(", account {account}"));
            writeln!(text, "{}  {}, layout {}{account}", candidate.format, candidate.title, candidate.fit.layout)
                .expect("writing to a string does not fail");
            if let Some(why) = &candidate.refuse {
                writeln!(text, "  never read: {why}").expect("writing to a string does not fail");
            }
        }
    }
    print(&text)?;
    Ok(Exit::Published)
}

fn json(candidate: &Candidate) -> Value {
    json!({
        "format": candidate.format,
        "title": candidate.title,
        "layout": candidate.fit.layout,
        "account": candidate.account,
        "never_read": candidate.refuse,
    })
}

/// What a file is that no format fits; on stdout the nearest format, column by column.
fn unknown(file: &Path, formats: &[Format], as_json: bool) -> Result<Error> {
    let nearest = nearest(&Look::at(file)?, formats);
    if as_json {
        print(&format!("{}\n", json!({ "file": file.display().to_string(), "formats": [], "nearest": nearest })))?;
    } else if let Some(nearest) = &nearest {
        print(&difference::text(nearest))?;
    }
    let error = Error::data("no known format has this layout").file(file.display());
    let Some(nearest) = nearest else {
        return Ok(error.next("begin a format file with `tieout formats draft`"));
    };
    let counted = [(State::Missing, "missing"), (State::Added, "added"), (State::PerhapsRenamed, "perhaps renamed")];
    let found = counted.into_iter().map(|(state, said)| (nearest.count(state), said)).filter(|(count, _)| *count > 0);
    let columns = found.map(|(count, said)| format!("{} {said}", counted_columns(count)));
    let framing = nearest.framing.iter().map(|framing| format!("{} {}", framing.key, framing.file));
    let found: Vec<String> = columns.chain(framing).collect();
    let next = if nearest.framing.is_empty() {
        "if the report has changed, describe the layout in a format file that extends the nearest"
    } else {
        "keep the file as the provider served it, or describe it in a format file that extends the nearest"
    };
    Ok(error.expected(format!("nearest is {}, layout {}", nearest.format, nearest.layout)).found(found.join(", ")).next(next))
}

fn counted_columns(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}
