"""What each meeting comes to, what is a break of it, and how breaks go on from night to night."""

# A meeting is held against itself in this order: does the merchant claim it, currency, amount, fee. The first thing that
# differs is its break. Of a group the first entry and the first record stand for it; its sums are equal, or it is a break:
# tolerance is for one and one.
JUDGED = """
CREATE OR REPLACE TABLE judged AS
WITH entries AS (
    SELECT meeting, arg_min(currency, id) AS provider_currency, sum(amount) AS stated, bool_or(fee_differs) AS fee_differs,
        arg_min(settled_currency, id) FILTER (fee_differs) AS fee_currency
    FROM items JOIN ended USING (side, kind, id) WHERE side = 'provider' AND meeting IS NOT NULL GROUP BY meeting
),
fees AS (
    SELECT meeting, sum(fee_contracted) AS contracted, sum(fee) AS charged
    FROM items JOIN ended USING (side, kind, id) JOIN entries USING (meeting)
    WHERE items.fee_differs AND settled_currency = fee_currency GROUP BY meeting
),
records AS (
    SELECT meeting, arg_min(currency, id) AS currency, sum(amount) AS recorded, bool_and(claims) AS claims,
        arg_min(expected_by, id) AS expected_by
    FROM items JOIN ended USING (side, kind, id) WHERE side = 'merchant' AND meeting IS NOT NULL GROUP BY meeting
),
typed AS (
    SELECT *, CASE
        WHEN NOT claims THEN if(kind = 'payment', 'false_failure', 'refund_missing_in_merchant')
        WHEN provider_currency <> currency THEN 'currency_mismatch'
        WHEN stated <> recorded AND NOT (len(entry_ids) = 1 AND len(record_ids) = 1 AND abs(stated - recorded) <= tolerated)
            THEN if(kind = 'payment', 'amount_mismatch', 'refund_amount_mismatch')
        WHEN fee_differs THEN 'fee_mismatch' END AS break_type
    FROM (SELECT *, tolerated(currency, recorded) AS tolerated FROM met JOIN entries USING (meeting) JOIN records USING (meeting))
    LEFT JOIN fees USING (meeting)
)
SELECT meeting, pass, kind, entry_ids, record_ids, break_type,
    if(break_type = 'fee_mismatch', fee_currency, currency) AS currency,
    if(break_type = 'fee_mismatch', contracted, recorded) AS merchant_amount,
    CASE WHEN break_type = 'fee_mismatch' THEN charged WHEN provider_currency = currency THEN stated END AS provider_amount,
    CASE
        WHEN break_type = 'fee_mismatch' THEN contracted - charged
        WHEN provider_currency = currency THEN stated - recorded
        ELSE 0 END AS difference,
    -- A part that is less than its record: the rest may come as long as the record waits.
    coalesce(break_type LIKE '%amount_mismatch' AND sign(stated) = sign(recorded) AND abs(stated) < abs(recorded)
        AND night() < expected_by, false) AS carried
FROM typed
"""

# Links of what agrees. Each entry stands in one link: where there are more entries than records the last record has
# several, where there are fewer the last records have none. A link of a group carries the amounts of the longer side; one
# and one may differ within tolerance.
MATCHES = """
INSERT INTO computed.matches BY NAME
WITH agreed AS (FROM judged WHERE break_type IS NULL),
links AS (
    SELECT *, unnest(range(1, greatest(len(entry_ids), len(record_ids)) + 1)) AS place FROM agreed
),
linked AS (
    SELECT *, entry_ids[place] AS entry_id, record_ids[least(place, len(record_ids))] AS record_id,
        len(entry_ids) >= len(record_ids) AS by_entries, len(entry_ids) = 1 AND len(record_ids) = 1 AS one_and_one
    FROM links
)
SELECT night() AS business_date, meeting AS match, linked.kind, pass, len(entry_ids) || ':' || len(record_ids) AS cardinality,
    linked.entry_id, record.order_id, if(linked.kind = 'payment', record_id, NULL) AS attempt_id,
    if(linked.kind = 'refund', record_id, NULL) AS refund_id, entry.provider, entry.account,
    coalesce(record.merchant_reference, entry.merchant_reference) AS merchant_reference,
    coalesce(entry.provider_reference, record.provider_reference) AS provider_reference, entry.currency,
    if(by_entries AND NOT one_and_one, entry.amount, record.amount) AS merchant_amount,
    if(by_entries, entry.amount, record.amount) AS provider_amount, provider_amount - merchant_amount AS difference,
    if(linked.entry_id IS NULL, 0, entry.fee) AS fee, entry.occurred_at, night() - record.first_seen AS settled_after_days
FROM linked
JOIN items AS entry ON entry.side = 'provider' AND entry.id = coalesce(linked.entry_id, meeting)
JOIN items AS record ON record.side = 'merchant' AND record.kind = linked.kind AND record.id = record_id
"""

