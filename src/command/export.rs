//! `tieout export`: files for others.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::{print, say};
use crate::cli::{Book, Claims, Evidence, Export, ExportAction, Journal, Page, PageLanguage};
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::job::comments::Comments;
use crate::lake::Lake;
use crate::night::Memory;
use crate::night::reperform::Reperformance;
use crate::report::page::Language;
use crate::report::{claims, evidence, journal, page, workbook};

pub(super) fn export(arguments: &Export) -> Result<Exit> {
    match &arguments.action {
        ExportAction::Claims(arguments) => export_claims(arguments),
        ExportAction::Journal(arguments) => export_journal(arguments),
        ExportAction::Evidence(arguments) => export_evidence(arguments),
        ExportAction::Page(arguments) => export_page(arguments),
        ExportAction::Workbook(arguments) => export_workbook(arguments),
    }
}

/// What providers charged above their contracts.
fn export_claims(arguments: &Claims) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let nights = [arguments.from, arguments.to];
    let claims = claims::Claims::of(&job, &Lake::at(&job.lake)?, nights, arguments.provider.as_deref())?;
    write(arguments.out.as_deref(), &claims.csv()?)?;
    say(&format!("{}\n", claims.sentence()));
    Ok(Exit::Published)
}

/// Journals as proposals.
fn export_journal(arguments: &Journal) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let day = |range| arguments.date.or(range).expect("the night, or the first and the last, are typed");
    let nights = [arguments.from, arguments.to].map(day);
    let journal = journal::Journal::of(&job, &Lake::at(&job.lake)?, nights)
        .map_err(|error| if error.column.is_some() { error.file(arguments.job.display()) } else { error })?;
    write(arguments.out.as_deref(), &journal.csv()?)?;
    say(&format!("{}\n", journal.sentence()));
    Ok(Exit::Published)
}

/// Into the file that was named, or on stdout.
fn write(out: Option<&Path>, text: &str) -> Result<()> {
    match out {
        Some(path) => fs::write(path, text).map_err(|error| Error::io("write", path.display(), &error)),
        None => print(text),
    }
}

/// The evidence of a night: written beside its place, and moved there once it is whole.
fn export_evidence(arguments: &Evidence) -> Result<Exit> {
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?;
    let manifest = match arguments.generation {
        Some(generation) => lake.manifest_of(arguments.date, generation)?,
        None => lake.manifest(arguments.date)?.ok_or_else(|| unpublished(&lake, arguments.date))?,
    };
    let evidence = evidence::Evidence::of(&lake, &manifest)?;
    let mut nights = Reperformance::new(&lake, Memory::OfMachine, &|_| {});
    let shown = arguments.out.display().to_string();
    whole(&arguments.out, |file| evidence.write(&mut nights, file, &shown))?;
    print(&format!("{shown}: evidence of {} {}, generation {}\n", manifest.night.job, arguments.date, manifest.generation))?;
    Ok(Exit::Published)
}

/// Writes a file beside the place of `path`, and moves it there once it is whole.
fn whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let part = path.with_added_extension("part");
    let file = File::create(&part).map_err(|error| {
        let failed = Error::io("create", path.display(), &error);
        if failed.exit == Exit::CannotWrite { Error { exit: Exit::CannotCreate, ..failed } } else { failed }
    })?;
    let mut file = BufWriter::new(file);
    let failed = |error: std::io::Error| Error::io("write", path.display(), &error);
    let written = write(&mut file).and_then(|()| file.flush().map_err(failed));
    let moved = written.and_then(|()| fs::rename(&part, path).map_err(failed));
    if moved.is_err() {
        // Half a file is of no use, and says nothing about the error.
        let _ = fs::remove_file(&part);
    }
    moved
}

/// A night as a page.
fn export_page(arguments: &Page) -> Result<Exit> {
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?;
    let manifest = lake.manifest(arguments.date)?.ok_or_else(|| unpublished(&lake, arguments.date))?;
    let comments = Comments::beside(&arguments.job)?;
    let text = page::Page::of(&lake, &manifest, &comments)?.html(language(arguments.language));
    let default = PathBuf::from(format!("night-{}.html", arguments.date));
    let path = arguments.to.as_ref().unwrap_or(&default);
    if path.as_os_str() == "-" {
        return print(&text).map(|()| Exit::Published);
    }
    write(Some(path), &text)?;
    say(&format!("{}: {} {}, generation {}\n", path.display(), manifest.night.job, arguments.date, manifest.generation));
    Ok(Exit::Published)
}

/// A night as a workbook.
fn export_workbook(arguments: &Book) -> Result<Exit> {
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?;
    let manifest = lake.manifest(arguments.date)?.ok_or_else(|| unpublished(&lake, arguments.date))?;
    let comments = Comments::beside(&arguments.job)?;
    let workbook = workbook::Workbook::of(&lake, &manifest, &comments)?;
    let default = PathBuf::from(format!("night-{}.xlsx", arguments.date));
    let path = arguments.to.as_ref().unwrap_or(&default);
    let shown = path.display().to_string();
    whole(path, |file| workbook.write(language(arguments.language), file, &shown))?;
    say(&format!("{shown}: {} {}, generation {}\n", manifest.night.job, arguments.date, manifest.generation));
    Ok(Exit::Published)
}

fn language(typed: PageLanguage) -> Language {
    match typed {
        PageLanguage::En => Language::English,
        PageLanguage::Zh => Language::Chinese,
    }
}

fn unpublished(lake: &Lake, date: NaiveDate) -> Error {
    Error::new(Exit::Usage, format!("no night {date} was published in this lake")).file(lake.shown(""))
}
