//! From what a person wrote to a [`Job`]: every name looked up, every text read.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::due::{ExpectedBy, Lag, Publishes};
use super::file::{AnalysisFile, BankFile, JobFile, LimitsFile, ProviderFile, RecordsFile, SeverityFile};
use super::resolutions::Resolutions;
use super::{Bank, Job, Provider, Records, Text, TextKind, fees};
use crate::calendar::{Calendar, Calendars};
use crate::error::{Error, Result};
use crate::format::Target;
use crate::format::shipped::{FormatText, Library};
use crate::money::Amount;
use crate::source::Databases;
use crate::stage::analyze::{DIMENSIONS, dimension};
use crate::stage::change::Threshold;
use crate::stage::fees::FeeRule;
use crate::stage::reconcile::{Limits, Severity, Tolerance};

/// The text of a job, and the folder its paths are relative to.
pub(super) struct Resolver {
    pub(super) folder: PathBuf,
    pub(super) text: String,
    /// The formats and calendars it was closed by; those it names today if none are given.
    pub(super) kept: Option<Vec<Text>>,
}

/// What a job may name.
struct Known {
    formats: Library,
    calendars: Calendars,
    databases: Databases,
    timezone: Tz,
    regions: fees::Regions,
}

impl Resolver {
    pub(super) fn job(self) -> Result<Job> {
        let file: JobFile = toml::from_str(&self.text).map_err(|error| toml_error(&error, &self.text))?;
        let (formats, calendars) = self.library(&file)?;
        let timezone = file.timezone.parse().map_err(|_| {
            Error::configuration("not a time zone")
                .column("timezone")
                .found(&file.timezone)
                .next("use a name such as Asia/Shanghai")
        })?;
        let databases = Databases::new(file.database, &self.folder)?;
        fees::check_regions(&file.region)?;
        let known = Known { formats, calendars, databases, timezone, regions: file.region };
        let named: BTreeSet<String> = file.provider.iter().filter_map(|provider| provider.calendar.clone()).collect();
        let providers = file.provider.into_iter().map(|provider| self.provider(provider, &known)).collect::<Result<Vec<_>>>()?;
        if providers.is_empty() {
            return Err(Error::configuration("a job has at least one provider").next("add a [[provider]] table"));
        }
        fees::check(&providers.iter().flat_map(|provider| provider.fees.iter().cloned()).collect::<Vec<FeeRule>>())?;
        let banks = file.bank.into_iter().map(|bank| self.bank(bank, &known)).collect::<Result<Vec<_>>>()?;
        once(providers.iter().map(|provider| [&provider.name, &provider.account, &provider.format.name]), "provider")?;
        once(banks.iter().map(|bank| [&bank.name, &bank.account, &bank.format.name]), "bank")?;
        paid_into_a_bank(&providers, &banks)?;
        let records = |records: RecordsFile, target, default: &str| self.records(records, target, default, &known);
        let orders = records(file.merchant.orders, Target::Orders, "merchant/orders")?;
        let attempts = file.merchant.attempts.map(|file| records(file, Target::Attempts, "merchant/attempts")).transpose()?;
        let refunds = file.merchant.refunds.map(|file| records(file, Target::Refunds, "merchant/refunds")).transpose()?;
        let tolerances = file.tolerance.into_iter().map(|tolerance| {
            Ok(Tolerance {
                absolute: amount(&tolerance.absolute, "tolerance.absolute")?,
                percent: amount(&tolerance.percent, "tolerance.percent")?,
                cap: tolerance.cap.map(|cap| amount(&cap, "tolerance.cap")).transpose()?,
                currency: tolerance.currency,
            })
        });
        let tolerances = tolerances.collect::<Result<_>>()?;
        let severity = severity(file.severity)?;
        let resolutions = file.resolutions.as_deref().map(|path| self.resolutions(path)).transpose()?;
        let journal = file.journal.map(|journal| journal.chart(&providers)).transpose()?;
        let formats = providers.iter().map(|provider| &provider.format).chain([&orders.format]);
        let formats = formats
            .chain(banks.iter().map(|bank| &bank.format))
            .chain(attempts.iter().chain(&refunds).map(|records| &records.format));
        let mut texts: Vec<Text> = formats
            .flat_map(|format| known.formats.texts(&format.name))
            .map(|FormatText { name, shipped, text }| Text { kind: TextKind::Format, name, shipped, text })
            .collect();
        texts.extend(named.iter().flat_map(|names| known.calendars.texts(names)).map(|(name, text)| Text {
            kind: TextKind::Calendar,
            name: name.to_owned(),
            shipped: !known.calendars.is_own(name),
            text: text.to_owned(),
        }));
        texts.push(Text { kind: TextKind::Job, name: file.name.clone(), shipped: false, text: self.text.clone() });
        let mut seen = BTreeSet::new();
        texts.retain(|text| seen.insert((text.kind.word(), text.name.clone(), text.shipped)));
        Ok(Job {
            lake: file.lake.location(&self.folder)?,
            name: file.name,
            timezone,
            databases: known.databases,
            providers,
            banks,
            orders,
            attempts,
            refunds,
            tolerances,
            same_amount_within: duration(&file.matching.same_amount_within, "same_amount_within")?,
            given_back_within: TimeDelta::days(days(&file.matching.given_back_within, "given_back_within")?.into()),
            abandoned_after: duration(&file.analysis.abandoned_after, "abandoned_after")?,
            retry_within: duration(&file.analysis.retry_within, "retry_within")?,
            minimum_count: file.analysis.minimum_count.into(),
            pairs: pairs(&file.analysis.pairs)?,
            changes: threshold(&file.analysis)?,
            severity,
            resolutions,
            journal,
            texts,
        })
    }

