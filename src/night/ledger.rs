//! Law 1 over files, and the tables and totals that say how the close went.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use chrono::NaiveDate;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::deliveries::{Ledger, Told};
use crate::error::{Error, Result};
use crate::format::Target;
use crate::format::read::Reject;
use crate::job::Job;
use crate::lake::{Ask, Input, Night};
use crate::mask;
use crate::money::Amount;
use crate::stage::reconcile::{Rolled, Tolerated};
use crate::stage::restated::Stated;
use crate::stage::stated_before::StatedBefore;
use crate::table::bank::BANK_LINES;
use crate::table::build::{count, counts, dates, day_number, flags, instants, optional_counts, same_date, texts, words};
use crate::table::delivery::{FILES, NIGHTS, REJECTS};
use crate::table::part::amounts;
use crate::table::read::{counts as counts_in, words as words_in};
use crate::table::rows::Rows;

/// What became of one file.
#[derive(Debug)]
pub(super) struct FileRow {
    pub(super) input: Input,
    pub(super) file_id: String,
    pub(super) told: Told,
    pub(super) framing: u64,
    pub(super) tied: Vec<String>,
    pub(super) added: Vec<String>,
    pub(super) rejects: Vec<Reject>,
    /// What its rows become.
    pub(super) table: Target,
}

/// Law 1: every line of every file is a row, a reject, or framing; and every row is in its table.
pub(super) fn conserved(ledger: &Ledger, summary: &Summary, has_attempts: bool) -> Result<()> {
    for file in &ledger.files {
        let input = &file.input;
        if input.lines != input.entries + input.rejects + file.framing {
            return Err(Error::law(format!(
                "{} lines are {} rows, {} rejects and {} framing lines",
                input.lines, input.entries, input.rejects, file.framing
            ))
            .file(&input.name));
        }
    }
    for target in [Target::Entries, Target::Orders, Target::Attempts, Target::Refunds, Target::BankLines] {
        // Where the merchant records no attempts, its orders stand for them.
        let from = if target == Target::Attempts && !has_attempts { Target::Orders } else { target };
        let read: u64 = ledger.files.iter().filter(|file| file.table == from).map(|file| file.input.entries).sum();
        let (table, kept) = (target.table().name, summary.rows(target.table().name));
        if kept != read {
            return Err(Error::law(format!("{read} rows read became {kept} rows of {table}")));
        }
    }
    Ok(())
}

/// Table `files`: a row for each file, then one for each source that gave none.
pub(super) fn files_table(ledger: &Ledger, night: NaiveDate) -> RecordBatch {
    let (files, without) = (&ledger.files, &ledger.without);
    let told = || files.iter().map(|file| &file.told).chain(without);
    // Two copies of a file have one identity; the table says of each name what became of it.
    let of_files = |value: fn(&FileRow) -> &str| files.iter().map(value).chain(without.iter().map(|_| "")).map(Some);
    let number = |value: fn(&FileRow) -> u64| {
        let number = |file: &FileRow| i64::try_from(value(file)).expect("a file has fewer than 2^63 bytes");
        counts(files.iter().map(number).chain(without.iter().map(|_| 0)))
    };
    let list = |value: fn(&FileRow) -> &[String]| {
        let joined = |file: &FileRow| if value(file).is_empty() { None } else { Some(value(file).join("; ")) };
        texts(files.iter().map(joined).chain(without.iter().map(|_| None)))
    };
    let asked = |value: fn(&Ask) -> i64| told().map(move |told| told.ask.as_ref().map(value));
    let some = |text: &str| Some(mask::card_numbers(text)).filter(|text| !text.is_empty());
    FILES.batch([
        ("business_date", same_date(night, files.len() + without.len())),
        ("file_id", texts(of_files(|file| &file.file_id))),
        ("source", words(told().map(|told| Some(&told.source)))),
        ("account", words(told().map(|told| Some(&told.account)))),
        ("name", texts(of_files(|file| &file.input.name))),
        ("sha256", texts(of_files(|file| &file.input.sha256))),
        ("bytes", number(|file| file.input.bytes)),
        ("format", words(told().map(|told| Some(&told.format)))),
        ("layout", words(of_files(|file| &file.input.layout))),
        ("state", words(files.iter().map(|file| file.input.state.as_str()).chain(without.iter().map(|_| "none")).map(Some))),
        ("answer", words(told().map(|told| Some(told.answer.word())))),
        ("said", texts(told().map(|told| some(&told.said)))),
        ("asked_at", instants(asked(|ask| ask.at.timestamp_micros()))),
        ("tries", optional_counts(asked(|ask| ask.tries.into()))),
        ("took", optional_counts(asked(|ask| i64::try_from(ask.took).unwrap_or(i64::MAX)))),
        ("lines", number(|file| file.input.lines)),
        ("entries", number(|file| file.input.entries)),
        ("rejects", number(|file| file.input.rejects)),
        ("framing", number(|file| file.framing)),
        ("control_totals", list(|file| &file.tied)),
        ("added_columns", list(|file| &file.added)),
    ])
}

