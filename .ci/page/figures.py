"""Holds the tables of a page against the Parquet it was made from, computed anew with DuckDB.

    python figures.py LAKE NIGHT TABLES.json...      tables as check.mjs writes them

Every figure of the main tables is compared: what providers state, the roll-forward, breaks by type and one by one, payouts,
fees, rates, funnel, failures, files. Amounts as decimals, rates as the doubles they are.
"""

import json
import sys
from decimal import Decimal

import duckdb

lake, night = sys.argv[1:3]
compared = 0


def rows(query):
    """What a query of the night's tables gives; `{table}` is a file."""
    class Tables(dict):
        def __missing__(self, table):
            return f"'{lake}/data/{table}/date={night}/{table}.parquet'"

    return duckdb.execute(query.format_map(Tables())).fetchall()


def plain(value):
    """A value as the page marks it."""
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, bool) or value is None:
        return value
    return value if isinstance(value, float) else str(value)


def same(what, shown, expected):
    """Rows of a page against rows of a query, in any order. A column that is None in the page is not compared."""
    global compared

    def read(cell, like):
        if not cell:
            return None
        if isinstance(like, Decimal):
            return Decimal(cell[0])
        if isinstance(like, float):
            return float(cell[0])
        return cell[0]

    # The type of a column: that of its first value.
    width = max((len(row) for row in expected), default=0)
    likes = [next((row[at] for row in expected if row[at] is not None), None) for at in range(width)]
    seen = [tuple(read(cell, like) for cell, like in zip(row, likes)) for row in shown]
    wanted = [tuple(plain(value) for value in row) for row in expected]
    key = lambda row: tuple((value is not None, str(value)) for value in row)  # noqa: E731
    seen, wanted = sorted(seen, key=key), sorted(wanted, key=key)
    assert len(seen) == len(wanted), f"{what}: {len(seen)} rows, and the tables have {len(wanted)}"
    for one, other in zip(seen, wanted):
        assert one == other, f"{what}: the page has\n{one}\nand the tables\n{other}"
    compared += sum(len(row) for row in wanted)


def columns(shown, places):
    return [[row[place] for place in places] for row in shown]


KIND = """CASE WHEN kind IN ('payment') THEN 'payment' WHEN kind IN ('refund', 'refund_reversal') THEN 'refund'
    WHEN kind IN ('chargeback', 'chargeback_reversal') THEN 'chargeback' WHEN kind IN ('payout', 'payout_reversal') THEN 'payout'
    ELSE 'other' END"""
AT_STAKE = "CASE WHEN difference = 0 THEN abs(coalesce(merchant_amount, 0)) ELSE abs(difference) END"
BANK = "coalesce(provider, 'bank')"


