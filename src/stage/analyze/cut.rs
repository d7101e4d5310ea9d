//! The cuts: what rates are looked at by, one dimension or a pair of them.

use super::band::{self, BANDS};
use super::clock::{HOURS, Moment, WEEKDAYS};
use super::dimension::{NOT_STATED, OF_ATTEMPT, OF_ORDER, Vocabularies};

/// The cut that takes all together.
pub(super) const ALL: &str = "all";

/// Every dimension, in the order of a payment: who is asked, how, for what, by whom, when.
pub const DIMENSIONS: [&str; 13] = [
    "provider",
    "account",
    "method",
    "wallet",
    "card_brand",
    "card_funding",
    "currency",
    "country",
    "channel",
    "customer_segment",
    "hour",
    "weekday",
    "amount_band",
];

/// The dimension called `name`, as it is written here.
#[must_use]
pub fn dimension(name: &str) -> Option<&'static str> {
    DIMENSIONS.into_iter().find(|known| *known == name)
}

/// What is between the two dimensions of a pair, and between their values.
const AND: &str = " x ";

/// A way to look at orders or attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// As column `cut` writes it: `all`, a dimension, or two as `provider x wallet`.
    pub(super) name: String,
    sides: [Side; 2],
}

/// What one side of a cut tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Nothing.
    Nothing,
    /// A column of [`OF_ATTEMPT`].
    OfAttempt(usize),
    /// A column of [`OF_ORDER`].
    OfOrder(usize),
    /// The currency of the row itself.
    Currency,
    Hour,
    Weekday,
    AmountBand,
    /// All that attempts say of themselves, by number.
    WholeAttempt,
}

/// What a row says, as far as a cut may ask.
#[derive(Clone, Copy)]
pub(super) struct Says<'a> {
    /// The number of what its attempt says, or its first.
    pub(super) attempt: u32,
    pub(super) of_attempt: &'a [u32; OF_ATTEMPT.len()],
    pub(super) of_order: &'a [u32; OF_ORDER.len()],
    /// The code of its currency.
    pub(super) currency: u32,
    /// When it began.
    pub(super) moment: Moment,
    /// The number of the band its amount is in.
    pub(super) band: u32,
}

/// All cuts of a night: all, each dimension, then the pairs.
pub(super) fn cuts(pairs: &[[&'static str; 2]]) -> Vec<Cut> {
    let all = Cut { name: ALL.to_owned(), sides: [Side::Nothing; 2] };
    let alone = DIMENSIONS.map(|name| Cut { name: name.to_owned(), sides: [side(name), Side::Nothing] });
    let pairs = pairs.iter().map(|pair| Cut { name: pair.join(AND), sides: pair.map(side) });
    std::iter::once(all).chain(alone).chain(pairs).collect()
}

fn side(name: &str) -> Side {
    let at = |names: &[&str]| names.iter().position(|known| *known == name);
    match (name, at(&OF_ATTEMPT), at(&OF_ORDER)) {
        ("currency", ..) => Side::Currency,
        ("hour", ..) => Side::Hour,
        ("weekday", ..) => Side::Weekday,
        ("amount_band", ..) => Side::AmountBand,
        (_, Some(column), _) => Side::OfAttempt(column),
        (_, _, Some(column)) => Side::OfOrder(column),
        _ => unreachable!("a cut is by dimensions"),
    }
}

impl Cut {
    /// By all that attempts say of themselves, and their currency.
    pub(super) fn by_attempt() -> Self {
        Self { name: "attempt".to_owned(), sides: [Side::WholeAttempt, Side::Currency] }
    }

    /// Whether it asks for the amount of a row.
    pub(super) fn asks_amount(&self) -> bool {
        self.sides.contains(&Side::AmountBand)
    }

    /// Whether it asks when a row began.
    pub(super) fn asks_moment(&self) -> bool {
        self.sides.iter().any(|side| matches!(side, Side::Hour | Side::Weekday))
    }

    /// The codes of the value of a row.
    #[inline]
    pub(super) fn codes(&self, says: &Says) -> [u32; 2] {
        self.sides.map(|side| match side {
            Side::Nothing => NOT_STATED,
            Side::OfAttempt(column) => says.of_attempt[column],
            Side::OfOrder(column) => says.of_order[column],
            Side::Currency => says.currency,
            Side::Hour => says.moment.hour,
            Side::Weekday => says.moment.weekday,
            Side::AmountBand => says.currency * BANDS + says.band,
            Side::WholeAttempt => says.attempt,
        })
    }

    /// The value of these codes, as column `value` writes it.
    pub(super) fn value(&self, codes: [u32; 2], vocabularies: &Vocabularies) -> String {
        let word = |side, code: u32| match side {
            Side::Nothing => ALL.to_owned(),
            Side::OfAttempt(column) => vocabularies[OF_ATTEMPT[column]].word(code).to_owned(),
            Side::OfOrder(column) => vocabularies[OF_ORDER[column]].word(code).to_owned(),
            Side::Currency => vocabularies["currency"].word(code).to_owned(),
            Side::Hour => format!("{code:02}"),
            Side::Weekday => WEEKDAYS[code as usize].to_owned(),
            Side::AmountBand => format!("{} {}", vocabularies["currency"].word(code / BANDS), band::name(code % BANDS)),
            Side::WholeAttempt => unreachable!("it has no word"),
        };
        let [one, other] = self.sides;
        match other {
            Side::Nothing => word(one, codes[0]),
            other => [word(one, codes[0]), word(other, codes[1])].join(AND),
        }
    }

    /// The codes in the whole of those of a share: `word` gives the code of a column's word there, `attempt` the number of
    /// what attempts say.
    pub(super) fn recoded(&self, codes: [u32; 2], word: impl Fn(&str, u32) -> u32, attempt: impl Fn(u32) -> u32) -> [u32; 2] {
        let recoded = |side, code| match side {
            Side::Nothing | Side::Hour | Side::Weekday => code,
            Side::OfAttempt(column) => word(OF_ATTEMPT[column], code),
            Side::OfOrder(column) => word(OF_ORDER[column], code),
            Side::Currency => word("currency", code),
            Side::AmountBand => word("currency", code / BANDS) * BANDS + code % BANDS,
            Side::WholeAttempt => attempt(code),
        };
        [recoded(self.sides[0], codes[0]), recoded(self.sides[1], codes[1])]
    }

    /// How many codes each of its sides has, at most. There are so many `attempts` to say things.
    pub(super) fn sizes(&self, vocabularies: &Vocabularies, attempts: usize) -> [usize; 2] {
        let words = |name: &str| vocabularies[name].size();
        self.sides.map(|side| match side {
            Side::Nothing => 1,
            Side::OfAttempt(column) => words(OF_ATTEMPT[column]),
            Side::OfOrder(column) => words(OF_ORDER[column]),
            Side::Currency => words("currency"),
            Side::Hour => HOURS as usize,
            Side::Weekday => WEEKDAYS.len(),
            Side::AmountBand => words("currency") * BANDS as usize,
            Side::WholeAttempt => attempts,
        })
    }
}
