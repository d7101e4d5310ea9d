//! The references by which payments are looked for.

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::entry::{Entry, Kind, Returned, Whose};
use super::payment;
use crate::table::part::texts;
use crate::table::read::words;

/// What is looked at to see whether a row is sought.
pub(super) const COLUMNS: [&str; 6] =
    ["provider", "account", "kind", "provider_reference", "original_reference", "merchant_reference"];

/// What payments are called that something was given back of.
#[derive(Debug, Default)]
pub struct Sought {
    /// By provider and account: the provider's references, and the merchant's.
    accounts: HashMap<[String; 2], [HashSet<String>; 2]>,
}

impl Sought {
    /// For what was `returned` tonight, and what the table `returns` of the night before left wrong.
    #[must_use]
    pub fn of(returned: &Returned, carried: &RecordBatch) -> Self {
        let mut sought = Self::default();
        returned.0.iter().chain(&payment::left_wrong(carried)).for_each(|entry| sought.add_of(entry));
        sought
    }

    fn add_of(&mut self, entry: &Entry) {
        for (whose, reference) in entry.references() {
            self.accounts.entry(entry.of.clone()).or_default()[whose as usize].insert(reference.to_owned());
        }
    }

    /// Adds what is sought besides.
    pub fn add(&mut self, other: Self) {
        for (account, [of_provider, of_merchant]) in other.accounts {
            let [mine_of_provider, mine_of_merchant] = self.accounts.entry(account).or_default();
            mine_of_provider.extend(of_provider);
            mine_of_merchant.extend(of_merchant);
        }
    }

    /// What these entries are called that was not sought.
    #[must_use]
    pub fn new_in(&self, entries: &[Entry]) -> Self {
        let mut new = Self::default();
        for entry in entries {
            let known = self.accounts.get(&entry.of);
            let is_known =
                |(whose, reference): (Whose, &str)| known.is_some_and(|known| known[whose as usize].contains(reference));
            if !entry.references().all(is_known) {
                new.add_of(entry);
            }
        }
        new
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// The rows of a batch of entries that bear a reference which is sought.
    #[must_use]
    pub fn rows(&self, entries: &RecordBatch) -> Vec<usize> {
        let [provider, account, kind] = ["provider", "account", "kind"].map(|name| words(entries, name));
        let [own, original, merchant] =
            ["provider_reference", "original_reference", "merchant_reference"].map(|name| texts(entries, name));
        let kinds: Vec<Option<Kind>> = kind.values.iter().map(|kind| kind.and_then(Kind::of)).collect();
        let mut of_account: HashMap<[Option<usize>; 2], Option<&[HashSet<String>; 2]>> = HashMap::new();
        let mut before = None;
        let is_sought = |&row: &usize| {
            let Some(kind) = kind.code(row).and_then(|code| kinds[code]) else { return false };
            let codes = [provider.code(row), account.code(row)];
            let references = match before {
                Some((same, references)) if same == codes => references,
                _ => *of_account
                    .entry(codes)
                    .or_insert_with(|| self.accounts.get(&[provider.get(row).to_owned(), account.get(row).to_owned()])),
            };
            before = Some((codes, references));
            let Some(references) = references else { return false };
            let of_provider = if kind == Kind::Payment { own.stated(row) } else { original.stated(row) };
            let is_among = |whose: Whose, reference: Option<&str>| {
                reference.is_some_and(|reference| references[whose as usize].contains(reference))
            };
            is_among(Whose::Provider, of_provider) || is_among(Whose::Merchant, merchant.stated(row))
        };
        (0..entries.num_rows()).filter(is_sought).collect()
    }

    /// Those rows of the entries of a night.
    #[must_use]
    pub fn among(&self, entries: &RecordBatch, night: NaiveDate) -> Vec<Entry> {
        Entry::of(entries, self.rows(entries).into_iter(), night)
    }
}
