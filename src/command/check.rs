//! `tieout check`: is everything a job names there, and does it make sense? Touches nothing.
//!
//! Secrets are read in any case; places elsewhere are asked only about a date.

use std::fmt::Write;

use super::print;
use super::talk::{clock, worst_first};
use crate::cli::Check;
use crate::error::{Error, Exit};
use crate::format::account;
use crate::format::recognise::recognise;
use crate::format::shipped::Library;
use crate::format::{Format, Target};
use crate::job::{Job, Owner, Source};
use crate::lake::Lake;
use crate::night::answers::{self, Answered};
use crate::source::{Manners, Switchboard};
use crate::table::delivery::Answer;

pub(super) fn check(arguments: &Check) -> Result<Exit, Vec<Error>> {
    let alone = |error: Error| vec![error];
    let job = Job::load(&arguments.job).map_err(alone)?;
    let lake = Lake::at(&job.lake).map_err(alone)?;
    let clock = clock(&arguments.moment);
    let board = Switchboard::new(Manners::default(), &clock, &|_, _| {});
    let mut answers = arguments.date.map(|date| answers::ready(&job, date, &[], &lake, &board)).unwrap_or_default().into_iter();
    let mut text = format!("job {}: {} providers, business dates in {}\n", job.name, job.providers.len(), job.timezone);
    let mut errors = Vec::new();
    for source in job.sources() {
        writeln!(text, "  {}: {}", [source.name, source.account].join(" ").trim_end(), source.format.name)
            .expect("writing to a string does not fail");
        let mut lines = source.place.check().map(|()| String::new());
        if let (Some(date), Some(answered)) = (arguments.date, answers.next()) {
            lines = lines.and_then(|_| {
                let there = if source.place.is_here() { files(&job, &source, date) } else { told(answered) };
                Ok(there? + &due(&job, &source, date)?)
            });
        }
        match lines {
            Ok(lines) => text.push_str(&lines),
            Err(error) if source.required => errors.push(error),
            Err(error) => writeln!(text, "    {error}").expect("writing to a string does not fail"),
        }
    }
    print(&text).map_err(alone)?;
    if errors.is_empty() { Ok(Exit::Published) } else { Err(worst_first(errors)) }
}

/// What a place elsewhere answered.
fn told(answered: Answered) -> Result<String, Error> {
    match answered.error {
        Some(error) => Err(error),
        None if answered.answer == Answer::Delivered => Ok(format!("    {}\n", answered.said)),
        None => Ok(format!("    {}: {}\n", answered.word(), answered.said)),
    }
}

/// The files of a source for a date, each recognised by its layout.
fn files(job: &Job, source: &Source, date: chrono::NaiveDate) -> Result<String, Error> {
    let mut lines = String::new();
    let files = source.place.on_this_machine(&job.asked(source, date))?;
    if files.is_empty() {
        return Err(job.missing(source, date));
    }
    for path in files {
        writeln!(lines, "    {}", path.display()).expect("writing to a string does not fail");
        if matches!(source.format.target, Target::Entries | Target::BankLines) {
            is_of_format(&path, source.format)?;
            account::hold(&path, source.format, source.account)?;
        }
    }
    Ok(lines)
}

/// When the files of a provider are expected, and its payments to settle.
fn due(job: &Job, source: &Source, date: chrono::NaiveDate) -> Result<String, Error> {
    let Owner::Provider(at) = source.owner else { return Ok(String::new()) };
    let provider = &job.providers[at];
    provider.settles_in.after(date, &provider.calendar)?;
    let shown = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&job.timezone).format("%Y-%m-%d %H:%M %:z").to_string();
    let due = provider.due(date)?;
    Ok(due.map_or_else(String::new, |due| format!("    expected by {}, late after {}\n", shown(due.at), shown(due.late_after))))
}

fn is_of_format(path: &std::path::Path, format: &Format) -> Result<(), Error> {
    let known = Library::shipped().all()?;
    let mut formats = vec![format.clone()];
    formats.extend(known.into_iter().filter(|known| known.name != format.name));
    let candidates = recognise(path, &formats)?;
    if candidates.iter().any(|candidate| candidate.fits && candidate.format == format.name) {
        return Ok(());
    }
    let found = candidates
        .iter()
        .find(|candidate| candidate.fits)
        .map_or("no format that is known", |candidate| candidate.title.as_str());
    Err(Error::data("the file is not of the format the job names").file(path.display()).expected(&format.title).found(found))
}
