//! `funnel`, `success_rates`, `success_amounts`, `payment_methods`, `time_to_pay`, `abandonment`, `failure_reasons`: how well
//! customers got through the checkout; `changes` and `rates_history`: what of it changed, and what was said of it before.

use super::column::Type::{Amount, Count, Date, Flag, Instant, Rate, Ratio, Word};
use super::column::{Table, optional, required};

/// The unit of what a rate counts.
const COUNTED: &str = "orders, attempts or groups, as the metric counts";
/// The unit of one rate less another.
const CHANGE: &str = "share, -1 to 1";
/// Where what matching says of an order comes from.
const MET: &str = "`orders`, `attempts`, and the `entries` they met";
/// Where a baseline comes from.
const BEFORE: &str = "`success_rates` of the same weekday of the four weeks before";
/// Where the verdict on a count comes from.
const MINIMUM: &str = "`minimum_count` of the job";

/// One row per hour and combination of dimensions; counts and amounts add up over any of them.
pub static FUNNEL: Table = Table {
    name: "funnel",
    grain: "hour, provider, account, method, wallet, card brand, funding, currency, channel, country and segment",
    key: &[
        "hour",
        "provider",
        "account",
        "method",
        "wallet",
        "card_brand",
        "card_funding",
        "currency",
        "channel",
        "country",
        "customer_segment",
    ],
    source: "`orders`, `attempts`",
    columns: &[
        required("business_date", Date, "The night of this close."),
        required("hour", Instant, "Hour in which the order was created.").source("`orders`"),
        optional("provider", Word, "Provider of the order's first attempt; empty where it has none."),
        optional(
            "account",
            Word,
            "Account of the order's first attempt: the only one the job has with its provider, or that of the entry it met.",
        )
        .source(MET),
        optional("method", Word, "Method of the order's first attempt."),
        optional("wallet", Word, "Wallet of the order's first attempt."),
        optional("card_brand", Word, "Card brand of the order's first attempt."),
        optional("card_funding", Word, "Card funding of the order's first attempt."),
        required("currency", Word, "Currency of the order.").source("`orders`"),
        optional("channel", Word, "Channel of the order.").source("`orders`"),
        optional("country", Word, "Country of the order.").source("`orders`"),
        optional("customer_segment", Word, "Segment of the order.").source("`orders`"),
        required(
            "created",
            Count,
            "Orders created; one that comes again counts on that night only where it says something else.",
        )
        .unit("orders")
        .source("`orders`"),
        required("attempted", Count, "Orders with at least one attempt.").unit("orders"),
        required("succeeded", Count, "Orders that succeeded, by the merchant's record: an attempt did, or the order is paid.")
            .unit("orders"),
        required("failed", Count, "Orders without success whose last attempt failed.").unit("orders"),
        required("pending", Count, "Orders without success whose last attempt has no final status.").unit("orders"),
        required("abandoned", Count, "Orders without success, failure or pending attempt: the customer left.").unit("orders"),
        required("cancelled", Count, "Orders without success that the merchant cancelled before any attempt.").unit("orders"),
        required("recovered", Count, "Orders whose first attempt failed and a later one succeeded.").unit("orders"),
        required("settled", Count, "Orders whose payment was found at the provider.").unit("orders").source(MET),
        required("attempts", Count, "Attempts of these orders.").unit("attempts"),
        required("created_amount", Amount, "Amount of the orders created.").unit("currency").source("`orders`"),
        required("succeeded_amount", Amount, "Amount of the orders that succeeded.").unit("currency"),
        required("settled_amount", Amount, "Amount of the orders found at the provider.").unit("currency").source(MET),
    ],
};

