#!/usr/bin/env python3
"""Looks for card numbers in whatever a run left behind, and says where they are, but not what they are.

Usage: cards.py PLACE...

Every file below a place is read, but for what keeps deliveries as they came (`raw`, `aside`) and inputs: members of archives
one by one, columns of text of Parquet files where pyarrow is there, all else as bytes. Written apart from the program: what
one does not know as a card's, the other may.
"""

import io
import pathlib
import re
import sys
import zipfile

try:
    import pyarrow as arrow
    import pyarrow.parquet as parquet
except ImportError:
    parquet = None

# Kept as they came, or not of this run.
SKIPPED = {"raw", "aside", "sample-data", "python", "target", ".git", "node_modules", "services"}
# One number: no digit, letter of hexadecimal or sign of a decimal before or behind it.
NUMBER = re.compile(rb"(?<![0-9A-Za-z.,_-])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z_]|[.,-][0-9])")
SHAPES = [
    re.compile(shape)
    for shape in (
        rb"4\d{12}(?:\d{3}){0,2}",                                           # Visa
        rb"5[1-5]\d{14}|222[1-9]\d{12}|22[3-9]\d{13}|2[3-6]\d{14}|27[01]\d{13}|2720\d{12}",   # Mastercard
        rb"3[47]\d{13}",                                                     # American Express
        rb"3(?:0[0-5]|[689]\d)\d{11}",                                       # Diners Club
        rb"6011\d{12,15}|64[4-9]\d{13,16}|65\d{14,17}",                      # Discover
        rb"35(?:2[89]|[3-8]\d)\d{12,15}",                                    # JCB
        rb"62\d{14,17}|81\d{14,17}",                                         # UnionPay
        rb"2200\d{12,15}|220[1-4]\d{12,15}",                                 # Mir
    )
]


def is_card(digits):
    total = 0
    for place, digit in enumerate(reversed(digits.decode())):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return total % 10 == 0 and len(set(digits)) > 1 and any(shape.fullmatch(digits) for shape in SHAPES)


def cards(data):
    for match in NUMBER.finditer(data):
        digits = match.group().replace(b" ", b"").replace(b"-", b"")
        if is_card(digits):
            yield match.start(), digits


def contents(name, data):
    """What can be read of a file: pairs of a name and bytes."""
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield f"{name}: {member}", archive.read(member)
    elif data[:4] == b"PAR1":
        if parquet is None:
            print(f"NOT READ: {name}, for there is no pyarrow")
            return
        table = parquet.read_table(io.BytesIO(data))
        for column in table.schema:
            if arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type):
                texts = table.column(column.name).to_pylist()
                yield f"{name}: {column.name}", "\n".join(text or "" for text in texts).encode()
    else:
        yield name, data


def main(places):
    found = read = 0
    for place in map(pathlib.Path, places):
        for path in sorted([place] if place.is_file() else place.rglob("*")):
            inside = path.relative_to(place).parts
            if not path.is_file() or path.is_symlink() or SKIPPED & set(inside):
                continue
            for name, data in contents(path, path.read_bytes()):
                read += 1
                for at, digits in cards(data):
                    found += 1
                    print(f"{name}, byte {at}: a card number, {len(digits)} digits that end in {digits[-4:].decode()}")
    if not read:
        sys.exit("nothing was read")
    print(f"{read} files, members and columns read, {found} card numbers")
    sys.exit(found > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
