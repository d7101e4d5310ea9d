//! What counts tonight: an order counts once, in the night that stated it first, as long as nothing else is said of it.

use std::collections::HashSet;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter, filter_record_batch};

use super::Inputs;
use crate::stage::reconcile::{Exclusion, Outcome};
use crate::table::part::texts;

/// Gives `with` the inputs without the orders that were stated `again`, by part and row, and without the attempts that were
/// stated before, but for those of an order that counts: they tell how far it came.
pub fn once<R>(inputs: &Inputs, again: &[Vec<bool>], with: impl FnOnce(&Inputs) -> R) -> R {
    if !again.iter().flatten().any(|again| *again) && !inputs.outcomes.iter().flatten().any(|&outcome| is_again(outcome)) {
        return with(inputs);
    }
    let mask = |rows: &mut dyn Iterator<Item = bool>| rows.map(Some).collect::<BooleanArray>();
    let taken =
        |part: &RecordBatch, mask: &BooleanArray| filter_record_batch(part, mask).expect("a mask has every row of its part");
    let orders = inputs.orders.iter().zip(again);
    let orders: Vec<RecordBatch> =
        orders.map(|(part, again)| taken(part, &mask(&mut again.iter().map(|again| !again)))).collect();
    let counts = orders_that_count(inputs, &orders);
    let counted = inputs.attempts.iter().zip(inputs.outcomes).map(|(part, outcomes)| {
        let order = texts(part, "order_id");
        let is_counted = |(row, &outcome)| !is_again(outcome) || order.get(row).is_some_and(|order| counts.contains(order));
        outcomes.iter().enumerate().map(is_counted).collect()
    });
    let counted: Vec<Vec<bool>> = counted.collect();
    let masks: Vec<BooleanArray> = counted.iter().map(|counted| mask(&mut counted.iter().copied())).collect();
    let attempts: Vec<RecordBatch> = inputs.attempts.iter().zip(&masks).map(|(part, mask)| taken(part, mask)).collect();
    let outcomes = inputs.outcomes.iter().zip(&counted);
    let outcomes: Vec<Vec<Option<Outcome>>> = outcomes
        .map(|(outcomes, counted)| {
            outcomes.iter().zip(counted).filter(|(_, counted)| **counted).map(|(outcome, _)| *outcome).collect()
        })
        .collect();
    let accounts = inputs.accounts.map(|accounts| {
        let taken = accounts.iter().zip(&masks).map(|(of, mask)| filter(of, mask).expect("a mask has every row of its part"));
        taken.collect::<Vec<ArrayRef>>()
    });
    with(&Inputs { orders: &orders, attempts: &attempts, outcomes: &outcomes, accounts: accounts.as_deref() })
}

fn is_again(outcome: Option<Outcome>) -> bool {
    outcome == Some(Outcome::Excluded(Exclusion::StatedBefore))
}

/// Of the orders that attempts stated before name, those that are among `orders`.
fn orders_that_count<'o>(inputs: &Inputs, orders: &'o [RecordBatch]) -> HashSet<&'o str> {
    let asked: HashSet<&str> = inputs
        .attempts
        .iter()
        .zip(inputs.outcomes)
        .flat_map(|(part, outcomes)| {
            let order = texts(part, "order_id");
            let again = outcomes.iter().enumerate().filter(|&(_, &outcome)| is_again(outcome));
            again.filter_map(move |(row, _)| order.get(row))
        })
        .collect();
    let named = orders.iter().flat_map(|part| {
        let names = texts(part, "order_id");
        (0..part.num_rows()).filter_map(move |row| names.get(row))
    });
    named.filter(|name| asked.contains(name)).collect()
}
