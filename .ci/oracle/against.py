"""What was computed held against what was published: which rows differ, and how they are told."""

import duckdb

# Of a difference no more than so many rows are told.
TOLD = 10


def hold(checks):
    """Holds all checks, each what was computed and what was published, and tells what differs; whether anything does."""
    failed = False
    for what, (computed, published) in checks.items():
        night, sides, count = differences(computed, published)
        if night is None:
            print(f"{what}: {duckdb.execute('SELECT count(*) FROM left_side').fetchone()[0]} rows are what SQL computes")
            continue
        failed = True
        # The nights after follow from the first.
        print(f"{what}: {count} rows differ; of {night}, the first night that does:")
        tell(*sides)
    return failed


def differences(computed, published):
    """The first night on which the two differ, and its rows of either side; and how many rows differ in all."""
    duckdb.execute(f"CREATE OR REPLACE TABLE left_side AS {computed}")
    duckdb.execute("CREATE OR REPLACE TABLE right_side AS FROM left_side LIMIT 0")
    duckdb.execute(f"INSERT INTO right_side BY NAME {published}")
    sides = []
    for one, other in [("left_side", "right_side"), ("right_side", "left_side")]:
        found = duckdb.execute(f"SELECT CAST(COLUMNS(*) AS TEXT) FROM (FROM {one} EXCEPT ALL FROM {other}) ORDER BY ALL")
        columns = [column[0] for column in found.description]
        sides.append([dict(zip(columns, row)) for row in found.fetchall()])
    night = min((row["business_date"] for side in sides for row in side), default=None)
    return night, [[row for row in side if row["business_date"] == night] for side in sides], sum(map(len, sides))


def tell(computed, published):
    """Rows that differ: those that are alike in most columns together, each with what differs."""
    for row in computed[:TOLD]:
        other = max(published, key=lambda other: len(other.items() & row.items()), default={})
        if 2 * len(other.items() & row.items()) <= len(row):
            print("  only computed: " + said(row))
            continue
        published.remove(other)
        print("  both: " + said(dict(row.items() & other.items()), row))
        for column in (column for column in row if row[column] != other[column]):
            print(f"    {column}: computed {row[column]}, published {other[column]}")
    for row in published[:TOLD]:
        print("  only published: " + said(row))


def said(row, order=None):
    return ", ".join(f"{column} {row[column]}" for column in order or row if row.get(column) and column != "business_date")
