//! The merchant's own records: orders, attempts, refunds. CSV, times in RFC 3339.

use std::path::Path;

use chrono::{NaiveDate, NaiveDateTime};

use super::event::{AttemptRecord, OrderRecord, RefundRecord};
use super::file::Csv;
use crate::error::Result;

/// The three files of a night.
pub(super) struct Records {
    orders: Csv,
    attempts: Csv,
    refunds: Csv,
}

const ORDERS: [&str; 8] = ["order_id", "created_at", "amount", "currency", "status", "channel", "country", "customer_segment"];
const ATTEMPTS: [&str; 16] = [
    "attempt_id",
    "order_id",
    "provider",
    "merchant_reference",
    "provider_reference",
    "method",
    "wallet",
    "card_brand",
    "card_funding",
    "started_at",
    "finished_at",
    "stage",
    "status",
    "failure_code",
    "amount",
    "currency",
];
const REFUNDS: [&str; 9] = [
    "refund_id",
    "order_id",
    "provider",
    "merchant_reference",
    "merchant_refund_reference",
    "requested_at",
    "amount",
    "currency",
    "status",
];

impl Records {
    pub(super) fn create(folder: &Path, date: NaiveDate) -> Result<Self> {
        let file =
            |table: &str, header: &[&str]| Csv::create(folder.join(format!("{table}_{}.csv", date.format("%Y%m%d"))), header);
        Ok(Self { orders: file("orders", &ORDERS)?, attempts: file("attempts", &ATTEMPTS)?, refunds: file("refunds", &REFUNDS)? })
    }

    pub(super) fn order(&mut self, OrderRecord { order, status }: &OrderRecord) -> Result<()> {
        self.orders.row(&[
            &order.reference(),
            &instant(order.placed),
            &order.amount.in_currency(order.currency),
            order.currency,
            status,
            order.channel,
            order.country,
            order.segment,
        ])
    }

    pub(super) fn attempt(&mut self, attempt: &AttemptRecord) -> Result<()> {
        let order = &attempt.order;
        let provider = order.provider.as_str();
        // A wallet of its own, or a card that may be inside one.
        let (method, wallet, brand, funding) = if order.provider.takes_cards() {
            ("card", order.card.wallet, order.card.brand, order.card.funding)
        } else {
            ("wallet", provider, "", "")
        };
        self.attempts.row(&[
            &attempt.attempt_id,
            &order.reference(),
            provider,
            &attempt.merchant_reference,
            &attempt.provider_reference,
            method,
            wallet,
            brand,
            funding,
            &instant(attempt.started),
            &attempt.finished.map(instant).unwrap_or_default(),
            attempt.stage,
            attempt.status,
            attempt.failure_code,
            &order.amount.in_currency(order.currency),
            order.currency,
        ])
    }

    pub(super) fn refund(&mut self, refund: &RefundRecord) -> Result<()> {
        let order = &refund.order;
        self.refunds.row(&[
            &refund.refund_id,
            &order.reference(),
            order.provider.as_str(),
            &order.reference(),
            &refund.refund_id,
            &instant(refund.requested),
            &refund.amount.in_currency(order.currency),
            order.currency,
            "succeeded",
        ])
    }

    /// Lines of the three.
    pub(super) fn finish(self) -> Result<u64> {
        Ok(self.orders.finish()? + self.attempts.finish()? + self.refunds.finish()?)
    }
}

/// RFC 3339 with the offset of Shanghai, which has had no other since 1991.
fn instant(local: NaiveDateTime) -> String {
    format!("{}+08:00", local.format("%Y-%m-%dT%H:%M:%S"))
}
