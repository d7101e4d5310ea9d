//! What `tieout --version --json` tells of the build: of which commit, for which machine, by which compiler, with which
//! crates. Nothing of it is needed: without git, or out of an archive, the commit is not known.

use std::process::Command;
use std::{env, fs};

/// Crates whose version decides what a file on the disk looks like, or how a figure is computed.
const CRATES: [&str; 4] = ["arrow", "parquet", "object_store", "polars"];

/// What the program is made of: a change of anything else does not make it dirty.
const PARTS: [&str; 5] = ["Cargo.toml", "Cargo.lock", ".ci/build.rs", "src", "schemas"];

fn main() {
    for part in PARTS {
        println!("cargo::rerun-if-changed={part}");
    }
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    for name in CRATES {
        tell(&name.to_uppercase(), locked(&lock, name));
    }
    tell("TARGET", env::var("TARGET").ok());
    let compiler = env::var_os("RUSTC").and_then(|rustc| said(Command::new(rustc).arg("--version")));
    tell("RUSTC", compiler);
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    tell("BUILT", env::var("SOURCE_DATE_EPOCH").ok());
    let commit = commit();
    let is_dirty = commit.as_ref().and_then(|_| git(&[&["status", "--porcelain", "--"], &PARTS[..]].concat()));
    tell("DIRTY", is_dirty.map(|changed| (!changed.is_empty()).to_string()));
    tell("COMMIT", commit);
}

/// Passes a text on to the program: empty where it is not known.
fn tell(name: &str, text: Option<String>) {
    println!("cargo::rustc-env=TIEOUT_{name}={}", text.unwrap_or_default());
}

/// The version of a crate that `Cargo.lock` holds.
fn locked(lock: &str, name: &str) -> Option<String> {
    let package = lock.split("[[package]]").find(|package| package.lines().any(|line| line == format!("name = \"{name}\"")))?;
    let version = package.lines().find_map(|line| line.strip_prefix("version = \""))?;
    Some(version.trim_end_matches('"').to_owned())
}

/// The commit that is checked out, if this is a repository of its own and not a folder of another's.
fn commit() -> Option<String> {
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    // Asked when a part changes, not at every commit: one that changes none of them would have all built anew for its name.
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    said(Command::new("git").args(arguments))
}

/// What a program says, if there is one and it succeeds.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
