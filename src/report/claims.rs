//! What providers charged above their contracts: the file one sends them.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch, StringArray};
use chrono::NaiveDate;

use super::grid::counted;
use super::spreadsheet::text;
use crate::error::{Error, Exit, Result};
use crate::format::time::date_in;
use crate::job::Job;
use crate::lake::Lake;
use crate::money::Amount;
use crate::stage::fees::{Contracts, FeeRule, LineOf, SELECTED_BY, Volumes};
use crate::table::build::date_of;
use crate::table::entries::ENTRIES;
use crate::table::fees::FEES;
use crate::table::read::{self, Words, amount, amounts, words};

/// The columns of the file.
const HEADER: [&str; 17] = [
    "row",
    "night",
    "provider",
    "account",
    "date",
    "kind",
    "provider_reference",
    "merchant_reference",
    "batch_reference",
    "method",
    "currency",
    "amount",
    "rule",
    "contracted",
    "arithmetic",
    "charged",
    "overcharged",
];

/// The columns of `entries` that are read.
const READ: [&str; 17] = [
    "provider",
    "account",
    "kind",
    "provider_reference",
    "merchant_reference",
    "batch_reference",
    "method",
    "wallet",
    "card_brand",
    "card_funding",
    "card_country",
    "currency",
    "gross",
    "fee",
    "fee_rule",
    "fee_contracted",
    "occurred_at",
];

/// Every line, and every batch that is rounded as a whole, that was charged more than was contracted.
#[derive(Debug, Default)]
pub struct Claims {
    claims: Vec<Claim>,
}

/// One of them. Amounts are in `currency`.
#[derive(Debug)]
struct Claim {
    night: NaiveDate,
    provider: String,
    account: String,
    /// The day of the line in the job's time zone; of a batch its night.
    date: NaiveDate,
    /// The entry's kind, or `batch`.
    kind: String,
    provider_reference: String,
    merchant_reference: String,
    batch_reference: String,
    method: String,
    currency: String,
    amount: Amount,
    rule: String,
    contracted: Amount,
    arithmetic: String,
    charged: Amount,
}

impl Claims {
    /// The claims of all nights from one to another, against one provider or all.
    pub fn of(job: &Job, lake: &Lake, nights: [NaiveDate; 2], provider: Option<&str>) -> Result<Self> {
        let [from, to] = nights;
        if from > to {
            return Err(Error::new(Exit::Usage, "the last night is before the first").expected(format!("--to {from} or later")));
        }
        if let Some(provider) = provider.filter(|name| job.providers.iter().all(|provider| provider.name != **name)) {
            let names: Vec<&str> = job.providers.iter().map(|provider| provider.name.as_str()).collect();
            return Err(Error::new(Exit::Usage, format!("the job has no provider `{provider}`")).expected(names.join(", ")));
        }
        let mut claims = Self::default();
        for night in from.iter_days().take_while(|night| *night <= to) {
            if lake.manifest(night)?.is_none() {
                return Err(Error::data(format!("the night {night} is not published"))
                    .next("close it with `tieout run`, or ask for nights that are"));
            }
            let fees = lake.read(&FEES, night)?;
            let contracts = Contracts::open(job.fees(), job.timezone, Volumes::at_the_opening(&fees));
            let night = Night { date: night, job, contracts, provider };
            night.lines(&lake.read_columns(&ENTRIES, night.date, &READ)?, &mut claims.claims)?;
            night.batches(&fees, &mut claims.claims)?;
        }
        Ok(claims)
    }

    /// As CSV: a row a claim, then a row a provider and currency with the sums of its claims.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| Error::law(format!("claims cannot be written as CSV: {error}"));
        writer.write_record(HEADER).map_err(failed)?;
        for claim in &self.claims {
            writer.write_record(claim.cells()).map_err(failed)?;
        }
        for ((provider, currency), Total { claims, contracted, charged }) in self.totals() {
            let mut cells = HEADER.map(|_| String::new());
            let mut set = |name: &str, cell: String| cells[place(name)] = cell;
            set("row", "total".to_owned());
            set("provider", text(provider));
            set("currency", currency.to_owned());
            set("contracted", contracted.in_currency(currency));
            set("arithmetic", counted(claims, "claim", "claims"));
            set("charged", charged.in_currency(currency));
            set("overcharged", (charged - contracted).in_currency(currency));
            writer.write_record(cells).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::law(format!("claims cannot be written as CSV: {error}")))?;
        Ok(String::from_utf8(bytes).expect("text and amounts are UTF-8"))
    }

    /// In a sentence: how many, and how much in each currency.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.claims.is_empty() {
            return "no claims: nothing was charged above contract".to_owned();
        }
        let sums = self.totals().into_iter().map(|((provider, currency), Total { claims, contracted, charged })| {
            let over = (charged - contracted).in_currency(currency);
            format!("{provider} {over} {currency} in {}", counted(claims, "claim", "claims"))
        });
        format!("charged above contract: {}", sums.collect::<Vec<_>>().join(", "))
    }

    fn totals(&self) -> BTreeMap<(&str, &str), Total> {
        let mut totals: BTreeMap<_, Total> = BTreeMap::new();
        for claim in &self.claims {
            let total = totals.entry((claim.provider.as_str(), claim.currency.as_str())).or_default();
            total.claims += 1;
            total.contracted += claim.contracted;
            total.charged += claim.charged;
        }
        totals
    }
}

/// Claims against one provider in one currency.
#[derive(Default)]
struct Total {
    claims: u64,
    contracted: Amount,
    charged: Amount,
}

