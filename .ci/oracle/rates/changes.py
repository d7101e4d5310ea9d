"""What changed: each rate against the same weekday of the four weeks before, what chance makes of it, and what it is made of."""

import collections
import fractions
import math

import duckdb

# What is pending could not move the rate by the least change: no more than that share of it is pending; or, to the letter, it
# moves it by less, whichever way it ends.
MACROS = """
CREATE MACRO decided(numerator, denominator, pending) AS if(as_documented(),
    pending * greatest(numerator, denominator - numerator)
        < getvariable('minimum_change') * (denominator * (denominator + pending)),
    pending <= getvariable('minimum_change') * (denominator + pending));
CREATE MACRO expect_at_least() AS 20;
-- e to the power of minus y: by division for the whole of it, by the series for the rest.
CREATE MACRO exp_of_minus(y) AS list_reduce(list_transform(range(floor(y)::BIGINT), lambda one: 2.718281828459045::DOUBLE),
        lambda power, e: power / e, 1::DOUBLE)
    * list_reduce(list_transform(range(1, 30), lambda step: {'term': step::DOUBLE, 'sum': 0::DOUBLE}),
        lambda so_far, step: {'term': so_far.term * (-(y - floor(y)) / step.term),
            'sum': so_far.sum + so_far.term * (-(y - floor(y)) / step.term)}, {'term': 1::DOUBLE, 'sum': 1::DOUBLE}).sum;
CREATE MACRO density(z) AS exp_of_minus(z * z / 2) / sqrt(6.283185307179586::DOUBLE);
-- The chance of a normal variable to lie so far out, by Abramowitz and Stegun: near the mean the series 26.2.11, farther out the
-- continued fraction 26.2.14 from its end.
CREATE MACRO two_sided_near(z) AS 1 - 2 * density(z) * list_reduce(
    list_transform(range(1, 121), lambda step: {'term': (2 * step - 1)::DOUBLE, 'sum': 0::DOUBLE}),
    lambda so_far, odd: {'term': so_far.term * (z * z / (odd.term + 2)), 'sum': so_far.sum + so_far.term},
    {'term': z, 'sum': 0::DOUBLE}).sum;
CREATE MACRO two_sided_far(z) AS 2 * density(z) / list_reduce(
    list_transform(range(60, 0, -1), lambda step: step::DOUBLE), lambda below, step: z + step / below, z);
CREATE MACRO two_sided(z) AS if(z < 3, two_sided_near(z), two_sided_far(z));
-- Fisher's exact test: of the rare ones of both sides, so many are tonight's; weighed from the likeliest on, upward, then downward.
CREATE MACRO one_more(many, rare, here, there) AS
    (rare - many)::DOUBLE * (here - many)::DOUBLE / ((many + 1)::DOUBLE * (there - rare + many + 1)::DOUBLE);
CREATE MACRO upward(observed, rare, here, there, likeliest, most) AS list_reduce(
    list_transform(range(likeliest, most + 1), lambda many: {'many': many, 'weight': 0::DOUBLE, 'sum': 0::DOUBLE,
        'fewer': 0::DOUBLE, 'more': 0::DOUBLE}),
    lambda so_far, next: if(so_far.weight > 1e-290, {'many': next.many,
        'weight': so_far.weight * one_more(next.many, rare, here, there), 'sum': so_far.sum + so_far.weight,
        'fewer': so_far.fewer + if(next.many <= observed, so_far.weight, 0::DOUBLE),
        'more': so_far.more + if(next.many >= observed, so_far.weight, 0::DOUBLE)}, so_far),
    {'many': likeliest, 'weight': 1::DOUBLE, 'sum': 0::DOUBLE, 'fewer': 0::DOUBLE, 'more': 0::DOUBLE});
CREATE MACRO downward(observed, rare, here, there, likeliest, least, above) AS list_reduce(
    list_transform(range(likeliest - 1, least - 1, -1), lambda many: {'many': many,
        'weight': one_more(many, rare, here, there), 'sum': 0::DOUBLE, 'fewer': 0::DOUBLE, 'more': 0::DOUBLE}),
    lambda so_far, next: if(so_far.weight > 1e-290, {'many': next.many,
        'weight': so_far.weight / next.weight, 'sum': so_far.sum + so_far.weight / next.weight,
        'fewer': so_far.fewer + if(next.many <= observed, so_far.weight / next.weight, 0::DOUBLE),
        'more': so_far.more + if(next.many >= observed, so_far.weight / next.weight, 0::DOUBLE)}, so_far),
    {'many': likeliest, 'weight': 1::DOUBLE, 'sum': above.sum, 'fewer': above.fewer, 'more': above.more});
"""

