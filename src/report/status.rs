//! How a job stands: its last nights, and what the newest of them left open.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::grid::{Grid, blank_zero, counted, line};
use super::signoff;
use super::summary::{in_state, number};
use crate::error::Result;
use crate::job::Job;
use crate::lake::{Approval, Input, Lake, Link, Manifest, stale};
use crate::money::Amount;
use crate::table::build::date_of;
use crate::table::read::{amount, amounts, dates, words};
use crate::table::reconciliation::{BREAKS, OPEN_ITEMS};

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;
/// Ages of a break, in the order they are shown.
const AGES: [&str; 5] = ["0-1", "2-3", "4-7", "8-30", ">30"];

/// How a job stands.
#[derive(Debug)]
pub struct Standing {
    job: String,
    published: usize,
    nights: Vec<Closed>,
    newest: Option<Left>,
    /// Providers and banks of the job, with their accounts, of which the newest night read nothing.
    left_out: Vec<(String, String)>,
}

/// A published night.
#[derive(Debug)]
struct Closed {
    manifest: Manifest,
    /// Whether its data files are still those it published.
    intact: bool,
    /// Whether a night before it was published anew since.
    stale: bool,
    /// Who stands for it.
    approval: Approval,
}

/// What the newest night left, read from its tables.
#[derive(Debug)]
struct Left {
    items: BTreeMap<Held, Items>,
    breaks: BTreeMap<String, [u64; AGES.len()]>,
}

/// Where an open item belongs: side, kind, provider, currency.
type Held = [String; 4];

/// Open items of one side, kind, provider and currency.
#[derive(Debug, Default)]
struct Items {
    count: u64,
    amount: Amount,
    oldest: Option<NaiveDate>,
    expected_by: Option<NaiveDate>,
}

impl Standing {
    /// Reads the last `nights` nights of `lake`.
    pub fn of(job: &Job, lake: &Lake, nights: usize) -> Result<Self> {
        let manifests = lake.nights()?;
        let (published, stale) = (manifests.len(), stale(&manifests.iter().map(Link::from).collect::<Vec<_>>()));
        let shown = manifests.into_iter().skip(published.saturating_sub(nights));
        let closed = |manifest: Manifest| {
            Ok(Closed {
                intact: lake.is_intact(&manifest)?,
                stale: stale.contains(&manifest.night.business_date),
                approval: lake.approval(&manifest)?,
                manifest,
            })
        };
        let nights = shown.map(closed).collect::<Result<Vec<_>>>()?;
        let newest = nights.last().filter(|newest| newest.intact);
        let newest = newest.map(|newest| Left::of(lake, newest.manifest.night.business_date)).transpose()?;
        let left_out = nights.last().map_or(Vec::new(), |newest| left_out(job, &newest.manifest));
        Ok(Self { job: job.name.clone(), published, nights, newest, left_out })
    }

