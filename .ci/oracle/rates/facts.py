"""What there is to count: each attempt, each group of attempts and each order of a night, and what it counts as in each metric.

A count is 'success', 'other' (in the denominator alone), 'excluded' or 'pending'.
"""

# Whether rules on which the program and the letter of the documents differ are those of the documents: what is pending in the rates of
# a checkout, what had the time to end, what was recovered, what may be told of a rate with something pending, and which of the
# orders without an attempt succeeded.
READING = "CREATE MACRO as_documented() AS getvariable('as_documented')"

# The close is the end of the night, in the job's time zone.
NIGHTS = """
CREATE TABLE closes AS
SELECT business_date, CAST(business_date + 1 AS TIMESTAMP) AT TIME ZONE getvariable('timezone') AS close FROM published.nights
"""

# An order counts in the night that stated it first, and again where it says something else than it said last. What was said before
# it was created is of another.
ONCE = """
CREATE TABLE computed.orders AS
WITH said AS (
    SELECT business_date, order_id, created_at, concat_ws(' ', amount, currency, status) AS says,
        CAST(timezone(getvariable('timezone'), created_at) AS DATE) AS created_on
    FROM published.orders
),
chained AS (
    SELECT business_date, order_id, created_on < business_date
        AND says IS NOT DISTINCT FROM lag(says) OVER (PARTITION BY order_id, created_at ORDER BY business_date) AS stated_before
    FROM said WHERE created_on <= business_date
)
SELECT business_date, order_id, coalesce(chained.stated_before, false) AS stated_before
FROM published.orders LEFT JOIN chained USING (business_date, order_id);
CREATE TABLE orders AS FROM published.orders ANTI JOIN (FROM computed.orders WHERE stated_before) USING (business_date, order_id)
"""

# Which entry an attempt met, be they a match or differ. Of a break in parts its detail names them all, and none to whom each is.
MET = """
CREATE TABLE met AS
WITH differing AS (
    SELECT b.business_date, account, attempt_id, entry_id,
        regexp_extract(detail, 'in parts: (.*) for (.*)', ['entries', 'attempts']) AS parts
    FROM published.breaks AS b JOIN published.attempts AS a USING (business_date, attempt_id)
    WHERE entry_id IS NOT NULL AND break_type = outcome_reason
        AND break_type IN ('amount_mismatch', 'currency_mismatch', 'fee_mismatch', 'false_failure')
)
SELECT business_date, attempt_id, entry_id, account FROM published.matches WHERE kind = 'payment' AND attempt_id IS NOT NULL
UNION
SELECT business_date, attempt_id, entry_id, account FROM differing
UNION
SELECT business_date, attempt_id, unnest(string_split(parts.entries, ', ')), account FROM differing WHERE parts.entries <> ''
UNION
SELECT business_date, unnest(string_split(parts.attempts, ', ')), NULL, account FROM differing WHERE parts.attempts <> ''
"""

# An attempt is sent once it is past the choice of a method, and an answer proves that it was. What the provider has of its money is
# told by where it ended: what is ambiguous, stated otherwise before or recorded twice cannot be told from others.
ATTEMPTS = """
CREATE TABLE attempts AS
WITH accounts AS (SELECT provider, min(account) AS account FROM providers GROUP BY provider HAVING count(*) = 1),
met_accounts AS (SELECT business_date, attempt_id, min(account) AS account FROM met GROUP BY ALL)
SELECT a.* EXCLUDE (outcome, outcome_reason, file_id, line), coalesce(accounts.account, met_accounts.account) AS account,
    a.status NOT IN ('initiated', 'pending') AS final,
    a.status IN ('succeeded', 'failed') OR coalesce(a.stage <> 'method_selected', a.status <> 'initiated') AS sent,
    coalesce(failures.category, 'unmapped') AS category, coalesce(failures.actor, 'unknown') AS actor,
    coalesce(failures.hardness, 'unknown') AS hardness,
    CASE
        WHEN a.outcome = 'match' THEN 'found'
        WHEN a.outcome = 'waiting' THEN 'waiting'
        WHEN a.outcome_reason IN ('amount_mismatch', 'currency_mismatch', 'fee_mismatch', 'false_failure') THEN 'found'
        WHEN a.outcome_reason IN ('missing_in_provider', 'not_paid') THEN 'not found'
        WHEN a.outcome = 'break' THEN 'unsure'
        ELSE 'not asked' END AS at_provider
FROM published.attempts AS a
LEFT JOIN failures ON failures.provider = a.provider AND failures.code = lower(trim(a.failure_code))
LEFT JOIN accounts ON accounts.provider = a.provider
LEFT JOIN met_accounts ON met_accounts.business_date = a.business_date AND met_accounts.attempt_id = a.attempt_id
-- One that was stated before counts again only with its order.
LEFT JOIN orders ON orders.business_date = a.business_date AND orders.order_id = a.order_id
WHERE a.outcome_reason IS DISTINCT FROM 'stated_before' OR orders.order_id IS NOT NULL
"""

