//! The laws, checked on the tables that are about to be published. A broken one is our mistake: nothing is published.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};

use super::items::{Items, Side};
use super::keyed::{self, Keys};
use super::order::Order;
use super::outcome::Outcome;
use super::rollforward::{Described, Key, Sum};
use super::vocabulary::Vocabulary;
use super::{Compared, Night};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::part::{NO_ROW, amounts_of, place, row_id};
use crate::table::read;
use crate::table::sheet::{Pick, Sheet};

/// Law 3 begins with the input: an item that comes in twice could be consumed twice.
pub(super) fn each_id_once(items: &Items) -> Result<()> {
    once(items, &["id"])
}

/// The same for records: an attempt and a refund may share an identifier; entries never do.
pub(super) fn each_record_once(items: &Items, order: &Order) -> Result<()> {
    if order.is_strict() { Ok(()) } else { once(items, &["kind", "id"]) }
}

fn once(items: &Items, key: &[&str]) -> Result<()> {
    let Some((row, _)) = keyed::repeated(&Keys::of(items.batches, key)) else { return Ok(()) };
    Err(Error::law(format!("{} {} {} comes in twice", items.side.as_str(), items.kind_word(row), items.id(row))))
}

/// Laws 1 and 3, on what was made of two sides.
pub(super) fn check(night: &Night, compared: &Compared, vocabulary: &Vocabulary) -> Result<()> {
    let (provider, merchant) = rayon::join(
        || conserved(night.provider, night, compared, vocabulary),
        || conserved(night.merchant, night, compared, vocabulary),
    );
    provider.and(merchant)
}

/// Conservation: what came in on a side is what is in `matches`, `open_items`, the breaks that consumed an item, the
/// exclusions, and what goes on to a later round, in number and in amount of each currency.
fn conserved(items: &Items, night: &Night, tables: &Compared, vocabulary: &Vocabulary) -> Result<()> {
    let outcomes = match items.side {
        Side::Provider => &tables.provider_outcomes,
        Side::Merchant => &tables.merchant_outcomes,
    };
    let (mut came_in, mut ended) = (Tally::new(vocabulary), Tally::new(vocabulary));
    items.parts.iter().for_each(|part| part.tally(&mut came_in));
    for (part, outcomes) in outcomes.iter().enumerate() {
        let gone = outcomes.iter().enumerate().filter(|(_, outcome)| matches!(outcome, None | Some(Outcome::Excluded(_))));
        gone.for_each(|(row, _)| ended.add(items, row_id(part, row)));
    }
    matched(night, &tables.matches, items.side, &mut ended);
    carried(&tables.open_items, items.side, vocabulary, &mut ended);
    for found in night.breaks.iter().filter(|found| !found.carried) {
        night.rows_of(found, items.side).into_iter().for_each(|row| ended.add(items, row));
    }
    if came_in == ended {
        return Ok(());
    }
    Err(Error::law(format!("the items of the {} do not tie", items.side.as_str()))
        .expected(came_in.text(vocabulary))
        .found(ended.text(vocabulary)))
}

/// Adds what the table `matches` says of a side: of the merchant the amounts, of the provider the amounts and the
/// differences. Both are there in the order of the records, whose rows the table names.
fn matched(night: &Night, matches: &Sheet, side: Side, ended: &mut Tally) {
    let rows = |name: &str| match &matches.column(name).rows {
        Pick::Rows(rows) => rows,
        Pick::All => unreachable!("it is picked from items"),
    };
    let (records, entries, amounts) = (rows("order_id"), rows("entry_id"), rows("merchant_amount"));
    let own = night.merchant.parts.len();
    let mut before = NO_ROW;
    for ((&record, &entry), &amount) in records.iter().zip(entries.iter()).zip(amounts.iter()) {
        let (part, row) = place(amount);
        // A link of a group may have the amount of its entry.
        let amount = if part < own { night.merchant.amount(amount) } else { night.provider.amount(row_id(part - own, row)) };
        let is_counted = match side {
            Side::Merchant => record != before,
            Side::Provider => entry != NO_ROW,
        };
        before = record;
        ended.add_sum(night.merchant.currency_number(record), Sum { count: i64::from(is_counted), amount });
    }
    if side == Side::Merchant {
        return;
    }
    let mut records = records.iter();
    for part in &matches.column("difference").parts {
        let differences = amounts_of(part);
        for (row, &record) in (0..part.len()).zip(records.by_ref()) {
            let amount = differences.get(row).expect("a difference is never empty");
            if amount != Amount::ZERO {
                ended.add_sum(night.merchant.currency_number(record), Sum { count: 0, amount });
            }
        }
    }
}