/// One row per metric, cut and value.
pub static SUCCESS_RATES: Table = Table {
    name: "success_rates",
    grain: "metric, cut and value",
    key: &["metric", "cut", "value"],
    source: MET,
    columns: &[
        required("business_date", Date, "The night of this close."),
        required(
            "metric",
            Word,
            "Which rate: acceptance_rate, attempt_success_raw, group_success_rate, issuer_auth_rate (of attempts); \
             abandonment_rate, checkout_conversion, confirmation_rate, false_failure, false_success, first_attempt_rate, \
             order_capture_rate, order_success_rate, post_confirm_success, retry_recovery_rate, settled_success_rate (of orders). \
             jobs/README.md defines each.",
        ),
        required("cut", Word, "The dimension it is cut by, a pair as `provider x wallet`, or `all`."),
        required(
            "value",
            Word,
            "The value of that dimension, of a pair as `stripe x apple_pay`, or `all`; empty text where a dimension is not stated. \
             Hours (`00` to `23`) and weekdays are of the business time zone, bands of amounts such as `EUR 50-100` hold 50 and not 100.",
        ),
        required("numerator", Count, "Successes.").unit(COUNTED),
        required("denominator", Count, "What they are counted of.").unit(COUNTED),
        required("excluded", Count, "Left out of the denominator, other than pending.").unit(COUNTED),
        required("pending", Count, "Without a final status: left out, never counted as failure.").unit(COUNTED),
        optional("rate", Ratio, "Numerator ÷ denominator; empty where the denominator is zero."),
        optional("low", Ratio, "Lower end of the 95 % Wilson interval."),
        optional("high", Ratio, "Upper end of the 95 % Wilson interval."),
        required("enough", Flag, "Whether the denominator reaches the minimum count of the job.").source(MINIMUM),
        optional("baseline", Ratio, "The rate over the same weekday of the four weeks before; empty where none of them stands.")
            .source(BEFORE),
        optional("change", Ratio, "Rate less baseline.").unit(CHANGE).source(BEFORE),
        optional("q_value", Ratio, "False-discovery rate of the change, among all looked at; empty where too few were counted.")
            .source(BEFORE),
        required(
            "mature",
            Flag,
            "Whether all it is about had its time: false where an order younger than `abandoned_after` is in it, counted or left out.",
        ),
    ],
};

/// One row per metric, cut and value, tonight or in the baseline.
pub static CHANGES: Table = Table {
    name: "changes",
    grain: "metric, cut and value that tonight or its baseline has",
    key: &["metric", "cut", "value"],
    source: "`success_rates` of this night, and of the same weekday of the four weeks before",
    columns: &[
        required("business_date", Date, "The night of this close."),
        required(
            "rank",
            Count,
            "1 is what changed most: what is flagged, by how little chance explains it, then the rest by impact.",
        )
        .unit("rank"),
        required("metric", Word, "Which rate, as in `success_rates`."),
        required("cut", Word, "What it is cut by, or `all`."),
        required("value", Word, "The value there, or `all`; empty text where it is not stated."),
        required("numerator", Count, "Successes tonight.").unit(COUNTED),
        required("denominator", Count, "What they are counted of.").unit(COUNTED),
        optional("rate", Ratio, "Numerator ÷ denominator; empty where only the baseline has it."),
        required("baseline_numerator", Count, "Successes on the same weekday of the four weeks before, together.").unit(COUNTED),
        required("baseline_denominator", Count, "What they are counted of.").unit(COUNTED),
        optional("baseline", Ratio, "Their rate; empty where only tonight has it."),
        optional("change", Rate, "Rate less baseline, rounded half away from zero.").unit(CHANGE),
        optional(
            "p_value",
            Ratio,
            "How likely chance alone makes a change at least as large; empty where too few were counted or have ended.",
        ),
        optional("q_value", Ratio, "False-discovery rate of the change, among all looked at."),
        required("flagged", Flag, "Whether it is as large as the job asks, and its q-value as low."),
        optional("impact", Ratio, "Successes more (or, negative, fewer) than by the baseline rate: change × denominator.")
            .unit(COUNTED),
        optional(
            "mix_part",
            Rate,
            "Of the change of `all`, what comes of this value's other weight; with the rate parts of its cut they add up to it.",
        )
        .unit(CHANGE),
        optional("rate_part", Rate, "Of the change of `all`, what comes of this value's other rate.").unit(CHANGE),
    ],
};

