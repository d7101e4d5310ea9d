//! Which of a few amounts add up to another: exactly, every way there is.

use crate::money::Amount;

/// How many amounts are tried at most. With more, sums that mean nothing would soon fit: of twelve there are 4,083 sums
/// of two or more, and amounts to the cent below 100,000.00 are ten million.
pub(super) const LIMIT: usize = 12;

/// Every set of two or more of `amounts` that adds up to `sum`, each as places in order. Of more than [`LIMIT`] none.
pub(super) fn subsets(amounts: &[Amount], sum: Amount) -> Vec<Vec<usize>> {
    if amounts.len() > LIMIT {
        return Vec::new();
    }
    let chosen = |set: usize| (0..amounts.len()).filter(move |place| set >> place & 1 == 1);
    let fits = |&set: &usize| {
        set.count_ones() >= 2 && chosen(set).map(|place| amounts[place]).fold(Amount::ZERO, |sum, amount| sum + amount) == sum
    };
    (0..1_usize << amounts.len()).filter(fits).map(|set| chosen(set).collect()).collect()
}
