//! How the cases are written.
//!
//! An item is one line: side (P or M), identifier, amount, then words that differ from the usual. Usual is a payment
//! through `wechat` in CNY, succeeded, read on the 17th and expected by the 18th; the night is the 17th. What a night
//! says is one line an item, one a match and one a break, sorted.

use std::collections::BTreeMap;
use std::fmt::Write;

use arrow::array::{Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use chrono::{NaiveDate, TimeDelta};
use tieout::money::Amount;
use tieout::stage::reconcile::{Outcome, Reconciled, Resolution, Rules, Severity, Sides, Tolerance, reconcile};
use tieout::table::build::{self, day_number};
use tieout::table::part::ids;
use tieout::table::read;
use tieout::table::reconciliation::{BREAKS, OPEN_ITEMS};

/// Closes nights one after the other, carrying what a night leaves to the next.
#[derive(Clone)]
pub(crate) struct Nights {
    pub(crate) open_items: RecordBatch,
    pub(crate) breaks: RecordBatch,
    /// How many microseconds apart items of one amount may meet.
    pub(crate) within: i64,
    /// What was decided about breaks.
    pub(crate) resolutions: Vec<Resolution>,
}

impl Default for Nights {
    fn default() -> Self {
        Self { open_items: OPEN_ITEMS.empty(), breaks: BREAKS.empty(), within: 0, resolutions: Vec::new() }
    }
}

/// What one night said.
pub(crate) struct Said {
    pub(crate) tables: Reconciled,
    /// The table of that name, laid out.
    pub(crate) matches: RecordBatch,
    /// The table of that name, laid out.
    pub(crate) open_items: RecordBatch,
    pub(crate) provider: Vec<(String, Outcome)>,
    pub(crate) merchant: Vec<(String, Outcome)>,
    first_seen_today: i32,
}

impl Nights {
    pub(crate) fn close(&mut self, night: u32, given: &str) -> Said {
        let all = concat_batches(&OPEN_ITEMS.schema(), [&items(given), &self.open_items]).expect("one schema");
        self.close_parts(night, &[side_of(&all, "provider")], &[side_of(&all, "merchant")])
    }

    /// Closes a night of sides in parts, which hold what was carried in.
    pub(crate) fn close_parts(&mut self, night: u32, provider: &[RecordBatch], merchant: &[RecordBatch]) -> Said {
        let sides = Sides { provider, merchant };
        let decided = self.resolutions.iter().filter(|resolution| resolution.on <= day(night)).cloned().collect();
        let within = TimeDelta::microseconds(self.within);
        let rules = Rules { same_amount_within: within, resolutions: decided, ..rules(night) };
        let tables = reconcile(sides, &self.breaks, &rules).unwrap_or_else(|error| panic!("{error}"));
        self.open_items = tables.open_items.batch();
        self.breaks = tables.breaks.clone();
        Said {
            provider: named(provider, &tables.provider_outcomes),
            merchant: named(merchant, &tables.merchant_outcomes),
            matches: tables.matches.batch(),
            open_items: tables.open_items.batch(),
            tables,
            first_seen_today: day_number(day(night)),
        }
    }
}

impl Said {
    pub(crate) fn batches(&self) -> [&RecordBatch; 4] {
        [&self.matches, &self.tables.breaks, &self.open_items, &self.tables.rollforward]
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (side, outcomes) in [("P", &self.provider), ("M", &self.merchant)] {
            for (id, outcome) in outcomes {
                let reason = outcome.reason().map(|reason| format!(" {reason}")).unwrap_or_default();
                lines.push(format!("{side} {id} {}{reason}", outcome.as_str()));
            }
        }
        let matches = &self.matches;
        for row in 0..matches.num_rows() {
            let word = |name| read::words(matches, name).get(row);
            let record = text(matches, "attempt_id", row).or(text(matches, "refund_id", row)).expect("a match has a record");
            let cardinality = Some(word("cardinality")).filter(|of| *of != "1:1").map(|of| format!(" {of}"));
            let amount = |name| Amount(read::amounts(matches, name).value(row));
            let entry = text(matches, "entry_id", row).unwrap_or("-");
            lines.push(format!(
                "match {} {} {entry} {record} {} {}{}",
                word("kind"),
                word("pass"),
                amount("merchant_amount"),
                amount("provider_amount"),
                cardinality.unwrap_or_default()
            ));
        }
        lines.extend((0..self.tables.breaks.num_rows()).map(|row| self.break_line(row)));
        lines.sort();
        lines
    }

    fn break_line(&self, row: usize) -> String {
        let breaks = &self.tables.breaks;
        let word = |name| read::words(breaks, name).get(row);
        let ids: Vec<&str> = ["entry_id", "attempt_id", "refund_id"].iter().filter_map(|id| text(breaks, id, row)).collect();
        let mut line = format!(
            "{} {} {} {} difference {} {} {}",
            word("break_type"),
            word("state"),
            word("provider"),
            ids.join(" "),
            Amount(read::amounts(breaks, "difference").value(row)),
            word("currency"),
            word("severity")
        );
        let age = read::counts(breaks, "age_days").value(row);
        assert_eq!(age, i64::from(self.first_seen_today - read::dates(breaks, "first_seen").value(row)));
        if age > 0 {
            write!(line, ", {age} days").expect("text");
        }
        let cleared_on = read::dates(breaks, "cleared_on");
        if cleared_on.is_valid(row) {
            write!(line, ", on {}", build::date_of(cleared_on.value(row))).expect("text");
        }
        if let Some(detail) = text(breaks, "detail", row) {
            write!(line, ": {detail}").expect("text");
        }
        line
    }
}

pub(crate) fn rules(night: u32) -> Rules {
    let amount = |text: &str| Amount::parse(text.as_bytes(), 8).expect("an amount");
    Rules {
        night: day(night),
        tolerances: vec![Tolerance { currency: "USD".into(), absolute: amount("0.01"), percent: amount("0.1"), cap: None }],
        same_amount_within: TimeDelta::zero(),
        severity: Severity::default(),
        resolutions: Vec::new(),
    }
}

pub(super) fn day(of_month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, of_month).expect("a day of November")
}

