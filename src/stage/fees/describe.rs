//! Rules and fees in words: for `explain`, for breaks, and for the provider who gets a claim.

use super::charge::Charge;
use super::rule::{FeeRule, OnRefund, Round, SELECTED_BY, VolumeOf};
use crate::money::{Amount, Exact, Rounding, SCALE, Terms};

/// A percentage and a fixed part: `2.90 % + 0.30`.
#[must_use]
pub fn price(terms: &Terms) -> String {
    match (terms.percent, terms.fixed) {
        (percent, Amount::ZERO) => format!("{percent} %"),
        (Amount::ZERO, fixed) => fixed.to_string(),
        (percent, fixed) => format!("{percent} % + {fixed}"),
    }
}

/// A whole rule, but for its name.
pub(super) fn describe(rule: &FeeRule) -> String {
    let mut said = vec![price(&rule.payment)];
    let limit = |word: &str, limit: Option<Amount>| limit.map(|limit| format!("at {word} {limit}"));
    said.extend(limit("least", rule.payment.minimum));
    said.extend(limit("most", rule.payment.maximum));
    let of = match rule.tiers_by {
        VolumeOf::ThisMonth => "this month",
        VolumeOf::LastMonth => "last month",
    };
    said.extend(rule.tiers.iter().map(|tier| format!("{} from a volume of {} {of} on", price(&tier.payment), tier.volume)));
    for (column, words) in SELECTED_BY.iter().zip(&rule.selects) {
        said.extend(words.as_ref().map(|words| {
            format!("{} {}", column.replace('_', " "), words.iter().map(String::as_str).collect::<Vec<_>>().join(" or "))
        }));
    }
    said.extend(rule.from.map(|from| format!("from {from}")));
    said.extend(rule.until.map(|until| format!("until {until}")));
    said.extend(rule.on_refund.map(|on_refund| match on_refund {
        OnRefund::Kept => "kept on refunds".to_owned(),
        OnRefund::Returned => "returned on refunds".to_owned(),
        OnRefund::Costs(terms) => format!("a refund {}", price(&terms)),
    }));
    said.extend(rule.on_chargeback.map(|terms| format!("a chargeback {}", price(&terms))));
    said.extend(rule.tax.map(|tax| format!("tax {} % on it", tax.percent)));
    let what = match rule.round {
        Round::Line => "",
        Round::Batch => " by batch",
    };
    said.push(format!("rounded {}{what}", rule.rounding.words()));
    said.join(", ")
}

/// How the fee of a line comes about: `2.90 % of 30.50 + 0.30 = 1.1845; rounded half up 1.18`.
pub(super) fn arithmetic(charge: &Charge, gross: Amount) -> String {
    let money = |amount: Amount| amount.in_currency(charge.currency);
    let (base, terms, rule) = (charge.base(gross), charge.price.terms(), charge.rule);
    let [fee, tax] = charge.of(gross);
    let percent = format!("{} % of {}", terms.percent, money(base));
    let formula = match (terms.percent, terms.fixed) {
        (_, Amount::ZERO) => percent,
        (Amount::ZERO, fixed) => money(fixed),
        (_, fixed) => format!("{percent} + {}", money(fixed)),
    };
    let exact = charge.price.exact(base, 1);
    // What has more decimals than an amount may have is told rounded, and said to be.
    let shown = exact.rounded(SCALE, Rounding::HalfEven);
    let equals = if exact == shown.into() { "=" } else { "≈" };
    let mut steps = vec![format!("{formula} {equals} {}", money(shown))];
    let least = terms.minimum.filter(|minimum| exact < (*minimum).into());
    let most = terms.maximum.filter(|maximum| exact > (*maximum).into());
    steps.extend(least.map(|minimum| format!("at least {}", money(minimum))));
    steps.extend(most.map(|maximum| format!("at most {}", money(maximum))));
    if most.or(least).map_or(exact, Exact::from) != fee.into() {
        steps.push(format!("rounded {} {}", rule.rounding.words(), money(fee)));
    }
    if let Some(of) = rule.tax {
        steps.push(format!("tax {} % of {} = {}", of.percent, money(fee), money(tax)));
        steps.push(format!("together {}", money(fee + tax)));
    }
    steps.join("; ")
}
