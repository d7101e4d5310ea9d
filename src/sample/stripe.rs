//! Stripe's `payout_reconciliation.itemized.5`: RFC 4180, columns bound by name, times in UTC.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{Days, Duration, NaiveDate, NaiveDateTime};

use super::bank::Payout;
use super::event::{Kind, Movement};
use super::file::Csv;
use super::order::{Provider, cents, midnight};
use crate::error::Result;
use crate::money::Amount;

/// The columns a shop asks for, of the 71 there are.
const HEADER: [&str; 25] = [
    "balance_transaction_id",
    "created_utc",
    "created",
    "available_on_utc",
    "available_on",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "customer_facing_amount",
    "customer_facing_currency",
    "automatic_payout_id",
    "automatic_payout_effective_at_utc",
    "automatic_payout_effective_at",
    "charge_id",
    "payment_intent_id",
    "payment_method_type",
    "card_brand",
    "card_funding",
    "card_country",
    "payment_metadata[order_id]",
    "refund_metadata[refund_id]",
];

/// The report of one night.
pub(super) struct PayoutReconciliation {
    file: Csv,
    night: u32,
    date: NaiveDate,
    /// What the night's payouts are to pay, by currency.
    payable: BTreeMap<&'static str, Amount>,
}

impl PayoutReconciliation {
    pub(super) fn create(folder: &Path, night: u32, date: NaiveDate) -> Result<Self> {
        let name = format!("payout_reconciliation_{}.csv", date.format("%Y%m%d"));
        Ok(Self { file: Csv::create(folder.join(name), &HEADER)?, night, date, payable: BTreeMap::new() })
    }

    pub(super) fn write(&mut self, movement: &Movement) -> Result<()> {
        let order = &movement.order;
        let (category, what) = match movement.kind {
            Kind::Payment => ("charge", ""),
            Kind::Refund => ("refund", "Refund: "),
            Kind::Chargeback => ("dispute", "Chargeback withdrawal: "),
            Kind::ChargebackReversal => ("dispute_reversal", "Chargeback reversal: "),
        };
        // Without its kind, as in ch_3…: a payment and its refund share the rest but for the last digit.
        let unprefixed = |reference: &str| reference.split_once('_').map_or(reference, |(_, rest)| rest).to_owned();
        self.row(&Row {
            id: &unprefixed(&movement.own_reference),
            at: movement.at,
            currency: movement.currency,
            gross: movement.gross,
            fee: movement.fee,
            category,
            source: &movement.own_reference,
            description: &format!("{what}{}", order.goods),
            customer_amount: &movement.customer_amount.in_currency(movement.customer_currency),
            customer_currency: movement.customer_currency,
            charge: &movement.provider_reference,
            intent: &format!("pi_{}", unprefixed(&movement.provider_reference)),
            card: ["card", order.card.brand, order.card.funding, order.country],
            order_id: &movement.merchant_reference,
            refund_id: &movement.merchant_refund_reference,
        })?;
        *self.payable.entry(movement.currency).or_default() += movement.net();
        Ok(())
    }

    /// Lines of the report, the night's own fee and its payouts among them; what it pays out goes to `payouts`.
    pub(super) fn finish(mut self, payouts: &mut Vec<Payout>) -> Result<u64> {
        let at = midnight(self.date) + Duration::seconds(23 * 3600 + 1800);
        let day = self.date.format("%y%m%d").to_string();
        let radar = cents(200);
        let id = format!("fee{day}");
        let description = format!("Radar ({}): Standard", self.date);
        self.row(&Row { gross: -radar, category: "fee", description: &description, ..Row::of_account(&id, at, "USD") })?;
        *self.payable.entry("USD").or_default() -= radar;
        for (currency, payable) in std::mem::take(&mut self.payable) {
            let (id, source) = (format!("po{day}{currency}"), self.payout(currency));
            let row = Row::of_account(&id, at, currency);
            // Once it pays what no line of it says.
            let paid = if self.night == 1 && currency == "USD" { payable + cents(300) } else { payable };
            self.row(&Row { gross: -paid, category: "payout", source: &source, description: "STRIPE PAYOUT", ..row })?;
            payouts.push(Payout {
                provider: Provider::Stripe,
                currency,
                expected: payable,
                paid,
                text: format!("STRIPE PAYOUT {source}"),
                due_after: 2,
                comes_after: 2,
            });
        }
        self.file.finish()
    }

    fn payout(&self, currency: &str) -> String {
        format!("po_1{}{currency}", self.date.format("%Y%m%d"))
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        // An account in UTC: both columns of a pair say the same.
        let created = (row.at - Duration::hours(8)).to_string();
        let available = midnight(self.date + Days::new(2)).to_string();
        let payout = self.payout(row.currency);
        let [method, brand, funding, country] = row.card;
        self.file.row(&[
            &format!("txn_{}", row.id),
            &created,
            &created,
            &available,
            &available,
            &row.currency.to_lowercase(),
            &row.gross.to_string(),
            &row.fee.to_string(),
            &(row.gross - row.fee).to_string(),
            row.category,
            row.source,
            row.description,
            row.customer_amount,
            &row.customer_currency.to_lowercase(),
            &payout,
            &available,
            &available,
            row.charge,
            row.intent,
            method,
            brand,
            funding,
            country,
            row.order_id,
            row.refund_id,
        ])
    }
}

/// One line, before it is text.
struct Row<'a> {
    id: &'a str,
    /// By the clocks of Shanghai.
    at: NaiveDateTime,
    currency: &'a str,
    gross: Amount,
    fee: Amount,
    category: &'a str,
    source: &'a str,
    description: &'a str,
    customer_amount: &'a str,
    customer_currency: &'a str,
    charge: &'a str,
    intent: &'a str,
    /// Method, brand, funding, country.
    card: [&'a str; 4],
    order_id: &'a str,
    refund_id: &'a str,
}

impl<'a> Row<'a> {
    /// A line that belongs to no payment.
    fn of_account(id: &'a str, at: NaiveDateTime, currency: &'a str) -> Self {
        Self {
            id,
            at,
            currency,
            gross: Amount::ZERO,
            fee: Amount::ZERO,
            category: "",
            source: "",
            description: "",
            customer_amount: "",
            customer_currency: "",
            charge: "",
            intent: "",
            card: [""; 4],
            order_id: "",
            refund_id: "",
        }
    }
}
