//! Adyen's settlement detail report: one batch a night, times in Amsterdam, and every net currency closes at zero.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Europe::Amsterdam;
use chrono_tz::Tz;

use super::bank::Payout;
use super::event::{Kind, Movement};
use super::file::Csv;
use super::order::{Card, Provider, cents, midnight};
use crate::error::Result;
use crate::money::Amount;

/// What a batch did not pay out, by currency: it opens the next.
pub(super) type Balances = BTreeMap<&'static str, Amount>;

const COMPANY: &str = "LanternKettle";
const ACCOUNT: &str = "LanternKettleECOM";
const HEADER: [&str; 30] = [
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Payment Method Variant",
    "Modification Merchant Reference",
    "Batch Number",
    "Reserved4",
    "Reserved5",
    "Reserved6",
    "Reserved7",
    "Reserved8",
    "Reserved9",
    "Reserved10",
];

/// The report of one night.
pub(super) struct SettlementDetail {
    file: Csv,
    date: NaiveDate,
    batch: String,
    balances: Balances,
}

impl SettlementDetail {
    /// Opens the batch with what the one before left.
    pub(super) fn create(folder: &Path, date: NaiveDate, left: Balances) -> Result<Self> {
        let batch = batch_number(date);
        // The number repeats every year; the folder tells the years apart.
        let path = folder.join(date.to_string()).join(format!("settlement_detail_report_batch_{batch}.csv"));
        let mut report = Self { file: Csv::create(path, &HEADER)?, date, batch, balances: Balances::new() };
        let before = format!("Balancetransfer from batch {}", batch_number(date - Days::new(1)));
        for (currency, balance) in left {
            report.batch_row(midnight(date), "Balancetransfer", "Balancetransfer", (currency, balance), &before)?;
        }
        Ok(report)
    }

    pub(super) fn write(&mut self, movement: &Movement) -> Result<()> {
        let kind = match movement.kind {
            Kind::Payment => "Settled",
            Kind::Refund => "Refunded",
            Kind::Chargeback => "Chargeback",
            Kind::ChargebackReversal => "ChargebackReversed",
        };
        let (method, variant) = method(&movement.order.card, movement.order.salt);
        // A capture has a reference of its own; refunds and chargebacks bring theirs.
        let modification = match movement.kind {
            Kind::Payment if movement.own_reference == movement.provider_reference => movement.order.provider_reference(1),
            _ => movement.own_reference.clone(),
        };
        // A payment costs a commission, a chargeback a markup.
        let fee = if movement.fee == Amount::ZERO { String::new() } else { movement.fee.to_string() };
        let (commission, markup) = if movement.kind == Kind::Payment { (fee, String::new()) } else { (String::new(), fee) };
        self.row(&Row {
            reference: &movement.provider_reference,
            order: &movement.merchant_reference,
            method: &method,
            at: movement.at,
            kind,
            modification: &modification,
            gross: Some((movement.currency, movement.gross)),
            net: (movement.currency, movement.net()),
            commission: &commission,
            markup: &markup,
            variant: &variant,
            refund: &movement.merchant_refund_reference,
        })
    }

    /// Lines of the report, closed at zero, and what the next batch opens with; what it pays out goes to `payouts`.
    pub(super) fn finish(mut self, payouts: &mut Vec<Payout>) -> Result<(u64, Balances)> {
        /// Less is not worth a transfer to the bank.
        const LEAST_PAYOUT: u32 = 10_000;
        let fees = format!("Transaction Fees {}", self.date.format("%B   %d %Y"));
        let closing = midnight(self.date) + Duration::hours(23);
        self.batch_row(closing, "Fee", &fees, ("EUR", -cents(180)), "")?;
        let payout = format!("TX{}XT batch {}, {ACCOUNT}", self.date.format("%Y%m%d"), self.batch);
        let after = format!("Balancetransfer to batch {}", batch_number(self.date + Days::new(1)));
        let mut left = Balances::new();
        for (currency, balance) in self.balances.clone() {
            if balance >= cents(LEAST_PAYOUT) {
                self.batch_row(closing, "MerchantPayout", &payout, (currency, -balance), "")?;
                payouts.push(Payout {
                    provider: Provider::Adyen,
                    currency,
                    expected: balance,
                    paid: balance,
                    text: format!("ADYEN N.V. TX{}XT BATCH {}", self.date.format("%Y%m%d"), self.batch),
                    due_after: 0,
                    comes_after: 1,
                });
            } else if balance != Amount::ZERO {
                self.batch_row(closing, "Balancetransfer", "Balancetransfer", (currency, -balance), &after)?;
                left.insert(currency, balance);
            }
        }
        debug_assert!(self.balances.values().all(|balance| *balance == Amount::ZERO), "a batch closes at zero");
        Ok((self.file.finish()?, left))
    }

