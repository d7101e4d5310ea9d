//! Money given back against its payment, and entries against their month.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};

use super::rows::Row;
use super::{Break, Identifiers, Kind, State};
use crate::simulation::files::money;
use crate::simulation::world::{Files, LOOKS_BACK, Line, PROVIDERS, Setting};

/// A payment, or what gives it back, as a night stated it.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Stated {
    id: String,
    night: NaiveDate,
    provider: &'static str,
    kind: &'static str,
    /// What the provider calls the payment.
    provider_reference: String,
    merchant_reference: String,
    currency: &'static str,
    amount: i64,
}

impl Stated {
    fn is_payment(&self) -> bool {
        self.kind == "payment"
    }

    fn shares_a_name(&self, other: &Self) -> bool {
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        self.provider == other.provider
            && (same(&self.provider_reference, &other.provider_reference)
                || same(&self.merchant_reference, &other.merchant_reference))
    }
}

/// What the night says of payments that were given back, and what it leaves.
pub(super) struct Returned {
    pub(super) rows: Vec<Row>,
    pub(super) breaks: Vec<Break>,
    /// All that was stated up to this night.
    pub(super) stated: Vec<Stated>,
    /// What belongs to the payments that are wrong, with the currency of each, and whether no payment is known.
    pub(super) wrong: Vec<(Vec<Stated>, &'static str, bool)>,
}

pub(super) fn close(setting: &Setting, date: NaiveDate, files: &Files, ids: &Identifiers, before: &State) -> Returned {
    let mut tonight = Vec::new();
    let mut breaks = Vec::new();
    for ((at, provider), ids) in PROVIDERS.iter().enumerate().zip(&ids.entries) {
        for (line, id) in files.lines[at].iter().zip(ids) {
            let due = setting.settled_by(provider, setting.date_of(line.occurred_at));
            if is_of_a_payment(line) && (due.year(), due.month()) < (date.year(), date.month()) {
                breaks.push(out_of_period(provider.name, line, id, date));
            }
            if is_of_a_payment(line) {
                tonight.push(stated(provider.name, line, id, date));
            }
        }
    }
    // Each once, as it was stated last.
    let is_again = |known: &&Stated| tonight.iter().any(|line| line.id == known.id);
    let earlier: Vec<Stated> = before.stated.iter().filter(|known| !is_again(known)).cloned().collect();
    let since = date - Days::new(LOOKS_BACK);
    let reaches_back = before.first.is_some_and(|first| first <= since);
    let in_time = earlier.iter().filter(|known| known.night >= since).cloned();
    let carried = before.wrong.iter().flat_map(|(entries, _, _)| entries.iter().filter(|known| !is_again(known)).cloned());
    let mut known: Vec<Stated> = tonight.iter().cloned().chain(in_time).collect();
    for entry in carried {
        if !known.iter().any(|other| other.id == entry.id) {
            known.push(entry);
        }
    }
    let is_carried = |entry: &Stated| before.wrong.iter().any(|(entries, _, _)| entries.iter().any(|other| other.id == entry.id));
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    for group in groups(known) {
        if !group.iter().any(|entry| !entry.is_payment() && (entry.night == date || is_carried(entry))) {
            continue;
        }
        let mut currencies: BTreeMap<&'static str, Vec<&Stated>> = BTreeMap::new();
        for entry in group.iter().filter(|entry| !entry.is_payment()) {
            currencies.entry(entry.currency).or_default().push(entry);
        }
        for (currency, returns) in currencies {
            let was_unlinked = before.wrong.iter().any(|(entries, of, unlinked)| {
                *unlinked && *of == currency && entries.iter().any(|entry| returns.iter().any(|other| other.id == entry.id))
            });
            let payment = Payment::of(&group, currency, &returns, date, was_unlinked, reaches_back);
            rows.push(payment.row());
            if let Some(found) = payment.found(date) {
                breaks.push(found);
                wrong.push((group.clone(), currency, payment.state == "unlinked"));
            }
        }
    }
    Returned { rows, breaks, stated: earlier.into_iter().chain(tonight).collect(), wrong }
}

fn is_of_a_payment(line: &Line) -> bool {
    ["payment", "refund", "chargeback", "chargeback_reversal"].contains(&line.kind)
}

fn stated(provider: &'static str, line: &Line, id: &str, night: NaiveDate) -> Stated {
    let (amount, currency) = line.charged.unwrap_or((line.gross, line.currency));
    let is_payment = line.kind == "payment";
    Stated {
        id: id.to_owned(),
        night,
        provider,
        kind: line.kind,
        provider_reference: if is_payment { &line.provider_reference } else { &line.original_reference }.clone(),
        merchant_reference: line.merchant_reference.clone(),
        currency,
        amount,
    }
}

/// What shares names, directly or through others.
fn groups(mut left: Vec<Stated>) -> Vec<Vec<Stated>> {
    let mut groups = Vec::new();
    while let Some(first) = left.pop() {
        let mut group = vec![first];
        let mut at = 0;
        while at < group.len() {
            let (joined, others): (Vec<Stated>, Vec<Stated>) =
                left.into_iter().partition(|entry| entry.shares_a_name(&group[at]));
            group.extend(joined);
            left = others;
            at += 1;
        }
        groups.push(group);
    }
    groups
}

/// A payment in one currency of its returns.
struct Payment {
    provider: &'static str,
    currency: &'static str,
    merchant_reference: String,
    provider_reference: String,
    paid: Option<i64>,
    refunded: i64,
    charged_back: i64,
    state: &'static str,
    first_seen: NaiveDate,
    last_seen: NaiveDate,
    /// What was given back last.
    last: String,
}

impl Payment {
    fn of(
        group: &[Stated],
        currency: &'static str,
        returns: &[&Stated],
        night: NaiveDate,
        was_unlinked: bool,
        reaches_back: bool,
    ) -> Self {
        let payments: Vec<&Stated> = group.iter().filter(|entry| entry.is_payment()).collect();
        let paid: Vec<i64> = payments.iter().filter(|entry| entry.currency == currency).map(|entry| entry.amount).collect();
        let paid = (!paid.is_empty()).then(|| paid.iter().sum());
        let sum = |kinds: [&str; 2]| -> i64 {
            -returns.iter().filter(|entry| kinds.contains(&entry.kind)).map(|entry| entry.amount).sum::<i64>()
        };
        let (refunded, charged_back) = (sum(["refund", "refund"]), sum(["chargeback", "chargeback_reversal"]));
        let given_back = refunded + charged_back;
        let last_seen = returns.iter().map(|entry| entry.night).max().expect("something was given back");
        let of_nobody = if was_unlinked || reaches_back && last_seen == night { "unlinked" } else { "unknown" };
        let least = |name: fn(&Stated) -> &String| {
            let of = |entries: &[&Stated]| entries.iter().map(|entry| name(entry)).filter(|name| !name.is_empty()).min().cloned();
            let of_returns: Vec<&Stated> = group.iter().filter(|entry| !entry.is_payment()).collect();
            of(&payments).or_else(|| of(&of_returns)).unwrap_or_default()
        };
        Self {
            provider: group[0].provider,
            currency,
            merchant_reference: least(|entry| &entry.merchant_reference),
            provider_reference: least(|entry| &entry.provider_reference),
            paid,
            refunded,
            charged_back,
            state: match paid {
                Some(paid) if given_back > paid => "exceeds",
                Some(paid) if given_back == paid => "wholly",
                Some(_) if given_back >= 0 => "partly",
                None if !payments.is_empty() => "other_currency",
                _ => of_nobody,
            },
            first_seen: returns.iter().map(|entry| entry.night).min().expect("something was given back"),
            last_seen,
            last: returns.iter().max_by_key(|entry| (entry.night, &entry.id)).map(|entry| entry.id.clone()).unwrap_or_default(),
        }
    }

