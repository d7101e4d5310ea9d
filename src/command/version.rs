//! `tieout --version --json`: of what this program was built.

use serde_json::{Value, json};

use crate::lake::SCHEMA_VERSION;
use crate::table;

/// What this program is, as one line of JSON: `null` is what was not known when it was built. The commit, and whether
/// anything differed from it, come of git; the time of the build only of `SOURCE_DATE_EPOCH`, so that two builds of one
/// commit are the same.
pub(super) fn json() -> String {
    let known = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let object = json!({
        "name": "tieout",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": known(env!("TIEOUT_COMMIT")),
        "dirty": env!("TIEOUT_DIRTY").parse::<bool>().ok(),
        "source_date_epoch": env!("TIEOUT_BUILT").parse::<u64>().ok(),
        "target": known(env!("TIEOUT_TARGET")),
        "rustc": known(env!("TIEOUT_RUSTC")),
        "crates": {
            "arrow": known(env!("TIEOUT_ARROW")),
            "parquet": known(env!("TIEOUT_PARQUET")),
            "object_store": known(env!("TIEOUT_OBJECT_STORE")),
            "polars": known(env!("TIEOUT_POLARS")),
        },
        "schema_versions": { "manifest": SCHEMA_VERSION, "tables": table::SCHEMA_VERSION },
    });
    format!("{object}\n")
}
