//! A small server of HTTP/1.1: answers as it is told to, and fails as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A server, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<Heard>>>,
    answered: Arc<Mutex<Vec<Heard>>>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Says {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) how: How,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// All of it, its length first.
    Whole,
    /// In pieces, its length not said.
    InPieces,
    /// So many bytes of it; then the connection ends.
    BreaksAfter(usize),
    /// With a length that is not its own.
    Announces(usize),
    /// The head, and then nothing.
    Stalls,
    /// So many bytes of it, and then nothing until the other side goes away.
    StallsAfter(usize),
}

impl Server {
    /// A server that answers with `talk`, one connection a request.
    pub(crate) fn start(talk: impl Fn(&Heard) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, ended) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let (heard, answered) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let talk = Arc::new(talk);
        let (is_over, noted, ended_well) = (ended.clone(), heard.clone(), answered.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let (stream, talk, noted, ended_well) = (stream.unwrap(), talk.clone(), noted.clone(), ended_well.clone());
                thread::spawn(move || {
                    let Some(request) = hear(&stream) else { return };
                    noted.lock().unwrap().push(request.clone());
                    // A client that has heard enough goes away, which is its right.
                    if say(&stream, &talk(&request)).is_ok() {
                        ended_well.lock().unwrap().push(request);
                    }
                });
            }
        });
        Self { address, ended, heard, answered }
    }

    /// Its address, as a source names it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Those of which the whole answer was sent.
    pub(crate) fn answered(&self) -> Vec<Heard> {
        self.answered.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Heard {
    /// A header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The path.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The pairs of the query, or of the form.
    pub(crate) fn pairs(&self) -> BTreeMap<String, String> {
        let text = if self.method == "POST" { &self.body } else { self.target.split_once('?').map_or("", |(_, query)| query) };
        url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }
}

impl Says {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), how: How::Whole }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn how(mut self, how: How) -> Self {
        self.how = how;
        self
    }
}

fn hear(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { method, target, headers, body: String::from_utf8(body).unwrap() })
}

fn say(mut stream: &TcpStream, says: &Says) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} As told\r\nConnection: close\r\n", says.status)?;
    for (name, value) in &says.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    match says.how {
        How::InPieces => write!(stream, "Transfer-Encoding: chunked\r\n\r\n")?,
        How::Announces(length) => write!(stream, "Content-Length: {length}\r\n\r\n")?,
        _ => write!(stream, "Content-Length: {}\r\n\r\n", says.body.len())?,
    }
    match says.how {
        How::InPieces => {
            for piece in says.body.chunks(100) {
                write!(stream, "{:x}\r\n", piece.len())?;
                stream.write_all(piece)?;
                write!(stream, "\r\n")?;
            }
            write!(stream, "0\r\n\r\n")
        }
        How::BreaksAfter(bytes) => stream.write_all(&says.body[..bytes]),
        How::Stalls => {
            thread::sleep(Duration::from_secs(2));
            Ok(())
        }
        How::StallsAfter(bytes) => {
            stream.write_all(&says.body[..bytes])?;
            let _ = stream.read(&mut [0]);
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        How::Whole | How::Announces(_) => stream.write_all(&says.body),
    }
}
