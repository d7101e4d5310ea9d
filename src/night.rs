//! The close of one night: fetch, read, then the stages that make its tables, and publish.
//!
//! The stages and their order stand twice: `whole` for a night that memory holds, `shares` for a larger one. Both
//! publish the same bytes.

pub mod answers;
mod apart;
pub mod comment;
mod deliveries;
mod ledger;
mod memory;
pub mod reperform;
pub mod resolve;
mod scatter;
mod shares;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::error::{Error, Exit, Result};
use crate::format::time::day_range;
use crate::job::{self, Job};
use crate::lake::{Lake, Manifest, Night, NightLock, PreviousNight, Spill, Staging, Text};
use crate::source::Switchboard;
use crate::stage::analyze::{self, Analysis};
use crate::stage::change::{self, Comparison};
use crate::stage::consistency;
use crate::stage::failures::FailureCategories;
use crate::stage::fees::{Contracts, Volumes};
use crate::stage::payouts::{self, Settled, TiedOut};
use crate::stage::reconcile::Rules;
use crate::stage::returns::{self, Entry, Returned, Sought, Tied};
use crate::stage::stated_before;
use crate::table::analysis::{
    ABANDONMENT, CHANGES, FAILURE_REASONS, FUNNEL, PAYMENT_METHODS, RATES_HISTORY, SUCCESS_AMOUNTS, SUCCESS_RATES, TIME_TO_PAY,
};
use crate::table::column::Table;
use crate::table::delivery::{FILES, NIGHTS, REJECTS};
use crate::table::entries::ENTRIES;
use crate::table::fees::FEES;
use crate::table::payouts::{OPEN_BANK_LINES, PAYOUTS};
use crate::table::reconciliation::{BREAKS, OPEN_ITEMS};
use crate::table::returns::RETURNS;
use crate::table::rows::Rows;
use crate::table::sheet::Sheet;

use apart::Apart;
pub use deliveries::Told;
use deliveries::{Deliveries, Delivery, Ledger};
use ledger::Summary;
pub use memory::Memory;
use reperform::{Earlier, Reperformance};

/// Version of this program, part of what a night depends on.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a night takes from the one before it.
const CARRIED: [&Table; 6] = [&BREAKS, &FEES, &OPEN_ITEMS, &OPEN_BANK_LINES, &PAYOUTS, &RETURNS];

/// How a night is closed.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The business date.
    pub date: NaiveDate,
    /// Publish without the providers whose files are missing or refused, and mark the night incomplete.
    pub partial: bool,
    /// How much memory the run may take. What is published is the same for any.
    pub memory: Memory,
    /// Who closes it, for the audit trail.
    pub by: &'a str,
    /// Why nights that are closed may be published anew. Without a reason they may not.
    pub reopen: Option<&'a str>,
}

impl Options<'_> {
    /// A whole night, in whatever memory it takes, by nobody who is named.
    #[must_use]
    pub fn of(date: NaiveDate) -> Self {
        Self { date, partial: false, memory: Memory::Unlimited, by: "unknown", reopen: None }
    }
}

/// A night that was closed.
#[derive(Debug)]
pub struct Closed {
    /// Whether anything was published; a night run again without change publishes nothing.
    pub changed: bool,
    /// The manifest that stands for the night.
    pub manifest: Manifest,
    /// Why files were left out of a partial night.
    pub left_out: Vec<Error>,
    /// What each source answered.
    pub told: Vec<Told>,
    /// The nights of the lake that are stale now.
    pub stale: BTreeSet<NaiveDate>,
}

impl Closed {
    /// The first of the stale nights whose state came down to this one.
    #[must_use]
    pub fn stale_before(&self) -> Option<NaiveDate> {
        self.stale.first().copied().filter(|&first| first < self.manifest.night.business_date)
    }

    /// The nights after this one that have to be closed again.
    #[must_use]
    pub fn stale_after(&self) -> Vec<NaiveDate> {
        self.stale.iter().copied().filter(|&date| date > self.manifest.night.business_date).collect()
    }
}

