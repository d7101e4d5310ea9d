//! What is typed to clear away.

use std::path::PathBuf;

use clap::Args;

use super::{Author, Moment};

/// Remove from a lake what no night needs: what runs that died have left.
///
/// That is their staging, and files among the tables that no manifest names. Only where it is asked for: what was set aside,
/// and what was received, long ago. Never a manifest, or anything of a night that another run holds.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout gc jobs/nightly.toml --dry-run
  tieout gc jobs/nightly.toml --aside-older-than 90        and what was set aside 90 days ago
  tieout gc jobs/nightly.toml --received-older-than 3650   and what was received ten years ago")]
pub struct Gc {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// Tell what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove what was set aside as damaged, of nights at least so many days ago.
    #[arg(long, value_name = "DAYS")]
    pub aside_older_than: Option<u16>,
    /// Also remove the received files, below `raw`, of published nights at least so many days ago. Their tables and manifests
    /// stay, and the audit trail says so; they can no longer be verified.
    #[arg(long, value_name = "DAYS")]
    pub received_older_than: Option<u16>,
    /// End with one line of JSON on stdout instead of the list.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub author: Author,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}
