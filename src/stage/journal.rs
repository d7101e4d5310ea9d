//! Journal proposals: what the entries of a night are in the merchant's ledger, as debits and credits.
//!
//! ```text
//! entries of the night ─▶ sums by provider, account, currency, kind and direction ─┐
//! chart: what a kind is booked on ─────────────────────────────────────────────────┴─▶ lines, two and two
//! ```
//!
//! A provider is a debtor: its clearing account is debited with what it owes the merchant and credited with what it
//! takes back or pays out. Every sum is two lines, one on the clearing account and one against it, so a journal balances
//! whatever is in it. Gross and fee are booked apart; money in and money out of one kind are not set off against each
//! other. What a break is about is in the entries as the provider states it, and only that is booked: a difference is
//! nobody's income or loss until a person says so.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::stated_before::{OUTCOME_REASON, stand};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::identity::identity;
use crate::table::read::{amounts, words};

/// The columns of `entries` that are booked.
pub const BOOKED: [&str; 8] = ["provider", "account", "kind", "currency", "gross", "fee", "net", OUTCOME_REASON];

/// The lines of all journals of a night: one journal for each provider, account and currency that moves money.
///
/// # Errors
/// If the chart has no account for something that occurs (78): nothing is booked on a guess.
pub fn propose(entries: &RecordBatch, chart: &Chart, night: NaiveDate) -> Result<Vec<Line>> {
    let moved = Moved::of(entries);
    moved.is_mapped(chart, night)?;
    let mut lines = Vec::new();
    for (of, journal) in &moved.0 {
        let proposed = journal.lines(of, chart, night);
        balances(&proposed, journal.net).map_err(|error| error.found(of.join(" ")))?;
        lines.extend(proposed);
    }
    Ok(lines)
}

/// One line of a proposed journal. Either its debit or its credit is above zero, the other is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The night whose entries it books.
    pub business_date: NaiveDate,
    /// The journal it is a line of: the same for every generation of the night.
    pub journal_id: String,
    /// Its number in the journal, counted from one.
    pub number: u32,
    /// The provider that owes the money, or is owed it.
    pub provider: String,
    /// The merchant's account with it.
    pub provider_account: String,
    /// The currency of both amounts.
    pub currency: String,
    /// The account of the merchant's ledger.
    pub ledger_account: String,
    /// Whether that is what the provider owes, and not what it owes it for.
    pub is_clearing: bool,
    /// What is added to the left of the account.
    pub debit: Amount,
    /// What is added to its right.
    pub credit: Amount,
    /// What the money is.
    pub what: Purpose,
    /// How many entries are in the sum.
    pub entries: u64,
    /// The same for people.
    pub memo: String,
}

/// What an account of the ledger is for, in the order journals list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// What the provider owes.
    Clearing,
    /// What customers paid.
    Payments,
    /// What they were given back.
    Refunds,
    /// What was taken back from the merchant.
    Chargebacks,
    /// What the provider charges.
    Fees,
    /// Tax on that, as a line of its own.
    Tax,
    /// What is on its way to the bank.
    Payouts,
    /// What the provider holds back.
    Reserves,
    /// What is moved between accounts with the provider.
    Transfers,
    /// What the provider corrects.
    Adjustments,
    /// One side of an exchange; the other is in the journal of the other currency.
    Fx,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Clearing,
        Self::Payments,
        Self::Refunds,
        Self::Chargebacks,
        Self::Fees,
        Self::Tax,
        Self::Payouts,
        Self::Reserves,
        Self::Transfers,
        Self::Adjustments,
        Self::Fx,
    ];

    /// The key of its account in a job, and the word for it in a journal.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Clearing => "clearing",
            Self::Payments => "payments",
            Self::Refunds => "refunds",
            Self::Chargebacks => "chargebacks",
            Self::Fees => "fees",
            Self::Tax => "tax",
            Self::Payouts => "payouts",
            Self::Reserves => "reserves",
            Self::Transfers => "transfers",
            Self::Adjustments => "adjustments",
            Self::Fx => "fx",
        }
    }

    /// What the gross of an entry is booked against; nothing for a kind that moves no money.
    fn of_kind(kind: &str) -> Option<Self> {
        Some(match kind {
            "payment" => Self::Payments,
            "refund" | "refund_reversal" => Self::Refunds,
            "chargeback" | "chargeback_reversal" => Self::Chargebacks,
            "fee" | "fee_refund" => Self::Fees,
            "tax" => Self::Tax,
            "payout" | "payout_reversal" => Self::Payouts,
            "reserve_hold" | "reserve_release" => Self::Reserves,
            "transfer" => Self::Transfers,
            "adjustment" => Self::Adjustments,
            "fx_conversion" => Self::Fx,
            "info" => return None,
            other => panic!("an entry is of one of the kinds of `entries`, not {other}"),
        })
    }
}

