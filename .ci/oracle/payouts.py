"""What the providers pay out and charge: batches and their lines over all nights, and fees against the contract."""

# What each night adds to a batch: its lines, and what is stated of it; transfers alone are no batch that is paid out. What is
# stated again, by one name and of one amount, is stated once.
BATCHES = """
CREATE OR REPLACE TABLE batches AS
WITH named AS (
    SELECT *, kind LIKE 'payout%' AS is_payout, coalesce(batch_reference, if(is_payout, provider_reference, NULL)) AS reference
    FROM priced WHERE business_date = night() AND kind <> 'info'
),
before AS (FROM computed.payouts WHERE business_date = previous_night() AND goes_on),
told AS (
    SELECT named.*, is_payout AND provider_reference IS NOT NULL AND (
            coalesce(list_contains(before.statements, provider_reference || ' ' || named.gross), false)
            OR row_number() OVER (PARTITION BY provider, account, currency, reference, provider_reference, kind, named.gross) > 1
        ) AS is_again, before.reference IS NOT NULL AS is_known
    FROM named LEFT JOIN before USING (provider, account, currency, reference) WHERE reference IS NOT NULL
)
SELECT provider, account, currency, reference, count(*) FILTER (NOT is_payout) AS lines,
    coalesce(sum(gross) FILTER (kind = 'payment'), 0) AS gross,
    coalesce(sum(gross) FILTER (kind LIKE 'refund%'), 0) AS refunds,
    coalesce(sum(gross) FILTER (kind LIKE 'chargeback%'), 0) AS chargebacks,
    coalesce(sum(fee) FILTER (NOT is_again), 0) - coalesce(sum(gross) FILTER (kind IN ('fee', 'fee_refund', 'tax')), 0) AS fees,
    coalesce(sum(gross) FILTER (NOT is_payout AND kind NOT LIKE 'refund%' AND kind NOT LIKE 'chargeback%'
        AND kind NOT IN ('payment', 'fee', 'fee_refund', 'tax')), 0) AS other,
    -sum(gross) FILTER (is_payout AND NOT is_again) AS stated, bool_or(is_payout) AS stated_tonight,
    max(coalesce(available_on, CAST(timezone(getvariable('timezone'), occurred_at) AS DATE))) FILTER (is_payout) AS paid_on,
    coalesce(list(provider_reference || ' ' || gross) FILTER (is_payout), []) AS statements,
    coalesce(flatten(list([batch_reference, provider_reference, merchant_reference, merchant_refund_reference])
        FILTER (is_payout)), []) AS names
FROM told
GROUP BY provider, account, currency, reference
HAVING bool_or(kind <> 'transfer') OR bool_or(is_known)
"""

# What is known of a payout: what the night before left unfinished, and what tonight adds. It is expected from the night that
# found or stated it on, or from the day it is due.
KNOWN_PAYOUTS = """
CREATE OR REPLACE TABLE known_payouts AS
WITH before AS (FROM computed.payouts WHERE business_date = previous_night() AND goes_on),
joined AS (
    SELECT provider, account, currency, reference, coalesce(before.first_seen, night()) AS first_seen,
        coalesce(before.lines, 0) + coalesce(batches.lines, 0) AS lines,
        coalesce(before.gross, 0) + coalesce(batches.gross, 0) AS gross,
        coalesce(before.refunds, 0) + coalesce(batches.refunds, 0) AS refunds,
        coalesce(before.chargebacks, 0) + coalesce(batches.chargebacks, 0) AS chargebacks,
        coalesce(before.fees, 0) + coalesce(batches.fees, 0) AS fees,
        coalesce(before.other, 0) + coalesce(batches.other, 0) AS other,
        coalesce(before.stated + batches.stated, before.stated, batches.stated) AS stated,
        greatest(before.paid_on, batches.paid_on) AS paid_on,
        before.expected_by AS expected_before, coalesce(stated_tonight, false) AS stated_tonight,
        list_concat(before.statements, batches.statements) AS statements,
        list_sort(list_distinct(list_concat(list_concat(before.names, batches.names), [reference]))) AS names,
        pass, bank, bank_line_ids, bank_reference, bank_amount, booked_on
    FROM before FULL JOIN batches USING (provider, account, currency, reference)
)
SELECT *, concat_ws(' ', provider, account, currency, reference) AS payout,
    gross + refunds + chargebacks - fees + other AS expected, if(lines > 0, stated - expected, NULL) AS residual,
    coalesce(stated, expected) AS due,
    if(expected_before IS NULL OR stated_tonight, expected_by(provider, greatest(night(), paid_on)), expected_before)
        AS expected_by
FROM joined
"""

