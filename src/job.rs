//! `jobs/*.toml` to a [`Job`]: every name resolved, every format loaded, or one clear error.
//!
//! Paths in a job are relative to the job file. Nothing here opens an input.

use std::path::{Component, Path, PathBuf};

use chrono::{Datelike, Days, NaiveDate, TimeDelta, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::error::{Error, Exit, Result};
use crate::format::shipped::Library;
use crate::format::{Format, Target};
use crate::money::{Amount, Rounding};
use crate::source::{Asked, DatabaseFile, Databases, Place, PlaceFile};
use crate::stage::reconcile::{RateCard, Tolerance};

/// A job, ready to run.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The folder of the lake.
    pub lake: PathBuf,
    /// Time zone of the business date.
    pub timezone: Tz,
    /// The databases its queries ask.
    pub databases: Databases,
    /// Whose files are read.
    pub providers: Vec<Provider>,
    /// The merchant's orders.
    pub orders: Records,
    /// The merchant's attempts, where it records them.
    pub attempts: Option<Records>,
    /// The merchant's refunds, where it records them.
    pub refunds: Option<Records>,
    /// Differences that are no break.
    pub tolerances: Vec<Tolerance>,
    /// How old an order without success must be before it counts as abandoned.
    pub abandoned_after: TimeDelta,
    /// The texts of the job and its formats: what a night depends on besides its files.
    pub texts: Vec<String>,
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
    /// When what happened on a night should be stated by both sides.
    pub settles_in: Lag,
    /// What it charges.
    pub rate_cards: Vec<RateCard>,
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
}

/// One kind of file a night is closed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Whose files they are.
    pub owner: Owner,
    /// The provider, or orders, attempts, refunds.
    pub name: &'a str,
    /// The account with the provider; empty for the merchant's own records.
    pub account: &'a str,
    /// How they are laid out.
    pub format: &'a Format,
    /// Whether the night stops without them.
    pub required: bool,
    /// Where they come from.
    pub place: &'a dyn Place,
}

/// A number of days, or of business days: Monday to Friday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many.
    pub days: u32,
    /// Whether Saturdays and Sundays are passed over.
    pub business: bool,
}

impl Lag {
    /// The date that many days after `date`.
    #[must_use]
    pub fn after(self, date: NaiveDate) -> NaiveDate {
        let mut date = date;
        let mut left = self.days;
        while left > 0 {
            date = date + Days::new(1);
            if !self.business || !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
                left -= 1;
            }
        }
        date
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let days = number.parse().ok().filter(|&days: &u32| days <= 366)?;
        match unit.trim() {
            "business day" | "business days" => Some(Self { days, business: true }),
            "day" | "days" => Some(Self { days, business: false }),
            _ => None,
        }
    }
}