    fn given_back(&self) -> i64 {
        self.refunded + self.charged_back
    }

    fn row(&self) -> Row {
        let optional = |cents: Option<i64>| cents.map(money).unwrap_or_default();
        vec![
            ("provider", self.provider.to_owned()),
            ("currency", self.currency.to_owned()),
            ("state", self.state.to_owned()),
            ("merchant_reference", self.merchant_reference.clone()),
            ("provider_reference", self.provider_reference.clone()),
            ("paid", optional(self.paid)),
            ("refunded", money(self.refunded)),
            ("charged_back", money(self.charged_back)),
            ("given_back", money(self.given_back())),
            ("remaining", optional(self.paid.map(|paid| paid - self.given_back()))),
            ("first_seen", self.first_seen.to_string()),
            ("last_seen", self.last_seen.to_string()),
        ]
    }

    fn found(&self, night: NaiveDate) -> Option<Break> {
        let (kind, most) = match self.state {
            "exceeds" => ("refund_exceeds_payment", self.paid.map(|paid| -paid)),
            "unlinked" => ("refund_unlinked", None),
            _ => return None,
        };
        // What has no name is a payment of its own.
        let names = [&self.merchant_reference, &self.provider_reference, &self.last];
        let name = names.into_iter().find(|name| !name.is_empty()).expect("an entry has an identifier");
        Some(Break {
            about: vec![(false, Kind::Other, format!("{name} {}", self.currency))],
            merchant_amount: most,
            provider_amount: Some(-self.given_back()),
            difference: -self.given_back() - most.unwrap_or(0),
            merchant_reference: self.merchant_reference.clone(),
            provider_reference: self.provider_reference.clone(),
            entry: self.last.clone(),
            ..told(kind, self.provider, self.currency, night)
        })
    }
}

/// A line that a night of an earlier month should have booked: it stays until a person resolves it.
fn out_of_period(provider: &'static str, line: &Line, id: &str, night: NaiveDate) -> Break {
    Break {
        about: vec![(true, Kind::Other, id.to_owned())],
        merchant_reference: line.merchant_reference.clone(),
        provider_reference: line.provider_reference.clone(),
        entry: id.to_owned(),
        provider_amount: Some(line.gross),
        difference: line.gross,
        ..told("out_of_period", provider, line.currency, night)
    }
}

pub(super) fn told(kind: &'static str, provider: &str, currency: &'static str, night: NaiveDate) -> Break {
    Break {
        kind,
        about: Vec::new(),
        waits_for: Vec::new(),
        state: "open",
        provider: provider.to_owned(),
        merchant_reference: String::new(),
        provider_reference: String::new(),
        order: String::new(),
        attempt: String::new(),
        refund: String::new(),
        entry: String::new(),
        currency,
        merchant_amount: None,
        provider_amount: None,
        difference: 0,
        first_seen: night,
        cleared_on: None,
    }
}
