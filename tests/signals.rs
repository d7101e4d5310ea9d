//! A run that is told to stop: at any moment it leaves the night as it was or whole, and says so in its last line.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::harness::Place;
use crate::nights::files;

const RUN: &str = "run jobs/nightly.toml --date 2026-11-17 --json --log-format json";

/// A night large enough to be met while it is worked on.
fn night() -> Place {
    let place = Place::with_sample_nights();
    std::fs::remove_dir_all(place.path("sample-data")).unwrap();
    let made = place.run("sample sample-data --orders 20000 --nights 1 --seed 5");
    assert_eq!(made.code, 0, "{}", made.whole());
    place
}

/// What a night leaves that nobody disturbs.
fn undisturbed() -> &'static BTreeMap<PathBuf, Vec<u8>> {
    static LEFT: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
    LEFT.get_or_init(|| {
        let place = night();
        assert_eq!(place.run(RUN).code, 0);
        published(&place)
    })
}

fn published(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let of = |folder: &str| {
        let found = files(&place.path(folder));
        found.into_iter().map(|(path, bytes)| (PathBuf::from(folder).join(path), bytes)).collect::<Vec<_>>()
    };
    of("lake/data").into_iter().chain(of("lake/meta/nights")).collect()
}

/// A run with both its streams as one.
struct Running {
    child: Child,
    lines: BufReader<std::io::PipeReader>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command.stdout(writer.try_clone().unwrap()).stderr(writer).stdin(Stdio::null()).spawn().unwrap();
        Self { child, lines: BufReader::new(reader) }
    }

    /// Reads on until a line holds `text`.
    fn until(&mut self, text: &str) {
        let mut read = String::new();
        while !read.lines().last().is_some_and(|line| line.contains(text)) {
            assert!(self.lines.read_line(&mut read).unwrap() > 0, "{text}: {read}");
        }
    }

    fn tell(&self, signal: &str) {
        tell(&self.child.id().to_string(), signal);
    }

    /// Its exit code, and its last line.
    fn end(mut self) -> (Option<i32>, Value) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, serde_json::from_str(rest.lines().last().unwrap()).unwrap_or_else(|error| panic!("{error}: {rest}")))
    }
}

fn tell(whom: &str, signal: &str) {
    assert!(Command::new("kill").args(["-s", signal, "--", whom]).status().unwrap().success());
}

/// After a run that was told to stop: nothing of the night is there or all of it, nothing is staged, and the next run
/// leaves what an undisturbed one does.
fn is_old_or_whole(place: &Place, summary: &Value) {
    let staged: Vec<_> = files(&place.path("lake/staging")).into_keys().collect();
    assert!(staged.iter().all(|path| path.extension().is_some_and(|of| of == "lock")), "{staged:?}");
    is_old_or_whole_but_for_staging(place, summary);
}

/// The same of one that had no time to clear up.
fn is_old_or_whole_but_for_staging(place: &Place, summary: &Value) {
    let left = published(place);
    if summary["changed"] == true {
        assert_eq!(&left, undisturbed(), "{summary}");
    } else {
        assert!(left.is_empty(), "{summary}: {:?}", left.keys());
    }
    let again = place.run(RUN);
    assert_eq!(again.code, 0, "{}", again.whole());
    assert!(published(place) == *undisturbed(), "the next run leaves other bytes");
    assert_eq!(place.run("verify jobs/nightly.toml --chain").code, 0);
}

#[test]
fn a_run_stops_whatever_it_is_at() {
    for (stage, signal, code) in
        [("reading files", "TERM", 143), ("normalizing", "INT", 130), ("reconciling", "TERM", 143), ("analyzing", "INT", 130)]
    {
        let place = night();
        let mut running = Running::start(place.command(&format!("{RUN} --result-file result.json")));
        running.until(&format!("\"message\":\"{stage}\""));
        running.tell(signal);
        let (exit, summary) = running.end();
        assert_eq!((exit, &summary["exit_code"], &summary["status"]), (Some(code), &code.into(), &"stopped".into()), "{stage}");
        assert_eq!(summary["changed"], false, "{stage}: nothing was published yet");
        let kept: Value = serde_json::from_slice(&place.read("result.json")).unwrap();
        assert_eq!(kept, summary);
        is_old_or_whole(&place, &summary);
    }
}

#[test]
fn what_is_being_published_is_published_whole_or_not_at_all() {
    for wait in [0, 2, 5, 10, 20, 40, 80] {
        let place = night();
        let mut running = Running::start(place.command(RUN));
        running.until("\"message\":\"publishing\"");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        running.tell("TERM");
        let (exit, summary) = running.end();
        // It may have been done before it heard.
        assert!(matches!(exit, Some(143 | 0)), "{exit:?} {summary}");
        assert_eq!(summary["exit_code"], exit.unwrap());
        assert!(exit == Some(143) || summary["changed"] == true, "{summary}");
        is_old_or_whole(&place, &summary);
    }
}

#[test]
fn a_second_interrupt_is_not_argued_with() {
    let place = night();
    // Nobody ever answers there, so that a run that is told to stop would rather wait.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let ping = format!("http://{}/ping", silent.local_addr().unwrap());
    let mut running = Running::start(place.command(&format!("{RUN} --ping {ping}")));
    running.until("\"message\":\"reading files\"");
    running.tell("INT");
    running.until("told to stop");
    running.tell("INT");
    let (exit, summary) = running.end();
    assert_eq!((exit, &summary["exit_code"]), (Some(130), &130.into()));
    let said = summary["errors"][0]["message"].as_str().unwrap();
    assert!(said.starts_with("told to stop at once"), "{said}");
    is_old_or_whole_but_for_staging(&place, &summary);
}

/// As schedulers stop it: told with all of its group, while its output goes through a pipe.
#[test]
fn a_group_of_processes_is_told_as_one() {
    let place = night();
    let tieout = place.command(RUN);
    let words: Vec<&str> = tieout.get_args().map(|word| word.to_str().unwrap()).collect();
    let line = format!("{} {} 2>&1 | (trap '' TERM; cat)", tieout.get_program().to_str().unwrap(), words.join(" "));
    let mut shell = Command::new("bash");
    // The shell waits for what it has started, and leaves as that does.
    let script = format!("trap : TERM; set -o pipefail; {line}");
    shell.args(["-c", &script]).current_dir(place.path(".")).process_group(0);
    let mut running = Running::start(shell);
    running.until("\"message\":\"reading files\"");
    tell(&format!("-{}", running.child.id()), "TERM");
    let (exit, summary) = running.end();
    assert_eq!((exit, &summary["exit_code"]), (Some(143), &143.into()));
    is_old_or_whole(&place, &summary);
}

#[test]
fn a_backfill_stops_between_nights_too() {
    let place = Place::with_sample_nights();
    std::fs::remove_dir_all(place.path("sample-data")).unwrap();
    assert_eq!(place.run("sample sample-data --orders 5000 --nights 3 --seed 5").code, 0);
    let backfill = "backfill jobs/nightly.toml --from 2026-11-17 --to 2026-11-19 --json --result-file result.json";
    let mut running = Running::start(place.command(&format!("{backfill} --log-format json")));
    running.until("night_ended");
    running.tell("TERM");
    let (exit, summary) = running.end();
    assert_eq!((exit, &summary["changed"], &summary["status"]), (Some(143), &true.into(), &"stopped".into()));
    let kept: Value = serde_json::from_slice(&place.read("result.json")).unwrap();
    assert_eq!(kept, summary);
    assert_eq!(place.run(backfill).code, 0);
}
