//! What tonight's files state that an earlier night stated too, and that has ended since.
//!
//! ```text
//! rows of tonight that ──▶ Sought: what they ──▶ Before: what nights  ──▶ the same: excluded, stated_before
//! happened before it        are called           since said of them       an entry of other money: restated
//! ```
//!
//! Reports overlap, and files are sent twice. A thing is consumed once (law 3): what comes again moves no money a second
//! time, neither in the comparison nor in fees, payouts and what was given back. While it waits for its counterpart that is
//! otherwise, see [`super::restated`]: what is stated last stands.
//!
//! The same is what has one identity and happened at one instant: lines without an identifier of their own are alike night
//! after night. Nothing is stated before it has happened. So only what happened before the night is looked for, and only in the nights
//! since.

use std::collections::{HashMap, HashSet};

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use rayon::prelude::*;

use super::items::outcome_columns;
use super::reconcile::{BreakType, Exclusion, Itemless, OfEntry, Outcome, itemless};
use super::records::number_of;
use super::restated::Known;
use crate::format::time::day_range;
use crate::money::Amount;
use crate::table::build::flags;
use crate::table::column::Table;
use crate::table::entries::ENTRIES;
use crate::table::part::{self, Ids, amounts, ids, instants, nothing};
use crate::table::read::{column, words};
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};
use crate::table::rows::Rows;
use crate::table::sheet::Sheet;

/// A table whose rows may be stated again.
#[derive(Debug)]
pub struct Stating {
    /// The table.
    pub table: &'static Table,
    id: &'static str,
    /// The column that tells which rows were themselves stated before.
    again: &'static str,
    happened: &'static str,
    words: &'static [&'static str],
    amounts: &'static [&'static str],
}

/// Lines of providers.
pub static LINES: Stating = Stating {
    table: &ENTRIES,
    id: "entry_id",
    again: OUTCOME_REASON,
    happened: "occurred_at",
    words: &["currency", "customer_currency"],
    amounts: &["gross", "fee", "net", "customer_amount"],
};
/// The merchant's attempts.
pub static TRIES: Stating = Stating {
    table: &ATTEMPTS,
    id: "attempt_id",
    again: OUTCOME_REASON,
    happened: "started_at",
    words: &["currency", "status"],
    amounts: &["amount"],
};
/// The merchant's refunds.
pub static GIVEN_BACK: Stating = Stating {
    table: &REFUNDS,
    id: "refund_id",
    again: OUTCOME_REASON,
    happened: "requested_at",
    words: &["currency", "status"],
    amounts: &["amount"],
};
/// The merchant's orders.
pub static PLACED: Stating = Stating {
    table: &ORDERS,
    id: "order_id",
    again: IS_STATED_BEFORE,
    happened: "created_at",
    words: &["currency", "status"],
    amounts: &["amount"],
};

impl Stating {
    /// What of an earlier night is looked at to see whether it is sought.
    #[must_use]
    pub fn looked_at(&self) -> [&'static str; 2] {
        [self.id, self.again]
    }

    /// What is read of it then.
    #[must_use]
    pub fn read(&self) -> Vec<&'static str> {
        [self.id, self.happened].iter().chain(self.words).chain(self.amounts).copied().collect()
    }

    /// What a row is called, as a number.
    fn numbers<'p>(&self, part: &'p RecordBatch) -> impl Fn(usize) -> u128 + use<'p> {
        let ids = ids(part, self.id);
        move |row| ids.get(row).with_text(number_of)
    }
}

/// What may have been stated before.
#[derive(Debug)]
pub struct Sought {
    stating: &'static Stating,
    numbers: HashSet<u128>,
    /// When the first of it happened.
    since: i64,
}

impl Sought {
    /// Of these rows of tonight those that happened before the night, but for what is still `open`.
    #[must_use]
    pub fn of(stating: &'static Stating, rows: &Rows, open: &Known, (night, zone): (NaiveDate, Tz)) -> Self {
        let (begins, _) = day_range(night, zone);
        let of_part = |part: &RecordBatch| {
            let happened = instants(part, stating.happened);
            let is_earlier = |row: &usize| happened.get(*row).is_some_and(|at| at < begins);
            let mut earlier = (0..part.num_rows()).filter(is_earlier).peekable();
            if earlier.peek().is_none() {
                return Vec::new();
            }
            let (number, ids) = (stating.numbers(part), ids(part, stating.id));
            // What is open is known by the number of an identity itself, where a row is called by one.
            let is_open = |row: usize| match ids {
                Ids::Numbers(numbers) => open.get(part::identity(numbers.value(row)).number()).is_some(),
                Ids::Texts(_) => open.get(number(row)).is_some(),
            };
            earlier.filter(|&row| !is_open(row)).map(|row| (number(row), happened.get(row).unwrap_or(begins))).collect()
        };
        let found: Vec<Vec<(u128, i64)>> = rows.parts.par_iter().map(of_part).collect();
        let since = found.iter().flatten().map(|&(_, at)| at).min().unwrap_or(begins);
        Self { stating, numbers: found.into_iter().flatten().map(|(number, _)| number).collect(), since }
    }

