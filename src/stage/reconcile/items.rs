//! One side of the comparison: its items, read by row.

use arrow::array::{Array, Date32Array, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use super::keyed::index;
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::entries::KINDS;
use crate::table::read::{self, Words};

/// Which of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    Provider,
    Merchant,
}

impl Side {
    /// The word in column `side`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Merchant => "merchant",
        }
    }
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Payment,
    Refund,
    Chargeback,
    ChargebackReversal,
    /// Of no order: fees, payouts, transfers and the like.
    Other,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "payment" => Some(Self::Payment),
            "refund" => Some(Self::Refund),
            "chargeback" => Some(Self::Chargeback),
            "chargeback_reversal" => Some(Self::ChargebackReversal),
            other => KINDS.contains(&other).then_some(Self::Other),
        }
    }
}

/// The items of one side. A row is named by its number in 32 bits, as the kernel does.
pub(super) struct Items<'a> {
    pub(super) side: Side,
    pub(super) batch: &'a RecordBatch,
    kinds: Vec<Option<Kind>>,
    kind: Words<'a>,
    id: &'a StringArray,
    provider: Words<'a>,
    account: Words<'a>,
    order_id: &'a StringArray,
    merchant_reference: &'a StringArray,
    provider_reference: &'a StringArray,
    currency: Words<'a>,
    amount: &'a Decimal128Array,
    status: Words<'a>,
    occurred_at: &'a TimestampMicrosecondArray,
    settled_currency: Words<'a>,
    gross: &'a Decimal128Array,
    fee: &'a Decimal128Array,
    first_seen: &'a Date32Array,
    expected_by: &'a Date32Array,
}

/// What makes two items of one side copies of each other, and lets an item agree with one of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing<'a> {
    pub(super) reference: Option<&'a str>,
    pub(super) currency: &'a str,
    pub(super) amount: Amount,
}

impl<'a> Items<'a> {
    /// Reads a side, and refuses what can have no place on it.
    pub(super) fn of(side: Side, batch: &'a RecordBatch) -> Result<Self> {
        let kind = read::words(batch, "kind");
        let items = Self {
            side,
            batch,
            kinds: kind.values.iter().map(|word| Kind::parse(word.unwrap_or_default())).collect(),
            kind,
            id: read::text(batch, "id"),
            provider: read::words(batch, "provider"),
            account: read::words(batch, "account"),
            order_id: read::text(batch, "order_id"),
            merchant_reference: read::text(batch, "merchant_reference"),
            provider_reference: read::text(batch, "provider_reference"),
            currency: read::words(batch, "currency"),
            amount: read::amounts(batch, "amount"),
            status: read::words(batch, "status"),
            occurred_at: read::instants(batch, "occurred_at"),
            settled_currency: read::words(batch, "settled_currency"),
            gross: read::amounts(batch, "gross"),
            fee: read::amounts(batch, "fee"),
            first_seen: read::dates(batch, "first_seen"),
            expected_by: read::dates(batch, "expected_by"),
        };
        items.rows().try_for_each(|row| items.check(row))?;
        Ok(items)
    }

    fn check(&self, row: u32) -> Result<()> {
        let kind = self.kind.code(index(row)).and_then(|code| self.kinds[code]);
        let has_place = match (self.side, kind) {
            (Side::Provider, Some(_)) => self.provider(row).is_some() && self.account(row).is_some(),
            (Side::Merchant, Some(kind)) => matches!(kind, Kind::Payment | Kind::Refund),
            (_, None) => false,
        };
        if has_place {
            return Ok(());
        }
        Err(Error::law(format!("{} item {} has no place in the comparison", self.side.as_str(), self.id(row)))
            .expected("a kind of entry with provider and account, or the merchant's payment or refund")
            .found(self.kind.get(index(row))))
    }

    pub(super) fn rows(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.batch.num_rows()).expect("a side has fewer rows than 32 bits count")
    }

    pub(super) fn kind(&self, row: u32) -> Kind {
        let code = self.kind.code(index(row)).expect("kind is never empty");
        self.kinds[code].expect("checked when the side was read")
    }

    pub(super) fn kind_word(&self, row: u32) -> &'a str {
        self.kind.get(index(row))
    }

    pub(super) fn id(&self, row: u32) -> &'a str {
        self.id.value(index(row))
    }

    pub(super) fn provider(&self, row: u32) -> Option<&'a str> {
        self.provider.optional(index(row))
    }

    pub(super) fn account(&self, row: u32) -> Option<&'a str> {
        self.account.optional(index(row))
    }

    pub(super) fn order_id(&self, row: u32) -> Option<&'a str> {
        text(self.order_id, row)
    }

    pub(super) fn merchant_reference(&self, row: u32) -> Option<&'a str> {
        text(self.merchant_reference, row)
    }

    pub(super) fn provider_reference(&self, row: u32) -> Option<&'a str> {
        text(self.provider_reference, row)
    }

    pub(super) fn currency(&self, row: u32) -> &'a str {
        self.currency.get(index(row))
    }

    pub(super) fn amount(&self, row: u32) -> Amount {
        Amount(self.amount.value(index(row)))
    }

    pub(super) fn thing(&self, row: u32) -> Thing<'a> {
        Thing { reference: self.provider_reference(row), currency: self.currency(row), amount: self.amount(row) }
    }

    pub(super) fn status(&self, row: u32) -> &'a str {
        self.status.get(index(row))
    }

    pub(super) fn succeeded(&self, row: u32) -> bool {
        self.status(row) == "succeeded"
    }

    /// Whether the record claims that money moves: a payment that succeeded, a refund that is at least on its way.
    pub(super) fn claims_money(&self, row: u32) -> bool {
        match self.status(row) {
            "succeeded" => true,
            "pending" => self.kind(row) == Kind::Refund,
            _ => false,
        }
    }

    /// Microseconds since 1970-01-01 UTC.
    pub(super) fn occurred_at(&self, row: u32) -> i64 {
        self.occurred_at.value(index(row))
    }

    pub(super) fn settled_currency(&self, row: u32) -> Option<&'a str> {
        self.settled_currency.optional(index(row))
    }

    pub(super) fn gross(&self, row: u32) -> Option<Amount> {
        read::amount(self.gross, index(row))
    }

    pub(super) fn fee(&self, row: u32) -> Option<Amount> {
        read::amount(self.fee, index(row))
    }

    /// Day number of the night that read the item.
    pub(super) fn first_seen(&self, row: u32) -> i32 {
        self.first_seen.value(index(row))
    }

    /// Whether its counterpart may still come after the night of day number `night`.
    pub(super) fn is_waiting(&self, row: u32, night: i32) -> bool {
        night < self.expected_by.value(index(row))
    }
}

fn text(column: &StringArray, row: u32) -> Option<&str> {
    let row = index(row);
    column.is_valid(row).then(|| column.value(row)).filter(|text| !text.is_empty())
}
