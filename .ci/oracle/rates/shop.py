"""Writes the nights of a shop in which orders and attempts are whatever they may be, many by chance, for the rates of them.

    python shop.py FOLDER SEED      newyork.toml, kolkata.toml and berlin.toml, which has no attempts: five
                                              Sundays, on one of which summer time ends, and a Monday

Some attempts of an order share a reference, so that several of them may meet several entries as one.

What the columns hold is drawn from few values and from the edges of each rule: amounts where bands begin, hours where nights end,
attempts as long after one another as a retry may be. What comes of it is for the program and for the SQL beside this file to say.
"""

import csv
import datetime
import pathlib
import random
import sys
import zoneinfo

NIGHTS = [datetime.date(2026, 10, 25) + datetime.timedelta(days=days) for days in [0, 7, 14, 21, 28, 29]]

JOB = """
name = "{name}"
lake = "lake_{name}"
timezone = "{zone}"

[merchant.orders]
source = {{ files = "{name}/orders_{{date:%Y%m%d}}.csv" }}
"""

ATTEMPTS = """
[merchant.attempts]
source = { files = "{name}/attempts_{date:%Y%m%d}.csv" }
"""

OTHERWISE = """
[analysis]
abandoned_after = "90 minutes"
retry_within = "10 minutes"
minimum_count = 7
pairs = [["provider", "wallet"], ["amount_band", "account"], ["weekday", "hour"]]
minimum_change = "0.03"
false_discovery = "0.2"
"""

PROVIDER = """
[[provider]]
name = "{provider}"
account = "{account}"
format = "generic/entries"
source = {{ files = "{name}/{account}_{{date:%Y%m%d}}.csv" }}
settles_in = "{settles_in}"
fee = [{{ percent = "1.0", on_refund = "kept" }}]
"""

# Two accounts with one provider: which of them an attempt was at is told by what it met.
ACCOUNTS = {"one-1": "stripe", "two-1": "adyen", "two-2": "adyen", "three-1": "wechat_pay"}

ENTRY = ["kind", "provider_reference", "merchant_reference", "currency", "gross", "fee", "customer_amount", "customer_currency",
    "occurred_at"]
ORDER = ["order_id", "created_at", "amount", "currency", "status", "channel", "country", "customer_segment"]
ATTEMPT = ["attempt_id", "order_id", "provider", "merchant_reference", "provider_reference", "method", "wallet", "card_brand",
    "card_funding", "started_at", "finished_at", "stage", "status", "failure_code", "amount", "currency"]

AMOUNTS = ["0", "0.01", "0.99", "1", "1.99", "2", "4.99", "5", "9.99", "10", "19.99", "20", "49.9", "50", "99.99", "100", "200",
    "1000000"]
CODES = ["expired_card", "insufficient_funds", "authentication_required", "processing_error", "fraudulent", "Refused", "FRAUD",
    "CVC Declined", "Issuer Unavailable", "3D Not Authenticated", "NOTENOUGH", "ORDERCLOSED", "OUT_TRADE_NO_USED", "REVOKED",
    "USERPAYING", "SYSTEMERROR", "NOT ENOUGH BALANCE", " notenough ", "Expired Card", "no such code", ""]


