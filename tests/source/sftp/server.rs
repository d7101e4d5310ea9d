//! An SFTP server in this process: it serves what a test gives it, and fails where a test says.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use russh::keys::ssh_key::private::RsaKeypair;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use russh_sftp::protocol::{Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode};

/// A server, and what happened to it.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) host_key: PrivateKey,
    shared: Arc<Shared>,
}

/// What a server holds.
#[derive(Default)]
pub(crate) struct Held {
    /// By their paths. A path that ends with `/` is a folder.
    pub(crate) files: BTreeMap<String, Shelved>,
    /// Names a listing has besides.
    pub(crate) hostile: Vec<String>,
    /// The connection breaks once, when a byte from here on is asked for.
    pub(crate) break_at: Option<u64>,
    /// Folders that may not be listed.
    pub(crate) no_listing: bool,
    /// Whether the password is asked for in a dialogue.
    pub(crate) asks: bool,
    /// The key of the user.
    pub(crate) user_key: Option<PrivateKey>,
    /// Where reading began, and of how many bytes at a time.
    pub(crate) reads: Vec<u64>,
    /// How often somebody tried to log in.
    pub(crate) logins: usize,
}

/// A file it holds.
#[derive(Clone, Default)]
pub(crate) struct Shelved {
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: u32,
    /// Grows at each look.
    pub(crate) growing: bool,
}

struct Shared {
    held: Mutex<Held>,
    open: Mutex<Vec<TcpStream>>,
}

pub(crate) fn ed25519() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

