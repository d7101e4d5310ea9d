//! What people and programs look at.

pub mod answers;
pub mod difference;
pub mod explain;
mod grid;
pub mod json;
pub mod status;
pub mod summary;
pub mod timings;
