//! Files of a web server, each by its address.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, Request, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use url::{Position, Url};

use super::http::{self, Client, Endpoint, Reply, Transfer, Tried, shown};
use super::pattern::Pattern;
use super::told::Told;
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Result};
use crate::lake::Inbox;
use crate::secret::Secret;

/// A file of a web server as a job describes it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpsFile {
    /// `https://files.example.com/{date:%Y%m%d}/payments.csv`; `http://…` on this machine only. The last part of the path
    /// is the name of the file.
    url: String,
    /// The user, with `password`.
    user: Option<String>,
    /// The password.
    password: Option<Secret>,
    /// A bearer token, in place of `user` and `password`.
    token: Option<Secret>,
}

/// A file of a web server.
#[derive(Debug)]
pub struct Https {
    endpoint: Endpoint,
    url: Pattern,
    login: Option<Login>,
}

#[derive(Debug)]
enum Login {
    User(String, Secret),
    Token(Secret),
}

impl HttpsFile {
    /// The place itself, checked. Nothing is opened or asked.
    pub fn open(self, folder: &Path) -> Result<Https> {
        // The address is never repeated: it may hold what has no place in it.
        let wrong = |what: &str| {
            Error::configuration(what.to_owned()).column("url").next("write https://host/folder/{date:%Y%m%d}/name.csv")
        };
        let url = Pattern::new(&self.url).map_err(|error| wrong(&error.what))?;
        let host = self.url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
        if host.contains('{') {
            return Err(wrong("a host has no date in it"));
        }
        let one = Url::parse(&url.on(NaiveDate::default())).map_err(|error| wrong(&format!("not an address: {error}")))?;
        let endpoint = Endpoint::try_from(one[..Position::BeforePath].to_owned()).map_err(|what| wrong(&what))?;
        if name(&one).is_empty() || one.path().contains('*') || one.fragment().is_some() {
            return Err(wrong("not the address of one file"));
        }
        let resolved = |mut secret: Secret| {
            secret.resolve(folder);
            secret
        };
        let login = match (self.user, self.password, self.token) {
            (None, None, None) => None,
            (Some(user), Some(password), None) => Some(Login::User(user, resolved(password))),
            (None, None, Some(token)) => Some(Login::Token(resolved(token))),
            _ => return Err(Error::configuration("either `user` and `password`, or `token`").column("token")),
        };
        Ok(Https { endpoint, url, login })
    }
}

impl Place for Https {
    fn name(&self, asked: &Asked) -> String {
        self.url(asked).map_or_else(|_| self.endpoint.host().to_owned(), |url| shown(&url))
    }

    fn check(&self) -> Result<()> {
        self.authorization().map(drop)
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        let client = Client::new(conversation, &self.endpoint, &[])?;
        let (url, authorization) = (self.url(asked)?, self.authorization()?);
        conversation.insist(|| look(&client, &url, authorization.as_ref())).map(Told::ready)
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let client = Client::new(conversation, &self.endpoint, &[])?;
        let (url, authorization) = (self.url(asked)?, self.authorization()?);
        let locator = shown(&url);
        let there = match conversation.insist(|| look(&client, &url, authorization.as_ref()))? {
            Told::Has(version) => version,
            none => return none.answer(|_| unreachable!("nothing is there to be taken")),
        };
        if let Some(received) = inbox.unchanged(&locator, there.as_deref()) {
            return Ok(Answer::Delivered(vec![received]));
        }
        let mut transfer = Transfer::new(inbox.receive(name(&url))?);
        let request = request(Method::GET, &url, authorization.as_ref());
        let taken = conversation.insist(|| {
            let reply = client.download(&request, &mut transfer)?;
            told(&client, &reply)
        });
        match taken {
            Ok(told) => told.answer(|version| transfer.incoming.keep(&locator, version)),
            Err(error) => Err(transfer.refuse(error)),
        }
    }
}

impl Https {
    fn url(&self, asked: &Asked) -> Result<Url> {
        let url = Url::parse(&self.url.on(asked.date));
        url.map_err(|error| Error::configuration(format!("not an address: {error}")).column("url"))
    }

    fn authorization(&self) -> Result<Option<HeaderValue>> {
        let text = match &self.login {
            None => return Ok(None),
            Some(Login::User(user, password)) => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.read()?.reveal())))
            }
            Some(Login::Token(token)) => format!("Bearer {}", token.read()?.reveal()),
        };
        http::sensitive(&text).map(Some)
    }
}

/// Whether the file is there, and which state of it.
fn look(client: &Client, url: &Url, authorization: Option<&HeaderValue>) -> Tried<Told<Option<String>>> {
    let mut reply = client.look(&request(Method::HEAD, url, authorization))?;
    // Some servers know how to give a file and not how to tell of it.
    if matches!(reply.status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
        reply = client.look(&request(Method::GET, url, authorization))?;
    }
    told(client, &reply)
}

/// What an answer tells: a file in this state, if that is told too, or none yet.
fn told(client: &Client, reply: &Reply) -> Tried<Told<Option<String>>> {
    match reply.status {
        status if status.is_success() => {
            let version = reply.header("etag").or_else(|| reply.header("last-modified"));
            Ok(Told::Has(version.map(str::to_owned)))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Told::NotYet("the file is not there".to_owned(), None)),
        _ => Err(client.refused(reply, "")),
    }
}

fn request(method: Method, url: &Url, authorization: Option<&HeaderValue>) -> Request {
    let mut request = Request::new(method, url.clone());
    if let Some(authorization) = authorization {
        request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
    }
    request
}

/// The last part of the path.
fn name(url: &Url) -> &str {
    url.path_segments().and_then(Iterator::last).unwrap_or_default()
}