/// Why a night was not closed: every file that is wrong, not only the first.
pub type Refused = Vec<Error>;

/// Closes a night of a job. `progress` is told what is being done.
pub fn close(job: &Job, options: Options, board: &Switchboard, progress: &dyn Fn(&str)) -> std::result::Result<Closed, Refused> {
    let alone = |error: Error| vec![error];
    let lake = Lake::at(&job.lake).map_err(alone)?.acting(options.by);
    let lock = lake.lock(options.date).map_err(alone)?;
    progress("looking for files");
    let mut deliveries = Deliveries::fetch(job, options, &lake, &lock, board)?;
    let night_before = lake.night_before(options.date).map_err(alone)?;
    let previous = night_before.as_ref().map(PreviousNight::from);
    let inputs_sha256 = inputs_hash(job, options.date, VERSION, &deliveries, previous.as_ref());
    let newest = lake.manifest(options.date).map_err(alone)?;
    let is_whole = match &newest {
        None => false,
        Some(newest) => {
            lake.is_intact(newest).map_err(alone)?
                || reperform::restore(&lake, &lock, newest, options, progress).map_err(alone)?
        }
    };
    let generation = newest.as_ref().map_or(1, |newest| newest.generation_for(&inputs_sha256));
    let mut stands = None;
    if let Some(manifest) = newest.filter(|newest| is_whole && newest.generation == generation) {
        if manifest.night.complete {
            let (told, stale) = (deliveries.told(), lake.stale().map_err(alone)?);
            return Ok(Closed { changed: false, manifest, left_out: deliveries.left_out, told, stale });
        }
        // An incomplete night is read again: its refused files are named, and stop a run that may not lack them.
        stands = Some(manifest);
    }
    let closed = if stands.is_some() { Vec::new() } else { may_publish(&lake, options).map_err(alone)? };
    let sizes = options.memory.sizes(deliveries.text_bytes()).map_err(alone)?;
    let spill = sizes.map(|sizes| Ok((Spill::new(&lock)?, sizes))).transpose().map_err(alone)?;
    let apart = spill.as_ref().map(|(spill, sizes)| Apart { spill, sizes: *sizes });
    // What was archived reaches the disk while the night is worked on, and before it is published.
    let archived = deliveries.archived();
    std::thread::scope(|scope| {
        let settled = scope.spawn(|| lake.settle(&archived));
        progress("reading files");
        lake.bring(&archived).map_err(alone)?;
        deliveries.read(job, options, apart)?;
        let (left_out, told) = (deliveries.left_out.clone(), deliveries.told());
        if let Some(manifest) = stands {
            // The same files are refused: only when and in which words sources answered may differ, which is no news.
            let stale = lake.stale().map_err(alone)?;
            return Ok(Closed { changed: false, manifest, left_out, told, stale });
        }
        let mut reperformance = Reperformance::new(&lake, options.memory, progress);
        let of = (options.date, generation);
        let earlier = reperformance.earlier(of, previous.as_ref(), job.given_back_within).map_err(alone)?;
        let closing = Closing {
            job,
            night: options.date,
            before: previous.map(|previous| (&lake, previous)),
            earlier,
            inputs_sha256,
            generation,
            version: VERSION,
            texts: keep_texts(&lake, &lock, job).map_err(alone)?,
            progress,
        };
        let staging = lake.stage(&lock, VERSION);
        let worked = closing.work(deliveries, apart, &staging);
        // Also where it failed: what was read may have been half of another generation.
        stands_on(&lake, night_before.as_ref(), &closing).map_err(alone)?;
        let night = worked.map_err(alone)?;
        settled.join().expect("settling files does not panic").map_err(alone)?;
        progress("publishing");
        let outputs = staging.finish().map_err(alone)?;
        let reopened = closed.iter().try_for_each(|night| lake.reopen(&lock, night, options.reopen.unwrap_or_default()));
        let published = reopened.and_then(|()| lake.publish_staged(&lock, night, outputs)).map_err(alone)?;
        let stale = lake.stale().map_err(alone)?;
        Ok(Closed { changed: true, manifest: published.manifest, left_out, told, stale })
    })
}

