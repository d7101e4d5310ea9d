//! Who pairs with whom among the entries and records of one key, or belongs together. Equal candidates are never
//! guessed between.

use super::items::{Items, Thing};
use super::outcome::BreakType;
use crate::money::Amount;
use crate::table::part::Id;

/// Most identifiers one `detail` names.
const NAMED: usize = 20;

/// What a pass takes: pairs to judge, and rows that end without a pair.
#[derive(Default)]
pub(super) struct Claims {
    /// Entry and record: of one key if they are of a group, or else with one hash.
    pub(super) pairs: Vec<(u32, u32)>,
    pub(super) groups: Vec<Group>,
    pub(super) entries_aside: Vec<(u32, Aside)>,
    pub(super) records_aside: Vec<(u32, Aside)>,
}

/// One payment or refund that one side or both state in parts, each once: an order that was captured in two, say.
/// Rows are ordered by identifier.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) entries: Vec<u32>,
    pub(super) records: Vec<u32>,
}

impl Group {
    /// Who met whom: each entry once, and each record. Where there are more entries the last record has several, where there
    /// are less the last records have none.
    pub(super) fn links(&self) -> impl Iterator<Item = (u32, Option<u32>)> {
        let links = self.entries.len().max(self.records.len());
        (0..links).map(|at| (self.records[at.min(self.records.len() - 1)], self.entries.get(at).copied()))
    }
}

/// Why a row of a key ends without a pair.
#[derive(Clone)]
pub(super) enum Aside {
    Superseded,
    /// A break at once, with its detail.
    Break(BreakType, String),
}

