//! `tieout verify`: do published nights come out the same when they are closed again from what the lake keeps?

use std::path::Path;

use chrono::NaiveDate;

use super::talk::worst_first;
use super::telling::Telling;
use super::{print, say};
use crate::cli::Verify;
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::{Lake, Manifest};
use crate::night::Memory;
use crate::night::reperform::{Again, Reperformance};
use crate::report;
use crate::report::verify::{Holds, Verdict, json, text};
use crate::table::TABLES;

pub(super) fn verify(arguments: &Verify, telling: &Telling) -> std::result::Result<Exit, Vec<Error>> {
    let alone = |error: Error| vec![error];
    let lake = Lake::at(&Job::lake_of(&arguments.job).map_err(alone)?).map_err(alone)?;
    if arguments.chain {
        return chain(&lake, arguments, telling);
    }
    let published = asked_for(&lake, arguments).map_err(alone)?;
    let say_what = |doing: &str| {
        if !arguments.quiet && published.len() > 1 {
            say(&format!("{doing}\n"));
        }
    };
    let mut nights = Reperformance::new(&lake, Memory::OfMachine, &say_what);
    let mut verdicts = Vec::new();
    for manifest in published.iter().cloned() {
        let again = if arguments.out.is_some() { nights.whole(&manifest) } else { nights.again(&manifest) };
        if let (Some(out), Ok(again)) = (&arguments.out, &again) {
            copy_out(again, out).map_err(alone)?;
        }
        let holds = holds(&lake, &manifest).map_err(alone)?;
        verdicts.push(Verdict::new(manifest, again, holds));
    }
    telling.told(json(&verdicts));
    if !arguments.json && !arguments.quiet {
        print(&text(&verdicts)).map_err(alone)?;
    }
    let errors: Vec<Error> = verdicts.iter().filter_map(Verdict::error).collect();
    if errors.is_empty() { Ok(Exit::Published) } else { Err(worst_first(errors)) }
}

/// Holds the audit trail against itself and against all it tells of.
fn chain(lake: &Lake, arguments: &Verify, telling: &Telling) -> std::result::Result<Exit, Vec<Error>> {
    let chain = lake.chain().map_err(|error| vec![error])?;
    telling.told(report::chain::json(&chain));
    if !arguments.json && !arguments.quiet {
        print(&report::chain::text(&chain)).map_err(|error| vec![error])?;
    }
    if chain.broken.is_empty() { Ok(Exit::Published) } else { Err(chain.broken) }
}

/// The manifests of the nights that were asked for.
fn asked_for(lake: &Lake, arguments: &Verify) -> Result<Vec<Manifest>> {
    let never = |which: String| {
        Error::new(Exit::Usage, format!("{which} was published in this lake"))
            .file(lake.shown(""))
            .next("see which nights there are: tieout status <job>")
    };
    if let Some(date) = arguments.date {
        return match arguments.generation {
            Some(generation) => Ok(vec![lake.manifest_of(date, generation)?]),
            None => Ok(vec![lake.manifest(date)?.ok_or_else(|| never(format!("no night {date}")))?]),
        };
    }
    let range = arguments.from.unwrap_or(NaiveDate::MIN)..=arguments.to.unwrap_or(NaiveDate::MAX);
    let nights: Vec<Manifest> =
        lake.nights()?.into_iter().filter(|manifest| range.contains(&manifest.night.business_date)).collect();
    if nights.is_empty() { Err(never(format!("no night from {} to {}", range.start(), range.end()))) } else { Ok(nights) }
}

fn holds(lake: &Lake, manifest: &Manifest) -> Result<Holds> {
    let newest = lake.manifest(manifest.night.business_date)?;
    if newest.is_some_and(|newest| newest.generation > manifest.generation) {
        return Ok(Holds::Later);
    }
    Ok(if lake.holds_all(manifest, &TABLES)? { Holds::All } else { Holds::Damaged })
}

/// Leaves the tables of a night closed again in a folder, laid out as in a lake.
fn copy_out(again: &Again, out: &Path) -> Result<()> {
    for output in &again.manifest.outputs {
        let (from, to) = (again.lake.root().join(&output.path), out.join(&output.path));
        let failed = |error: std::io::Error| Error::io("write", to.display(), &error);
        std::fs::create_dir_all(to.parent().unwrap_or(out)).map_err(failed)?;
        std::fs::copy(&from, &to).map_err(failed)?;
    }
    Ok(())
}
