"""What there is to count: each attempt, each group of attempts and each order of a night, and what it counts as in each metric.

A count is 'success', 'other' (in the denominator alone), 'excluded' or 'pending'.
"""

# The close is the end of the night, in the job's time zone.
NIGHTS = """
CREATE TABLE closes AS
SELECT business_date, CAST(business_date + 1 AS TIMESTAMP) AT TIME ZONE getvariable('timezone') AS close FROM published.nights
"""

# Which entry an attempt met, be they a match or differ; several make up one attempt where it was captured in parts.
MET = """
CREATE TABLE met AS
SELECT business_date, attempt_id, entry_id, account FROM published.matches WHERE kind = 'payment' AND attempt_id IS NOT NULL
UNION
SELECT business_date, attempt_id, entry_id, account FROM published.breaks
WHERE first_seen = business_date AND attempt_id IS NOT NULL AND entry_id IS NOT NULL
    AND break_type IN ('amount_mismatch', 'currency_mismatch', 'fee_mismatch', 'false_failure')
"""

# An attempt is sent once it is past the choice of a method. The provider and what became of the money there are told by where
# the attempt ended: nothing is known of what is ambiguous, and what waits may still come.
ATTEMPTS = """
CREATE TABLE attempts AS
WITH accounts AS (SELECT provider, min(account) AS account FROM providers GROUP BY provider HAVING count(*) = 1),
met_accounts AS (SELECT business_date, attempt_id, min(account) AS account FROM met GROUP BY ALL)
SELECT a.* EXCLUDE (outcome, outcome_reason, file_id, line), coalesce(accounts.account, met_accounts.account) AS account,
    coalesce(a.outcome_reason IN ('stated_before', 'restated'), false) AS known_before,
    a.status NOT IN ('initiated', 'pending') AS final,
    coalesce(a.stage <> 'method_selected', a.status NOT IN ('initiated')) AS sent,
    coalesce(failures.category, 'unmapped') AS category,
    CASE
        WHEN a.outcome = 'match' THEN 'found'
        WHEN a.outcome = 'waiting' THEN 'waiting'
        WHEN a.outcome_reason IN ('amount_mismatch', 'currency_mismatch', 'fee_mismatch', 'false_failure') THEN 'found'
        WHEN a.outcome_reason IN ('missing_in_provider', 'not_paid', 'duplicate_in_merchant') THEN 'not found'
        WHEN a.outcome_reason = 'ambiguous' THEN 'ambiguous'
        ELSE 'not told' END AS at_provider,
    coalesce(a.provider IN (SELECT provider FROM providers), false) AS of_job
FROM published.attempts AS a
LEFT JOIN failures ON failures.provider = a.provider AND failures.code = a.failure_code
LEFT JOIN accounts ON accounts.provider = a.provider
LEFT JOIN met_accounts ON met_accounts.business_date = a.business_date AND met_accounts.attempt_id = a.attempt_id
"""

# Of an order: what its attempts came to, and the first and last of them in time.
ORDERS = """
CREATE TABLE order_facts AS
WITH tried AS (
    SELECT business_date, order_id, count(*) AS attempts, arg_min(attempts, (started_at, attempt_id)) AS first,
        arg_max(attempts, (started_at, attempt_id)) AS last, bool_or(status = 'succeeded') AS attempt_succeeded,
        bool_or(NOT final) AS attempt_pending, bool_or(sent) AS sent, bool_or(of_job) AS of_job,
        bool_or(at_provider = 'found') AS found, bool_or(at_provider = 'waiting' AND of_job) AS waits,
        bool_or(at_provider = 'ambiguous') AS ambiguous,
        arg_min(coalesce(finished_at, started_at), (started_at, attempt_id)) FILTER (status = 'succeeded') AS answered_at
    FROM attempts GROUP BY ALL
)
SELECT o.* EXCLUDE (file_id, line), coalesce(attempts, 0) AS attempts, first, last,
    coalesce(attempt_succeeded, false) AS attempt_succeeded,
    coalesce(attempt_succeeded, false) OR o.status = 'paid' AS paid,
    coalesce(attempt_pending, false) AND NOT paid AS pending,
    coalesce(sent, false) AS sent, coalesce(of_job, false) AS of_job, coalesce(found, false) AS found,
    coalesce(waits, false) AS waits, coalesce(ambiguous, false) AS ambiguous, answered_at,
    o.created_at + getvariable('abandoned_after') <= close AS old
FROM published.orders AS o JOIN closes USING (business_date) LEFT JOIN tried USING (business_date, order_id)
"""

