//! One side of the comparison: its items, read by name of row.

use arrow::array::{Array, Date32Array, RecordBatch};
use arrow::buffer::BooleanBuffer;
use rayon::prelude::*;

use super::keyed::Rows;
use super::laws::Tally;
use super::rollforward::Sum;
use super::vocabulary::{Numbered, Vocabulary};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::entries::KINDS;
use crate::table::part::{self, Amounts, Id, Ids, Instants, Texts, place, row_id};
use crate::table::read::{self, Codes, Words};

/// The items of one side, part by part.
pub(super) struct Items<'a> {
    pub(super) side: Side,
    /// As they were handed over.
    pub(super) batches: &'a [RecordBatch],
    pub(super) parts: Vec<Part<'a>>,
}

/// The columns of one part.
pub(super) struct Part<'a> {
    rows: usize,
    kind: Words<'a>,
    kinds: Vec<Option<Kind>>,
    id: Ids<'a>,
    provider: Numbered<'a>,
    account: Numbered<'a>,
    order_id: Texts<'a>,
    merchant_reference: Texts<'a>,
    provider_reference: Texts<'a>,
    merchant_refund_reference: Texts<'a>,
    currency: Numbered<'a>,
    amount: Amounts<'a>,
    status: Words<'a>,
    statuses: Vec<Status>,
    occurred_at: Instants<'a>,
    settled_currency: Words<'a>,
    fee: Amounts<'a>,
    fee_rule: Words<'a>,
    fee_contracted: Amounts<'a>,
    first_seen: &'a Date32Array,
    expected_by: &'a Date32Array,
}

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
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "payment" => Some(Self::Payment),
            "refund" => Some(Self::Refund),
            "chargeback" => Some(Self::Chargeback),
            "chargeback_reversal" => Some(Self::ChargebackReversal),
            other => KINDS.contains(&other).then_some(Self::Other),
        }
    }
}

/// What an item's side says of it, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Succeeded,
    Pending,
    Other,
}

impl Status {
    fn parse(word: &str) -> Self {
        match word {
            "succeeded" => Self::Succeeded,
            "pending" => Self::Pending,
            _ => Self::Other,
        }
    }

    fn claims_money(self, kind: Kind) -> bool {
        match self {
            Self::Succeeded => true,
            Self::Pending => kind == Kind::Refund,
            Self::Other => false,
        }
    }
}

/// Whether an item of this kind and status claims that money moves.
pub(super) fn claims_money(kind: Kind, status: &str) -> bool {
    Status::parse(status).claims_money(kind)
}

/// What makes two items of one side copies of each other, and lets an item agree with one of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing<'a> {
    pub(super) reference: Option<&'a str>,
    pub(super) currency: &'a str,
    pub(super) amount: Amount,
}

/// What a provider charged for a line, and its contract says.
#[derive(Clone, Copy)]
pub(super) struct Charge<'a> {
    pub(super) charged: Amount,
    pub(super) contracted: Amount,
    /// The rule of the contract.
    pub(super) rule: &'a str,
    /// The currency of both.
    pub(super) currency: &'a str,
}

impl<'a> Items<'a> {
    /// Reads a side, and refuses what can have no place on it.
    pub(super) fn of(side: Side, batches: &'a [RecordBatch], vocabulary: &mut Vocabulary<'a>) -> Result<Self> {
        let parts = batches.iter().map(|batch| Part::of(batch, vocabulary)).collect();
        let items = Self { side, batches, parts };
        items.parts.par_iter().enumerate().try_for_each(|(number, part)| match part.without_place(side) {
            None => Ok(()),
            Some(row) => Err(items.has_no_place(row_id(number, row))),
        })?;
        Ok(items)
    }

    fn has_no_place(&self, row: u32) -> Error {
        Error::law(format!("{} item {} has no place in the comparison", self.side.as_str(), self.id(row)))
            .expected("a kind of entry with provider and account, or the merchant's payment or refund")
            .found(self.kind_word(row))
    }

    /// The items of the kinds for which `is` is true, by part.
    pub(super) fn of_kind(&self, is: impl Fn(Kind) -> bool + Sync) -> Vec<Rows> {
        self.parts.par_iter().map(|part| part.of_kind(&is)).collect()
    }

    #[inline]
    fn at(&self, row: u32) -> (&Part<'a>, usize) {
        let (part, row) = place(row);
        (&self.parts[part], row)
    }

    #[inline]
    pub(super) fn kind(&self, row: u32) -> Kind {
        let (part, row) = self.at(row);
        part.kind(row)
    }

