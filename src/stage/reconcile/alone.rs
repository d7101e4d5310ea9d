//! Who can only be meant by whom, where no key says so: items of two sides that are each the other's only candidate.
//! What is not certain stays open: its key may come on a later night.

use chrono::TimeDelta;

use super::candidates::{Claims, Group};
use super::items::Items;
use crate::money::Amount;

/// Rows of one key on one side, past which none is looked at: among so many of one amount or payment a single candidate
/// says little, and each is held against each.
const MOST: usize = 1_000;

/// The items of two sides.
#[derive(Clone, Copy)]
pub(super) struct Sides<'s, 'a> {
    pub(super) provider: &'s Items<'a>,
    pub(super) merchant: &'s Items<'a>,
}

impl Sides<'_, '_> {
    /// Items of one currency and amount: pairs that happened within that time of each other.
    pub(super) fn of_amount(self, entries: &[u32], records: &[u32], within: TimeDelta, claims: &mut Claims) {
        let within = within.num_microseconds().unwrap_or(i64::MAX).unsigned_abs();
        let fits = |entry: u32, record: u32| {
            let apart = self.provider.occurred_at(entry).abs_diff(self.merchant.occurred_at(record));
            apart <= within && !self.contradict(entry, record)
        };
        claims.pairs.extend(only_candidates(entries, records, fits));
    }

    /// Refunds of one payment: pairs of one amount, then what is left where it is one refund in parts.
    pub(super) fn of_payment(self, entries: &[u32], records: &[u32], claims: &mut Claims) {
        let fits = |entry: u32, record: u32| {
            let same_currency = self.provider.currency(entry) == self.merchant.currency(record);
            same_currency && self.provider.amount(entry) == self.merchant.amount(record) && !self.contradict(entry, record)
        };
        let pairs = only_candidates(entries, records, fits);
        let is_left = |row: &u32, taken: fn(&(u32, u32)) -> u32| !pairs.iter().any(|pair| taken(pair) == *row);
        let entries: Vec<u32> = entries.iter().copied().filter(|row| is_left(row, |pair| pair.0)).collect();
        let records: Vec<u32> = records.iter().copied().filter(|row| is_left(row, |pair| pair.1)).collect();
        claims.pairs.extend(&pairs);
        claims.groups.extend(self.in_parts(entries, records));
    }

    /// One item of one side and several of the other whose sum it is, none of which says that it is another.
    fn in_parts(self, mut entries: Vec<u32>, mut records: Vec<u32>) -> Option<Group> {
        let is_one = entries.len() == 1 || records.len() == 1;
        if !is_one || entries.len() + records.len() < 3 || entries.len().max(records.len()) > MOST {
            return None;
        }
        let currency = self.provider.currency(entries[0]);
        let same_currency = entries.iter().all(|&row| self.provider.currency(row) == currency)
            && records.iter().all(|&row| self.merchant.currency(row) == currency);
        let contradict = entries.iter().any(|&entry| records.iter().any(|&record| self.contradict(entry, record)));
        let sum = |items: &Items, rows: &[u32]| rows.iter().fold(Amount::ZERO, |sum, &row| sum + items.amount(row));
        if !same_currency || contradict || sum(self.provider, &entries) != sum(self.merchant, &records) {
            return None;
        }
        entries.sort_unstable_by_key(|&row| self.provider.id(row));
        records.sort_unstable_by_key(|&row| self.merchant.id(row));
        Some(Group { entries, records })
    }

    /// Whether both state an identifier of one kind, and not the same.
    fn contradict(self, entry: u32, record: u32) -> bool {
        let differ = |one: Option<&str>, other: Option<&str>| one.zip(other).is_some_and(|(one, other)| one != other);
        differ(self.provider.merchant_reference(entry), self.merchant.merchant_reference(record))
            || differ(self.provider.provider_reference(entry), self.merchant.provider_reference(record))
            || differ(self.provider.merchant_refund_reference(entry), self.merchant.merchant_refund_reference(record))
    }
}

/// The pairs that fit, where neither fits another.
fn only_candidates(entries: &[u32], records: &[u32], fits: impl Fn(u32, u32) -> bool) -> Vec<(u32, u32)> {
    if entries.len().max(records.len()) > MOST {
        return Vec::new();
    }
    let mut of_record = vec![0_usize; records.len()];
    let mut only_of_entry = Vec::new();
    for &entry in entries {
        let fitting: Vec<usize> = (0..records.len()).filter(|&at| fits(entry, records[at])).collect();
        for &at in &fitting {
            of_record[at] += 1;
        }
        if let [only] = fitting[..] {
            only_of_entry.push((entry, only));
        }
    }
    only_of_entry.into_iter().filter(|&(_, at)| of_record[at] == 1).map(|(entry, at)| (entry, records[at])).collect()
}