/// What a person writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobFile {
    name: String,
    lake: String,
    timezone: String,
    /// A folder of formats that add to the shipped ones or override one.
    formats: Option<String>,
    /// Databases, each asked by all queries of a run in one transaction.
    #[serde(default)]
    database: Vec<DatabaseFile>,
    #[serde(default)]
    provider: Vec<ProviderFile>,
    merchant: MerchantFile,
    #[serde(default)]
    tolerance: Vec<ToleranceFile>,
    #[serde(default)]
    analysis: AnalysisFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFile {
    name: String,
    account: String,
    format: String,
    source: PlaceFile,
    settles_in: String,
    #[serde(default)]
    fee: Vec<FeeFile>,
    #[serde(default = "yes")]
    required: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeFile {
    percent: String,
    fixed: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    rounding: Rounding,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantFile {
    orders: RecordsFile,
    attempts: Option<RecordsFile>,
    refunds: Option<RecordsFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsFile {
    source: PlaceFile,
    format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToleranceFile {
    currency: String,
    #[serde(default = "zero")]
    absolute: String,
    #[serde(default = "zero")]
    percent: String,
}

fn zero() -> String {
    "0".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnalysisFile {
    abandoned_after: String,
}

impl Default for AnalysisFile {
    fn default() -> Self {
        Self { abandoned_after: "2 hours".to_owned() }
    }
}

impl Job {
    /// Reads and resolves the job in the file at `path`.
    pub fn load(path: &Path) -> Result<Self> {
        let shown = &path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::configuration(format!("cannot read the job: {error}"))
                .file(shown)
                .next("name a job file, such as jobs/nightly.toml")
        })?;
        let file: JobFile = toml::from_str(&text).map_err(|error| toml_error(&error, &text).file(shown))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Resolver { folder, text }.job(file).map_err(|error| if error.file.is_none() { error.file(shown) } else { error })
    }

    /// Everything a night is closed from: the providers in the order of the job, then the merchant's records.
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
        let records = [Some(&self.orders), self.attempts.as_ref(), self.refunds.as_ref()].into_iter().flatten();
        let merchant = records.map(|records| Source {
            owner: Owner::Merchant(records.target),
            name: records.target.table().name,
            account: "",
            format: &records.format,
            required: true,
            place: &*records.place,
        });
        providers.chain(merchant).collect()
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
            Owner::Provider(_) => "wait for the file, or close without it with --partial or `required = false`",
            Owner::Merchant(_) => "wait for the file: no night is closed without the merchant's records",
        };
        Error::new(Exit::MissingInput, format!("no file of {} for the night {date}", whose.trim_end()))
            .expected(source.place.name(&self.asked(source, date)))
            .found("nothing")
            .next(next)
    }

    /// The providers' names with the night by which what is first seen on `night` should have met its counterpart.
    #[must_use]
    pub fn expected(&self, night: NaiveDate) -> Vec<(String, NaiveDate)> {
        self.providers.iter().map(|provider| (provider.name.clone(), provider.settles_in.after(night))).collect()
    }
}

/// A mistake in TOML, with its line, and the key that was meant where one is close.
fn toml_error(error: &toml::de::Error, text: &str) -> Error {
    let message = error.message().to_owned();
    let mut wrong = Error::configuration(message.clone());
    if let Some(span) = error.span() {
        wrong = wrong.line(text[..span.start.min(text.len())].matches('\n').count() as u64 + 1);
        let found = text.get(span).unwrap_or_default().lines().next().unwrap_or_default();
        if !found.is_empty() {
            wrong = wrong.found(found);
        }
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let ([unknown, known @ ..], true) = (&names[..], message.starts_with("unknown field"))
        && let Some(nearest) = known.iter().max_by(|a, b| strsim::jaro(a, unknown).total_cmp(&strsim::jaro(b, unknown)))
    {
        wrong = wrong.next(format!("did you mean `{nearest}`?"));
    }
    wrong
}

struct Resolver {
    folder: PathBuf,
    text: String,
}

impl Resolver {
    fn job(self, file: JobFile) -> Result<Job> {
        let library = match &file.formats {
            Some(folder) => Library::with_folder(&self.folder.join(folder))?,
            None => Library::shipped(),
        };
        let timezone = file.timezone.parse().map_err(|_| {
            Error::configuration("not a time zone")
                .column("timezone")
                .found(&file.timezone)
                .next("use a name such as Asia/Shanghai")
        })?;
        let databases = Databases::new(file.database, &self.folder)?;
        let providers = file.provider.into_iter().map(|provider| self.provider(provider, &library, &databases));
        let providers = providers.collect::<Result<Vec<_>>>()?;
        if providers.is_empty() {
            return Err(Error::configuration("a job has at least one provider").next("add a [[provider]] table"));
        }
        for (at, provider) in providers.iter().enumerate() {
            let same = |other: &&Provider| {
                (&other.name, &other.account, &other.format.name) == (&provider.name, &provider.account, &provider.format.name)
            };
            if providers[..at].iter().any(|other| same(&other)) {
                return Err(Error::configuration(format!(
                    "{} {} is named twice with {}",
                    provider.name, provider.account, provider.format.name
                ))
                .next("list all its files in one [[provider]]"));
            }
        }
        let records = |records: RecordsFile, target, default: &str| self.records(records, target, default, &library, &databases);
        let orders = records(file.merchant.orders, Target::Orders, "merchant/orders")?;
        let attempts = file.merchant.attempts.map(|file| records(file, Target::Attempts, "merchant/attempts")).transpose()?;
        let refunds = file.merchant.refunds.map(|file| records(file, Target::Refunds, "merchant/refunds")).transpose()?;
        let tolerances = file.tolerance.into_iter().map(|tolerance| {
            Ok(Tolerance {
                absolute: amount(&tolerance.absolute, "tolerance.absolute")?,
                percent: amount(&tolerance.percent, "tolerance.percent")?,
                currency: tolerance.currency,
            })
        });
        let tolerances = tolerances.collect::<Result<_>>()?;
        let formats = providers.iter().map(|provider| &provider.format).chain([&orders.format]);
        let formats = formats.chain(attempts.iter().chain(&refunds).map(|records| &records.format));
        let mut texts: Vec<String> = formats.filter_map(|format| library.text(&format.name)).map(str::to_owned).collect();
        texts.push(self.text.clone());
        Ok(Job {
            lake: seen_from(&self.folder, &file.lake),
            name: file.name,
            timezone,
            databases,
            providers,
            orders,
            attempts,
            refunds,
            tolerances,
            abandoned_after: duration(&file.analysis.abandoned_after)?,
            texts,
        })
    }

    fn provider(&self, file: ProviderFile, library: &Library, databases: &Databases) -> Result<Provider> {
        let format = library.load(&file.format)?;
        if format.target != Target::Entries {
            return Err(Error::configuration(format!(
                "{} describes the merchant's own records, not a provider's file",
                format.name
            )));
        }
        let settles_in = Lag::parse(&file.settles_in).ok_or_else(|| {
            Error::configuration("not a number of days")
                .column("settles_in")
                .expected("such as `1 business day` or `2 days`")
                .found(&file.settles_in)
        })?;
        let rate_cards = file.fee.into_iter().map(|fee| {
            Ok(RateCard {
                provider: file.name.clone(),
                account: file.account.clone(),
                percent: amount(&fee.percent, "fee.percent")?,
                fixed: fee.fixed.as_deref().map_or(Ok(Amount::ZERO), |fixed| amount(fixed, "fee.fixed"))?,
                currency: fee.currency,
                rounding: fee.rounding,
            })
        });
        Ok(Provider {
            rate_cards: rate_cards.collect::<Result<_>>()?,
            place: file.source.open(&self.folder, databases)?,
            name: file.name,
            account: file.account,
            format,
            settles_in,
            required: file.required,
        })
    }

    fn records(
        &self,
        file: RecordsFile,
        target: Target,
        default: &str,
        library: &Library,
        databases: &Databases,
    ) -> Result<Records> {
        let format = library.load(file.format.as_deref().unwrap_or(default))?;
        if format.target != target {
            return Err(Error::configuration(format!("{} does not describe {}", format.name, target.table().name)));
        }
        Ok(Records { target, place: file.source.open(&self.folder, databases)?, format })
    }
}

/// `path` as seen from `folder`: `../lake` from `jobs` is `lake`, unless `jobs` is a symbolic link to elsewhere.
fn seen_from(folder: &Path, path: &str) -> PathBuf {
    let mut seen = folder.to_path_buf();
    for part in Path::new(path).components() {
        let within_a_folder = matches!(seen.components().next_back(), Some(Component::Normal(_))) && !seen.is_symlink();
        if part == Component::ParentDir && within_a_folder {
            seen.pop();
        } else {
            seen.push(part);
        }
    }
    if seen.as_os_str().is_empty() { PathBuf::from(".") } else { seen }
}

fn amount(text: &str, column: &str) -> Result<Amount> {
    Amount::parse(text.as_bytes(), crate::money::SCALE).map_err(|why| {
        Error::configuration(format!("this is {why}"))
            .column(column)
            .found(text)
            .next("write a decimal such as \"0.60\", in quotes")
    })
}

fn duration(text: &str) -> Result<TimeDelta> {
    let wrong = || {
        Error::configuration("not a duration").column("abandoned_after").expected("such as `30 minutes` or `2 hours`").found(text)
    };
    let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match unit {
        "minute" | "minutes" => Ok(TimeDelta::minutes(number.into())),
        "hour" | "hours" => Ok(TimeDelta::hours(number.into())),
        "day" | "days" => Ok(TimeDelta::days(number.into())),
        _ => Err(wrong()),
    }
}
