//! One file a subcommand; thin.

mod actor;
mod ahead;
mod backfill;
mod check;
mod completions;
mod config;
mod diff;
mod explain;
mod export;
mod fetch;
mod formats;
mod gc;
mod import_comments;
mod man;
mod plan;
mod resolve;
mod run;
mod sample;
mod schema;
mod signoff;
mod status;
mod talk;
mod telling;
mod verify;
mod version;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::{AutoStream, ColorChoice};

use crate::cli::{Cli, Command};
use crate::error::{Error, Exit, Result};
use crate::report::colour::lit;
use telling::{Telling, refusal, refuse_usage};

/// Does what was typed, and says what came of it: results on stdout, talk on stderr, and last the line of JSON if it was
/// asked for.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    let broken = Broken::watch();
    let telling = Telling::begin(&cli.command);
    let wants_json = wants_json(&cli.command);
    let outcome = catch_unwind(AssertUnwindSafe(|| act(cli.command, telling.as_ref())));
    let outcome = outcome.unwrap_or_else(|_| Err(vec![broken.error()]));
    let (telling, errors) = match (telling, outcome) {
        (Some(telling), outcome) => return telling.end(outcome),
        (None, Ok(exit)) => return exit,
        (None, Err(errors)) => (wants_json, errors),
    };
    for error in &errors {
        say(&format!("error: {error}\n"));
    }
    if let Some(command) = telling {
        let _ = print_last(&refusal(command, None, &errors).line());
    }
    errors.first().map_or(Exit::LawBroken, |error| error.exit)
}

/// Says of what this program was built, for a program.
#[must_use]
pub fn print_version() -> Exit {
    match print(&version::json()) {
        Ok(()) => Exit::Published,
        Err(error) => error.exit,
    }
}

/// Refuses a command line that cannot be understood: `typed` are its words, `message` says why.
#[must_use]
pub fn refuse(typed: &[String], message: &str) -> Exit {
    refuse_usage(typed, message);
    Exit::Usage
}

/// Every error is given, the first decides the exit code.
fn act(command: Command, telling: Option<&Arc<Telling>>) -> std::result::Result<Exit, Vec<Error>> {
    let alone = |result: Result<Exit>| result.map_err(|error| vec![error]);
    let telling = || telling.expect("a run is told of");
    match command {
        Command::Run(arguments) => run::run(&arguments, telling()),
        Command::Backfill(arguments) => backfill::backfill(&arguments, telling()),
        Command::Retry(arguments) => backfill::retry(&arguments, telling()),
        Command::Fetch(arguments) => fetch::fetch(&arguments, telling()),
        Command::Ready(arguments) => fetch::ready(&arguments, telling()),
        Command::Plan(arguments) => alone(plan::plan(&arguments)),
        Command::Check(arguments) => check::check(&arguments),
        Command::Status(arguments) => alone(status::status(&arguments)),
        Command::Explain(arguments) => alone(explain::explain(&arguments)),
        Command::Verify(arguments) => verify::verify(&arguments, telling()),
        Command::Diff(arguments) => alone(diff::diff(&arguments)),
        Command::Resolve(arguments) => alone(resolve::resolve(&arguments)),
        Command::ImportComments(arguments) => import_comments::import_comments(&arguments),
        Command::Signoff(arguments) => alone(signoff::signoff(&arguments)),
        Command::Export(arguments) => alone(export::export(&arguments)),
        Command::Schema(arguments) => alone(schema::schema(&arguments)),
        Command::Formats(arguments) => alone(formats::formats(&arguments.action)),
        Command::Sample(arguments) => alone(sample::sample(&arguments)),
        Command::Config(arguments) => alone(config::config(&arguments)),
        Command::Gc(arguments) => alone(gc::gc(&arguments)),
        Command::Completions(arguments) => alone(completions::completions(&arguments)),
        Command::Man(arguments) => alone(man::man(&arguments)),
    }
}

/// Those commands besides runs that are asked for one object of JSON, and so give one when they fail.
fn wants_json(command: &Command) -> Option<&'static str> {
    let (name, json) = match command {
        Command::Status(status) => ("status", status.json),
        Command::Explain(explain) => ("explain", explain.json),
        Command::Diff(diff) => ("diff", diff.json),
        Command::Resolve(resolve) => ("resolve", resolve.json),
        Command::ImportComments(import) => ("import-comments", import.json),
        Command::Signoff(signoff) => ("signoff", signoff.json),
        _ => return None,
    };
    json.then_some(name)
}

/// Where the code was found to be wrong: the place, and never in which words, which may quote what was read.
#[derive(Clone, Default)]
struct Broken(Arc<Mutex<Option<(String, u32)>>>);

impl Broken {
    /// Notes every place from now on, in place of what is said of a panic otherwise.
    fn watch() -> Self {
        let broken = Self::default();
        let noted = broken.clone();
        set_hook(Box::new(move |panic| {
            let Some(place) = panic.location() else { return };
            let mut first = lock(&noted.0);
            // The first place of our own: others may panic because of it, and some in reading what somebody else wrote,
            // which is caught.
            let is_ours = |file: &str| file.starts_with("src/");
            if first.as_ref().is_none_or(|(file, _)| is_ours(place.file()) && !is_ours(file)) {
                *first = Some((place.file().to_owned(), place.line()));
            }
        }));
        broken
    }

    fn error(&self) -> Error {
        match &*lock(&self.0) {
            Some((file, line)) => Error::law(format!("a law is broken, at {file}:{line}")),
            None => Error::law("a law is broken"),
        }
    }
}

/// Held by who speaks. Whoever speaks last does not give it back.
static SPEECH: Mutex<()> = Mutex::new(());
static SILENT: AtomicBool = AtomicBool::new(false);

/// Writes a result on stdout. A reader that stops reading, such as `head`, is no error.
fn print(text: &str) -> Result<()> {
    let _speaks = lock(&SPEECH);
    print_last(text)
}

/// Writes it after all else was said.
fn print_last(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("write", "stdout", &error)),
        _ => Ok(()),
    }
}

/// Shows a report on stdout: in colour where that is a terminal and nothing, such as `NO_COLOR`, speaks against it.
fn show(report: &str) -> Result<()> {
    if AutoStream::choice(&std::io::stdout()) == ColorChoice::Never { print(report) } else { print(&lit(report)) }
}

/// Says something on stderr, which may be gone.
fn say(text: &str) {
    if SILENT.load(Ordering::SeqCst) {
        return;
    }
    let _speaks = lock(&SPEECH);
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Lets nobody speak any more, so that what comes is the last.
fn fall_silent() {
    SILENT.store(true, Ordering::SeqCst);
    std::mem::forget(lock(&SPEECH));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
