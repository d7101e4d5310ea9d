//! Who does what is done, for the audit trail: the only place that asks the environment for a user.

use std::env;

/// Whoever `--by` names; else the user of the system, or the one that `TIEOUT_USER` names where jobs of several people
/// run as one. A job does not name anyone: it would name the same person whoever runs it.
pub(super) fn actor(by: Option<&str>) -> String {
    let set = |name: &str| env::var(name).ok().filter(|name| !name.trim().is_empty());
    let of_system = || ["TIEOUT_USER", "USER", "LOGNAME", "USERNAME"].into_iter().find_map(set);
    by.map(str::to_owned).or_else(of_system).unwrap_or_else(|| "unknown".to_owned())
}
