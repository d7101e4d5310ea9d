//! The summary of a run that a person reads.

use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde_json::Value;

use crate::job::Job;
use crate::lake::Manifest;
use crate::night::Closed;

/// Break states, in the order they are shown.
const STATES: [&str; 3] = ["open", "waiting", "cleared"];

/// A run.
#[must_use]
pub fn run(job: &Job, closed: &Closed) -> String {
    let manifest = &closed.manifest;
    let night = &manifest.night;
    let mut text = String::new();
    let verdict = if closed.changed { "closed" } else { "unchanged: nothing was published" };
    let partial = if night.complete { "" } else { ", INCOMPLETE" };
    line(&mut text, &format!("{} {}: {verdict} (generation {}{partial})", night.job, night.business_date, manifest.generation));
    line(&mut text, "");
    text.push_str(&providers(manifest));
    line(&mut text, "");
    let count = |name: &str| number(&night.totals, name);
    line(
        &mut text,
        &format!(
            "  {} entries and {} attempts, {} refunds: {} matches, {} lines rejected",
            count("entries"),
            count("attempts"),
            count("refunds"),
            count("matches"),
            count("rejects")
        ),
    );
    line(&mut text, "");
    text.push_str(&breaks(manifest));
    line(&mut text, "");
    line(&mut text, &format!("  tables   {}", job.lake.join("data").display()));
    if in_state(manifest, "open") > 0 {
        line(&mut text, "  next     tieout explain <job> <order, reference or break>");
    }
    text
}

/// Breaks of a night in that state.
#[must_use]
pub fn in_state(manifest: &Manifest, state: &str) -> u64 {
    let breaks = manifest.night.totals.get("breaks").and_then(|breaks| breaks.get(state)).and_then(Value::as_object);
    breaks.map_or(0, |types| types.values().filter_map(Value::as_u64).sum())
}

fn number(totals: &serde_json::Map<String, Value>, name: &str) -> u64 {
    totals.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

fn providers(manifest: &Manifest) -> String {
    let mut table = plain(&["provider", "currency", "entries", "gross", "fee", "net"]);
    for row in manifest.night.totals.get("providers").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let entries = row.get("entries").and_then(Value::as_u64).unwrap_or_default().to_string();
        table.add_row([text("provider"), text("currency"), entries, text("gross"), text("fee"), text("net")]);
    }
    finish(table, 2)
}

fn breaks(manifest: &Manifest) -> String {
    let states = manifest.night.totals.get("breaks").and_then(Value::as_object);
    let of = |state: &str, kind: &str| {
        states.and_then(|states| states.get(state)).and_then(|types| types.get(kind)).and_then(Value::as_u64).unwrap_or_default()
    };
    let mut kinds: Vec<&str> = states
        .into_iter()
        .flat_map(|states| states.values())
        .filter_map(Value::as_object)
        .flat_map(|types| types.keys().map(String::as_str))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return "  no breaks\n".to_owned();
    }
    let mut table = plain(&["break", "open", "waiting", "cleared"]);
    for kind in kinds {
        table.add_row([kind.to_owned()].into_iter().chain(STATES.map(|state| blank_zero(of(state, kind)))));
    }
    let totals = STATES.map(|state| in_state(manifest, state).to_string());
    table.add_row(["total".to_owned()].into_iter().chain(totals));
    finish(table, 1)
}

fn blank_zero(count: u64) -> String {
    if count == 0 { "·".to_owned() } else { count.to_string() }
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec());
    table
}

/// The table as indented text, columns from `first_number` on aligned to the right.
fn finish(mut table: Table, first_number: usize) -> String {
    for column in table.column_iter_mut().skip(first_number) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = String::new();
    for row in table.to_string().lines() {
        line(&mut text, &format!(" {}", row.trim_end()));
    }
    text
}
