//! What a line costs by contract: the rule that fits it, at the tier of the night.

use chrono_tz::Tz;

use super::rule::{FeeRule, OnRefund, Round, SELECTED_BY, Tier, VolumeOf};
use super::{describe, volumes::Volumes};
use crate::format::time::day_range;
use crate::money::{Amount, Exact, Price, Terms, minor_digits};

/// The contracts of a job as a night opens.
#[derive(Debug)]
pub struct Contracts {
    rules: Vec<FeeRule>,
    /// When each rule holds: the instants from the first, before the last, in microseconds.
    holds: Vec<(i64, i64)>,
    /// Every instant at which a rule begins or ends, in order.
    pub(super) turns: Vec<i64>,
    pub(super) volumes: Volumes,
}

/// What decides the rule of a line.
#[derive(Clone, Copy, Debug)]
pub struct LineOf<'a> {
    /// Who states it.
    pub provider: &'a str,
    /// The account it is of.
    pub account: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// When it happened, in microseconds UTC.
    pub occurred_at: i64,
    /// What it says in the columns of [`SELECTED_BY`].
    pub words: [Option<&'a str>; SELECTED_BY.len()],
}

/// What lines of one rule, kind and currency cost.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'c> {
    /// The number of the rule among those of the contracts.
    pub(super) number: usize,
    /// The rule.
    pub rule: &'c FeeRule,
    /// The currency that settles.
    pub(super) currency: &'c str,
    /// Of the gross, or of the amount given back.
    pub(super) price: Price,
    /// Whether the price is of the amount given back: the gross without its sign.
    given_back: bool,
    tax: Option<Price>,
}

impl Contracts {
    /// The contracts of `rules`, dated in `zone`, with the volumes that choose their tiers.
    #[must_use]
    pub fn open(rules: Vec<FeeRule>, zone: Tz, volumes: Volumes) -> Self {
        let start = |date| day_range(date, zone).0;
        let holds: Vec<(i64, i64)> =
            rules.iter().map(|rule| (rule.from.map_or(i64::MIN, start), rule.until.map_or(i64::MAX, start))).collect();
        let mut turns: Vec<i64> = holds.iter().flat_map(|&(from, until)| [from, until]).collect();
        turns.retain(|turn| ![i64::MIN, i64::MAX].contains(turn));
        turns.sort_unstable();
        turns.dedup();
        Self { rules, holds, turns, volumes }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[FeeRule] {
        &self.rules
    }

    /// What a line costs; none where no rule fits it, or the one that does says nothing of its kind.
    #[must_use]
    pub fn charge<'c>(&'c self, line: &LineOf<'c>) -> Option<Charge<'c>> {
        let fits = |(rule, (from, until)): &(&FeeRule, &(i64, i64))| {
            (*from..*until).contains(&line.occurred_at)
                && (rule.provider.as_str(), rule.account.as_str()) == (line.provider, line.account)
                && rule.fits(&line.words)
        };
        let fitting = self.rules.iter().zip(&self.holds).enumerate().filter(|(_, rule)| fits(rule));
        // Of any two that fit, one lies within the other.
        let narrower =
            |one: (usize, &'c FeeRule), other: (usize, &'c FeeRule)| if other.1.is_within(one.1) { other } else { one };
        let (number, rule) = fitting.map(|(number, (rule, _))| (number, rule)).reduce(narrower)?;
        let currency = line.words[0]?;
        let (terms, given_back) = self.terms(rule, line.kind, currency)?;
        let price = Price::new(terms, rule.digits(minor_digits(currency)), rule.rounding);
        Some(Charge { number, rule, currency, price, given_back, tax: tax_on(rule, currency) })
    }

    /// The fee of a batch from the sum of its lines' fees under a rule, by number, and the tax on it.
    pub(super) fn of_batch(&self, rule: usize, currency: &str, sum: Exact) -> [Amount; 2] {
        let rule = &self.rules[rule];
        let fee = sum.rounded(rule.digits(minor_digits(currency)), rule.rounding);
        [fee, tax_on(rule, currency).map_or(Amount::ZERO, |tax| tax.of(fee))]
    }

    /// What a kind of line costs, and whether of the amount given back.
    fn terms(&self, rule: &FeeRule, kind: &str, currency: &str) -> Option<(Terms, bool)> {
        let of_payment = || self.tier(rule, currency).map_or(rule.payment, |tier| tier.payment);
        match kind {
            "payment" => Some((of_payment(), false)),
            "refund" => match rule.on_refund? {
                OnRefund::Kept => Some((Terms::default(), false)),
                OnRefund::Returned => Some((Terms { percent: of_payment().percent, ..Terms::default() }, false)),
                OnRefund::Costs(terms) => Some((terms, true)),
            },
            "chargeback" => rule.on_chargeback.map(|terms| (terms, true)),
            _ => None,
        }
    }

    /// The tier that the volume of a month has reached, if it is not below the first.
    fn tier<'r>(&self, rule: &'r FeeRule, currency: &str) -> Option<&'r Tier> {
        if rule.tiers.is_empty() {
            return None;
        }
        let volume = self.volumes.of(rule, currency);
        let reached = match rule.tiers_by {
            VolumeOf::ThisMonth => volume.this_month,
            VolumeOf::LastMonth => volume.last_month,
        };
        rule.tiers.iter().rev().find(|tier| reached >= tier.volume)
    }
}

/// The tax on fees of a rule.
fn tax_on(rule: &FeeRule, currency: &str) -> Option<Price> {
    let price =
        |percent, rounding| Price::new(Terms { percent, ..Terms::default() }, rule.digits(minor_digits(currency)), rounding);
    rule.tax.map(|tax| price(tax.percent, tax.rounding))
}

impl Charge<'_> {
    /// What the percentage is of.
    pub(super) fn base(&self, gross: Amount) -> Amount {
        if self.given_back { -gross } else { gross }
    }

    /// The fee of a line of that gross, and the tax on it.
    #[inline]
    #[must_use]
    pub fn of(&self, gross: Amount) -> [Amount; 2] {
        let fee = self.price.of(self.base(gross));
        [fee, self.tax.map_or(Amount::ZERO, |tax| tax.of(fee))]
    }

    /// Whether the fee is rounded over a batch, so that no line has one.
    pub(super) fn is_of_batch(&self) -> bool {
        self.rule.round == Round::Batch
    }

    /// The fees of so many lines whose gross adds up to this, before rounding.
    pub(super) fn exact(&self, gross: Amount, lines: u64) -> Exact {
        self.price.exact(self.base(gross), lines)
    }

    /// How the fee of a line comes about, in words.
    #[must_use]
    pub fn arithmetic(&self, gross: Amount) -> String {
        describe::arithmetic(self, gross)
    }
}
