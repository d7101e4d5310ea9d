"""Computes every rate of a lake's nights again in SQL, from its orders, attempts and what they met, and holds them against its tables.

    python rates JOB      after its nights were closed
"""

import pathlib
import sys
import time
import tomllib

import duckdb

import cells
import changes
import ends
import facts

ROOT = pathlib.Path(__file__).resolve().parents[3]

CHECKS = {
    table: (f"SELECT * FROM computed.{table}", f"SELECT * FROM published.{table}")
    for table in ["success_rates", "success_amounts", "abandonment", "funnel", "failure_reasons", "time_to_pay", "payment_methods",
        "changes"]
}

# Of a difference no more than so many rows are told.
TOLD = 4


def span(text):
    """`30 minutes` as SQL has it."""
    return duckdb.execute("SELECT CAST(? AS INTERVAL)", [text]).fetchone()[0]


def job_of(job):
    analysis = job.get("analysis", {})
    duckdb.execute("SET VARIABLE timezone = ?", [job["timezone"]])
    duckdb.execute("SET VARIABLE minimum_count = ?", [analysis.get("minimum_count", 30)])
    for key, default in [("abandoned_after", "2 hours"), ("retry_within", "30 minutes")]:
        duckdb.execute(f"SET VARIABLE {key} = ?", [span(analysis.get(key, default))])
    for key, default in [("minimum_change", "0.01"), ("false_discovery", "0.05")]:
        duckdb.execute(f"SET VARIABLE {key} = CAST(? AS DECIMAL(9, 8))", [analysis.get(key, default)])
    duckdb.execute("CREATE TABLE providers (provider TEXT, account TEXT)")
    for provider in job["provider"]:
        duckdb.execute("INSERT INTO providers VALUES (?, ?)", [provider["name"], provider["account"]])
    duckdb.execute(f"""CREATE TABLE failures AS
        SELECT * REPLACE (lower(trim(code)) AS code) FROM read_csv('{ROOT}/schemas/failures.csv', all_varchar = true)""")
    duckdb.execute("""CREATE TABLE declined AS SELECT unnest(['declined_by_issuer', 'insufficient_funds', 'expired_card',
        'invalid_card', 'lost_or_stolen', 'limit_exceeded', 'not_permitted']) AS category""")
    duckdb.execute("""CREATE TABLE technical AS SELECT unnest(['provider_error', 'system_busy', 'issuer_unavailable', 'configuration',
        'invalid_request']) AS category""")
    return analysis.get("pairs", [])


def differences(computed, published):
    """The first night on which the two differ, and its rows of either side; and how many rows differ in all."""
    duckdb.execute(f"CREATE OR REPLACE TABLE left_side AS {computed}")
    duckdb.execute("CREATE OR REPLACE TABLE right_side AS FROM left_side LIMIT 0")
    duckdb.execute(f"INSERT INTO right_side BY NAME {published}")
    sides = []
    for one, other in [("left_side", "right_side"), ("right_side", "left_side")]:
        found = duckdb.execute(f"SELECT CAST(COLUMNS(*) AS TEXT) FROM (FROM {one} EXCEPT ALL FROM {other}) ORDER BY ALL")
        columns = [column[0] for column in found.description]
        sides.append([dict(zip(columns, row)) for row in found.fetchall()])
    night = min((row["business_date"] for side in sides for row in side), default=None)
    return night, [[row for row in side if row["business_date"] == night] for side in sides], sum(map(len, sides))


def tell(computed, published):
    """Rows that differ: those that are alike in most columns together, each with what differs."""
    for row in computed[:TOLD]:
        other = max(published, key=lambda other: len(other.items() & row.items()), default={})
        if 2 * len(other.items() & row.items()) <= len(row):
            print("  only computed: " + said(row))
            continue
        published.remove(other)
        print("  both: " + said(dict(row.items() & other.items()), row))
        for column in (column for column in row if row[column] != other[column]):
            print(f"    {column}: computed {row[column]}, published {other[column]}")
    for row in published[:TOLD]:
        print("  only published: " + said(row))


def said(row, order=None):
    return ", ".join(f"{column} {row[column]}" for column in order or row if row.get(column) and column != "business_date")


def main():
    job_file = pathlib.Path(sys.argv[1])
    job = tomllib.loads(job_file.read_text())
    lake = job_file.parent / job["lake"]
    duckdb.execute("SET TimeZone = 'UTC'; CREATE SCHEMA published; CREATE SCHEMA computed")
    for table in sorted(path.name for path in (lake / "data").iterdir()):
        files = f"{lake}/data/{table}/*/*.parquet"
        duckdb.execute(f"CREATE VIEW published.{table} AS FROM read_parquet('{files}', hive_partitioning = false)")
    pairs = job_of(job)
    for step in [*facts.STEPS, *cells.counted(pairs), *ends.steps(pairs), *changes.STEPS]:
        began = time.monotonic()
        step() if callable(step) else duckdb.execute(step)
        if "-v" in sys.argv:
            print(f"{time.monotonic() - began:.2f} s: {step.__name__ if callable(step) else ' '.join(step.split())[:60]}", file=sys.stderr)

    failed = False
    for what, (computed, published) in CHECKS.items():
        night, sides, count = differences(computed, published)
        if night is None:
            print(f"{what}: {duckdb.execute('SELECT count(*) FROM left_side').fetchone()[0]} rows are what SQL computes")
            continue
        failed = True
        print(f"{what}: {count} rows differ; of {night}, the first night that does:")
        tell(*sides)
    sys.exit(failed)


if __name__ == "__main__":
    main()
