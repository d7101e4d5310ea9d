//! `tieout run`: close a night, and say how it went.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::actor::actor;
use super::talk::{Arrivals, clock, worst_first};
use super::{print, say, show};
use crate::cli::{Means, Run};
use crate::error::{Error, Exit};
use crate::job::Job;
use crate::night::{Closed, Memory, Options, close};
use crate::report::{json, summary, timings};
use crate::source::{Manners, Switchboard};

pub(super) fn run(arguments: &Run) -> Result<Exit, Vec<Error>> {
    let job = Job::load(&arguments.job).map_err(|error| vec![error])?;
    let (memory, by) = (arguments.means.memory().map_err(|error| vec![error])?, actor(arguments.author.by.as_deref()));
    let reopen = arguments.reopening.reason();
    let options = Options { date: arguments.date, partial: arguments.partial, memory, by: &by, reopen };
    let pool = pool(&arguments.means).map_err(|error| vec![error])?;
    let bar = progress_bar(arguments);
    let (clock, arrivals) = (clock(&arguments.moment), Arrivals::new(arguments.quiet));
    let arrived = |source: &str, bytes| arrivals.note(source, bytes);
    let board = Switchboard::new(Manners::default(), &clock, &arrived);
    let (closed, stages) = pool.install(|| {
        let stages = Stages::default();
        let closed = close(&job, options, &board, &|doing: &str| {
            bar.set_message(doing.to_owned());
            stages.begin(doing);
        });
        (closed, stages.took())
    });
    bar.finish_and_clear();
    arrivals.end();
    let closed = match closed.map_err(worst_first) {
        Ok(closed) => closed,
        Err(errors) => {
            if arguments.json {
                print(&json::refused(&job, arguments.date, &errors)).map_err(|error| vec![error])?;
            }
            return Err(errors);
        }
    };
    if arguments.timings {
        say(&timings::run(&closed.manifest, &stages));
    }

    for error in &closed.left_out {
        say(&format!("left out: {error}\n"));
    }
    if let Some(stale) = closed.stale_before() {
        say(&format!(
            "warning: the night {} carries in what {stale} left, which is stale: a night before it was published anew\n  next: tieout backfill <job> --from {stale} --to {}\n",
            arguments.date, arguments.date
        ));
    }
    match (arguments.json, arguments.quiet) {
        (true, _) => print(&json::run(&closed)),
        (false, true) => Ok(()),
        (false, false) => show(&summary::run(&job, &closed)),
    }
    .map_err(|error| vec![error])?;
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

/// When each stage of a close began.
#[derive(Default)]
struct Stages(RefCell<Vec<(String, Instant)>>);

impl Stages {
    fn begin(&self, stage: &str) {
        self.0.borrow_mut().push((stage.to_owned(), Instant::now()));
    }

    /// How long each took, the last until now.
    fn took(self) -> Vec<(String, Duration)> {
        let begun = self.0.into_inner();
        let ends: Vec<Instant> = begun.iter().skip(1).map(|(_, begin)| *begin).chain([Instant::now()]).collect();
        begun.into_iter().zip(ends).map(|((stage, begin), end)| (stage, end - begin)).collect()
    }
}

fn over_limit(closed: &Closed, limit: Option<u64>) -> bool {
    limit.is_some_and(|limit| summary::in_state(&closed.manifest, "open") > limit)
}

/// A line that moves, on a terminal only.
fn progress_bar(arguments: &Run) -> ProgressBar {
    if arguments.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
