//! What is typed about who is told how a run went, besides whoever reads its output.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How it is told.
#[derive(Args, Clone, Debug, Default)]
pub struct Telling {
    /// Write the JSON object that --json ends with into this file too, also where nothing was published.
    #[arg(long, value_name = "FILE")]
    pub result_file: Option<PathBuf>,
    /// How what is said on stderr is written; as JSON, stages are said too.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub log_format: LogFormat,
}

/// How what is said on stderr is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// As lines for people.
    #[default]
    Text,
    /// As one JSON object a line.
    Json,
}

/// Who watches. That one of them cannot be told is a warning, and changes nothing else.
#[derive(Args, Clone, Debug, Default)]
pub struct Watchers {
    /// Write metrics into this file, for the textfile collector of Prometheus. One file a job.
    #[arg(long, value_name = "FILE.prom")]
    pub metrics_file: Option<PathBuf>,
    /// Add events of OpenLineage to this file, or post them to this address: what was read and what published.
    #[arg(long, value_name = "FILE OR URL")]
    pub lineage: Option<String>,
    #[expect(clippy::doc_markdown, reason = "shown as help, where a back-tick would be read")]
    /// Ping this address, as healthchecks.io is: at the start, and with the exit code at the end. Where it is a secret:
    /// env:NAME of a variable, or file:PATH of a file nobody else can read.
    #[arg(long, value_name = "URL")]
    pub ping: Option<String>,
}