    /// The first night that may have stated any of it; none where nothing is sought.
    #[must_use]
    pub fn since(&self, zone: Tz) -> Option<NaiveDate> {
        let at = DateTime::from_timestamp_micros(self.since).expect("an instant that was read");
        (!self.numbers.is_empty()).then(|| at.with_timezone(&zone).date_naive())
    }

    /// The rows of a batch of an earlier night that are sought: but for those that were themselves stated before.
    #[must_use]
    pub fn rows(&self, batch: &RecordBatch) -> Vec<usize> {
        let number = self.stating.numbers(batch);
        stand(batch, (0..batch.num_rows()).filter(|&row| self.numbers.contains(&number(row))).collect())
    }
}

/// Those of these rows of a published table that were not themselves stated before.
#[must_use]
pub fn stand(published: &RecordBatch, rows: Vec<usize>) -> Vec<usize> {
    if published.column_by_name(IS_STATED_BEFORE).is_some() {
        let is_again = told(published);
        return rows.into_iter().filter(|&row| !is_again[row]).collect();
    }
    let reasons = words(published, OUTCOME_REASON);
    let again = [STATED_BEFORE, RESTATED].map(Outcome::reason);
    rows.into_iter().filter(|&row| reasons.optional(row).is_none_or(|reason| !again.contains(&Some(reason)))).collect()
}

/// The column that tells.
pub const OUTCOME_REASON: &str = "outcome_reason";

/// The column that tells of orders.
pub const IS_STATED_BEFORE: &str = "stated_before";

/// That column, by part.
#[must_use]
pub fn told_of_orders(again: &[Vec<bool>]) -> (&'static str, Vec<ArrayRef>) {
    (IS_STATED_BEFORE, again.iter().map(|part| flags(part.iter().copied())).collect())
}

/// What it tells of the rows of a batch.
#[must_use]
pub fn told(orders: &RecordBatch) -> Vec<bool> {
    column(orders, IS_STATED_BEFORE).as_boolean().values().iter().collect()
}

const STATED_BEFORE: Outcome = Outcome::Excluded(Exclusion::StatedBefore);
const RESTATED: Outcome = Outcome::Break(BreakType::Restated);

/// What a row says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Says {
    words: Vec<Option<String>>,
    amounts: Vec<Option<Amount>>,
}

impl Says {
    fn of(stating: &Stating, batch: &RecordBatch, row: usize) -> Self {
        let word = |name: &&str| words(batch, name).optional(row).filter(|word| !word.is_empty()).map(ToOwned::to_owned);
        let amount = |name: &&str| amounts(batch, name).get(row);
        Self { words: stating.words.iter().map(word).collect(), amounts: stating.amounts.iter().map(amount).collect() }
    }

    /// In words, of an entry.
    fn told(&self) -> String {
        let currency = self.words[0].as_deref().unwrap_or_default();
        let named = LINES.amounts.iter().zip(&self.amounts).take(3);
        let named = named.filter_map(|(name, amount)| Some(format!("{name} {}", (*amount)?.in_currency(currency))));
        let settles = format!("{} {currency}", named.collect::<Vec<_>>().join(", "));
        match (self.amounts[3], &self.words[1]) {
            (Some(charged), Some(of)) => format!("{settles}, charged {} {of}", charged.in_currency(of)),
            _ => settles,
        }
    }
}

/// What earlier nights said of what is sought, by its number and when it happened; each as it was stated last.
#[derive(Debug, Default)]
pub struct Before(HashMap<(u128, i64), Said>);

/// What a night said of something.
#[derive(Debug)]
struct Said {
    night: NaiveDate,
    /// When the night ended: what happened later, it cannot have meant.
    ended: i64,
    says: Says,
}

impl Before {
    /// What `night` said in these rows.
    #[must_use]
    pub fn of(stating: &Stating, (night, zone): (NaiveDate, Tz), rows: &[RecordBatch]) -> Self {
        let (_, ended) = day_range(night, zone);
        let said = rows.iter().flat_map(|batch| {
            let (number, happened) = (stating.numbers(batch), instants(batch, stating.happened));
            (0..batch.num_rows()).filter_map(move |row| {
                Some(((number(row), happened.get(row)?), Said { night, ended, says: Says::of(stating, batch, row) }))
            })
        });
        Self(said.collect())
    }

