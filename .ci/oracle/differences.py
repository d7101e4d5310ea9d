"""Small differences of the small world: those that are let go or nearly, and those an entry has with itself."""


def tolerated(world):
    """Differences as large as is let go, and a cent more: by the absolute one, and by the relative one rounded down; sums of a
    night at the cap and above it."""
    def pair(night, amount, difference, kind="payment", **cells):
        reference = f"tolerated-{world.lines}"
        if kind == "payment":
            world.entry(night, "payment", amount + difference, merchant_reference=reference, **cells)
            world.attempt(night, reference, amount, merchant_reference=reference, currency=cells.get("currency", "EUR"))
        else:
            world.entry(night, "refund", -amount - difference, merchant_refund_reference=reference, **cells)
            world.refund(night, reference, amount, merchant_refund_reference=reference, currency=cells.get("currency", "EUR"))

    for night, amount, difference in [
        (0, 1010, 3), (0, 1020, -3), (0, 1030, 4), (0, 1040, -4), (1, 5000, 3), (1, 9990, 4), (1, 9980, 5), (1, 9970, -4),
        (1, 30000, 10), (2, 30010, -15), (2, 30030, 16), (2, 30020, 5), (3, 30040, -15), (3, 30050, 5), (3, 1050, 1),
    ]:
        pair(night, amount, difference)
    for amount, difference in [(10199, 50), (10200, 51), (10198, 51), (10197, -50), (10196, -51), (199, 0), (198, 1)]:
        pair(2, amount, difference, currency="USD")
    for amount, difference in [(1060, 3), (1070, 4), (1080, -3)]:
        pair(4, amount, difference, kind="refund")
    # A fee is not let go, nor parts that do not add up.
    pair(4, 1090, 3, fee=30)
    world.attempt(4, "tolerated-in-parts", 1000, merchant_reference="tolerated-in-parts")
    for amount in (400, 598):
        world.entry(4, "payment", amount, merchant_reference="tolerated-in-parts")


def of_an_entry(world):
    """What an entry says against itself: exchanged at the rate it states, or nearly; of its month, or not."""
    def exchanged(amount, charged, rate, kind="payment", night=0, **cells):
        cells = {"currency": "EUR", "customer_currency": "USD", **cells}
        world.entry(night, kind, amount, customer_amount=charged, exchange_rate=rate, **cells)

    # A rate of four decimals, 0.9215, may be anything from 0.92145 to 0.92155: of 170.00 156.64 to 156.67, and 0.07 tolerated.
    for amount in [15656, 15657, 15664, 15667, 15674, 15675]:
        exchanged(amount, "170.00", "0.9215")
    # Zeros behind the rate are not kept; more decimals are more exact.
    for amount, rate in [(16991, "1"), (16990, "1.0"), (15667, "0.92150001"), (15675, "0.921512345678"), (15673, "0.921512345678")]:
        exchanged(amount, "170.00", rate)
    # The discount of the merchant is not paid out; a refund is negative; and one whose sign is the other's.
    exchanged(14744, "170.00", "0.9215", merchant_discount="10.00")
    exchanged(15666, "170.00", "0.9215", merchant_discount="10.00")
    exchanged(-15666, "-170.00", "0.9215", kind="refund")
    exchanged(-15656, "-170.00", "0.9215", kind="refund")
    exchanged(-15666, "170.00", "0.9215", kind="chargeback")
    # Other currencies that settle; one that is not exchanged; a line that is of no payment.
    exchanged(18448, "170.00", "1.0850", currency="USD", customer_currency="EUR")
    exchanged(18600, "170.00", "1.0850", currency="USD", customer_currency="EUR")
    exchanged(18600, "170.00", "1.0850", customer_currency="EUR")
    exchanged(18600, "170.00", "1.0850", kind="adjustment")
    # Met by its record all the same; and stated again, at another rate, at the right one, and never.
    exchanged(15600, "170.00", "0.9215", merchant_reference="exchanged")
    world.attempt(0, "exchanged", 17000, currency="USD", merchant_reference="exchanged")
    for night, amount in enumerate([15600, 15500, 15666]):
        exchanged(amount, "170.00", "0.9215", night=night, named="exchanged-again")
    # Days before the night and after it: the last of October that harbour and summit should have booked before November.
    for provider in ["harbour", "summit"]:
        for days in [-50, -22, -21, -20, -19, -18, 0, 1, 2, 3]:
            world.entry(0, "payment", 20000 + days, provider=provider, at=600 + days * 1440)
    for kind in ["refund", "refund_reversal", "chargeback", "chargeback_reversal", "payout", "fee"]:
        world.entry(1, kind, 640 if "reversal" in kind else -640, at=-40 * 1440)
    world.entry(3, "payment", 650, at=2 * 1440 - 1)
    world.entry(3, "payment", 660, at=2 * 1440)
