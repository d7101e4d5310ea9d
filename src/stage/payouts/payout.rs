//! One payout: the lines it is made of, what is stated of it, and the rows of the table `payouts`.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, RecordBatch};
use chrono::NaiveDate;

use super::Rules;
use super::line::Line;
use super::meet::Met;
use super::settled::{OfAccount, Settled, Stated, Sums};
use crate::error::{Error, Result};
use crate::money::{Amount, SCALE};
use crate::table::build::{self, date_of, day_number};
use crate::table::identity::identity;
use crate::table::payouts::PAYOUTS;
use crate::table::read::{amount, amounts, counts, dates, text, words};

/// What stands between names in one column: none has a line of its own in it.
const BETWEEN: &str = "\n";

/// A settlement batch or payout.
#[derive(Clone, Debug)]
pub(super) struct Payout {
    pub(super) provider: String,
    pub(super) account: String,
    pub(super) currency: String,
    pub(super) reference: String,
    pub(super) others: BTreeSet<String>,
    pub(super) sums: Sums,
    pub(super) stated: Option<Amount>,
    /// What is in `stated`: what the provider calls a payout, and its amount.
    statements: BTreeSet<(String, Amount)>,
    pub(super) paid_on: Option<i32>,
    pub(super) first_seen: i32,
    pub(super) expected_by: i32,
    pub(super) state: State,
    pub(super) bank: Option<InBank>,
}

/// How far a payout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unstated,
    Stated,
    NothingToPay,
    Waiting,
    NotInBank,
    Ambiguous,
    InBank,
}

impl State {
    const ALL: [Self; 7] =
        [Self::Unstated, Self::Stated, Self::NothingToPay, Self::Waiting, Self::NotInBank, Self::Ambiguous, Self::InBank];

    fn as_str(self) -> &'static str {
        match self {
            Self::Unstated => "unstated",
            Self::Stated => "stated",
            Self::NothingToPay => "nothing_to_pay",
            Self::Waiting => "waiting",
            Self::NotInBank => "not_in_bank",
            Self::Ambiguous => "ambiguous",
            Self::InBank => "in_bank",
        }
    }
}

/// What the bank says of a payout.
#[derive(Clone, Debug)]
pub(super) struct InBank {
    pass: String,
    bank: String,
    lines: String,
    reference: Option<String>,
    /// What was due of it when it came.
    pub(super) amount: Amount,
    booked_on: i32,
}

impl Payout {
    fn new(of: &[String; 3], reference: &str, night: i32) -> Self {
        let [provider, account, currency] = of.clone();
        Self {
            provider,
            account,
            currency,
            reference: reference.to_owned(),
            others: BTreeSet::new(),
            sums: Sums::default(),
            stated: None,
            statements: BTreeSet::new(),
            paid_on: None,
            first_seen: night,
            expected_by: night,
            state: State::Unstated,
            bank: None,
        }
    }

    pub(super) fn id(&self) -> String {
        identity(&["payout", &self.provider, &self.account, &self.reference, &self.currency])
    }

