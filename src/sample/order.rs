//! An order as a customer places it: what, how much, through whom.

use chrono::{Duration, NaiveDate, NaiveDateTime};

use super::draw::Draw;
use crate::money::{Amount, Rounding};

/// One order of the shop "Lantern & Kettle".
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Business date, in Shanghai.
    pub date: NaiveDate,
    /// Counted from zero within its date.
    pub number: u32,
    /// When it was placed, by the clocks of Shanghai.
    pub placed: NaiveDateTime,
    pub provider: Provider,
    /// What the customer is to pay.
    pub amount: Amount,
    pub currency: &'static str,
    /// What it is worth in the currency that settles: another one only where the customer pays in yen.
    pub settled: Amount,
    pub settled_currency: &'static str,
    /// What was bought, in the language of the bill.
    pub goods: &'static str,
    pub channel: &'static str,
    pub country: &'static str,
    pub segment: &'static str,
    pub card: Card,
    /// Makes references and small delays of this order unlike its neighbour's.
    pub salt: u32,
}

/// Who was asked to collect the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Provider {
    WechatPay,
    Alipay,
    Stripe,
    Adyen,
}

/// The card behind an order, where a card provider was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card {
    pub brand: &'static str,
    pub funding: &'static str,
    /// `apple_pay`, `google_pay`, or empty for the plain card.
    pub wallet: &'static str,
}

/// In Chinese, in English, and its price in hundredths of CNY and of USD or EUR.
const GOODS: [(&str, &str, u32, u32); 10] = [
    ("龙井茶 250g", "Longjing tea 250 g", 26_800, 4_200),
    ("碧螺春 200g", "Biluochun tea 200 g", 19_800, 3_450),
    ("普洱茶饼 357g", "Pu'er tea cake 357 g", 32_800, 5_600),
    ("大红袍 100g", "Da Hong Pao oolong 100 g", 16_800, 2_990),
    ("白毫银针 50g", "Silver Needle white tea 50 g", 12_800, 2_450),
    ("紫砂壶 200ml", "Yixing teapot 200 ml", 58_000, 8_900),
    ("盖碗茶具", "Gaiwan tea set", 8_800, 1_850),
    ("公道杯", "Fairness cup", 4_500, 1_290),
    ("手作灯笼", "Handmade paper lantern", 15_900, 2_790),
    ("铸铁壶 1.2L", "Cast iron kettle 1.2 l", 45_900, 7_650),
];
/// The shop opens at seven; the last hour is left free, so that a retry or a refund stays inside the date.
const OPENS: u64 = 7 * 3600;
const OPEN_SECONDS: u64 = 16 * 3600;

impl Order {
    /// Order `number` of `orders` on `date`; paid through `provider`, or whichever the customer likes.
    pub(super) fn draw(date: NaiveDate, number: u32, orders: u32, provider: Option<Provider>, draw: &mut Draw) -> Self {
        use Provider::{Adyen, Alipay, Stripe, WechatPay};
        let liked = draw.weigh(&[(40, WechatPay), (30, Alipay), (20, Stripe), (10, Adyen)]);
        let provider = provider.unwrap_or(liked);
        let (chinese, english, yuan, abroad) = draw.pick(&GOODS);
        let pieces = draw.weigh(&[(7, 1), (2, 2), (1, 3)]);
        let postage = draw.pick(&[0, 0, 600, 800, 1_200]);
        let at_home = matches!(provider, WechatPay | Alipay);
        let abroad_currency = match provider {
            Stripe => draw.weigh(&[(3, "USD"), (1, "EUR")]),
            _ => draw.pick(&["EUR", "USD"]),
        };
        let price = if at_home { yuan } else { abroad };
        let amount = cents(price * pieces + postage);
        let currency = if at_home { "CNY" } else { abroad_currency };
        let country = draw.pick(if currency == "EUR" { &["DE", "FR", "NL"] } else { &["US", "GB", "SG"] });
        let brand = draw.weigh(&[(55, "visa"), (35, "mastercard"), (10, "amex")]);
        let funding = draw.weigh(&[(6, "credit"), (4, "debit")]);
        Self {
            date,
            number,
            placed: placed(date, number, orders, draw),
            provider,
            amount,
            currency,
            settled: amount,
            settled_currency: currency,
            goods: if at_home { chinese } else { english },
            channel: if at_home { draw.pick(&["mini_program", "app", "web", "pos"]) } else { draw.pick(&["web", "app"]) },
            country: if at_home { "CN" } else { country },
            segment: draw.weigh(&[(3, "new"), (6, "returning"), (1, "vip")]),
            card: Card {
                brand,
                funding: if brand == "amex" { "credit" } else { funding },
                wallet: draw.weigh(&[(55, ""), (30, "apple_pay"), (15, "google_pay")]),
            },
            salt: draw.below(100_000),
        }
    }