# A night stands for a metric where something was counted of all and so little of it was pending.
BASELINES = """
CREATE TABLE baselines AS
WITH stands AS (
    SELECT nights.business_date AS night, before.business_date, metric
    FROM published.nights AS nights JOIN computed.rates AS before
        ON nights.business_date - before.business_date IN (7, 14, 21, 28)
    WHERE cut = 'all' AND denominator > 0 AND decided(numerator, denominator, pending)
)
SELECT night AS business_date, metric, cut, value, sum(numerator)::BIGINT AS baseline_numerator,
    sum(denominator)::BIGINT AS baseline_denominator, sum(pending)::BIGINT AS baseline_pending
FROM stands JOIN computed.rates USING (business_date, metric) GROUP BY ALL
"""

COMPARED = """
CREATE TABLE compared AS
WITH tonight AS (FROM computed.rates SEMI JOIN baselines USING (business_date, metric)),
held AS (
    SELECT business_date, metric, cut, value, coalesce(numerator, 0) AS numerator, coalesce(denominator, 0) AS denominator,
        coalesce(pending, 0) AS pending, coalesce(baseline_numerator, 0) AS baseline_numerator,
        coalesce(baseline_denominator, 0) AS baseline_denominator, coalesce(baseline_pending, 0) AS baseline_pending,
        denominator >= 100 AND baseline_denominator >= 100 AND decided(numerator, denominator, pending)
            AND decided(baseline_numerator, baseline_denominator, baseline_pending) AS asked,
        numerator::HUGEINT * baseline_denominator - baseline_numerator::HUGEINT * denominator AS gained,
        denominator::HUGEINT * baseline_denominator AS of
    FROM tonight FULL JOIN baselines USING (business_date, metric, cut, value)
)
SELECT * EXCLUDE (gained, of, asked), rate_of(numerator, denominator) AS rate,
    rate_of(baseline_numerator, baseline_denominator) AS baseline, coalesce(asked, false) AS asked,
    -- In units of the twelfth decimal, half away from zero.
    if(of > 0, sign(gained) * ((abs(gained) * 2000000000000 + of) // (2 * of)), NULL)::HUGEINT AS units,
    if(denominator > 0 AND baseline_denominator > 0, numerator - baseline * denominator, NULL) AS impact
FROM held
"""

# The pooled z-test, or Fisher's where the smaller side expects too few of either kind.
TESTED = """
CREATE TABLE tested AS
WITH asked AS (
    SELECT *, (numerator + baseline_numerator)::DOUBLE / (denominator::DOUBLE + baseline_denominator::DOUBLE) AS pooled,
        pooled * (1 - pooled) * (1 / denominator::DOUBLE + 1 / baseline_denominator::DOUBLE) AS variance,
        numerator + baseline_numerator <= denominator - numerator + baseline_denominator - baseline_numerator AS success_is_rare,
        if(success_is_rare, numerator, denominator - numerator) AS observed,
        observed + if(success_is_rare, baseline_numerator, baseline_denominator - baseline_numerator) AS rare,
        greatest(rare - baseline_denominator, 0) AS least, least(rare, denominator) AS most,
        least(most, greatest(least, (rare + 1) * (denominator + 1) // (denominator + baseline_denominator + 2))) AS likeliest
    FROM compared WHERE asked
),
judged AS (
    SELECT *, if(variance <= 0, 0::DOUBLE, (numerator::DOUBLE / denominator::DOUBLE
            - baseline_numerator::DOUBLE / baseline_denominator::DOUBLE) / sqrt(variance)) AS z,
        least(denominator::DOUBLE, baseline_denominator::DOUBLE) * least(pooled, 1 - pooled) < expect_at_least() AS is_few
    FROM asked
),
weighed AS (
    SELECT *, upward(observed, rare, denominator, baseline_denominator, likeliest, most) AS above,
        downward(observed, rare, denominator, baseline_denominator, likeliest, least, above) AS weights
    FROM judged WHERE is_few AND variance > 0
),
told AS (
    SELECT business_date, metric, cut, value, z, 1::DOUBLE AS p_value FROM judged WHERE variance <= 0
    UNION ALL
    SELECT business_date, metric, cut, value, z, least(1::DOUBLE, 2 * least(weights.fewer, weights.more) / weights.sum) FROM weighed
    UNION ALL
    SELECT business_date, metric, cut, value, z, two_sided(abs(z)) FROM judged WHERE variance > 0 AND NOT is_few
)
SELECT compared.*, z, p_value FROM compared LEFT JOIN told USING (business_date, metric, cut, value)
"""

