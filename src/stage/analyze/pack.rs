//! Several small numbers in one of 64 bits: what makes grouping by all of them as cheap as by one.

use crate::error::{Error, Result};

/// How `N` numbers are packed, the first the most significant: packed numbers order as lists of them do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing<const N: usize> {
    /// Per number the bits it has, and those below it.
    bits: [(u32, u32); N],
}

impl<const N: usize> Packing<N> {
    /// Of numbers that are each below a size.
    pub(super) fn of(sizes: [u64; N]) -> Result<Self> {
        let mut below = 0;
        let mut bits = [(0, 0); N];
        for (bits, size) in bits.iter_mut().zip(sizes).rev() {
            let own = u64::BITS - size.saturating_sub(1).leading_zeros();
            *bits = (own, below);
            below += own;
        }
        if below >= u64::BITS {
            return Err(Error::data("the records of the night differ in more ways than can be told apart")
                .expected("dimensions of few values, such as a channel or a country")
                .found(format!("{sizes:?} values")));
        }
        Ok(Self { bits })
    }

    /// The numbers as one.
    pub(super) fn pack(&self, numbers: [u64; N]) -> u64 {
        self.bits.iter().zip(numbers).fold(0, |packed, ((_, below), number)| packed | number << below)
    }

    /// The numbers again.
    pub(super) fn unpack(&self, packed: u64) -> [u64; N] {
        self.bits.map(|(own, below)| packed >> below & ((1 << own) - 1))
    }

    /// The first `count` numbers alone, still in order.
    pub(super) fn first(&self, packed: u64, count: usize) -> u64 {
        packed >> self.bits[count - 1].1
    }
}
