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
    let typed: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let has = |word: &str| typed.iter().skip(1).any(|typed| typed == word);
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli),
        // Whichever is typed first: `--json` alone is of no command.
        Err(message) if has("--json") && (is_version(&message) || typed.len() == 3 && has("--version")) => print_version(),
        Err(message) if message.use_stderr() => refuse(&typed, &message.render().ansi().to_string()),
        Err(asked_for) => {
            let _ = asked_for.print();
            Exit::Published
        }
    };
    ExitCode::from(exit as u8)
}

fn is_version(asked_for: &clap::Error) -> bool {
    asked_for.kind() == ErrorKind::DisplayVersion
}