    /// Everything it is called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.reference.as_str()).chain(self.others.iter().map(String::as_str))
    }

    /// What should be in the bank: what is stated, or else what its lines add up to.
    pub(super) fn due(&self) -> Amount {
        self.stated.unwrap_or_else(|| self.sums.expected())
    }

    /// What is paid and not in its lines, where both are known.
    pub(super) fn residual(&self) -> Option<Amount> {
        self.stated.filter(|_| self.sums.lines > 0).map(|stated| stated - self.sums.expected())
    }

    /// Whether it may still meet the bank.
    pub(super) fn is_open(&self) -> bool {
        self.bank.is_none() && self.due() != Amount::ZERO
    }

    fn call(&mut self, name: &str) {
        if name != self.reference {
            self.others.insert(name.to_owned());
        }
    }

    fn state(&mut self, stated: &Stated) {
        // A provider states one payout in several reports, and in one of two nights again.
        let is_new = stated.reference.as_ref().is_none_or(|reference| self.statements.insert((reference.clone(), stated.amount)));
        if is_new {
            self.stated = Some(self.stated.unwrap_or_default() + stated.amount);
            self.sums.fees += stated.fee;
        }
        self.paid_on = self.paid_on.max(Some(stated.day));
        for name in stated.batch.iter().chain(&stated.reference).chain(&stated.others) {
            self.call(name);
        }
    }

    /// Says how far it has come, by what the bank says.
    pub(super) fn settle(&mut self, met: &Met, lines: &[Line], has_banks: bool, night: i32) {
        if let Met::Group { pass, lines: of_group } = met {
            let first = &lines[of_group[0]];
            self.bank = Some(InBank {
                pass: (*pass).to_owned(),
                bank: first.bank.clone(),
                lines: of_group.iter().map(|&line| lines[line].id.as_str()).collect::<Vec<_>>().join(" "),
                reference: first.references.iter().flatten().next().cloned(),
                amount: self.due(),
                booked_on: of_group.iter().map(|&line| lines[line].booked_on).max().unwrap_or(night),
            });
        }
        self.state = match met {
            // What is stated, or added to its lines, after it came is not in the bank.
            _ if self.bank.as_ref().is_some_and(|bank| bank.amount == self.due()) => State::InBank,
            _ if self.bank.is_some() => State::NotInBank,
            _ if self.due() == Amount::ZERO => State::NothingToPay,
            _ if !has_banks && self.stated.is_some() => State::Stated,
            _ if !has_banks => State::Unstated,
            Met::Ambiguous(_) => State::Ambiguous,
            Met::Differs(_) => State::NotInBank,
            _ if night < self.expected_by => State::Waiting,
            _ => State::NotInBank,
        };
    }

    /// Whether it enters the next night: the bank has it not, its lines do not add up, or more of it may come.
    fn is_unfinished(state: &str, residual: Option<Amount>, night: i32, expected_by: i32) -> bool {
        let is_open = [State::Waiting, State::NotInBank, State::Ambiguous].iter().any(|open| open.as_str() == state);
        is_open || residual.map_or(night < expected_by, |residual| residual != Amount::ZERO)
    }
}

/// The payouts the night before left unfinished, and those of tonight, in the order of the table.
pub(super) fn known(settled: Settled, carried: &RecordBatch, rules: &Rules) -> Result<Vec<Payout>> {
    let mut by_account: BTreeMap<[String; 3], Vec<Payout>> = BTreeMap::new();
    for payout in unfinished(carried) {
        let of = [payout.provider.clone(), payout.account.clone(), payout.currency.clone()];
        by_account.entry(of).or_default().push(payout);
    }
    for (of, tonight) in settled.0 {
        let known = by_account.entry(of.clone()).or_default();
        join(&of, known, &tonight, rules)?;
    }
    let mut payouts: Vec<Payout> = by_account.into_values().flatten().collect();
    payouts.sort_by(|one, other| one.key().cmp(&other.key()));
    Ok(payouts)
}

impl Payout {
    fn key(&self) -> [&str; 4] {
        [&self.provider, &self.account, &self.reference, &self.currency]
    }
}

