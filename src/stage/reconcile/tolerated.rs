//! What passed within tolerance, added up: small differences are let go one by one, never unseen together.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};

use super::itemless::{Itemless, itemless};
use super::outcome::BreakType;
use super::{Night, Rules};
use crate::money::Amount;
use crate::table::part::amounts_of;
use crate::table::sheet::{Pick, Sheet};

/// Differences within tolerance, by currency: of a night, or of a share of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tolerated(pub BTreeMap<String, OfCurrency>);

/// Those of one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfCurrency {
    /// Links that differ.
    pub matches: u64,
    /// Their differences, without sign: what was let go. What a cap is held against.
    pub amount: Amount,
    /// The same with their signs: provider less merchant.
    pub difference: Amount,
}

impl Tolerated {
    /// Of the table `matches` that was made of this comparison.
    pub(super) fn of(night: &Night, matches: &Sheet) -> Self {
        let Pick::Rows(records) = &matches.column("order_id").rows else { unreachable!("it is picked from items") };
        let (mut tolerated, mut records) = (Self::default(), records.iter());
        for part in &matches.column("difference").parts {
            let differences = amounts_of(part);
            for (row, &record) in (0..part.len()).zip(records.by_ref()) {
                let difference = differences.get(row).expect("a difference is never empty");
                if difference != Amount::ZERO {
                    let of = tolerated.0.entry(night.merchant.currency(record).to_owned()).or_default();
                    of.matches += 1;
                    of.amount += difference.abs();
                    of.difference += difference;
                }
            }
        }
        tolerated
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (currency, more) in other.0 {
            let of = self.0.entry(currency).or_default();
            of.matches += more.matches;
            of.amount += more.amount;
            of.difference += more.difference;
        }
        self
    }

    /// Rows of the table `breaks`: one for each currency in which more was let go this night than the job allows.
    #[must_use]
    pub fn breaks(&self, rules: &Rules) -> RecordBatch {
        let capped = rules.tolerances.iter().filter_map(|tolerance| {
            let of = self.0.get(&tolerance.currency)?;
            let cap = tolerance.cap.filter(|cap| of.amount > *cap)?;
            Some((tolerance.currency.as_str(), *of, cap))
        });
        let night = rules.night.to_string();
        let found = capped.map(|(currency, of, cap)| {
            let [amount, cap] = [of.amount, cap].map(|amount| amount.in_currency(currency));
            Itemless {
                kind: BreakType::AmountMismatch,
                about: ["tolerance", &night, currency].map(ToOwned::to_owned).into(),
                waiting: false,
                provider: None,
                account: None,
                merchant_reference: None,
                reference: None,
                entry_id: None,
                currency,
                merchant_amount: None,
                provider_amount: None,
                difference: of.difference,
                action: "Look at the matches that differ, the largest first, or raise the cap.",
                detail: Some(format!(
                    "{} matches differ within tolerance, by {amount} in all; the job lets {cap} go in a night",
                    of.matches
                )),
            }
        });
        itemless(&found.collect::<Vec<_>>(), rules.night)
    }
}
