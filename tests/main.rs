//! Every test, in one binary: the engines are linked once.

mod analyze;
mod bad_input;
mod formats;
mod lake;
mod reconcile;
mod sample;
