//! How much memory a night may take, and what that means for how it is closed.

use std::fs;
use std::path::Path;

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
pub(super) struct Sizes {
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
    pub(super) fn sizes(self, bytes: u64) -> Result<Option<Sizes>> {
        let limit = match self {
            Self::Unlimited => return Ok(None),
            Self::Shares(shares) => return Ok(Some(Sizes { shares, waiting: shares, merged: 2 })),
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
        Ok(Some(Sizes {
            shares: count(shares),
            waiting: count((limit / 2048).min(Self::MOST_WAITING)),
            merged: if limit < 4 * Self::LEAST { 1 } else { 2 },
        }))
    }
}

/// How much memory this machine has, or the groups of processes this one is in may take: what the system says.
fn of_machine() -> Option<u64> {
    let told = |path: &Path| fs::read_to_string(path).ok();
    let kilobytes = |line: &str| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok();
    let machine = told(Path::new("/proc/meminfo"))?.lines().find_map(kilobytes)? * 1024;
    let groups = told(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        // Groups of the second kind have no controllers of their own.
        let (root, file) = if controllers.is_empty() { ("", "memory.max") } else { ("memory", "memory.limit_in_bytes") };
        let is_of_memory = controllers.is_empty() || controllers.split(',').any(|controller| controller == "memory");
        let root = Path::new("/sys/fs/cgroup").join(root);
        // The groups a group is in have limits of their own. One without says `max`, or a number above any memory.
        let of_group = move |group: &Path| told(&root.join(group).join(file))?.trim().parse::<u64>().ok();
        let group = Path::new(group.trim_start_matches('/')).ancestors().filter(move |_| is_of_memory);
        group.filter_map(of_group).collect::<Vec<_>>()
    });
    Some(limits.fold(machine, u64::min))
}
