//! What people and programs look at.

pub mod answers;
pub mod backfill;
mod cell;
pub mod chain;
pub mod changes;
pub mod claims;
pub mod colour;
pub mod comments;
pub mod config;
pub mod difference;
pub mod evidence;
pub mod explain;
pub mod gc;
mod grid;
pub mod journal;
pub mod json;
pub mod page;
pub mod resolve;
pub mod signoff;
mod spreadsheet;
pub mod status;
pub mod summary;
pub mod timings;
pub mod verify;
pub mod workbook;
