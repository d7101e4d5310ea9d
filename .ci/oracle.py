"""Closes the nights of sample-data again in SQL, from what the lake says was read, and holds the result against its tables.

    python oracle.py      in a folder where the nights of sample-data were closed into `lake`

Written from what the tables mean, not from the program: entries, records and bank lines are what was read; who meets whom,
what is missing, what a line costs by contract, what a payout is made of and how breaks roll forward is computed here.
Both sides have the same rows, each as often: EXCEPT ALL is empty both ways.
"""

import duckdb

# Business days are Monday to Friday; every provider of the job settles in one.
NEXT_BUSINESS_DAY = """
CREATE MACRO next_business_day(day) AS
    CAST(day + CASE isodow(day) WHEN 5 THEN 3 WHEN 6 THEN 2 ELSE 1 END * INTERVAL 1 DAY AS DATE)
"""

# The contracts of jobs/nightly.toml: percent and fixed of a payment; refunds cost nothing; a chargeback costs 15.00.
CONTRACTS = """
CREATE TABLE contracts AS SELECT * FROM (VALUES
    ('wechat_pay', 0.60, 0.00, NULL), ('alipay', 0.60, 0.00, NULL), ('stripe', 2.9, 0.30, 15.00), ('adyen', 1.1, 0.12, 15.00)
) AS contract(provider, percent, fixed, chargeback)
"""

# What each entry costs by contract: half up to the cent; nothing is said of other kinds. Multiplied by 0.01, for a quotient
# would be a double.
PRICED = """
CREATE TABLE priced AS SELECT entries.*,
    CASE kind
        WHEN 'payment' THEN CAST(round(gross * percent * 0.01 + fixed, 2) AS DECIMAL(24, 8))
        WHEN 'refund' THEN CAST(0 AS DECIMAL(24, 8))
        WHEN 'chargeback' THEN CAST(chargeback AS DECIMAL(24, 8))
    END AS contract_fee
FROM entries JOIN contracts USING (provider)
"""

# Items of a night: its own, and what the night before left. A record that names no success claims nothing.
ITEMS = """
CREATE TABLE provider_items AS
    SELECT business_date, kind, entry_id AS id, provider, merchant_reference, merchant_refund_reference, provider_reference,
        coalesce(customer_amount, gross) AS amount, coalesce(customer_currency, currency) AS currency,
        contract_fee IS NULL OR fee = contract_fee AS fee_agrees, business_date AS first_seen
    FROM priced WHERE kind IN ('payment', 'refund')
    UNION ALL
    SELECT night.business_date, open.kind, id, provider, merchant_reference, merchant_refund_reference, provider_reference,
        amount, open.currency, fee_contracted IS NULL OR fee = fee_contracted, first_seen
    FROM open_items AS open JOIN nights AS night ON night.previous_night = open.business_date WHERE side = 'provider';
CREATE TABLE merchant_items AS
    SELECT business_date, 'payment' AS kind, attempt_id AS id, provider, merchant_reference, NULL AS merchant_refund_reference,
        provider_reference, amount, currency, status = 'succeeded' AS claims, business_date AS first_seen
    FROM attempts
    UNION ALL
    SELECT business_date, 'refund', refund_id, provider, merchant_reference, merchant_refund_reference, provider_reference,
        -amount, currency, status IN ('succeeded', 'pending'), business_date
    FROM refunds
    UNION ALL
    SELECT night.business_date, kind, id, provider, merchant_reference, merchant_refund_reference, provider_reference, amount,
        currency, status = 'succeeded' OR kind = 'refund' AND status = 'pending', first_seen
    FROM open_items AS open JOIN nights AS night ON night.previous_night = open.business_date WHERE side = 'merchant'
"""

