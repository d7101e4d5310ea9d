//! What is wrong with payouts and bank lines, as rows of the table `breaks`.

use arrow::array::RecordBatch;

use super::Rules;
use super::line::Line;
use super::meet::{Meeting, Met};
use super::payout::{Payout, State};
use super::subset::LIMIT;
use crate::money::Amount;
use crate::stage::reconcile::BreakType;
use crate::table::build::{self, day_number};
use crate::table::identity::identity;
use crate::table::reconciliation::BREAKS;

/// One break.
struct Found<'a> {
    kind: BreakType,
    /// Whether it may still go away by itself in time.
    waiting: bool,
    /// What it is about: a payout or a bank line.
    id: String,
    provider: Option<&'a str>,
    account: &'a str,
    reference: Option<&'a str>,
    currency: &'a str,
    /// What should be.
    due: Option<Amount>,
    /// What is.
    is: Option<Amount>,
    detail: String,
}

/// The breaks of the night, in no particular order.
pub(super) fn found(payouts: &[Payout], lines: &[Line], meeting: &Meeting, rules: &Rules) -> RecordBatch {
    let of_payouts = payouts.iter().enumerate().flat_map(|(number, payout)| {
        [residual(payout), not_in_bank(payout, meeting.of_payout(number), lines)].into_iter().flatten()
    });
    let of_lines = lines.iter().enumerate().filter_map(|(number, line)| unexplained(number, line, meeting, rules));
    table(&of_payouts.chain(of_lines).collect::<Vec<_>>(), rules)
}

impl<'a> Found<'a> {
    fn of(payout: &'a Payout, kind: BreakType) -> Self {
        Self {
            kind,
            waiting: false,
            id: payout.id(),
            provider: Some(&payout.provider),
            account: &payout.account,
            reference: Some(&payout.reference),
            currency: &payout.currency,
            due: None,
            is: None,
            detail: String::new(),
        }
    }

    /// What is less what should be.
    fn difference(&self) -> Amount {
        self.is.unwrap_or_default() - self.due.unwrap_or_default()
    }
}

/// What a payout pays beside its lines.
fn residual(payout: &Payout) -> Option<Found<'_>> {
    let residual = payout.residual().filter(|residual| *residual != Amount::ZERO)?;
    let money = |amount: Amount| amount.in_currency(&payout.currency);
    let sums = &payout.sums;
    let detail = format!(
        "{} lines: payments {}, refunds {}, chargebacks {}, fees {}, other {}; {} is in none of them",
        sums.lines,
        money(sums.gross),
        money(sums.refunds),
        money(sums.chargebacks),
        money(-sums.fees),
        money(sums.other),
        money(residual)
    );
    Some(Found { due: Some(sums.expected()), is: payout.stated, detail, ..Found::of(payout, BreakType::PayoutResidual) })
}

/// A payout that the bank has not, or has otherwise.
fn not_in_bank<'a>(payout: &'a Payout, met: &Met, lines: &[Line]) -> Option<Found<'a>> {
    let due = Some(payout.due());
    match (payout.state, met) {
        (State::Ambiguous, Met::Ambiguous(candidates)) => {
            let detail = format!("may be any of the bank lines {}", candidates.join(", "));
            Some(Found { due, detail, ..Found::of(payout, BreakType::Ambiguous) })
        }
        (State::NotInBank | State::Waiting, met) => {
            let found = Found { due, ..Found::of(payout, BreakType::PayoutNotInBank) };
            Some(match met {
                Met::Differs(line) => {
                    let line = &lines[*line];
                    Found {
                        is: Some(line.amount),
                        detail: format!("bank line {} names it, and is another amount", line.id),
                        ..found
                    }
                }
                _ if payout.bank.is_some() => {
                    let is = payout.bank.as_ref().map(|bank| bank.amount);
                    Found { is, detail: "another amount is due since it came to the bank".to_owned(), ..found }
                }
                _ if payout.stated.is_none() => {
                    let detail = format!("no payout is stated of its {} lines", payout.sums.lines);
                    Found { waiting: payout.state == State::Waiting, detail, ..found }
                }
                _ => Found { waiting: payout.state == State::Waiting, ..found },
            })
        }
        _ => None,
    }
}

/// A bank line that is no payout.
fn unexplained<'a>(number: usize, line: &'a Line, meeting: &Meeting, rules: &Rules) -> Option<Found<'a>> {
    let found = |kind| Found {
        kind,
        waiting: false,
        id: line.id.clone(),
        provider: None,
        account: &line.account,
        reference: line.references.iter().flatten().next().map(String::as_str),
        currency: &line.currency,
        due: None,
        is: Some(line.amount),
        detail: String::new(),
    };
    match meeting.of_line(number) {
        // What differs is told of the payout.
        Met::Group { .. } | Met::Differs(_) => None,
        Met::Ambiguous(candidates) => {
            let detail = format!("{}: may be any of the payouts {}", line.bank, candidates.join(", "));
            Some(Found { detail, ..found(BreakType::Ambiguous) })
        }
        Met::Alone if !line.is_asked_about(rules) => None,
        Met::Alone => {
            let said = line.text.as_deref().map_or(String::new(), |text| format!(": {text}"));
            let untried = meeting
                .untried
                .get(&number)
                .map_or(String::new(), |payouts| format!("; sums of {payouts} open payouts were not tried, {LIMIT} at most are"));
            let detail = format!("{}, booked {}{said}{untried}", line.bank, build::date_of(line.booked_on));
            let waiting = day_number(rules.night) < line.expected_by;
            Some(Found { waiting, detail, ..found(BreakType::BankUnexplained) })
        }
    }
}

fn table(found: &[Found], rules: &Rules) -> RecordBatch {
    let nothing = || build::texts(found.iter().map(|_| None::<&str>));
    // Age and severity are told anew when the breaks of the night are put together.
    BREAKS.batch([
        ("break_id", build::texts(found.iter().map(|of| Some(identity(&["break", of.kind.as_str(), "payout", &of.id]))))),
        ("business_date", build::same_date(rules.night, found.len())),
        ("break_type", build::words(found.iter().map(|of| Some(of.kind.as_str())))),
        ("state", build::words(found.iter().map(|of| Some(if of.waiting { "waiting" } else { "open" })))),
        ("provider", build::words(found.iter().map(|of| of.provider))),
        ("account", build::words(found.iter().map(|of| Some(of.account)))),
        ("merchant_reference", nothing()),
        ("provider_reference", build::texts(found.iter().map(|of| of.reference))),
        ("order_id", nothing()),
        ("attempt_id", nothing()),
        ("refund_id", nothing()),
        ("entry_id", nothing()),
        ("currency", build::words(found.iter().map(|of| Some(of.currency)))),
        ("merchant_amount", build::amounts(found.iter().map(|of| of.due))),
        ("provider_amount", build::amounts(found.iter().map(|of| of.is))),
        ("difference", build::amounts(found.iter().map(|of| Some(of.difference())))),
        ("first_seen", build::same_date(rules.night, found.len())),
        ("cleared_on", build::dates(found.iter().map(|_| None))),
        ("age_days", build::counts(found.iter().map(|_| 0))),
        ("age_bucket", build::same_word(Some("0-1"), found.len())),
        ("severity", build::same_word(Some("low"), found.len())),
        ("suggested_action", build::words(found.iter().map(|of| Some(of.kind.suggested_action())))),
        ("resolution", build::same_word(None, found.len())),
        ("detail", build::texts(found.iter().map(|of| Some(of.detail.as_str()).filter(|detail| !detail.is_empty())))),
    ])
}
