//! How long orders took to be paid: from counts per second, so exact, and the same from any shares.

use arrow::array::RecordBatch;

use super::Rules;
use super::counted::Counted;
use super::margin::Margin;
use super::tally::Cell;
use crate::table::analysis::TIME_TO_PAY;
use crate::table::build;

/// One row per cut and value that has an order paid.
pub(super) fn time_to_pay(counted: &Counted, rules: &Rules) -> RecordBatch {
    let cuts = &counted.times[..counted.cuts.len()];
    let mut rows: Vec<(&str, String, Times)> = cuts.iter().flat_map(|margin| of_cut(margin, counted)).collect();
    rows.sort_by(|(cut, value, _), (other_cut, other, _)| (cut, value).cmp(&(other_cut, other)));
    let times = || rows.iter().map(|(.., times)| times);
    TIME_TO_PAY.batch([
        ("business_date", build::same_date(rules.night, rows.len())),
        ("cut", build::words(rows.iter().map(|(cut, ..)| Some(*cut)))),
        ("value", build::words(rows.iter().map(|(_, value, _)| Some(value)))),
        ("orders", build::counts(times().map(|times| times.orders))),
        ("median", build::counts(times().map(Times::median))),
        ("p95", build::counts(times().map(|times| times.percentile(95)))),
        ("enough", build::flags(times().map(|times| times.orders >= rules.minimum_count))),
    ])
}

fn of_cut<'a>(margin: &'a Margin, counted: &Counted) -> Vec<(&'a str, String, Times)> {
    let times = margin.by_value().map(|(value, cells)| {
        // All currencies of a value: a time is of none.
        let times = Times::of(cells, margin);
        (margin.cut.name.as_str(), margin.cut.value(value, &counted.vocabularies), times)
    });
    times.collect()
}

/// Orders by the seconds they took.
pub(super) struct Times {
    /// How many.
    pub(super) orders: i64,
    /// How many took so many seconds, in order of seconds.
    by_second: Vec<(u32, i64)>,
}

impl Times {
    /// The times of the orders of these cells.
    pub(super) fn of(cells: &[Cell], margin: &Margin) -> Self {
        let mut by_second: Vec<(u32, i64)> = cells.iter().map(|cell| (margin.read(cell).last, cell.rows.into())).collect();
        by_second.sort_unstable();
        Self { orders: by_second.iter().map(|(_, orders)| orders).sum(), by_second }
    }

    /// What half of the orders took at most.
    pub(super) fn median(&self) -> i64 {
        self.percentile(50)
    }

    /// What so many orders of a hundred took at most, by nearest rank: the least seconds within which that share was paid.
    fn percentile(&self, percent: i64) -> i64 {
        let rank = (self.orders * percent + 99) / 100;
        let mut paid = 0;
        let reaches = |&&(_, orders): &&(u32, i64)| {
            paid += orders;
            paid >= rank
        };
        self.by_second.iter().find(reaches).map_or(0, |&(seconds, _)| seconds.into())
    }
}