# What the bank has of a payout is what was due of it when it came.
PAYOUTS = """
INSERT INTO computed.payouts BY NAME
WITH banked AS (
    SELECT night() AS business_date, how, if(how = 'differs', booked, NULL) AS booked_otherwise,
        array_to_string(list_filter(names, lambda name: name <> reference), chr(10)) AS others, known_payouts.* REPLACE (
            coalesce(known_payouts.pass, paid.pass) AS pass,
            coalesce(known_payouts.bank, if(how = 'paid', paid.bank, NULL)) AS bank,
            coalesce(known_payouts.bank_line_ids, if(how = 'paid', paid.bank_line_ids, NULL)) AS bank_line_ids,
            coalesce(known_payouts.bank_reference, if(how = 'paid', paid.bank_reference, NULL)) AS bank_reference,
            coalesce(known_payouts.bank_amount, if(how = 'paid', due, NULL)) AS bank_amount,
            coalesce(known_payouts.booked_on, if(how = 'paid', paid.booked_on, NULL)) AS booked_on)
    FROM known_payouts LEFT JOIN paid USING (payout)
),
told AS (
    SELECT *, CASE
        WHEN bank IS NOT NULL THEN if(bank_amount = due, 'in_bank', 'not_in_bank')
        WHEN due = 0 THEN 'nothing_to_pay'
        WHEN NOT has_bank() THEN if(stated IS NULL, 'unstated', 'stated')
        WHEN how = 'ambiguous' THEN 'ambiguous'
        WHEN how IS NULL AND night() < expected_by THEN 'waiting'
        ELSE 'not_in_bank' END AS state
    FROM banked
)
-- It is told of again while the bank has it not, its lines do not add up, or more of it may come.
SELECT * EXCLUDE (expected_before, stated_tonight, due, payout, how, others), nullif(others, '') AS other_references,
    state IN ('waiting', 'not_in_bank', 'ambiguous') OR coalesce(residual <> 0, night() < expected_by) AS goes_on
FROM told
"""

# Breaks about no item: what a payout pays beside its lines, one the bank has not or has otherwise, and one of several.
FOUND = """
INSERT INTO found BY NAME
WITH payouts AS (
    SELECT *, coalesce(stated, expected) AS due, if(state = 'ambiguous', state, 'payout_not_in_bank') AS break_type
    FROM computed.payouts WHERE business_date = night()
)
SELECT concat_ws(' ', 'payout_residual', provider, account, currency, reference) AS about, 'payout_residual' AS break_type,
    'open' AS state, provider, account, reference AS provider_reference, currency, expected AS merchant_amount,
    stated AS provider_amount, residual AS difference
FROM payouts WHERE residual <> 0
UNION ALL BY NAME
SELECT concat_ws(' ', break_type, provider, account, currency, reference) AS about, break_type,
    if(state = 'waiting', 'waiting', 'open') AS state, provider, account, reference AS provider_reference, currency,
    due AS merchant_amount, coalesce(bank_amount, booked_otherwise) AS provider_amount,
    coalesce(bank_amount, booked_otherwise, 0) - due AS difference
FROM payouts WHERE state IN ('waiting', 'not_in_bank', 'ambiguous')
"""

# Charged and contracted by everything a contract may go by; what is billed are fees that are lines of their own.
FEES = """
INSERT INTO computed.fees BY NAME
SELECT business_date, provider, account, method, wallet, card_brand, card_funding, contract_fee IS NOT NULL AS has_rule, currency,
    count(*) AS entries, sum(gross) AS gross, coalesce(sum(gross) FILTER (kind = 'payment'), 0) AS volume, sum(fee) AS charged,
    -coalesce(sum(gross) FILTER (kind IN ('fee', 'fee_refund', 'tax')), 0) AS billed, sum(contract_fee) AS contracted,
    sum(contract_fee - fee) FILTER (contract_fee IS NOT NULL) AS difference
FROM priced WHERE business_date = night() GROUP BY ALL
"""
