//! `tieout export`: files for others.

use std::fs::{self, File};
use std::io::BufWriter;

use super::{print, say};
use crate::cli::{Claims, Evidence, Export, ExportAction};
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::Lake;
use crate::night::Memory;
use crate::night::reperform::Reperformance;
use crate::report::{claims, evidence};

pub(super) fn export(arguments: &Export) -> Result<Exit> {
    match &arguments.action {
        ExportAction::Claims(arguments) => export_claims(arguments),
        ExportAction::Evidence(arguments) => export_evidence(arguments),
    }
}

/// What providers charged above their contracts.
fn export_claims(arguments: &Claims) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let nights = [arguments.from, arguments.to];
    let claims = claims::Claims::of(&job, &Lake::open(&job.lake)?, nights, arguments.provider.as_deref())?;
    let csv = claims.csv()?;
    match &arguments.out {
        Some(path) => fs::write(path, csv).map_err(|error| Error::io("write", path.display(), &error))?,
        None => print(&csv)?,
    }
    say(&format!("{}\n", claims.sentence()));
    Ok(Exit::Published)
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
    let mut nights = Reperformance::new(&lake, Memory::OfMachine, &|_| {})?;
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
