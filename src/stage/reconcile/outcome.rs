//! Where an entry or a record ended.

/// Where one entry or record ended: exactly one of these, for every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It agrees with its counterpart.
    Match,
    /// A person must look at it.
    Break(BreakType),
    /// Its counterpart may still come. With a type, that is the break it becomes if none does.
    Waiting(Option<BreakType>),
    /// It is no part of the comparison.
    Excluded(Exclusion),
}

impl Outcome {
    /// The word in column `outcome`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Break(_) => "break",
            Self::Waiting(_) => "waiting",
            Self::Excluded(_) => "excluded",
        }
    }

    /// The word in column `outcome_reason`.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Match | Self::Waiting(None) => None,
            Self::Break(kind) | Self::Waiting(Some(kind)) => Some(kind.as_str()),
            Self::Excluded(why) => Some(why.as_str()),
        }
    }

    /// The outcome of these words in columns `outcome` and `outcome_reason`.
    #[must_use]
    pub fn parse(outcome: &str, reason: Option<&str>) -> Option<Self> {
        let break_type = |word| BreakType::ALL.into_iter().find(|kind| kind.as_str() == word);
        let exclusion = |word| Exclusion::ALL.into_iter().find(|why| why.as_str() == word);
        match (outcome, reason) {
            ("match", None) => Some(Self::Match),
            ("break", Some(kind)) => break_type(kind).map(Self::Break),
            ("waiting", None) => Some(Self::Waiting(None)),
            ("waiting", Some(kind)) => break_type(kind).map(|kind| Self::Waiting(Some(kind))),
            ("excluded", Some(why)) => exclusion(why).map(Self::Excluded),
            _ => None,
        }
    }

    /// For a merchant's payment: whether the provider states that it was paid, agreed in all or not.
    #[must_use]
    pub fn is_settled(self) -> bool {
        use BreakType::{AmountMismatch, CurrencyMismatch, FalseFailure, FeeMismatch};
        matches!(self, Self::Match | Self::Break(AmountMismatch | CurrencyMismatch | FalseFailure | FeeMismatch))
    }
}

/// Why a row takes no part in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exclusion {
    /// Another record with the same reference stands for the payment.
    Superseded,
    /// The merchant says it was not paid, and no provider says otherwise.
    NotPaid,
    /// The entry is of no order: a fee, payout, transfer or the like.
    NotOfAnOrder,
    /// The record is of a provider that the job does not name.
    ProviderNotInJob,
    /// An earlier night stated it, and it has ended since.
    StatedBefore,
}

impl Exclusion {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Superseded, Self::NotPaid, Self::NotOfAnOrder, Self::ProviderNotInJob, Self::StatedBefore];

    /// The word in column `outcome_reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::NotPaid => "not_paid",
            Self::NotOfAnOrder => "not_of_an_order",
            Self::ProviderNotInJob => "provider_not_in_job",
            Self::StatedBefore => "stated_before",
        }
    }
}

/// What is wrong: the types of break this stage finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreakType {
    /// The merchant was paid, the provider states no such payment.
    MissingInProvider,
    /// The provider was paid, the merchant has no such record.
    MissingInMerchant,
    /// The two state different amounts.
    AmountMismatch,
    /// The provider charged another fee than its rate card says.
    FeeMismatch,
    /// The two state different currencies.
    CurrencyMismatch,
    /// The provider was paid, the merchant's record does not say so.
    FalseFailure,
    /// The provider states one payment more than once, or charged twice.
    DuplicateInProvider,
    /// The merchant recorded one payment more than once.
    DuplicateInMerchant,
    /// Several candidates are equally good.
    Ambiguous,
    /// The merchant refunded, the provider states no such refund.
    RefundMissingInProvider,
    /// The provider refunded, the merchant has no refund that stands.
    RefundMissingInMerchant,
    /// The two state different amounts of a refund.
    RefundAmountMismatch,
    /// The customer's bank took the money back.
    Chargeback,
    /// Money of a chargeback came back.
    ChargebackReversed,
    /// What settles is not what the customer paid at the rate that is stated.
    FxVariance,
    /// An entry is of another month than the night that books it, or of a day to come.
    OutOfPeriod,
    /// More of a payment was given back than was paid.
    RefundExceedsPayment,
    /// Money was given back of a payment that no night has.
    RefundUnlinked,
    /// A payout is not what its lines add up to.
    PayoutResidual,
    /// A payout is not in the bank, or is another amount there.
    PayoutNotInBank,
    /// No payout explains a line of the bank.
    BankUnexplained,
    /// The provider states an entry of an earlier night again, with another amount, after it had ended.
    Restated,
}

