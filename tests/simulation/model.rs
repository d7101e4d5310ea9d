//! A close as a person would do it with a pencil: everything is compared with everything, nothing is fast, and nothing of
//! the program's own stages is used. The rules are those of the README and of `schemas/tables`; where those are silent,
//! a comment says what was taken for right.

mod before;
mod breaks;
mod judge;
mod meet;
mod payouts;
mod returns;
mod rows;

use chrono::{DateTime, NaiveDate, Utc};

use super::world::{Attempt, Files, Line, PROVIDERS, Refund, Setting};
pub(super) use breaks::Break;
pub(super) use rows::{Row, tell};

/// What an item is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Payment,
    Refund,
    Chargeback,
    ChargebackReversal,
    /// Fees, payouts and the like: of no order, and no part of the comparison.
    Other,
}

/// An entry or a record, as it takes part in the comparison.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) of_provider: bool,
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) provider: &'static str,
    pub(super) order: String,
    pub(super) merchant_reference: String,
    pub(super) provider_reference: String,
    pub(super) refund_reference: String,
    pub(super) currency: &'static str,
    /// Negative for a refund, on both sides.
    pub(super) amount: i64,
    /// Whether it says that money moves.
    pub(super) claims: bool,
    /// Whether it says that it is done: of several tries of one thing this stands.
    pub(super) succeeded: bool,
    pub(super) at: DateTime<Utc>,
    /// What was charged for an entry, and what its contract says, in the currency that settles.
    pub(super) fee: i64,
    pub(super) contracted: Option<i64>,
    pub(super) settled: &'static str,
    pub(super) first_seen: NaiveDate,
    pub(super) expected_by: NaiveDate,
}

impl Item {
    /// What tells it from every other item; an attempt and a refund may share an identifier.
    fn name(&self) -> (bool, Kind, &str) {
        (self.of_provider, self.kind, &self.id)
    }
}

/// What a night leaves to the next.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) items: Vec<Item>,
    pub(super) breaks: Vec<Break>,
    pub(super) payouts: Vec<payouts::Payout>,
    pub(super) bank: Vec<payouts::Booked>,
    pub(super) stated: Vec<returns::Stated>,
    pub(super) wrong: Vec<(Vec<returns::Stated>, &'static str, bool)>,
    /// All that was stated, each thing as often as it counted.
    pub(super) said: Vec<before::Said>,
    /// The first night of all.
    pub(super) first: Option<NaiveDate>,
}

