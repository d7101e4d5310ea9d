//! `tieout explain`: the story of one order, reference, entry or break.

use super::{print, show};
use crate::cli::Explain;
use crate::error::{Exit, Result};
use crate::job::Job;
use crate::job::comments::Comments;
use crate::lake::Lake;
use crate::report::explain::Story;

pub(super) fn explain(arguments: &Explain) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let story = Story::of(&job, &Lake::at(&job.lake)?, &arguments.id, arguments.date)?;
    let comments = Comments::beside(&arguments.job)?;
    if arguments.json { print(&story.json(&comments)) } else { show(&story.text(&comments)) }?;
    Ok(Exit::Published)
}
