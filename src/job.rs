//! `jobs/*.toml` to a [`Job`]: every name resolved, every format loaded, or one clear error.
//!
//! Paths in a job are relative to the job file. Nothing here opens an input.

mod beside;
pub mod comments;
mod contradictions;
pub mod due;
mod fees;
mod file;
mod journal;
mod lake;
pub mod resolutions;
mod resolve;
pub mod settings;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

pub use due::{Due, ExpectedBy, Lag};
use resolutions::Resolutions;
use resolve::Resolver;

use crate::calendar::Calendar;
use crate::error::{Error, Exit, Result};
use crate::format::{Format, Target, schema};
use crate::lake::Location;
use crate::source::{Asked, Databases, Place};
use crate::stage::change::Threshold;
use crate::stage::fees::FeeRule;
use crate::stage::journal::Chart;
use crate::stage::payouts::Unexplained;
use crate::stage::reconcile::{Resolution, Severity, Tolerance};

/// A job, ready to run.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Where its lake is.
    pub lake: Location,
    /// Time zone of the business date.
    pub timezone: Tz,
    /// The databases its queries ask.
    pub databases: Databases,
    /// Whose files are read.
    pub providers: Vec<Provider>,
    /// Whose statements are read.
    pub banks: Vec<Bank>,
    /// The merchant's orders.
    pub orders: Records,
    /// The merchant's attempts, where it records them.
    pub attempts: Option<Records>,
    /// The merchant's refunds, where it records them.
    pub refunds: Option<Records>,
    /// Differences that are no break.
    pub tolerances: Vec<Tolerance>,
    /// How far apart two sides may date a payment or refund that meets by nothing but its amount.
    pub same_amount_within: TimeDelta,
    /// How long after its payment a refund or chargeback may come, in days.
    pub given_back_within: TimeDelta,
    /// How old an order without success must be before it counts as abandoned.
    pub abandoned_after: TimeDelta,
    /// How long after an attempt the next one of its group may start.
    pub retry_within: TimeDelta,
    /// From which denominator on a rate is called enough.
    pub minimum_count: i64,
    /// Pairs of dimensions that rates are cut by too.
    pub pairs: Vec<[&'static str; 2]>,
    /// From when on a change of a rate counts.
    pub changes: Threshold,
    /// How much a break matters.
    pub severity: Severity,
    /// What people decided about breaks, where the job names a file of it.
    pub resolutions: Option<Resolutions>,
    /// Where journals that are proposed would be booked, if the job says so.
    pub journal: Option<Chart>,
    /// The texts of the job, its formats and calendars: what every night depends on besides its files and resolutions.
    pub texts: Vec<Text>,
}

/// A text a night depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What it is.
    pub kind: TextKind,
    /// Its name.
    pub name: String,
    /// Whether it is part of tieout, and not the job's own.
    pub shipped: bool,
    /// It.
    pub text: String,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A job.
    Job,
    /// A format.
    Format,
    /// A calendar.
    Calendar,
    /// What people decided about breaks, as far as it holds for a night.
    Resolutions,
}

impl TextKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Job, Self::Format, Self::Calendar, Self::Resolutions];

    /// The word for it in a manifest.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Format => "format",
            Self::Calendar => "calendar",
            Self::Resolutions => "resolutions",
        }
    }
}

/// The JSON Schema of a job file as the program carries it.
fn carried_schema() -> serde_json::Value {
    serde_json::from_str(include_str!("../schemas/job.schema.json")).expect("it is JSON: a test writes it")
}

/// The JSON Schema of a job file, made anew.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schema::of::<file::JobFile>()
}

/// A provider's files.
#[derive(Debug)]
pub struct Provider {
    /// The provider.
    pub name: String,
    /// The merchant's account with it.
    pub account: String,
    /// How its files are laid out.
    pub format: Format,
    /// Where they come from.
    pub place: Box<dyn Place>,
    /// Its business days.
    pub calendar: Calendar,
    /// When what happened on a night should be stated by both sides.
    pub settles_in: Lag,
    /// When its files are expected, where the job says so.
    pub expected_by: Option<ExpectedBy>,
    /// What it charges by contract.
    pub fees: Vec<FeeRule>,
    /// The bank it pays into, by its name in the job; any, where the job does not say.
    pub paid_into: Option<String>,
    /// Whether the night stops without its files.
    pub required: bool,
}

