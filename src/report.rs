//! What people and programs look at.

pub mod json;
pub mod summary;
