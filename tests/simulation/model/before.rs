//! What an earlier night stated too, and what has ended since: it counts once.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::returns::told;
use super::{Break, Identifiers, Kind, State};
use crate::simulation::world::{Files, LOOKS_BACK, Line, PROVIDERS, Setting};

/// A line or a record as a night stated it.
#[derive(Clone)]
pub(in crate::simulation) struct Said {
    what: What,
    id: String,
    night: NaiveDate,
    /// When it happened.
    at: DateTime<Utc>,
    /// What it says of money, in words.
    says: String,
    /// Of a line: what settles, and in which currency.
    settles: (i64, &'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Line,
    Attempt,
    Refund,
}

/// A night without what was stated before.
pub(super) struct Tonight {
    pub(super) files: Files,
    pub(super) ids: Identifiers,
    pub(super) breaks: Vec<Break>,
    /// All that was stated up to this night.
    pub(super) said: Vec<Said>,
}

pub(super) fn tonight(setting: &Setting, date: NaiveDate, files: &Files, ids: &Identifiers, before: &State) -> Tonight {
    let mut said = before.said.clone();
    let mut breaks = Vec::new();
    let mut live = Files { lines: Default::default(), ..files.clone() };
    let mut live_ids = Identifiers { entries: vec![Vec::new(); PROVIDERS.len()], bank: ids.bank.clone() };
    for ((at, provider), ids) in PROVIDERS.iter().enumerate().zip(&ids.entries) {
        for (line, id) in files.lines[at].iter().zip(ids) {
            let now = of_line(line, id, date);
            match known(setting, &now, line.occurred_at, before) {
                None => {
                    said.push(now);
                    live.lines[at].push(line.clone());
                    live_ids.entries[at].push(id.clone());
                }
                Some(then) if then.says == now.says => {}
                Some(then) => breaks.push(restated(provider.name, line, then, &now)),
            }
        }
    }
    let mut stands = |what, id: &str, says: String, at| {
        let now = Said { what, id: id.to_owned(), night: date, at, says, settles: (0, "") };
        let again = known(setting, &now, at, before).is_some_and(|then| then.says == now.says);
        if !again {
            said.push(now);
        }
        !again
    };
    live.attempts.retain(|attempt| {
        let says = format!("{} {} {}", attempt.amount, attempt.currency, attempt.status);
        stands(What::Attempt, &attempt.id, says, attempt.started_at)
    });
    live.refunds.retain(|refund| {
        let says = format!("{} {} {}", refund.amount, refund.currency, refund.status);
        stands(What::Refund, &refund.id, says, refund.requested_at)
    });
    Tonight { files: live, ids: live_ids, breaks, said }
}

/// What was said last of something that is not open any more: by a night since it happened, and no more than so many ago.
fn known<'s>(setting: &Setting, now: &Said, at: DateTime<Utc>, before: &'s State) -> Option<&'s Said> {
    let day = setting.date_of(at);
    let is_open = before.items.iter().any(|item| {
        item.id == now.id
            && match now.what {
                What::Line => item.of_provider,
                What::Attempt => !item.of_provider && item.kind == Kind::Payment,
                What::Refund => !item.of_provider && item.kind == Kind::Refund,
            }
    });
    if is_open || day >= now.night {
        return None;
    }
    let since = day.max(now.night - Days::new(LOOKS_BACK));
    let mut known: Vec<&Said> = before
        .said
        .iter()
        .filter(|said| (said.what, &said.id, said.at) == (now.what, &now.id, now.at) && said.night >= since)
        .collect();
    known.sort_by_key(|said| said.night);
    known.pop()
}

fn of_line(line: &Line, id: &str, night: NaiveDate) -> Said {
    let says = format!("{} {} {} {:?}", line.gross, line.fee, line.currency, line.charged);
    let settles = (line.gross - line.fee, line.currency);
    Said { what: What::Line, id: id.to_owned(), night, at: line.occurred_at, says, settles }
}

fn restated(provider: &'static str, line: &Line, then: &Said, now: &Said) -> Break {
    let was = (then.settles.1 == now.settles.1).then_some(then.settles.0);
    Break {
        about: vec![(true, Kind::Other, now.id.clone())],
        merchant_reference: line.merchant_reference.clone(),
        provider_reference: line.provider_reference.clone(),
        entry: now.id.clone(),
        merchant_amount: was,
        provider_amount: Some(now.settles.0),
        difference: now.settles.0 - was.unwrap_or(0),
        ..told("restated", provider, line.currency, now.night)
    }
}
