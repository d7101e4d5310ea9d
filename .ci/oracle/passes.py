"""Who meets whom: the passes of a night in their order, each of which takes what the ones before left open.

A meeting is what was found to be one payment or refund: an entry and a record, or several that add up. It is called by its
first entry, for an entry is in no two meetings.
"""

# What is still open and has the key of the pass, where both sides have it.
AT_KEY = """
CREATE OR REPLACE TABLE at_key AS
WITH open AS (
    SELECT items.*, [{keys}] AS key FROM items ANTI JOIN ended USING (side, kind, id)
    WHERE kind = '{kind}' AND {stated} AND (side = 'provider' OR {taken})
)
FROM open WHERE key IN (SELECT key FROM open GROUP BY key HAVING count(DISTINCT side) = 2)
"""

# A reference is used again by every retry: what succeeded stands, or else the last try; the other tries are superseded.
STANDING = """
CREATE OR REPLACE TABLE standing AS
WITH tries AS (
    SELECT *, bool_or(status = 'succeeded') OVER side AS one_succeeded,
        row_number() OVER (PARTITION BY key, side ORDER BY occurred_at DESC, id DESC) AS from_last
    FROM at_key WINDOW side AS (PARTITION BY key, side)
)
SELECT *, side = 'provider' OR CASE WHEN one_succeeded THEN status = 'succeeded' ELSE from_last = 1 END AS stands FROM tries
"""

# What one side says twice, of one reference of the provider's, currency and amount, is one thing; its first copy speaks for all.
COPIES = """
CREATE OR REPLACE TABLE copies AS
SELECT *, row_number() OVER thing AS copy, first(id) OVER thing AS thing
FROM standing WHERE stands WINDOW thing AS (PARTITION BY key, side, provider_reference, currency, amount ORDER BY id)
"""

THINGS = """
CREATE OR REPLACE TABLE things AS
SELECT *, count(*) FILTER (side = 'provider') OVER (PARTITION BY key) AS entries,
    count(*) FILTER (side = 'merchant') OVER (PARTITION BY key) AS records
FROM copies WHERE copy = 1
"""

# Where one side has one thing it is told which of the other is meant: by the provider's reference, then by the amount, as far
# as these tell; and none if several are left. Where both have several, those pair that share what no other of the key does:
# the provider's reference, and then, of those that are left, currency and amount.
PAIRS = """
CREATE OR REPLACE TABLE pairs AS
WITH crossed AS (
    SELECT entry.key, entry.id AS entry_id, record.id AS record_id, entry.entries = 1 OR entry.records = 1 AS of_one,
        coalesce(entry.provider_reference = record.provider_reference, false) AS same_reference,
        entry.currency = record.currency AND entry.amount = record.amount AS same_money
    FROM things AS entry JOIN things AS record ON entry.key = record.key AND entry.side = 'provider' AND record.side = 'merchant'
),
by_reference AS (
    FROM crossed WHERE of_one QUALIFY same_reference OR NOT bool_or(same_reference) OVER (PARTITION BY key)
),
by_money AS (
    FROM by_reference QUALIFY same_money OR NOT bool_or(same_money) OVER (PARTITION BY key)
),
sharing_reference AS (
    FROM crossed WHERE NOT of_one AND same_reference
    QUALIFY count(*) OVER (PARTITION BY key, entry_id) = 1 AND count(*) OVER (PARTITION BY key, record_id) = 1
),
sharing_money AS (
    FROM crossed WHERE NOT of_one AND same_money AND NOT EXISTS (
        FROM sharing_reference AS taken
        WHERE taken.key = crossed.key AND (taken.entry_id = crossed.entry_id OR taken.record_id = crossed.record_id)
    )
    QUALIFY count(*) OVER (PARTITION BY key, entry_id) = 1 AND count(*) OVER (PARTITION BY key, record_id) = 1
)
FROM by_money QUALIFY count(*) OVER (PARTITION BY key) = 1
UNION ALL FROM sharing_reference
UNION ALL FROM sharing_money
"""

