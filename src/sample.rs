//! Nights of any size from a seed, with an answer key: one invented shop, four providers, their own wire formats.
//!
//! ```text
//! order ──> fate ──┬─> movements ──> wechat_pay, alipay, stripe, adyen     provider/…
//!                  │      └─> payouts ──> bank                             bank/…
//!                  ├─> records   ──> merchant                              merchant/…
//!                  └─> breaks    ──> answers                               answers.csv
//! ```
//!
//! An order depends on the seed, its date and its number alone, so orders are told one by one and written as they
//! come: a night of millions needs no more memory than what is late for the next night. No clock is read; the same
//! plan writes the same bytes.

mod adyen;
mod alipay;
mod answers;
mod archive;
mod bank;
mod draw;
mod event;
mod fate;
mod file;
mod merchant;
mod order;
mod stripe;
mod wechat_pay;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use chrono::{Datelike, Days, NaiveDate};

use crate::error::{Error, Exit, Result};
use answers::Answers;
use bank::{Bank, Payout};
use draw::Draw;
use event::{Event, Told};
use order::{Order, Provider};

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The folder it goes to; created where missing, files of the same name are replaced.
    pub out: PathBuf,
    /// Orders a night.
    pub orders: u32,
    /// Consecutive nights, from `date` on.
    pub nights: u32,
    /// Another seed, other nights.
    pub seed: u64,
    /// Business date of the first night, in Shanghai.
    pub date: NaiveDate,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files, the answer key among them.
    pub files: u64,
    /// Lines of provider files and merchant records; without headers, framing and the answer key.
    pub lines: u64,
    /// Differences planted, by break type. One that stays open over three nights counts once.
    pub breaks: BTreeMap<&'static str, u64>,
}

/// Writes the nights of `plan` below `plan.out`: `provider/`, `bank/`, `merchant/` and `answers.csv`.
pub fn write(plan: &Plan) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut answers = Answers::create(&plan.out)?;
    let mut late: BTreeMap<u32, Vec<Event>> = BTreeMap::new();
    let mut balances = adyen::Balances::default();
    let mut bank = Bank::new(&plan.out);
    for night in 0..plan.nights {
        let date = date_of(plan, night)?;
        let mut files = Files::create(plan, night, date, balances)?;
        for event in late.remove(&night).unwrap_or_default() {
            files.write(&event)?;
        }
        for number in 0..plan.orders {
            let Told { events, breaks } = told(plan, night, number, date);
            for (nights_later, event) in events {
                match nights_later {
                    0 => files.write(&event)?,
                    _ => late.entry(night + nights_later).or_default().push(event),
                }
            }
            for (nights_later, planted) in breaks {
                answers.plant(night + nights_later, planted);
            }
        }
        let payouts;
        (balances, payouts) = files.finish(&mut summary)?;
        bank.send(night, payouts, &mut answers);
        summary.lines += bank.close_night(night, date)?;
        answers.close_night(night, date, &mut summary)?;
    }
    summary.files += answers.finish()?;
    Ok(summary)
}

fn date_of(plan: &Plan, night: u32) -> Result<NaiveDate> {
    plan.date
        .checked_add_days(Days::new(u64::from(night)))
        // Files are named by a year of four digits, and archives know no date before 1980.
        .filter(|date| (2000..9999).contains(&date.year()))
        .ok_or_else(|| {
            Error::new(Exit::Usage, "the nights are outside the years a sample may have")
                .expected("dates of the years 2000 to 9998")
                .found(format!("{} and {} nights", plan.date, plan.nights))
        })
}

/// The story of one order: what is written tonight, what comes later, and what is wrong with it.
fn told(plan: &Plan, night: u32, number: u32, date: NaiveDate) -> Told {
    let mut draw = Draw::of(plan.seed, date, number);
    let (provider, fate) = fate::of(night, number, plan.orders, &mut draw);
    let mut order = Order::draw(date, number, plan.orders, provider, &mut draw);
    fate.shape(&mut order);
    fate::tell(Rc::new(order), fate, &mut draw)
}

/// The files of one night, open.
struct Files {
    wechat_pay: wechat_pay::TradeBill,
    alipay: alipay::TradeDetail,
    stripe: stripe::PayoutReconciliation,
    adyen: adyen::SettlementDetail,
    merchant: merchant::Records,
}

impl Files {
    fn create(plan: &Plan, night: u32, date: NaiveDate, balances: adyen::Balances) -> Result<Self> {
        let provider = plan.out.join("provider");
        Ok(Self {
            wechat_pay: wechat_pay::TradeBill::create(&provider.join("wechat_pay"), date)?,
            alipay: alipay::TradeDetail::create(&provider.join("alipay"), date)?,
            stripe: stripe::PayoutReconciliation::create(&provider.join("stripe"), night, date)?,
            adyen: adyen::SettlementDetail::create(&provider.join("adyen"), date, balances)?,
            merchant: merchant::Records::create(&plan.out.join("merchant"), date)?,
        })
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Movement(movement) => match movement.order.provider {
                Provider::WechatPay => self.wechat_pay.write(movement),
                Provider::Alipay => self.alipay.write(movement),
                Provider::Stripe => self.stripe.write(movement),
                Provider::Adyen => self.adyen.write(movement),
            },
            Event::Order(order) => self.merchant.order(order),
            Event::Attempt(attempt) => self.merchant.attempt(attempt),
            Event::Refund(refund) => self.merchant.refund(refund),
        }
    }

    /// Closes them all: what Adyen did not pay out goes to the next night, what was paid out to the bank.
    fn finish(self, summary: &mut Summary) -> Result<(adyen::Balances, Vec<Payout>)> {
        summary.lines += self.wechat_pay.finish()? + self.alipay.finish()? + self.merchant.finish()?;
        let mut payouts = Vec::new();
        summary.lines += self.stripe.finish(&mut payouts)?;
        let (lines, balances) = self.adyen.finish(&mut payouts)?;
        summary.lines += lines;
        summary.files += 8;
        Ok((balances, payouts))
    }
}
