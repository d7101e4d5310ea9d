//! Rate cards, found by numbers of words, and the fees they say.

use std::collections::{BTreeMap, BTreeSet};

use super::RateCard;
use super::vocabulary::Vocabulary;
use crate::money::{self, Amount, Percentage};

/// What providers charge, by provider, account and the currency that settles.
pub(super) struct Contracts<'a>(Vec<([u32; 3], Contract<'a>)>);

/// A rate card in one currency.
pub(super) struct Contract<'a> {
    pub(super) card: &'a RateCard,
    percentage: Percentage,
}

impl<'a> Contracts<'a> {
    /// The contracts of `cards` in all of `currencies`: a card of a currency goes before one for any, and the first
    /// of equal cards before the others.
    pub(super) fn of(cards: &'a [RateCard], currencies: &BTreeSet<&'a str>, vocabulary: &mut Vocabulary<'a>) -> Self {
        let mut contracts: BTreeMap<[u32; 3], Contract> = BTreeMap::new();
        let (of_one, of_any) = (cards.iter().filter(|card| card.currency.is_some()), cards.iter().filter(|card| card.currency.is_none()));
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

    /// The contract for provider, account and currency, if there is one.
    #[inline]
    pub(super) fn find(&self, key: [u32; 3]) -> Option<&Contract<'a>> {
        self.0.binary_search_by_key(&key, |&(key, _)| key).ok().map(|at| &self.0[at].1)
    }
}

impl Contract<'_> {
    /// The fee for a payment.
    #[inline]
    pub(super) fn fee(&self, gross: Amount) -> Amount {
        self.percentage.of(gross) + self.card.fixed
    }
}
