//! What providers pay out, tied to the lines it is made of and to the lines of the bank.
//!
//! ```text
//! entries ──▶ Settled: batches, payouts stated ─┐  payouts: lines → expected, stated → residual
//! payouts left unfinished ──────────────────────┼─▶   │ reference, then amount and date, then a sum
//! bank_lines, and those left open ──────────────┘     ▼
//!                                                  in the bank, waiting, or a break ──▶ next night
//! ```
//!
//! Every break is told anew each night from what is unfinished: one that is not found again has cleared.

mod breaks;
mod line;
mod meet;
mod payout;
mod settled;
mod subset;

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::build::day_number;
use crate::table::rows::Rows;
use line::Line;
use meet::Meeting;
use payout::Payout;
pub use settled::Settled;

/// What payouts are tied out by.
pub struct Rules<'a> {
    /// The business date that is closed.
    pub night: NaiveDate,
    /// The accounts with banks of the job, each by the bank and the account: of lines that no payout explains, which are
    /// asked about. Without one no payout is looked for in a bank.
    pub banks: BTreeMap<[&'a str; 2], Unexplained>,
    /// The bank that an account of a provider, by name, pays into; any, where the job does not say.
    pub paid_into: BTreeMap<[&'a str; 2], &'a str>,
    /// By which night what a provider does on a day should be in the bank; of no provider in particular, the latest.
    pub settles: &'a dyn Fn(Option<&str>, NaiveDate) -> Result<NaiveDate>,
}

/// Which lines of a bank are asked about when no payout explains them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(title = "Unexplained")]
pub enum Unexplained {
    /// All that are booked.
    #[default]
    All,
    /// Money that came in.
    Credits,
    /// None: the account has other business.
    None,
}

/// What tying out says.
#[derive(Debug)]
pub struct TiedOut {
    /// Table `payouts`.
    pub payouts: RecordBatch,
    /// Table `open_bank_lines`.
    pub open_bank_lines: RecordBatch,
    /// The columns `outcome` and `outcome_reason` of tonight's `bank_lines`, by part.
    pub bank_outcomes: [(&'static str, Vec<ArrayRef>); 2],
    /// Rows of the table `breaks`.
    pub found: RecordBatch,
}

/// What the night before left unfinished: its tables `payouts` and `open_bank_lines`.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    /// Its table `payouts`.
    pub payouts: &'a RecordBatch,
    /// Its table `open_bank_lines`.
    pub bank_lines: &'a RecordBatch,
}

/// Ties out the payouts of a night.
pub fn tie_out(settled: Settled, bank_lines: &Rows, carried: Carried, rules: &Rules) -> Result<TiedOut> {
    let mut payouts = payout::known(settled, carried.payouts, rules)?;
    let lines = line::known(bank_lines, carried.bank_lines, rules)?;
    let meeting = Meeting::of(&payouts, &lines, rules);
    each_once(&meeting, &payouts, &lines)?;
    for (number, payout) in payouts.iter_mut().enumerate() {
        payout.settle(meeting.of_payout(number), &lines, !rules.banks.is_empty(), day_number(rules.night));
    }
    Ok(TiedOut {
        payouts: payout::table(&payouts, rules.night)?,
        open_bank_lines: line::table(&lines, &meeting, rules),
        bank_outcomes: line::outcomes(bank_lines, &lines, &meeting, rules),
        found: breaks::found(&payouts, &lines, &meeting, rules),
    })
}

/// Law 3: a line of a bank is in one group, and so is a payout; and what a group's payouts are due is what its lines are.
fn each_once(meeting: &Meeting, payouts: &[Payout], lines: &[Line]) -> Result<()> {
    let (mut paid, mut booked) = (vec![false; payouts.len()], vec![false; lines.len()]);
    for group in &meeting.groups {
        for &line in &group.lines {
            if std::mem::replace(&mut booked[line], true) {
                return Err(Error::law(format!("bank line {} is in two groups", lines[line].id)));
            }
        }
        for &payout in &group.payouts {
            if std::mem::replace(&mut paid[payout], true) {
                return Err(Error::law(format!("payout {} is in the bank twice", payouts[payout].reference)));
            }
        }
        let due: Amount = group.payouts.iter().map(|&payout| payouts[payout].due()).sum();
        let came: Amount = group.lines.iter().map(|&line| lines[line].amount).sum();
        if due != came {
            return Err(Error::law("payouts and the bank lines they met do not tie").expected(due).found(came));
        }
    }
    Ok(())
}
