//! `tieout man`: manual pages, of the same texts as `--help`.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man as Page;

use super::print;
use crate::cli::{Cli, Man};
use crate::error::{Error, Exit, Result};

pub(super) fn man(arguments: &Man) -> Result<Exit> {
    let mut tieout = Cli::command().disable_help_subcommand(true);
    tieout.build();
    if let Some(folder) = &arguments.write {
        fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder.display(), &error))?;
        write(&tieout, folder)?;
        return Ok(Exit::Published);
    }
    let mut of = &tieout;
    for name in &arguments.command {
        let known: Vec<&str> = of.get_subcommands().map(clap::Command::get_name).collect();
        of = of.find_subcommand(name).ok_or_else(|| {
            let error = Error::new(Exit::Usage, format!("{} has no command `{name}`", shown(of)));
            if known.is_empty() { error } else { error.expected(known.join(", ")) }
        })?;
    }
    print(&page(of).1)?;
    Ok(Exit::Published)
}

/// Writes the page of a command, and those of the commands below it.
fn write(command: &clap::Command, folder: &Path) -> Result<()> {
    let (name, text) = page(command);
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| Error::io("write the page", path.display(), &error))?;
    command.get_subcommands().try_for_each(|command| write(command, folder))
}

/// The file name and the text of a page.
fn page(command: &clap::Command) -> (String, String) {
    let page = Page::new(command.clone()).manual("Tieout").source(format!("tieout {}", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text).expect("writing to memory does not fail");
    (page.get_filename(), String::from_utf8_lossy(&text).into_owned())
}

/// A command as it is typed.
fn shown(command: &clap::Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned()
}
