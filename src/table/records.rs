//! `orders`, `attempts`, `refunds`: what the merchant states.

use super::column::Type::{Amount, Count, Date, Flag, Instant, Text, Word};
use super::column::{COMPARISON, Table, optional, required};

/// One row per order.
pub static ORDERS: Table = Table {
    name: "orders",
    grain: "order the merchant recorded",
    key: &["order_id"],
    source: "merchant's file or query, by its format",
    columns: &[
        required("order_id", Text, "The merchant's identifier of the order."),
        required("business_date", Date, "The night that read it."),
        required("created_at", Instant, "When the customer began."),
        required("amount", Amount, "What is to be paid.").unit("currency"),
        required("currency", Word, "ISO 4217."),
        required("status", Word, "created, paid, expired or cancelled."),
        optional("channel", Word, "Where it was placed: app, web, pos and so on."),
        optional("country", Word, "Country of the customer, ISO 3166."),
        optional("customer_segment", Word, "The merchant's own grouping of customers."),
        required(
            "stated_before",
            Flag,
            "Whether an earlier night stated the same of it: then it counts in the rates of that one alone.",
        )
        .source("`orders` of the nights since it was created"),
        required("file_id", Word, "The file it was read from."),
        required("line", Count, "Its line in that file, counted from one.").unit("number of the line"),
    ],
};

/// One row per try to pay an order.
pub static ATTEMPTS: Table = Table {
    name: "attempts",
    grain: "try to pay an order",
    key: &["attempt_id"],
    source: "merchant's file or query, by its format; `orders` where it records no attempts",
    columns: &[
        required(
            "attempt_id",
            Text,
            "The merchant's identifier of the attempt; the order's where the merchant records no attempts.",
        ),
        required("business_date", Date, "The night that read it."),
        required("order_id", Text, "The order it tries to pay."),
        optional("provider", Word, "Who was asked; empty where the merchant records no attempts."),
        optional("merchant_reference", Text, "What the provider was given to identify it."),
        optional("provider_reference", Text, "The provider's identifier, as the merchant learned it."),
        optional("method", Word, "Method of payment: card, wallet, bank_transfer and so on."),
        optional("wallet", Word, "Wallet: alipay, wechat_pay, apple_pay, google_pay."),
        optional("card_brand", Word, "Brand of the card."),
        optional("card_funding", Word, "Funding of the card: credit, debit, prepaid."),
        required("started_at", Instant, "When it was started."),
        optional("finished_at", Instant, "When it reached its last status."),
        optional(
            "stage",
            Word,
            "Last stage reached: method_selected, submitted, authentication, redirected, processing, completed.",
        ),
        required("status", Word, "initiated, pending, succeeded, failed, expired or cancelled."),
        optional("failure_code", Word, "The provider's code, where it failed."),
        required("amount", Amount, "What was to be paid.").unit("currency"),
        required("currency", Word, "ISO 4217."),
        required("outcome", Word, "Where the attempt ended: match, break, waiting, or excluded.").source(COMPARISON),
        optional("outcome_reason", Word, "Break type, or why it was excluded.").source(COMPARISON),
        required("file_id", Word, "The file it was read from."),
        required("line", Count, "Its line in that file, counted from one.").unit("number of the line"),
    ],
};

/// One row per refund the merchant asked for.
pub static REFUNDS: Table = Table {
    name: "refunds",
    grain: "refund the merchant asked for",
    key: &["refund_id"],
    source: "merchant's file or query, by its format",
    columns: &[
        required("refund_id", Text, "The merchant's identifier of the refund."),
        required("business_date", Date, "The night that read it."),
        optional("order_id", Text, "The order it gives money back for."),
        optional("provider", Word, "Who was asked."),
        optional("merchant_reference", Text, "What the provider was given to identify the payment."),
        optional("merchant_refund_reference", Text, "What the provider was given to identify the refund."),
        optional("provider_reference", Text, "The provider's identifier of the refund, as the merchant learned it."),
        required("requested_at", Instant, "When it was asked for."),
        required("amount", Amount, "What is given back, positive.").unit("currency"),
        required("currency", Word, "ISO 4217."),
        required("status", Word, "pending, succeeded, failed or cancelled."),
        required("outcome", Word, "Where the refund ended: match, break, waiting, or excluded.").source(COMPARISON),
        optional("outcome_reason", Word, "Break type, or why it was excluded.").source(COMPARISON),
        required("file_id", Word, "The file it was read from."),
        required("line", Count, "Its line in that file, counted from one.").unit("number of the line"),
    ],
};
