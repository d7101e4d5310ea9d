//! One JSON line about a run, for schedulers: the last line of stdout.

use serde_json::json;

use super::answers;
use crate::night::Closed;

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
        "left_out": closed.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}
