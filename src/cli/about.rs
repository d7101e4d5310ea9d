//! What is typed about the program itself.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print what a shell completes commands and options by.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout completions bash > ~/.local/share/bash-completion/completions/tieout
  tieout completions zsh > ~/.zfunc/_tieout                  a folder of fpath
  tieout completions fish > ~/.config/fish/completions/tieout.fish
  tieout completions powershell >> $PROFILE")]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}

/// Print a manual page, or write all of them into a folder.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout man | man -l -                                      of tieout itself
  tieout man export page | man -l -
  tieout man --write ~/.local/share/man/man1                 all: then man tieout-run")]
pub struct Man {
    /// The command it is of, such as `run` or `export page`; of tieout itself when not given.
    #[arg(conflicts_with = "write")]
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub write: Option<PathBuf>,
}
