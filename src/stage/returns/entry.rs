//! Payments and returns as the providers state them.

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use rayon::prelude::*;

use crate::money::Amount;
use crate::table::build::day_number;
use crate::table::part::{amounts, ids, texts};
use crate::table::read::words;

/// What is read of the table `entries` of an earlier night.
pub const COLUMNS: [&str; 12] = [
    "entry_id",
    "provider",
    "account",
    "kind",
    "provider_reference",
    "original_reference",
    "merchant_reference",
    "currency",
    "gross",
    "customer_amount",
    "customer_currency",
    "outcome",
];

/// What moves the money of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Payment,
    Refund,
    RefundReversal,
    Chargeback,
    ChargebackReversal,
}

impl Kind {
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "payment" => Some(Self::Payment),
            "refund" => Some(Self::Refund),
            "refund_reversal" => Some(Self::RefundReversal),
            "chargeback" => Some(Self::Chargeback),
            "chargeback_reversal" => Some(Self::ChargebackReversal),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::RefundReversal => "refund_reversal",
            Self::Chargeback => "chargeback",
            Self::ChargebackReversal => "chargeback_reversal",
        }
    }
}

/// A payment, or a return of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) id: String,
    /// Day number of the night that booked it.
    pub(super) night: i32,
    pub(super) kind: Kind,
    /// Provider and account.
    pub(super) of: [String; 2],
    /// The provider's identifier of the payment: its own, or of a return the original's.
    pub(super) provider_reference: Option<String>,
    /// The merchant's identifier of the payment.
    pub(super) merchant_reference: Option<String>,
    /// Whether it was open at the close of that night, so that a later one may have stated it again.
    pub(super) open: bool,
    /// What else it is known to be called, where that comes out of the table of the night before.
    pub(super) also: Vec<(Whose, String)>,
    /// What the customer was charged in, or else what settles.
    pub(super) currency: String,
    pub(super) amount: Amount,
}

/// What was given back tonight.
#[derive(Debug, Default)]
pub struct Returned(pub(super) Vec<Entry>);

impl Returned {
    pub(super) fn of(parts: &[RecordBatch], night: NaiveDate) -> Self {
        let of_part = |part: &RecordBatch| {
            let kinds = words(part, "kind");
            let is_return: Vec<bool> = kinds.values.iter().map(|kind| kind.and_then(Kind::of).is_some_and(is_return)).collect();
            let rows = (0..part.num_rows()).filter(|&row| kinds.code(row).is_some_and(|code| is_return[code]));
            Entry::of(part, rows, night)
        };
        Self(parts.par_iter().flat_map_iter(of_part).collect())
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

fn is_return(kind: Kind) -> bool {
    kind != Kind::Payment
}

impl Entry {
    /// These rows of entries of a night, as far as they move the money of a payment.
    pub(super) fn of(entries: &RecordBatch, rows: impl Iterator<Item = usize>, night: NaiveDate) -> Vec<Self> {
        let ids = ids(entries, "entry_id");
        let [provider, account, kind, currency, customer_currency] =
            ["provider", "account", "kind", "currency", "customer_currency"].map(|name| words(entries, name));
        let [own, original, merchant] =
            ["provider_reference", "original_reference", "merchant_reference"].map(|name| texts(entries, name));
        let outcomes = entries.column_by_name("outcome").map(|_| words(entries, "outcome"));
        let is_open = |row| outcomes.is_some_and(|outcomes| ["waiting", "break"].contains(&outcomes.get(row)));
        let (gross, customer_amount) = (amounts(entries, "gross"), amounts(entries, "customer_amount"));
        let entry = |row: usize| {
            let kind = Kind::of(kind.get(row))?;
            let customer = customer_amount.get(row).zip(customer_currency.optional(row));
            let settled = || (gross.get(row).expect("an entry has a gross"), currency.get(row));
            let (amount, currency) = customer.unwrap_or_else(settled);
            let provider_reference = if is_return(kind) { original.stated(row) } else { own.stated(row) };
            Some(Self {
                id: ids.get(row).with_text(ToOwned::to_owned),
                night: day_number(night),
                kind,
                of: [provider.get(row).to_owned(), account.get(row).to_owned()],
                provider_reference: provider_reference.map(ToOwned::to_owned),
                merchant_reference: merchant.stated(row).map(ToOwned::to_owned),
                open: is_open(row),
                also: Vec::new(),
                currency: currency.to_owned(),
                amount,
            })
        };
        rows.filter_map(entry).collect()
    }

    /// What it is called, each with whose word it is.
    pub(super) fn references(&self) -> impl Iterator<Item = (Whose, &str)> {
        let provider = self.provider_reference.iter().map(|reference| (Whose::Provider, reference.as_str()));
        let merchant = self.merchant_reference.iter().map(|reference| (Whose::Merchant, reference.as_str()));
        provider.chain(merchant).chain(self.also.iter().map(|(whose, reference)| (*whose, reference.as_str())))
    }

    /// What it takes from the payment, or gives back to the merchant when negative; nothing for a payment.
    pub(super) fn given_back(&self) -> Amount {
        if self.kind == Kind::Payment { Amount::ZERO } else { -self.amount }
    }
}

/// Who calls a payment by a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Whose {
    Provider,
    Merchant,
}

impl Whose {
    pub(super) const ALL: [Self; 2] = [Self::Provider, Self::Merchant];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Merchant => "merchant",
        }
    }
}
