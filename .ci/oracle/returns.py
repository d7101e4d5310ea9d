"""What was given back of a payment, over all nights: refunds and chargebacks, less what of them came back."""

# Payments and what was given back of them, each at first on its own, as the last night stated it: of the nights that a payment
# may be of, and, however long ago, what the night before left wrong. That is called whatever its payment was called, for it
# stays until it is made good. A return names the payment it is of; amounts are what the customer was charged.
MOVED = """
CREATE OR REPLACE TABLE moved AS
WITH stated AS (
    SELECT entry_id AS id, business_date AS night, kind, provider, account, merchant_reference,
        if(kind = 'payment', priced.provider_reference, original_reference) AS provider_reference,
        if(customer_amount IS NULL OR customer_currency IS NULL, currency, customer_currency) AS currency,
        if(customer_amount IS NULL OR customer_currency IS NULL, gross, customer_amount) AS amount,
        list_filter([
            'merchant ' || merchant_reference,
            'provider ' || if(kind = 'payment', priced.provider_reference, original_reference),
        ], lambda name: name IS NOT NULL) AS names
    FROM priced
    WHERE business_date BETWEEN night() - getvariable('given_back_within') AND night()
        AND kind IN ('payment', 'refund', 'refund_reversal', 'chargeback', 'chargeback_reversal')
),
wrong AS (
    SELECT unnest(entries, max_depth := 2), provider, account, merchant_reference, provider_reference, names
    FROM computed.returns WHERE business_date = previous_night() AND state IN ('exceeds', 'unlinked')
),
known AS (
    SELECT *, false AS was_wrong FROM stated
    UNION ALL BY NAME
    SELECT *, true AS was_wrong FROM wrong
)
SELECT *, id AS payment FROM known QUALIFY row_number() OVER (PARTITION BY id ORDER BY night DESC, was_wrong DESC) = 1
"""

# What shares a reference, the provider's of the payment or the merchant's, is of one payment: done until nothing changes.
TOGETHER = """
CREATE OR REPLACE TABLE moved AS
WITH named AS (SELECT id, provider, account, payment, unnest(names) AS name FROM moved),
sharing AS (SELECT id, min(payment) OVER (PARTITION BY provider, account, name) AS payment FROM named),
first AS (SELECT id, min(payment) AS payment FROM sharing GROUP BY id)
SELECT moved.* REPLACE (least(moved.payment, first.payment) AS payment) FROM moved LEFT JOIN first USING (id)
"""

PAYMENTS_APART = "SELECT count(DISTINCT payment) FROM moved"

# Each currency by itself. Told of is each payment something was given back of tonight, in whatever currency, and each that the
# night before left wrong. What has no payment may be of a night before the lake's first, where the lake is not as old as that.
RETURNS = """
INSERT INTO computed.returns BY NAME
WITH wrong AS (FROM computed.returns WHERE business_date = previous_night() AND state IN ('exceeds', 'unlinked')),
paid AS (SELECT payment, currency, sum(amount) AS paid FROM moved WHERE kind = 'payment' GROUP BY ALL),
given_back AS (
    SELECT payment, provider, account, currency, -coalesce(sum(amount) FILTER (kind LIKE 'refund%'), 0) AS refunded,
        -coalesce(sum(amount) FILTER (kind LIKE 'chargeback%'), 0) AS charged_back, -sum(amount) AS given_back,
        list(id ORDER BY night, id) AS ids, min(night) AS first_seen, max(night) AS last_seen
    FROM moved WHERE kind <> 'payment' GROUP BY ALL
),
-- What a payment is called, by its returns, of whatever currency, where no payment says.
called AS (
    SELECT payment, bool_or(kind = 'payment') AS has_payment,
        coalesce(min(merchant_reference) FILTER (kind = 'payment'), min(merchant_reference)) AS merchant_reference,
        coalesce(min(provider_reference) FILTER (kind = 'payment'), min(provider_reference)) AS provider_reference,
        list_sort(list_distinct(flatten(list(names)))) AS names,
        list({'id': id, 'night': night, 'kind': kind, 'currency': currency, 'amount': amount} ORDER BY night, id) AS entries
    FROM moved GROUP BY payment
),
told AS (
    SELECT payment FROM moved WHERE kind <> 'payment' AND night = night()
    UNION
    SELECT payment FROM moved JOIN (SELECT unnest(ids) AS id FROM wrong) USING (id)
),
known AS (
    SELECT *, coalesce('merchant ' || merchant_reference, 'provider ' || provider_reference, 'entry ' || ids[1]) AS about
    FROM given_back JOIN called USING (payment) LEFT JOIN paid USING (payment, currency)
    WHERE payment IN (FROM told)
)
SELECT night() AS business_date, provider, account, currency, CASE
        WHEN given_back > paid THEN 'exceeds'
        WHEN given_back = paid THEN 'wholly'
        WHEN paid IS NOT NULL AND given_back >= 0 THEN 'partly'
        WHEN paid IS NULL AND has_payment THEN 'other_currency'
        WHEN last_seen = night() AND night() - getvariable('given_back_within') >= (
            SELECT min(business_date) FROM published.nights) THEN 'unlinked'
        WHEN (provider, account, about) IN (SELECT (provider, account, about) FROM wrong WHERE state = 'unlinked') THEN 'unlinked'
        ELSE 'unknown' END AS state,
    merchant_reference, provider_reference, paid, refunded, charged_back, given_back, paid - given_back AS remaining, first_seen,
    last_seen, ids, names, about,
    list_filter(entries, lambda entry: entry.kind = 'payment' OR entry.currency = known.currency) AS entries
FROM known
"""

# More given back than was paid, or of no payment.
FOUND = """
INSERT INTO found BY NAME
SELECT concat_ws(' ', break_type, provider, account, about, currency) AS about, break_type, 'open' AS state, provider, account,
    merchant_reference, provider_reference, currency,
    if(state = 'exceeds', -paid, NULL) AS merchant_amount, -given_back AS provider_amount,
    if(state = 'exceeds', paid, 0) - given_back AS difference, ids[-1] AS entry_id
FROM (SELECT *, if(state = 'exceeds', 'refund_exceeds_payment', 'refund_unlinked') AS break_type FROM computed.returns)
WHERE business_date = night() AND state IN ('exceeds', 'unlinked')
"""