    /// For a person.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let Some(newest) = self.nights.last() else {
            let shown = if self.published == 0 { "no night is published yet".to_owned() } else { self.published() };
            line(&mut text, format!("{}: {shown}", self.job));
            return text;
        };
        line(&mut text, format!("{}: {}, the newest last", self.job, self.published()));
        line(&mut text, "");
        text.push_str(&self.table_of_nights());
        text.push_str(&self.signatures());
        let date = newest.manifest.night.business_date;
        match &self.newest {
            None => {
                line(&mut text, "");
                line(&mut text, format!("  the data files of {date} are damaged: run that night again to repair them"));
            }
            Some(left) => {
                line(&mut text, "");
                line(&mut text, format!("Open items after {date}"));
                text.push_str(&left.table_of_items());
                line(&mut text, "");
                line(&mut text, format!("Open breaks of {date}, by age in days"));
                text.push_str(&left.table_of_breaks());
            }
        }
        let stale: Vec<NaiveDate> =
            self.nights.iter().filter(|closed| closed.stale).map(|closed| closed.manifest.night.business_date).collect();
        if let (Some(first), Some(last)) = (stale.first(), stale.last()) {
            line(&mut text, "");
            line(&mut text, "  STALE: a night before was published anew since");
            line(&mut text, format!("  next   tieout backfill <job> --from {first} --to {last}"));
        }
        line(&mut text, "");
        line(&mut text, format!("Deliveries of {date}"));
        text.push_str(&deliveries(&newest.manifest.night.inputs, &self.left_out));
        text
    }

    fn published(&self) -> String {
        let shown = self.nights.len();
        let published = counted(self.published.try_into().unwrap_or(u64::MAX), "night", "nights");
        if shown == self.published { published } else { format!("{shown} of {published}") }
    }

    fn table_of_nights(&self) -> String {
        let header = ["night", "generation", "entries", "matches", "open", "waiting", "cleared", "resolved", "rejects", ""];
        let mut grid = Grid::new(&header, 1);
        for closed in &self.nights {
            let (manifest, night) = (&closed.manifest, &closed.manifest.night);
            let marks = [("INCOMPLETE", !night.complete), ("DAMAGED", !closed.intact), ("STALE", closed.stale)];
            let mut marks: Vec<String> = marks.iter().filter(|(_, is)| *is).map(|(mark, _)| (*mark).to_owned()).collect();
            marks.extend(closed.approval.is_closed().then(|| "closed".to_owned()));
            grid.row([
                night.business_date.to_string(),
                manifest.generation.to_string(),
                number(&night.totals, "entries").to_string(),
                number(&night.totals, "matches").to_string(),
                blank_zero(in_state(manifest, "open")),
                blank_zero(in_state(manifest, "waiting")),
                blank_zero(in_state(manifest, "cleared")),
                blank_zero(in_state(manifest, "resolved")),
                blank_zero(number(&night.totals, "rejects")),
                marks.join(", "),
            ]);
        }
        grid.text()
    }

    /// A line for each night that somebody signed.
    fn signatures(&self) -> String {
        let mut text = String::new();
        for Closed { manifest, approval, .. } in &self.nights {
            if let Some(who) = signoff::mark(approval) {
                line(&mut text, format!("  {}  {who}", manifest.night.business_date));
            }
        }
        if text.is_empty() { text } else { format!("\nSignatures\n{text}") }
    }

    /// For a program: one line.
    #[must_use]
    pub fn json(&self) -> String {
        let nights: Vec<Value> = self.nights.iter().map(Closed::json).collect();
        let deliveries = self.nights.last().map(|newest| &newest.manifest.night.inputs);
        let left_out = self.left_out.iter().map(|(source, account)| json!({ "source": source, "account": account }));
        let object = json!({
            "schema_version": SCHEMA_VERSION,
            "job": self.job,
            "published": self.published,
            "nights": nights,
            "open_items": self.newest.as_ref().map(Left::items_json),
            "open_breaks": self.newest.as_ref().map(Left::breaks_json),
            "deliveries": deliveries,
            "left_out": left_out.collect::<Vec<_>>(),
        });
        format!("{object}\n")
    }
}

impl Closed {
    fn json(&self) -> Value {
        let night = &self.manifest.night;
        json!({
            "business_date": night.business_date,
            "generation": self.manifest.generation,
            "complete": night.complete,
            "intact": self.intact,
            "stale": self.stale,
            "approval": signoff::of(&self.approval),
            "entries": number(&night.totals, "entries"),
            "matches": number(&night.totals, "matches"),
            "open": in_state(&self.manifest, "open"),
            "waiting": in_state(&self.manifest, "waiting"),
            "cleared": in_state(&self.manifest, "cleared"),
            "resolved": in_state(&self.manifest, "resolved"),
            "rejects": number(&night.totals, "rejects"),
        })
    }
}

impl Left {
    fn of(lake: &Lake, night: NaiveDate) -> Result<Self> {
        Ok(Self { items: open_items(lake, night)?, breaks: open_breaks(lake, night)? })
    }

    fn table_of_items(&self) -> String {
        if self.items.is_empty() {
            return "  none: every entry and record found its counterpart\n".to_owned();
        }
        let mut grid = Grid::new(&["side", "kind", "provider", "items", "amount", "", "oldest", "expected by"], 3);
        for ([side, kind, provider, currency], items) in &self.items {
            let day = |day: Option<NaiveDate>| day.map_or(String::new(), |day| day.to_string());
            grid.row([
                side.clone(),
                kind.clone(),
                provider.clone(),
                items.count.to_string(),
                items.amount.in_currency(currency),
                currency.clone(),
                day(items.oldest),
                day(items.expected_by),
            ]);
        }
        grid.text()
    }