/// The statements of an account with a bank.
#[derive(Debug)]
pub struct Bank {
    /// The bank.
    pub name: String,
    /// The merchant's account with it, as its statements write it; spaces and the case of letters do not tell.
    pub account: String,
    /// How its files are laid out.
    pub format: Format,
    /// Where they come from.
    pub place: Box<dyn Place>,
    /// Which of its lines are asked about when no payout explains them.
    pub unexplained: Unexplained,
    /// Whether the night stops without its files.
    pub required: bool,
}

/// The merchant's records of one table.
#[derive(Debug)]
pub struct Records {
    /// The table.
    pub target: Target,
    /// How the files are laid out.
    pub format: Format,
    /// Where they come from.
    pub place: Box<dyn Place>,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A provider, by its place in the job.
    Provider(usize),
    /// The merchant's records of one table.
    Merchant(Target),
    /// A bank, by its place in the job.
    Bank(usize),
}

/// One kind of file a night is closed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Whose files they are.
    pub owner: Owner,
    /// The provider or bank, or orders, attempts, refunds.
    pub name: &'a str,
    /// The account with the provider or bank; empty for the merchant's own records.
    pub account: &'a str,
    /// How they are laid out.
    pub format: &'a Format,
    /// Whether the night stops without them.
    pub required: bool,
    /// Where they come from.
    pub place: &'a dyn Place,
}

impl Job {
    /// Reads and resolves the job in the file at `path`.
    pub fn load(path: &Path) -> Result<Self> {
        Self::resolved(path, false).map_err(first)
    }

    /// The same, with everything that is wrong with it, as far as one mistake does not hide another: also with the formats
    /// and calendars of its folders that it does not name.
    pub fn examine(path: &Path) -> std::result::Result<Self, Vec<Error>> {
        Self::resolved(path, true)
    }

    fn resolved(path: &Path, all: bool) -> std::result::Result<Self, Vec<Error>> {
        let text = read(path).map_err(|error| vec![error])?;
        let resolver = Resolver { folder: folder_of(path), text, kept: None, all };
        let named = |error: Error| if error.file.is_none() { error.file(path.display()) } else { error };
        resolver.job().map_err(|errors| errors.into_iter().map(named).collect())
    }

    /// The job that was kept as these texts. Where its files were, and its lake, means nothing any more.
    pub fn kept(texts: Vec<Text>) -> Result<Self> {
        let job = texts.iter().find(|text| text.kind == TextKind::Job).map(|text| text.text.clone());
        let text = job.ok_or_else(|| Error::data("the text of the job is not among those that were kept"))?;
        Resolver { folder: PathBuf::new(), text, kept: Some(texts), all: false }.job().map_err(first)
    }

    /// The lake of the job in the file at `path`, whatever else of the job is there no more; or the lake at `path` itself.
    pub fn lake_of(path: &Path) -> Result<Location> {
        if path.is_dir() {
            return Ok(Location::Folder(path.to_path_buf()));
        }
        if path.to_str().is_some_and(|path| path.contains("://")) {
            return lake::at(&path.to_string_lossy());
        }
        lake::named(&folder_of(path), &read(path)?)
            .map_err(|error| if error.file.is_none() { error.file(path.display()) } else { error })
    }