/// Joins what tonight's entries of an account say with what is known: by what a batch or payout is called.
fn join(of: &[String; 3], known: &mut Vec<Payout>, tonight: &OfAccount, rules: &Rules) -> Result<()> {
    let night = day_number(rules.night);
    let before: i64 = known.iter().map(|payout| payout.sums.lines).sum();
    let mut called: BTreeMap<String, usize> = BTreeMap::new();
    for (number, payout) in known.iter().enumerate() {
        payout.names().for_each(|name| {
            called.entry(name.to_owned()).or_insert(number);
        });
    }
    let stated_names: BTreeSet<&String> =
        tonight.stated.values().flat_map(|stated| stated.batch.iter().chain(&stated.reference)).collect();
    // What is new, or stated tonight: lines that come late put nothing off.
    let (mut lines, mut begins) = (0, BTreeSet::new());
    for (batch, sums) in &tonight.batches {
        // Transfers between accounts bear references too, which are no batch that is paid out.
        if sums.trade == 0 && !stated_names.contains(batch) && !called.contains_key(batch) {
            continue;
        }
        lines += sums.lines;
        let number = *called.entry(batch.clone()).or_insert_with(|| {
            known.push(Payout::new(of, batch, night));
            begins.insert(known.len() - 1);
            known.len() - 1
        });
        known[number].sums.add(sums);
    }
    for (entry, stated) in &tonight.stated {
        let names = || stated.batch.iter().chain(&stated.reference);
        // Before the bank has it, a payout that comes back is nothing to pay; after, its return is a payout of its own.
        let comes_back = stated.of.as_ref().and_then(|of| called.get(of).copied());
        let comes_back = comes_back.filter(|&number| known[number].bank.is_none());
        let number = names().find_map(|name| called.get(name).copied()).or(comes_back).unwrap_or_else(|| {
            known.push(Payout::new(of, names().next().unwrap_or(entry), night));
            known.len() - 1
        });
        known[number].state(stated);
        names().for_each(|name| {
            called.entry(name.to_owned()).or_insert(number);
        });
        begins.insert(number);
    }
    for number in begins {
        let from = known[number].paid_on.map_or(rules.night, |day| rules.night.max(date_of(day)));
        known[number].expected_by = day_number((rules.settles)(Some(&of[0]), from)?);
    }
    // Law 1: every line of a batch is in one payout.
    let after: i64 = known.iter().map(|payout| payout.sums.lines).sum();
    if after != before + lines {
        return Err(Error::law("lines of batches are not in payouts").expected(before + lines).found(after));
    }
    Ok(())
}

/// The rows of the table of the night before that enter this one.
fn unfinished(table: &RecordBatch) -> Vec<Payout> {
    let word = |name: &str| words(table, name);
    let [provider, account, currency, state, pass, bank] = ["provider", "account", "currency", "state", "pass", "bank"].map(word);
    let [reference, others, statements, line_ids, bank_reference] =
        ["reference", "other_references", "statements", "bank_line_ids", "bank_reference"].map(|name| text(table, name));
    let [gross, refunds, chargebacks, fees, other, stated, residual, bank_amount] =
        ["gross", "refunds", "chargebacks", "fees", "other", "stated", "residual", "bank_amount"]
            .map(|name| amounts(table, name));
    let lines = counts(table, "lines");
    let [nights, paid_on, booked_on, first_seen, expected_by] =
        ["business_date", "paid_on", "booked_on", "first_seen", "expected_by"].map(|name| dates(table, name));
    let enters =
        |row: &usize| Payout::is_unfinished(state.get(*row), amount(residual, *row), nights.value(*row), expected_by.value(*row));
    let stated_text = |column: &arrow::array::StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
    let payout = |row: usize| {
        let sum = |column| amount(column, row).unwrap_or_default();
        Payout {
            provider: provider.get(row).to_owned(),
            account: account.get(row).to_owned(),
            currency: currency.get(row).to_owned(),
            reference: reference.value(row).to_owned(),
            others: stated_text(others, row)
                .map(|others| others.split(BETWEEN).map(ToOwned::to_owned).collect())
                .unwrap_or_default(),
            sums: Sums {
                lines: lines.value(row),
                trade: lines.value(row),
                gross: sum(gross),
                refunds: sum(refunds),
                chargebacks: sum(chargebacks),
                fees: sum(fees),
                other: sum(other),
            },
            stated: amount(stated, row),
            statements: stated_text(statements, row).map(|said| said.split(BETWEEN).map(statement).collect()).unwrap_or_default(),
            paid_on: paid_on.is_valid(row).then(|| paid_on.value(row)),
            first_seen: first_seen.value(row),
            expected_by: expected_by.value(row),
            state: State::ALL.into_iter().find(|known| known.as_str() == state.get(row)).expect("a state of the table"),
            bank: pass.optional(row).map(|pass| InBank {
                pass: pass.to_owned(),
                bank: bank.get(row).to_owned(),
                lines: stated_text(line_ids, row).unwrap_or_default(),
                reference: stated_text(bank_reference, row),
                amount: sum(bank_amount),
                booked_on: booked_on.value(row),
            }),
        }
    };
    (0..table.num_rows()).filter(enters).map(payout).collect()
}

