//! What each entry costs by contract, and what a night was charged.
//!
//! ```text
//! rules of the job ──┐                 ┌─▶ entries, with fee_rule and fee_contracted ─▶ reconcile compares
//! volumes so far ────┼─▶ Contracts ────┤
//! (fees, last night) │    a rule and a │
//! entries ───────────┘    price a group└─▶ Charged, of all shares ─▶ fees ─▶ breaks of batches
//! ```
//!
//! A line is priced once, in the night that books it, by what it says itself: its date, currency, method, card. Which
//! tier holds is settled when the night opens, so that no line depends on another, nor on the order of lines.

mod batches;
mod charge;
mod charged;
mod describe;
mod groups;
mod rule;
mod volumes;

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, RecordBatch, StringArray, UInt16Array};
use arrow::datatypes::UInt16Type;
use rayon::prelude::*;

pub use batches::breaks_of_batches;
pub use charge::{Charge, Contracts, LineOf};
pub use charged::Charged;
pub use describe::price;
pub use rule::{FeeRule, OnRefund, Round, SELECTED_BY, Tax, Tier, VolumeOf, ambiguous};
pub use volumes::{Volume, Volumes};

use crate::table::fees::KEY;
use crate::table::part::{amounts, instants, narrowest, nothing, same_word};
use crate::table::read::words;
use crate::table::rows::Rows;
use charged::{Key, Line};
use groups::Groups;

/// Prices entries: adds the columns `fee_rule` and `fee_contracted` to their parts, and tells what they add up to.
pub fn charge(entries: &mut Rows, contracts: &Contracts) -> Charged {
    let parts = entries.parts.par_iter_mut().map(|part| charge_part(part, contracts));
    parts.reduce(Charged::default, Charged::and)
}

/// What the rows of a group add up to, and what they cost.
struct Group<'c> {
    key: Key,
    kind: &'c str,
    charge: Option<Charge<'c>>,
    line: Line,
}

fn charge_part(part: &mut RecordBatch, contracts: &Contracts) -> Charged {
    let rows = part.num_rows();
    let groups = groups_of(part, contracts);
    let mut of_group = groups.first.iter().map(|&row| Group::of(part, row, contracts)).collect::<Vec<_>>();
    let (gross, fee) = (amounts(part, "gross"), amounts(part, "fee"));
    let mut contracted = vec![None; rows];
    for ((row, &group), contracted) in groups.of_row.iter().enumerate().zip(&mut contracted) {
        let Group { charge, line, .. } = &mut of_group[group as usize];
        let [gross, charged] = [gross.get(row), fee.get(row)].map(|amount| amount.expect("an entry has a gross and a fee"));
        line.entries += 1;
        line.gross += gross;
        line.charged += charged;
        if let Some(charge) = charge.as_ref().filter(|charge| !charge.is_of_batch()) {
            let [fee, tax] = charge.of(gross);
            *contracted = Some(fee + tax);
            let [fees, taxes] = line.contracted.get_or_insert_default();
            *fees += fee + tax;
            *taxes += tax;
        }
    }
    let rules = rule_words(&groups, &of_group);
    let mut charged = Charged::default();
    for Group { key, kind, charge, mut line } in of_group {
        match kind {
            "payment" => line.volume = line.gross,
            "fee" | "fee_refund" | "tax" => line.billed = -line.gross,
            _ => {}
        }
        if let Some(charge) = charge.filter(Charge::is_of_batch) {
            line.by_batch.insert(charge.number, charge.exact(line.gross, line.entries as u64));
        }
        charged.add(key, line);
    }
    let found = [("fee_rule", rules), ("fee_contracted", narrowest(&contracted))];
    let schema = part.schema();
    let read = schema.fields().iter().zip(part.columns()).map(|(field, column)| (field.name().as_str(), Arc::clone(column)));
    let columns = read.chain(found).map(|(name, array)| (name, array, true));
    *part = RecordBatch::try_from_iter_with_nullable(columns).expect("every column has the rows of the part");
    charged
}

/// Rows in groups of one rule and one row of `fees`.
fn groups_of(part: &RecordBatch, contracts: &Contracts) -> Groups {
    let mut groups = Groups::all(part.num_rows());
    for name in ["provider", "account", "kind"].into_iter().chain(SELECTED_BY) {
        groups.by_words(part, name);
    }
    if contracts.rules().iter().any(|rule| rule.round == Round::Batch) {
        groups.by_words(part, "batch_reference");
    }
    if !contracts.turns.is_empty() {
        let occurred_at = instants(part, "occurred_at");
        let happened = |row| occurred_at.get(row).expect("an entry has a time");
        groups.split(contracts.turns.len() + 1, |row| contracts.turns.partition_point(|&turn| turn <= happened(row)));
    }
    groups
}

impl<'c> Group<'c> {
    fn of(part: &'c RecordBatch, row: usize, contracts: &'c Contracts) -> Self {
        let said = |name: &str| words(part, name).optional(row);
        let [provider, account, kind] = ["provider", "account", "kind"].map(|name| said(name).unwrap_or_default());
        let occurred_at = instants(part, "occurred_at").get(row).expect("an entry has a time");
        let charge = contracts.charge(&LineOf { provider, account, kind, occurred_at, words: SELECTED_BY.map(said) });
        let is_of_batch = charge.as_ref().is_some_and(Charge::is_of_batch);
        let key = KEY.map(|name| {
            let word = match name {
                "rule" => charge.as_ref().map(|charge| charge.rule.name.as_str()),
                "batch_reference" => is_of_batch.then(|| said(name).unwrap_or_default()),
                "method" | "wallet" | "card_brand" | "card_funding" if is_of_batch => None,
                name => said(name),
            };
            word.map(ToOwned::to_owned)
        });
        Self { key, kind, charge, line: Line::default() }
    }
}

/// The rule of each row by name.
fn rule_words(groups: &Groups, of_group: &[Group]) -> ArrayRef {
    let mut names: Vec<&str> = Vec::new();
    let codes: Vec<Option<u16>> = of_group
        .iter()
        .map(|group| {
            let name = group.charge.as_ref()?.rule.name.as_str();
            let at = names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            Some(u16::try_from(at).expect("a job has few rules"))
        })
        .collect();
    let rows = groups.of_row.len();
    match names[..] {
        [] => nothing(rows),
        [only] if codes.iter().all(Option::is_some) => same_word(only, rows),
        _ => {
            let codes: UInt16Array = groups.of_row.iter().map(|&group| codes[group as usize]).collect();
            Arc::new(DictionaryArray::<UInt16Type>::new(codes, Arc::new(StringArray::from(names))))
        }
    }
}
