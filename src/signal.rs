//! How a run ends that is told to stop, by SIGTERM or SIGINT: what is being published comes into place whole or not at
//! all, and what was staged goes. Whoever kills the process instead leaves the same, but for files the next run sweeps.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The longest a run goes on after the first signal: Kubernetes kills thirty seconds after it, systemd ninety.
const LONGEST: Duration = Duration::from_millis(9_300);
/// How long a run that is told twice to stop has for its last line.
const AT_ONCE: Duration = Duration::from_millis(200);

static STATE: Mutex<State> = Mutex::new(State { commits: 0, committed: false, is_over: false, held: BTreeMap::new() });
static CHANGED: Condvar = Condvar::new();

struct State {
    /// How many nights are being moved into place.
    commits: usize,
    /// Whether one came into place.
    committed: bool,
    /// Whether none may begin to any more.
    is_over: bool,
    /// What the run has in hand, and how to give it back.
    held: BTreeMap<PathBuf, Box<dyn Fn() + Send>>,
}

/// Why a run stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Someone at a terminal wants it to.
    Interrupt,
    /// The system, or a scheduler, does.
    Terminate,
}

/// A night on its way into place: while one is, no signal ends the run.
#[must_use]
#[derive(Debug)]
pub struct Commit(());

/// Begins to move a night into place. Never returns in a run that is about to leave.
pub fn commit() -> Commit {
    let mut state = state();
    while state.is_over {
        state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.commits += 1;
    Commit(())
}

impl Commit {
    /// It is in place.
    pub fn done(self) {
        state().committed = true;
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        state().commits -= 1;
        CHANGED.notify_all();
    }
}

/// Lets no night into place any more, and waits so long for those that are on their way.
pub fn no_more_commits(within: Duration) {
    let mut state = state();
    state.is_over = state.commits == 0;
    if !state.is_over {
        let waited = CHANGED.wait_timeout_while(state, within, |state| state.commits > 0);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_over = true;
    }
}

/// Whether the run has moved a night into place.
#[must_use]
pub fn has_committed() -> bool {
    state().committed
}

/// Notes a folder that only this run needs.
pub fn hold(folder: &Path) {
    let place = folder.to_owned();
    // A file may come while the others go.
    hold_by(folder, move || {
        let _ = (0..5).find(|_| fs::remove_dir_all(&place).is_ok() || !place.exists());
    });
}

/// Notes what this run has and others wait for, by a name of its own, and how to give it back.
pub fn hold_by(name: &Path, give_back: impl Fn() + Send + 'static) {
    state().held.insert(name.to_owned(), Box::new(give_back));
}

/// Forgets what is gone.
pub fn let_go(name: &Path) {
    state().held.remove(name);
}

/// Gives back all that this run has, as far as that can be done while it still works.
pub fn let_all_go() {
    // Not while the state is held: what is given back may take its time.
    let held = std::mem::take(&mut state().held);
    for give_back in held.values() {
        give_back();
    }
}

/// Calls `stop` at the first signal, on a thread of its own. Calls `at_once` at a second SIGINT, and when the process is
/// still there nine seconds after the first, and ends it, whatever comes of that.
#[cfg(unix)]
pub fn listen(
    stop: impl FnOnce(Signal) + Send + 'static,
    at_once: impl Fn(Signal) + Clone + Send + 'static,
) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::exit;

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let listening = move || {
        let mut stop = Some(stop);
        for number in signals.forever() {
            let signal = if number == SIGINT { Signal::Interrupt } else { Signal::Terminate };
            let end = {
                let at_once = at_once.clone();
                move |after: Duration| {
                    thread::sleep(after);
                    thread::spawn(move || at_once(signal));
                    thread::sleep(AT_ONCE);
                    exit(128 + number);
                }
            };
            if let Some(stop) = stop.take() {
                thread::spawn(move || stop(signal));
                thread::spawn(move || end(LONGEST));
            } else if signal == Signal::Interrupt {
                end(Duration::ZERO);
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listening).map(drop)
}

/// There are no signals here.
#[cfg(not(unix))]
pub fn listen(_: impl FnOnce(Signal), _: impl Fn(Signal)) -> std::io::Result<()> {
    Ok(())
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
