//! Databases of the merchant: the answer to a query, as a CSV file.
//!
//! All queries of a run are asked of one transaction, which sees the database as it was at the first of them and can
//! change nothing. The transaction is the guard; the text of a query is only checked for being one query.

mod line;
mod mysql;
mod postgres;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::DateTime;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::conversation::{Again, Failure};
use super::sign::Certificate;
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Result};
use crate::format::time::day_range;
use crate::lake::{Inbox, Incoming};
use crate::secret::{Secret, SecretText};
use line::Line;

/// A database as a job describes it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFile {
    /// What queries call it: letters, digits, `_` and `-`.
    name: String,
    /// Where it is, if it is PostgreSQL.
    postgres: Option<ServerFile>,
    /// Where it is, if it is MySQL or MariaDB.
    mysql: Option<ServerFile>,
}

/// Where a database is, and who asks it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServerFile {
    /// `postgres://reader@db.internal:5432/shop`, or `mysql://reader@db.internal:3306/shop`. Never with a password.
    url: String,
    /// The password.
    password: Option<Secret>,
    /// Whether the connection is encrypted, and the server must prove with a certificate that it is the one named. If
    /// nothing is said it is, except on this machine.
    tls: Option<Tls>,
    /// Files with the certificates of the authorities one of which vouches for the server, as PEM; relative to
    /// the job. No others are believed then.
    #[serde(default)]
    trusted: Vec<PathBuf>,
}

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Tls {
    /// It is, and the name and the certificate of the server are checked against the authorities in `trusted`; without
    /// them, for PostgreSQL against those this machine trusts, for MySQL against the public ones.
    Verify,
    /// It is not: all that is asked and answered can be read on the way.
    Disable,
}

/// A query as a job describes it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryFile {
    /// The name of a `[[database]]`.
    database: String,
    /// One query. `{from}` and `{to}` stand for the instants at which the business date begins and ends, `{date}` for
    /// the date. The names of its columns are the header of the file.
    sql: String,
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Postgres,
    Mysql,
}

/// Where a database is, and who asks it.
#[derive(Clone, Debug)]
struct Server {
    engine: Engine,
    host: String,
    port: u16,
    user: String,
    database: String,
    password: Option<Secret>,
    encrypted: bool,
    trusted: Vec<PathBuf>,
}

/// A database, and the line to it that all queries of a run share.
struct Database {
    name: String,
    server: Server,
    line: Mutex<Option<Line>>,
}

/// The databases of a job.
#[derive(Debug, Default)]
pub struct Databases(BTreeMap<String, Arc<Database>>);

impl Databases {
    /// The databases a job names, checked. Nothing is opened or asked.
    pub fn new(files: Vec<DatabaseFile>, folder: &Path) -> Result<Self> {
        let mut databases = BTreeMap::new();
        for file in files {
            let name = file.name.clone();
            let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
            if name.is_empty() || !name.chars().all(plain) {
                return Err(Error::configuration("not a name for a database").column("database.name").found(name));
            }
            let server = file.server(folder).map_err(|error| error.column(format!("database {name}")))?;
            let database = Arc::new(Database { name: name.clone(), server, line: Mutex::default() });
            if databases.insert(name.clone(), database).is_some() {
                return Err(Error::configuration("two databases have this name").column("database.name").found(name));
            }
        }
        Ok(Self(databases))
    }

    /// Ends what was seen so far: the next query begins a new transaction. To be called when a run has asked all.
    pub fn hang_up(&self) {
        for database in self.0.values() {
            *database.line() = None;
        }
    }

    fn find(&self, name: &str) -> Result<Arc<Database>> {
        self.0.get(name).cloned().ok_or_else(|| {
            let error = Error::configuration("the job has no such database").column("database").found(name);
            let nearest = self.0.keys().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            match nearest {
                Some(nearest) => error.next(format!("did you mean `{nearest}`?")),
                None => error.next("describe it as [[database]]"),
            }
        })
    }
}

