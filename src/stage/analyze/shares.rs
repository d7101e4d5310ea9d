//! Shares of a night added up, as if all had been counted at once.
//!
//! Each share has codes, numbers and keys of its own. Those of the whole are made anew from what the shares say: words in
//! order of text, what rows say in order of codes, keys as wide as all of it needs. Every cell is then given its key
//! in the whole, and those of one key are added up.

use std::collections::HashMap;

use super::attempts::GROUPED;
use super::counted::Counted;
use super::dimension::{OF_ATTEMPT, OF_ORDER, Vocabularies};
use super::keys::{AttemptKey, AttemptKeys, OrderKey, OrderKeys};
use super::margin::{Keyed, Margin, MarginKey, Plan};
use super::tally::{Cell, together};
use crate::error::{Error, Result};

impl Counted {
    /// What was counted of two shares of a night, by the same rules. It does not matter in which order shares are added.
    pub fn and(&self, other: &Self) -> Result<Self> {
        let shares = [self, other];
        let words = self.vocabularies.iter().map(|(&name, own)| (name, own.and(&other.vocabularies[name])));
        let vocabularies: Vocabularies = words.collect();
        let codes = shares.map(|share| codes(share, &vocabularies));
        let of_order = Said::of(OF_ORDER, shares.map(|share| &share.of_order[..]), &codes);
        let of_attempt = Said::of(OF_ATTEMPT, shares.map(|share| &share.of_attempt[..]), &codes);
        let groups = Said::of(GROUPED, shares.map(|share| &share.groups[..]), &codes);

        let hours = shares.into_iter().filter_map(|share| share.order_keys.hours(&share.orders));
        let order_keys = OrderKeys::of(hours, &of_attempt.all, &of_order.all)?;
        let orders = add_up(shares.map(|share| &share.orders[..]), |share, cell| {
            let key = shares[share].order_keys.read(cell);
            let (of_attempt, of_order) = (of_attempt.number(share, key.of_attempt), of_order.number(share, key.of_order));
            order_keys.pack(OrderKey { of_attempt, of_order, ..key })
        })?;
        let attempt_keys = AttemptKeys::of(&groups.all, &of_order.all)?;
        let attempts = add_up(shares.map(|share| &share.attempts[..]), |share, cell| {
            let key = shares[share].attempt_keys.read(cell);
            let (group, of_order) = (groups.number(share, key.group), of_order.number(share, key.of_order));
            attempt_keys.pack(AttemptKey { group, of_order, ..key })
        })?;
        let plan = Plan::of(&self.cuts, &vocabularies, of_attempt.all.len())?;
        let margins = |keyed: &[Keyed], of: fn(&Self) -> &[Margin]| -> Result<Vec<Margin>> {
            let of_cut = |(number, keyed): (usize, &Keyed)| {
                let margins = shares.map(|share| &of(share)[number]);
                let cells = add_up(margins.map(|margin| &margin.cells[..]), |share, cell| {
                    let key = margins[share].read(cell);
                    let word = |name: &str, code: u32| codes[share][name][code as usize];
                    keyed.pack(MarginKey {
                        value: margins[share].cut.recoded(key.value, word, |own| of_attempt.number(share, own)),
                        currency: word("currency", key.currency),
                        last: key.last,
                    })
                })?;
                Ok(keyed.margin(cells))
            };
            keyed.iter().enumerate().map(of_cut).collect()
        };
        let order_margins = margins(&plan.orders, |counted| &counted.order_margins)?;
        let attempt_margins = margins(&plan.attempts, |counted| &counted.attempt_margins)?;
        let times = margins(&plan.times, |counted| &counted.times)?;
        Ok(Self {
            cuts: self.cuts.clone(),
            order_margins,
            attempt_margins,
            times,
            orders,
            order_keys,
            attempts,
            attempt_keys,
            of_order: of_order.all,
            of_attempt: of_attempt.all,
            groups: groups.all,
            vocabularies,
            order_count: self.order_count + other.order_count,
            order_amount: self.order_amount + other.order_amount,
            failed: self.failed + other.failed,
        })
    }
}

/// Per column, the code in the whole of each code in a share. A status has the code of its closed list in both.
fn codes(share: &Counted, whole: &Vocabularies) -> HashMap<&'static str, Vec<u32>> {
    let words = whole.iter().filter(|&(&name, _)| name != "status");
    words.map(|(&name, whole)| (name, whole.codes_of(&share.vocabularies[name]))).collect()
}

/// What rows of two shares say in `N` columns.
struct Said<const N: usize> {
    /// In codes of the whole, in ascending order, so that the first says nothing.
    all: Vec<[u32; N]>,
    /// Per share, the number of each of the share's among all.
    numbers: [Vec<u32>; 2],
}

impl<const N: usize> Said<N> {
    fn of(names: [&str; N], shares: [&[[u32; N]]; 2], codes: &[HashMap<&str, Vec<u32>>; 2]) -> Self {
        let said: [Vec<[u32; N]>; 2] = std::array::from_fn(|share| {
            let codes = names.map(|name| codes[share].get(name));
            let code = |column: usize, own: u32| codes[column].map_or(own, |codes| codes[own as usize]);
            shares[share].iter().map(|own| std::array::from_fn(|column| code(column, own[column]))).collect()
        });
        let mut all = said.concat();
        all.sort_unstable();
        all.dedup();
        let number = |own: &[u32; N]| {
            let number = all.binary_search(own).expect("what a share says is among all");
            u32::try_from(number).expect("numbers are fewer than rows")
        };
        let numbers = said.map(|own| own.iter().map(number).collect());
        Self { all, numbers }
    }

    fn number(&self, share: usize, own: u32) -> u32 {
        self.numbers[share][own as usize]
    }
}

/// The cells of both shares under their keys in the whole, by key: `key` is told which share a cell is of.
fn add_up(shares: [&[Cell]; 2], key: impl Fn(usize, &Cell) -> u64) -> Result<Vec<Cell>> {
    let mut cells = Vec::with_capacity(shares.iter().map(|cells| cells.len()).sum());
    for (share, own) in shares.into_iter().enumerate() {
        cells.extend(own.iter().map(|cell| Cell { key: key(share, cell), ..*cell }));
    }
    let whole = together(cells);
    let (expected, found) = (Held::by(shares.into_iter().flatten()), Held::by(&whole));
    if expected == found {
        return Ok(whole);
    }
    Err(Error::law("the whole night does not hold what its shares do")
        .expected(format!("{expected:?}"))
        .found(format!("{found:?}")))
}

/// What cells hold together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    rows: u64,
    attempts: u64,
    amount: i128,
}

impl Held {
    fn by<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Self {
        cells.into_iter().fold(Self::default(), |held, cell| Self {
            rows: held.rows + u64::from(cell.rows),
            attempts: held.attempts + u64::from(cell.attempts),
            amount: held.amount + cell.amount,
        })
    }
}
