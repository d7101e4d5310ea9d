//! `tieout export`: what others ask for, as a file.

use std::fs::{self, File};
use std::io::BufWriter;

use super::print;
use crate::cli::{Evidence, ExportAction};
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::Lake;
use crate::night::Memory;
use crate::night::reperform::Reperformance;
use crate::report::evidence;

pub(super) fn export(action: &ExportAction) -> Result<Exit> {
    match action {
        ExportAction::Evidence(arguments) => of_night(arguments),
    }
}

/// The evidence of a night: written beside its place, and moved there once it is whole.
fn of_night(arguments: &Evidence) -> Result<Exit> {
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
