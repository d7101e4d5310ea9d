//! What is wrong with payouts and bank lines, as rows of the table `breaks`.

use arrow::array::RecordBatch;

use super::Rules;
use super::line::Line;
use super::meet::{Meeting, Met};
use super::payout::{Payout, State};
use super::subset::LIMIT;
use crate::money::Amount;
use crate::stage::reconcile::{BreakType, Itemless, itemless};
use crate::table::build::{self, day_number};

/// The breaks of the night, in no particular order.
pub(super) fn found(payouts: &[Payout], lines: &[Line], meeting: &Meeting, rules: &Rules) -> RecordBatch {
    let of_payouts = payouts.iter().enumerate().flat_map(|(number, payout)| {
        [residual(payout), not_in_bank(payout, meeting.of_payout(number), lines)].into_iter().flatten()
    });
    let of_lines = lines.iter().enumerate().filter_map(|(number, line)| unexplained(number, line, meeting, rules));
    itemless(&of_payouts.chain(of_lines).collect::<Vec<_>>(), rules.night)
}

/// A break about a payout: what should be, and what is.
fn of_payout(payout: &Payout, kind: BreakType, due: Amount, is: Option<Amount>, detail: Option<String>) -> Itemless<'_> {
    Itemless {
        kind,
        about: ["payout".to_owned(), payout.id()].into(),
        waiting: false,
        provider: Some(&payout.provider),
        account: Some(&payout.account),
        merchant_reference: None,
        reference: Some(&payout.reference),
        entry_id: None,
        currency: &payout.currency,
        merchant_amount: Some(due),
        provider_amount: is,
        difference: is.unwrap_or_default() - due,
        action: kind.suggested_action(),
        detail,
    }
}

/// What a payout pays beside its lines.
fn residual(payout: &Payout) -> Option<Itemless<'_>> {
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
    Some(of_payout(payout, BreakType::PayoutResidual, sums.expected(), payout.stated, Some(detail)))
}

/// A payout that the bank has not, or has otherwise.
fn not_in_bank<'a>(payout: &'a Payout, met: &Met, lines: &[Line]) -> Option<Itemless<'a>> {
    let found = |kind, is, detail: Option<String>| of_payout(payout, kind, payout.due(), is, detail);
    match (payout.state, met) {
        (State::Ambiguous, Met::Ambiguous(candidates)) => {
            let detail = format!("may be any of the bank lines {}", candidates.join(", "));
            Some(found(BreakType::Ambiguous, None, Some(detail)))
        }
        (State::NotInBank | State::Waiting, met) => {
            let (is, detail) = match (met, &payout.bank) {
                (Met::Differs(line), _) => {
                    let line = &lines[*line];
                    (Some(line.amount), Some(format!("bank line {} names it, and is another amount", line.id)))
                }
                (_, Some(bank)) => (Some(bank.amount), Some("another amount is due since it came to the bank".to_owned())),
                _ if payout.stated.is_none() => (None, Some(format!("no payout is stated of its {} lines", payout.sums.lines))),
                _ => (None, None),
            };
            Some(Itemless { waiting: payout.state == State::Waiting, ..found(BreakType::PayoutNotInBank, is, detail) })
        }
        _ => None,
    }
}

/// A bank line that is no payout.
fn unexplained<'a>(number: usize, line: &'a Line, meeting: &Meeting, rules: &Rules) -> Option<Itemless<'a>> {
    let found = |kind: BreakType, detail| Itemless {
        kind,
        about: ["payout", &line.id].map(ToOwned::to_owned).into(),
        waiting: false,
        provider: None,
        account: Some(&line.account),
        merchant_reference: None,
        reference: line.references.iter().flatten().next().map(String::as_str),
        entry_id: None,
        currency: &line.currency,
        merchant_amount: None,
        provider_amount: Some(line.amount),
        difference: line.amount,
        action: kind.suggested_action(),
        detail: Some(detail),
    };
    match meeting.of_line(number) {
        // What differs is told of the payout.
        Met::Group { .. } | Met::Differs(_) => None,
        Met::Ambiguous(candidates) => {
            let detail = format!("{}: may be any of the payouts {}", line.bank, candidates.join(", "));
            Some(found(BreakType::Ambiguous, detail))
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
            Some(Itemless { waiting, ..found(BreakType::BankUnexplained, detail) })
        }
    }
}
