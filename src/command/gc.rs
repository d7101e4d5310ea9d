//! `tieout gc`: what no night needs is removed.

use chrono::Days;

use super::actor::actor;
use super::print;
use super::talk::clock;
use crate::cli::Gc;
use crate::error::{Exit, Result};
use crate::job::Job;
use crate::lake::{KeptFrom, Lake};
use crate::report::gc::{json, text};

pub(super) fn gc(arguments: &Gc) -> Result<Exit> {
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?.acting(&actor(arguments.author.by.as_deref()));
    let today = clock(&arguments.moment)().date_naive();
    // A night so many days ago is old enough.
    let before = |days: u16| today - Days::new(days.into()) + Days::new(1);
    let kept_from =
        KeptFrom { aside: arguments.aside_older_than.map(before), received: arguments.received_older_than.map(before) };
    let collected = lake.collect(!arguments.dry_run, kept_from)?;
    let shown = if arguments.json { json } else { text };
    print(&shown(&collected, arguments.dry_run))?;
    Ok(Exit::Published)
}
