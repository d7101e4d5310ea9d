//! Where bytes come from: each place against a server that speaks as the real one does, and fails as it does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use tempfile::TempDir;
use tieout::error::{Exit, Result};
use tieout::lake::{Inbox, Known, Lake};
use tieout::source::{Answer, Asked, Conversation, DatabaseFile, Databases, Manners, Place, PlaceFile, Switchboard};

mod adyen;
mod alipay;
mod folder;
mod http;
mod https;
pub(crate) mod keys;
mod night;
pub(crate) mod objects;
mod query;
pub(crate) mod s3;
pub(crate) mod server;
pub(crate) mod sftp;
mod sign;
mod stripe;
mod unionpay;
mod wechat_pay;

/// Why `source = { … }` of a job is refused when it is read.
pub(crate) fn refused_at_once(source: &str) -> String {
    let table: toml::Table = toml::from_str(source).unwrap();
    match table["source"].clone().try_into::<PlaceFile>() {
        Err(error) => error.to_string(),
        Ok(place) => place.open(Path::new("."), &Databases::default()).unwrap_err().file("job").to_string(),
    }
}

/// The night that is asked for: a Friday.
pub(crate) fn night() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
}

/// When it is asked for: the morning after, 10:30 in Shanghai.
pub(crate) fn morning() -> DateTime<Utc> {
    "2026-11-21T02:30:00Z".parse().unwrap()
}

/// Impatient, so that a test of failures takes no time.
pub(crate) const HASTY: Manners = Manners {
    tries: 3,
    wait: Duration::from_millis(2),
    longest: Duration::from_millis(10),
    deadline: Duration::from_secs(20),
    silence: Duration::from_secs(5),
    per_host: 2,
};

/// One place, and a lake for what it delivers.
pub(crate) struct Visit {
    /// The job's folder; the lake is in it.
    pub(crate) folder: TempDir,
    pub(crate) lake: Lake,
    place: Box<dyn Place>,
    pub(crate) databases: Databases,
    pub(crate) account: &'static str,
    pub(crate) manners: Manners,
    /// When it is visited.
    pub(crate) now: DateTime<Utc>,
    /// What came before.
    pub(crate) known: RefCell<Vec<Known>>,
}

impl Visit {
    /// The place that `source = { … }` of a job in an empty folder describes, with the databases it names. `prepare`
    /// writes its files there first.
    pub(crate) fn to(source: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let table: toml::Table = toml::from_str(source).unwrap();
        let files: Vec<DatabaseFile> = table.get("database").map(|files| files.clone().try_into().unwrap()).unwrap_or_default();
        let databases = Databases::new(files, folder.path()).unwrap();
        let file: PlaceFile = table["source"].clone().try_into().unwrap();
        let lake = Lake::open(&folder.path().join("lake")).unwrap();
        let place = file.open(folder.path(), &databases).unwrap();
        Self { folder, lake, place, databases, account: "1900000109", manners: HASTY, now: morning(), known: RefCell::default() }
    }

    /// From now on another source of the same job.
    pub(crate) fn turn_to(&mut self, source: &str) {
        let table: toml::Table = toml::from_str(source).unwrap();
        let file: PlaceFile = table["source"].clone().try_into().unwrap();
        self.place = file.open(self.folder.path(), &self.databases).unwrap();
    }

    /// Asks for the night's files, and remembers what came.
    pub(crate) fn fetch(&self) -> Result<Answer> {
        let answer = self.talk(|asked, conversation, inbox| self.place.fetch(asked, conversation, inbox))?;
        if let Answer::Delivered(received) = &answer {
            let mut known = self.known.borrow_mut();
            known.retain(|known| !received.iter().any(|received| received.known.locator == known.locator));
            known.extend(received.iter().map(|received| received.known.clone()));
        }
        Ok(answer)
    }

    /// Asks whether they are there.
    pub(crate) fn ready(&self) -> Result<tieout::source::Ready> {
        self.talk(|asked, conversation, _| self.place.ready(asked, conversation))
    }

    fn talk<T>(&self, talk: impl FnOnce(&Asked, &Conversation, &Inbox) -> Result<T>) -> Result<T> {
        let now = self.now;
        let clock = move || now;
        let board = Switchboard::new(self.manners, &clock, &|_, _| {});
        let asked = Asked { date: night(), timezone: chrono_tz::Asia::Shanghai, account: self.account.to_owned() };
        let lock = self.lake.lock(night()).unwrap();
        let inbox = self.lake.inbox(&lock, "wechat_pay", self.known.borrow().clone()).unwrap();
        talk(&asked, &board.begin("wechat_pay").unwrap(), &inbox)
    }

    /// The error that ends a visit, as it is shown, having looked that none of `secrets` is in it.
    pub(crate) fn refused(&self, secrets: &[&str]) -> (Exit, String) {
        let error = self.fetch().unwrap_err();
        let shown = error.to_string();
        for secret in secrets {
            assert!(!shown.contains(secret) && !format!("{error:?}").contains(secret), "{shown}");
        }
        (error.exit, shown)
    }

    /// Names and texts of what was delivered, and whether it came now.
    pub(crate) fn delivered(answer: Answer) -> Vec<(String, Vec<u8>, bool)> {
        let Answer::Delivered(received) = answer else { panic!("nothing was delivered: {answer:?}") };
        let file = |received: tieout::lake::Received| {
            (received.archived.name, std::fs::read(received.archived.path).unwrap(), received.now)
        };
        received.into_iter().map(file).collect()
    }
}

/// The value of an environment variable that names a real server; without it the test says what it did not check.
pub(crate) fn real(variable: &str, what: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        // Past the harness, which shows nothing of a test that passes.
        let skipped = format!("skipped: no {what}, {variable} is not set; .ci/services starts one");
        std::io::Write::write_all(&mut std::io::stderr(), format!("{skipped}\n").as_bytes()).unwrap();
    }
    value
}

/// Writes a file that nobody else can read.
pub(crate) fn secret(folder: &Path, name: &str, text: &str) {
    let mut options = std::fs::File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create(true).truncate(true).open(folder.join(name)).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}
