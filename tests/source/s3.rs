//! A small S3 in this process: one bucket that is read and written, and the ways in which a store fails. Google Cloud
//! Storage differs from it in how a state of an object is named. It can also stand before a real one, and hold nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The server.
pub(crate) struct S3 {
    pub(crate) port: u16,
    held: Arc<Mutex<Held>>,
}

/// What it holds, and how it fails.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Answers to a request whose target holds this text: a status and a code.
    pub(crate) refuses: Option<(&'static str, u16, &'static str)>,
    /// The connection breaks once after so many bytes of an object.
    pub(crate) break_after: Option<usize>,
    /// What replaces every object when the connection breaks.
    pub(crate) replacement: Option<Vec<u8>>,
    /// Every object is another one at each look.
    pub(crate) restless: bool,
    /// Requests, as `GET /bucket/key bytes=0-9`.
    pub(crate) asked: Vec<String>,
    /// What happens to one request, by its number among those since [`S3::begin`].
    pub(crate) fault: Option<(usize, Fault)>,
    /// Requests since then.
    pub(crate) count: usize,
    /// Whether the fault has happened.
    pub(crate) happened: bool,
    /// The request whose answer never comes and was waited for longer than that of any store.
    pub(crate) waited_out: Option<String>,
    /// What an object whose key holds this text becomes when it is put: the last of its bytes is another one.
    pub(crate) spoils: Option<&'static str>,
    /// Objects are written whatever is said of the state they must be in.
    pub(crate) unconditional: bool,
    /// When every object was written, as headers say it.
    pub(crate) modified: Option<String>,
    /// Where the real store is to which all is passed on that meets no fault.
    real: Option<String>,
    /// Uploads in parts that have begun.
    parts: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
}

/// After how long a silent server ends the connection: so that who waits for ever fails, and does not hang.
const PATIENCE: Duration = Duration::from_mins(5);

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is answered with this status, and not done.
    Status(u16),
    /// The connection ends before anything is done.
    Cut,
    /// It is done, and the connection ends before the answer.
    Lost,
    /// The process is killed before anything is done, by this request's answer never coming: whoever waits kills it.
    Silence,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let held = Arc::new(Mutex::new(Held::default()));
        let serving = held.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let held = serving.clone();
                std::thread::spawn(move || while answer(&stream, &held).is_some() {});
            }
        });
        Self { port, held }
    }

    /// Stands before the real store at `endpoint`.
    pub(crate) fn before(endpoint: &str) -> Self {
        let server = Self::start();
        server.held().real = Some(endpoint.trim_start_matches("http://").to_owned());
        server
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// Counts requests anew; the one of this number meets a fault.
    pub(crate) fn begin(&self, fault: Option<(usize, Fault)>) {
        let mut held = self.held();
        (held.fault, held.count, held.happened) = (fault, 0, false);
        held.asked.clear();
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        self.held().objects.insert(key.to_owned(), bytes.to_vec());
    }
}

/// Answers one request. None where the connection is over.
fn answer(stream: &TcpStream, state: &Mutex<Held>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines();
    let request = lines.next()?.ok()?;
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        let found = headers.iter().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value)
    };
    let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (method, target) = request.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let target = &decoded(target);
    let mut held = state.lock().unwrap();
    held.asked.push(format!("{method} {target} {}", header("range").unwrap_or("")).trim_end().to_owned());
    held.count += 1;
    let fault = held.fault.filter(|(number, _)| *number == held.count).map(|(_, fault)| fault);
    held.happened |= fault.is_some();
    match fault {
        Some(Fault::Status(status)) => return reply(stream, status, "", b"<Error><Code>Fault</Code></Error>", method == "HEAD"),
        Some(Fault::Cut) => return None,
        Some(Fault::Silence) => {
            drop(held);
            std::thread::sleep(PATIENCE);
            if let Ok(mut held) = state.lock() {
                held.waited_out = Some(request);
            }
            return None;
        }
        Some(Fault::Lost) | None => {}
    }
    if let Some(real) = held.real.clone() {
        drop(held);
        let answer = pass_on(&real, &request, &headers, &body)?;
        if fault.is_none() {
            (&*stream).write_all(&answer).ok()?;
        }
        return None;
    }
    let done = match method {
        "GET" | "HEAD" if fault.is_some() => return None,
        "GET" | "HEAD" => return read(stream, &mut held, method == "HEAD", target, &header),
        _ => write(&mut held, method, target, &header, body)?,
    };
    if fault == Some(Fault::Lost) {
        return None;
    }
    let (status, headers, text) = done;
    reply(stream, status, &headers, text.as_bytes(), false)
}

