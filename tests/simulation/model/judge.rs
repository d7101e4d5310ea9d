//! The verdict on what belongs together: a match, or one break.

use chrono::NaiveDate;

use super::rows::first_of;
use super::{Break, Item, Kind};

/// A link of a match, as `matches` has it.
pub(super) struct Link {
    pub(super) entry: Option<Item>,
    /// The entry, or where a group has more records than entries the last of the group.
    pub(super) entry_of_group: Item,
    pub(super) record: Item,
    pub(super) cardinality: String,
    pub(super) merchant_amount: i64,
    pub(super) provider_amount: i64,
}

/// What belongs together: usually an entry and a record, or the parts of one payment. Each side is in the order of its
/// identifiers.
pub(super) struct Together {
    pub(super) entries: Vec<Item>,
    pub(super) records: Vec<Item>,
}

/// What is said of it.
pub(super) enum Verdict {
    Agrees(Vec<Link>),
    /// A break; and whether its items are carried, for the rest may come.
    Differs(Box<Break>, bool),
}

impl Together {
    pub(super) fn judge(self, night: NaiveDate) -> Verdict {
        let sum = |items: &[Item]| items.iter().map(|item| item.amount).sum::<i64>();
        let (theirs, ours) = (sum(&self.entries), sum(&self.records));
        let (entry, record) = (&self.entries[0], &self.records[0]);
        let payment = record.kind == Kind::Payment;
        let mut found = self.whole(night);
        if entry.currency != record.currency {
            // Nothing is added up or compared across currencies.
            (found.provider_amount, found.difference) = (None, 0);
        }
        if !record.claims {
            found.kind = if payment { "false_failure" } else { "refund_missing_in_merchant" };
            return Verdict::Differs(Box::new(found), false);
        }
        if entry.currency != record.currency {
            found.kind = "currency_mismatch";
            return Verdict::Differs(Box::new(found), false);
        }
        if theirs != ours {
            found.kind = if payment { "amount_mismatch" } else { "refund_amount_mismatch" };
            // Less than its record: the rest may come as long as the provider has time.
            let less = self.records.len() == 1 && theirs.abs() < ours.abs() && record.expected_by > night;
            if less {
                found.waits_for = self.entries.iter().map(|item| (true, item.kind, item.id.clone())).collect();
            }
            return Verdict::Differs(Box::new(found), less);
        }
        let wrong: Vec<&Item> =
            self.entries.iter().filter(|item| payment && item.contracted.is_some_and(|fee| fee != item.fee)).collect();
        if !wrong.is_empty() {
            found.kind = "fee_mismatch";
            // `schemas/tables` speak of what the merchant recorded; of a fee that is the contract.
            found.merchant_amount = Some(wrong.iter().filter_map(|item| item.contracted).sum());
            found.provider_amount = Some(wrong.iter().map(|item| item.fee).sum());
            found.difference = wrong.iter().map(|item| item.contracted.unwrap_or(0) - item.fee).sum();
            found.currency = wrong[0].settled;
            return Verdict::Differs(Box::new(found), false);
        }
        Verdict::Agrees(self.links())
    }

    /// A break about all of it.
    fn whole(&self, night: NaiveDate) -> Break {
        let sum = |items: &[Item]| items.iter().map(|item| item.amount).sum::<i64>();
        let (entry, record) = (&self.entries[0], &self.records[0]);
        let mut found = of_item(record, night);
        found.about =
            self.entries.iter().chain(&self.records).map(|item| (item.of_provider, item.kind, item.id.clone())).collect();
        found.about.sort();
        found.entry.clone_from(&entry.id);
        entry.provider.clone_into(&mut found.provider);
        found.provider_reference = first_of(&entry.provider_reference, &record.provider_reference);
        found.merchant_reference = first_of(&record.merchant_reference, &entry.merchant_reference);
        found.merchant_amount = Some(sum(&self.records));
        found.provider_amount = Some(sum(&self.entries));
        found.difference = sum(&self.entries) - sum(&self.records);
        found
    }

    /// One link an entry, or one a record where there are more of them: the last of the shorter side stands for the rest,
    /// and the amounts are those of the longer side.
    fn links(&self) -> Vec<Link> {
        let (entries, records) = (self.entries.len(), self.records.len());
        let link = |at: usize| {
            let record = self.records[at.min(records - 1)].clone();
            let entry = self.entries[at.min(entries - 1)].clone();
            let part = if entries >= records { entry.amount } else { record.amount };
            Link {
                entry: (at < entries).then(|| entry.clone()),
                entry_of_group: entry,
                record,
                cardinality: format!("{entries}:{records}"),
                merchant_amount: part,
                provider_amount: part,
            }
        };
        (0..entries.max(records)).map(link).collect()
    }
}

/// A break about one item, of no type yet.
pub(super) fn of_item(item: &Item, night: NaiveDate) -> Break {
    let only = |is: bool| if is { item.id.clone() } else { String::new() };
    Break {
        kind: "",
        about: vec![(item.of_provider, item.kind, item.id.clone())],
        waits_for: Vec::new(),
        state: "open",
        provider: item.provider.to_owned(),
        merchant_reference: item.merchant_reference.clone(),
        provider_reference: item.provider_reference.clone(),
        order: item.order.clone(),
        attempt: only(!item.of_provider && item.kind == Kind::Payment),
        refund: only(!item.of_provider && item.kind == Kind::Refund),
        entry: only(item.of_provider),
        currency: item.currency,
        merchant_amount: (!item.of_provider).then_some(item.amount),
        provider_amount: item.of_provider.then_some(item.amount),
        // Provider less merchant, where the other side states nothing.
        difference: if item.of_provider { item.amount } else { -item.amount },
        first_seen: night,
        cleared_on: None,
    }
}
