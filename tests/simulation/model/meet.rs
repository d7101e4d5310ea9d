//! Who meets whom: by each key in turn, every item held against every other.

use chrono::{NaiveDate, TimeDelta};

use super::judge::{Link, Together, Verdict, of_item};
use super::{Break, Item, Kind};

/// What a comparison says.
#[derive(Default)]
pub(super) struct Met {
    pub(super) matches: Vec<Link>,
    pub(super) breaks: Vec<Break>,
    /// What enters the next night, by side and identifier.
    pub(super) open: Vec<Item>,
}

/// Items that are still open, and what was said of the others.
struct Table {
    night: NaiveDate,
    open: Vec<Item>,
    met: Met,
}

/// How far apart two items may be dated that meet by their amount: an hour, unless a job says otherwise.
const WITHIN: TimeDelta = TimeDelta::hours(1);

/// Compares the items of a night, those carried in among them.
pub(super) fn meet(mut items: Vec<Item>, night: NaiveDate) -> Met {
    items.sort_by(|one, other| one.name().cmp(&other.name()));
    let mut table = Table { night, open: items, met: Met::default() };
    table.by_key(Kind::Payment, |item| item.merchant_reference.clone());
    table.by_key(Kind::Payment, |item| item.provider_reference.clone());
    // A refund that both sides say is of one payment is meant before one of which one side does not say.
    table.by_key(Kind::Refund, |item| {
        let both = [&item.merchant_reference, &item.refund_reference];
        if both.iter().any(|name| name.is_empty()) { String::new() } else { both.map(String::as_str).join(" ") }
    });
    table.by_key(Kind::Refund, |item| item.refund_reference.clone());
    table.by_key(Kind::Refund, |item| item.provider_reference.clone());
    table.refunds_of_a_payment();
    for kind in [Kind::Payment, Kind::Refund] {
        table.by_amount_and_time(kind);
    }
    table.alone();
    table.met.open.sort_by(|one, other| one.name().cmp(&other.name()));
    table.met
}

impl Table {
    fn take(&mut self, is: impl Fn(&Item) -> bool) -> Vec<Item> {
        let (taken, open) = std::mem::take(&mut self.open).into_iter().partition(is);
        self.open = open;
        taken
    }

    fn take_one(&mut self, item: &Item) -> Item {
        self.take(|open| open.name() == item.name()).remove(0)
    }

    fn judge(&mut self, entries: Vec<Item>, records: Vec<Item>) {
        let items: Vec<Item> = entries.iter().chain(&records).cloned().collect();
        match (Together { entries, records }).judge(self.night) {
            Verdict::Agrees(links) => self.met.matches.extend(links),
            Verdict::Differs(found, carried) => {
                self.met.breaks.push(*found);
                if carried {
                    self.met.open.extend(items);
                }
            }
        }
    }

    fn break_each(&mut self, items: &[Item], kind: &'static str) {
        for item in items {
            self.met.breaks.push(Break { kind, ..of_item(item, self.night) });
        }
    }

