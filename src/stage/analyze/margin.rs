//! Orders or attempts by the values of one cut: what every table that is cut is read from.

use rayon::prelude::*;

use super::clock::Moment;
use super::counted::Counted;
use super::cut::{Cut, Says};
use super::dimension::{NOT_STATED, Vocabularies};
use super::fate::{AttemptFate, Fate};
use super::pack::Packing;
use super::tally::{Cell, Tally};
use super::{attempts, band};
use crate::error::Result;
use crate::table::build::count;

/// Cells by a cut: each of one value, one currency, and one number that says what became of them.
#[derive(Debug)]
pub(super) struct Margin {
    pub(super) cut: Cut,
    packing: Packing<4>,
    /// By key.
    pub(super) cells: Vec<Cell>,
}

/// What a cell of a margin has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MarginKey {
    /// The codes of the value.
    pub(super) value: [u32; 2],
    /// The code of the currency.
    pub(super) currency: u32,
    /// The number of a fate, or seconds.
    pub(super) last: u32,
}

impl Margin {
    /// The key of a cell.
    pub(super) fn read(&self, cell: &Cell) -> MarginKey {
        let [one, other, currency, last] = self.packing.unpack(cell.key).map(short);
        MarginKey { value: [one, other], currency, last }
    }

    /// The cells of each value.
    pub(super) fn by_value(&self) -> impl Iterator<Item = ([u32; 2], &[Cell])> {
        let value = |cell: &Cell| self.packing.first(cell.key, 2);
        let together = self.cells.chunk_by(move |one, other| value(one) == value(other));
        together.map(|cells| (self.read(&cells[0]).value, cells))
    }

    /// The cells of each currency, of cells of one value.
    pub(super) fn by_currency<'a>(&self, cells: &'a [Cell]) -> impl Iterator<Item = (u32, &'a [Cell])> {
        let place = |cell: &Cell| self.packing.first(cell.key, 3);
        let together = cells.chunk_by(move |one, other| place(one) == place(other));
        together.map(|cells| (self.read(&cells[0]).currency, cells))
    }
}

/// A cut, and how its keys are packed.
pub(super) struct Keyed {
    cut: Cut,
    /// How many codes each side of a value has.
    sizes: [usize; 2],
    packing: Packing<4>,
}

impl Keyed {
    fn of(cut: &Cut, vocabularies: &Vocabularies, attempts: usize, size: u32) -> Result<Self> {
        let sizes = cut.sizes(vocabularies, attempts);
        let size_of = |number: usize| count(number).unsigned_abs();
        let currencies = size_of(vocabularies["currency"].size());
        let packing = Packing::of([size_of(sizes[0]), size_of(sizes[1]), currencies, size.into()])?;
        Ok(Self { cut: cut.clone(), sizes, packing })
    }

    /// A key as a number.
    #[inline]
    pub(super) fn pack(&self, key: MarginKey) -> u64 {
        let MarginKey { value: [one, other], currency, last } = key;
        self.packing.pack([one.into(), other.into(), currency.into(), last.into()])
    }

    #[inline]
    fn add(&self, tally: &mut Tally, says: &Says, last: u32, cell: Cell) {
        let key = MarginKey { value: self.cut.codes(says), currency: says.currency, last };
        tally.add(Cell { key: self.pack(key), ..cell });
    }

    /// The margin of these cells.
    pub(super) fn margin(&self, cells: Vec<Cell>) -> Margin {
        Margin { cut: self.cut.clone(), packing: self.packing, cells }
    }
}

/// By which cuts rows are tallied one by one: what cells tell too is read off those.
pub(super) struct Plan {
    /// Orders, by fate.
    pub(super) orders: Vec<Keyed>,
    /// Attempts, by fate.
    pub(super) attempts: Vec<Keyed>,
    /// Orders that were paid, by seconds to pay.
    pub(super) times: Vec<Keyed>,
}

/// No order takes longer to be paid, in seconds: one that does is taken to be paid then, after more than a year.
pub(super) const LONGEST: u32 = (1 << 25) - 1;

impl Plan {
    /// Of a night where attempts say so many things.
    pub(super) fn of(cuts: &[Cut], vocabularies: &Vocabularies, attempts: usize) -> Result<Self> {
        let keyed = |size: u32| move |cut: &Cut| Keyed::of(cut, vocabularies, attempts, size);
        let of_orders = cuts.iter().filter(|cut| cut.asks_amount());
        let of_attempts = cuts.iter().filter(|cut| cut.asks_amount() || cut.asks_moment());
        let by_attempt = Cut::by_attempt();
        Ok(Self {
            orders: of_orders.map(keyed(ORDER_FATES)).collect::<Result<_>>()?,
            attempts: of_attempts.map(keyed(AttemptFate::CODES)).collect::<Result<_>>()?,
            times: cuts.iter().chain([&by_attempt]).map(keyed(LONGEST + 1)).collect::<Result<_>>()?,
        })
    }

    /// Adds a row to the tally of each cut.
    #[inline]
    pub(super) fn tell(cuts: &[Keyed], tallies: &mut [Tally], says: &Says, last: u32, cell: Cell) {
        cuts.iter().zip(tallies).for_each(|(cut, tally)| cut.add(tally, says, last, cell));
    }
}

/// Seconds that are counted in place; few orders take longer to be paid.
const IN_PLACE: usize = 1 << 11;
/// Most values of a cut that are.
const VALUES: usize = 1 << 10;

