//! Secrets: where they are, and how they stay out of everything that is shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{Error, Exit, Result};

/// Where a secret is. A job never holds one itself.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// A variable of the environment.
    Env(String),
    /// A file nobody else can read, relative to the job. A line end behind it is not part of it.
    File(PathBuf),
    /// A program and its arguments; what it prints is the secret.
    Command(Vec<String>),
}

/// A secret that was read: shown as `…`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// The secret itself, for the one place that sends or signs with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Secret {
    /// Makes the path of a file, where it is one, relative to `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }

    /// Reads it. Not there: 78; not permitted, or others may read it too: 77.
    pub fn read(&self) -> Result<SecretText> {
        let text = match self {
            Self::Env(name) => environment(name)?,
            Self::File(path) => private_file(path)?,
            Self::Command(words) => output(words)?,
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(Error::configuration("the secret is empty").found(self.shown()));
        }
        Ok(SecretText(text.to_owned()))
    }

    /// Where it is, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Env(name) => format!("environment variable {name}"),
            Self::File(path) => format!("file {}", path.display()),
            Self::Command(words) => format!("command {}", words.first().map_or("", String::as_str)),
        }
    }
}

fn environment(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| {
        Error::configuration("the environment variable with the secret is not set, or is not UTF-8")
            .found(name)
            .next(format!("set {name} for the user who runs tieout"))
    })
}

fn private_file(path: &Path) -> Result<String> {
    let failed = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Error::io("read the secret", path.display(), error),
        _ => Error::configuration(format!("cannot read the secret: {error}")).file(path.display()),
    };
    let metadata = std::fs::metadata(path).map_err(|error| failed(&error))?;
    if others_may_read(&metadata) {
        return Err(Error::new(Exit::NotPermitted, "others can read this secret, so it is not used")
            .file(path.display())
            .next(format!("chmod 600 {}", path.display())));
    }
    std::fs::read_to_string(path).map_err(|error| failed(&error))
}

/// A file of root's may be read by its group: so Kubernetes and systemd hand a secret to one user who is not root.
#[cfg(unix)]
fn others_may_read(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    metadata.permissions().mode() & others != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

/// What a program prints. What it says on stderr is its own affair and not repeated: it may quote the secret.
fn output(words: &[String]) -> Result<String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Error::configuration("the command that gives the secret is empty"));
    };
    let failed = |what: String| Error::configuration(what).found(program).next("run the command by hand as the same user");
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let ran = ran.map_err(|error| failed(format!("cannot run the command that gives the secret: {error}")))?;
    if !ran.status.success() {
        return Err(failed(format!("the command that gives the secret failed: {}", ran.status)));
    }
    String::from_utf8(ran.stdout).map_err(|_| failed("the secret is not UTF-8 text".to_owned()))
}