    /// A line that belongs to no payment.
    fn batch_row(&mut self, at: NaiveDateTime, kind: &str, what: &str, net: (&'static str, Amount), note: &str) -> Result<()> {
        self.row(&Row {
            reference: "",
            order: "",
            method: "",
            at,
            kind,
            modification: what,
            gross: None,
            net,
            commission: "",
            markup: "",
            variant: "",
            refund: note,
        })
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let at = in_amsterdam(row.at);
        let (currency, net) = row.net;
        *self.balances.entry(currency).or_default() += net;
        let (net_debit, net_credit) = sides(net);
        let (gross_currency, gross) = row.gross.unwrap_or_default();
        let (gross_debit, gross_credit) = sides(gross);
        self.file.row(&[
            COMPANY,
            ACCOUNT,
            row.reference,
            row.order,
            row.method,
            &at.format("%Y-%m-%d %H:%M:%S").to_string(),
            &at.format("%Z").to_string(),
            row.kind,
            row.modification,
            gross_currency,
            &gross_debit,
            &gross_credit,
            if row.gross.is_some() { "1" } else { "" },
            currency,
            &net_debit,
            &net_credit,
            row.commission,
            row.markup,
            "",
            "",
            row.variant,
            row.refund,
            &self.batch,
            "",
            "",
            "",
            "",
            "",
            "",
            "",
        ])
    }
}

/// One line, before it is text.
struct Row<'a> {
    reference: &'a str,
    order: &'a str,
    method: &'a str,
    /// By the clocks of Shanghai.
    at: NaiveDateTime,
    kind: &'a str,
    modification: &'a str,
    gross: Option<(&'static str, Amount)>,
    net: (&'static str, Amount),
    commission: &'a str,
    markup: &'a str,
    variant: &'a str,
    refund: &'a str,
}

/// Adyen has no signs: debit is money from the merchant, credit is money to it. One of the two is empty.
fn sides(amount: Amount) -> (String, String) {
    match amount {
        Amount::ZERO => (String::new(), String::new()),
        Amount(..0) => (amount.abs().to_string(), String::new()),
        _ => (String::new(), amount.to_string()),
    }
}

/// Payment method and its variant. A wallet is a suffix of either: Adyen is not of one mind, so neither is the sample.
fn method(card: &Card, salt: u32) -> (String, String) {
    let brand = if card.brand == "mastercard" { "mc" } else { card.brand };
    let wallet = card.wallet.replace('_', "");
    match (card.wallet, salt % 2) {
        ("", _) => {
            let variant = match (brand, card.funding) {
                ("visa", "debit") => "visastandarddebit",
                ("visa", _) => "visastandardcredit",
                ("mc", "debit") => "mcdebit",
                ("mc", _) => "mccredit",
                _ => brand,
            };
            (brand.to_owned(), variant.to_owned())
        }
        (_, 0) => (brand.to_owned(), format!("{brand}_{wallet}")),
        _ => (format!("{brand}_{wallet}"), String::new()),
    }
}

fn batch_number(date: NaiveDate) -> String {
    date.format("%m%d").to_string()
}

fn in_amsterdam(shanghai: NaiveDateTime) -> DateTime<Tz> {
    (shanghai - Duration::hours(8)).and_utc().with_timezone(&Amsterdam)
}
