//! `tieout fetch`: a night's files into the lake. `tieout ready`: are they there?

use std::sync::Arc;

use super::actor::actor;
use super::print;
use super::talk::{Arrivals, clock, worst_first};
use super::telling::Telling;
use crate::cli::{Fetch, Ready};
use crate::error::{Error, Exit};
use crate::job::Job;
use crate::lake::Lake;
use crate::night::answers::{self, Answered, Questions};
use crate::report::answers::{json, list};
use crate::source::{Manners, Switchboard};

pub(super) fn fetch(arguments: &Fetch, telling: &Arc<Telling>) -> Result<Exit, Vec<Error>> {
    let alone = |error: Error| vec![error];
    let job = known_sources(&arguments.job, &arguments.only)?;
    telling.of_job(&job);
    let lake = Lake::at(&job.lake).map_err(alone)?.acting(&actor(None));
    let lock = lake.lock(arguments.date).map_err(alone)?;
    let (clock, arrivals) = (clock(&arguments.moment), Arrivals::new(telling.shows_progress()));
    let arrived = |source: &str, bytes| arrivals.note(source, bytes);
    let board = Switchboard::new(Manners::default(), &clock, &arrived);
    let questions = Questions { again: arguments.again, only: &arguments.only };
    let answers = answers::fetch(&job, arguments.date, questions, &lake, &lock, &board);
    arrivals.end();
    told(answers, arguments.date, telling, arguments.json || arguments.quiet)
}

pub(super) fn ready(arguments: &Ready, telling: &Arc<Telling>) -> Result<Exit, Vec<Error>> {
    let job = known_sources(&arguments.job, &arguments.only)?;
    telling.of_job(&job);
    let lake = Lake::at(&job.lake).map_err(|error| vec![error])?;
    let clock = clock(&arguments.moment);
    let board = Switchboard::new(Manners::default(), &clock, &|_, _| {});
    let answers = answers::ready(&job, arguments.date, &arguments.only, &lake, &board);
    told(answers, arguments.date, telling, arguments.json)
}

/// The job, which has sources of every name that is asked for.
fn known_sources(job: &std::path::Path, only: &[String]) -> Result<Job, Vec<Error>> {
    let job = Job::load(job).map_err(|error| vec![error])?;
    let sources = job.sources();
    let names: Vec<&str> = sources.iter().map(|source| source.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        let error = Error::new(Exit::Usage, format!("the job has no source called `{unknown}`"));
        return Err(vec![error.expected(names.join(", "))]);
    }
    drop(sources);
    Ok(job)
}

fn told(answers: Vec<Answered>, date: chrono::NaiveDate, telling: &Telling, quiet: bool) -> Result<Exit, Vec<Error>> {
    telling.told(json(&answers, date));
    if !quiet {
        print(&list(&answers)).map_err(|error| vec![error])?;
    }
    // A source the night does not need may lack its files.
    let errors: Vec<Error> =
        answers.into_iter().filter(|answered| answered.source.required).filter_map(|answered| answered.error).collect();
    if errors.is_empty() { Ok(Exit::Published) } else { Err(worst_first(errors)) }
}
