"""Decides about breaks of a world that was closed: writes the resolutions its job names, for its nights to be closed again.

    python decide.py JOB SEED

Of every type of break, and of those that stay, change or clear, a few are resolved: on the night they are known or a later one,
saying what they say then, or no longer will, or never did.
"""

import decimal
import pathlib
import random
import sys
import tomllib

import duckdb

ACTIONS = ["accept", "write_off", "force_match", "duplicate", "not_ours"]

# Each break with what it says on each night it is known and not cleared.
KNOWN = """
SELECT break_id, break_type, bool_or(state = 'cleared') AS clears,
    count(DISTINCT (difference, merchant_amount, provider_amount)) > 1 AS changes,
    list({'on': business_date, 'break_type': break_type, 'currency': currency, 'difference': difference,
        'merchant_amount': merchant_amount, 'provider_amount': provider_amount} ORDER BY business_date)
        FILTER (state <> 'cleared') AS said
FROM read_parquet(?, hive_partitioning = false) GROUP BY break_id, break_type ORDER BY break_id
"""

# So many of each type and fate.
OF_EACH = 6


def resolution(break_id, said, decided):
    cells = {"break_id": break_id, "action": decided.choice(ACTIONS), "reason": "known to us", "by": decided.choice(["Ann", "Bo"])}
    for column, value in said.items():
        if value is not None:
            cells[column] = f"{value:f}" if isinstance(value, decimal.Decimal) else f"{value}"
    if decided.random() < 0.3:
        cells.pop("merchant_amount", None)
        cells.pop("provider_amount", None)
    return "[[resolution]]\n" + "".join(f'{column} = "{value}"\n' for column, value in cells.items())


def main():
    job_file, decided = pathlib.Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    job = tomllib.loads(job_file.read_text())
    fates = {}
    files = f"{job_file.parent / job['lake']}/data/breaks/*/*.parquet"
    for break_id, break_type, clears, changes, said in duckdb.execute(KNOWN, [files]).fetchall():
        if said:
            fates.setdefault((break_type, clears, changes), []).append((break_id, said))
    told = []
    for fate in sorted(fates):
        for break_id, said in decided.sample(fates[fate], min(OF_EACH, len(fates[fate]))):
            # Also about what it says on another night, where that is something else: what one break says is decided about once.
            about = {}
            for of_night in [decided.choice(said), *(said[-1:] if decided.random() < 0.5 else [])]:
                later = [night["on"] for night in said if night["on"] >= of_night["on"]]
                on = decided.choice([of_night["on"]] * 3 + later)
                difference = of_night["difference"] + (decided.random() < 0.15)
                about.setdefault(difference, {**of_night, "on": on, "difference": difference})
            told += [resolution(break_id, said, decided) for said in about.values()]
    (job_file.parent / job["resolutions"]).write_text("\n".join(told))


main()