/// Reads the notation: items separated by `;` or line ends.
pub(crate) fn items(given: &str) -> RecordBatch {
    let items: Vec<Item> = given.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()).map(Item::parse).collect();
    let texts = |name| build::texts(items.iter().map(|item| item.word(name)));
    let words = |name, usual| build::words(items.iter().map(|item| item.word_or(name, usual)));
    let amounts = |name| build::amounts(items.iter().map(|item| Some(item.amount(name))));
    let dates = |name, usual| build::dates(items.iter().map(|item| Some(day_number(day(item.number(name, usual))))));
    OPEN_ITEMS.batch([
        ("side", build::words(items.iter().map(|item| Some(item.side)))),
        ("id", build::texts(items.iter().map(|item| Some(item.id)))),
        ("business_date", dates("seen", 17)),
        ("kind", build::words(items.iter().map(|item| Some(item.kind)))),
        ("provider", words("provider", "wechat")),
        ("account", words("account", "main")),
        ("order_id", texts("order")),
        ("merchant_reference", texts("ref")),
        ("provider_reference", texts("pref")),
        ("merchant_refund_reference", texts("rref")),
        ("currency", words("cur", "CNY")),
        ("amount", build::amounts(items.iter().map(|item| Some(item.amount)))),
        ("status", words("status", "succeeded")),
        ("occurred_at", build::instants(items.iter().map(|item| Some(i64::from(item.number("at", 0)))))),
        ("settled_currency", build::words(items.iter().map(|item| item.word("settled").or(item.word_or("cur", "CNY"))))),
        ("gross", build::amounts(items.iter().map(|item| Some(item.amount)))),
        ("fee", amounts("fee")),
        ("fee_rule", build::words(items.iter().map(|item| item.word("contracted").map(|_| "a rule")))),
        ("fee_contracted", build::amounts(items.iter().map(|item| item.word("contracted").map(|_| item.amount("contracted"))))),
        ("first_seen", dates("seen", 17)),
        ("expected_by", dates("due", 18)),
    ])
}

struct Item<'t> {
    side: &'t str,
    id: &'t str,
    amount: Amount,
    kind: &'t str,
    words: BTreeMap<&'t str, &'t str>,
}

impl<'t> Item<'t> {
    fn parse(line: &'t str) -> Self {
        let mut words = line.split_whitespace();
        let side = match words.next() {
            Some("P") => "provider",
            Some("M") => "merchant",
            other => panic!("no side: {other:?}"),
        };
        let id = words.next().expect("an identifier");
        let amount = Amount::parse(words.next().expect("an amount").as_bytes(), 8).expect("an amount");
        let mut item = Self { side, id, amount, kind: "payment", words: BTreeMap::new() };
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => drop(item.words.insert(name, value)),
                None => item.kind = word,
            }
        }
        item
    }

    fn word(&self, name: &str) -> Option<&'t str> {
        self.words.get(name).copied().filter(|&value| value != "-")
    }

    fn word_or(&self, name: &str, usual: &'t str) -> Option<&'t str> {
        self.words.get(name).copied().or(Some(usual)).filter(|&value| value != "-")
    }

    fn number(&self, name: &str, usual: u32) -> u32 {
        self.word(name).map_or(usual, |value| value.parse().expect("a number"))
    }

    /// Nothing where none is stated.
    fn amount(&self, name: &str) -> Amount {
        self.word(name).map_or(Amount::ZERO, |value| Amount::parse(value.as_bytes(), 8).expect("an amount"))
    }
}

pub(crate) fn side_of(items: &RecordBatch, side: &str) -> RecordBatch {
    let words = read::words(items, "side");
    let rows: UInt32Array = (0_u32..).take(items.num_rows()).filter(|&row| words.get(row as usize) == side).collect();
    take_record_batch(items, &rows).expect("rows of the batch")
}

fn text<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Option<&'b str> {
    let column = read::text(batch, name);
    column.is_valid(row).then(|| column.value(row))
}

/// Outcomes with the identifiers of their rows.
fn named(parts: &[RecordBatch], outcomes: &[Vec<Outcome>]) -> Vec<(String, Outcome)> {
    let part = |(part, outcomes): (&RecordBatch, &Vec<Outcome>)| {
        let ids = ids(part, "id");
        assert_eq!(part.num_rows(), outcomes.len(), "an outcome a row");
        outcomes.iter().enumerate().map(|(row, &outcome)| (ids.get(row).to_string(), outcome)).collect::<Vec<_>>()
    };
    parts.iter().zip(outcomes).flat_map(part).collect()
}

/// The values of a text column that are there.
pub(crate) fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Vec<&'b str> {
    read::text(batch, name).iter().flatten().collect()
}