# Every break of tonight, with what it is about: that tells whether the night before knew it.
FOUND = """
CREATE OR REPLACE TABLE found AS
WITH single AS (
    SELECT side, kind, id, currency, amount,
        CASE
            WHEN ended.id IS NOT NULL THEN reason
            WHEN kind = 'chargeback' THEN 'chargeback'
            WHEN kind = 'chargeback_reversal' THEN 'chargeback_reversed'
            ELSE missing_in(kind, side) END AS break_type,
        ended.id IS NULL AND kind IN ('payment', 'refund') AND night() < expected_by AS waiting
    FROM items LEFT JOIN ended USING (side, kind, id)
    WHERE outcome = 'break' OR ended.id IS NULL AND claims
),
named AS (
    SELECT break_type, false AS waiting, entry_ids, record_ids, kind, currency, merchant_amount, provider_amount, difference
    FROM judged WHERE break_type IS NOT NULL
    UNION ALL
    SELECT break_type, waiting, if(side = 'provider', [id], []), if(side = 'merchant', [id], []), kind, currency,
        if(side = 'merchant', amount, NULL), if(side = 'provider', amount, NULL), if(side = 'provider', amount, -amount)
    FROM single
)
SELECT concat_ws(' ', break_type, array_to_string(entry_ids, ' '), 'and', if(len(record_ids) > 0, named.kind, ''),
        array_to_string(record_ids, ' ')) AS about,
    -- What it still waits for while it is carried: the item that misses another, or the part that others may join.
    CASE WHEN break_type LIKE '%missing_in_%' AND len(entry_ids) + len(record_ids) = 1 THEN coalesce(entry_ids[1], record_ids[1])
        WHEN break_type LIKE '%amount_mismatch' AND abs(provider_amount) < abs(merchant_amount) THEN entry_ids[1] END AS waits_for,
    break_type, if(waiting, 'waiting', 'open') AS state, coalesce(entry.provider, record.provider) AS provider,
    coalesce(entry.account, record.account) AS account,
    coalesce(record.merchant_reference, entry.merchant_reference) AS merchant_reference,
    coalesce(entry.provider_reference, record.provider_reference) AS provider_reference, record.order_id,
    if(record.kind = 'payment', record.id, NULL) AS attempt_id, if(record.kind = 'refund', record.id, NULL) AS refund_id,
    entry.id AS entry_id, named.currency, merchant_amount, provider_amount, difference
FROM named
LEFT JOIN items AS entry ON entry.side = 'provider' AND entry.id = entry_ids[1]
LEFT JOIN items AS record ON record.side = 'merchant' AND record.kind = named.kind AND record.id = record_ids[1]
"""

# What was let go within tolerance, added up without its signs: more of it in a night than the cap is a break of that night.
CAPPED = """
INSERT INTO found BY NAME
SELECT concat_ws(' ', 'tolerance', night(), currency) AS about, 'amount_mismatch' AS break_type, 'open' AS state, currency,
    sum(difference) AS difference
FROM computed.matches JOIN tolerances ON of_currency = currency WHERE business_date = night()
GROUP BY currency, cap HAVING sum(abs(difference)) > cap
"""

# A resolution names its break by an identity that is the program's own: here, it is what bears that tonight.
BREAK_IDS = """
CREATE TABLE break_ids AS
SELECT break_id, business_date, saying(breaks) AS said FROM published.breaks AS breaks
WHERE break_id IN (SELECT break_id FROM resolutions)
"""

