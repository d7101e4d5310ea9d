//! One connection to an SFTP server: whose it is, who we are, and what it says.

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;

use russh::client::{self, AuthResult, Handle, Handler, KeyboardInteractiveAuthResponse};
use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{MethodKind, MethodSet, Preferred};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::fs::Metadata;
use russh_sftp::client::{Config, SftpSession};
use russh_sftp::protocol::StatusCode;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::error::{Error, Exit, Result};
use crate::secret::{Secret, SecretText};
use crate::source::Conversation;
use crate::source::conversation::Failure;

/// Pieces asked for before the first of them came: of 32 KiB each as most servers give them, what a fast line 100 ms
/// long holds.
const PIECES_AHEAD: usize = 64;

/// Where to log in, and as whom.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) trust: Trust,
    pub(super) password: Option<Secret>,
    pub(super) key: Option<Secret>,
    pub(super) passphrase: Option<Secret>,
}

/// Which server is the right one.
#[derive(Debug)]
pub(super) enum Trust {
    /// One with one of these keys.
    Keys(Vec<PublicKey>),
    /// One whose key is in this file of OpenSSH.
    File(PathBuf),
}

/// A connection on which files can be asked for.
pub(super) struct Connection {
    sftp: SftpSession,
    /// Kept so that the connection stays open.
    _ssh: Handle<Guard>,
    server: String,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) size: u64,
    /// Seconds since 1970, where the server tells.
    modified: Option<u32>,
}

/// An entry of a folder.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_folder: bool,
    /// Unless it is a link, which has to be followed.
    pub(super) state: Option<State>,
}

/// Who we are, as far as the server may learn it once it is known to be the right one.
struct Credentials {
    key: Option<PrivateKey>,
    password: Option<SecretText>,
}

impl Login {
    /// Where, for people.
    pub(super) fn server(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 22 { format!("sftp://{host}") } else { format!("sftp://{host}:{}", self.port) }
    }

    /// Reads the keys of the server, and what to log in with.
    pub(super) fn check(&self) -> Result<()> {
        self.trusted()?;
        self.credentials().map(drop)
    }

    /// Connects: no secret is sent to a server whose key is not trusted.
    pub(super) fn connect(&self, conversation: &Conversation) -> std::result::Result<Connection, Failure> {
        let trusted = self.trusted()?;
        let credentials = self.credentials()?;
        let silence = conversation.manners().silence;
        let config = client::Config {
            preferred: preferred(&trusted),
            keepalive_interval: Some(silence / 3),
            nodelay: true,
            ..client::Config::default()
        };
        let guard = Guard { trusted: trusted.clone() };
        let connected = client::connect(Arc::new(config), (self.host.as_str(), self.port), guard);
        let mut ssh = conversation.wait(connected)?.map_err(|refusal| self.refused(&refusal, &trusted))?;
        let accepted = conversation.wait(self.authenticate(&mut ssh, &credentials))?;
        accepted.map_err(|error| self.broken(&error))?.map_err(|methods| self.not_accepted(&credentials, &methods))?;
        let opened = conversation.wait(async {
            let channel = ssh.channel_open_session().await?;
            channel.request_subsystem(true, "sftp").await?;
            Ok(channel)
        })?;
        let channel = opened.map_err(|error| self.broken(&error))?;
        let server = self.server();
        let config =
            Config { max_concurrent_reads: PIECES_AHEAD, request_timeout_secs: silence.as_secs().max(1), ..Config::default() };
        let sftp = conversation.wait(SftpSession::new_with_config(channel.into_stream(), config))?;
        let sftp = sftp.map_err(|error| trouble(&error, "begin to talk to", &server))?;
        Ok(Connection { sftp, _ssh: ssh, server })
    }

    fn trusted(&self) -> Result<Vec<PublicKey>> {
        let path = match &self.trust {
            Trust::Keys(keys) => return Ok(keys.clone()),
            Trust::File(path) => path,
        };
        let wrong = |what: String| Error::configuration(what).file(path.display());
        if !path.is_file() {
            return Err(
                wrong("there is no such file of known hosts".to_owned()).next("write the key the provider publishes to it")
            );
        }
        let known = known_host_keys_path(&self.host, self.port, path);
        let known = known.map_err(|error| wrong(format!("cannot read the known hosts: {error}")))?;
        Ok(known.into_iter().map(|(_, key)| key).collect())
    }

    fn credentials(&self) -> Result<Credentials> {
        let password = self.password.as_ref().map(Secret::read).transpose()?;
        let Some(key) = &self.key else { return Ok(Credentials { key: None, password }) };
        let passphrase = self.passphrase.as_ref().map(Secret::read).transpose()?;
        // Keys are text of lines, the last one included.
        let text = format!("{}\n", key.read()?.reveal());
        let read = russh::keys::decode_secret_key(&text, passphrase.as_ref().map(SecretText::reveal));
        let read = read.map_err(|_| {
            Error::configuration("not a private key, or encrypted with another passphrase")
                .found(key.shown())
                .expected("a key as OpenSSH writes it, or in PEM: Ed25519, ECDSA or RSA")
        })?;
        Ok(Credentials { key: Some(read), password })
    }

