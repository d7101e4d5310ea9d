//! How each number is defined.

use super::html::Html;
use super::section::folded;
use super::words::Words;

/// What is defined, under its heading: keys of words, or lists of them of which each word has a meaning.
pub(in crate::report) const DEFINED: [(&str, &[&str]); 5] = [
    (
        "money",
        &[
            "amount",
            "sign",
            "gross",
            "fee",
            "net",
            "difference",
            "at_stake",
            "ties",
            "rollforward",
            "leakage",
            "effective_rate",
            "residual",
        ],
    ),
    ("breaks", &["states", "age", "severity", "identity"]),
    ("rates", &["interval", "pending", "immature", "enough", "baseline", "q_value", "mix", "funnel", "abandonment", "recovered"]),
    ("metrics", METRICS),
    ("types", TYPES),
];

/// The rates that have a definition.
const METRICS: &[&str] = &[
    "attempt_success_raw",
    "issuer_auth_rate",
    "acceptance_rate",
    "first_attempt_rate",
    "group_success_rate",
    "order_success_rate",
    "order_capture_rate",
    "checkout_conversion",
    "confirmation_rate",
    "post_confirm_success",
    "abandonment_rate",
    "retry_recovery_rate",
    "settled_success_rate",
    "false_success",
    "false_failure",
];

/// The types of breaks that have a definition.
pub(in crate::report) const TYPES: &[&str] = &[
    "missing_in_provider",
    "missing_in_merchant",
    "amount_mismatch",
    "fee_mismatch",
    "currency_mismatch",
    "false_failure",
    "duplicate_in_provider",
    "duplicate_in_merchant",
    "ambiguous",
    "refund_missing_in_provider",
    "refund_missing_in_merchant",
    "refund_amount_mismatch",
    "refund_exceeds_payment",
    "refund_unlinked",
    "chargeback",
    "chargeback_reversed",
    "payout_residual",
    "payout_not_in_bank",
    "bank_unexplained",
    "fx_variance",
    "out_of_period",
    "restated",
];

pub(super) fn write(words: &Words, html: &mut Html) {
    for (heading, terms) in DEFINED {
        folded(html, words.say(&format!("definitions.{heading}")), |html| {
            html.raw("<dl class=\"terms\">");
            for term in terms {
                let (name, meaning) = match heading {
                    "metrics" => (words.say(&format!("metric.{term}")), words.say(&format!("metric_is.{term}"))),
                    "types" => (words.say(&format!("break_type.{term}")), words.say(&format!("break_is.{term}"))),
                    _ => (words.say(&format!("term.{term}")), words.say(&format!("term_is.{term}"))),
                };
                html.raw("<div>").element("dt", name).element("dd", meaning).raw("</div>");
            }
            html.raw("</dl>");
        });
    }
}
