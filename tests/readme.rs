//! The README says what the program does: its commands are run, its outputs compared, its lists held against the code.
//!
//! In a `console` block every line after `$ ` is a command, and what follows it is all the command prints. They run in
//! order, in one folder. `UPDATE=1` writes what is printed into the README; read the difference.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use clap::CommandFactory;
use tieout::cli::Cli;
use tieout::table::TABLES;

const CLOSE: &str = "cargo run --release -- run jobs/nightly.toml --date 2026-11-17";
const TEST: &str = "cargo test --release";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of a language, without their fences.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|rest| &rest[..=rest.find("\n```").unwrap()]).collect()
}

/// The rows of the Markdown table whose header begins with `header`, as cells.
fn rows(text: &str, header: &str) -> Vec<Vec<String>> {
    let start = text.find(&format!("\n| {header} |")).unwrap();
    let lines = text[start..].lines().skip(3).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn tieout(folder: &Path, arguments: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_tieout");
    Command::new(binary).args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

/// Runs the commands of a block, and gives the block as it should be.
fn played(block: &str, folder: &Path) -> String {
    let mut text = String::new();
    for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
        writeln!(text, "$ {command}").unwrap();
        if command == TEST {
            continue;
        }
        let arguments = ["cargo run --release -- ", "tieout "].iter().find_map(|program| command.strip_prefix(program));
        let output = tieout(folder, arguments.unwrap_or_else(|| panic!("not a command of ours: {command}")));
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        text += str::from_utf8(&output.stdout).unwrap();
    }
    text
}

#[test]
fn the_commands_print_what_it_shows() {
    let readme = readme();
    let folder = tempfile::tempdir().unwrap();
    for part in ["jobs", "sample-data", "tests/draft"] {
        copy(&root().join(part), &folder.path().join(part));
    }
    let mut updated = readme.clone();
    for shown in blocks(&readme, "console") {
        let printed = played(shown, folder.path());
        if env::var_os("UPDATE").is_some() {
            updated = updated.replace(&format!("\n```console\n{shown}```"), &format!("\n```console\n{printed}```"));
        } else {
            assert!(shown == printed, "UPDATE=1 writes this; read the difference:\n{printed}\nthe README shows:\n{shown}");
        }
    }
    if updated != readme {
        fs::write(root().join("README.md"), updated).unwrap();
    }
}

#[test]
fn its_two_commands_come_first() {
    let readme = readme();
    let commands: Vec<&str> =
        blocks(&readme, "console").into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("$ ")).collect();
    assert_eq!(commands[..2], [CLOSE, TEST]);
}

#[test]
fn it_lists_every_command_and_every_table() {
    let readme = readme();
    for command in Cli::command().get_subcommands().map(|command| command.get_name().to_owned()) {
        assert!(readme.contains(&format!("`{command}` (")) || readme.contains(&format!("$ tieout {command} ")), "{command}");
    }

    let shown: Vec<(String, String)> = rows(&readme, "table").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let listed = |name: &str| format!("[`{name}`](schemas/tables/{name}.md)");
    assert_eq!(shown, TABLES.map(|table| (listed(table.name), table.grain.to_owned())));
}

#[test]
fn its_exit_codes_are_those_of_the_help() {
    let numbers = |text: &str| -> Vec<u8> { text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect() };
    let shown: BTreeSet<u8> = rows(&readme(), "exit").iter().flat_map(|row| numbers(&row[0])).collect();
    let help = Cli::command().render_long_help().to_string();
    // A code stands at the beginning of a line, or after a gap.
    let codes = help.split_once("Exit codes:").unwrap().1.lines().flat_map(|line| line.split("   "));
    let helped: BTreeSet<u8> = codes.filter_map(|part| part.trim().split(' ').next()?.parse().ok()).collect();
    assert_eq!(shown, helped);
}

#[test]
fn its_job_and_format_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let readme = readme();
    let files = blocks(&readme, "toml");
    assert_eq!(files.len(), 2);
    for file in files {
        let name = file.lines().next().unwrap().strip_prefix("# ").expect("the first line names the file");
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    for inbox in ["inbox/adyen", "inbox/shop"] {
        fs::create_dir_all(folder.path().join(inbox)).unwrap();
    }
    let output = tieout(folder.path(), "check jobs/mine.toml");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("orders: shop/orders"), "{said}");
}

#[test]
fn its_links_lead_somewhere() {
    let pages = ["", "jobs", "sample-data", "schemas", "schemas/tables"].map(|folder| root().join(folder).join("*.md"));
    let pages: Vec<PathBuf> =
        pages.iter().flat_map(|pages| glob::glob(&pages.to_string_lossy()).unwrap()).map(Result::unwrap).collect();
    assert!(pages.contains(&root().join("README.md")));
    let mut dead = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}