/// What a real store answers to a request. It closes the line then.
fn pass_on(real: &str, request: &str, headers: &[String], body: &[u8]) -> Option<Vec<u8>> {
    let mut store = TcpStream::connect(real).ok()?;
    let mut head = format!("{request}\r\nConnection: close\r\n");
    for line in headers.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")) {
        write!(head, "{line}\r\n").unwrap();
    }
    store.write_all(&[head.as_bytes(), b"\r\n", body].concat()).ok()?;
    let mut answer = Vec::new();
    store.read_to_end(&mut answer).ok()?;
    Some(answer)
}

/// A target whose path is as it is meant. Clients write different letters of it as their numbers.
fn decoded(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, String::new()), |(path, query)| (path, format!("?{query}")));
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        text.push_str(&part[2..]);
    }
    text + &query
}

/// Changes what is held, as a request asks; gives the answer.
fn write<'h>(
    held: &mut Held,
    method: &str,
    target: &str,
    header: &dyn Fn(&str) -> Option<&'h str>,
    body: Vec<u8>,
) -> Option<(u16, String, String)> {
    if method == "POST" && target.starts_with("/bucket?delete") {
        let text = String::from_utf8(body).ok()?;
        let mut deleted = String::new();
        for (key, _) in text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")) {
            held.objects.remove(key);
            write!(deleted, "<Deleted><Key>{key}</Key></Deleted>").unwrap();
        }
        return Some((200, String::new(), format!("<DeleteResult>{deleted}</DeleteResult>")));
    }
    let (key, query) = target.strip_prefix("/bucket/")?.split_once('?').unwrap_or((target.strip_prefix("/bucket/")?, ""));
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let plain = |status: u16| Some((status, String::new(), String::new()));
    match (method, query) {
        ("POST", "uploads" | "uploads=") => {
            held.parts.insert(key.to_owned(), BTreeMap::new());
            let text = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
            return Some((200, String::new(), text.to_owned()));
        }
        ("PUT", _) if value("partNumber").is_some() => {
            let Some(parts) = held.parts.get_mut(key) else { return plain(404) };
            let tag = tag(&body);
            parts.insert(value("partNumber")?.parse().ok()?, body);
            return Some((200, format!("ETag: {tag}\r\n"), String::new()));
        }
        ("DELETE", _) if value("uploadId").is_some() => {
            held.parts.remove(key);
            return plain(204);
        }
        ("DELETE", _) => {
            held.objects.remove(key);
            return plain(204);
        }
        _ => {}
    }
    let mut whole = if method == "POST" {
        let Some(parts) = held.parts.remove(key) else { return plain(404) };
        parts.into_values().flatten().collect()
    } else {
        body
    };
    let is_there = held.objects.get(key).map(|bytes| tag(bytes));
    let generation = held.objects.get(key).map_or("0".to_owned(), |bytes| sum(bytes).to_string());
    let holds = header("if-none-match").is_none_or(|_| is_there.is_none())
        && header("if-match").is_none_or(|wanted| is_there.as_deref() == Some(wanted))
        && header("x-goog-if-generation-match").is_none_or(|wanted| wanted == generation);
    if !holds && !held.unconditional {
        return Some((412, String::new(), "<Error><Code>PreconditionFailed</Code></Error>".to_owned()));
    }
    if held.spoils.is_some_and(|text| key.contains(text)) {
        *whole.last_mut()? ^= 1;
    }
    let (tag, generation) = (tag(&whole), sum(&whole));
    held.objects.insert(key.to_owned(), whole);
    let escaped = tag.replace('"', "&quot;");
    let text = format!("<CompleteMultipartUploadResult><ETag>{escaped}</ETag></CompleteMultipartUploadResult>");
    Some((
        200,
        format!("ETag: {tag}\r\nx-goog-generation: {generation}\r\n"),
        if method == "POST" { text } else { String::new() },
    ))
}

