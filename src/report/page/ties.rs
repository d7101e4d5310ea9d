//! Whether the night ties: what providers state, where it ended, and how the breaks rolled forward.

use std::collections::BTreeMap;

use super::html::Html;
use super::listing::{Cell, Column, Listing};
use super::night::Night;
use super::section::folded;
use super::words::Words;
use crate::error::Result;
use crate::money::Amount;
use crate::report::evidence::booked::{Booked, Sums, booked};
use crate::report::evidence::totals::{self, Line, Total};

/// A provider and a currency.
pub(in crate::report) type Held = [String; 2];

/// What entries are told apart by: the last is every other kind.
const KINDS: [&str; 5] = ["payment", "refund", "chargeback", "payout", "other"];
/// Where an entry ends.
const OUTCOMES: [&str; 4] = ["match", "break", "waiting", "excluded"];

/// What one provider states in one currency.
#[derive(Clone, Debug, Default)]
struct Statement {
    kinds: [Sums; KINDS.len()],
    outcomes: BTreeMap<String, Sums>,
    all: Sums,
}

/// What the entries and the totals of a night say.
pub(super) struct TieOut {
    statements: BTreeMap<Held, Statement>,
    totals: Vec<Line>,
}

impl TieOut {
    pub(super) fn of(night: &Night) -> Result<Self> {
        let booked = booked(night.lake, night.date())?;
        Ok(Self { statements: statements(&booked), totals: totals::of(night.manifest, night.lake, &booked)? })
    }

    /// How many totals there are, and how many of them do not tie.
    pub(super) fn totals(&self) -> [i64; 2] {
        let wrong = self.totals.iter().filter(|line| !line.ties()).count();
        [self.totals.len(), wrong].map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn write(&self, night: &Night, words: &Words, html: &mut Html) {
        self.statements(words, html);
        html.element("h3", words.say("tie_out.roll"));
        html.element("p", words.say("tie_out.roll_is"));
        rollforward(night, words, html);
        self.control(words, html);
    }

    fn statements(&self, words: &Words, html: &mut Html) {
        let sum = |key: &str| Column::new(words.say(key)).number();
        let columns = vec![
            Column::new(words.say("column.provider")),
            sum("column.lines"),
            sum("column.payments"),
            sum("column.refunds"),
            sum("column.chargebacks").minor(),
            sum("column.other").minor(),
            sum("column.payouts").minor(),
            sum("column.fee"),
            sum("column.net"),
        ];
        let mut listing = Listing::new("statements", words.say("tie_out.statements"), columns).unfolding();
        for ([provider, currency], statement) in &self.statements {
            let [payments, refunds, chargebacks, payouts, other] = statement.kinds;
            let money = |amount| Cell::Money(amount, currency.clone());
            let cells = [
                Cell::word(words, "provider", provider),
                Cell::Count(statement.all.entries),
                money(payments.gross),
                money(refunds.gross),
                money(chargebacks.gross),
                money(other.gross),
                money(payouts.gross),
                money(statement.all.fee),
                money(statement.all.net),
            ];
            listing.row_over(&cells, &statement.inner(currency, words).numbered(listing.rows() + 1));
        }
        if listing.is_empty() {
            html.element("p", words.say("tie_out.no_entries"));
        } else {
            listing.write(html);
        }
    }

    /// What was read against what the tables hold, line for line.
    fn control(&self, words: &Words, html: &mut Html) {
        let [all, wrong] = self.totals();
        let all_text = super::figure::count(all);
        let said = match wrong {
            0 => words.fill("tie_out.all_tie", &[("count", &all_text)]),
            _ => words.fill("tie_out.not_all_tie", &[("count", &super::figure::count(wrong)), ("all", &all_text)]),
        };
        let columns = vec![
            Column::new(words.say("column.total")),
            Column::new(words.say("column.provider")).minor(),
            Column::new(words.say("column.stated_count")).number().minor(),
            Column::new(words.say("column.stated")).number(),
            Column::new(words.say("column.computed_count")).number().minor(),
            Column::new(words.say("column.computed")).number(),
            Column::new(words.say("column.ties")),
        ];
        let mut listing = Listing::new("control-totals", words.say("tie_out.control"), columns);
        for line in &self.totals {
            listing.row(&[
                Cell::Text(name(&line.total, words)),
                Cell::word(words, "provider", &line.provider),
                Cell::Count(line.came_in.count),
                Cell::money(line.came_in.amount, &line.currency),
                Cell::Count(line.went_out.count),
                Cell::money(line.went_out.amount, &line.currency),
                Cell::ties(words, line.ties()),
            ]);
        }
        html.element("h3", words.say("tie_out.control"));
        html.raw(if wrong == 0 { "<p>" } else { "<p class=\"bad\">" }).text(&said).raw("</p>");
        folded(html, words.say("tie_out.control_each"), |html| listing.write(html));
    }
}

impl Statement {
    /// Kinds, then where the entries ended.
    fn inner(&self, currency: &str, words: &Words) -> Listing {
        let columns = vec![
            Column::new(words.say("column.which")),
            Column::new(words.say("column.lines")).number(),
            Column::new(words.say("column.gross")).number(),
        ];
        let mut listing = Listing::new("statement", words.say("tie_out.statement"), columns);
        let of_kinds = KINDS.iter().zip(self.kinds).map(|(kind, sum)| ("kind", *kind, sum));
        let of_outcomes = self.outcomes.iter().map(|(outcome, sum)| ("outcome", outcome.as_str(), *sum));
        for (list, word, sum) in of_kinds.chain(of_outcomes).filter(|(_, _, sum)| sum.entries > 0) {
            listing.row(&[Cell::word(words, list, word), Cell::Count(sum.entries), Cell::Money(sum.gross, currency.to_owned())]);
        }
        listing
    }
}

fn statements(booked: &Booked) -> BTreeMap<Held, Statement> {
    let mut statements: BTreeMap<Held, Statement> = BTreeMap::new();
    for ([provider, currency, kind, outcome], sums) in booked {
        let statement = statements.entry([provider.clone(), currency.clone()]).or_default();
        let of_kind = match kind.as_str() {
            // What was taken back, and what of it came back.
            "refund_reversal" => "refund",
            "chargeback_reversal" => "chargeback",
            "payout_reversal" => "payout",
            kind => kind,
        };
        let at = KINDS.iter().position(|known| *known == of_kind).unwrap_or(KINDS.len() - 1);
        statement.kinds[at].add(sums);
        assert!(OUTCOMES.contains(&outcome.as_str()), "an entry ends where entries end");
        statement.outcomes.entry(outcome.clone()).or_default().add(sums);
        statement.all.add(sums);
    }
    statements
}

/// The columns of a roll-forward, in count and in amount.
pub(in crate::report) const ROLLED: [(&str, &str); 5] = [
    ("opening", "opening_amount"),
    ("new", "new_amount"),
    ("cleared", "cleared_amount"),
    ("resolved", "resolved_amount"),
    ("closing", "closing_amount"),
];

/// Counts and amounts under [`ROLLED`].
#[derive(Clone, Copy, Default)]
pub(in crate::report) struct Rolled {
    pub(in crate::report) counts: [i64; ROLLED.len()],
    pub(in crate::report) amounts: [Amount; ROLLED.len()],
}

impl Rolled {
    fn add(&mut self, other: Self) {
        for at in 0..ROLLED.len() {
            self.counts[at] += other.counts[at];
            self.amounts[at] += other.amounts[at];
        }
    }

