//! Every test, in one binary: the engines are linked once.

mod analyze;
mod bad_input;
mod commands;
mod exit;
mod formats;
mod harness;
mod lake;
mod readme;
mod reconcile;
mod sample;
