//! `tieout status`: the nights of a job, and what is open.

use super::{print, show};
use crate::cli::Status;
use crate::error::{Exit, Result};
use crate::job::Job;
use crate::lake::Lake;
use crate::report::status::Standing;

pub(super) fn status(arguments: &Status) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let standing = Standing::of(&job, &Lake::at(&job.lake)?, arguments.nights)?;
    if arguments.json { print(&standing.json()) } else { show(&standing.text()) }?;
    Ok(Exit::Published)
}
