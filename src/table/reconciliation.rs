//! `matches`, `breaks`, `open_items`, `rollforward`: what comparing the two sides says.

use super::column::Type::{Amount, Count, Date, Instant, Text, Word};
use super::column::{COMPARISON, Table, optional, required};

/// Where what a break says comes from.
const FOUND: &str = "comparison of the two sides, fees, payouts and returns";

/// One row per link between an entry and a record.
pub static MATCHES: Table = Table {
    name: "matches",
    grain: "link between an entry and a record that agree",
    key: &["kind", "attempt_id", "refund_id", "entry_id"],
    source: "`entries`",
    columns: &[
        required("match_id", Text, "Identity of the match; shared by all links of one group.").source(COMPARISON),
        required("business_date", Date, "The night that found it."),
        required("kind", Word, "payment or refund.").source(COMPARISON),
        required("pass", Word, "The rule that found it.").source(COMPARISON),
        required("cardinality", Word, "Entries to records: 1:1, or of a group such as 2:1.").source(COMPARISON),
        optional("entry_id", Text, "The entry, each once; empty on a link of a group with more records than entries."),
        optional("order_id", Text, "The order.").source("`attempts`, `refunds`"),
        optional("attempt_id", Text, "The attempt, for a payment.").source("`attempts`, `refunds`"),
        optional("refund_id", Text, "The refund, for a refund.").source("`attempts`, `refunds`"),
        required("provider", Word, "Who states the entry."),
        required("account", Word, "The merchant's account with the provider."),
        optional("merchant_reference", Text, "The merchant's identifier of the payment."),
        optional("provider_reference", Text, "The provider's identifier of the movement."),
        required("currency", Word, "Currency the two are compared in."),
        required(
            "merchant_amount",
            Amount,
            "What the merchant recorded; negative for a refund. Of a group the part that is linked: its links add up to it.",
        )
        .unit("currency")
        .source("`attempts`, `refunds`"),
        required("provider_amount", Amount, "What the provider states, or of a group the part that is linked.").unit("currency"),
        required("difference", Amount, "Provider less merchant; within tolerance, or it were a break.")
            .unit("currency")
            .source(COMPARISON),
        required("fee", Amount, "Charged by the provider, in the currency that settles.").unit("the entry's currency"),
        required("occurred_at", Instant, "When it happened, as the provider dates it."),
        required("settled_after_days", Count, "Days between the record and the night that matched it.")
            .unit("days")
            .source(COMPARISON),
    ],
};

/// One row per break known at the close.
pub static BREAKS: Table = Table {
    name: "breaks",
    grain: "break known at the close",
    key: &["break_id"],
    source: "the entry, record, payout or bank line it is about",
    columns: &[
        required("break_id", Text, "Identity of the break; the same every night it is known.")
            .source("computed of the break's type and what it is about"),
        required("business_date", Date, "The night of this close."),
        required("break_type", Word, "What is wrong.").source(FOUND),
        required("state", Word, "waiting (inside the expected settlement lag), open, cleared, or resolved.").source(FOUND),
        optional("provider", Word, "Provider it is about."),
        optional("account", Word, "Account with the provider."),
        optional("merchant_reference", Text, "The merchant's identifier of the payment."),
        optional("provider_reference", Text, "The provider's identifier of the movement."),
        optional("order_id", Text, "The order."),
        optional("attempt_id", Text, "The attempt."),
        optional("refund_id", Text, "The refund."),
        optional("entry_id", Text, "The entry."),
        required("currency", Word, "Currency of the amounts."),
        optional("merchant_amount", Amount, "What the merchant recorded.").unit("currency"),
        optional("provider_amount", Amount, "What the provider states.").unit("currency"),
        required(
            "difference",
            Amount,
            "Provider less merchant; for a fee, contracted less charged. Negative costs the merchant.",
        )
        .unit("currency")
        .source(FOUND),
        required("first_seen", Date, "The night that found it.").source("`breaks` of the nights before"),
        optional("cleared_on", Date, "The night that cleared it.").source(FOUND),
        required("age_days", Count, "Days from the first night to this one.")
            .unit("days")
            .source("computed of first_seen and business_date"),
        required("age_bucket", Word, "0-1, 2-3, 4-7, 8-30 or >30 days.").source("computed of age_days"),
        required("severity", Word, "low, medium, high or critical, by amount and age.")
            .source("limits of the job, on what is at stake and age_days"),
        required("suggested_action", Word, "What to do first.").source("computed of break_type"),
        optional("resolution", Word, "How a person resolved it: the action, why and who, as `accept: known to us (Ann)`.")
            .source("the job's resolutions"),
        optional(
            "detail",
            Text,
            "What else there is to know: other candidates, the fee contracted, a second difference, why a resolution is void.",
        )
        .source(FOUND),
    ],
};

