//! Folders of SFTP servers, filled by the other side.
//!
//! A file counts once it keeps still: of the same size and time in two looks, or said to be complete by a file beside
//! it. It is read as it was when it was looked at, or not at all.

mod connection;

use std::path::{Path, PathBuf};
use std::time::Duration;

use russh::keys::PublicKey;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::conversation::Failure;
use super::pattern::{Part, Pattern};
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Exit, Result};
use crate::format::Names;
use crate::lake::{Inbox, Received};
use crate::secret::Secret;
use connection::{Connection, Login, State, Trust};

/// Files one night may have on a server.
const MOST_FILES: usize = 10_000;

/// The longest a file may be asked to keep still, in seconds.
const LONGEST_SETTLE: u64 = 30;

/// An SFTP server as a job describes it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpFile {
    /// `sftp://user@host:22/folder/STL-{date:%Y%m%d}.*.CSV`. `*` stands for anything in the name of a file or of a
    /// folder; `/~/` begins in the folder the server opens with. A folder that is missing is waited for if its name has
    /// a date or a `*` in it, and is a mistake otherwise.
    url: String,
    /// The key of the server, as `ssh-ed25519 AAAA…`; several while it is being changed.
    host_key: Option<Names>,
    /// A file of such keys as OpenSSH keeps it, relative to the job.
    known_hosts: Option<PathBuf>,
    /// The password.
    password: Option<Secret>,
    /// The private key, as OpenSSH writes it or in PEM: Ed25519, ECDSA or RSA.
    key: Option<Secret>,
    /// What the private key is encrypted with.
    passphrase: Option<Secret>,
    /// For how many seconds a file keeps its size and time before it counts as complete, at most 30.
    #[serde(default = "two")]
    settle_seconds: u64,
    /// The name of a file that says that another one is complete, such as `{name}.done`. No file is then waited for.
    done: Option<String>,
}

fn two() -> u64 {
    2
}

/// A folder of an SFTP server.
#[derive(Debug)]
pub struct Sftp {
    login: Login,
    /// Of names, from the root or from where the server opens.
    path: Pattern,
    settle: Duration,
    done: Option<String>,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    path: String,
    name: String,
    state: State,
}

/// What a look came to.
enum Look {
    Complete(Vec<Listed>),
    NotYet(String),
}

impl SftpFile {
    /// The place itself, checked. Nothing is opened or asked.
    pub fn open(self, folder: &Path) -> Result<Sftp> {
        let wrong = |what: &str, key: &str| Error::configuration(what).column(key);
        let (login, path) = self.login(folder)?;
        let path = Pattern::new(path).map_err(|error| error.column("url"))?;
        for part in path.text().split('/') {
            Part::new(part).map_err(|error| error.column("url"))?;
        }
        if path.text().ends_with('/') {
            return Err(wrong("a folder, where the name of a file is needed", "url").next("end it with a name, such as *.csv"));
        }
        if self.settle_seconds > LONGEST_SETTLE {
            return Err(wrong("too long to wait for each file", "settle_seconds")
                .expected(format!("at most {LONGEST_SETTLE}"))
                .found(self.settle_seconds));
        }
        if let Some(done) = &self.done
            && (!done.contains("{name}") || done == "{name}" || done.contains('/'))
        {
            return Err(wrong("not the name of a file that says another is complete", "done")
                .found(done)
                .next("write {name}.done"));
        }
        Ok(Sftp { login, path, settle: Duration::from_secs(self.settle_seconds), done: self.done })
    }

