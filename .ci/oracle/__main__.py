"""Closes the nights of a job again in SQL, from what the lake says was read, and holds the result against its tables.

    python oracle JOB [WAYS]      after its nights were closed; all of WAYS, a line each, must have happened

Entries, records and bank lines are what was read. Who meets whom, what is missing, what a line costs by contract, what a payout
is made of and how all of it goes on from night to night is computed here, night after night, from nothing but the nights
computed before. Both sides have the same rows, each as often: EXCEPT ALL is empty both ways.

Where README and the descriptions of the tables do not say which of several candidates is meant, in which order a pair is judged
or which entry of a group is linked with which record, the rule is the program's own, told again in SQL: that finds where the
program does not do what it means to, and not whether it means the right thing.
"""

import datetime
import pathlib
import sys
import tomllib

import duckdb

import against
import alone
import bank
import before
import breaks
import items
import passes
import payouts
import returns

READ = [
    "nights",
    "entries",
    "attempts",
    "refunds",
    "bank_lines",
    "matches",
    "breaks",
    "open_items",
    "rollforward",
    "returns",
    "fees",
    "payouts",
    "open_bank_lines",
]

MACROS = """
CREATE MACRO night() AS getvariable('night');
CREATE MACRO previous_night() AS getvariable('previous_night');
CREATE MACRO has_bank() AS getvariable('has_bank');
-- Of an amount of the merchant's: the larger of the two, the relative one rounded down to the cent.
CREATE MACRO tolerated(of, amount) AS coalesce((
    SELECT greatest(absolute, floor(abs(CAST(amount AS DECIMAL(20, 8))) * percent) * 0.01)
    FROM tolerances WHERE of_currency = of
), 0);
-- What a text may name: the whole of it, and words of six letters or more with a digit among them.
CREATE MACRO names_in(said) AS if(said IS NULL, [], list_prepend(trim(said), list_filter(
    list_transform(regexp_split_to_array(said, '[^\\p{L}\\p{N}\\-_./]+'), lambda word: trim(word, '-_./')),
    lambda word: strlen(word) >= 6 AND regexp_matches(word, '[0-9]'))));
-- What tells a break from all others of its night, that a resolution may name it as the program does.
CREATE MACRO saying(row) AS CAST([row.break_type, row.provider, row.account, row.entry_id, row.attempt_id, row.refund_id,
    row.merchant_reference, row.provider_reference, row.currency, CAST(row.first_seen AS TEXT),
    CAST(CAST(row.difference AS DECIMAL(24, 8)) AS TEXT), CAST(CAST(row.merchant_amount AS DECIMAL(24, 8)) AS TEXT),
    CAST(CAST(row.provider_amount AS DECIMAL(24, 8)) AS TEXT)] AS TEXT);
CREATE MACRO missing_in(kind, side) AS
    if(kind = 'refund', 'refund_', '') || if(side = 'provider', 'missing_in_merchant', 'missing_in_provider');
CREATE MACRO expected_by(asked, of) AS (
    SELECT max(settled) FROM settled WHERE from_day = of AND (asked IS NULL OR of_provider = asked)
)
"""

# The tables computed here have the columns of those published, but for texts and identities that are the program's own: what
# a break is about, and which entry a match begins with, tell them apart.
COMPUTED = """
CREATE SCHEMA computed;
CREATE TABLE computed.matches AS SELECT * EXCLUDE (match_id), '' AS match FROM published.matches LIMIT 0;
CREATE TABLE computed.breaks AS
    SELECT * EXCLUDE (break_id, suggested_action, detail), false AS is_void, '' AS about, '' AS waits_for, false AS restated,
        false AS was_resolved, {money} AS at_stake
    FROM published.breaks LIMIT 0;
CREATE TABLE computed.open_items AS SELECT * EXCLUDE (fee_rule) FROM published.open_items LIMIT 0;
CREATE TABLE computed.rollforward AS FROM published.rollforward LIMIT 0;
CREATE TABLE computed.returns AS
    SELECT * EXCLUDE (payment_id, other_references, payments, returns), [''] AS ids, [''] AS names, '' AS about,
        [{{'id': '', 'night': business_date, 'kind': '', 'currency': '', 'amount': paid}}] AS entries
    FROM published.returns LIMIT 0;
CREATE TABLE computed.payouts AS
    SELECT * EXCLUDE (payout_id) REPLACE ([''] AS statements), [''] AS names, {money} AS booked_otherwise, false AS goes_on
    FROM published.payouts LIMIT 0;
CREATE TABLE computed.fees AS
    SELECT * EXCLUDE (rule, batch_reference, tax, effective_rate, month_volume, last_month_volume), false AS has_rule
    FROM published.fees LIMIT 0;
CREATE TABLE computed.open_bank_lines AS FROM published.open_bank_lines LIMIT 0;
CREATE TABLE computed.bank_outcomes (business_date DATE, bank_line_id TEXT, outcome TEXT, reason TEXT);
CREATE TABLE computed.outcomes (business_date DATE, side TEXT, kind TEXT, id TEXT, outcome TEXT, reason TEXT)
""".format(money="CAST(0 AS DECIMAL(24, 8))")

