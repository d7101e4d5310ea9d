//! Who gets which fate: a script for the first orders of the first three nights, chance for all others.

use super::super::draw::Draw;
use super::super::order::Provider::{self, Adyen, Alipay, Stripe, WechatPay};
use super::Fate;

type Scene = &'static [(Provider, Fate)];
/// Every kind of break at least once in three nights, spread over the providers, and every kind of ordinary order.
/// Night by night: the first orders, and the last, which are about midnight.
const SCRIPT: [(Scene, Scene); 3] = [
    (
        &[
            (WechatPay, Fate::Paid),
            (Alipay, Fate::MissingInMerchant),
            (Stripe, Fate::FeeMismatch),
            (WechatPay, Fate::AmountMismatch),
            (Adyen, Fate::ChargebackWon),
            (WechatPay, Fate::PaidWithCoupon),
            (Alipay, Fate::FalseFailure),
            (Stripe, Fate::PaidInYen),
            (WechatPay, Fate::MissingInProvider),
            (Adyen, Fate::LineTwoNightsLate),
            (Alipay, Fate::PaidWithMerchantCoupon),
            (WechatPay, Fate::PaidOnRetry),
            (Adyen, Fate::Refunded),
            (Alipay, Fate::RecordsNextNight),
            (Stripe, Fate::Abandoned),
            (WechatPay, Fate::Refunded),
            (Stripe, Fate::Paid),
            (Alipay, Fate::NoAttempt),
            (Adyen, Fate::CapturedInParts),
            (WechatPay, Fate::RefundedInParts),
            (Stripe, Fate::ChargedBackAfterRefund),
        ],
        &[(WechatPay, Fate::LineAfterMidnight)],
    ),
    (
        &[
            (Alipay, Fate::Paid),
            (Alipay, Fate::DuplicateInProvider),
            (WechatPay, Fate::RefundMissingInProvider),
            (Stripe, Fate::RefundMissingInMerchant),
            (Adyen, Fate::CurrencyMismatch),
            (WechatPay, Fate::DuplicateInMerchant),
            (Alipay, Fate::RefundAmountMismatch),
            (Alipay, Fate::PaidWithRedPacket),
            (WechatPay, Fate::PaidWithMerchantCoupon),
            (Stripe, Fate::Refunded),
            (WechatPay, Fate::Pending),
            (Stripe, Fate::PaidOnRetry),
            (Adyen, Fate::Paid),
            (Alipay, Fate::Refunded),
            (Stripe, Fate::RecordsNextNight),
            (WechatPay, Fate::Abandoned),
            (Adyen, Fate::FailedAndLeft),
        ],
        &[(WechatPay, Fate::RefundAfterMidnight), (Alipay, Fate::LineAfterMidnight)],
    ),
    (
        &[
            (Adyen, Fate::Paid),
            (WechatPay, Fate::Ambiguous),
            (Stripe, Fate::ChargebackLost),
            (Alipay, Fate::AmountMismatch),
            (Adyen, Fate::FeeMismatch),
            (Stripe, Fate::MissingInProvider),
            (Alipay, Fate::PaidWithCoupon),
            (Adyen, Fate::MissingInMerchant),
            (Alipay, Fate::RefundMissingInProvider),
            (WechatPay, Fate::PaidWithCoupon),
            (Stripe, Fate::FalseFailure),
            (Adyen, Fate::PaidOnRetry),
            (WechatPay, Fate::Refunded),
            (WechatPay, Fate::FailedAndLeft),
            (Alipay, Fate::Abandoned),
            (Adyen, Fate::Refunded),
        ],
        &[(WechatPay, Fate::LineAfterMidnight)],
    ),
];

/// The rest of the traffic, in orders of a hundred thousand.
const TRAFFIC: [(u32, Fate); 32] = [
    (68_650, Fate::Paid),
    (20, Fate::CapturedInParts),
    (20, Fate::RefundedInParts),
    (10, Fate::ChargedBackAfterRefund),
    (4_000, Fate::PaidWithCoupon),
    (2_000, Fate::PaidWithRedPacket),
    (3_000, Fate::PaidWithMerchantCoupon),
    (1_000, Fate::PaidInYen),
    (5_000, Fate::PaidOnRetry),
    (2_860, Fate::Refunded),
    (7_500, Fate::Abandoned),
    (3_000, Fate::FailedAndLeft),
    (2_300, Fate::NoAttempt),
    (200, Fate::Pending),
    (60, Fate::MissingInProvider),
    (50, Fate::MissingInMerchant),
    (20, Fate::RefundMissingInProvider),
    (20, Fate::RefundMissingInMerchant),
    (40, Fate::LineAfterMidnight),
    (10, Fate::RefundAfterMidnight),
    (20, Fate::RecordsNextNight),
    (10, Fate::LineTwoNightsLate),
    (40, Fate::AmountMismatch),
    (40, Fate::FeeMismatch),
    (20, Fate::CurrencyMismatch),
    (40, Fate::FalseFailure),
    (10, Fate::RefundAmountMismatch),
    (20, Fate::DuplicateInProvider),
    (10, Fate::DuplicateInMerchant),
    (10, Fate::Ambiguous),
    (10, Fate::ChargebackLost),
    (10, Fate::ChargebackWon),
];

/// Fate of order `number` of `orders`, and the provider it is bound to, where it is.
pub(in super::super) fn of(night: u32, number: u32, orders: u32, draw: &mut Draw) -> (Option<Provider>, Fate) {
    if let Some(&(provider, fate)) = scripted(night, number, orders) {
        return (Some(provider), fate);
    }
    let fate = draw.weigh(&TRAFFIC);
    let provider = match fate {
        Fate::PaidInYen => Some(Stripe),
        Fate::PaidWithRedPacket => Some(Alipay),
        Fate::PaidWithCoupon | Fate::PaidWithMerchantCoupon => Some(draw.pick(&[WechatPay, Alipay])),
        Fate::CapturedInParts => Some(Adyen),
        Fate::CurrencyMismatch | Fate::ChargebackLost | Fate::ChargebackWon | Fate::ChargedBackAfterRefund => {
            Some(draw.pick(&[Stripe, Adyen]))
        }
        _ => None,
    };
    (provider, fate)
}

fn scripted(night: u32, number: u32, orders: u32) -> Option<&'static (Provider, Fate)> {
    let (first, last) = SCRIPT.get(night as usize)?;
    let from_the_end = (orders - 1 - number) as usize;
    last.iter().nth_back(from_the_end).or_else(|| first.get(number as usize))
}
