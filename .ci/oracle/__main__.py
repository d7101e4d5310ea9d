"""Closes the nights of a job again in SQL, from what the lake says was read, and holds the result against its tables.

    python oracle jobs/nightly.toml      after its nights were closed

Written from what the tables mean, not from the program: entries, records and bank lines are what was read. Who meets whom,
what is missing, what a line costs by contract, what a payout is made of and how all of it goes on from night to night is
computed here, night after night, from nothing but the nights computed before. Both sides have the same rows, each as often:
EXCEPT ALL is empty both ways.
"""

import datetime
import pathlib
import sys
import tomllib

import duckdb

import breaks
import items
import passes
import payouts
import returns

READ = ["nights", "entries", "attempts", "refunds", "bank_lines", "matches", "breaks", "open_items", "rollforward", "returns", "fees", "payouts"]

MACROS = """
CREATE MACRO night() AS getvariable('night');
CREATE MACRO previous_night() AS getvariable('previous_night');
CREATE MACRO has_bank() AS getvariable('has_bank');
CREATE MACRO missing_in(kind, side) AS
    if(kind = 'refund', 'refund_', '') || if(side = 'provider', 'missing_in_merchant', 'missing_in_provider');
CREATE MACRO expected_by(asked, of) AS (
    SELECT max(settled) FROM settled WHERE settled.day = of AND (asked IS NULL OR settled.provider = asked)
)
"""

# The tables computed here have the columns of those published, but for texts and identities that are the program's own: what
# a break is about, and which entry a match begins with, tell them apart. Two tables are kept for the next night alone.
COMPUTED = """
CREATE SCHEMA computed;
CREATE TABLE computed.matches AS SELECT * EXCLUDE (match_id), '' AS match FROM published.matches LIMIT 0;
CREATE TABLE computed.breaks AS
    SELECT * EXCLUDE (break_id, suggested_action, resolution, detail), '' AS about, '' AS waits_for, false AS restated, {money} AS at_stake
    FROM published.breaks LIMIT 0;
CREATE TABLE computed.open_items AS SELECT * EXCLUDE (fee_rule) FROM published.open_items LIMIT 0;
CREATE TABLE computed.rollforward AS FROM published.rollforward LIMIT 0;
CREATE TABLE computed.returns AS
    SELECT * EXCLUDE (payment_id, payments, returns), [''] AS ids FROM published.returns LIMIT 0;
CREATE TABLE computed.payouts AS
    SELECT * EXCLUDE (payout_id, other_references, statements), false AS goes_on FROM published.payouts LIMIT 0;
CREATE TABLE computed.fees AS
    SELECT * EXCLUDE (rule, batch_reference, tax, effective_rate, month_volume, last_month_volume), false AS has_rule
    FROM published.fees LIMIT 0;
CREATE TABLE computed.open_bank_lines AS
    SELECT bank_line_id, business_date, bank, account, line_reference, end_to_end_reference, customer_reference, text, currency, amount,
        booked_on, business_date AS first_seen, business_date AS expected_by
    FROM published.bank_lines LIMIT 0;
CREATE TABLE computed.outcomes (business_date DATE, side TEXT, kind TEXT, id TEXT, outcome TEXT, reason TEXT)
""".format(money="CAST(0 AS DECIMAL(24, 8))")

# What is held against what: columns of the table computed here, and what the published one has for them.
CHECKS = {
    "matches": (
        "SELECT * FROM computed.matches",
        "SELECT * EXCLUDE (match_id), min(entry_id) OVER (PARTITION BY business_date, match_id) AS match FROM published.matches",
    ),
    "breaks": (
        "SELECT * EXCLUDE (about, waits_for, restated, at_stake) FROM computed.breaks",
        "SELECT * EXCLUDE (break_id, suggested_action, resolution, detail) FROM published.breaks",
    ),
    "open_items": ("SELECT * FROM computed.open_items", "SELECT * EXCLUDE (fee_rule) FROM published.open_items"),
    "rollforward": ("SELECT * FROM computed.rollforward", "SELECT * FROM published.rollforward"),
    "returns": (
        "SELECT * EXCLUDE (ids) FROM computed.returns",
        "SELECT * EXCLUDE (payment_id, payments, returns) FROM published.returns",
    ),
    "payouts": (
        "SELECT * EXCLUDE (goes_on) FROM computed.payouts",
        "SELECT * EXCLUDE (payout_id, other_references, statements) FROM published.payouts",
    ),
    "fees": (
        "SELECT * FROM computed.fees",
        """SELECT * EXCLUDE (rule, batch_reference, tax, effective_rate, month_volume, last_month_volume), rule IS NOT NULL AS has_rule
        FROM published.fees""",
    ),
    "outcomes of entries, attempts and refunds": (
        "SELECT * FROM computed.outcomes",
        """
        SELECT business_date, 'provider' AS side, kind, entry_id AS id, outcome, outcome_reason AS reason FROM published.entries
        UNION ALL
        SELECT business_date, 'merchant', 'payment', attempt_id, outcome, outcome_reason FROM published.attempts
        WHERE outcome_reason IS DISTINCT FROM 'provider_not_in_job'
        UNION ALL
        SELECT business_date, 'merchant', 'refund', refund_id, outcome, outcome_reason FROM published.refunds
        WHERE outcome_reason IS DISTINCT FROM 'provider_not_in_job'
        """,
    ),
}

