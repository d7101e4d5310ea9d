"""The peer of a join from Parquet to Parquet: every row of two files, side by side where their keys are equal.

    cargo bench --bench large -- files --rows 10000000 FOLDER
    cargo bench --bench large -- join FOLDER OURS.parquet
    python peer_join.py FOLDER OUT.parquet [--threads COUNT] [--memory-limit 500MB] [--against OURS.parquet]

Prints one line of JSON: seconds, rows, peak memory in MB; and how many rows are in one of the two outputs only.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import duckdb

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--memory-limit", default="80%")
parser.add_argument("--against", type=Path, help="what else joined the same files, to be compared row by row")
arguments = parser.parse_args()

begin = time.perf_counter()
with tempfile.TemporaryDirectory(dir=arguments.out.resolve().parent) as spilled:
    config = {"threads": arguments.threads, "preserve_insertion_order": False, "temp_directory": spilled}
    database = duckdb.connect(config=config | {"memory_limit": arguments.memory_limit})
    (rows,) = database.execute(f"""
        COPY (SELECT "left".*, "right".key AS right_key, "right".* EXCLUDE (key)
              FROM '{arguments.folder}/left.parquet' AS "left" FULL JOIN '{arguments.folder}/right.parquet' AS "right" USING (key))
        TO '{arguments.out}' (FORMAT parquet, COMPRESSION zstd)""").fetchone()
    database.close()
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
said = {"engine": f"duckdb {duckdb.__version__}", "seconds": round(seconds, 2), "rows": rows, "peak": round(peak)}
if arguments.against:
    one, other = f"FROM '{arguments.out}'", f"FROM '{arguments.against}'"
    differing = f"FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
    ((said["differing"],),) = duckdb.sql(f"SELECT count(*) {differing}").fetchall()
print(json.dumps(said))
