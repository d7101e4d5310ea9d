//! `tieout resolve`: append what is done about a break to the job's file of resolutions.

use super::actor::actor;
use super::print;
use crate::cli::{Resolve, ResolvesBy};
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::night::resolve::{Action, Decision, resolve as append};
use crate::report::resolve::{json, text};

pub(super) fn resolve(arguments: &Resolve) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let by = actor(arguments.by.as_deref());
    if by == "unknown" {
        return Err(Error::new(Exit::Usage, "nobody is named who decides").next("say who: --by NAME"));
    }
    let action = match arguments.action {
        ResolvesBy::Accept => Action::Accept,
        ResolvesBy::WriteOff => Action::WriteOff,
        ResolvesBy::ForceMatch => Action::ForceMatch,
        ResolvesBy::Duplicate => Action::Duplicate,
        ResolvesBy::NotOurs => Action::NotOurs,
    };
    let decision = Decision { break_id: &arguments.break_id, night: arguments.date, action, reason: &arguments.reason, by: &by };
    let decided = append(&job, &decision).map_err(|error| {
        // What a job lacks is told of the job.
        let is_of_job = error.exit == Exit::BadConfiguration && error.file.is_none();
        if is_of_job { error.file(arguments.job.display()) } else { error }
    })?;
    print(&if arguments.json { json(&decided) } else { text(&arguments.job, &decided) })?;
    Ok(Exit::Published)
}
