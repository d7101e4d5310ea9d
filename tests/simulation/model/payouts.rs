//! Payouts against their lines and the bank.

use chrono::NaiveDate;

use super::rows::Row;
use super::{Break, Identifiers, State};
use crate::simulation::world::{Files, Setting};

/// A payout that is not finished.
#[derive(Clone)]
pub(in crate::simulation) struct Payout {}

/// A line of the bank that no payout explains.
#[derive(Clone)]
pub(in crate::simulation) struct Booked {}

/// What a night says of them.
#[derive(Default)]
pub(super) struct Paid {
    pub(super) breaks: Vec<Break>,
    pub(super) rows: Vec<Row>,
    pub(super) bank_rows: Vec<Row>,
    pub(super) payouts: Vec<Payout>,
    pub(super) bank: Vec<Booked>,
}

pub(super) fn close(_: &Setting, _: NaiveDate, _: &Files, _: &Identifiers, _: &State) -> Paid {
    Paid::default()
}
