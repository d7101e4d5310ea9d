//! The close of one night: fetch, read, then the stages that make its tables, and publish.
//!
//! The stages and their order stand twice: `whole` for a night that memory holds, `shares` for a larger one. Both
//! publish the same bytes.

pub mod answers;
mod apart;
mod deliveries;
mod ledger;
mod memory;
mod scatter;
mod shares;
mod whole;

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::format::time::day_range;
use crate::job::Job;
use crate::lake::{Lake, Manifest, Night, PreviousNight, Spill};
use crate::source::Switchboard;
use crate::stage::analyze::{self, Analysis};
use crate::stage::failures::FailureCategories;
use crate::stage::fees::{Contracts, Volumes};
use crate::stage::reconcile::Rules;
use crate::table::analysis::{ABANDONMENT, FAILURE_REASONS, FUNNEL, SUCCESS_RATES};
use crate::table::column::Table;
use crate::table::delivery::{FILES, NIGHTS, REJECTS};
use crate::table::fees::FEES;
use crate::table::sheet::Sheet;

use apart::Apart;
pub use deliveries::Told;
use deliveries::{Deliveries, Delivery, Ledger};
use ledger::Summary;
pub use memory::Memory;

/// Version of this program, part of what a night depends on.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a night is closed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The business date.
    pub date: NaiveDate,
    /// Publish without the providers whose files are missing or refused, and mark the night incomplete.
    pub partial: bool,
    /// How much memory the run may take. What is published is the same for any.
    pub memory: Memory,
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
}

/// Why a night was not closed: every file that is wrong, not only the first.
pub type Refused = Vec<Error>;

/// Closes a night of a job. `progress` is told what is being done.
pub fn close(job: &Job, options: Options, board: &Switchboard, progress: &dyn Fn(&str)) -> std::result::Result<Closed, Refused> {
    let alone = |error: Error| vec![error];
    let lake = Lake::open(&job.lake).map_err(alone)?;
    let lock = lake.lock(options.date).map_err(alone)?;
    progress("looking for files");
    let mut deliveries = Deliveries::fetch(job, options, &lake, &lock, board)?;
    let before = lake.night_before(options.date).map_err(alone)?;
    let inputs_sha256 = inputs_hash(job, options, &deliveries, before.as_ref());
    let mut stands = None;
    if let Some(manifest) = lake.manifest(options.date).map_err(alone)?
        && manifest.night.inputs_sha256 == inputs_sha256
        && lake.is_intact(&manifest).map_err(alone)?
    {
        if manifest.night.complete {
            let told = deliveries.told();
            return Ok(Closed { changed: false, manifest, left_out: deliveries.left_out, told });
        }
        // An incomplete night is read again: its refused files are named, and stop a run that may not lack them.
        stands = Some(manifest);
    }
    let sizes = options.memory.sizes(deliveries.text_bytes()).map_err(alone)?;
    let spill = sizes.map(|sizes| Ok((Spill::new(&lock)?, sizes))).transpose().map_err(alone)?;
    let apart = spill.as_ref().map(|(spill, sizes)| Apart { spill, sizes: *sizes });
    // What was archived reaches the disk while the night is worked on, and before it is published.
    let archived = deliveries.paths();
    std::thread::scope(|scope| {
        let settled = scope.spawn(|| lake.settle(&archived));
        progress("reading files");
        deliveries.read(job, options, apart)?;
        let (left_out, told) = (deliveries.left_out.clone(), deliveries.told());
        if let Some(manifest) = stands {
            // The same files are refused: only when and in which words sources answered may differ, which is no news.
            return Ok(Closed { changed: false, manifest, left_out, told });
        }
        let staging = lake.stage(&lock, VERSION);
        let closing = Closing { job, options, lake: &lake, before: before.as_ref(), inputs_sha256, progress };
        // A table is encoded and written as soon as it is known, while the stages after it go on.
        let night = rayon::in_place_scope(|writers| {
            let stage = |sheet| staging.add(writers, sheet);
            match apart {
                None => whole::stages(&closing, deliveries, &stage),
                Some(apart) => shares::stages(&closing, deliveries, apart, &staging, &stage),
            }
        });
        let night = night.map_err(alone)?;
        settled.join().expect("settling files does not panic").map_err(alone)?;
        progress("publishing");
        let published = staging.finish().and_then(|outputs| lake.publish_staged(&lock, night, outputs)).map_err(alone)?;
        Ok(Closed { changed: true, manifest: published.manifest, left_out, told })
    })
}

