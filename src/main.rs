//! Parse, run, turn the outcome into an exit code.

use std::io::Write;
use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::Parser;
use tieout::cli::Cli;
use tieout::command::run;
use tieout::error::Exit;

fn main() -> ExitCode {
    // A write past the largest file the system allows then fails, and says so, instead of ending the process.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => {
            let asked_for = !message.use_stderr();
            let _ = message.print();
            return ExitCode::from(if asked_for { Exit::Published } else { Exit::Usage } as u8);
        }
    };
    // A failed assertion has said on stderr what it is about.
    let Ok(outcome) = catch_unwind(|| run(cli)) else { return ExitCode::from(Exit::LawBroken as u8) };
    match outcome {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(errors) => {
            let mut stderr = std::io::stderr().lock();
            for error in &errors {
                let _ = writeln!(stderr, "error: {error}");
            }
            ExitCode::from(errors.first().map_or(Exit::LawBroken, |error| error.exit) as u8)
        }
    }
}
