//! What is typed to clear away.

use std::path::PathBuf;

use clap::Args;

use super::Moment;

/// Remove from a lake what no night needs: what runs that died have left.
///
/// That is their staging; files among the tables that no manifest names; and, only where it is asked for, what was set aside
/// long ago. Never a manifest, a file of the archive, or anything of a night that another run holds.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout gc jobs/nightly.toml --dry-run
  tieout gc jobs/nightly.toml --aside-older-than 90     also what was set aside of nights 90 days ago and more")]
pub struct Gc {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// Tell what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove what was set aside as damaged, of nights at least so many days ago.
    #[arg(long, value_name = "DAYS")]
    pub aside_older_than: Option<u16>,
    /// End with one line of JSON on stdout instead of the list.
    #[arg(long)]
    pub json: bool,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}