/// One row per generation, metric, cut and value: the rates of a night, each time it was published.
pub static RATES_HISTORY: Table = Table {
    name: "rates_history",
    grain: "generation, metric, cut and value",
    key: &["generation", "metric", "cut", "value"],
    source: "`success_rates` of that generation",
    columns: &[
        required("business_date", Date, "The night of this close."),
        required(
            "generation",
            Count,
            "The generation of the night that published it; when, stands in `meta/audit.jsonl`, and from what, in its manifest.",
        )
        .unit("number of the generation")
        .source("the run"),
        required("metric", Word, "Which rate, as in `success_rates`."),
        required("cut", Word, "What it is cut by, or `all`."),
        required("value", Word, "The value there, or `all`; empty text where it is not stated."),
        required("numerator", Count, "Successes, as published then.").unit(COUNTED),
        required("denominator", Count, "What they are counted of.").unit(COUNTED),
        required("excluded", Count, "Left out of the denominator, other than pending.").unit(COUNTED),
        required("pending", Count, "Without a final status.").unit(COUNTED),
        optional("rate", Ratio, "Numerator ÷ denominator."),
        optional("low", Ratio, "Lower end of the 95 % Wilson interval."),
        optional("high", Ratio, "Upper end of the 95 % Wilson interval."),
        required("enough", Flag, "Whether the denominator reached the minimum count of the job."),
        optional("baseline", Ratio, "The rate it was compared with."),
        optional("change", Ratio, "Rate less baseline.").unit(CHANGE),
        optional("q_value", Ratio, "False-discovery rate of the change."),
        required(
            "mature",
            Flag,
            "Whether all it is about had its time: false where an order younger than `abandoned_after` is in it, counted or left out.",
        ),
    ],
};

/// One row per metric, cut, value and currency: the rates of [`SUCCESS_RATES`] weighed by amount.
///
/// A rate of amounts has no Wilson interval: that is of independent yes and no, each of the same weight. One order of a
/// million says no more than one of ten, so an interval over money would be far too narrow. How sure a rate is, its count
/// says.
pub static SUCCESS_AMOUNTS: Table = Table {
    name: "success_amounts",
    grain: "metric, cut, value and currency",
    key: &["metric", "cut", "value", "currency"],
    source: MET,
    columns: &[
        required("business_date", Date, "The night of this close."),
        required("metric", Word, "Which rate: those of `success_rates`."),
        required("cut", Word, "The dimension it is cut by, a pair as `provider x wallet`, or `all`."),
        required("value", Word, "The value of that dimension, or `all`; empty text where a dimension is not stated."),
        required("currency", Word, "Currency of the amounts: the order's, or the attempt's."),
        required("numerator", Amount, "Amount of the successes.").unit("currency"),
        required("denominator", Amount, "Amount of what they are counted of.").unit("currency"),
        required("excluded", Amount, "Amount of what is left out of the denominator, other than pending.").unit("currency"),
        required("pending", Amount, "Amount of what is pending.").unit("currency"),
        optional(
            "rate",
            Ratio,
            "Numerator ÷ denominator; empty where the denominator is zero. It has no interval: one large order is no more \
             evidence than one small one, so how sure a rate is is told by its count, in `success_rates`.",
        ),
        required(
            "mature",
            Flag,
            "Whether all it is about had its time: false where an order younger than `abandoned_after` is in it, counted or left out.",
        ),
    ],
};

/// One row per way to pay: what a merchant needs to choose providers, and to place what they offer.
pub static PAYMENT_METHODS: Table = Table {
    name: "payment_methods",
    grain: "provider, account, method, wallet, card funding and currency",
    key: &["provider", "account", "method", "wallet", "card_funding", "currency"],
    source: MET,
    columns: &[
        required("business_date", Date, "The night of this close."),
        optional("provider", Word, "Provider; empty for orders without an attempt."),
        optional("account", Word, "The merchant's account with it: the only one of the job, or that of the entry that was met."),
        optional("method", Word, "Method of payment."),
        optional("wallet", Word, "Wallet the customer paid with."),
        optional("card_funding", Word, "Funding of the card: credit, debit, prepaid."),
        required("currency", Word, "Currency of the orders and attempts; of volume and charged, the one that settles."),
        required("orders", Count, "Orders whose first attempt was this.").unit("orders"),
        required("attempts", Count, "Attempts that were this.").unit("attempts"),
        required("succeeded", Count, "Of the orders with an attempt, those that succeeded at last, by this or another way: the numerator of `order_success_rate`.").unit("orders"),
        optional("order_success_rate", Ratio, "As in `success_rates`: succeeded of the orders that ended."),
        optional("order_success_low", Ratio, "Lower end of its 95 % Wilson interval."),
        optional("order_success_high", Ratio, "Upper end of its 95 % Wilson interval."),
        required("enough", Flag, "Whether the orders that ended reach the minimum count of the job.").source(MINIMUM),
        required("settled", Count, "Of the orders the merchant has as paid, those found at the provider.").unit("orders"),
        optional("settled_success_rate", Ratio, "As in `success_rates`: settled of those it can be told of."),
        optional("settled_success_low", Ratio, "Lower end of its 95 % Wilson interval."),
        optional("settled_success_high", Ratio, "Upper end of its 95 % Wilson interval."),
        required("false_success", Count, "Orders the merchant has as paid, and the provider states no payment of.")
            .unit("orders"),
        required("false_success_amount", Amount, "Their amount: goods that may leave unpaid.").unit("currency"),
        required("false_failure", Count, "Orders the merchant has as not paid, and the provider took money for.").unit("orders"),
        required("false_failure_amount", Amount, "Their amount: money that may have to be given back.").unit("currency"),
        required("volume", Amount, "What the entries settle before fees that its attempts met.")
            .unit("currency")
            .source("`entries` its attempts met"),
        required("charged", Amount, "The fees on those entries.").unit("currency").source("`entries` its attempts met"),
        optional("effective_fee", Ratio, "Charged ÷ volume; empty without volume. `0.006` is 0.6 %.")
            .unit("share of volume")
            .source("`entries` its attempts met"),
        optional(
            "median_time_to_pay",
            Count,
            "What half of the orders that were paid took at most, from their creation to the first success; empty without any.",
        )
        .unit("seconds"),
    ],
};

