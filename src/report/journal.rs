//! Journals for the merchant's ledger, as proposals: nothing here is posted.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::grid::counted;
use super::spreadsheet::text;
use crate::error::{Error, Exit, Result};
use crate::job::Job;
use crate::lake::{Lake, Night};
use crate::money::Amount;
use crate::stage::journal::{BOOKED, Line, Purpose, propose};
use crate::table::entries::ENTRIES;

/// The columns of the file.
const HEADER: [&str; 13] = [
    "status",
    "business_date",
    "journal_id",
    "line",
    "provider",
    "provider_account",
    "currency",
    "ledger_account",
    "debit",
    "credit",
    "what",
    "entries",
    "memo",
];

/// The journals of some nights.
#[derive(Debug, Default)]
pub struct Journal {
    lines: Vec<Line>,
    /// What a person should know before booking them, a sentence each.
    notes: Vec<String>,
}

impl Journal {
    /// The journals of all nights from one to another.
    pub fn of(job: &Job, lake: &Lake, nights: [NaiveDate; 2]) -> Result<Self> {
        let [from, to] = nights;
        if from > to {
            return Err(Error::new(Exit::Usage, "the last night is before the first").expected(format!("--to {from} or later")));
        }
        let chart = job.journal.as_ref().ok_or_else(unmapped)?;
        let mut journal = Self::default();
        for night in from.iter_days().take_while(|night| *night <= to) {
            let manifest = lake.manifest(night)?.ok_or_else(|| {
                Error::data(format!("the night {night} is not published"))
                    .next("close it with `tieout run`, or ask for nights that are")
            })?;
            journal.notes.extend(notes(&manifest.night));
            journal.lines.extend(propose(&lake.read_columns(&ENTRIES, night, &BOOKED)?, chart, night)?);
        }
        Ok(journal)
    }

    /// As CSV: a row a line.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| Error::law(format!("journals cannot be written as CSV: {error}"));
        writer.write_record(HEADER).map_err(failed)?;
        for line in &self.lines {
            writer.write_record(cells(line)).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::law(format!("journals cannot be written as CSV: {error}")))?;
        Ok(String::from_utf8(bytes).expect("text and amounts are UTF-8"))
    }

    /// In a sentence: how many, by how much they move what providers owe, and that nothing is posted.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut journals = 0;
        let mut moved: BTreeMap<(&str, &str), Amount> = BTreeMap::new();
        for line in &self.lines {
            journals += u64::from(line.number == 1);
            if line.is_clearing {
                *moved.entry((&line.provider, &line.currency)).or_default() += line.debit - line.credit;
            }
        }
        let of = |((provider, currency), amount): ((&str, &str), Amount)| {
            format!("{provider} {} {currency}", amount.in_currency(currency))
        };
        let moved: Vec<String> = moved.into_iter().map(of).collect();
        let said = if moved.is_empty() {
            "proposal only, nothing is posted: no money moved".to_owned()
        } else {
            let [journals, moved] = [counted(journals, "journal", "journals"), moved.join(", ")];
            format!("proposal only, nothing is posted: {journals}; clearing moves by {moved}")
        };
        self.notes.iter().fold(said, |said, note| format!("{said}\n{note}"))
    }
}

fn notes(night: &Night) -> impl Iterator<Item = String> {
    let date = night.business_date;
    let incomplete =
        (!night.complete).then(|| format!("the night {date} is incomplete: of a provider that was left out nothing is booked"));
    let restated = night.totals.contains_key("restated").then(|| {
        format!("the night {date} states items of earlier nights again: entries among them are in the journals of both nights")
    });
    incomplete.into_iter().chain(restated)
}

fn cells(line: &Line) -> [String; HEADER.len()] {
    let money = |amount: Amount| if amount == Amount::ZERO { String::new() } else { amount.in_currency(&line.currency) };
    [
        "proposal".to_owned(),
        line.business_date.to_string(),
        line.journal_id.clone(),
        line.number.to_string(),
        text(&line.provider),
        text(&line.provider_account),
        line.currency.clone(),
        // No formula, as the job is refused that names one, and never masked: a ledger is given it letter by letter.
        line.ledger_account.clone(),
        money(line.debit),
        money(line.credit),
        line.what.word().to_owned(),
        line.entries.to_string(),
        text(&line.memo),
    ]
}

/// A job that names no accounts.
fn unmapped() -> Error {
    let keys: Vec<String> = Purpose::ALL.iter().map(|purpose| format!("{} = \"…\"", purpose.word())).collect();
    Error::configuration("the job names no accounts of a ledger")
        .column("journal")
        .expected("the table [journal], with an account for everything that occurs")
        .next(format!("add to the job, with the accounts of your ledger:\n\n[journal]\naccounts = {{ {} }}", keys.join(", ")))
}
