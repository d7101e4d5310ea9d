//! Every test, in one binary: the engines are linked once.

mod analyze;
mod bad_input;
mod bank;
mod calendar;
mod commands;
mod delivery;
mod draft;
mod exit;
mod fees;
mod fetch;
mod formats;
mod fuzzed;
mod generated;
mod harness;
mod lake;
mod laws;
mod nights;
mod readme;
mod recognise;
mod reconcile;
mod sample;
mod schema;
mod shares;
mod source;
mod tidy;
mod written;
