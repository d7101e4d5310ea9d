"""What meets whom tonight: the night's own entries and records, and those the night before left."""

# What each entry costs by contract: half up to the cent; nothing is said of other kinds, nor of a chargeback where the
# contract says nothing. Multiplied by 0.01, for a quotient would be a double.
PRICED = """
CREATE TABLE all_priced AS SELECT entries.*,
    CASE kind
        WHEN 'payment' THEN CAST(round(gross * percent * 0.01 + fixed, 2) AS DECIMAL(24, 8))
        WHEN 'refund' THEN CAST(0 AS DECIMAL(24, 8))
        WHEN 'chargeback' THEN CAST(chargeback AS DECIMAL(24, 8))
    END AS contract_fee
FROM published.entries JOIN contracts USING (provider)
"""

# The night's own: entries that are of an order, and records of providers of the job or of no provider in particular.
# A refund is negative on both sides; compared is what the customer was charged.
OWN = """
CREATE OR REPLACE TABLE own AS
WITH stated AS (
    SELECT 'provider' AS side, kind, entry_id AS id, provider, account, NULL AS order_id, merchant_reference,
        merchant_refund_reference, provider_reference, coalesce(customer_amount, gross) AS amount,
        CASE WHEN customer_amount IS NULL THEN currency ELSE coalesce(customer_currency, currency) END AS currency,
        'succeeded' AS status, occurred_at, currency AS settled_currency, gross, fee, contract_fee AS fee_contracted
    FROM priced
    WHERE business_date = night() AND kind IN ('payment', 'refund', 'chargeback', 'chargeback_reversal')
    UNION ALL BY NAME
    SELECT 'merchant' AS side, 'payment' AS kind, attempt_id AS id, provider, order_id, merchant_reference,
        provider_reference, amount, currency, status, coalesce(finished_at, started_at) AS occurred_at
    FROM live_attempts WHERE business_date = night()
    UNION ALL BY NAME
    SELECT 'merchant' AS side, 'refund' AS kind, refund_id AS id, provider, order_id, merchant_reference,
        merchant_refund_reference, provider_reference, -amount AS amount, currency, status, requested_at AS occurred_at
    FROM live_refunds WHERE business_date = night()
)
SELECT * FROM stated WHERE provider IS NULL OR provider IN (SELECT provider FROM contracts)
"""

# An item that is stated again while it waits supersedes what was carried in, and is as old as that.
ITEMS = """
CREATE OR REPLACE TABLE items AS
WITH carried AS (FROM computed.open_items WHERE business_date = previous_night()),
since AS (
    SELECT own.*, coalesce(carried.first_seen, night()) AS first_seen,
        coalesce(carried.expected_by, expected_by(own.provider, night())) AS expected_by
    FROM own LEFT JOIN carried USING (side, kind, id)
    UNION ALL BY NAME
    SELECT * EXCLUDE (business_date) FROM carried ANTI JOIN own USING (side, kind, id)
)
SELECT *,
    -- A record that names no success claims nothing; a refund that is on its way does.
    side = 'provider' OR status = 'succeeded' OR kind = 'refund' AND status = 'pending' AS claims,
    coalesce(fee <> fee_contracted, false) AS fee_differs
FROM since
"""

# What waits for the next night: whatever misses its counterpart; a record that claims nothing, for as long as an entry may
# still prove it wrong; and all that is part of a break which more parts may close.
OPEN_ITEMS = """
INSERT INTO computed.open_items BY NAME
SELECT night() AS business_date, items.* EXCLUDE (claims, fee_differs)
FROM items LEFT JOIN ended USING (side, kind, id) LEFT JOIN judged USING (meeting)
WHERE items.kind IN ('payment', 'refund')
    AND (ended.id IS NULL AND (claims OR night() < expected_by) OR coalesce(judged.carried, false))
"""

# Where every entry and record of the night ended.
OUTCOMES = """
INSERT INTO computed.outcomes
WITH told AS (
    SELECT side, items.kind, id, outcome, coalesce(judged.break_type, ended.reason) AS reason, claims, expected_by
    FROM items LEFT JOIN ended USING (side, kind, id) LEFT JOIN judged USING (meeting)
),
said AS (
    SELECT side, kind, id, CASE
        WHEN outcome = 'met' AND reason IS NULL THEN 'match'
        WHEN outcome = 'met' THEN 'break'
        WHEN outcome IS NOT NULL THEN outcome
        WHEN kind LIKE 'chargeback%' THEN 'break'
        WHEN night() < expected_by THEN 'waiting'
        WHEN claims THEN 'break'
        ELSE 'excluded' END AS outcome,
        CASE
        WHEN outcome IS NOT NULL THEN reason
        WHEN kind = 'chargeback' THEN 'chargeback'
        WHEN kind = 'chargeback_reversal' THEN 'chargeback_reversed'
        WHEN claims THEN missing_in(kind, side)
        WHEN night() >= expected_by THEN 'not_paid' END AS reason
    FROM told
)
SELECT night(), own.side, own.kind, own.id, said.outcome, said.reason FROM own JOIN said USING (side, kind, id)
UNION ALL
SELECT business_date, side, kind, id, if(is_same, 'excluded', 'break'), if(is_same, 'stated_before', 'restated')
FROM computed.again WHERE business_date = night()
UNION ALL
SELECT night(), 'merchant', kind, id, 'excluded', 'provider_not_in_job' FROM (
    SELECT business_date, provider, 'payment' AS kind, attempt_id AS id FROM published.attempts
    UNION ALL
    SELECT business_date, provider, 'refund', refund_id FROM published.refunds
) WHERE business_date = night() AND provider NOT IN (SELECT provider FROM contracts)
UNION ALL
SELECT night(), 'provider', kind, entry_id, 'excluded', 'not_of_an_order' FROM priced
WHERE business_date = night() AND kind NOT IN ('payment', 'refund', 'chargeback', 'chargeback_reversal')
"""
