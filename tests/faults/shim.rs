//! The library that makes calls fail, and its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::nights::package;

/// The library, compiled once.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults.{}.so", std::process::id()));
    let source = package().join("tests/faults/shim.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    let compiled = compiler.status().expect("cc is there, or Rust could not link");
    assert!(compiled.success(), "tests/faults/shim.c compiles");
    library
});

/// What is done to a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault {
    /// The number of the call; none where nothing is done to one call.
    pub(super) at: Option<usize>,
    /// `kill`, `died`, `error=K`, or `wait` for a file beside the log whose name ends in `.go`.
    pub(super) what: String,
    /// Whether all later calls fail too.
    pub(super) goes_on: bool,
    /// `short` or `interrupt`, of every call.
    pub(super) every: Option<&'static str>,
    /// Whether calls that only look have numbers too.
    pub(super) counts_all: bool,
}

impl Fault {
    /// Nothing, but all calls have numbers.
    pub(super) fn none() -> Self {
        Self { counts_all: true, ..Self::default() }
    }

    /// At one of the calls that change the disk.
    pub(super) fn at_change(at: usize, what: impl Into<String>) -> Self {
        Self { at: Some(at), what: what.into(), ..Self::default() }
    }

    /// At one of all calls.
    pub(super) fn at_call(at: usize, what: impl Into<String>) -> Self {
        Self { counts_all: true, ..Self::at_change(at, what) }
    }

    /// Has it done to `command`, to what lies below `folder`, and logged to `log`.
    pub(super) fn load(&self, command: &mut Command, folder: &Path, log: &Path) {
        let _ = fs::remove_file(log);
        command.env("LD_PRELOAD", &*LIBRARY).env("FAULTS_BELOW", folder).env("FAULTS_LOG", log).env("FAULTS_SYNC", "skip");
        command.env("FAULTS_COUNT", if self.counts_all { "all" } else { "changes" });
        if let Some(at) = self.at {
            command.env("FAULTS_AT", at.to_string()).env("FAULTS_DO", &self.what).env("FAULTS_GO", log.with_extension("go"));
        }
        if self.goes_on {
            command.env("FAULTS_ON", "1");
        }
        if let Some(every) = self.every {
            command.env("FAULTS_EVERY", every);
        }
    }
}

/// One call that a run made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Its number; zero where it has none.
    pub(super) number: usize,
    /// rename, sync, write, …
    pub(super) operation: String,
    /// The file, from the folder.
    pub(super) path: String,
    /// Where it is moved or linked to.
    pub(super) second: String,
    /// What was done to it, if anything.
    pub(super) fault: String,
}

impl Call {
    /// The calls of a log, in its order. One that is being written while it is read is none yet.
    pub(super) fn read(log: &Path) -> Vec<Self> {
        let text = fs::read_to_string(log).unwrap_or_default();
        let call = |line: &str| {
            let parts: Vec<&str> = line.split('\t').collect();
            let [number, operation, path, second, fault] = parts[..] else { panic!("not a line of the log: {line:?}") };
            let [operation, path, second, fault] = [operation, path, second, fault].map(str::to_owned);
            Self { number: number.parse().unwrap(), operation, path, second, fault }
        };
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(call).collect()
    }

    /// The call to which something was done.
    pub(super) fn hit(log: &Path) -> Option<Self> {
        Self::read(log).into_iter().find(|call| !call.fault.is_empty())
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arrow = if self.second.is_empty() { "" } else { " → " };
        write!(f, "call {}, {} of {}{arrow}{}: {}", self.number, self.operation, self.path, self.second, self.fault)
    }
}
