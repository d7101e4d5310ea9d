"""What an entry of a payment or return says against itself, whatever becomes of it among the records."""

# What settles is what the customer was charged, less the merchant's own discount, at the rate that is stated: the rate as exact
# as the decimals it shows, four at least, the amount as the cents of its currency, and what is tolerated on top. And an entry
# is of a night: one of an earlier month should have been booked by then, and one after the next day has not happened yet.
FOUND = """
INSERT INTO found BY NAME
WITH own AS (
    SELECT *, CAST(timezone(getvariable('timezone'), occurred_at) AS DATE) AS day,
        if(customer_amount < 0, -1, 1) AS sign,
        CAST(abs(abs(customer_amount) - abs(coalesce(merchant_discount, 0))) AS DECIMAL(14, 2)) AS charged,
        CAST(exchange_rate AS DECIMAL(18, 13)) AS rate,
        greatest(4, length(rtrim(split_part(CAST(exchange_rate AS TEXT), '.', 2), '0'))) AS decimals,
        CAST('0.' || repeat('0', decimals) || '5' AS DECIMAL(18, 13)) AS half
    FROM priced
    WHERE business_date = night() AND kind IN ('payment', 'refund', 'refund_reversal', 'chargeback', 'chargeback_reversal')
),
exchanged AS (
    SELECT *, floor(charged * (rate - half) * 100) * 0.01 AS least, ceil(charged * (rate + half) * 100) * 0.01 AS most,
        CAST(round(charged * rate, 2) AS DECIMAL(24, 8)) AS expected, tolerated(currency, expected) AS tolerated
    FROM own WHERE currency <> customer_currency AND rate > 0
),
said AS (
    SELECT *, 'fx_variance' AS break_type, sign * expected AS should_be
    FROM exchanged WHERE sign * gross NOT BETWEEN least - tolerated AND most + tolerated
    UNION ALL BY NAME
    SELECT *, 'out_of_period' AS break_type
    FROM own
    WHERE day > night() + 1 OR date_trunc('month', expected_by(provider, day)) < date_trunc('month', night())
)
SELECT concat_ws(' ', break_type, entry_id) AS about, break_type, 'open' AS state, provider, account, merchant_reference,
    provider_reference, entry_id, currency, should_be AS merchant_amount, gross AS provider_amount,
    gross - coalesce(should_be, 0) AS difference
FROM said
"""