/// That the nights this one is built on are still as they were when it began to read them. Runs of other nights go on
/// meanwhile, and one that publishes such a night anew may have replaced a table between two that were read (75).
fn stands_on(lake: &Lake, before: Option<&Manifest>, closing: &Closing) -> Result<()> {
    let still = |before: &Manifest| {
        let newest = lake.manifest(before.night.business_date)?;
        Ok(newest.as_ref() == Some(before) && lake.holds_intact(before, &CARRIED)?)
    };
    let changed = match before {
        Some(before) if !still(before)? => Some(before.night.business_date),
        _ => closing.earlier.changed(lake)?,
    };
    let Some(changed) = changed else { return Ok(()) };
    let error = Error::new(Exit::TryAgain, format!("the night {changed} changed while {} was closed on it", closing.night));
    Err(error.file(lake.shown("")).next(format!("run the night again; where no other run is at work, run {changed} before it")))
}

/// The closed nights that publishing this one reopens: itself, and those after it, which were signed on what this one
/// left. Without a reason to reopen them it is not permitted (77).
fn may_publish(lake: &Lake, options: Options) -> Result<Vec<Manifest>> {
    let closed = lake.closed_from(options.date)?;
    if closed.is_empty() || options.reopen.is_some() {
        return Ok(closed);
    }
    let dates: Vec<String> = closed.iter().map(|manifest| manifest.night.business_date.to_string()).collect();
    let error = Error::new(Exit::NotPermitted, format!("the night {} cannot be published anew", options.date));
    Err(error
        .found(format!("signed by preparer and reviewer, and so closed: {}", dates.join(", ")))
        .next("where they have to be reopened, say why: --reopen --reason \"…\""))
}

/// Keeps the texts a night of a job depends on, so that it can be closed again without the job.
fn keep_texts(lake: &Lake, lock: &NightLock, job: &Job) -> Result<Vec<Text>> {
    let kept = |text: &job::Text| {
        Ok(Text {
            kind: text.kind.word().to_owned(),
            name: text.name.clone(),
            shipped: text.shipped,
            sha256: lake.keep_text(lock, &text.text)?,
        })
    };
    job.texts_of(lock.night()).iter().map(kept).collect()
}

/// What a night is closed with.
struct Closing<'a> {
    job: &'a Job,
    night: NaiveDate,
    /// The night before, and the lake that has its tables.
    before: Option<(&'a Lake, PreviousNight)>,
    /// The nights in which something is looked for.
    earlier: Earlier,
    inputs_sha256: String,
    generation: u64,
    /// Of tieout, as the files name it.
    version: &'a str,
    texts: Vec<Text>,
    progress: &'a dyn Fn(&str),
}