impl Claim {
    fn cells(&self) -> [String; HEADER.len()] {
        let money = |amount: Amount| amount.in_currency(&self.currency);
        [
            "claim".to_owned(),
            self.night.to_string(),
            text(&self.provider),
            text(&self.account),
            self.date.to_string(),
            self.kind.clone(),
            text(&self.provider_reference),
            text(&self.merchant_reference),
            text(&self.batch_reference),
            text(&self.method),
            self.currency.clone(),
            money(self.amount),
            text(&self.rule),
            money(self.contracted),
            text(&self.arithmetic),
            money(self.charged),
            money(self.charged - self.contracted),
        ]
    }
}

fn place(column: &str) -> usize {
    HEADER.iter().position(|name| *name == column).expect("it is a column of the file")
}

/// One night, with the contracts it was closed by.
struct Night<'a> {
    date: NaiveDate,
    job: &'a Job,
    contracts: Contracts,
    provider: Option<&'a str>,
}

impl Night<'_> {
    /// Adds the lines of a night's `entries` that were charged more than was contracted.
    fn lines(&self, entries: &RecordBatch, claims: &mut Vec<Claim>) -> Result<()> {
        let [provider, account, kind, batch, method, currency, rule] =
            ["provider", "account", "kind", "batch_reference", "method", "currency", "fee_rule"].map(|name| words(entries, name));
        let selected: [Words; SELECTED_BY.len()] = SELECTED_BY.map(|name| words(entries, name));
        let [gross, fee, contracted] = ["gross", "fee", "fee_contracted"].map(|name| amounts(entries, name));
        let [provider_reference, merchant_reference] =
            ["provider_reference", "merchant_reference"].map(|name| read::text(entries, name));
        let occurred_at = read::instants(entries, "occurred_at");
        for row in 0..entries.num_rows() {
            let (Some(fee), Some(contracted)) = (amount(fee, row), amount(contracted, row)) else { continue };
            if fee <= contracted || !self.is_asked_for(provider.get(row)) {
                continue;
            }
            let gross = Amount(gross.value(row));
            let line = LineOf {
                provider: provider.get(row),
                account: account.get(row),
                kind: kind.get(row),
                occurred_at: occurred_at.value(row),
                words: selected.map(|column| column.optional(row)),
            };
            let charge = self.contracts.charge(&line).filter(|charge| {
                let [fee, tax] = charge.of(gross);
                fee + tax == contracted && charge.rule.name == rule.get(row)
            });
            let charge = charge.ok_or_else(|| self.another_contract(rule.get(row)))?;
            let stated = |texts: &StringArray| if texts.is_valid(row) { texts.value(row).to_owned() } else { String::new() };
            claims.push(Claim {
                night: self.date,
                provider: provider.get(row).to_owned(),
                account: account.get(row).to_owned(),
                date: date_in(occurred_at.value(row), self.job.timezone),
                kind: kind.get(row).to_owned(),
                provider_reference: stated(provider_reference),
                merchant_reference: stated(merchant_reference),
                batch_reference: batch.get(row).to_owned(),
                method: method.get(row).to_owned(),
                currency: currency.get(row).to_owned(),
                amount: gross,
                rule: rule.get(row).to_owned(),
                contracted,
                arithmetic: charge.arithmetic(gross),
                charged: fee,
            });
        }
        Ok(())
    }

    /// Adds the batches of a night's `fees` that were charged more than was contracted.
    fn batches(&self, fees: &RecordBatch, claims: &mut Vec<Claim>) -> Result<()> {
        let [provider, account, batch, rule, currency] =
            ["provider", "account", "batch_reference", "rule", "currency"].map(|name| words(fees, name));
        let [gross, charged, contracted] = ["gross", "charged", "contracted"].map(|name| amounts(fees, name));
        let (entries, nights) = (read::counts(fees, "entries"), read::dates(fees, "business_date"));
        for row in (0..fees.num_rows()).filter(|&row| batch.optional(row).is_some()) {
            let (charged, contracted) = (Amount(charged.value(row)), amount(contracted, row).unwrap_or_default());
            if charged <= contracted || !self.is_asked_for(provider.get(row)) {
                continue;
            }
            let of_row = [provider, account, rule].map(|column| column.get(row));
            let is_of_row = |rule: &&FeeRule| [&*rule.provider, &*rule.account, &*rule.name] == of_row;
            let contract = self.contracts.rules().iter().find(is_of_row).ok_or_else(|| self.another_contract(rule.get(row)))?;
            claims.push(Claim {
                night: self.date,
                provider: provider.get(row).to_owned(),
                account: account.get(row).to_owned(),
                date: date_of(nights.value(row)),
                kind: "batch".to_owned(),
                provider_reference: String::new(),
                merchant_reference: String::new(),
                batch_reference: batch.get(row).to_owned(),
                method: String::new(),
                currency: currency.get(row).to_owned(),
                amount: Amount(gross.value(row)),
                rule: rule.get(row).to_owned(),
                contracted,
                arithmetic: format!("sum over {} entries: {}", entries.value(row), contract.describe()),
                charged,
            });
        }
        Ok(())
    }

    fn is_asked_for(&self, provider: &str) -> bool {
        self.provider.is_none_or(|asked| asked == provider)
    }

    /// A claim is made by the contract the night was closed with, so the job must still say that.
    fn another_contract(&self, rule: &str) -> Error {
        Error::configuration(format!("the job says another fee than the night {} was closed with", self.date))
            .column("fee")
            .found(format!("entries priced by `{rule}`"))
            .next(format!("run the night again: tieout run <job> --date {}", self.date))
    }
}
