//! The verdict on a pair: what it disagrees in, if anything.

use super::contracts::Contracts;
use super::items::{Items, Kind};
use super::outcome::BreakType;
use super::{Rules, Tolerance};
use crate::money::{self, Amount};

/// Something a person must look at: a pair that disagrees, or a row without a pair.
#[derive(Debug)]
pub(super) struct Break<'a> {
    pub(super) kind: BreakType,
    pub(super) entry: Option<u32>,
    pub(super) record: Option<u32>,
    pub(super) currency: &'a str,
    pub(super) merchant_amount: Option<Amount>,
    pub(super) provider_amount: Option<Amount>,
    pub(super) difference: Amount,
    /// Whether the counterpart may still come.
    pub(super) waiting: bool,
    pub(super) detail: Option<String>,
}

/// What a pair is judged by.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) provider: &'a Items<'a>,
    pub(super) merchant: &'a Items<'a>,
    pub(super) contracts: &'a Contracts<'a>,
    pub(super) rules: &'a Rules,
}

impl<'a> Judge<'a> {
    /// What entry and record of a pair disagree in: none, or one break with whatever else disagrees in its detail.
    pub(super) fn verdict(&self, entry: u32, record: u32) -> Option<Break<'a>> {
        let Self { provider, merchant, .. } = *self;
        let same_currency = provider.currency_number(entry) == merchant.currency_number(record);
        let pair = Pair { provider, merchant, entry, record, same_currency, contracts: self.contracts };
        // Almost every pair agrees, which costs no more than to see it.
        if pair.is_claimed() && same_currency && pair.same_amount() && pair.wrong_fee().is_none() {
            return None;
        }
        let findings = [pair.status(), pair.currency(), pair.amount(&self.rules.tolerances), pair.fee()];
        let mut findings = findings.into_iter().flatten();
        let first = findings.next()?;
        let others = findings.map(|other| format!("also {}: {}", other.kind.as_str(), other.detail.unwrap_or_default()));
        let details: Vec<String> = first.detail.clone().into_iter().chain(others).collect();
        Some(Break { detail: Some(details.join("; ")), ..first })
    }
}

struct Pair<'a> {
    provider: &'a Items<'a>,
    merchant: &'a Items<'a>,
    entry: u32,
    record: u32,
    same_currency: bool,
    contracts: &'a Contracts<'a>,
}

impl<'a> Pair<'a> {
    fn is_claimed(&self) -> bool {
        self.merchant.claims_money(self.record)
    }

    /// The provider moved money that the merchant's record does not claim.
    fn status(&self) -> Option<Break<'a>> {
        if self.is_claimed() {
            return None;
        }
        let kind = self.of_payment(BreakType::FalseFailure, BreakType::RefundMissingInMerchant);
        let difference = if self.same_currency { self.provider_amount() - self.merchant_amount() } else { Amount::ZERO };
        Some(Break { difference, ..self.found(kind, format!("the merchant says {}", self.merchant.status(self.record))) })
    }

    fn currency(&self) -> Option<Break<'a>> {
        if self.same_currency {
            return None;
        }
        Some(self.found(BreakType::CurrencyMismatch, self.both_amounts()))
    }

    fn same_amount(&self) -> bool {
        self.provider_amount() == self.merchant_amount()
    }

    fn amount(&self, tolerances: &[Tolerance]) -> Option<Break<'a>> {
        if !self.same_currency || self.same_amount() {
            return None;
        }
        let difference = self.provider_amount() - self.merchant_amount();
        if difference.abs() <= allowed(tolerances, self.merchant.currency(self.record), self.merchant_amount()) {
            return None;
        }
        let kind = self.of_payment(BreakType::AmountMismatch, BreakType::RefundAmountMismatch);
        Some(Break { difference, ..self.found(kind, self.both_amounts()) })
    }

    /// A payment's fee where it is not the contract's, if there is one: what was contracted and what was charged.
    fn wrong_fee(&self) -> Option<(Amount, Amount)> {
        if self.provider.kind(self.entry) != Kind::Payment {
            return None;
        }
        let (gross, charged) = (self.provider.gross(self.entry)?, self.provider.fee(self.entry)?);
        let contracted = self.contracts.find(self.provider.contract(self.entry)?)?.fee(gross);
        (charged != contracted).then_some((contracted, charged))
    }

    fn fee(&self) -> Option<Break<'a>> {
        let (contracted, charged) = self.wrong_fee()?;
        let (gross, currency) = (self.provider.gross(self.entry)?, self.provider.settled_currency(self.entry)?);
        let card = self.contracts.find(self.provider.contract(self.entry)?)?.card;
        let detail = format!(
            "contracted {} % of {} plus {} = {}, charged {} {currency}",
            card.percent,
            gross.in_currency(currency),
            card.fixed.in_currency(currency),
            contracted.in_currency(currency),
            charged.in_currency(currency),
        );
        Some(Break {
            currency,
            merchant_amount: Some(contracted),
            provider_amount: Some(charged),
            difference: contracted - charged,
            ..self.found(BreakType::FeeMismatch, detail)
        })
    }

    /// A break of this pair, in the merchant's currency; the provider's amount only where it is in the same one.
    fn found(&self, kind: BreakType, detail: String) -> Break<'a> {
        Break {
            kind,
            entry: Some(self.entry),
            record: Some(self.record),
            currency: self.merchant.currency(self.record),
            merchant_amount: Some(self.merchant_amount()),
            provider_amount: self.same_currency.then(|| self.provider_amount()),
            difference: Amount::ZERO,
            waiting: false,
            detail: Some(detail),
        }
    }

    fn of_payment(&self, payment: BreakType, refund: BreakType) -> BreakType {
        if self.merchant.kind(self.record) == Kind::Payment { payment } else { refund }
    }

    fn both_amounts(&self) -> String {
        let (ours, theirs) = (self.merchant.currency(self.record), self.provider.currency(self.entry));
        let (merchant, provider) = (self.merchant_amount().in_currency(ours), self.provider_amount().in_currency(theirs));
        format!("merchant {merchant} {ours}, provider {provider} {theirs}")
    }

    fn provider_amount(&self) -> Amount {
        self.provider.amount(self.entry)
    }

    fn merchant_amount(&self) -> Amount {
        self.merchant.amount(self.record)
    }
}

/// The largest difference that is no break: the larger of the absolute and the relative tolerance.
fn allowed(tolerances: &[Tolerance], currency: &str, amount: Amount) -> Amount {
    let Some(tolerance) = tolerances.iter().find(|tolerance| tolerance.currency == currency) else { return Amount::ZERO };
    let relative = amount.abs().percent(tolerance.percent, money::minor_digits(currency), money::Rounding::Down);
    relative.max(tolerance.absolute)
}
