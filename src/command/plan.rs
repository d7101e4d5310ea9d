//! `tieout plan`: what a night would read and write, and why. Touches nothing, asks nobody.

use std::fmt::Write;

use super::print;
use crate::cli::Plan;
use crate::error::{Exit, Result};
use crate::job::{Job, Owner};
use crate::lake::{Correspondent, Lake};
use crate::table::TABLES;

pub(super) fn plan(arguments: &Plan) -> Result<Exit> {
    let job = Job::load(&arguments.job)?;
    let lake = Lake::at(&job.lake)?;
    let date = arguments.date;
    let mut text = format!("{} {date}, business dates in {}\n\nreads\n", job.name, job.timezone);
    for source in job.sources() {
        let asked = job.asked(&source, date);
        let whose = [source.name, source.account].join(" ");
        let needed = if source.required { "" } else { ", not required" };
        add(&mut text, format_args!("  {}: {}{needed}", whose.trim_end(), source.format.name));
        add(&mut text, format_args!("    from {}", source.place.name(&asked)));
        let with = Correspondent { source: source.name, account: source.account, format: &source.format.name };
        let said = lake.communication(date, with)?;
        let how = match (source.place.is_here(), source.place.delivers_once(), said.files.len()) {
            (true, _, _) => {
                let files = source.place.on_this_machine(&asked)?;
                if files.is_empty() { "nothing is there now".to_owned() } else { format!("{} there now", counted(files.len())) }
            }
            (false, true, 1..) => format!("{} came before: not asked again without --again", counted(said.files.len())),
            (false, false, 1..) => format!("{} came before: only what is new or changed is taken", counted(said.files.len())),
            (false, _, 0) => "nothing came before: it is asked".to_owned(),
        };
        add(&mut text, format_args!("    {how}"));
        if let Some(ask) = said.asked.last() {
            add(&mut text, format_args!("    asked last at {}: {}", ask.at.format("%Y-%m-%d %H:%M:%SZ"), ask.answer));
        }
        if let Owner::Provider(at) = source.owner {
            let provider = &job.providers[at];
            if let Some(due) = provider.due(date)? {
                let shown =
                    |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&job.timezone).format("%Y-%m-%d %H:%M %:z").to_string();
                add(&mut text, format_args!("    expected by {}, missing after {}", shown(due.at), shown(due.late_after)));
            }
            add(
                &mut text,
                format_args!("    waits for its counterpart until {}", provider.settles_in.after(date, &provider.calendar)?),
            );
        }
    }
    match lake.night_before(date)? {
        Some(before) => add(
            &mut text,
            format_args!("  open items and breaks of {}, generation {}", before.night.business_date, before.generation),
        ),
        None => add(&mut text, format_args!("  nothing carried in: no night was closed before")),
    }
    let next = lake.manifest(date)?.map_or_else(
        || "generation 1: the night was never published".to_owned(),
        |manifest| {
            let stands = if manifest.night.complete { "complete" } else { "incomplete" };
            format!(
                "generation {} stands, {stands}; the next is {} if anything it depends on has changed, and none if not",
                manifest.generation,
                manifest.generation + 1
            )
        },
    );
    add(&mut text, format_args!("\nwrites, below {}\n  {next}", lake.shown("")));
    for table in TABLES {
        add(&mut text, format_args!("  data/{0}/date={date}/{0}.parquet", table.name));
    }
    print(&text)?;
    Ok(Exit::Published)
}

fn counted(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

fn add(text: &mut String, line: std::fmt::Arguments) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}