    /// Logs in with all there is: a server may want a key and then a password. What it would have taken instead if it
    /// accepts none of it.
    async fn authenticate(
        &self,
        ssh: &mut Handle<Guard>,
        credentials: &Credentials,
    ) -> std::result::Result<std::result::Result<(), MethodSet>, russh::Error> {
        let mut wanted = MethodSet::empty();
        if let Some(key) = &credentials.key {
            // Never SHA-1, which is what `None` would mean for RSA.
            let hash = match key.algorithm() {
                Algorithm::Rsa { .. } => Some(ssh.best_supported_rsa_hash().await?.flatten().unwrap_or(HashAlg::Sha512)),
                _ => None,
            };
            let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), hash);
            match ssh.authenticate_publickey(&self.user, key).await? {
                AuthResult::Success => return Ok(Ok(())),
                AuthResult::Failure { remaining_methods, .. } => wanted = remaining_methods,
            }
        }
        if let Some(password) = &credentials.password {
            match ssh.authenticate_password(&self.user, password.reveal()).await? {
                AuthResult::Success => return Ok(Ok(())),
                AuthResult::Failure { remaining_methods, .. } => wanted = remaining_methods,
            }
            // Some servers ask for the password instead of taking it.
            if wanted.contains(&MethodKind::KeyboardInteractive) && answer(ssh, &self.user, password).await? {
                return Ok(Ok(()));
            }
        }
        Ok(Err(wanted))
    }

    fn not_accepted(&self, credentials: &Credentials, wanted: &MethodSet) -> Failure {
        let offered = match (&credentials.key, &credentials.password) {
            (Some(key), None) => format!("the key {} of {}", key.fingerprint(HashAlg::Sha256), self.user),
            (Some(key), Some(_)) => format!("the key {} and a password of {}", key.fingerprint(HashAlg::Sha256), self.user),
            _ => format!("a password of {}", self.user),
        };
        let wanted: Vec<&str> = wanted.iter().map(Into::into).collect();
        Failure::from(
            Error::new(Exit::NotPermitted, "the server does not let us in")
                .file(self.server())
                .expected(if wanted.is_empty() { "nothing that it names".to_owned() } else { wanted.join(" or ") })
                .found(offered)
                .next("check the user and its key or password with the provider"),
        )
    }

    fn refused(&self, refusal: &Refusal, trusted: &[PublicKey]) -> Failure {
        let key = match refusal {
            Refusal::Broken(error) => return self.broken(error),
            Refusal::Stranger(key) => key,
        };
        let kept = match &self.trust {
            Trust::Keys(_) => "`host_key`".to_owned(),
            Trust::File(path) => path.display().to_string(),
        };
        let what = if trusted.is_empty() {
            "this server is not known, and nothing was sent to it"
        } else {
            "the key of this server is not the one that is trusted, and nothing was sent to it"
        };
        let expected: Vec<String> = trusted.iter().map(fingerprint).collect();
        let expected = if expected.is_empty() { format!("a key of it in {kept}") } else { expected.join(" or ") };
        Failure::from(
            Error::new(Exit::NotPermitted, what).file(self.server()).expected(expected).found(fingerprint(key)).next(format!(
                "ask the provider, not this server, for its fingerprint; put its key into {kept} if it is this one"
            )),
        )
    }

    fn broken(&self, error: &russh::Error) -> Failure {
        if let russh::Error::NoCommonAlgo { kind, theirs, .. } = error {
            return Failure::from(
                Error::configuration("the server offers nothing that is safe enough to talk to it")
                    .file(self.server())
                    .found(format!("{kind:?}: {}", plain(&theirs.join(", "))))
                    .next("ask the provider for a server of this decade"),
            );
        }
        Failure::soon(
            Error::new(Exit::TryAgain, format!("the connection failed: {}", plain(&error.to_string())))
                .file(self.server())
                .next("try again later; if it stays so, ask the provider"),
        )
    }
}

