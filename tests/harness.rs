//! Runs the real program in a folder of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A folder that goes away with its test. The program runs in it, so that every path a test names is relative.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a run of the program ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A folder with the jobs and the sample nights of this repository.
    pub(crate) fn with_sample_nights() -> Self {
        let place = Self::empty();
        for folder in ["jobs", "sample-data"] {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &place.folder.path().join(folder));
        }
        place
    }

    /// Writes a file, with the folders it is in.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes a file that nobody else can read.
    pub(crate) fn write_secret(&self, path: &str, text: &str) {
        self.write(path, text);
        fs::set_permissions(self.path(path), PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// Where a file is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(path)).unwrap()
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// Replaces the one occurrence of `from` in a text file.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.read(path)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{path} holds {from:?} once");
        self.write(path, text.replace(from, to));
    }

    /// Runs `tieout` with arguments separated by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn run_with(&self, arguments: &str, environment: &[(&str, &str)]) -> Ran {
        let output = self.command(arguments).envs(environment.iter().copied()).output().unwrap();
        let folders = [self.folder.path().canonicalize().unwrap(), self.folder.path().to_owned()];
        let filtered = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap().replace(env!("CARGO_PKG_VERSION"), "<version>");
            folders.iter().fold(text, |text, folder| text.replace(folder.to_str().unwrap(), "<folder>"))
        };
        Ran { code: output.status.code().unwrap(), stdout: filtered(output.stdout), stderr: filtered(output.stderr) }
    }

    /// Runs `tieout` as Airflow does: what it says on stderr and on stdout in one stream, as it comes.
    pub(crate) fn merged(&self, arguments: &str) -> (i32, Vec<String>) {
        merged(&mut self.command(arguments))
    }

    /// Starts `tieout` and does not wait for it.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// `tieout` with arguments separated by spaces, not started yet.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path()).env("COLUMNS", "100");
        command
    }
}

/// Runs a command with both its streams as one, and waits for it: its exit code and its lines.
pub(crate) fn merged(command: &mut Command) -> (i32, Vec<String>) {
    let (mut reader, writer) = pipe().unwrap();
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    // The command keeps the ends of the pipe it was given.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code().unwrap(), text.lines().map(str::to_owned).collect())
}

impl Ran {
    /// All of it, as a person sees it.
    pub(crate) fn whole(&self) -> String {
        format!("exit {}\n\n{}── stderr ──\n{}", self.code, self.stdout, self.stderr)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() { copy(&path, &to.join(name)) } else { fs::copy(&path, to.join(name)).map(drop).unwrap() }
    }
}
