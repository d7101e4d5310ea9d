//! The shape of the code: use goes downward, the world is touched in few places, files stay small.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::nights::{files, package};

/// The modules, highest first, each with those it uses. A module uses only what stands below it.
const USES: &[(&str, &[&str])] = &[
    ("main", &["cli", "command", "error"]),
    ("command", &["cli", "error", "format", "job", "lake", "night", "report", "sample", "secret", "signal", "source", "table"]),
    ("cli", &[]),
    ("report", &["error", "format", "job", "lake", "mask", "money", "night", "stage", "table"]),
    ("night", &["error", "format", "job", "lake", "mask", "money", "source", "stage", "table"]),
    ("job", &["bucket", "calendar", "error", "format", "lake", "mask", "money", "source", "stage", "table"]),
    ("calendar", &["error", "format"]),
    ("sample", &["error", "money"]),
    ("source", &["bucket", "error", "format", "lake", "mask", "secret"]),
    ("lake", &["bucket", "error", "money", "signal", "table"]),
    ("bucket", &["error", "secret"]),
    ("secret", &["error"]),
    ("stage", &["error", "format", "mask", "money", "table"]),
    ("format", &["error", "mask", "money", "table"]),
    ("table", &["error", "money"]),
    ("money", &[]),
    ("error", &["mask"]),
];

/// Below all, using nothing.
const LOWEST: [&str; 2] = ["mask", "signal"];

/// Files that read or write files.
const TOUCHES_FILES: &[&str] = &[
    // What a person names: a folder for manual pages, a workbook that came back, claims or evidence to write, a file to recognise, a folder for the pages of the tables, or for
    // the tables of a night as they were.
    "command/export.rs",
    "command/formats.rs",
    "command/man.rs",
    "command/schema.rs",
    "command/telling/put.rs",
    "command/verify.rs",
    "report/workbook/returned.rs",
    // What a job names, or has beside it: itself, its resolutions and comments, and calendars and formats of its own.
    "job.rs",
    "job/beside.rs",
    "calendar.rs",
    "format/shipped.rs",
    // Inputs, from the archive.
    "format/container.rs",
    "format/look.rs",
    "format/typed.rs",
    // The lake.
    "lake/collect.rs",
    "lake/durable.rs",
    "lake/inbox.rs",
    "lake/lock.rs",
    "lake/parquet.rs",
    "lake/spill.rs",
    "lake/store/folder.rs",
    "lake/store/objects.rs",
    "lake/store/readable.rs",
    // What a run that is told to stop takes with it.
    "signal.rs",
    // How much memory the machine has.
    "night/memory.rs",
    // Secrets in files, the public keys of providers, and webhooks that were kept.
    "source/adyen.rs",
    "secret.rs",
    "source/sign.rs",
    // Sample nights.
    "sample/archive.rs",
    "sample/file.rs",
];

/// Files that look at the clock: a run may be asked how long it took, the audit trail says when, and a conversation
/// has a deadline, as the right to a night in a bucket has.
const LOOKS_AT_THE_CLOCK: &[&str] =
    &["command/talk.rs", "command/telling.rs", "lake/audit.rs", "lake/store/lease.rs", "source/conversation.rs"];

/// Lines a file may have.
const LONG: usize = 500;
/// Files that have more, and why.
const LONGER: [(&str, &str); 1] =
    [("format.rs", "the format language: every key of it, one struct after another, as a person reads it")];

/// Every source file by its path below `src`, without its comments.
fn sources() -> BTreeMap<String, String> {
    let found = files(&package().join("src")).into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).unwrap();
        let code = |line: &str| match line.find("//") {
            // Not the `//` of a URL in a text.
            Some(at) if !line[..at].ends_with(':') => line[..at].to_owned(),
            _ => line.to_owned(),
        };
        (path.to_str().unwrap().to_owned(), text.lines().map(code).collect::<Vec<_>>().join("\n"))
    });
    found.collect()
}

fn module(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap()
}

