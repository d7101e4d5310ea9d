//! `tieout completions`: what a shell completes by.

use clap::CommandFactory;

use super::print;
use crate::cli::{Cli, Completions};
use crate::error::{Exit, Result};

pub(super) fn completions(arguments: &Completions) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "tieout", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Published)
}
