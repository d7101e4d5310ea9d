//! The laws, checked on the tables that are about to be published. A broken one is our mistake: nothing is published.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use super::items::{Items, Side};
use super::keyed::{self, Keys, index};
use super::outcome::{BreakType, Outcome};
use super::rollforward::{Described, Key, Sum};
use super::{Night, Reconciled};
use crate::error::{Error, Result};
use crate::money::Amount;
use crate::table::read;

/// Items by currency: how many, and the sum of their amounts.
type Tally<'t> = BTreeMap<&'t str, Sum>;

/// Law 3 begins with the input: an item that comes in twice could be consumed twice.
pub(super) fn each_id_once(items: &Items) -> Result<()> {
    // An attempt and a refund of the merchant may share an identifier; entries never do.
    let key: &[&str] = match items.side {
        Side::Provider => &["id"],
        Side::Merchant => &["kind", "id"],
    };
    let Some((row, _)) = keyed::repeated(&Keys::of(items.batch, key)) else { return Ok(()) };
    Err(Error::law(format!("{} {} {} comes in twice", items.side.as_str(), items.kind_word(row), items.id(row))))
}

/// Laws 1, 3 and 6, on what was made of a night.
pub(super) fn check(night: &Night, reconciled: &Reconciled) -> Result<()> {
    let (provider, merchant) = rayon::join(
        || conserved(night.provider, night, reconciled, &reconciled.provider_outcomes, "provider_amount"),
        || conserved(night.merchant, night, reconciled, &reconciled.merchant_outcomes, "merchant_amount"),
    );
    provider.and(merchant)?;
    rolls_forward(&reconciled.breaks, &reconciled.rollforward)
}

/// Conservation: what came in on a side is what is in `matches`, `open_items`, the breaks that consumed an item, and
/// the exclusions, in number and in amount of each currency.
fn conserved(items: &Items, night: &Night, tables: &Reconciled, outcomes: &[Outcome], matched: &str) -> Result<()> {
    let mut came_in = Tally::new();
    let mut ended = Tally::new();
    for row in items.rows() {
        came_in.entry(items.currency(row)).or_default().add(items.amount(row));
        if let Outcome::Excluded(_) = outcomes[index(row)] {
            ended.entry(items.currency(row)).or_default().add(items.amount(row));
        }
    }
    tally(&mut ended, &tables.matches, matched, |_| true);
    let side = read::words(&tables.open_items, "side");
    tally(&mut ended, &tables.open_items, "amount", |row| side.get(row) == items.side.as_str());
    for found in &night.breaks {
        let row = match items.side {
            Side::Provider => found.entry,
            Side::Merchant => found.record,
        };
        let alone = found.entry.is_none() || found.record.is_none();
        let is_open_item = alone && BreakType::is_missing(found.kind.as_str());
        if let Some(row) = row.filter(|_| !is_open_item) {
            ended.entry(items.currency(row)).or_default().add(items.amount(row));
        }
    }
    if came_in == ended {
        return Ok(());
    }
    Err(Error::law(format!("the items of the {} do not tie", items.side.as_str())).expected(text(&came_in)).found(text(&ended)))
}

fn tally<'t>(tally: &mut Tally<'t>, table: &'t RecordBatch, amount: &str, counts: impl Fn(usize) -> bool) {
    let (currency, amount) = (read::words(table, "currency"), read::amounts(table, amount));
    for row in (0..table.num_rows()).filter(|&row| counts(row)) {
        tally.entry(currency.get(row)).or_default().add(Amount(amount.value(row)));
    }
}

fn text(tally: &Tally) -> String {
    let sums = tally.iter().map(|(currency, sum)| format!("{} items of {} {currency}", sum.count, sum.amount));
    sums.collect::<Vec<_>>().join(", ")
}

/// The closing of every line is what stands in `breaks`, and nothing stands there without a line.
fn rolls_forward(breaks: &RecordBatch, rollforward: &RecordBatch) -> Result<()> {
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
