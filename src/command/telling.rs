//! How a run is told: what it says on stderr, the one line of JSON it ends with however it ends, and those who watch.
//!
//! A run ends once: on the thread that did the work, or on the one that was told by a signal to stop. Whoever comes second
//! waits for the process to leave.

mod asked;
mod post;
mod put;
mod watching;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{fall_silent, lock, print_last, say};
use crate::cli::{Command, LogFormat};
use crate::error::{Error, Exit};
use crate::format::time::day_range;
use crate::job::Job;
use crate::lake::{Lake, Location};
use crate::night::Closed;
use crate::report::json::{self, Run, Summary};
use crate::report::lineage::About;
use crate::report::log::{self, Event, Level};
use crate::report::metrics::{self, Measured, Night};
use crate::signal::{self, Signal};
use crate::table::delivery::Answer;
use crate::table::reconciliation::ROLLFORWARD;
use asked::Asked;
use watching::Watching;

/// How long a run that is told to stop waits for a night that is on its way into place.
const COMMIT: Duration = Duration::from_secs(8);
/// How long it has for those who watch, all in all.
const STOPPING: Duration = Duration::from_secs(9);

/// How one run is told.
pub(super) struct Telling {
    json: bool,
    quiet: bool,
    log: LogFormat,
    result_file: Option<PathBuf>,
    watching: Watching,
    began: Instant,
    job_file: PathBuf,
    known: Mutex<Known>,
    /// Tells the beginning, while the work goes on.
    beginning: Mutex<Option<JoinHandle<()>>>,
    /// When it was told to stop.
    stopped: Mutex<Option<Instant>>,
    is_ending: AtomicBool,
    /// Whether the last line is being printed.
    is_over: AtomicBool,
}

/// What is known of the run by now.
struct Known {
    run: Run,
    about: Option<About>,
    /// What the command has to say of itself.
    said: Map<String, Value>,
    stages: Vec<(String, Instant)>,
    night: Option<Night>,
}