# Of an order: what its attempts came to, and the first and last of them in time. It is pending as long as its last attempt is.
# Paid, it counts as sent, with an attempt or without: else conversion were not the product of its two parts.
ORDERS = """
CREATE TABLE order_facts AS
WITH tried AS (
    SELECT business_date, order_id, count(*) AS attempts, arg_min(attempts, (started_at, attempt_id)) AS first,
        arg_max(attempts, (started_at, attempt_id)) AS last, bool_or(status = 'succeeded') AS attempt_succeeded,
        bool_or(sent) AS sent, list(at_provider) AS at_provider,
        arg_min(coalesce(finished_at, started_at), (started_at, attempt_id)) FILTER (status = 'succeeded') AS answered_at,
        max((started_at, attempt_id)) FILTER (status = 'succeeded') AS last_success
    FROM attempts GROUP BY ALL
)
SELECT o.* EXCLUDE (stated_before, file_id, line), coalesce(attempts, 0) AS attempts, first, last,
    coalesce(attempt_succeeded, false) AS attempt_succeeded,
    coalesce(attempt_succeeded, false) OR o.status = 'paid' AS paid,
    coalesce(NOT last.final, false) AND NOT paid AS pending,
    coalesce(sent, false) OR paid AS sent, CASE
        WHEN list_contains(at_provider, 'found') THEN 'found'
        WHEN list_contains(at_provider, 'waiting') THEN 'waiting'
        WHEN list_contains(at_provider, 'unsure') THEN 'unsure'
        WHEN list_contains(at_provider, 'not found') THEN 'not found'
        ELSE 'not asked' END AS at_provider, answered_at, last_success,
    o.created_at + getvariable('abandoned_after') <= close AS old
FROM orders AS o JOIN closes USING (business_date) LEFT JOIN tried USING (business_date, order_id)
"""

# What was answered last explains an end better than the stage at which it came, and that stage better than the status. A customer
# who never submitted waits for nobody; nor does one whose attempt the merchant called off.
STAGES = """
CREATE TABLE stages AS
SELECT *, CASE
        WHEN paid THEN 'paid'
        WHEN attempts = 0 THEN if(status = 'cancelled', 'merchant_cancelled', 'no_attempt')
        WHEN last.status = 'pending' THEN 'pending'
        WHEN last.status = 'failed' THEN if(last.category IN (FROM technical), 'technical_and_left', 'declined_and_left')
        WHEN last.status = 'cancelled' AND status = 'cancelled' THEN 'merchant_cancelled'
        WHEN last.stage = 'method_selected' OR last.status = 'initiated' AND last.stage IS NULL THEN 'method_no_submit'
        WHEN last.stage = 'authentication' THEN 'authentication_dropped'
        WHEN last.stage = 'redirected' THEN 'wallet_or_redirect_not_returned'
        WHEN last.status = 'initiated' THEN 'pending'
        ELSE 'expired_unpaid' END AS stage
FROM order_facts
"""

# Attempts of an order that follow one another: one is of the group of the one before where it is like it and soon enough after it,
# and that one has not succeeded.
GROUPS = """
CREATE TABLE groups AS
WITH followed AS (
    SELECT business_date, order_id, attempt_id, status, final, started_at, coalesce(
        method IS NOT DISTINCT FROM lag(method) OVER following AND amount = lag(amount) OVER following
            AND currency = lag(currency) OVER following
            AND coalesce(card_brand = lag(card_brand) OVER following, true)
            AND coalesce(card_funding = lag(card_funding) OVER following, true)
            AND coalesce(wallet = lag(wallet) OVER following, true)
            AND started_at - lag(started_at) OVER following <= getvariable('retry_within')
            AND lag(status) OVER following <> 'succeeded', false) AS again
    FROM attempts SEMI JOIN orders USING (business_date, order_id)
    WINDOW following AS (PARTITION BY business_date, order_id ORDER BY started_at, attempt_id)
),
numbered AS (
    SELECT *, count(*) FILTER (NOT again) OVER (PARTITION BY business_date, order_id ORDER BY started_at, attempt_id) AS number
    FROM followed
)
SELECT business_date, arg_min(attempt_id, (started_at, attempt_id)) AS attempt_id, CASE
        WHEN bool_or(status = 'succeeded') THEN 'success'
        WHEN bool_or(NOT final) THEN 'pending'
        ELSE 'other' END AS counts
FROM numbered GROUP BY business_date, order_id, number
"""

