//! What attempts met at their providers: the account that took the payment, and what it cost.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use rayon::prelude::*;

use super::dimension::NOT_STATED;
use super::kinds::Split;
use super::tally::{Cell, Tally};
use crate::money::Amount;
use crate::stage::reconcile::Link;
use crate::table::part::{Amounts, NO_ROW, amounts, few_words, place};
use crate::table::read::{Words, words};

/// Attempts and the entries they met.
#[derive(Debug)]
pub struct Met<'a> {
    /// Table `attempts` in parts.
    pub attempts: &'a [RecordBatch],
    /// Entries shaped as `open_items`, in parts.
    pub entries: &'a [RecordBatch],
    /// Per part of the attempts and per row, the entry it met alone; [`NO_ROW`] if none.
    pub alone: Vec<Vec<u32>>,
    /// The same of groups.
    pub in_groups: Vec<Link>,
}

/// What is told apart of what payments cost: provider, account, method, wallet, card funding, and the currency that settles.
pub(super) type PaidWith = [String; 6];

/// What payments cost, by what they were paid with.
#[derive(Clone, Debug, Default)]
pub struct Charges {
    pub(super) charges: BTreeMap<PaidWith, Charged>,
}

/// What entries cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Charged {
    /// What they settle before fees.
    pub(super) volume: Amount,
    /// The fees on them.
    pub(super) charged: Amount,
}

impl Charges {
    /// What both cost.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (key, Charged { volume, charged }) in other.charges {
            let sum = self.charges.entry(key).or_default();
            sum.volume += volume;
            sum.charged += charged;
        }
        self
    }
}

/// The columns of attempts that tell what they were paid with.
const SAID: [&str; 4] = ["provider", "method", "wallet", "card_funding"];

/// The columns of one part of the entries.
struct Entries<'a> {
    account: Words<'a>,
    currency: Words<'a>,
    gross: Amounts<'a>,
    fee: Amounts<'a>,
}

/// What the entries say of the attempts that met them.
#[derive(Clone, Debug)]
pub struct Learned {
    /// What the payments cost.
    pub charges: Charges,
    /// Per part of the attempts, the account of the entry each met.
    pub accounts: Vec<ArrayRef>,
}

impl Met<'_> {
    /// What the entries say. `only` are the providers with one account, and that.
    #[must_use]
    pub fn learned(&self, only: &BTreeMap<String, String>) -> Learned {
        Learned { charges: self.charges(only), accounts: self.accounts(only) }
    }

    /// Per part of the attempts, the account of the entry each met: of those of no provider that has only one.
    fn accounts(&self, only: &BTreeMap<String, String>) -> Vec<ArrayRef> {
        let accounts: Vec<Words> = self.entries.iter().map(|part| words(part, "account")).collect();
        let account = |entry: u32| {
            let (part, row) = place(entry);
            accounts[part].optional(row)
        };
        let mut of_groups: BTreeMap<u32, u32> = BTreeMap::new();
        for link in &self.in_groups {
            of_groups.entry(link.record).or_insert(link.entry);
        }
        let of_part = |(part, met): (usize, &Vec<u32>)| {
            let providers = words(&self.attempts[part], "provider");
            let has_one: Vec<bool> =
                providers.values.iter().map(|name| name.is_some_and(|name| only.contains_key(name))).collect();
            let asks = |row: usize| providers.code(row).is_none_or(|provider| !has_one[provider]);
            let of_row = |(row, &entry): (usize, &u32)| if entry != NO_ROW && asks(row) { account(entry) } else { None };
            let mut met: Vec<Option<&str>> = met.iter().enumerate().map(of_row).collect();
            for (&attempt, &entry) in of_groups.iter().filter(|&(&attempt, _)| place(attempt).0 == part) {
                let row = place(attempt).1;
                met[row] = if asks(row) { account(entry) } else { None };
            }
            few_words(&met)
        };
        self.alone.par_iter().enumerate().map(of_part).collect()
    }

    /// What the payments cost.
    fn charges(&self, only: &BTreeMap<String, String>) -> Charges {
        let entries: Vec<Entries> = self
            .entries
            .iter()
            .map(|part| Entries {
                account: words(part, "account"),
                currency: words(part, "settled_currency"),
                gross: amounts(part, "gross"),
                fee: amounts(part, "fee"),
            })
            .collect();
        let parts = self.attempts.par_iter().zip(&self.alone).enumerate();
        let charges = parts.map(|(part, (attempts, alone))| {
            // What several attempts share cost once.
            let in_groups = self.in_groups.iter().filter(|link| link.is_own && place(link.record).0 == part);
            let met = alone.iter().copied().enumerate().filter(|&(_, entry)| entry != NO_ROW);
            charges_of(attempts, met.chain(in_groups.map(|link| (place(link.record).1, link.entry))), &entries, only)
        });
        charges.reduce(Charges::default, Charges::and)
    }
}

/// Rows are summed by numbers, and words are looked at once a sum: what an attempt says, and where an entry stands, are each
/// a number.
fn charges_of(
    attempts: &RecordBatch,
    met: impl Iterator<Item = (usize, u32)>,
    entries: &[Entries],
    only: &BTreeMap<String, String>,
) -> Charges {
    let mut split = Split::new(attempts.num_rows());
    for name in SAID {
        split.by_words(words(attempts, name));
    }
    // A kind says which row is one of it.
    let alike = split.alike(|row| [u32::try_from(row).expect("a part has few rows")]);
    let (mut volumes, mut fees) = (Tally::default(), Tally::default());
    for (row, entry) in met {
        let (part, place) = place(entry);
        let of = &entries[part];
        let code = |words: &Words| words.code(place).map_or(u64::from(NOT_STATED), |code| code as u64 + 1);
        let key = [u64::from(alike.of(row)), part as u64, code(&of.account), code(&of.currency)];
        let key = key.into_iter().fold(0, |packed, number| packed << 16 | number);
        let cell = |amount: Option<Amount>| Cell { key, rows: 1, attempts: 0, amount: amount.unwrap_or_default().0 };
        volumes.add(cell(of.gross.get(place)));
        fees.add(cell(of.fee.get(place)));
    }
    let mut charges = Charges::default();
    for (volume, fee) in volumes.sorted().into_iter().zip(fees.sorted()) {
        let [kind, part, account, currency] = [48, 32, 16, 0].map(|bits| (volume.key >> bits & 0xffff) as usize);
        let row = alike.say(kind)[0] as usize;
        let [provider, method, wallet, funding] = SAID.map(|name| words(attempts, name).get(row).to_owned());
        let word = |words: &Words, code: usize| if code == 0 { String::new() } else { words.values.value(code - 1).to_owned() };
        let account = only.get(&provider).cloned().unwrap_or_else(|| word(&entries[part].account, account));
        let currency = word(&entries[part].currency, currency);
        let sum = charges.charges.entry([provider, account, method, wallet, funding, currency]).or_default();
        sum.volume += Amount(volume.amount);
        sum.charged += Amount(fee.amount);
    }
    charges
}
