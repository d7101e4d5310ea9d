"""Writes a small world that holds every way in which entries and records may meet, or not: each once by hand, and many by chance.

    python world.py FOLDER SEED      job.toml and five nights, Thursday 19 to Monday 23 November 2026; and job_without_bank.toml

What the two sides say is drawn from few references, amounts and hours, so that they collide. What comes of it is for the
program and for the SQL beside this file to say; nothing is expected here.
"""

import csv
import datetime
import pathlib
import random
import sys

import again
import differences
import statements

JOB = """
name = "world"
lake = "lake"
timezone = "Asia/Shanghai"
resolutions = "resolutions.toml"

[[tolerance]]
currency = "EUR"
absolute = "0.03"
percent = "0.05"
cap = "0.20"

[[tolerance]]
currency = "USD"
percent = "0.5"

[matching]
given_back_within = "2 days"

[merchant.orders]
source = { files = "orders_{date:%Y%m%d}.csv" }

[merchant.attempts]
source = { files = "attempts_{date:%Y%m%d}.csv" }

[merchant.refunds]
source = { files = "refunds_{date:%Y%m%d}.csv" }
"""

PROVIDER = """
[[provider]]
name = "{name}"
account = "{name}-1"
format = "generic/entries"
source = {{ files = "{name}_{{date:%Y%m%d}}.csv" }}
settles_in = "{settles_in}"
fee = [{{ {fee}, on_refund = "kept" }}]
"""

BANK = """
[[bank]]
name = "{name}"
account = "1"
format = "bank/camt053"
source = {{ files = "{name}_{{date:%Y%m%d}}.xml" }}
unexplained = "{unexplained}"
"""

COLUMNS = {
    "entries": [
        "kind", "provider_reference", "merchant_reference", "merchant_refund_reference", "original_reference", "batch_reference",
        "currency", "gross", "fee", "customer_amount", "customer_currency",
        "merchant_discount", "exchange_rate", "occurred_at", "available_on",
    ],
    "orders": ["order_id", "created_at", "amount", "currency", "status", "channel", "country", "customer_segment"],
    "attempts": [
        "attempt_id", "order_id", "provider", "merchant_reference", "provider_reference", "method", "wallet", "card_brand",
        "card_funding", "started_at", "finished_at", "stage", "status", "failure_code", "amount", "currency",
    ],
    "refunds": [
        "refund_id", "order_id", "provider", "merchant_reference", "merchant_refund_reference", "provider_reference",
        "requested_at", "amount", "currency", "status",
    ],
}

FIRST = datetime.date(2026, 11, 19)
NIGHTS = 5
PROVIDERS = ["harbour", "summit"]


def job(banks):
    """The job, with a bank or without."""
    told = JOB if banks else JOB.replace('"lake"', '"lake_without_bank"').replace('resolutions = "resolutions.toml"', "")
    for name in [*PROVIDERS, *statements.PAYING]:
        one_day = name != "summit"
        fee = 'percent = "1.0", fixed = "0.10", on_chargeback = { fixed = "15.00" }' if one_day else 'percent = "2.0"'
        told += PROVIDER.format(name=name, settles_in="1 business day" if one_day else "2 business days", fee=fee)
        paid_into = {"summit": None, "harbour": "house", "delta": "house", "strait": "side"}.get(name, "coast")
        told += f'paid_into = "{paid_into}"\n' if banks and paid_into else ""
    for name, unexplained in zip(statements.BANKS, ["all", "all", "credits", "none"]) if banks else []:
        told += BANK.format(name=name, unexplained=unexplained)
    return told


