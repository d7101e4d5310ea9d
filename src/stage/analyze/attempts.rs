//! What attempts say of themselves, and what that means.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::dimension::{OF_ATTEMPT, Vocabularies};
use super::kinds::{Alike, Kinds, Split};
use super::words::{Reached, Status, listed, required};
use crate::error::Result;
use crate::stage::failures::FailureCategories;
use crate::stage::reconcile::Outcome;
use crate::table::read;

/// The columns of words attempts are grouped by.
pub(super) const GROUPED: [&str; 8] =
    [OF_ATTEMPT[0], OF_ATTEMPT[1], OF_ATTEMPT[2], OF_ATTEMPT[3], OF_ATTEMPT[4], "currency", "failure_code", "status"];
/// The column of words that decides, beside those, how an order ended.
pub(super) const REACHED: &str = "stage";
/// What attempts are told apart by: [`GROUPED`], [`REACHED`], and what the provider says of them.
const SAID: usize = GROUPED.len() + 2;

/// The attempts of a night.
pub(super) struct Attempts {
    /// Their kinds, and how many are of each.
    pub(super) kinds: Kinds<SAID>,
    /// What it means to be of a kind.
    pub(super) means: Vec<Meaning>,
    /// What attempts say in the dimensions of [`OF_ATTEMPT`]; the first says nothing.
    pub(super) dimensions: Vec<[u32; OF_ATTEMPT.len()]>,
    /// What attempts say in the columns they are grouped by; `status` is the code of a [`Status`].
    pub(super) groups: Vec<[u32; GROUPED.len()]>,
}

/// What it means for an attempt to be of its kind.
pub(super) struct Meaning {
    /// Which of the dimensions.
    pub(super) dimensions: u32,
    /// Which of the groups.
    pub(super) group: u32,
    pub(super) status: Status,
    pub(super) reached: Option<Reached>,
    /// Whether it failed for a technical cause.
    pub(super) technical: bool,
    /// Whether it was found at its provider.
    pub(super) settled: bool,
    /// Whether it waits to be.
    pub(super) waiting: bool,
}

impl Attempts {
    /// Reads what the attempts of `parts` say.
    pub(super) fn read(
        parts: &[RecordBatch],
        outcomes: &[Vec<Option<Outcome>>],
        vocabularies: &Vocabularies,
        failures: &FailureCategories,
    ) -> Result<Self> {
        let of = |name: &str| &vocabularies[name];
        let alike = parts.par_iter().zip(outcomes).map(|(part, outcomes)| alike(part, outcomes, vocabularies));
        let kinds = Kinds::of(alike.collect());
        let (dimensions, by_dimensions) = kinds.by_first();
        let (mut groups, by_group) = kinds.by_first::<{ GROUPED.len() }>();
        let means = kinds.say.iter().zip(by_dimensions.into_iter().zip(by_group)).map(|(say, (dimensions, group))| {
            let [provider, .., code, status, stage, fate] = *say;
            let status = required("status", of("status").word(status), Status::ALL, Status::word)?;
            groups[group as usize][GROUPED.len() - 1] = status.code();
            let failure = || failures.find(of("provider").word(provider), of("failure_code").word(code));
            Ok(Meaning {
                dimensions,
                group,
                status,
                reached: listed(REACHED, of(REACHED).word(stage), Reached::ALL, Reached::word)?,
                technical: status == Status::Failed && failure().category.is_technical(),
                settled: fate == SETTLED,
                waiting: fate == WAITING,
            })
        });
        let means = means.collect::<Result<_>>()?;
        Ok(Self { kinds, means, dimensions, groups })
    }

    /// What it means for an attempt to be as it is.
    pub(super) fn meaning(&self, attempt: u32) -> &Meaning {
        &self.means[self.kinds.of_row(attempt)]
    }
}

const NEITHER: u32 = 0;
const SETTLED: u32 = 1;
const WAITING: u32 = 2;
const FATES: usize = 3;

fn fate(outcome: Option<Outcome>) -> u32 {
    match outcome {
        Some(Outcome::Waiting(_)) => WAITING,
        Some(outcome) if outcome.is_settled() => SETTLED,
        _ => NEITHER,
    }
}

fn alike(part: &RecordBatch, outcomes: &[Option<Outcome>], vocabularies: &Vocabularies) -> Alike<SAID> {
    assert_eq!(outcomes.len(), part.num_rows(), "outcomes say something of every attempt");
    let columns = || GROUPED.into_iter().chain([REACHED]);
    let mut split = Split::new(part.num_rows());
    split.by(FATES, outcomes.iter().map(|&outcome| fate(outcome) as usize));
    for name in columns() {
        split.by_words(read::words(part, name));
    }
    let codes: Vec<_> = columns().map(|name| vocabularies[name].codes(read::words(part, name))).collect();
    split.alike(|row| std::array::from_fn(|column| codes.get(column).map_or(fate(outcomes[row]), |code| code(row))))
}
