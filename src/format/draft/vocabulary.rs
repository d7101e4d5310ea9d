//! The words columns and kinds are called by, in English and Chinese.

use super::super::header::folded;

/// What the cells of a column look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Amount,
    Currency,
    Time,
    Text,
}

/// A canonical column, what its cells look like, and what it is called: the surer first.
pub(super) struct Meaning {
    pub(super) column: &'static str,
    pub(super) shape: Shape,
    words: &'static [&'static str],
}

/// In the order in which they choose: a column that is chosen is not chosen again.
pub(super) const MEANINGS: [Meaning; 14] = [
    Meaning {
        column: "net",
        shape: Shape::Amount,
        words: &["net", "net amount", "net settlement", "实收净额", "入账金额", "到账金额", "结算净额"],
    },
    Meaning {
        column: "fee",
        shape: Shape::Amount,
        words: &["fee", "fees", "fee amount", "commission", "service charge", "手续费", "服务费", "佣金"],
    },
    Meaning {
        column: "gross",
        shape: Shape::Amount,
        words: &[
            "gross",
            "gross amount",
            "transaction amount",
            "amount",
            "订单金额",
            "交易金额",
            "商家实收",
            "结算金额",
            "总金额",
            "收入金额",
            "金额",
            "paid",
            "total",
            "value",
        ],
    },
    Meaning {
        column: "currency",
        shape: Shape::Currency,
        words: &["currency", "currency code", "settlement currency", "ccy", "货币种类", "币种", "货币"],
    },
    Meaning {
        column: "occurred_at",
        shape: Shape::Time,
        words: &[
            "transaction time",
            "transaction date",
            "created",
            "created at",
            "completed at",
            "occurred at",
            "time",
            "date",
            "timestamp",
            "booking date",
            "交易时间",
            "完成时间",
            "发生时间",
            "支付时间",
            "时间",
            "日期",
        ],
    },
    Meaning {
        column: "available_on",
        shape: Shape::Time,
        words: &["available on", "settlement date", "value date", "payout date", "结算日期", "清算日期"],
    },
    Meaning {
        column: "merchant_refund_reference",
        shape: Shape::Text,
        words: &[
            "merchant refund",
            "refund reference",
            "refund id",
            "refund no",
            "refund number",
            "refund",
            "商户退款单号",
            "退款批次号",
            "退款请求号",
            "退款单号",
        ],
    },
    Meaning {
        column: "merchant_reference",
        shape: Shape::Text,
        words: &[
            "merchant reference",
            "merchant order",
            "merchant order id",
            "out trade no",
            "order id",
            "order reference",
            "order no",
            "order number",
            "order",
            "invoice",
            "商户订单号",
            "商户单号",
            "订单号",
        ],
    },
    Meaning {
        column: "provider_reference",
        shape: Shape::Text,
        words: &[
            "transaction id",
            "psp reference",
            "payment id",
            "trade no",
            "transaction reference",
            "transaction",
            "balance transaction id",
            "交易流水号",
            "交易号",
            "交易单号",
            "微信订单号",
            "支付宝交易号",
            "平台订单号",
            "流水号",
            "id",
            "reference",
        ],
    },
    Meaning {
        column: "batch_reference",
        shape: Shape::Text,
        words: &["payout id", "batch number", "batch", "settlement id", "settlement batch", "payout", "结算批次", "批次号"],
    },
    Meaning {
        column: "method",
        shape: Shape::Text,
        words: &["payment method", "payment method type", "method", "支付方式", "付款方式"],
    },
    Meaning { column: "card_brand", shape: Shape::Text, words: &["card brand", "card scheme", "卡组织"] },
    Meaning { column: "card_funding", shape: Shape::Text, words: &["card funding", "funding", "卡类型"] },
    Meaning {
        column: "provider_status",
        shape: Shape::Text,
        words: &[
            "type",
            "transaction type",
            "entry type",
            "reporting category",
            "event",
            "event type",
            "kind",
            "category",
            "业务类型",
            "交易类型",
            "交易状态",
            "类型",
            "status",
            "状态",
        ],
    },
];

/// What a merchant's account is called.
const ACCOUNT: [&str; 7] = ["merchant account", "merchant id", "account id", "mid", "商户号", "商户编号", "账号"];

/// The words of kinds: the first that a value holds decides.
const KINDS: [(&str, &[&str]); 15] = [
    ("chargeback_reversal", &["chargeback reversal", "chargeback reversed", "dispute reversal", "dispute won"]),
    ("refund_reversal", &["refund reversal", "refund failure", "refund failed", "refunded reversed", "退款退回"]),
    ("payout_reversal", &["payout reversal", "payout failure", "payout failed", "提现退回"]),
    ("fee_refund", &["fee refund", "退手续费", "手续费退"]),
    ("chargeback", &["chargeback", "dispute", "拒付"]),
    ("refund", &["refund", "refunded", "return", "退款", "revoked", "撤销"]),
    ("reserve_release", &["reserve release", "release"]),
    ("reserve_hold", &["reserve", "hold", "冻结"]),
    ("tax", &["tax", "vat", "税"]),
    ("fee", &["fee", "fees", "commission", "手续费", "服务费"]),
    ("payout", &["payout", "withdrawal", "disbursement", "提现", "merchant payout"]),
    ("fx_conversion", &["conversion", "exchange", "fx", "换汇"]),
    ("transfer", &["transfer", "top up", "topup", "转账"]),
    ("adjustment", &["adjustment", "correction", "调整", "调账"]),
    (
        "payment",
        &["payment", "sale", "charge", "capture", "captured", "settled", "purchase", "success", "交易", "支付", "收款", "消费"],
    ),
];

/// How sure it is that a column of that name is meant: nothing, or up to 100.
pub(super) fn likeness(meaning: &Meaning, name: &str) -> usize {
    alike(meaning.words, name)
}

/// The column that names the account.
pub(super) fn account(header: &[String]) -> Option<usize> {
    (0..header.len()).find(|&at| alike(&ACCOUNT, &header[at]) == 100)
}

/// The kind a value of the column of kinds speaks of, and whether it is all it says.
pub(super) fn kind_of(value: &str) -> Option<(&'static str, bool)> {
    let value = plain(value);
    let found = KINDS.iter().find(|(_, words)| words.iter().any(|word| holds(&value, word)));
    found.map(|(kind, words)| (*kind, words.contains(&value.as_str())))
}

fn alike(words: &[&str], name: &str) -> usize {
    let name = plain(name);
    let letters = name.chars().count().max(1);
    let one = |(place, word): (usize, &&str)| match () {
        () if name == *word => 100,
        // A longer part says more; of equal parts the surer word.
        () if holds(&name, word) => (40 + 50 * word.chars().count() / letters).min(99).saturating_sub(place),
        () => 0,
    };
    words.iter().enumerate().map(one).max().unwrap_or(0)
}

/// Whether `words` stand in `text`: whole ones, where they are of ASCII.
fn holds(text: &str, words: &str) -> bool {
    if words.is_ascii() { format!(" {text} ").contains(&format!(" {words} ")) } else { text.contains(words) }
}

/// Small letters, one space between two words: `TransactionId`, `transaction_id` and `Transaction-ID` are one.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut was_small = false;
    for letter in folded(name).chars() {
        if was_small && letter.is_uppercase() {
            plain.push(' ');
        }
        was_small = letter.is_lowercase();
        plain.extend(if letter.is_alphanumeric() { letter.to_lowercase().collect() } else { vec![' '] });
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
