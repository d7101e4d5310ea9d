//! One payment that something was given back of, and the rows of the table `returns`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arrow::array::{Array, RecordBatch, StringArray};
use chrono::NaiveDate;

use super::entry::{Entry, Kind, Returned, Whose};
use crate::error::{Error, Result};
use crate::money::{Amount, SCALE};
use crate::table::build::{self, date_of, day_number};
use crate::table::identity::identity;
use crate::table::read::{text, words};
use crate::table::returns::RETURNS;

/// What stands between entries in one column, and between what is said of each.
const BETWEEN: &str = "\n";

/// What share a reference: payments, and what was given back of them, in one currency.
#[derive(Debug)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) of: [String; 2],
    pub(super) currency: String,
    pub(super) merchant_reference: Option<String>,
    pub(super) provider_reference: Option<String>,
    /// What else it is called.
    pub(super) also: BTreeSet<(Whose, String)>,
    /// In every currency, each once, in the order of nights.
    pub(super) payments: Vec<Entry>,
    /// In this currency, each once, in the order of nights.
    pub(super) returns: Vec<Entry>,
    pub(super) state: State,
}

/// How what was given back stands to what was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Partly,
    Wholly,
    Exceeds,
    Unlinked,
    Unknown,
    OtherCurrency,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Partly => "partly",
            Self::Wholly => "wholly",
            Self::Exceeds => "exceeds",
            Self::Unlinked => "unlinked",
            Self::Unknown => "unknown",
            Self::OtherCurrency => "other_currency",
        }
    }

    /// Whether it is a break.
    fn is_wrong(word: &str) -> bool {
        [Self::Exceeds, Self::Unlinked].iter().any(|wrong| wrong.as_str() == word)
    }
}

impl Payment {
    /// What was paid in the currency, if a payment in it is known.
    pub(super) fn paid(&self) -> Option<Amount> {
        let mut in_currency = self.payments.iter().filter(|payment| payment.currency == self.currency).peekable();
        in_currency.peek()?;
        Some(in_currency.map(|payment| payment.amount).sum())
    }

    pub(super) fn given_back(&self) -> Amount {
        self.returns.iter().map(Entry::given_back).sum()
    }

    pub(super) fn given_back_by_entry(&self) -> impl Iterator<Item = (&str, Amount)> {
        self.returns.iter().map(|entry| (entry.id.as_str(), entry.amount))
    }

    fn given_back_by(&self, kinds: [Kind; 2]) -> Amount {
        self.returns.iter().filter(|entry| kinds.contains(&entry.kind)).map(Entry::given_back).sum()
    }

    fn first_seen(&self) -> i32 {
        self.returns.first().expect("something was given back").night
    }

    fn last_seen(&self) -> i32 {
        self.returns.last().expect("something was given back").night
    }

    /// Says how it stands. Of what came tonight it is known whether the lake `reaches_back` to its payment; what stood
    /// wrong the night before goes on to.
    pub(super) fn judge(&mut self, night: i32, reaches_back: bool) {
        let given_back = self.given_back();
        let was_wrong = self.state == State::Unlinked;
        self.state = match self.paid() {
            Some(paid) if given_back > paid => State::Exceeds,
            Some(paid) if given_back == paid => State::Wholly,
            Some(_) if given_back >= Amount::ZERO => State::Partly,
            None if !self.payments.is_empty() => State::OtherCurrency,
            // No payment; or more came back of its returns than was returned, so that one of them is not known.
            _ if was_wrong || reaches_back && self.last_seen() == night => State::Unlinked,
            _ => State::Unknown,
        };
    }
}

