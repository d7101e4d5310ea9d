//! Breaks beside the comparison: about an entry by itself, what was given back of a payment, a batch, a payout, a line of a
//! bank, or a whole night.

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::outcome::BreakType;
use crate::money::Amount;
use crate::table::build;
use crate::table::identity::identity;
use crate::table::part::{ids, texts};
use crate::table::read::words;
use crate::table::reconciliation::BREAKS;

/// One such break.
#[derive(Clone, Debug)]
pub struct Itemless<'a> {
    /// What is wrong.
    pub kind: BreakType,
    /// What it is about: with the type, what makes it the same break on another night.
    pub about: Vec<String>,
    /// Whether it may still go away by itself in time.
    pub waiting: bool,
    /// Whom it is about.
    pub provider: Option<&'a str>,
    /// The account with the provider, or with the bank.
    pub account: Option<&'a str>,
    /// What the merchant calls it.
    pub merchant_reference: Option<&'a str>,
    /// What the provider or the bank calls it.
    pub reference: Option<&'a str>,
    /// The entry it is about, where that stands elsewhere too: it may match, and be a break of its own.
    pub entry_id: Option<&'a str>,
    /// Currency of the amounts.
    pub currency: &'a str,
    /// What should be.
    pub merchant_amount: Option<Amount>,
    /// What is.
    pub provider_amount: Option<Amount>,
    /// Negative costs the merchant.
    pub difference: Amount,
    /// What to do first.
    pub action: &'static str,
    /// What else there is to know.
    pub detail: Option<String>,
}

/// What is wrong with an entry by itself: a break of its own, beside whatever becomes of the entry.
#[derive(Clone, Debug)]
pub struct OfEntry {
    kind: BreakType,
    entry_id: String,
    provider: String,
    account: String,
    merchant_reference: Option<String>,
    reference: Option<String>,
    currency: String,
    /// What should be, in the currency that settles.
    expected: Option<Amount>,
    stated: Amount,
    detail: String,
}

impl OfEntry {
    /// Of a row of entries, of which `stated` is wrong.
    #[must_use]
    pub fn of(entries: &RecordBatch, row: usize, kind: BreakType, stated: Amount, detail: String) -> Self {
        let word = |name: &str| words(entries, name).get(row).to_owned();
        let text = |name: &str| texts(entries, name).stated(row).map(ToOwned::to_owned);
        Self {
            kind,
            entry_id: ids(entries, "entry_id").get(row).with_text(ToOwned::to_owned),
            provider: word("provider"),
            account: word("account"),
            merchant_reference: text("merchant_reference"),
            reference: text("provider_reference"),
            currency: word("currency"),
            expected: None,
            stated,
            detail,
        }
    }

    /// Held against what should be.
    #[must_use]
    pub fn expecting(self, expected: Option<Amount>) -> Self {
        Self { expected, ..self }
    }

    /// As it is told.
    #[must_use]
    pub fn told(&self) -> Itemless<'_> {
        Itemless {
            kind: self.kind,
            about: vec!["entry".to_owned(), self.entry_id.clone()],
            waiting: false,
            provider: Some(&self.provider),
            account: Some(&self.account),
            merchant_reference: self.merchant_reference.as_deref(),
            reference: self.reference.as_deref(),
            entry_id: Some(&self.entry_id),
            currency: &self.currency,
            merchant_amount: self.expected,
            provider_amount: Some(self.stated),
            difference: self.stated - self.expected.unwrap_or_default(),
            action: self.kind.suggested_action(),
            detail: Some(self.detail.clone()),
        }
    }
}

/// These breaks, first seen on `night`, as rows of the table `breaks`. Age and severity are told anew when all breaks of
/// the night are put together.
#[must_use]
pub fn itemless(found: &[Itemless], night: NaiveDate) -> RecordBatch {
    let rows = found.len();
    let nothing = || build::texts(found.iter().map(|_| None::<&str>));
    let id = |of: &Itemless| {
        let about = of.about.iter().map(String::as_str);
        identity(&["break", of.kind.as_str()].into_iter().chain(about).collect::<Vec<_>>())
    };
    BREAKS.batch([
        ("break_id", build::texts(found.iter().map(|of| Some(id(of))))),
        ("business_date", build::same_date(night, rows)),
        ("break_type", build::words(found.iter().map(|of| Some(of.kind.as_str())))),
        ("state", build::words(found.iter().map(|of| Some(if of.waiting { "waiting" } else { "open" })))),
        ("provider", build::words(found.iter().map(|of| of.provider))),
        ("account", build::words(found.iter().map(|of| of.account))),
        ("merchant_reference", build::texts(found.iter().map(|of| of.merchant_reference))),
        ("provider_reference", build::texts(found.iter().map(|of| of.reference))),
        ("order_id", nothing()),
        ("attempt_id", nothing()),
        ("refund_id", nothing()),
        ("entry_id", build::texts(found.iter().map(|of| of.entry_id))),
        ("currency", build::words(found.iter().map(|of| Some(of.currency)))),
        ("merchant_amount", build::amounts(found.iter().map(|of| of.merchant_amount))),
        ("provider_amount", build::amounts(found.iter().map(|of| of.provider_amount))),
        ("difference", build::amounts(found.iter().map(|of| Some(of.difference)))),
        ("first_seen", build::same_date(night, rows)),
        ("cleared_on", build::dates(found.iter().map(|_| None))),
        ("age_days", build::counts(found.iter().map(|_| 0))),
        ("age_bucket", build::same_word(Some("0-1"), rows)),
        ("severity", build::same_word(Some("low"), rows)),
        ("suggested_action", build::words(found.iter().map(|of| Some(of.action)))),
        ("resolution", build::same_word(None, rows)),
        ("detail", build::texts(found.iter().map(|of| of.detail.as_deref()))),
    ])
}