# What is held against what: columns of the table computed here, and what the published one has for them.
CHECKS = {
    "matches": (
        "SELECT * FROM computed.matches",
        "SELECT * EXCLUDE (match_id), min(entry_id) OVER (PARTITION BY business_date, match_id) AS match FROM published.matches",
    ),
    "breaks": (
        "SELECT * EXCLUDE (about, waits_for, restated, was_resolved, at_stake) FROM computed.breaks",
        """
        SELECT * EXCLUDE (break_id, suggested_action, detail), contains(coalesce(detail, ''), 'void: the resolution of') AS is_void
        FROM published.breaks
        """,
    ),
    "open_items": ("SELECT * FROM computed.open_items", "SELECT * EXCLUDE (fee_rule) FROM published.open_items"),
    "rollforward": ("SELECT * FROM computed.rollforward", "SELECT * FROM published.rollforward"),
    "returns": (
        "SELECT * EXCLUDE (ids, names, about, entries) FROM computed.returns",
        "SELECT * EXCLUDE (payment_id, other_references, payments, returns) FROM published.returns",
    ),
    "payouts": (
        "SELECT * EXCLUDE (statements, names, booked_otherwise, goes_on) FROM computed.payouts",
        "SELECT * EXCLUDE (payout_id, statements) FROM published.payouts",
    ),
    "open_bank_lines": ("SELECT * FROM computed.open_bank_lines", "SELECT * FROM published.open_bank_lines"),
    "outcomes of bank_lines": (
        "SELECT * FROM computed.bank_outcomes",
        "SELECT business_date, bank_line_id, outcome, outcome_reason AS reason FROM published.bank_lines",
    ),
    "fees": (
        "SELECT * FROM computed.fees",
        """
        SELECT * EXCLUDE (rule, batch_reference, tax, effective_rate, month_volume, last_month_volume),
            rule IS NOT NULL AS has_rule
        FROM published.fees
        """,
    ),
    "outcomes of entries, attempts and refunds": (
        "SELECT * FROM computed.outcomes",
        """
        SELECT business_date, 'provider' AS side, kind, entry_id AS id, outcome, outcome_reason AS reason FROM published.entries
        UNION ALL
        SELECT business_date, 'merchant', 'payment', attempt_id, outcome, outcome_reason FROM published.attempts
        UNION ALL
        SELECT business_date, 'merchant', 'refund', refund_id, outcome, outcome_reason FROM published.refunds
        """,
    ),
}

# The night, step by step; a step of two is done until what the second asks for stays the same.
CLOSE = [
    before.AGAIN,
    items.OWN,
    items.ITEMS,
    *passes.statements(),
    breaks.JUDGED,
    breaks.MATCHES,
    items.OPEN_ITEMS,
    items.OUTCOMES,
    returns.MOVED,
    [returns.TOGETHER, returns.PAYMENTS_APART],
    returns.RETURNS,
    payouts.BATCHES,
    payouts.KNOWN_PAYOUTS,
    *bank.statements(),
    payouts.PAYOUTS,
    breaks.FOUND,
    breaks.CAPPED,
    alone.FOUND,
    before.FOUND,
    returns.FOUND,
    payouts.FOUND,
    bank.FOUND,
    breaks.BREAKS,
    breaks.ROLLFORWARD,
    payouts.FEES,
]