/// The payments of what was `returned` tonight, of what the night before left wrong, and of what else was `stated` of
/// them: what shares a reference is of one.
pub(super) fn of(returned: Returned, carried: &RecordBatch, stated: Vec<Entry>) -> Vec<Payment> {
    let left_wrong = left_wrong(carried);
    let (state, id) = (words(carried, "state"), text(carried, "payment_id"));
    let is_unlinked = |row: &usize| state.get(*row) == State::Unlinked.as_str();
    let unlinked: Vec<&str> = (0..carried.num_rows()).filter(is_unlinked).map(|row| id.value(row)).collect();
    // Each once, as the last night stated it.
    let held: HashSet<String> = left_wrong.iter().chain(&returned.0).map(|entry| entry.id.clone()).collect();
    let mut entries: Vec<Entry> = left_wrong.into_iter().chain(returned.0).chain(stated).collect();
    entries.sort_by(|one, other| one.id.cmp(&other.id).then(other.night.cmp(&one.night)));
    entries.dedup_by(|next, kept| next.id == kept.id);
    let mut groups = Groups::new(entries.len());
    let mut called: HashMap<(&[String; 2], Whose, &str), usize> = HashMap::new();
    for (number, entry) in entries.iter().enumerate() {
        for (whose, reference) in entry.references() {
            let first = *called.entry((&entry.of, whose, reference)).or_insert(number);
            groups.join(first, number);
        }
    }
    let mut together: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
    let roots: Vec<usize> = (0..entries.len()).map(|number| groups.root(number)).collect();
    for (root, entry) in roots.into_iter().zip(entries) {
        together.entry(root).or_default().push(entry);
    }
    // What was sought for what it said once may belong to no payment that is held tonight.
    together.retain(|_, entries| entries.iter().any(|entry| entry.kind != Kind::Payment && held.contains(&entry.id)));
    let mut payments: Vec<Payment> = together.into_values().flat_map(|entries| by_currency(entries, &unlinked)).collect();
    payments.sort_by(|one, other| one.key().cmp(&other.key()));
    payments
}

/// What belongs together, by currency; nothing where nothing was given back.
fn by_currency(mut entries: Vec<Entry>, unlinked: &[&str]) -> Vec<Payment> {
    entries.sort_by(|one, other| (one.night, &one.id).cmp(&(other.night, &other.id)));
    let (payments, returns): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.kind == Kind::Payment);
    let least = |reference: fn(&Entry) -> Option<&String>| {
        let of = |entries: &[Entry]| entries.iter().filter_map(reference).min().cloned();
        of(&payments).or_else(|| of(&returns))
    };
    let merchant_reference = least(|entry| entry.merchant_reference.as_ref());
    let provider_reference = least(|entry| entry.provider_reference.as_ref());
    let also: BTreeSet<(Whose, String)> = payments
        .iter()
        .chain(&returns)
        .flat_map(Entry::references)
        .filter(|(whose, reference)| {
            let least = if *whose == Whose::Provider { &provider_reference } else { &merchant_reference };
            least.as_deref() != Some(reference)
        })
        .map(|(whose, reference)| (whose, reference.to_owned()))
        .collect();
    let mut currencies: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in returns {
        currencies.entry(entry.currency.clone()).or_default().push(entry);
    }
    let payment = |(currency, returns): (String, Vec<Entry>)| {
        let [provider, account] = &returns[0].of;
        let name = match (&merchant_reference, &provider_reference) {
            (Some(reference), _) => ["merchant_reference", reference],
            (None, Some(reference)) => ["provider_reference", reference],
            (None, None) => ["entry", &returns[0].id],
        };
        let id = identity(&["payment", provider, account, name[0], name[1]]);
        Payment {
            state: if unlinked.contains(&id.as_str()) { State::Unlinked } else { State::Unknown },
            id,
            of: returns[0].of.clone(),
            currency,
            merchant_reference: merchant_reference.clone(),
            provider_reference: provider_reference.clone(),
            also: also.clone(),
            payments: payments.clone(),
            returns,
        }
    };
    currencies.into_iter().map(payment).collect()
}

impl Payment {
    fn key(&self) -> [&str; 4] {
        [&self.of[0], &self.of[1], &self.id, &self.currency]
    }
}

/// What belongs together, as it is found out.
struct Groups(Vec<usize>);

impl Groups {
    fn new(members: usize) -> Self {
        Self((0..members).collect())
    }