# What has one metric and the same counts on both sides is one question, asked once.
JUDGED = """
CREATE TABLE judged AS
WITH questions AS (
    SELECT DISTINCT business_date, metric, numerator, denominator, pending, baseline_numerator, baseline_denominator,
        baseline_pending, p_value
    FROM tested WHERE asked
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY business_date ORDER BY p_value) AS place,
        count(*) OVER (PARTITION BY business_date) AS questions
    FROM questions
),
answered AS (
    SELECT * EXCLUDE (place, questions, p_value), least(1::DOUBLE, min(p_value * questions::DOUBLE / place::DOUBLE) OVER (
        PARTITION BY business_date ORDER BY place ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) AS q_value
    FROM placed
)
SELECT tested.*, if(asked, answered.q_value, NULL) AS q_value,
    coalesce(asked AND abs(units) >= getvariable('minimum_change') * 1000000000000
        AND answered.q_value <= getvariable('false_discovery')::DOUBLE, false) AS flagged
FROM tested LEFT JOIN answered USING (business_date, metric, numerator, denominator, pending, baseline_numerator,
    baseline_denominator, baseline_pending)
"""

CHANGES = """
CREATE TABLE computed.changes AS
SELECT business_date, placed.rank::BIGINT AS rank, metric, cut, value, numerator, denominator, rate, baseline_numerator,
    baseline_denominator, baseline, (units * 0.000000000001::DECIMAL(12, 12))::DECIMAL(24, 12) AS change, p_value, q_value, flagged,
    impact, (of_mix * 0.000000000001::DECIMAL(12, 12))::DECIMAL(24, 12) AS mix_part,
    (of_rate * 0.000000000001::DECIMAL(12, 12))::DECIMAL(24, 12) AS rate_part
FROM judged JOIN placed USING (business_date, metric, cut, value) LEFT JOIN parts USING (business_date, metric, cut, value)
"""

# The rates of a night with what they are compared with.
WITH_BASELINE = """
CREATE TABLE computed.success_rates AS
SELECT rates.*, baseline, if(baseline IS NULL, NULL, rates.rate - baseline) AS change, q_value
FROM computed.rates AS rates LEFT JOIN judged USING (business_date, metric, cut, value)
"""


def exact():
    """Holds every p-value against one that no series nor sum of doubles is in, to eleven digits: the two above say the same again."""
    counts = "numerator, denominator, baseline_numerator, baseline_denominator"
    for *counts, p_value in duckdb.execute(f"SELECT {counts}, p_value FROM tested WHERE asked").fetchall():
        expected = chance_of(*counts)
        assert expected is None or abs(p_value - expected) <= 1e-11 * expected, (counts, p_value, expected)


def chance_of(here, of_here, there, of_there):
    """Whether chance alone makes two proportions differ so, or more; none where there are too many rare ones to count the ways."""
    pooled = fractions.Fraction(here + there, of_here + of_there)
    if pooled in (0, 1):
        return 1.0
    # As doubles where it is decided which test holds: 20 exactly may be less.
    if min(of_here, of_there) * min(float(pooled), 1 - float(pooled)) >= 20:
        variance = pooled * (1 - pooled) * (fractions.Fraction(1, of_here) + fractions.Fraction(1, of_there))
        difference = fractions.Fraction(here, of_here) - fractions.Fraction(there, of_there)
        return math.erfc(abs(float(difference)) / math.sqrt(2 * float(variance)))
    if here + there > of_here - here + of_there - there:
        here, there = of_here - here, of_there - there
    rare = here + there
    if rare > 1000:
        return None
    least, most = max(0, rare - of_there), min(rare, of_here)
    ways = [math.comb(of_here, many) * math.comb(of_there, rare - many) for many in range(least, most + 1)]
    tail = min(sum(ways[: here - least + 1]), sum(ways[here - least :]))
    return float(min(fractions.Fraction(1), fractions.Fraction(2 * tail, sum(ways))))


