//! Talking to the interface of a provider over HTTP: nothing in the open, nowhere unexpected, no more than can be right.

use std::error::Error as _;
use std::io::Read;
use std::time::Duration;

use chrono::DateTime;
use flate2::read::MultiGzDecoder;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};
use ring::rand::{SecureRandom, SystemRandom};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::conversation::{Again, Conversation, Failure};
use crate::error::{Error, Exit, Result};
use crate::format::bounds::{UNPACKED_BYTES as FILE_BYTES, Unpacked};
use crate::lake::Incoming;
use crate::mask;
use crate::secret::SecretText;

/// The most an answer that is read into memory may hold.
pub const ANSWER_BYTES: usize = 1 << 20;
/// How often one request may be sent elsewhere.
const REDIRECTS: usize = 3;
/// The most of what a provider said that is repeated, in letters.
const SAID: usize = 240;
/// From so many letters on, what could be base64 is a key, a token or a signature, and no word.
const NO_WORD: usize = 24;

/// What a try came to.
pub type Tried<T> = std::result::Result<T, Failure>;

/// Where an interface is: a scheme, a host, perhaps a port and a path. HTTPS, unless the host is this machine itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Endpoint(Url);

/// A client for one conversation with one interface.
pub struct Client<'c, 'a> {
    conversation: &'c Conversation<'a>,
    client: reqwest::Client,
    endpoint: &'c Endpoint,
    hosts: &'static [&'static str],
}

/// An answer. It may hold what must not be shown.
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; empty where that went into a file.
    pub body: Vec<u8>,
}

/// A file on its way. It goes on where it broke off if it can be told that it is still the same one.
pub struct Transfer<'i> {
    /// What has arrived.
    pub incoming: Incoming<'i>,
    /// The strong entity tag of the file that began to arrive.
    tag: Option<HeaderValue>,
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("not the address of an interface: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("the address of an interface has no user, no query and no fragment".to_owned());
        }
        if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) {
            return Ok(Self(url));
        }
        Err("the address of an interface begins with https://, unless it is on this machine".to_owned())
    }
}

impl Endpoint {
    /// An address known when this was written.
    #[must_use]
    pub fn known(text: &'static str) -> Self {
        Self::try_from(text.to_owned()).expect("an address that is written in the code is right")
    }

    /// The address of something below it. `path` begins with a slash, and may have a query.
    pub fn at(&self, path: &str) -> Result<Url> {
        let base = self.0.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}")).map_err(|error| Error::configuration(format!("not an address: {error}")))
    }

    /// Its host, for people and for politeness.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().expect("an address of HTTP has a host")
    }

    /// Checks an address that came from outside before anything is sent there: it is the interface itself, or one of
    /// `hosts` by HTTPS at the usual port. A host that begins with a point stands for all below it.
    pub fn admits(&self, url: &Url, hosts: &[&str]) -> Result<()> {
        let named = |host: &str| {
            hosts.iter().any(|known| match known.strip_prefix('.') {
                Some(_) => host.len() > known.len() && host.ends_with(known),
                None => host == *known,
            })
        };
        let itself = url.origin() == self.0.origin();
        let elsewhere = url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(named);
        if (itself || elsewhere) && url.username().is_empty() && url.password().is_none() {
            return Ok(());
        }
        let expected: Vec<&str> = std::iter::once(self.host()).chain(hosts.iter().copied()).collect();
        Err(Error::data("the provider names an address that is not known to be its own, and nothing was sent there")
            .expected(format!("https://, and one of {}", expected.join(", ")))
            .found(format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()))
            .next("ask the provider whether its files are served from there"))
    }
}