# Payments and refunds by their references, where each side has one: what everything else is measured by.
KEYED = """
CREATE TABLE keyed AS
WITH keys AS (
    SELECT *, coalesce(merchant_refund_reference, merchant_reference) AS key, 'provider' AS side, true AS claims
    FROM provider_items
    UNION ALL BY NAME
    SELECT *, coalesce(merchant_refund_reference, merchant_reference) AS key, 'merchant' AS side FROM merchant_items
)
SELECT business_date, kind, provider, key,
    count(*) FILTER (side = 'provider') AS entries, count(*) FILTER (side = 'merchant') AS records,
    any_value(id) FILTER (side = 'provider') AS entry_id, any_value(id) FILTER (side = 'merchant') AS record_id,
    any_value(amount) FILTER (side = 'provider') AS provider_amount,
    any_value(amount) FILTER (side = 'merchant') AS merchant_amount,
    any_value(currency) FILTER (side = 'provider') AS provider_currency,
    any_value(currency) FILTER (side = 'merchant') AS merchant_currency,
    any_value(fee_agrees) FILTER (side = 'provider') AS fee_agrees,
    any_value(claims) FILTER (side = 'merchant') AS claims,
    min(first_seen) AS first_seen
FROM keys GROUP BY ALL
"""

CHECKS = {
    "matches of one and one by reference": (
        """
        SELECT business_date, kind, entry_id, record_id, merchant_amount FROM keyed
        WHERE entries = 1 AND records = 1 AND claims AND provider_currency = merchant_currency
            AND provider_amount = merchant_amount AND fee_agrees
        """,
        """
        SELECT matches.business_date, matches.kind, matches.entry_id, coalesce(attempt_id, refund_id), matches.merchant_amount
        FROM matches JOIN keyed ON keyed.entry_id = matches.entry_id AND keyed.business_date = matches.business_date
        WHERE entries = 1 AND records = 1
        """,
    ),
    "breaks of pairs": (
        """
        SELECT business_date, entry_id, record_id, CASE
            WHEN NOT claims THEN 'false_failure'
            WHEN provider_currency <> merchant_currency THEN 'currency_mismatch'
            WHEN provider_amount <> merchant_amount AND kind = 'refund' THEN 'refund_amount_mismatch'
            WHEN provider_amount <> merchant_amount THEN 'amount_mismatch'
            ELSE 'fee_mismatch' END
        FROM keyed WHERE entries = 1 AND records = 1
            AND NOT (claims AND provider_currency = merchant_currency AND provider_amount = merchant_amount AND fee_agrees)
        """,
        """
        SELECT business_date, entry_id, coalesce(attempt_id, refund_id), break_type FROM breaks
        WHERE first_seen = business_date AND entry_id IS NOT NULL AND coalesce(attempt_id, refund_id) IS NOT NULL
            AND break_type IN ('false_failure', 'currency_mismatch', 'amount_mismatch', 'refund_amount_mismatch', 'fee_mismatch')
        """,
    ),
    "what the other side does not state": (
        """
        SELECT business_date, CASE WHEN kind = 'refund' THEN 'refund_' ELSE '' END
            || CASE WHEN records = 0 THEN 'missing_in_merchant' ELSE 'missing_in_provider' END,
            CASE WHEN business_date < next_business_day(first_seen) THEN 'waiting' ELSE 'open' END,
            coalesce(entry_id, record_id), coalesce(provider_amount, -merchant_amount)
        FROM keyed WHERE records = 0 OR entries = 0 AND claims
        """,
        """
        SELECT business_date, break_type, state, coalesce(entry_id, attempt_id, refund_id), difference FROM breaks
        WHERE break_type LIKE '%missing_in_%' AND state IN ('waiting', 'open')
        """,
    ),
    "fees": (
        """
        SELECT business_date, provider, account, method, wallet, card_brand, card_funding, currency, contract_fee IS NOT NULL,
            count(*), sum(gross), sum(gross) FILTER (kind = 'payment'), sum(fee),
            sum(contract_fee), sum(contract_fee - fee) FILTER (contract_fee IS NOT NULL)
        FROM priced GROUP BY ALL
        """,
        """
        SELECT business_date, provider, account, method, wallet, card_brand, card_funding, currency, rule IS NOT NULL,
            sum(entries), sum(gross), nullif(sum(volume), 0), sum(charged), sum(contracted), sum(difference)
        FROM fees GROUP BY ALL
        """,
    ),
    "payouts": (
        """
        SELECT business_date, provider, account, batch_reference, currency,
            count(*) FILTER (kind <> 'payout'),
            coalesce(sum(net) FILTER (kind <> 'payout'), 0), -sum(gross) FILTER (kind = 'payout'),
            -sum(gross) FILTER (kind = 'payout') - sum(net) FILTER (kind <> 'payout')
        FROM entries WHERE kind <> 'info' AND batch_reference IS NOT NULL GROUP BY ALL
        HAVING bool_or(kind <> 'transfer')
        """,
        """
        SELECT business_date, provider, account, reference, currency, lines, expected, stated, residual
        FROM payouts WHERE first_seen = business_date
        """,
    ),
    "payouts and the bank": (
        """
        WITH known AS (
            SELECT payouts.*, (
                SELECT min(line.business_date) FROM bank_lines AS line
                WHERE line.business_date <= payouts.business_date AND line.currency = payouts.currency
                    AND contains(line.text, payouts.reference) AND line.amount = payouts.stated
            ) AS found
            FROM payouts
        )
        SELECT business_date, payout_id, CASE
            WHEN stated IS NULL THEN 'nothing_to_pay'
            WHEN found IS NOT NULL THEN 'in_bank'
            WHEN business_date < next_business_day(greatest(first_seen, paid_on)) THEN 'waiting'
            ELSE 'not_in_bank' END
        FROM known
        """,
        "SELECT business_date, payout_id, state FROM payouts",
    ),
    "bank lines that are no payout": (
        """
        SELECT night.business_date, line.amount, line.currency,
            CASE WHEN night.business_date < next_business_day(line.business_date) THEN 'waiting' ELSE 'open' END
        FROM bank_lines AS line JOIN nights AS night ON night.business_date >= line.business_date
        WHERE NOT EXISTS (FROM payouts WHERE contains(line.text, payouts.reference) AND line.amount = payouts.stated)
        """,
        "SELECT business_date, provider_amount, currency, state FROM breaks WHERE break_type = 'bank_unexplained'",
    ),
    "the roll forward": (
        """
        WITH live AS (FROM breaks WHERE state IN ('waiting', 'open')),
        opening AS (
            SELECT night.business_date, live.* EXCLUDE (business_date)
            FROM live JOIN nights AS night ON night.previous_night = live.business_date
        ),
        moved AS (
            SELECT business_date, provider, currency, break_type, 1 AS opening, 0 AS new, 0 AS cleared, 0 AS closing, difference
            FROM opening
            UNION ALL
            SELECT business_date, provider, currency, break_type, 0, 1, 0, 0, difference FROM breaks
            WHERE NOT EXISTS (FROM opening
                WHERE opening.break_id = breaks.break_id AND opening.business_date = breaks.business_date)
            UNION ALL
            SELECT business_date, provider, currency, break_type, 0, 0, 1, 0, difference FROM breaks WHERE state = 'cleared'
            UNION ALL
            SELECT business_date, provider, currency, break_type, 0, 0, 0, 1, difference FROM live
        )
        SELECT business_date, provider, currency, break_type, sum(opening), sum(new), sum(cleared), sum(closing),
            sum(opening * difference), sum(new * difference), sum(cleared * difference), sum(closing * difference)
        FROM moved GROUP BY ALL
        """,
        """
        SELECT business_date, provider, currency, break_type, opening, new, cleared, closing,
            opening_amount, new_amount, cleared_amount, closing_amount
        FROM rollforward
        """,
    ),
}

READ = [
    "entries",
    "attempts",
    "refunds",
    "bank_lines",
    "matches",
    "breaks",
    "open_items",
    "rollforward",
    "fees",
    "payouts",
    "nights",
]


def main():
    for table in READ:
        duckdb.execute(f"CREATE VIEW {table} AS FROM read_parquet('lake/data/{table}/*/*.parquet', hive_partitioning = false)")
    for prepare in [NEXT_BUSINESS_DAY, CONTRACTS, PRICED, ITEMS, KEYED]:
        duckdb.execute(prepare)
    for what, (computed, published) in CHECKS.items():
        rows = duckdb.execute(f"SELECT count(*) FROM ({published})").fetchone()[0]
        assert rows > 0, f"{what}: nothing to compare"
        for left, right, side in [(computed, published, "only computed"), (published, computed, "only published")]:
            differing = duckdb.execute(f"({left}) EXCEPT ALL ({right})").fetchall()
            assert not differing, f"{what}, {side}:\n" + "\n".join(map(str, differing))
        print(f"{what}: {rows} rows are what SQL computes")


main()
