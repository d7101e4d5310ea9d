//! Fates: what becomes of an order, what each side writes of it, and what is wrong in the end.

mod script;

use std::rc::Rc;

use chrono::{Days, Duration, NaiveDateTime};

use super::answers::{BreakType, Planted};
use super::draw::Draw;
use super::event::{AttemptRecord, Event, Movement, OrderRecord, Promotion, RefundRecord, Told};
use super::order::{Order, Provider, cents, midnight};
pub(super) use script::of;

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    // Nothing to see: both sides agree.
    Paid,
    PaidWithCoupon,
    PaidWithRedPacket,
    PaidWithMerchantCoupon,
    PaidInYen,
    PaidOnRetry,
    CapturedInParts,
    Refunded,
    RefundedInParts,
    Abandoned,
    FailedAndLeft,
    NoAttempt,
    Pending,
    // One side never hears of it.
    MissingInProvider,
    MissingInMerchant,
    RefundMissingInProvider,
    RefundMissingInMerchant,
    // One side hears of it later.
    LineAfterMidnight,
    RefundAfterMidnight,
    RecordsNextNight,
    LineTwoNightsLate,
    // Both sides speak of it, and differ.
    AmountMismatch,
    FeeMismatch,
    CurrencyMismatch,
    FalseFailure,
    RefundAmountMismatch,
    DuplicateInProvider,
    DuplicateInMerchant,
    Ambiguous,
    // The bank takes an old payment back; two nights later it comes again, if the merchant wins.
    ChargebackLost,
    ChargebackWon,
    // Half of it is given back, and the bank takes all of it the night after.
    ChargedBackAfterRefund,
}

impl Fate {
    /// Changes the order where its fate begins with how it was placed.
    pub(super) fn shape(self, order: &mut Order) {
        match self {
            Self::PaidInYen => order.pay_in_yen(),
            Self::LineAfterMidnight => {
                let started = last_seconds(order);
                order.placed = started - (order.started_at() - order.placed);
            }
            _ => {}
        }
    }
}

/// Plays `fate` on `order`.
pub(super) fn tell(order: Rc<Order>, fate: Fate, draw: &mut Draw) -> Told {
    let mut story = Story { told: Told::default(), order };
    story.play(fate, draw);
    story.told
}

struct Story {
    told: Told,
    order: Rc<Order>,
}

impl Story {
    fn play(&mut self, fate: Fate, draw: &mut Draw) {
        match fate {
            Fate::Paid | Fate::PaidInYen => self.paid(self.payment()),
            Fate::PaidWithCoupon => self.paid(self.promoted(Promotion::Coupon(cents(1_000)))),
            Fate::PaidWithRedPacket => self.paid(self.promoted(Promotion::RedPacket(cents(588)))),
            Fate::PaidWithMerchantCoupon => self.paid(self.promoted(Promotion::Merchant(cents(2_000)))),
            Fate::PaidOnRetry => self.paid_on_retry(draw),
            Fate::CapturedInParts => self.captured_in_parts(),
            Fate::Refunded => self.refunded(0, Some(0)),
            Fate::RefundedInParts => self.refunded_in_parts(),
            Fate::Abandoned => self.abandoned(draw),
            Fate::FailedAndLeft => {
                self.record("cancelled");
                self.attempt(0, |attempt| fail(attempt, draw));
            }
            Fate::NoAttempt => self.record(draw.pick(&["expired", "cancelled"])),
            Fate::Pending => {
                self.record("created");
                self.attempt(0, |attempt| {
                    attempt.finished = None;
                    attempt.provider_reference.clear();
                    (attempt.stage, attempt.status) = ("processing", "pending");
                });
            }
            Fate::MissingInProvider => {
                self.recorded_as_paid(0);
                self.missing(BreakType::MissingInProvider, None, "the merchant recorded a payment; the provider never states it");
            }
            Fate::MissingInMerchant => {
                self.line(0, self.payment());
                self.missing(BreakType::MissingInMerchant, None, "the provider took a payment; the merchant has no record of it");
            }
            Fate::RefundMissingInProvider => {
                self.refunded(0, None);
                let why = "the merchant asked for a refund; the provider never states it";
                self.missing(BreakType::RefundMissingInProvider, None, why);
            }
            Fate::RefundMissingInMerchant => {
                self.paid(self.payment());
                self.line(0, Movement::refund(&self.order, self.order.half()));
                let why = "the provider gave money back; the merchant has no record of it";
                self.missing(BreakType::RefundMissingInMerchant, None, why);
            }
            Fate::LineAfterMidnight => self.line_after_midnight(),
            Fate::RefundAfterMidnight => {
                self.refunded(0, Some(1));
                let why = "asked for seconds before midnight; the provider dates it after, in the next night's file";
                self.missing(BreakType::RefundMissingInProvider, Some(1), why);
            }
            Fate::RecordsNextNight => {
                self.line(0, self.payment());
                self.recorded_as_paid(1);
                let why = "the merchant's order and attempt arrive with the next night's records";
                self.missing(BreakType::MissingInMerchant, Some(1), why);
            }
            Fate::LineTwoNightsLate => {
                self.recorded_as_paid(0);
                let line = Movement { at: self.order.paid_at() + Days::new(2), ..self.payment() };
                self.line(2, line);
                self.missing(BreakType::MissingInProvider, Some(2), "the provider settles it two nights later");
            }
            Fate::AmountMismatch => self.amount_mismatch(),
            Fate::FeeMismatch => self.fee_mismatch(),
            Fate::CurrencyMismatch => self.currency_mismatch(),
            Fate::FalseFailure => self.false_failure(draw),
            Fate::RefundAmountMismatch => self.refund_amount_mismatch(),
            Fate::DuplicateInProvider => self.duplicate_in_provider(),
            Fate::DuplicateInMerchant => self.duplicate_in_merchant(),
            Fate::Ambiguous => self.ambiguous(),
            Fate::ChargedBackAfterRefund => self.charged_back_after_refund(),
            Fate::ChargebackLost | Fate::ChargebackWon => self.charged_back(fate == Fate::ChargebackWon, draw),
        }
    }