# What no agreeing pair took may be one payment in parts: all of one currency and one sign, all claimed, sums equal; or parts
# of one record that are less than it, for the rest may come. Two parts may be equal; where that does not add up, they are
# copies, and the first of each is tried.
GROUPS = """
CREATE OR REPLACE TABLE groups AS
WITH parts AS (
    SELECT * FROM copies
    WHERE NOT EXISTS (
        FROM pairs WHERE pairs.key = copies.key
            AND CASE WHEN of_one THEN same_money ELSE thing = CASE side WHEN 'provider' THEN entry_id ELSE record_id END END
    )
),
tried AS (
    SELECT *, true AS with_copies FROM parts
    UNION ALL
    SELECT *, false AS with_copies FROM parts WHERE copy = 1
)
SELECT key, list(id ORDER BY id) FILTER (side = 'provider') AS entry_ids,
    list(id ORDER BY id) FILTER (side = 'merchant') AS record_ids
FROM tried GROUP BY key, with_copies
HAVING count(*) > 2 AND count(DISTINCT side) = 2 AND count(DISTINCT currency) = 1 AND (min(amount) > 0 OR max(amount) < 0)
    AND bool_and(claims)
    AND (sum(amount) FILTER (side = 'provider') = sum(amount) FILTER (side = 'merchant')
        OR NOT with_copies AND count(*) FILTER (side = 'merchant') = 1
            AND abs(sum(amount) FILTER (side = 'provider')) < abs(sum(amount) FILTER (side = 'merchant')))
QUALIFY with_copies OR NOT bool_or(with_copies) OVER (PARTITION BY key)
"""

# Of a key with one thing on a side, the group takes the place of the pair that does not agree.
KEY_MEETINGS = """
CREATE OR REPLACE TABLE meetings AS
SELECT entry_ids[1] AS meeting, entry_ids, record_ids, key FROM groups
UNION ALL
SELECT entry_id, [entry_id], [record_id], key FROM pairs
WHERE NOT (of_one AND key IN (SELECT key FROM groups))
"""

# Whatever else has the key ends too: superseded, a duplicate of what met, or ambiguous where nothing did.
ASIDE = """
INSERT INTO ended
SELECT side, kind, id, CASE WHEN stands THEN 'break' ELSE 'excluded' END, CASE
    WHEN NOT stands THEN 'superseded'
    WHEN key NOT IN (SELECT key FROM meetings) THEN 'ambiguous'
    WHEN side = 'provider' THEN 'duplicate_in_provider'
    ELSE 'duplicate_in_merchant' END, NULL
FROM standing ANTI JOIN ended USING (side, kind, id)
"""

# Two items fit where neither states an identifier of which the other states another one.
FITS = """
CREATE OR REPLACE TABLE fits AS
SELECT entry.key, entry.id AS entry_id, record.id AS record_id
FROM at_key AS entry JOIN at_key AS record ON entry.key = record.key AND entry.side = 'provider' AND record.side = 'merchant'
WHERE {fits}
    AND NOT coalesce(entry.merchant_reference <> record.merchant_reference, false)
    AND NOT coalesce(entry.provider_reference <> record.provider_reference, false)
    AND NOT coalesce(entry.merchant_refund_reference <> record.merchant_refund_reference, false)
"""

# Only where each is the other's only candidate.
ONLY_CANDIDATES = """
CREATE OR REPLACE TABLE meetings AS
SELECT entry_id AS meeting, [entry_id] AS entry_ids, [record_id] AS record_ids FROM fits
QUALIFY count(*) OVER (PARTITION BY key, entry_id) = 1 AND count(*) OVER (PARTITION BY key, record_id) = 1
"""

