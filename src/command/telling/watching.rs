//! Who watches, and what each is told. What cannot be told is a warning.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::{post, put};
use crate::cli::Watchers;
use crate::error::Exit;
use crate::report::json::{Run, Status};
use crate::report::lineage::{self, About};
use crate::report::metrics::{self, Measured};
use crate::secret::Secret;

/// Those who watch a run.
pub(super) struct Watching {
    metrics: Option<PathBuf>,
    lineage: Option<String>,
    ping: Option<String>,
}

/// How long a try to reach someone may take: nothing, once the run has to end.
pub(super) type Patience<'a> = &'a dyn Fn(u32) -> Option<Duration>;

impl Watching {
    pub(super) fn new(watchers: Option<&Watchers>) -> Self {
        let Watchers { metrics_file, lineage, ping } = watchers.cloned().unwrap_or_default();
        Self { metrics: metrics_file, lineage, ping }
    }

    /// Whether someone is to be told of the beginning.
    pub(super) fn awaits_the_beginning(&self) -> bool {
        self.lineage.is_some() || self.ping.is_some()
    }

    /// Tells that a run began. Of a job that could not be read OpenLineage hears nothing: it has no name.
    pub(super) fn began(&self, run: &Run, about: Option<&About>, patience: Patience) -> Vec<String> {
        let pinged = self.ping(run, "start", "", patience);
        let told = about.map_or(Ok(()), |about| self.tell_lineage(&lineage::began(run, about), patience));
        warnings([pinged, told])
    }

    /// Tells how it ended.
    pub(super) fn ended(
        &self,
        run: &Run,
        about: Option<&About>,
        measured: &Measured,
        exit: Exit,
        patience: Patience,
    ) -> Vec<String> {
        let written = self.metrics.as_ref().map_or(Ok(()), |path| {
            let before = put::said(path);
            let job = run.job.as_deref().or_else(|| metrics::job_of(&before)).unwrap_or(measured.job);
            let text = metrics::text(&Measured { job, ..*measured }, &before);
            put::replace(path, &text).map_err(|error| format!("cannot write the metrics {}: {error}", path.display()))
        });
        let told = about.map_or(Ok(()), |about| {
            let manifest = measured.night.map(|night| &night.manifest);
            self.tell_lineage(&lineage::ended(run, about, exit, manifest, measured.changed), patience)
        });
        let message = message(run, measured, exit);
        let pinged = self.ping(run, &(exit as u8).to_string(), &message, patience);
        warnings([written, told, pinged])
    }

    fn tell_lineage(&self, event: &Value, patience: Patience) -> Result<(), String> {
        let Some(to) = &self.lineage else { return Ok(()) };
        if to.contains("://") {
            let posted = post::address(to).and_then(|url| post::post(&url, "application/json", &event.to_string(), patience));
            return posted.map_err(|error| format!("cannot post an event of OpenLineage: {error}"));
        }
        put::append(Path::new(to), &format!("{event}\n"))
            .map_err(|error| format!("cannot write an event of OpenLineage to {to}: {error}"))
    }

    /// Pings. The address may be a secret, and is not repeated.
    fn ping(&self, run: &Run, what: &str, message: &str, patience: Patience) -> Result<(), String> {
        let Some(typed) = &self.ping else { return Ok(()) };
        let pinged = revealed(typed).and_then(|text| {
            let mut url = post::address(text.trim())?;
            add(&mut url, what, &run.id);
            post::post(&url, "text/plain; charset=utf-8", message, patience)
        });
        pinged.map_err(|error| format!("cannot ping: {error}"))
    }
}

fn add(url: &mut Url, what: &str, run: &str) {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(what);
    }
    url.query_pairs_mut().append_pair("rid", run);
}

/// An address as it was typed, or out of where it is said to be.
fn revealed(typed: &str) -> Result<String, String> {
    let secret = match typed.split_once(':') {
        Some(("env", name)) => Secret::Env(name.to_owned()),
        Some(("file", path)) if !path.starts_with("//") => Secret::File(PathBuf::from(path)),
        _ => return Ok(typed.to_owned()),
    };
    let read = secret.read().map_err(|error| format!("{} ({})", error.what, secret.shown()))?;
    Ok(read.reveal().to_owned())
}

/// What a person who is called wants to know first: figures, and nothing that a file holds.
fn message(run: &Run, measured: &Measured, exit: Exit) -> String {
    let Run { job, business_date, .. } = run;
    let whose = [job.as_deref(), business_date.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let status = Status::of(exit, measured.changed).word();
    let night = measured.night.map_or_else(String::new, |night| {
        let open = crate::report::summary::in_state(&night.manifest, "open");
        format!("generation {}, {open} breaks are open\n", night.manifest.generation)
    });
    format!("{whose}: {status}\n{}\n{night}", exit.meaning())
}

fn warnings<const N: usize>(results: [Result<(), String>; N]) -> Vec<String> {
    results.into_iter().filter_map(Result::err).collect()
}