impl Closing<'_> {
    /// From files to tables, each staged once it is known.
    fn work(&self, deliveries: Deliveries, apart: Option<Apart>, staging: &Staging) -> Result<Night> {
        // A table is encoded and written as soon as it is known, while the stages after it go on.
        rayon::in_place_scope(|writers| {
            let stage = |sheet| staging.add(writers, sheet);
            match apart {
                None => whole::stages(self, deliveries, &stage),
                Some(apart) => shares::stages(self, deliveries, apart, staging, &stage),
            }
        })
    }

    /// The lake that has what the night before left in `table`, and that night.
    fn left_in(&self, table: &Table) -> Option<(&Lake, NaiveDate)> {
        assert!(
            CARRIED.iter().any(|carried| carried.name == table.name),
            "what a night takes from the one before is kept for it"
        );
        self.before.as_ref().map(|(lake, before)| (*lake, before.business_date))
    }

    /// What the night before left in `table`.
    fn carried(&self, table: &'static Table) -> Result<RecordBatch> {
        self.left_in(table).map_or_else(|| Ok(table.empty()), |(lake, before)| lake.read(table, before))
    }

    /// Some columns of it.
    fn carried_columns(&self, table: &'static Table, names: &[&str]) -> Result<RecordBatch> {
        let Some((lake, before)) = self.left_in(table) else {
            let positions: Vec<usize> = names.iter().map(|name| table.position(name)).collect();
            return Ok(table.empty().project(&positions).expect("positions of the table"));
        };
        lake.read_columns(table, before, names)
    }

    /// The same, for `each` a batch at a time.
    fn carried_batches(&self, table: &'static Table, mut each: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let Some((lake, before)) = self.left_in(table) else { return Ok(()) };
        lake.batches(table, before)?.try_for_each(|batch| each(&batch?))
    }

    /// The contracts of the job, with the volumes the night before left.
    fn contracts(&self) -> Result<Contracts> {
        let rules = self.job.fees();
        let volumes = match &self.before {
            Some((_, before)) if rules.iter().any(|rule| !rule.tiers.is_empty()) => {
                Volumes::left_by(&self.carried(&FEES)?, before.business_date, self.night)
            }
            _ => Volumes::default(),
        };
        Ok(Contracts::open(rules, self.job.timezone, volumes))
    }

    /// The payouts of the night and its lines of the banks, with those the night before left.
    fn tie_out(&self, settled: Settled, bank_lines: &Rows) -> Result<TiedOut> {
        let job = self.job;
        let paid_into = job.providers.iter().filter_map(|provider| {
            let bank = provider.paid_into.as_deref()?;
            Some(([provider.name.as_str(), provider.account.as_str()], bank))
        });
        let rules = payouts::Rules {
            night: self.night,
            banks: job.banks.iter().map(|bank| ([bank.name.as_str(), bank.account.as_str()], bank.unexplained)).collect(),
            paid_into: paid_into.collect(),
            settles: &|provider, day| job.settled_by(provider, day),
        };
        let (payouts, lines) = (self.carried(&PAYOUTS)?, self.carried(&OPEN_BANK_LINES)?);
        payouts::tie_out(settled, bank_lines, payouts::Carried { payouts: &payouts, bank_lines: &lines }, &rules)
    }

    /// What was `returned` tonight, held against its payments: those among `tonight`'s entries, and of earlier nights.
    fn returns(&self, returned: Returned, tonight: impl Fn(&Sought) -> Result<Vec<Entry>>) -> Result<Tied> {
        let carried = self.carried(&RETURNS)?;
        let (mut known, mut sought) = (Sought::default(), Sought::of(&returned, &carried));
        let mut stated = Vec::new();
        // What is found may be called something else besides, by which more is found: as a rule nothing is.
        while !sought.is_empty() {
            let mut found = tonight(&sought)?;
            let looked_at = sought.looked_at();
            let of_night = |(lake, night): &(Lake, NaiveDate)| {
                let pick = |batch: &RecordBatch| stated_before::stand(batch, sought.rows(batch));
                let rows = lake.rows_where((&ENTRIES, *night), &looked_at, pick, &returns::COLUMNS)?;
                Ok(rows.iter().flat_map(|batch| sought.among(batch, *night)).collect::<Vec<_>>())
            };
            let earlier: Vec<Vec<Entry>> = self.earlier.nights.par_iter().map(of_night).collect::<Result<_>>()?;
            found.extend(earlier.into_iter().flatten());
            known.add(sought);
            sought = known.new_in(&found);
            stated.extend(found);
        }
        let rules = returns::Rules { night: self.night, reaches_back: self.earlier.reaches_back };
        returns::tie(returned, &carried, stated, &rules)
    }

    /// The entries that do not agree with themselves, as rows of the table `breaks`.
    fn inconsistent(&self, entries: &Rows) -> Result<RecordBatch> {
        let rules = consistency::Rules {
            night: self.night,
            zone: self.job.timezone,
            tolerances: &self.job.tolerances,
            settles: &|provider, day| self.job.settled_by(Some(provider), day),
        };
        consistency::breaks(entries, &rules)
    }

    /// What the comparison goes by.
    fn rules(&self) -> Rules {
        Rules {
            night: self.night,
            tolerances: self.job.tolerances.clone(),
            same_amount_within: self.job.same_amount_within,
            severity: self.job.severity.clone(),
            resolutions: self.job.resolutions_until(self.night),
        }
    }

    /// What the analysis goes by.
    fn analysis_rules<'r>(
        &'r self,
        accounts: &'r BTreeMap<String, String>,
        failures: &'r FailureCategories,
    ) -> analyze::Rules<'r> {
        let (_, closes_at) = day_range(self.night, self.job.timezone);
        analyze::Rules {
            night: self.night,
            closes_at,
            zone: self.job.timezone,
            maturity: self.job.abandoned_after,
            retry_within: self.job.retry_within,
            minimum_count: self.job.minimum_count,
            pairs: &self.job.pairs,
            accounts,
            failures,
        }
    }

    /// The rates of the night, held against those of the nights before.
    fn changes(&self, success_rates: &RecordBatch) -> Result<Comparison> {
        let of_night = |(lake, night): &(Lake, NaiveDate)| {
            Ok(change::rates(&lake.read_columns(&SUCCESS_RATES, *night, &change::COLUMNS)?))
        };
        let before = self.earlier.baseline.iter().map(of_night).collect::<Result<Vec<_>>>()?;
        Ok(change::changes(success_rates, &before, self.night, &self.job.changes))
    }

    /// Stages what is known last, and says what night it was.
    fn end(
        &self,
        ledger: &Ledger,
        summary: &Summary,
        analysis: Analysis,
        complete: bool,
        stage: &dyn Fn(Sheet),
    ) -> Result<Night> {
        let date = self.night;
        let Comparison { success_rates, changes } = self.changes(&analysis.success_rates)?;
        let rates_history = change::history(&self.earlier.rates_history, &success_rates, self.generation);
        let night = Night {
            job: self.job.name.clone(),
            business_date: date,
            inputs_sha256: self.inputs_sha256.clone(),
            version: self.version.to_owned(),
            complete,
            timezone: self.job.timezone.to_string(),
            previous_night: self.before.as_ref().map(|(_, before)| before.clone()),
            texts: self.texts.clone(),
            replies: ledger.replies.clone(),
            inputs: ledger.inputs(),
            totals: summary.totals(),
        };
        for (table, batch) in [
            (&REJECTS, ledger.rejects(date)),
            (&FUNNEL, analysis.funnel),
            (&SUCCESS_RATES, success_rates),
            (&SUCCESS_AMOUNTS, analysis.success_amounts),
            (&CHANGES, changes),
            (&RATES_HISTORY, rates_history),
            (&PAYMENT_METHODS, analysis.payment_methods),
            (&TIME_TO_PAY, analysis.time_to_pay),
            (&ABANDONMENT, analysis.abandonment),
            (&FAILURE_REASONS, analysis.failure_reasons),
            (&FILES, ledger.table(date)),
            (&NIGHTS, summary.nights(&night, self.generation)),
        ] {
            stage(Sheet::of(table, &batch));
        }
        Ok(night)
    }
}

/// Hash of everything a night depends on: files, job, formats, carried state, version.
fn inputs_hash(job: &Job, date: NaiveDate, version: &str, deliveries: &Deliveries, before: Option<&PreviousNight>) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(version);
    part(&date.to_string());
    part(before.map_or("", |before| before.manifest_sha256.as_str()));
    job.texts_of(date).iter().for_each(|text| part(&text.text));
    let mut files: Vec<[&str; 3]> = deliveries.files.iter().map(Delivery::hashed).collect();
    files.sort_unstable();
    files.iter().flatten().for_each(|text| part(text));
    // What a source answered, and not in which words: those may tell of the moment.
    for told in &deliveries.without {
        for text in [&told.source, &told.account, &told.format, told.answer.word()] {
            part(text);
        }
    }
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
