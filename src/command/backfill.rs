//! `tieout backfill`: close the nights of a range in order, those that are stale anew. `tieout retry`: those it left.

use std::sync::Arc;

use chrono::NaiveDate;

use super::actor::actor;
use super::ahead::Ahead;
use super::print;
use super::run::pool;
use super::talk::{Arrivals, clock, worst_first};
use super::telling::Telling;
use crate::cli::{Backfill, Manner, Retry};
use crate::error::{Error, Exit};
use crate::job::Job;
use crate::lake::{Lake, LeftOver};
use crate::night::{Options, close};
use crate::report::backfill::{Backfilled, Became, json, text};
use crate::source::{Manners, Switchboard};

pub(super) fn backfill(arguments: &Backfill, telling: &Arc<Telling>) -> Result<Exit, Vec<Error>> {
    let job = Job::load(&arguments.job).map_err(alone)?;
    telling.of_job(&job);
    let (from, to) = (arguments.from, arguments.to);
    if from > to {
        return Err(vec![
            Error::new(Exit::Usage, "the range ends before it begins")
                .expected("the first date as --from, the last as --to")
                .found(format!("{from} to {to}")),
        ]);
    }
    let nights: Vec<NaiveDate> = from.iter_days().take_while(|&date| date <= to).collect();
    let lake = Lake::at(&job.lake).map_err(alone)?;
    let closed = each(&job, &lake, &nights, &arguments.manner, telling, (arguments.manner.partial, to), &|_| Ok(true))?;
    if closed.iter().all(|night| night.became == Became::NeverThere) {
        return Err(vec![nothing_at_all(from, to)]);
    }
    Ok(Exit::Published)
}

pub(super) fn retry(arguments: &Retry, telling: &Arc<Telling>) -> Result<Exit, Vec<Error>> {
    let job = Job::load(&arguments.job).map_err(alone)?;
    telling.of_job(&job);
    let lake = Lake::at(&job.lake).map_err(alone)?;
    let manner = &arguments.manner;
    let Some(left) = lake.left_over().map_err(alone)? else {
        telling.told(json(&job, &[], &[], &[]));
        if !manner.quiet && !manner.json {
            print(&text(&job, &[], &[])).map_err(alone)?;
        }
        return Ok(Exit::Published);
    };
    let first = left.nights.first().copied().unwrap_or(left.to);
    let nights: Vec<NaiveDate> = first.iter_days().take_while(|&date| date <= left.to).collect();
    // Besides what was left, what becomes stale by it.
    let is_asked = |night: NaiveDate| Ok(left.nights.contains(&night) || lake.stale()?.contains(&night));
    each(&job, &lake, &nights, manner, telling, (manner.partial || left.partial, left.to), &is_asked)?;
    Ok(Exit::Published)
}

fn alone(error: Error) -> Vec<Error> {
    vec![error]
}

/// Closes those of the nights that are asked for, in order, and shows what became of each.
fn each(
    job: &Job,
    lake: &Lake,
    nights: &[NaiveDate],
    manner: &Manner,
    telling: &Arc<Telling>,
    (partial, to): (bool, NaiveDate),
    is_asked: &dyn Fn(NaiveDate) -> Result<bool, Error>,
) -> Result<Vec<Backfilled>, Vec<Error>> {
    let (memory, by) = (manner.means.memory().map_err(alone)?, actor(manner.author.by.as_deref()));
    let pool = pool(&manner.means).map_err(alone)?;
    let (clock, arrivals) = (clock(&manner.moment), Arrivals::new(telling.shows_progress()));
    let arrived = |source: &str, bytes| arrivals.note(source, bytes);
    let lake = lake.clone().acting(&by);
    // Until it is done, all of it is left: it may die.
    lake.remember(&LeftOver::new(to, partial, nights.to_vec())).map_err(alone)?;
    let (mut closed, mut refused, mut failed) = (Vec::new(), Vec::new(), None);
    let mut left = nights.to_vec();
    let one_night = |date: NaiveDate| {
        if !is_asked(date)? {
            return Ok(None);
        }
        let options = Options { date, partial, memory, by: &by, reopen: manner.reopening.reason() };
        one(job, &lake, options, &|| {
            // A switchboard of its own: what a night asks is no part of another.
            let board = Switchboard::new(Manners::default(), &clock, &arrived);
            pool.install(|| close(job, options, &board, &|_| {}))
        })
        .map(Some)
    };
    let ahead = Ahead { job, lake: &lake, nights, at_once: manner.jobs.into(), clock: &clock, arrived: &arrived };
    ahead.each(|date| match one_night(date) {
        Err(error) => {
            failed = Some(error);
            false
        }
        Ok(None) => {
            left.retain(|&night| night != date);
            true
        }
        Ok(Some((became, errors))) => {
            let night = Backfilled { date, became };
            telling.note("night_ended", &night.said());
            closed.push(night);
            if errors.is_empty() {
                left.retain(|&night| night != date);
            }
            let goes_on = errors.is_empty() || manner.keep_going;
            refused.extend(errors);
            telling.told(json(job, &closed, &left, &refused));
            goes_on
        }
    });
    arrivals.end();
    // Nothing was ever to be had of a range without any night: nothing is left of it either.
    if closed.iter().all(|night| night.became == Became::NeverThere) && failed.is_none() {
        left.clear();
    }
    lake.remember(&LeftOver::new(to, partial, left.clone())).map_err(alone)?;
    if let Some(error) = failed {
        return Err(vec![error]);
    }
    let refused = worst_first(refused);
    telling.told(json(job, &closed, &left, &refused));
    if !manner.json && !manner.quiet {
        print(&text(job, &closed, &left)).map_err(alone)?;
    }
    if refused.is_empty() { Ok(closed) } else { Err(refused) }
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