/// Rows by the values of a cut and seconds, as the rows of one part are read: to count in place is several times faster than to
/// look for a cell, and is done for every cut.
pub(super) struct Seconds<'a> {
    keyed: &'a Keyed,
    /// By value, then second; empty where a cut has too many values.
    counts: Vec<u32>,
    /// By value, whether there is any.
    counted: Vec<bool>,
}

impl<'a> Seconds<'a> {
    pub(super) fn of(keyed: &'a Keyed) -> Self {
        let values = Some(keyed.sizes[0].saturating_mul(keyed.sizes[1])).filter(|&values| values <= VALUES).unwrap_or_default();
        Self { keyed, counts: vec![0; values * IN_PLACE], counted: vec![false; values] }
    }

    /// Counts a row; in `tally` where it has no place here.
    #[inline]
    pub(super) fn add(&mut self, tally: &mut Tally, says: &Says, seconds: u32) {
        let value = self.keyed.cut.codes(says);
        let place = value[0] as usize * self.keyed.sizes[1] + value[1] as usize;
        match self.counted.get_mut(place) {
            Some(counted) if (seconds as usize) < IN_PLACE => {
                *counted = true;
                self.counts[place * IN_PLACE + seconds as usize] += 1;
            }
            _ => tally.add(self.cell(value, seconds, 1)),
        }
    }

    /// Adds all that was counted to the tally.
    pub(super) fn end(self, tally: &mut Tally) {
        let counted = self.counted.iter().zip(self.counts.chunks(IN_PLACE)).enumerate();
        for (place, (_, counts)) in counted.filter(|(_, (counted, _))| **counted) {
            let code = |number: usize| u32::try_from(number).expect("values counted in place are few");
            let value = [code(place / self.keyed.sizes[1]), code(place % self.keyed.sizes[1])];
            for (seconds, &rows) in (0..).zip(counts).filter(|&(_, &rows)| rows > 0) {
                tally.add(self.cell(value, seconds, rows));
            }
        }
    }

    /// A time is of no currency.
    fn cell(&self, value: [u32; 2], seconds: u32, rows: u32) -> Cell {
        let key = MarginKey { value, currency: NOT_STATED, last: seconds };
        Cell { key: self.keyed.pack(key), rows, attempts: 0, amount: 0 }
    }
}

/// Every number of an order's fate and maturity is below.
const ORDER_FATES: u32 = Fate::CODES << 1;

/// The number of an order's fate, and whether it had its time.
pub(super) fn order_fate(fate: u32, mature: bool) -> u32 {
    fate << 1 | u32::from(mature)
}

/// The fate of that number, and whether it had its time.
pub(super) fn read_order_fate(number: u32) -> (Fate, bool) {
    (Fate::of(number >> 1), number & 1 == 1)
}

/// Orders by every cut, in the order of the cuts.
pub(super) fn of_orders(counted: &Counted) -> Result<Vec<Margin>> {
    let keyed = keyed(counted, ORDER_FATES)?;
    let of_cells = |keyed: &Keyed| {
        let mut tally = Tally::default();
        for cell in &counted.orders {
            let key = counted.order_keys.read(cell);
            let of_order = &counted.of_order[key.of_order as usize];
            let says = Says {
                attempt: key.of_attempt,
                of_attempt: &counted.of_attempt[key.of_attempt as usize],
                of_order,
                currency: of_order[0],
                moment: key.moment(),
                band: band::ZERO,
            };
            keyed.add(&mut tally, &says, order_fate(key.fate, key.mature), *cell);
        }
        keyed.margin(tally.sorted())
    };
    Ok(keyed.par_iter().map(|keyed| told(&counted.order_margins, &keyed.cut).unwrap_or_else(|| of_cells(keyed))).collect())
}

/// Attempts by every cut, in the order of the cuts.
pub(super) fn of_attempts(counted: &Counted) -> Result<Vec<Margin>> {
    let keyed = keyed(counted, AttemptFate::CODES)?;
    let of_cells = |keyed: &Keyed| {
        let mut tally = Tally::default();
        for cell in &counted.attempts {
            let key = counted.attempt_keys.read(cell);
            let group = &counted.groups[key.group as usize];
            let says = Says {
                attempt: 0,
                of_attempt: group.first_chunk().expect("attempts are grouped by what they say first"),
                of_order: &counted.of_order[key.of_order as usize],
                currency: group[attempts::CURRENCY],
                moment: Moment::default(),
                band: band::ZERO,
            };
            keyed.add(&mut tally, &says, key.fate, *cell);
        }
        keyed.margin(tally.sorted())
    };
    Ok(keyed.par_iter().map(|keyed| told(&counted.attempt_margins, &keyed.cut).unwrap_or_else(|| of_cells(keyed))).collect())
}

fn keyed(counted: &Counted, size: u32) -> Result<Vec<Keyed>> {
    let of = |cut| Keyed::of(cut, &counted.vocabularies, counted.of_attempt.len(), size);
    counted.cuts.iter().map(of).collect()
}

/// The margin by `cut`, if rows were tallied for it.
fn told(margins: &[Margin], cut: &Cut) -> Option<Margin> {
    let Margin { cut, packing, cells } = margins.iter().find(|margin| margin.cut == *cut)?;
    Some(Margin { cut: cut.clone(), packing: *packing, cells: cells.clone() })
}

fn short(number: u64) -> u32 {
    u32::try_from(number).expect("what was packed had 32 bits")
}
