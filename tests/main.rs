//! Every test, in one binary: the engines are linked once.

mod analyze;
mod generated;
mod lake;
mod laws;
mod nights;
mod reconcile;
mod sample;
mod tidy;
