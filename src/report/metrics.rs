//! Metrics of a job, in the text format of Prometheus, for the textfile collector of its node exporter.
//!
//! What a run that failed does not know stays as the last one that succeeded said it: alert on the age of
//! `tieout_last_success_timestamp_seconds`, and on figures whatever became of the last try. No date and no run is a label.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use arrow::array::RecordBatch;
use serde_json::Value;

use crate::lake::Manifest;
use crate::money::Amount;
use crate::table::part::amounts;
use crate::table::read::words;

/// A run, as it is measured.
#[derive(Debug)]
pub struct Measured<'a> {
    /// Its job.
    pub job: &'a str,
    /// How it ended.
    pub exit_code: u8,
    /// Whether it published.
    pub changed: bool,
    /// When it ended, in seconds since 1970.
    pub ended: i64,
    /// How long each stage took.
    pub stages: &'a [(String, Duration)],
    /// The night it closed.
    pub night: Option<&'a Night>,
}

/// A night that was closed, as it is measured.
#[derive(Debug)]
pub struct Night {
    /// What it published.
    pub manifest: Manifest,
    /// When its business date began, in seconds since 1970.
    pub began: i64,
    /// Sources whose files were not there.
    pub late: u64,
    /// Sum of what is open at its close, by provider and currency.
    pub open: BTreeMap<[String; 2], Amount>,
}

/// The metrics: name, what it measures, and whether it stays while runs fail.
const METRICS: [(&str, &str, bool); 13] = [
    ("tieout_last_run_timestamp_seconds", "When the job ran last.", false),
    ("tieout_last_success_timestamp_seconds", "When the job last closed a night, or found it closed.", true),
    ("tieout_last_business_date_timestamp_seconds", "When the business date of that night began.", true),
    ("tieout_exit_code", "How the last run ended.", false),
    ("tieout_changed", "Whether the last run published something.", false),
    ("tieout_duration_seconds", "How long the stages of the last run took.", false),
    ("tieout_rows", "Rows of the last night's tables.", true),
    ("tieout_bytes", "Size of the files the last night was closed from.", true),
    ("tieout_breaks", "Breaks of the last night, by state.", true),
    ("tieout_open_amount", "Sum of the differences that are open, in the currency.", true),
    ("tieout_rejected_lines", "Lines of files that could not be read.", true),
    ("tieout_late_files", "Sources whose files the last night was closed without.", true),
    ("tieout_complete", "Whether the last night was closed with all its providers.", true),
];

/// The text of the file, which said `before` until now.
#[must_use]
pub fn text(measured: &Measured, before: &str) -> String {
    let mut samples: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let job = label("job", measured.job);
    let mut add = |name: &'static str, labels: &[String], value: &dyn std::fmt::Display| {
        let labels = [std::slice::from_ref(&job), labels].concat().join(",");
        samples.entry(name).or_default().push(format!("{name}{{{labels}}} {value}"));
    };
    add("tieout_last_run_timestamp_seconds", &[], &measured.ended);
    add("tieout_exit_code", &[], &measured.exit_code);
    add("tieout_changed", &[], &u8::from(measured.changed));
    for (stage, took) in by_stage(measured.stages) {
        add("tieout_duration_seconds", &[label("stage", &stage)], &seconds(took));
    }
    if let Some(night) = measured.night {
        add("tieout_last_success_timestamp_seconds", &[], &measured.ended);
        add("tieout_last_business_date_timestamp_seconds", &[], &night.began);
        for output in &night.manifest.outputs {
            add("tieout_rows", &[label("table", &output.table)], &output.rows);
        }
        let totals = &night.manifest.night.totals;
        add("tieout_bytes", &[], &night.manifest.night.inputs.iter().map(|input| input.bytes).sum::<u64>());
        for (state, types) in totals.get("breaks").and_then(Value::as_object).into_iter().flatten() {
            for (kind, count) in types.as_object().into_iter().flatten() {
                add("tieout_breaks", &[label("type", kind), label("state", state)], count);
            }
        }
        for ([provider, currency], amount) in &night.open {
            let amount = amount.in_currency(currency);
            add("tieout_open_amount", &[label("provider", provider), label("currency", currency)], &amount);
        }
        add("tieout_rejected_lines", &[], &totals.get("rejects").and_then(Value::as_u64).unwrap_or_default());
        add("tieout_late_files", &[], &night.late);
        add("tieout_complete", &[], &u8::from(night.manifest.night.complete));
    } else {
        for (name, _, stays) in METRICS {
            let kept = before.lines().filter(|line| stays && line.starts_with(&format!("{name}{{{job}")));
            samples.entry(name).or_default().extend(kept.map(str::to_owned));
        }
    }
    let mut text = String::new();
    for (name, help, _) in METRICS {
        let of_name = samples.remove(name).unwrap_or_default();
        if !of_name.is_empty() {
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{}", of_name.join("\n"))
                .expect("writing to a string does not fail");
        }
    }
    text
}

/// The job that a file tells of: where the job itself cannot be read.
#[must_use]
pub fn job_of(text: &str) -> Option<&str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("tieout_exit_code{job=\""));
    lines.filter_map(|rest| rest.split_once('"')).map(|(job, _)| job).next().filter(|job| !job.contains('\\'))
}

/// What is open at the close, out of the table `rollforward`.
#[must_use]
pub fn open(rollforward: &RecordBatch) -> BTreeMap<[String; 2], Amount> {
    let [providers, currencies] = ["provider", "currency"].map(|name| words(rollforward, name));
    let closing = amounts(rollforward, "closing_amount");
    let mut open = BTreeMap::new();
    for row in 0..rollforward.num_rows() {
        let key = [providers.optional(row).unwrap_or_default(), currencies.get(row)].map(str::to_owned);
        *open.entry(key).or_insert(Amount::ZERO) += closing.get(row).unwrap_or_default();
    }
    open
}

/// Stages by name, each once, and all of them.
fn by_stage(stages: &[(String, Duration)]) -> BTreeMap<String, Duration> {
    let mut by_stage = BTreeMap::new();
    for (stage, took) in stages {
        // A night that is closed again is named by its date, which is no label.
        let stage = if stage.starts_with("closing ") { "closing again" } else { stage };
        *by_stage.entry(stage.replace(' ', "_")).or_default() += *took;
        *by_stage.entry("all".to_owned()).or_default() += *took;
    }
    by_stage
}

fn seconds(took: Duration) -> String {
    format!("{}.{:03}", took.as_secs(), took.subsec_millis())
}

fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
