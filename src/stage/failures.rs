//! Why payments fail, in words all providers share: `schemas/failures.csv`, from code to category.
//!
//! A code is matched exactly after trimming and case folding, inside its provider. A code the file does not
//! know is `unmapped`, counted and published, never guessed.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::stage::analyze::closed_list::closed_list;

closed_list! {
    /// Why an attempt failed.
    pub Category {
        /// The account or card does not hold the money.
        InsufficientFunds = "insufficient_funds",
        /// A limit of amount or number is reached: the customer's, the card's, the merchant's.
        LimitExceeded = "limit_exceeded",
        /// The issuer says no and not why.
        DeclinedByIssuer = "declined_by_issuer",
        /// The customer tried to prove who they are and did not.
        AuthenticationFailed = "authentication_failed",
        /// The issuer wants the customer to prove who they are first.
        AuthenticationRequired = "authentication_required",
        /// The card is past its date.
        ExpiredCard = "expired_card",
        /// Number, date, security code or account is wrong.
        InvalidCard = "invalid_card",
        /// The card is reported lost or stolen, or is to be kept.
        LostOrStolen = "lost_or_stolen",
        /// Somebody's risk rules stopped it.
        SuspectedFraud = "suspected_fraud",
        /// This customer, card or account may not pay this way.
        NotPermitted = "not_permitted",
        /// The customer called it off.
        CustomerCancelled = "customer_cancelled",
        /// The customer was asked and did not answer in time.
        CustomerTimeout = "customer_timeout",
        /// The order is closed or expired at the provider.
        OrderClosed = "order_closed",
        /// Paid already, or asked twice.
        Duplicate = "duplicate",
        /// The provider is busy or limits the rate of requests.
        SystemBusy = "system_busy",
        /// The provider failed.
        ProviderError = "provider_error",
        /// The issuer, bank or network did not answer.
        IssuerUnavailable = "issuer_unavailable",
        /// The merchant's request is malformed.
        InvalidRequest = "invalid_request",
        /// The merchant's account, keys or contract are not set up for it.
        Configuration = "configuration",
        /// A code `schemas/failures.csv` does not know.
        Unmapped = "unmapped",
    }
}

impl Category {
    /// Whether machines failed, or those who set them up, rather than the customer's means or will.
    #[must_use]
    pub fn is_technical(self) -> bool {
        matches!(
            self,
            Self::SystemBusy | Self::ProviderError | Self::IssuerUnavailable | Self::InvalidRequest | Self::Configuration
        )
    }
}

closed_list! {
    /// Who can change it.
    pub Actor {
        /// The person who pays.
        Customer = "customer",
        /// The bank that issued the card or holds the account.
        Issuer = "issuer",
        /// The card network or the bank's line.
        Network = "network",
        /// The payment provider.
        Provider = "provider",
        /// Whoever sets the risk rules.
        Risk = "risk",
        /// The merchant.
        Merchant = "merchant",
        /// Not known.
        Unknown = "unknown",
    }
}

closed_list! {
    /// Whether trying again can help.
    pub Hardness {
        /// A later try may succeed.
        Soft = "soft",
        /// The same try will fail again.
        Hard = "hard",
        /// Not known.
        Unknown = "unknown",
    }
}

/// What a provider's code means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub category: Category,
    /// Who can change it.
    pub actor: Actor,
    /// Whether trying again can help.
    pub hardness: Hardness,
    /// What the merchant can do, in a few words.
    pub advice: String,
}

/// The meaning of every known code, by provider.
#[derive(Clone, Debug)]
pub struct FailureCategories {
    by_code: HashMap<(String, String), Failure>,
    unmapped: Failure,
}

const HEADER: [&str; 5] = ["provider", "code", "category", "actor", "hardness"];

impl FailureCategories {
    /// The table inside the binary.
    pub fn shipped() -> Result<Self> {
        Self::parse(include_str!("../../schemas/failures.csv"), "schemas/failures.csv")
    }

    /// Reads a table of the same layout; `file` is its name in messages.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let refused = |error: &csv::Error| {
            let refusal = Error::configuration(format!("the table of failure codes cannot be read: {error}")).file(file);
            match error.position() {
                Some(position) => refusal.line(position.line()),
                None => refusal,
            }
        };
        let header = reader.headers().map_err(|error| refused(&error))?;
        if header.iter().ne(HEADER.into_iter().chain(["advice"])) {
            return Err(Error::configuration("the table of failure codes has another header")
                .file(file)
                .line(1)
                .expected(format!("{},advice", HEADER.join(",")))
                .found(header.iter().collect::<Vec<_>>().join(",")));
        }
        let mut by_code = HashMap::new();
        for row in reader.records() {
            let row = row.map_err(|error| refused(&error))?;
            let line = row.position().map_or(0, csv::Position::line);
            let failure = Failure {
                category: known(&row[2], "category", Category::ALL, Category::word).map_err(|e| e.file(file).line(line))?,
                actor: known(&row[3], "actor", Actor::ALL, Actor::word).map_err(|e| e.file(file).line(line))?,
                hardness: known(&row[4], "hardness", Hardness::ALL, Hardness::word).map_err(|e| e.file(file).line(line))?,
                advice: row[5].to_owned(),
            };
            if by_code.insert(key(&row[0], &row[1]), failure).is_some() {
                return Err(Error::configuration("a failure code is given twice")
                    .file(file)
                    .line(line)
                    .column("code")
                    .expected("each code of a provider once, upper and lower case alike")
                    .found(format!("{} {}", &row[0], &row[1])));
            }
        }
        let unmapped = Failure {
            category: Category::Unmapped,
            actor: Actor::Unknown,
            hardness: Hardness::Unknown,
            advice: "add the code to schemas/failures.csv".to_owned(),
        };
        Ok(Self { by_code, unmapped })
    }

    /// What `code` of `provider` means; `unmapped` where it is not known.
    #[must_use]
    pub fn find(&self, provider: &str, code: &str) -> &Failure {
        self.by_code.get(&key(provider, code)).unwrap_or(&self.unmapped)
    }
}

fn key(provider: &str, code: &str) -> (String, String) {
    (provider.trim().to_lowercase(), code.trim().to_lowercase())
}

/// The one of a closed list that `word` names, or an error that lists them all.
fn known<T: Copy>(word: &str, column: &str, all: &[T], written: fn(T) -> &'static str) -> Result<T> {
    all.iter().copied().find(|&one| written(one) == word).ok_or_else(|| {
        Error::configuration(format!("a failure code has an unknown {column}"))
            .column(column)
            .expected(all.iter().map(|&one| written(one)).collect::<Vec<_>>().join(", "))
            .found(word)
    })
}
