//! The metrics, each under its own name: there is no one "success rate".
//!
//! A metric says of every order or attempt which part of the rate it is. Whose figure each can be held against is in
//! `jobs/README.md`.

use super::fate::{AttemptFate, Fate};
use super::words::{Answer, Ending, First, Group, Stage, Truth};

/// What an order or attempt is to a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// In numerator and denominator.
    Success,
    /// In the denominator alone.
    Failure,
    /// It may still become either.
    Pending,
    /// The metric does not ask about it.
    Excluded,
    /// It is none of what the metric counts: a retry, where groups are counted.
    NotCounted,
}

use Part::{Excluded, Failure, NotCounted, Pending, Success};

fn success_if(holds: bool) -> Part {
    if holds { Success } else { Failure }
}

/// A metric of things of which `T` is told.
pub(super) struct Metric<T> {
    /// As column `metric` writes it.
    pub(super) name: &'static str,
    /// What a thing is to it.
    pub(super) part: fn(T) -> Part,
}

/// The metrics of attempts.
pub(super) const OF_ATTEMPTS: [Metric<AttemptFate>; 4] = [
    Metric { name: "attempt_success_raw", part: attempt_success_raw },
    Metric { name: "issuer_auth_rate", part: issuer_auth_rate },
    Metric { name: "acceptance_rate", part: acceptance_rate },
    Metric { name: "group_success_rate", part: group_success_rate },
];

/// The metrics of orders, of which is also told whether they had their time.
pub(super) const OF_ORDERS: [Metric<(Fate, bool)>; 11] = [
    Metric { name: FIRST_ATTEMPT_RATE, part: first_attempt_rate },
    Metric { name: ORDER_SUCCESS_RATE, part: order_success_rate },
    Metric { name: "order_capture_rate", part: order_capture_rate },
    Metric { name: CHECKOUT_CONVERSION, part: checkout_conversion },
    Metric { name: CONFIRMATION_RATE, part: confirmation_rate },
    Metric { name: POST_CONFIRM_SUCCESS, part: post_confirm_success },
    Metric { name: "abandonment_rate", part: abandonment_rate },
    Metric { name: "retry_recovery_rate", part: retry_recovery_rate },
    Metric { name: SETTLED_SUCCESS_RATE, part: settled_success_rate },
    Metric { name: FALSE_SUCCESS, part: false_success },
    Metric { name: FALSE_FAILURE, part: false_failure },
];

/// Metrics that laws and other tables name.
pub(super) const FIRST_ATTEMPT_RATE: &str = "first_attempt_rate";
pub(super) const ORDER_SUCCESS_RATE: &str = "order_success_rate";
pub(super) const CHECKOUT_CONVERSION: &str = "checkout_conversion";
pub(super) const CONFIRMATION_RATE: &str = "confirmation_rate";
pub(super) const POST_CONFIRM_SUCCESS: &str = "post_confirm_success";
pub(super) const SETTLED_SUCCESS_RATE: &str = "settled_success_rate";
pub(super) const FALSE_SUCCESS: &str = "false_success";
pub(super) const FALSE_FAILURE: &str = "false_failure";

/// Attempts that succeeded ÷ attempts with a final status (peers: definition 1).
fn attempt_success_raw(attempt: AttemptFate) -> Part {
    match attempt.answer {
        Answer::Open => Pending,
        answer => success_if(answer == Answer::Approved),
    }
}

/// Attempts approved ÷ attempts approved or declined (2). Whatever stopped before or beside that answer is excluded: risk
/// blocks, customers who did not prove who they are or left, technical failures, and checks of a card that pay nothing.
fn issuer_auth_rate(attempt: AttemptFate) -> Part {
    match attempt.answer {
        _ if attempt.of_nothing => Excluded,
        Answer::Open => Pending,
        Answer::Approved => Success,
        Answer::Declined => Failure,
        Answer::Blocked | Answer::NotAuthenticated | Answer::Technical | Answer::Left | Answer::NotSent => Excluded,
    }
}

/// Attempts accepted ÷ attempts sent to a provider, whatever stopped the others (3). Those never sent are excluded.
fn acceptance_rate(attempt: AttemptFate) -> Part {
    match attempt.answer {
        Answer::Open => Pending,
        Answer::NotSent => Excluded,
        answer => success_if(answer == Answer::Approved),
    }
}

/// Groups of attempts that end in a success ÷ groups (5). Attempts whose order is of another night are excluded, one by
/// one: what else that order tried is not known.
fn group_success_rate(attempt: AttemptFate) -> Part {
    match attempt.group {
        Group::Within => NotCounted,
        Group::Succeeded => Success,
        Group::Failed => Failure,
        Group::Open => Pending,
        Group::NotKnown => Excluded,
    }
}