impl<'c, 'a> Client<'c, 'a> {
    /// A client for the interface at `endpoint`, whose files may lie on `hosts` too. It keeps no cookies, follows no
    /// redirect by itself, and takes no proxy from the environment: what it may reach, the job says.
    pub fn new(conversation: &'c Conversation<'a>, endpoint: &'c Endpoint, hosts: &'static [&'static str]) -> Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("tieout/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(conversation.manners().silence)
            .build()
            .map_err(|error| {
                Error::configuration(format!("cannot talk HTTPS: {}", reasons(error)))
                    .next("install the root certificates of the system")
            })?;
        Ok(Self { conversation, client, endpoint, hosts })
    }

    /// An address that came from outside, checked.
    pub fn address(&self, text: &str) -> Result<Url> {
        let url = Url::parse(text).map_err(|error| Error::data(format!("the provider names no address: {error}")))?;
        self.endpoint.admits(&url, self.hosts)?;
        Ok(url)
    }

    /// Asks, and reads the answer, whatever it is.
    pub fn ask(&self, request: &Request) -> Tried<Reply> {
        self.ask_for(request, ANSWER_BYTES)
    }

    /// Asks, and reads an answer of at most so many bytes.
    pub fn ask_for(&self, request: &Request, bytes: usize) -> Tried<Reply> {
        self.conversation.with_host(host(request.url()), || self.reply(self.send(request)?, request, bytes))
    }

    /// Asks, and reads no more of the answer than its head, where it is a good one.
    pub fn look(&self, request: &Request) -> Tried<Reply> {
        self.conversation.with_host(host(request.url()), || {
            let response = self.send(request)?;
            if !response.status().is_success() {
                return self.reply(response, request, ANSWER_BYTES);
            }
            Ok(Reply { status: response.status(), headers: response.headers().clone(), body: Vec::new() })
        })
    }

    /// Asks for a file. Its bytes go into the transfer; an answer that is not the file is given back with its body.
    pub fn download(&self, request: &Request, transfer: &mut Transfer) -> Tried<Reply> {
        self.conversation.with_host(host(request.url()), || {
            let mut request = copy(request);
            let rest = transfer.tag.clone().filter(|_| transfer.incoming.bytes() > 0);
            if let Some(tag) = rest {
                let range = format!("bytes={}-", transfer.incoming.bytes());
                request.headers_mut().insert(header::RANGE, HeaderValue::try_from(range).expect("digits are a value"));
                request.headers_mut().insert(header::IF_RANGE, tag);
            }
            let response = self.send(&request)?;
            match response.status() {
                StatusCode::OK => transfer.begin(&response)?,
                StatusCode::PARTIAL_CONTENT if transfer.goes_on(&response) => {}
                StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                    transfer.forget()?;
                    return Err(Failure::soon(broken("the other side sends another part than was asked for")));
                }
                _ => return self.reply(response, &request, ANSWER_BYTES),
            }
            self.stream(response, &request, &mut transfer.incoming)
        })
    }

    /// A failure that the provider's own vocabulary does not name: by its status alone. `said` are its words.
    pub fn refused(&self, reply: &Reply, said: &str) -> Failure {
        let status = reply.status.as_u16();
        let found = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
        let asked = reply.header("retry-after").and_then(|text| self.retry_after(text));
        let again = asked.map_or(Again::Soon, Again::After);
        match status {
            429 | 503 => Failure { error: again_later("the provider asks to come back later").found(found), again },
            408 | 425 | 500.. => Failure { error: again_later("the provider has trouble of its own").found(found), again },
            401 | 403 => Error::new(Exit::NotPermitted, "the provider does not permit it")
                .found(found)
                .next("check the account, its key and what the provider lets it see")
                .into(),
            _ => Error::configuration("the provider refuses what was asked for")
                .found(found)
                .next("compare the source of the job with the provider's settings")
                .into(),
        }
    }

    fn send(&self, request: &Request) -> Tried<Response> {
        let mut request = copy(request);
        for _ in 0..=REDIRECTS {
            let sent = self.conversation.wait(self.client.execute(copy(&request)))?;
            let response = sent.map_err(unanswered)?;
            let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            let Some(to) = to.filter(|_| response.status().is_redirection() && request.method().is_safe()) else {
                return Ok(response);
            };
            let from = request.url();
            let to = from.join(to).map_err(|error| Error::data(format!("the provider sends on to no address: {error}")))?;
            self.endpoint.admits(&to, self.hosts)?;
            if to.scheme() == "http" && from.scheme() == "https" {
                return Err(Error::data("the provider sends on from HTTPS to HTTP, and nothing was sent there").into());
            }
            request = sent_on(&request, to);
        }
        Err(Error::data("the provider sends on and on").found(format!("more than {REDIRECTS} redirects")).into())
    }

