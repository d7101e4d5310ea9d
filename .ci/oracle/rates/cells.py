"""The rates: what was counted, cut by each dimension, with the interval."""

DIMENSIONS = ["provider", "account", "method", "wallet", "card_brand", "card_funding", "currency", "country", "channel",
    "customer_segment", "hour", "weekday", "amount_band"]

ATTEMPT_METRICS = ["attempt_success_raw", "issuer_auth_rate", "acceptance_rate", "group_success_rate"]
ORDER_METRICS = ["first_attempt_rate", "order_success_rate", "order_capture_rate", "confirmation_rate", "post_confirm_success",
    "checkout_conversion", "abandonment_rate", "retry_recovery_rate", "settled_success_rate", "false_success", "false_failure"]

# 95 % of a normal distribution lie within so many standard deviations. The operations are in the order in which doubles
# come out equal to the last digit; an end never lies on the other side of the rate.
MACROS = """
CREATE MACRO z() AS 1.959963984540054::DOUBLE;
CREATE MACRO middle(rate, n) AS (rate + z() * z() / (2 * n)) / (1 + z() * z() / n);
CREATE MACRO reach(rate, n) AS z() / (1 + z() * z() / n) * sqrt(rate * (1 - rate) / n + z() * z() / (4 * n * n));
CREATE MACRO low_of(k, n) AS if(n = 0, NULL, least(k::DOUBLE / n, greatest(0::DOUBLE,
    middle(k::DOUBLE / n, n::DOUBLE) - reach(k::DOUBLE / n, n::DOUBLE))));
CREATE MACRO high_of(k, n) AS if(n = 0, NULL, greatest(k::DOUBLE / n, least(1::DOUBLE,
    middle(k::DOUBLE / n, n::DOUBLE) + reach(k::DOUBLE / n, n::DOUBLE))));
CREATE MACRO rate_of(k, n) AS if(n = 0, NULL, k::DOUBLE / n::DOUBLE);
-- An amount in whole units of its last decimal, which a double holds where it does not hold the amount.
CREATE MACRO units(amount) AS (amount * 100000000)::DECIMAL(38, 0);
-- Whether there is no young order there; or, to the letter, none that is counted.
CREATE MACRO had_time(all_items, counted_items) AS coalesce(if(as_documented(), counted_items, all_items), true);
-- From the largest of 1, 2, 5, 10, 20, 50 and so on that is not more than the amount to the next one.
CREATE TABLE bands AS
    SELECT CAST(digit AS DECIMAL(24, 8)) * power_of_ten AS begins, lead(begins) OVER (ORDER BY begins) AS ends
    FROM (SELECT unnest([1, 2, 5]) AS digit), (SELECT CAST('1' || repeat('0', number) AS DECIMAL(13, 0)) AS power_of_ten
        FROM range(12) AS powers(number));
"""

# What an item is of; of several cuts each item is in all.
DIMENSIONED = """
CREATE TABLE {counted}_by AS
WITH local AS (SELECT *, timezone(getvariable('timezone'), begun) AS here FROM {counted})
SELECT local.* EXCLUDE (here, begun), strftime(here, '%H') AS hour, lower(dayname(here)) AS weekday,
    currency || ' ' || coalesce(CAST(CAST(begins AS BIGINT) AS TEXT) || '-' || CAST(CAST(ends AS BIGINT) AS TEXT),
        if(amount = 0, '0', '0-1')) AS amount_band
FROM local ASOF LEFT JOIN bands ON local.amount >= bands.begins
"""


def cuts(pairs, table=""):
    """Each cut by its name, and the SQL of its value."""
    of = f"{table}." if table else ""
    named = {"all": "'all'"}
    for dimension in DIMENSIONS:
        named[dimension] = f"coalesce({of}{dimension}, '')"
    for one, other in pairs:
        named[f"{one} x {other}"] = f"coalesce({of}{one}, '') || ' x ' || coalesce({of}{other}, '')"
    return named


def counted(pairs):
    """Statements that count by metric, cut, value and currency."""
    yield MACROS
    for kind, metrics in [("counted_attempts", ATTEMPT_METRICS), ("counted_orders", ORDER_METRICS)]:
        yield DIMENSIONED.format(counted=kind)
        columns = ", ".join(metrics)
        by_cut = " UNION ALL ".join(f"""
            SELECT business_date, '{cut}' AS cut, {value} AS value, currency, ended, {columns}, count(*) AS items,
                sum(amount) AS amount
            FROM {kind}_by GROUP BY ALL
        """ for cut, value in cuts(pairs).items())
        yield f"CREATE TABLE {kind}_cut AS {by_cut}"
    yield " UNION ALL ".join([f"CREATE TABLE counted AS {long('counted_attempts', ATTEMPT_METRICS)}",
        long("counted_orders", ORDER_METRICS)])
    yield RATES
    yield AMOUNTS


def long(kind, metrics):
    return f"""
        SELECT business_date, metric, cut, value, currency, ended, counts, sum(items) AS items, sum(amount) AS amount
        FROM {kind}_cut UNPIVOT INCLUDE NULLS (counts FOR metric IN ({', '.join(metrics)})) GROUP BY ALL
    """


RATES = """
CREATE TABLE computed.rates AS
WITH sums AS (
    SELECT business_date, metric, cut, value,
        coalesce(sum(items) FILTER (counts = 'success'), 0)::BIGINT AS numerator,
        coalesce(sum(items) FILTER (counts IN ('success', 'other')), 0)::BIGINT AS denominator,
        coalesce(sum(items) FILTER (counts = 'excluded'), 0)::BIGINT AS excluded,
        coalesce(sum(items) FILTER (counts = 'pending'), 0)::BIGINT AS pending,
        had_time(bool_and(ended), bool_and(ended) FILTER (counts IN ('success', 'other'))) AS ended
    FROM counted GROUP BY ALL
)
SELECT * EXCLUDE (ended), rate_of(numerator, denominator) AS rate, low_of(numerator, denominator) AS low,
    high_of(numerator, denominator) AS high, denominator >= getvariable('minimum_count') AS enough,
    pending = 0 AND ended AS mature
FROM sums
"""

AMOUNTS = """
CREATE TABLE computed.success_amounts AS
WITH sums AS (
    SELECT business_date, metric, cut, value, currency,
        coalesce(sum(amount) FILTER (counts = 'success'), 0)::DECIMAL(24, 8) AS numerator,
        coalesce(sum(amount) FILTER (counts IN ('success', 'other')), 0)::DECIMAL(24, 8) AS denominator,
        coalesce(sum(amount) FILTER (counts = 'excluded'), 0)::DECIMAL(24, 8) AS excluded,
        coalesce(sum(amount) FILTER (counts = 'pending'), 0)::DECIMAL(24, 8) AS pending,
        coalesce(NOT bool_or(counts = 'pending'), true)
            AND had_time(bool_and(ended), bool_and(ended) FILTER (counts IN ('success', 'other'))) AS mature
    FROM counted GROUP BY ALL
)
SELECT * EXCLUDE (mature), rate_of(units(numerator), units(denominator)) AS rate, mature
FROM sums
"""
