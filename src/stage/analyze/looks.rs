//! Rates in the order they are published: by metric, cut and value, each as it is written.

use std::collections::HashMap;

use super::counted::Counted;
use super::cut::Cut;
use super::margin::Margin;
use super::tallied::{Rate, rates};
use crate::error::Result;

/// A rate, and its value in words.
pub(super) struct Look<'a> {
    pub(super) rate: Rate<'a>,
    pub(super) value: String,
}

/// Every metric for every cut and value.
pub(super) fn looks<'a>(attempts: &'a [Margin], orders: &'a [Margin], counted: &Counted) -> Result<Vec<Look<'a>>> {
    let cuts: HashMap<&str, &Cut> = counted.cuts.iter().map(|cut| (cut.name.as_str(), cut)).collect();
    let in_words = |rate: Rate<'a>| Look { value: cuts[rate.cut].value(rate.value, &counted.vocabularies), rate };
    let mut looks: Vec<Look> = rates(attempts, orders)?.into_iter().map(in_words).collect();
    looks.sort_by(|one, other| {
        let key = |look: &'_ Look<'a>| (look.rate.metric, look.rate.cut);
        key(one).cmp(&key(other)).then_with(|| one.value.cmp(&other.value))
    });
    Ok(looks)
}