/// One row per item carried to the next night.
///
/// Also the shape in which both sides enter matching: a night's own items and those carried in are the same thing.
pub static OPEN_ITEMS: Table = Table {
    name: "open_items",
    grain: "entry or record carried to the next night",
    key: &["side", "id", "kind"],
    source: "`entries`, `attempts`, `refunds`, and `open_items` of the night before",
    columns: &[
        required("side", Word, "provider or merchant."),
        required("id", Text, "entry_id, attempt_id or refund_id."),
        required("business_date", Date, "The night of this close."),
        required("kind", Word, "payment or refund."),
        optional("provider", Word, "Provider it is about."),
        optional("account", Word, "Account with the provider."),
        optional("order_id", Text, "The order, on the merchant's side."),
        optional("merchant_reference", Text, "The merchant's identifier of the payment."),
        optional("provider_reference", Text, "The provider's identifier of the movement."),
        optional("merchant_refund_reference", Text, "The merchant's identifier of the refund."),
        required("currency", Word, "Currency of the amount."),
        required("amount", Amount, "What is compared: what the customer was charged; negative for a refund.").unit("currency"),
        required("status", Word, "What its side says of it: succeeded, pending, failed and so on."),
        required("occurred_at", Instant, "When it happened, as its side dates it."),
        optional("settled_currency", Word, "Currency that settles, on the provider's side."),
        optional("gross", Amount, "What settles before fees, on the provider's side.").unit("settled_currency"),
        optional("fee", Amount, "Charged, on the provider's side.").unit("settled_currency"),
        optional("fee_rule", Word, "The rule of the provider's contract that prices it, on the provider's side."),
        optional("fee_contracted", Amount, "The fee by that rule.").unit("settled_currency"),
        required("first_seen", Date, "The night that read it; of what was stated again, the first."),
        required("expected_by", Date, "The night by which its counterpart is expected.")
            .source("`settles_in` of the job, by its calendar"),
    ],
};

/// One row per provider, currency and break type.
pub static ROLLFORWARD: Table = Table {
    name: "rollforward",
    grain: "provider, currency and break type",
    key: &["provider", "currency", "break_type"],
    source: "`breaks` of this night and of the one before",
    columns: &[
        required("business_date", Date, "The night of this close."),
        optional("provider", Word, "Provider the breaks are about."),
        required("currency", Word, "Currency of the amounts."),
        required("break_type", Word, "What is wrong."),
        required("opening", Count, "Breaks open when the night began.").unit("breaks"),
        required("new", Count, "Breaks this night found; one whose item was restated, with what it says now.").unit("breaks"),
        required("cleared", Count, "Breaks whose counterpart arrived; one whose item was restated, with what it said before.")
            .unit("breaks"),
        required("resolved", Count, "Breaks a person resolved, each on the first night that has it so.").unit("breaks"),
        required("closing", Count, "Breaks open when the night closed: opening + new − cleared − resolved.").unit("breaks"),
        required("opening_amount", Amount, "Sum of their differences.").unit("currency"),
        required("new_amount", Amount, "Sum of their differences.").unit("currency"),
        required("cleared_amount", Amount, "Sum of their differences.").unit("currency"),
        required("resolved_amount", Amount, "Sum of their differences.").unit("currency"),
        required("closing_amount", Amount, "Sum of their differences.").unit("currency"),
    ],
};
