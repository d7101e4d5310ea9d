//! `fees`: what the providers charge, against what their contracts say.

use super::column::Type::{Amount, Count, Date, Rate, Word};
use super::column::{Table, optional, required};

/// The columns that identify a row.
pub const KEY: [&str; 9] =
    ["provider", "account", "method", "wallet", "card_brand", "card_funding", "rule", "batch_reference", "currency"];

/// One row per provider, account, what was paid with, rule of the contract, and currency: every entry of the night is
/// in exactly one.
///
/// A rule that is rounded by batch has a row a batch, whatever was paid with. A rule with tiers has a row every night
/// of a month in which it has volume, or had in the month before: the next night finds the volume there.
pub static FEES: Table = Table {
    name: "fees",
    grain: "provider, account, method, wallet, card brand, funding, rule, batch and currency",
    key: &KEY,
    source: "`entries`",
    columns: &[
        required("business_date", Date, "The night that booked the entries."),
        required("provider", Word, "Who charges."),
        required("account", Word, "The merchant's account with the provider."),
        optional("method", Word, "Method of payment; empty for fees that are lines of their own."),
        optional("wallet", Word, "Wallet the customer paid with."),
        optional("card_brand", Word, "Brand of the card."),
        optional("card_funding", Word, "Funding of the card: credit, debit, prepaid."),
        optional("rule", Word, "The rule of the contract; empty where none says anything of these entries.")
            .source("contract in the job"),
        optional(
            "batch_reference",
            Word,
            "The batch, of a rule that is rounded by batch; empty text where its entries name none.",
        ),
        required("currency", Word, "Currency that settles, ISO 4217."),
        required("entries", Count, "Entries, of any kind.").unit("entries"),
        required("gross", Amount, "What they settle before fees.").unit("currency"),
        required("volume", Amount, "Gross of the payments among them.").unit("currency"),
        required("charged", Amount, "Fees on these entries.").unit("currency"),
        required(
            "billed",
            Amount,
            "Fees that are entries of their own: kinds fee, fee_refund and tax, their gross with the other sign.",
        )
        .unit("currency"),
        optional("contracted", Amount, "The fees on these entries by contract, with tax; empty without a rule.")
            .unit("currency")
            .source("`entries`, by the contract in the job"),
        optional("tax", Amount, "The tax in what is contracted.")
            .unit("currency")
            .source("`entries`, by the contract in the job"),
        optional("difference", Amount, "Contracted less charged: negative costs the merchant.")
            .unit("currency")
            .source("`entries`, by the contract in the job"),
        optional(
            "effective_rate",
            Rate,
            "Charged and billed for each unit of volume, the last digit rounded half to even; empty without volume. \
             That of several rows is the sum of charged and billed by the sum of volume.",
        )
        .unit("share of volume"),
        optional(
            "month_volume",
            Amount,
            "Volume of the rule this month in this currency, this night included: the same in all rows of the rule, \
             empty for rules without tiers.",
        )
        .unit("currency")
        .source("`entries`, and `fees` of the night before"),
        optional("last_month_volume", Amount, "Volume of the rule the month before, likewise.")
            .unit("currency")
            .source("`fees` of the nights before"),
    ],
};
