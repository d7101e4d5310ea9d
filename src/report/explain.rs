//! The story of one order, reference, entry or break: every line that states it, every record of it, what matched,
//! what broke, which rules it was held to, and what came near where nothing matched.

mod near;
mod rows;
mod rules;
mod sentence;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::comments;
use super::grid::{counted, line};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::comments::Comments;
use crate::lake::Lake;
use crate::table::entries::ENTRIES;
use crate::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS};
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};
use near::{Alone, alone};
use rows::{Found, Row, search, unknown};
use rules::Rules;
use sentence::Sentence;

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// Everything published about one name.
#[derive(Debug)]
pub struct Story {
    id: String,
    job: String,
    nights: Vec<NaiveDate>,
    found: Found,
    alone: Vec<Alone>,
    rules: Rules,
}

impl Story {
    /// Gathers the story of `id` from all published nights, or from that of `date`.
    pub fn of(job: &Job, lake: &Lake, id: &str, date: Option<NaiveDate>) -> Result<Self> {
        let nights = nights(lake, date)?;
        let found = search(lake, &nights, id, job.timezone)?;
        if found.rows.is_empty() {
            return Err(unknown(lake, &nights, id));
        }
        let rules = Rules::of(job, &found.rows);
        let alone = still_alone(job, lake, &nights, &found)?;
        Ok(Self { id: id.to_owned(), job: job.name.clone(), nights, found, alone, rules })
    }

    /// For a person.
    #[must_use]
    pub fn text(&self, comments: &Comments) -> String {
        let mut text = String::new();
        line(&mut text, format!("{} ({}): {}", self.id, self.found.known_as.join(", "), self.counts()));
        let breaks = self.breaks();
        if !breaks.is_empty() {
            line(&mut text, "");
            line(&mut text, "Breaks");
            for rows in &breaks {
                tell_break(&mut text, rows, comments);
            }
        }
        for &night in &self.nights {
            self.tell_night(&mut text, night);
        }
        if !self.alone.is_empty() {
            line(&mut text, "");
            line(&mut text, "Without counterpart");
            for alone in &self.alone {
                tell_alone(&mut text, alone);
            }
        }
        line(&mut text, "");
        line(&mut text, "Rules");
        text.push_str(&self.rules.text());
        text
    }

    /// For a program: one line.
    #[must_use]
    pub fn json(&self, comments: &Comments) -> String {
        let breaks = self.breaks();
        let said = breaks.iter().filter_map(|rows| rows.last()).flat_map(|row| comments.of(row.get("break_id")));
        let object = json!({
            "schema_version": SCHEMA_VERSION,
            "id": self.id,
            "known_as": self.found.known_as,
            "job": self.job,
            "nights": self.nights,
            "rows": self.found.rows.iter().map(Row::json).collect::<Vec<Value>>(),
            "without_counterpart": self.alone.iter().map(Alone::json).collect::<Vec<Value>>(),
            "comments": said.map(comments::json_of).collect::<Vec<Value>>(),
            "rules": self.rules.json(),
        });
        format!("{object}\n")
    }

    fn counts(&self) -> String {
        let tables = [
            (&ORDERS, "order", "orders"),
            (&ATTEMPTS, "attempt", "attempts"),
            (&REFUNDS, "refund", "refunds"),
            (&ENTRIES, "entry", "entries"),
            (&MATCHES, "match", "matches"),
        ];
        let rows = |table: &&'static crate::table::column::Table| self.found.rows.iter().filter(|row| row.is_of(table)).count();
        let counts = tables.into_iter().map(|(table, one, many)| (rows(&table), one, many));
        let counts = counts.chain([(self.breaks().len(), "break", "breaks")]).filter(|(count, ..)| *count > 0);
        let counts: Vec<String> =
            counts.map(|(count, one, many)| counted(u64::try_from(count).unwrap_or(u64::MAX), one, many)).collect();
        if counts.is_empty() { "an item carried over".to_owned() } else { counts.join(", ") }
    }

    /// The rows of each break, night by night; the break seen first comes first.
    fn breaks(&self) -> Vec<Vec<&Row>> {
        let mut by_id: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for row in self.found.rows.iter().filter(|row| row.is_of(&BREAKS)) {
            by_id.entry((row.get("first_seen"), row.get("break_id"))).or_default().push(row);
        }
        by_id.into_values().collect()
    }

    /// Whether the night before said the same of a break or a payout, which are told every night they are known.
    fn had_state_before(&self, row: &Row) -> bool {
        let (id, said): (&str, &[&str]) = match row.table.name {
            "breaks" => ("break_id", &["state"]),
            "payouts" => ("payout_id", &["state", "lines", "stated", "residual"]),
            _ => return false,
        };
        let is_before = |other: &&Row| other.is_of(row.table) && other.night < row.night;
        let before = self.found.rows.iter().rfind(|other| is_before(other) && other.get(id) == row.get(id));
        before.is_some_and(|before| said.iter().all(|column| before.get(column) == row.get(column)))
    }