    /// What was said of each row of a part of tonight.
    fn said(&self, stating: &Stating, part: &RecordBatch) -> Vec<Option<&Said>> {
        let (number, happened) = (stating.numbers(part), instants(part, stating.happened));
        let of_row = |row| {
            let at = happened.get(row)?;
            self.0.get(&(number(row), at)).filter(|said| at < said.ended)
        };
        (0..part.num_rows()).map(of_row).collect()
    }

    /// With what a later night said, which stands.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// Whether nothing was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows of a part of records that say what they said before. A record that says something else is another claim.
    #[must_use]
    pub fn says_the_same(&self, stating: &Stating, part: &RecordBatch) -> Vec<bool> {
        if self.is_empty() {
            return vec![false; part.num_rows()];
        }
        let said = self.said(stating, part).into_iter().enumerate();
        said.map(|(row, said)| said.is_some_and(|said| said.says == Says::of(stating, part, row))).collect()
    }
}

/// Entries that were stated before.
#[derive(Debug)]
pub struct StatedBefore {
    /// Their rows.
    pub rows: Rows,
    /// What becomes of each, by part.
    pub outcomes: Vec<Vec<Option<Outcome>>>,
    /// Those that say something else now, as rows of the table `breaks`.
    pub found: RecordBatch,
}

impl StatedBefore {
    /// As rows of the table `entries`, by themselves.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        self.rows.sheet(&ENTRIES, outcome_columns(&self.outcomes))
    }

    /// The table `entries`: these among the others, what became of each of which is told by part.
    #[must_use]
    pub fn among(&self, others: &Rows, mut outcomes: Vec<Vec<Option<Outcome>>>) -> Sheet {
        if self.rows.count() == 0 {
            return others.sheet(&ENTRIES, outcome_columns(&outcomes));
        }
        outcomes.extend(self.outcomes.iter().cloned());
        let parts = others.parts.iter().chain(&self.rows.parts).cloned().collect();
        Rows::by_key(parts, &ENTRIES).sheet(&ENTRIES, outcome_columns(&outcomes))
    }
}

/// Takes the entries that were stated before out of those of a night, or of a share of it.
#[must_use]
pub fn apart(entries: Rows, before: &Before, night: NaiveDate) -> (Rows, StatedBefore) {
    if before.is_empty() {
        let none = Rows::by_key(Vec::new(), &ENTRIES);
        return (entries, StatedBefore { rows: none, outcomes: Vec::new(), found: itemless(&[], night) });
    }
    let (mut stand, mut again, mut outcomes, mut found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in &entries.parts {
        let said = before.said(&LINES, part);
        let is_again: BooleanArray = said.iter().map(|said| Some(said.is_some())).collect();
        let taken = |mask: &BooleanArray| filter_record_batch(part, mask).expect("a mask has every row of its part");
        stand.push(taken(&not(&is_again).expect("a mask is never empty of truth values")));
        again.push(taken(&is_again));
        let mut of_part = Vec::new();
        for (row, said) in said.iter().enumerate().filter_map(|(row, said)| Some((row, (*said)?))) {
            let says = Says::of(&LINES, part, row);
            let is_same = says == said.says;
            of_part.push(Some(if is_same { STATED_BEFORE } else { RESTATED }));
            if !is_same {
                found.push(restated(part, row, said, &says));
            }
        }
        outcomes.push(of_part);
    }
    // Nothing of them is priced by a contract again.
    let unpriced = |part: RecordBatch| {
        let rows = part.num_rows();
        let schema = part.schema();
        let read = schema.fields().iter().zip(part.columns()).map(|(field, array)| (field.name().as_str(), array.clone(), true));
        let columns = read.chain(["fee_rule", "fee_contracted"].map(|name| (name, nothing(rows), true)));
        RecordBatch::try_from_iter_with_nullable(columns).expect("every column has a row an entry")
    };
    let rows = Rows::by_key(again.into_iter().map(unpriced).collect(), &ENTRIES);
    let found: Vec<Itemless> = found.iter().map(OfEntry::told).collect();
    (Rows::by_key(stand, &ENTRIES), StatedBefore { rows, outcomes, found: itemless(&found, night) })
}

/// An entry that says something else than before it ended: held against what settled then, where it was in the same currency.
fn restated(part: &RecordBatch, row: usize, said: &Said, says: &Says) -> OfEntry {
    let net = |of: &Says| of.amounts[2].expect("an entry has a net");
    let detail = format!("on {} it was {}; now it is {}", said.night, said.says.told(), says.told());
    let expected = (says.words[0] == said.says.words[0]).then(|| net(&said.says));
    OfEntry::of(part, row, BreakType::Restated, net(says), detail).expecting(expected)
}