def check(page):
    by_kind = ", ".join(
        f"coalesce(sum(gross) FILTER ({KIND} = '{kind}'), 0::DECIMAL(24,8))" for kind in ("payment", "refund", "chargeback", "other", "payout")
    )
    same("statements", page.get("statements", []), rows(
        f"SELECT provider, count(*), {by_kind}, sum(fee), sum(net) FROM {{entries}} GROUP BY provider, currency"
    ))
    rolled = ", ".join(f"sum({name})::BIGINT, sum({name}_amount)" for name in ("opening", "new", "cleared", "resolved", "closing"))
    same("rollforward", columns(page.get("rollforward", []), range(11)), rows(
        f"SELECT {BANK}, {rolled} FROM {{rollforward}} GROUP BY provider, currency"
    ))
    ages = ", ".join(f"count(*) FILTER (state = 'open' AND age_bucket = '{age}')" for age in ("0-1", "2-3", "4-7", "8-30", ">30"))
    states = ", ".join(f"count(*) FILTER (state = '{state}')" for state in ("waiting", "cleared", "resolved"))
    same("breaks by type", page.get("breaks-by-type", []), rows(
        f"SELECT break_type, count(*) FILTER (state = 'open'), coalesce(sum(difference) FILTER (state = 'open'), 0::DECIMAL(24,8)),"
        f" coalesce(sum({AT_STAKE}) FILTER (state = 'open'), 0::DECIMAL(24,8)), {ages}, {states} FROM {{breaks}} GROUP BY break_type, currency"
    ))
    same("by currency", page.get("by-currency", []), rows(
        f"SELECT currency, count(*) FILTER (state = 'open'), coalesce(sum(difference) FILTER (state = 'open'), 0::DECIMAL(24,8)),"
        f" coalesce(sum({AT_STAKE}) FILTER (state = 'open'), 0::DECIMAL(24,8)),"
        f" count(*) FILTER (state = 'open' AND severity IN ('high', 'critical')), count(*) FILTER (state = 'waiting'),"
        f" coalesce(sum(difference) FILTER (state = 'waiting'), 0::DECIMAL(24,8)) FROM {{breaks}} GROUP BY currency"
    ))
    check_breaks(page)
    same("payouts", columns(page.get("payouts-each", []), [1, 2, 3, 4, 5, 6, 7, 8])[:500], rows(
        "SELECT provider, state, expected, stated, residual, bank_amount, paid_on, booked_on FROM {payouts}"
        " ORDER BY list_position(['not_in_bank', 'ambiguous', 'waiting', 'unstated', 'stated', 'in_bank', 'nothing_to_pay'], state),"
        " provider, account, reference, currency LIMIT 500"
    ))
    same("payouts by state", page.get("payouts-by-state", []), rows(
        "SELECT provider, state, count(*), sum(expected), coalesce(sum(stated), 0), coalesce(sum(residual), 0),"
        " coalesce(sum(bank_amount), 0) FROM {payouts} GROUP BY provider, currency, state"
    ))
    same("fees", columns(page.get("fees-by-provider", []), range(9)), rows(
        "SELECT provider, sum(entries)::BIGINT, sum(volume), sum(charged), sum(billed), coalesce(sum(contracted), 0),"
        " coalesce(sum(difference), 0), coalesce(sum(least(difference, 0)), 0),"
        " coalesce(sum(charged) FILTER (contracted IS NULL), 0) FROM {fees} GROUP BY provider, currency"
    ))
    for provider, currency in rows("SELECT DISTINCT provider, currency FROM {fees}"):
        check_rate(page, provider, currency)
    interval = "rate, low, high"
    shown = page.get("rates", [])
    same("rates", [[row[0], row[1], row[2][:1], row[2][1:], *row[3:7]] for row in shown], rows(
        "SELECT metric, rate, low, high, numerator, denominator, excluded, pending FROM {success_rates} WHERE cut = 'all'"
    ))
    cuts = [row for name, table in page.items() if name.startswith("rates-by-") for row in table]
    same("rates by cut", [[row[0] or [""], row[1], row[2], row[3][:1], row[3][1:], *row[4:8]] for row in cuts], rows(
        # Of each cut the values of which most is counted.
        f"SELECT value, metric, {interval}, numerator, denominator, excluded, pending"
        f" FROM (SELECT *, max(denominator) OVER (PARTITION BY cut, value) AS most FROM {{success_rates}} WHERE cut <> 'all')"
        " QUALIFY dense_rank() OVER (PARTITION BY cut ORDER BY most DESC, value) <= 30"
    ))
    exactly = ", ".join(f"({name} * 1000000000000::DECIMAL(13,0))::BIGINT" for name in ("change", "mix_part", "rate_part"))
    same("rates that changed", [[row[0] or [""], *row[1:9]] for row in page.get("rates-changed", [])], rows(
        f"SELECT value, cut, metric, rate, baseline, {exactly}, q_value FROM {{changes}} ORDER BY rank LIMIT 50"
    ))
    same("abandonment", [[row[0], row[1], row[2], row[3][:1], row[3][1:]] for row in page.get("abandonment-all", [])], rows(
        "SELECT stage, orders, share, low, high FROM {abandonment} WHERE cut = 'all'"
    ))
    counts = "created attempted succeeded settled failed pending abandoned cancelled recovered".split()
    sums = ", ".join(f"sum({name})::BIGINT" for name in counts)
    steps = rows(f"SELECT {sums} FROM {{funnel}}")[0] if page.get("funnel-steps") else []
    same("funnel", columns(page.get("funnel-steps", []), [0, 1]), list(zip(counts, steps)))
    same("funnel by currency", page.get("funnel-by-currency", []), rows(
        "SELECT currency, sum(created)::BIGINT, sum(succeeded)::BIGINT, sum(settled)::BIGINT, sum(created_amount),"
        " sum(succeeded_amount), sum(settled_amount) FROM {funnel} GROUP BY currency"
    ))
    same("funnel by provider", page.get("funnel-by-provider", []), rows(
        f"SELECT coalesce(provider, ''), {sums} FROM {{funnel}} GROUP BY provider"
    ))
    zone = rows("SELECT timezone FROM {nights}")[0][0]
    same("funnel by hour", page.get("funnel-by-hour", []), rows(
        f"SELECT strftime(hour AT TIME ZONE '{zone}', '%Y-%m-%dT%H:%M'), {sums} FROM {{funnel}} GROUP BY hour"
    ))
    same("failures", page.get("failures-by-category", []), rows(
        "SELECT category, actor, hardness, sum(attempts)::BIGINT, sum(recovered)::BIGINT FROM {failure_reasons} GROUP BY ALL"
    ))
    same("files", columns(page.get("files", []), range(7)), rows(
        "SELECT source, answer, nullif(name, ''), lines, entries, rejects, framing FROM {files}"
    ))


