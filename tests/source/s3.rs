//! A small S3 in this process: one bucket, and the ways in which a store fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

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

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        self.held().objects.insert(key.to_owned(), bytes.to_vec());
    }
}

/// Answers one request. None where the connection is over.
fn answer(stream: &TcpStream, held: &Mutex<Held>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header =
        |name: &str| headers.iter().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
    let (method, target) = request.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let mut held = held.lock().unwrap();
    held.asked.push(format!("{method} {target} {}", header("range").map_or("", |(_, range)| range)).trim_end().to_owned());
    let is_head = method == "HEAD";
    if let Some((part, status, code)) = held.refuses
        && target.contains(part)
    {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        return reply(stream, status, "", body.as_bytes(), is_head);
    }
    if let Some((_, query)) = target.split_once('?') {
        return reply(stream, 200, "", listing(&held, query).as_bytes(), false);
    }
    let key = target.strip_prefix("/bucket/")?;
    if held.restless {
        held.objects.get_mut(key)?.push(b'x');
    }
    let Some(bytes) = held.objects.get(key).cloned() else { return reply(stream, 404, "", b"", is_head) };
    let tag = tag(&bytes);
    if header("if-match").is_some_and(|(_, wanted)| wanted != tag) {
        return reply(stream, 412, "", b"<Error><Code>PreconditionFailed</Code></Error>", is_head);
    }
    let described = format!("ETag: {tag}\r\nLast-Modified: Sat, 21 Nov 2026 01:00:00 GMT\r\n");
    let Some((_, range)) = header("range") else { return reply(stream, 200, &described, &bytes, is_head) };
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
        if let Some((folder, _)) = key[prefix.len()..].split_once('/') {
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
    let sum = bytes.iter().fold(7_u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("\"{sum:x}\"")
}