/// Table `rejects`.
pub(super) fn rejects_table(files: &[FileRow], night: NaiveDate) -> RecordBatch {
    let rejects: Vec<(&str, &Reject)> =
        files.iter().flat_map(|file| file.rejects.iter().map(|reject| (file.file_id.as_str(), reject))).collect();
    REJECTS.batch([
        ("business_date", same_date(night, rejects.len())),
        ("file_id", words(rejects.iter().map(|(file, _)| Some(*file)))),
        ("line", counts(rejects.iter().map(|(_, reject)| i64::try_from(reject.line).expect("a line number fits 63 bits")))),
        ("column", words(rejects.iter().map(|(_, reject)| Some(&reject.column)))),
        ("value", texts(rejects.iter().map(|(_, reject)| Some(&reject.value)))),
        ("reason", words(rejects.iter().map(|(_, reject)| Some(&reject.reason)))),
    ])
}

/// The counts and sums by which a night is told.
#[derive(Debug, Default)]
pub(super) struct Summary {
    rows: BTreeMap<&'static str, usize>,
    /// Breaks by state and type.
    breaks: BTreeMap<(String, String), i64>,
    /// What the entries of each provider and currency add up to.
    providers: ByProvider,
    files: usize,
    rejects: u64,
    /// Items carried in that are stated again.
    restated: usize,
    /// Entries that an earlier night stated, and that have ended since.
    stated_before: usize,
    /// What was let go within tolerance.
    tolerated: Tolerated,
    /// Breaks whose resolution is void.
    void_resolutions: usize,
}

impl Summary {
    /// Adds the files of the night.
    pub(super) fn add_files(&mut self, ledger: &Ledger) {
        self.files += ledger.files.len();
        self.rejects += ledger.files.iter().map(|file| file.input.rejects).sum::<u64>();
    }

    /// Adds entries, all of the night or a share of them; and those that were stated before, rows that move nothing. Most
    /// nights are told without the latter.
    pub(super) fn add_entries(&mut self, entries: &Rows, again: &StatedBefore) {
        self.add("entries", entries.count() + again.rows.count());
        add_all(&mut self.providers, provider_sums(entries));
        self.stated_before += again.rows.count();
    }

    /// Adds the lines of the banks' statements; a job without a bank is told without them.
    pub(super) fn add_bank_lines(&mut self, job: &Job, lines: &Rows) {
        if !job.banks.is_empty() {
            self.add(BANK_LINES.name, lines.count());
        }
    }

    /// Adds what was carried in and is stated again; most nights are told without it.
    pub(super) fn add_restated(&mut self, restated: &Stated) {
        self.restated += restated.count();
    }

    /// Adds what was let go within tolerance; most nights are told without it.
    pub(super) fn add_tolerated(&mut self, tolerated: &Tolerated) {
        self.tolerated = tolerated.clone();
    }

    /// Adds the table `fees`, and law 1 over it: of every provider and currency it holds all entries, their gross and
    /// their fees.
    pub(super) fn add_fees(&mut self, fees: &RecordBatch) -> Result<()> {
        let [providers, currencies] = ["provider", "currency"].map(|name| words_in(fees, name));
        let columns = ["gross", "charged", "billed", "contracted", "difference"].map(|name| amounts(fees, name));
        let entries = counts_in(fees, "entries");
        let mut held: BTreeMap<(String, String), (u64, [Amount; 2])> = BTreeMap::new();
        for row in 0..fees.num_rows() {
            let key = (providers.get(row).to_owned(), currencies.get(row).to_owned());
            let [gross, charged, billed, contracted, difference] = columns.map(|column| column.get(row));
            let (rows, sums) = held.entry(key.clone()).or_default();
            *rows += entries.value(row).unsigned_abs();
            sums[0] += gross.unwrap_or_default();
            sums[1] += charged.unwrap_or_default();
            let Some(of_provider) = self.providers.get_mut(&key) else { continue };
            of_provider.fees.billed += billed.unwrap_or_default();
            of_provider.fees.contracted += contracted.unwrap_or_default();
            of_provider.fees.difference += difference.unwrap_or_default();
        }
        held.retain(|_, (rows, _)| *rows > 0);
        let booked = self.providers.iter().map(|(key, sums)| (key.clone(), (sums.all.entries, [sums.all.gross, sums.all.fee])));
        let booked: BTreeMap<_, _> = booked.collect();
        if held == booked {
            return Ok(());
        }
        Err(Error::law("the table fees does not hold the entries of the night, their gross and their fees")
            .expected(format!("{booked:?}"))
            .found(format!("{held:?}")))
    }

