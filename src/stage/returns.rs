//! Money given back, held against the payments it is of, over all nights that may have them.
//!
//! ```text
//! returns of tonight ──┐                          payments and returns   ┌─▶ returns: paid, given back, left
//!   (refunds,          ├─▶ Sought: references ──▶ that bear them, of  ───┤
//!    chargebacks)      │                          tonight and earlier    └─▶ breaks: more than was paid, or of no payment
//! those still wrong ───┘
//! ```
//!
//! What belongs to one payment is what shares a reference: the provider's of the payment, or the merchant's. Breaks are
//! told anew each night: one that is not found again has cleared.

mod breaks;
mod entry;
mod payment;
mod sought;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::build::day_number;
use crate::table::rows::Rows;
pub use entry::{COLUMNS, Entry, Returned};
use payment::Payment;
pub use sought::Sought;

/// What returns are held against their payments by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The business date that is closed.
    pub night: NaiveDate,
    /// Whether the lake goes back to the first night on which what is returned tonight may have been paid.
    pub reaches_back: bool,
}

/// What holding returns against their payments says.
#[derive(Debug)]
pub struct Tied {
    /// Table `returns`.
    pub returns: RecordBatch,
    /// Rows of the table `breaks`.
    pub found: RecordBatch,
}

/// Holds what was `returned` tonight, and what the table `returns` of the night before left wrong, against payments.
/// `stated` are entries of tonight and of earlier nights that bear what is [`Sought`] for them.
pub fn tie(returned: Returned, carried: &RecordBatch, stated: Vec<Entry>, rules: &Rules) -> Result<Tied> {
    let due: Vec<(String, Amount)> = returned.0.iter().map(|entry| (entry.id.clone(), entry.amount)).collect();
    let mut payments = payment::of(returned, carried, stated);
    for payment in &mut payments {
        payment.judge(day_number(rules.night), rules.reaches_back);
    }
    each_once(&due, &payments)?;
    Ok(Tied { returns: payment::table(&payments, rules.night)?, found: breaks::found(&payments, rules.night) })
}

/// Law 1: what was returned tonight is returned of one payment, with its amount.
fn each_once(due: &[(String, Amount)], payments: &[Payment]) -> Result<()> {
    let mut told: Vec<(&str, Amount)> = payments.iter().flat_map(Payment::given_back_by_entry).collect();
    told.sort_unstable();
    if let Some(twice) = told.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::law(format!("{} is given back of two payments", twice[0].0)));
    }
    match due.iter().find(|(id, amount)| told.binary_search(&(id.as_str(), *amount)).is_err()) {
        Some((id, _)) => Err(Error::law(format!("{id} was given back, and of no payment"))),
        None => Ok(()),
    }
}

/// The returns among the entries of a night or of a share of it.
#[must_use]
pub fn returned(entries: &Rows, night: NaiveDate) -> Returned {
    Returned::of(&entries.parts, night)
}
