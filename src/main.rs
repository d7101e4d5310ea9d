//! Parse, run, turn the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tieout::cli::Cli;
use tieout::command::{print_version, refuse, run};
use tieout::error::Exit;

fn main() -> ExitCode {
    // A write past the largest file the system allows then fails, and says so, instead of ending the process.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(message) if message.use_stderr() => {
            let typed: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            refuse(&typed, &message.render().ansi().to_string())
        }
        Err(asked_for) if asked_for.kind() == ErrorKind::DisplayVersion && std::env::args_os().any(|word| word == "--json") => {
            print_version()
        }
        Err(asked_for) => {
            let _ = asked_for.print();
            Exit::Published
        }
    };
    ExitCode::from(exit as u8)
}
