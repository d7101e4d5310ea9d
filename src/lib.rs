//! Tieout closes a merchant's night.

pub mod cli;
pub mod command;
pub mod error;
pub mod format;
pub mod job;
pub mod lake;
pub mod mask;
pub mod money;
pub mod night;
pub mod report;
pub mod sample;
pub mod source;
pub mod stage;
pub mod table;
