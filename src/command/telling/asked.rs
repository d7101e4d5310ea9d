//! Which commands are told of, and what was typed of how.

use std::path::Path;

use crate::cli::{Backfill, Command, Retry, Telling, Watchers};

/// What of a command line is about telling.
pub(super) struct Asked<'a> {
    pub(super) name: &'static str,
    pub(super) job: &'a Path,
    pub(super) date: Option<chrono::NaiveDate>,
    pub(super) json: bool,
    pub(super) quiet: bool,
    pub(super) typed: Option<&'a Telling>,
    pub(super) watchers: Option<&'a Watchers>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(command: &'a Command) -> Option<Self> {
        let new = |name, job: &'a Path, date, json, quiet| Self { name, job, date, json, quiet, typed: None, watchers: None };
        Some(match command {
            Command::Run(run) => Self {
                typed: Some(&run.telling),
                watchers: Some(&run.watchers),
                ..new("run", &run.job, Some(run.date), run.json, run.quiet)
            },
            Command::Backfill(Backfill { job, manner, .. }) => {
                Self { typed: Some(&manner.telling), ..new("backfill", job, None, manner.json, manner.quiet) }
            }
            Command::Retry(Retry { job, manner }) => {
                Self { typed: Some(&manner.telling), ..new("retry", job, None, manner.json, manner.quiet) }
            }
            Command::Fetch(fetch) => new("fetch", &fetch.job, Some(fetch.date), fetch.json, fetch.quiet),
            Command::Ready(ready) => new("ready", &ready.job, Some(ready.date), ready.json, false),
            Command::Verify(verify) => new("verify", &verify.job, verify.date, verify.json, verify.quiet),
            _ => return None,
        })
    }
}
