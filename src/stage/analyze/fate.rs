//! What became of an order, by its record and its attempts; and of an attempt.

use super::attempts::{Attempts, Meaning};
use super::progress::Progress;
use super::words::{Answer, Ending, First, Group, OrderStatus, Reached, Stage, Status, Truth};

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// Where it ended.
    pub(super) stage: Stage,
    /// How it ended.
    pub(super) ending: Ending,
    /// How its first attempt ended.
    pub(super) first: First,
    /// Whether its first attempt failed and a later one succeeded.
    pub(super) recovered: bool,
    /// What the provider says of its payment.
    pub(super) truth: Truth,
    /// Whether one of its attempts was sent, or it is paid without.
    pub(super) confirmed: bool,
}

impl Fate {
    /// Every number of a fate is below.
    pub(super) const CODES: u32 = 1 << 15;

    /// The fate as a number.
    pub(super) fn code(self) -> u32 {
        let words = ((self.stage.code() << 3 | self.ending.code()) << 3 | self.first.code()) << 3 | self.truth.code();
        words << 2 | u32::from(self.recovered) << 1 | u32::from(self.confirmed)
    }

    /// The fate that has this number.
    pub(super) fn of(code: u32) -> Self {
        let flag = |bit: u32| code >> bit & 1 == 1;
        let word = |bit: u32| (code >> bit & 0b111) as usize;
        Self {
            stage: Stage::ALL[(code >> 11) as usize],
            ending: Ending::ALL[word(8)],
            first: First::ALL[word(5)],
            truth: Truth::ALL[word(2)],
            recovered: flag(1),
            confirmed: flag(0),
        }
    }

    fn decide(status: OrderStatus, end: &End) -> Self {
        let recovered = end.first.is_some_and(|first| first.status == Status::Failed) && end.succeeded;
        Self {
            stage: stage(status, end),
            ending: ending(status, end),
            first: end.first.map_or(First::None, first),
            // The first attempt failed, so one that succeeded is a later one.
            recovered,
            truth: end.truth,
            confirmed: end.sent || is_paid(status, end),
        }
    }

    /// Whether its payment was found at the provider.
    pub(super) fn is_settled(self) -> bool {
        self.truth == Truth::Found
    }
}

/// The fates of the orders of a night.
///
/// Most orders have one attempt or none: what becomes of them depends on the kind of that attempt and their own status
/// alone, so it is decided once for each and looked up.
pub(super) struct Fates<'a> {
    attempts: &'a Attempts,
    /// By order status.
    without_attempt: [u32; OrderStatus::ALL.len()],
    /// By kind of the attempt, and order status.
    of_one_attempt: Vec<[u32; OrderStatus::ALL.len()]>,
}

impl<'a> Fates<'a> {
    /// The fates of orders with these attempts.
    pub(super) fn of(attempts: &'a Attempts) -> Self {
        let decide = |end: &End| std::array::from_fn(|status| Fate::decide(OrderStatus::ALL[status], end).code());
        let of_one_attempt = attempts.means.iter().map(|only| {
            let succeeded = only.status == Status::Succeeded;
            decide(&End { first: Some(only), last: Some(only), succeeded, truth: only.truth, sent: only.sent })
        });
        let nothing = End { first: None, last: None, succeeded: false, truth: Truth::NotAsked, sent: false };
        Self { attempts, without_attempt: decide(&nothing), of_one_attempt: of_one_attempt.collect() }
    }

    /// What an order's first attempt says of it, by number, and the number of its fate.
    pub(super) fn of_order(&self, order: &Progress, status: OrderStatus) -> (u32, u32) {
        if order.attempts == 0 {
            return (0, self.without_attempt[status as usize]);
        }
        let first = self.attempts.kinds.of_row(order.first);
        let dimensions = self.attempts.means[first].dimensions;
        if order.attempts == 1 {
            return (dimensions, self.of_one_attempt[first][status as usize]);
        }
        let end = End {
            first: Some(&self.attempts.means[first]),
            last: Some(self.attempts.meaning(order.last)),
            succeeded: order.has_success(),
            truth: order.truth,
            sent: order.sent,
        };
        (dimensions, Fate::decide(status, &end).code())
    }
}

/// How far an order came, and what its attempts mean.
struct End<'a> {
    first: Option<&'a Meaning>,
    last: Option<&'a Meaning>,
    succeeded: bool,
    truth: Truth,
    sent: bool,
}

fn is_paid(status: OrderStatus, end: &End) -> bool {
    end.succeeded || status == OrderStatus::Paid
}

fn ending(status: OrderStatus, end: &End) -> Ending {
    if is_paid(status, end) {
        return Ending::Succeeded;
    }
    match end.last.map(|last| last.status) {
        None if status == OrderStatus::Cancelled => Ending::Cancelled,
        Some(Status::Failed) => Ending::Failed,
        Some(last) if last.is_open() => Ending::Pending,
        _ => Ending::Abandoned,
    }
}

fn first(attempt: &Meaning) -> First {
    match attempt.status {
        Status::Succeeded => First::Succeeded,
        Status::Failed => First::Failed,
        first if first.is_open() => First::Open,
        _ => First::Other,
    }
}

/// An answer explains an end better than the stage it came at, and the stage better than the tidying up after it.
fn stage(status: OrderStatus, end: &End) -> Stage {
    if is_paid(status, end) {
        return Stage::Paid;
    }
    let called_off = status == OrderStatus::Cancelled;
    let Some(last) = end.last else {
        return if called_off { Stage::MerchantCancelled } else { Stage::NoAttempt };
    };
    match (last.status, last.reached) {
        (Status::Pending, _) => Stage::Pending,
        (Status::Failed, _) if last.technical => Stage::TechnicalAndLeft,
        (Status::Failed, _) => Stage::DeclinedAndLeft,
        (Status::Cancelled, _) if called_off => Stage::MerchantCancelled,
        (_, Some(Reached::MethodSelected)) | (Status::Initiated, None) => Stage::MethodNoSubmit,
        (_, Some(Reached::Authentication)) => Stage::AuthenticationDropped,
        (_, Some(Reached::Redirected)) => Stage::WalletOrRedirectNotReturned,
        (Status::Initiated, _) => Stage::Pending,
        _ => Stage::ExpiredUnpaid,
    }
}

/// What became of an attempt, beside its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptFate {
    /// What was answered.
    pub(super) answer: Answer,
    /// What became of the group it leads.
    pub(super) group: Group,
    /// Whether the order succeeded later.
    pub(super) recovered: bool,
    /// Whether it failed, and the customer left after it.
    pub(super) gave_up: bool,
    /// Whether it was to pay nothing: a check of the card.
    pub(super) of_nothing: bool,
}

impl AttemptFate {
    /// Every number of a fate is below.
    pub(super) const CODES: u32 = 1 << 9;

    /// The fate as a number.
    pub(super) fn code(self) -> u32 {
        let words = self.answer.code() << 3 | self.group.code();
        words << 3 | u32::from(self.recovered) << 2 | u32::from(self.gave_up) << 1 | u32::from(self.of_nothing)
    }

    /// The fate that has this number.
    pub(super) fn of(code: u32) -> Self {
        let flag = |bit: u32| code >> bit & 1 == 1;
        Self {
            answer: Answer::ALL[(code >> 6) as usize],
            group: Group::ALL[(code >> 3 & 0b111) as usize],
            recovered: flag(2),
            gave_up: flag(1),
            of_nothing: flag(0),
        }
    }
}