# Declined is what the issuer or the provider refused for the customer's means, or for a reason nobody knows: unless that came while
# the customer was asked who they are. A closed order and a payment made twice were no question to an issuer.
COUNTED_ATTEMPTS = """
CREATE TABLE counted_attempts AS
SELECT a.business_date, a.attempt_id AS id, a.amount, a.currency, true AS ended,
    a.provider, a.account, a.method, a.wallet, a.card_brand, a.card_funding, o.country, o.channel, o.customer_segment,
    a.started_at AS begun,
    CASE WHEN a.status = 'succeeded' THEN 'success' WHEN a.final THEN 'other' ELSE 'pending' END AS attempt_success_raw,
    CASE
        WHEN a.amount = 0 THEN 'excluded'
        WHEN NOT a.final THEN 'pending'
        WHEN a.status = 'succeeded' THEN 'success'
        WHEN a.status = 'failed' AND (a.category IN (FROM declined) OR a.category = 'suspected_fraud' AND a.actor = 'issuer'
            OR a.category = 'unmapped' AND a.stage IS DISTINCT FROM 'authentication') THEN 'other'
        ELSE 'excluded' END AS issuer_auth_rate,
    CASE
        WHEN NOT a.final THEN 'pending'
        WHEN a.status = 'succeeded' THEN 'success'
        WHEN a.sent THEN 'other'
        ELSE 'excluded' END AS acceptance_rate,
    CASE WHEN o.order_id IS NULL THEN 'excluded' ELSE groups.counts END AS group_success_rate
FROM attempts AS a LEFT JOIN orders AS o USING (business_date, order_id)
LEFT JOIN groups ON groups.business_date = a.business_date AND groups.attempt_id = a.attempt_id
"""

# Whether a payment was found is pending where the record says paid and the provider may yet state it, or states what cannot be told
# from others; of an order that is not paid it is not, and it counts as not found.
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
        WHEN at_provider = 'not asked' THEN 'excluded'
        WHEN at_provider = 'found' THEN 'success'
        WHEN pending OR paid AND at_provider IN ('waiting', 'unsure') THEN 'pending'
        ELSE 'other' END AS order_capture_rate,
    CASE
        WHEN NOT old THEN 'excluded'
        WHEN if(as_documented(), pending, stage = 'pending') THEN 'pending'
        WHEN sent THEN 'success'
        ELSE 'other' END AS confirmation_rate,
    CASE
        WHEN NOT old OR as_documented() AND NOT sent THEN 'excluded'
        WHEN paid THEN 'success'
        WHEN if(as_documented(), pending, stage = 'pending') THEN 'pending'
        WHEN sent THEN 'other'
        ELSE 'excluded' END AS post_confirm_success,
    CASE
        WHEN NOT old THEN 'excluded'
        WHEN paid THEN 'success'
        WHEN if(as_documented(), pending, stage = 'pending') THEN 'pending'
        ELSE 'other' END AS checkout_conversion,
    CASE
        WHEN NOT old THEN 'excluded'
        WHEN stage IN ('paid', 'pending', 'merchant_cancelled') THEN 'other'
        ELSE 'success' END AS abandonment_rate,
    CASE
        WHEN attempts = 0 OR first.status <> 'failed' THEN 'excluded'
        WHEN if(as_documented(), paid, attempt_succeeded) THEN 'success'
        WHEN pending THEN 'pending'
        ELSE 'other' END AS retry_recovery_rate,
    CASE
        WHEN NOT paid OR at_provider IN ('not asked', 'unsure') THEN 'excluded'
        WHEN at_provider = 'found' THEN 'success'
        WHEN at_provider = 'waiting' THEN 'pending'
        ELSE 'other' END AS settled_success_rate,
    CASE settled_success_rate WHEN 'success' THEN 'other' WHEN 'other' THEN 'success' ELSE settled_success_rate END
        AS false_success,
    CASE
        WHEN paid OR at_provider IN ('not asked', 'unsure') THEN 'excluded'
        WHEN at_provider = 'found' THEN 'success'
        WHEN at_provider = 'waiting' OR pending THEN 'pending'
        ELSE 'other' END AS false_failure
FROM stages
"""

STEPS = [READING, NIGHTS, ONCE, MET, ATTEMPTS, ORDERS, STAGES, GROUPS, COUNTED_ATTEMPTS, COUNTED_ORDERS]
