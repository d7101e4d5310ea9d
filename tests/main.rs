//! Every test, in one binary: the engines are linked once.

mod analyze;
mod commands;
mod exit;
mod generated;
mod harness;
mod lake;
mod laws;
mod nights;
mod readme;
mod reconcile;
mod sample;
mod tidy;
