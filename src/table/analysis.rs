//! `funnel`, `success_rates`, `abandonment`, `failure_reasons`: how well customers got through the checkout; `changes` and
//! `rates_history`: what of it changed, and what was said of it before.

use super::column::Type::{Amount, Count, Date, Flag, Instant, Rate, Ratio, Word};
use super::column::{Table, optional, required};

/// One row per hour and combination of dimensions; counts and amounts add up over any of them.
pub static FUNNEL: Table = Table {
    name: "funnel",
    grain: "hour, provider, method, wallet, card brand, funding, currency, channel, country and segment",
    key: &[
        "hour",
        "provider",
        "method",
        "wallet",
        "card_brand",
        "card_funding",
        "currency",
        "channel",
        "country",
        "customer_segment",
    ],
    columns: &[
        required("business_date", Date, "The night of this close."),
        required("hour", Instant, "Hour in which the order was created."),
        optional("provider", Word, "Provider of the order's first attempt; empty where it has none."),
        optional("method", Word, "Method of the order's first attempt."),
        optional("wallet", Word, "Wallet of the order's first attempt."),
        optional("card_brand", Word, "Card brand of the order's first attempt."),
        optional("card_funding", Word, "Card funding of the order's first attempt."),
        required("currency", Word, "Currency of the order."),
        optional("channel", Word, "Channel of the order."),
        optional("country", Word, "Country of the order."),
        optional("customer_segment", Word, "Segment of the order."),
        required("created", Count, "Orders created.").unit("orders"),
        required("attempted", Count, "Orders with at least one attempt.").unit("orders"),
        required("succeeded", Count, "Orders with at least one attempt that succeeded, by the merchant's record.").unit("orders"),
        required("failed", Count, "Orders without success whose last attempt failed.").unit("orders"),
        required("pending", Count, "Orders without success whose last attempt has no final status.").unit("orders"),
        required("abandoned", Count, "Orders without success, failure or pending attempt: the customer left.").unit("orders"),
        required("cancelled", Count, "Orders without success that the merchant cancelled before any attempt.").unit("orders"),
        required("recovered", Count, "Orders whose first attempt failed and a later one succeeded.").unit("orders"),
        required("settled", Count, "Orders whose payment was found at the provider.").unit("orders"),
        required("attempts", Count, "Attempts of these orders.").unit("attempts"),
        required("created_amount", Amount, "Amount of the orders created.").unit("currency"),
        required("succeeded_amount", Amount, "Amount of the orders that succeeded.").unit("currency"),
        required("settled_amount", Amount, "Amount of the orders found at the provider.").unit("currency"),
    ],
};

/// One row per metric, cut and value.
pub static SUCCESS_RATES: Table = Table {
    name: "success_rates",
    grain: "metric, cut and value",
    key: &["metric", "cut", "value"],
    columns: &[
        required("business_date", Date, "The night of this close."),
        required(
            "metric",
            Word,
            "Which rate: attempt_success_raw, first_attempt_rate, order_success_rate, settled_success_rate.",
        ),
        required("cut", Word, "The dimension it is cut by, or `all`."),
        required("value", Word, "The value of that dimension, or `all`; empty text where the dimension is not stated."),
        required("numerator", Count, "Successes."),
        required("denominator", Count, "What they are counted of."),
        required("excluded", Count, "Left out of the denominator, other than pending."),
        required("pending", Count, "Without a final status: left out, never counted as failure."),
        optional("rate", Ratio, "Numerator ÷ denominator; empty where the denominator is zero."),
        optional("low", Ratio, "Lower end of the 95 % Wilson interval."),
        optional("high", Ratio, "Upper end of the 95 % Wilson interval."),
        optional("baseline", Ratio, "The rate over the same weekday of the four weeks before; empty where none of them stands."),
        optional("change", Ratio, "Rate less baseline."),
        optional("q_value", Ratio, "False-discovery rate of the change, among all looked at; empty where too few were counted."),
        required("mature", Flag, "Whether every counted item had the time to end."),
    ],
};