def split(values):
    """The mix part and the rate part of each value, in units of the twelfth decimal, from its counts before and after.

    As fractions: a double would not tell what is lost by rounding. All are rounded down, and of what then lacks those get a unit
    that lost most; so they add up.
    """
    totals = [sum(value[at] for value in values) for at in range(4)]
    if not totals[1] or not totals[3]:
        return None
    exact = fractions.Fraction
    whole_before, whole_after = exact(totals[0], totals[1]), exact(totals[2], totals[3])
    parts = []
    for part_before, of_before, part_after, of_after in values:
        before = exact(part_before, of_before) if of_before else None
        after = exact(part_after, of_after) if of_after else None
        before, after = (after if before is None else before), (before if after is None else after)
        if before is None:
            parts += [exact(0), exact(0)]
            continue
        weight_before, weight_after = exact(of_before, totals[1]), exact(of_after, totals[3])
        parts.append((weight_after - weight_before) * ((before + after) / 2 - (whole_before + whole_after) / 2))
        parts.append((weight_before + weight_after) / 2 * (after - before))
    change = (whole_after - whole_before) * 10**12
    due = (abs(change) * 2 + 1) // 2 * (1 if change >= 0 else -1)
    units = [part * 10**12 // 1 for part in parts]
    # What was lost counts to the 24th decimal.
    lost = [(part * 10**12 - unit) * 10**12 // 1 for part, unit in zip(parts, units)]
    most = sorted(range(len(parts)), key=lambda at: (-lost[at], at))
    for at in most[: int(due - sum(units))]:
        units[at] += 1
    return list(zip(units[::2], units[1::2]))


def parts():
    """Splits the change of all by each cut whose values are all of it, before and after."""
    duckdb.execute("CREATE TABLE parts (business_date DATE, metric TEXT, cut TEXT, value TEXT, of_mix HUGEINT, of_rate HUGEINT)")
    counts = "baseline_numerator, baseline_denominator, numerator, denominator"
    rows = duckdb.execute(f"SELECT business_date, metric, cut, value, {counts} FROM judged ORDER BY ALL").fetchall()
    by_cut = collections.defaultdict(list)
    for night, metric, cut, value, *counts in rows:
        by_cut[night, metric, cut].append((value, counts))
    told = []
    for (night, metric, cut), values in by_cut.items():
        whole = by_cut.get((night, metric, "all"))
        if whole is None or [sum(column) for column in zip(*(counts for _, counts in values))] != whole[0][1]:
            continue
        split_up = split([counts for _, counts in values])
        for (value, _), (mix, rate) in zip(values, split_up or []):
            told.append((night, metric, cut, value, int(mix), int(rate)))
    insert("parts", told)


def places():
    """What is flagged by how far it is beyond chance, and before it what explains it more narrowly; the rest by impact."""
    duckdb.execute("CREATE TABLE placed (business_date DATE, metric TEXT, cut TEXT, value TEXT, rank BIGINT)")
    columns = "business_date, metric, cut, value, flagged, coalesce(impact, 0), coalesce(z, 0), denominator"
    rows = duckdb.execute(f"SELECT {columns} FROM judged ORDER BY business_date, metric, cut, value").fetchall()
    nights = collections.defaultdict(list)
    for row in rows:
        nights[row[0]].append(row)
    told = []
    for night in nights.values():
        flagged = sorted((row for row in night if row[4]), key=lambda row: -abs(row[6]))
        others = sorted((row for row in night if not row[4]), key=lambda row: -abs(row[5]))
        first_to_last = []
        while flagged:
            first = 0
            for at in range(1, len(flagged)):
                if explains(flagged[at], flagged[first]):
                    first = at
            first_to_last.append(flagged.pop(first))
        told += [(*row[:4], rank) for rank, row in enumerate(first_to_last + others, 1)]
    insert("placed", told)


def explains(narrow, broad):
    """Whether the broader cut lost nothing besides that chance would not: within three of its standard deviations."""
    (_, metric, *_, impact, z, of), (_, broad_metric, *_, broad_impact, broad_z, broad_of) = narrow, broad
    if metric != broad_metric or of > broad_of // 5 * 4 or (z < 0) != (broad_z < 0):
        return False
    besides = (broad_impact / broad_z) ** 2 - (impact / z) ** 2
    return abs(broad_impact - impact) <= 3 * max(besides, 0) ** 0.5


def insert(table, rows):
    if rows:
        columns = [list(column) for column in zip(*rows)]
        duckdb.execute(f"INSERT INTO {table} SELECT {', '.join('unnest(?)' for _ in columns)}", columns)


STEPS = [MACROS, BASELINES, COMPARED, TESTED, exact, JUDGED, parts, places, CHANGES, WITH_BASELINE]
