-- The lake as views of DuckDB: every table, then what people ask most. Written by `tieout schema --views`.
--
--     SET VARIABLE lake = 'path/of/the/lake';
--     .read views.sql
--
-- Without the variable the lake is the folder `lake`, of where DuckDB was started. A condition on `date` reads the files of
-- those nights alone; `business_date` is the same day. Amounts of different currencies are never added: group by currency.

SET VARIABLE lake = coalesce(getvariable('lake'), 'lake');

CREATE OR REPLACE VIEW entries AS FROM read_parquet(getvariable('lake') || '/data/entries/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW entries IS 'One row per line of a provider file that states or moves money.';

CREATE OR REPLACE VIEW orders AS FROM read_parquet(getvariable('lake') || '/data/orders/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW orders IS 'One row per order the merchant recorded.';

CREATE OR REPLACE VIEW attempts AS FROM read_parquet(getvariable('lake') || '/data/attempts/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW attempts IS 'One row per try to pay an order.';

CREATE OR REPLACE VIEW refunds AS FROM read_parquet(getvariable('lake') || '/data/refunds/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW refunds IS 'One row per refund the merchant asked for.';

CREATE OR REPLACE VIEW bank_lines AS FROM read_parquet(getvariable('lake') || '/data/bank_lines/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW bank_lines IS 'One row per line of a bank statement.';

CREATE OR REPLACE VIEW matches AS FROM read_parquet(getvariable('lake') || '/data/matches/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW matches IS 'One row per link between an entry and a record that agree.';

CREATE OR REPLACE VIEW breaks AS FROM read_parquet(getvariable('lake') || '/data/breaks/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW breaks IS 'One row per break known at the close.';

CREATE OR REPLACE VIEW open_items AS FROM read_parquet(getvariable('lake') || '/data/open_items/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW open_items IS 'One row per entry or record carried to the next night.';

CREATE OR REPLACE VIEW rollforward AS FROM read_parquet(getvariable('lake') || '/data/rollforward/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW rollforward IS 'One row per provider, currency and break type.';

CREATE OR REPLACE VIEW returns AS FROM read_parquet(getvariable('lake') || '/data/returns/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW returns IS 'One row per payment of which money was given back tonight, or whose returns are an open break.';

CREATE OR REPLACE VIEW fees AS FROM read_parquet(getvariable('lake') || '/data/fees/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW fees IS 'One row per provider, account, method, wallet, card brand, funding, rule, batch and currency.';

CREATE OR REPLACE VIEW payouts AS FROM read_parquet(getvariable('lake') || '/data/payouts/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW payouts IS 'One row per settlement batch or payout known at the close.';

CREATE OR REPLACE VIEW open_bank_lines AS FROM read_parquet(getvariable('lake') || '/data/open_bank_lines/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW open_bank_lines IS 'One row per booked bank line carried to the next night.';

CREATE OR REPLACE VIEW rejects AS FROM read_parquet(getvariable('lake') || '/data/rejects/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW rejects IS 'One row per line that could not be read.';

CREATE OR REPLACE VIEW funnel AS FROM read_parquet(getvariable('lake') || '/data/funnel/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW funnel IS 'One row per hour, provider, account, method, wallet, card brand, funding, currency, channel, country and segment.';

CREATE OR REPLACE VIEW success_rates AS FROM read_parquet(getvariable('lake') || '/data/success_rates/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW success_rates IS 'One row per metric, cut and value.';

CREATE OR REPLACE VIEW success_amounts AS FROM read_parquet(getvariable('lake') || '/data/success_amounts/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW success_amounts IS 'One row per metric, cut, value and currency.';

CREATE OR REPLACE VIEW changes AS FROM read_parquet(getvariable('lake') || '/data/changes/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW changes IS 'One row per metric, cut and value that tonight or its baseline has.';

CREATE OR REPLACE VIEW rates_history AS FROM read_parquet(getvariable('lake') || '/data/rates_history/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW rates_history IS 'One row per generation, metric, cut and value.';

CREATE OR REPLACE VIEW payment_methods AS FROM read_parquet(getvariable('lake') || '/data/payment_methods/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW payment_methods IS 'One row per provider, account, method, wallet, card funding and currency.';

CREATE OR REPLACE VIEW time_to_pay AS FROM read_parquet(getvariable('lake') || '/data/time_to_pay/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW time_to_pay IS 'One row per cut and value that has an order paid.';

CREATE OR REPLACE VIEW abandonment AS FROM read_parquet(getvariable('lake') || '/data/abandonment/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW abandonment IS 'One row per cut, value, stage and maturity.';

CREATE OR REPLACE VIEW failure_reasons AS FROM read_parquet(getvariable('lake') || '/data/failure_reasons/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW failure_reasons IS 'One row per provider, failure code, category and currency.';

CREATE OR REPLACE VIEW files AS FROM read_parquet(getvariable('lake') || '/data/files/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW files IS 'One row per input file, or source that gave none.';

CREATE OR REPLACE VIEW nights AS FROM read_parquet(getvariable('lake') || '/data/nights/*/*.parquet',
    hive_partitioning = true, hive_types = {'date': DATE}, union_by_name = true);
COMMENT ON VIEW nights IS 'One row per close.';

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
