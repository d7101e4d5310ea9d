//! One JSON line about a run, for schedulers: the last line it prints, however it ends.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answers;
use crate::error::{Error, Exit};
use crate::night::Closed;
use crate::table::delivery::Answer;

/// Version of this object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// What every summary says, whatever was run and however that ended. Keys and words are added and never changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Version of this object.
    pub schema_version: u32,
    /// A UUID of this run: made from the command, the job, the date, the time it began and its process.
    pub run_id: String,
    /// What was run: run, backfill, fetch …
    pub command: String,
    /// Version of tieout.
    pub version: String,
    /// The job; null where it could not be read.
    pub job: Option<String>,
    /// The night, where it is about one.
    pub business_date: Option<String>,
    /// Its generation, where it is published.
    pub generation: Option<u64>,
    /// Whether anything was published.
    pub changed: bool,
    /// How it ended, in a word.
    pub status: Status,
    /// How it ended, as the process tells it.
    pub exit_code: u8,
    /// When it began: RFC 3339, UTC. No table depends on it.
    pub started: String,
    /// When it ended.
    pub ended: String,
    /// What else is to be said of it, by command: of a night that was closed its totals, files and hashes; of one that was
    /// not, `errors`, the one that decides the exit code first.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something was published.
    Published,
    /// All is well, and there was nothing to publish.
    Unchanged,
    /// Nothing is due yet.
    NothingDue,
    /// It may be other if it is tried again.
    TryAgain,
    /// It could not be done.
    Failed,
    /// It was told to stop.
    Stopped,
}

impl Status {
    /// How a run ended that leaves with `exit`.
    #[must_use]
    pub fn of(exit: Exit, changed: bool) -> Self {
        match exit {
            Exit::Published | Exit::BreaksOverLimit if changed => Self::Published,
            Exit::Published | Exit::BreaksOverLimit => Self::Unchanged,
            Exit::NothingDue => Self::NothingDue,
            Exit::TryAgain => Self::TryAgain,
            Exit::Interrupted | Exit::Terminated => Self::Stopped,
            _ => Self::Failed,
        }
    }

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::NothingDue => "nothing_due",
            Self::TryAgain => "try_again",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl Summary {
    /// The summary of a run that ended with `exit`. What it told of the same keys stands in them.
    #[must_use]
    pub fn new(run: &Run, exit: Exit, has_committed: bool, mut rest: Map<String, Value>) -> Self {
        let mut taken = |key: &str| rest.shift_remove(key).filter(|value| !value.is_null());
        let text = |value: Value| value.as_str().map(str::to_owned);
        for key in ["schema_version", "exit_code"] {
            drop(taken(key));
        }
        let changed = taken("changed").and_then(|value| value.as_bool()).unwrap_or(false) || has_committed;
        Self {
            schema_version: SCHEMA_VERSION,
            run_id: run.id.clone(),
            command: run.command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            job: taken("job").and_then(text).or_else(|| run.job.clone()),
            business_date: taken("business_date").and_then(text).or_else(|| run.business_date.clone()),
            generation: taken("generation").and_then(|value| value.as_u64()),
            changed,
            status: Status::of(exit, changed),
            exit_code: exit as u8,
            started: run.started.clone(),
            ended: run.ended.clone(),
            rest,
        }
    }

    /// As one line.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a summary holds nothing JSON cannot say") + "\n"
    }
}

/// Which run it is.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its UUID.
    pub id: String,
    /// What was typed.
    pub command: &'static str,
    /// The job, once it is known.
    pub job: Option<String>,
    /// The night, where it is about one.
    pub business_date: Option<String>,
    /// When it began.
    pub started: String,
    /// When it ended.
    pub ended: String,
}

/// A night that was closed.
#[must_use]
pub fn run(closed: &Closed) -> Map<String, Value> {
    let manifest = &closed.manifest;
    let night = &manifest.night;
    let outputs = manifest
        .outputs
        .iter()
        .map(|output| json!({ "table": output.table, "path": output.path, "rows": output.rows, "sha256": output.sha256 }));
    let object = json!({
        "job": night.job,
        "business_date": night.business_date,
        "generation": manifest.generation,
        "changed": closed.changed,
        "complete": night.complete,
        "manifest_sha256": manifest.sha256,
        "answers": answers::of_night(&closed.told),
        "totals": night.totals,
        "outputs": outputs.collect::<Vec<_>>(),
        "stale": closed.stale,
        "left_out": closed.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    fields(object)
}

/// What could not be done: every reason, the one that decides the exit code first.
#[must_use]
pub fn refused(errors: &[Error]) -> Map<String, Value> {
    let reason = |error: &Error| {
        // What a source answered, where that is the reason.
        let answer = match error.exit {
            Exit::MissingInput => Some(Answer::Missing),
            Exit::NothingDue | Exit::TryAgain => Some(Answer::Late),
            Exit::BadData if error.unknown_layout => Some(Answer::UnknownLayout),
            Exit::BadData => Some(Answer::Corrupt),
            _ => None,
        };
        json!({
            "exit_code": error.exit as u8,
            "answer": answer.map(Answer::word),
            "message": error.to_string(),
        })
    };
    fields(json!({ "errors": errors.iter().map(reason).collect::<Vec<_>>() }))
}

/// The fields of an object.
///
/// # Panics
/// If it is none: a mistake in the code that made it.
#[must_use]
pub fn fields(object: Value) -> Map<String, Value> {
    let Value::Object(fields) = object else { panic!("a summary is an object") };
    fields
}

/// The JSON Schema of a summary.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Summary>().to_value()
}
