"""What an earlier night stated too, and what has ended since: it counts once."""

# Entries and records as they were stated, each with what it says of money.
STATED = """
CREATE TABLE computed.again (business_date DATE, side TEXT, kind TEXT, id TEXT, is_same BOOLEAN, stated_on DATE, net DECIMAL(24, 8),
    currency TEXT);
CREATE VIEW stated AS
SELECT business_date, 'provider' AS side, kind, entry_id AS id, occurred_at AS happened, net, currency,
    concat_ws(' ', gross, fee, net, currency, 'charged', customer_amount, customer_currency) AS says
FROM all_priced
UNION ALL BY NAME
SELECT business_date, 'merchant' AS side, 'payment' AS kind, attempt_id AS id, started_at AS happened,
    concat_ws(' ', amount, currency, status) AS says
FROM published.attempts WHERE provider IS NULL OR provider IN (SELECT provider FROM contracts)
UNION ALL BY NAME
SELECT business_date, 'merchant' AS side, 'refund' AS kind, refund_id AS id, requested_at AS happened,
    concat_ws(' ', amount, currency, status) AS says
FROM published.refunds WHERE provider IS NULL OR provider IN (SELECT provider FROM contracts);
CREATE VIEW priced AS FROM all_priced ANTI JOIN (FROM computed.again WHERE side = 'provider') AS again
    ON all_priced.business_date = again.business_date AND all_priced.entry_id = again.id;
CREATE VIEW live_attempts AS FROM published.attempts AS attempts
    ANTI JOIN (FROM computed.again WHERE side = 'merchant' AND kind = 'payment') AS again
    ON attempts.business_date = again.business_date AND attempts.attempt_id = again.id;
CREATE VIEW live_refunds AS FROM published.refunds AS refunds
    ANTI JOIN (FROM computed.again WHERE side = 'merchant' AND kind = 'refund') AS again
    ON refunds.business_date = again.business_date AND refunds.refund_id = again.id
"""

# What happened before the night, at that instant, and was stated by a night since then, the last of which tells; what still waits has not ended.
# A record that says something else is another claim.
AGAIN = """
INSERT INTO computed.again BY NAME
WITH tonight AS (
    FROM stated WHERE business_date = night() AND CAST(timezone(getvariable('timezone'), happened) AS DATE) < night()
),
ended AS (
    FROM tonight ANTI JOIN (FROM computed.open_items WHERE business_date = previous_night()) AS waiting
    ON tonight.side = waiting.side AND tonight.id = waiting.id AND (tonight.side = 'provider' OR tonight.kind = waiting.kind)
),
counted AS (FROM stated ANTI JOIN computed.again USING (business_date, side, kind, id)),
told AS (
    SELECT ended.side, ended.kind, ended.id, ended.says = counted.says AS is_same, counted.business_date AS stated_on, counted.net,
        counted.currency
    FROM ended JOIN counted ON (ended.side, ended.kind, ended.id, ended.happened) = (counted.side, counted.kind, counted.id, counted.happened)
        AND counted.business_date BETWEEN night() - getvariable('given_back_within') AND night() - 1
        AND counted.business_date >= CAST(timezone(getvariable('timezone'), ended.happened) AS DATE)
    QUALIFY row_number() OVER (PARTITION BY ended.side, ended.kind, ended.id ORDER BY counted.business_date DESC) = 1
)
SELECT night() AS business_date, * FROM told WHERE is_same OR side = 'provider'
"""

# A line that says another amount than when it ended.
FOUND = """
INSERT INTO found BY NAME
SELECT concat_ws(' ', 'restated', entry_id) AS about, 'restated' AS break_type, 'open' AS state, provider, account,
    merchant_reference, provider_reference, entry_id, entries.currency,
    if(again.currency = entries.currency, again.net, NULL) AS merchant_amount, entries.net AS provider_amount,
    entries.net - coalesce(if(again.currency = entries.currency, again.net, NULL), 0) AS difference
FROM computed.again AS again JOIN published.entries AS entries ON entries.business_date = night() AND entries.entry_id = again.id
WHERE again.business_date = night() AND side = 'provider' AND NOT is_same
"""
