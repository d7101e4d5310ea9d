//! `tieout diff`: what a new generation of a night changed, row by row.

use std::io::{BufWriter, Write};

use super::say;
use crate::cli::Diff;
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::{Lake, Manifest};
use crate::night::Memory;
use crate::night::reperform::Reperformance;
use crate::report::changes::{Manner, Teller};
use crate::table::TABLES;

pub(super) fn diff(arguments: &Diff) -> Result<Exit> {
    let lake = Lake::at(&Job::lake_of(&arguments.job)?)?;
    let (before, after) = generations(&lake, arguments)?;
    let say_what = |doing: &str| say(&format!("{doing}\n"));
    let mut nights = Reperformance::new(&lake, Memory::OfMachine, &say_what);
    let (was, is) = (nights.tables_of(&before)?, nights.tables_of(&after)?);
    let manner = match (arguments.json, arguments.csv) {
        (true, _) => Manner::Json,
        (false, true) => Manner::Csv,
        (false, false) => Manner::Text(arguments.rows),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut teller = Teller::new(manner, &mut out)?;
    let mut differences = Vec::new();
    for table in TABLES.into_iter().filter(|table| arguments.table.as_ref().is_none_or(|name| name == table.name)) {
        teller.begin();
        let difference = is.difference(&was, table, arguments.date, &mut |change| teller.tell(table, &change))?;
        teller.end(&difference)?;
        differences.push(difference);
    }
    teller.finish(&before, &after, &differences)?;
    match out.flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("write", "stdout", &error)),
        _ => Ok(Exit::Published),
    }
}

/// The two generations: the newest and the one before it, where nothing else is said.
fn generations(lake: &Lake, arguments: &Diff) -> Result<(Manifest, Manifest)> {
    if let Some(table) = &arguments.table
        && !TABLES.iter().any(|known| known.name == table)
    {
        let known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        return Err(Error::new(Exit::Usage, format!("no table is called `{table}`")).expected(known.join(", ")));
    }
    let all = lake.generations(arguments.date)?;
    let wrong = |what: String| Error::new(Exit::Usage, what).file(lake.shown(""));
    let Some(newest) = all.last() else {
        return Err(wrong(format!("no night {} was published in this lake", arguments.date)));
    };
    let find = |generation: u64| {
        let known: Vec<String> = all.iter().map(|manifest| manifest.generation.to_string()).collect();
        let found = all.iter().find(|manifest| manifest.generation == generation).cloned();
        found.ok_or_else(|| {
            wrong(format!("the night {} has no generation {generation}", arguments.date)).expected(known.join(", "))
        })
    };
    let to = arguments.to.unwrap_or(newest.generation);
    let from = arguments.generation.unwrap_or(to.saturating_sub(1));
    if from == 0 {
        return Err(wrong(format!("the night {} has one generation, and nothing to hold it against", arguments.date)));
    }
    Ok((find(from)?, find(to)?))
}
