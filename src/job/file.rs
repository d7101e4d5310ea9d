//! A job as a person writes it: every key of `jobs/*.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::due::Publishes;
use super::fees::{FeeFile, Regions};
use super::journal::JournalFile;
use super::lake::LakeFile;
use crate::format::LikeCards;
use crate::format::schema::Zone;
use crate::source::{DatabaseFile, PlaceFile};
use crate::stage::payouts::Unexplained;

/// A job: whose files close a merchant's nights, and where they come from. Paths are relative to the job file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Job of tieout")]
pub(super) struct JobFile {
    /// Its name, for people.
    pub(super) name: String,
    /// Where all is kept: a folder, the address of a bucket and what its keys begin with, as `s3://bucket/tieout`, or a
    /// table of both and more.
    pub(super) lake: LakeFile,
    /// Time zone of the business date, such as `Asia/Shanghai`.
    #[schemars(with = "Zone")]
    pub(super) timezone: String,
    /// What becomes of a line one of whose identifiers may be the number of a card.
    #[serde(default)]
    pub(super) identifiers_like_cards: LikeCards,
    /// A folder of formats that add to the shipped ones or override one.
    pub(super) formats: Option<String>,
    /// A folder of calendars that add to the shipped ones or override one.
    pub(super) calendars: Option<String>,
    /// Databases, each asked by all queries of a run in one transaction.
    #[serde(default)]
    pub(super) database: Vec<DatabaseFile>,
    /// Whose files are read.
    #[serde(default)]
    #[schemars(required, length(min = 1))]
    pub(super) provider: Vec<ProviderFile>,
    /// Whose statements are read.
    #[serde(default)]
    pub(super) bank: Vec<BankFile>,
    /// The merchant's own records.
    pub(super) merchant: MerchantFile,
    /// Differences that are no break, by currency.
    #[serde(default)]
    pub(super) tolerance: Vec<ToleranceFile>,
    /// How items meet that share no reference.
    #[serde(default)]
    pub(super) matching: MatchingFile,
    /// Groups of countries by name, for the fees: `home = ["CN", "HK"]`.
    #[serde(default)]
    pub(super) region: Regions,
    /// How a night is looked at.
    #[serde(default)]
    pub(super) analysis: AnalysisFile,
    /// How much a break matters.
    #[serde(default)]
    pub(super) severity: SeverityFile,
    /// The file of what people decided about breaks, replayed every night. One that is not there yet is an empty one.
    #[schemars(length(min = 1))]
    pub(super) resolutions: Option<String>,
    /// Where journals that are proposed would be booked.
    pub(super) journal: Option<JournalFile>,
}

/// A provider's files, of one account and one format.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Provider")]
pub(super) struct ProviderFile {
    /// The provider, as the merchant's attempts name it.
    pub(super) name: String,
    /// The merchant's account with it.
    pub(super) account: String,
    /// How its files are laid out: `<provider>/<report>`, as `tieout formats list` names it.
    pub(super) format: String,
    /// Where its files come from.
    pub(super) source: PlaceFile,
    /// How long both sides may take to state a payment, such as `1 business day` or `2 days`.
    #[schemars(regex(pattern = r"^[0-9]{1,3} (business )?days?$"))]
    pub(super) settles_in: String,
    /// Its business days: `CN`, `JP`, `TARGET`, `UK`, `US`, one of the job's own, or several as `US+TARGET`, worked where
    /// all are. Monday to Friday when not given.
    #[schemars(regex(pattern = r"^[^+]+(\+[^+]+)*$"))]
    pub(super) calendar: Option<String>,
    /// When the file of a date is there: `10:00` the day after, in the job's time zone, or such as `T+2 10:00 Asia/Shanghai`.
    #[schemars(regex(pattern = r"^(T\+[0-9]{1,3} )?[0-2]?[0-9]:[0-5][0-9]( [A-Za-z0-9_+/-]+)?$"))]
    pub(super) expected_by: Option<String>,
    /// How long after that it is not yet late, such as `30 minutes` or `2 hours`.
    #[schemars(regex(pattern = r"^[0-9]+ (minute|hour|day)s?$"))]
    pub(super) grace: Option<String>,
    /// On which days files are published: the days until one is expected are counted in these.
    #[serde(default)]
    pub(super) publishes: Publishes,
    /// The bank it pays into, by the name of a `[[bank]]`; any of them when not given.
    pub(super) paid_into: Option<String>,
    /// What it charges by contract. Without any, its fees are not checked.
    #[serde(default)]
    pub(super) fee: Vec<FeeFile>,
    /// Whether the night stops without its files.
    #[serde(default = "yes")]
    pub(super) required: bool,
}

/// The statements of an account with a bank.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Bank")]
pub(super) struct BankFile {
    /// The bank.
    pub(super) name: String,
    /// The merchant's account with it, as its statements write it; spaces and the case of letters do not tell.
    pub(super) account: String,
    /// How its files are laid out: `bank/camt053`, `bank/mt940`, `bank/bai2`, or one of the job's own.
    #[schemars(regex(pattern = r"^[^/]+(/[^/]+)+$"))]
    pub(super) format: String,
    /// Where its files come from.
    pub(super) source: PlaceFile,
    /// Which of its lines are asked about when no payout explains them: `all`, `credits`, or `none` of an account with
    /// other business.
    #[serde(default)]
    pub(super) unexplained: Unexplained,
    /// Whether the night stops without its files.
    #[serde(default = "yes")]
    pub(super) required: bool,
}

fn yes() -> bool {
    true
}

/// The merchant's own records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Merchant")]
pub(super) struct MerchantFile {
    /// Its orders.
    pub(super) orders: RecordsFile,
    /// Its attempts to be paid. Without them, each order is one attempt.
    pub(super) attempts: Option<RecordsFile>,
    /// The refunds it asked for.
    pub(super) refunds: Option<RecordsFile>,
}

