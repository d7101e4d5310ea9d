"""Reads a lake with DuckDB, Polars, pandas and pyarrow, as analysts do, and holds them against one another.

    python readers.py README.md      in a folder where the nights of sample-data were closed into `lake`

Every table is read by its glob: the rows are those of the manifests, amounts are exact decimals, and the sums agree
between the readers and with what the providers' files state of themselves. The snippets of the README are run, and
print what stands below them. UPDATE=1 writes what they print into the README.
"""

import csv
import glob
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.dataset

# The only tables that hold doubles.
STATISTICS = {
    "success_rates", "success_amounts", "payment_methods", "changes", "rates_history", "abandonment",
}


def manifests():
    """The newest manifest of each night."""
    for night in sorted(Path("lake/meta/nights").iterdir()):
        yield json.loads(max(night.glob("*.json"), key=lambda path: int(path.stem)).read_text(encoding="utf-8"))


def same(what, values):
    first = values[0]
    assert all(value == first for value in values), f"{what}: {values}"


def one(query, parameters=()):
    """The one value a query of DuckDB gives."""
    return duckdb.execute(query, parameters).fetchall()[0][0]


def check_table(table, rows):
    """One table, by every reader."""
    files = f"lake/data/{table}/*/*.parquet"
    types = {name: str(kind) for name, kind, *_ in duckdb.execute(f"DESCRIBE FROM '{files}'").fetchall() if name != "date"}
    money = [name for name, kind in types.items() if kind.startswith("DECIMAL")]
    for name, kind in types.items():
        assert kind not in ("FLOAT", "DOUBLE") or table in STATISTICS, f"{table}.{name} is {kind}"
        assert name not in money or kind in ("DECIMAL(24,8)", "DECIMAL(24,12)"), f"{table}.{name} is {kind}"

    frame = polars.scan_parquet(files).collect()
    folder = pandas.read_parquet(f"lake/data/{table}", dtype_backend="pyarrow")
    arrow = pyarrow.dataset.dataset(f"lake/data/{table}", partitioning="hive").to_table()
    same(f"{table}: rows", [rows, one(f"SELECT count(*) FROM '{files}'"), len(frame), len(folder), len(arrow)])
    same(f"{table}: columns", [set(types), set(frame.columns) - {"date"}, set(folder) - {"date"}, set(arrow.column_names) - {"date"}])
    for name in money:
        assert isinstance(frame.schema[name], polars.Decimal), f"Polars: {table}.{name} is {frame.schema[name]}"
        assert pyarrow.types.is_decimal128(arrow.schema.field(name).type), f"pyarrow: {table}.{name}"
        same(
            f"{table}.{name}: sum",
            [
                one(f"SELECT coalesce(sum({name}), 0) FROM '{files}'"),
                frame[name].sum() or Decimal(0),
                sum(folder[name].dropna(), Decimal(0)),
                sum(filter(None, arrow[name].to_pylist()), Decimal(0)),
            ],
        )
    return len(money)


def figures(text):
    return [Decimal(figure) for figure in re.findall(r"-?\d+\.\d+", text)]


def stated(provider, path):
    """What a provider's file states of itself: sums by (currency, column)."""
    if provider == "wechat_pay":
        names, values = path.read_text(encoding="utf-8-sig").splitlines()[-2:]
        total = dict(zip(names.split(","), (Decimal(value.strip("`")) for value in values.split(","))))
        yield "CNY", "gross", total["应结订单总金额"] - total["退款总金额"]
        yield "CNY", "fee", total["手续费总金额"]
    elif provider == "alipay":
        with zipfile.ZipFile(path) as archive:
            texts = [archive.read(name).decode("gbk") for name in archive.namelist()]
        for line in "\n".join(texts).splitlines():
            if re.match("#(交易|退款)合计", line):
                yield "CNY", "gross", figures(line)[0]
            if line.startswith("合计"):
                yield "CNY", "net", Decimal(line.split(",")[-1])
                yield "CNY", "fee", -Decimal(line.split(",")[-3])
    elif provider == "stripe":
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            for column in ("gross", "fee", "net"):
                yield row["currency"].upper(), column, Decimal(row[column])
    elif provider == "adyen":  # a batch closes at zero in every net currency
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            if row["Net Currency"]:
                yield row["Net Currency"], "net", Decimal(0)


def check_trailers():
    """Sums of `entries` against the files as received. Returns how many were compared."""
    expected = defaultdict(Decimal)
    for path in map(Path, glob.glob("lake/raw/*/*/*/*")):
        provider, night = path.parts[2:4]
        for currency, column, amount in stated(provider, path):
            expected[night, provider, currency, column] += amount
    for (night, provider, currency, column), amount in expected.items():
        booked = one(
            f"SELECT sum({column}) FROM 'lake/data/entries/*/*.parquet'"
            " WHERE business_date = ? AND provider = ? AND currency = ?",
            [night, provider, currency],
        )
        same(f"{night} {provider} {currency} {column}: stated and booked", [amount, booked])
    providers = {provider for _, provider, _, _ in expected}
    assert providers == {"adyen", "alipay", "stripe", "wechat_pay"}, f"compared only {providers}"
    return len(expected)


def check_snippets(readme):
    """Every sql and python block of the README prints the text block below it."""
    text = readme.read_text(encoding="utf-8")
    snippets = re.findall(r"```(sql|python)\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert Counter(language for language, _, _ in snippets) == {"sql": 1, "python": 2}, "snippets were lost"
    for language, code, shown in snippets:
        program = f"import duckdb; print(duckdb.sql({code!r}))" if language == "sql" else code
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
        assert run.returncode == 0, f"{code}\n{run.stderr}"
        printed = "".join(f"{line.rstrip()}\n" for line in run.stdout.rstrip().splitlines())
        if "UPDATE" in os.environ:
            text = text.replace(f"{code}```\n\n```text\n{shown}```", f"{code}```\n\n```text\n{printed}```")
        else:
            assert printed == shown, f"{code}\nprints\n{printed}\nand the README shows\n{shown}"
    if "UPDATE" in os.environ:
        readme.write_text(text, encoding="utf-8")
    return len(snippets)


def main():
    rows = Counter()
    for manifest in manifests():
        for output in manifest["outputs"]:
            rows[output["table"]] += output["rows"]
    assert {path.name for path in Path("lake/data").iterdir()} == set(rows), "tables and manifests differ"
    amounts = sum(check_table(table, count) for table, count in rows.items())
    print(f"{len(rows)} tables, {sum(rows.values())} rows, {amounts} columns of amounts: four readers agree")
    print(f"{check_trailers()} sums are what the providers' files state")
    print(f"{check_snippets(Path(sys.argv[1]))} snippets of the README print what it shows")


main()