/// A statement as the table has it.
fn statement(said: &str) -> (String, Amount) {
    let parsed = said
        .rsplit_once(' ')
        .and_then(|(reference, amount)| Some((reference.to_owned(), Amount::parse(amount.as_bytes(), SCALE).ok()?)));
    parsed.expect("a reference and its amount")
}

/// The table, of payouts in its order.
pub(super) fn table(payouts: &[Payout], night: NaiveDate) -> Result<RecordBatch> {
    let sums = |payout: &Payout| {
        let Sums { gross, refunds, chargebacks, fees, other, .. } = payout.sums;
        [gross, refunds, chargebacks, fees, other, payout.sums.expected(), payout.due(), payout.residual().unwrap_or_default()]
    };
    if let Some(payout) = payouts.iter().find(|payout| sums(payout).into_iter().any(|sum| !sum.fits())) {
        return Err(Error::law(format!("a sum of the payout {} has more digits than an amount may have", payout.reference)));
    }
    let word = |of: fn(&Payout) -> Option<&str>| build::words(payouts.iter().map(of));
    let written = |of: fn(&Payout) -> Option<String>| build::texts(payouts.iter().map(of));
    let sum = |of: fn(&Payout) -> Option<Amount>| build::amounts(payouts.iter().map(of));
    let day = |of: fn(&Payout) -> Option<i32>| build::dates(payouts.iter().map(of));
    Ok(PAYOUTS.batch([
        ("payout_id", written(|payout| Some(payout.id()))),
        ("business_date", build::same_date(night, payouts.len())),
        ("provider", word(|payout| Some(&payout.provider))),
        ("account", word(|payout| Some(&payout.account))),
        ("reference", written(|payout| Some(payout.reference.clone()))),
        (
            "other_references",
            written(|payout| {
                let others: Vec<&str> = payout.others.iter().map(String::as_str).collect();
                Some(others.join(BETWEEN)).filter(|others| !others.is_empty())
            }),
        ),
        ("currency", word(|payout| Some(&payout.currency))),
        ("state", word(|payout| Some(payout.state.as_str()))),
        ("lines", build::counts(payouts.iter().map(|payout| payout.sums.lines))),
        ("gross", sum(|payout| Some(payout.sums.gross))),
        ("refunds", sum(|payout| Some(payout.sums.refunds))),
        ("chargebacks", sum(|payout| Some(payout.sums.chargebacks))),
        ("fees", sum(|payout| Some(payout.sums.fees))),
        ("other", sum(|payout| Some(payout.sums.other))),
        ("expected", sum(|payout| Some(payout.sums.expected()))),
        ("stated", sum(|payout| payout.stated)),
        (
            "statements",
            written(|payout| {
                let said: Vec<String> =
                    payout.statements.iter().map(|(reference, amount)| format!("{reference} {amount}")).collect();
                Some(said.join(BETWEEN)).filter(|said| !said.is_empty())
            }),
        ),
        ("residual", sum(Payout::residual)),
        ("paid_on", day(|payout| payout.paid_on)),
        ("pass", word(|payout| payout.bank.as_ref().map(|bank| bank.pass.as_str()))),
        ("bank", word(|payout| payout.bank.as_ref().map(|bank| bank.bank.as_str()))),
        ("bank_line_ids", written(|payout| payout.bank.as_ref().map(|bank| bank.lines.clone()))),
        ("bank_reference", written(|payout| payout.bank.as_ref().and_then(|bank| bank.reference.clone()))),
        ("bank_amount", sum(|payout| payout.bank.as_ref().map(|bank| bank.amount))),
        ("booked_on", day(|payout| payout.bank.as_ref().map(|bank| bank.booked_on))),
        ("first_seen", day(|payout| Some(payout.first_seen))),
        ("expected_by", day(|payout| Some(payout.expected_by))),
    ]))
}
