//! Every test, in one binary: the engines are linked once.

mod analyze;
mod lake;
mod reconcile;
mod sample;
