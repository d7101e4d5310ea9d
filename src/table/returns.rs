//! `returns`: payments of which money was given back.

use super::column::Type::{Amount, Date, Text, Word};
use super::column::{Table, optional, required};

/// One row per payment of which money was given back tonight, and per one whose returns are a break that is still open;
/// of a payment returned in two currencies, one a currency.
///
/// Amounts are what the customer was charged and given back, as where pairs are compared.
pub static RETURNS: Table = Table {
    name: "returns",
    grain: "payment of which money was given back tonight, or whose returns are an open break",
    key: &["provider", "account", "payment_id", "currency"],
    source: "`entries` of this night and of those before",
    columns: &[
        required("payment_id", Text, "Identity of the payment, from what it is called; the same on every night.")
            .source("computed of what the payment is called"),
        required("business_date", Date, "The night of this close."),
        required("provider", Word, "Who states it."),
        required("account", Word, "The merchant's account with the provider."),
        required("currency", Word, "Currency of the amounts, ISO 4217."),
        required(
            "state",
            Word,
            "partly (something of the payment is left), wholly (nothing is), exceeds (more was given back than paid), unlinked \
             (no night that could have the payment has it), unknown (it may be of a night the lake does not have), or \
             other_currency (it was paid in another).",
        ),
        optional("merchant_reference", Text, "The merchant's identifier of the payment.")
            .source("`entries`, `attempts`, `refunds`"),
        optional("provider_reference", Text, "The provider's identifier of the payment."),
        optional(
            "other_references",
            Text,
            "What else it is called, by the `provider` or the `merchant`: each with whose word it is, and on a line of its own.",
        )
        .source("`entries`, `attempts`, `refunds`"),
        optional("paid", Amount, "What was paid in this currency; empty where no payment in it is known.").unit("currency"),
        required("refunded", Amount, "What was refunded, less what of it came back.").unit("currency"),
        required("charged_back", Amount, "What was charged back, less what of it was reversed.").unit("currency"),
        required("given_back", Amount, "Both together.").unit("currency"),
        optional("remaining", Amount, "Paid less given back; negative where more was given back than paid.").unit("currency"),
        optional("payments", Text, "What was paid: entry, night, currency and amount, each on a line of its own."),
        required("returns", Text, "What was given back: entry, night, kind and amount, each on a line of its own."),
        required("first_seen", Date, "The first night something of it was given back."),
        required("last_seen", Date, "The last night something of it was given back."),
    ],
};