    /// Adds so many rows of a table.
    pub(super) fn add(&mut self, table: &'static str, rows: usize) {
        *self.rows.entry(table).or_default() += rows;
    }

    /// Adds the table `breaks`; most nights are told without void resolutions.
    pub(super) fn add_breaks(&mut self, rolled: &Rolled) {
        let breaks = &rolled.breaks;
        self.void_resolutions += rolled.void_resolutions;
        let (states, types) = (words_in(breaks, "state"), words_in(breaks, "break_type"));
        for row in 0..breaks.num_rows() {
            *self.breaks.entry((states.get(row).to_owned(), types.get(row).to_owned())).or_insert(0) += 1;
        }
    }

    /// How many rows of a table were added.
    pub(super) fn rows(&self, table: &str) -> u64 {
        self.rows.get(table).copied().unwrap_or_default() as u64
    }

    fn in_state(&self, state: &str) -> i64 {
        self.breaks.iter().filter(|((of, _), _)| of == state).map(|(_, count)| count).sum()
    }

    /// As the manifest holds it; amounts as text.
    pub(super) fn totals(&self) -> Map<String, Value> {
        let mut totals = Map::new();
        for (table, rows) in &self.rows {
            totals.insert((*table).to_owned(), json!(rows));
        }
        totals.insert("rejects".to_owned(), json!(self.rejects));
        if self.restated > 0 {
            totals.insert("restated".to_owned(), json!(self.restated));
        }
        if self.stated_before > 0 {
            totals.insert("stated_before".to_owned(), json!(self.stated_before));
        }
        if !self.tolerated.0.is_empty() {
            let tolerated = self.tolerated.0.iter().map(|(currency, of)| {
                let [amount, difference] = [of.amount, of.difference].map(|amount| amount.in_currency(currency));
                json!({ "currency": currency, "matches": of.matches, "amount": amount, "difference": difference })
            });
            totals.insert("tolerated".to_owned(), Value::Array(tolerated.collect()));
        }
        if self.void_resolutions > 0 {
            totals.insert("void_resolutions".to_owned(), json!(self.void_resolutions));
        }
        let mut breaks = Map::new();
        for ((state, kind), count) in &self.breaks {
            let of_state = breaks.entry(state.clone()).or_insert_with(|| Value::Object(Map::new()));
            of_state.as_object_mut().expect("it was made as an object").insert(kind.clone(), json!(count));
        }
        totals.insert("breaks".to_owned(), Value::Object(breaks));
        let providers = self.providers.iter().map(|((provider, currency), sums)| sums.totals(provider, currency));
        totals.insert("providers".to_owned(), Value::Array(providers.collect()));
        totals
    }

    /// Table `nights`.
    pub(super) fn nights(&self, night: &Night, generation: u64) -> RecordBatch {
        let one_count = |number: i64| counts([number]);
        let rows = |table: &str| one_count(count(self.rows.get(table).copied().unwrap_or_default()));
        NIGHTS.batch([
            ("business_date", same_date(night.business_date, 1)),
            ("job", words([Some(&night.job)])),
            ("generation", one_count(i64::try_from(generation).expect("few generations"))),
            ("complete", flags([night.complete])),
            ("timezone", words([Some(&night.timezone)])),
            ("previous_night", dates([night.previous_night.as_ref().map(|previous| day_number(previous.business_date))])),
            ("inputs_sha256", texts([Some(&night.inputs_sha256)])),
            ("version", words([Some(&night.version)])),
            ("files", one_count(count(self.files))),
            ("entries", rows("entries")),
            ("rejects", one_count(i64::try_from(self.rejects).expect("few rejects"))),
            ("orders", rows("orders")),
            ("attempts", rows("attempts")),
            ("refunds", rows("refunds")),
            ("matches", rows("matches")),
            ("waiting", one_count(self.in_state("waiting"))),
            ("open", one_count(self.in_state("open"))),
            ("cleared", one_count(self.in_state("cleared"))),
            ("resolved", one_count(self.in_state("resolved"))),
        ])
    }
}

