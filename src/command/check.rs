//! `tieout check`: is everything a job names there, and does it make sense? Touches nothing.

use std::fmt::Write;

use super::print;
use crate::cli::Check;
use crate::error::{Error, Exit};
use crate::format::recognise::recognise;
use crate::format::shipped::Library;
use crate::format::{Format, Target};
use crate::job::Job;
use crate::source::FilePattern;

pub(super) fn check(arguments: &Check) -> Result<Exit, Vec<Error>> {
    let alone = |error: Error| vec![error];
    let job = Job::load(&arguments.job).map_err(alone)?;
    let mut text = format!("job {}: {} providers, business dates in {}\n", job.name, job.providers.len(), job.timezone);
    let mut errors = Vec::new();
    for source in sources(&job) {
        writeln!(text, "  {}: {}", source.name, source.format.name).expect("writing to a string does not fail");
        if let Some(date) = arguments.date {
            match files(&source, date) {
                Ok(lines) => text.push_str(&lines),
                Err(error) if source.required => errors.push(error),
                Err(error) => writeln!(text, "    {error}").expect("writing to a string does not fail"),
            }
        }
    }
    print(&text).map_err(alone)?;
    if errors.is_empty() { Ok(Exit::Published) } else { Err(errors) }
}

struct Source<'a> {
    name: String,
    format: &'a Format,
    patterns: &'a [FilePattern],
    required: bool,
}

fn sources(job: &Job) -> Vec<Source<'_>> {
    let mut sources: Vec<Source> = job
        .providers
        .iter()
        .map(|provider| Source {
            name: format!("{} {}", provider.name, provider.account),
            format: &provider.format,
            patterns: &provider.files,
            required: provider.required,
        })
        .collect();
    for records in [Some(&job.orders), job.attempts.as_ref(), job.refunds.as_ref()].into_iter().flatten() {
        let name = records.target.table().name.to_owned();
        sources.push(Source { name, format: &records.format, patterns: &records.files, required: true });
    }
    sources
}

/// The files of a source for a date, each recognised by its layout.
fn files(source: &Source, date: chrono::NaiveDate) -> Result<String, Error> {
    let mut lines = String::new();
    let mut found = 0;
    for pattern in source.patterns {
        for path in pattern.files(date)? {
            found += 1;
            writeln!(lines, "    {}", path.display()).expect("writing to a string does not fail");
            if source.format.target == Target::Entries {
                is_of_format(&path, source.format)?;
            }
        }
    }
    if found == 0 {
        let looked: Vec<String> = source.patterns.iter().map(|pattern| pattern.on(date)).collect();
        return Err(Error::new(Exit::MissingInput, format!("no file of {} for the night {date}", source.name))
            .expected(looked.join(" or "))
            .found("nothing"));
    }
    Ok(lines)
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
