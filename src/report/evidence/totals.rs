//! Control totals of a night: what came in and what went out, each from another place.

use std::collections::BTreeMap;

use serde_json::Value;

use super::booked::{Booked, Sums};
use crate::error::Result;
use crate::lake::{Lake, Manifest};
use crate::money::Amount;
use crate::night::reperform::output;
use crate::table::read::{amount, amounts, counts, words};
use crate::table::reconciliation::{BREAKS, ROLLFORWARD};

/// What a line says. In is what was read or opened, out what the tables hold.
pub(super) const HEADER: [&str; 8] =
    ["total", "provider", "currency", "in_count", "in_amount", "out_count", "out_amount", "ties"];

/// What is totalled.
#[derive(Clone, Debug)]
pub(in crate::report) enum Total {
    /// Rows of the files of providers and banks.
    Lines,
    /// Rows of the merchant's files, of this table.
    Records(&'static str),
    /// Lines that could not be read.
    Rejects,
    /// A column of `entries`.
    Entries(&'static str),
    /// Where entries ended.
    Outcomes,
    /// Entries nobody read.
    Unread,
    /// Breaks of this type.
    Breaks(String),
}

impl Total {
    fn name(&self) -> String {
        match self {
            Self::Lines => "rows read, rows of entries and bank_lines".to_owned(),
            Self::Records(table) => format!("rows read, rows of {table}"),
            Self::Rejects => "lines rejected, rows of rejects".to_owned(),
            Self::Entries(column) => format!("{column} read, {column} of entries"),
            Self::Outcomes => "entries, gross of match + break + waiting + excluded".to_owned(),
            Self::Unread => "gross of entries nobody read".to_owned(),
            Self::Breaks(kind) => format!("{kind}: opening + new - cleared - resolved, breaks waiting or open"),
        }
    }
}

/// A count, and an amount where it is one of money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) struct Sum {
    pub(in crate::report) count: i64,
    pub(in crate::report) amount: Option<Amount>,
}

impl Sum {
    fn add(&mut self, count: i64, amount: Amount) {
        self.count += count;
        self.amount = Some(self.amount.unwrap_or_default() + amount);
    }
}

impl Sums {
    /// One of the amounts, of all of them.
    fn of(&self, amount: impl Fn(&Self) -> Amount) -> Sum {
        Sum { count: self.entries, amount: Some(amount(self)) }
    }
}

/// A total from two places.
#[derive(Clone, Debug)]
pub(in crate::report) struct Line {
    pub(in crate::report) total: Total,
    pub(in crate::report) provider: String,
    pub(in crate::report) currency: String,
    /// What was read or opened.
    pub(in crate::report) came_in: Sum,
    /// What the tables hold.
    pub(in crate::report) went_out: Sum,
}

impl Line {
    /// Whether the two are one.
    pub(in crate::report) fn ties(&self) -> bool {
        self.came_in == self.went_out
    }

