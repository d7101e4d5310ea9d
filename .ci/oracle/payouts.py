"""What the providers pay out and charge: batches and their lines over all nights, the bank, and fees against the contract."""

# What each night adds to a batch: its lines, and what is stated of it; transfers alone are no batch that is paid out.
BATCHES = """
CREATE OR REPLACE TABLE batches AS
WITH named AS (
    SELECT *, kind LIKE 'payout%' AS is_payout, coalesce(batch_reference, if(is_payout, provider_reference, NULL)) AS reference
    FROM priced WHERE business_date = night() AND kind <> 'info'
),
known AS (
    SELECT provider, account, currency, reference FROM computed.payouts WHERE business_date = previous_night() AND goes_on
)
SELECT provider, account, currency, reference, count(*) FILTER (NOT is_payout) AS lines,
    coalesce(sum(gross) FILTER (kind = 'payment'), 0) AS gross,
    coalesce(sum(gross) FILTER (kind LIKE 'refund%'), 0) AS refunds,
    coalesce(sum(gross) FILTER (kind LIKE 'chargeback%'), 0) AS chargebacks,
    sum(fee) - coalesce(sum(gross) FILTER (kind IN ('fee', 'fee_refund', 'tax')), 0) AS fees,
    coalesce(sum(gross) FILTER (NOT is_payout AND kind NOT LIKE 'refund%' AND kind NOT LIKE 'chargeback%'
        AND kind NOT IN ('payment', 'fee', 'fee_refund', 'tax')), 0) AS other,
    -sum(gross) FILTER (is_payout) AS stated,
    max(coalesce(available_on, CAST(timezone(getvariable('timezone'), occurred_at) AS DATE))) FILTER (is_payout) AS paid_on
FROM named WHERE reference IS NOT NULL
GROUP BY ALL
HAVING bool_or(kind <> 'transfer') OR (provider, account, currency, reference) IN (FROM known)
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
        before.expected_by AS expected_before, batches.stated IS NOT NULL AS stated_tonight,
        pass, bank, bank_line_ids, bank_reference, bank_amount, booked_on
    FROM before FULL JOIN batches USING (provider, account, currency, reference)
)
SELECT *, gross + refunds + chargebacks - fees + other AS expected,
    if(lines > 0, stated - expected, NULL) AS residual, coalesce(stated, expected) AS due,
    if(expected_before IS NULL OR stated_tonight, expected_by(provider, greatest(night(), paid_on)), expected_before)
        AS expected_by
FROM joined
"""

# Booked lines of the bank: tonight's, and those no payout explained before.
KNOWN_LINES = """
CREATE OR REPLACE TABLE known_lines AS
WITH own AS (
    SELECT bank_line_id, bank, account, line_reference, end_to_end_reference, customer_reference, text, currency, amount,
        coalesce(booked_on, night()) AS booked_on
    FROM published.bank_lines WHERE business_date = night() AND status = 'booked' AND amount <> 0
),
before AS (FROM computed.open_bank_lines WHERE business_date = previous_night())
SELECT own.*, coalesce(before.first_seen, night()) AS first_seen,
    coalesce(before.expected_by, expected_by(NULL, night())) AS expected_by
FROM own LEFT JOIN before USING (bank_line_id)
UNION ALL BY NAME
SELECT * EXCLUDE (business_date) FROM before ANTI JOIN own USING (bank_line_id)
"""

# A line that names a payout, and is its amount, is that payout. Neither groups of payouts and lines, nor what meets by amount
# and date or as a sum, is computed here: where that happens the tables differ.
PAID = """
CREATE OR REPLACE TABLE paid AS
SELECT provider, known_payouts.account, known_payouts.currency, reference, line.bank, line.bank_line_id, amount, line.booked_on,
    coalesce(end_to_end_reference, customer_reference, line_reference) AS bank_reference
FROM known_payouts JOIN known_lines AS line
    ON line.currency = known_payouts.currency AND line.amount = due
    AND contains(concat_ws(' ', end_to_end_reference, customer_reference, line_reference, text), reference)
WHERE known_payouts.bank IS NULL AND due <> 0
"""

PAYOUTS = """
INSERT INTO computed.payouts BY NAME
WITH banked AS (
    SELECT night() AS business_date, known_payouts.* REPLACE (
            coalesce(known_payouts.pass, if(paid.bank IS NOT NULL, 'reference', NULL)) AS pass,
            coalesce(known_payouts.bank, paid.bank) AS bank,
            coalesce(known_payouts.bank_line_ids, paid.bank_line_id) AS bank_line_ids,
            coalesce(known_payouts.bank_reference, paid.bank_reference) AS bank_reference,
            coalesce(known_payouts.bank_amount, paid.amount) AS bank_amount,
            coalesce(known_payouts.booked_on, paid.booked_on) AS booked_on)
    FROM known_payouts LEFT JOIN paid USING (provider, account, currency, reference)
),
told AS (
    SELECT *, CASE
        WHEN bank IS NOT NULL THEN if(bank_amount = due, 'in_bank', 'not_in_bank')
        WHEN due = 0 THEN 'nothing_to_pay'
        WHEN NOT has_bank() THEN if(stated IS NULL, 'unstated', 'stated')
        WHEN night() < expected_by THEN 'waiting'
        ELSE 'not_in_bank' END AS state
    FROM banked
)
-- It is told of again while the bank has it not, its lines do not add up, or more of it may come.
SELECT * EXCLUDE (expected_before, stated_tonight, due), state IN ('waiting', 'not_in_bank')
    OR coalesce(residual <> 0, night() < expected_by) AS goes_on
FROM told
"""

OPEN_BANK_LINES = """
INSERT INTO computed.open_bank_lines BY NAME
SELECT night() AS business_date, known_lines.* FROM known_lines ANTI JOIN paid USING (bank_line_id)
"""

# Breaks about no item: what a payout pays beside its lines, one the bank has not, and a line that is no payout.
FOUND = """
INSERT INTO found BY NAME
WITH payouts AS (FROM computed.payouts WHERE business_date = night())
SELECT concat_ws(' ', 'payout_residual', provider, account, currency, reference) AS about, 'payout_residual' AS break_type,
    'open' AS state, provider, account, reference AS provider_reference, currency, expected AS merchant_amount,
    stated AS provider_amount, residual AS difference
FROM payouts WHERE residual <> 0
UNION ALL BY NAME
SELECT concat_ws(' ', 'payout_not_in_bank', provider, account, currency, reference) AS about, 'payout_not_in_bank' AS break_type,
    if(state = 'waiting', 'waiting', 'open') AS state, provider, account, reference AS provider_reference, currency,
    coalesce(stated, expected) AS merchant_amount, bank_amount AS provider_amount,
    coalesce(bank_amount, 0) - coalesce(stated, expected) AS difference
FROM payouts WHERE state IN ('waiting', 'not_in_bank')
UNION ALL BY NAME
SELECT concat_ws(' ', 'bank_unexplained', bank_line_id) AS about, 'bank_unexplained' AS break_type,
    if(night() < expected_by, 'waiting', 'open') AS state, account,
    coalesce(end_to_end_reference, customer_reference, line_reference) AS provider_reference, currency,
    amount AS provider_amount, amount AS difference
FROM computed.open_bank_lines WHERE business_date = night()
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
