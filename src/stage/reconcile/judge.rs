//! The verdict on a pair: what it disagrees in, if anything.

use arrow::buffer::BooleanBuffer;
use rayon::prelude::*;

use super::candidates::Group;
use super::items::{Charge, Items, Kind, Part};
use super::outcome::BreakType;
use super::{Rules, Tolerance};
use crate::money::Amount;
use crate::table::build::day_number;
use crate::table::part::place;

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
    /// Whether its rows enter the next night, where they may meet another.
    pub(super) carried: bool,
    /// Which group it is about, of which `entry` and `record` are the first rows; none if they are all.
    pub(super) group: Option<usize>,
    pub(super) detail: Option<String>,
}

/// What is said of a pair.
pub(super) enum Verdict<'a> {
    /// It agrees in all.
    Same,
    /// Its amounts differ by no more than they may.
    WithinTolerance,
    /// It disagrees: one break, with whatever else disagrees in its detail.
    Break(Break<'a>),
}

/// Pairs judged together: a step at a time, so that the memory is asked for many entries at once.
const BATCH: usize = 256;

/// What pairs are judged by.
pub(super) struct Judge<'a> {
    pub(super) provider: &'a Items<'a>,
    pub(super) merchant: &'a Items<'a>,
    pub(super) rules: &'a Rules,
    /// Whether the fee of an entry is not the contract's, by part and row.
    wrong_fees: Vec<BooleanBuffer>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(provider: &'a Items<'a>, merchant: &'a Items<'a>, rules: &'a Rules) -> Self {
        let wrong_fees = provider.parts.par_iter().map(Part::wrong_fees).collect();
        Self { provider, merchant, rules, wrong_fees }
    }

    /// The verdict on each pair of entry and record, in order.
    pub(super) fn verdicts(&self, pairs: &[(u32, u32)], mut each: impl FnMut((u32, u32), Verdict<'a>)) {
        let Self { provider, merchant, .. } = self;
        let (mut currencies, mut amounts, mut wrong_fees) = ([None; BATCH], [Amount::ZERO; BATCH], [false; BATCH]);
        for batch in pairs.chunks(BATCH) {
            for (currency, &(entry, _)) in currencies.iter_mut().zip(batch) {
                *currency = provider.currency_number(entry);
            }
            for (amount, &(entry, _)) in amounts.iter_mut().zip(batch) {
                *amount = provider.amount(entry);
            }
            for (is_wrong, &(entry, _)) in wrong_fees.iter_mut().zip(batch) {
                *is_wrong = self.has_wrong_fee(entry);
            }
            // Almost every pair agrees.
            for (((&currency, &amount), &wrong_fee), &(entry, record)) in
                currencies.iter().zip(&amounts).zip(&wrong_fees).zip(batch)
            {
                let same_money = (merchant.currency_number(record), merchant.amount(record)) == (currency, amount);
                let agrees = same_money && merchant.claims_money(record) && !wrong_fee;
                each((entry, record), if agrees { Verdict::Same } else { self.verdict(entry, record) });
            }
        }
    }

    /// What an entry was charged that is not what was contracted, in words: for one that meets no record.
    pub(super) fn wrong_fee(&self, entry: u32) -> Option<String> {
        let charge = self.provider.charge(entry).filter(|_| self.has_wrong_fee(entry))?;
        Some(format!("also {}: {}", BreakType::FeeMismatch.as_str(), both_fees(&charge)))
    }

    fn has_wrong_fee(&self, entry: u32) -> bool {
        let (part, row) = place(entry);
        self.wrong_fees[part].value(row)
    }

    fn verdict(&self, entry: u32, record: u32) -> Verdict<'a> {
        let Self { provider, merchant, rules, .. } = *self;
        let same_currency = provider.currency_number(entry) == merchant.currency_number(record);
        let pair = Pair { provider, merchant, entry, record, same_currency };
        let day = day_number(rules.night);
        let findings = [pair.status(), pair.currency(), pair.amount(&rules.tolerances, day), pair.fee()];
        let mut findings = findings.into_iter().flatten();
        let Some(first) = findings.next() else { return Verdict::WithinTolerance };
        let others = findings.map(|other| format!("also {}: {}", other.kind.as_str(), other.detail.unwrap_or_default()));
        let details: Vec<String> = first.detail.clone().into_iter().chain(others).collect();
        Verdict::Break(Break { detail: Some(details.join("; ")), ..first })
    }

    /// What is wrong with a group, if anything: one break for all of it.
    pub(super) fn group(&self, group: &Group) -> Option<Break<'a>> {
        let Self { provider, merchant, rules, .. } = *self;
        let of = |entry| Pair { provider, merchant, entry, record: group.records[0], same_currency: true };
        let (stated, recorded) = group.sums(provider, merchant);
        if stated != recorded {
            let pair = of(group.entries[0]);
            let kind = pair.of_payment(BreakType::AmountMismatch, BreakType::RefundAmountMismatch);
            let currency = provider.currency(group.entries[0]);
            let (ours, theirs) = (recorded.in_currency(currency), stated.in_currency(currency));
            let detail =
                format!("merchant {ours} {currency}, provider {theirs} {currency} in parts: {}", group.named(provider, merchant));
            return Some(Break {
                merchant_amount: Some(recorded),
                provider_amount: Some(stated),
                difference: stated - recorded,
                carried: merchant.is_waiting(group.records[0], day_number(rules.night)),
                ..pair.found(kind, detail)
            });
        }
        // Fees of one currency, that of the first, are added up; all are in the detail.
        let wrong = group.entries.iter().filter(|&&entry| self.has_wrong_fee(entry));
        let wrong: Vec<Break> = wrong.filter_map(|&entry| of(entry).fee()).collect();
        let currency = wrong.first()?.currency;
        let sum = |amount: fn(&Break) -> Option<Amount>| {
            wrong.iter().filter(|fee| fee.currency == currency).filter_map(amount).fold(Amount::ZERO, |sum, amount| sum + amount)
        };
        let details: Vec<&str> = wrong.iter().filter_map(|fee| fee.detail.as_deref()).collect();
        let detail = format!("{}; in parts: {}", details.join("; "), group.named(provider, merchant));
        Some(Break {
            currency,
            merchant_amount: Some(sum(|fee| fee.merchant_amount)),
            provider_amount: Some(sum(|fee| fee.provider_amount)),
            difference: sum(|fee| Some(fee.difference)),
            ..of(group.entries[0]).found(BreakType::FeeMismatch, detail)
        })
    }
}

