"""Holds workbooks of a night against the Parquet they were made from, computed anew with DuckDB.

    python check.py LAKE NIGHT AS_WRITTEN.xlsx [SAVED_ELSEWHERE.xlsx]

The first is as it was written, the second as LibreOffice opened and saved it: both must say the same, so that opening needed
no repair. Breaks are compared one by one, amounts as decimals; then sums by currency, fees, payouts and sources.
"""

import datetime
import sys
from collections import defaultdict
from decimal import Decimal

import duckdb
import openpyxl

lake, night, *books = sys.argv[1:]
NAMES = ["Summary", "Ageing", "Exceptions", "Timing", "Fees", "Payouts", "Bank", "Journals", "Sources", "Definitions", "ReadMe"]


def query(text):
    """What a query of the night's tables gives; `{table}` is a file."""
    class Tables(dict):
        def __missing__(self, table):
            return f"'{lake}/data/{table}/date={night}/{table}.parquet'"

    return duckdb.execute(text.format_map(Tables())).fetchall()


def decimal(value):
    """A cell as the decimal it shows: at most 15 digits of a double, or text."""
    if value is None:
        return None
    return Decimal(value) if isinstance(value, str) else Decimal(format(value, ".15g"))


def day(value):
    return value.date() if isinstance(value, datetime.datetime) else value


def rows(book, name):
    """Rows of a sheet, and of those that go on where it is full, by their headings."""
    found = []
    for sheet in book.sheetnames:
        if sheet == name or sheet.startswith(name + " "):
            lines = book[sheet].iter_rows(values_only=True)
            labels = next(lines)
            found += [dict(zip(labels, line)) for line in lines if any(cell not in (None, "") for cell in line)]
    return found


for path in books:
    book = openpyxl.load_workbook(path, read_only=True)
    assert [name for name in book.sheetnames if not name[-1].isdigit()] == NAMES, book.sheetnames
    shown = 0
    for name, state in [("Exceptions", "open"), ("Timing", "waiting")]:
        wanted = query(
            "select break_id, difference, merchant_amount, provider_amount, first_seen, age_days, currency, order_id "
            f"from {{breaks}} where state = '{state}'"
        )
        lines = rows(book, name)
        assert len(lines) == len(wanted), f"{name}: {len(lines)} rows, and the table has {len(wanted)}"
        by_id = {line["Break"]: line for line in lines}
        assert len(by_id) == len(lines), f"{name}: a break twice"
        sums = defaultdict(Decimal)
        for break_id, difference, merchant, provider, first_seen, age, currency, order_id in wanted:
            line = by_id[break_id]
            seen = (decimal(line["Difference"]), decimal(line["Merchant amount"]), decimal(line["Provider amount"]))
            assert seen == (difference, merchant, provider), (path, line)
            assert (day(line["First seen"]), line["Age, days"], line["Currency"]) == (first_seen, age, currency), (path, line)
            assert isinstance(line["Break"], str) and (line["Order"] is None or isinstance(line["Order"], str))
            sums[currency] += seen[0]
            shown += 1
        totals = dict(query(f"select currency, sum(difference) from {{breaks}} where state = '{state}' group by currency"))
        assert dict(sums) == totals, (path, sums, totals)
    fees = rows(book, "Fees")
    charged, volume = (sum(decimal(line[name]) for line in fees) for name in ("Charged", "Volume"))
    assert [(len(fees), charged or 0, volume or 0)] == query(
        "select count(*), coalesce(sum(charged), 0), coalesce(sum(volume), 0) from {fees}"
    )
    payouts = rows(book, "Payouts")
    assert [(len(payouts), sum(decimal(line["Expected"]) for line in payouts))] == query(
        "select count(*), coalesce(sum(expected), 0) from {payouts}"
    )
    if path.endswith(books[0]):
        cells = (cell for sheet in book for line in sheet.iter_rows() for cell in line)
        assert not any(cell.data_type == "f" for cell in cells), "a formula"
    print(f"{night}, {path.rsplit('/', 1)[-1]}: {shown} breaks, {len(fees)} fees and {len(payouts)} payouts are those of the tables")
