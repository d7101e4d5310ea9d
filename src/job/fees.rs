//! The fees of a job: what a person writes of a provider's contract, and the rules it becomes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::format::Names;
use crate::money::{Amount, Rounding, SCALE, Terms};
use crate::stage::fees::{FeeRule, OnRefund, Round, Tax, Tier, VolumeOf, ambiguous, price};

/// A rule of a provider's contract: what it charges for the lines the rule selects.
///
/// Of the rules that fit a line the narrowest holds: the one whose every condition lies within the other's, whatever
/// their order. Two rules that may fit one line, neither within the other, are an error. Amounts are in the currency
/// that settles. What a line costs, tax included, is held against the fee on that line.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Fee")]
pub(super) struct FeeFile {
    /// What tables call it; its price and what it selects when not given. A rule that follows another in time may bear
    /// its name, and then goes on with its volume.
    #[schemars(length(min = 1))]
    pub(super) name: Option<String>,
    /// The first day it holds. The date of the line decides, in the job's time zone.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub(super) from: Option<String>,
    /// The first day it no longer holds.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub(super) until: Option<String>,
    /// Only lines that settle in this currency, or one of these.
    pub(super) currency: Option<Names>,
    /// Only lines of this method, or one of these: `card`, `wallet`, `bank_transfer`, as `entries` has it.
    pub(super) method: Option<Names>,
    /// Only lines of this wallet, or one of these.
    pub(super) wallet: Option<Names>,
    /// Only lines of this card brand, or one of these.
    pub(super) card_brand: Option<Names>,
    /// Only lines of this card funding, or one of these: `credit`, `debit`, `prepaid`.
    pub(super) card_funding: Option<Names>,
    /// Only cards issued in this country, or one of these: two letters, `EU`, `EEA`, or a name of the table `region`. A
    /// line that states no country is in none.
    pub(super) region: Option<Names>,
    /// Percent of the gross, as a decimal in quotes.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub(super) percent: Option<String>,
    /// An amount for each payment, as a decimal in quotes.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub(super) fixed: Option<String>,
    /// No payment costs less than this.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub(super) minimum: Option<String>,
    /// No payment costs more than this.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub(super) maximum: Option<String>,
    /// Prices from monthly volumes on, the lowest first; the rule's own holds below. The volume is the gross of the
    /// payments this rule priced, by currency and business date. A payment is priced whole, at the tier its night opens in.
    #[serde(default)]
    pub(super) tiers: Vec<TierFile>,
    /// The month whose volume chooses the tier: this month, up to the night before, or the last.
    pub(super) tiers_by: Option<VolumeOf>,
    /// What becomes of the fee when a payment is given back. Fees of refunds are not checked when not given.
    pub(super) on_refund: Option<OnRefundFile>,
    /// What a chargeback costs. Fees of chargebacks are not checked when not given.
    pub(super) on_chargeback: Option<PriceFile>,
    /// Tax on the fee, in percent of it, where the provider charges it on the same line.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) tax: Option<String>,
    /// How the tax is rounded, to the decimals of the fee.
    pub(super) tax_rounding: Option<Rounding>,
    /// How a fee is rounded: the whole of it once, within its limits.
    #[serde(default)]
    pub(super) rounding: Rounding,
    /// To how many decimals; to those of its currency when not given.
    #[schemars(range(min = 0, max = 8))]
    pub(super) decimals: Option<u32>,
    /// What is rounded, and judged: each `line`, or the `batch`, which is all lines a night books under one
    /// `batch_reference`.
    #[serde(default)]
    pub(super) round: Round,
}

/// Another price from a monthly volume on; what it does not say is the rule's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tier")]
pub(super) struct TierFile {
    /// The volume it begins at.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    volume: String,
    /// Percent of the gross, as a decimal in quotes.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    percent: Option<String>,
    /// An amount for each payment, as a decimal in quotes.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    fixed: Option<String>,
}

/// What becomes of the fee when a payment is given back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`kept`, `returned`, or a price such as { percent = \"1.0\", fixed = \"0.30\" }")]
pub(super) enum OnRefundFile {
    /// A word.
    Word(KeptOrReturned),
    /// The refund has a price of its own, of the amount given back. Negative comes back.
    Costs(PriceFile),
}

/// Whether a fee comes back.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeptOrReturned {
    /// It does not: the refund costs nothing.
    Kept,
    /// Its percentage does, of what is given back; a fixed part does not.
    Returned,
}

/// A price.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Price")]
pub(super) struct PriceFile {
    /// Percent of the amount given back, as a decimal in quotes.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    percent: Option<String>,
    /// An amount for each, as a decimal in quotes.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    fixed: Option<String>,
}

/// Groups of countries by name.
pub(super) type Regions = BTreeMap<String, Vec<String>>;

/// Groups of countries a rule may name without more.
const SHIPPED: [(&str, &str); 2] = [
    ("EU", "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"),
    ("EEA", "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"),
];