/// The modules of this crate that code names: `crate::a`, `crate::{a, b::c}`, `tieout::a`.
fn named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for rest in code.split("crate::").skip(1).chain(code.split("tieout::").skip(1)) {
        let word =
            |text: &str| text.trim_start().chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect();
        match rest.strip_prefix('{') {
            None => drop(named.insert(word(rest))),
            Some(list) => {
                let mut depth = 0;
                let mut begins = true;
                for (at, letter) in list.char_indices() {
                    if begins && depth == 0 && !letter.is_whitespace() {
                        named.insert(word(&list[at..]));
                        begins = false;
                    }
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

#[test]
fn use_goes_downward_only() {
    let order: Vec<&str> = USES.iter().map(|(module, _)| *module).chain(LOWEST).collect();
    for (at, (module, uses)) in USES.iter().enumerate() {
        for used in *uses {
            assert!(order[at + 1..].contains(used), "{module} may not use {used}, which stands above it");
        }
    }
    let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let sources = sources();
    for (path, code) in &sources {
        used.entry(module(path)).or_default().extend(named(code).into_iter().filter(|name| name != module(path)));
    }
    assert!(used.remove("lib").is_some_and(|names| names.is_empty()));
    let allowed: BTreeMap<&str, BTreeSet<String>> = USES
        .iter()
        .map(|(module, uses)| (*module, uses.iter().map(|name| (*name).to_owned()).collect()))
        .chain(LOWEST.map(|module| (module, BTreeSet::new())))
        .collect();
    let mut wrong = String::new();
    for module in used.keys().chain(allowed.keys()).collect::<BTreeSet<_>>() {
        let none = BTreeSet::new();
        let (used, allowed) = (used.get(module).unwrap_or(&none), allowed.get(module).unwrap_or(&none));
        for name in used.difference(allowed) {
            writeln!(wrong, "{module} uses {name}, which is not in the list").unwrap();
        }
        for name in allowed.difference(used) {
            writeln!(wrong, "{module} does not use {name}: take it off the list").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn imports_are_found_however_they_are_written() {
    let found = named("use crate::a::B;\nuse crate::{c, d::{E, f}, g};\nfn x() { crate::h_i::j() }\nuse tieout::k::L;");
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "c", "d", "g", "h_i", "k"]);
}

/// Paths of the files whose code holds one of `words`.
fn holding(words: &[&str]) -> BTreeSet<String> {
    let holds = |code: &String| words.iter().any(|word| code.contains(word));
    sources().into_iter().filter(|(_, code)| holds(code)).map(|(path, _)| path).collect()
}

#[test]
fn files_are_touched_where_the_list_says() {
    let touching = holding(&["std::fs", "File::open", "File::create"]);
    assert_eq!(touching, TOUCHES_FILES.iter().map(|path| (*path).to_owned()).collect());
}

#[test]
fn the_clock_is_looked_at_where_the_list_says() {
    let looking = holding(&["Utc::now", "Local::now", "SystemTime", "Instant::now", "std::time::Instant"]);
    assert_eq!(looking, LOOKS_AT_THE_CLOCK.iter().map(|path| (*path).to_owned()).collect());
}

#[test]
fn nothing_is_printed_past_the_commands() {
    assert_eq!(holding(&["println!", "eprintln!", "print!(", "dbg!"]), BTreeSet::new());
    let speaking: BTreeSet<String> = holding(&["stdout()", "stderr()"]);
    assert!(speaking.iter().all(|path| ["main", "command"].contains(&module(path))), "{speaking:?}");
}

#[test]
fn the_environment_is_asked_for_secrets_for_who_acts_and_where_there_is_room() {
    let asking = holding(&["env::var", "env::args", "env::temp_dir"]);
    // And for what was typed that cannot be understood.
    let known = ["command/actor.rs", "job/lake.rs", "lake/store/lease.rs", "main.rs", "secret.rs"];
    assert_eq!(asking, known.map(str::to_owned).into());
}

/// The two Arrows meet at C structs, in one file; the compiler denies it everywhere else, where nobody allows it.
#[test]
fn unsafe_code_is_in_one_named_place() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe_code"];
    assert_eq!(holding(&words), ["table/frame.rs".to_owned()].into());
    let manifest = std::fs::read_to_string(package().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\nunsafe_code = \"deny\"\n"));
}

#[test]
fn files_are_short_or_say_why() {
    for (path, bytes) in files(&package().join("src")) {
        let (path, lines) = (path.to_str().unwrap(), String::from_utf8(bytes).unwrap().lines().count());
        let reason = LONGER.iter().find(|(longer, _)| *longer == path);
        assert!(lines <= LONG || reason.is_some(), "{path} has {lines} lines: which second idea moved in?");
        assert!(lines > LONG || reason.is_none(), "{path} has {lines} lines: take it off the list");
    }
}

#[test]
fn no_name_says_nothing() {
    let nothing = ["util", "utils", "common", "helper", "helpers", "misc", "manager", "handler"];
    for path in sources().into_keys() {
        assert!(path.split(['/', '.']).all(|part| !nothing.contains(&part)), "{path}");
    }
}
