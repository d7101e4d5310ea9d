//! `bank_lines`: what the merchant's banks state.

use super::column::Type::{Amount, Count, Date, Rate, Text, Word};
use super::column::{Table, optional, required};

/// One row per line of a bank statement.
///
/// Signs: positive is money to the merchant.
pub static BANK_LINES: Table = Table {
    name: "bank_lines",
    grain: "line of a bank statement",
    key: &["bank", "booked_on", "bank_line_id"],
    source: "bank's statement, by its format",
    columns: &[
        required(
            "bank_line_id",
            Text,
            "Identity of the line, from what the bank says of it; the same in every re-run and every copy of the statement.",
        )
        .source("computed of what the bank says of the line"),
        required("business_date", Date, "The night that read it."),
        required("bank", Word, "The bank, by its name in the job.").source("job"),
        required("account", Word, "The merchant's account with the bank, as the job writes it.").source("job"),
        optional("statement_reference", Word, "The bank's number of the statement, the same on all its pages."),
        optional("line_reference", Text, "The bank's reference of the line; several lines of one batch may share it."),
        optional("end_to_end_reference", Text, "What the payer gave the payment to carry from end to end."),
        optional("customer_reference", Text, "The merchant's own reference, as the bank was given it or the payer states it."),
        optional("transaction_code", Word, "What kind of transaction it is, in the bank's code."),
        required("status", Word, "booked, pending or information; only booked lines are in the balance."),
        required("currency", Word, "Currency of the account, ISO 4217."),
        required("amount", Amount, "What it adds to the account; negative when it takes off.").unit("currency"),
        optional("booked_on", Date, "The day the bank booked it, as the bank dates it."),
        optional("value_on", Date, "The day it counts for interest."),
        optional("instructed_amount", Amount, "What the payer ordered, without a sign.").unit("instructed_currency"),
        optional("instructed_currency", Word, "Currency the payer ordered in, ISO 4217."),
        optional("exchange_rate", Rate, "Rate between the two currencies, as the bank states it.")
            .unit("one of the two currencies per unit of the other"),
        optional(
            "text",
            Text,
            "What the payer wrote, or else the bank; card numbers, addresses and telephone numbers are masked.",
        ),
        required(
            "outcome",
            Word,
            "Where the line ended tonight: payout (it is one, or several), break, waiting for a payout, or excluded.",
        )
        .source("comparison of `payouts` with the banks' lines"),
        optional(
            "outcome_reason",
            Word,
            "How it met its payout, the break type, or why it was excluded: not_booked, nothing, or unwatched.",
        )
        .source("comparison of `payouts` with the banks' lines"),
        required("file_id", Word, "The file it was read from."),
        required("line", Count, "Its line in that file, counted from one.").unit("number of the line"),
    ],
};
