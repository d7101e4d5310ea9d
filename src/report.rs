//! What people and programs look at.

pub mod answers;
pub mod claims;
pub mod difference;
pub mod explain;
mod grid;
pub mod json;
mod spreadsheet;
pub mod status;
pub mod summary;
pub mod timings;
