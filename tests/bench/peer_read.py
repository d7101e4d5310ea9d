"""The peer of reading: what DuckDB's read_csv makes of a file, in a table in memory.

    cargo bench --bench large -- read FILE FORMAT
    python peer_read.py "read_csv('FILE', …)" [--threads COUNT]

Prints one line of JSON: seconds, rows, peak memory in MB.
"""

import argparse
import json
import os
import resource
import time

import duckdb


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", help="what to read, in SQL")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    database = duckdb.connect(config={"threads": arguments.threads})
    begin = time.perf_counter()
    database.execute(f"CREATE TABLE file AS FROM {arguments.source}")
    seconds = time.perf_counter() - begin
    (rows,) = database.execute("SELECT count(*) FROM file").fetchone()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"engine": f"duckdb {duckdb.__version__}", "seconds": round(seconds, 3), "rows": rows, "peak": round(peak)}))


if __name__ == "__main__":
    main()
