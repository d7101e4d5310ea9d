//! `tieout config show`: every key of a job, its value, and where that is from.

use super::print;
use crate::cli::{Config, ConfigAction};
use crate::error::{Exit, Result};
use crate::job::Job;
use crate::report::config::{json, text};

pub(super) fn config(arguments: &Config) -> Result<Exit> {
    let ConfigAction::Show { job: path, json: as_json } = &arguments.action;
    // A job that is wrong is refused, as by every command.
    let job = Job::load(path)?;
    let (name, settings) = (path.display().to_string(), job.settings());
    print(&if *as_json { json(&name, &settings) } else { text(&name, &settings) })?;
    Ok(Exit::Published)
}
