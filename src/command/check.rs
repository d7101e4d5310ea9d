//! `tieout check`: is everything a job names there, and does it make sense? Touches nothing.
//!
//! Secrets are read in any case. Places elsewhere are asked once each, about the date, or the day before today: whatever they
//! say, they can be reached.

use std::fmt::Write;
use std::time::Duration;

use chrono::NaiveDate;

use super::print;
use super::talk::{clock, worst_first};
use crate::cli::Check;
use crate::error::{Error, Exit};
use crate::format::account;
use crate::format::recognise::recognise;
use crate::format::shipped::Library;
use crate::format::{Format, Target};
use crate::job::comments::Comments;
use crate::job::{Job, Owner, Source};
use crate::lake::Lake;
use crate::night::answers::{self, Answered};
use crate::source::{Manners, Switchboard};
use crate::table::delivery::Answer;

pub(super) fn check(arguments: &Check) -> Result<Exit, Vec<Error>> {
    let beside = Comments::beside(&arguments.job).err();
    let job = Job::examine(&arguments.job).map_err(|errors| errors.into_iter().chain(beside.clone()).collect::<Vec<_>>())?;
    let mut errors: Vec<Error> = beside.into_iter().collect();
    let lake = Lake::at(&job.lake).map_err(|error| vec![error])?;
    let clock = clock(&arguments.moment);
    let date = arguments.date.unwrap_or_else(|| clock().with_timezone(&job.timezone).date_naive().pred_opt().unwrap_or_default());
    let of_job = |error: Error| if error.file.is_none() { error.file(arguments.job.display()) } else { error };
    errors.extend(job.contradictions(date).into_iter().map(of_job));
    let board = Switchboard::new(if arguments.date.is_some() { Manners::default() } else { MANNERS }, &clock, &|_, _| {});
    let mut answers = arguments.date.map(|date| answers::ready(&job, date, &[], &lake, &board)).unwrap_or_default().into_iter();
    let mut reached =
        if arguments.date.is_some() || arguments.offline { Vec::new() } else { reach(&job, date, &board) }.into_iter();
    let mut text = format!("job {}: {} providers, business dates in {}\n", job.name, job.providers.len(), job.timezone);
    if !arguments.offline && job.lake.is_elsewhere() {
        match Lake::reach(&job.lake) {
            Ok(()) => writeln!(text, "  lake: {}\n    can be reached", job.lake).expect("writing to a string does not fail"),
            Err(error) => errors.push(error),
        }
    }
    for source in job.sources() {
        writeln!(text, "  {}: {}", [source.name, source.account].join(" ").trim_end(), source.format.name)
            .expect("writing to a string does not fail");
        let mut lines = source.place.check().map(|()| String::new());
        if let Some(answered) = answers.next() {
            lines = lines.and_then(|_| {
                let there = if source.place.is_here() { files(&job, &source, date) } else { told(answered) };
                Ok(there? + &due(&job, &source, date)?)
            });
        }
        if let Some(reached) = reached.next() {
            lines = lines.and(reached);
        }
        match lines {
            Ok(lines) => text.push_str(&lines),
            Err(error) if source.required => errors.push(error),
            Err(error) => writeln!(text, "    {error}").expect("writing to a string does not fail"),
        }
    }
    print(&text).map_err(|error| vec![error])?;
    if errors.is_empty() { Ok(Exit::Published) } else { Err(worst_first(errors)) }
}

/// One try, and no long wait: a person is looking.
const MANNERS: Manners = Manners {
    tries: 1,
    wait: Duration::from_secs(1),
    longest: Duration::from_secs(1),
    deadline: Duration::from_mins(1),
    silence: Duration::from_secs(15),
    per_host: 8,
};

/// Whether each source can be reached: all elsewhere are asked at once. That one has no file yet is an answer.
fn reach(job: &Job, date: NaiveDate, board: &Switchboard) -> Vec<Result<String, Error>> {
    let ask = |source: &Source| {
        let asked = job.asked(source, date);
        let answer = board.begin(source.name).and_then(|conversation| source.place.ready(&asked, &conversation));
        let whose = [source.name, source.account].join(" ").trim_end().to_owned();
        let named = |error: Error| if error.file.is_none() { error.file(&whose) } else { error };
        answer.map(|_| "    can be reached\n".to_owned()).map_err(named)
    };
    let sources = job.sources();
    std::thread::scope(|scope| {
        let asking: Vec<_> = sources
            .iter()
            .map(|source| if source.place.is_here() { Err(folders(source)) } else { Ok(scope.spawn(move || ask(source))) })
            .collect();
        let joined = asking.into_iter().map(|asking| match asking {
            Ok(thread) => thread.join().expect("asking a source does not panic"),
            Err(here) => here,
        });
        joined.collect()
    })
}

/// Whether the folders of a source are there.
fn folders(source: &Source) -> Result<String, Error> {
    match source.place.folders().into_iter().find(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(String::new()),
        Some(folder) => Err(Error::configuration(format!(
            "the folder of the files of {} is not there",
            [source.name, source.account].join(" ").trim_end()
        ))
        .file(folder.display())
        .next("make the folder, or name another in the job")),
    }
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
fn files(job: &Job, source: &Source, date: NaiveDate) -> Result<String, Error> {
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
fn due(job: &Job, source: &Source, date: NaiveDate) -> Result<String, Error> {
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