/// What a night says: rows by table, and what it leaves.
pub(super) struct Night {
    pub(super) tables: Vec<(&'static str, Vec<Row>)>,
    pub(super) state: State,
}

/// Identifiers that the program gives to the lines of a night, in their order: of each provider, and of the bank. What
/// they are matters to no rule, but that of copies the smallest stands.
pub(super) struct Identifiers {
    pub(super) entries: Vec<Vec<String>>,
    pub(super) bank: Vec<String>,
}

/// Closes a night on what an earlier one left.
pub(super) fn close(setting: &Setting, date: NaiveDate, files: &Files, ids: &Identifiers, before: &State) -> Night {
    let before::Tonight { files, ids, breaks: restated, said } = before::tonight(setting, date, files, ids, before);
    let (files, ids) = (&files, &ids);
    let mut items = tonight(setting, date, files, ids);
    // What is stated again while it waits: what is stated last stands, since it was stated first.
    for item in &mut items {
        if let Some(known) = before.items.iter().find(|known| known.name() == item.name()) {
            (item.first_seen, item.expected_by) = (known.first_seen, known.expected_by);
        }
    }
    let again = |known: &&Item| !items.iter().any(|item| item.name() == known.name());
    let carried: Vec<Item> = before.items.iter().filter(again).cloned().collect();
    items.extend(carried);
    let met = meet::meet(items, date);
    let paid = payouts::close(setting, date, files, ids, before);
    let returned = returns::close(setting, date, files, ids, before);
    let found = met.breaks.into_iter().chain(paid.breaks).chain(returned.breaks).chain(restated).collect();
    let (breaks, rollforward) = breaks::roll(found, before, date);
    let tables = vec![
        ("matches", met.matches.iter().map(|link| rows::of_match(link, date)).collect()),
        ("breaks", breaks.iter().map(|found| rows::of_break(found, date)).collect()),
        ("open_items", met.open.iter().map(rows::of_open_item).collect()),
        ("rollforward", rollforward),
        ("returns", returned.rows),
        ("payouts", paid.rows),
        ("bank_lines", paid.bank_rows),
    ];
    let breaks = breaks.into_iter().filter(|found| found.cleared_on.is_none()).collect();
    let (stated, wrong, first) = (returned.stated, returned.wrong, before.first.or(Some(date)));
    let state = State { items: met.open, breaks, payouts: paid.payouts, bank: paid.bank, stated, wrong, said, first };
    Night { tables, state }
}

/// The items of the files of a night.
fn tonight(setting: &Setting, date: NaiveDate, files: &Files, ids: &Identifiers) -> Vec<Item> {
    let mut items = Vec::new();
    for ((at, provider), ids) in PROVIDERS.iter().enumerate().zip(&ids.entries) {
        for (line, id) in files.lines[at].iter().zip(ids) {
            let mut item = entry(line, id);
            item.provider = provider.name;
            (item.first_seen, item.expected_by) = (date, setting.settled_by(provider, date));
            // The contract prices payments in the currency that settles, to the cent, a half rounded up.
            if item.kind == Kind::Payment && line.currency == provider.currency {
                item.contracted = Some((line.gross * provider.basis_points + 5_000).div_euclid(10_000) + provider.fixed);
            }
            items.push(item);
        }
    }
    let records = files.attempts.iter().map(attempt).chain(files.refunds.iter().map(refund));
    for mut item in records {
        // Where no provider is named, the slowest of all has time.
        let asked = PROVIDERS.iter().filter(|known| item.provider.is_empty() || known.name == item.provider);
        item.first_seen = date;
        item.expected_by = asked.map(|provider| setting.settled_by(provider, date)).max().expect("a provider of the world");
        items.push(item);
    }
    items.retain(|item| item.kind != Kind::Other);
    items
}

fn entry(line: &Line, id: &str) -> Item {
    // Compared is what the customer was charged, where the line says it.
    let (amount, currency) = line.charged.unwrap_or((line.gross, line.currency));
    Item {
        of_provider: true,
        kind: match line.kind {
            "payment" => Kind::Payment,
            "refund" => Kind::Refund,
            "chargeback" => Kind::Chargeback,
            "chargeback_reversal" => Kind::ChargebackReversal,
            _ => Kind::Other,
        },
        id: id.to_owned(),
        provider: "",
        order: String::new(),
        merchant_reference: line.merchant_reference.clone(),
        provider_reference: line.provider_reference.clone(),
        refund_reference: line.refund_reference.clone(),
        currency,
        amount,
        claims: true,
        succeeded: true,
        at: line.occurred_at,
        fee: line.fee,
        contracted: None,
        settled: line.currency,
        first_seen: NaiveDate::MIN,
        expected_by: NaiveDate::MIN,
    }
}

fn attempt(attempt: &Attempt) -> Item {
    Item {
        of_provider: false,
        kind: Kind::Payment,
        id: attempt.id.clone(),
        provider: attempt.provider,
        order: attempt.order.clone(),
        merchant_reference: attempt.merchant_reference.clone(),
        provider_reference: attempt.provider_reference.clone(),
        refund_reference: String::new(),
        currency: attempt.currency,
        amount: attempt.amount,
        claims: attempt.status == "succeeded",
        succeeded: attempt.status == "succeeded",
        at: attempt.started_at,
        fee: 0,
        contracted: None,
        settled: "",
        first_seen: NaiveDate::MIN,
        expected_by: NaiveDate::MIN,
    }
}

fn refund(refund: &Refund) -> Item {
    Item {
        of_provider: false,
        kind: Kind::Refund,
        id: refund.id.clone(),
        provider: refund.provider,
        order: refund.order.clone(),
        merchant_reference: refund.merchant_reference.clone(),
        provider_reference: String::new(),
        refund_reference: refund.refund_reference.clone(),
        currency: refund.currency,
        amount: -refund.amount,
        // A refund claims money as soon as it is on its way.
        claims: ["succeeded", "pending"].contains(&refund.status),
        succeeded: refund.status == "succeeded",
        at: refund.requested_at,
        fee: 0,
        contracted: None,
        settled: "",
        first_seen: NaiveDate::MIN,
        expected_by: NaiveDate::MIN,
    }
}