# Attempt after attempt of an order: each is of the last group it is like, begun at most so long ago, that has not succeeded.
GROUPS = """
CREATE TABLE groups AS
WITH RECURSIVE numbered AS (
    SELECT *, row_number() OVER (PARTITION BY business_date, order_id ORDER BY started_at, attempt_id) AS number
    FROM attempts SEMI JOIN published.orders USING (business_date, order_id)
),
alike AS (
    SELECT business_date, order_id, number, attempt_id, attempt_id AS grouped, list_value({
            'group': attempt_id, 'at': started_at, 'open': status <> 'succeeded', 'key': (method, amount, currency),
            'brand': card_brand, 'funding': card_funding, 'wallet': wallet}) AS known
    FROM numbered WHERE number = 1
    UNION ALL
    SELECT business_date, order_id, n.number, n.attempt_id, coalesce(fit.group, n.attempt_id),
        list_append(list_filter(known, lambda one: one.group <> coalesce(fit.group, n.attempt_id)), {
            'group': coalesce(fit.group, n.attempt_id), 'at': n.started_at, 'open': n.status <> 'succeeded',
            'key': (n.method, n.amount, n.currency), 'brand': coalesce(fit.brand, n.card_brand),
            'funding': coalesce(fit.funding, n.card_funding), 'wallet': coalesce(fit.wallet, n.wallet)})
    FROM (
        SELECT alike.business_date, alike.order_id, known, n, list_filter(known, lambda one:
            one.open AND one.key IS NOT DISTINCT FROM (n.method, n.amount, n.currency)
            AND n.started_at - one.at <= getvariable('retry_within')
            AND coalesce(one.brand = n.card_brand, true) AND coalesce(one.funding = n.card_funding, true)
            AND coalesce(one.wallet = n.wallet, true))[-1] AS fit
        FROM alike JOIN numbered AS n ON n.business_date = alike.business_date AND n.order_id = alike.order_id
            AND n.number = alike.number + 1
    )
)
SELECT business_date, grouped AS attempt_id, CASE
        WHEN bool_or(status = 'succeeded') THEN 'success'
        WHEN bool_or(NOT final) THEN 'pending'
        ELSE 'other' END AS counts
FROM alike JOIN attempts USING (business_date, attempt_id) GROUP BY ALL
"""

# Declined is what the issuer or the provider refused, whoever the card's fault is; all other ends are no answer of theirs.
COUNTED_ATTEMPTS = """
CREATE TABLE counted_attempts AS
SELECT a.business_date, a.attempt_id AS id, a.amount, a.currency, a.final AS ended,
    a.provider, a.account, a.method, a.wallet, a.card_brand, a.card_funding, o.country, o.channel, o.customer_segment,
    a.started_at AS begun,
    CASE WHEN a.status = 'succeeded' THEN 'success' WHEN a.final THEN 'other' ELSE 'pending' END AS attempt_success_raw,
    CASE
        WHEN a.amount = 0 THEN 'excluded'
        WHEN NOT a.final THEN 'pending'
        WHEN a.status = 'succeeded' THEN 'success'
        WHEN a.status = 'failed' AND a.category IN (FROM declined) THEN 'other'
        ELSE 'excluded' END AS issuer_auth_rate,
    CASE
        WHEN NOT a.final THEN 'pending'
        WHEN a.status = 'succeeded' THEN 'success'
        WHEN a.sent THEN 'other'
        ELSE 'excluded' END AS acceptance_rate,
    CASE WHEN o.order_id IS NULL THEN 'excluded' ELSE groups.counts END AS group_success_rate
FROM attempts AS a LEFT JOIN published.orders AS o USING (business_date, order_id)
LEFT JOIN groups ON groups.business_date = a.business_date AND groups.attempt_id = a.attempt_id
"""

COUNTED_ORDERS = """
CREATE TABLE counted_orders AS
SELECT business_date, order_id AS id, amount, currency, old AS ended,
    first.provider, first.account, first.method, first.wallet, first.card_brand, first.card_funding,
    country, channel, customer_segment, created_at AS begun,
    CASE
        WHEN attempts = 0 THEN 'excluded'
        WHEN NOT first.final THEN 'pending'
        WHEN first.status = 'succeeded' THEN 'success'
        ELSE 'other' END AS first_attempt_rate,
    CASE
        WHEN attempts = 0 THEN 'excluded'
        WHEN paid THEN 'success'
        WHEN pending THEN 'pending'
        ELSE 'other' END AS order_success_rate,
    CASE
        WHEN attempts = 0 OR NOT of_job THEN 'excluded'
        WHEN found THEN 'success'
        WHEN pending OR paid AND (waits OR ambiguous) THEN 'pending'
        ELSE 'other' END AS order_capture_rate,
    CASE
        WHEN NOT old THEN 'excluded'
        WHEN pending THEN 'pending'
        WHEN sent THEN 'success'
        ELSE 'other' END AS confirmation_rate,
    CASE
        WHEN NOT old OR NOT sent THEN 'excluded'
        WHEN paid THEN 'success'
        WHEN pending THEN 'pending'
        ELSE 'other' END AS post_confirm_success,
    CASE
        WHEN NOT old THEN 'excluded'
        WHEN paid THEN 'success'
        WHEN pending THEN 'pending'
        ELSE 'other' END AS checkout_conversion,
    CASE
        WHEN NOT old THEN 'excluded'
        WHEN paid OR pending OR attempts = 0 AND status = 'cancelled' THEN 'other'
        ELSE 'success' END AS abandonment_rate,
    CASE
        WHEN attempts = 0 OR first.status <> 'failed' THEN 'excluded'
        WHEN paid THEN 'success'
        WHEN pending THEN 'pending'
        ELSE 'other' END AS retry_recovery_rate,
    CASE
        WHEN NOT paid OR NOT of_job OR ambiguous AND NOT found THEN 'excluded'
        WHEN found THEN 'success'
        WHEN waits THEN 'pending'
        ELSE 'other' END AS settled_success_rate,
    CASE settled_success_rate WHEN 'success' THEN 'other' WHEN 'other' THEN 'success' ELSE settled_success_rate END
        AS false_success,
    CASE
        WHEN paid OR NOT of_job OR ambiguous AND NOT found THEN 'excluded'
        WHEN found THEN 'success'
        WHEN waits THEN 'pending'
        ELSE 'other' END AS false_failure
FROM order_facts
"""

STEPS = [NIGHTS, MET, ATTEMPTS, ORDERS, GROUPS, COUNTED_ATTEMPTS, COUNTED_ORDERS]