    // What the two sides write.

    fn payment(&self) -> Movement {
        Movement::payment(&self.order, self.order.amount)
    }

    fn promoted(&self, promotion: Promotion) -> Movement {
        let payment = Movement { promotion, ..self.payment() };
        let gross = payment.gross - payment.merchant_discount();
        Movement { gross, fee: self.order.provider.fee(gross), ..payment }
    }

    fn line(&mut self, nights_later: u32, movement: Movement) {
        self.told.events.push((nights_later, Event::Movement(movement)));
    }

    fn record(&mut self, status: &'static str) {
        self.record_later(0, status);
    }

    fn record_later(&mut self, nights_later: u32, status: &'static str) {
        let order = Rc::clone(&self.order);
        self.told.events.push((nights_later, Event::Order(OrderRecord { order, status })));
    }

    /// The first attempt: it succeeded, where `change` does not say otherwise.
    fn attempt(&mut self, nights_later: u32, change: impl FnOnce(&mut AttemptRecord)) {
        let order = Rc::clone(&self.order);
        let mut attempt = AttemptRecord {
            attempt_id: format!("AT{}-1", order.digits()),
            merchant_reference: order.reference(),
            provider_reference: order.provider_reference(0),
            started: order.started_at(),
            finished: Some(order.finished_at()),
            stage: "completed",
            status: "succeeded",
            failure_code: "",
            order,
        };
        change(&mut attempt);
        self.told.events.push((nights_later, Event::Attempt(attempt)));
    }

    fn recorded_as_paid(&mut self, nights_later: u32) {
        self.record_later(nights_later, "paid");
        self.attempt(nights_later, |_| {});
    }

    fn paid(&mut self, movement: Movement) {
        self.recorded_as_paid(0);
        self.line(0, movement);
    }

    /// Paid, and half of it asked back; the provider states the refund after so many nights, or never.
    fn refunded(&mut self, nights_later: u32, stated_after: Option<u32>) {
        self.paid(self.payment());
        let mut line = Movement::refund(&self.order, self.order.half());
        let mut requested = self.order.refunded_at();
        if stated_after == Some(1) {
            requested = last_seconds(&self.order);
            line.at = first_seconds(&self.order);
        }
        if let Some(nights) = stated_after {
            self.line(nights, line);
        }
        let order = Rc::clone(&self.order);
        let record = RefundRecord { refund_id: order.refund_reference(), requested, amount: order.half(), order };
        self.told.events.push((nights_later, Event::Refund(record)));
    }

    /// Shipped in two parcels, and each paid when it left.
    fn captured_in_parts(&mut self) {
        self.recorded_as_paid(0);
        let first = self.order.half();
        let later = Duration::seconds(1_800);
        for (which, part, after) in [(1, first, Duration::zero()), (7, self.order.amount - first, later)] {
            let line = Movement::payment(&self.order, part);
            self.line(0, Movement { own_reference: self.order.provider_reference(which), at: line.at + after, ..line });
        }
    }