/// Answers with what is held.
fn read<'h>(
    stream: &TcpStream,
    held: &mut Held,
    is_head: bool,
    target: &str,
    header: &dyn Fn(&str) -> Option<&'h str>,
) -> Option<()> {
    if let Some((part, status, code)) = held.refuses
        && target.contains(part)
    {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        return reply(stream, status, "", body.as_bytes(), is_head);
    }
    if let Some((_, query)) = target.split_once('?') {
        return reply(stream, 200, "", listing(held, query).as_bytes(), false);
    }
    let key = target.strip_prefix("/bucket/")?;
    if held.restless {
        held.objects.get_mut(key)?.push(b'x');
    }
    let Some(bytes) = held.objects.get(key).cloned() else { return reply(stream, 404, "", b"", is_head) };
    let tag = tag(&bytes);
    if header("if-match").is_some_and(|wanted| wanted != tag) {
        return reply(stream, 412, "", b"<Error><Code>PreconditionFailed</Code></Error>", is_head);
    }
    let modified = held.modified.as_deref().unwrap_or("Sat, 21 Nov 2026 01:00:00 GMT");
    let described = format!("ETag: {tag}\r\nx-goog-generation: {}\r\nLast-Modified: {modified}\r\n", sum(&bytes));
    let Some(range) = header("range") else { return reply(stream, 200, &described, &bytes, is_head) };
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
    let described = format!("{described}Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
    let part = &bytes[from..=to];
    if let Some(after) = held.break_after.take_if(|after| *after < to) {
        if let Some(replacement) = held.replacement.take() {
            held.objects.values_mut().for_each(|object| object.clone_from(&replacement));
        }
        let begins = format!("HTTP/1.1 206 x\r\n{described}Content-Length: {}\r\n\r\n", part.len());
        (&*stream).write_all(&[begins.as_bytes(), &part[..after - from]].concat()).ok()?;
        stream.shutdown(std::net::Shutdown::Both).ok()?;
        return None;
    }
    reply(stream, 206, &described, part, false)
}

fn reply(mut stream: &TcpStream, status: u16, headers: &str, body: &[u8], is_head: bool) -> Option<()> {
    let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    if is_head { Some(()) } else { stream.write_all(body).ok() }
}

fn listing(held: &Held, query: &str) -> String {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default().replace("%2F", "/");
    let mut body = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    let mut folders = Vec::new();
    for (key, bytes) in held.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        if let Some((folder, _)) = key[prefix.len()..].split_once('/').filter(|_| query.contains("delimiter=")) {
            folders.push(format!("{prefix}{folder}/"));
            continue;
        }
        let (size, tag) = (bytes.len(), tag(bytes).replace('"', "&quot;"));
        write!(body, "<Contents><Key>{key}</Key><LastModified>2026-11-21T01:00:00.000Z</LastModified>").unwrap();
        write!(body, "<ETag>{tag}</ETag><Size>{size}</Size></Contents>").unwrap();
    }
    folders.dedup();
    for folder in folders {
        write!(body, "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>").unwrap();
    }
    body + "</ListBucketResult>"
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{:x}\"", sum(bytes))
}

/// What tells one state of an object from another.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7_u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into())) >> 1
}