/// What a night is closed with.
struct Closing<'a> {
    job: &'a Job,
    options: Options,
    lake: &'a Lake,
    /// The night before.
    before: Option<&'a Manifest>,
    inputs_sha256: String,
    progress: &'a dyn Fn(&str),
}

impl Closing<'_> {
    /// What the night before left in `table`.
    fn carried(&self, table: &'static Table) -> Result<RecordBatch> {
        self.before.map_or_else(|| Ok(table.empty()), |before| self.lake.read(table, before.night.business_date))
    }

    /// Some columns of it.
    fn carried_columns(&self, table: &'static Table, names: &[&str]) -> Result<RecordBatch> {
        let Some(before) = self.before else {
            let positions: Vec<usize> = names.iter().map(|name| table.position(name)).collect();
            return Ok(table.empty().project(&positions).expect("positions of the table"));
        };
        self.lake.read_columns(table, before.night.business_date, names)
    }

    /// The same, for `each` a batch at a time.
    fn carried_batches(&self, table: &'static Table, mut each: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let Some(before) = self.before else { return Ok(()) };
        self.lake.batches(table, before.night.business_date)?.try_for_each(|batch| each(&batch?))
    }

    /// The contracts of the job, with the volumes the night before left.
    fn contracts(&self) -> Result<Contracts> {
        let rules = self.job.fees();
        let volumes = match self.before {
            Some(before) if rules.iter().any(|rule| !rule.tiers.is_empty()) => {
                Volumes::left_by(&self.carried(&FEES)?, before.night.business_date, self.options.date)
            }
            _ => Volumes::default(),
        };
        Ok(Contracts::open(rules, self.job.timezone, volumes))
    }

    /// What the comparison goes by.
    fn rules(&self) -> Rules {
        Rules {
            night: self.options.date,
            tolerances: self.job.tolerances.clone(),
            same_amount_within: self.job.same_amount_within,
        }
    }

    /// What the analysis goes by.
    fn analysis_rules<'f>(&self, failures: &'f FailureCategories) -> analyze::Rules<'f> {
        let (_, closes_at) = day_range(self.options.date, self.job.timezone);
        analyze::Rules { night: self.options.date, closes_at, maturity: self.job.abandoned_after, failures }
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
        let date = self.options.date;
        let generation = self.lake.generation(date, &self.inputs_sha256)?;
        let night = Night {
            job: self.job.name.clone(),
            business_date: date,
            inputs_sha256: self.inputs_sha256.clone(),
            version: VERSION.to_owned(),
            complete,
            timezone: self.job.timezone.to_string(),
            previous_night: self.before.map(PreviousNight::from),
            inputs: ledger.inputs(),
            totals: summary.totals(),
        };
        for (table, batch) in [
            (&REJECTS, ledger.rejects(date)),
            (&FUNNEL, analysis.funnel),
            (&SUCCESS_RATES, analysis.success_rates),
            (&ABANDONMENT, analysis.abandonment),
            (&FAILURE_REASONS, analysis.failure_reasons),
            (&FILES, ledger.table(date)),
            (&NIGHTS, summary.nights(&night, generation)),
        ] {
            stage(Sheet::of(table, &batch));
        }
        Ok(night)
    }
}

/// Hash of everything a night depends on: files, job, formats, carried state, version.
fn inputs_hash(job: &Job, options: Options, deliveries: &Deliveries, before: Option<&Manifest>) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(VERSION);
    part(&options.date.to_string());
    part(before.map_or("", |before| before.sha256.as_str()));
    job.texts.iter().for_each(|text| part(text));
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