/// One row per cut and value.
pub static TIME_TO_PAY: Table = Table {
    name: "time_to_pay",
    grain: "cut and value that has an order paid",
    key: &["cut", "value"],
    source: "`orders`, `attempts`",
    columns: &[
        required("business_date", Date, "The night of this close."),
        required("cut", Word, "The dimension it is cut by, a pair as `provider x wallet`, or `all`."),
        required("value", Word, "The value of that dimension, or `all`; empty text where a dimension is not stated."),
        required("orders", Count, "Orders that an attempt paid.").unit("orders"),
        required(
            "median",
            Count,
            "From the order's creation to the answer to its first success, in full seconds: what half of the orders took at \
             most. By nearest rank: the least time within which so many were paid, itself the time of an order.",
        )
        .unit("seconds"),
        required("p95", Count, "What 95 of 100 orders took at most, likewise.").unit("seconds"),
        required("enough", Flag, "Whether the orders reach the minimum count of the job.").source(MINIMUM),
    ],
};

/// One row per cut, value and stage.
pub static ABANDONMENT: Table = Table {
    name: "abandonment",
    grain: "cut, value, stage and maturity",
    key: &["cut", "value", "stage", "mature"],
    source: "`orders`, `attempts`",
    columns: &[
        required("business_date", Date, "The night of this close."),
        required("cut", Word, "The dimension it is cut by, a pair as `provider x wallet`, or `all`."),
        required("value", Word, "The value of that dimension, or `all`; empty text where a dimension is not stated."),
        required("stage", Word, "Where the order ended; the stages exclude each other and add up to the orders created."),
        required("orders", Count, "Orders that ended there.").unit("orders"),
        optional("share", Ratio, "Of the mature orders of this cut and value; empty where immature."),
        optional("low", Ratio, "Lower end of the 95 % Wilson interval."),
        optional("high", Ratio, "Upper end of the 95 % Wilson interval."),
        required("mature", Flag, "Whether the orders are at least as old as the maturity window.")
            .source("`orders`, and `abandoned_after` of the job"),
    ],
};

/// One row per provider, code and category.
pub static FAILURE_REASONS: Table = Table {
    name: "failure_reasons",
    grain: "provider, failure code, category and currency",
    key: &["provider", "code", "category", "currency"],
    source: "`attempts`",
    columns: &[
        required("business_date", Date, "The night of this close."),
        optional("provider", Word, "Who refused; empty where the merchant records no provider."),
        required("code", Word, "The provider's code, as the merchant recorded it; empty text where none is recorded."),
        required("category", Word, "Why, in words shared by all providers; unmapped where the code is not known.")
            .source("schemas/failures.csv, or the job's own"),
        required("currency", Word, "Currency of the amount."),
        required("attempts", Count, "Attempts that failed with it.").unit("attempts"),
        required("amount", Amount, "What they were to pay.").unit("currency"),
        required("actor", Word, "Who can change it: customer, issuer, network, provider, risk, merchant or unknown.")
            .source("schemas/failures.csv, or the job's own"),
        required("hardness", Word, "soft: a later try may succeed; hard: it will not; unknown.")
            .source("schemas/failures.csv, or the job's own"),
        required("recovered", Count, "Of these attempts, those whose order succeeded later.").unit("attempts"),
        required("gave_up", Count, "Orders that had their time, whose last attempt failed with it and that were never paid.")
            .unit("orders")
            .source("`orders`, `attempts`"),
    ],
};