def check_breaks(page):
    """Each break that is shown, and those that are only counted."""
    shown = columns(page.get("break-list", []), range(8))
    hidden = page.get("breaks-not-shown", [])
    order = (
        "list_position(['open', 'waiting', 'cleared', 'resolved'], state),"
        " list_position(['critical', 'high', 'medium', 'low'], severity)"
    )
    ranked = (
        f"SELECT *, row_number() OVER (ORDER BY {order}, place, currency) AS urgency FROM (SELECT *, row_number() OVER ("
        f"PARTITION BY state, severity, currency ORDER BY {AT_STAKE} DESC, break_id) AS place FROM {{breaks}})"
    )
    same("break by break", shown, rows(
        f"SELECT break_type, state, severity, {BANK}, difference, merchant_amount, provider_amount, age_days FROM ({ranked}) WHERE urgency <= 1000"
    ))
    same("breaks that are not shown", hidden, rows(
        f"SELECT break_type, state, count(*), sum(difference), sum({AT_STAKE}) FROM ({ranked}) WHERE urgency > 1000 GROUP BY break_type, state, currency"
    ))


def check_rate(page, provider, currency):
    """The effective rate, to its last digit: it is cut from twelve decimals, the last of them rounded half to even."""
    charged, volume = rows(
        f"SELECT sum(charged) + sum(billed), sum(volume) FROM {{fees}} WHERE provider = '{provider}' AND currency = '{currency}'"
    )[0]
    wanted = None
    if volume > 0:
        whole, rest = divmod(abs(int(charged * 10**8)) * 10**12, int(volume * 10**8))
        twice = 2 * rest - int(volume * 10**8)
        whole += 1 if twice > 0 or (twice == 0 and whole % 2) else 0
        wanted = str(whole if charged >= 0 else -whole)
    found = [row[9][0] if row[9] else None for row in page["fees-by-provider"] if row[0] == [provider]]
    assert wanted in found, f"effective rate of {provider} {currency}: {wanted}, and the page has {found}"


duckdb.execute("SET TimeZone = 'UTC'")
for path in sys.argv[3:]:
    with open(path, encoding="utf-8") as file:
        check(json.load(file))
print(f"{night}: {compared} figures of {len(sys.argv) - 3} pages are those of the tables")
