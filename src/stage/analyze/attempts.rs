//! What attempts say of themselves, and what that means.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use rayon::prelude::*;

use super::dimension::{ACCOUNT, NOT_STATED, OF_ATTEMPT, Vocabularies, Vocabulary};
use super::kinds::{Alike, Kinds, Split};
use super::words::{Answer, Reached, Status, Truth, listed, required};
use super::{Inputs, Rules};
use crate::error::Result;
use crate::stage::failures::{Actor, Category, Failure};
use crate::stage::reconcile::{BreakType, Exclusion, Outcome};
use crate::table::read;

/// What attempts are grouped by, in words.
pub(super) const GROUPED: [&str; 9] = [
    OF_ATTEMPT[0],
    OF_ATTEMPT[1],
    OF_ATTEMPT[2],
    OF_ATTEMPT[3],
    OF_ATTEMPT[4],
    OF_ATTEMPT[5],
    "currency",
    "failure_code",
    "status",
];
/// The place of the currency among those.
pub(super) const CURRENCY: usize = 6;
/// The column of words that decides, beside those, how an order ended.
pub(super) const REACHED: &str = "stage";
/// What attempts are told apart by: [`GROUPED`], [`REACHED`], and what the provider says of them.
const SAID: usize = GROUPED.len() + 2;

/// The columns of words of the table `attempts` that are read.
pub(super) fn columns() -> impl Iterator<Item = &'static str> {
    GROUPED.into_iter().chain([REACHED]).filter(|&name| name != ACCOUNT)
}

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
    /// Whether anything was sent to the provider.
    pub(super) sent: bool,
    pub(super) answer: Answer,
    /// What the provider says of it.
    pub(super) truth: Truth,
}