    /// As cells under [`HEADER`].
    pub(super) fn cells(&self) -> Vec<String> {
        let shown = |sum: Sum| sum.amount.map_or_else(String::new, |amount| amount.in_currency(&self.currency));
        let ties = if self.ties() { "yes" } else { "NO" };
        vec![
            self.total.name(),
            self.provider.clone(),
            self.currency.clone(),
            self.came_in.count.to_string(),
            shown(self.came_in),
            self.went_out.count.to_string(),
            shown(self.went_out),
            ties.to_owned(),
        ]
    }
}

fn line(total: Total, [provider, currency]: [&str; 2], [came_in, went_out]: [Sum; 2]) -> Line {
    Line { total, provider: provider.to_owned(), currency: currency.to_owned(), came_in, went_out }
}

/// Every total of a night whose tables `tables` has, and whose entries are `booked`.
pub(in crate::report) fn of(manifest: &Manifest, tables: &Lake, booked: &Booked) -> Result<Vec<Line>> {
    let mut lines = of_files(manifest);
    lines.extend(of_entries(manifest, booked));
    lines.extend(of_breaks(manifest, tables)?);
    Ok(lines)
}

/// Rows read from files, and rows of the tables they became.
fn of_files(manifest: &Manifest) -> Vec<Line> {
    let count = |number: u64| Sum { count: i64::try_from(number).unwrap_or(i64::MAX), amount: None };
    let records = ["orders", "attempts", "refunds"];
    let read = |is: &dyn Fn(&str) -> bool| -> u64 {
        manifest.night.inputs.iter().filter(|input| is(&input.source)).map(|input| input.entries).sum()
    };
    let rows = |table: &str| output(manifest, table).map_or(0, |output| output.rows);
    // A merchant who records no attempts has one for each order.
    let has_attempts = manifest.night.replies.iter().any(|reply| reply.source == "attempts");
    let mut lines = vec![line(
        Total::Lines,
        ["", ""],
        [count(read(&|source| !records.contains(&source))), count(rows("entries") + rows("bank_lines"))],
    )];
    for table in records {
        let from = if table == "attempts" && !has_attempts { "orders" } else { table };
        lines.push(line(Total::Records(table), ["", ""], [count(read(&|source| source == from)), count(rows(table))]));
    }
    let rejected = manifest.night.inputs.iter().map(|input| input.rejects).sum();
    lines.push(line(Total::Rejects, ["", ""], [count(rejected), count(rows("rejects"))]));
    lines
}

/// What the manifest says was read of each provider and currency, and what the table adds up to; then where its entries
/// ended.
fn of_entries(manifest: &Manifest, booked: &Booked) -> Vec<Line> {
    const SUMS: [&str; 3] = ["gross", "fee", "net"];
    let mut all: BTreeMap<[&str; 2], Sums> = BTreeMap::new();
    let mut ended: BTreeMap<[&str; 2], Sum> = BTreeMap::new();
    for ([provider, currency, _, outcome], sums) in booked {
        let key = [provider.as_str(), currency.as_str()];
        all.entry(key).or_default().add(sums);
        if ["match", "break", "waiting", "excluded"].contains(&outcome.as_str()) {
            ended.entry(key).or_default().add(sums.entries, sums.gross);
        }
    }
    let mut lines = Vec::new();
    for total in manifest.night.totals.get("providers").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| total.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = [text("provider"), text("currency")];
        let of_table = all.remove(&key);
        let stated = |amount: fn(&Sums) -> Amount| of_table.map_or_else(Sum::default, |sums| sums.of(amount));
        let of_table = [stated(|sums| sums.gross), stated(|sums| sums.fee), stated(|sums| sums.net)];
        for (name, of_table) in SUMS.into_iter().zip(of_table) {
            let read = Sum {
                count: total.get("entries").and_then(Value::as_i64).unwrap_or_default(),
                amount: Amount::parse(text(name).as_bytes(), crate::money::SCALE).ok(),
            };
            lines.push(line(Total::Entries(name), key, [read, of_table]));
        }
        lines.push(line(Total::Outcomes, key, [of_table[0], ended.remove(&key).unwrap_or_default()]));
    }
    // What the manifest does not name.
    for (key, sums) in all {
        lines.push(line(Total::Unread, key, [Sum::default(), sums.of(|sums| sums.gross)]));
    }
    lines
}

/// opening + new − cleared − resolved, and the breaks that are waiting or open.
fn of_breaks(manifest: &Manifest, tables: &Lake) -> Result<Vec<Line>> {
    let night = manifest.night.business_date;
    let mut live: BTreeMap<[String; 3], Sum> = BTreeMap::new();
    for batch in tables.batches(&BREAKS, night)? {
        let batch = batch?;
        let names = ["break_type", "provider", "currency"].map(|name| words(&batch, name));
        let (states, differences) = (words(&batch, "state"), amounts(&batch, "difference"));
        for row in (0..batch.num_rows()).filter(|&row| ["waiting", "open"].contains(&states.get(row))) {
            let key = names.map(|words| words.get(row).to_owned());
            live.entry(key).or_default().add(1, amount(differences, row).unwrap_or_default());
        }
    }
    let batch = tables.read(&ROLLFORWARD, night)?;
    let names = ["break_type", "provider", "currency"].map(|name| words(&batch, name));
    let lines = (0..batch.num_rows()).map(|row| {
        let key = names.map(|words| words.get(row).to_owned());
        let count = |name| counts(&batch, name).value(row);
        let sum = |name| amount(amounts(&batch, name), row).unwrap_or_default();
        let rolled = Sum {
            count: count("opening") + count("new") - count("cleared") - count("resolved"),
            amount: Some(sum("opening_amount") + sum("new_amount") - sum("cleared_amount") - sum("resolved_amount")),
        };
        let stands = live.get(&key).copied().unwrap_or(Sum { count: 0, amount: Some(Amount::ZERO) });
        line(Total::Breaks(key[0].clone()), [&key[1], &key[2]], [rolled, stands])
    });
    Ok(lines.collect())
}