    fn reply(&self, mut response: Response, request: &Request, bytes: usize) -> Tried<Reply> {
        not_compressed(&response, request)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut response)? {
            if body.len() + piece.len() > bytes {
                return Err(Error::data("the answer is longer than any that can be right")
                    .expected(format!("at most {bytes} bytes"))
                    .into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply { status, headers, body })
    }

    fn stream(&self, mut response: Response, request: &Request, incoming: &mut Incoming) -> Tried<Reply> {
        not_compressed(&response, request)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let whole = response.content_length().map(|length| incoming.bytes() + length);
        let too_long =
            || Error::data("the file is longer than any that can be right").expected(format!("at most {FILE_BYTES} bytes"));
        if whole.is_some_and(|whole| whole > FILE_BYTES) {
            return Err(too_long().into());
        }
        while let Some(piece) = self.piece(&mut response)? {
            if incoming.bytes() + piece.len() as u64 > FILE_BYTES {
                return Err(too_long().into());
            }
            incoming.push(&piece)?;
        }
        if whole.is_some_and(|whole| whole != incoming.bytes()) {
            return Err(Failure::soon(broken("fewer bytes came than were announced")));
        }
        Ok(Reply { status, headers, body: Vec::new() })
    }

    fn piece(&self, response: &mut Response) -> Tried<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>> {
        let piece = self.conversation.wait(response.chunk())?;
        let piece = piece.map_err(|error| Failure::soon(broken(reasons(error))))?;
        if let Some(piece) = &piece {
            self.conversation.arrived(piece.len() as u64);
        }
        Ok(piece)
    }

    /// RFC 9110, 10.2.3: seconds, or a date.
    fn retry_after(&self, text: &str) -> Option<Duration> {
        let text = text.trim();
        let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
        let until = |text: &str| {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            Some((date.to_utc() - self.conversation.now()).to_std().unwrap_or_default())
        };
        seconds(text).or_else(|| until(text))
    }
}

impl Reply {
    /// A header, where it is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    }

    /// The body as JSON. What cannot be read is not repeated.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::data("the provider's answer is not what it documents")
                .expected(format!("JSON with what is needed ({:?} at line {})", error.classify(), error.line()))
                .found(format!("{} bytes with status {}", self.body.len(), self.status.as_u16()))
                .next("try again later; if it stays so, compare the provider's documentation")
        })
    }
}

impl<'i> Transfer<'i> {
    /// A file of which nothing has come.
    #[must_use]
    pub fn new(incoming: Incoming<'i>) -> Self {
        Self { incoming, tag: None }
    }

    /// Forgets what came.
    pub fn forget(&mut self) -> Result<()> {
        self.tag = None;
        if self.incoming.bytes() > 0 { self.incoming.restart() } else { Ok(()) }
    }

    fn begin(&mut self, response: &Response) -> Result<()> {
        self.forget()?;
        let tag = response.headers().get(header::ETAG);
        self.tag = tag.filter(|tag| !tag.as_bytes().starts_with(b"W/")).cloned();
        Ok(())
    }

    /// Whether this is the part after what has come, of the file that has come.
    fn goes_on(&self, response: &Response) -> bool {
        let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')).map(|(begins, _)| begins);
        self.tag.is_some()
            && begins == Some(self.incoming.bytes().to_string().as_str())
            && response.headers().get(header::ETAG).is_none_or(|tag| Some(tag) == self.tag.as_ref())
    }

    /// The file, unpacked where it is a gzip stream. No more of it is read than a file may hold.
    pub fn unpacked(&self) -> Result<Box<dyn Read>> {
        let mut magic = Vec::new();
        let begin = self.incoming.read_back()?.take(2).read_to_end(&mut magic);
        begin.map_err(|error| Error::io("read", "the file that arrived", &error))?;
        let file = self.incoming.read_back()?;
        if magic == [0x1f, 0x8b] {
            return Ok(Box::new(Unpacked::new(MultiGzDecoder::new(file), self.incoming.bytes())));
        }
        Ok(Box::new(file))
    }

