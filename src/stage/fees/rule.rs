//! A rule of a contract: which lines it is for, and what it says of them.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::describe::describe;
use crate::money::{Amount, Rounding, Terms};

/// The columns of `entries` by which a rule selects.
pub const SELECTED_BY: [&str; 6] = ["currency", "method", "wallet", "card_brand", "card_funding", "card_country"];

/// What a provider charges by contract for the lines of one account that this rule selects.
///
/// Of the rules that fit a line the narrowest holds, in whatever order they are written; [`ambiguous`] finds rules
/// that leave this open. Amounts are in the currency that settles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Whose contract.
    pub provider: String,
    /// For which account.
    pub account: String,
    /// What tables and messages call it, and what its volume is counted under.
    pub name: String,
    /// The first day it holds, if it has one: the line's own date, in the time zone of the job.
    pub from: Option<NaiveDate>,
    /// The first day it no longer holds, if it has one.
    pub until: Option<NaiveDate>,
    /// Per column of [`SELECTED_BY`], the words a line must have one of; any line where there are none.
    pub selects: [Option<BTreeSet<String>>; SELECTED_BY.len()],
    /// What a payment costs, of its gross.
    pub payment: Terms,
    /// What it costs instead from some monthly volumes on, the lowest first.
    pub tiers: Vec<Tier>,
    /// The month whose volume chooses the tier.
    pub tiers_by: VolumeOf,
    /// What a refund costs; none where the contract does not say, and refunds are not checked.
    pub on_refund: Option<OnRefund>,
    /// What a chargeback costs, of the amount taken back; none where they are not checked.
    pub on_chargeback: Option<Terms>,
    /// Tax on the fee.
    pub tax: Option<Tax>,
    /// How a fee is rounded.
    pub rounding: Rounding,
    /// To how many decimals; to those of the currency where none are given.
    pub decimals: Option<u32>,
    /// What is rounded.
    pub round: Round,
}

/// What a payment costs from a monthly volume on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The volume it begins at, in the currency that settles.
    pub volume: Amount,
    /// What a payment costs then.
    pub payment: Terms,
}

/// The month whose volume chooses the tier of a night.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeOf {
    /// That of the business date, from its first night to the night before: all lines of a night have one tier, and no
    /// line that was priced is priced again when a tier is reached.
    #[default]
    ThisMonth,
    /// The whole month before that of the business date.
    LastMonth,
}

/// What becomes of the fee when a payment is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRefund {
    /// The provider keeps it, and the refund costs nothing.
    Kept,
    /// The percentage of what is given back comes back; a fixed part does not.
    Returned,
    /// The refund costs this, of the amount given back. Negative comes back.
    Costs(Terms),
}

/// Tax on a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tax {
    /// Of the rounded fee: `6` is 6 %.
    pub percent: Amount,
    /// How it is rounded, to the decimals of the fee.
    pub rounding: Rounding,
}

/// What is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Round {
    /// The fee of each line, which is then held against what the line was charged.
    #[default]
    Line,
    /// The sum over the lines of one `batch_reference` that a night books: lines are not judged, their batch is.
    Batch,
}

impl FeeRule {
    /// Whether the words a line has in the columns of [`SELECTED_BY`] are those it selects.
    pub(super) fn fits(&self, words: &[Option<&str>; SELECTED_BY.len()]) -> bool {
        let has_one = |(selected, word): (&Option<BTreeSet<String>>, Option<&str>)| match (selected, word) {
            (None, _) => true,
            (Some(words), Some(word)) => words.contains(word),
            (Some(_), None) => false,
        };
        self.selects.iter().zip(words.iter().copied()).all(has_one)
    }

    /// Whether every line that fits this rule fits the other.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let narrower = |(ours, theirs): (&Option<BTreeSet<String>>, &Option<BTreeSet<String>>)| match (ours, theirs) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ours), Some(theirs)) => ours.is_subset(theirs),
        };
        let begins_later = other.from.is_none_or(|theirs| self.from.is_some_and(|ours| ours >= theirs));
        let ends_earlier = other.until.is_none_or(|theirs| self.until.is_some_and(|ours| ours <= theirs));
        begins_later && ends_earlier && self.selects.iter().zip(&other.selects).all(narrower)
    }

    /// Whether there may be a day on which both hold.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let begins_before_end = |one: &Self, other: &Self| one.from.zip(other.until).is_none_or(|(from, until)| from < until);
        begins_before_end(self, other) && begins_before_end(other, self)
    }

    /// Whether a line may fit both.
    fn overlaps(&self, other: &Self) -> bool {
        let share = |(ours, theirs): (&Option<BTreeSet<String>>, &Option<BTreeSet<String>>)| match (ours, theirs) {
            (Some(ours), Some(theirs)) => !ours.is_disjoint(theirs),
            _ => true,
        };
        self.meets(other) && self.selects.iter().zip(&other.selects).all(share)
    }

    /// Of the rounding of a fee, in a currency of so many minor digits.
    pub(super) fn digits(&self, minor_digits: u32) -> u32 {
        self.decimals.unwrap_or(minor_digits)
    }

    /// The whole rule in words, but for its name.
    #[must_use]
    pub fn describe(&self) -> String {
        describe(self)
    }
}

/// Two rules of one account that may both fit a line, and of which neither is the narrower; none if of any two that
/// overlap one lies within the other.
#[must_use]
pub fn ambiguous(rules: &[FeeRule]) -> Option<(&FeeRule, &FeeRule)> {
    let pairs = rules.iter().enumerate().flat_map(|(at, one)| rules[at + 1..].iter().map(move |other| (one, other)));
    let of_one_account = |one: &FeeRule, other: &FeeRule| (&one.provider, &one.account) == (&other.provider, &other.account);
    pairs
        .into_iter()
        .find(|(one, other)| of_one_account(one, other) && one.overlaps(other) && one.is_within(other) == other.is_within(one))
}
