#!/usr/bin/env python3
"""How fast a file of each shipped format is read, and the same bytes by DuckDB's read_csv: by turns, on this machine.

    python3 tests/bench/formats.py                                    every format, files of 64 MB, five pairs of runs
    python3 tests/bench/formats.py --size 1 --runs 1                  whether it all works, in a minute
    python3 tests/bench/formats.py --formats bank/mt940 bank/bai2     some of them
    python3 tests/bench/formats.py --record NAME                      writes the section NAME of RESULTS.md

A file is made of a fixture of its format: the rows of it over and over, each time with references and times of their
own, between framing lines whose totals are multiplied. It is encoded and packed as the provider serves it, and has to
be read whole: without a reject, every total tied.

What is timed is reading alone, from opening the file to all of its rows in memory. Ours are the typed columns of the
format's table; DuckDB's are all columns of the file as text, in a table (`CREATE TABLE … AS FROM read_csv(…)`), or its
lines as one column of text where it is no CSV. What DuckDB cannot read, an archive or GBK, is unpacked to UTF-8 before
its clock starts, and is not before ours. The rates of both are of the bytes of the file, out of its archive.
"""

import argparse
import csv
import json
import re
import statistics
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from run import HERE, ROOT, Program, machine, record, run, shown, spread, table

FIXTURES = ROOT / "tests" / "formats"
# They stand for the number of a copy, and for the minute and the second its rows happened in.
NUMBER, MINUTE, SECOND = "\ue000", "\ue001", "\ue002"
# What each copy has of its own. Its number is written over the seven digits of a group, or where the group is empty.
OWN = "|".join([
    r"\b\d{14}(\d{7})\b",  # UnionPay
    r"\b\d{18}(\d{7})\d{3,6}\b",  # WeChat Pay, Alipay, Antom
    r"\b(?:36011|2026111[17])(\d{7})\d{4,11}\b|\b77(\d{7})\d{5}\b",  # their batches, logs and shares
    r"\b(?:PSP|MOD|DSP|880|990)\d{3}(\d{7})\d{3}\b|\bTX41()",  # Adyen
    r"\b9\w\w\d{4}(\d{7})\d{3}\b",  # PayPal
    r"\b(\d{7})4L001\b",  # Checkout.com
    r"\bbt()\d+\b|\b(1234567)89\d\d\b",  # Braintree
    r"\b(?:txn|ch|re|dp|pi|src|card|pay)_\w*?()\d+\b|\bpo_1A()\w\b",  # Stripe
    r"\b[A-Z]{2}-\d{4}( {7})",  # the merchant's own, in a place of fixed width
    r"\b(?:TEA|SO|RF|PS|EP|X|AT|G|REF|RUN7|ORDER|PAYOUT|PO|TB)-R?\d+()|\bTEA\d+()",
    r"\bKREF\+(\d{7})|//0301/77()|\bTB\d{13}()",  # banks
    r"(?:Pauschalen|ohne Marken|Return of a payment|>Fee)()",  # lines without a reference
])
TIMES = rf"(?<=\d\d:)\d\d:\d\d(?!\d)|(?<=20261117\d\d)\d{{4}}(?={NUMBER})"
# Lines of the framing that state totals, and the figures in one.
TOTALS = r'(?m)^(?:`[\d.]+,`|#.*合计|总计|"[SRF][CF]",|:6[02]F:|.*<(?:Bal|Ttl)|(?:03|49|98|99),).*'
FIGURES = r'(?<![\w.:"-])-?\d+(?:\.\d+)?(?![\w"-])'
# DuckDB reads a table below its header, rows among lines of other widths, or lines.
TABLE, ROWS, LINES = "a table", "rows", "lines"


@dataclass
class Shape:
    """How a file of a format is made of a fixture, and what DuckDB reads it as."""

    fixture: str
    # Its lines that are rows. What is behind them is framing, or left out where their end is counted from the beginning.
    rows: slice
    peer: str = TABLE
    figures: str = FIGURES
    # What it is called in an archive of which the fixture knows nothing.
    member: str = ""


