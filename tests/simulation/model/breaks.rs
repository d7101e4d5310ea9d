//! Breaks from night to night, and the roll forward.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::rows::Row;
use super::{Kind, State};
use crate::simulation::files::money;

/// A break, as a night says it.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Break {
    pub(in crate::simulation) kind: &'static str,
    /// What it is about: with its type, what makes it the same break on another night.
    pub(super) about: Vec<(bool, Kind, String)>,
    /// What must come in again for it to be found again: while one of these is carried, it is cleared when it is not.
    pub(super) waits_for: Vec<(bool, Kind, String)>,
    pub(in crate::simulation) state: &'static str,
    pub(super) provider: String,
    pub(in crate::simulation) merchant_reference: String,
    pub(in crate::simulation) provider_reference: String,
    pub(super) order: String,
    pub(in crate::simulation) attempt: String,
    pub(in crate::simulation) refund: String,
    pub(in crate::simulation) entry: String,
    pub(super) currency: &'static str,
    pub(super) merchant_amount: Option<i64>,
    pub(super) provider_amount: Option<i64>,
    pub(super) difference: i64,
    pub(super) first_seen: NaiveDate,
    pub(super) cleared_on: Option<NaiveDate>,
}

impl Break {
    /// Whether it is told anew each night: breaks of money given back, of payouts and of the bank.
    fn is_told_anew(&self) -> bool {
        let anew = ["refund_exceeds_payment", "refund_unlinked", "payout_residual", "payout_not_in_bank", "bank_unexplained"];
        anew.contains(&self.kind)
            // Of what a payout or a line of the bank may be, no entry and no record is said.
            || self.kind == "ambiguous" && self.entry.is_empty() && self.attempt.is_empty() && self.refund.is_empty()
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let amounts = |of: &Self| (of.merchant_amount, of.provider_amount, of.difference, of.currency);
        let names = |of: &Self| [&of.provider, &of.merchant_reference, &of.provider_reference, &of.order].map(String::clone);
        amounts(self) == amounts(other) && names(self) == names(other)
    }
}

/// Count and sum of opening, new and cleared.
type Line = [(i64, i64); 3];

/// What is known at the close: what was `found` tonight, what goes on, and what was cleared; and how it rolls forward.
pub(super) fn roll(found: Vec<Break>, before: &State, night: NaiveDate) -> (Vec<Break>, Vec<Row>) {
    let mut lines: BTreeMap<(String, &'static str, &'static str), Line> = BTreeMap::new();
    let mut count = |of: &Break, place: usize| {
        let line = lines.entry((of.provider.clone(), of.currency, of.kind)).or_default();
        line[place].0 += 1;
        line[place].1 += of.difference;
    };
    let (mut known, mut left) = (Vec::new(), found);
    for carried in &before.breaks {
        count(carried, 0);
        let mut carried = carried.clone();
        if let Some(at) = left.iter().position(|found| found.kind == carried.kind && found.about == carried.about) {
            let mut found = left.remove(at);
            found.first_seen = carried.first_seen;
            // What was stated again and is another: what it said is cleared, what it says is new.
            if found.says_the_same(&carried) {
                // Of several entries it may be about, the one that was named first.
                found.entry = carried.entry;
            } else {
                count(&carried, 2);
                count(&found, 1);
            }
            known.push(found);
            continue;
        }
        let came_in = |(of_provider, kind, id): &(bool, Kind, String)| {
            before.items.iter().any(|item| item.name() == (*of_provider, *kind, id.as_str()))
        };
        if carried.waits_for.iter().any(came_in) || carried.is_told_anew() {
            carried.cleared_on = Some(night);
            count(&carried, 2);
        }
        known.push(carried);
    }
    for found in left {
        count(&found, 1);
        known.push(found);
    }
    let rows = lines.into_iter().map(|((provider, currency, kind), line)| row(&provider, currency, kind, &line)).collect();
    (known, rows)
}

fn row(provider: &str, currency: &str, kind: &str, line: &Line) -> Row {
    let [opening, new, cleared] = line;
    let mut row = vec![("provider", provider.to_owned()), ("currency", currency.to_owned()), ("break_type", kind.to_owned())];
    let closing = (opening.0 + new.0 - cleared.0, opening.1 + new.1 - cleared.1);
    for ((count, amount), (number, sum)) in [
        (("opening", "opening_amount"), *opening),
        (("new", "new_amount"), *new),
        (("cleared", "cleared_amount"), *cleared),
        (("resolved", "resolved_amount"), (0, 0)),
        (("closing", "closing_amount"), closing),
    ] {
        row.push((count, number.to_string()));
        row.push((amount, money(sum)));
    }
    row
}
