//! The trade bill of `wechat_pay`, ALL: UTF-8 with a byte order mark, CRLF, a back-tick before every value, a summary at the end.

use std::path::Path;

use chrono::NaiveDate;

use super::event::{Kind, Movement, Promotion};
use super::file::Text;
use crate::error::Result;
use crate::money::Amount;

const MERCHANT: &str = "1900000109";
const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
                      应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,\
                      手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// The bill of one night.
pub(super) struct TradeBill {
    file: Text,
    lines: u64,
    settled: Amount,
    refunded: Amount,
    fees: Amount,
    ordered: Amount,
}

impl TradeBill {
    pub(super) fn create(folder: &Path, date: NaiveDate) -> Result<Self> {
        let name = format!("{MERCHANT}_tradebill_ALL_{}.csv", date.format("%Y%m%d"));
        let mut file = Text::create(folder.join(name))?;
        file.write(&format!("\u{feff}{HEADER}\r\n"))?;
        let zero = Amount::ZERO;
        Ok(Self { file, lines: 0, settled: zero, refunded: zero, fees: zero, ordered: zero })
    }

    pub(super) fn write(&mut self, movement: &Movement) -> Result<()> {
        let order = &movement.order;
        let refund = movement.kind == Kind::Refund;
        let zero = Amount::ZERO;
        let (settled, ordered, refunded) =
            if refund { (zero, zero, -movement.gross) } else { (movement.gross, movement.customer_amount, zero) };
        let coupon = match movement.promotion {
            Promotion::Coupon(amount) | Promotion::RedPacket(amount) => amount,
            Promotion::Merchant(_) | Promotion::None => zero,
        };
        let trade = match order.channel {
            "app" => "APP",
            "web" => "NATIVE",
            "pos" => "MICROPAY",
            _ => "JSAPI",
        };
        self.file.write(&format!(
            "`{at},`wx8888888888888888,`{MERCHANT},`0,`,`{reference},`{order_reference},`oLK{salt:05}lanternandkettle00,`{trade},\
             `{status},`OTHERS,`CNY,`{settled},`{coupon},`{refund_id},`{refund_reference},`{refunded},`0.00,`{refund_type},\
             `{refund_status},`{goods},`,`{fee}000,`0.60%,`{ordered},`{refunded},`\r\n",
            at = movement.at,
            reference = movement.provider_reference,
            order_reference = movement.merchant_reference,
            salt = order.salt,
            status = if refund { "REFUND" } else { "SUCCESS" },
            refund_id = if refund { &movement.own_reference } else { "0" },
            refund_reference = if refund { &movement.merchant_refund_reference } else { "0" },
            refund_type = if refund { "ORIGINAL" } else { "" },
            refund_status = if refund { "SUCCESS" } else { "" },
            goods = order.goods,
            fee = movement.fee,
        ))?;
        self.lines += 1;
        self.settled += settled;
        self.ordered += ordered;
        self.refunded += refunded;
        self.fees += movement.fee;
        Ok(())
    }

    /// Lines of the bill, its summary written.
    pub(super) fn finish(mut self) -> Result<u64> {
        let Self { lines, settled, refunded, fees, ordered, .. } = self;
        self.file.write(&format!("{SUMMARY}\r\n`{lines},`{settled},`{refunded},`0.00,`{fees}000,`{ordered},`{refunded}\r\n"))?;
        self.file.finish()?;
        Ok(lines)
    }
}
