"""The peer of a bill: the same file to the same typed columns with DuckDB's read_csv, to zstd Parquet.

    cargo bench --bench large -- bill FILE FORMAT OUT.parquet
    python peer_bill.py FILE FORMAT OUT.parquet [--threads COUNT]

It does less: an identity is 64 bits and two equal ones are not told apart, rows stand in no order and have no line number,
no total of the file is tied, a line that cannot be read is dropped, and nothing is hashed, synced or read back. What
DuckDB cannot read, an archive in GBK, is unpacked to UTF-8 before the clock starts.
Prints one line of JSON: seconds, rows, peak memory in MB.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from peer_duckdb import read_bill, read_csv, text_of

# What fits 64 bits is fastest, and both hold any amount of a bill.
MONEY, RATE = "DECIMAL(18, 8)", "DECIMAL(18, 12)"


def amount(column):
    return f"{column}::{MONEY}"


def either(text, pairs):
    """The word of the first pattern that `text` is like; none where it is like none."""
    return f"CASE {' '.join(f'WHEN {text} LIKE {chr(39)}{like}{chr(39)} THEN {chr(39)}{word}{chr(39)}' for like, word in pairs)} END"


def wechat_pay(file):
    cell = lambda name: f"""substr("{name}", 2)"""
    money = lambda name: amount(cell(name))
    is_refund = f"{cell('交易状态')} = 'REFUND'"
    of = lambda refund, payment: f"if({is_refund}, {refund}, {payment})"
    gross = of(f"-{money('退款金额')}", money("应结订单金额"))
    customer = of(f"-{money('申请退款金额')}", money("订单金额"))
    return f"FROM {read_bill(file)} WHERE \"交易时间\" LIKE '`____-%'", {
        "entry_id": f"hash({cell('微信订单号')}, {cell('交易状态')}, {cell('微信退款单号')})",
        "kind": of("'refund'", "'payment'"),
        "provider_reference": of(cell("微信退款单号"), cell("微信订单号")),
        "original_reference": of(cell("微信订单号"), "NULL"),
        "merchant_reference": cell("商户订单号"),
        "merchant_refund_reference": of(f"nullif({cell('商户退款单号')}, '0')", "NULL"),
        "method": "'wallet'",
        "wallet": "'wechat_pay'",
        "currency": cell("货币种类"),
        "gross": gross,
        "fee": money("手续费"),
        "net": f"{gross} - {money('手续费')}",
        "customer_amount": customer,
        "customer_currency": cell("货币种类"),
        "merchant_discount": f"{customer} - {gross}",
        "provider_discount": of(f"-{money('充值券退款金额')}", money("代金券金额")),
        "occurred_at": f"{cell('交易时间')}::TIMESTAMP - INTERVAL 8 HOUR",
        "provider_status": cell("交易状态"),
    }


def alipay(file):
    cell = lambda name: f"""trim("{name}", chr(9))"""
    money = lambda name: amount(f'"{name}（元）"')
    fee = f"-({money('服务费')} + {money('分润')})"
    of = lambda refund, payment: f"if({cell('业务类型')} = '退款', {refund}, {payment})"
    refund = cell("退款批次号/请求号")
    return f"FROM {read_bill(file, comments=4)} WHERE \"支付宝交易号\" NOT LIKE '#%'", {
        "entry_id": f"hash({cell('支付宝交易号')}, {cell('业务类型')}, {refund}, \"完成时间\")",
        "kind": of("'refund'", "'payment'"),
        "provider_reference": of(refund, cell("支付宝交易号")),
        "original_reference": of(cell("支付宝交易号"), "NULL"),
        "merchant_reference": cell("商户订单号"),
        "merchant_refund_reference": of(refund, "NULL"),
        "method": "'wallet'",
        "wallet": "'alipay'",
        "currency": "'CNY'",
        "gross": money("商家实收"),
        "fee": fee,
        "net": f"{money('商家实收')} - {fee}",
        "customer_amount": money("订单金额"),
        "customer_currency": "'CNY'",
        "merchant_discount": f"{money('商家优惠')} + {amount(cell('商家红包消费金额（元）'))}",
        "provider_discount": f"{money('支付宝红包')} + {money('集分宝')} + {money('支付宝优惠')}",
        "occurred_at": "\"完成时间\"::TIMESTAMP - INTERVAL 8 HOUR",
        "provider_status": cell("业务类型"),
    }


def stripe(file):
    kinds = {"charge": "payment", "dispute": "chargeback", "dispute_reversal": "chargeback_reversal"}
    kind = " ".join(f"WHEN '{category}' THEN '{kind}'" for category, kind in kinds.items())
    return f"FROM {read_csv(file)}", {
        "entry_id": "hash(balance_transaction_id)",
        "kind": f"CASE reporting_category {kind} ELSE reporting_category END",
        "provider_reference": "if(reporting_category = 'charge', charge_id, source_id)",
        "original_reference": "if(reporting_category = 'charge', NULL, charge_id)",
        "merchant_reference": '"payment_metadata[order_id]"',
        "merchant_refund_reference": '"refund_metadata[refund_id]"',
        "batch_reference": "automatic_payout_id",
        "method": "payment_method_type",
        "card_brand": "if(card_brand = 'mc', 'mastercard', lower(card_brand))",
        "card_funding": "lower(card_funding)",
        "currency": "upper(currency)",
        "gross": amount("gross"),
        "fee": amount("fee"),
        "net": amount("net"),
        "customer_amount": amount("customer_facing_amount"),
        "customer_currency": "upper(customer_facing_currency)",
        "occurred_at": "created_utc::TIMESTAMP",
        "available_on": "available_on_utc::DATE",
        "provider_status": "reporting_category",
    }


def adyen(file):
    stated = lambda name: amount(f'"{name}"')
    money = lambda name: f"coalesce({stated(name)}, 0)"
    fee = " + ".join(money(f"{name} (NC)") for name in ["Commission", "Markup", "Scheme Fees", "Interchange"])
    net = f"{money('Net Credit (NC)')} - {money('Net Debit (NC)')}"
    kinds = {"Settled": "payment", "Refunded": "refund", "Chargeback": "chargeback", "ChargebackReversed": "chargeback_reversal"}
    kinds |= {"Fee": "fee", "MerchantPayout": "payout"}
    brands = [("visa%", "visa"), ("mc%", "mastercard"), ("amex%", "amex")]
    cards = [("visa%", "card"), ("mc%", "card"), ("amex%", "card"), ("paypal", "wallet"), ("alipay%", "wallet")]
    wallets = [("%_applepay", "apple_pay"), ("%_googlepay", "google_pay"), ("paypal", "paypal"), ("alipay%", "alipay")]
    fundings = [("%debit%", "debit"), ("%prepaid%", "prepaid"), ("%credit%", "credit")]
    kind = " ".join(f"WHEN '{type}' THEN '{kind}'" for type, kind in kinds.items())
    return f"FROM {read_csv(file)}", {
        "entry_id": 'hash("Merchant Account", "Batch Number", "Type", "Psp Reference", "Modification Reference", "Net Currency")',
        "kind": f'CASE "Type" {kind} ELSE \'adjustment\' END',
        "provider_reference": 'if("Type" = \'Settled\', "Psp Reference", "Modification Reference")',
        "original_reference": 'if("Type" = \'Settled\', NULL, "Psp Reference")',
        "merchant_reference": '"Merchant Reference"',
        "merchant_refund_reference": 'if("Type" = \'Refunded\', "Modification Merchant Reference", NULL)',
        "batch_reference": '"Batch Number"',
        "method": either('lower("Payment Method")', cards),
        "wallet": either('lower("Payment Method Variant")', wallets),
        "card_brand": either('lower("Payment Method")', brands),
        "card_funding": either('lower("Payment Method Variant")', fundings),
        "currency": '"Net Currency"',
        "gross": f"{net} + {fee}",
        "fee": fee,
        "net": net,
        "customer_amount": f"coalesce({stated('Gross Credit (GC)')}, -{stated('Gross Debit (GC)')})",
        "customer_currency": '"Gross Currency"',
        "exchange_rate": f'"Exchange Rate"::{RATE}',
        # The zone of these bills, whose days know no summer time.
        "occurred_at": '"Creation Date"::TIMESTAMP - INTERVAL 1 HOUR',
        "provider_status": '"Type"',
    }


BILLS = {
    "wechat_pay/trade_bill": wechat_pay,
    "alipay/trade_detail": alipay,
    "stripe/payout_reconciliation": stripe,
    "adyen/settlement_detail": adyen,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("format", choices=BILLS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.out.resolve().parent) as unpacked:
        file = arguments.file
        if file.suffix == ".zip":
            file = Path(unpacked) / "bill.csv"
            text_of(arguments.file, file)
        begin = time.perf_counter()
        source, columns = BILLS[arguments.format](file)
        provider = arguments.format.split("/")[0]
        columns = {"business_date": "DATE '2026-11-20'", "provider": f"'{provider}'", "account": "'bench'"} | columns
        columns |= {"outcome": "'excluded'", "file_id": "'0123456789abcdef'"}
        typed = ", ".join(f"{value} AS {name}" for name, value in columns.items())
        database = duckdb.connect(config={"threads": arguments.threads, "preserve_insertion_order": False})
        table = f"COPY (SELECT {typed} {source}) TO '{arguments.out}' (FORMAT parquet, COMPRESSION zstd)"
        (rows,) = database.execute(table).fetchone()
        database.close()
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"engine": f"duckdb {duckdb.__version__}", "seconds": round(seconds, 3), "rows": rows, "peak": round(peak)}))


if __name__ == "__main__":
    main()