    /// Everything a night is closed from: the providers and banks in the order of the job, then the merchant's records.
    #[must_use]
    pub fn sources(&self) -> Vec<Source<'_>> {
        let providers = self.providers.iter().enumerate().map(|(at, provider)| Source {
            owner: Owner::Provider(at),
            name: &provider.name,
            account: &provider.account,
            format: &provider.format,
            required: provider.required,
            place: &*provider.place,
        });
        let banks = self.banks.iter().enumerate().map(|(at, bank)| Source {
            owner: Owner::Bank(at),
            name: &bank.name,
            account: &bank.account,
            format: &bank.format,
            required: bank.required,
            place: &*bank.place,
        });
        let records = [Some(&self.orders), self.attempts.as_ref(), self.refunds.as_ref()].into_iter().flatten();
        let merchant = records.map(|records| Source {
            owner: Owner::Merchant(records.target),
            name: records.target.table().name,
            account: "",
            format: &records.format,
            required: true,
            place: &*records.place,
        });
        providers.chain(banks).chain(merchant).collect()
    }

    /// What it says, key by key, and what it leaves to a default.
    #[must_use]
    pub fn settings(&self) -> Vec<settings::Setting> {
        let text = self.texts.iter().find(|text| text.kind == TextKind::Job).map_or("", |text| &text.text);
        settings::settings(text, &carried_schema())
    }

    /// Parts of the job that are well said each, and cannot all be meant of a night.
    #[must_use]
    pub fn contradictions(&self, date: NaiveDate) -> Vec<Error> {
        contradictions::of_sources(self, date)
    }

    /// What a source is asked for, of a night.
    #[must_use]
    pub fn asked(&self, source: &Source, date: NaiveDate) -> Asked {
        Asked { date, timezone: self.timezone, account: source.account.to_owned() }
    }

    /// A source that has nothing for a night.
    #[must_use]
    pub fn missing(&self, source: &Source, date: NaiveDate) -> Error {
        let whose = [source.name, source.account].join(" ");
        let next = match source.owner {
            Owner::Provider(_) | Owner::Bank(_) => "wait for the file, or close without it with --partial or `required = false`",
            Owner::Merchant(_) => "wait for the file: no night is closed without the merchant's records",
        };
        Error::new(Exit::MissingInput, format!("no file of {} for the night {date}", whose.trim_end()))
            .expected(source.place.name(&self.asked(source, date)))
            .found("nothing")
            .next(next)
    }

    /// The texts a night depends on. One on which no resolution holds is the same whatever is decided later.
    #[must_use]
    pub fn texts_of(&self, night: NaiveDate) -> Vec<Text> {
        let resolutions = self.resolutions.as_ref().and_then(|resolutions| resolutions.text_until(night)).map(|text| Text {
            kind: TextKind::Resolutions,
            name: TextKind::Resolutions.word().to_owned(),
            shipped: false,
            text,
        });
        self.texts.iter().cloned().chain(resolutions).collect()
    }

    /// What people decided about breaks, as far as it holds for a night.
    #[must_use]
    pub fn resolutions_until(&self, night: NaiveDate) -> Vec<Resolution> {
        self.resolutions.as_ref().map(|resolutions| resolutions.until(night)).unwrap_or_default()
    }

    /// The rules of all contracts.
    #[must_use]
    pub fn fees(&self) -> Vec<FeeRule> {
        self.providers.iter().flat_map(|provider| provider.fees.clone()).collect()
    }

    /// The providers the merchant has one account with, and that.
    #[must_use]
    pub fn only_accounts(&self) -> BTreeMap<String, String> {
        let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for Provider { name, account, .. } in &self.providers {
            accounts.entry(name).or_default().insert(account);
        }
        let only = accounts.into_iter().filter(|(_, accounts)| accounts.len() == 1);
        only.map(|(name, accounts)| (name.to_owned(), accounts.into_iter().collect())).collect()
    }

    /// The night by which both sides should know what a provider does on a day; of no provider in particular, the latest.
    pub fn settled_by(&self, provider: Option<&str>, day: NaiveDate) -> Result<NaiveDate> {
        let asked = self.providers.iter().filter(|known| provider.is_none_or(|name| name == known.name));
        let nights = asked.map(|provider| provider.settles_in.after(day, &provider.calendar)).collect::<Result<Vec<_>>>()?;
        Ok(nights.into_iter().max().unwrap_or(day))
    }

    /// The providers' names with the night by which what is first seen on `night` should have met its counterpart.
    pub fn expected(&self, night: NaiveDate) -> Result<Vec<(String, NaiveDate)>> {
        let settles = |provider: &Provider| Ok((provider.name.clone(), provider.settles_in.after(night, &provider.calendar)?));
        self.providers.iter().map(settles).collect()
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::configuration(format!("cannot read the job: {error}"))
            .file(path.display())
            .next("name a job file, such as jobs/nightly.toml")
    })
}

fn first(errors: Vec<Error>) -> Error {
    errors.into_iter().next().expect("a job that is refused is refused for a reason")
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

impl Provider {
    /// When its file of `date` is expected, where the job says so.
    pub fn due(&self, date: NaiveDate) -> Result<Option<Due>> {
        self.expected_by.map(|expected_by| expected_by.due(date, &self.calendar)).transpose()
    }
}
