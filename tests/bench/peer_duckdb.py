"""The peer: the same night closed with DuckDB, as someone who knows it well would script it.

    python peer_duckdb.py DATA OUT [--threads COUNT]

Reads a night as `tieout sample` writes it: `DATA/provider/<provider>/…` and `DATA/merchant/…`, one file of each. Writes
entries, matches, breaks, success_rates and abandonment to OUT as zstd Parquet. It does less than a close: nothing is
carried from night to night, no total of a file is tied, no bad line survives, nothing is archived or hashed.
Prints one line of JSON: seconds a stage, rows a table, breaks by type.
"""

import argparse
import codecs
import json
import os
import time
import zipfile
from pathlib import Path

import duckdb

# What the providers charge by contract; the fee is checked on what settles.
FEES = {"wechat_pay": ("0.006", "0"), "alipay": ("0.006", "0"), "stripe": ("0.029", "0.30"), "adyen": ("0.011", "0.12")}
MONEY = "DECIMAL(18, 4)"
# The cuts of success rates: over all, then by each of these.
CUTS = ["provider", "method", "wallet", "card_brand", "card_funding", "currency", "channel", "country", "customer_segment"]


def one(data, pattern):
    """The one file of a pattern."""
    (path,) = data.glob(pattern)
    return path


def text_of(path, out):
    """The statement in an archive, from GBK to the UTF-8 that DuckDB reads, a piece at a time."""
    decoder = codecs.getincrementaldecoder("gb18030")()
    with zipfile.ZipFile(path) as archive:
        statement = max(archive.infolist(), key=lambda member: member.file_size)
        with archive.open(statement) as packed, open(out, "wb") as plain:
            while piece := packed.read(1 << 20):
                plain.write(decoder.decode(piece).encode())


def read_csv(path):
    return f"read_csv('{path}', header = true, all_varchar = true)"


def read_bill(path, comments=0):
    """A bill frames its rows with lines of other widths: its columns are told, not guessed, and those lines left out."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        *_, header = (next(file) for _ in range(comments + 1))
    columns = {name: "VARCHAR" for name in header.rstrip().split(",")}
    return (
        f"read_csv('{path}', auto_detect = false, skip = {comments + 1}, columns = {columns}, delim = ',', quote = '', "
        f"escape = '', null_padding = true, strict_mode = false, ignore_errors = true)"
    )


def entries(data, alipay):
    """Every provider's lines, as one table."""
    cell = lambda name: f"""substr("{name}", 2)"""
    tabbed = lambda name: f"""trim("{name}", chr(9))"""
    either = lambda name: f"if({cell('交易状态')} = 'REFUND', -{cell('申请退款金额')}::{MONEY}, {cell(name)}::{MONEY})"
    amount = lambda name: f"""coalesce("{name}"::{MONEY}, 0)"""
    gross = f"""{amount("Gross Credit (GC)")} - {amount("Gross Debit (GC)")}"""
    return f"""
CREATE TABLE entries AS
SELECT 'wechat_pay' AS provider, if({cell("交易状态")} = 'REFUND', 'refund', 'payment') AS kind,
    {cell("商户订单号")} AS merchant_reference, {cell("微信订单号")} AS provider_reference,
    nullif({cell("商户退款单号")}, '0') AS merchant_refund_reference,
    {either("应结订单金额")} AS gross, {cell("手续费")}::{MONEY} AS fee, {cell("货币种类")} AS currency,
    {either("订单金额")} AS customer_amount, {cell("货币种类")} AS customer_currency,
    {cell("交易时间")}::TIMESTAMP - INTERVAL 8 HOUR AS occurred_at
FROM {read_bill(one(data, "provider/wechat_pay/*.csv"))} WHERE "交易时间" LIKE '`____-%'
UNION ALL
SELECT 'alipay', if({tabbed("业务类型")} = '退款', 'refund', 'payment'), {tabbed("商户订单号")}, {tabbed("支付宝交易号")},
    nullif({tabbed("退款批次号/请求号")}, ''), "商家实收（元）"::{MONEY}, -("服务费（元）"::{MONEY}), 'CNY',
    "订单金额（元）"::{MONEY}, 'CNY', "完成时间"::TIMESTAMP - INTERVAL 8 HOUR
FROM {read_bill(alipay, comments=4)} WHERE "支付宝交易号" NOT LIKE '#%'
UNION ALL
SELECT 'stripe', CASE reporting_category WHEN 'charge' THEN 'payment' WHEN 'refund' THEN 'refund'
        WHEN 'dispute' THEN 'chargeback' WHEN 'dispute_reversal' THEN 'chargeback_reversal' ELSE 'other' END,
    "payment_metadata[order_id]", charge_id, "refund_metadata[refund_id]", gross::{MONEY}, fee::{MONEY}, upper(currency),
    customer_facing_amount::{MONEY}, upper(customer_facing_currency), created_utc::TIMESTAMP
FROM {read_csv(one(data, "provider/stripe/*.csv"))}
UNION ALL
SELECT 'adyen', CASE "Type" WHEN 'Settled' THEN 'payment' WHEN 'Refunded' THEN 'refund'
        WHEN 'Chargeback' THEN 'chargeback' WHEN 'ChargebackReversed' THEN 'chargeback_reversal' ELSE 'other' END,
    "Merchant Reference", "Psp Reference", "Modification Merchant Reference", {gross},
    {amount("Commission (NC)")} + {amount("Markup (NC)")}, "Net Currency", {gross}, "Gross Currency",
    "Creation Date"::TIMESTAMP - INTERVAL 1 HOUR
FROM {read_csv(one(data, "provider/adyen/**/*.csv"))}"""