impl FeeFile {
    /// The rule of a provider's account it is.
    pub(super) fn rule(self, provider: &str, account: &str, regions: &Regions) -> Result<FeeRule> {
        let payment = self.payment()?;
        let tiers = self.tiers(&payment)?;
        let [from, until] = [("from", &self.from), ("until", &self.until)].map(|(key, text)| date(text.as_deref(), key));
        let (from, until) = (from?, until?);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(wrong("until", "a rule ends after it begins").found(self.until.unwrap_or_default()));
        }
        let currency = self.currency.as_ref().map(|names| currencies(&names.0)).transpose()?;
        let region = self.region.as_ref().map(|names| countries(&names.0, regions)).transpose()?;
        let words = |key: &str, names: &Option<Names>| names.as_ref().map(|names| some(&names.0, key)).transpose();
        let selects = [
            currency,
            words("method", &self.method)?,
            words("wallet", &self.wallet)?,
            words("card_brand", &self.card_brand)?,
            words("card_funding", &self.card_funding)?,
            region,
        ];
        if self.decimals.is_some_and(|decimals| decimals > SCALE) {
            return Err(wrong("decimals", "an amount has no more than eight decimals"));
        }
        if self.round == Round::Batch && (payment.minimum.is_some() || payment.maximum.is_some()) {
            return Err(wrong("round", "a fee that is rounded by batch has no minimum or maximum a line"));
        }
        if self.tax_rounding.is_some() && self.tax.is_none() {
            return Err(wrong("tax_rounding", "tax_rounding says nothing without tax"));
        }
        if self.tiers_by.is_some() && tiers.is_empty() {
            return Err(wrong("tiers_by", "tiers_by says nothing without tiers"));
        }
        if !tiers.is_empty() && self.name.is_none() {
            return Err(wrong("name", "a rule with tiers has a name, under which its volume is counted"));
        }
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(wrong("name", "a name is not empty"));
        }
        let tax = self.tax.as_deref().map(|tax| percent(tax, "tax")).transpose()?;
        let selected = [&self.currency, &self.method, &self.wallet, &self.card_brand, &self.card_funding, &self.region];
        let selected = selected.into_iter().flatten().map(|names| names.0.join("/"));
        let usual_name = || [price(&payment)].into_iter().chain(selected).collect::<Vec<_>>().join(" ");
        Ok(FeeRule {
            provider: provider.to_owned(),
            account: account.to_owned(),
            name: self.name.unwrap_or_else(usual_name),
            from,
            until,
            selects,
            payment,
            tiers,
            tiers_by: self.tiers_by.unwrap_or_default(),
            on_refund: self.on_refund.map(OnRefundFile::says).transpose()?,
            on_chargeback: self.on_chargeback.map(|price| price.terms("on_chargeback")).transpose()?,
            tax: tax.map(|percent| Tax { percent, rounding: self.tax_rounding.unwrap_or_default() }),
            rounding: self.rounding,
            decimals: self.decimals,
            round: self.round,
        })
    }

    fn payment(&self) -> Result<Terms> {
        if self.percent.is_none() && self.fixed.is_none() {
            return Err(wrong("percent", "a fee has a price").next("give percent, fixed, or both"));
        }
        let limit = |key: &str, text: &Option<String>| text.as_deref().map(|text| amount(text, key)).transpose();
        let terms = Terms {
            percent: self.percent.as_deref().map_or(Ok(Amount::ZERO), |text| percent(text, "percent"))?,
            fixed: self.fixed.as_deref().map_or(Ok(Amount::ZERO), |text| amount(text, "fixed"))?,
            minimum: limit("minimum", &self.minimum)?,
            maximum: limit("maximum", &self.maximum)?,
        };
        match (terms.minimum, terms.maximum) {
            (Some(minimum), Some(maximum)) if minimum > maximum => {
                Err(wrong("maximum", "the maximum is not below the minimum").found(maximum))
            }
            _ => Ok(terms),
        }
    }

    fn tiers(&self, payment: &Terms) -> Result<Vec<Tier>> {
        let mut tiers: Vec<Tier> = Vec::new();
        for tier in &self.tiers {
            if tier.percent.is_none() && tier.fixed.is_none() {
                return Err(wrong("tiers", "a tier has a price of its own").next("give percent, fixed, or both"));
            }
            let volume = amount(&tier.volume, "tiers.volume")?;
            if volume <= tiers.last().map_or(Amount::ZERO, |last| last.volume) {
                return Err(wrong("tiers.volume", "tiers begin above zero, each above the one before").found(&tier.volume));
            }
            let terms = Terms {
                percent: tier.percent.as_deref().map_or(Ok(payment.percent), |text| percent(text, "tiers.percent"))?,
                fixed: tier.fixed.as_deref().map_or(Ok(payment.fixed), |text| amount(text, "tiers.fixed"))?,
                ..*payment
            };
            tiers.push(Tier { volume, payment: terms });
        }
        Ok(tiers)
    }
}