    /// What became of it: kept aside where the trouble is with its bytes, so that they can be looked at.
    #[must_use]
    pub fn refuse(self, why: Error) -> Error {
        if why.exit == Exit::BadData && self.incoming.bytes() > 0 { self.incoming.set_aside(why) } else { why }
    }
}

/// A request that only asks.
#[must_use]
pub fn get(url: Url) -> Request {
    Request::new(Method::GET, url)
}

/// A request with a form, as a page of the web sends one.
#[must_use]
pub fn post(url: Url, form: &[(&str, &str)]) -> Request {
    let mut request = Request::new(Method::POST, url);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    *request.body_mut() = Some(body.into());
    request
}

/// A request, sent on. What is marked as sensitive is meant for the first host alone.
#[must_use]
pub fn sent_on(request: &Request, to: Url) -> Request {
    let mut request = copy(request);
    if to.origin() != request.url().origin() {
        let names = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        let names: Vec<_> = names.map(|(name, _)| name.clone()).collect();
        for name in names {
            request.headers_mut().remove(name);
        }
    }
    *request.url_mut() = to;
    request
}

/// A value of a header that is for the first host alone, and shown nowhere.
pub fn sensitive(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        Error::configuration("the secret holds letters that cannot be sent").next("check the secret for line ends")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What the other side said, as it may be repeated: without secrets, signatures and card numbers, whether it was sent
/// them or not, on one line, and not all of it.
#[must_use]
pub fn said(text: &str, secrets: &[&SecretText]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret.reveal(), "…");
    }
    let mut line = String::new();
    let mut word = String::new();
    for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).chain([' ']) {
        if letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=') {
            word.push(letter);
        } else {
            line.push_str(if word.len() < NO_WORD { &word } else { "…" });
            line.push(letter);
            word.clear();
        }
    }
    mask::card_numbers(line.trim()).chars().take(SAID).collect()
}

/// Where an address leads, as it may be shown: what follows the path may be a token.
#[must_use]
pub fn shown(url: &Url) -> String {
    format!("{}{}", host(url), url.path())
}

/// 128 bits nobody can guess, as hexadecimal digits.
pub fn nonce() -> Result<String> {
    let mut random = [0; 16];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| Error::new(Exit::TryAgain, "this machine has no random numbers"))?;
    Ok(hexadecimal(&random))
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("half a byte is a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn host(url: &Url) -> &str {
    url.host_str().expect("an address of HTTP has a host")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn copy(request: &Request) -> Request {
    request.try_clone().expect("no request here has a body that is read only once")
}

/// Bytes that were packed on the way are not the file.
fn not_compressed(response: &Response, request: &Request) -> Result<()> {
    let packed = response.headers().get(header::CONTENT_ENCODING).is_some_and(|how| how != "identity");
    if packed && !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return Err(Error::data("the answer is compressed, which was not asked for")
            .found(shown(response.url()))
            .next("look for a proxy between this machine and the provider"));
    }
    Ok(())
}

fn again_later(what: &str) -> Error {
    Error::new(Exit::TryAgain, what).next("try again later; if it stays so, ask the provider")
}

fn broken(why: impl std::fmt::Display) -> Error {
    again_later("the connection to the provider broke, or was not made").found(why)
}

fn unanswered(error: reqwest::Error) -> Failure {
    let why = reasons(error);
    // Only its words tell a certificate from a cable.
    if why.contains("invalid peer certificate") {
        let error =
            Error::configuration("the other side does not prove that it is the provider, and nothing was sent").found(why);
        return error
            .next("look for a proxy on the way; if it is meant to be there, add its root certificate to the system's")
            .into();
    }
    Failure::soon(broken(why))
}

/// An error and what it came from. Its address may hold a token and is left out.
fn reasons(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
