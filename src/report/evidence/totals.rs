//! Control totals of a night: what came in and what went out, each from another place.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Result;
use crate::lake::{Lake, Manifest};
use crate::money::Amount;
use crate::night::reperform::output;
use crate::table::entries::ENTRIES;
use crate::table::read::{amount, amounts, counts, words};
use crate::table::reconciliation::{BREAKS, ROLLFORWARD};

/// What a line says. In is what was read or opened, out what the tables hold.
pub(super) const HEADER: [&str; 8] =
    ["total", "provider", "currency", "in_count", "in_amount", "out_count", "out_amount", "ties"];

/// A count, and an amount where it is one of money.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    count: i64,
    amount: Option<Amount>,
}

impl Sum {
    fn add(&mut self, count: i64, amount: Amount) {
        self.count += count;
        self.amount = Some(self.amount.unwrap_or_default() + amount);
    }
}

fn line(total: &str, [provider, currency]: [&str; 2], [came_in, went_out]: [Sum; 2]) -> Vec<String> {
    let shown = |sum: Sum| sum.amount.map_or_else(String::new, |amount| amount.in_currency(currency));
    let ties = if came_in == went_out { "yes" } else { "NO" };
    let counts = [came_in, went_out].map(|sum| sum.count.to_string());
    let [in_count, out_count] = counts;
    [total, provider, currency, &in_count, &shown(came_in), &out_count, &shown(went_out), ties].map(str::to_owned).into()
}

/// Every total of a night whose tables `tables` has.
pub(super) fn of(manifest: &Manifest, tables: &Lake) -> Result<Vec<Vec<String>>> {
    let mut lines = of_files(manifest);
    lines.extend(of_entries(manifest, tables)?);
    lines.extend(of_breaks(manifest, tables)?);
    Ok(lines)
}

/// Rows read from files, and rows of the tables they became.
fn of_files(manifest: &Manifest) -> Vec<Vec<String>> {
    let count = |number: u64| Sum { count: i64::try_from(number).unwrap_or(i64::MAX), amount: None };
    let records = ["orders", "attempts", "refunds"];
    let read = |is: &dyn Fn(&str) -> bool| -> u64 {
        manifest.night.inputs.iter().filter(|input| is(&input.source)).map(|input| input.entries).sum()
    };
    let rows = |table: &str| output(manifest, table).map_or(0, |output| output.rows);
    // A merchant who records no attempts has one for each order.
    let has_attempts = manifest.night.replies.iter().any(|reply| reply.source == "attempts");
    let mut lines = vec![line(
        "rows read, rows of entries and bank_lines",
        ["", ""],
        [count(read(&|source| !records.contains(&source))), count(rows("entries") + rows("bank_lines"))],
    )];
    for table in records {
        let from = if table == "attempts" && !has_attempts { "orders" } else { table };
        lines.push(line(
            &format!("rows read, rows of {table}"),
            ["", ""],
            [count(read(&|source| source == from)), count(rows(table))],
        ));
    }
    let rejected = manifest.night.inputs.iter().map(|input| input.rejects).sum();
    lines.push(line("lines rejected, rows of rejects", ["", ""], [count(rejected), count(rows("rejects"))]));
    lines
}

/// What the manifest says was read of each provider and currency, and what the table adds up to; then where its entries
/// ended.
fn of_entries(manifest: &Manifest, tables: &Lake) -> Result<Vec<Vec<String>>> {
    const SUMS: [&str; 3] = ["gross", "fee", "net"];
    let mut booked: BTreeMap<[String; 2], [Sum; SUMS.len()]> = BTreeMap::new();
    let mut ended: BTreeMap<[String; 2], BTreeMap<String, Sum>> = BTreeMap::new();
    for batch in tables.batches(&ENTRIES, manifest.night.business_date)? {
        let batch = batch?;
        let [provider, currency, outcome] = ["provider", "currency", "outcome"].map(|name| words(&batch, name));
        let columns = SUMS.map(|name| amounts(&batch, name));
        for row in 0..batch.num_rows() {
            let key = [provider.get(row).to_owned(), currency.get(row).to_owned()];
            let stated = columns.map(|column| amount(column, row).unwrap_or_default());
            let sums = booked.entry(key.clone()).or_default();
            sums.iter_mut().zip(stated).for_each(|(sum, stated)| sum.add(1, stated));
            ended.entry(key).or_default().entry(outcome.get(row).to_owned()).or_default().add(1, stated[0]);
        }
    }
    let mut lines = Vec::new();
    for total in manifest.night.totals.get("providers").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| total.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = [text("provider"), text("currency")];
        let of_table = booked.remove(&key.map(str::to_owned)).unwrap_or_default();
        for (name, of_table) in SUMS.iter().zip(of_table) {
            let read = Sum {
                count: total.get("entries").and_then(Value::as_i64).unwrap_or_default(),
                amount: Amount::parse(text(name).as_bytes(), crate::money::SCALE).ok(),
            };
            lines.push(line(&format!("{name} read, {name} of entries"), key, [read, of_table]));
        }
        let ended = ended.remove(&key.map(str::to_owned)).unwrap_or_default();
        let known: Sum = ["match", "break", "waiting", "excluded"].iter().fold(Sum::default(), |mut all, outcome| {
            if let Some(of) = ended.get(*outcome) {
                all.add(of.count, of.amount.unwrap_or_default());
            }
            all
        });
        lines.push(line("entries, gross of match + break + waiting + excluded", key, [of_table[0], known]));
    }
    // What the manifest does not name.
    for ([provider, currency], sums) in booked {
        lines.push(line("gross of entries nobody read", [&provider, &currency], [Sum::default(), sums[0]]));
    }
    Ok(lines)
}

/// opening + new − cleared − resolved, and the breaks that are waiting or open.
fn of_breaks(manifest: &Manifest, tables: &Lake) -> Result<Vec<Vec<String>>> {
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
        line(
            &format!("{}: opening + new - cleared - resolved, breaks waiting or open", key[0]),
            [&key[1], &key[2]],
            [rolled, stands],
        )
    });
    Ok(lines.collect())
}