impl DatabaseFile {
    fn server(self, folder: &Path) -> Result<Server> {
        let (engine, file, scheme, port) = match (self.postgres, self.mysql) {
            (Some(file), None) => (Engine::Postgres, file, "postgres", 5432),
            (None, Some(file)) => (Engine::Mysql, file, "mysql", 3306),
            _ => return Err(Error::configuration("a database is one of `postgres` and `mysql`")),
        };
        // Never shown: it may hold what has no place in it.
        let wrong = |what: &str| {
            Error::configuration(what.to_owned()).next(format!("write {scheme}://user@host:{port}/database, and nothing more"))
        };
        let url = Url::parse(&file.url).map_err(|error| wrong(&format!("not the address of a database: {error}")))?;
        if url.password().is_some() {
            return Err(wrong("a secret has no place in an address").next("give it as `password = { env = \"…\" }`"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("the host is missing"))?;
        let database = url.path().trim_start_matches('/');
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['%', '/']);
        let has_more = url.query().is_some() || url.fragment().is_some();
        if url.scheme() != scheme || has_more || !is_plain(url.username()) || !is_plain(database) {
            return Err(wrong("not the address of a database"));
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        let is_near = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if !file.trusted.is_empty() && file.tls == Some(Tls::Disable) {
            let error = Error::configuration("these certificates would not be looked at").column("trusted");
            return Err(error.next("leave them out, or say `tls = \"verify\"`"));
        }
        let mut password = file.password;
        if let Some(secret) = &mut password {
            secret.resolve(folder);
        }
        Ok(Server {
            engine,
            encrypted: file.tls.map_or(!is_near || !file.trusted.is_empty(), |tls| tls == Tls::Verify),
            trusted: file.trusted.iter().map(|path| folder.join(path)).collect(),
            port: url.port().unwrap_or(port),
            user: url.username().to_owned(),
            database: database.to_owned(),
            host,
            password,
        })
    }
}

impl Server {
    /// Where, for people.
    fn shown(&self) -> String {
        let scheme = match self.engine {
            Engine::Postgres => "postgres",
            Engine::Mysql => "mysql",
        };
        format!("{scheme}://{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }

    fn secret(&self) -> Result<Option<SecretText>> {
        self.password.as_ref().map(Secret::read).transpose()
    }

    /// The certificates the job trusts.
    fn trusted(&self) -> Result<Vec<String>> {
        self.trusted.iter().map(|path| Certificate::several(path)).collect()
    }
}

impl Database {
    fn line(&self) -> MutexGuard<'_, Option<Line>> {
        self.line.lock().expect("nothing panics while it holds the line")
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).field("server", &self.server).finish_non_exhaustive()
    }
}

/// A query of a database.
#[derive(Debug)]
pub struct Query {
    database: Arc<Database>,
    sql: String,
}

impl QueryFile {
    /// The place itself, checked. Nothing is opened or asked.
    pub fn open(self, databases: &Databases) -> Result<Query> {
        let sql = self.sql.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace());
        if sql.trim().is_empty() {
            return Err(Error::configuration("the query is empty").column("sql").next("write one SELECT"));
        }
        Ok(Query { database: databases.find(&self.database)?, sql: sql.to_owned() })
    }
}

impl Query {
    /// The query, of one date.
    fn on(&self, asked: &Asked) -> String {
        let (from, to) = day_range(asked.date, asked.timezone);
        let instant = |micros| {
            let instant = DateTime::from_timestamp_micros(micros).expect("a business date is an instant");
            match self.database.server.engine {
                Engine::Postgres => format!("TIMESTAMPTZ '{}'", instant.format("%Y-%m-%d %H:%M:%S+00")),
                Engine::Mysql => format!("TIMESTAMP '{}'", instant.format("%Y-%m-%d %H:%M:%S")),
            }
        };
        let date = format!("DATE '{}'", asked.date);
        self.sql.replace("{from}", &instant(from)).replace("{to}", &instant(to)).replace("{date}", &date)
    }

    /// Asks on the line that all queries share. It is not replaced once something was taken from it: what another one
    /// sees may have changed since.
    fn take(&self, sql: &str, conversation: &Conversation, incoming: &mut Incoming) -> std::result::Result<(), Failure> {
        let mut shared = self.database.line();
        let line = match shared.take() {
            Some(line) => line,
            None => Line::open(&self.database.server, conversation)?,
        };
        incoming.restart()?;
        let taken = line.ask(sql, conversation, |piece| incoming.push(piece));
        match taken {
            Ok(()) => {
                *shared = Some(line.used());
                Ok(())
            }
            Err(failure) if line.is_used() => Err(Failure { again: Again::Never, ..failure }),
            Err(failure) => Err(failure),
        }
    }
}

impl Place for Query {
    fn name(&self, _: &Asked) -> String {
        format!("a query of {}", self.database.server.shown())
    }

    fn check(&self) -> Result<()> {
        self.database.server.secret()?;
        self.database.server.trusted().map(drop)
    }

    /// Whether the database lets us in and understands the query.
    fn is_of_the_moment(&self) -> bool {
        true
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        let server = &self.database.server;
        conversation.with_host(&server.host, || {
            let sql = self.on(asked);
            conversation.insist(|| Line::open(server, conversation)?.check(&sql, conversation))?;
            Ok(Ready::Yes)
        })
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        conversation.with_host(&self.database.server.host, || {
            let sql = self.on(asked);
            let mut incoming = inbox.receive(&format!("{}_{}.csv", self.database.name, asked.date.format("%Y%m%d")))?;
            conversation.insist(|| self.take(&sql, conversation, &mut incoming))?;
            let hash = Sha256::digest(self.sql.as_bytes());
            let hash = u64::from_be_bytes(hash[..8].try_into().expect("a hash is longer"));
            let received = incoming.keep(&format!("{}/{hash:016x}", self.database.name), None)?;
            Ok(Answer::Delivered(vec![received]))
        })
    }
}

/// The line and the text at a place in a query, counted in characters from one.
fn position(sql: &str, at: usize) -> String {
    let before: String = sql.chars().take(at.saturating_sub(1)).collect();
    let line = before.matches('\n').count() + 1;
    let rest: String = sql.chars().skip(at.saturating_sub(1)).take_while(|letter| *letter != '\n').take(40).collect();
    if rest.is_empty() { format!("the end of line {line} of the query") } else { format!("line {line} of the query: {rest}") }
}

/// Words of the server, fit to be shown.
fn plain(text: &str) -> String {
    text.chars().take(300).collect::<String>().escape_debug().to_string()
}
