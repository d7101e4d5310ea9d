//! Every test, in one binary: the engines are linked once.

mod analyze;
mod commands;
mod harness;
mod lake;
mod reconcile;
mod sample;