def records(data):
    """The merchant's own tables."""
    amounts_and_times = {
        "orders": ["amount", "created_at"],
        "attempts": ["amount", "started_at", "finished_at"],
        "refunds": ["amount", "requested_at"],
    }
    for table, (amount, *times) in amounts_and_times.items():
        typed = [f"{amount}::{MONEY} AS {amount}", *(f"{name}::TIMESTAMPTZ AS {name}" for name in times)]
        source = read_csv(one(data, f"merchant/{table}_*.csv"))
        yield f"CREATE TABLE {table} AS SELECT * REPLACE ({', '.join(typed)}) FROM {source}"


def numbered(again, columns, rows, keys, order):
    """Rows numbered among those of equal keys. Nearly all are alone: only those whose keys are in `again` are sorted."""
    return f"""(
    SELECT {columns}, 1 AS copy FROM {rows[0]} ANTI JOIN {again} USING ({keys}) WHERE {rows[1]}
    UNION ALL
    SELECT {columns}, row_number() OVER (PARTITION BY {keys} ORDER BY {order})
    FROM {rows[0]} SEMI JOIN {again} USING ({keys}) WHERE {rows[1]})"""


def reconcile():
    """Who has the same reference, what the two say of each other, and what is left over."""
    payments = ("entries", "kind = 'payment'")
    tries = ("attempts", "status NOT IN ('expired', 'pending')")
    repeated = lambda rows, keys, how: f"SELECT {keys} FROM {rows[0]} WHERE {rows[1]} GROUP BY ALL HAVING {how}"
    one_payment, one_order = "provider, provider_reference", "provider, merchant_reference"
    rival = "min(provider_reference) <> max(provider_reference)"
    yield f"CREATE TABLE stated_again AS {repeated(payments, one_payment, 'count(*) > 1')}"
    yield f"CREATE TABLE recorded_again AS {repeated(tries, one_order, 'count(*) > 1')}"
    yield f"CREATE TABLE rivals AS SELECT *, true AS rival FROM ({repeated(payments, one_order, rival)})"
    of_payments = "provider, merchant_reference, provider_reference, customer_amount, customer_currency, gross, fee"
    of_tries = "provider, merchant_reference, order_id, attempt_id, status, amount, currency"
    contract = " ".join(
        f"WHEN '{provider}' THEN round(gross * {percent}, 2) + {fixed}" for provider, (percent, fixed) in FEES.items()
    )
    yield f"""
CREATE TABLE paid AS
WITH stated AS NOT MATERIALIZED {numbered("stated_again", of_payments, payments, one_payment, "occurred_at")},
recorded AS {numbered("recorded_again", of_tries, tries, one_order, "status <> 'succeeded', attempt_id")},
joined AS (
    SELECT provider, merchant_reference, recorded.order_id, recorded.attempt_id, stated.provider_reference, recorded.status,
        recorded.amount AS merchant_amount, recorded.currency AS merchant_currency,
        customer_amount, customer_currency, gross, fee, rival, recorded.copy > 1 AS again
    FROM (SELECT * FROM stated WHERE copy = 1) AS stated
    FULL JOIN recorded USING (provider, merchant_reference)
    LEFT JOIN rivals USING (provider, merchant_reference)
    WHERE stated.provider IS NOT NULL OR recorded.status = 'succeeded')
SELECT *, CASE
        WHEN rival THEN 'ambiguous'
        WHEN attempt_id IS NULL THEN 'missing_in_merchant'
        WHEN gross IS NULL THEN 'missing_in_provider'
        WHEN again THEN 'duplicate_in_merchant'
        WHEN status <> 'succeeded' THEN 'false_failure'
        WHEN customer_currency <> merchant_currency THEN 'currency_mismatch'
        WHEN customer_amount <> merchant_amount THEN 'amount_mismatch'
        WHEN fee <> CASE provider {contract} END THEN 'fee_mismatch'
        ELSE 'matched' END AS outcome
FROM joined
UNION ALL BY NAME
SELECT provider, merchant_reference, provider_reference, customer_amount, customer_currency, gross, fee,
    'duplicate_in_provider' AS outcome
FROM stated WHERE copy > 1
UNION ALL BY NAME
SELECT provider, merchant_reference, provider_reference, customer_amount, customer_currency, gross, fee,
    if(kind = 'chargeback', 'chargeback', 'chargeback_reversed') AS outcome
FROM entries WHERE kind IN ('chargeback', 'chargeback_reversal')
UNION ALL BY NAME
SELECT DISTINCT provider, merchant_reference, order_id, attempt_id, merchant_amount, merchant_currency, 'ambiguous' AS outcome
FROM joined WHERE rival AND attempt_id IS NOT NULL"""
    yield """
CREATE TABLE refunded AS
SELECT provider, merchant_refund_reference AS merchant_reference, refunds.order_id, stated.provider_reference,
    refunds.amount AS merchant_amount, -stated.customer_amount AS customer_amount, CASE
        WHEN refunds.refund_id IS NULL THEN 'refund_missing_in_merchant'
        WHEN stated.kind IS NULL THEN 'refund_missing_in_provider'
        WHEN refunds.amount <> -stated.customer_amount THEN 'refund_amount_mismatch'
        ELSE 'matched' END AS outcome
FROM (SELECT * FROM entries WHERE kind = 'refund') AS stated FULL JOIN refunds USING (provider, merchant_refund_reference)"""


