//! The amounts of a batch: every cell that is one, read once.

use super::Refusals;
use super::batch::Batch;
use crate::format::column::narrow;
use crate::format::plan::{AmountCell, Test};
use crate::format::written::Written;
use crate::money::{Amount, SCALE};

/// Stands for an empty cell.
const NOTHING: i64 = i64::MIN;
/// Stands for an amount that does not fit.
const WIDE: i64 = i64::MIN + 1;

/// What each amount cell of each row holds.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    values: Vec<i64>,
    /// Amounts that do not fit, by row.
    wide: Vec<(u32, Amount)>,
    /// No amount has more decimals.
    finest: u32,
}

impl Test {
    /// Whether it holds of a row, where it is about words.
    pub(super) fn fits(&self, batch: &Batch, row: u32) -> bool {
        match self {
            Self::OneOf(cell, words) => {
                let cell = cell.map_or(&b""[..], |cell| batch.cell(row, cell));
                words.iter().any(|word| word.fits_any_case(cell))
            }
            Self::Signed(..) => false,
        }
    }
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        Self { slots: vec![Slot::default(); count] }
    }

    /// Reads the amounts of a batch.
    pub(super) fn read(&mut self, batch: &Batch, cells: &[AmountCell], rows: &[u32], refusals: &mut Refusals) {
        for (slot, amount) in self.slots.iter_mut().zip(cells) {
            slot.values.clear();
            slot.wide.clear();
            slot.finest = 0;
            if let Some(written) = &amount.written {
                slot.read_written(batch, amount, written, rows, refusals);
                continue;
            }
            let most = amount.decimals.min(SCALE);
            for &row in rows {
                let span = batch.span(row, amount.cell);
                let value = match Amount::parse_short(batch.word(span), span.length) {
                    Some((value, decimals)) if decimals <= most => {
                        slot.finest = slot.finest.max(decimals);
                        value
                    }
                    _ if span.length == 0 => NOTHING,
                    _ => match Amount::parse(batch.at(span), amount.decimals) {
                        Ok(amount) => slot.other(row, amount),
                        Err(why) => {
                            refusals.add(row, Some(amount.cell), || format!("is {why}"));
                            NOTHING
                        }
                    },
                };
                slot.values.push(value);
            }
        }
    }

    /// The amount of a row in a slot, if it has one.
    #[inline]
    pub(super) fn get(&self, slot: usize, row: u32) -> Option<Amount> {
        let slot = &self.slots[slot];
        match slot.values[row as usize] {
            NOTHING => None,
            WIDE => slot.wide.iter().find(|(wide, _)| *wide == row).map(|(_, amount)| *amount),
            value => Some(Amount(i128::from(value))),
        }
    }

    /// The sum of slots of a row less that of others, if any holds an amount.
    #[inline]
    pub(super) fn sum(&self, row: u32, add: &[usize], subtract: &[usize]) -> Option<Amount> {
        if let (&[only], []) = (add, subtract) {
            return self.get(only, row);
        }
        let mut sum = None;
        for amount in add.iter().filter_map(|&slot| self.get(slot, row)) {
            sum = Some(sum.unwrap_or_default() + amount);
        }
        for amount in subtract.iter().filter_map(|&slot| self.get(slot, row)) {
            sum = Some(sum.unwrap_or_default() - amount);
        }
        sum
    }

    /// The sum of slots less that of others, over all rows.
    pub(super) fn total(&self, add: &[usize], subtract: &[usize]) -> Amount {
        let total = |slots: &[usize]| slots.iter().map(|&slot| self.slots[slot].total()).sum::<Amount>();
        total(add) - total(subtract)
    }

    /// Decimals that no amount of these slots exceeds.
    pub(super) fn finest(&self, slots: &[usize]) -> u32 {
        slots.iter().map(|&slot| self.slots[slot].finest).max().unwrap_or_default()
    }
}

impl Slot {
    /// Reads amounts that are no plain decimals.
    fn read_written(&mut self, batch: &Batch, amount: &AmountCell, written: &Written, rows: &[u32], refusals: &mut Refusals) {
        for &row in rows {
            let cell = batch.cell(row, amount.cell);
            let value = match written.read(cell, amount.decimals) {
                _ if cell.is_empty() => NOTHING,
                Ok(value) => {
                    let negative = !written.negative.is_empty() && written.negative.iter().all(|test| test.fits(batch, row));
                    self.other(row, if negative { -value } else { value })
                }
                Err(why) => {
                    refusals.add(row, Some(amount.cell), || format!("is {why}"));
                    NOTHING
                }
            };
            self.values.push(value);
        }
    }

    /// An amount of many digits.
    fn other(&mut self, row: u32, amount: Amount) -> i64 {
        let decimals = (0..SCALE).find(|&decimals| amount.fits_decimals(decimals)).unwrap_or(SCALE);
        self.finest = self.finest.max(decimals);
        narrow(amount).unwrap_or_else(|| {
            self.wide.push((row, amount));
            WIDE
        })
    }

    fn total(&self) -> Amount {
        let narrow = self.values.iter().filter(|&&value| value > WIDE).map(|&value| i128::from(value)).sum();
        Amount(narrow) + self.wide.iter().map(|(_, amount)| *amount).sum::<Amount>()
    }
}
