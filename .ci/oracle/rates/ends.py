"""Where orders ended: stages of abandonment, the funnel, the reasons of failures, the time it took, and the ways to pay."""

from cells import cuts

def abandonment(pairs):
    by_cut = " UNION ALL ".join(f"""
        SELECT s.business_date, '{cut}' AS cut, {value} AS value, stage, old AS mature, count(*) AS orders
        FROM stages AS s JOIN counted_orders_by AS c ON c.business_date = s.business_date AND c.id = s.order_id GROUP BY ALL
    """ for cut, value in cuts(pairs, "c").items())
    return f"""
        CREATE TABLE computed.abandonment AS
        WITH counted AS ({by_cut}),
        all_mature AS (SELECT *, sum(orders) FILTER (mature) OVER (PARTITION BY business_date, cut, value) AS n FROM counted)
        SELECT * EXCLUDE (n), if(mature, rate_of(orders, n), NULL) AS share, if(mature, low_of(orders, n), NULL) AS low,
            if(mature, high_of(orders, n), NULL) AS high
        FROM all_mature
    """


FUNNEL = """
CREATE TABLE computed.funnel AS
SELECT business_date, date_trunc('hour', created_at) AS hour, first.provider, first.account, first.method, first.wallet,
    first.card_brand, first.card_funding, currency, channel, country, customer_segment,
    count(*) AS created,
    count(*) FILTER (attempts > 0) AS attempted,
    count(*) FILTER (paid) AS succeeded,
    count(*) FILTER (NOT paid AND last.status = 'failed') AS failed,
    count(*) FILTER (NOT paid AND NOT last.final) AS pending,
    count(*) FILTER (NOT paid AND coalesce(last.status IN ('expired', 'cancelled'), status <> 'cancelled')) AS abandoned,
    count(*) FILTER (NOT paid AND attempts = 0 AND status = 'cancelled') AS cancelled,
    count(*) FILTER (attempt_succeeded AND first.status = 'failed') AS recovered,
    count(*) FILTER (at_provider = 'found') AS settled,
    sum(attempts)::BIGINT AS attempts,
    sum(amount)::DECIMAL(24, 8) AS created_amount,
    coalesce(sum(amount) FILTER (paid), 0)::DECIMAL(24, 8) AS succeeded_amount,
    coalesce(sum(amount) FILTER (at_provider = 'found'), 0)::DECIMAL(24, 8) AS settled_amount
FROM order_facts GROUP BY ALL
"""

FAILURE_REASONS = """
CREATE TABLE computed.failure_reasons AS
SELECT a.business_date, a.provider, coalesce(a.failure_code, '') AS code, a.category, a.currency, count(*) AS attempts,
    sum(a.amount)::DECIMAL(24, 8) AS amount, a.actor, a.hardness,
    count(*) FILTER (o.last_success > (a.started_at, a.attempt_id)) AS recovered,
    count(*) FILTER (o.old AND NOT o.paid AND NOT o.pending AND o.last.attempt_id = a.attempt_id) AS gave_up
FROM attempts AS a LEFT JOIN order_facts AS o USING (business_date, order_id)
WHERE a.status = 'failed' GROUP BY ALL
"""

# By nearest rank: the least of them within which so many were paid.
def time_to_pay(pairs):
    by_cut = " UNION ALL ".join(f"""
        SELECT t.business_date, '{cut}' AS cut, {value} AS value, count(*) AS orders, list_sort(list(seconds)) AS sorted
        FROM took AS t JOIN counted_orders_by AS c ON c.business_date = t.business_date AND c.id = t.order_id GROUP BY ALL
    """ for cut, value in cuts(pairs, "c").items())
    return f"""
        CREATE TABLE computed.time_to_pay AS
        WITH counted AS ({by_cut})
        SELECT business_date, cut, value, orders, sorted[(orders * 50 + 99) // 100] AS median,
            sorted[(orders * 95 + 99) // 100] AS p95, orders >= getvariable('minimum_count') AS enough
        FROM counted
    """


