//! What was charged: entries added up, and the table `fees` they become.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use chrono::NaiveDate;

use super::charge::Contracts;
use super::volumes::{Of, Volume};
use crate::error::{Error, Result};
use crate::money::{Amount, Exact, Rounding};
use crate::table::build::{self, count};
use crate::table::column::RATE_SCALE;
use crate::table::fees::{FEES, KEY};

/// What a row of `fees` is of: a word for each column of its key.
pub(super) type Key = [Option<String>; KEY.len()];

/// What the entries of a night, or of a share of it, add up to.
#[derive(Clone, Debug, Default)]
pub struct Charged(BTreeMap<Key, Line>);

/// A row of `fees` in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) entries: usize,
    pub(super) gross: Amount,
    pub(super) volume: Amount,
    pub(super) charged: Amount,
    pub(super) billed: Amount,
    /// What is contracted line by line, with tax, and the tax in it.
    pub(super) contracted: Option<[Amount; 2]>,
    /// What is contracted by batch, before rounding, by number of the rule.
    pub(super) by_batch: BTreeMap<usize, Exact>,
}

impl Line {
    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        for (sum, more) in [
            (&mut self.gross, other.gross),
            (&mut self.volume, other.volume),
            (&mut self.charged, other.charged),
            (&mut self.billed, other.billed),
        ] {
            *sum += more;
        }
        self.contracted = match (self.contracted, other.contracted) {
            (Some([fee, tax]), Some(more)) => Some([fee + more[0], tax + more[1]]),
            (one, other) => one.or(other),
        };
        for (rule, exact) in other.by_batch {
            *self.by_batch.entry(rule).or_default() += exact;
        }
    }
}

impl Charged {
    /// Adds what other entries add up to.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        other.0.into_iter().for_each(|(key, line)| self.add(key, line));
        self
    }

    pub(super) fn add(&mut self, key: Key, line: Line) {
        self.0.entry(key).or_default().add(line);
    }

    /// The table `fees` of the night.
    pub fn table(mut self, contracts: &Contracts, night: NaiveDate) -> Result<RecordBatch> {
        for (key, line) in &mut self.0 {
            for (rule, exact) in std::mem::take(&mut line.by_batch) {
                let [fee, tax] = contracts.of_batch(rule, word(key, "currency"), exact);
                line.add(Line { contracted: Some([fee + tax, tax]), ..Line::default() });
            }
        }
        let volumes = self.volumes(contracts);
        for ([provider, account, rule, currency], volume) in &volumes {
            let is_there = |key: &Key| of_rule(key) == Some([provider, account, rule, currency]);
            if *volume != Volume::default() && !self.0.keys().any(is_there) {
                let [provider, account, rule, currency] = [provider, account, rule, currency].map(|word| Some(word.clone()));
                self.0.insert([provider, account, None, None, None, None, rule, None, currency], Line::default());
            }
        }
        self.rows(&volumes, night)
    }

    /// The volumes of the rules with tiers as the night closes.
    fn volumes(&self, contracts: &Contracts) -> BTreeMap<Of, Volume> {
        let has_tiers = |[provider, account, name, _]: &Of| {
            let is_named = |rule: &&super::FeeRule| (&rule.provider, &rule.account, &rule.name) == (provider, account, name);
            contracts.rules().iter().filter(is_named).any(|rule| !rule.tiers.is_empty())
        };
        let mut volumes = contracts.volumes.0.clone();
        for (key, line) in &self.0 {
            if let Some(of) = of_rule(key) {
                volumes.entry(of.map(ToOwned::to_owned)).or_default().this_month += line.volume;
            }
        }
        volumes.retain(|of, _| has_tiers(of));
        volumes
    }

    fn rows(&self, volumes: &BTreeMap<Of, Volume>, night: NaiveDate) -> Result<RecordBatch> {
        let lines = || self.0.values();
        let amounts = |of: fn(&Line) -> Option<Amount>| lines().map(of).collect::<Vec<_>>();
        let volume = |of: fn(&Volume) -> Amount| {
            let of_key = |key| of_rule(key).and_then(|rule| volumes.get(&rule.map(ToOwned::to_owned)));
            self.0.keys().map(|key| of_key(key).map(of)).collect::<Vec<_>>()
        };
        let sums = [
            ("gross", amounts(|line| Some(line.gross))),
            ("volume", amounts(|line| Some(line.volume))),
            ("charged", amounts(|line| Some(line.charged))),
            ("billed", amounts(|line| Some(line.billed))),
            ("contracted", amounts(|line| line.contracted.map(|[fee, _]| fee))),
            ("tax", amounts(|line| line.contracted.map(|[_, tax]| tax))),
            ("difference", amounts(|line| line.contracted.map(|[fee, _]| fee - line.charged))),
            ("month_volume", volume(|volume| volume.this_month)),
            ("last_month_volume", volume(|volume| volume.last_month)),
        ];
        if let Some((name, _)) = sums.iter().find(|(_, sums)| sums.iter().flatten().any(|sum| !sum.fits())) {
            return Err(Error::law(format!("a sum of fees has more digits than an amount may have: {name}")));
        }
        let rate =
            |line: &Line| (line.charged + line.billed).rate_of(line.volume, RATE_SCALE.unsigned_abs().into(), Rounding::HalfEven);
        let words = KEY.iter().enumerate().map(|(at, name)| (*name, build::words(self.0.keys().map(|key| key[at].as_deref()))));
        let others: [(&str, ArrayRef); 3] = [
            ("business_date", build::same_date(night, self.0.len())),
            ("entries", build::counts(lines().map(|line| count(line.entries)))),
            ("effective_rate", build::rates(lines().map(rate))),
        ];
        let sums = sums.into_iter().map(|(name, sums)| (name, build::amounts(sums)));
        Ok(FEES.batch(words.chain(others).chain(sums)))
    }
}

/// The word of a key in a column that every row fills.
fn word<'k>(key: &'k Key, column: &str) -> &'k str {
    let at = KEY.iter().position(|name| *name == column).expect("it is a column of the key");
    key[at].as_deref().unwrap_or_default()
}

/// Provider, account, rule and currency, of a row that has a rule.
fn of_rule(key: &Key) -> Option<[&str; 4]> {
    let of = ["provider", "account", "rule", "currency"].map(|column| word(key, column));
    (!of[2].is_empty()).then_some(of)
}