# In which ways anything met, or did not.
WAYS = """
SELECT 'a ' || kind || ' meets by ' || pass FROM computed.matches
UNION
SELECT 'a ' || kind || ' in parts meets by ' || pass || ', ' || regexp_replace(cardinality, '[2-9]', 'n', 'g')
FROM computed.matches WHERE cardinality <> '1:1'
UNION
SELECT break_type || ' is ' || state FROM computed.breaks
UNION
SELECT break_type || ' is said otherwise' FROM computed.breaks WHERE restated
UNION
SELECT 'a resolution is void: ' || break_type FROM computed.breaks WHERE is_void
UNION
SELECT 'a resolution holds: ' || split_part(resolution, ':', 1) FROM computed.breaks WHERE resolution IS NOT NULL
UNION
SELECT 'what was resolved stays so' FROM computed.breaks WHERE was_resolved AND state = 'resolved'
UNION
SELECT 'what was resolved is open again' FROM computed.breaks WHERE was_resolved AND state <> 'resolved'
UNION
SELECT 'a break is resolved on the night that finds it' FROM computed.breaks WHERE state = 'resolved' AND first_seen = business_date
UNION
SELECT 'a break is resolved on a later night' FROM computed.breaks
WHERE state = 'resolved' AND first_seen < business_date AND NOT was_resolved
UNION
SELECT 'what was said otherwise is resolved' FROM computed.breaks WHERE state = 'resolved' AND restated
UNION
SELECT 'a ' || kind || ' meets within tolerance' FROM computed.matches WHERE difference <> 0
UNION
SELECT 'more is let go than the cap' FROM computed.breaks WHERE about LIKE 'tolerance %'
UNION
SELECT 'a ' || side || ' item is excluded: ' || reason FROM computed.outcomes WHERE outcome = 'excluded'
UNION
SELECT 'a record that claims nothing waits' FROM computed.outcomes WHERE outcome = 'waiting' AND reason IS NULL
UNION
SELECT 'an item waits since an earlier night: ' || kind FROM computed.open_items WHERE first_seen < business_date
UNION
SELECT 'a payout is ' || state FROM computed.payouts
UNION
SELECT 'a payout meets by ' || pass || if(bank_line_ids LIKE '% %', ', several lines', '')
FROM computed.payouts WHERE pass IS NOT NULL
UNION
SELECT 'a bank line is of several payouts, by ' || pass FROM computed.payouts
WHERE pass IS NOT NULL GROUP BY business_date, bank_line_ids, pass HAVING count(*) > 1
UNION
SELECT 'a bank line is ' || outcome || ': ' || reason FROM computed.bank_outcomes
UNION
SELECT 'a payout has lines of several nights' FROM computed.payouts WHERE first_seen < business_date AND lines > 1
UNION
SELECT 'what was given back of a payment: ' || state FROM computed.returns
"""

def business_days_after(day, count):
    """Business days are Monday to Friday."""
    while count > 0:
        day += datetime.timedelta(days=1)
        count -= day.isoweekday() <= 5
    return day


