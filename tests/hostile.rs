//! Files of an attacker, and files that were damaged: refused or rejected, never other numbers, never without bounds.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod damage;
mod limits;
mod planted;
