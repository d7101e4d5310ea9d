//! Every test, in one binary: the engines are linked once.

mod analyze;
mod commands;
mod exit;
mod harness;
mod lake;
mod readme;
mod reconcile;
mod sample;