/// Decides one key, which `entries` and `records` have.
pub(super) fn resolve(provider: &Items, merchant: &Items, entries: &[u32], records: &[u32], claims: &mut Claims) {
    if let (&[entry], &[record]) = (entries, records) {
        claims.pairs.push((entry, record));
        return;
    }
    let entries = by_id(provider, entries);
    let (records, superseded) = standing(merchant, by_id(merchant, records));
    claims.records_aside.extend(superseded.into_iter().map(|row| (row, Aside::Superseded)));

    let Settled { pairs, group } = settle(provider, merchant, &entries, &records);
    let grouped = |rows: fn(&Group) -> &Vec<u32>| group.iter().flat_map(rows).copied();
    let taken_entries: Vec<u32> = pairs.iter().map(|pair| pair.0).chain(grouped(|group| &group.entries)).collect();
    let taken_records: Vec<u32> = pairs.iter().map(|pair| pair.1).chain(grouped(|group| &group.records)).collect();
    if taken_entries.is_empty() {
        let names = named(entries.iter().map(|&row| provider.id(row)).chain(records.iter().map(|&row| merchant.id(row))));
        let aside = |row: u32| (row, Aside::Break(BreakType::Ambiguous, format!("equally good candidates: {names}")));
        claims.entries_aside.extend(entries.into_iter().map(aside));
        claims.records_aside.extend(records.into_iter().map(aside));
        return;
    }
    let rest = |items: &Items, rows: &[u32], mut taken: Vec<u32>, kind| {
        let names = named(taken.iter().map(|&row| items.id(row)));
        taken.sort_unstable();
        let left = rows.iter().filter(|row| taken.binary_search(row).is_err());
        left.map(|&row| (row, Aside::Break(kind, format!("counted instead: {names}")))).collect::<Vec<_>>()
    };
    claims.entries_aside.extend(rest(provider, &entries, taken_entries, BreakType::DuplicateInProvider));
    claims.records_aside.extend(rest(merchant, &records, taken_records, BreakType::DuplicateInMerchant));
    claims.pairs.extend(pairs);
    claims.groups.extend(group);
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

/// What of one key belongs together; nothing where it is ambiguous.
#[derive(Default)]
struct Settled {
    pairs: Vec<(u32, u32)>,
    group: Option<Group>,
}

/// Rows are ordered by id.
fn settle(provider: &Items, merchant: &Items, entries: &[u32], records: &[u32]) -> Settled {
    let one_record = all_copies(merchant, records);
    if one_record || all_copies(provider, entries) {
        let pair = if one_record {
            choose(provider, entries, merchant.thing(records[0])).map(|entry| (entry, records[0]))
        } else {
            choose(merchant, records, provider.thing(entries[0])).map(|record| (entries[0], record))
        };
        let agrees = pair.is_some_and(|(entry, record)| money(provider.thing(entry)) == money(merchant.thing(record)));
        let group = if agrees { None } else { in_parts(provider, merchant, entries, records) };
        let pairs = if group.is_some() { Vec::new() } else { pair.into_iter().collect() };
        return Settled { pairs, group };
    }
    // Several payments under one key on both sides: those that agree one to one, by reference or else by amount; what
    // is left on both sides may be one payment in parts.
    let mut pairs = one_to_one(provider, merchant, entries, records, |thing| thing.reference.map(|reference| (reference, 0)));
    let beside = |pairs: &[(u32, u32)]| {
        let of_entries = left(provider, entries, pairs.iter().map(|pair| pair.0));
        (of_entries, left(merchant, records, pairs.iter().map(|pair| pair.1)))
    };
    let (of_entries, of_records) = beside(&pairs);
    pairs.extend(one_to_one(provider, merchant, &of_entries, &of_records, |thing| Some((thing.currency, thing.amount.0))));
    let (of_entries, of_records) = beside(&pairs);
    Settled { group: in_parts(provider, merchant, &of_entries, &of_records), pairs }
}

fn money(thing: Thing<'_>) -> (&str, Amount) {
    (thing.currency, thing.amount)
}

/// The rows that are neither among those taken nor copies of one.
fn left(items: &Items, rows: &[u32], taken: impl Iterator<Item = u32>) -> Vec<u32> {
    let taken: Vec<Thing> = taken.map(|row| items.thing(row)).collect();
    rows.iter().copied().filter(|&row| !taken.contains(&items.thing(row))).collect()
}

/// The rows as one payment in parts: if they are several whose sums are equal, in one currency. Two parts may be equal;
/// where that does not add up, they are copies, of which the first is of the group. Parts of one record that are less
/// than all of it may be joined by others: they are a group that does not close yet.
fn in_parts(provider: &Items, merchant: &Items, entries: &[u32], records: &[u32]) -> Option<Group> {
    let all = parts(provider, merchant, Group { entries: entries.to_vec(), records: records.to_vec() });
    all.filter(|group| group.closes(provider, merchant))
        .or_else(|| parts(provider, merchant, Group { entries: things(provider, entries), records: things(merchant, records) }))
}

/// The group, if it is one payment in parts.
fn parts(provider: &Items, merchant: &Items, group: Group) -> Option<Group> {
    let (&entry, &record) = (group.entries.first()?, group.records.first()?);
    let currency = provider.currency(entry);
    let sums = group.sums(provider, merchant);
    let (positive, negative) = (provider.amount(entry) > Amount::ZERO, provider.amount(entry) < Amount::ZERO);
    let is_part = |items: &Items, &row: &u32| {
        let amount = items.amount(row);
        items.currency(row) == currency && ((positive && amount > Amount::ZERO) || (negative && amount < Amount::ZERO))
    };
    let are_parts = group.entries.len() + group.records.len() > 2
        && group.entries.iter().all(|row| is_part(provider, row))
        && group.records.iter().all(|row| is_part(merchant, row) && merchant.claims_money(*row));
    let is_less = group.records.len() == 1 && sums.0.abs() < merchant.amount(record).abs();
    (are_parts && (group.closes(provider, merchant) || is_less)).then_some(group)
}

impl Group {
    fn closes(&self, provider: &Items, merchant: &Items) -> bool {
        let (stated, recorded) = self.sums(provider, merchant);
        stated == recorded
    }

    /// The sums of both sides, which are of one currency.
    pub(super) fn sums(&self, provider: &Items, merchant: &Items) -> (Amount, Amount) {
        let sum = |items: &Items, rows: &[u32]| rows.iter().fold(Amount::ZERO, |sum, &row| sum + items.amount(row));
        (sum(provider, &self.entries), sum(merchant, &self.records))
    }

    /// What its rows are called.
    pub(super) fn named(&self, provider: &Items, merchant: &Items) -> String {
        let entries = named(self.entries.iter().map(|&row| provider.id(row)));
        format!("{entries} for {}", named(self.records.iter().map(|&row| merchant.id(row))))
    }
}

/// The first row of each thing, ordered by id.
fn things(items: &Items, rows: &[u32]) -> Vec<u32> {
    let mut firsts: Vec<u32> = rows.to_vec();
    // Stable: of copies the smallest id stays first.
    firsts.sort_by_key(|&row| items.thing(row));
    firsts.dedup_by_key(|row| items.thing(*row));
    by_id(items, &firsts)
}

/// The one of `candidates` that is meant by its counterpart: by provider reference, then by amount. Among copies
/// of one thing it is the first; none if different things are left.
fn choose(items: &Items, candidates: &[u32], counterpart: Thing) -> Option<u32> {
    let same_reference = |thing: Thing| thing.reference.is_some() && thing.reference == counterpart.reference;
    let same_amount = |thing: Thing| money(thing) == money(counterpart);
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