class World:
    """The lines of all files; whatever is not said of one has no part in its case."""

    def __init__(self):
        self.files = {}
        for night in range(NIGHTS):
            for name in [*PROVIDERS, *statements.PAYING, *statements.BANKS, "orders", "attempts", "refunds"]:
                self.files[name, night] = []
        self.lines = 0

    def add(self, name, night, **cells):
        self.lines += 1
        self.files[name, night].append(cells)

    def time(self, night, minute):
        midnight = datetime.datetime.combine(FIRST + datetime.timedelta(days=night), datetime.time())
        return f"{midnight + datetime.timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S}+08:00"

    def entry(self, night, kind, amount, *, provider="harbour", named=None, at=600, fee=None, currency="EUR", **cells):
        """An entry; `named` by the provider, or else as no other. Charged what the contract says, where no fee is given."""
        if fee is None:
            charged = amount * 2 if provider == "summit" else amount * 1 + 10 * 100
            # In hundredths of a cent: half up to the cent.
            fee = (charged + 50) // 100 if kind == "payment" else 1500 if kind == "chargeback" and provider != "summit" else 0
        self.add(
            provider, night, kind=kind, provider_reference=named or f"line-{self.lines}", currency=currency, gross=money(amount),
            fee=money(fee), occurred_at=self.time(night, at), **cells,
        )

    def attempt(self, night, id, amount, *, provider="harbour", at=600, status="succeeded", currency="EUR", **cells):
        order = f"order-{id}-{night}"
        state = "paid" if status == "succeeded" else "created"
        paid = {"amount": money(amount), "currency": currency}
        self.add("orders", night, order_id=order, created_at=self.time(night, 0), status=state, **paid)
        self.add(
            "attempts", night, attempt_id=id, order_id=order, provider=provider, method="card",
            started_at=self.time(night, at - 1), finished_at=self.time(night, at), status=status, **paid, **cells,
        )

    def refund(self, night, id, amount, *, provider="harbour", at=600, status="succeeded", currency="EUR", **cells):
        self.add(
            "refunds", night, refund_id=id, provider=provider, requested_at=self.time(night, at), amount=money(amount),
            currency=currency, status=status, **cells,
        )

    def line(self, night, bank, amount, *, currency="EUR", status="BOOK", booked="", **cells):
        """A line of a bank's statement, booked on its night where no other day is given, or on none that is told."""
        booked = f"{FIRST + datetime.timedelta(days=night)}" if booked == "" else booked
        self.add(bank, night, amount=amount, currency=currency, status=status, booked=booked, **cells)

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, banks in [("job", True), ("job_without_bank", False)]:
            (folder / f"{name}.toml").write_text(job(banks))
        for (name, night), lines in self.files.items():
            path = folder / f"{name}_{FIRST + datetime.timedelta(days=night):%Y%m%d}"
            if name in statements.BANKS:
                path.with_suffix(".xml").write_text(statements.statement(lines))
                continue
            columns = COLUMNS.get(name, COLUMNS["entries"])
            with open(path.with_suffix(".csv"), "w", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(lines)


def money(cents):
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def payments_by_hand(world):
    def entries(reference, amounts, night=0, **cells):
        for amount in amounts:
            world.entry(night, "payment", amount, merchant_reference=reference, **cells)

    def attempts(reference, amounts, night=0, **cells):
        for amount in amounts:
            world.attempt(night, f"{reference}/{world.lines}", amount, merchant_reference=reference, **cells)

    for reference, stated, recorded in [
        ("agrees", [10100], [10100]),
        ("other-amount", [10300], [10200]),
        ("captured-in-two", [4000, 6400], [10400]),
        ("captured-in-three-for-a-cent-too-much", [4000, 4001, 2500], [10500]),
        ("one-for-two-attempts", [10600], [4100, 6500]),
        ("two-for-three-attempts", [5000, 5700], [3000, 3100, 4600]),
        ("three-for-two-attempts", [3000, 3100, 4700], [5100, 5700]),
        ("paid-too-much-in-parts", [6000, 5000], [10900]),
        ("two-payments-one-of-which-agrees", [11000, 11100], [11000]),
        ("two-attempts-one-of-which-agrees", [11200], [11200, 11300]),
        ("which-of-two", [11400, 11500], [11600]),
        ("two-of-each-by-amount", [11700, 11800], [11800, 11700]),
        ("two-of-each-and-one-more-in-parts", [11900, 5000, 7000], [11900, 12000]),
        ("nobody-agrees-with-nobody", [12100, 12200], [12300, 12400]),
        ("never-recorded", [12500], []),
        ("never-stated", [], [12600]),
    ]:
        entries(reference, stated)
        attempts(reference, recorded)
    # The same line twice, and the same payment under two numbers.
    entries("line-twice", [12700, 12700], named="number-of-line-twice")
    attempts("line-twice", [12700])
    entries("two-numbers", [12800], named="number-1")
    entries("two-numbers", [12800], named="number-2")
    attempts("two-numbers", [12800], provider_reference="number-2")
    entries("two-numbers-none-known", [12850], named="number-3")
    entries("two-numbers-none-known", [12850], named="number-4")
    attempts("two-numbers-none-known", [12850])
    entries("recorded-twice", [12900])
    attempts("recorded-twice", [12900, 12900])
    # Retries: what succeeded stands, or else the last try.
    entries("retried", [13000])
    attempts("retried", [13000], status="failed", at=500)
    attempts("retried", [13000], at=550)
    entries("retried-in-vain", [13100])
    attempts("retried-in-vain", [13100], status="failed", at=500)
    attempts("retried-in-vain", [13100], status="expired", at=550)
    attempts("retried-and-unheard-of", [13200], status="failed")
    # The provider's number alone, and none of the references.
    world.entry(0, "payment", 13300, named="number-5")
    attempts("number-alone", [13300], provider_reference="number-5")
    world.entry(0, "payment", 13400, at=700)
    world.attempt(0, "amount-and-time", 13400, at=759)
    world.entry(0, "payment", 13500, at=700)
    world.attempt(0, "amount-out-of-time", 13500, at=761)
    for at in (700, 710):
        world.entry(0, "payment", 13600, at=at)
    world.attempt(0, "amount-and-two-candidates", 13600, at=705)
    world.entry(0, "payment", 13700, at=700, merchant_reference="says-it-is-another")
    world.attempt(0, "amount-and-another-reference", 13700, at=700, merchant_reference="and-so-says-this")
    world.entry(0, "payment", 13750, at=700)
    world.attempt(0, "amount-and-failed", 13750, at=700, status="failed")
    # Nobody says who was asked.
    entries("asked-nobody", [13800], provider="summit")
    attempts("asked-nobody", [13800], provider=None)
    world.entry(0, "payment", 13900, at=800)
    world.attempt(0, "asked-nobody-and-no-reference", 13900, at=800, provider=None)
    # Over nights: late on either side, a part today and the rest later, or never; stated again with another amount.
    entries("recorded-later", [14000])
    attempts("recorded-later", [14000], night=1)
    attempts("stated-later", [14100])
    entries("stated-later", [14100], night=2)
    attempts("rest-later", [14200], provider="summit")
    entries("rest-later", [4200], provider="summit")
    entries("rest-later", [3000], night=1, provider="summit")
    entries("rest-later", [7000], night=2, provider="summit")
    attempts("rest-never", [14300])
    entries("rest-never", [4300])
    attempts("rest-too-late", [14400])
    entries("rest-too-late", [4400])
    entries("rest-too-late", [10000], night=4)
    for night, amount in enumerate([14500, 14600, 14600]):
        world.attempt(night, "recorded-again", amount, merchant_reference="recorded-again", provider="summit")
        again = {"named": "stated-again", "merchant_reference": "never-recorded-stated-again"}
        world.entry(night, "payment", amount + 100, provider="summit", **again)
    attempts("failed-and-stated-later", [14700], status="failed")
    entries("failed-and-stated-later", [14700], night=1)
    # Stated again once it waits no more; and a provider that is none of the job's.
    for night in range(3):
        world.attempt(night, "failed-and-said-again", 14750, merchant_reference="failed-and-said-again", status="failed")
    attempts("asked-elsewhere", [14760], provider="elsewhere")
    # Fee, currency, what the merchant does not claim.
    entries("charged-too-much", [14800], fee=200)
    attempts("charged-too-much", [14800])
    entries("charged-too-much-in-parts", [4900, 10000], fee=300)
    attempts("charged-too-much-in-parts", [14900])
    entries("other-currency", [15000], currency="USD")
    attempts("other-currency", [15000])
    entries("settles-in-euro", [15100], customer_amount="170.00", customer_currency="USD")
    attempts("settles-in-euro", [17000], currency="USD")


def refunds_by_hand(world):
    def entries(of, amounts, night=0, **cells):
        for amount in amounts:
            world.entry(night, "refund", -amount, merchant_reference=of, **cells)

    def records(of, amounts, night=0, **cells):
        for amount in amounts:
            world.refund(night, f"{of}/{world.lines}", amount, merchant_reference=of, **cells)

    def named(of, stated, recorded):
        entries(of, stated, merchant_refund_reference=f"refund-of-{of}")
        records(of, recorded, merchant_refund_reference=f"refund-of-{of}")

    named("agrees", [2010], [2010])
    named("given-back-another-amount", [2030], [2020])
    named("given-back-in-two", [1000, 1040], [2040])
    named("given-back-for-two", [2050], [1050, 1000])
    named("given-back-in-part", [2000], [2060])
    world.entry(0, "refund", -2300, provider="summit", merchant_refund_reference="given-back-in-part-of-what")
    for night, amount in enumerate([2320, 2340]):
        part = {"merchant_refund_reference": "given-back-in-part-of-what", "provider": "summit"}
        world.refund(night, "given-back-in-part-of-what", amount, **part)
    named("given-back-which", [2070, 2080], [2090])
    named("never-given-back", [], [2100])
    named("never-asked-for", [2110], [])
    for id, amount, status in [("on-its-way", 2120, "pending"), ("did-not-work", 2130, "failed")]:
        world.refund(0, id, amount, merchant_reference=id, merchant_refund_reference=id, status=status)
    entries("did-not-work", [2130], merchant_refund_reference="did-not-work")
    entries("other-payment", [2140], merchant_refund_reference="reference-of-refund-alone")
    world.refund(0, "reference-of-refund-alone", 2140, merchant_refund_reference="reference-of-refund-alone")
    world.entry(0, "refund", -2150, named="number-of-refund")
    world.refund(0, "number-of-refund", 2150, provider_reference="number-of-refund")
    # Of one payment, and of nothing but its amount.
    entries("two-refunds-by-amount", [2160, 2170])
    records("two-refunds-by-amount", [2170, 2160])
    entries("two-equal-refunds", [2180, 2180])
    records("two-equal-refunds", [2180, 2180])
    entries("refund-for-two", [2190])
    records("refund-for-two", [1000, 1190])
    entries("two-for-a-refund", [1000, 1200])
    records("two-for-a-refund", [2200])
    world.entry(0, "refund", -2210, at=700)
    world.refund(0, "refund-by-amount-and-time", 2210, at=720)
    entries("asked-for-later", [2220], merchant_refund_reference="asked-for-later")
    records("asked-for-later", [2220], night=1, merchant_refund_reference="asked-for-later")


def returns_by_hand(world):
    """Given back in parts, wholly, too much, too much and made good, in another currency, and by the provider's number alone."""
    for reference in ["partly", "wholly", "too-much", "too-much-and-made-good", "paid-in-euro", "paid-in-two"]:
        number = f"number-of-{reference}"
        parts = [8000, 8000] if reference == "paid-in-two" else [16000]
        for part, amount in enumerate(parts):
            world.entry(0, "payment", amount, named=f"{number}-{part}", merchant_reference=f"given-back-{reference}")
        world.attempt(0, f"given-back-{reference}", 16000, merchant_reference=f"given-back-{reference}")
        currency = "USD" if reference == "paid-in-euro" else "EUR"
        world.entry(0, "refund", -6000, merchant_reference=f"given-back-{reference}", currency=currency)
        if reference != "partly":
            # Named by the payment it is of: its second part, where it has two.
            world.entry(1, "refund", -10000, original_reference=f"{number}-{len(parts) - 1}")
        if "too-much" in reference:
            world.entry(2, "chargeback", -16000, merchant_reference=f"given-back-{reference}")
        if "made-good" in reference:
            world.entry(4, "chargeback_reversal", 16000, merchant_reference=f"given-back-{reference}")
    # Of no payment the lake has: before it is as old as a payment may be, and after; one whose payment comes late, and one that
    # is made good.
    world.entry(1, "refund", -510, original_reference="number-of-before-the-lake")
    for night, amount in [(2, -500), (4, -520)]:
        world.entry(night, "refund", amount, original_reference="number-of-no-night")
    world.entry(2, "chargeback", -530, provider="summit", merchant_reference="paid-late")
    world.entry(4, "payment", 600, provider="summit", merchant_reference="paid-late")
    world.entry(2, "refund", -540)
    # Paid too long ago, and stated again: by another name than its refund has, and by none.
    world.entry(0, "payment", 610, merchant_reference="paid-long-ago")
    world.entry(3, "refund", -550, merchant_reference="paid-long-ago")
    for night, reference in enumerate(["too-much-of-one-name", None, None, None]):
        world.entry(night, "payment", 620, named="number-of-one-name", merchant_reference=reference)
    world.entry(0, "refund", -630, merchant_reference="too-much-of-one-name")


def others_by_hand(world):
    """Disputes; batches, one of several nights and one whose payout is not what its lines add up to; lines of no order."""
    world.entry(0, "chargeback", -3000, merchant_reference="disputed")
    world.entry(1, "chargeback", -3100, provider="summit", merchant_reference="disputed-too")
    world.entry(2, "chargeback_reversal", 3000, merchant_reference="disputed")
    for night in range(3):
        world.entry(night, "payment", 5000 + night, batch_reference="batch-of-three-nights")
    world.entry(1, "fee", -500, batch_reference="batch-of-three-nights")
    world.entry(2, "payout", -14000, named="payout-1", batch_reference="batch-of-three-nights", available_on="2026-11-24")
    world.entry(0, "payout", -9000, named="payout-3", batch_reference="batch-of-which-a-line-is-late")
    for night, amount in [(0, 8000), (1, 1030), (2, 91)]:
        world.entry(night, "payment", amount, batch_reference="batch-of-which-a-line-is-late")
    world.entry(1, "refund", -600, batch_reference="batch-of-refunds", provider="summit")
    world.entry(1, "payout", -9900, named="payout-of-no-lines", provider="summit")
    world.entry(1, "transfer", 700, batch_reference="nothing-but-a-transfer")
    world.entry(1, "tax", -70, provider="summit")
    world.entry(1, "refund_reversal", 700)


def by_chance(world, random, cases):
    """Cases of a reference each, on one night and the nights after it, in amounts that may add up."""
    for case in range(cases):
        kind = random.choices(["payment", "refund"], [3, 2])[0]
        provider = random.choice(PROVIDERS)
        reference = f"{kind}-{case}"
        # Large steps between cases, and a few cases that share their amounts with others.
        unit = random.choice([random.randrange(1000, 9000), 1000])
        numbers = [None, None, *(f"number-of-{case}-{number}" for number in range(2))]
        begins = random.randrange(NIGHTS)
        sizes = [0, 1, 1, 1, 2, 2, 3]
        stated, recorded = random.choice(sizes), random.choice(sizes)

        def said():
            cells = {}
            if random.random() < 0.85:
                cells["merchant_reference"] = reference
            if kind == "refund" and random.random() < 0.6:
                cells["merchant_refund_reference"] = f"{reference}-{random.choice('ab')}"
            night = min(NIGHTS - 1, begins + random.choice([0, 0, 0, 1, 2]))
            currency = "USD" if random.random() < 0.05 else "EUR"
            return night, unit * random.choice([1, 1, 2, 3]), {"at": random.randrange(300, 1300), "currency": currency, **cells}

        for _ in range(stated):
            night, amount, cells = said()
            fee = random.choice([None] * 9 + [77])
            amount = amount if kind == "payment" else -amount
            number = random.choice(numbers)
            world.entry(night, kind, amount, provider=provider, named=number, fee=fee, **cells)
            if random.random() < 0.1 and night < NIGHTS - 1:
                # Stated again on the next night, by the number it has or by none.
                world.entry(night + 1, kind, amount, provider=provider, named=number, fee=fee, **cells)
        if kind == "payment" and random.random() < 0.2:
            night, amount, cells = said()
            cells["original_reference"] = random.choice(numbers)
            world.entry(night, random.choice(["refund", "chargeback"]), -amount, provider=provider, **cells)
        for number in range(recorded):
            night, amount, cells = said()
            cells["provider_reference"] = random.choice(numbers)
            asked = provider if random.random() < 0.9 else None
            if kind == "payment":
                status = random.choice(["succeeded"] * 6 + ["failed", "pending", "expired"])
                world.attempt(night, f"{reference}/{number}", amount, provider=asked, status=status, **cells)
            else:
                status = random.choice(["succeeded"] * 6 + ["pending", "failed"])
                world.refund(night, f"{reference}/{number}", amount, provider=asked, status=status, **cells)
            if random.random() < 0.1 and night < NIGHTS - 1:
                amount += random.choice([0, 100])
                if kind == "payment":
                    world.attempt(night + 1, f"{reference}/{number}", amount, provider=asked, **cells)
                else:
                    world.refund(night + 1, f"{reference}/{number}", amount, provider=asked, **cells)


def main():
    folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    world = World()
    payments_by_hand(world)
    refunds_by_hand(world)
    returns_by_hand(world)
    differences.tolerated(world)
    differences.of_an_entry(world)
    others_by_hand(world)
    world.refund(0, "asked-elsewhere", 2230, provider="elsewhere", merchant_reference="asked-elsewhere")
    by_chance(world, random.Random(seed), 1500)
    statements.by_hand(world)
    statements.by_chance(world, random.Random(f"statements of {seed}"), 25)
    again.delivered(world, random.Random(f"again of {seed}"), [*PROVIDERS, "attempts", "refunds"], NIGHTS)
    world.write(folder)


if __name__ == "__main__":
    main()
