"""Runs the queries and views of `schemas` over a lake, and holds the answers of four readers against one another.

    python queries.py SCHEMAS [--shown]      in a folder that holds a `lake` of five nights or more

Every block of queries.md runs as it stands, in DuckDB, Polars, pandas and Spark. Amounts and counts are the same to the last
digit, and statistics but for the last digits of a double. With --shown the answers are those the page shows, and the lake is that of sample-data; UPDATE=1 writes them
into the page. Without it every question has an answer. Spark is asked where there is pyspark and a Java.
"""

import contextlib
import io
import math
import os
import re
import sys
import warnings
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.dataset

READERS = ["DuckDB", "Polars", "pandas", "Spark"]
# Views of what need not happen.
MAY_BE_EMPTY = {"orders_counted_again", "rejects", "bank_lines", "open_bank_lines"}


def spark_or_why_not():
    """A session of Spark, or why there is none."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        return None, str(error)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "2"}
    try:
        session = SparkSession.builder.master("local[2]").config(map=quiet).getOrCreate()
    except Exception as error:  # without a Java it cannot start
        return None, str(error).strip().splitlines()[0]
    session.sparkContext.setLogLevel("OFF")
    return session, None


def questions(page):
    """The questions of the page: title, code by reader, and the answer shown."""
    for section in page.split("\n## ")[1:]:
        blocks = re.findall(r"\n(\w+):\n\n```(?:sql|python)\n(.*?)```", section, re.DOTALL)
        shown = re.findall(r"\n```text\n(.*?)```", section, re.DOTALL)
        assert [reader for reader, _ in blocks] == READERS and len(shown) == 1, section.splitlines()[0]
        yield section.splitlines()[0], dict(blocks), shown[0]


def answer(reader, code):
    """What a block answers: the names of its columns, and its rows."""
    if reader == "DuckDB":
        found = duckdb.sql(code)
        return found.columns, found.fetchall()
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, reader, "exec"), names)
    found = names["answer"]
    if reader == "Polars":
        return found.columns, found.rows()
    if reader == "pandas":
        table = pyarrow.Table.from_pandas(found, preserve_index=False)
        return table.column_names, [tuple(row.values()) for row in table.to_pylist()]
    return found.columns, [tuple(row) for row in found.collect()]


def same_value(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-15)
    return type(one) is type(other) and one == other


def by_words(row):
    return [str(value) for value in row if not isinstance(value, float)]


def hold(title, answers):
    """Every answer is that of DuckDB, but for the order of rows: readers put what is empty first or last."""
    columns, rows = answers["DuckDB"]
    rows = sorted(rows, key=by_words)
    for reader, (their_columns, their_rows) in answers.items():
        assert their_columns == columns, f"{title}: {reader} has the columns {their_columns}, DuckDB {columns}"
        assert len(their_rows) == len(rows), f"{title}: {reader} has {len(their_rows)} rows, DuckDB {len(rows)}"
        for theirs, ours in zip(sorted(their_rows, key=by_words), rows):
            assert all(map(same_value, theirs, ours)), f"{title}: {reader} says\n{theirs}\nand DuckDB\n{ours}"


def cell(value):
    if value is None:
        return "·"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:f}" if isinstance(value, Decimal) else str(value)


def as_text(columns, rows):
    """A table to read: words to the left, numbers to the right."""
    if not rows:
        return "no rows\n"
    is_number = [any(isinstance(value, (int, float, Decimal)) for value in column) for column in zip(*rows)]
    lines = [list(columns), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = ""
    for line in lines:
        put = [word.rjust(width) if right else word.ljust(width) for word, width, right in zip(line, widths, is_number)]
        text += "  ".join(put).rstrip() + "\n"
    return text


def check_questions(path, readers, is_shown):
    page = path.read_text(encoding="utf-8")
    written = page
    for title, codes, shown in questions(page):
        answers = {reader: answer(reader, codes[reader]) for reader in readers}
        hold(title, answers)
        columns, rows = answers["DuckDB"]
        assert rows or is_shown, f"{title}: no rows, so nothing was compared"
        text = as_text(columns, rows)
        if is_shown and "UPDATE" in os.environ:
            spark = codes["Spark"]
            written = written.replace(f"{spark}```\n\n```text\n{shown}```", f"{spark}```\n\n```text\n{text}```")
        elif is_shown:
            assert text == shown, f"{title}: the answer is\n{text}\nand the page shows\n{shown}"
    if written != page:
        path.write_text(written, encoding="utf-8")
    return len(list(questions(page)))


def check_views(path, is_shown):
    """Every view runs; those of tables hold all columns and rows, and the intervals are those of the tables."""
    with duckdb.connect() as database:
        database.execute("SET VARIABLE lake = 'lake'")
        database.execute(path.read_text(encoding="utf-8"))

        def one(query):
            return database.execute(query).fetchall()[0][0]

        def columns(query):
            return [(name, kind) for name, kind, *_ in database.execute(f"DESCRIBE {query}").fetchall()]

        views = [name for (name,) in database.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
        tables = {folder.name for folder in Path("lake/data").iterdir()}
        assert tables < set(views), f"no view of {tables - set(views)}"
        for name in views:
            rows = database.sql(f"FROM {name}").to_arrow_table().num_rows
            if name in tables:
                files = f"'lake/data/{name}/*/*.parquet'"
                assert columns(f"FROM {name}") == columns(f"FROM {files}"), name
                assert rows == one(f"SELECT count(*) FROM {files}"), name
                comment = one(f"SELECT comment FROM duckdb_views() WHERE view_name = '{name}'")
                assert comment.startswith("One row per "), f"{name}: {comment}"
            assert rows or is_shown or name in MAY_BE_EMPTY, f"{name} has no rows"
        apart = one("""
            SELECT max(greatest(abs(wilson_low(numerator, denominator) - low), abs(wilson_high(numerator, denominator) - high)))
            FROM success_rates WHERE denominator > 0
        """)
        assert apart < 1e-12, f"the interval of the views is another, by {apart}"
        added = "SELECT metric, cut, value, sum(numerator) AS {0}_part, sum(denominator) AS {0}_whole FROM {1} GROUP BY ALL"
        lost = one(f"""
            SELECT count(*) FROM ({added.format("nights", "success_rates")}) FULL JOIN ({added.format("weeks", "weekly_rates")})
            USING (metric, cut, value)
            WHERE nights_part IS DISTINCT FROM weeks_part OR nights_whole IS DISTINCT FROM weeks_whole
        """)
        assert lost == 0, "the weeks lose or double what the nights counted"
    return len(views)


def check_funnel():
    """The funnel of all nights, added up, is every order once, and the rates that count the same orders."""

    def one(query):
        return duckdb.execute(query).fetchall()[0]

    def files(table):
        return f"'lake/data/{table}/*/*.parquet'"

    [created] = one(f"SELECT sum(created) FROM {files('funnel')}")
    [ended] = one(f"SELECT sum(orders) FROM {files('abandonment')} WHERE cut = 'all'")
    orders, distinct = one(f"SELECT count(*), count(DISTINCT order_id) FROM {files('orders')} WHERE NOT stated_before")
    assert created == ended == orders == distinct, f"funnel {created}, abandonment {ended}, orders {orders}, distinct {distinct}"
    endings = "succeeded + failed + pending + cancelled + abandoned"
    [twice] = one(f"SELECT count(*) FROM {files('funnel')} WHERE created <> {endings}")
    assert twice == 0, f"{twice} rows of the funnel have orders that ended twice, or not at all"
    for cut in "provider", "method", "wallet", "card_brand", "card_funding", "currency", "channel", "country", "customer_segment":
        of_funnel = duckdb.sql(f"""
            SELECT coalesce({cut}, ''), sum(succeeded), sum(attempted - pending) FROM {files('funnel')}
            WHERE attempted > 0 GROUP BY ALL ORDER BY ALL
        """).fetchall()
        of_rates = duckdb.sql(f"""
            SELECT value, sum(numerator), sum(denominator) FROM {files('success_rates')}
            WHERE metric = 'order_success_rate' AND cut = '{cut}' GROUP BY ALL HAVING sum(denominator + pending) > 0 ORDER BY ALL
        """).fetchall()
        assert of_funnel == of_rates, f"{cut}: the funnel says\n{of_funnel}\nand the rates\n{of_rates}"
    return created


def check_pruning():
    """A filter by night and provider reads at most a fifth of the row groups of any table, where nights enough are there."""
    nights = sorted(path.name.removeprefix("date=") for path in Path("lake/data/nights").iterdir())
    worst = 0.0
    for folder in sorted(Path("lake/data").iterdir()):
        table = pyarrow.dataset.dataset(folder, partitioning="hive")
        of_provider = pyarrow.dataset.field("provider") == "stripe" if "provider" in table.schema.names else None
        every = sum(len(file.row_groups) for file in table.get_fragments())
        for night in nights:
            files = table.get_fragments(pyarrow.dataset.field("date") == night)
            read = sum(len(part.row_groups) for file in files for part in file.split_by_row_group(of_provider))
            if every >= 5:
                worst = max(worst, read / every)
    assert worst <= 0.2, f"a filter by night and provider reads {worst:.0%} of the row groups of a table"
    return worst


def check_spark(session):
    """Every table is to Spark what it is to DuckDB: rows, exact amounts, days, and instants to the microsecond."""
    compared = 0
    for folder in sorted(Path("lake/data").iterdir()):
        files = f"'{folder}/*/*.parquet'"
        frame = session.read.parquet(str(folder))
        types = {name: kind for name, kind, *_ in duckdb.execute(f"DESCRIBE FROM {files}").fetchall()}
        ours, theirs = ["count(*)"], ["count(*)"]
        for name, kind in types.items():
            known = dict(frame.dtypes)[name]
            quoted = f"`{name}`"
            if kind.startswith("DECIMAL"):
                assert known == kind.lower(), f"Spark: {folder.name}.{name} is {known}"
                ours.append(f'sum("{name}")'), theirs.append(f"sum({quoted})")
            elif kind == "DATE":
                assert known == "date", f"Spark: {folder.name}.{name} is {known}"
                ours.append(f'max("{name}")'), theirs.append(f"max({quoted})")
            elif kind == "TIMESTAMP WITH TIME ZONE":
                assert known == "timestamp", f"Spark: {folder.name}.{name} is {known}"
                for of in "min", "max":
                    ours.append(f'epoch_us({of}("{name}"))'), theirs.append(f"unix_micros({of}({quoted}))")
            elif kind in ("BIGINT", "BOOLEAN"):
                ours.append(f'sum("{name}"::BIGINT)::BIGINT'), theirs.append(f"sum(CAST({quoted} AS BIGINT))")
            elif kind == "VARCHAR":
                ours.append(f'count(DISTINCT "{name}")'), theirs.append(f"count(DISTINCT {quoted})")
        told = duckdb.execute(f"SELECT {', '.join(ours)} FROM {files}").fetchall()[0]
        found = tuple(frame.selectExpr(*theirs).collect()[0])
        assert found == told, f"{folder.name}: Spark says\n{found}\nand DuckDB\n{told}"
        compared += len(told)
    return compared


def main():
    schemas, is_shown = Path(sys.argv[1]), "--shown" in sys.argv[2:]
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    session, why_not = spark_or_why_not()
    readers = [reader for reader in READERS if reader != "Spark" or session]
    print(f"{check_questions(schemas / 'queries.md', readers, is_shown)} questions: {', '.join(readers)} give one answer to each")
    print(f"{check_views(schemas / 'views.sql', is_shown)} views run")
    print(f"{check_funnel()} orders: the funnel of all nights holds each once")
    if not is_shown:
        print(f"a filter by night and provider reads {check_pruning():.0%} of the row groups of a table, at most")
    if session:
        print(f"{check_spark(session)} figures of all tables are to Spark what they are to DuckDB")
        session.stop()
    else:
        print(f"NOT CHECKED: Spark, which this machine has not: {why_not}")


main()
