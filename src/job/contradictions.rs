//! Parts of a job that are well said each, and cannot both be meant.

use std::path::{Component, Path, PathBuf};

use chrono::NaiveDate;
use glob::Pattern;

use super::resolve::seen_from;
use super::{Job, Owner, Source};
use crate::error::Error;
use crate::format::keys::Step;
use crate::lake::Location;
use crate::stage::reconcile::Tolerance;

/// Tolerances of one currency, which hold once: each further one, with its place.
pub(super) fn of_tolerances(tolerances: &[Tolerance]) -> Vec<(Vec<Step>, Error)> {
    let mut wrong = Vec::new();
    for (at, tolerance) in tolerances.iter().enumerate() {
        let currency = &tolerance.currency;
        let path = vec![Step::Key("tolerance".to_owned()), Step::At(at)];
        let error = |what: &str| Error::configuration(what).column("currency").found(currency);
        let is_currency = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
        if !is_currency {
            wrong.push((path, error("not a currency").expected("three letters such as `EUR`")));
        } else if tolerances[..at].iter().any(|before| before.currency == *currency) {
            wrong.push((path, error("two tolerances are of one currency").next("leave one of them")));
        }
    }
    wrong
}

/// Sources that take each other's files, or those of the lake; and calendars that do not know the days a night asks for.
pub(super) fn of_sources(job: &Job, date: NaiveDate) -> Vec<Error> {
    let sources = job.sources();
    let mut wrong = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        wrong.extend(sources[..at].iter().filter_map(|before| takes_the_same(job, before, source, date)));
        wrong.extend(source.place.patterns(&job.asked(source, date)).iter().filter_map(|pattern| of_lake(job, source, pattern)));
    }
    for provider in &job.providers {
        let settled = provider.settles_in.after(date, &provider.calendar).map(drop);
        let known = settled.and_then(|()| provider.due(date).map(drop));
        wrong.extend(known.map_err(|error| error.column(format!("calendar of {}", provider.name))).err());
    }
    wrong
}

/// A source as a person names it.
fn named(source: &Source) -> String {
    [source.name, source.account].join(" ").trim_end().to_owned()
}

/// Two sources with one file, unless both are banks, whose files may hold several accounts: by their patterns, or by the files
/// that are there.
fn takes_the_same(job: &Job, one: &Source, other: &Source, date: NaiveDate) -> Option<Error> {
    if matches!((one.owner, other.owner), (Owner::Bank(_), Owner::Bank(_))) {
        return None;
    }
    let patterns = |source: &Source| -> Vec<PathBuf> {
        source.place.patterns(&job.asked(source, date)).iter().map(|pattern| plain(pattern)).collect()
    };
    let files = |source: &Source| source.place.on_this_machine(&job.asked(source, date)).unwrap_or_default();
    let shared = |one: Vec<PathBuf>, other: Vec<PathBuf>| one.into_iter().find(|path| other.contains(path));
    let plain_files = |source: &Source| files(source).iter().map(|path| plain(path)).collect();
    let shared = shared(patterns(one), patterns(other)).or_else(|| shared(plain_files(one), plain_files(other)))?;
    Some(
        Error::configuration(format!("two sources take the same file: {}, and {}", named(one), named(other)))
            .column("source")
            .found(shared.display())
            .next("let each name its own files"),
    )
}

/// A pattern that looks into the lake, where what is read was kept, or into a folder above it.
fn of_lake(job: &Job, source: &Source, pattern: &Path) -> Option<Error> {
    let absolute = |path: &Path| std::path::absolute(plain(path)).unwrap_or_else(|_| path.to_path_buf());
    let Location::Folder(lake) = &job.lake else { return None };
    let (lake, pattern) = (absolute(lake), absolute(pattern));
    let mut within = lake.components();
    let mut parts = pattern.components();
    let looks_inside = loop {
        let Some(part) = parts.next() else { break false };
        if part.as_os_str() == "**" {
            break true;
        }
        let Some(folder) = within.next() else { break true };
        if !fits(part, folder) {
            break false;
        }
    };
    looks_inside.then(|| {
        Error::configuration(format!("{} takes its files out of the lake", named(source)))
            .column("source")
            .expected(format!("a pattern that fits nothing in {}", job.lake))
            .found(pattern.display())
            .next("let files arrive in a folder of their own, beside the lake")
    })
}

fn fits(part: Component, folder: Component) -> bool {
    let (part, folder) = (part.as_os_str().to_string_lossy(), folder.as_os_str().to_string_lossy());
    part == folder || Pattern::new(&part).is_ok_and(|pattern| pattern.matches(&folder))
}

/// A path without the steps up that it takes back.
fn plain(path: &Path) -> PathBuf {
    seen_from(Path::new(""), &path.to_string_lossy())
}