/// The accounts of the merchant's ledger, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// Of every provider.
    pub accounts: BTreeMap<Purpose, String>,
    /// Of one provider, in place of those.
    pub of_provider: BTreeMap<String, BTreeMap<Purpose, String>>,
}

impl Chart {
    /// The account for something at a provider, if there is one.
    #[must_use]
    pub fn account(&self, provider: &str, purpose: Purpose) -> Option<&str> {
        let own = self.of_provider.get(provider).and_then(|accounts| accounts.get(&purpose));
        own.or_else(|| self.accounts.get(&purpose)).map(String::as_str)
    }
}

/// What moved in a night, by journal: provider, account and currency.
#[derive(Debug, Default)]
struct Moved<'a>(BTreeMap<[&'a str; 3], Journal<'a>>);

/// What moved in one journal.
#[derive(Debug, Default)]
struct Journal<'a> {
    sums: BTreeMap<Part<'a>, Sum>,
    /// Of all its entries, as they state it: what the clearing account must move by.
    net: Amount,
}

/// What is added up in one sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part<'a> {
    what: Purpose,
    kind: &'a str,
    is_fee: bool,
    /// Whether the merchant gets the money or gives it.
    is_given: bool,
}

/// Movements in one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    entries: u64,
    amount: Amount,
}

impl<'a> Moved<'a> {
    fn of(entries: &'a RecordBatch) -> Self {
        let [providers, accounts, kinds, currencies] =
            ["provider", "account", "kind", "currency"].map(|name| words(entries, name));
        let [grosses, fees, nets] = ["gross", "fee", "net"].map(|name| amounts(entries, name));
        let mut moved = Self::default();
        // What an earlier night stated was booked then.
        for row in stand(entries, (0..entries.num_rows()).collect()) {
            let kind = kinds.get(row);
            let Some(what) = Purpose::of_kind(kind) else { continue };
            let of = [providers, accounts, currencies].map(|column| column.get(row));
            let journal = moved.0.entry(of).or_default();
            journal.net += Amount(nets.value(row));
            for (what, is_fee, amount) in
                [(what, false, Amount(grosses.value(row))), (Purpose::Fees, true, -Amount(fees.value(row)))]
            {
                if amount != Amount::ZERO {
                    let part = Part { what, kind, is_fee, is_given: amount < Amount::ZERO };
                    let sum = journal.sums.entry(part).or_default();
                    sum.entries += 1;
                    sum.amount += amount.abs();
                }
            }
        }
        moved
    }