# A break the night before left is found again, or cleared by what came to the item it waits for; any other stays as it
# is. Breaks of returns, payouts and the bank are told anew each night: one that is not found again has cleared. That more was
# let go than the cap is no longer found on the next night, and stays. A break is resolved while it says what was decided about,
# and is void where it says something else; one that is found again once it was resolved is as old as it was.
BREAKS = """
INSERT INTO computed.breaks BY NAME
WITH before AS (FROM computed.breaks WHERE business_date = previous_night() AND state IN ('waiting', 'open')),
left_to_tonight AS (FROM computed.open_items WHERE business_date = previous_night()),
resolved_before AS (
    SELECT about, first_seen FROM computed.breaks WHERE business_date = previous_night() AND state = 'resolved'
),
again AS (
    SELECT found.*, coalesce(before.first_seen, resolved_before.first_seen, night()) AS first_seen,
        resolved_before.about IS NOT NULL AS was_resolved, before.entry_id AS entry_before,
        -- What is stated again in other words takes the place of what was said before; in the same, what was said stands.
        before.about IS NOT NULL AND
            (found.provider, found.account, found.currency, found.merchant_reference, found.provider_reference,
                found.order_id, found.merchant_amount, found.provider_amount, found.difference)
            IS DISTINCT FROM
            (before.provider, before.account, before.currency, before.merchant_reference, before.provider_reference,
                before.order_id, before.merchant_amount, before.provider_amount, before.difference) AS restated
    FROM found LEFT JOIN before USING (about) LEFT JOIN resolved_before USING (about)
),
known AS (
    SELECT * EXCLUDE (entry_before) REPLACE (if(restated, entry_id, coalesce(entry_before, entry_id)) AS entry_id) FROM again
    UNION ALL BY NAME
    SELECT before.* EXCLUDE (at_stake, resolution, is_void) REPLACE (CASE
            WHEN about LIKE 'tolerance %' THEN state
            WHEN coalesce(entry_id, attempt_id, refund_id) IS NULL THEN 'cleared'
            WHEN break_type IN ('refund_exceeds_payment', 'refund_unlinked') THEN 'cleared'
            -- Of a difference both sides are left: the line alone was delivered again by itself.
            WHEN waits_for IN (SELECT id FROM left_to_tonight) AND (break_type NOT LIKE '%amount_mismatch'
                OR coalesce(attempt_id, refund_id) IN (SELECT id FROM left_to_tonight)) THEN 'cleared'
            ELSE state END AS state, false AS restated, false AS was_resolved)
    FROM before ANTI JOIN found USING (about)
),
decided AS (
    SELECT about, string_agg(resolution) FILTER (holds) AS resolution FROM (
        SELECT about, resolution, (known.break_type, known.currency, known.difference)
                IS NOT DISTINCT FROM (resolutions.break_type, resolutions.currency, resolutions.difference)
            AND (resolutions.merchant_amount IS NULL OR known.merchant_amount IS NOT DISTINCT FROM resolutions.merchant_amount)
            AND (resolutions.provider_amount IS NULL OR known.provider_amount IS NOT DISTINCT FROM resolutions.provider_amount)
            AS holds
        FROM known JOIN (FROM break_ids WHERE business_date = night()) AS break_ids ON saying(known) = break_ids.said
        JOIN resolutions USING (break_id) WHERE holds_from <= night() AND state <> 'cleared'
    ) GROUP BY about
),
dealt_with AS (
    SELECT known.* REPLACE (if(decided.resolution IS NULL, state, 'resolved') AS state), decided.resolution,
        decided.about IS NOT NULL AND decided.resolution IS NULL AS is_void
    FROM known LEFT JOIN decided USING (about)
)
SELECT * EXCLUDE (business_date, cleared_on, age_days, age_bucket, severity, age), night() AS business_date,
    if(state = 'cleared', night(), NULL) AS cleared_on, age AS age_days,
    CASE WHEN age <= 1 THEN '0-1' WHEN age <= 3 THEN '2-3' WHEN age <= 7 THEN '4-7' WHEN age <= 30 THEN '8-30' ELSE '>30' END
        AS age_bucket,
    -- At stake is the difference, or the amount both state; one step more for what is known for longer than seven days.
    CASE WHEN state = 'waiting' THEN 'low' ELSE ['low', 'medium', 'high', 'critical'][1 + least(3,
        len(list_filter([100, 1000, 10000], lambda amount: at_stake >= amount)) + CAST(age > 7 AS INTEGER))] END AS severity
FROM (
    SELECT *, night() - first_seen AS age, if(difference = 0, coalesce(abs(merchant_amount), 0), abs(difference)) AS at_stake
    FROM dealt_with
)
"""

# opening + new − cleared − resolved = closing. What stays resolved counts on the first night alone, and what is open again is
# new. A break that was restated counts as cleared by what it said, and as new by what it says.
ROLLFORWARD = """
INSERT INTO computed.rollforward BY NAME
WITH tonight AS (FROM computed.breaks WHERE business_date = night() AND NOT (was_resolved AND state = 'resolved')),
before AS (FROM computed.breaks WHERE business_date = previous_night() AND state IN ('waiting', 'open')),
moved AS (
    SELECT provider, currency, break_type, difference, 1 AS opening, 0 AS new, 0 AS cleared, 0 AS resolved, 0 AS closing FROM before
    UNION ALL
    SELECT provider, currency, break_type, difference, 0, 1, 0, 0, 0 FROM tonight
    WHERE restated OR about NOT IN (SELECT about FROM before)
    UNION ALL
    SELECT provider, currency, break_type, difference, 0, 0, 1, 0, 0 FROM tonight WHERE state = 'cleared'
    UNION ALL
    SELECT provider, currency, break_type, difference, 0, 0, 1, 0, 0 FROM before
    WHERE about IN (SELECT about FROM tonight WHERE restated)
    UNION ALL
    SELECT provider, currency, break_type, difference, 0, 0, 0, 1, 0 FROM tonight WHERE state = 'resolved'
    UNION ALL
    SELECT provider, currency, break_type, difference, 0, 0, 0, 0, 1 FROM tonight WHERE state IN ('waiting', 'open')
)
SELECT night() AS business_date, provider, currency, break_type, sum(opening) AS opening, sum(new) AS new,
    sum(cleared) AS cleared, sum(resolved) AS resolved, sum(closing) AS closing, sum(opening * difference) AS opening_amount,
    sum(new * difference) AS new_amount, sum(cleared * difference) AS cleared_amount,
    sum(resolved * difference) AS resolved_amount, sum(closing * difference) AS closing_amount
FROM moved GROUP BY ALL
"""