WHOLE = slice(1, None)
BILL = slice(1, -2)
SHAPES = {
    "wechat_pay/trade_bill": Shape("all.csv", BILL, ROWS),
    "wechat_pay/fund_flow_bill": Shape("basic.csv", BILL, ROWS),
    "wechat_pay/overseas_statement": Shape("day.csv", WHOLE),
    "wechat_pay/profit_sharing_bill": Shape("day.csv", BILL, ROWS),
    # Others of their fixtures have commas in free text, which DuckDB cannot read.
    "alipay/trade_detail": Shape("plain.gbk.csv", slice(5, -4), ROWS, member="detail.csv"),
    "alipay/account_log": Shape("unsigned_and_more_columns.gbk.csv", slice(5, -4), ROWS, member="log.csv"),
    "antom/settlement_items": Shape("batch.csv", slice(1, -1), ROWS),
    "antom/settlement_summary": Shape("batch.csv", slice(1, -1), ROWS),
    "antom/transaction_items": Shape("day.csv", slice(1, -1), ROWS),
    "unionpay/zm": Shape("day.zip/INN26111788ZM_802310048990001", slice(0, None), LINES),
    "stripe/payout_reconciliation": Shape("every_category.csv", WHOLE),
    "stripe/balance_change": Shape("activity.csv", WHOLE),
    "stripe/payments": Shape("older.csv", WHOLE),
    "stripe/payouts": Shape("day.csv", WHOLE),
    "adyen/settlement_detail": Shape("wallets_and_funding.csv", WHOLE),
    "adyen/payments_accounting": Shape("day.csv", WHOLE),
    "adyen/received_payments": Shape("day.csv", WHOLE),
    "paypal/settlement": Shape("every_group.csv", slice(4, -7), ROWS),
    "paypal/transaction_detail": Shape("day.csv", slice(4, -4), ROWS),
    "checkout/settlement_breakdown": Shape("payout.csv", WHOLE),
    "checkout/payouts": Shape("day.csv", WHOLE),
    "braintree/transaction_level_fees": Shape("day.csv", WHOLE),
    "generic/entries": Shape("every_kind.csv", WHOLE),
    "bank/camt053": Shape("batch_and_summary.xml", slice(16, -9), LINES),
    "bank/mt940": Shape("german_codes.latin1.sta", slice(5, -8), LINES, r"(?<=EUR)\d+,\d+"),
    "bank/bai2": Shape("one_account.txt", slice(3, -3), LINES, r"(?<=,015,)\d+|(?<=^49,)\d+|(?<=^9[89],)\d+"),
    "merchant/orders": Shape("text.csv", slice(1, 6)),
    "merchant/attempts": Shape("text.csv", slice(1, 4)),
    "merchant/refunds": Shape("text.csv", WHOLE),
}


class File:
    """A large file of a format, as it is served and as DuckDB reads it."""

    def __init__(self, form, size, folder):
        self.form, self.shape = form, SHAPES[form]
        path = FIXTURES / form / self.shape.fixture
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        first, end, _ = self.shape.rows.indices(len(lines))
        self.head, rows = lines[:first], lines[first:end]
        tail = lines[end:] if (self.shape.rows.stop or -1) < 0 else []
        self.is_quoted = '"' in "".join(rows)
        marked = self.marked("".join(rows))
        self.copies = max(1, round(size * 1e6 / len("".join(rows).encode())))
        text = "".join([
            self.multiplied("".join(self.head)),
            *(self.copy(marked, number) for number in range(self.copies)),
            self.multiplied("".join(tail)),
        ])
        self.plain = folder / "plain"
        self.plain.write_text(text, encoding="utf-8", newline="")
        self.served = folder / path.name
        if path.parent.suffix == ".zip":
            others = {other.name: other.read_text(encoding="utf-8") for other in path.parent.iterdir() if other != path}
            self.pack({path.name: text} | {name: self.multiplied(other) for name, other in others.items()})
        elif self.shape.member:
            self.pack({self.shape.member: text})
        elif ".latin1." in path.name:
            self.served.write_bytes(text.replace("\n", "\r\n").encode("cp1252"))
        else:
            self.served = self.plain.rename(self.served)
            self.plain = self.served

    def marked(self, rows):
        """The rows of the fixture, with marks where each copy has something of its own."""

        def with_number(own):
            at = own.lastindex
            return own.group()[: own.start(at) - own.start()] + NUMBER + own.group()[own.end(at) - own.start() :]

        def with_time(time):
            return MINUTE + time.group()[2:-2] + SECOND

        return re.sub(TIMES, with_time, re.sub(OWN, with_number, rows, flags=re.ASCII))

    def copy(self, marked, number):
        text = marked.replace(NUMBER, f"{number:07}").replace(SECOND, f"{number % 60:02}")
        return text.replace(MINUTE, f"{number // 60 % 60:02}")

    def multiplied(self, framing):
        """Framing whose totals are those of so many copies."""

        def figure(found):
            value = Decimal(found.group().replace(",", ".")) * self.copies
            return str(value).replace(".", "," if "," in found.group() else ".")

        return re.sub(TOTALS, lambda line: re.sub(self.shape.figures, figure, line.group(), flags=re.ASCII), framing)

    def pack(self, members):
        """An archive of these texts, as it is served in China."""
        self.served = self.served.with_suffix(".zip")
        with zipfile.ZipFile(self.served, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text.replace("\n", "\r\n").encode("gb18030"))

    def source(self):
        """What DuckDB reads of it. Columns are told, not guessed, which is faster."""
        told = f"'{self.plain}', auto_detect = false, header = false"
        if self.shape.peer == LINES:
            return f"read_csv({told}, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '', strict_mode = false)"
        header = self.head[-1].lstrip("\ufeff").rstrip()
        columns = dict.fromkeys(next(csv.reader([header])), "VARCHAR")
        quote = '"' if self.is_quoted else ""
        told += f", skip = {len(self.head)}, columns = {columns}, delim = ',', quote = '{quote}', escape = '{quote}'"
        lenient = ", null_padding = true, strict_mode = false, ignore_errors = true" if self.shape.peer == ROWS else ""
        return f"read_csv({told}{lenient})"


