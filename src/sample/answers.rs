//! The answer key: every row the `breaks` table of a night must hold, and why.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::Summary;
use super::file::Csv;
use super::order::Order;
use crate::error::Result;
use crate::money::Amount;

/// The key being written, night by night.
pub(super) struct Answers {
    file: Csv,
    /// What begins on a night to come.
    planted: BTreeMap<u32, Vec<Planted>>,
    /// What is known, with the night it began.
    known: Vec<(u32, NaiveDate, Planted)>,
}

/// A difference a person must look at, over all the nights it lasts.
pub(super) struct Planted {
    break_type: BreakType,
    life: Life,
    /// Days after its night from which its lag is counted.
    due_after: u32,
    provider: &'static str,
    merchant_reference: String,
    merchant_refund_reference: String,
    currency: &'static str,
    merchant_amount: Option<Amount>,
    provider_amount: Option<Amount>,
    why: &'static str,
}

/// The types a sample holds, in the order of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BreakType {
    MissingInProvider,
    MissingInMerchant,
    AmountMismatch,
    FeeMismatch,
    CurrencyMismatch,
    FalseFailure,
    DuplicateInProvider,
    DuplicateInMerchant,
    Ambiguous,
    RefundMissingInProvider,
    RefundMissingInMerchant,
    RefundAmountMismatch,
    Chargeback,
    ChargebackReversed,
    RefundExceedsPayment,
    PayoutResidual,
    PayoutNotInBank,
    BankUnexplained,
}

#[derive(Clone, Copy)]
enum Life {
    /// Both sides are here and differ: open until a person resolves it.
    UntilResolved,
    /// One side is missing: waits for the settlement lag, then is open; clears so many nights after, where it does.
    UntilCleared(Option<u32>),
}

const HEADER: [&str; 11] = [
    "night",
    "break_type",
    "state",
    "provider",
    "merchant_reference",
    "merchant_refund_reference",
    "currency",
    "merchant_amount",
    "provider_amount",
    "difference",
    "why",
];

impl Answers {
    pub(super) fn create(out: &Path) -> Result<Self> {
        Ok(Self { file: Csv::create(out.join("answers.csv"), &HEADER)?, planted: BTreeMap::new(), known: Vec::new() })
    }

    /// Makes `planted` begin on `night`.
    pub(super) fn plant(&mut self, night: u32, planted: Planted) {
        self.planted.entry(night).or_default().push(planted);
    }

    /// Writes the rows of `night` and forgets what cleared on it.
    pub(super) fn close_night(&mut self, night: u32, date: NaiveDate, summary: &mut Summary) -> Result<()> {
        for found in self.planted.remove(&night).unwrap_or_default() {
            *summary.breaks.entry(found.break_type.as_str()).or_default() += 1;
            self.known.push((night, date, found));
        }
        // Stable, so that rows equal in these keep the order they were told in.
        self.known.sort_by(|(_, _, left), (_, _, right)| left.place().cmp(&right.place()));
        let day = date.to_string();
        for (first_night, first_seen, found) in &self.known {
            self.file
                .row(&found.row(&day, found.state(night - first_night, *first_seen, date)).each_ref().map(String::as_str))?;
        }
        self.known.retain(|(first_night, _, found)| found.state(night - first_night, date, date) != "cleared");
        Ok(())
    }

    /// How many files it was.
    pub(super) fn finish(self) -> Result<u64> {
        self.file.finish()?;
        Ok(1)
    }
}

impl Planted {
    /// A break about `order` that stays open until a person resolves it.
    pub(super) fn of(break_type: BreakType, order: &Order, why: &'static str) -> Self {
        Self {
            break_type,
            life: Life::UntilResolved,
            due_after: 0,
            provider: order.provider.as_str(),
            merchant_reference: order.reference(),
            merchant_refund_reference: String::new(),
            // A fee is a matter of the currency that settles; only yen payments settle in another.
            currency: if break_type == BreakType::FeeMismatch { order.settled_currency } else { order.currency },
            merchant_amount: None,
            provider_amount: None,
            why,
        }
    }