impl BreakType {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::MissingInProvider,
        Self::MissingInMerchant,
        Self::AmountMismatch,
        Self::FeeMismatch,
        Self::CurrencyMismatch,
        Self::FalseFailure,
        Self::DuplicateInProvider,
        Self::DuplicateInMerchant,
        Self::Ambiguous,
        Self::RefundMissingInProvider,
        Self::RefundMissingInMerchant,
        Self::RefundAmountMismatch,
        Self::Chargeback,
        Self::ChargebackReversed,
        Self::FxVariance,
        Self::OutOfPeriod,
        Self::RefundExceedsPayment,
        Self::RefundUnlinked,
        Self::PayoutResidual,
        Self::PayoutNotInBank,
        Self::BankUnexplained,
        Self::Restated,
    ];

    /// The word in columns `break_type` and `outcome_reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingInProvider => "missing_in_provider",
            Self::MissingInMerchant => "missing_in_merchant",
            Self::AmountMismatch => "amount_mismatch",
            Self::FeeMismatch => "fee_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::FalseFailure => "false_failure",
            Self::DuplicateInProvider => "duplicate_in_provider",
            Self::DuplicateInMerchant => "duplicate_in_merchant",
            Self::Ambiguous => "ambiguous",
            Self::RefundMissingInProvider => "refund_missing_in_provider",
            Self::RefundMissingInMerchant => "refund_missing_in_merchant",
            Self::RefundAmountMismatch => "refund_amount_mismatch",
            Self::Chargeback => "chargeback",
            Self::ChargebackReversed => "chargeback_reversed",
            Self::FxVariance => "fx_variance",
            Self::OutOfPeriod => "out_of_period",
            Self::RefundExceedsPayment => "refund_exceeds_payment",
            Self::RefundUnlinked => "refund_unlinked",
            Self::PayoutResidual => "payout_residual",
            Self::PayoutNotInBank => "payout_not_in_bank",
            Self::BankUnexplained => "bank_unexplained",
            Self::Restated => "restated",
        }
    }

    /// What to do first.
    #[must_use]
    pub fn suggested_action(self) -> &'static str {
        match self {
            Self::MissingInProvider => "Ask the provider for this payment; hold fulfilment if it is unknown there.",
            Self::MissingInMerchant => "Find the order this payment belongs to, or refund the customer.",
            Self::AmountMismatch => "Compare the order with what the customer was charged, and correct or refund the difference.",
            Self::FeeMismatch => "Claim the difference from the provider, or correct the rate card.",
            Self::CurrencyMismatch => "Check the currency the order was charged in.",
            Self::FalseFailure => "Mark the order paid and fulfil it, or refund the customer.",
            Self::DuplicateInProvider => "Check whether the customer was charged twice, and refund one charge.",
            Self::DuplicateInMerchant => "Remove the second record of the same payment.",
            Self::Ambiguous => "Choose the right candidate by hand; detail names them.",
            Self::RefundMissingInProvider => "Ask the provider for this refund; send it again if it is unknown there.",
            Self::RefundMissingInMerchant => "Record the refund, or ask the provider why it was made.",
            Self::RefundAmountMismatch => "Compare what was asked for with what was given back, and settle the difference.",
            Self::Chargeback => "Answer the dispute before its deadline, or accept it.",
            Self::ChargebackReversed => "Close the dispute: the money came back.",
            Self::FxVariance => "Ask the provider at which rate it exchanged, and claim the difference.",
            Self::OutOfPeriod => "Book it in the month it belongs to, and ask the provider why it comes now.",
            Self::RefundExceedsPayment => "Find out which of the refunds and chargebacks was one too many, and claim it back.",
            Self::RefundUnlinked => "Find the payment this gave back; ask the provider if there is none.",
            Self::PayoutResidual => "Ask the provider what the rest of the payout is; no line of its report says.",
            Self::PayoutNotInBank => "Ask the provider for the trace of this payout, and the bank whether it came.",
            Self::BankUnexplained => "Find out who paid this, and book it or send it back.",
            Self::Restated => "Ask the provider which of its two statements holds, and book the difference.",
        }
    }

    /// Whether a break of type `word` is of money given back, a payout or a line of the bank, and so told anew each night:
    /// one that is not found again has cleared.
    pub(super) fn is_told_anew(word: &str) -> bool {
        use BreakType::{BankUnexplained, PayoutNotInBank, PayoutResidual, RefundExceedsPayment, RefundUnlinked};
        [RefundExceedsPayment, RefundUnlinked, PayoutResidual, PayoutNotInBank, BankUnexplained]
            .iter()
            .any(|anew| anew.as_str() == word)
    }

    /// Whether a break of type `word` waits for a counterpart that may still come.
    pub(super) fn is_missing(word: &str) -> bool {
        use BreakType::{MissingInMerchant, MissingInProvider, RefundMissingInMerchant, RefundMissingInProvider};
        [MissingInProvider, MissingInMerchant, RefundMissingInProvider, RefundMissingInMerchant]
            .iter()
            .any(|missing| missing.as_str() == word)
    }
}
