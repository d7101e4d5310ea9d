//! `tieout export`: files for others.

use std::fs;

use super::{print, say};
use crate::cli::{Claims, Export, ExportAction};
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::Lake;
use crate::report::claims;

pub(super) fn export(arguments: &Export) -> Result<Exit> {
    match &arguments.action {
        ExportAction::Claims(arguments) => export_claims(arguments),
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
