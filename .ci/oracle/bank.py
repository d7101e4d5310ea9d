"""Which payouts and which lines of the bank are the same money: by what a payout is called, by amount and date, by a sum.

Each pass looks at all that the ones before left open, and then decides.
"""

# Booked lines of the bank: tonight's, and those no payout explained before.
KNOWN_LINES = """
CREATE OR REPLACE TABLE known_lines AS
WITH own AS (
    SELECT bank_line_id, bank, account, line_reference, end_to_end_reference, customer_reference, text, currency, amount,
        coalesce(booked_on, night()) AS booked_on
    FROM published.bank_lines WHERE business_date = night() AND status = 'booked' AND amount <> 0
),
before AS (FROM computed.open_bank_lines WHERE business_date = previous_night())
SELECT own.*, coalesce(before.first_seen, night()) AS first_seen,
    coalesce(before.expected_by, expected_by(NULL, night())) AS expected_by
FROM own LEFT JOIN before USING (bank_line_id)
UNION ALL BY NAME
SELECT * EXCLUDE (business_date) FROM before ANTI JOIN own USING (bank_line_id)
"""

# A payout may be in a bank it pays into. By nothing but their amount the two meet from the day before the payout is dated until
# a week after it was expected.
MAY_MEET = """
CREATE OR REPLACE TABLE may_meet AS
SELECT payout, known_payouts.provider, known_payouts.account, due, names, line.bank_line_id AS line, line.amount,
    list_distinct(flatten([names_in(end_to_end_reference), names_in(customer_reference), names_in(line_reference), names_in(text)]))
        AS named,
    line.booked_on BETWEEN coalesce(paid_on, known_payouts.first_seen) - 1 AND known_payouts.expected_by + 7 AS in_time
FROM known_payouts JOIN known_lines AS line USING (currency) LEFT JOIN paid_into USING (provider)
WHERE known_payouts.bank IS NULL AND due <> 0 AND (paid_into.bank IS NULL OR paid_into.bank = line.bank);
CREATE OR REPLACE TABLE met_in_bank (pass TEXT, how TEXT, payouts TEXT[], lines TEXT[]);
CREATE OR REPLACE TABLE ways (line TEXT, payouts TEXT[])
"""

OPEN = """
CREATE OR REPLACE TABLE open_to_bank AS
FROM may_meet
WHERE payout NOT IN (SELECT unnest(payouts) FROM met_in_bank) AND line NOT IN (SELECT unnest(lines) FROM met_in_bank)
"""

# Of one account two payouts or more that add up to the line, every way there is among twelve at most: with more to choose from
# nothing is said of the line.
SUMS = """
CREATE OR REPLACE TABLE ways AS
WITH candidates AS (
    SELECT *, count(*) OVER account AS candidates, row_number() OVER (account ORDER BY payout) - 1 AS place
    FROM open_to_bank WHERE in_time WINDOW account AS (PARTITION BY line, provider, account)
),
tried AS (FROM candidates QUALIFY max(candidates) OVER (PARTITION BY line) <= 12)
SELECT line, list(payout) AS payouts
FROM tried JOIN range(1 << 12) AS sets (chosen) ON chosen >> place & 1 = 1 AND chosen < 1 << candidates
GROUP BY line, provider, account, chosen, amount
HAVING count(*) >= 2 AND sum(due) = amount
"""

EDGES = "CREATE OR REPLACE TABLE edges AS SELECT DISTINCT payout, line, payout AS together FROM {edges}"

# What edges join, directly or through others, is one group: done until nothing changes.
TOGETHER = """
CREATE OR REPLACE TABLE edges AS
SELECT payout, line, least(min(together) OVER (PARTITION BY payout), min(together) OVER (PARTITION BY line)) AS together FROM edges
"""

GROUPS_APART = "SELECT list(together ORDER BY payout, line) FROM edges"

MEET = """
INSERT INTO met_in_bank
WITH groups AS (
    SELECT list_sort(list(DISTINCT payout)) AS payouts, list_sort(list(DISTINCT line)) AS lines FROM edges GROUP BY together
),
summed AS (
    SELECT *, (SELECT sum(due) FROM known_payouts WHERE list_contains(payouts, payout)) AS due,
        (SELECT sum(amount) FROM known_lines WHERE list_contains(lines, bank_line_id)) AS booked,
        len(payouts) = 1 AND len(lines) = 1 AS one_and_one
    FROM groups
),
decided AS (SELECT '{name}' AS pass, {how} AS how, payouts, lines FROM summed)
FROM decided WHERE how IS NOT NULL
"""