    /// Whether the chart has an account for everything, each clearing account for itself; all that are missing at once.
    fn is_mapped(&self, chart: &Chart, night: NaiveDate) -> Result<()> {
        let mut missing: BTreeMap<Purpose, BTreeSet<String>> = BTreeMap::new();
        for ([provider, ..], journal) in &self.0 {
            for part in journal.sums.keys() {
                for purpose in [Purpose::Clearing, part.what] {
                    if chart.account(provider, purpose).is_none() {
                        missing.entry(purpose).or_default().insert(format!("{} of {provider}", part.memo()));
                    }
                }
                let [clearing, against] = [Purpose::Clearing, part.what].map(|purpose| chart.account(provider, purpose));
                if clearing.is_some() && clearing == against {
                    let what = part.what.word();
                    return Err(Error::configuration(format!("clearing and {what} of {provider} are one account of the ledger"))
                        .column("journal.accounts")
                        .found(clearing.unwrap_or_default())
                        .next("give clearing an account of its own: what a provider owes is held against what it is owed for"));
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let list = |of: &mut dyn Iterator<Item = String>| of.collect::<Vec<_>>().join(", ");
        let names = list(&mut missing.keys().map(|purpose| purpose.word().to_owned()));
        let found: BTreeSet<&String> = missing.values().flatten().collect();
        let keys = list(&mut missing.keys().map(|purpose| format!("{} = \"…\"", purpose.word())));
        Err(Error::configuration(format!("the job maps no account of the ledger for {names}"))
            .column("journal.accounts")
            .expected("an account for everything that occurs")
            .found(format!("in the night {night}: {}", list(&mut found.into_iter().cloned())))
            .next(format!("add to `accounts` of [journal], or to [journal.provider.<name>]: {keys}")))
    }
}

impl Journal<'_> {
    fn lines(&self, of: &[&str; 3], chart: &Chart, night: NaiveDate) -> Vec<Line> {
        let [provider, provider_account, currency] = *of;
        let date = night.to_string();
        let journal_id = identity(&["journal", &date, provider, provider_account, currency]);
        let sides = self.sums.iter().flat_map(|(part, sum)| [Purpose::Clearing, part.what].map(|purpose| (part, sum, purpose)));
        let lines = sides.zip(1..).map(|((part, sum, purpose), number)| {
            let is_clearing = purpose == Purpose::Clearing;
            let (debit, credit) =
                if is_clearing == part.is_given { (Amount::ZERO, sum.amount) } else { (sum.amount, Amount::ZERO) };
            let ledger_account = chart.account(provider, purpose).expect("every account was looked up before");
            Line {
                business_date: night,
                journal_id: journal_id.clone(),
                number,
                provider: provider.to_owned(),
                provider_account: provider_account.to_owned(),
                currency: currency.to_owned(),
                ledger_account: ledger_account.to_owned(),
                is_clearing,
                debit,
                credit,
                what: part.what,
                entries: sum.entries,
                memo: format!("proposal: {} of {provider} {provider_account}, {date}", part.memo()),
            }
        });
        lines.collect()
    }
}

impl Part<'_> {
    /// `payments`, `fees on refunds`, `fees given back on refunds`.
    fn memo(&self) -> String {
        let kind = match self.kind {
            "fx_conversion" => "currency conversions".to_owned(),
            "tax" => "tax".to_owned(),
            kind => format!("{}s", kind.replace('_', " ")),
        };
        match (self.is_fee, self.is_given) {
            (false, _) => kind,
            (true, true) => format!("fees on {kind}"),
            (true, false) => format!("fees given back on {kind}"),
        }
    }
}

/// The law of a journal: debits are credits, and the clearing account moves by what its entries settle.
fn balances(lines: &[Line], net: Amount) -> Result<()> {
    let sum = |amount: fn(&Line) -> Amount| lines.iter().map(amount).sum::<Amount>();
    let (debit, credit) = (sum(|line| line.debit), sum(|line| line.credit));
    if debit != credit {
        return Err(Error::law(format!("a journal does not balance: debit {debit}, credit {credit}")));
    }
    let clearing = sum(|line| if line.is_clearing { line.debit - line.credit } else { Amount::ZERO });
    if clearing != net {
        return Err(Error::law(format!("a journal moves the clearing account by {clearing}, and its entries settle {net}")));
    }
    Ok(())
}