def tables():
    """What is published, and the query of it."""
    both = "SELECT * FROM paid UNION ALL BY NAME SELECT * FROM refunded"
    yield "entries", "FROM entries"
    yield "matches", f"FROM ({both}) WHERE outcome = 'matched'"
    yield "breaks", f"FROM ({both}) WHERE outcome <> 'matched'"
    cut = f"CASE {' '.join(f'WHEN grouping({cut}) = 0 THEN {chr(39)}{cut}{chr(39)}' for cut in CUTS)} ELSE 'all' END"
    value = f"CASE {' '.join(f'WHEN grouping({cut}) = 0 THEN {cut}' for cut in CUTS)} END"
    yield "success_rates", f"""
SELECT {cut} AS cut, {value} AS value, count(*) AS attempts, count(*) FILTER (status = 'succeeded') AS succeeded,
    count(*) FILTER (status = 'failed') AS failed, count(*) FILTER (status = 'pending') AS pending,
    count(settled) AS settled, sum(amount) AS amount, sum(amount) FILTER (status = 'succeeded') AS succeeded_amount
FROM (SELECT attempts.*, channel, country, customer_segment, paid.attempt_id AS settled
    FROM attempts JOIN orders USING (order_id)
    LEFT JOIN (SELECT attempt_id FROM paid WHERE outcome = 'matched') AS paid USING (attempt_id))
GROUP BY GROUPING SETS ((), {', '.join(f'({cut})' for cut in CUTS)})"""
    yield "abandonment", """
WITH tries AS (
    SELECT order_id, arg_max(stage, started_at) AS stage, arg_max(status, started_at) AS status,
        arg_max(provider, started_at) AS provider, bool_or(status = 'succeeded') AS paid, count(*) AS tries
    FROM attempts GROUP BY order_id)
SELECT provider, channel, country, customer_segment, stage, count(*) AS orders, count(*) FILTER (paid) AS paid,
    count(*) FILTER (NOT paid AND tries.status = 'expired') AS abandoned,
    count(*) FILTER (NOT paid AND tries.status = 'failed') AS failed_and_left, count(*) FILTER (paid AND tries > 1) AS recovered
FROM orders LEFT JOIN tries USING (order_id) GROUP BY ALL"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    data, out = arguments.data, arguments.out
    out.mkdir(parents=True, exist_ok=True)
    began, stages = time.perf_counter(), {}

    def done(stage):
        stages[stage] = round(time.perf_counter() - began - sum(stages.values()), 3)

    database = duckdb.connect(config={"threads": arguments.threads, "preserve_insertion_order": False})
    alipay = out / "alipay.csv"
    text_of(one(data, "provider/alipay/*.zip"), alipay)
    done("unpacking")
    database.execute(entries(data, alipay))
    alipay.unlink()
    done("entries")
    for table in records(data):
        database.execute(table)
    done("records")
    for table in reconcile():
        database.execute(table)
    done("reconciling")
    for name, query in tables():
        database.execute(f"COPY ({query}) TO '{out / name}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    done("analyzing and writing")
    seconds = round(time.perf_counter() - began, 3)
    counted = lambda table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    breaks = database.execute(f"SELECT outcome, count(*) FROM '{out}/breaks.parquet' GROUP BY 1 ORDER BY 1").fetchall()
    rows = {table: counted(table) for table in ["entries", "orders", "attempts", "refunds"]}
    engine = f"duckdb {duckdb.__version__}"
    print(json.dumps({"engine": engine, "seconds": seconds, "stages": stages, "rows": rows, "breaks": dict(breaks)}))


if __name__ == "__main__":
    main()
