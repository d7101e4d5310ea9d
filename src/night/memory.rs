//! How much memory a night may take, and what that means for how it is closed.

use std::fs;

use crate::error::{Error, Exit, Result};

/// How much memory a run may take. A night that needs more is taken apart into shares, which wait on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// As much as the night needs.
    Unlimited,
    /// Four fifths of what this machine has, or of what its container may take; unlimited where the system does not say.
    OfMachine,
    /// So many bytes: see [`Memory::limited_to`].
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
    const LEAST: u64 = 300_000_000;
    /// Most shares: each of them has some files on disk, and all are open at once when they are merged.
    const MOST_SHARES: u64 = 256;
    /// Most rows of a file that wait.
    const MOST_WAITING: u64 = 1 << 19;

    /// A limit of so many bytes; 64 if no night could be closed in it.
    pub fn limited_to(bytes: u64) -> Result<Self> {
        if bytes < Self::LEAST {
            return Err(Error::new(Exit::Usage, "the memory limit is too small").expected("300MB or more").found(bytes));
        }
        Ok(Self::Limit(bytes))
    }

    /// How a night of so many bytes of text is taken apart; not at all if memory holds it.
    pub(super) fn division(self, bytes: u64) -> Result<Option<Division>> {
        let limit = match self {
            Self::Unlimited => return Ok(None),
            Self::Shares(shares) => return Ok(Some(Division { shares, waiting: shares, merged: 2 })),
            Self::OfMachine => match of_machine() {
                Some(memory) => (memory / 5 * 4).max(Self::LEAST),
                None => return Ok(None),
            },
            Self::Limit(limit) => limit,
        };
        // Columns, what is made of them, and room the allocator keeps: measured in tests/bench/RESULTS.md.
        let needed = bytes + bytes / 2 + Self::LEAST / 4;
        if needed <= limit {
            return Ok(None);
        }
        let shares = needed.div_ceil(limit / 4);
        if shares > Self::MOST_SHARES {
            return Err(Error::new(Exit::Usage, "the memory limit is too small for this night")
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

/// How much memory this machine has, or the group of processes this one is in may take.
fn of_machine() -> Option<u64> {
    let told = |path: &str| fs::read_to_string(path).ok();
    let kilobytes = |line: &str| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok();
    let machine = told("/proc/meminfo")?.lines().find_map(kilobytes)? * 1024;
    // Where there is no limit, the newer of the two files says `max`, and the older a number above any memory.
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = groups.into_iter().filter_map(|path| told(path)?.trim().parse::<u64>().ok());
    Some(limits.fold(machine, u64::min))
}