/// Orders whose first attempt succeeded ÷ orders whose first attempt has a final status (4). Orders without an attempt
/// are excluded.
fn first_attempt_rate((order, _): (Fate, bool)) -> Part {
    match order.first {
        First::None => Excluded,
        First::Open => Pending,
        first => success_if(first == First::Succeeded),
    }
}

/// Orders that succeeded, by the merchant's record ÷ orders with at least one attempt (6, success being authorised).
/// Orders whose last attempt has no final status are pending; orders without an attempt are excluded.
fn order_success_rate((order, _): (Fate, bool)) -> Part {
    match order.ending {
        _ if order.first == First::None => Excluded,
        Ending::Pending => Pending,
        ending => success_if(ending == Ending::Succeeded),
    }
}

/// Orders whose payment was found at the provider ÷ orders with at least one attempt (6, success being captured). Orders
/// whose last attempt has no final status are pending, and so are those that succeeded and still wait for the provider's
/// statement, or met one that cannot be told from others. Orders without an attempt are excluded, and orders of providers
/// that the job does not read.
fn order_capture_rate((order, _): (Fate, bool)) -> Part {
    match order.truth {
        Truth::NotAsked => Excluded,
        Truth::Found => Success,
        _ if order.ending == Ending::Pending => Pending,
        Truth::Waiting | Truth::Unsure if order.ending == Ending::Succeeded => Pending,
        Truth::Waiting | Truth::Unsure | Truth::Missing => Failure,
    }
}

/// The three rates of a checkout ask about the same orders: those that had their time, whatever became of them, and do not
/// wait for a provider.
fn decided((order, mature): (Fate, bool), is_success: bool) -> Part {
    match order.stage {
        _ if !mature => Excluded,
        Stage::Pending => Pending,
        _ => success_if(is_success),
    }
}

/// Orders paid ÷ orders created (7). It is `confirmation_rate` times `post_confirm_success`.
fn checkout_conversion(order: (Fate, bool)) -> Part {
    decided(order, order.0.stage == Stage::Paid)
}

/// Orders with at least one attempt sent to a provider ÷ orders created (7). An order that is paid is confirmed, whatever is
/// recorded of its attempts.
fn confirmation_rate(order: (Fate, bool)) -> Part {
    decided(order, order.0.confirmed)
}

/// Orders paid ÷ orders with at least one attempt sent to a provider (7).
fn post_confirm_success(order: (Fate, bool)) -> Part {
    match checkout_conversion(order) {
        Failure if !order.0.confirmed => Excluded,
        part => part,
    }
}

/// Orders abandoned ÷ orders as old as the maturity window (8): neither paid, nor waiting for a provider's answer, nor
/// cancelled by the merchant. Its numerator is the sum of the other stages of `abandonment`.
fn abandonment_rate((order, mature): (Fate, bool)) -> Part {
    match order.stage {
        _ if !mature => Excluded,
        Stage::Paid | Stage::Pending | Stage::MerchantCancelled => Failure,
        _ => Success,
    }
}

/// Orders that failed first and succeeded later ÷ orders whose first attempt failed (9). Those whose last attempt has no final
/// status are pending; all others are excluded.
fn retry_recovery_rate((order, _): (Fate, bool)) -> Part {
    match order.ending {
        _ if order.first != First::Failed => Excluded,
        _ if order.recovered => Success,
        Ending::Pending => Pending,
        _ => Failure,
    }
}

/// Orders found at the provider ÷ orders the merchant has as paid that the provider was asked about (11). Paid orders that
/// still wait inside the settlement lag are pending. What cannot be told is excluded: orders of providers that the job does
/// not read, and payments that cannot be told from others.
fn settled_success_rate((order, _): (Fate, bool)) -> Part {
    match order.truth {
        _ if order.ending != Ending::Succeeded => Excluded,
        Truth::Found => Success,
        Truth::Missing => Failure,
        Truth::Waiting => Pending,
        Truth::NotAsked | Truth::Unsure => Excluded,
    }
}

/// What `settled_success_rate` lacks to one: the merchant has the order as paid, and the provider states no payment (11).
fn false_success(order: (Fate, bool)) -> Part {
    match settled_success_rate(order) {
        Success => Failure,
        Failure => Success,
        part => part,
    }
}

/// Orders found at the provider ÷ orders the merchant has as not paid (11): the provider took the money. Those that an entry
/// may still prove wrong are pending, and orders whose last attempt has no final status; what cannot be told is excluded.
fn false_failure((order, _): (Fate, bool)) -> Part {
    match order.truth {
        _ if order.ending == Ending::Succeeded => Excluded,
        Truth::Found => Success,
        Truth::Waiting => Pending,
        Truth::Missing if order.ending == Ending::Pending => Pending,
        Truth::Missing => Failure,
        Truth::NotAsked | Truth::Unsure => Excluded,
    }
}