/// The merchant's records of one table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Records")]
pub(super) struct RecordsFile {
    /// Where the files come from.
    pub(super) source: PlaceFile,
    /// How they are laid out; the default layout when not given.
    pub(super) format: Option<String>,
}

/// A difference that is no break: the larger of two limits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tolerance")]
pub(super) struct ToleranceFile {
    /// The currency it is for.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub(super) currency: String,
    /// An amount, as a decimal in quotes.
    #[serde(default = "zero")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) absolute: String,
    /// Percent of the amount, as a decimal in quotes.
    #[serde(default = "zero")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) percent: String,
    /// How much may be let go in a night, all differences within tolerance together, as a decimal in quotes. More is a
    /// break.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) cap: Option<String>,
}

fn zero() -> String {
    "0".to_owned()
}

/// How items meet that share no reference.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Matching")]
pub(super) struct MatchingFile {
    /// How far apart the two sides may date a payment or refund of one amount that no reference joins, such as `1 hour`,
    /// where each is the other's only candidate and no identifier says otherwise. `0 minutes`: not at all.
    #[serde(default = "one_hour")]
    #[schemars(regex(pattern = r"^[0-9]+ (minute|hour|day)s?$"))]
    pub(super) same_amount_within: String,
    /// How long after its payment a refund or chargeback may come, such as `90 days`: payments are looked for in the nights
    /// of so many days. A night takes the longer the further it looks back.
    #[serde(default = "sixty_days")]
    #[schemars(regex(pattern = r"^[0-9]{1,3} days?$"))]
    pub(super) given_back_within: String,
}

impl Default for MatchingFile {
    fn default() -> Self {
        Self { same_amount_within: one_hour(), given_back_within: sixty_days() }
    }
}

fn one_hour() -> String {
    "1 hour".to_owned()
}

fn sixty_days() -> String {
    "60 days".to_owned()
}

/// How a night is looked at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Analysis")]
pub(super) struct AnalysisFile {
    /// How old an order without success must be before it counts as abandoned, such as `30 minutes` or `2 hours`.
    #[serde(default = "two_hours")]
    #[schemars(regex(pattern = r"^[0-9]+ (minute|hour|day)s?$"))]
    pub(super) abandoned_after: String,
    /// How long after an attempt the customer's next one of the same is a retry of it, such as `30 minutes`.
    #[serde(default = "thirty_minutes")]
    #[schemars(regex(pattern = r"^[0-9]+ (minute|hour|day)s?$"))]
    pub(super) retry_within: String,
    /// From how many orders or attempts on a rate is called `enough`.
    #[serde(default = "thirty")]
    pub(super) minimum_count: u32,
    /// Pairs of dimensions that rates are cut by too: `[["provider", "wallet"]]`.
    #[serde(default)]
    pub(super) pairs: Vec<[String; 2]>,
    /// The least change of a rate that is reported, as a decimal in quotes: `0.01` is one point of a hundred.
    #[serde(default = "one_point")]
    #[schemars(regex(pattern = r"^0\.[0-9]{1,8}$"))]
    pub(super) minimum_change: String,
    /// How large a share of the reported changes may be chance, as a decimal in quotes.
    #[serde(default = "one_in_twenty")]
    #[schemars(regex(pattern = r"^0\.[0-9]{1,8}$"))]
    pub(super) false_discovery: String,
}

fn two_hours() -> String {
    "2 hours".to_owned()
}

fn thirty_minutes() -> String {
    "30 minutes".to_owned()
}

fn thirty() -> u32 {
    30
}

impl Default for AnalysisFile {
    fn default() -> Self {
        Self {
            abandoned_after: two_hours(),
            retry_within: thirty_minutes(),
            minimum_count: thirty(),
            pairs: Vec::new(),
            minimum_change: one_point(),
            false_discovery: one_in_twenty(),
        }
    }
}

fn one_point() -> String {
    "0.01".to_owned()
}

fn one_in_twenty() -> String {
    "0.05".to_owned()
}

/// How much a break matters: by what is at stake, in the major unit of its currency, and for how long it has been known.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Severity")]
pub(super) struct SeverityFile {
    /// From this amount on it is medium, as a decimal in quotes; less is low.
    #[serde(default = "hundred")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) medium: String,
    /// From this amount on it is high.
    #[serde(default = "thousand")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) high: String,
    /// From this amount on it is critical.
    #[serde(default = "ten_thousand")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) critical: String,
    /// One step up for a break known for longer, such as `7 days`.
    #[serde(default = "seven_days")]
    #[schemars(regex(pattern = r"^[0-9]{1,3} days?$"))]
    pub(super) older_than: String,
    /// Other limits in these currencies: `JPY = { medium = "15000", high = "150000", critical = "1500000" }`.
    #[serde(default)]
    pub(super) currency: BTreeMap<String, LimitsFile>,
}

/// Limits of severity in one currency.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Limits")]
pub(super) struct LimitsFile {
    /// From this amount on a break is medium, as a decimal in quotes.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) medium: String,
    /// From this amount on it is high.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) high: String,
    /// From this amount on it is critical.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))]
    pub(super) critical: String,
}

fn hundred() -> String {
    "100".to_owned()
}

fn thousand() -> String {
    "1000".to_owned()
}

fn ten_thousand() -> String {
    "10000".to_owned()
}

fn seven_days() -> String {
    "7 days".to_owned()
}

impl Default for SeverityFile {
    fn default() -> Self {
        Self {
            medium: hundred(),
            high: thousand(),
            critical: ten_thousand(),
            older_than: seven_days(),
            currency: BTreeMap::new(),
        }
    }
}