def compared(program, file, arguments):
    """A row of the table, the engine of the peer, and whether one of the two has not read all rows."""
    told = lambda *command: json.loads(run(*command, "--threads", arguments.threads).out.splitlines()[-1])
    ours = lambda: told("cargo", "bench", "--quiet", "--bench", "large", "--", "read", file.served, file.form)
    theirs = lambda: told(program.python, HERE / "peer_read.py", file.source())
    pairs = [(ours(), theirs()) if pair % 2 == 0 else (theirs(), ours())[::-1] for pair in range(arguments.runs)]
    size, rows = pairs[0][0]["bytes"], pairs[0][0]["rows"]
    row = [
        file.form,
        f"{size / 1e6:.0f}",
        f"{rows:,}",
        spread([size / our["seconds"] / 1e6 for our, _ in pairs], 0),
        spread([size / their["seconds"] / 1e6 for _, their in pairs], 0),
        f"**{spread([their['seconds'] / our['seconds'] for our, their in pairs])}**",
        file.shape.peer,
        f"{statistics.median(our['peak'] for our, _ in pairs):.0f}",
        f"{statistics.median(their['peak'] for _, their in pairs):.0f}",
    ]
    return row, pairs[0][1]["engine"], any(rows % file.copies or their["rows"] < rows for _, their in pairs)


def measured(arguments):
    """The table, and whether rows of a file are missing."""
    program = Program()
    rows, engines, wrong = [], set(), []
    for form in arguments.formats:
        print(form, file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=program.kept, prefix="work-") as folder:
            row, engine, lacks = compared(program, File(form, arguments.size, Path(folder)), arguments)
        rows.append(row)
        engines.add(engine)
        wrong += [form] if lacks else []
    text = f"{machine(engines)}.\n\n"
    text += f"    python3 tests/bench/formats.py {' '.join(shown(word) for word in sys.argv[1:])}".rstrip() + "\n\n"
    text += f"Median (least–most) of {arguments.runs} pairs of runs, ours and DuckDB's by turns, {arguments.threads} threads.\n\n"
    header = ["format", "MB", "rows", "MB/s", "DuckDB's", "times faster", "DuckDB reads", "peak MB", "DuckDB's"]
    return text + table(header, rows), wrong


def main():
    read = {str(path.relative_to(FIXTURES)) for path in FIXTURES.glob("*/*") if path.name != "personal_export"}
    if read != set(SHAPES):
        sys.exit(f"formats without a shape, or the reverse: {', '.join(sorted(read ^ set(SHAPES)))}")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=64, help="MB of each file")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs for each format")
    parser.add_argument("--threads", type=int, default=2, help="threads of either")
    parser.add_argument("--formats", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="FORMAT", help="only these")
    parser.add_argument("--record", metavar="NAME", help="the section of RESULTS.md to write")
    arguments = parser.parse_args()
    text, wrong = measured(arguments)
    print(text)
    if arguments.record:
        record(arguments.record, text)
    if wrong:
        sys.exit(f"rows are missing of {', '.join(wrong)}")


if __name__ == "__main__":
    main()
