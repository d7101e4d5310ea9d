//! What people decided about breaks, replayed every night: a break that says what it said when it was resolved is resolved;
//! one that says something else is not, and its detail tells why.
//!
//! The item beneath a resolved break that misses its counterpart stays among the open items: a counterpart that comes after
//! all meets it, and none is left over as a break of its own. So such a break is found again every night, and stays resolved
//! as long as it says the same; it counts as resolved in the rollforward of the first of these nights alone.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::roll::{Row, State};
use crate::money::Amount;
use crate::table::identity::Identity;
use crate::table::read;

/// A person's decision about a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Which break.
    pub break_id: Identity,
    /// What is done about it.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// The first night it holds for.
    pub on: NaiveDate,
    /// What the break said then.
    pub said: Said,
}

/// What a break says. Where it says something else, what was decided about it is void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What is wrong.
    pub break_type: String,
    /// Currency of the amounts.
    pub currency: String,
    /// Provider less merchant.
    pub difference: Amount,
    /// What the merchant recorded; anything where it is not given.
    pub merchant_amount: Option<Amount>,
    /// What the provider states; anything where it is not given.
    pub provider_amount: Option<Amount>,
}

/// What is done about a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The difference is right as it is.
    Accept,
    /// The difference is lost, or kept.
    WriteOff,
    /// The two sides are one payment all the same.
    ForceMatch,
    /// It is told elsewhere: another record or entry stands for it.
    Duplicate,
    /// It belongs to somebody else.
    NotOurs,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Accept, Self::WriteOff, Self::ForceMatch, Self::Duplicate, Self::NotOurs];

    /// The word for it, in the file and in column `resolution`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::WriteOff => "write_off",
            Self::ForceMatch => "force_match",
            Self::Duplicate => "duplicate",
            Self::NotOurs => "not_ours",
        }
    }
}

impl Resolution {
    /// Whether both may hold for one break at one time.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let may_be = |one: Option<Amount>, other: Option<Amount>| one.is_none() || other.is_none() || one == other;
        let (said, of_other) = (&self.said, &other.said);
        self.break_id == other.break_id
            && (&said.break_type, &said.currency, said.difference)
                == (&of_other.break_type, &of_other.currency, of_other.difference)
            && may_be(said.merchant_amount, of_other.merchant_amount)
            && may_be(said.provider_amount, of_other.provider_amount)
    }
}

/// As column `resolution` tells it: what, why and who.
impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.action.word(), self.reason, self.by)
    }
}

impl Said {
    /// In what a break that says `now` differs from it; nothing where it says the same.
    fn changed(&self, now: &Self) -> Vec<String> {
        let mut changed = Vec::new();
        let mut hold = |name: &str, was: String, is: String| {
            if was != is {
                changed.push(format!("{name} was {was}, is {is}"));
            }
        };
        hold("break_type", self.break_type.clone(), now.break_type.clone());
        hold("currency", self.currency.clone(), now.currency.clone());
        hold("difference", self.difference.to_string(), now.difference.to_string());
        let amounts = [
            ("merchant_amount", self.merchant_amount, now.merchant_amount),
            ("provider_amount", self.provider_amount, now.provider_amount),
        ];
        for (name, was, is) in amounts {
            if let Some(was) = was {
                hold(name, was.to_string(), is.map_or_else(|| "nothing".to_owned(), |is| is.to_string()));
            }
        }
        changed
    }
}

/// What breaks say, by row.
pub struct Says<'b> {
    words: [read::Words<'b>; 2],
    amounts: [&'b arrow::array::Decimal128Array; 3],
}

impl<'b> Says<'b> {
    /// Of rows of the table `breaks`.
    #[must_use]
    pub fn of(breaks: &'b RecordBatch) -> Self {
        Self {
            words: ["break_type", "currency"].map(|name| read::words(breaks, name)),
            amounts: ["difference", "merchant_amount", "provider_amount"].map(|name| read::amounts(breaks, name)),
        }
    }

    /// What the break of a row says.
    #[must_use]
    pub fn row(&self, row: usize) -> Said {
        let [break_type, currency] = self.words.map(|words| words.get(row).to_owned());
        let [difference, merchant_amount, provider_amount] = self.amounts.map(|amounts| read::amount(amounts, row));
        Said { break_type, currency, difference: difference.unwrap_or_default(), merchant_amount, provider_amount }
    }
}

/// What became of the resolution of a break.
pub(super) enum Verdict<'r> {
    /// It holds.
    Holds(&'r Resolution),
    /// The break says something else now; and what.
    Void(&'r Resolution, String),
}

/// Resolves the breaks among `rows` that still have to be dealt with, as `resolutions` say; `described` has the rows of the
/// table in their order. Gives what became of the resolutions, by row.
pub(super) fn resolve<'r>(
    resolutions: &'r [Resolution],
    rows: &mut [Row],
    described: &RecordBatch,
) -> BTreeMap<usize, Verdict<'r>> {
    let mut of_break: HashMap<Identity, Vec<&Resolution>> = HashMap::new();
    for resolution in resolutions {
        of_break.entry(resolution.break_id).or_default().push(resolution);
    }
    let mut verdicts = BTreeMap::new();
    if of_break.is_empty() {
        return verdicts;
    }
    let says = Says::of(described);
    for (at, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.state != State::Cleared) {
        let Some(known) = of_break.get(&row.id) else { continue };
        let now = says.row(at);
        let verdict = if let Some(holds) = known.iter().find(|resolution| resolution.said.changed(&now).is_empty()) {
            row.state = State::Resolved;
            Verdict::Holds(holds)
        } else {
            let last = known.iter().max_by_key(|resolution| resolution.on).expect("a break in the map has a resolution");
            Verdict::Void(last, last.said.changed(&now).join(", "))
        };
        verdicts.insert(at, verdict);
    }
    verdicts
}

/// How the end of a detail begins that tells of a void resolution.
const VOID: &str = "void: the resolution of ";

/// What `detail` says of the break itself, without the void resolution a night before told of.
pub(super) fn without_void(detail: &str) -> &str {
    detail.find(VOID).map_or(detail, |at| detail[..at].trim_end_matches("; "))
}

/// The detail of a break with what became of its resolution.
pub(super) fn detail(of_break: Option<&str>, verdict: Option<&Verdict>) -> Option<String> {
    let own = of_break.map(without_void).filter(|detail| !detail.is_empty()).map(str::to_owned);
    let Some(Verdict::Void(resolution, why)) = verdict else { return own };
    let void = format!("{VOID}{} by {}: {why}", resolution.on, resolution.by);
    Some(own.map_or_else(|| void.clone(), |own| format!("{own}; {void}")))
}
