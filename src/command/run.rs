//! `tieout run`: close a night, and say how it went.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::actor::actor;
use super::show;
use super::talk::{Arrivals, clock, worst_first};
use super::telling::Telling;
use crate::cli::{Means, Run};
use crate::error::{Error, Exit};
use crate::job::Job;
use crate::night::{Closed, Memory, Options, close};
use crate::report::{summary, timings};
use crate::source::{Manners, Switchboard};

pub(super) fn run(arguments: &Run, telling: &Arc<Telling>) -> Result<Exit, Vec<Error>> {
    let job = Job::load(&arguments.job).map_err(|error| vec![error])?;
    telling.of_job(&job);
    let (memory, by) = (arguments.means.memory().map_err(|error| vec![error])?, actor(arguments.author.by.as_deref()));
    let reopen = arguments.reopening.reason();
    let options = Options { date: arguments.date, partial: arguments.partial, memory, by: &by, reopen };
    let pool = pool(&arguments.means).map_err(|error| vec![error])?;
    let bar = progress_bar(telling);
    let (clock, arrivals) = (clock(&arguments.moment), Arrivals::new(telling.shows_progress()));
    let arrived = |source: &str, bytes| arrivals.note(source, bytes);
    let board = Switchboard::new(Manners::default(), &clock, &arrived);
    let closed = pool.install(|| {
        close(&job, options, &board, &|doing: &str| {
            bar.set_message(doing.to_owned());
            telling.stage(doing);
        })
    });
    bar.finish_and_clear();
    arrivals.end();
    let closed = closed.map_err(worst_first)?;
    if arguments.timings {
        telling.say("timings", &timings::run(&closed.manifest, &telling.took()));
    }
    for error in &closed.left_out {
        telling.left_out(error);
    }
    if let Some(stale) = closed.stale_before() {
        let date = arguments.date;
        telling.warn("stale", &format!(
            "the night {date} carries in what {stale} left, which is stale: a night before it was published anew\n  next: tieout backfill <job> --from {stale} --to {date}",
        ));
    }
    telling.closed(&job, &closed);
    if arguments.json || arguments.quiet { Ok(()) } else { show(&summary::run(&job, &closed)) }.map_err(|error| vec![error])?;
    Ok(if over_limit(&closed, arguments.fail_on) { Exit::BreaksOverLimit } else { Exit::Published })
}

/// The threads a close may use.
pub(super) fn pool(means: &Means) -> Result<rayon::ThreadPool, Error> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = means.threads {
        pool = pool.num_threads(threads);
    }
    pool.build().map_err(|error| Error::new(Exit::TryAgain, format!("cannot start threads: {error}")))
}

impl Means {
    /// How much memory it may take.
    pub(super) fn memory(&self) -> Result<Memory, Error> {
        self.memory_limit.map_or(Ok(Memory::OfMachine), Memory::limited_to)
    }
}

fn over_limit(closed: &Closed, limit: Option<u64>) -> bool {
    limit.is_some_and(|limit| summary::in_state(&closed.manifest, "open") > limit)
}

/// A line that moves, on a terminal only.
fn progress_bar(telling: &Telling) -> ProgressBar {
    if !telling.shows_progress() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
