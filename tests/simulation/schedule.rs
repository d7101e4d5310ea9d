//! In which order the nights of a world are closed: most in their order, some before an earlier one, some again because
//! a file was restated, some again for nothing.

use std::collections::BTreeMap;

use super::stories::Teller;
use super::world::{Files, Line, NIGHTS, PROVIDERS, Step};

/// The steps of a world, and what the files of the nights that are restated stated first.
pub(super) fn schedule(teller: &mut Teller) -> (Vec<Step>, BTreeMap<usize, Files>) {
    let mut steps = Vec::new();
    let mut before = BTreeMap::new();
    // A night that is closed before the one before it, a night that is restated some nights later, and one that is
    // closed twice: each in a part of the month of its own.
    let early = 3 + teller.chance.below(5);
    let restated = 11 + teller.chance.below(8);
    let until = restated + teller.chance.below(4);
    let twice = 24 + teller.chance.below(5);
    for night in 0..NIGHTS {
        if night == early {
            steps.push(Step::Close(night + 1));
        }
        steps.push(Step::Close(night));
        if night == twice || night == until {
            steps.push(Step::Unchanged(night));
        }
        if night == until {
            before.insert(restated, stated_first(teller, restated));
            steps.push(Step::Restate(restated));
            // That night again, and those after it in their order.
            steps.extend((restated..=until).map(Step::Close));
        }
    }
    (steps, before)
}

/// A first version of a night: lines that are not there in the end, others that are not there yet, and other amounts.
fn stated_first(teller: &mut Teller, night: usize) -> Files {
    let mut files = teller.nights[night].clone();
    let provider = teller.chance.below(PROVIDERS.len());
    let lines = &mut files.lines[provider];
    if !lines.is_empty() {
        lines.remove(teller.chance.below(lines.len()));
    }
    if let Some(line) = lines.iter_mut().find(|line| line.kind == "payment") {
        line.gross += 150;
    }
    lines.push(Line {
        story: teller.story("a line of a file that is restated without it"),
        kind: "payment",
        provider_reference: format!("gone-{night}"),
        merchant_reference: format!("gone-{night}"),
        gross: 990,
        currency: PROVIDERS[provider].currency,
        occurred_at: teller.setting.at(night, 40_000),
        ..Line::default()
    });
    files
}
