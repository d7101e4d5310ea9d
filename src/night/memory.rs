//! How much memory a night may take, and what that means for how it is closed.

use crate::error::{Error, Result};

/// How much memory a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// As much as the night needs.
    Unlimited,
    /// So many bytes: a night that needs more is taken apart into shares, which wait on disk.
    Limit(u64),
    /// Whatever a night taken apart into so many shares needs: for tests.
    Shares(usize),
}

/// How a night that memory does not hold is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    /// Into how many shares.
    pub(super) shares: usize,
    /// How many rows of a file may wait to be written.
    pub(super) waiting: usize,
    /// How many tables are merged at once.
    pub(super) merged: usize,
}

impl Memory {
    /// The least limit: what a run needs beside its rows.
    pub const LEAST: u64 = 300_000_000;
    /// Most shares: each of them has some files on disk, and all are open at once when they are merged.
    const MOST_SHARES: u64 = 256;
    /// Most rows of a file that wait.
    const MOST_WAITING: u64 = 1 << 19;

    /// How a night of so many bytes of text is taken apart; not at all if memory holds it.
    pub(super) fn division(self, bytes: u64) -> Result<Option<Division>> {
        let limit = match self {
            Self::Unlimited => return Ok(None),
            Self::Shares(shares) => return Ok(Some(Division { shares, waiting: shares, merged: 2 })),
            Self::Limit(limit) => limit,
        };
        if limit < Self::LEAST {
            return Err(Error::configuration("the memory limit is too small").expected("300MB or more").found(limit));
        }
        // Columns, what is made of them, and room the allocator keeps: measured in tests/bench/RESULTS.md.
        let needed = bytes + bytes / 2 + Self::LEAST / 4;
        if needed <= limit {
            return Ok(None);
        }
        let shares = needed.div_ceil(limit / 4);
        if shares > Self::MOST_SHARES {
            return Err(Error::configuration("the memory limit is too small for this night")
                .expected(format!("{} bytes or more", needed.div_ceil(Self::MOST_SHARES) * 4))
                .found(limit));
        }
        let count = |number: u64| usize::try_from(number).expect("some thousands");
        Ok(Some(Division {
            shares: count(shares),
            waiting: count((limit / 2048).min(Self::MOST_WAITING)),
            merged: if limit < 4 * Self::LEAST { 1 } else { 2 },
        }))
    }
}
