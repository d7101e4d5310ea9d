//! The summary of a run that a person reads.

use serde_json::{Map, Value};

use super::grid::{Grid, blank_zero, counted, line};
use crate::error::Error;
use crate::job::Job;
use crate::lake::Manifest;
use crate::night::{Closed, Told};
use crate::table::delivery::Answer;

/// Break states, in the order they are shown; `resolved` only where there is one.
const STATES: [&str; 4] = ["open", "waiting", "cleared", "resolved"];

/// A run.
#[must_use]
pub fn run(job: &Job, closed: &Closed) -> String {
    let manifest = &closed.manifest;
    let night = &manifest.night;
    let mut text = String::new();
    let verdict = if closed.changed { "closed" } else { "unchanged, nothing was published" };
    let partial = if night.complete { "" } else { ", INCOMPLETE" };
    line(&mut text, format!("{} {}: {verdict} (generation {}{partial})", night.job, night.business_date, manifest.generation));
    for error in &closed.left_out {
        line(&mut text, left_out(error));
    }
    for told in closed.told.iter().filter(|told| matches!(told.answer, Answer::NoBill | Answer::Empty | Answer::Restated)) {
        line(&mut text, noteworthy(told));
    }
    line(&mut text, "");
    text.push_str(&providers(&night.totals));
    line(&mut text, "");
    line(&mut text, format!("  the merchant: {}", merchant(&night.totals)));
    if night.totals.contains_key("bank_lines") {
        line(&mut text, format!("  the banks:    {}", counted(number(&night.totals, "bank_lines"), "line", "lines")));
    }
    if let Some(fees) = fees(&night.totals) {
        line(&mut text, format!("  fees:         {fees}"));
    }
    line(&mut text, format!("  carried in:   {}", carried_in(manifest)));
    if night.totals.contains_key("restated") {
        let items = counted(number(&night.totals, "restated"), "item of them is", "items of them are");
        line(&mut text, format!("  restated:     {items} stated again tonight; what is stated last stands"));
    }
    if night.totals.contains_key("stated_before") {
        let lines =
            counted(number(&night.totals, "stated_before"), "line of an earlier night comes", "lines of earlier nights come");
        line(&mut text, format!("  once more:    {lines} again; tonight that counts for nothing"));
    }
    line(&mut text, format!("  compared:     {}", compared(&night.totals)));
    if let Some(rejected) = rejected(manifest) {
        line(&mut text, format!("  rejected:     {rejected}; why: tieout formats read <file>"));
    }
    if let Some(resolutions) = resolutions(manifest) {
        line(&mut text, format!("  resolutions:  {resolutions}"));
    }
    line(&mut text, "");
    text.push_str(&breaks(manifest));
    line(&mut text, "");
    line(&mut text, format!("  tables   {}", job.lake.shown("data")));
    let stale = closed.stale_after();
    if let (Some(first), Some(last)) = (stale.first(), stale.last()) {
        line(
            &mut text,
            format!(
                "  stale    {}: tieout backfill <job> --from {first} --to {last}",
                counted(stale.len() as u64, "later night", "later nights")
            ),
        );
    }
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

/// A count the night is told by.
pub(super) fn number(totals: &Map<String, Value>, name: &str) -> u64 {
    totals.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A source that answered, but not with a new file of rows.
fn noteworthy(told: &Told) -> String {
    let whose = [told.source.as_str(), &told.account].join(" ");
    let what = match told.answer {
        Answer::NoBill => format!("no bill, nothing happened: {}", told.said),
        Answer::Empty => "a file without rows".to_owned(),
        _ => "RESTATED, other bytes than before".to_owned(),
    };
    format!("  {}: {what}", whose.trim_end())
}

/// A provider that was left out, in one line; the whole error goes to stderr.
fn left_out(error: &Error) -> String {
    let file = error.file.as_ref().map_or(String::new(), |file| format!("{file}: "));
    format!("  left out: {file}{}; its records stay open", error.what)
}

/// Payments and refunds, fees on both, and what is left: what the provider owes for the night's trade. Payouts,
/// transfers and the like are in `other`, by number.
fn providers(totals: &Map<String, Value>) -> String {
    let mut grid = Grid::new(&["provider", "", "payments", "gross", "refunds", "gross", "fees", "net", "other"], 2);
    let mut rows = 0;
    for row in totals.get("providers").and_then(Value::as_array).into_iter().flatten() {
        let text = |at: &str| row.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = |at: &str| row.pointer(at).and_then(Value::as_u64).unwrap_or_default();
        let (payments, refunds) = (count("/payments/entries"), count("/refunds/entries"));
        let other = count("/entries").saturating_sub(payments + refunds);
        let gross = |entries: u64, at: &str| if entries == 0 { blank_zero(0) } else { text(at) };
        grid.row([
            text("/provider"),
            text("/currency"),
            blank_zero(payments),
            gross(payments, "/payments/gross"),
            blank_zero(refunds),
            gross(refunds, "/refunds/gross"),
            gross(payments + refunds, "/payments_and_refunds/fee"),
            gross(payments + refunds, "/payments_and_refunds/net"),
            blank_zero(other),
        ]);
        rows += 1;
    }
    if rows == 0 { "  no provider states anything\n".to_owned() } else { grid.text() }
}

fn merchant(totals: &Map<String, Value>) -> String {
    let count = |name: &str, one, many| counted(number(totals, name), one, many);
    [count("orders", "order", "orders"), count("attempts", "attempt", "attempts"), count("refunds", "refund", "refunds")]
        .join(", ")
}

/// Where the fees of a provider are not those of its contract, added up.
fn fees(totals: &Map<String, Value>) -> Option<String> {
    let of_provider = |row: &Value| {
        let text = |at: &str| row.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let difference = text("/fees/difference");
        let is_nothing = !difference.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        let (amount, side) = difference.strip_prefix('-').map_or((&*difference, "below"), |amount| (amount, "above"));
        (!is_nothing).then(|| format!("{} charged {amount} {} {side} contract", text("/provider"), text("/currency")))
    };
    let said: Vec<String> = totals.get("providers")?.as_array()?.iter().filter_map(of_provider).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

fn carried_in(manifest: &Manifest) -> String {
    match &manifest.night.previous_night {
        Some(previous) => format!("the open items of {} (generation {})", previous.business_date, previous.generation),
        None => "nothing: no night was published before".to_owned(),
    }
}

fn compared(totals: &Map<String, Value>) -> String {
    let count = |name: &str, one, many| counted(number(totals, name), one, many);
    format!(
        "{}, {} carried to the next night, {} rejected",
        count("matches", "match", "matches"),
        count("open_items", "open item", "open items"),
        count("rejects", "line", "lines")
    )
}

/// Files of which lines were rejected that are named.
const FILES_NAMED: usize = 3;

/// The files of which lines were rejected.
fn rejected(manifest: &Manifest) -> Option<String> {
    let files = || manifest.night.inputs.iter().filter(|input| input.rejects > 0);
    let named = files().take(FILES_NAMED).map(|input| format!("{} of {}", counted(input.rejects, "line", "lines"), input.name));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = files().count().saturating_sub(FILES_NAMED);
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named),
        (false, _) => Some(format!("{named}, and of {}", counted(more as u64, "more file", "more files"))),
    }
}

/// What became of the resolutions of the job, where one is of a break of the night.
fn resolutions(manifest: &Manifest) -> Option<String> {
    let (resolved, void) = (in_state(manifest, "resolved"), number(&manifest.night.totals, "void_resolutions"));
    let count = counted(resolved, "break is resolved", "breaks are resolved");
    match void {
        0 => (resolved > 0).then_some(count),
        _ => Some(format!("{count}, {void} void, as what was resolved says something else now: see detail in breaks")),
    }
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
        return "  no breaks: both sides agree on everything\n".to_owned();
    }
    let shown = &STATES[..if in_state(manifest, "resolved") > 0 { 4 } else { 3 }];
    let mut grid = Grid::new(&[&["break"], shown].concat(), 1);
    for kind in kinds {
        grid.row([kind.to_owned()].into_iter().chain(shown.iter().map(|state| blank_zero(of(state, kind)))));
    }
    grid.row(["total".to_owned()].into_iter().chain(shown.iter().map(|state| in_state(manifest, state).to_string())));
    grid.text()
}
