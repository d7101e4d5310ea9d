//! What is wrong with money given back, as rows of the table `breaks`.

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::entry::Entry;
use super::payment::{Payment, State};
use crate::stage::reconcile::{BreakType, Itemless, itemless};
use crate::table::build::date_of;

/// Most entries one `detail` names.
const NAMED: usize = 20;

/// The breaks of the night, in the order of the payments.
pub(super) fn found(payments: &[Payment], night: NaiveDate) -> RecordBatch {
    itemless(&payments.iter().filter_map(wrong).collect::<Vec<_>>(), night)
}

fn wrong(payment: &Payment) -> Option<Itemless<'_>> {
    let (kind, most) = match payment.state {
        State::Exceeds => (BreakType::RefundExceedsPayment, payment.paid().map(|paid| -paid)),
        State::Unlinked => (BreakType::RefundUnlinked, None),
        State::Partly | State::Wholly | State::Unknown | State::OtherCurrency => return None,
    };
    let given_back = -payment.given_back();
    Some(Itemless {
        kind,
        about: ["returns", &payment.id, &payment.currency].map(ToOwned::to_owned).into(),
        waiting: false,
        provider: Some(&payment.of[0]),
        account: Some(&payment.of[1]),
        merchant_reference: payment.merchant_reference.as_deref(),
        reference: payment.provider_reference.as_deref(),
        // What was given back last, which was one too many, or has no name at all.
        entry_id: payment.returns.last().map(|entry| entry.id.as_str()),
        currency: &payment.currency,
        merchant_amount: most,
        provider_amount: Some(given_back),
        difference: given_back - most.unwrap_or_default(),
        action: kind.suggested_action(),
        detail: Some(detail(payment)),
    })
}

/// What was paid, and what of it was given back.
fn detail(payment: &Payment) -> String {
    let told = |entries: &[Entry]| {
        let named = entries.iter().take(NAMED).map(|entry| {
            let amount = entry.amount.in_currency(&entry.currency);
            format!("{} {amount} {} on {} ({})", entry.kind.as_str(), entry.currency, date_of(entry.night), entry.id)
        });
        let more = (entries.len() > NAMED).then(|| format!("{} more", entries.len() - NAMED));
        named.chain(more).collect::<Vec<_>>().join(", ")
    };
    match payment.payments.as_slice() {
        [] => format!("no payment of {}", told(&payment.returns)),
        payments => format!("{}; {}", told(payments), told(&payment.returns)),
    }
}
