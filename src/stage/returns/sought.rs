//! The references by which payments are looked for.

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use xxhash_rust::xxh3::xxh3_64;

use super::entry::{Entry, Kind, Returned, Whose};
use super::payment;
use crate::stage::records::number_of;
use crate::stage::stated_before::OUTCOME_REASON;
use crate::table::part::{ids, texts};
use crate::table::read::words;

/// What is looked at to see whether a row is sought.
const COLUMNS: [&str; 6] = ["provider", "account", "kind", "provider_reference", "original_reference", "merchant_reference"];

/// What payments are called that something was given back of.
#[derive(Debug, Default)]
pub struct Sought {
    /// By provider and account: the provider's references, and the merchant's.
    accounts: HashMap<[String; 2], [HashSet<String>; 2]>,
    /// Numbers of what was found open: a later night may say something else of it, without a reference that is sought.
    open: HashSet<u128>,
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
        self.open.extend(entry.open.then(|| number_of(&entry.id)));
    }

    /// Adds what is sought besides.
    pub fn add(&mut self, other: Self) {
        for (account, [of_provider, of_merchant]) in other.accounts {
            let [mine_of_provider, mine_of_merchant] = self.accounts.entry(account).or_default();
            mine_of_provider.extend(of_provider);
            mine_of_merchant.extend(of_merchant);
        }
        self.open.extend(other.open);
    }

    /// What these entries are called that was not sought.
    #[must_use]
    pub fn new_in(&self, entries: &[Entry]) -> Self {
        let mut new = Self::default();
        for entry in entries {
            let known = self.accounts.get(&entry.of);
            let is_known =
                |(whose, reference): (Whose, &str)| known.is_some_and(|known| known[whose as usize].contains(reference));
            let is_followed = !entry.open || self.open.contains(&number_of(&entry.id));
            if !(is_followed && entry.references().all(is_known)) {
                new.add_of(entry);
            }
        }
        new
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.open.is_empty()
    }

    /// What of an earlier night's entries has to be looked at to see whether it is sought, and stood.
    #[must_use]
    pub fn looked_at(&self) -> Vec<&'static str> {
        let id = if self.open.is_empty() { None } else { Some("entry_id") };
        COLUMNS.into_iter().chain([OUTCOME_REASON]).chain(id).collect()
    }

    /// The rows of a batch of entries that bear a reference which is sought, or are themselves.
    #[must_use]
    pub fn rows(&self, entries: &RecordBatch) -> Vec<usize> {
        let [provider, account, kind] = ["provider", "account", "kind"].map(|name| words(entries, name));
        let [own, original, merchant] =
            ["provider_reference", "original_reference", "merchant_reference"].map(|name| texts(entries, name));
        let kinds: Vec<Option<Kind>> = kind.values.iter().map(|kind| kind.and_then(Kind::of)).collect();
        let mut of_account: HashMap<[Option<usize>; 2], Option<&[HashSet<String>; 2]>> = HashMap::new();
        let mut before = None;
        let marks = self.marks();
        let ids = (!self.open.is_empty()).then(|| ids(entries, "entry_id"));
        let was_open = |row| ids.is_some_and(|ids| self.open.contains(&ids.get(row).with_text(number_of)));
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
            let Some(references) = references else { return was_open(row) };
            let of_provider = if kind == Kind::Payment { own.stated(row) } else { original.stated(row) };
            let is_among = |whose: Whose, reference: Option<&str>| {
                let marked = reference.filter(|reference| marks.may_hold(reference));
                marked.is_some_and(|reference| references[whose as usize].contains(reference))
            };
            is_among(Whose::Provider, of_provider) || is_among(Whose::Merchant, merchant.stated(row)) || was_open(row)
        };
        (0..entries.num_rows()).filter(is_sought).collect()
    }

    fn marks(&self) -> Marks {
        let references = || self.accounts.values().flatten().flatten();
        let mut marks = Marks(vec![0; (references().count() * 16).next_power_of_two().div_ceil(64)]);
        references().for_each(|reference| {
            let (word, bit) = marks.place(reference);
            marks.0[word] |= bit;
        });
        marks
    }

    /// Those rows of the entries of a night.
    #[must_use]
    pub fn among(&self, entries: &RecordBatch, night: NaiveDate) -> Vec<Entry> {
        Entry::of(entries, self.rows(entries).into_iter(), night)
    }
}

/// A bit for every reference, by its hash: almost none of a night's references is sought, and that is told from the bit.
struct Marks(Vec<u64>);

impl Marks {
    fn place(&self, reference: &str) -> (usize, u64) {
        let hash = xxh3_64(reference.as_bytes());
        // The number of words is a power of two.
        let words = self.0.len() as u64;
        (usize::try_from((hash >> 6) & (words - 1)).expect("there are fewer words than addresses"), 1 << (hash & 63))
    }

    fn may_hold(&self, reference: &str) -> bool {
        let (word, bit) = self.place(reference);
        self.0[word] & bit != 0
    }
}
