"""Renames what the merchant says of every payment, so that hardly anything meets: a night of very many breaks.

    python many.py SAMPLE-DATA
"""

import csv
import pathlib
import sys

for path in sorted(pathlib.Path(sys.argv[1], "merchant").glob("attempts_*.csv")):
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    named = [header.index(name) for name in ("merchant_reference", "provider_reference")]
    for line in lines:
        for at in named:
            line[at] = line[at] and "X" + line[at]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])