impl Attempts {
    /// Reads what attempts say.
    pub(super) fn read(inputs: &Inputs, vocabularies: &Vocabularies, rules: &Rules) -> Result<Self> {
        let of = |name: &str| &vocabularies[name];
        let accounts = Accounts::of(inputs, vocabularies, rules);
        let parts = inputs.attempts.par_iter().zip(inputs.outcomes).enumerate();
        let kinds = Kinds::of(parts.map(|(part, (rows, found))| alike(part, rows, found, vocabularies, &accounts)).collect());
        let (dimensions, by_dimensions) = kinds.by_first();
        let (mut groups, by_group) = kinds.by_first::<{ GROUPED.len() }>();
        let means = kinds.say.iter().zip(by_dimensions.into_iter().zip(by_group)).map(|(say, (dimensions, group))| {
            let [provider, .., code, status, stage, truth] = *say;
            let status = required("status", of("status").word(status), Status::ALL, Status::word)?;
            groups[group as usize][GROUPED.len() - 1] = status.code();
            let reached = listed(REACHED, of(REACHED).word(stage), Reached::ALL, Reached::word)?;
            let failure = rules.failures.find(of("provider").word(provider), of("failure_code").word(code));
            Ok(Meaning {
                dimensions,
                group,
                status,
                reached,
                technical: status == Status::Failed && failure.category.is_technical(),
                sent: is_sent(status, reached),
                answer: answer(status, reached, failure),
                truth: Truth::ALL[truth as usize],
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

/// An answer proves that something was sent, whatever stage is recorded.
fn is_sent(status: Status, reached: Option<Reached>) -> bool {
    match (status, reached) {
        (Status::Succeeded | Status::Failed, _) => true,
        (_, Some(Reached::MethodSelected)) | (Status::Initiated, None) => false,
        _ => true,
    }
}

/// A failure is what its code says; one of an unknown code that came while the customer was asked who they are is of that.
fn answer(status: Status, reached: Option<Reached>, failure: &Failure) -> Answer {
    let while_asked = reached == Some(Reached::Authentication);
    match status {
        Status::Initiated | Status::Pending => Answer::Open,
        Status::Succeeded => Answer::Approved,
        Status::Expired | Status::Cancelled if !is_sent(status, reached) => Answer::NotSent,
        Status::Expired | Status::Cancelled if while_asked => Answer::NotAuthenticated,
        Status::Expired | Status::Cancelled => Answer::Left,
        Status::Failed => match failure.category {
            Category::AuthenticationFailed | Category::AuthenticationRequired => Answer::NotAuthenticated,
            Category::Unmapped if while_asked => Answer::NotAuthenticated,
            Category::SuspectedFraud if failure.actor != Actor::Issuer => Answer::Blocked,
            Category::CustomerCancelled | Category::CustomerTimeout | Category::OrderClosed | Category::Duplicate => Answer::Left,
            category if category.is_technical() => Answer::Technical,
            _ => Answer::Declined,
        },
    }
}

/// What a provider says of an attempt, where matching left it there.
fn truth(outcome: Option<Outcome>) -> Truth {
    match outcome {
        None
        | Some(Outcome::Excluded(
            Exclusion::Superseded | Exclusion::NotOfAnOrder | Exclusion::ProviderNotInJob | Exclusion::StatedBefore,
        )) => Truth::NotAsked,
        Some(Outcome::Waiting(_)) => Truth::Waiting,
        Some(outcome) if outcome.is_settled() => Truth::Found,
        Some(Outcome::Excluded(Exclusion::NotPaid) | Outcome::Break(BreakType::MissingInProvider)) => Truth::Missing,
        Some(Outcome::Match | Outcome::Break(_)) => Truth::Unsure,
    }
}

/// The merchant's account with the provider of an attempt: the only one the job names; or that of the entry it met.
struct Accounts<'a> {
    /// Per part, that of the entry each attempt met.
    met: Option<&'a [ArrayRef]>,
    /// By the code of a provider, the code of its only account.
    only: Vec<u32>,
}

impl<'a> Accounts<'a> {
    fn of(inputs: &Inputs<'a>, vocabularies: &Vocabularies, rules: &Rules) -> Self {
        let mut only = vec![NOT_STATED; vocabularies["provider"].size()];
        for (provider, account) in rules.accounts {
            only[vocabularies["provider"].code(provider) as usize] = vocabularies[ACCOUNT].code(account);
        }
        // A provider that no attempt names has the code of none.
        only[NOT_STATED as usize] = NOT_STATED;
        Self { met: inputs.accounts, only }
    }

    fn code(&self, provider: u32, met: u32) -> u32 {
        match self.only[provider as usize] {
            NOT_STATED => met,
            only => only,
        }
    }
}

/// The words of accounts: those the job names, and those of entries that were met.
pub(super) fn accounts(inputs: &Inputs, only: &BTreeMap<String, String>) -> Vocabulary {
    let met = inputs.accounts.into_iter().flatten().flat_map(|words| read::words_of(words).values.iter().flatten());
    Vocabulary::listed(only.values().map(String::as_str).chain(met))
}

fn alike(
    part: usize,
    rows: &RecordBatch,
    outcomes: &[Option<Outcome>],
    vocabularies: &Vocabularies,
    accounts: &Accounts,
) -> Alike<SAID> {
    assert_eq!(outcomes.len(), rows.num_rows(), "outcomes say something of every attempt");
    let mut split = Split::new(rows.num_rows());
    split.by(Truth::ALL.len(), outcomes.iter().map(|&outcome| truth(outcome) as usize));
    columns().for_each(|name| split.by_words(read::words(rows, name)));
    let met = accounts.met.map(|parts| read::words_of(&parts[part]));
    if let Some(words) = met {
        split.by_words(words);
    }
    let met = met.map(|words| vocabularies[ACCOUNT].codes(words));
    let stated = |name: &str| (name != ACCOUNT).then(|| vocabularies[name].codes(read::words(rows, name)));
    let codes: Vec<_> = GROUPED.into_iter().chain([REACHED]).map(stated).collect();
    split.alike(|row| {
        let code = |column: usize| codes[column].as_ref().map_or(NOT_STATED, |code| code(row));
        std::array::from_fn(|column| match column {
            1 => accounts.code(code(0), met.as_ref().map_or(NOT_STATED, |code| code(row))),
            column if column < codes.len() => code(column),
            _ => truth(outcomes[row]).code(),
        })
    })
}
