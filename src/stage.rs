//! Verbs: tables in, tables out. No I/O, no clock, no environment.

pub mod analyze;
pub mod bank;
pub mod change;
pub mod consistency;
pub mod failures;
pub mod fees;
pub mod items;
pub mod journal;
pub mod normalize;
pub mod payouts;
pub mod reconcile;
pub mod records;
pub mod restated;
pub mod returns;
pub mod stated_before;
