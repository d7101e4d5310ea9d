//! `payouts`, `open_bank_lines`: what providers pay out, and what of it is in the bank.

use super::column::Type::{Amount, Count, Date, Text, Word};
use super::column::{Table, optional, required};

/// One row per settlement batch or payout known at the close: those a night's entries speak of, and those the night
/// before left unfinished.
///
/// `expected` is what its lines add up to, `stated` what the provider says it pays; what is left is the `residual`.
pub static PAYOUTS: Table = Table {
    name: "payouts",
    grain: "settlement batch or payout known at the close",
    key: &["provider", "account", "reference", "currency"],
    source: "`entries`, and `payouts` of the night before",
    columns: &[
        required("payout_id", Text, "Identity of the payout; the same every night it is known.")
            .source("computed of provider, account, reference and currency"),
        required("business_date", Date, "The night of this close."),
        required("provider", Word, "Who pays."),
        required("account", Word, "The merchant's account with the provider."),
        required("reference", Text, "The batch its lines name, or else what the provider calls the payout."),
        optional("other_references", Text, "What else it is called in any line, each once and on a line of its own."),
        required("currency", Word, "Currency that settles, ISO 4217."),
        required(
            "state",
            Word,
            "unstated (lines of which no payout is stated yet), stated (of a job without a bank), nothing_to_pay, waiting \
             (for the bank, in time), not_in_bank, ambiguous (several lines or payouts fit), or in_bank.",
        )
        .source("comparison with `bank_lines`"),
        required("lines", Count, "Lines it is made of, over all nights; payouts themselves and kind info are none.")
            .unit("entries"),
        required("gross", Amount, "Gross of the payments among them.").unit("currency"),
        required("refunds", Amount, "Gross of refunds and of refunds that came back; negative as a rule.").unit("currency"),
        required("chargebacks", Amount, "Gross of chargebacks and of those reversed; negative as a rule.").unit("currency"),
        required(
            "fees",
            Amount,
            "Charged on lines, on the payout, and as lines of their own (kinds fee, fee_refund, tax); positive when they cost.",
        )
        .unit("currency"),
        required("other", Amount, "Gross of all other lines: transfers, reserves, adjustments, conversions.").unit("currency"),
        required("expected", Amount, "What its lines add up to: gross + refunds + chargebacks − fees + other.").unit("currency"),
        optional("stated", Amount, "What the provider says it pays; empty where it does not say.").unit("currency"),
        optional(
            "statements",
            Text,
            "What is in it: what the provider calls a payout and its amount, each on a line of its own.",
        ),
        optional("residual", Amount, "Stated less expected; empty without lines, or where nothing is stated.").unit("currency"),
        optional("paid_on", Date, "The day the money is due, or else the day the payout happened."),
        optional("pass", Word, "How it met the bank: reference, amount_and_date or subset_sum.")
            .source("comparison with `bank_lines`"),
        optional("bank", Word, "The bank, by its name in the job.").source("`bank_lines`"),
        optional("bank_line_ids", Text, "The lines of the bank's statement, a space between them.").source("`bank_lines`"),
        optional("bank_reference", Text, "What the bank calls the first of them.").source("`bank_lines`"),
        optional("bank_amount", Amount, "What of those lines is this payout: they add up to their payouts.")
            .unit("currency")
            .source("`bank_lines`"),
        optional("booked_on", Date, "The day the bank booked the last of them.").source("`bank_lines`"),
        required("first_seen", Date, "The night that first heard of it."),
        required("expected_by", Date, "The night by which the bank should have it.").source("the job, by its calendar"),
    ],
};

/// One row per booked line of a bank statement that no payout explains yet: it enters the next night.
pub static OPEN_BANK_LINES: Table = Table {
    name: "open_bank_lines",
    grain: "booked bank line carried to the next night",
    key: &["bank", "bank_line_id"],
    source: "`bank_lines`, and `open_bank_lines` of the night before",
    columns: &[
        required("bank_line_id", Text, "Identity of the line, as in `bank_lines`."),
        required("business_date", Date, "The night of this close."),
        required("bank", Word, "The bank, by its name in the job."),
        required("account", Word, "The merchant's account with the bank."),
        optional("line_reference", Text, "The bank's reference of the line."),
        optional("end_to_end_reference", Text, "What the payer gave the payment to carry from end to end."),
        optional("customer_reference", Text, "The merchant's own reference, or the payer's."),
        optional("text", Text, "What the payer wrote, or else the bank."),
        required("currency", Word, "Currency of the account, ISO 4217."),
        required("amount", Amount, "What it adds to the account.").unit("currency"),
        required("booked_on", Date, "The day the bank booked it; the night that read it where it does not say."),
        required("first_seen", Date, "The night that read it."),
        required("expected_by", Date, "The night by which a payout should explain it.").source("the job, by its calendar"),
    ],
};