impl Connection {
    /// The state of a file, or none if there is no such file.
    pub(super) fn state(&self, conversation: &Conversation, path: &str) -> std::result::Result<Option<State>, Failure> {
        match conversation.wait(self.sftp.metadata(path))? {
            Ok(metadata) => self.seen(path, &metadata).map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.trouble(&error, "look at", path)),
        }
    }

    /// What is in a folder, or none if there is no such folder.
    pub(super) fn folder(&self, conversation: &Conversation, path: &str) -> std::result::Result<Option<Vec<Entry>>, Failure> {
        let folder = if path.is_empty() { "." } else { path };
        let listed = match conversation.wait(self.sftp.read_dir(folder))? {
            Ok(listed) => listed,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.trouble(&error, "list", folder)),
        };
        let entries = listed.map(|entry| {
            let (name, metadata) = (entry.file_name(), entry.metadata());
            let kind = metadata.file_type();
            let state = if kind.is_symlink() { None } else { Some(self.seen(&name, &metadata)?) };
            Ok(Entry { name, is_folder: kind.is_dir(), state })
        });
        entries.collect::<std::result::Result<_, Failure>>().map(Some)
    }

    /// Reads a file from a byte of it on, many pieces ahead, until it ends or `take` wants no more.
    pub(super) fn read(
        &self,
        conversation: &Conversation,
        path: &str,
        from: u64,
        mut take: impl FnMut(&[u8]) -> Result<bool>,
    ) -> std::result::Result<(), Failure> {
        let opened = conversation.wait(async {
            let mut file = self.sftp.open(path).await?;
            file.seek(SeekFrom::Start(from)).await?;
            Ok(file)
        })?;
        let mut file = opened.map_err(|error: SftpError| self.trouble(&error, "open", path))?;
        let mut buffer = vec![0; 1 << 18];
        let mut read_all = || {
            loop {
                let read = conversation.wait(file.read(&mut buffer))?;
                let count = read.map_err(|error| self.trouble(&error.into(), "read", path))?;
                if count == 0 || !take(&buffer[..count])? {
                    return Ok(());
                }
            }
        };
        let read = read_all();
        // To drop a file is to ask the server to close it, which takes a runtime.
        conversation.wait(async move { drop(file) })?;
        read
    }

    fn seen(&self, path: &str, metadata: &Metadata) -> std::result::Result<State, Failure> {
        let Some(size) = metadata.size else {
            return Err(Error::data("the server does not say how large the file is").file(self.shown(path)).into());
        };
        Ok(State { size, modified: metadata.mtime })
    }

    fn trouble(&self, error: &SftpError, doing: &str, path: &str) -> Failure {
        trouble(error, doing, &self.shown(path))
    }

    fn shown(&self, path: &str) -> String {
        format!("{}/{}", self.server, plain(path.trim_start_matches('/')))
    }
}

impl State {
    /// As a version of the file. None where only its size is known, which may stay the same.
    pub(super) fn version(&self) -> Option<String> {
        self.modified.map(|modified| format!("{} bytes at {modified}", self.size))
    }
}

/// Lets no server in that is not trusted.
struct Guard {
    trusted: Vec<PublicKey>,
}

/// Why there is no connection.
#[derive(Debug)]
enum Refusal {
    /// This is the key of a server that is not trusted.
    Stranger(PublicKey),
    Broken(russh::Error),
}

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        Self::Broken(error)
    }
}

impl Handler for Guard {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> std::result::Result<bool, Refusal> {
        let key = shown.public_key();
        let is_trusted = self.trusted.iter().any(|trusted| trusted.key_data() == key.key_data());
        if is_trusted && shown.certificate().is_none() { Ok(true) } else { Err(Refusal::Stranger(key)) }
    }
}

/// The algorithms of today, those of the trusted keys first: a server shows the key that is asked for first.
fn preferred(trusted: &[PublicKey]) -> Preferred {
    let modern = Preferred::DEFAULT;
    let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
    let has = |algorithm: &Algorithm| {
        trusted.iter().any(|key| key.algorithm() == *algorithm || is_rsa(algorithm) && is_rsa(&key.algorithm()))
    };
    let mut keys: Vec<Algorithm> = modern.key.iter().filter(|key| **key != Algorithm::Rsa { hash: None }).cloned().collect();
    keys.sort_by_key(|algorithm| !has(algorithm));
    Preferred { key: keys.into(), ..modern }
}

/// Answers every question the server asks for nobody to see with the password.
async fn answer(ssh: &mut Handle<Guard>, user: &str, password: &SecretText) -> std::result::Result<bool, russh::Error> {
    /// Rounds of questions a server may ask.
    const ROUNDS: usize = 5;
    let mut asked = ssh.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..ROUNDS {
        let prompts = match asked {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        if prompts.iter().any(|prompt| prompt.echo) {
            return Ok(false);
        }
        let answers = prompts.iter().map(|_| password.reveal().to_owned()).collect();
        asked = ssh.authenticate_keyboard_interactive_respond(answers).await?;
    }
    Ok(false)
}

fn fingerprint(key: &PublicKey) -> String {
    format!("{} ({})", key.fingerprint(HashAlg::Sha256), key.algorithm())
}

fn is_missing(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

fn trouble(error: &SftpError, doing: &str, path: &str) -> Failure {
    if let SftpError::Status(status) = error
        && status.status_code == StatusCode::PermissionDenied
    {
        return Failure::from(
            Error::new(Exit::NotPermitted, format!("the server does not let us {doing} this"))
                .file(path)
                .found(plain(&status.error_message))
                .next("ask the provider for the permission"),
        );
    }
    Failure::soon(
        Error::new(Exit::TryAgain, format!("cannot {doing} this: {}", plain(&error.to_string())))
            .file(path)
            .next("try again later; if it stays so, ask the provider"),
    )
}

/// Words of the server, fit to be shown.
fn plain(text: &str) -> String {
    text.chars().take(200).collect::<String>().escape_debug().to_string()
}
