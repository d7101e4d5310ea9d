//! What happens to an order: movements a provider states, records the merchant keeps, breaks between the two.

use std::rc::Rc;

use chrono::{Duration, NaiveDateTime};

use super::answers::Planted;
use super::order::{Order, cents};
use crate::money::Amount;

/// The story of an order. Each part says how many nights after the order's own it is written.
#[derive(Default)]
pub(super) struct Told {
    pub events: Vec<(u32, Event)>,
    pub breaks: Vec<(u32, Planted)>,
}

/// One line of some file.
pub(super) enum Event {
    Movement(Movement),
    Order(OrderRecord),
    Attempt(AttemptRecord),
    Refund(RefundRecord),
}

/// One movement a provider states. Positive is money to the merchant; a fee is positive when it costs.
#[derive(Clone)]
pub(super) struct Movement {
    pub kind: Kind,
    pub order: Rc<Order>,
    /// When the provider dates it, by the clocks of Shanghai.
    pub at: NaiveDateTime,
    pub merchant_reference: String,
    /// The provider's identifier of the payment; refunds and chargebacks repeat it.
    pub provider_reference: String,
    /// The provider's identifier of this movement.
    pub own_reference: String,
    pub merchant_refund_reference: String,
    /// What the customer was charged, or given back when negative.
    pub customer_amount: Amount,
    pub customer_currency: &'static str,
    /// What settles before fees.
    pub gross: Amount,
    pub currency: &'static str,
    pub fee: Amount,
    pub promotion: Promotion,
}

/// What a movement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Payment,
    Refund,
    Chargeback,
    ChargebackReversal,
}

/// Who gave the customer a discount, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promotion {
    None,
    /// A coupon of the provider's; the merchant gets the full amount.
    Coupon(Amount),
    /// A red packet of the provider's: the same, in a column of its own at Alipay.
    RedPacket(Amount),
    /// A coupon of the merchant's; it is missing from what settles.
    Merchant(Amount),
}

/// An order as the merchant recorded it.
pub(super) struct OrderRecord {
    pub order: Rc<Order>,
    pub status: &'static str,
}

/// A try to pay an order as the merchant recorded it.
pub(super) struct AttemptRecord {
    pub order: Rc<Order>,
    pub attempt_id: String,
    pub merchant_reference: String,
    /// Empty where the merchant never learned it.
    pub provider_reference: String,
    pub started: NaiveDateTime,
    pub finished: Option<NaiveDateTime>,
    pub stage: &'static str,
    pub status: &'static str,
    pub failure_code: &'static str,
}

/// A refund as the merchant asked for it.
pub(super) struct RefundRecord {
    pub order: Rc<Order>,
    pub refund_id: String,
    pub requested: NaiveDateTime,
    /// Positive.
    pub amount: Amount,
}

impl Movement {
    /// The customer paid `amount`, and the provider charged the fee by contract.
    pub(super) fn payment(order: &Rc<Order>, amount: Amount) -> Self {
        let gross = if order.currency == order.settled_currency { amount } else { order.settled };
        Self {
            kind: Kind::Payment,
            order: Rc::clone(order),
            at: order.paid_at(),
            merchant_reference: order.reference(),
            provider_reference: order.provider_reference(0),
            own_reference: order.provider_reference(0),
            merchant_refund_reference: String::new(),
            customer_amount: amount,
            customer_currency: order.currency,
            gross,
            currency: order.settled_currency,
            fee: order.provider.fee(gross),
            promotion: Promotion::None,
        }
    }

    /// The merchant gave `amount` back.
    pub(super) fn refund(order: &Rc<Order>, amount: Amount) -> Self {
        Self {
            kind: Kind::Refund,
            at: order.refunded_at() + Duration::seconds(8),
            own_reference: order.provider_reference(2),
            merchant_refund_reference: order.refund_reference(),
            customer_amount: -amount,
            gross: -amount,
            fee: Amount::ZERO,
            ..Self::payment(order, amount)
        }
    }

    /// The bank took the payment back, and the provider charged 15.00 for the work.
    pub(super) fn chargeback(order: &Rc<Order>, at: NaiveDateTime) -> Self {
        let payment = Self::payment(order, order.amount);
        Self {
            kind: Kind::Chargeback,
            at,
            own_reference: order.provider_reference(3),
            customer_amount: -payment.customer_amount,
            gross: -payment.gross,
            fee: cents(1_500),
            ..payment
        }
    }

    /// The merchant won: the payment comes back, the charge for the work does not.
    pub(super) fn chargeback_reversal(order: &Rc<Order>, at: NaiveDateTime) -> Self {
        let payment = Self::payment(order, order.amount);
        Self { kind: Kind::ChargebackReversal, at, own_reference: order.provider_reference(4), fee: Amount::ZERO, ..payment }
    }

    /// What settles.
    pub(super) fn net(&self) -> Amount {
        self.gross - self.fee
    }

    pub(super) fn merchant_discount(&self) -> Amount {
        match self.promotion {
            Promotion::Merchant(amount) => amount,
            _ => Amount::ZERO,
        }
    }
}

impl Order {
    /// When the customer submitted the first attempt.
    pub(super) fn started_at(&self) -> NaiveDateTime {
        self.placed + Duration::seconds(20 + i64::from(self.salt % 30))
    }

    /// When the merchant heard how it ended.
    pub(super) fn finished_at(&self) -> NaiveDateTime {
        self.started_at() + Duration::seconds(6 + i64::from(self.salt % 17))
    }

    /// When the provider took the money.
    pub(super) fn paid_at(&self) -> NaiveDateTime {
        self.finished_at() - Duration::seconds(1)
    }

    /// When the merchant asked for its refund.
    pub(super) fn refunded_at(&self) -> NaiveDateTime {
        self.placed + Duration::seconds(900 + i64::from(self.salt % 1_500))
    }

    /// What the merchant calls its refund.
    pub(super) fn refund_reference(&self) -> String {
        format!("RF{}", self.digits())
    }
}
