//! Alipay's trade detail and its summary: two GBK files in a ZIP, CRLF, framed by lines that begin with `#`.

use std::path::Path;

use chrono::{Days, NaiveDate};

use super::archive::{Archive, Member};
use super::event::{Kind, Movement, Promotion};
use crate::error::Result;
use crate::money::Amount;

const ACCOUNT: &str = "20881234567890120156";
const DETAIL: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,\
                      商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
                      商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";
const SUMMARY: &str = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,\
                       卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）";
/// Family names of nobody in particular, masked as Alipay masks them.
const BUYERS: [&str; 6] =
    ["*明(138****00)", "*芳(139****01)", "*伟(186****02)", "*敏(135****03)", "*静(177****04)", "*洋(150****05)"];

/// The archive of one night.
pub(super) struct TradeDetail {
    date: NaiveDate,
    detail: Member,
    paid: Side,
    refunded: Side,
    fees: Amount,
    provider_discount: Amount,
}

/// What the footer says of payments, and of refunds.
#[derive(Default)]
struct Side {
    lines: u64,
    ordered: Amount,
    received: Amount,
    merchant_discount: Amount,
}

impl TradeDetail {
    pub(super) fn create(folder: &Path, date: NaiveDate) -> Result<Self> {
        let archive = Archive::create(folder.join(format!("{ACCOUNT}_{}.csv.zip", date.format("%Y%m%d"))), date + Days::new(1))?;
        let mut detail = archive.member(&format!("{ACCOUNT}_{}_业务明细.csv", date.format("%Y%m%d")))?;
        detail.write(&format!("{}{DETAIL}\r\n", head(date, "明细")))?;
        let (paid, refunded) = (Side::default(), Side::default());
        Ok(Self { date, detail, paid, refunded, fees: Amount::ZERO, provider_discount: Amount::ZERO })
    }

    pub(super) fn write(&mut self, movement: &Movement) -> Result<()> {
        let order = &movement.order;
        let refund = movement.kind == Kind::Refund;
        let (red_packet, discount) = match movement.promotion {
            Promotion::RedPacket(amount) => (amount, Amount::ZERO),
            Promotion::Coupon(amount) => (Amount::ZERO, amount),
            Promotion::Merchant(_) | Promotion::None => (Amount::ZERO, Amount::ZERO),
        };
        let merchant_discount = movement.merchant_discount();
        self.detail.write(&format!(
            "{reference}\t,{order_reference}\t,{word}\t,{goods},{created},{at},\t,\t,\t,\t,{buyer}\t,{ordered},{received},\
             {red_packet},0.00,{discount},{merchant_discount},0.00,,0.00\t,0.00,{request}\t,{fee},0.00,\r\n",
            reference = movement.provider_reference,
            order_reference = movement.merchant_reference,
            word = if refund { "退款" } else { "交易" },
            goods = order.goods,
            created = order.started_at(),
            at = movement.at,
            buyer = BUYERS[order.salt as usize % BUYERS.len()],
            ordered = movement.customer_amount,
            received = movement.gross,
            request = movement.merchant_refund_reference,
            fee = -movement.fee,
        ))?;
        let side = if refund { &mut self.refunded } else { &mut self.paid };
        side.lines += 1;
        side.ordered += movement.customer_amount;
        side.received += movement.gross;
        side.merchant_discount += merchant_discount;
        self.fees += movement.fee;
        self.provider_discount += discount;
        Ok(())
    }

    /// Lines of the detail; its footer and the summary are written.
    pub(super) fn finish(self) -> Result<u64> {
        let Self { date, mut detail, paid, refunded, fees, provider_discount } = self;
        detail.write(&format!(
            "#-----------------------------------------业务明细列表结束------------------------------------\r\n\
             #交易合计：{}笔，商家实收共{}元，商家优惠共{}元\r\n#退款合计：{}笔，商家实收退款共{}元，商家优惠退款共{}元\r\n{}",
            paid.lines,
            paid.received,
            paid.merchant_discount,
            refunded.lines,
            refunded.received,
            refunded.merchant_discount,
            exported(date),
        ))?;
        let mut summary = detail.finish()?.member(&format!("{ACCOUNT}_{}_业务明细(汇总).csv", date.format("%Y%m%d")))?;
        let received = paid.received + refunded.received;
        let totals = format!(
            "{},{},{},{received},{provider_discount},{},0.00,{},0.00,{}",
            paid.lines,
            refunded.lines,
            paid.ordered + refunded.ordered,
            paid.merchant_discount + refunded.merchant_discount,
            -fees,
            received - fees,
        );
        summary.write(&format!(
            "{}{SUMMARY}\r\n\t,\t,{totals}\r\n合计\t,\t,{totals}\r\n\
             #-----------------------------------------业务汇总列表结束------------------------------------\r\n{}",
            head(date, "汇总"),
            exported(date),
        ))?;
        summary.finish()?.finish()?;
        Ok(paid.lines + refunded.lines)
    }
}

fn head(date: NaiveDate, list: &str) -> String {
    format!(
        "#支付宝业务{list}查询\r\n#账号：[{ACCOUNT}]\r\n#起始日期：[{} 00:00:00]   终止日期：[{} 00:00:00]\r\n\
         #-----------------------------------------业务{list}列表----------------------------------------\r\n",
        in_chinese(date),
        in_chinese(date + Days::new(1)),
    )
}

/// Made before nine the next morning, as the real ones are.
fn exported(date: NaiveDate) -> String {
    format!("#导出时间：[{} 05:46:49]\r\n", in_chinese(date + Days::new(1)))
}

fn in_chinese(date: NaiveDate) -> impl std::fmt::Display {
    date.format("%Y年%m月%d日")
}