    fn table_of_breaks(&self) -> String {
        if self.breaks.is_empty() {
            return "  none\n".to_owned();
        }
        let mut grid = Grid::new(&[["break"].as_slice(), &AGES, &["total"]].concat(), 1);
        for (kind, ages) in &self.breaks {
            let counts = ages.iter().copied().chain([ages.iter().sum()]).map(blank_zero);
            grid.row([kind.clone()].into_iter().chain(counts));
        }
        grid.text()
    }

    fn items_json(&self) -> Value {
        let rows = self.items.iter().map(|([side, kind, provider, currency], items)| {
            json!({
                "side": side,
                "kind": kind,
                "provider": provider,
                "currency": currency,
                "items": items.count,
                "amount": items.amount.in_currency(currency),
                "oldest": items.oldest,
                "expected_by": items.expected_by,
            })
        });
        rows.collect()
    }

    fn breaks_json(&self) -> Value {
        let rows = self.breaks.iter().flat_map(|(kind, ages)| {
            let filled = AGES.iter().zip(ages).filter(|(_, count)| **count > 0);
            filled.map(move |(age, count)| json!({ "break_type": kind, "age_days": age, "breaks": count }))
        });
        rows.collect()
    }
}

fn open_items(lake: &Lake, night: NaiveDate) -> Result<BTreeMap<Held, Items>> {
    let names = ["side", "kind", "provider", "currency", "amount", "first_seen", "expected_by"];
    let batch = lake.read_columns(&OPEN_ITEMS, night, &names)?;
    let held = ["side", "kind", "provider", "currency"].map(|name| words(&batch, name));
    let [first_seen, expected_by] = ["first_seen", "expected_by"].map(|name| dates(&batch, name));
    let owed = amounts(&batch, "amount");
    let mut items: BTreeMap<Held, Items> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        let items = items.entry(held.map(|column| column.get(row).to_owned())).or_default();
        items.count += 1;
        items.amount += amount(owed, row).unwrap_or_default();
        let (seen, expected) = (date_of(first_seen.value(row)), date_of(expected_by.value(row)));
        items.oldest = Some(items.oldest.map_or(seen, |oldest| oldest.min(seen)));
        items.expected_by = Some(items.expected_by.map_or(expected, |earliest| earliest.min(expected)));
    }
    Ok(items)
}

fn open_breaks(lake: &Lake, night: NaiveDate) -> Result<BTreeMap<String, [u64; AGES.len()]>> {
    let batch = lake.read_columns(&BREAKS, night, &["break_type", "state", "age_bucket"])?;
    let [types, states, ages] = ["break_type", "state", "age_bucket"].map(|name| words(&batch, name));
    let mut breaks: BTreeMap<String, [u64; AGES.len()]> = BTreeMap::new();
    for row in (0..batch.num_rows()).filter(|&row| states.get(row) == "open") {
        let age = AGES.iter().position(|age| *age == ages.get(row)).expect("every age is in one bucket");
        breaks.entry(types.get(row).to_owned()).or_default()[age] += 1;
    }
    Ok(breaks)
}

/// Of an incomplete night, the accounts of the job whose files it did not read.
fn left_out(job: &Job, manifest: &Manifest) -> Vec<(String, String)> {
    let night = &manifest.night;
    if night.complete {
        return Vec::new();
    }
    let was_read = |source: &str, account: &str| {
        night.inputs.iter().any(|input| input.source == source && input.account == account && input.state == "read")
    };
    let providers = job.providers.iter().map(|provider| (&provider.name, &provider.account));
    let accounts = providers.chain(job.banks.iter().map(|bank| (&bank.name, &bank.account)));
    accounts.filter(|(name, account)| !was_read(name, account)).map(|(name, account)| (name.clone(), account.clone())).collect()
}

fn deliveries(inputs: &[Input], left_out: &[(String, String)]) -> String {
    let mut grid = Grid::new(&["source", "name", "state", "lines", "rows", "rejects"], 3);
    for input in inputs {
        grid.row([
            input.source.clone(),
            input.name.clone(),
            input.state.clone(),
            input.lines.to_string(),
            input.entries.to_string(),
            blank_zero(input.rejects),
        ]);
    }
    for (source, account) in left_out {
        let nothing = || blank_zero(0);
        grid.row([source.clone(), account.clone(), "LEFT OUT".to_owned(), nothing(), nothing(), nothing()]);
    }
    grid.text()
}