    /// A break of a payout, or of the bank where it is of no provider, that stays open until a person resolves it.
    pub(super) fn of_payout(break_type: BreakType, provider: &'static str, currency: &'static str, why: &'static str) -> Self {
        Self {
            break_type,
            life: Life::UntilResolved,
            due_after: 0,
            provider,
            merchant_reference: String::new(),
            merchant_refund_reference: String::new(),
            currency,
            merchant_amount: None,
            provider_amount: None,
            why,
        }
    }

    /// It is due so many days after its night.
    pub(super) fn due_after(self, due_after: u32) -> Self {
        Self { due_after, ..self }
    }

    /// It waits for the other side, which comes so many nights after, or never.
    pub(super) fn waits(self, cleared_after: Option<u32>) -> Self {
        Self { life: Life::UntilCleared(cleared_after), ..self }
    }

    /// It is about this refund.
    pub(super) fn refund(self, merchant_refund_reference: String) -> Self {
        Self { merchant_refund_reference, ..self }
    }

    /// What the merchant states.
    pub(super) fn merchant(self, amount: Amount) -> Self {
        Self { merchant_amount: Some(amount), ..self }
    }

    /// What the provider states.
    pub(super) fn provider(self, amount: Amount) -> Self {
        Self { provider_amount: Some(amount), ..self }
    }

    fn difference(&self) -> Amount {
        let difference = self.provider_amount.unwrap_or_default() - self.merchant_amount.unwrap_or_default();
        match self.break_type {
            // A fee too high is money lost.
            BreakType::FeeMismatch => -difference,
            // Amounts of two currencies have no difference.
            BreakType::CurrencyMismatch => Amount::ZERO,
            _ => difference,
        }
    }

    fn state(&self, nights_later: u32, first_seen: NaiveDate, night: NaiveDate) -> &'static str {
        match self.life {
            Life::UntilCleared(Some(after)) if nights_later >= after => "cleared",
            Life::UntilCleared(_) if night < expected_by(first_seen + Days::new(self.due_after.into())) => "waiting",
            Life::UntilCleared(_) | Life::UntilResolved => "open",
        }
    }

    fn place(&self) -> (BreakType, &str, &str) {
        (self.break_type, self.provider, &self.merchant_reference)
    }

    fn row(&self, night: &str, state: &str) -> [String; 11] {
        let amount = |amount: Option<Amount>| amount.map(|amount| amount.in_currency(self.currency)).unwrap_or_default();
        [
            night.to_owned(),
            self.break_type.as_str().to_owned(),
            state.to_owned(),
            self.provider.to_owned(),
            self.merchant_reference.clone(),
            self.merchant_refund_reference.clone(),
            self.currency.to_owned(),
            amount(self.merchant_amount),
            amount(self.provider_amount),
            amount(Some(self.difference())),
            self.why.to_owned(),
        ]
    }
}

impl BreakType {
    /// The word for it in every table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MissingInProvider => "missing_in_provider",
            Self::MissingInMerchant => "missing_in_merchant",
            Self::AmountMismatch => "amount_mismatch",
            Self::FeeMismatch => "fee_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::FalseFailure => "false_failure",
            Self::DuplicateInProvider => "duplicate_in_provider",
            Self::DuplicateInMerchant => "duplicate_in_merchant",
            Self::Ambiguous => "ambiguous",
            Self::RefundMissingInProvider => "refund_missing_in_provider",
            Self::RefundMissingInMerchant => "refund_missing_in_merchant",
            Self::RefundAmountMismatch => "refund_amount_mismatch",
            Self::Chargeback => "chargeback",
            Self::ChargebackReversed => "chargeback_reversed",
            Self::RefundExceedsPayment => "refund_exceeds_payment",
            Self::PayoutResidual => "payout_residual",
            Self::PayoutNotInBank => "payout_not_in_bank",
            Self::BankUnexplained => "bank_unexplained",
        }
    }
}

/// Every provider settles in one business day, Monday to Friday.
fn expected_by(date: NaiveDate) -> NaiveDate {
    let days = match date.weekday() {
        Weekday::Fri => 3,
        Weekday::Sat => 2,
        _ => 1,
    };
    date + Days::new(days)
}