/// One row per metric, cut and value, tonight or in the baseline.
pub static CHANGES: Table = Table {
    name: "changes",
    grain: "metric, cut and value that tonight or its baseline has",
    key: &["metric", "cut", "value"],
    columns: &[
        required("business_date", Date, "The night of this close."),
        required(
            "rank",
            Count,
            "1 is what changed most: what is flagged, by how little chance explains it, then the rest by impact.",
        ),
        required("metric", Word, "Which rate, as in `success_rates`."),
        required("cut", Word, "What it is cut by, or `all`."),
        required("value", Word, "The value there, or `all`; empty text where it is not stated."),
        required("numerator", Count, "Successes tonight."),
        required("denominator", Count, "What they are counted of."),
        optional("rate", Ratio, "Numerator ÷ denominator; empty where only the baseline has it."),
        required("baseline_numerator", Count, "Successes on the same weekday of the four weeks before, together."),
        required("baseline_denominator", Count, "What they are counted of."),
        optional("baseline", Ratio, "Their rate; empty where only tonight has it."),
        optional("change", Rate, "Rate less baseline, rounded half away from zero."),
        optional(
            "p_value",
            Ratio,
            "How likely chance alone makes a change at least as large; empty where too few were counted or have ended.",
        ),
        optional("q_value", Ratio, "False-discovery rate of the change, among all looked at."),
        required("flagged", Flag, "Whether it is as large as the job asks, and its q-value as low."),
        optional("impact", Ratio, "Successes more (or, negative, fewer) than by the baseline rate: change × denominator.")
            .unit("what the metric counts: orders or attempts"),
        optional(
            "mix_part",
            Rate,
            "Of the change of `all`, what comes of this value's other weight; with the rate parts of its cut they add up to it.",
        ),
        optional("rate_part", Rate, "Of the change of `all`, what comes of this value's other rate."),
    ],
};

/// One row per generation, metric, cut and value: the rates of a night, each time it was published.
pub static RATES_HISTORY: Table = Table {
    name: "rates_history",
    grain: "generation, metric, cut and value",
    key: &["generation", "metric", "cut", "value"],
    columns: &[
        required("business_date", Date, "The night of this close."),
        required(
            "generation",
            Count,
            "The generation of the night that published it; when, stands in `meta/audit.jsonl`, and from what, in its manifest.",
        ),
        required("metric", Word, "Which rate, as in `success_rates`."),
        required("cut", Word, "What it is cut by, or `all`."),
        required("value", Word, "The value there, or `all`; empty text where it is not stated."),
        required("numerator", Count, "Successes, as published then."),
        required("denominator", Count, "What they are counted of."),
        required("excluded", Count, "Left out of the denominator, other than pending."),
        required("pending", Count, "Without a final status."),
        optional("rate", Ratio, "Numerator ÷ denominator."),
        optional("low", Ratio, "Lower end of the 95 % Wilson interval."),
        optional("high", Ratio, "Upper end of the 95 % Wilson interval."),
        optional("baseline", Ratio, "The rate it was compared with."),
        optional("change", Ratio, "Rate less baseline."),
        optional("q_value", Ratio, "False-discovery rate of the change."),
        required("mature", Flag, "Whether every counted item had the time to end."),
    ],
};

/// One row per cut, value and stage.
pub static ABANDONMENT: Table = Table {
    name: "abandonment",
    grain: "cut, value, stage and maturity",
    key: &["cut", "value", "stage", "mature"],
    columns: &[
        required("business_date", Date, "The night of this close."),
        required("cut", Word, "The dimension it is cut by, or `all`."),
        required("value", Word, "The value of that dimension, or `all`; empty text where the dimension is not stated."),
        required("stage", Word, "Where the order ended; the stages exclude each other and add up to the orders created."),
        required("orders", Count, "Orders that ended there."),
        optional("share", Ratio, "Of the mature orders of this cut and value; empty where immature."),
        optional("low", Ratio, "Lower end of the 95 % Wilson interval."),
        optional("high", Ratio, "Upper end of the 95 % Wilson interval."),
        required("mature", Flag, "Whether the orders are at least as old as the maturity window."),
    ],
};

/// One row per provider, code and category.
pub static FAILURE_REASONS: Table = Table {
    name: "failure_reasons",
    grain: "provider, failure code, category and currency",
    key: &["provider", "code", "category", "currency"],
    columns: &[
        required("business_date", Date, "The night of this close."),
        optional("provider", Word, "Who refused; empty where the merchant records no provider."),
        required("code", Word, "The provider's code, as the merchant recorded it; empty text where none is recorded."),
        required("category", Word, "Why, in words shared by all providers; unmapped where the code is not known."),
        required("currency", Word, "Currency of the amount."),
        required("attempts", Count, "Attempts that failed with it."),
        required("amount", Amount, "What they were to pay.").unit("currency"),
        required("actor", Word, "Who can change it: customer, issuer, network, provider, risk, merchant or unknown."),
        required("hardness", Word, "soft: a later try may succeed; hard: it will not; unknown."),
        required("recovered", Count, "Of these attempts, those whose order succeeded later."),
    ],
};
