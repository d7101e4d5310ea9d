//! How many of the changes that are reported are chance, when very many are looked at.
//!
//! By Benjamini and Hochberg (1995). Its bound holds for independent tests and where they depend positively (Benjamini
//! and Yekutieli, 2001), and so it is here: cuts hold the same orders, and metrics look at the same ones, so where chance
//! makes one rate low it makes those low that share its orders; values of one cut share none. The bound of Benjamini and
//! Yekutieli for any dependence whatever is some six times stricter at a few hundred rates, and would hide drops of
//! several points. That the level holds for overlapping cuts and metrics is tried in `tests/change.rs`.

/// For each p-value the least level of false discovery at which it is reported.
#[must_use]
pub fn q_values(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&left, &right| p_values[left].total_cmp(&p_values[right]).then(left.cmp(&right)));
    let numbered: Vec<(usize, f64)> = order.into_iter().zip(std::iter::successors(Some(1.0), |rank| Some(rank + 1.0))).collect();
    let all = numbered.last().map_or(0.0, |(_, rank)| *rank);
    let (mut q_values, mut least) = (vec![1.0; p_values.len()], 1.0_f64);
    for (at, rank) in numbered.into_iter().rev() {
        least = least.min(p_values[at] * all / rank);
        q_values[at] = least;
    }
    q_values
}
