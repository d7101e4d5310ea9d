//! `tieout sample`: nights of any size from a seed.

use std::fmt::Write;

use super::print;
use crate::cli::Sample;
use crate::error::{Exit, Result};
use crate::sample::{Plan, write};

pub(super) fn sample(arguments: &Sample) -> Result<Exit> {
    let plan = Plan {
        out: arguments.out.clone(),
        orders: arguments.orders,
        nights: arguments.nights,
        seed: arguments.seed,
        date: arguments.date,
    };
    let summary = write(&plan)?;
    let mut text = format!("{} files, {} lines in {}\n", summary.files, summary.lines, arguments.out.display());
    for (kind, count) in &summary.breaks {
        writeln!(text, "  {kind:28} {count:>8}").expect("writing to a string does not fail");
    }
    print(&text)?;
    Ok(Exit::Published)
}