    /// Whether it rolls forward.
    pub(in crate::report) fn ties(&self) -> bool {
        let [opening, new, cleared, resolved, closing] = self.counts;
        let amounts = self.amounts;
        opening + new - cleared - resolved == closing && amounts[0] + amounts[1] - amounts[2] - amounts[3] == amounts[4]
    }

    fn cells(&self, head: Cell, currency: &str, words: &Words) -> Vec<Cell> {
        let figures = self.counts.iter().zip(self.amounts);
        let figures = figures.flat_map(|(count, amount)| [Cell::Count(*count), Cell::Money(amount, currency.to_owned())]);
        [head].into_iter().chain(figures).chain([Cell::ties(words, self.ties())]).collect()
    }
}

fn columns_of_roll(head: &str, words: &Words) -> Vec<Column> {
    let figures = ROLLED.iter().flat_map(|(count, amount)| {
        // A narrow screen shows what was and what is.
        let is_minor = !["opening", "closing"].contains(count);
        let columns = [*count, *amount].map(|name| Column::new(words.say(&format!("column.{name}"))).number());
        columns.map(|column| if is_minor { column.minor() } else { column })
    });
    [Column::new(head)].into_iter().chain(figures).chain([Column::new(words.say("column.ties"))]).collect()
}

/// How the breaks of each provider and currency rolled forward, and those of each type.
pub(in crate::report) fn rolled(night: &Night) -> BTreeMap<Held, (Rolled, Vec<(String, Rolled)>)> {
    let mut held: BTreeMap<Held, (Rolled, Vec<(String, Rolled)>)> = BTreeMap::new();
    let Some(rows) = night.rows("rollforward") else { return held };
    for row in 0..rows.len() {
        let rolled = Rolled {
            counts: ROLLED.map(|(count, _)| rows.count(count, row)),
            amounts: ROLLED.map(|(_, amount)| rows.sum(amount, row)),
        };
        let key = [rows.text("provider", row), rows.text("currency", row)].map(str::to_owned);
        let (sum, kinds) = held.entry(key).or_default();
        sum.add(rolled);
        kinds.push((rows.text("break_type", row).to_owned(), rolled));
    }
    held
}

fn rollforward(night: &Night, words: &Words, html: &mut Html) {
    let held = rolled(night);
    if held.is_empty() {
        html.element("p", words.say("tie_out.no_breaks"));
        return;
    }
    let columns = columns_of_roll(words.say("column.provider"), words);
    let mut listing = Listing::new("rollforward", words.say("tie_out.roll_caption"), columns).unfolding();
    for ([provider, currency], (sum, kinds)) in &held {
        let columns = columns_of_roll(words.say("column.break_type"), words);
        let mut inner = Listing::new("rolled", words.say("tie_out.roll_types"), columns).numbered(listing.rows() + 1);
        for (kind, rolled) in kinds {
            inner.row(&rolled.cells(Cell::word(words, "break_type", kind), currency, words));
        }
        let whose = if provider.is_empty() { "bank" } else { provider };
        listing.row_over(&sum.cells(Cell::word(words, "provider", whose), currency, words), &inner);
    }
    listing.write(html);
}

/// What is totalled, in words.
pub(in crate::report) fn name(total: &Total, words: &Words) -> String {
    match total {
        Total::Lines => words.say("total.lines").to_owned(),
        Total::Records(table) => words.fill("total.records", &[("table", &words.word("records", table))]),
        Total::Rejects => words.say("total.rejects").to_owned(),
        Total::Entries(column) => words.word("total", column).into_owned(),
        Total::Outcomes => words.say("total.outcomes").to_owned(),
        Total::Unread => words.say("total.unread").to_owned(),
        Total::Breaks(kind) => words.fill("total.breaks", &[("type", &words.word("break_type", kind))]),
    }
}