impl Telling {
    /// Begins to tell of a command that is a run; of the others there is nothing to tell.
    pub(super) fn begin(command: &Command) -> Option<Arc<Self>> {
        let asked = Asked::of(command)?;
        let (now, typed) = (Utc::now(), asked.typed.cloned().unwrap_or_default());
        let date = asked.date.map(|date| date.to_string());
        let id = uuid(&[asked.name, &asked.job.to_string_lossy(), date.as_deref().unwrap_or_default(), &now.to_rfc3339()]);
        let run = Run { id, command: asked.name, job: None, business_date: date, started: shown(now), ended: String::new() };
        let telling = Arc::new(Self {
            json: asked.json,
            quiet: asked.quiet,
            log: typed.log_format,
            result_file: typed.result_file,
            watching: Watching::new(asked.watchers),
            began: Instant::now(),
            job_file: asked.job.to_owned(),
            known: Mutex::new(Known { run, about: None, said: Map::new(), stages: Vec::new(), night: None }),
            beginning: Mutex::new(None),
            stopped: Mutex::new(None),
            is_ending: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let (stopping, at_once) = (Arc::clone(&telling), Arc::clone(&telling));
        if let Err(error) = signal::listen(move |signal| stopping.stop(signal), move |signal| at_once.stop_at_once(signal)) {
            telling.warn("signals", &format!("a signal ends this run at once: {error}"));
        }
        Some(telling)
    }

    /// The job was read; those who watch are told that the run began.
    pub(super) fn of_job(self: &Arc<Self>, job: &Job) {
        {
            let mut known = self.known();
            known.run.job = Some(job.name.clone());
            let date = known.run.business_date.as_ref().and_then(|date| date.parse().ok());
            // The last day of time has no end, and no file.
            known.about = date.filter(|date: &chrono::NaiveDate| date.succ_opt().is_some()).map(|date| {
                let (from, to) = day_range(date, job.timezone);
                let at = |micros| DateTime::from_timestamp_micros(micros).map(shown).unwrap_or_default();
                About { lake: place(&job.lake), day: [at(from), at(to)] }
            });
        }
        self.tell_beginning();
    }

    fn tell_beginning(self: &Arc<Self>) {
        if !self.watching.awaits_the_beginning() {
            return;
        }
        let telling = Arc::clone(self);
        let tell = move || {
            let (run, about) = {
                let known = telling.known();
                (known.run.clone(), known.about.clone())
            };
            let patience = |number| telling.patience(number);
            for warning in harmless(|| telling.watching.began(&run, about.as_ref(), &patience)) {
                telling.warn("not_told", &warning);
            }
        };
        // What is not begun on a thread of its own is not told.
        *lock(&self.beginning) = thread::Builder::new().spawn(tell).ok();
    }

    /// A stage began, and the one before it ended.
    pub(super) fn stage(&self, stage: &str) {
        let now = Instant::now();
        let before = {
            let mut known = self.known();
            known.stages.push((stage.to_owned(), now));
            known.stages.iter().rev().nth(1).cloned()
        };
        if let Some((before, began)) = before {
            self.note_event(Event { took: Some(now - began), ..info("stage_ended", &before) });
        }
        self.note("stage_began", stage);
    }

    /// How long each stage took, the last until now.
    pub(super) fn took(&self) -> Vec<(String, Duration)> {
        took(&self.known().stages)
    }

    /// What the command has to say of itself, as JSON.
    pub(super) fn told(&self, said: Map<String, Value>) {
        self.known().said = said;
    }

    /// A night was closed.
    pub(super) fn closed(&self, job: &Job, closed: &Closed) {
        self.told(json::run(closed));
        let date = closed.manifest.night.business_date;
        // Nobody is told less of a night whose table cannot be read: then it is nothing.
        let open = Lake::at(&job.lake).and_then(|lake| lake.read(&ROLLFORWARD, date));
        let is_late = |answer| matches!(answer, Answer::Late | Answer::Missing);
        self.known().night = Some(Night {
            manifest: closed.manifest.clone(),
            began: day_range(date, job.timezone).0.div_euclid(1_000_000),
            late: closed.told.iter().filter(|told| is_late(told.answer)).count() as u64,
            open: open.map(|rollforward| metrics::open(&rollforward)).unwrap_or_default(),
        });
    }

    /// Warns.
    pub(super) fn warn(&self, name: &str, message: &str) {
        match self.log {
            LogFormat::Json => self.log(Event { level: Level::Warning, ..info(name, message) }),
            LogFormat::Text => say(&format!("warning: {message}\n")),
        }
    }

    /// Says what was left out.
    pub(super) fn left_out(&self, error: &Error) {
        let message = error.to_string();
        match self.log {
            LogFormat::Json => {
                self.log(Event { level: Level::Warning, error: Some(error), ..info("left_out", &message) });
            }
            LogFormat::Text => say(&format!("left out: {message}\n")),
        }
    }

    /// Says a text for people.
    pub(super) fn say(&self, name: &str, text: &str) {
        match self.log {
            LogFormat::Json => self.log(info(name, text.trim_end())),
            LogFormat::Text => say(text),
        }
    }

    /// Whether something that moves may be shown.
    pub(super) fn shows_progress(&self) -> bool {
        !self.quiet && self.log == LogFormat::Text
    }

    fn say_error(&self, error: &Error) {
        let message = error.to_string();
        match self.log {
            LogFormat::Json => self.log(Event { level: Level::Error, error: Some(error), ..info("error", &message) }),
            LogFormat::Text => say(&format!("error: {message}\n")),
        }
    }

    /// Logs that something went as it should, for those who log.
    pub(super) fn note(&self, name: &str, message: &str) {
        self.note_event(info(name, message));
    }

    fn note_event(&self, event: Event) {
        if self.log == LogFormat::Json && !self.quiet {
            self.log(event);
        }
    }

    fn log(&self, event: Event) {
        let of = {
            let run = &self.known().run;
            json::fields(json!({ "run_id": run.id, "job": run.job, "business_date": run.business_date }))
        };
        say(&log::line(&shown(Utc::now()), &of, event));
    }

    /// Ends the run: says its errors, tells those who watch, and prints the last line.
    pub(super) fn end(self: &Arc<Self>, outcome: Result<Exit, Vec<Error>>) -> Exit {
        if self.is_ending.swap(true, Ordering::SeqCst) {
            wait_for_the_end();
        }
        if self.known().run.job.is_none() {
            self.tell_beginning();
        }
        let (exit, errors) = match outcome {
            Ok(exit) => (exit, Vec::new()),
            Err(errors) => (errors.first().map_or(Exit::LawBroken, |error| error.exit), errors),
        };
        for error in &errors {
            self.say_error(error);
        }
        self.tell_end(exit, &errors)
    }

    /// Ends the run that was told to stop.
    fn stop(self: &Arc<Self>, signal: Signal) {
        *lock(&self.stopped) = Some(Instant::now());
        signal::no_more_commits(COMMIT);
        if self.is_ending.swap(true, Ordering::SeqCst) {
            // It ends by itself, and is told so.
            return;
        }
        let exit = code(signal);
        let error = Error::new(exit, "told to stop, and stopped").next(if signal::has_committed() {
            "the night is published: running it again changes nothing"
        } else {
            "run it again: nothing of it was published"
        });
        self.say_error(&error);
        // What the command has told by now holds, and has errors of its own.
        if let Some(Value::Array(errors)) = self.known().said.get_mut("errors") {
            errors.push(json!(error.to_string()));
        }
        let exit = self.tell_end(exit, &[error]);
        signal::let_all_go();
        leave(exit);
    }

    /// Ends it without a word to anybody but the last line.
    fn stop_at_once(&self, signal: Signal) {
        if self.is_over.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut run = self.known().run.clone();
        run.ended = shown(Utc::now());
        let error = Error::new(code(signal), "told to stop at once, and stopped");
        let summary = Summary::new(&run, error.exit, signal::has_committed(), json::refused(&[error]));
        self.put_result(&summary);
        fall_silent();
        if self.json {
            let _ = print_last(&summary.line());
        }
    }

    fn tell_end(&self, exit: Exit, errors: &[Error]) -> Exit {
        let now = Utc::now();
        let (run, about, said, stages, night) = {
            let mut known = self.known();
            known.run.ended = shown(now);
            let said = std::mem::take(&mut known.said);
            let stages = took(&known.stages);
            (known.run.clone(), known.about.clone(), said, stages, known.night.take())
        };
        if let Some((last, took)) = stages.last() {
            self.note_event(Event { took: Some(*took), ..info("stage_ended", last) });
        }
        let said = if said.is_empty() && !errors.is_empty() { json::refused(errors) } else { said };
        let summary = |exit| Summary::new(&run, exit, signal::has_committed(), said.clone());
        let of_run = summary(exit);
        self.await_the_beginning();
        let stem = self.job_file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let closed = matches!(exit, Exit::Published | Exit::BreaksOverLimit);
        let measured = Measured {
            job: run.job.as_deref().unwrap_or(&stem),
            exit_code: exit as u8,
            changed: of_run.changed,
            ended: now.timestamp(),
            stages: &stages,
            night: night.as_ref().filter(|_| closed),
        };
        let patience = |number| self.patience(number);
        for warning in harmless(|| self.watching.ended(&run, about.as_ref(), &measured, exit, &patience)) {
            self.warn("not_told", &warning);
        }
        if self.is_over.swap(true, Ordering::SeqCst) {
            wait_for_the_end();
        }
        self.put_result(&of_run);
        self.note_event(Event { took: Some(self.began.elapsed()), ..info("ended", of_run.status.word()) });
        fall_silent();
        if !self.json {
            return exit;
        }
        match print_last(&of_run.line()) {
            Ok(()) => exit,
            Err(error) => {
                let line = summary(error.exit);
                self.put_result(&line);
                let _ = writeln!(std::io::stderr().lock(), "error: {error}\n{}", line.line().trim_end());
                error.exit
            }
        }
    }

    fn put_result(&self, summary: &Summary) {
        let Some(path) = &self.result_file else { return };
        if let Err(error) = put::replace(path, &summary.line()) {
            self.warn("not_told", &format!("cannot write the result {}: {error}", path.display()));
        }
    }

    /// Lets the beginning be told before the end is.
    fn await_the_beginning(&self) {
        let Some(telling) = lock(&self.beginning).take() else { return };
        while !telling.is_finished() && lock(&self.stopped).is_none_or(|stopped| stopped.elapsed() < Duration::from_secs(1)) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How long the try of that number may take, to reach someone. A run that was told to stop tries once.
    fn patience(&self, number: u32) -> Option<Duration> {
        let Some(stopped) = *lock(&self.stopped) else { return Some(post::TRY) };
        let left = STOPPING.saturating_sub(stopped.elapsed()) / 3;
        (number == 0 && left > Duration::from_millis(100)).then_some(left)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }
}

/// What could not be told, and a defect of ours in telling it is one of them.
fn harmless(tell: impl FnOnce() -> Vec<String>) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(tell))
        .unwrap_or_else(|_| vec!["a defect of tieout kept those who watch from hearing".to_owned()])
}

/// Tells of a command line that is wrong, in colours that a terminal shows; and in JSON, where that was asked for.
pub(super) fn refuse_usage(typed: &[String], message: &str) {
    let value = |name: &str| {
        let at = typed.iter().position(|word| word == name || word.starts_with(&format!("{name}=")))?;
        typed[at].split_once('=').map(|(_, value)| value.to_owned()).or_else(|| typed.get(at + 1).cloned())
    };
    let plain = strip_str(message).to_string();
    let error = Error::new(Exit::Usage, plain.trim().trim_start_matches("error: "));
    if value("--log-format").as_deref() == Some("json") {
        let event = Event { level: Level::Error, error: Some(&error), ..info("error", &error.what) };
        say(&log::line(&shown(Utc::now()), &Map::new(), event));
    } else if AutoStream::choice(&std::io::stderr()) == ColorChoice::Never {
        say(&plain);
    } else {
        say(message);
    }
    let command = ["run", "backfill", "fetch", "ready", "verify"].into_iter().find(|name| typed.iter().any(|word| word == name));
    let summary = refusal(command.unwrap_or_default(), value("--date"), &[error]);
    if let Some(path) = value("--result-file") {
        let _ = put::replace(Path::new(&path), &summary.line());
    }
    if typed.iter().any(|word| word == "--json") {
        let _ = print_last(&summary.line());
    }
}

/// The summary of what could not even begin.
pub(super) fn refusal(command: &'static str, business_date: Option<String>, errors: &[Error]) -> Summary {
    let now = Utc::now();
    let run = Run {
        id: uuid(&[command, &now.to_rfc3339()]),
        command,
        job: None,
        business_date,
        started: shown(now),
        ended: shown(now),
    };
    Summary::new(&run, errors.first().map_or(Exit::LawBroken, |error| error.exit), false, json::refused(errors))
}

#[expect(clippy::exit, reason = "the thread that does the work does not hear that it is to stop")]
fn leave(exit: Exit) -> ! {
    std::process::exit((exit as u8).into())
}

/// Where a lake is, for those elsewhere.
fn place(lake: &Location) -> String {
    match lake {
        Location::Folder(folder) => absolute(folder).map_or_else(|_| lake.to_string(), |path| path.display().to_string()),
        Location::Bucket { .. } => lake.to_string(),
    }
}

/// Another thread ends the process.
fn wait_for_the_end() -> ! {
    loop {
        thread::park();
    }
}

fn code(signal: Signal) -> Exit {
    match signal {
        Signal::Interrupt => Exit::Interrupted,
        Signal::Terminate => Exit::Terminated,
    }
}

fn info<'a>(name: &'a str, message: &'a str) -> Event<'a> {
    Event { level: Level::Info, name, message, error: None, took: None }
}

fn took(begun: &[(String, Instant)]) -> Vec<(String, Duration)> {
    let ends = begun.iter().skip(1).map(|(_, begin)| *begin).chain([Instant::now()]);
    begun.iter().zip(ends).map(|((stage, begin), end)| (stage.clone(), end - *begin)).collect()
}

/// A UUID of version 8: the first bits of a hash.
fn uuid(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(std::process::id().to_le_bytes());
    let mut bytes: [u8; 16] = hash.finalize()[..16].try_into().expect("a hash has 32 bytes");
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::source::http::hexadecimal(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