    /// Half of it is given back tonight, and the rest the night after.
    fn refunded_in_parts(&mut self) {
        self.refunded(0, Some(0));
        let order = Rc::clone(&self.order);
        let (refund_id, amount) = (format!("{}-2", order.refund_reference()), order.amount - order.half());
        let line = Movement::refund(&order, amount);
        let line = Movement {
            at: line.at + Days::new(1),
            own_reference: order.provider_reference(7),
            merchant_refund_reference: refund_id.clone(),
            ..line
        };
        self.line(1, line);
        let requested = order.refunded_at() + Days::new(1);
        self.told.events.push((1, Event::Refund(RefundRecord { order, refund_id, requested, amount })));
    }

    fn paid_on_retry(&mut self, draw: &mut Draw) {
        self.record("paid");
        self.attempt(0, |attempt| fail(attempt, draw));
        let merchant_reference = format!("{}-2", self.order.reference());
        let pause = Duration::seconds(300);
        self.attempt(0, |attempt| {
            attempt.attempt_id = format!("AT{}-2", attempt.order.digits());
            attempt.merchant_reference.clone_from(&merchant_reference);
            attempt.started += pause;
            attempt.finished = Some(attempt.order.finished_at() + pause);
        });
        let payment = self.payment();
        self.line(0, Movement { merchant_reference, at: payment.at + pause, ..payment });
    }

    fn abandoned(&mut self, draw: &mut Draw) {
        let stages: &[&str] = if self.order.provider.takes_cards() {
            &["method_selected", "submitted", "authentication", "processing"]
        } else {
            &["method_selected", "submitted", "redirected"]
        };
        self.record("expired");
        self.attempt(0, |attempt| {
            attempt.finished = None;
            attempt.provider_reference.clear();
            (attempt.stage, attempt.status) = (draw.pick(stages), "expired");
        });
    }

    // What is wrong.

    fn found(&mut self, found: Planted) {
        self.told.breaks.push((0, found));
    }

    fn missing(&mut self, break_type: BreakType, cleared_after: Option<u32>, why: &'static str) {
        let order = &self.order;
        let refund = matches!(break_type, BreakType::RefundMissingInProvider | BreakType::RefundMissingInMerchant);
        let amount = if refund { -order.half() } else { order.amount };
        let found = Planted::of(break_type, order, why).waits(cleared_after);
        let found = if refund { found.refund(order.refund_reference()) } else { found };
        self.found(match break_type {
            BreakType::MissingInProvider | BreakType::RefundMissingInProvider => found.merchant(amount),
            _ => found.provider(amount),
        });
    }

    fn line_after_midnight(&mut self) {
        self.record("paid");
        self.attempt(0, |attempt| attempt.finished = Some(attempt.started + Duration::seconds(4)));
        let line = Movement { at: first_seconds(&self.order), ..self.payment() };
        self.line(1, line);
        let why = "paid seconds before midnight; the provider dates it after, in the next night's file";
        self.missing(BreakType::MissingInProvider, Some(1), why);
    }

    fn amount_mismatch(&mut self) {
        let stated = self.order.amount + cents(100);
        self.paid(Movement::payment(&self.order, stated));
        let found = Planted::of(BreakType::AmountMismatch, &self.order, "the provider took 1.00 more than the order asked");
        self.found(found.merchant(self.order.amount).provider(stated));
    }

    fn fee_mismatch(&mut self) {
        let payment = self.payment();
        let (contracted, charged) = (payment.fee, payment.fee + cents(7));
        self.paid(Movement { fee: charged, ..payment });
        let found = Planted::of(BreakType::FeeMismatch, &self.order, "the provider charged 0.07 more than the contract says");
        self.found(found.merchant(contracted).provider(charged));
    }

    fn currency_mismatch(&mut self) {
        let payment = self.payment();
        self.paid(Movement { currency: "GBP", customer_currency: "GBP", ..payment });
        let amount = self.order.amount;
        let found = Planted::of(BreakType::CurrencyMismatch, &self.order, "charged and settled in GBP: same digits, other money");
        self.found(found.merchant(amount));
    }

    fn false_failure(&mut self, draw: &mut Draw) {
        self.record("cancelled");
        self.attempt(0, |attempt| fail(attempt, draw));
        self.line(0, self.payment());
        let amount = self.order.amount;
        let found =
            Planted::of(BreakType::FalseFailure, &self.order, "the merchant heard a failure; the provider took the money");
        self.found(found.merchant(amount).provider(amount));
    }

    fn refund_amount_mismatch(&mut self) {
        self.refunded(0, None);
        let (asked, given) = (self.order.half(), self.order.half() + cents(100));
        self.line(0, Movement::refund(&self.order, given));
        let found =
            Planted::of(BreakType::RefundAmountMismatch, &self.order, "the provider gave back 1.00 more than was asked for");
        self.found(found.refund(self.order.refund_reference()).merchant(-asked).provider(-given));
    }