class Shop:
    """The files of one job; of a shop without attempts each order is one."""

    def __init__(self, name, zone, rules, chance):
        self.name, self.zone, self.rules, self.chance = name, zoneinfo.ZoneInfo(zone), rules, chance
        self.has_attempts = "[merchant.attempts]" in rules
        self.files = {(kind, night): [] for kind in ["orders", "attempts", *ACCOUNTS] for night in NIGHTS}
        self.count = 0

    def close(self, night):
        return datetime.datetime.combine(night + datetime.timedelta(days=1), datetime.time(), self.zone).astimezone(datetime.UTC)

    def created(self, night):
        """Any second of the night, or one at its edges or those of the time an order has."""
        chance, close = self.chance, self.close(night)
        if chance.random() < 0.2:
            minutes = chance.choice([0, 89, 90, 91, 119, 120, 121, 1440, 1500])
            return close - datetime.timedelta(minutes=minutes, seconds=chance.choice([-1, 0, 0, 1]))
        return close - datetime.timedelta(seconds=chance.randrange(1, 25 * 3600), microseconds=chance.choice([0, 0, 1, 999_999]))

    def order(self, number, night):
        chance = self.chance
        self.count += 1
        order = f"{self.name}-{number}"
        at = self.created(night)
        amount, currency = chance.choice(AMOUNTS), chance.choice(["EUR", "EUR", "USD", "JPY", "KWD"])
        if currency == "JPY":
            amount = str(int(float(amount)))
        of = {"order_id": order, "amount": amount, "currency": currency}
        tries = chance.choices([0, 1, 2, 3, 5], [2, 10, 4, 2, 1])[0]
        succeeded = False
        begun, like = at, {}
        for one in range(tries):
            begun += datetime.timedelta(seconds=chance.choice([0, 1, 30, 59, 600, 601, 1799, 1800, 1801, 7200]))
            succeeded |= self.attempt(night, of, one, begun, like)
        paid = succeeded and chance.random() < 0.95 or chance.random() < 0.03
        status = "paid" if paid else chance.choice(["created", "expired", "cancelled", "cancelled"])
        known = {"channel": chance.choice(["web", "app", "", "pos"]), "country": chance.choice(["US", "IN", "", "DE"]),
            "customer_segment": chance.choice(["new", "", "a x b"])}
        stated = {**of, "created_at": at.isoformat(), "status": status, **known}
        if chance.random() < 0.97:
            self.files["orders", night].append(stated)
        later = NIGHTS[NIGHTS.index(night) + 1 :][:1]
        if later and chance.random() < 0.03:
            self.files["orders", later[0]].append({**stated, "status": chance.choice(["paid", "cancelled", status, status])})

    def attempt(self, night, of, one, begun, like):
        """A try of an order, like the one before in most; what the provider states of it, if anything."""
        chance = self.chance
        draw = {
            "account": lambda: chance.choices([*ACCOUNTS, "elsewhere", ""], [8, 4, 4, 4, 1, 1])[0],
            "method": lambda: chance.choice(["card", "card", "wallet", ""]),
            "wallet": lambda: chance.choice(["", "", "apple_pay", "google_pay"]),
            "card_brand": lambda: chance.choice(["", "visa", "visa", "mastercard"]),
            "card_funding": lambda: chance.choice(["", "credit", "debit"]),
        }
        for key, value in draw.items():
            if key not in like or chance.random() < 0.2:
                like[key] = value()
        drops = night == NIGHTS[-2] and like["wallet"] == "apple_pay" and like["account"] == "one-1"
        success = 0 if drops else 12
        ends = ["succeeded", "failed", "expired", "cancelled", "pending", "initiated"]
        status = chance.choices(ends, [success, 5, 2, 1, 0.1, 0.1])[0]
        before = ["", "method_selected", "submitted", "authentication", "redirected", "processing"]
        stage = chance.choice(["completed"] * 3 + before)
        amount, currency = of["amount"], of["currency"]
        if chance.random() < 0.05:
            amount, currency = chance.choice([("1", currency), (amount, "EUR"), ("0", currency)])
        reference = f"{of['order_id']}-{one}"
        if chance.random() < 0.1 or not self.has_attempts:
            reference = of["order_id"]
        took = datetime.timedelta(seconds=chance.choice([-5, 0, 1, 40, 3600]), milliseconds=chance.choice([0, 0, 999]))
        row = {
            "attempt_id": f"{of['order_id']}/{one}",
            "order_id": of["order_id"] if chance.random() < 0.98 else "of-no-night",
            "provider": ACCOUNTS.get(like["account"], like["account"]), "merchant_reference": reference,
            **{key: like[key] for key in ["method", "wallet", "card_brand", "card_funding"]},
            "started_at": begun.isoformat(), "finished_at": (begun + took).isoformat() if chance.random() < 0.8 else "",
            "stage": stage, "status": status, "failure_code": chance.choice(CODES) if status == "failed" else "",
            "amount": amount, "currency": currency,
        }
        self.files["attempts", night].append(row)
        index = NIGHTS.index(night)
        if index + 1 < len(NIGHTS) and chance.random() < 0.05:
            # Stated again, as it was or otherwise.
            said = {"status": chance.choice([status, "succeeded", "failed"]), "amount": chance.choice([amount, amount, "3"])}
            self.files["attempts", NIGHTS[index + 1]].append({**row, **said})
        # Where the record names no provider, any may state it.
        account = like["account"] or "one-1"
        if account in ACCOUNTS and chance.random() < (0.93 if status == "succeeded" else 0.06):
            self.entry(night, account, reference, amount, currency, begun)
        return status == "succeeded"

    def entry(self, night, account, reference, amount, currency, begun):
        chance = self.chance
        nights = NIGHTS[max(0, NIGHTS.index(night) - 1) :]
        when = night if chance.random() < 0.95 else chance.choice(nights[:3])
        parts = [amount]
        if currency != "JPY" and float(amount) >= 2:
            in_two, more = ["1", f"{float(amount) - 1:.2f}"], f"{float(amount) + 0.5:.2f}"
            parts = chance.choices([[amount], in_two, [amount, amount], [more], ["1"]], [30, 1, 1, 1, 1])[0]
        for gross in parts:
            self.count += 1
            fee = f"{round(float(gross) * 0.01, 2):.2f}" if chance.random() < 0.9 else "0.07"
            cells = {"currency": currency, "gross": gross, "fee": fee}
            if chance.random() < 0.05:
                cells = {"currency": "GBP", "gross": "7.00", "fee": "0.07", "customer_amount": gross, "customer_currency": currency}
            self.files[account, when].append({"kind": "payment", "provider_reference": f"number-{self.count}",
                "merchant_reference": reference, "occurred_at": begun.isoformat(), **cells})

    def write(self, folder, orders):
        for night in NIGHTS:
            for number in range(orders):
                self.order(f"{night:%m%d}-{number}", night)
        job = JOB.format(name=self.name, zone=self.zone.key) + self.rules.replace("{name}", self.name)
        for account, provider in ACCOUNTS.items():
            settles_in = {"three-1": "0 days", "one-1": "1 day"}.get(account, "1 business day")
            job += PROVIDER.format(provider=provider, account=account, name=self.name, settles_in=settles_in)
        (folder / self.name).mkdir(parents=True)
        (folder / f"{self.name}.toml").write_text(job)
        for (kind, night), rows in self.files.items():
            columns = {"orders": ORDER, "attempts": ATTEMPT}.get(kind, ENTRY)
            with open(folder / self.name / f"{kind}_{night:%Y%m%d}.csv", "w", newline="") as file:
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)


def main():
    folder, seed = pathlib.Path(sys.argv[1]), sys.argv[2]
    shops = [
        ("newyork", "America/New_York", ATTEMPTS),
        ("kolkata", "Asia/Kolkata", ATTEMPTS + OTHERWISE),
        ("berlin", "Europe/Berlin", ""),
    ]
    for name, zone, rules in shops:
        Shop(name, zone, rules, random.Random(f"{name} {seed}")).write(folder, 1500)


if __name__ == "__main__":
    main()
