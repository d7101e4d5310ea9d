
-- Ends of the 95 % Wilson interval of a rate, as in the tables: of counts that were added up, too. 1.96 as exactly as there.
CREATE OR REPLACE MACRO wilson(part, whole, side) AS CASE WHEN whole > 0 THEN greatest(0, least(1,
    (part + pow(1.959963984540054, 2) / 2
        + side * 1.959963984540054 * sqrt(part::DOUBLE * (whole - part) / whole + pow(1.959963984540054, 2) / 4))
    / (whole + pow(1.959963984540054, 2)))) END;
CREATE OR REPLACE MACRO wilson_low(part, whole) AS wilson(part, whole, -1);
CREATE OR REPLACE MACRO wilson_high(part, whole) AS wilson(part, whole, 1);

-- What to work on: the breaks open at the last close.
CREATE OR REPLACE VIEW open_breaks AS
SELECT provider, account, break_type, currency, merchant_amount, provider_amount, difference, first_seen, age_days, age_bucket,
    severity, suggested_action, merchant_reference, provider_reference, order_id, attempt_id, refund_id, entry_id, detail, break_id
FROM breaks
WHERE date = (SELECT max(date) FROM nights) AND state = 'open'
ORDER BY currency, abs(difference) DESC, break_id;

-- Exceptions with their ageing: breaks and money at the last close, waiting ones apart.
CREATE OR REPLACE VIEW breaks_by_age AS
SELECT state, provider, break_type, currency, age_bucket, count(*) AS breaks, sum(difference) AS difference, min(first_seen) AS oldest
FROM breaks
WHERE date = (SELECT max(date) FROM nights) AND state IN ('open', 'waiting')
GROUP BY ALL
ORDER BY state, provider NULLS FIRST, break_type, currency, oldest;

-- Every rate, night by night. Add numerators and denominators over nights, never rates.
CREATE OR REPLACE VIEW daily_rates AS
SELECT date, metric, cut, value, numerator, denominator, excluded, pending, rate, low, high, mature
FROM success_rates;

-- The same over weeks, which begin on Mondays.
CREATE OR REPLACE VIEW weekly_rates AS
SELECT week, metric, cut, value, numerator, denominator, excluded, pending, nights,
    numerator / nullif(denominator, 0)::DOUBLE AS rate,
    wilson_low(numerator, denominator) AS low,
    wilson_high(numerator, denominator) AS high
FROM (
    SELECT date_trunc('week', date)::DATE AS week, metric, cut, value, sum(numerator)::BIGINT AS numerator,
        sum(denominator)::BIGINT AS denominator, sum(excluded)::BIGINT AS excluded, sum(pending)::BIGINT AS pending,
        count(*) AS nights
    FROM success_rates
    GROUP BY ALL
)
ORDER BY week, metric, cut, value;

-- What a payment costs by each way to pay, over all nights: what is charged on payments, and what is billed beside them.
CREATE OR REPLACE VIEW cost_by_way_to_pay AS
SELECT provider, account, method, wallet, card_brand, card_funding, currency, sum(entries)::BIGINT AS entries, sum(volume) AS volume,
    sum(charged) AS charged, sum(billed) AS billed,
    (sum(charged) + sum(billed))::DOUBLE / nullif(sum(volume), 0)::DOUBLE AS effective_rate
FROM fees
GROUP BY ALL
ORDER BY ALL;

-- Who delivered what, and when: one row a file, or a source that gave none.
CREATE OR REPLACE VIEW deliveries AS
SELECT date, source, account, answer, state, name, lines, entries, rejects, tries, took, said
FROM files
ORDER BY date, source, account, name;

-- The funnel over weeks, by way to pay: each order in the night that read it.
CREATE OR REPLACE VIEW weekly_funnel AS
SELECT date_trunc('week', date)::DATE AS week, provider, method, wallet, currency,
    sum(created)::BIGINT AS created, sum(attempted)::BIGINT AS attempted, sum(succeeded)::BIGINT AS succeeded,
    sum(failed)::BIGINT AS failed, sum(pending)::BIGINT AS pending, sum(cancelled)::BIGINT AS cancelled,
    sum(abandoned)::BIGINT AS abandoned, sum(recovered)::BIGINT AS recovered, sum(settled)::BIGINT AS settled,
    sum(created_amount) AS created_amount, sum(succeeded_amount) AS succeeded_amount, sum(settled_amount) AS settled_amount
FROM funnel
GROUP BY ALL
ORDER BY ALL;

-- Where orders ended over weeks: of those that had their time, as the share of each cut and value.
CREATE OR REPLACE VIEW weekly_abandonment AS
SELECT week, cut, value, stage, orders, orders / whole::DOUBLE AS share, wilson_low(orders, whole) AS low,
    wilson_high(orders, whole) AS high
FROM (
    SELECT week, cut, value, stage, orders, sum(orders) OVER (PARTITION BY week, cut, value)::BIGINT AS whole
    FROM (
        SELECT date_trunc('week', date)::DATE AS week, cut, value, stage, sum(orders)::BIGINT AS orders
        FROM abandonment
        WHERE mature
        GROUP BY ALL
    )
)
ORDER BY week, cut, value, stage;

-- Payouts the provider states and the bank does not have, at the last close.
CREATE OR REPLACE VIEW payouts_not_in_bank AS
SELECT provider, account, reference, currency, state, expected, stated, paid_on, expected_by, first_seen
FROM payouts
WHERE date = (SELECT max(date) FROM nights) AND state IN ('waiting', 'not_in_bank', 'ambiguous')
ORDER BY expected_by, provider, account, reference, currency;

-- What changed most at the last close, against the same weekday of the four weeks before.
CREATE OR REPLACE VIEW what_changed AS
SELECT rank, metric, cut, value, rate, baseline, change, q_value, flagged, impact, mix_part, rate_part
FROM changes
WHERE date = (SELECT max(date) FROM nights)
ORDER BY rank;

-- Orders that said something else on a later night. The funnel and the rates of each of these nights count them, so added up
-- over nights they are in it more than once.
CREATE OR REPLACE VIEW orders_counted_again AS
SELECT order_id, count(*) AS nights, min(date) AS first_night, max(date) AS last_night
FROM orders
WHERE NOT stated_before
GROUP BY order_id
HAVING count(*) > 1
ORDER BY order_id;
