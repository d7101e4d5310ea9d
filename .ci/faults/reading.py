"""Reads a lake with DuckDB, Polars and pyarrow, over and over, while a night of it is published anew, over and over.

    python reading.py TIEOUT FOLDER PUBLICATIONS

Makes a shop in FOLDER. Its provider states its file back and forth, so that every publication is another generation. Each
reader takes one table of that night after the other, whole. Afterwards every content that was read must be one that a
publication left: of whole files, and of one generation. How much was read is printed; nothing may be wrong.
"""

import hashlib
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import duckdb
import polars
import pyarrow.parquet

DATE = "2026-11-18"


def by_pyarrow(path):
    return pyarrow.parquet.ParquetFile(path).read()


def by_polars(path):
    return polars.read_parquet(path)


def by_duckdb(path):
    return duckdb.connect().execute(f"SELECT * FROM '{path}'")


def rows_of(reader, read):
    """What a reader read, as a hash of rows in Python's own types."""
    if reader == "pyarrow":
        rows = [tuple(row.values()) for row in read.to_pylist()]
    elif reader == "Polars":
        rows = read.rows()
    else:
        rows = read.fetchall()
    return hashlib.sha256("\n".join(str(row) for row in rows).encode()).hexdigest()


READERS = {"pyarrow": by_pyarrow, "Polars": by_polars, "DuckDB": by_duckdb}


def main():
    tieout, folder, publications = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir()

    def run(*arguments):
        return subprocess.run([tieout, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    run("sample", "sample-data", "--orders", "300", "--nights", "2")
    jobs = Path(__file__).parents[2] / "jobs/nightly.toml"
    job = jobs.read_text(encoding="utf-8").replace("../", "")
    (folder / "nightly.toml").write_text(job, encoding="utf-8")
    stated = folder / "sample-data/provider/stripe/payout_reconciliation_20261118.csv"
    first = stated.read_text(encoding="utf-8").splitlines(keepends=True)
    versions = ["".join(first), "".join(first[:1] + first[2:])]
    for date in ("2026-11-17", DATE):
        run("run", "nightly.toml", "--date", date, "--quiet")

    files = sorted(folder.glob(f"lake/data/*/date={DATE}/*.parquet"))
    # What a publication left, and what was read, by reader, file and content.
    left = {(reader, path, rows_of(reader, read(path))) for reader, read in READERS.items() for path in files}
    seen, reads, errors, is_over = set(), Counter(), Counter(), threading.Event()

    def keep_reading(reader):
        while not is_over.is_set():
            for path in files:
                try:
                    seen.add((reader, path, rows_of(reader, READERS[reader](path))))
                except Exception as error:  # Loud, so not wrong: counted, and shown.
                    errors[reader, f"{type(error).__name__}: {error}".splitlines()[0].replace(str(folder), "")] += 1
                reads[reader] += 1

    threads = [threading.Thread(target=keep_reading, args=(reader,)) for reader in READERS]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    for number in range(publications):
        stated.write_text(versions[(number + 1) % 2], encoding="utf-8")
        run("run", "nightly.toml", "--date", DATE, "--quiet")
        for reader, read in READERS.items():
            left |= {(reader, path, rows_of(reader, read(path))) for path in files}
    took = time.monotonic() - begun
    is_over.set()
    for thread in threads:
        thread.join()

    generations = len(list(folder.glob(f"lake/meta/nights/{DATE}/*.json")))
    assert generations == publications + 1, f"{generations} generations"
    for reader in READERS:
        wrong = {(path.name, rows) for who, path, rows in seen - left if who == reader}
        shown = [f"{count} × {said}" for (who, said), count in errors.items() if who == reader]
        contents = len({(path, rows) for who, path, rows in seen if who == reader})
        print(
            f"{reader}: {reads[reader]} files read while {publications} generations were published in {took:.0f} s, "
            f"{contents} contents of {len(files)} tables, {len(wrong)} wrong, {len(shown)} kinds of errors {shown}"
        )
        assert contents > len(files), "no reader saw two generations"
        assert not wrong, f"{reader} read what no generation holds: {sorted(wrong)}"


main()
