"""Computes the rates of a lake's nights again in SQL, from orders, attempts and what they met, and holds them against its tables.

    python rates JOB [FOLDER] [--as-documented]      after its nights were closed

Written from jobs/README.md (Rates) and the descriptions of the tables. Counts, amounts, intervals and tests come out equal to the
last digit: EXCEPT ALL is empty both ways. FOLDER keeps what was computed of each generation, and another run, after a night was
published anew, holds all generations against `rates_history`; without it only the latest is.

A night of a million orders takes some two minutes and 6 GB:

    tieout sample sample-data --nights 1 --orders 1000000 --seed 11 --date 2026-11-17
    tieout run jobs/nightly.toml --date 2026-11-17
    python -B .ci/oracle/rates jobs/nightly.toml

Where the documents leave it open, the rule is the program's own, told again in SQL. Where they say otherwise in so many words, both
rules stand here, under `as_documented()`: the program's holds, and with --as-documented the differences are shown.
"""

import pathlib
import sys
import tomllib

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / ".ci/oracle"))

import against
import cells
import changes
import ends
import facts

CHECKS = {
    table: (f"SELECT * FROM computed.{table}", f"SELECT * FROM published.{table}")
    for table in ["success_rates", "success_amounts", "abandonment", "funnel", "failure_reasons", "time_to_pay", "payment_methods",
        "changes", "rates_history"]
}
CHECKS["orders"] = ("SELECT * FROM computed.orders", "SELECT business_date, order_id, stated_before FROM published.orders")

# Each generation of a night that was computed, by this run or one before.
HISTORY = """
CREATE TABLE computed.rates_history AS
SELECT rates.*, generation FROM computed.success_rates AS rates JOIN published.nights USING (business_date)
"""


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
    duckdb.execute("""CREATE TABLE technical AS SELECT unnest(['provider_error', 'system_busy', 'issuer_unavailable',
        'configuration', 'invalid_request']) AS category""")
    return analysis.get("pairs", [])


def history(folder):
    """Keeps the generations computed now, and takes those kept before them."""
    folder.mkdir(exist_ok=True)
    nights = duckdb.execute("SELECT business_date, generation FROM published.nights").fetchall()
    for night, generation in nights:
        kept = folder / f"{night}_{generation}.parquet"
        of_night = f"FROM computed.rates_history WHERE business_date = DATE '{night}' AND generation = {generation}"
        duckdb.execute(f"COPY ({of_night}) TO '{kept}' (FORMAT parquet)")
    latest = [f"{night}_{generation}.parquet" for night, generation in nights]
    for kept in sorted(folder.iterdir()):
        if kept.name not in latest:
            duckdb.execute(f"INSERT INTO computed.rates_history BY NAME FROM '{kept}'")


def main():
    as_documented = "--as-documented" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--as-documented"]
    job_file = pathlib.Path(arguments[0])
    job = tomllib.loads(job_file.read_text())
    lake = job_file.parent / job["lake"]
    duckdb.execute("SET TimeZone = 'UTC'; CREATE SCHEMA published; CREATE SCHEMA computed")
    for table in sorted(path.name for path in (lake / "data").iterdir()):
        files = f"{lake}/data/{table}/*/*.parquet"
        duckdb.execute(f"CREATE VIEW published.{table} AS FROM read_parquet('{files}', hive_partitioning = false)")
    duckdb.execute("SET VARIABLE as_documented = ?", [as_documented])
    pairs = job_of(job)
    for step in [*facts.STEPS, *cells.counted(pairs), *ends.steps(pairs), *changes.STEPS, HISTORY]:
        step() if callable(step) else duckdb.execute(step)
    checks = dict(CHECKS)
    if len(arguments) > 1:
        history(pathlib.Path(arguments[1]))
    else:
        computed, published = CHECKS["rates_history"]
        checks["rates_history"] = (computed, f"{published} SEMI JOIN published.nights USING (business_date, generation)")
    sys.exit(against.hold(checks))


if __name__ == "__main__":
    main()