    fn duplicate_in_provider(&mut self) {
        self.paid(self.payment());
        self.line(0, self.payment());
        let found = Planted::of(BreakType::DuplicateInProvider, &self.order, "the same line stands in the provider's file twice");
        self.found(found.provider(self.order.amount));
    }

    fn duplicate_in_merchant(&mut self) {
        self.paid(self.payment());
        self.attempt(0, |attempt| attempt.attempt_id = format!("AT{}-2", attempt.order.digits()));
        let found = Planted::of(BreakType::DuplicateInMerchant, &self.order, "the merchant recorded one payment as two attempts");
        self.found(found.merchant(self.order.amount));
    }

    fn ambiguous(&mut self) {
        self.record("paid");
        self.attempt(0, |attempt| attempt.provider_reference.clear());
        let amount = self.order.amount;
        for (which, stated) in [(5, amount + cents(300)), (6, amount - cents(200))] {
            let reference = self.order.provider_reference(which);
            let line = Movement {
                provider_reference: reference.clone(),
                own_reference: reference,
                ..Movement::payment(&self.order, stated)
            };
            self.line(0, line);
            let why = "one of two payments under one reference; neither has the amount of the order";
            self.found(Planted::of(BreakType::Ambiguous, &self.order, why).provider(stated));
        }
        let why = "two payments fit its reference, none its amount; the merchant never learned the provider's reference";
        self.found(Planted::of(BreakType::Ambiguous, &self.order, why).merchant(amount));
    }

    fn charged_back_after_refund(&mut self) {
        self.refunded(0, Some(0));
        let (order, amount, half) = (Rc::clone(&self.order), self.order.amount, self.order.half());
        self.line(1, Movement::chargeback(&order, order.refunded_at() + Days::new(1)));
        let why = "the customer's bank took back the whole payment";
        let chargeback = Planted::of(BreakType::Chargeback, &order, why).provider(-amount);
        let why = "half of it was refunded the night before: more was given back than paid";
        let exceeds = Planted::of(BreakType::RefundExceedsPayment, &order, why).merchant(-amount).provider(-(amount + half));
        self.told.breaks.extend([(1, chargeback), (1, exceeds)]);
    }

    /// Tonight's order is paid; another, a quarter of a year old, is taken back by the customer's bank.
    fn charged_back(&mut self, won: bool, draw: &mut Draw) {
        self.paid(self.payment());
        let Order { date, number, provider, .. } = *self.order;
        let old = Rc::new(Order::draw(date - Days::new(91), number, number + 1, Some(provider), draw));
        let at = self.order.placed + Duration::seconds(660);
        self.line(0, Movement::chargeback(&old, at));
        let why = "the customer's bank took back a payment of the quarter before";
        self.found(Planted::of(BreakType::Chargeback, &old, why).provider(-old.amount));
        if won {
            self.line(2, Movement::chargeback_reversal(&old, at + Days::new(2)));
            let why = "the merchant won: the money taken back two nights ago is returned";
            let found = Planted::of(BreakType::ChargebackReversed, &old, why).provider(old.amount);
            self.told.breaks.push((2, found));
        }
    }
}

/// The provider refused: a code of its own, at the stage where it comes.
fn fail(attempt: &mut AttemptRecord, draw: &mut Draw) {
    let codes = match attempt.order.provider {
        Provider::WechatPay => [
            ("NOTENOUGH", "processing"),
            ("SYSTEMERROR", "processing"),
            ("BANKERROR", "processing"),
            ("USERPAYING_TIMEOUT", "redirected"),
        ],
        Provider::Alipay => [
            ("ACQ.BUYER_BALANCE_NOT_ENOUGH", "processing"),
            ("ACQ.SYSTEM_ERROR", "processing"),
            ("ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "processing"),
            ("ACQ.TRADE_HAS_CLOSE", "redirected"),
        ],
        Provider::Stripe => [
            ("insufficient_funds", "processing"),
            ("do_not_honor", "processing"),
            ("authentication_required", "authentication"),
            ("processing_error", "processing"),
        ],
        Provider::Adyen => [
            ("Not enough balance", "processing"),
            ("Refused", "processing"),
            ("3D Not Authenticated", "authentication"),
            ("Issuer Unavailable", "processing"),
        ],
    };
    (attempt.failure_code, attempt.stage) = draw.pick(&codes);
    attempt.status = "failed";
    attempt.provider_reference.clear();
}

/// A moment in the last ten seconds of the order's date.
fn last_seconds(order: &Order) -> NaiveDateTime {
    midnight(order.date) + Duration::days(1) - Duration::seconds(10 - i64::from(order.salt % 5))
}

/// A moment in the first half minute of the date after the order's.
fn first_seconds(order: &Order) -> NaiveDateTime {
    midnight(order.date) + Duration::days(1) + Duration::seconds(3 + i64::from(order.salt % 25))
}