def job_of(job):
    """What the contracts of a job say, and by when its providers settle; of what a job may say, no more than is used here."""
    duckdb.execute("CREATE TABLE contracts (provider TEXT, percent DECIMAL(9, 4), fixed DECIMAL(9, 4), chargeback DECIMAL(9, 4))")
    duckdb.execute("CREATE TABLE settled (of_provider TEXT, from_day DATE, settled DATE)")
    first, last = duckdb.execute("SELECT min(business_date), max(business_date) FROM published.nights").fetchone()
    for provider in job["provider"]:
        (fee,) = provider["fee"]
        unknown = set(fee) - {"percent", "fixed", "on_refund", "on_chargeback"}
        assert not unknown and fee["on_refund"] == "kept", f"this rule of a contract is not computed here: {fee}"
        charged_back = fee.get("on_chargeback", {}).get("fixed")
        contract = [provider["name"], fee["percent"], fee.get("fixed", "0"), charged_back]
        duckdb.execute("INSERT INTO contracts VALUES (?, ?, ?, ?)", contract)
        count, business, _ = provider["settles_in"].split()
        assert business == "business", provider["settles_in"]
        # A payout may be due some days after its night, and an entry may have happened long before it.
        for day in (first + datetime.timedelta(days=days) for days in range(-90, (last - first).days + 60)):
            duckdb.execute("INSERT INTO settled VALUES (?, ?, ?)", [provider["name"], day, business_days_after(day, int(count))])
    duckdb.execute("SET VARIABLE has_bank = ?", ["bank" in job])
    duckdb.execute("CREATE TABLE banks (bank TEXT, unexplained TEXT); CREATE TABLE paid_into (provider TEXT, bank TEXT)")
    for house in job.get("bank", []):
        duckdb.execute("INSERT INTO banks VALUES (?, ?)", [house["name"], house.get("unexplained", "all")])
    for provider in job["provider"]:
        if "paid_into" in provider:
            duckdb.execute("INSERT INTO paid_into VALUES (?, ?)", [provider["name"], provider["paid_into"]])
    duckdb.execute("SET VARIABLE timezone = ?", [job["timezone"]])
    duckdb.execute("CREATE TABLE tolerances (of_currency TEXT, absolute DECIMAL(12, 2), percent DECIMAL(9, 4), cap DECIMAL(12, 2))")
    for tolerance in job.get("tolerance", []):
        told = [tolerance["currency"], tolerance.get("absolute", "0"), tolerance.get("percent", "0"), tolerance.get("cap")]
        duckdb.execute("INSERT INTO tolerances VALUES (?, ?, ?, ?)", told)
    within, _ = job.get("matching", {}).get("given_back_within", "60 days").split()
    duckdb.execute("SET VARIABLE given_back_within = ?", [int(within)])


def resolutions_of(path):
    """What was decided, and what it was about."""
    amounts = "difference DECIMAL(24, 8), merchant_amount DECIMAL(24, 8), provider_amount DECIMAL(24, 8)"
    columns = f"break_id TEXT, holds_from DATE, resolution TEXT, break_type TEXT, currency TEXT, {amounts}"
    duckdb.execute(f"CREATE TABLE resolutions ({columns})")
    for decided in tomllib.loads(path.read_text())["resolution"] if path.is_file() else []:
        resolution = f"{decided['action']}: {decided['reason']} ({decided['by']})"
        said = [decided.get(column) for column in ["break_type", "currency", "difference", "merchant_amount", "provider_amount"]]
        decided = [decided["break_id"], decided["on"], resolution, *said]
        duckdb.execute("INSERT INTO resolutions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", decided)


def close():
    """Closes night after night, each from what the one before left."""
    nights = duckdb.execute("SELECT business_date, previous_night FROM published.nights ORDER BY business_date").fetchall()
    for night, previous in nights:
        duckdb.execute("SET VARIABLE night = ?", [night])
        duckdb.execute("SET VARIABLE previous_night = CAST(? AS DATE)", [previous])
        for step in CLOSE:
            if isinstance(step, str):
                duckdb.execute(step)
                continue
            change, count = step
            before, after = None, duckdb.execute(count).fetchone()
            while before != after:
                duckdb.execute(change)
                before, after = after, duckdb.execute(count).fetchone()


def every_way(ways):
    """Nothing is shown by a world in which it does not happen."""
    happened = {way for (way,) in duckdb.execute(WAYS).fetchall()}
    missing = [way for way in ways if way not in happened]
    print("\n".join(f"does not happen: {way}" for way in missing) or f"all of {len(ways)} ways happen")
    return not missing


def main():
    job_file = pathlib.Path(sys.argv[1])
    job = tomllib.loads(job_file.read_text())
    lake = job_file.parent / job["lake"]
    duckdb.execute("SET TimeZone = 'UTC'; CREATE SCHEMA published")
    for table in READ:
        files = f"{lake}/data/{table}/*/*.parquet"
        duckdb.execute(f"CREATE VIEW published.{table} AS FROM read_parquet('{files}', hive_partitioning = false)")
    job_of(job)
    resolutions_of(job_file.parent / job.get("resolutions", ""))
    duckdb.execute(MACROS)
    duckdb.execute(COMPUTED)
    duckdb.execute(items.PRICED)
    duckdb.execute(before.STATED)
    duckdb.execute(breaks.BREAK_IDS)
    close()

    failed = against.hold(CHECKS)
    for ways in sys.argv[2:]:
        failed |= not every_way(pathlib.Path(ways).read_text().splitlines())
    sys.exit(failed)


main()
