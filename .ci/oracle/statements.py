"""What providers pay out and banks book in the small world: each way to meet once by hand, and many by chance."""

import xml.etree.ElementTree as xml

BANKS = ["house", "coast", "side", "petty"]

# A provider for each way in which payouts meet by nothing but amounts, so that no other is among its candidates; and one for all
# that happens by chance.
PAYING = ["reef", "cove", "fjord", "delta", "strait"]


def statement(lines):
    """Statements in CAMT.053, one a currency, that begin with nothing."""
    document = xml.Element("Document", xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08")
    statements = xml.SubElement(document, "BkToCstmrStmt")
    for currency in ["EUR", "USD"]:
        of_currency = [line for line in lines if line["currency"] == currency]
        booked = sum(line["amount"] for line in of_currency if line["status"] == "BOOK")
        told = xml.SubElement(statements, "Stmt")
        xml.SubElement(told, "Id").text = currency
        account = xml.SubElement(told, "Acct")
        xml.SubElement(xml.SubElement(xml.SubElement(account, "Id"), "Othr"), "Id").text = "1"
        xml.SubElement(account, "Ccy").text = currency
        for code, balance in [("OPBD", 0), ("CLBD", booked)]:
            of_balance = xml.SubElement(told, "Bal")
            xml.SubElement(xml.SubElement(xml.SubElement(of_balance, "Tp"), "CdOrPrtry"), "Cd").text = code
            money(of_balance, balance, currency)
        for line in of_currency:
            entry(xml.SubElement(told, "Ntry"), line)
    return xml.tostring(document, encoding="unicode")


def money(of, cents, currency):
    xml.SubElement(of, "Amt", Ccy=currency).text = f"{abs(cents) // 100}.{abs(cents) % 100:02}"
    xml.SubElement(of, "CdtDbtInd").text = "DBIT" if cents < 0 else "CRDT"


def entry(of, line):
    money(of, line["amount"], line["currency"])
    xml.SubElement(of, "Sts").text = line["status"]
    if line["booked"]:
        xml.SubElement(xml.SubElement(of, "BookgDt"), "Dt").text = line["booked"]
    details = xml.SubElement(xml.SubElement(of, "NtryDtls"), "TxDtls")
    references = xml.SubElement(details, "Refs")
    for name, column in [("AcctSvcrRef", "line_reference"), ("EndToEndId", "end_to_end_reference")]:
        if line.get(column):
            xml.SubElement(references, name).text = line[column]
    told = xml.SubElement(details, "RmtInf")
    if line.get("text"):
        xml.SubElement(told, "Ustrd").text = line["text"]
    if line.get("customer_reference"):
        structured = xml.SubElement(xml.SubElement(told, "Strd"), "CdtrRefInf")
        xml.SubElement(structured, "Ref").text = line["customer_reference"]


def by_hand(world):
    def pays(night, amount, name, provider="harbour", **cells):
        world.entry(night, "payout", -amount, provider=provider, named=name, **cells)

    def books(night, amount, bank="house", **cells):
        world.line(night, bank, amount, **{"line_reference": f"TB-{world.lines}", **cells})

    # Named by a whole reference, in each of the places; in words of the text; by what else it is called; too short to be a name.
    places = ["end_to_end_reference", "customer_reference", "line_reference", "text"]
    for place, amount in zip(places, [310001, 310102, 310203, 310304]):
        pays(0, amount, f"PO-WHOLE-{place}")
        books(1, amount, **{place: f"PO-WHOLE-{place}"})
    pays(0, 310405, "PO-TEXT-77123")
    books(0, 310405, text="Payout (PO-TEXT-77123), thank you")
    pays(0, 310506, "hidden-1", merchant_reference="Run of 2026/11/19-A17", batch_reference="BATCH-10506")
    books(1, 310506, end_to_end_reference="2026/11/19-A17")
    pays(0, 310607, "AB12")
    books(0, 310607, text="Payout AB12 of today", booked="2026-11-01")
    pays(0, 310708, "CD12")
    books(0, 310708, text="CD12", booked="2026-11-01")
    # Another amount: by the whole name it differs, tonight and until it is right; by a word it says nothing.
    pays(0, 320001, "PO-OTHER-AMOUNT-1")
    books(1, 320000, end_to_end_reference="PO-OTHER-AMOUNT-1")
    pays(0, 320102, "PO-OTHER-AMOUNT-2")
    books(1, 320100, text="Payout PO-OTHER-AMOUNT-2 less costs")
    pays(0, 320203, "PO-OTHER-AMOUNT-3")
    books(1, 320200, end_to_end_reference="PO-OTHER-AMOUNT-3")
    books(3, 3, end_to_end_reference="PO-OTHER-AMOUNT-3")
    # Two lines for a payout, a line for two, two for two; two for one that do not add up; two that share a name.
    pays(0, 330000, "PO-IN-TWO-1")
    books(0, 130000, end_to_end_reference="PO-IN-TWO-1")
    books(0, 200000, text="Rest of PO-IN-TWO-1", booked="2026-11-18")
    for part, amount in enumerate([331000, 332000]):
        pays(0, amount, f"PO-TOGETHER-{part}")
    books(1, 663000, text="PO-TOGETHER-0 PO-TOGETHER-1")
    for part, amount in enumerate([333000, 334000]):
        pays(0, amount, f"PO-CROSSED-{part}")
    books(1, 335000, text="PO-CROSSED-0 and PO-CROSSED-1", end_to_end_reference="PO-CROSSED-0")
    books(1, 332000, text="PO-CROSSED-1")
    pays(0, 336000, "PO-IN-TWO-2")
    books(1, 136000, end_to_end_reference="PO-IN-TWO-2")
    books(1, 200001, end_to_end_reference="PO-IN-TWO-2")
    # Another currency, another bank than it is paid into, another day; stated again; more of it after it came; taken back.
    pays(0, 340001, "PO-IN-DOLLARS", currency="USD")
    books(1, 340001, end_to_end_reference="PO-IN-DOLLARS")
    books(1, 340001, currency="USD", text="PO-IN-DOLLARS")
    pays(0, 340102, "PO-OTHER-BANK", provider="harbour")
    books(1, 340102, bank="side", end_to_end_reference="PO-OTHER-BANK")
    for night in range(3):
        pays(night, 340203, "PO-STATED-AGAIN", batch_reference="BATCH-AGAIN", available_on="2026-11-26", fee=25)
    world.entry(0, "payment", 340203, batch_reference="BATCH-AGAIN")
    books(3, 340203, text="BATCH-AGAIN", booked="2026-11-23")
    pays(0, 340304, "PO-MORE-LATER-1", batch_reference="BATCH-MORE")
    books(0, 340304, text="BATCH-MORE")
    world.entry(0, "payment", 350000, batch_reference="BATCH-MORE")
    pays(2, 340405, "PO-MORE-LATER-2", batch_reference="BATCH-MORE")
    pays(1, -340506, "PO-NEGATIVE-1")
    books(2, -340506, end_to_end_reference="PO-NEGATIVE-1")
    world.entry(0, "payment", 100, batch_reference="BATCH-OF-NOTHING")
    world.entry(0, "refund", -100, batch_reference="BATCH-OF-NOTHING", fee=99)
    # Lines that are not booked, of no amount, of no date, delivered again; and of banks that are not asked about.
    for status in ["PDNG", "INFO"]:
        books(0, 350000, status=status)
    books(0, 0)
    books(0, 350100, booked=None)
    for night in range(3):
        books(night, 350200, line_reference="TB-AGAIN", booked="2026-11-19")
    for bank in ["side", "petty"]:
        books(0, 350300, bank=bank)
        books(0, -350300, bank=bank)
    books(0, 350400, bank="petty", end_to_end_reference="PO-PETTY-1")
    pays(1, 350400, "PO-PETTY-1", provider="summit")
    books(1, 350500, bank="petty", end_to_end_reference="PO-PETTY-2")
    pays(1, 350500, "PO-PETTY-2", provider="summit")
    # By amount and date: the only two, on the first and the last day and a day beyond; two lines, two payouts, two of each.
    for amount, booked in [(360001, "2026-11-18"), (360102, "2026-11-17"), (360203, "2026-11-27"), (360304, "2026-11-28")]:
        pays(0, amount, f"reef-{amount}", provider="reef")
        books(0, amount, booked=booked, bank="coast")
    for amount, payouts, lines in [(361000, 1, 2), (362000, 2, 1), (363000, 2, 2)]:
        for number in range(payouts):
            pays(1, amount, f"reef-{amount}-{number}", provider="reef")
        for number in range(lines):
            books(1, amount, booked="2026-11-20", bank="coast")
    # One of two candidates is named later, and the other is left.
    for number in range(2):
        pays(1, 364000, f"REEF-364000-{number}", provider="reef")
    books(1, 364000, booked="2026-11-20", bank="coast")
    books(3, 364000, end_to_end_reference="REEF-364000-1", bank="coast")
    # A line as a sum of some, in one way; of another in two; two lines of one payout; with one too many to choose from.
    for number, amount in enumerate([400, 700, 1500, 3100, 6300, 12700]):
        pays(0, amount, f"cove-{number}", provider="cove")
    books(1, 7400, bank="coast")
    for number, amount in enumerate([500, 800, 900, 1200]):
        pays(0, amount, f"fjord-{number}", provider="fjord")
    books(1, 1700, bank="coast")
    for number in range(13):
        pays(0, 100 + (1 << number), f"delta-{number}", provider="delta")
    books(1, 203)
    pays(2, 20000, "cove-late-1", provider="cove")
    pays(2, 41000, "cove-late-2", provider="cove")
    books(4, 61000, bank="coast")


def by_chance(world, random, cases):
    """Payouts and lines in few amounts and by few names, over all nights, so that they add up or seem to."""
    names = [f"PO-CHANCE-{number}" for number in range(cases)]
    for number in range(cases):
        night = random.randrange(5)
        amount = 700000 + 100 * random.randrange(1, 9)
        currency = random.choice(["EUR"] * 5 + ["USD"])
        provider = random.choice(["strait", "strait", "summit"])
        if random.random() < 0.8:
            cells = {"batch_reference": f"BATCH-CHANCE-{random.randrange(5)}"} if random.random() < 0.3 else {}
            if random.random() < 0.2:
                cells["available_on"] = f"2026-11-{random.randrange(18, 30)}"
            world.entry(night, "payout", -amount, provider=provider, named=names[number], currency=currency, **cells)
        for _ in range(random.choice([0, 1, 1, 2])):
            said = random.choice(names) if random.random() < 0.3 else names[number]
            cells = {random.choice(["end_to_end_reference", "customer_reference", "text"]): said} if random.random() < 0.5 else {}
            booked = random.choice([amount, amount, amount * 2, amount + 700100, amount - 100])
            night = min(4, night + random.randrange(2))
            bank = random.choice(["side", "side", "side", "house", "petty"])
            world.line(night, bank, booked, currency=currency, line_reference=f"TB-CHANCE-{world.lines}", **cells)