    pub(super) fn kind_word(&self, row: u32) -> &'a str {
        let (part, row) = self.at(row);
        part.kind.get(row)
    }

    #[inline]
    pub(super) fn id(&self, row: u32) -> Id<'a> {
        let (part, row) = self.at(row);
        part.id.get(row)
    }

    pub(super) fn provider(&self, row: u32) -> Option<&'a str> {
        let (part, row) = self.at(row);
        part.provider.words.optional(row)
    }

    pub(super) fn account(&self, row: u32) -> Option<&'a str> {
        let (part, row) = self.at(row);
        part.account.words.optional(row)
    }

    pub(super) fn order_id(&self, row: u32) -> Option<&'a str> {
        let (part, row) = self.at(row);
        part.order_id.stated(row)
    }

    #[inline]
    pub(super) fn merchant_reference(&self, row: u32) -> Option<&'a str> {
        let (part, row) = self.at(row);
        part.merchant_reference.stated(row)
    }

    #[inline]
    pub(super) fn provider_reference(&self, row: u32) -> Option<&'a str> {
        let (part, row) = self.at(row);
        part.provider_reference.stated(row)
    }

    pub(super) fn merchant_refund_reference(&self, row: u32) -> Option<&'a str> {
        let (part, row) = self.at(row);
        part.merchant_refund_reference.stated(row)
    }

    pub(super) fn currency(&self, row: u32) -> &'a str {
        let (part, row) = self.at(row);
        part.currency.words.get(row)
    }

    /// The number of the currency in the vocabulary.
    #[inline]
    pub(super) fn currency_number(&self, row: u32) -> Option<u32> {
        let (part, row) = self.at(row);
        part.currency.number(row)
    }

    #[inline]
    pub(super) fn amount(&self, row: u32) -> Amount {
        let (part, row) = self.at(row);
        part.amount.get(row).expect("amount is never empty")
    }

    pub(super) fn thing(&self, row: u32) -> Thing<'a> {
        Thing { reference: self.provider_reference(row), currency: self.currency(row), amount: self.amount(row) }
    }

    pub(super) fn status(&self, row: u32) -> &'a str {
        let (part, row) = self.at(row);
        part.status.get(row)
    }

    pub(super) fn succeeded(&self, row: u32) -> bool {
        let (part, row) = self.at(row);
        part.status(row) == Status::Succeeded
    }

    /// Whether the record claims that money moves: a payment that succeeded, a refund that is at least on its way.
    #[inline]
    pub(super) fn claims_money(&self, row: u32) -> bool {
        let (part, row) = self.at(row);
        part.claims_money(row)
    }

    /// Microseconds since 1970-01-01 UTC.
    pub(super) fn occurred_at(&self, row: u32) -> i64 {
        let (part, row) = self.at(row);
        part.occurred_at.get(row).expect("occurred_at is never empty")
    }

    /// What was charged for an entry, where its contract says something.
    pub(super) fn charge(&self, row: u32) -> Option<Charge<'a>> {
        let (part, row) = self.at(row);
        let [charged, contracted] = [part.fee, part.fee_contracted].map(|amounts| amounts.get(row));
        let (rule, currency) = (part.fee_rule.get(row), part.settled_currency.get(row));
        Some(Charge { charged: charged?, contracted: contracted?, rule, currency })
    }

    /// Day number of the night that read the item.
    #[inline]
    pub(super) fn first_seen(&self, row: u32) -> i32 {
        let (part, row) = self.at(row);
        part.first_seen.value(row)
    }

    /// Whether its counterpart may still come after the night of day number `night`.
    pub(super) fn is_waiting(&self, row: u32, night: i32) -> bool {
        let (part, row) = self.at(row);
        night < part.expected_by.value(row)
    }
}

