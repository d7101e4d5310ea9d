//! Rate cards, found by numbers of words, and the fees they say.

use std::collections::{BTreeMap, BTreeSet};

use arrow::buffer::BooleanBuffer;

use super::RateCard;
use super::items::{Charge, Part};
use super::vocabulary::Vocabulary;
use crate::money::{self, Amount, Percentage};

/// What providers charge, by provider, account and the currency that settles.
pub(super) struct Contracts<'a>(Vec<([u32; 3], Contract<'a>)>);

/// A rate card in one currency.
struct Contract<'a> {
    card: &'a RateCard,
    percentage: Percentage,
}

impl<'a> Contracts<'a> {
    /// The contracts of `cards` in all of `currencies`: a card of a currency goes before one for any, and the first
    /// of equal cards before the others.
    pub(super) fn of(cards: &'a [RateCard], currencies: &BTreeSet<&'a str>, vocabulary: &mut Vocabulary<'a>) -> Self {
        let mut contracts: BTreeMap<[u32; 3], Contract> = BTreeMap::new();
        let (of_one, of_any) =
            (cards.iter().filter(|card| card.currency.is_some()), cards.iter().filter(|card| card.currency.is_none()));
        for card in of_one.chain(of_any) {
            let is_for = |currency: &&&'a str| card.currency.as_deref().is_none_or(|of| of == **currency);
            for currency in currencies.iter().filter(is_for) {
                let key = [card.provider.as_str(), card.account.as_str(), currency].map(|word| vocabulary.number(word));
                let percentage = || Percentage::new(card.percent, money::minor_digits(currency), card.rounding);
                contracts.entry(key).or_insert_with(|| Contract { card, percentage: percentage() });
            }
        }
        Self(contracts.into_iter().collect())
    }

    /// The card a charge goes by, if there is one, and the fee it says.
    #[inline]
    pub(super) fn contracted(&self, charge: Charge) -> Option<(&'a RateCard, Amount)> {
        let at = self.0.binary_search_by_key(&charge.contract, |&(key, _)| key).ok()?;
        let Contract { card, percentage } = &self.0[at].1;
        Some((card, percentage.of(charge.gross) + card.fixed))
    }

    /// Which rows of a part of the provider's side state another fee than was contracted.
    pub(super) fn wrong_fees(&self, part: &Part) -> BooleanBuffer {
        if self.0.is_empty() {
            return BooleanBuffer::new_unset(part.rows());
        }
        BooleanBuffer::collect_bool(part.rows(), |row| {
            let is_wrong = |charge: Charge| self.contracted(charge).is_some_and(|(_, contracted)| charge.fee != contracted);
            part.charge(row).is_some_and(is_wrong)
        })
    }
}