    /// The first of the members together with this one.
    fn root(&mut self, member: usize) -> usize {
        let mut root = member;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut at = member;
        while self.0[at] != root {
            at = std::mem::replace(&mut self.0[at], root);
        }
        root
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}

/// The payments and returns of the rows of a night's table that are breaks.
pub(super) fn left_wrong(table: &RecordBatch) -> Vec<Entry> {
    let [provider, account, currency, state] = ["provider", "account", "currency", "state"].map(|name| words(table, name));
    let [merchant, own, others, payments, returns] =
        ["merchant_reference", "provider_reference", "other_references", "payments", "returns"].map(|name| text(table, name));
    let stated = |column: &StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
    let mut entries = Vec::new();
    for row in (0..table.num_rows()).filter(|&row| State::is_wrong(state.get(row))) {
        let entry = |said: &str, of_returns: bool| {
            let [id, night, what, amount] = said.split(' ').collect::<Vec<_>>()[..] else { return None };
            Some(Entry {
                id: id.to_owned(),
                night: day_number(night.parse().ok()?),
                kind: if of_returns { Kind::of(what)? } else { Kind::Payment },
                of: [provider.get(row).to_owned(), account.get(row).to_owned()],
                provider_reference: stated(own, row),
                merchant_reference: stated(merchant, row),
                open: false,
                also: stated(others, row).unwrap_or_default().lines().filter_map(named).collect(),
                currency: if of_returns { currency.get(row) } else { what }.to_owned(),
                amount: Amount::parse(amount.as_bytes(), SCALE).ok()?,
            })
        };
        for (column, of_returns) in [(payments, false), (returns, true)] {
            let said = stated(column, row).unwrap_or_default();
            entries.extend(said.lines().map(|said| entry(said, of_returns).expect("an entry as the table has it")));
        }
    }
    entries
}

/// What a payment is called besides, as the table has it.
fn named(said: &str) -> Option<(Whose, String)> {
    let (word, reference) = said.split_once(' ')?;
    Some((Whose::ALL.into_iter().find(|whose| whose.as_str() == word)?, reference.to_owned()))
}

/// The table, of payments in its order.
pub(super) fn table(payments: &[Payment], night: NaiveDate) -> Result<RecordBatch> {
    let sums = |payment: &Payment| {
        let (paid, given_back) = (payment.paid().unwrap_or_default(), payment.given_back());
        let refunded = payment.given_back_by([Kind::Refund, Kind::RefundReversal]);
        [paid, given_back, refunded, given_back - refunded, paid - given_back]
    };
    if let Some(payment) = payments.iter().find(|payment| sums(payment).into_iter().any(|sum| !sum.fits())) {
        return Err(Error::law(format!("a sum of the payment {} has more digits than an amount may have", payment.id)));
    }
    let word = |of: fn(&Payment) -> &str| build::words(payments.iter().map(|payment| Some(of(payment))));
    let written = |of: fn(&Payment) -> Option<String>| build::texts(payments.iter().map(of));
    let sum = |of: fn(&Payment) -> Option<Amount>| build::amounts(payments.iter().map(of));
    let day = |of: fn(&Payment) -> i32| build::dates(payments.iter().map(|payment| Some(of(payment))));
    let said = |entries: &[Entry], what: fn(&Entry) -> &str| {
        let said = entries.iter().map(|entry| format!("{} {} {} {}", entry.id, date_of(entry.night), what(entry), entry.amount));
        Some(said.collect::<Vec<_>>().join(BETWEEN)).filter(|said| !said.is_empty())
    };
    Ok(RETURNS.batch([
        ("payment_id", written(|payment| Some(payment.id.clone()))),
        ("business_date", build::same_date(night, payments.len())),
        ("provider", word(|payment| &payment.of[0])),
        ("account", word(|payment| &payment.of[1])),
        ("currency", word(|payment| &payment.currency)),
        ("state", word(|payment| payment.state.as_str())),
        ("merchant_reference", written(|payment| payment.merchant_reference.clone())),
        ("provider_reference", written(|payment| payment.provider_reference.clone())),
        (
            "other_references",
            written(|payment| {
                let others: Vec<String> =
                    payment.also.iter().map(|(whose, reference)| format!("{} {reference}", whose.as_str())).collect();
                Some(others.join(BETWEEN)).filter(|others| !others.is_empty())
            }),
        ),
        ("paid", sum(Payment::paid)),
        ("refunded", sum(|payment| Some(payment.given_back_by([Kind::Refund, Kind::RefundReversal])))),
        ("charged_back", sum(|payment| Some(payment.given_back_by([Kind::Chargeback, Kind::ChargebackReversal])))),
        ("given_back", sum(|payment| Some(payment.given_back()))),
        ("remaining", sum(|payment| payment.paid().map(|paid| paid - payment.given_back()))),
        ("payments", build::texts(payments.iter().map(|payment| said(&payment.payments, |entry| &entry.currency)))),
        ("returns", build::texts(payments.iter().map(|payment| said(&payment.returns, |entry| entry.kind.as_str())))),
        ("first_seen", day(Payment::first_seen)),
        ("last_seen", day(Payment::last_seen)),
    ]))
}
