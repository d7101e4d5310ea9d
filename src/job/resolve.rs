//! From what a person wrote to a [`Job`]: every name looked up, every text read.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Deserialize;

use super::file::{BankFile, JobFile, ProviderFile, RecordsFile};
use super::resolutions::Resolutions;
use super::values::{days, duration, expected_by, pairs, settles_in, severity, threshold, tolerance, zone};
use super::{Bank, Job, Provider, Records, Text, TextKind, contradictions, fees};
use crate::calendar::{Calendar, Calendars};
use crate::error::{Error, Result};
use crate::format::keys::{Step, place, toml_error, unknown, without_unknown};
use crate::format::shipped::{FormatText, Library};
use crate::format::{Format, LikeCards, Target};
use crate::source::Databases;
use crate::stage::fees::FeeRule;
use crate::stage::reconcile::Tolerance;

/// The text of a job, and the folder its paths are relative to.
pub(super) struct Resolver {
    pub(super) folder: PathBuf,
    pub(super) text: String,
    /// The formats and calendars it was closed by; those it names today if none are given.
    pub(super) kept: Option<Vec<Text>>,
    /// Whether formats and calendars of its folders are looked at that it does not name.
    pub(super) all: bool,
}

/// What a job may name.
struct Known {
    formats: Library,
    calendars: Calendars,
    databases: Databases,
    timezone: Tz,
    regions: fees::Regions,
    like_cards: LikeCards,
}

impl Resolver {
    /// The job, or everything that is wrong with it, as far as one mistake does not hide another.
    pub(super) fn job(self) -> std::result::Result<Job, Vec<Error>> {
        let mut wrong = Wrong { text: &self.text, errors: Vec::new() };
        let file = self.file(&mut wrong.errors)?;
        let Some((formats, calendars)) = wrong.take(&[], self.library(&file)) else { return Err(wrong.errors) };
        wrong.errors.extend(self.wrong_with_own(&formats, &calendars));
        let timezone = wrong.take(&[], zone(&file.timezone, "timezone")).unwrap_or_default();
        let databases = wrong.take(&[], Databases::new(file.database, &self.folder)).unwrap_or_default();
        wrong.take(&[], fees::check_regions(&file.region));
        let like_cards = file.identifiers_like_cards;
        let known = Known { formats, calendars, databases, timezone, regions: file.region, like_cards };
        let named: BTreeSet<String> = file.provider.iter().filter_map(|provider| provider.calendar.clone()).collect();
        if file.provider.is_empty() {
            wrong.errors.push(Error::configuration("a job has at least one provider").next("add a [[provider]] table"));
        }
        let mut providers = Vec::new();
        for (at, provider) in file.provider.into_iter().enumerate() {
            let path = [Step::Key("provider".to_owned()), Step::At(at)];
            providers.extend(self.provider(provider, &known, &path, &mut wrong));
        }
        let mut banks = Vec::new();
        for (at, bank) in file.bank.into_iter().enumerate() {
            let path = [Step::Key("bank".to_owned()), Step::At(at)];
            banks.extend(self.bank(bank, &known, &path, &mut wrong));
        }
        wrong.take(
            &[],
            fees::check(&providers.iter().flat_map(|provider| provider.fees.iter().cloned()).collect::<Vec<FeeRule>>()),
        );
        let of_providers = providers.iter().map(|provider| [&provider.name, &provider.account, &provider.format.name]);
        wrong.take(&[], once(of_providers, "provider"));
        wrong.take(&[], once(banks.iter().map(|bank| [&bank.name, &bank.account, &bank.format.name]), "bank"));
        let mut records = |file: Option<RecordsFile>, target: Target| {
            let name = target.table().name;
            let path = [Step::Key("merchant".to_owned()), Step::Key(name.to_owned())];
            wrong.take(&path, file.map(|file| self.records(file, target, &known)).transpose())?
        };
        let orders = records(Some(file.merchant.orders), Target::Orders);
        let attempts = records(file.merchant.attempts, Target::Attempts);
        let refunds = records(file.merchant.refunds, Target::Refunds);
        let mut tolerances: Vec<Tolerance> = Vec::new();
        for (at, file) in file.tolerance.into_iter().enumerate() {
            let path = [Step::Key("tolerance".to_owned()), Step::At(at)];
            tolerances.extend(wrong.take(&path, tolerance(file)));
        }
        let analysis = &file.analysis;
        let matching = [Step::Key("matching".to_owned())];
        let of_analysis = [Step::Key("analysis".to_owned())];
        let given_back_within = wrong.take(&matching, days(&file.matching.given_back_within, "given_back_within"));
        let same_amount_within = wrong.take(&matching, duration(&file.matching.same_amount_within, "same_amount_within"));
        let abandoned_after = wrong.take(&of_analysis, duration(&analysis.abandoned_after, "abandoned_after"));
        let retry_within = wrong.take(&of_analysis, duration(&analysis.retry_within, "retry_within"));
        let pairs = wrong.take(&of_analysis, pairs(&analysis.pairs));
        let changes = wrong.take(&[], threshold(analysis));
        let severity = wrong.take(&[], severity(file.severity));
        let resolutions = wrong.take(&[], file.resolutions.as_deref().map(|path| self.resolutions(path)).transpose());
        let is_whole = wrong.errors.is_empty();
        // What one part says of another is only asked where all parts are there.
        let journal = if is_whole {
            wrong.take(&[], paid_into_a_bank(&providers, &banks));
            wrong.take(&[], file.journal.map(|journal| journal.chart(&providers)).transpose()).flatten()
        } else {
            None
        };
        if self.kept.is_none() {
            for (path, error) in contradictions::of_tolerances(&tolerances) {
                wrong.take::<()>(&path, Err(error));
            }
        }
        let lake = wrong.take(&[Step::Key("lake".to_owned())], file.lake.location(&self.folder));
        let made = (wrong.errors.is_empty(), orders, changes, severity, lake);
        let (true, Some(orders), Some(changes), Some(severity), Some(lake)) = made else {
            return Err(wrong.errors);
        };
        let texts = texts(&known, &named, &providers, &banks, [Some(&orders), attempts.as_ref(), refunds.as_ref()]);
        let own = Text { kind: TextKind::Job, name: file.name.clone(), shipped: false, text: self.text.clone() };
        let texts = texts.into_iter().chain([own]);
        Ok(Job {
            lake,
            name: file.name,
            timezone,
            databases: known.databases,
            providers,
            banks,
            orders,
            attempts,
            refunds,
            tolerances,
            same_amount_within: same_amount_within.unwrap_or_default(),
            given_back_within: TimeDelta::days(given_back_within.unwrap_or_default().into()),
            abandoned_after: abandoned_after.unwrap_or_default(),
            retry_within: retry_within.unwrap_or_default(),
            minimum_count: analysis.minimum_count.into(),
            pairs: pairs.unwrap_or_default(),
            changes,
            severity,
            resolutions: resolutions.flatten(),
            journal,
            texts: texts.collect(),
        })
    }

