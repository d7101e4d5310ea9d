//! `entries`: what the providers state.

use super::column::Type::{Amount, Count, Date, Instant, Rate, Text, Word};
use super::column::{COMPARISON, Table, optional, required};

/// The kinds an entry may have. A provider's own word is mapped to one of these by its format.
pub const KINDS: [&str; 16] = [
    "payment",
    "refund",
    "refund_reversal",
    "chargeback",
    "chargeback_reversal",
    "fee",
    "fee_refund",
    "payout",
    "payout_reversal",
    "transfer",
    "fx_conversion",
    "adjustment",
    "reserve_hold",
    "reserve_release",
    "tax",
    "info",
];

/// One row per line of a provider file that states or moves money.
///
/// Signs: positive is money to the merchant; a fee is positive when it costs; `net = gross − fee`.
pub static ENTRIES: Table = Table {
    name: "entries",
    grain: "line of a provider file that states or moves money",
    key: &["provider", "occurred_at", "entry_id"],
    source: "provider's file, by its format",
    columns: &[
        required(
            "entry_id",
            Text,
            "Identity of the entry, from the provider's own identifiers; the same in every re-run and every copy of the file.",
        )
        .source("computed of provider, account, kind and the format's `identity`"),
        required("business_date", Date, "The night that booked it."),
        required("provider", Word, "Who states it.").source("job"),
        required("account", Word, "The merchant's account with the provider.").source("job"),
        required("kind", Word, "What it is: payment, refund, chargeback, fee, payout and so on."),
        optional("provider_reference", Text, "The provider's identifier of this movement."),
        optional("original_reference", Text, "The provider's identifier of the payment a refund or chargeback belongs to."),
        optional("merchant_reference", Text, "The merchant's identifier of the payment, as the provider was given it."),
        optional("merchant_refund_reference", Text, "The merchant's identifier of the refund, as the provider was given it."),
        optional("batch_reference", Word, "The settlement batch or payout it belongs to."),
        optional("method", Word, "Method of payment: card, wallet, bank_transfer and so on."),
        optional("wallet", Word, "Wallet the customer paid with: alipay, wechat_pay, apple_pay, google_pay."),
        optional("card_brand", Word, "Brand of the card: visa, mastercard, amex and so on."),
        optional("card_funding", Word, "Funding of the card: credit, debit, prepaid."),
        optional("card_country", Word, "Country of the bank that issued the card, ISO 3166."),
        required("currency", Word, "Currency that settles, ISO 4217."),
        required("gross", Amount, "What settles before fees.").unit("currency"),
        required("fee", Amount, "Charged on this line; positive when it costs.").unit("currency"),
        required("net", Amount, "What settles: gross less fee.").unit("currency"),
        optional("fee_rule", Word, "The rule of the provider's contract that prices this line; empty where none does.")
            .source("contract in the job"),
        optional(
            "fee_contracted",
            Amount,
            "The fee by that rule, tax on it included; empty where none does, or where the rule is rounded by batch.",
        )
        .unit("currency")
        .source("contract in the job"),
        optional("customer_amount", Amount, "What the customer was charged, or given back when negative.")
            .unit("customer_currency"),
        optional("customer_currency", Word, "Currency the customer was charged in, ISO 4217."),
        optional("merchant_discount", Amount, "Promotion paid by the merchant.").unit("customer_currency"),
        optional("provider_discount", Amount, "Promotion paid by the provider or a third party.").unit("customer_currency"),
        optional("exchange_rate", Rate, "Settled currency per unit of customer currency, as stated.")
            .unit("currency per customer_currency"),
        required("occurred_at", Instant, "When it happened, as the provider dates it."),
        optional("available_on", Date, "When the money becomes available."),
        optional("provider_status", Word, "The provider's own word for the line's type or status."),
        required("outcome", Word, "Where the entry ended: match, break, waiting, or excluded.").source(COMPARISON),
        optional("outcome_reason", Word, "Break type, or why it was excluded.").source(COMPARISON),
        required("file_id", Word, "The file it was read from."),
        required("line", Count, "Its line in that file, counted from one.").unit("number of the line"),
    ],
};
