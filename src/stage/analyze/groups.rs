//! Groups of attempts: a customer who tries the same again within a while tries once, as far as a rate of groups goes.
//!
//! Attempts of one order are a group as long as each has the method, amount and currency of the one before, no other
//! card brand, funding or wallet as far as both are known, starts at most `retry_within` after it, and that one did not
//! succeed: a group is all failures, or ends in a success. (peers: definition 5, after Shopify's attempt groups.)

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use chrono::TimeDelta;
use rayon::prelude::*;

use super::attempts::{Attempts, CURRENCY, Meaning};
use super::dimension::NOT_STATED;
use super::progress::{Progress, Sequence};
use super::words::{Group, Status};
use crate::table::part::{Amounts, NO_ROW, amounts, place, row_id};

/// What tells whether two attempts of one order are of one group.
struct Alike<'a> {
    attempts: &'a Attempts,
    amounts: Vec<Amounts<'a>>,
    retry_within: i64,
}

/// One attempt of an order that has several.
#[derive(Clone, Copy)]
struct Try {
    order: u32,
    attempt: u32,
    started: i64,
}

/// Per part of the attempts and per row, what became of the group it leads.
pub(super) fn groups(
    parts: &[RecordBatch],
    order_of: &[Vec<u32>],
    progress: &[Vec<Progress>],
    attempts: &Attempts,
    sequence: &Sequence,
    retry_within: TimeDelta,
) -> Vec<Vec<Group>> {
    // One attempt alone is a group: only those of orders with several are looked at further.
    let alone: Vec<Group> = attempts.means.iter().map(|only| end([only].into_iter())).collect();
    let first_look = order_of.par_iter().enumerate().map(|(part, orders)| {
        let mut several = Vec::new();
        let group = |((row, &order), kind): ((usize, &u32), usize)| {
            if order == NO_ROW {
                return Group::NotKnown;
            }
            let (order_part, order_row) = place(order);
            if progress[order_part][order_row].attempts > 1 {
                let attempt = row_id(part, row);
                several.push(Try { order, attempt, started: sequence.of_attempt(attempt).0.unwrap_or_default() });
            }
            alone[kind]
        };
        let groups: Vec<Group> = orders.iter().enumerate().zip(attempts.kinds.of_part(part)).map(group).collect();
        (groups, several)
    });
    let (mut groups, several): (Vec<Vec<Group>>, Vec<Vec<Try>>) = first_look.unzip();
    let mut several = several.concat();
    several.par_sort_unstable_by(|one, other| in_time(one, other, sequence));
    let retry_within = retry_within.num_microseconds().unwrap_or(i64::MAX);
    let alike = Alike { attempts, amounts: parts.iter().map(|part| amounts(part, "amount")).collect(), retry_within };
    let of_orders = several.par_chunk_by(|one, other| one.order == other.order);
    let led: Vec<(u32, Group)> = of_orders.flat_map_iter(|tries| alike.of_order(tries)).collect();
    for (attempt, group) in led {
        let (part, row) = place(attempt);
        groups[part][row] = group;
    }
    groups
}

/// By order, then in time: by instant, then by name.
fn in_time(one: &Try, other: &Try, sequence: &Sequence) -> Ordering {
    let name = |one: &Try| sequence.of_attempt(one.attempt).1;
    (one.order, one.started).cmp(&(other.order, other.started)).then_with(|| name(one).cmp(name(other)))
}

/// What became of the group of these attempts.
fn end<'a>(mut means: impl Iterator<Item = &'a Meaning> + Clone) -> Group {
    if means.clone().last().is_some_and(|last| last.status == Status::Succeeded) {
        return Group::Succeeded;
    }
    if means.any(|one| one.status.is_open()) { Group::Open } else { Group::Failed }
}

impl Alike<'_> {
    /// Of every attempt of an order, what became of the group it leads.
    fn of_order(&self, tries: &[Try]) -> Vec<(u32, Group)> {
        let mut led: Vec<(u32, Group)> = tries.iter().map(|one| (one.attempt, Group::Within)).collect();
        let mut begins = 0;
        for group in tries.chunk_by(|one, next| self.goes_on(one, next)) {
            led[begins].1 = end(group.iter().map(|one| self.attempts.meaning(one.attempt)));
            begins += group.len();
        }
        led
    }

    /// Whether an attempt is a retry of the one before.
    fn goes_on(&self, before: &Try, next: &Try) -> bool {
        let [one, other] = [before, next].map(|one| self.attempts.meaning(one.attempt));
        if one.status == Status::Succeeded || next.started.saturating_sub(before.started) > self.retry_within {
            return false;
        }
        let [said, also] = [one, other].map(|one| &self.attempts.groups[one.group as usize]);
        let [.., method, wallet, brand, funding] = *<&[u32; CURRENCY]>::try_from(&said[..CURRENCY]).expect("so many");
        let [.., its_method, its_wallet, its_brand, its_funding] =
            *<&[u32; CURRENCY]>::try_from(&also[..CURRENCY]).expect("so many");
        let may_be = |one: u32, other: u32| one == other || one == NOT_STATED || other == NOT_STATED;
        method == its_method
            && may_be(wallet, its_wallet)
            && may_be(brand, its_brand)
            && may_be(funding, its_funding)
            && said[CURRENCY] == also[CURRENCY]
            && self.amount(before) == self.amount(next)
    }

    fn amount(&self, one: &Try) -> Option<i128> {
        let (part, row) = place(one.attempt);
        self.amounts[part].get(row).map(|amount| amount.0)
    }
}
