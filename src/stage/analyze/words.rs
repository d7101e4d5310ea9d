//! The closed lists analysis reads and writes.

use super::closed_list::closed_list;
use crate::error::{Error, Result};

closed_list! {
    /// The statuses of an attempt.
    pub(super) Status {
        /// Begun, nothing sent.
        Initiated = "initiated",
        /// Without an answer yet.
        Pending = "pending",
        /// Paid.
        Succeeded = "succeeded",
        /// Refused.
        Failed = "failed",
        /// Not completed in time.
        Expired = "expired",
        /// Called off.
        Cancelled = "cancelled",
    }
}

impl Status {
    /// The statuses that may still change.
    pub(super) const OPEN: [Self; 2] = [Self::Initiated, Self::Pending];

    pub(super) fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }
}

closed_list! {
    /// The last stage an attempt reached.
    pub(super) Reached {
        /// A method was chosen.
        MethodSelected = "method_selected",
        /// Sent to the provider.
        Submitted = "submitted",
        /// The customer was asked to prove who they are.
        Authentication = "authentication",
        /// The customer was sent to a wallet or another page.
        Redirected = "redirected",
        /// The provider is working on it.
        Processing = "processing",
        /// The provider answered.
        Completed = "completed",
    }
}

closed_list! {
    /// The statuses of an order.
    pub(super) OrderStatus {
        /// Waiting to be paid.
        Created = "created",
        /// Paid.
        Paid = "paid",
        /// Not paid in time.
        Expired = "expired",
        /// Called off.
        Cancelled = "cancelled",
    }
}

closed_list! {
    /// How an order ended: the columns of the funnel that add up to the orders created.
    pub(super) Ending {
        /// An attempt succeeded, or the merchant's record says paid.
        Succeeded = "succeeded",
        /// The last attempt failed.
        Failed = "failed",
        /// The last attempt has no final status.
        Pending = "pending",
        /// Cancelled before any attempt.
        Cancelled = "cancelled",
        /// The customer left.
        Abandoned = "abandoned",
    }
}

closed_list! {
    /// How the first attempt of an order ended.
    pub(super) First {
        /// There was none.
        None = "none",
        /// It succeeded.
        Succeeded = "succeeded",
        /// It was refused.
        Failed = "failed",
        /// It has no final status.
        Open = "open",
        /// It ended otherwise.
        Other = "other",
    }
}

closed_list! {
    /// What the provider says of a payment. Of an order's attempts, that is the last of these that holds of one.
    pub(super) Truth {
        /// No provider of the job was asked.
        NotAsked = "not_asked",
        /// It states none.
        Missing = "missing",
        /// It states one that cannot be told from others.
        Unsure = "unsure",
        /// It may yet state one.
        Waiting = "waiting",
        /// It was paid.
        Found = "found",
    }
}

closed_list! {
    /// What was answered to an attempt.
    pub(super) Answer {
        /// Nothing yet.
        Open = "open",
        /// Yes.
        Approved = "approved",
        /// No, by the provider or the issuer: for the customer's means, or for no cause that is known.
        Declined = "declined",
        /// No, by risk rules that are not the issuer's.
        Blocked = "blocked",
        /// The customer did not prove who they are.
        NotAuthenticated = "not_authenticated",
        /// Machines failed, or those who set them up.
        Technical = "technical",
        /// The customer called it off or did not go on, or the order was past being paid.
        Left = "left",
        /// Nothing was sent.
        NotSent = "not_sent",
    }
}

closed_list! {
    /// What became of the group of attempts that an attempt leads.
    pub(super) Group {
        /// It leads none: it is a retry.
        Within = "within",
        /// The last of it succeeded.
        Succeeded = "succeeded",
        /// One of it has no final status, and none succeeded.
        Open = "open",
        /// None succeeded.
        Failed = "failed",
        /// Not known: the order is of another night.
        NotKnown = "not_known",
    }
}

closed_list! {
    /// Where an order ended, as abandonment tells it; exclusive, and complete. (peers: definition 8.)
    pub(super) Stage {
        /// An attempt succeeded, or the merchant's record says paid.
        Paid = "paid",
        /// The provider has the last attempt and has not answered.
        Pending = "pending",
        /// The merchant cancelled the order, and nothing before that explains its end.
        MerchantCancelled = "merchant_cancelled",
        /// The order was created and no attempt made.
        NoAttempt = "no_attempt",
        /// A method was chosen and nothing sent.
        MethodNoSubmit = "method_no_submit",
        /// The customer did not come back from proving who they are.
        AuthenticationDropped = "authentication_dropped",
        /// The customer did not come back from the wallet or the other page.
        WalletOrRedirectNotReturned = "wallet_or_redirect_not_returned",
        /// The last attempt was refused for the customer's means, and no later one made.
        DeclinedAndLeft = "declined_and_left",
        /// The last attempt failed for a technical cause, and no later one made.
        TechnicalAndLeft = "technical_and_left",
        /// Sent, and not paid in time.
        ExpiredUnpaid = "expired_unpaid",
    }
}

/// The one of a closed list that `word` of `column` names; a row must have one.
pub(super) fn required<T: Copy>(column: &str, word: &str, all: &[T], written: fn(T) -> &'static str) -> Result<T> {
    listed(column, word, all, written)?.ok_or_else(|| unknown(column, "nothing", all, written))
}

/// The one of a closed list that `word` of `column` names; none where it is empty.
pub(super) fn listed<T: Copy>(column: &str, word: &str, all: &[T], written: fn(T) -> &'static str) -> Result<Option<T>> {
    if word.is_empty() {
        return Ok(None);
    }
    let known = all.iter().copied().find(|&one| written(one) == word);
    known.map(Some).ok_or_else(|| unknown(column, word, all, written))
}

fn unknown<T: Copy>(column: &str, found: &str, all: &[T], written: fn(T) -> &'static str) -> Error {
    Error::data(format!("a record of the merchant has a {column} that is not in the list"))
        .column(column)
        .expected(all.iter().map(|&one| written(one)).collect::<Vec<_>>().join(", "))
        .found(found)
}