struct Pair<'a> {
    provider: &'a Items<'a>,
    merchant: &'a Items<'a>,
    entry: u32,
    record: u32,
    same_currency: bool,
}

impl<'a> Pair<'a> {
    /// The provider moved money that the merchant's record does not claim.
    fn status(&self) -> Option<Break<'a>> {
        if self.merchant.claims_money(self.record) {
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

    fn amount(&self, tolerances: &[Tolerance], day: i32) -> Option<Break<'a>> {
        if !self.same_currency {
            return None;
        }
        let difference = self.provider_amount() - self.merchant_amount();
        let is_allowed = |amount| amount <= allowed(tolerances, self.merchant.currency(self.record), self.merchant_amount());
        if difference == Amount::ZERO || is_allowed(difference.abs()) {
            return None;
        }
        let kind = self.of_payment(BreakType::AmountMismatch, BreakType::RefundAmountMismatch);
        // A part of what the merchant states: the others may come as long as it waits.
        let (entry, record) = (self.provider_amount(), self.merchant_amount());
        let same_sign = (entry > Amount::ZERO) == (record > Amount::ZERO) && entry != Amount::ZERO;
        let carried = same_sign && entry.abs() < record.abs() && self.merchant.is_waiting(self.record, day);
        Some(Break { difference, carried, ..self.found(kind, self.both_amounts()) })
    }

    /// The fee against the contract, where it says one.
    fn fee(&self) -> Option<Break<'a>> {
        let charge = self.provider.charge(self.entry)?;
        let Charge { charged, contracted, currency, .. } = charge;
        if charged == contracted {
            return None;
        }
        Some(Break {
            currency,
            merchant_amount: Some(contracted),
            provider_amount: Some(charged),
            difference: contracted - charged,
            ..self.found(BreakType::FeeMismatch, both_fees(&charge))
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
            carried: false,
            group: None,
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

fn both_fees(charge: &Charge) -> String {
    let Charge { rule, currency, .. } = charge;
    let [contracted, charged] = [charge.contracted, charge.charged].map(|amount| amount.in_currency(currency));
    format!("contracted {contracted} by {rule}, charged {charged} {currency}")
}

/// The largest difference that is no break.
fn allowed(tolerances: &[Tolerance], currency: &str, amount: Amount) -> Amount {
    tolerances.iter().find(|tolerance| tolerance.currency == currency).map_or(Amount::ZERO, |tolerance| tolerance.of(amount))
}
