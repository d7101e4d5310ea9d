//! The ledger of a job: what a person writes of its accounts, and the chart that becomes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Provider;
use crate::error::{Error, Result};
use crate::stage::journal::{Chart, Purpose};

/// Where journals that are proposed would be booked: accounts of the merchant's ledger.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Journal")]
pub(super) struct JournalFile {
    /// The accounts of every provider.
    pub(super) accounts: AccountsFile,
    /// The accounts of one provider, by its name, in place of those.
    #[serde(default)]
    pub(super) provider: BTreeMap<String, AccountsFile>,
}

/// Accounts of the merchant's ledger. Only what occurs needs one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Accounts")]
pub(super) struct AccountsFile {
    /// What the provider owes; no other has this account.
    pub(super) clearing: Option<String>,
    /// Against it what customers paid: revenue, or the receivable that a sale left.
    pub(super) payments: Option<String>,
    /// What customers were given back.
    pub(super) refunds: Option<String>,
    /// What was taken back from the merchant.
    pub(super) chargebacks: Option<String>,
    /// What the provider charges, on a line of a payment or as a line of its own.
    pub(super) fees: Option<String>,
    /// Tax on that, as a line of its own.
    pub(super) tax: Option<String>,
    /// What is on its way to the bank.
    pub(super) payouts: Option<String>,
    /// What the provider holds back.
    pub(super) reserves: Option<String>,
    /// What is moved between accounts with the provider.
    pub(super) transfers: Option<String>,
    /// What the provider corrects.
    pub(super) adjustments: Option<String>,
    /// Money that is exchanged: nothing is left on it once both currencies are booked.
    pub(super) fx: Option<String>,
}

impl JournalFile {
    /// The accounts of the job with these providers.
    pub(super) fn chart(self, providers: &[Provider]) -> Result<Chart> {
        let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
        let of_provider = self.provider.into_iter().map(|(name, accounts)| {
            if !names.contains(&name.as_str()) {
                return Err(Error::configuration("the job has no such provider")
                    .column(format!("journal.provider.{name}"))
                    .expected(names.join(", "))
                    .found(name));
            }
            let accounts = accounts.by_purpose(&format!("journal.provider.{name}"))?;
            Ok((name, accounts))
        });
        let of_provider = of_provider.collect::<Result<_>>()?;
        Ok(Chart { accounts: self.accounts.by_purpose("journal.accounts")?, of_provider })
    }
}

impl AccountsFile {
    fn by_purpose(self, table: &str) -> Result<BTreeMap<Purpose, String>> {
        let accounts = [
            (Purpose::Clearing, self.clearing),
            (Purpose::Payments, self.payments),
            (Purpose::Refunds, self.refunds),
            (Purpose::Chargebacks, self.chargebacks),
            (Purpose::Fees, self.fees),
            (Purpose::Tax, self.tax),
            (Purpose::Payouts, self.payouts),
            (Purpose::Reserves, self.reserves),
            (Purpose::Transfers, self.transfers),
            (Purpose::Adjustments, self.adjustments),
            (Purpose::Fx, self.fx),
        ];
        let named = accounts.into_iter().filter_map(|(purpose, account)| Some((purpose, account?)));
        let mut by_purpose = BTreeMap::new();
        for (purpose, account) in named {
            // A ledger is given the account letter by letter, so it is refused here and not made safe later.
            if !account.starts_with(char::is_alphanumeric) || account.contains(char::is_control) {
                return Err(Error::configuration("not an account of a ledger")
                    .column(format!("{table}.{}", purpose.word()))
                    .expected("a text that begins with a letter or a digit, such as \"1122\"")
                    .found(account));
            }
            by_purpose.insert(purpose, account);
        }
        Ok(by_purpose)
    }
}
