//! Where bytes come from: one small interface, [`Place`], and a file for each kind of place behind it.
//!
//! A place takes what a provider or a database has for one business date into the inbox of the lake, byte for byte,
//! and says what it was told. It decides nothing about money, and reads nothing it has taken.

pub mod adyen;
pub mod alipay;
pub mod archive;
pub mod conversation;
pub mod folder;
pub mod http;
pub mod https;
pub mod objects;
pub mod pattern;
pub mod query;
pub mod sftp;
pub mod sign;
pub mod stripe;
pub mod told;
pub mod unionpay;
pub mod wechat_pay;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Deserialize;

pub use conversation::{Conversation, Manners, Switchboard};
pub use query::{DatabaseFile, Databases};

use crate::bucket::BucketFile;
use crate::error::Result;
use crate::format::Names;
use crate::lake::{Inbox, Received};

/// A place files come from.
pub trait Place: fmt::Debug + Send + Sync {
    /// Where it is, for people: names of files, a host, a report. Never a secret.
    fn name(&self, asked: &Asked) -> String;

    /// Whether it is on this machine: then nobody is asked.
    fn is_here(&self) -> bool {
        false
    }

    /// Whether one delivery is all there will be of a date, so that it is not asked again unless told to.
    fn delivers_once(&self) -> bool {
        false
    }

    /// Whether what it answers is of the moment it is asked, so that it is asked when its night is closed and not before.
    fn is_of_the_moment(&self) -> bool {
        false
    }

    /// The folders its files are in whatever the date, where they are on this machine.
    fn folders(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Patterns of its files of a date, where they are on this machine.
    fn patterns(&self, _: &Asked) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Reads every secret and key it goes by, and asks nobody.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The files themselves, where they are on this machine, for a look without taking them.
    fn on_this_machine(&self, _: &Asked) -> Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    /// Whether what is asked for is there, without taking it.
    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready>;

    /// Takes what is asked for into the inbox. What is there unchanged since it came before is not taken again.
    ///
    /// Not permitted: 77. No answer, or one that says so, after all tries: 75. Not what the other side says it sent,
    /// or not signed by it: 65, with the bytes kept aside. Everything else that cannot be right: 78.
    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer>;
}

/// A place as a job describes it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceFile {
    /// Folders of this machine: patterns of file names, relative to the job.
    Files(Names),
    /// The interface of WeChat Pay (API v3).
    WechatPay(Box<wechat_pay::WechatPay>),
    /// The interface of Alipay's open platform.
    Alipay(Box<alipay::Alipay>),
    /// The interface of Stripe for reports.
    Stripe(Box<stripe::Stripe>),
    /// The reports of Adyen.
    Adyen(Box<adyen::Adyen>),
    /// The interface of UnionPay for settlement files.
    #[serde(rename = "unionpay")]
    UnionPay(Box<unionpay::UnionPay>),
    /// Objects of a bucket.
    Objects(BucketFile),
    /// A folder of an SFTP server.
    Sftp(sftp::SftpFile),
    /// A file of a web server.
    Https(https::HttpsFile),
    /// A query of the merchant's database.
    Query(query::QueryFile),
}

impl PlaceFile {
    /// The place itself: every pattern checked, every path taken as relative to `folder`. Nothing is opened or asked.
    pub fn open(self, folder: &Path, databases: &Databases) -> Result<Box<dyn Place>> {
        Ok(match self {
            Self::Files(names) => Box::new(folder::Folder::new(folder, &names.0)?),
            Self::WechatPay(place) => Box::new(place.open(folder)?),
            Self::Alipay(place) => Box::new(place.open(folder)?),
            Self::Stripe(place) => Box::new(place.open(folder)?),
            Self::Adyen(place) => Box::new(place.open(folder)?),
            Self::UnionPay(place) => Box::new(place.open(folder)?),
            Self::Objects(file) => Box::new(objects::Objects::new(file, folder)?),
            Self::Sftp(file) => Box::new(file.open(folder)?),
            Self::Https(file) => Box::new(file.open(folder)?),
            Self::Query(file) => Box::new(file.open(databases)?),
        })
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The business date.
    pub date: NaiveDate,
    /// Its time zone.
    pub timezone: Tz,
    /// The account with the provider; empty for the merchant's own records.
    pub account: String,
}

/// Whether files are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// They are.
    Yes,
    /// There will be none: the provider states that nothing happened.
    NoBill {
        /// In its words.
        said: String,
    },
    /// Not yet.
    NotYet {
        /// In the words of the other side.
        said: String,
        /// When it says to come back.
        again_in: Option<Duration>,
    },
}

/// What a source answers.
#[derive(Debug)]
pub enum Answer {
    /// These files, those that came before among them.
    Delivered(Vec<Received>),
    /// None, and there will be none: the provider states that nothing happened.
    NoBill {
        /// In its words.
        said: String,
    },
    /// None yet.
    NotYet {
        /// In the words of the other side.
        said: String,
        /// When it says to come back.
        again_in: Option<Duration>,
    },
}

impl Ready {
    /// Not yet, and no word on when.
    #[must_use]
    pub fn not_yet(said: impl Into<String>) -> Self {
        Self::NotYet { said: said.into(), again_in: None }
    }
}

impl Answer {
    /// Not yet, and no word on when.
    #[must_use]
    pub fn not_yet(said: impl Into<String>) -> Self {
        Self::NotYet { said: said.into(), again_in: None }
    }
}
