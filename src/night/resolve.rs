//! What a person decides about a break of a published night, appended to the resolutions of the job.

use std::path::PathBuf;

use arrow::array::Array;
use chrono::NaiveDate;

use crate::error::{Error, Exit, Result};
use crate::job::Job;
pub use crate::job::resolutions::Appended;
use crate::lake::Lake;
use crate::stage::reconcile::Says;
pub use crate::stage::reconcile::{Action, Resolution};
use crate::table::identity::Identity;
use crate::table::read;
use crate::table::reconciliation::BREAKS;

/// How many breaks an error names.
const NAMED: usize = 5;

/// A decision about a break.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The break: its identity, or a beginning that no other break of the night has.
    pub break_id: &'a str,
    /// The night that has it.
    pub night: NaiveDate,
    /// What is done about it.
    pub action: Action,
    /// Why.
    pub reason: &'a str,
    /// Who decides.
    pub by: &'a str,
}

/// A decision that stands in the file.
#[derive(Debug)]
pub struct Decided {
    /// What was decided, with what the break says.
    pub resolution: Resolution,
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub appended: Appended,
    /// The newest published night.
    pub newest: NaiveDate,
}

/// Appends a decision about a break that is open or waiting on that night (64 where there is no such break, 78 where the
/// job names no file of resolutions). It holds from that night on; or from the one after the last that is closed, so that
/// no night people have signed has to be published anew.
pub fn resolve(job: &Job, decision: &Decision) -> Result<Decided> {
    let Some(resolutions) = &job.resolutions else {
        return Err(Error::configuration("the job names no file of resolutions")
            .expected("resolutions = \"resolutions.toml\"")
            .next("add this line before the first table of the job; the file is made when the first break is resolved"));
    };
    let night = decision.night;
    let lake = Lake::at(&job.lake)?;
    let nights = lake.nights()?;
    let Some(newest) = nights.last().map(|manifest| manifest.night.business_date) else {
        return Err(Error::new(Exit::Usage, "no night was published yet").file(&job.lake).next("close one: tieout run"));
    };
    if !nights.iter().any(|manifest| manifest.night.business_date == night) {
        return Err(Error::new(Exit::Usage, format!("no night {night} was published in this lake"))
            .file(&job.lake)
            .next("see which nights there are: tieout status <job>"));
    }
    let breaks = lake.read(&BREAKS, night)?;
    let row = row_of(read::text(&breaks, "break_id"), decision)?;
    let state = read::words(&breaks, "state").get(row);
    let id = read::text(&breaks, "break_id").value(row);
    if !matches!(state, "open" | "waiting") {
        return Err(Error::new(Exit::Usage, format!("the break {id} is {state} on {night}"))
            .expected("one that is open or waiting")
            .next(format!("look at it: tieout explain <job> {id}")));
    }
    let closed = lake.closed_from(night)?.last().and_then(|last| last.night.business_date.succ_opt());
    let resolution = Resolution {
        break_id: Identity::parse(id).ok_or_else(|| Error::law("a break has no identity").found(id))?,
        action: decision.action,
        reason: decision.reason.to_owned(),
        by: decision.by.to_owned(),
        on: closed.unwrap_or(night),
        said: Says::of(&breaks).row(row),
    };
    let appended = resolutions.append(&resolution)?;
    Ok(Decided { resolution, path: resolutions.path.clone(), appended, newest })
}

/// The row of the break a decision is about.
fn row_of(ids: &arrow::array::StringArray, decision: &Decision) -> Result<usize> {
    let (asked, night) = (decision.break_id.to_ascii_lowercase(), decision.night);
    let found: Vec<usize> = (0..ids.len()).filter(|&row| !asked.is_empty() && ids.value(row).starts_with(&asked)).collect();
    let wrong = |what: String| Error::new(Exit::Usage, what);
    match found[..] {
        [row] => Ok(row),
        [] => Err(wrong(format!("no break {asked} is known on {night}"))
            .next("see which are open: tieout status <job>, or the table breaks of that night")),
        _ => {
            let more = if found.len() > NAMED { ", …" } else { "" };
            let named: Vec<&str> = found.iter().take(NAMED).map(|&row| ids.value(row)).collect();
            Err(wrong(format!("{} breaks of {night} begin with {asked}", found.len()))
                .found(named.join(", ") + more)
                .next("give more of the break_id"))
        }
    }
}