# What is left of one payment: one refund of one side for several of the other, if they add up and none contradicts.
REFUND_IN_PARTS = """
INSERT INTO meetings
WITH taken AS (
    SELECT 'provider' AS side, unnest(entry_ids) AS id FROM meetings
    UNION ALL
    SELECT 'merchant', unnest(record_ids) FROM meetings
),
parts AS (
    SELECT key, list(id ORDER BY id) FILTER (side = 'provider') AS entry_ids,
        list(id ORDER BY id) FILTER (side = 'merchant') AS record_ids
    FROM at_key ANTI JOIN taken USING (side, id) GROUP BY key
    HAVING count(*) > 2 AND least(count(*) FILTER (side = 'provider'), count(*) FILTER (side = 'merchant')) = 1
        AND count(DISTINCT currency) = 1
        AND sum(amount) FILTER (side = 'provider') = sum(amount) FILTER (side = 'merchant')
)
SELECT entry_ids[1], entry_ids, record_ids FROM parts
WHERE len(entry_ids) * len(record_ids) = (
    SELECT count(*) FROM fits
    WHERE fits.key = parts.key AND list_contains(entry_ids, entry_id) AND list_contains(record_ids, record_id)
)
"""

MET = """
INSERT INTO met SELECT meeting, '{name}', '{kind}', entry_ids, record_ids FROM meetings;
INSERT INTO ended
SELECT 'provider', '{kind}', unnest(entry_ids), 'met', NULL, meeting FROM meetings
UNION ALL
SELECT 'merchant', '{kind}', unnest(record_ids), 'met', NULL, meeting FROM meetings
"""

EMPTY = """
CREATE OR REPLACE TABLE met (meeting TEXT, pass TEXT, kind TEXT, entry_ids TEXT[], record_ids TEXT[]);
CREATE OR REPLACE TABLE ended (side TEXT, kind TEXT, id TEXT, outcome TEXT, reason TEXT, meeting TEXT)
"""

# A pass: its name in column `pass`, of what kind, what has to be equal, whether it takes only records that do not say which
# provider was asked, and how it chooses.
BY_KEY, OF_ONE_PAYMENT, IN_TIME = "by key", "of one payment", "in time"
PASSES = [
    ("merchant_reference", "payment", ["provider", "merchant_reference"], False, BY_KEY),
    ("merchant_reference", "payment", ["merchant_reference"], True, BY_KEY),
    ("provider_reference", "payment", ["provider", "provider_reference"], False, BY_KEY),
    ("amount_and_time", "payment", ["provider", "currency", "amount"], False, IN_TIME),
    ("amount_and_time", "payment", ["currency", "amount"], True, IN_TIME),
    ("merchant_refund_reference", "refund", ["provider", "merchant_reference", "merchant_refund_reference"], False, BY_KEY),
    ("merchant_refund_reference", "refund", ["provider", "merchant_refund_reference"], False, BY_KEY),
    ("merchant_refund_reference", "refund", ["merchant_refund_reference"], True, BY_KEY),
    ("provider_reference", "refund", ["provider", "provider_reference"], False, BY_KEY),
    ("payment_and_amount", "refund", ["provider", "merchant_reference"], False, OF_ONE_PAYMENT),
    ("amount_and_time", "refund", ["provider", "currency", "amount"], False, IN_TIME),
]

SAME_MONEY = "entry.currency = record.currency AND entry.amount = record.amount"
# same_amount_within, of which the job says nothing: an hour.
WITHIN_AN_HOUR = "abs(epoch_us(entry.occurred_at) - epoch_us(record.occurred_at)) <= 3600000000"


def statements():
    """The SQL of all passes, in order. What does not state all of a key has no part in its pass."""
    yield EMPTY
    for name, kind, columns, unasked, rule in PASSES:
        taken = ["true"] + ["provider IS NULL"] * unasked + ["claims"] * (rule != BY_KEY)
        yield AT_KEY.format(
            kind=kind,
            keys=", ".join(f"CAST({column} AS TEXT)" for column in columns),
            stated=" AND ".join(f"{column} IS NOT NULL" for column in columns),
            taken=" AND ".join(taken),
        )
        if rule == BY_KEY:
            yield from [STANDING, COPIES, THINGS, PAIRS, GROUPS, KEY_MEETINGS]
        else:
            yield FITS.format(fits=WITHIN_AN_HOUR if rule == IN_TIME else SAME_MONEY)
            yield ONLY_CANDIDATES
            if rule == OF_ONE_PAYMENT:
                yield FITS.format(fits="true")
                yield REFUND_IN_PARTS
        yield MET.format(name=name, kind=kind)
        if rule == BY_KEY:
            yield ASIDE