    /// What was read that night in the order it happened, then what the close said of it: a break or a payout only where
    /// that is something else than the night before.
    fn tell_night(&self, text: &mut String, night: NaiveDate) {
        let is_news = |row: &&Row| !self.had_state_before(row);
        let rows = self.found.rows.iter().filter(|row| row.night == night && !row.is_of(&OPEN_ITEMS)).filter(is_news);
        let mut sentences: Vec<Sentence> = rows.map(Sentence::of).collect();
        if sentences.is_empty() {
            return;
        }
        // Stable: what happened at one instant stays in the order of the flow.
        sentences.sort_by_key(|sentence| (sentence.at.is_none(), sentence.at));
        line(text, "");
        line(text, format!("Night {night}"));
        for sentence in sentences {
            line(text, format!("  {:19}  {}", sentence.when, sentence.what));
            for detail in sentence.details {
                line(text, format!("  {:19}  {detail}", ""));
            }
        }
    }
}

fn nights(lake: &Lake, date: Option<NaiveDate>) -> Result<Vec<NaiveDate>> {
    let published: Vec<NaiveDate> = lake.nights()?.iter().map(|manifest| manifest.night.business_date).collect();
    let Some((first, last)) = published.first().zip(published.last()) else {
        return Err(Error::data("no night is published yet").next("close one with `tieout run`"));
    };
    match date {
        None => Ok(published),
        Some(date) if published.contains(&date) => Ok(vec![date]),
        Some(date) => {
            Err(Error::data(format!("the night {date} is not published")).expected(format!("a night from {first} to {last}")))
        }
    }
}

/// The items of the story that are open after the last of the nights, with their near misses.
fn still_alone(job: &Job, lake: &Lake, nights: &[NaiveDate], found: &Found) -> Result<Vec<Alone>> {
    let Some(&last) = nights.last() else { return Ok(Vec::new()) };
    let open = found.rows.iter().filter(|row| row.is_of(&OPEN_ITEMS) && row.night == last);
    let ids: Vec<&str> = open.map(|row| row.get("id")).collect();
    if ids.is_empty() { Ok(Vec::new()) } else { alone(lake, last, &ids, job.timezone) }
}

/// One break: its states over the nights, the amounts, what to do.
fn tell_break(text: &mut String, rows: &[&Row], comments: &Comments) {
    let Some(last) = rows.last() else { return };
    let mut states: Vec<String> = Vec::new();
    let mut before = "";
    for row in rows {
        if row.get("state") != before {
            states.push(format!("{} {}", row.get("state"), row.night));
            before = row.get("state");
        }
    }
    line(text, format!("  {}: {}", sentence::name_of_break(last), states.join(" → ")));
    line(text, format!("    {}", sentence::amounts_of_break(last)));
    let detail = last.get("detail");
    if !detail.is_empty() && detail != sentence::both_amounts(last) {
        line(text, format!("    {detail}"));
    }
    if before == "cleared" {
        line(text, format!("    cleared by a late counterpart on {}", last.get("cleared_on")));
    } else if !last.get("resolution").is_empty() {
        line(text, format!("    resolved: {}", last.get("resolution")));
    } else {
        line(text, format!("    do first: {}", last.get("suggested_action")));
    }
    let age = counted(last.get("age_days").parse().unwrap_or_default(), "day", "days");
    line(text, format!("    first seen {}, {age} old, severity {}", last.get("first_seen"), last.get("severity")));
    line(text, format!("    break_id {}", last.get("break_id")));
    for comment in comments.of(last.get("break_id")) {
        line(text, format!("    said: {}", comments::said_by(comment).replace('\n', " ")));
    }
}

fn tell_alone(text: &mut String, alone: &Alone) {
    let item = &alone.item;
    line(text, format!("  {}", item.text()));
    line(text, format!("    first seen {}, counterpart expected by {}", alone.first_seen, alone.expected_by));
    let (one, many) = match (item.noun(), item.kind.as_str()) {
        ("entry", "refund") => ("open refund", "open refunds"),
        ("entry", _) => ("open attempt", "open attempts"),
        _ => ("open entry", "open entries"),
    };
    let among = counted(u64::try_from(alone.others).unwrap_or(u64::MAX), one, many);
    if alone.near.is_empty() {
        line(text, format!("    nothing comes near among {among} of {}", alone.night));
        return;
    }
    line(text, format!("    nearest among {among} of {}:", alone.night));
    for (place, near) in alone.near.iter().enumerate() {
        line(text, format!("    {}. {}", place + 1, near.item.text()));
        if !near.same.is_empty() {
            line(text, format!("       same {}", near.same.join(", ")));
        }
        for difference in &near.differs {
            line(text, format!("       {difference}"));
        }
    }
}