    /// Items of one provider with one key that is not empty; then records that name no provider, with lines of any.
    fn by_key(&mut self, kind: Kind, key: impl Fn(&Item) -> String) {
        for named in [true, false] {
            let mut keys: Vec<(&'static str, String)> =
                self.open.iter().filter(|item| item.kind == kind).map(|item| (item.provider, key(item))).collect();
            keys.sort();
            keys.dedup();
            for (provider, name) in keys.into_iter().filter(|(provider, name)| !name.is_empty() && provider.is_empty() != named) {
                let has = |item: &Item| {
                    let of_provider = item.provider == provider || !named && item.of_provider;
                    item.kind == kind && of_provider && key(item) == name
                };
                let sides = [true, false].map(|side| self.open.iter().any(|item| has(item) && item.of_provider == side));
                if sides == [true, true] {
                    let (entries, records) = self.take(has).into_iter().partition(|item| item.of_provider);
                    self.decide(entries, records);
                }
            }
        }
    }

    /// What of one key is what.
    fn decide(&mut self, entries: Vec<Item>, records: Vec<Item>) {
        // A reference is used again by every retry: what succeeded stands, or else the last try. The others are out.
        let mut records = records;
        if records.iter().any(|record| record.succeeded) {
            records.retain(|record| record.succeeded);
        } else {
            let last = records.iter().max_by_key(|record| (record.at, record.id.clone())).expect("a record").clone();
            records = vec![last];
        }
        let (all_entries, all_records) = (entries, records);
        let (entries, copied_entries) = without_copies(all_entries.clone());
        let (records, copied_records) = without_copies(all_records.clone());
        let agree = |(entry, record): &(Item, Item)| (entry.amount, entry.currency) == (record.amount, record.currency);
        // Equal parts look like copies: they are parts where all of them add up, and no pair does by itself.
        let one_side = entries.len().min(records.len()) == 1;
        if one_side && !pairs(&entries, &records).iter().any(agree) && add_up(&all_entries, &all_records) {
            return self.judge(all_entries, all_records);
        }
        let pairs_of_things = pairs(&entries, &records);
        let is_of_a_pair =
            |item: &&Item| pairs_of_things.iter().any(|(entry, record)| is_copy(entry, item) || is_copy(record, item));
        let beside = |items: &[Item]| -> Vec<Item> { items.iter().filter(|item| !is_of_a_pair(item)).cloned().collect() };
        let (beside_entries, beside_records) = (beside(&all_entries), beside(&all_records));
        if !one_side && add_up(&beside_entries, &beside_records) {
            let copied = |copies: Vec<Item>| -> Vec<Item> { copies.into_iter().filter(|item| is_of_a_pair(&item)).collect() };
            self.break_each(&copied(copied_entries), "duplicate_in_provider");
            self.break_each(&copied(copied_records), "duplicate_in_merchant");
            for (entry, record) in pairs_of_things.clone() {
                self.judge(vec![entry], vec![record]);
            }
            return self.judge(beside_entries, beside_records);
        }
        if pairs_of_things.is_empty() && !in_parts(&entries, &records) {
            self.break_each(&all_entries, "ambiguous");
            self.break_each(&all_records, "ambiguous");
            return;
        }
        self.break_each(&copied_entries, "duplicate_in_provider");
        self.break_each(&copied_records, "duplicate_in_merchant");
        // One thing of one side is several of the other where the sums allow it, whatever the merchant calls one of them.
        if one_side && entries.len() + records.len() > 2 && in_parts(&entries, &records) {
            return self.judge(entries, records);
        }
        let pairs = pairs(&entries, &records);
        let paired = |item: &Item| pairs.iter().any(|(entry, record)| [entry.name(), record.name()].contains(&item.name()));
        let left = |items: &[Item]| -> Vec<Item> { items.iter().filter(|item| !paired(item)).cloned().collect() };
        let (left_entries, left_records) = (left(&entries), left(&records));
        // Who is meant for certain meets. The others beside them are one more payment in parts, or the same once more.
        for (entry, record) in pairs {
            self.judge(vec![entry], vec![record]);
        }
        if left_entries.len() + left_records.len() > 2 && in_parts(&left_entries, &left_records) {
            self.judge(left_entries, left_records);
        } else {
            self.break_each(&left_entries, "duplicate_in_provider");
            self.break_each(&left_records, "duplicate_in_merchant");
        }
    }

    /// Refunds of one payment, where each is the other's only candidate of its amount.
    fn refunds_of_a_payment(&mut self) {
        let fits = |entry: &Item, record: &Item| {
            entry.amount == record.amount
                && entry.currency == record.currency
                && !entry.merchant_reference.is_empty()
                && entry.merchant_reference == record.merchant_reference
        };
        self.only_candidates(Kind::Refund, fits);
        // One refund of one side for several of the other.
        let of_one_side = |side: bool| move |item: &&Item| item.kind == Kind::Refund && item.of_provider == side && item.claims;
        let mut payments: Vec<(&'static str, String)> = self
            .open
            .iter()
            .filter(|item| item.kind == Kind::Refund && !item.merchant_reference.is_empty())
            .map(|item| (item.provider, item.merchant_reference.clone()))
            .collect();
        payments.sort();
        payments.dedup();
        for (provider, payment) in payments {
            let [entries, records] = [true, false].map(|side| -> Vec<Item> {
                let of = self.open.iter().filter(of_one_side(side));
                of.filter(|item| item.provider == provider && item.merchant_reference == payment).cloned().collect()
            });
            let one_of_several = entries.len().min(records.len()) == 1 && entries.len() + records.len() > 2;
            let agree = entries.iter().all(|entry| records.iter().all(|record| !differ(entry, record)));
            let sum = |items: &[Item]| items.iter().map(|item| item.amount).sum::<i64>();
            if one_of_several && agree && one_currency(&entries, &records) && sum(&entries) == sum(&records) {
                for item in entries.iter().chain(&records) {
                    self.take_one(item);
                }
                self.judge(entries, records);
            }
        }
    }

    fn by_amount_and_time(&mut self, kind: Kind) {
        let fits = |entry: &Item, record: &Item| {
            entry.amount == record.amount && entry.currency == record.currency && (entry.at - record.at).abs() <= WITHIN
        };
        self.only_candidates(kind, fits);
    }

    /// Pairs that fit, where neither fits another, and no identifier says otherwise.
    fn only_candidates(&mut self, kind: Kind, fits: impl Fn(&Item, &Item) -> bool) {
        let of = |side: bool| -> Vec<Item> {
            // By their amount only records meet that claim money.
            self.open.iter().filter(|item| item.kind == kind && item.of_provider == side && item.claims).cloned().collect()
        };
        let (entries, records) = (of(true), of(false));
        let fits = |entry: &Item, record: &Item| {
            (record.provider.is_empty() || entry.provider == record.provider) && fits(entry, record) && !differ(entry, record)
        };
        let mut pairs = Vec::new();
        for entry in &entries {
            let theirs: Vec<&Item> = records.iter().filter(|record| fits(entry, record)).collect();
            if let [record] = theirs[..]
                && entries.iter().filter(|other| fits(other, record)).count() == 1
            {
                pairs.push((entry.clone(), record.clone()));
            }
        }
        for (entry, record) in pairs {
            let pair = (self.take_one(&entry), self.take_one(&record));
            self.judge(vec![pair.0], vec![pair.1]);
        }
    }

    /// What met nobody.
    fn alone(&mut self) {
        for item in std::mem::take(&mut self.open) {
            let kind = match (item.kind, item.of_provider) {
                (Kind::Payment, true) => "missing_in_merchant",
                (Kind::Payment, false) => "missing_in_provider",
                (Kind::Refund, true) => "refund_missing_in_merchant",
                (Kind::Refund, false) => "refund_missing_in_provider",
                (Kind::Chargeback, _) => "chargeback",
                _ => "chargeback_reversed",
            };
            let waits = item.expected_by > self.night;
            // A record that claims no money is watched as long, and then it is out.
            if !item.claims {
                if waits {
                    self.met.open.push(item);
                }
                continue;
            }
            let mut found = Break { kind, ..of_item(&item, self.night) };
            if matches!(item.kind, Kind::Payment | Kind::Refund) {
                found.state = if waits { "waiting" } else { "open" };
                found.waits_for.clone_from(&found.about);
                self.met.open.push(item);
            }
            self.met.breaks.push(found);
        }
    }
}

/// Whether both state an identifier of one kind, and not the same.
fn differ(one: &Item, other: &Item) -> bool {
    [
        (&one.merchant_reference, &other.merchant_reference),
        (&one.provider_reference, &other.provider_reference),
        (&one.refund_reference, &other.refund_reference),
    ]
    .iter()
    .any(|(one, other)| !one.is_empty() && !other.is_empty() && one != other)
}

/// Copies are one thing: what its provider calls it, if anything, and its amount. The smallest identifier stands for it.
fn without_copies(items: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
    let (mut first, mut copies): (Vec<Item>, Vec<Item>) = (Vec::new(), Vec::new());
    for item in items {
        let same = |known: &Item| {
            (&known.provider_reference, known.currency, known.amount) == (&item.provider_reference, item.currency, item.amount)
        };
        if first.iter().any(same) { copies.push(item) } else { first.push(item) }
    }
    (first, copies)
}

/// Who is meant by whom, among things of one key: by the provider's reference, then by the amount.
fn pairs(entries: &[Item], records: &[Item]) -> Vec<(Item, Item)> {
    if let ([entry], [record]) = (entries, records) {
        return vec![(entry.clone(), record.clone())];
    }
    let by_reference = |entry: &Item, record: &Item| {
        !entry.provider_reference.is_empty() && entry.provider_reference == record.provider_reference
    };
    let by_amount = |entry: &Item, record: &Item| entry.amount == record.amount && entry.currency == record.currency;
    // Where one side has one thing, those are left that have its reference, and of these those that have its amount.
    if let [entry] = entries {
        let left = narrowed(records, |record| by_reference(entry, record));
        let left = narrowed(&left, |record| by_amount(entry, record));
        return if let [record] = &left[..] { vec![(entry.clone(), record.clone())] } else { Vec::new() };
    }
    if let [record] = records {
        let left = narrowed(entries, |entry| by_reference(entry, record));
        let left = narrowed(&left, |entry| by_amount(entry, record));
        return if let [entry] = &left[..] { vec![(entry.clone(), record.clone())] } else { Vec::new() };
    }
    let found = only_pairs(entries, records, by_reference);
    let rest = |items: &[Item]| -> Vec<Item> {
        let free = |item: &&Item| !found.iter().any(|(entry, record)| [entry.name(), record.name()].contains(&item.name()));
        items.iter().filter(free).cloned().collect()
    };
    let more = only_pairs(&rest(entries), &rest(records), by_amount);
    found.into_iter().chain(more).collect()
}

/// Those that fit, or all where none does.
fn narrowed(items: &[Item], fits: impl Fn(&Item) -> bool) -> Vec<Item> {
    let fitting: Vec<Item> = items.iter().filter(|item| fits(item)).cloned().collect();
    if fitting.is_empty() { items.to_vec() } else { fitting }
}

fn only_pairs(entries: &[Item], records: &[Item], fits: impl Fn(&Item, &Item) -> bool) -> Vec<(Item, Item)> {
    let mut pairs = Vec::new();
    for entry in entries {
        let theirs: Vec<&Item> = records.iter().filter(|record| fits(entry, record)).collect();
        if let [record] = theirs[..]
            && entries.iter().filter(|other| fits(other, record)).count() == 1
        {
            pairs.push((entry.clone(), record.clone()));
        }
    }
    pairs
}

fn one_currency(entries: &[Item], records: &[Item]) -> bool {
    entries.iter().chain(records).all(|item| item.currency == records[0].currency)
}

fn closes(entries: &[Item], records: &[Item]) -> bool {
    let sum = |items: &[Item]| items.iter().map(|item| item.amount).sum::<i64>();
    sum(entries) == sum(records)
}

/// Whether these are several that are one payment, for their sums are equal.
fn add_up(entries: &[Item], records: &[Item]) -> bool {
    entries.len() + records.len() > 2 && in_parts(entries, records) && closes(entries, records)
}

fn is_copy(one: &Item, other: &Item) -> bool {
    one.of_provider == other.of_provider
        && (&one.provider_reference, one.currency, one.amount) == (&other.provider_reference, other.currency, other.amount)
}

/// Whether these are one payment in parts: their sums are equal; or they are parts of one record and less than all of it,
/// for the rest may come.
fn in_parts(entries: &[Item], records: &[Item]) -> bool {
    if entries.is_empty() || records.is_empty() || !one_currency(entries, records) || !records.iter().all(|record| record.claims)
    {
        return false;
    }
    let sum = |items: &[Item]| items.iter().map(|item| item.amount).sum::<i64>();
    let (theirs, ours) = (sum(entries), sum(records));
    closes(entries, records) || (records.len() == 1 && theirs.abs() < ours.abs())
}
