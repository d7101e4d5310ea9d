//! The rules the rows of a story were held to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rows::Row;
use crate::job::{Job, Lag};
use crate::report::grid::{counted, line};
use crate::stage::fees::FeeRule;
use crate::stage::reconcile::{PassRule, Rule, Tolerance, pass_rules};

/// What of a job and of the passes applies to a story.
#[derive(Debug)]
pub(super) struct Rules {
    passes: Vec<PassRule>,
    providers: Vec<Contract>,
    tolerances: Vec<Tolerance>,
}

/// What the job says of a provider's account.
#[derive(Debug)]
struct Contract {
    provider: String,
    account: String,
    settles_in: Lag,
    fees: Vec<FeeRule>,
}

impl Rules {
    pub(super) fn of(job: &Job, rows: &[Row]) -> Self {
        let stated = |name: &str| -> BTreeSet<&str> { rows.iter().map(|row| row.get(name)).collect() };
        let (providers, currencies) = (stated("provider"), stated("currency"));
        // A record names no account: where no entry does either, every account of its provider may be meant.
        let accounts: BTreeSet<(&str, &str)> =
            rows.iter().map(|row| (row.get("provider"), row.get("account"))).filter(|(_, account)| !account.is_empty()).collect();
        let contracts = job.providers.iter().filter(|provider| {
            let (name, account) = (provider.name.as_str(), provider.account.as_str());
            let has_account = accounts.iter().any(|(of, _)| *of == name);
            providers.contains(name) && (!has_account || accounts.contains(&(name, account)))
        });
        let is_refund = |row: &Row| row.get("kind") == "refund" || !row.get("refund_id").is_empty();
        let is_payment = |row: &Row| row.get("kind") == "payment" || !row.get("attempt_id").is_empty();
        let kinds = [("payment", rows.iter().any(is_payment)), ("refund", rows.iter().any(is_refund))];
        Self {
            passes: pass_rules().filter(|pass| kinds.contains(&(pass.kind, true))).collect(),
            providers: contracts
                .map(|provider| Contract {
                    provider: provider.name.clone(),
                    account: provider.account.clone(),
                    settles_in: provider.settles_in,
                    fees: provider.fees.clone(),
                })
                .collect(),
            tolerances: job
                .tolerances
                .iter()
                .filter(|tolerance| currencies.contains(tolerance.currency.as_str()))
                .cloned()
                .collect(),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for contract in &self.providers {
            let settles = format!("{} {} settles in {}", contract.provider, contract.account, lag(contract.settles_in));
            if contract.fees.is_empty() {
                line(&mut text, format!("  {settles}; its fees are not checked"));
            }
            for rule in &contract.fees {
                let says = rule.describe();
                // A rule that was given no name is called by its price.
                let name = if says.starts_with(&rule.name) { String::new() } else { format!("{}: ", rule.name) };
                line(&mut text, format!("  {settles}; fee {name}{says}"));
            }
        }
        for pass in &self.passes {
            let only = if pass.without_provider { ", for records that name no provider" } else { "" };
            let only = match pass.rule {
                Rule::Key => only.to_owned(),
                Rule::PaymentAndAmount => format!("{only} and one amount, each the other's only candidate"),
                Rule::AmountAndTime => format!("{only}, close in time, each the other's only candidate"),
            };
            line(&mut text, format!("  pass {}: {}s with the same {}{only}", pass.name, pass.kind, pass.keys.join(", ")));
        }
        if self.tolerances.is_empty() {
            line(&mut text, "  amounts must be equal: the job has no tolerance for them");
        }
        for tolerance in &self.tolerances {
            let absolute = tolerance.absolute.in_currency(&tolerance.currency);
            line(
                &mut text,
                format!(
                    "  amounts may differ by {absolute} {} or {} %, whichever is more",
                    tolerance.currency, tolerance.percent
                ),
            );
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let passes = self.passes.iter().map(
            |pass| json!({ "kind": pass.kind, "pass": pass.name, "keys": pass.keys, "without_provider": pass.without_provider }),
        );
        let providers = self.providers.iter().map(|contract| {
            let fees = contract.fees.iter().map(|rule| {
                let currencies: Vec<&String> = rule.selects[0].iter().flatten().collect();
                json!({
                    "percent": rule.payment.percent.to_string(),
                    "fixed": rule.payment.fixed.to_string(),
                    "currency": if let [only] = currencies[..] { Some(only) } else { None },
                    "rounding": rule.rounding,
                    "rule": rule.name,
                    "says": rule.describe(),
                })
            });
            json!({
                "provider": contract.provider,
                "account": contract.account,
                "settles_in": lag(contract.settles_in),
                "fees": fees.collect::<Vec<_>>(),
            })
        });
        let tolerances = self.tolerances.iter().map(|tolerance| {
            json!({
                "currency": tolerance.currency,
                "absolute": tolerance.absolute.to_string(),
                "percent": tolerance.percent.to_string(),
            })
        });
        json!({
            "providers": providers.collect::<Vec<_>>(),
            "passes": passes.collect::<Vec<_>>(),
            "tolerances": tolerances.collect::<Vec<_>>(),
        })
    }
}

fn lag(lag: Lag) -> String {
    let (one, many) = if lag.business { ("business day", "business days") } else { ("day", "days") };
    counted(lag.days.into(), one, many)
}
