//! Tieout closes a merchant's night.

pub mod error;
pub mod format;
pub mod lake;
pub mod money;
pub mod sample;
pub mod stage;
pub mod table;
