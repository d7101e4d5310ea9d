//! Every test, in one binary: the engines are linked once.

mod reconcile;
mod sample;
mod analyze;
mod lake;
