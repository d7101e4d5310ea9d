//! `tieout import-comments`: append what people typed in a workbook to the job's file of comments.

use super::actor::actor;
use super::print;
use super::talk::clock;
use crate::cli::ImportComments;
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::job::comments::Comments;
use crate::lake::Lake;
use crate::night::comment::{Returned, take};
use crate::report::comments::{json, text};
use crate::report::workbook::returned;

pub(super) fn import_comments(arguments: &ImportComments) -> std::result::Result<Exit, Vec<Error>> {
    let alone = |error: Error| vec![error];
    let (comments, lake, returned) = opened(arguments).map_err(alone)?;
    let (by, at) = (actor(arguments.by.as_deref()), clock(&arguments.moment)());
    let taken = take(&comments, &lake, &returned, (&by, at))?;
    print(&if arguments.json { json(&arguments.file, &taken) } else { text(&arguments.file, &taken) }).map_err(alone)?;
    Ok(Exit::Published)
}

/// The comments there are, the lake of the job, and what came back.
fn opened(arguments: &ImportComments) -> Result<(Comments, Lake, Returned)> {
    if arguments.job.is_dir() {
        return Err(Error::new(Exit::Usage, "comments are kept beside a job, and this is a folder")
            .file(arguments.job.display())
            .next("name the job file, such as jobs/nightly.toml"));
    }
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?;
    Ok((Comments::beside(&arguments.job)?, lake, returned::read(&arguments.file)?))
}
