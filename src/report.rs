//! What people and programs look at.

mod grid;
pub mod json;
pub mod status;
pub mod summary;