    /// The formats and calendars the job may name.
    fn library(&self, file: &JobFile) -> Result<(Library, Calendars)> {
        if let Some(kept) = &self.kept {
            let of = |kind| kept.iter().filter(move |text| text.kind == kind).cloned();
            let formats = of(TextKind::Format).map(|Text { name, shipped, text, .. }| FormatText { name, shipped, text });
            let calendars = of(TextKind::Calendar).map(|text| (text.name, text.text));
            return Ok((Library::of(formats.collect()), Calendars::of(calendars)));
        }
        let formats = file.formats.as_ref().map(|folder| Library::with_folder(&self.folder.join(folder)));
        let calendars = file.calendars.as_ref().map(|folder| Calendars::with_folder(&self.folder.join(folder)));
        Ok((formats.unwrap_or_else(|| Ok(Library::shipped()))?, calendars.unwrap_or_else(|| Ok(Calendars::shipped()))?))
    }

    /// What people decided about breaks: as it is in the file, or as it was kept.
    fn resolutions(&self, path: &str) -> Result<Resolutions> {
        let Some(kept) = &self.kept else { return Resolutions::read(&seen_from(&self.folder, path)) };
        let kept = kept.iter().find(|text| text.kind == TextKind::Resolutions);
        Resolutions::parse(path.into(), kept.map_or("", |text| &text.text))
    }

    fn provider(&self, file: ProviderFile, known: &Known) -> Result<Provider> {
        let format = known.formats.load(&file.format)?;
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
        let expected_by = expected_by(&file, known.timezone)?;
        let fees = file.fee.into_iter().map(|fee| fee.rule(&file.name, &file.account, &known.regions));
        Ok(Provider {
            fees: fees.collect::<Result<_>>()?,
            calendar: file.calendar.map_or_else(|| Ok(Calendar::weekdays()), |names| known.calendars.load(&names))?,
            place: file.source.open(&self.folder, &known.databases)?,
            name: file.name,
            account: file.account,
            format,
            settles_in,
            expected_by,
            paid_into: file.paid_into,
            required: file.required,
        })
    }

    fn bank(&self, file: BankFile, known: &Known) -> Result<Bank> {
        let format = known.formats.load(&file.format)?;
        if format.target != Target::BankLines {
            return Err(Error::configuration(format!("{} does not describe a bank's statement", format.name))
                .next("name one that does, such as bank/camt053"));
        }
        let place = file.source.open(&self.folder, &known.databases)?;
        Ok(Bank { name: file.name, account: file.account, format, place, unexplained: file.unexplained, required: file.required })
    }

    fn records(&self, file: RecordsFile, target: Target, default: &str, known: &Known) -> Result<Records> {
        let format = known.formats.load(file.format.as_deref().unwrap_or(default))?;
        if format.target != target {
            return Err(Error::configuration(format!("{} does not describe {}", format.name, target.table().name)));
        }
        Ok(Records { target, place: file.source.open(&self.folder, &known.databases)?, format })
    }
}

/// A mistake in TOML, with its line, and the key that was meant where one is close.
pub(super) fn toml_error(error: &toml::de::Error, text: &str) -> Error {
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

/// Whose files are named by name, account and format, each once.
fn once<'n>(named: impl Iterator<Item = [&'n String; 3]>, table: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    for [name, account, format] in named {
        if !seen.insert([name, account, format]) {
            return Err(Error::configuration(format!("{name} {account} is named twice with {format}"))
                .next(format!("list all its files in one [[{table}]]")));
        }
    }
    Ok(())
}

/// A provider pays into a bank of the job.
fn paid_into_a_bank(providers: &[Provider], banks: &[Bank]) -> Result<()> {
    let is_known = |name: &String| banks.iter().any(|bank| bank.name == *name);
    let Some(unknown) = providers.iter().filter_map(|provider| provider.paid_into.as_ref()).find(|name| !is_known(name)) else {
        return Ok(());
    };
    let known: Vec<&str> = banks.iter().map(|bank| bank.name.as_str()).collect();
    Err(Error::configuration("no bank of the job has this name")
        .column("paid_into")
        .expected(if known.is_empty() { "a [[bank]]".to_owned() } else { known.join(", ") })
        .found(unknown)
        .next("name a bank as its [[bank]] does, or add it"))
}

