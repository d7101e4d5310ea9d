//! One JSON line about a run, for schedulers: the last line of stdout.

use chrono::NaiveDate;
use serde_json::json;

use super::answers;
use crate::error::{Error, Exit};
use crate::job::Job;
use crate::night::Closed;
use crate::table::delivery::Answer;

/// Version of this object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// A run, as one line.
#[must_use]
pub fn run(closed: &Closed) -> String {
    let manifest = &closed.manifest;
    let night = &manifest.night;
    let outputs = manifest
        .outputs
        .iter()
        .map(|output| json!({ "table": output.table, "path": output.path, "rows": output.rows, "sha256": output.sha256 }));
    let object = json!({
        "schema_version": SCHEMA_VERSION,
        "job": night.job,
        "business_date": night.business_date,
        "generation": manifest.generation,
        "changed": closed.changed,
        "complete": night.complete,
        "exit_code": 0,
        "manifest_sha256": manifest.sha256,
        "answers": answers::of_night(&closed.told),
        "totals": night.totals,
        "outputs": outputs.collect::<Vec<_>>(),
        "stale": closed.stale,
        "left_out": closed.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

/// A night that was not closed, as one line: every reason, the one that decides the exit code first.
#[must_use]
pub fn refused(job: &Job, date: NaiveDate, errors: &[Error]) -> String {
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
    let object = json!({
        "schema_version": SCHEMA_VERSION,
        "job": job.name,
        "business_date": date,
        "changed": false,
        "exit_code": errors.first().map_or(0, |error| error.exit as u8),
        "errors": errors.iter().map(reason).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}