pub(crate) fn rsa() -> PrivateKey {
    RsaKeypair::random(&mut russh::keys::key::safe_rng(), 2048).unwrap().into()
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with_key(ed25519())
    }

    pub(crate) fn with_key(host_key: PrivateKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { held: Mutex::default(), open: Mutex::default() });
        let config = Arc::new(Config {
            keys: vec![host_key.clone()],
            auth_rejection_time: std::time::Duration::ZERO,
            ..Config::default()
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for stream in listener.incoming() {
                let (stream, shared, config) = (stream.unwrap(), serving.clone(), config.clone());
                shared.open.lock().unwrap().push(stream.try_clone().unwrap());
                stream.set_nonblocking(true).unwrap();
                // One guest at a time.
                runtime.block_on(async {
                    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
                    if let Ok(session) = russh::server::run_stream(config, stream, Guest { shared, channel: None }).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self { port, host_key, shared }
    }

    pub(crate) fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.shared.held.lock().unwrap()
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let file = Shelved { bytes: bytes.to_vec(), modified: 1_790_000_000, growing: false };
        self.held().files.insert(path.to_owned(), file);
    }

    pub(crate) fn public_key(&self) -> String {
        self.host_key.public_key().to_openssh().unwrap()
    }
}

struct Guest {
    shared: Arc<Shared>,
    channel: Option<Channel<Msg>>,
}

impl Guest {
    fn verdict(&self, right: bool) -> Auth {
        if right {
            return Auth::Accept;
        }
        let ask = [MethodKind::PublicKey, MethodKind::KeyboardInteractive];
        let take = [MethodKind::PublicKey, MethodKind::Password];
        let methods = MethodSet::from(&if self.shared.held.lock().unwrap().asks { ask } else { take }[..]);
        Auth::Reject { proceed_with_methods: Some(methods), partial_success: false }
    }
}

impl russh::server::Handler for Guest {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.shared.held.lock().unwrap().logins += 1;
        let asks = self.shared.held.lock().unwrap().asks;
        Ok(self.verdict(!asks && (user, password) == ("reader", "open sesame")))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        answers: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut answers) = answers else {
            let prompts = vec![("Password:".into(), false)].into();
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        Ok(self.verdict(answers.next().is_some_and(|answer| &*answer == b"open sesame")))
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.shared.held.lock().unwrap().logins += 1;
        let known = self.shared.held.lock().unwrap().user_key.clone();
        Ok(self.verdict(known.is_some_and(|known| known.public_key().key_data() == key.public_key.key_data())))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        let stream = self.channel.take().unwrap().into_stream();
        russh_sftp::server::run(stream, Files { shared: self.shared.clone(), unlisted: None }).await;
        Ok(())
    }
}

struct Files {
    shared: Arc<Shared>,
    /// What is left of the folder that is being listed.
    unlisted: Option<Vec<File>>,
}

impl Files {
    fn state(&self, path: &str) -> Result<FileAttributes, StatusCode> {
        let mut held = self.shared.held.lock().unwrap();
        let file = held.files.get_mut(path).ok_or(StatusCode::NoSuchFile)?;
        if file.growing {
            file.bytes.push(b'x');
        }
        Ok(attributes(file, path.ends_with('/')))
    }
}

fn attributes(file: &Shelved, is_folder: bool) -> FileAttributes {
    let kind = if is_folder { 0o040_755 } else { 0o100_644 };
    FileAttributes {
        size: Some(file.bytes.len() as u64),
        permissions: Some(kind),
        mtime: Some(file.modified),
        atime: Some(file.modified),
        ..FileAttributes::empty()
    }
}

impl russh_sftp::server::Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        self.unlisted = None;
        let held = self.shared.held.lock().unwrap();
        if held.no_listing {
            return Err(StatusCode::PermissionDenied);
        }
        let is_there = held.files.keys().any(|file| file.starts_with(&path));
        if is_there { Ok(Handle { id, handle: path }) } else { Err(StatusCode::NoSuchFile) }
    }

    async fn readdir(&mut self, id: u32, folder: String) -> Result<Name, Self::Error> {
        /// Entries of one answer.
        const ENTRIES: usize = 1_000;
        if let Some(left) = &mut self.unlisted {
            let files: Vec<File> = left.drain(..left.len().min(ENTRIES)).collect();
            return if files.is_empty() { Err(StatusCode::Eof) } else { Ok(Name { id, files }) };
        }
        let inside: Vec<String> = {
            let held = self.shared.held.lock().unwrap();
            held.files.keys().filter(|path| path.starts_with(&folder) && **path != folder).cloned().collect()
        };
        let mut files = vec![File::new(".", FileAttributes::empty()), File::new("..", FileAttributes::empty())];
        for path in inside {
            let name = &path[folder.len()..];
            if !name.trim_end_matches('/').contains('/') {
                files.push(File::new(name.trim_end_matches('/'), self.state(&path)?));
            }
        }
        let hostile = self.shared.held.lock().unwrap().hostile.clone();
        files.extend(hostile.into_iter().map(|name| File::new(name, attributes(&Shelved::default(), false))));
        let later = files.split_off(files.len().min(ENTRIES));
        self.unlisted = Some(later);
        Ok(Name { id, files })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        Ok(Attrs { id, attrs: self.state(&path)? })
    }

    async fn open(&mut self, id: u32, path: String, _: OpenFlags, _: FileAttributes) -> Result<Handle, Self::Error> {
        if path.contains("secret") {
            return Err(StatusCode::PermissionDenied);
        }
        self.state(&path).map(|_| Handle { id, handle: path })
    }

    async fn close(&mut self, id: u32, _: String) -> Result<Status, Self::Error> {
        Ok(Status { id, status_code: StatusCode::Ok, error_message: String::new(), language_tag: String::new() })
    }

    async fn read(&mut self, id: u32, path: String, offset: u64, length: u32) -> Result<Data, Self::Error> {
        // As much as most servers give at once.
        const MOST: u64 = 1 << 15;
        let mut held = self.shared.held.lock().unwrap();
        held.reads.push(offset);
        if held.break_at.is_some_and(|at| offset >= at) {
            held.break_at = None;
            for stream in self.shared.open.lock().unwrap().drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        let bytes = &held.files.get(&path).ok_or(StatusCode::NoSuchFile)?.bytes;
        let begin = usize::try_from(offset).unwrap().min(bytes.len());
        let end = bytes.len().min(begin + usize::try_from(MOST.min(length.into())).unwrap());
        if begin == end { Err(StatusCode::Eof) } else { Ok(Data { id, data: bytes[begin..end].to_vec() }) }
    }
}
