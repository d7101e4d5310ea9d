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
mod verify;
pub mod version;

use std::io::Write;

use anstream::{AutoStream, ColorChoice};

use crate::cli::{Cli, Command};
use crate::error::{Error, Exit, Result};
use crate::report::colour::lit;

/// Does what was typed. Every error is given, the first decides the exit code.
pub fn run(cli: Cli) -> std::result::Result<Exit, Vec<Error>> {
    let alone = |result: Result<Exit>| result.map_err(|error| vec![error]);
    match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Backfill(arguments) => backfill::backfill(&arguments),
        Command::Retry(arguments) => backfill::retry(&arguments),
        Command::Fetch(arguments) => fetch::fetch(&arguments),
        Command::Ready(arguments) => fetch::ready(&arguments),
        Command::Plan(arguments) => alone(plan::plan(&arguments)),
        Command::Check(arguments) => check::check(&arguments),
        Command::Status(arguments) => alone(status::status(&arguments)),
        Command::Explain(arguments) => alone(explain::explain(&arguments)),
        Command::Verify(arguments) => verify::verify(&arguments),
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

/// Writes a result on stdout. A reader that stops reading, such as `head`, is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
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
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
