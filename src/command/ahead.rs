//! The files of several nights at once: fetched ahead, while the nights before are closed in order.
//!
//! What is fetched is in the archive when its night is closed, which then only asks whether it is still the same. What a database
//! answers is of the moment it is asked, and never asked ahead. A night whose files cannot be fetched says so when it is closed.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex};

use chrono::{DateTime, NaiveDate, Utc};

use crate::job::Job;
use crate::lake::Lake;
use crate::night::answers::{self, Questions};
use crate::source::{Manners, Switchboard};

/// What is fetched, and how far it and the closing are.
pub(super) struct Ahead<'a> {
    pub(super) job: &'a Job,
    pub(super) lake: &'a Lake,
    pub(super) nights: &'a [NaiveDate],
    /// How many nights at once.
    pub(super) at_once: usize,
    pub(super) clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    pub(super) arrived: &'a (dyn Fn(&str, u64) + Sync),
}

#[derive(Default)]
struct Progress {
    /// Nights that somebody began to fetch.
    begun: usize,
    fetched: BTreeSet<usize>,
    /// The night that is to be closed next.
    closing: usize,
    stopped: bool,
}

impl Ahead<'_> {
    /// Does `close` for each night, in order, until it says to stop; each once its files are fetched.
    pub(super) fn each(&self, mut close: impl FnMut(NaiveDate) -> bool) {
        let names = self.names();
        if self.at_once == 1 || names.is_empty() {
            // Nothing to gain: closing fetches what it needs.
            let _ = self.nights.iter().all(|&night| close(night));
            return;
        }
        let (progress, changed) = (Mutex::new(Progress::default()), Condvar::new());
        let lock = || progress.lock().expect("nothing panics while it holds the progress");
        std::thread::scope(|scope| {
            for _ in 0..self.at_once.min(self.nights.len()) {
                scope.spawn(|| {
                    loop {
                        let mut now = lock();
                        while !now.stopped && now.begun < self.nights.len() && now.begun >= now.closing + self.at_once {
                            now = changed.wait(now).expect("nothing panics while it holds the progress");
                        }
                        let at = now.begun;
                        if now.stopped || at >= self.nights.len() {
                            return;
                        }
                        now.begun += 1;
                        drop(now);
                        self.fetch(self.nights[at], &names);
                        lock().fetched.insert(at);
                        changed.notify_all();
                    }
                });
            }
            for (at, &night) in self.nights.iter().enumerate() {
                let mut now = lock();
                now.closing = at;
                changed.notify_all();
                while !now.fetched.contains(&at) {
                    now = changed.wait(now).expect("nothing panics while it holds the progress");
                }
                drop(now);
                if !close(night) {
                    break;
                }
            }
            lock().stopped = true;
            changed.notify_all();
        });
    }

    /// The sources that are asked ahead.
    fn names(&self) -> Vec<String> {
        let sources = self.job.sources();
        let of_the_moment = |name: &str| sources.iter().any(|source| source.name == name && source.place.is_of_the_moment());
        let elsewhere = sources.iter().filter(|source| !source.place.is_here() && !of_the_moment(source.name));
        elsewhere.map(|source| source.name.to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn fetch(&self, night: NaiveDate, names: &[String]) {
        // One that another run holds is fetched by that.
        let Ok(lock) = self.lake.lock(night) else { return };
        let board = Switchboard::new(Manners::default(), self.clock, self.arrived);
        answers::fetch(self.job, night, Questions { again: false, only: names }, self.lake, &lock, &board);
    }
}