    /// What is wrong with the formats and calendars of its folders, where all are looked at.
    fn wrong_with_own(&self, formats: &Library, calendars: &Calendars) -> Vec<Error> {
        if !self.all {
            return Vec::new();
        }
        let wrong = formats.own().flat_map(|name| formats.wrong_with(name));
        wrong.chain(calendars.own().filter_map(|name| calendars.load(name).err())).collect()
    }

    /// The file as it is written. A key nobody knows is left out, so that what else is wrong is found too.
    fn file(&self, errors: &mut Vec<Error>) -> std::result::Result<JobFile, Vec<Error>> {
        let refused = match toml::from_str(&self.text) {
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        let schema = super::carried_schema();
        errors.extend(unknown(&self.text, &schema));
        if errors.is_empty() {
            return Err(vec![toml_error(&refused, &self.text)]);
        }
        let known = without_unknown(&self.text, &schema).map(JobFile::deserialize);
        match known {
            Some(Ok(file)) => Ok(file),
            Some(Err(error)) => {
                errors.push(Error::configuration(error.message().to_owned()));
                Err(std::mem::take(errors))
            }
            None => Err(std::mem::take(errors)),
        }
    }

    /// The formats and calendars the job may name.
    fn library(&self, file: &JobFile) -> Result<(Library, Calendars)> {
        if let Some(kept) = &self.kept {
            let of = |kind| kept.iter().filter(move |text| text.kind == kind).cloned();
            let formats = of(TextKind::Format).map(|Text { name, shipped, text, .. }| FormatText { name, shipped, text });
            let calendars = of(TextKind::Calendar).map(|text| (text.name, text.text));
            return Ok((Library::of(formats.collect()), Calendars::of(calendars)));
        }
        for (key, folder) in [("formats", &file.formats), ("calendars", &file.calendars)] {
            if let Some(folder) = folder.as_ref().map(|folder| self.folder.join(folder)).filter(|folder| !folder.is_dir()) {
                return Err(Error::configuration(format!("there is no such folder of {key}"))
                    .column(key)
                    .found(folder.display())
                    .next("make the folder, or take the line out"));
            }
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

    /// The provider that `path` leads to.
    fn provider(&self, file: ProviderFile, known: &Known, path: &[Step], wrong: &mut Wrong) -> Option<Provider> {
        let format = wrong.take(path, known.format(&file.format, Target::Entries));
        let settles_in = wrong.take(path, settles_in(&file.settles_in));
        let expected_by = wrong.take(path, expected_by(&file, known.timezone));
        let mut fees = Vec::new();
        for (at, fee) in file.fee.into_iter().enumerate() {
            let path = [path, &[Step::Key("fee".to_owned()), Step::At(at)]].concat();
            fees.extend(wrong.take(&path, fee.rule(&file.name, &file.account, &known.regions)));
        }
        let calendar = file.calendar.map_or_else(|| Ok(Calendar::weekdays()), |names| known.calendars.load(&names));
        let calendar = wrong.take(path, calendar.map_err(|error| of_key(error, "calendar")));
        let place = wrong.take(path, file.source.open(&self.folder, &known.databases).map_err(|error| of_key(error, "source")));
        Some(Provider {
            fees,
            calendar: calendar?,
            place: place?,
            name: file.name,
            account: file.account,
            format: format?,
            settles_in: settles_in?,
            expected_by: expected_by?,
            paid_into: file.paid_into,
            required: file.required,
        })
    }

    /// The bank that `path` leads to.
    fn bank(&self, file: BankFile, known: &Known, path: &[Step], wrong: &mut Wrong) -> Option<Bank> {
        let format = wrong.take(path, known.format(&file.format, Target::BankLines));
        let place = wrong.take(path, file.source.open(&self.folder, &known.databases).map_err(|error| of_key(error, "source")));
        let BankFile { name, account, unexplained, required, .. } = file;
        Some(Bank { name, account, format: format?, place: place?, unexplained, required })
    }

    fn records(&self, file: RecordsFile, target: Target, known: &Known) -> Result<Records> {
        let usual = || format!("merchant/{}", target.table().name);
        let format = known.format(&file.format.unwrap_or_else(usual), target)?;
        let place = file.source.open(&self.folder, &known.databases).map_err(|error| of_key(error, "source"))?;
        Ok(Records { target, format, place })
    }
}

impl Known {
    /// The format called `name`, which describes `target`.
    fn format(&self, name: &str, target: Target) -> Result<Format> {
        let format = self.formats.load(name).map_err(|error| of_key(error, "format"))?;
        if format.target == target {
            return Ok(Format { identifiers_like_cards: self.like_cards, ..format });
        }
        let error = Error::configuration(match target {
            Target::Entries => format!("{name} describes the merchant's own records, not a provider's file"),
            Target::BankLines => format!("{name} does not describe a bank's statement"),
            Target::Orders | Target::Attempts | Target::Refunds => format!("{name} does not describe {}", target.table().name),
        });
        let error = error.column("format");
        Err(if target == Target::BankLines { error.next("name one that does, such as bank/camt053") } else { error })
    }
}

/// Names the key an error is about, where it names none and no other file.
fn of_key(error: Error, key: &str) -> Error {
    if error.file.is_none() && error.column.is_none() { error.column(key) } else { error }
}

/// What is wrong with a job, so far.
struct Wrong<'t> {
    text: &'t str,
    errors: Vec<Error>,
}

impl Wrong<'_> {
    /// What a part of the job is; nothing, and why, where it is wrong. The part begins at the end of `path`, and an error that
    /// names a key within it is placed there.
    fn take<T>(&mut self, path: &[Step], part: Result<T>) -> Option<T> {
        let mut error = match part {
            Ok(part) => return Some(part),
            Err(error) => error,
        };
        if error.file.is_none() && error.line.is_none() {
            let within = error.column.iter().flat_map(|column| column.split('.')).map(|key| Step::Key(key.to_owned()));
            let path: Vec<Step> = path.iter().cloned().chain(within).collect();
            if let Some((line, letter)) = place(self.text, &path) {
                error = error.line(line).letter(letter);
            }
        }
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        None
    }
}

/// The texts that a job with these parts depends on, each once.
fn texts(
    known: &Known,
    calendars: &BTreeSet<String>,
    providers: &[Provider],
    banks: &[Bank],
    records: [Option<&Records>; 3],
) -> Vec<Text> {
    let [orders, others @ ..] = records;
    let formats = providers.iter().map(|provider| &provider.format).chain(orders.map(|records| &records.format));
    let formats =
        formats.chain(banks.iter().map(|bank| &bank.format)).chain(others.into_iter().flatten().map(|records| &records.format));
    let mut texts: Vec<Text> = formats
        .flat_map(|format| known.formats.texts(&format.name))
        .map(|FormatText { name, shipped, text }| Text { kind: TextKind::Format, name, shipped, text })
        .collect();
    texts.extend(calendars.iter().flat_map(|names| known.calendars.texts(names)).map(|(name, text)| Text {
        kind: TextKind::Calendar,
        name: name.to_owned(),
        shipped: !known.calendars.is_own(name),
        text: text.to_owned(),
    }));
    let mut seen = BTreeSet::new();
    texts.retain(|text| seen.insert((text.kind.word(), text.name.clone(), text.shipped)));
    texts
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
