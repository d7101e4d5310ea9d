//! The passes: in which order, and by which keys, entries and records may find each other.

use std::borrow::Cow;

use super::candidates::{Claims, resolve};
use super::items::{Items, Kind};
use super::keyed::{self, Keys, Rows};

/// Every pass, in order; each takes what the ones before left open. A new pass is one line.
pub(super) static PASSES: [Pass; 7] = [
    payments("merchant_reference", &["provider", "merchant_reference"]),
    payments("merchant_reference", &["merchant_reference"]).without_provider(),
    payments("provider_reference", &["provider", "provider_reference"]),
    refunds("merchant_refund_reference", &["provider", "merchant_reference", "merchant_refund_reference"]),
    refunds("merchant_refund_reference", &["provider", "merchant_refund_reference"]),
    refunds("merchant_refund_reference", &["merchant_refund_reference"]).without_provider(),
    refunds("provider_reference", &["provider", "provider_reference"]),
];

/// What a pass goes by, for those who explain a night.
#[derive(Clone, Copy, Debug)]
pub struct PassRule {
    /// The word in column `pass` of `matches`.
    pub name: &'static str,
    /// payment or refund.
    pub kind: &'static str,
    /// The columns that have to be equal.
    pub keys: &'static [&'static str],
    /// Whether it takes only records that do not say which provider was asked.
    pub without_provider: bool,
}

/// The rules of every pass, in order.
pub fn pass_rules() -> impl Iterator<Item = PassRule> {
    PASSES.iter().map(|pass| PassRule {
        name: pass.name,
        kind: if pass.kind == Kind::Refund { "refund" } else { "payment" },
        keys: pass.keys,
        without_provider: pass.without_provider,
    })
}

/// One matching rule: items of one kind whose key columns are equal.
pub(super) struct Pass {
    /// The word in column `pass`: what has to be equal.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) keys: &'static [&'static str],
    /// Only records that do not say which provider was asked.
    without_provider: bool,
}

const fn payments(name: &'static str, keys: &'static [&'static str]) -> Pass {
    Pass { name, kind: Kind::Payment, keys, without_provider: false }
}

const fn refunds(name: &'static str, keys: &'static [&'static str]) -> Pass {
    Pass { name, kind: Kind::Refund, keys, without_provider: false }
}

impl Pass {
    const fn without_provider(mut self) -> Self {
        self.without_provider = true;
        self
    }

    /// What this pass takes of the items of its kind that are still open, by part. The keys of its pairs are still to
    /// be compared.
    pub(super) fn claims(&self, provider: &Items, entries: &[Rows], merchant: &Items, records: &[Rows]) -> Vec<Claims> {
        let records: Cow<[Rows]> = if self.without_provider {
            merchant.parts.iter().zip(records).map(|(part, rows)| part.without_provider(rows)).collect()
        } else {
            records.into()
        };
        if entries.iter().all(Rows::is_empty) || records.iter().all(Rows::is_empty) {
            return Vec::new();
        }
        let entries = Keys::of(provider.batches, self.keys).only(entries);
        let records = Keys::of(merchant.batches, self.keys).only(&records);
        keyed::candidates(
            &entries,
            &records,
            |claims: &mut Claims, alone| claims.pairs.extend_from_slice(alone),
            |claims, entries, records| resolve(provider, merchant, entries, records, claims),
        )
    }
}
