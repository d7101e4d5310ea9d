//! A conversation with one place: its clock, its deadline, what is tried again and when, and what it came to.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Exit, Result};

/// How a conversation is held.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How often one thing is tried.
    pub tries: u32,
    /// How long is waited after the first failure; twice as long after each further one, at most [`Manners::longest`].
    pub wait: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How long all of it may take.
    pub deadline: Duration,
    /// How long one answer may keep quiet.
    pub silence: Duration,
    /// How many conversations one host has at a time.
    pub per_host: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            tries: 5,
            wait: Duration::from_secs(1),
            longest: Duration::from_mins(1),
            deadline: Duration::from_mins(30),
            silence: Duration::from_mins(1),
            per_host: 2,
        }
    }
}

/// What all conversations of a run share.
pub struct Switchboard<'a> {
    /// How each is held.
    pub manners: Manners,
    /// What time it is.
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// Told of every piece that arrives: where from, and how many bytes.
    pub arrived: &'a (dyn Fn(&str, u64) + Sync),
    hosts: Mutex<BTreeMap<String, usize>>,
    left: Condvar,
}

impl<'a> Switchboard<'a> {
    /// A switchboard without conversations.
    #[must_use]
    pub fn new(manners: Manners, clock: &'a (dyn Fn() -> DateTime<Utc> + Sync), arrived: &'a (dyn Fn(&str, u64) + Sync)) -> Self {
        Self { manners, clock, arrived, hosts: Mutex::default(), left: Condvar::new() }
    }

    /// Begins a conversation, for the source that people know by that name.
    pub fn begin(&'a self, source: &str) -> Result<Conversation<'a>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(Exit::TryAgain, format!("cannot start to talk: {error}")))?;
        Ok(Conversation {
            switchboard: self,
            source: source.to_owned(),
            runtime,
            began: Instant::now(),
            tries: Cell::new(0),
            bytes: Cell::new(0),
        })
    }

    fn hosts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.hosts.lock().expect("nothing panics while it holds the list")
    }
}

/// A conversation with one place, held on one thread.
pub struct Conversation<'a> {
    switchboard: &'a Switchboard<'a>,
    source: String,
    runtime: tokio::runtime::Runtime,
    began: Instant,
    tries: Cell<u32>,
    bytes: Cell<u64>,
}

/// A try that came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// What is said if it is not tried again.
    pub error: Error,
    /// Whether it is.
    pub again: Again,
}

/// Whether a failed try is worth another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The same would come of it.
    Never,
    /// After the usual wait.
    Soon,
    /// Not before as long as the other side said.
    After(Duration),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, again: Again::Never }
    }
}

impl Failure {
    /// A try that is worth another.
    #[must_use]
    pub fn soon(error: Error) -> Self {
        Self { error, again: Again::Soon }
    }
}

impl Conversation<'_> {
    /// What time it is.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.switchboard.clock)()
    }

    /// How it is held.
    #[must_use]
    pub fn manners(&self) -> &Manners {
        &self.switchboard.manners
    }

    /// How often something was tried so far.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.tries.get()
    }

    /// Bytes that arrived so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that bytes arrived.
    pub fn arrived(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
        (self.switchboard.arrived)(&self.source, bytes);
    }

    /// Waits for `future`: until the deadline of the conversation, and no longer than an answer may keep quiet.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> std::result::Result<T, Failure> {
        let left = self.manners().deadline.saturating_sub(self.began.elapsed());
        let limit = left.min(self.manners().silence);
        self.runtime.block_on(async { tokio::time::timeout(limit, future).await }).map_err(|_| {
            let error = Error::new(Exit::TryAgain, "no answer in time")
                .found(format!("nothing for {} s", limit.as_secs()))
                .next("try again later; if it stays so, ask the provider");
            if limit < left { Failure::soon(error) } else { Failure::from(error) }
        })
    }

    /// Does something until it works, is not worth another try, or the deadline is near. Waits in between: twice as
    /// long each time, a random half of it off so that many do not come back at once, never less than was asked for.
    pub fn insist<T>(&self, mut attempt: impl FnMut() -> std::result::Result<T, Failure>) -> Result<T> {
        let manners = self.manners();
        let mut wait = manners.wait;
        for turn in 1.. {
            self.tries.set(self.tries.get() + 1);
            let Failure { error, again } = match attempt() {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = match again {
                Again::Never => return Err(error),
                Again::Soon => jittered(wait),
                Again::After(asked) => jittered(wait).max(asked),
            };
            if turn >= manners.tries || self.took() + pause >= manners.deadline {
                let tried = if turn == 1 { "tried once".to_owned() } else { format!("tried {turn} times") };
                let found = error.found.as_ref().map_or_else(|| tried.clone(), |found| format!("{found}; {tried}"));
                return Err(error.found(found));
            }
            std::thread::sleep(pause);
            wait = (wait * 2).min(manners.longest);
        }
        unreachable!("the last turn returns")
    }

    /// Waits for a turn with a host, which has only a few conversations at a time.
    pub fn with_host<T>(&self, host: &str, talk: impl FnOnce() -> T) -> T {
        let board = self.switchboard;
        let mut hosts = board.hosts();
        while hosts.get(host).is_some_and(|&talking| talking >= board.manners.per_host) {
            hosts = board.left.wait(hosts).expect("nothing panics while it holds the list");
        }
        *hosts.entry(host.to_owned()).or_default() += 1;
        drop(hosts);
        let turn = Turn { board, host };
        let said = talk();
        drop(turn);
        said
    }
}

/// Given back when dropped, whatever happened.
struct Turn<'a> {
    board: &'a Switchboard<'a>,
    host: &'a str,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(talking) = self.board.hosts().get_mut(self.host) {
            *talking -= 1;
        }
        self.board.left.notify_all();
    }
}

/// Between half of `wait` and all of it.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness the whole is waited.
    let part = SystemRandom::new().fill(&mut random).map_or(255, |()| u32::from(random[0]));
    wait / 2 + wait / 2 * part / 255
}
