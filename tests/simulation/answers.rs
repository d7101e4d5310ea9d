//! What was found against what there was to find.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Write};

use super::model::Row;
use super::published::Tables;
use super::world::World;

/// Of a break type: what was found and is there, what was found and is not, and what is there and was not found.
#[derive(Clone, Copy, Default)]
struct Count {
    right: usize,
    wrong: usize,
    missed: usize,
}

/// What was found, by break type.
#[derive(Default)]
pub(super) struct Found {
    counts: BTreeMap<String, Count>,
    wrong: Vec<(String, usize)>,
    missed: Vec<(&'static str, usize)>,
}

impl Found {
    /// What the breaks of all nights say that are open and not only waiting, against the answers of the world.
    pub(super) fn of(world: &World, nights: &BTreeMap<usize, Tables>) -> Self {
        let stories = stories_by_name(world);
        let undecided = undecided(world, nights, &stories);
        let mut open: BTreeSet<(String, usize)> = BTreeSet::new();
        for (_, rows) in nights.values().flatten().filter(|(table, _)| *table == "breaks") {
            for row in rows {
                if cell(row, "state") != "open" {
                    continue;
                }
                let names = NAMES.map(|name| cell(row, name));
                // Of what bears no name nobody decided what there is to find.
                if names.iter().all(|name| name.is_empty()) {
                    continue;
                }
                let story = names.iter().find_map(|name| stories.get(name)).unwrap_or_else(|| panic!("of no story: {row:?}"));
                if !undecided.contains(story) {
                    open.insert((cell(row, "break_type").to_owned(), *story));
                }
            }
        }
        let mut found = Self::default();
        let answers = world.answers.iter().flat_map(|(kind, stories)| stories.iter().map(move |story| (*kind, *story)));
        for (kind, story) in answers.filter(|(_, story)| !undecided.contains(story)) {
            let count = found.counts.entry(kind.to_owned()).or_default();
            if open.remove(&(kind.to_owned(), story)) {
                count.right += 1;
            } else {
                count.missed += 1;
                found.missed.push((kind, story));
            }
        }
        for (kind, _) in &open {
            found.counts.entry(kind.clone()).or_default().wrong += 1;
        }
        found.wrong = open.into_iter().collect();
        found
    }

    /// What was found and is not there, and what was missed, with the stories.
    pub(super) fn wrong(&self, world: &World) -> String {
        let mut said = String::new();
        for (kind, story) in &self.wrong {
            writeln!(said, "  found and not there: {kind}, story {story}: {}", world.stories[*story]).expect("text");
        }
        for (kind, story) in &self.missed {
            writeln!(said, "  there and not found: {kind}, story {story}: {}", world.stories[*story]).expect("text");
        }
        said
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (kind, count) in &other.counts {
            let sum = self.counts.entry(kind.clone()).or_default();
            sum.right += count.right;
            sum.wrong += count.wrong;
            sum.missed += count.missed;
        }
    }
}

/// The columns that name what a row is about.
const NAMES: [&str; 4] = ["attempt_id", "refund_id", "provider_reference", "merchant_reference"];

fn cell<'r>(row: &'r Row, name: &str) -> &'r str {
    row.iter().find(|(column, _)| *column == name).map_or("", |(_, value)| value.as_str())
}

/// The stories of which nobody knows what there is to find: those told so, and any two of which a line of one met a record
/// of the other, as two may that have one amount at one time and nothing else to go by.
fn undecided(world: &World, nights: &BTreeMap<usize, Tables>, stories: &BTreeMap<&str, usize>) -> BTreeSet<usize> {
    let mut undecided = world.undecided.clone();
    for (_, rows) in nights.values().flatten().filter(|(table, _)| *table == "matches") {
        for row in rows {
            let named: BTreeSet<usize> = NAMES.iter().filter_map(|name| stories.get(cell(row, name)).copied()).collect();
            if named.len() > 1 {
                undecided.extend(named);
            }
        }
    }
    undecided
}

/// The story of everything that a break may name.
fn stories_by_name(world: &World) -> BTreeMap<&str, usize> {
    let mut stories = BTreeMap::new();
    for night in world.nights.iter().chain(world.before.values()) {
        stories.extend(night.lines.iter().flatten().map(|line| (line.provider_reference.as_str(), line.story)));
        stories.extend(night.lines.iter().flatten().map(|line| (line.merchant_reference.as_str(), line.story)));
        stories.extend(night.attempts.iter().map(|attempt| (attempt.id.as_str(), attempt.story)));
        stories.extend(night.refunds.iter().map(|refund| (refund.id.as_str(), refund.story)));
        stories.extend(night.bank.iter().map(|line| (line.reference.as_str(), line.story)));
    }
    stories.extend(world.batches.iter().map(|(batch, story)| (batch.as_str(), *story)));
    stories.remove("");
    stories
}

impl Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:<28} {:>7} {:>10} {:>7}", "break", "planted", "precision", "recall")?;
        for (kind, count) in &self.counts {
            let part = |of: usize| format!("{}.{:03}", count.right / of.max(1), count.right * 1_000 / of.max(1) % 1_000);
            let (precision, recall) = (part(count.right + count.wrong), part(count.right + count.missed));
            writeln!(formatter, "{kind:<28} {:>7} {precision:>10} {recall:>7}", count.right + count.missed)?;
        }
        Ok(())
    }
}