/// Adds what the table `open_items` says of a side.
fn carried(open_items: &Sheet, of: Side, vocabulary: &Vocabulary, ended: &mut Tally) {
    let Pick::Rows(rows) = &open_items.column("amount").rows else { unreachable!("it is picked from items") };
    let parts = |name: &str| open_items.column(name).parts.iter();
    let side: Vec<_> = parts("side").map(read::words_of).collect();
    let currency: Vec<_> = parts("currency").map(read::words_of).collect();
    let amount: Vec<_> = parts("amount").map(amounts_of).collect();
    for &row in rows.iter() {
        let (part, row) = place(row);
        if side[part].get(row) == of.as_str() {
            let amount = amount[part].get(row).expect("an item has an amount");
            ended.add_to(vocabulary.find(currency[part].get(row)), amount);
        }
    }
}

/// Items by the number of their currency: how many, and the sum of their amounts.
#[derive(PartialEq, Eq)]
pub(super) struct Tally(Vec<Sum>);

impl Tally {
    fn new(vocabulary: &Vocabulary) -> Self {
        // The last is for what has no currency, or one that no item has.
        Self(vec![Sum::default(); vocabulary.len() + 1])
    }

    #[inline]
    fn add(&mut self, items: &Items, row: u32) {
        self.add_to(items.currency_number(row), items.amount(row));
    }

    fn add_to(&mut self, currency: Option<u32>, amount: Amount) {
        self.add_sum(currency, Sum { count: 1, amount });
    }

    /// Adds so many items of a currency with that sum of amounts.
    #[inline]
    pub(super) fn add_sum(&mut self, currency: Option<u32>, of: Sum) {
        let none = self.0.len() - 1;
        let sum = &mut self.0[currency.map_or(none, |currency| currency as usize)];
        sum.count += of.count;
        sum.amount += of.amount;
    }

    fn text(&self, vocabulary: &Vocabulary) -> String {
        let words = vocabulary.words().iter().copied().chain(["without currency"]);
        let stated = self.0.iter().zip(words).filter(|(sum, _)| **sum != Sum::default());
        let sums = stated.map(|(sum, currency)| format!("{} items of {} {currency}", sum.count, sum.amount));
        sums.collect::<Vec<_>>().join(", ")
    }
}

/// Law 6: the closing of every line is what stands in `breaks`, and nothing stands there without a line.
pub(super) fn rolls_forward(breaks: &RecordBatch, rollforward: &RecordBatch) -> Result<()> {
    let known = Described::of(breaks);
    let mut live: BTreeMap<Key, Sum> = BTreeMap::new();
    for row in (0..breaks.num_rows()).filter(|&row| known.is_live(row)) {
        live.entry(known.key(row)).or_default().add(known.difference(row));
    }
    let (provider, currency) = (read::words(rollforward, "provider"), read::words(rollforward, "currency"));
    let (kind, closing) = (read::words(rollforward, "break_type"), read::counts(rollforward, "closing"));
    let amount = read::amounts(rollforward, "closing_amount");
    for row in 0..rollforward.num_rows() {
        let key = (provider.optional(row), currency.get(row), kind.get(row));
        let stands = live.remove(&key).unwrap_or_default();
        let closes = Sum { count: closing.value(row), amount: Amount(amount.value(row)) };
        if stands != closes {
            return Err(Error::law(format!("breaks do not roll forward: {key:?}"))
                .expected(format!("{closes:?}"))
                .found(format!("{stands:?}")));
        }
    }
    match live.keys().next() {
        None => Ok(()),
        Some(key) => Err(Error::law(format!("breaks without a line in the rollforward: {key:?}"))),
    }
}
