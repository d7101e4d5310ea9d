"""What was given back of a payment, over all nights: refunds and chargebacks, less what of them came back."""

# Payments and what was given back of them as the last night stated it, each at first on its own. A return names the payment it
# is of; amounts are what the customer was charged.
MOVED = """
CREATE OR REPLACE TABLE moved AS
SELECT entry_id AS id, entry_id AS payment, business_date AS night, kind, provider, account, merchant_reference,
    if(kind = 'payment', provider_reference, original_reference) AS provider_reference,
    if(customer_amount IS NULL OR customer_currency IS NULL, currency, customer_currency) AS currency,
    if(customer_amount IS NULL OR customer_currency IS NULL, gross, customer_amount) AS amount
FROM priced
WHERE business_date <= night() AND kind IN ('payment', 'refund', 'refund_reversal', 'chargeback', 'chargeback_reversal')
QUALIFY row_number() OVER (PARTITION BY entry_id ORDER BY business_date DESC) = 1
"""

# What shares a reference, the provider's of the payment or the merchant's, is of one payment: done until nothing changes.
TOGETHER = """
CREATE OR REPLACE TABLE moved AS
SELECT * REPLACE (least(payment,
    if(merchant_reference IS NULL, payment, min(payment) OVER (PARTITION BY provider, account, merchant_reference)),
    if(provider_reference IS NULL, payment, min(payment) OVER (PARTITION BY provider, account, provider_reference))) AS payment)
FROM moved
"""

PAYMENTS_APART = "SELECT count(DISTINCT payment) FROM moved"

# Each currency by itself. Told of is each payment something was given back of tonight, in whatever currency, and each of which
# the night before knew more given back than paid. What has no payment may be of
# a night before the lake's first, for no lake here is as old as a payment may be.
RETURNS = """
INSERT INTO computed.returns BY NAME
WITH payments AS (
    SELECT payment, min(merchant_reference) AS merchant_reference, min(provider_reference) AS provider_reference
    FROM moved WHERE kind = 'payment' GROUP BY payment
),
paid AS (SELECT payment, currency, sum(amount) AS paid FROM moved WHERE kind = 'payment' GROUP BY ALL),
given_back AS (
    SELECT payment, provider, account, currency, -coalesce(sum(amount) FILTER (kind LIKE 'refund%'), 0) AS refunded,
        -coalesce(sum(amount) FILTER (kind LIKE 'chargeback%'), 0) AS charged_back, -sum(amount) AS given_back,
        list(id ORDER BY night, id) AS ids, min(night) AS first_seen, max(night) AS last_seen
    FROM moved WHERE kind <> 'payment' GROUP BY ALL
),
-- What a payment is called by its returns, of whatever currency, where no payment says.
called AS (
    SELECT payment, min(merchant_reference) AS merchant_reference, min(provider_reference) AS provider_reference
    FROM moved WHERE kind <> 'payment' GROUP BY payment
),
told AS (
    SELECT payment FROM moved WHERE kind <> 'payment' AND night = night()
    UNION
    SELECT payment FROM moved JOIN (
        SELECT unnest(ids) AS id FROM computed.returns WHERE business_date = previous_night() AND state = 'exceeds') USING (id)
)
SELECT night() AS business_date, provider, account, currency, CASE
        WHEN given_back > paid THEN 'exceeds'
        WHEN given_back = paid THEN 'wholly'
        WHEN paid IS NOT NULL AND given_back >= 0 THEN 'partly'
        WHEN paid IS NULL AND payments.payment IS NOT NULL THEN 'other_currency'
        ELSE 'unknown' END AS state,
    coalesce(payments.merchant_reference, called.merchant_reference) AS merchant_reference,
    coalesce(payments.provider_reference, called.provider_reference) AS provider_reference,
    paid, refunded, charged_back, given_back, paid - given_back AS remaining, first_seen, last_seen, ids
FROM given_back JOIN called USING (payment) LEFT JOIN payments USING (payment) LEFT JOIN paid USING (payment, currency)
WHERE payment IN (FROM told)
"""

FOUND = """
INSERT INTO found BY NAME
SELECT concat_ws(' ', 'refund_exceeds_payment', provider, account, currency, merchant_reference, 'or',
        if(merchant_reference IS NULL, provider_reference, NULL)) AS about,
    'refund_exceeds_payment' AS break_type, 'open' AS state, provider, account, merchant_reference, provider_reference, currency,
    -paid AS merchant_amount, -given_back AS provider_amount, paid - given_back AS difference, ids[-1] AS entry_id
FROM computed.returns WHERE business_date = night() AND state = 'exceeds'
"""
