//! Currencies: codes of three capital letters, and the decimals an amount may have.

use super::Refusals;
use super::fill::{Source, Target};
use crate::format::column::{Building, NO_WORD};
use crate::format::plan::{Fill, Plan};
use crate::money::{SCALE, minor_digits};

/// A target that holds a currency.
pub(super) struct Currency {
    target: usize,
    /// The targets that hold amounts in it.
    amounts: Vec<usize>,
    /// Digits after the point of each currency met, by its code in the column; none where it is no currency.
    decimals: Vec<Option<u32>>,
    /// Those of each row of the batch.
    of_row: Vec<u32>,
}

impl Currency {
    /// The target `name`, where the format fills it.
    pub(super) fn of(plan: &Plan, name: &str) -> Option<Self> {
        let target = plan.targets.iter().position(|target| target.column.name == name && !target.is_nothing())?;
        let amounts = (0..plan.targets.len()).filter(|&at| plan.targets[at].column.unit == name).collect();
        Some(Self { target, amounts, decimals: Vec::new(), of_row: Vec::new() })
    }

    /// Forgets the codes of the part before.
    pub(super) fn begin(&mut self) {
        self.decimals.clear();
    }

    /// A currency is a code of three capital letters, and an amount whose rule states no decimals of its own has at
    /// most those of its currency. The rows are those from `before` on of every column.
    pub(super) fn check(
        &mut self,
        targets: &[Target],
        before: usize,
        from: Source,
        rows: &[u32],
        kind: impl Fn(u32) -> usize,
        refusals: &mut Refusals,
    ) {
        let target = &targets[self.target];
        let same = target.plan.same_word().map(|word| [word.to_owned()]);
        let values = match (&same, &target.building) {
            (Some(word), _) => &word[..],
            (None, Building::Word(words)) => words.values(),
            _ => return,
        };
        let met = self.decimals.len();
        self.decimals.extend(values[met..].iter().map(|currency| decimals(currency)));
        let codes = match &target.building {
            Building::Word(words) if same.is_none() => words.codes_from(before),
            _ => &vec![0; rows.len()],
        };
        // Where a row states no currency, nothing is checked.
        self.of_row.clear();
        for (&row, &code) in rows.iter().zip(codes) {
            let decimals = if code == NO_WORD { Some(SCALE) } else { self.decimals[usize::from(code)] };
            if decimals.is_none() {
                let cell = match target.plan.of(kind(row)) {
                    Fill::Text(rule) => rule.cells.first().copied(),
                    _ => None,
                };
                refusals.add(row, cell, || "is not a currency".to_owned());
            }
            self.of_row.push(decimals.unwrap_or(SCALE));
        }
        let least = self.of_row.iter().copied().min().unwrap_or(SCALE);
        for target in self.amounts.iter().map(|&target| &targets[target]) {
            // Mostly no amount of the batch is finer than any currency of it.
            let Building::Amount(column) = &target.building else { continue };
            if target.plan.fills.iter().all(|fill| is_no_finer(fill, least, from)) {
                continue;
            }
            for (at, &row) in rows.iter().enumerate() {
                let (decimals, Fill::Amount { add, subtract, own_decimals: false, .. }) =
                    (self.of_row[at], target.plan.of(kind(row)))
                else {
                    continue;
                };
                if column.get(before + at).is_some_and(|amount| !amount.fits_decimals(decimals)) {
                    let finer = |&&slot: &&usize| from.slots.get(slot, row).is_some_and(|amount| !amount.fits_decimals(decimals));
                    let cell = add.iter().chain(subtract).find(finer).map(|&slot| from.plan.amounts[slot].cell);
                    refusals.add(row, cell, || format!("has more decimals than {}", values[usize::from(codes[at])]));
                }
            }
        }
    }
}

/// Digits after the point of a currency; none where the word is no currency.
fn decimals(word: &str) -> Option<u32> {
    let is_currency = word.len() == 3 && word.bytes().all(|letter| letter.is_ascii_uppercase());
    is_currency.then(|| minor_digits(word))
}

/// Whether no amount that the fill gives in this batch can have more than `decimals`.
fn is_no_finer(fill: &Fill, decimals: u32, from: Source) -> bool {
    match fill {
        Fill::Amount { add, subtract, default, own_decimals: false } => {
            from.slots.finest(add).max(from.slots.finest(subtract)) <= decimals
                && default.is_none_or(|amount| amount.fits_decimals(decimals))
        }
        _ => true,
    }
}
