//! `tieout backfill`: close the nights of a range in order, those that are stale anew.

use std::sync::Arc;

use chrono::NaiveDate;

use super::actor::actor;
use super::print;
use super::run::pool;
use super::talk::{Arrivals, clock, worst_first};
use super::telling::Telling;
use crate::cli::Backfill;
use crate::error::{Error, Exit};
use crate::job::Job;
use crate::lake::Lake;
use crate::night::{Options, close};
use crate::report::backfill::{Backfilled, Became, json, text};
use crate::source::{Manners, Switchboard};

pub(super) fn backfill(arguments: &Backfill, telling: &Arc<Telling>) -> Result<Exit, Vec<Error>> {
    let alone = |error: Error| vec![error];
    let job = Job::load(&arguments.job).map_err(alone)?;
    telling.of_job(&job);
    if arguments.from > arguments.to {
        return Err(vec![
            Error::new(Exit::Usage, "the range ends before it begins")
                .expected("the first date as --from, the last as --to")
                .found(format!("{} to {}", arguments.from, arguments.to)),
        ]);
    }
    let lake = Lake::at(&job.lake).map_err(alone)?;
    let (memory, by) = (arguments.means.memory().map_err(alone)?, actor(arguments.author.by.as_deref()));
    let pool = pool(&arguments.means).map_err(alone)?;
    let (clock, arrivals) = (clock(&arguments.moment), Arrivals::new(telling.shows_progress()));
    let arrived = |source: &str, bytes| arrivals.note(source, bytes);
    let mut nights = Vec::new();
    let mut refused = Vec::new();
    for date in arguments.from.iter_days().take_while(|&date| date <= arguments.to) {
        let reopen = arguments.reopening.reason();
        let options = Options { date, partial: arguments.partial, memory, by: &by, reopen };
        let (became, errors) = one(&job, &lake, options, &|| {
            // A switchboard of its own: what a night asks is no part of another.
            let board = Switchboard::new(Manners::default(), &clock, &arrived);
            pool.install(|| close(&job, options, &board, &|_| {}))
        })
        .map_err(alone)?;
        let night = Backfilled { date, became };
        telling.note("night_ended", &night.said());
        nights.push(night);
        telling.told(json(&job, &nights, &errors));
        if !errors.is_empty() {
            refused = errors;
            break;
        }
    }
    arrivals.end();
    let refused = worst_first(refused);
    telling.told(json(&job, &nights, &refused));
    if !arguments.json && !arguments.quiet {
        print(&text(&job, &nights, arguments.to)).map_err(alone)?;
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    if nights.iter().all(|night| night.became == Became::NeverThere) {
        return Err(vec![nothing_at_all(arguments.from, arguments.to)]);
    }
    Ok(Exit::Published)
}

/// Closes one night of the range.
fn one(
    job: &Job,
    lake: &Lake,
    options: Options,
    close: &dyn Fn() -> Result<crate::night::Closed, Vec<Error>>,
) -> Result<(Became, Vec<Error>), Error> {
    let before = lake.manifest(options.date)?;
    let was_stale = lake.stale()?.contains(&options.date);
    Ok(match close() {
        Ok(closed) if closed.changed => (
            Became::Closed { generation: closed.manifest.generation, was_stale, complete: closed.manifest.night.complete },
            Vec::new(),
        ),
        Ok(closed) => (Became::Unchanged { generation: closed.manifest.generation }, Vec::new()),
        Err(errors) if before.is_none() && is_nothing_there(job, &errors) => (Became::NeverThere, Vec::new()),
        Err(errors) => (Became::Refused, errors),
    })
}

/// Whether no source that a night needs has anything of a date, and none of it is still to come.
fn is_nothing_there(job: &Job, errors: &[Error]) -> bool {
    let needed = job.sources().iter().filter(|source| source.required).count();
    errors.len() == needed && errors.iter().all(|error| error.exit == Exit::MissingInput)
}

fn nothing_at_all(from: NaiveDate, to: NaiveDate) -> Error {
    Error::new(Exit::MissingInput, format!("no source has anything of a night from {from} to {to}"))
        .next("see where the files are looked for: tieout plan <job> --date <night>")
}