    fn login(&self, folder: &Path) -> Result<(Login, &str)> {
        let wrong = |what: &str| Error::configuration(what).column("url").next("write sftp://user@host/folder/name*.csv");
        let Some((authority, path)) = self.url.strip_prefix("sftp://").and_then(|rest| rest.split_once('/')) else {
            return Err(wrong("not the address of files on an SFTP server"));
        };
        let Some((user, host)) = authority.rsplit_once('@').filter(|(user, _)| !user.is_empty()) else {
            return Err(wrong("the user is missing"));
        };
        if user.contains(':') {
            return Err(wrong("a secret has no place in an address").next("give it as `password = { env = \"…\" }`"));
        }
        let server = Url::parse(&format!("sftp://{host}")).map_err(|error| wrong(&format!("not a host: {error}")).found(host))?;
        let name = server.host_str().filter(|name| !name.is_empty()).ok_or_else(|| wrong("the host is missing"))?;
        let trust = match (&self.host_key, &self.known_hosts) {
            (Some(keys), None) => Trust::Keys(keys.0.iter().map(|key| host_key(key)).collect::<Result<_>>()?),
            (None, Some(path)) => Trust::File(folder.join(path)),
            (Some(_), Some(_)) => return Err(Error::configuration("either `host_key` or `known_hosts`, not both")),
            (None, None) => {
                return Err(Error::configuration("nothing says which server is trusted")
                    .column("host_key")
                    .next("write the key the provider publishes as `host_key`, or name a file as `known_hosts`"));
            }
        };
        if self.password.is_none() && self.key.is_none() {
            return Err(Error::configuration("neither `password` nor `key`").next("say how to log in"));
        }
        if self.passphrase.is_some() && self.key.is_none() {
            return Err(Error::configuration("a passphrase without a key").column("passphrase"));
        }
        let secret = |secret: &Option<Secret>| {
            secret.clone().map(|mut secret| {
                secret.resolve(folder);
                secret
            })
        };
        let login = Login {
            host: name.trim_matches(['[', ']']).to_owned(),
            port: server.port().unwrap_or(22),
            user: user.to_owned(),
            trust,
            password: secret(&self.password),
            key: secret(&self.key),
            passphrase: secret(&self.passphrase),
        };
        Ok((login, path))
    }
}

fn host_key(text: &str) -> Result<PublicKey> {
    PublicKey::from_openssh(text.trim()).map_err(|error| {
        Error::configuration(format!("not a host key: {error}"))
            .column("host_key")
            .next("write its two words as in a file of known hosts: ssh-ed25519 AAAA…")
    })
}

impl Place for Sftp {
    fn name(&self, asked: &Asked) -> String {
        format!("{}/{}", self.login.server(), self.path.on(asked.date))
    }

    fn check(&self) -> Result<()> {
        self.login.check()
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        conversation.with_host(&self.login.host, || {
            Ok(match self.look(&mut Line::new(&self.login, conversation), asked)? {
                Look::Complete(_) => Ready::Yes,
                Look::NotYet(said) => Ready::not_yet(said),
            })
        })
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        conversation.with_host(&self.login.host, || {
            let mut line = Line::new(&self.login, conversation);
            match self.look(&mut line, asked)? {
                Look::NotYet(said) => Ok(Answer::not_yet(said)),
                Look::Complete(files) => {
                    let received = files.iter().map(|file| self.take(file, &mut line, inbox));
                    received.collect::<Result<_>>().map(Answer::Delivered)
                }
            }
        })
    }
}

impl Sftp {
    /// The files of the date, if all of them are complete.
    fn look(&self, line: &mut Line, asked: &Asked) -> Result<Look> {
        let Some(files) = line.insist(|line, connection| self.list(line, connection, asked))? else {
            return Ok(Look::NotYet("no such folder yet".to_owned()));
        };
        if files.is_empty() {
            return Ok(Look::NotYet("nothing".to_owned()));
        }
        if self.done.is_some() {
            return self.marked(line, files);
        }
        let again = line.insist(|line, connection| {
            line.conversation.wait(async { tokio::time::sleep(self.settle).await })?;
            self.list(line, connection, asked)
        })?;
        let again = again.unwrap_or_default();
        match files.iter().chain(&again).find(|file| !files.contains(file) || !again.contains(file)) {
            Some(file) => Ok(Look::NotYet(format!("{} is still being delivered", shown(&file.name)))),
            None => Ok(Look::Complete(files)),
        }
    }

    /// The same, where another file says of each that it is.
    fn marked(&self, line: &mut Line, mut files: Vec<Listed>) -> Result<Look> {
        let marker = |path: &str| {
            let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
            let marker = self.done.as_deref().unwrap_or_default().replace("{name}", name);
            if folder.is_empty() && !path.starts_with('/') { marker } else { format!("{folder}/{marker}") }
        };
        let markers: Vec<String> = files.iter().map(|file| marker(&file.path)).collect();
        files.retain(|file| !markers.contains(&file.path));
        for file in &files {
            let marker = marker(&file.path);
            if line.insist(|line, connection| connection.state(line.conversation, &marker))?.is_none() {
                return Ok(Look::NotYet(format!("{} is not marked as complete", shown(&file.name))));
            }
        }
        Ok(Look::Complete(files))
    }