# A pass: its name, what is an edge, and how a group meets. Names, in whatever group, have to add up; a whole name, and no word of
# one, says that a line is the payout though it is another amount.
ADDS_UP = "CASE WHEN due = booked THEN 'paid' {differs} END"
ONLY = "if({only}, 'paid', 'ambiguous')"
PASSES = [
    (
        "reference",
        "open_to_bank WHERE list_has_any(list_transform(names, lambda name: trim(name)), named)",
        ADDS_UP.format(differs="WHEN one_and_one THEN 'differs'"),
    ),
    (
        "reference",
        "open_to_bank WHERE list_has_any(flatten(list_transform(names, lambda name: names_in(name))), named)",
        ADDS_UP.format(differs=""),
    ),
    ("amount_and_date", "open_to_bank WHERE in_time AND due = amount", ONLY.format(only="one_and_one")),
    (
        "subset_sum",
        "(SELECT unnest(payouts) AS payout, line FROM ways)",
        ONLY.format(only="len(lines) = 1 AND (SELECT count(*) FROM ways WHERE line = lines[1]) = 1"),
    ),
]

# What the bank has of each payout, and what each line is.
PAID = """
CREATE OR REPLACE TABLE paid AS
WITH told AS (SELECT pass, how, lines, unnest(payouts) AS payout FROM met_in_bank)
SELECT payout, how, if(how = 'paid', pass, NULL) AS pass, first(bank ORDER BY bank_line_id) AS bank,
    string_agg(bank_line_id, ' ' ORDER BY bank_line_id) AS bank_line_ids,
    first(coalesce(end_to_end_reference, customer_reference, line_reference) ORDER BY bank_line_id) AS bank_reference,
    max(booked_on) AS booked_on, sum(amount) AS booked
FROM told JOIN known_lines ON list_contains(lines, bank_line_id) GROUP BY payout, how, pass;
CREATE OR REPLACE TABLE explained AS
SELECT known_lines.*, how, pass,
    CASE unexplained WHEN 'all' THEN true WHEN 'credits' THEN amount > 0 ELSE false END AS is_asked_about
FROM known_lines JOIN banks USING (bank)
LEFT JOIN (SELECT pass, how, unnest(lines) AS bank_line_id FROM met_in_bank) USING (bank_line_id)
"""

OPEN_BANK_LINES = """
INSERT INTO computed.open_bank_lines BY NAME
SELECT night() AS business_date, explained.* EXCLUDE (how, pass, is_asked_about) FROM explained
WHERE coalesce(how <> 'paid', is_asked_about)
"""

OUTCOMES = """
INSERT INTO computed.bank_outcomes
SELECT night(), bank_line_id, CASE
        WHEN status <> 'booked' OR own.amount = 0 THEN 'excluded'
        WHEN how = 'paid' THEN 'payout'
        WHEN how IS NOT NULL THEN 'break'
        WHEN NOT is_asked_about THEN 'excluded'
        WHEN night() < expected_by THEN 'waiting'
        ELSE 'break' END,
    CASE
        WHEN status <> 'booked' THEN 'not_booked'
        WHEN own.amount = 0 THEN 'nothing'
        WHEN how = 'paid' THEN pass
        WHEN how = 'differs' THEN 'payout_not_in_bank'
        WHEN how = 'ambiguous' THEN how
        WHEN NOT is_asked_about THEN 'unwatched'
        ELSE 'bank_unexplained' END
FROM published.bank_lines AS own LEFT JOIN explained USING (bank_line_id) WHERE own.business_date = night()
"""

# A line that is no payout, or one of several; what differs from its payout is told of that.
FOUND = """
INSERT INTO found BY NAME
SELECT concat_ws(' ', if(how IS NULL, 'bank_unexplained', how), bank_line_id) AS about,
    if(how IS NULL, 'bank_unexplained', how) AS break_type, if(how IS NULL AND night() < expected_by, 'waiting', 'open') AS state,
    account, coalesce(end_to_end_reference, customer_reference, line_reference) AS provider_reference, currency,
    amount AS provider_amount, amount AS difference
FROM explained WHERE how = 'ambiguous' OR how IS NULL AND is_asked_about
"""


def statements():
    """The SQL of all passes, in order."""
    yield from [KNOWN_LINES, MAY_MEET]
    for name, edges, how in PASSES:
        yield OPEN
        if name == "subset_sum":
            yield SUMS
        yield EDGES.format(edges=edges)
        yield [TOGETHER, GROUPS_APART]
        yield MEET.format(name=name, how=how)
    yield from [PAID, OPEN_BANK_LINES, OUTCOMES]