    /// What the merchant calls it, and what the provider is given.
    pub(super) fn reference(&self) -> String {
        format!("SO{}", self.digits())
    }

    /// Date and number: the part its references share.
    pub(super) fn digits(&self) -> String {
        format!("{}{:06}", self.date.format("%Y%m%d"), self.number + 1)
    }

    /// The provider's identifier of a movement of this order; `which` tells its movements apart.
    pub(super) fn provider_reference(&self, which: u32) -> String {
        let (number, salt) = (self.number, self.salt);
        let day = self.date.format("%Y%m%d");
        match self.provider {
            Provider::WechatPay => {
                let object = if matches!(which, 2 | 7) { "503000" } else { "420000" };
                format!("{object}{day}{salt:05}{number:08}{which}")
            }
            Provider::Alipay => format!("{day}220014{salt:05}{number:08}{which}"),
            Provider::Stripe => {
                let object = match which {
                    2 | 7 => "re",
                    3 | 4 => "dp",
                    _ => "ch",
                };
                format!("{object}_3{}{number:08}{salt:05}{which}", self.date.format("%y%m%d"))
            }
            // Sixteen characters, as Adyen's are.
            Provider::Adyen => format!("88{}{number:07}{}{which}", self.date.format("%j"), 100 + salt % 900),
        }
    }

    /// Half of it, rounded down: what a partial refund gives back.
    pub(super) fn half(&self) -> Amount {
        self.amount.percent(cents(5_000), 2, Rounding::Down)
    }

    /// Lets the customer pay in yen; Stripe settles in US dollars.
    pub(super) fn pay_in_yen(&mut self) {
        self.settled_currency = "USD";
        self.currency = "JPY";
        self.country = "JP";
        // 150 yen to the dollar, down to a whole yen.
        self.amount = self.settled.percent(cents(1_500_000), 0, Rounding::Down);
    }
}

impl Provider {
    /// The word for it in every table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::WechatPay => "wechat_pay",
            Self::Alipay => "alipay",
            Self::Stripe => "stripe",
            Self::Adyen => "adyen",
        }
    }

    /// Whether the customer pays by card.
    pub(super) fn takes_cards(self) -> bool {
        matches!(self, Self::Stripe | Self::Adyen)
    }

    /// The fee by contract for a payment that settles `gross`.
    pub(super) fn fee(self, gross: Amount) -> Amount {
        let (per_cent, fixed) = match self {
            Self::WechatPay | Self::Alipay => (60, 0),
            Self::Stripe => (290, 30),
            Self::Adyen => (110, 12),
        };
        gross.percent(cents(per_cent), 2, Rounding::HalfUp) + cents(fixed)
    }
}

/// Hundredths as an amount: `cents(1_250)` is 12.50.
pub(super) fn cents(hundredths: u32) -> Amount {
    Amount(i128::from(hundredths) * 1_000_000)
}

/// Orders come evenly over the opening hours, in the order of their numbers.
fn placed(date: NaiveDate, number: u32, orders: u32, draw: &mut Draw) -> NaiveDateTime {
    let thousandths = u64::from(number) * 1_000 + u64::from(draw.below(1_000));
    let second = OPENS + OPEN_SECONDS * thousandths / (u64::from(orders) * 1_000);
    midnight(date) + Duration::seconds(i64::try_from(second).expect("a day has fewer seconds"))
}

/// The first second of `date`.
pub(super) fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_hms_opt(0, 0, 0).expect("every day has a midnight")
}