/// Entries, and sums of their gross, fee and net.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    entries: u64,
    gross: Amount,
    fee: Amount,
    net: Amount,
}

impl Sums {
    fn add(&mut self, [gross, fee, net]: [Amount; 3]) {
        self.entries += 1;
        self.gross += gross;
        self.fee += fee;
        self.net += net;
    }
}

/// The entries of one provider and currency: all of them, and those that are the night's trade. A payout takes out
/// what the others bring in, so only the trade has a gross that means something.
#[derive(Clone, Copy, Debug, Default)]
struct ProviderSums {
    all: Sums,
    payments: Sums,
    refunds: Sums,
    fees: Fees,
}

/// What its contract says, from the table `fees`.
#[derive(Clone, Copy, Debug, Default)]
struct Fees {
    /// Fees that are entries of their own.
    billed: Amount,
    /// Where a rule says something.
    contracted: Amount,
    /// Contracted less charged, where a rule says something.
    difference: Amount,
}

impl ProviderSums {
    fn add(&mut self, other: &Self) {
        for (sums, more) in
            [(&mut self.all, &other.all), (&mut self.payments, &other.payments), (&mut self.refunds, &other.refunds)]
        {
            sums.entries += more.entries;
            sums.gross += more.gross;
            sums.fee += more.fee;
            sums.net += more.net;
        }
    }

    fn totals(&self, provider: &str, currency: &str) -> Value {
        let shown = |amount: Amount| amount.in_currency(currency);
        let traded = |sums: &Sums| json!({ "entries": sums.entries, "gross": shown(sums.gross) });
        json!({
            "provider": provider,
            "currency": currency,
            "entries": self.all.entries,
            "gross": shown(self.all.gross),
            "fee": shown(self.all.fee),
            "net": shown(self.all.net),
            "payments": traded(&self.payments),
            "refunds": traded(&self.refunds),
            "payments_and_refunds": {
                "fee": shown(self.payments.fee + self.refunds.fee),
                "net": shown(self.payments.net + self.refunds.net),
            },
            "fees": {
                "billed": shown(self.fees.billed),
                "contracted": shown(self.fees.contracted),
                "difference": shown(self.fees.difference),
            },
        })
    }
}

/// Sums by provider and currency.
type ByProvider = BTreeMap<(String, String), ProviderSums>;

fn provider_sums(entries: &Rows) -> ByProvider {
    let parts = entries.parts.par_iter().map(sums_of_part);
    parts.reduce(BTreeMap::new, |mut all, part| {
        add_all(&mut all, part);
        all
    })
}

fn add_all(all: &mut ByProvider, more: ByProvider) {
    for (key, sums) in more {
        all.entry(key).or_default().add(&sums);
    }
}

fn sums_of_part(part: &RecordBatch) -> ByProvider {
    let [providers, currencies, kinds] = ["provider", "currency", "kind"].map(|name| words_in(part, name));
    let columns = ["gross", "fee", "net"].map(|name| amounts(part, name));
    let is = |kind: &str| kinds.values.iter().position(|word| word == Some(kind));
    let (payment, refund) = (is("payment"), is("refund"));
    // By code: the rows of a part have a handful of providers and currencies.
    let wide = currencies.values.len().max(1);
    let mut by_code = vec![ProviderSums::default(); providers.values.len().max(1) * wide];
    for row in 0..part.num_rows() {
        let sums = &mut by_code[providers.code(row).unwrap_or_default() * wide + currencies.code(row).unwrap_or_default()];
        let stated = columns.map(|column| column.get(row).unwrap_or_default());
        sums.all.add(stated);
        match kinds.code(row) {
            kind if kind == payment => sums.payments.add(stated),
            kind if kind == refund => sums.refunds.add(stated),
            _ => {}
        }
    }
    let named = |(at, sums): (usize, ProviderSums)| {
        ((providers.values.value(at / wide).to_owned(), currencies.values.value(at % wide).to_owned()), sums)
    };
    by_code.into_iter().enumerate().filter(|(_, sums)| sums.all.entries > 0).map(named).collect()
}