/// `path` as seen from `folder`: `../lake` from `jobs` is `lake`, unless `jobs` is a symbolic link to elsewhere.
pub(super) fn seen_from(folder: &Path, path: &str) -> PathBuf {
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

/// A decimal in quotes.
pub(super) fn amount(text: &str, column: &str) -> Result<Amount> {
    Amount::parse(text.as_bytes(), crate::money::SCALE).map_err(|why| {
        Error::configuration(format!("this is {why}"))
            .column(column)
            .found(text)
            .next("write a decimal such as \"0.60\", in quotes")
    })
}

fn expected_by(file: &ProviderFile, zone: Tz) -> Result<Option<ExpectedBy>> {
    let Some(text) = &file.expected_by else {
        let alone = if file.grace.is_some() { "grace" } else { "publishes" };
        return match (&file.grace, file.publishes) {
            (None, Publishes::EveryDay) => Ok(None),
            _ => Err(Error::configuration(format!("{alone} says nothing without expected_by"))
                .column(alone)
                .next("say when the file is there, such as `expected_by = \"10:00\"`")),
        };
    };
    let grace = file.grace.as_deref().map_or(Ok(TimeDelta::zero()), |grace| duration(grace, "grace"))?;
    ExpectedBy::parse(text, file.publishes, zone, grace).map(Some)
}

/// From when on a change of a rate counts.
fn threshold(file: &AnalysisFile) -> Result<Threshold> {
    let of_one = |text: &str, column: &str| {
        let eighth = Amount::parse(text.as_bytes(), crate::money::SCALE).ok().map(|decimal| decimal.0);
        eighth.filter(|&of_one| 0 < of_one && of_one < Amount::whole(1).0).ok_or_else(|| {
            Error::configuration("not a share of one")
                .column(column)
                .expected("a decimal between 0 and 1, in quotes, such as \"0.01\"")
                .found(text)
        })
    };
    let [minimum_change, _] =
        [of_one(&file.minimum_change, "analysis.minimum_change")?, of_one(&file.false_discovery, "analysis.false_discovery")?];
    let false_discovery = file.false_discovery.parse().expect("a decimal is a number");
    // From 8 digits after the point to the 12 of a rate.
    Ok(Threshold { minimum_change: minimum_change * 10_000, false_discovery })
}

fn severity(file: SeverityFile) -> Result<Severity> {
    let SeverityFile { medium, high, critical, older_than, currency } = file;
    let limits = |LimitsFile { medium, high, critical }: &LimitsFile, of: &str| {
        let column = |name: &str| format!("severity.{of}{name}");
        let limits = Limits {
            medium: amount(medium, &column("medium"))?,
            high: amount(high, &column("high"))?,
            critical: amount(critical, &column("critical"))?,
        };
        if limits.ascend() {
            return Ok(limits);
        }
        Err(Error::configuration("the limits of severity do not ascend")
            .column(column("medium"))
            .expected("0 < medium < high < critical")
            .found(format!("{medium}, {high}, {critical}"))
            .next("raise the one that is too low"))
    };
    let days = days(&older_than, "severity.older_than")?;
    let by_currency = currency.iter().map(|(of, file)| Ok((of.clone(), limits(file, &format!("currency.{of}."))?)));
    Ok(Severity {
        by_currency: by_currency.collect::<Result<_>>()?,
        limits: limits(&LimitsFile { medium, high, critical }, "")?,
        older_than_days: days.into(),
    })
}

fn days(text: &str, column: &str) -> Result<u16> {
    let days = text.strip_suffix(" days").or(text.strip_suffix(" day")).and_then(|days| days.parse().ok());
    days.ok_or_else(|| {
        Error::configuration("not a number of days")
            .column(column)
            .expected("such as `7 days`")
            .found(text)
            .next("write a whole number and `days`")
    })
}

/// Pairs of dimensions: each of two that are known, and given once, whichever of its dimensions is first.
fn pairs(given: &[[String; 2]]) -> Result<Vec<[&'static str; 2]>> {
    let mut seen = BTreeSet::new();
    let known = |name: &String| {
        let wrong = || Error::configuration("not a dimension").column("pairs").expected(DIMENSIONS.join(", ")).found(name);
        dimension(name).ok_or_else(wrong)
    };
    let pair = |[one, other]: &[String; 2]| {
        let pair = [known(one)?, known(other)?];
        let mut either = pair;
        either.sort_unstable();
        if one == other || !seen.insert(either) {
            return Err(Error::configuration("a pair of dimensions is given twice, or is one dimension twice")
                .column("pairs")
                .expected("two dimensions, and no other pair of them")
                .found(pair.join(", ")));
        }
        Ok(pair)
    };
    given.iter().map(pair).collect()
}

fn duration(text: &str, column: &str) -> Result<TimeDelta> {
    let wrong =
        || Error::configuration("not a duration").column(column).expected("such as `30 minutes` or `2 hours`").found(text);
    let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match unit {
        "minute" | "minutes" => Ok(TimeDelta::minutes(number.into())),
        "hour" | "hours" => Ok(TimeDelta::hours(number.into())),
        "day" | "days" => Ok(TimeDelta::days(number.into())),
        _ => Err(wrong()),
    }
}
