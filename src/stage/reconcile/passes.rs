//! The passes: in which order, and by which keys, entries and records may find each other.

use super::candidates::{Claims, resolve};
use super::items::{Items, Kind};
use super::keyed::{self, Keys};

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
    kind: Kind,
    keys: &'static [&'static str],
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

    /// What this pass takes of the items still open.
    pub(super) fn claims(
        &self,
        provider: &Items,
        merchant: &Items,
        provider_open: impl Fn(u32) -> bool,
        merchant_open: impl Fn(u32) -> bool,
    ) -> Vec<Claims> {
        let entries: Vec<bool> = provider.rows().map(|row| provider.kind(row) == self.kind && provider_open(row)).collect();
        let records: Vec<bool> = merchant
            .rows()
            .map(|row| {
                merchant.kind(row) == self.kind
                    && merchant_open(row)
                    && (!self.without_provider || merchant.provider(row).is_none())
            })
            .collect();
        if !entries.contains(&true) || !records.contains(&true) {
            return Vec::new();
        }
        let entries = Keys::of(provider.batch, self.keys).only(entries);
        let records = Keys::of(merchant.batch, self.keys).only(records);
        keyed::groups(&entries, &records, |claims: &mut Claims, entries, records| {
            resolve(provider, merchant, entries, records, claims);
        })
    }
}
