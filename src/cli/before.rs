//! What is typed before a night is closed: to look, and touch nothing.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::Moment;

/// Ask whether a night's files are there, and take none.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout ready jobs/nightly.toml --date 2026-11-17 && tieout run jobs/nightly.toml --date 2026-11-17

Exit codes: 0 all are there, or the provider says nothing happened; 99 one is not due yet; 75 one is due and not there yet; \
66 one is missing past its deadline.")]
pub struct Ready {
    /// The job file.
    pub job: PathBuf,
    /// The business date, in the job's time zone.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// Only sources of this name; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// End with one line of JSON on stdout instead of the list.
    #[arg(long)]
    pub json: bool,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}

/// Tell what a night would read and write, and why. Touches nothing and asks nobody.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout plan jobs/nightly.toml --date 2026-11-17")]
pub struct Plan {
    /// The job file.
    pub job: PathBuf,
    /// The business date, in the job's time zone.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
}

/// Check a job: everything it names is there and makes sense. Touches nothing.
///
/// Told at once is everything that is wrong: unknown keys, with their place and the key that was meant; formats, calendars and
/// banks that do not exist, also what is wrong with formats and calendars in the folders of the job; rules that contradict each
/// other; secrets that are missing or that others may read; the files of resolutions and comments beside the job. Then every
/// source is asked whether it can be reached, and so is the lake, where it is in a bucket. No file is taken.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout check jobs/nightly.toml
  tieout check jobs/nightly.toml --offline             asks nobody
  tieout check jobs/nightly.toml --date 2026-11-17     also looks for the files of that night")]
pub struct Check {
    /// The job file.
    pub job: PathBuf,
    /// Also look for the files of this business date.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<NaiveDate>,
    /// Ask nobody: neither the sources nor the bucket of the lake. Secrets are read all the same.
    #[arg(long, conflicts_with = "date")]
    pub offline: bool,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}

/// Show what a job says.
#[derive(Args, Debug)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with a job.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Show every key of a job: its value, and whether that is of a line of it or a default. Of a secret, where it is.
    Show {
        /// The job file.
        job: PathBuf,
        /// Print one JSON object instead.
        #[arg(long)]
        json: bool,
    },
}