TOOK = """
CREATE TABLE took AS
SELECT business_date, order_id, greatest(0, date_diff('microsecond', created_at, answered_at) // 1000000) AS seconds
FROM order_facts WHERE attempt_succeeded
"""

# Orders by their first attempt, attempts by themselves, and what the entries settle that they met.
PAYMENT_METHODS = """
CREATE TABLE computed.payment_methods AS
WITH of_orders AS (
    SELECT o.business_date, first.provider, first.account, first.method, first.wallet, first.card_funding, o.currency,
        count(*) AS orders,
        count(*) FILTER (if(as_documented(), paid, order_success_rate = 'success')) AS succeeded,
        count(*) FILTER (order_success_rate = 'success') AS order_successes,
        count(*) FILTER (order_success_rate IN ('success', 'other')) AS order_counted,
        count(*) FILTER (settled_success_rate = 'success') AS settled,
        count(*) FILTER (settled_success_rate IN ('success', 'other')) AS settled_counted,
        count(*) FILTER (false_success = 'success') AS false_success,
        sum(o.amount) FILTER (false_success = 'success') AS false_success_amount,
        count(*) FILTER (false_failure = 'success') AS false_failure,
        sum(o.amount) FILTER (false_failure = 'success') AS false_failure_amount,
        list_sort(list(seconds) FILTER (seconds IS NOT NULL)) AS sorted
    FROM order_facts AS o JOIN counted_orders AS c ON c.business_date = o.business_date AND c.id = o.order_id
    LEFT JOIN took ON took.business_date = o.business_date AND took.order_id = o.order_id
    GROUP BY ALL
),
of_attempts AS (
    SELECT business_date, provider, account, method, wallet, card_funding, currency, count(*) AS attempts
    FROM attempts GROUP BY ALL
),
of_entries AS (
    SELECT a.business_date, a.provider, a.account, a.method, a.wallet, a.card_funding, e.currency, sum(e.gross) AS volume,
        sum(e.fee) AS charged
    FROM attempts AS a JOIN met USING (business_date, attempt_id)
    ASOF JOIN published.entries AS e ON e.entry_id = met.entry_id AND a.business_date >= e.business_date
    GROUP BY ALL
),
together AS (
    SELECT business_date, provider, account, method, wallet, card_funding, currency,
        COLUMNS(* EXCLUDE (business_date, provider, account, method, wallet, card_funding, currency, sorted)), sorted
    FROM (FROM of_orders UNION ALL BY NAME FROM of_attempts UNION ALL BY NAME FROM of_entries)
),
summed AS (
    SELECT business_date, provider, account, method, wallet, card_funding, currency,
        coalesce(sum(COLUMNS(* EXCLUDE (business_date, provider, account, method, wallet, card_funding, currency, sorted))), 0),
        any_value(sorted) AS sorted
    FROM together GROUP BY ALL
)
SELECT business_date, provider, account, method, wallet, card_funding, currency, orders::BIGINT AS orders,
    attempts::BIGINT AS attempts, succeeded::BIGINT AS succeeded,
    rate_of(order_successes, order_counted) AS order_success_rate,
    low_of(order_successes, order_counted) AS order_success_low,
    high_of(order_successes, order_counted) AS order_success_high,
    order_counted >= getvariable('minimum_count') AS enough,
    settled::BIGINT AS settled,
    rate_of(settled, settled_counted) AS settled_success_rate,
    low_of(settled, settled_counted) AS settled_success_low,
    high_of(settled, settled_counted) AS settled_success_high,
    false_success::BIGINT AS false_success, false_success_amount::DECIMAL(24, 8) AS false_success_amount,
    false_failure::BIGINT AS false_failure, false_failure_amount::DECIMAL(24, 8) AS false_failure_amount,
    volume::DECIMAL(24, 8) AS volume, charged::DECIMAL(24, 8) AS charged,
    rate_of(units(charged), units(volume)) AS effective_fee,
    sorted[(len(sorted) * 50 + 99) // 100] AS median_time_to_pay
FROM summed
"""


def steps(pairs):
    return [abandonment(pairs), FUNNEL, FAILURE_REASONS, TOOK, time_to_pay(pairs), PAYMENT_METHODS]