    /// The files whose names fit. None where their folder is one that may not be there yet.
    fn list(&self, line: &Line, connection: &Connection, asked: &Asked) -> std::result::Result<Option<Vec<Listed>>, Failure> {
        let path = self.path.on(asked.date);
        let (mut folders, path) = match path.strip_prefix("~/") {
            Some(path) => (vec![String::new()], path),
            None => (vec!["/".to_owned()], path.as_str()),
        };
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            let mut below = Vec::new();
            let part = Part::new(part)?;
            for folder in &folders {
                match &part {
                    Part::Exactly(name) => below.push(format!("{folder}{name}/")),
                    Part::Like(_) => {
                        let entries = connection.folder(line.conversation, folder)?.unwrap_or_default();
                        let fitting = entries.into_iter().filter(|entry| entry.is_folder && part.fits(&entry.name));
                        below.extend(fitting.map(|entry| format!("{folder}{}/", entry.name)));
                    }
                }
            }
            folders = below;
        }
        let (name, mut files, mut seen) = (Part::new(name)?, Vec::new(), false);
        for folder in &folders {
            if let Part::Exactly(name) = &name {
                // Asked for by its name, so that a server may hide what else is there.
                let path = format!("{folder}{name}");
                let state = connection.state(line.conversation, &path)?;
                seen = true;
                files.extend(state.map(|state| Listed { path, name: name.clone(), state }));
                continue;
            }
            let Some(entries) = connection.folder(line.conversation, folder)? else { continue };
            seen = true;
            for entry in entries.into_iter().filter(|entry| !entry.is_folder && name.fits(&entry.name)) {
                let path = format!("{folder}{}", entry.name);
                let state = match entry.state {
                    Some(state) => Some(state),
                    None => connection.state(line.conversation, &path)?,
                };
                files.extend(state.map(|state| Listed { path, name: entry.name, state }));
            }
        }
        if files.len() > MOST_FILES {
            let error = Error::data("more files fit than one night can have").file(self.name(asked));
            return Err(error.expected(format!("at most {MOST_FILES}")).found(files.len()).next("narrow the pattern").into());
        }
        if !seen && !self.may_lack_its_folder() {
            return Err(Error::configuration("the server has no such folder")
                .file(self.name(asked))
                .next("check the path, as the user who logs in sees it")
                .into());
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(seen.then_some(files))
    }

    /// Whether the folder may be one that is made for the date.
    fn may_lack_its_folder(&self) -> bool {
        self.path.text().rsplit_once('/').is_some_and(|(folder, _)| folder.contains(['{', '*', '?', '[']))
    }

    fn take(&self, file: &Listed, line: &mut Line, inbox: &Inbox) -> Result<Received> {
        let locator = format!("{}/{}", self.login.server(), file.path.trim_start_matches('/'));
        if let Some(received) = inbox.unchanged(&locator, file.state.version().as_deref()) {
            return Ok(received);
        }
        let mut incoming = inbox.receive(&file.name)?;
        let mut began_as = file.state;
        line.insist(|line, connection| {
            let gone = || Failure::soon(changed(&locator).found("it is gone"));
            let now = connection.state(line.conversation, &file.path)?.ok_or_else(gone)?;
            if now != began_as || incoming.bytes() > now.size {
                incoming.restart()?;
                began_as = now;
            }
            connection.read(line.conversation, &file.path, incoming.bytes(), |piece| {
                incoming.push(piece)?;
                line.conversation.arrived(piece.len() as u64);
                Ok(incoming.bytes() <= now.size)
            })?;
            let after = connection.state(line.conversation, &file.path)?.ok_or_else(gone)?;
            if after != now || incoming.bytes() != now.size {
                let error = changed(&locator).expected(format!("{} bytes", now.size));
                let error = error.found(format!("{} bytes read, {} there now", incoming.bytes(), after.size));
                incoming.restart()?;
                return Err(Failure::soon(error));
            }
            Ok(())
        })?;
        incoming.keep(&locator, began_as.version())
    }
}

/// A line to a server, connected anew after each failure.
struct Line<'a> {
    login: &'a Login,
    conversation: &'a Conversation<'a>,
    connection: Option<Connection>,
}

impl<'a> Line<'a> {
    fn new(login: &'a Login, conversation: &'a Conversation<'a>) -> Self {
        Self { login, conversation, connection: None }
    }

    fn insist<T>(&mut self, mut attempt: impl FnMut(&Self, &Connection) -> std::result::Result<T, Failure>) -> Result<T> {
        self.conversation.insist(|| {
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.login.connect(self.conversation)?,
            };
            let answer = attempt(self, &connection)?;
            self.connection = Some(connection);
            Ok(answer)
        })
    }
}

fn changed(locator: &str) -> Error {
    Error::new(Exit::TryAgain, "the file changed while it was read: it is still being delivered")
        .file(locator)
        .next("run again when the delivery is complete")
}

/// A name the server gave, fit to be shown.
fn shown(name: &str) -> String {
    name.chars().take(80).collect::<String>().escape_debug().to_string()
}
