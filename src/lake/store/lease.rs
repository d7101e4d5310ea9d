//! The right to write one night of a lake in a bucket: an object that is made once, renewed while its holder lives, and
//! removed when it is done. Like a lock, it saves work; that one run publishes is the manifest's create-only write.
//!
//! A run that dies leaves its lease behind. It may be taken once the store says that it was not renewed for [`LIFE`].

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use object_store::{PutMode, PutResult, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::Store;
use super::objects::{Objects, unconditional};
use crate::error::{Error, Exit, Result};
use crate::signal;

/// For how long a lease holds that is not renewed.
const LIFE: TimeDelta = TimeDelta::minutes(4);

/// How often it is renewed.
const RENEWED: Duration = Duration::from_mins(1);

/// A lease that this run holds. Given back when dropped.
#[derive(Debug)]
pub(in crate::lake) struct Lease {
    objects: Objects,
    path: String,
    holder: Holder,
    state: Arc<Mutex<UpdateVersion>>,
    lost: Arc<AtomicBool>,
    stop: Option<Sender<()>>,
    renews: Option<JoinHandle<()>>,
}

/// Who holds it: for people, and to know one's own.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Holder {
    /// Of the machine.
    process: u32,
    /// The machine, where it says its name.
    host: String,
    /// When it took it: so exactly that no other run of this machine did too.
    since: String,
}

impl Lease {
    /// Takes the lease of a night; held by a run that lives: 75.
    pub(super) fn take(objects: &Objects, night: &str) -> Result<Self> {
        let path = format!("staging/{night}.lock");
        let holder = Holder {
            process: std::process::id(),
            host: std::env::var("HOSTNAME").unwrap_or_default(),
            since: Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true),
        };
        let bytes = holder.encode();
        let version = match objects.put_if(&path, &bytes, PutMode::Create)? {
            Some(put) => version(put),
            None => Self::inherit(objects, &path, &holder, &bytes)?,
        };
        // A store that makes the same object twice would let two runs publish.
        if objects.put_if(&path, &bytes, PutMode::Create)?.is_some() {
            objects.remove(&path)?;
            return Err(unconditional(objects.shown(&path)));
        }
        let (state, lost) = (Arc::new(Mutex::new(version)), Arc::new(AtomicBool::new(false)));
        let (stop, stopped) = channel();
        let renews = std::thread::spawn({
            let (objects, path, bytes, state, lost) =
                (objects.clone(), path.clone(), bytes, Arc::clone(&state), Arc::clone(&lost));
            move || {
                while stopped.recv_timeout(RENEWED) == Err(RecvTimeoutError::Timeout) {
                    // A store that does not answer now may answer before the lease has run out.
                    if renew(&objects, &path, &bytes, &state) == Ok(false) {
                        lost.store(true, Ordering::Relaxed);
                        return;
                    }
                }
            }
        });
        let (held, at, by) = (objects.clone(), path.clone(), holder.clone());
        signal::hold_by(Path::new(&objects.shown(&path)), move || give_back(&held, &at, &by));
        Ok(Self { objects: objects.clone(), path, holder, state, lost, stop: Some(stop), renews: Some(renews) })
    }

    /// Takes the lease that a dead run left, or one's own whose answer was lost.
    fn inherit(objects: &Objects, path: &str, holder: &Holder, bytes: &[u8]) -> Result<UpdateVersion> {
        let Some(found) = objects.get(path)? else { return Err(is_held(objects, path, None)) };
        let by: Option<Holder> = serde_json::from_slice(&found.bytes).ok();
        if by.as_ref() == Some(holder) {
            return Ok(found.version);
        }
        if Utc::now() - found.modified < LIFE {
            return Err(is_held(objects, path, by.as_ref()));
        }
        match objects.put_if(path, bytes, PutMode::Update(found.version))? {
            Some(put) => Ok(version(put)),
            None => Err(is_held(objects, path, None)),
        }
    }

    /// That it is still this run's: asked before anything of the night becomes visible (75 where it is not).
    pub(in crate::lake) fn confirm(&self) -> Result<()> {
        if !self.lost.load(Ordering::Relaxed) && renew(&self.objects, &self.path, &self.holder.encode(), &self.state)? {
            return Ok(());
        }
        Err(Error::new(Exit::TryAgain, "this run was silent for so long that another one took the night")
            .file(self.objects.shown(&self.path))
            .next("run the night again: it sees what the other run published"))
    }
}

impl Holder {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a holder is nothing JSON cannot say");
        bytes.push(b'\n');
        bytes
    }
}

/// Writes a lease again; whether it was still there as it was left.
fn renew(objects: &Objects, path: &str, bytes: &[u8], state: &Mutex<UpdateVersion>) -> Result<bool> {
    let mut state = state.lock().expect("nothing panics while it holds the state");
    if let Some(put) = objects.put_if(path, bytes, PutMode::Update(state.clone()))? {
        *state = version(put);
        return Ok(true);
    }
    // An answer before this one may have been lost.
    match objects.get(path)? {
        Some(found) if found.bytes == bytes => {
            *state = found.version;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Removes a lease that is still this holder's. What cannot be removed runs out.
fn give_back(objects: &Objects, path: &str, holder: &Holder) {
    if let Ok(Some(found)) = objects.get(path)
        && found.bytes == holder.encode()
    {
        let _ = objects.remove(path);
    }
}

fn version(put: PutResult) -> UpdateVersion {
    UpdateVersion { e_tag: put.e_tag, version: put.version }
}

fn is_held(objects: &Objects, path: &str, by: Option<&Holder>) -> Error {
    let night = path.trim_start_matches("staging/").trim_end_matches(".lock");
    let error = Error::new(Exit::TryAgain, format!("the night {night} is being closed by another run"))
        .file(objects.shown(path))
        .next(format!("wait for that run to end, or, if it died, {} minutes; then run again", LIFE.num_minutes()));
    match by {
        Some(Holder { process, host, since, .. }) => {
            let machine = if host.is_empty() { String::new() } else { format!(" on {host}") };
            error.found(format!("held by process {process}{machine} since {since}"))
        }
        None => error,
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(renews) = self.renews.take() {
            let _ = renews.join();
        }
        signal::let_go(Path::new(&self.objects.shown(&self.path)));
        if !self.lost.load(Ordering::Relaxed) {
            give_back(&self.objects, &self.path, &self.holder);
        }
    }
}
