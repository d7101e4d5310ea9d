//! A decision about a break that stands in the job's file of resolutions.

use std::path::Path;

use serde_json::json;

use super::grid::line;
use crate::night::resolve::{Appended, Decided};

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// For a person.
#[must_use]
pub fn text(job: &Path, decided: &Decided) -> String {
    let Decided { resolution, path, appended, newest } = decided;
    let said = &resolution.said;
    let mut text = String::new();
    line(
        &mut text,
        format!("{} {}, {} {}", said.break_type, resolution.break_id, said.difference.in_currency(&said.currency), said.currency),
    );
    line(&mut text, format!("  {resolution}, from the night {} on", resolution.on));
    line(&mut text, "");
    let (where_it_is, at) = match appended {
        Appended::At(at) => ("appended", at),
        Appended::Before(at) => ("there before", at),
    };
    line(&mut text, format!("  {where_it_is}  {}, line {at}", path.display()));
    let (job, on) = (job.display(), resolution.on);
    let again = if on < *newest {
        format!("tieout backfill {job} --from {on} --to {newest}")
    } else {
        format!("tieout run {job} --date {on}")
    };
    line(&mut text, format!("  next      review and commit the file, then: {again}"));
    text
}

/// For a program: one line.
#[must_use]
pub fn json(decided: &Decided) -> String {
    let Decided { resolution, path, appended, .. } = decided;
    let (changed, at) = match appended {
        Appended::At(at) => (true, at),
        Appended::Before(at) => (false, at),
    };
    let object = json!({
        "schema_version": SCHEMA_VERSION,
        "break_id": resolution.break_id.to_string(),
        "action": resolution.action.word(),
        "reason": resolution.reason,
        "by": resolution.by,
        "on": resolution.on,
        "file": path,
        "line": at,
        "changed": changed,
    });
    format!("{object}\n")
}