impl<'a> Part<'a> {
    fn of(batch: &'a RecordBatch, vocabulary: &mut Vocabulary<'a>) -> Self {
        let (kind, status) = (read::words(batch, "kind"), read::words(batch, "status"));
        let mut numbered = |name| vocabulary.numbered(read::words(batch, name));
        Self {
            rows: batch.num_rows(),
            kinds: kind.values.iter().map(|word| Kind::parse(word.unwrap_or_default())).collect(),
            kind,
            id: part::ids(batch, "id"),
            provider: numbered("provider"),
            account: numbered("account"),
            order_id: part::texts(batch, "order_id"),
            merchant_reference: part::texts(batch, "merchant_reference"),
            provider_reference: part::texts(batch, "provider_reference"),
            merchant_refund_reference: part::texts(batch, "merchant_refund_reference"),
            currency: numbered("currency"),
            amount: part::amounts(batch, "amount"),
            statuses: status.values.iter().map(|word| Status::parse(word.unwrap_or_default())).collect(),
            status,
            occurred_at: part::instants(batch, "occurred_at"),
            settled_currency: read::words(batch, "settled_currency"),
            fee: part::amounts(batch, "fee"),
            fee_rule: read::words(batch, "fee_rule"),
            fee_contracted: part::amounts(batch, "fee_contracted"),
            first_seen: part::dates(batch, "first_seen"),
            expected_by: part::dates(batch, "expected_by"),
        }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The first row that has no place on its side.
    fn without_place(&self, side: Side) -> Option<usize> {
        let fits = |kind: Option<Kind>| match (side, kind) {
            (Side::Provider, kind) => kind.is_some(),
            (Side::Merchant, kind) => matches!(kind, Some(Kind::Payment | Kind::Refund)),
        };
        let is_stated =
            |row| side == Side::Merchant || (self.provider.number(row).is_some() && self.account.number(row).is_some());
        // The words fit as a rule, and are stated in every row: then no row has to be looked at.
        let all_stated = side == Side::Merchant || (self.provider.words.is_full() && self.account.words.is_full());
        if all_stated && self.kind.is_full() && self.kinds.iter().all(|&kind| fits(kind)) {
            return None;
        }
        (0..self.rows).find(|&row| !(fits(self.kind.code(row).and_then(|code| self.kinds[code])) && is_stated(row)))
    }

    fn of_kind(&self, is: impl Fn(Kind) -> bool) -> Rows {
        let fits: Vec<bool> = self.kinds.iter().map(|kind| kind.is_some_and(&is)).collect();
        if fits.iter().all(|&fits| fits) {
            return Rows::All(self.rows);
        }
        if !fits.contains(&true) {
            return Rows::These(Vec::new());
        }
        Rows::All(self.rows).filter(|row| self.kind.code(row).is_some_and(|code| fits[code]))
    }

    #[inline]
    fn kind(&self, row: usize) -> Kind {
        let code = self.kind.code(row).expect("kind is never empty");
        self.kinds[code].expect("checked when the side was read")
    }

    /// Which rows state another fee than was contracted.
    pub(super) fn wrong_fees(&self) -> BooleanBuffer {
        if let Amounts::Nothing = self.fee_contracted {
            return BooleanBuffer::new_unset(self.rows);
        }
        let differs = |row| self.fee_contracted.get(row).is_some_and(|contracted| self.fee.get(row) != Some(contracted));
        BooleanBuffer::collect_bool(self.rows, differs)
    }

    /// Adds the amounts of all rows.
    pub(super) fn tally(&self, tally: &mut Tally) {
        match (self.amount, self.currency.words.codes) {
            (Amounts::Narrow(amounts), Codes::Narrow(codes)) if amounts.null_count() == 0 && codes.null_count() == 0 => {
                // By code first: a part has thousands of rows and few currencies.
                let mut sums = vec![Sum::default(); self.currency.words.values.len()];
                for (&amount, &code) in amounts.values().iter().zip(codes.values()) {
                    let sum = &mut sums[usize::from(code)];
                    sum.count += 1;
                    sum.amount.0 += i128::from(amount);
                }
                sums.into_iter().enumerate().for_each(|(code, sum)| tally.add_sum(Some(self.currency.numbers[code]), sum));
            }
            (amounts, _) => {
                for row in 0..self.rows {
                    let amount = amounts.get(row).expect("amount is never empty");
                    tally.add_sum(self.currency.number(row), Sum { count: 1, amount });
                }
            }
        }
    }

    #[inline]
    fn claims_money(&self, row: usize) -> bool {
        self.status(row).claims_money(self.kind(row))
    }

    /// The rows among `rows` that claim money.
    pub(super) fn claiming_money(&self, rows: &Rows) -> Rows {
        rows.filter(|row| self.claims_money(row))
    }

    #[inline]
    fn status(&self, row: usize) -> Status {
        self.status.code(row).map_or(Status::Other, |code| self.statuses[code])
    }

    /// The rows among `rows` that do not say which provider was asked.
    pub(super) fn without_provider(&self, rows: &Rows) -> Rows {
        if self.provider.words.is_full() {
            return Rows::These(Vec::new());
        }
        rows.filter(|row| self.provider.words.code(row).is_none())
    }
}