impl OnRefundFile {
    fn says(self) -> Result<OnRefund> {
        Ok(match self {
            Self::Word(KeptOrReturned::Kept) => OnRefund::Kept,
            Self::Word(KeptOrReturned::Returned) => OnRefund::Returned,
            Self::Costs(price) => OnRefund::Costs(price.terms("on_refund")?),
        })
    }
}

impl PriceFile {
    fn terms(&self, key: &str) -> Result<Terms> {
        if self.percent.is_none() && self.fixed.is_none() {
            return Err(wrong(key, "a price has percent, fixed, or both"));
        }
        Ok(Terms {
            percent: self.percent.as_deref().map_or(Ok(Amount::ZERO), |text| percent(text, &format!("{key}.percent")))?,
            fixed: self.fixed.as_deref().map_or(Ok(Amount::ZERO), |text| amount(text, &format!("{key}.fixed")))?,
            ..Terms::default()
        })
    }
}

/// Refuses rules that leave open which of them is meant, or which of them a name is of.
pub(super) fn check(rules: &[FeeRule]) -> Result<()> {
    let whose = |rule: &FeeRule| format!("{} {}", rule.provider, rule.account);
    if let Some((one, other)) = ambiguous(rules) {
        return Err(wrong("", &format!("two rules of {} may both fit a line, and neither is the narrower", whose(one)))
            .found(format!("`{}` ({}) and `{}` ({})", one.name, one.describe(), other.name, other.describe()))
            .next("let one select by all the other selects by and more, or let their dates or words exclude each other"));
    }
    let pairs = rules.iter().enumerate().flat_map(|(at, one)| rules[at + 1..].iter().map(move |other| (one, other)));
    let named_alike = |(one, other): &(&FeeRule, &FeeRule)| {
        [&one.provider, &one.account, &one.name] == [&other.provider, &other.account, &other.name] && one.meets(other)
    };
    match pairs.into_iter().find(named_alike) {
        None => Ok(()),
        Some((one, _)) => {
            Err(wrong("name", &format!("two rules of {} are called `{}` at one time", whose(one), one.name))
                .next("give each a name"))
        }
    }
}

fn wrong(key: &str, what: &str) -> Error {
    Error::configuration(what).column(if key.is_empty() { "fee".to_owned() } else { format!("fee.{key}") })
}

fn amount(text: &str, key: &str) -> Result<Amount> {
    super::values::amount(text, &format!("fee.{key}"))
}

fn percent(text: &str, key: &str) -> Result<Amount> {
    let percent = amount(text, key)?;
    if percent.abs() > Amount::whole(100) {
        return Err(wrong(key, "a percentage is not above 100").found(text));
    }
    Ok(percent)
}

fn date(text: Option<&str>, key: &str) -> Result<Option<NaiveDate>> {
    let Some(text) = text else { return Ok(None) };
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|date| date.to_string() == text);
    date.map(Some).ok_or_else(|| wrong(key, "not a date").expected("such as \"2026-01-31\"").found(text))
}

/// Words, of which there is at least one.
fn some(words: &[String], key: &str) -> Result<BTreeSet<String>> {
    if words.is_empty() || words.iter().any(|word| word.trim().is_empty()) {
        return Err(wrong(key, "a rule that selects names at least one word, and none that is empty"));
    }
    Ok(words.iter().cloned().collect())
}

fn currencies(names: &[String]) -> Result<BTreeSet<String>> {
    let is_currency = |name: &String| name.len() == 3 && name.bytes().all(|letter| letter.is_ascii_uppercase());
    match names.iter().find(|name| !is_currency(name)) {
        Some(name) => Err(wrong("currency", "not a currency").expected("three letters such as `EUR`").found(name)),
        None => some(names, "currency"),
    }
}

/// The countries of names: a group of the job, a shipped one, or a country itself.
fn countries(names: &[String], regions: &Regions) -> Result<BTreeSet<String>> {
    let mut countries = BTreeSet::new();
    for name in some(names, "region")? {
        if let Some(group) = regions.get(&name) {
            countries.extend(group.iter().cloned());
        } else if let Some((_, group)) = SHIPPED.iter().find(|(known, _)| *known == name) {
            countries.extend(group.split(' ').map(ToOwned::to_owned));
        } else if is_country(&name) {
            countries.insert(name);
        } else {
            let known = SHIPPED.iter().map(|(known, _)| *known).chain(regions.keys().map(String::as_str));
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(wrong("region", "not a region")
                .expected(format!("two letters such as `DE`, or one of {known}"))
                .found(name));
        }
    }
    Ok(countries)
}

/// Refuses groups that hold anything but countries.
pub(super) fn check_regions(regions: &Regions) -> Result<()> {
    for (name, group) in regions {
        let not = group.iter().find(|country| !is_country(country));
        if group.is_empty() || not.is_some() {
            return Err(Error::configuration("a region is a list of countries")
                .column(format!("region.{name}"))
                .expected("two letters each, such as [\"DE\", \"FR\"]")
                .found(not.map_or("none", String::as_str)));
        }
    }
    Ok(())
}

fn is_country(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|letter| letter.is_ascii_uppercase())
}
