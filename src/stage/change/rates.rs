//! The rates of a night, as they were published.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use crate::table::read::{counts, words};

/// The columns of the table `success_rates` that are read of an earlier night.
pub const COLUMNS: [&str; 6] = ["metric", "cut", "value", "numerator", "denominator", "pending"];

/// The cut that takes all together, and its one value.
const ALL: &str = "all";

/// Which rate, of what; in the order of the table's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which rate.
    pub metric: String,
    /// What it is cut by.
    pub cut: String,
    /// The value there.
    pub value: String,
}

impl Place {
    /// The whole of a metric.
    pub(super) fn all(metric: &str) -> Self {
        Self { metric: metric.to_owned(), cut: ALL.to_owned(), value: ALL.to_owned() }
    }
}

/// What a rate is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counts {
    /// Successes.
    pub numerator: i64,
    /// What they are counted of.
    pub denominator: i64,
    /// What has not ended, and is in neither.
    pub pending: i64,
}

impl Counts {
    /// The rate; none of nothing.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.denominator > 0).then(|| as_float(self.numerator) / as_float(self.denominator))
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.numerator += other.numerator;
        self.denominator += other.denominator;
        self.pending += other.pending;
    }

    /// Whether what is pending could move the rate by less than `minimum`, whichever way it ends.
    pub(super) fn is_decided(&self, minimum: i128) -> bool {
        let whole = i128::from(self.denominator) + i128::from(self.pending);
        whole > 0 && i128::from(self.pending) * super::parts::ONE <= minimum * whole
    }
}

/// The rates of a night.
pub type Rates = BTreeMap<Place, Counts>;

/// The rates in a table `success_rates`, or in its [`COLUMNS`].
#[must_use]
pub fn rates(success_rates: &RecordBatch) -> Rates {
    let [numerator, denominator, pending] = ["numerator", "denominator", "pending"].map(|name| counts(success_rates, name));
    let of_row = |(row, place)| {
        let counts = Counts { numerator: numerator.value(row), denominator: denominator.value(row), pending: pending.value(row) };
        (place, counts)
    };
    places(success_rates).into_iter().enumerate().map(of_row).collect()
}

/// Where each row belongs.
pub(super) fn places(success_rates: &RecordBatch) -> Vec<Place> {
    let [metric, cut, value] = ["metric", "cut", "value"].map(|name| words(success_rates, name));
    let place = |row| {
        let [metric, cut, value] = [&metric, &cut, &value].map(|words| words.get(row).to_owned());
        Place { metric, cut, value }
    };
    (0..success_rates.num_rows()).map(place).collect()
}

/// A count as a double, exactly.
#[expect(clippy::cast_precision_loss, reason = "a night has fewer than 2^53 orders")]
pub(super) fn as_float(count: i64) -> f64 {
    count as f64
}
