//! What the program says of itself: completions, manual pages, its version.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use clap::CommandFactory;
use serde_json::Value;
use tieout::cli::Cli;

use crate::harness::Place;

/// The names of all commands, as manual pages have them: `tieout`, `tieout-run`, `tieout-export-page`.
fn commands() -> BTreeSet<String> {
    fn below(command: &clap::Command, name: &str, all: &mut BTreeSet<String>) {
        all.insert(name.to_owned());
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            below(command, &format!("{name}-{}", command.get_name()), all);
        }
    }
    let mut all = BTreeSet::new();
    below(&Cli::command(), "tieout", &mut all);
    all
}

/// Whether a program is there; a test that lacks it says so.
#[expect(clippy::print_stderr, reason = "whoever runs the tests should know")]
fn there_is(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("NOT CHECKED: there is no {program} here");
    }
    is_there
}

#[test]
fn every_shell_completes_every_command() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = place.run(&format!("completions {shell}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        for command in Cli::command().get_subcommands() {
            assert!(ran.stdout.contains(command.get_name()), "{shell}: {}", command.get_name());
        }
        for option in ["memory-limit", "fail-on", "reopen"] {
            assert!(ran.stdout.contains(option), "{shell}: --{option}");
        }
        place.write(&format!("completions.{shell}"), &ran.stdout);
        let checked = match shell {
            "bash" => vec!["-n"],
            "zsh" => vec!["--no-exec"],
            "fish" => vec!["--no-execute"],
            _ => continue,
        };
        if there_is(shell) {
            let file = place.path(&format!("completions.{shell}"));
            let output = Command::new(shell).args(checked).arg(file).output().unwrap();
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(place.run("completions tcsh").code, 64);
}

/// What the script of bash offers after words that were typed.
fn completed(script: &str, words: &str) -> BTreeSet<String> {
    let typed: Vec<&str> = words.split(' ').collect();
    let at = typed.len() - 1;
    let ask = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={at}; _tieout tieout '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        typed.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        typed[at],
        typed[at - 1],
    );
    let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn bash_offers_what_there_is() {
    if !there_is("bash") {
        return;
    }
    let script = Place::empty().run("completions bash").stdout;
    let of = |words: &str| completed(&script, words);
    assert_eq!(of("tieout ba"), ["backfill".to_owned()].into());
    assert_eq!(of("tieout export wo"), ["workbook".to_owned()].into());
    assert_eq!(of("tieout run --mem"), ["--memory-limit".to_owned()].into());
    assert!(
        of("tieout completions ").is_superset(&["bash", "elvish", "fish", "powershell", "zsh"].map(ToOwned::to_owned).into())
    );
}

#[test]
fn every_command_has_a_manual_page() {
    let place = Place::empty();
    let ran = place.run("man --write man1");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let pages: BTreeSet<String> =
        fs::read_dir(place.path("man1")).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(pages, commands().iter().map(|command| format!("{command}.1")).collect());
    for command in commands() {
        let text = String::from_utf8(place.read(&format!("man1/{command}.1"))).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{command}");
        let typed = command.replace('-', " ").replace("import comments", "import-comments");
        let of = typed.strip_prefix("tieout").unwrap();
        assert_eq!(place.run(&format!("man{of}")).stdout, text.replace(env!("CARGO_PKG_VERSION"), "<version>"), "{command}");
        if there_is("man") {
            let file = place.path(&format!("man1/{command}.1"));
            let shown =
                Command::new("man").args(["--warnings=w", "--local-file"]).arg(file).env("MANWIDTH", "100").output().unwrap();
            let said = String::from_utf8_lossy(&shown.stderr);
            assert!(shown.status.success() && said.is_empty(), "{command}: {said}");
        }
    }
    let unknown = place.run("man export pag");
    assert_eq!(unknown.code, 64);
    assert!(unknown.stderr.contains("tieout export has no command `pag`"), "{}", unknown.stderr);
}

#[test]
fn the_version_tells_of_what_it_was_built() {
    let place = Place::empty();
    let ran = place.run("--version --json");
    assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.lines().count()), (0, "", 1));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["name"], &told["version"]), (&"tieout".into(), &"<version>".into()));
    let lock: toml::Table = toml::from_str(&fs::read_to_string("Cargo.lock").unwrap()).unwrap();
    for (name, version) in told["crates"].as_object().unwrap() {
        let packages = lock["package"].as_array().unwrap();
        let locked: Vec<&str> =
            packages.iter().filter(|of| of["name"].as_str() == Some(name)).map(|of| of["version"].as_str().unwrap()).collect();
        assert_eq!(locked, [version.as_str().unwrap()], "{name}");
    }
    assert_eq!(told["crates"].as_object().unwrap().len(), 4);
    assert_eq!(told["schema_versions"]["manifest"], tieout::lake::SCHEMA_VERSION);
    assert_eq!(told["schema_versions"]["tables"], tieout::table::SCHEMA_VERSION);
    assert!(told["rustc"].as_str().unwrap().starts_with("rustc 1."), "{told}");
    assert!(told["target"].as_str().unwrap().contains(std::env::consts::ARCH), "{told}");
    let commit = &told["commit"];
    assert!(commit.is_null() || commit.as_str().unwrap().len() >= 40, "{commit}");
    assert_eq!(told["dirty"].is_boolean(), commit.is_string(), "{told}");
    assert!(!ran.stdout.contains(env!("CARGO_MANIFEST_DIR")) && !ran.stdout.contains("/home/"), "{}", ran.stdout);
    assert_eq!(place.run("--version").stdout, "tieout <version>\n");
    assert_eq!(place.run("--json --version").stdout, ran.stdout, "in either order");
    assert_eq!(place.run("--json").code, 64);
}
