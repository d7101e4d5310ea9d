//! Who pairs with whom among the entries and records of one key. Equal candidates are never guessed between.

use super::items::{Items, Thing};
use super::outcome::BreakType;
use crate::table::part::Id;

/// Most identifiers one `detail` names.
const NAMED: usize = 20;

/// What a pass takes: pairs to judge, and rows that end without a pair.
#[derive(Default)]
pub(super) struct Claims {
    /// Entry and record: of one key if they are of a group, or else with one hash.
    pub(super) pairs: Vec<(u32, u32)>,
    pub(super) entries_aside: Vec<(u32, Aside)>,
    pub(super) records_aside: Vec<(u32, Aside)>,
}

/// Why a row of a group ends without a pair.
#[derive(Clone)]
pub(super) enum Aside {
    Superseded,
    /// A break at once, with its detail.
    Break(BreakType, String),
}

/// Decides one group: `entries` and `records` have one key.
pub(super) fn resolve(provider: &Items, merchant: &Items, entries: &[u32], records: &[u32], claims: &mut Claims) {
    if let (&[entry], &[record]) = (entries, records) {
        claims.pairs.push((entry, record));
        return;
    }
    let entries = by_id(provider, entries);
    let (records, superseded) = standing(merchant, by_id(merchant, records));
    claims.records_aside.extend(superseded.into_iter().map(|row| (row, Aside::Superseded)));

    let pairs = pair(provider, merchant, &entries, &records);
    if pairs.is_empty() {
        let names = named(entries.iter().map(|&row| provider.id(row)).chain(records.iter().map(|&row| merchant.id(row))));
        let aside = |row: u32| (row, Aside::Break(BreakType::Ambiguous, format!("equally good candidates: {names}")));
        claims.entries_aside.extend(entries.into_iter().map(aside));
        claims.records_aside.extend(records.into_iter().map(aside));
        return;
    }
    let rest = |items: &Items, rows: &[u32], mut paired: Vec<u32>, kind| {
        let names = named(paired.iter().map(|&row| items.id(row)));
        paired.sort_unstable();
        let left = rows.iter().filter(|row| paired.binary_search(row).is_err());
        left.map(|&row| (row, Aside::Break(kind, format!("counted instead: {names}")))).collect::<Vec<_>>()
    };
    let (paired_entries, paired_records): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    claims.entries_aside.extend(rest(provider, &entries, paired_entries, BreakType::DuplicateInProvider));
    claims.records_aside.extend(rest(merchant, &records, paired_records, BreakType::DuplicateInMerchant));
    claims.pairs.extend(pairs);
}

/// The records that stand for a payment, and those they supersede: a reference is used again by every retry, so
/// what succeeded stands, or else the last try.
fn standing(merchant: &Items, records: Vec<u32>) -> (Vec<u32>, Vec<u32>) {
    let (succeeded, mut others): (Vec<u32>, Vec<u32>) = records.into_iter().partition(|&row| merchant.succeeded(row));
    if !succeeded.is_empty() {
        return (succeeded, others);
    }
    // The last of equally late ones is the one with the largest id: `others` is ordered by id.
    let last = (0..others.len()).max_by_key(|&at| merchant.occurred_at(others[at])).expect("a group has a record");
    let last = others.remove(last);
    (vec![last], others)
}

/// The pairs of a group, or none where it is ambiguous. Rows are ordered by id.
fn pair(provider: &Items, merchant: &Items, entries: &[u32], records: &[u32]) -> Vec<(u32, u32)> {
    if all_copies(merchant, records) {
        return choose(provider, entries, merchant.thing(records[0])).map(|entry| (entry, records[0])).into_iter().collect();
    }
    if all_copies(provider, entries) {
        return choose(merchant, records, provider.thing(entries[0])).map(|record| (entries[0], record)).into_iter().collect();
    }
    // Several payments under one key on both sides: those that agree one to one, by reference or else by amount.
    let by_reference = one_to_one(provider, merchant, entries, records, |thing| thing.reference.map(|reference| (reference, 0)));
    if !by_reference.is_empty() {
        return by_reference;
    }
    one_to_one(provider, merchant, entries, records, |thing| Some((thing.currency, thing.amount.0)))
}

/// The one of `candidates` that is meant by its counterpart: by provider reference, then by amount. Among copies
/// of one thing it is the first; none if different things are left.
fn choose(items: &Items, candidates: &[u32], counterpart: Thing) -> Option<u32> {
    let same_reference = |thing: Thing| thing.reference.is_some() && thing.reference == counterpart.reference;
    let same_amount = |thing: Thing| (thing.currency, thing.amount) == (counterpart.currency, counterpart.amount);
    let left = narrowed(items, candidates.to_vec(), same_reference);
    let left = narrowed(items, left, same_amount);
    all_copies(items, &left).then(|| left[0])
}

/// The candidates that agree, or all if none does.
fn narrowed(items: &Items, candidates: Vec<u32>, agrees: impl Fn(Thing) -> bool) -> Vec<u32> {
    let agreeing: Vec<u32> = candidates.iter().copied().filter(|&row| agrees(items.thing(row))).collect();
    if agreeing.is_empty() { candidates } else { agreeing }
}

fn all_copies(items: &Items, rows: &[u32]) -> bool {
    rows.iter().all(|&row| items.thing(row) == items.thing(rows[0]))
}

/// Pairs of an entry and a record that share a mark no other thing of their group has. Copies are one thing.
fn one_to_one<'a>(
    provider: &Items<'a>,
    merchant: &Items<'a>,
    entries: &[u32],
    records: &[u32],
    mark: impl Fn(Thing<'a>) -> Option<(&'a str, i128)>,
) -> Vec<(u32, u32)> {
    let marks = |items: &Items<'a>, rows: &[u32]| {
        let mut marked: Vec<_> = rows.iter().filter_map(|&row| Some((mark(items.thing(row))?, items.thing(row), row))).collect();
        // Stable: among copies the smallest id stays first, and the others go.
        marked.sort_by_key(|&(mark, thing, _)| (mark, thing));
        marked.dedup_by_key(|&mut (mark, thing, _)| (mark, thing));
        marked.chunk_by(|a, b| a.0 == b.0).filter(|things| things.len() == 1).map(|things| (things[0].0, things[0].2)).collect()
    };
    let entries: Vec<_> = marks(provider, entries);
    let records: Vec<_> = marks(merchant, records);
    let find = |mark| records.binary_search_by_key(&mark, |&(mark, _)| mark).ok().map(|at| records[at].1);
    entries.into_iter().filter_map(|(mark, entry)| Some((entry, find(mark)?))).collect()
}

fn by_id(items: &Items, rows: &[u32]) -> Vec<u32> {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|&row| items.id(row));
    rows
}

/// Identifiers as text, ordered, and how many more there are.
fn named<'a>(ids: impl Iterator<Item = Id<'a>>) -> String {
    let mut ids: Vec<Id> = ids.collect();
    ids.sort_unstable();
    let more = ids.len().saturating_sub(NAMED);
    ids.truncate(NAMED);
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}
