//! Tieout closes a merchant's night: it holds what payment providers state against what the merchant recorded,
//! and publishes what agreed, what did not and why, as Parquet.
//!
//! ```text
//!  provider files      merchant files        the night before
//!        │                   │                       │
//!   ┌────▼───────────────────▼────┐                  │
//!   │ source    found, archived   │  raw/            │
//!   │ format    one pass a file   │                  │
//!   └────┬───────────────────┬────┘                  │
//!        ▼                   ▼                       │
//!     entries     orders, attempts, refunds     open items, breaks, fees, payouts
//!        │ stage/fees: by contract ──▶ fees          │
//!        │ stage/payouts ◀── bank_lines ──▶ payouts  │
//!        └─────────┬─────────┘                       │
//!            stage/reconcile  ◄──────────────────────┘
//!                  │ matches, breaks, open_items, rollforward
//!            stage/analyze
//!                  │ funnel, payment_methods, abandonment, failure_reasons and others
//!            stage/change  ◄──── success_rates of earlier nights
//!                  │ success_rates, changes, rates_history
//!            lake: stage, read back, move, commit        raw/  data/  meta/
//! ```
//!
//! [`night`] is the only file that knows this order. Use goes downward only: `main → cli, command → night →
//! source, stage, lake, report → format → table → money`; [`bucket`], [`secret`] and [`error`] are below all.
//!
//! What is nowhere, on purpose:
//! - no Rust for a provider: a provider is a file below `schemas/providers` ([`mod@format`] is the language);
//! - no float near an amount ([`money`]), and no sum across currencies;
//! - no I/O, clock or environment in [`stage`]: tables in, tables out;
//! - no write outside [`lake`] becomes visible, and nothing half-written there does;
//! - nothing a night depends on that its lake does not keep: [`night::reperform`] closes any of them again;
//! - no clock in what is published: the same inputs give the same bytes, whatever the order of rows, the split of
//!   files and the number of threads.

pub mod bucket;
pub mod calendar;
pub mod cli;
pub mod command;
pub mod error;
pub mod format;
pub mod job;
pub mod lake;
pub mod mask;
pub mod money;
pub mod night;
pub mod report;
pub mod sample;
pub mod secret;
pub mod signal;
pub mod source;
pub mod stage;
pub mod table;