# The night, step by step; a step of two is done until what the second asks for stays the same.
CLOSE = [
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
    payouts.KNOWN_LINES,
    payouts.PAID,
    payouts.PAYOUTS,
    payouts.OPEN_BANK_LINES,
    breaks.FOUND,
    returns.FOUND,
    payouts.FOUND,
    breaks.BREAKS,
    breaks.ROLLFORWARD,
    payouts.FEES,
]

# Of a difference no more than so many rows are told.
TOLD = 10


def business_days_after(day, count):
    """Business days are Monday to Friday."""
    while count > 0:
        day += datetime.timedelta(days=1)
        count -= day.isoweekday() <= 5
    return day


def job_of(job):
    """What the contracts of a job say, and by when its providers settle; of what a job may say, no more than is used here."""
    duckdb.execute("CREATE TABLE contracts (provider TEXT, percent DECIMAL(9, 4), fixed DECIMAL(9, 4), chargeback DECIMAL(9, 4))")
    duckdb.execute("CREATE TABLE settled (provider TEXT, day DATE, settled DATE)")
    first, last = duckdb.execute("SELECT min(business_date), max(business_date) FROM published.nights").fetchone()
    for provider in job["provider"]:
        (fee,) = provider["fee"]
        unknown = set(fee) - {"percent", "fixed", "on_refund", "on_chargeback"}
        assert not unknown and fee["on_refund"] == "kept", f"this rule of a contract is not computed here: {fee}"
        charged_back = fee.get("on_chargeback", {}).get("fixed")
        duckdb.execute("INSERT INTO contracts VALUES (?, ?, ?, ?)", [provider["name"], fee["percent"], fee.get("fixed", "0"), charged_back])
        count, business, _ = provider["settles_in"].split()
        assert business == "business", provider["settles_in"]
        # A payout may be due some days after its night.
        for day in (first + datetime.timedelta(days=days) for days in range((last - first).days + 60)):
            duckdb.execute("INSERT INTO settled VALUES (?, ?, ?)", [provider["name"], day, business_days_after(day, int(count))])
    duckdb.execute("SET VARIABLE has_bank = ?", ["bank" in job])
    duckdb.execute("SET VARIABLE timezone = ?", [job["timezone"]])


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


def differences(computed, published):
    """The first night on which the two differ, and its rows; the nights after follow from it."""
    duckdb.execute(f"CREATE OR REPLACE TABLE left_side AS {computed}")
    duckdb.execute("CREATE OR REPLACE TABLE right_side AS FROM left_side LIMIT 0")
    duckdb.execute(f"INSERT INTO right_side BY NAME {published}")
    differing = """
        SELECT 'only computed' AS side, * FROM (FROM left_side EXCEPT ALL FROM right_side)
        UNION ALL
        SELECT 'only published' AS side, * FROM (FROM right_side EXCEPT ALL FROM left_side)
    """
    found = duckdb.execute(f"SELECT CAST(COLUMNS(*) AS TEXT) FROM ({differing}) ORDER BY business_date, * EXCLUDE (side), side")
    columns = [column[0] for column in found.description]
    rows = [dict(zip(columns, row)) for row in found.fetchall()]
    return [row for row in rows if row["business_date"] == rows[0]["business_date"]], len(rows)


def main():
    job_file = pathlib.Path(sys.argv[1])
    job = tomllib.loads(job_file.read_text())
    lake = job_file.parent / job["lake"]
    duckdb.execute("SET TimeZone = 'UTC'; CREATE SCHEMA published")
    for table in READ:
        files = f"{lake}/data/{table}/*/*.parquet"
        duckdb.execute(f"CREATE VIEW published.{table} AS FROM read_parquet('{files}', hive_partitioning = false)")
    job_of(job)
    duckdb.execute(MACROS)
    duckdb.execute(COMPUTED)
    duckdb.execute(items.PRICED)
    close()

    failed = False
    for what, (computed, published) in CHECKS.items():
        rows, count = differences(computed, published)
        if not rows:
            print(f"{what}: {duckdb.execute('SELECT count(*) FROM left_side').fetchone()[0]} rows are what SQL computes")
            continue
        failed = True
        print(f"{what}: {count} rows differ, {len(rows)} of them on {rows[0]['business_date']}, the first night that differs")
        for row in rows[:TOLD]:
            stated = {column: value for column, value in row.items() if value is not None and column != "business_date"}
            print(f"  {stated.pop('side')}: " + ", ".join(f"{column} {value}" for column, value in stated.items()))
    sys.exit(failed)


main()
