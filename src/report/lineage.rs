//! Events of OpenLineage 2-0-2: when a run began, how it ended, what it read and what it published.
//!
//! A dataset is a source, below `raw` of the lake, or a table, below `data`. The nominal time of a run is its business date.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::json::Run;
use crate::error::Exit;
use crate::lake::Manifest;
use crate::table::find;

/// Who says all this.
const PRODUCER: &str = concat!("urn:tieout:", env!("CARGO_PKG_VERSION"));
const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// What the events of a run are about.
#[derive(Clone, Debug)]
pub struct About {
    /// The lake of the job: a folder, or an address.
    pub lake: String,
    /// When the business date begins and ends: RFC 3339, UTC.
    pub day: [String; 2],
}

/// A run began.
#[must_use]
pub fn began(run: &Run, about: &About) -> Value {
    event("START", &run.started, run, about, None, [Vec::new(), Vec::new()])
}

/// A run ended: with a night that stands, or with none. A night that was there before was not written.
#[must_use]
pub fn ended(run: &Run, about: &About, exit: Exit, night: Option<&Manifest>, changed: bool) -> Value {
    let kind = match exit {
        Exit::Published | Exit::BreaksOverLimit => "COMPLETE",
        Exit::Interrupted | Exit::Terminated | Exit::NothingDue => "ABORT",
        _ => "FAIL",
    };
    let failed = (kind != "COMPLETE").then(|| exit.meaning());
    let datasets = night.map(|night| [inputs(night, about), outputs(night, about, changed)]).unwrap_or_default();
    event(kind, &run.ended, run, about, failed, datasets)
}

fn event(kind: &str, at: &str, run: &Run, about: &About, failed: Option<&str>, [inputs, outputs]: [Vec<Value>; 2]) -> Value {
    let [from, to] = &about.day;
    let mut facets = Map::new();
    let day = json!({ "nominalStartTime": from, "nominalEndTime": to });
    facets.insert("nominalTime".to_owned(), facet("1-0-1", "NominalTimeRunFacet", day));
    if let Some(failed) = failed {
        let message = json!({ "message": failed, "programmingLanguage": "RUST" });
        facets.insert("errorMessage".to_owned(), facet("1-0-1", "ErrorMessageRunFacet", message));
    }
    let kind_of_job = json!({ "processingType": "BATCH", "integration": "TIEOUT", "jobType": "JOB" });
    json!({
        "eventType": kind,
        "eventTime": at,
        "run": { "runId": run.id, "facets": facets },
        "job": {
            "namespace": "tieout",
            "name": run.job,
            "facets": { "jobType": facet("2-0-3", "JobTypeJobFacet", kind_of_job) },
        },
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": EVENT,
    })
}

/// The sources whose files were read.
fn inputs(night: &Manifest, about: &About) -> Vec<Value> {
    let mut sources: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for input in &night.night.inputs {
        let sums = sources.entry(&input.source).or_default();
        for (sum, more) in sums.iter_mut().zip([input.entries, input.bytes, 1]) {
            *sum += more;
        }
    }
    let input = |(source, [rows, bytes, files]): (&str, [u64; 3])| {
        let [namespace, name] = dataset(&about.lake, &format!("raw/{source}"));
        let statistics = json!({ "rowCount": rows, "size": bytes, "fileCount": files });
        let statistics = facet("1-0-0", "InputStatisticsInputDatasetFacet", statistics);
        json!({ "namespace": namespace, "name": name, "inputFacets": { "inputStatistics": statistics } })
    };
    sources.into_iter().map(input).collect()
}

/// The tables that were published.
fn outputs(night: &Manifest, about: &About, changed: bool) -> Vec<Value> {
    let output = |output: &crate::lake::Output| {
        let [namespace, name] = dataset(&about.lake, &format!("data/{}", output.table));
        let columns = find(&output.table).map(|table| table.columns).unwrap_or_default();
        let fields: Vec<Value> = columns
            .iter()
            .map(|column| json!({ "name": column.name, "type": column.kind.name(), "description": column.meaning }))
            .collect();
        let mut dataset = json!({
            "namespace": namespace,
            "name": name,
            "facets": { "schema": facet("1-0-0", "SchemaDatasetFacet", json!({ "fields": fields })) },
        });
        if changed {
            let statistics = json!({ "rowCount": output.rows, "size": output.bytes, "fileCount": 1 });
            dataset["outputFacets"] =
                json!({ "outputStatistics": facet("1-0-2", "OutputStatisticsOutputDatasetFacet", statistics) });
        }
        dataset
    };
    night.outputs.iter().map(output).collect()
}

/// Namespace and name of what lies at `path` of a lake: as OpenLineage names files, and objects of a store.
fn dataset(lake: &str, path: &str) -> [String; 2] {
    let lake = lake.trim_end_matches('/');
    let Some((scheme, rest)) = lake.split_once("://") else { return ["file".to_owned(), format!("{lake}/{path}")] };
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    [format!("{scheme}://{bucket}"), format!("{folder}/{path}").trim_start_matches('/').to_owned()]
}

fn facet(version: &str, name: &str, content: Value) -> Value {
    let mut facet = json!({
        "_producer": PRODUCER,
        "_schemaURL": format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"),
    });
    let Value::Object(content) = content else { unreachable!("facets are written as objects") };
    facet.as_object_mut().expect("it was made as an object").extend(content);
    facet
}
