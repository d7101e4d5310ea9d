//! Every test, in one binary: the engines are linked once.

mod analyze;
mod exit;
mod lake;
mod readme;
mod reconcile;
mod sample;
