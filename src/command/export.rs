//! `tieout export`: files for others.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use super::{print, say};
use crate::cli::{Claims, Evidence, Export, ExportAction, Journal};
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::Lake;
use crate::night::Memory;
use crate::night::reperform::Reperformance;
use crate::report::{claims, evidence, journal};

pub(super) fn export(arguments: &Export) -> Result<Exit> {
    match &arguments.action {
        ExportAction::Claims(arguments) => export_claims(arguments),
        ExportAction::Journal(arguments) => export_journal(arguments),
        ExportAction::Evidence(arguments) => export_evidence(arguments),
    }
}

/// What providers charged above their contracts.
fn export_claims(arguments: &Claims) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let nights = [arguments.from, arguments.to];
    let claims = claims::Claims::of(&job, &Lake::open(&job.lake)?, nights, arguments.provider.as_deref())?;
    write(arguments.out.as_deref(), &claims.csv()?)?;
    say(&format!("{}\n", claims.sentence()));
    Ok(Exit::Published)
}

/// Journals as proposals.
fn export_journal(arguments: &Journal) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let day = |range| arguments.date.or(range).expect("the night, or the first and the last, are typed");
    let nights = [arguments.from, arguments.to].map(day);
    let journal = journal::Journal::of(&job, &Lake::open(&job.lake)?, nights)
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
    let lake = Lake::open(&Job::lake_of(&arguments.job)?)?;
    let manifest = match arguments.generation {
        Some(generation) => lake.manifest_of(arguments.date, generation)?,
        None => lake.manifest(arguments.date)?.ok_or_else(|| {
            Error::new(Exit::Usage, format!("no night {} was published in this lake", arguments.date)).file(lake.root().display())
        })?,
    };
    let evidence = evidence::Evidence::of(&lake, &manifest)?;
    let mut nights = Reperformance::new(&lake, Memory::OfMachine, &|_| {});
    let shown = arguments.out.display().to_string();
    let part = arguments.out.with_added_extension("part");
    let file = File::create(&part).map_err(|error| {
        let failed = Error::io("create", &shown, &error);
        if failed.exit == Exit::CannotWrite { Error { exit: Exit::CannotCreate, ..failed } } else { failed }
    })?;
    let written = evidence.write(&mut nights, BufWriter::new(file), &shown);
    let moved = written.and_then(|()| fs::rename(&part, &arguments.out).map_err(|error| Error::io("write", &shown, &error)));
    if moved.is_err() {
        // Half an archive is of no use, and says nothing about the error.
        let _ = fs::remove_file(&part);
    }
    moved?;
    print(&format!("{shown}: evidence of {} {}, generation {}\n", manifest.night.job, arguments.date, manifest.generation))?;
    Ok(Exit::Published)
}
