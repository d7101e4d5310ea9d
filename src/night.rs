//! The close of one night: the only file that knows the order. Fetch, normalize, reconcile, analyze, publish.

mod deliveries;
mod ledger;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::format::Target;
use crate::format::time::day_range;
use crate::job::Job;
use crate::lake::{Lake, Manifest, Night, PreviousNight};
use crate::stage::analyze::{self, analyze};
use crate::stage::failures::FailureCategories;
use crate::stage::items::{Expected, merchant_side, outcome_columns, outcomes_of_rows, provider_side};
use crate::stage::normalize::normalize;
use crate::stage::reconcile::{Rules, Sides, reconcile};
use crate::stage::records::{attempts_of_orders, records};
use crate::table::analysis::{ABANDONMENT, FAILURE_REASONS, FUNNEL, SUCCESS_RATES};
use crate::table::delivery::{FILES, NIGHTS, REJECTS};
use crate::table::entries::ENTRIES;
use crate::table::reconciliation::{BREAKS, OPEN_ITEMS, ROLLFORWARD};
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};
use crate::table::rows::Rows;
use crate::table::sheet::Sheet;

use deliveries::{Deliveries, Delivery};

/// Version of this program, part of what a night depends on.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a night is closed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The business date.
    pub date: NaiveDate,
    /// Publish without the providers whose files are missing or refused, and mark the night incomplete.
    pub partial: bool,
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
}

/// Why a night was not closed: every file that is wrong, not only the first.
pub type Refused = Vec<Error>;

/// Closes a night of a job. `progress` is told what is being done.
pub fn close(job: &Job, options: Options, progress: &dyn Fn(&str)) -> std::result::Result<Closed, Refused> {
    let alone = |error: Error| vec![error];
    let lake = Lake::open(&job.lake).map_err(alone)?;
    let lock = lake.lock(options.date).map_err(alone)?;
    progress("looking for files");
    let mut deliveries = Deliveries::fetch(job, options, &lake, &lock)?;
    let before = lake.night_before(options.date).map_err(alone)?;
    let inputs_sha256 = inputs_hash(job, options, &deliveries, before.as_ref());
    let mut stands = false;
    if let Some(manifest) = lake.manifest(options.date).map_err(alone)?
        && manifest.night.inputs_sha256 == inputs_sha256
        && lake.is_intact(&manifest).map_err(alone)?
    {
        if manifest.night.complete {
            return Ok(Closed { changed: false, manifest, left_out: deliveries.left_out });
        }
        // An incomplete night is read again: its refused files are named, and stop a run that may not lack them.
        stands = true;
    }
    // What was archived reaches the disk while the night is worked on, and before it is published.
    let archived = deliveries.paths();
    std::thread::scope(|scope| {
        let settled = scope.spawn(|| lake.settle(&archived));
        progress("reading files");
        deliveries.read(job, options)?;
        let left_out = deliveries.left_out.clone();
        let staging = lake.stage(&lock, VERSION);
        // A table is encoded and written as soon as it is known, while the stages after it go on.
        let night = rayon::in_place_scope(|writers| {
            let stage = |sheet| staging.add(writers, sheet);
            stages(job, options, &lake, deliveries, before.as_ref(), inputs_sha256, &stage, progress)
        });
        let night = night.map_err(alone)?;
        settled.join().expect("settling files does not panic").map_err(alone)?;
        progress("publishing");
        let published = staging.finish().and_then(|outputs| lake.publish_staged(&lock, night, outputs)).map_err(alone)?;
        Ok(Closed { changed: !stands, manifest: published.manifest, left_out })
    })
}

/// The stages, in order: from files to the tables of the night, each given to `stage` once it is known.
#[expect(clippy::too_many_arguments, reason = "the state of one night, handed over once")]
fn stages(
    job: &Job,
    options: Options,
    lake: &Lake,
    mut deliveries: Deliveries,
    before: Option<&Manifest>,
    inputs_sha256: String,
    stage: &dyn Fn(Sheet),
    progress: &dyn Fn(&str),
) -> Result<Night> {
    let night = options.date;
    progress("normalizing");
    let mut delivered = deliveries.delivered(job);
    let (entries, (orders, (attempts, refunds))) = rayon::join(
        || normalize(&mut delivered.providers, night),
        || {
            let attempts_and_refunds = || {
                let attempts = || records(&mut delivered.attempts, Target::Attempts, night);
                rayon::join(attempts, || records(&mut delivered.refunds, Target::Refunds, night))
            };
            rayon::join(|| records(&mut delivered.orders, Target::Orders, night), attempts_and_refunds)
        },
    );
    let attempts = if job.attempts.is_some() { attempts } else { attempts_of_orders(&orders) };
    let files = deliveries::Ledger::of(delivered);
    ledger::conserved(&files, [&entries, &orders, &attempts, &refunds].map(Rows::count), job.attempts.is_some())?;

    stage(orders.sheet(&ORDERS, []));

    progress("reconciling");
    let carried = before.map(|before| before.night.business_date);
    let carried_items = carried.map_or_else(|| Ok(OPEN_ITEMS.empty()), |date| lake.read(&OPEN_ITEMS, date))?;
    let carried_breaks = carried.map_or_else(|| Ok(BREAKS.empty()), |date| lake.read(&BREAKS, date))?;
    let by_provider = job.expected(night);
    let expected = Expected { night, by_provider: &by_provider };
    let (provider, merchant) = rayon::join(
        || provider_side(&entries, &carried_items, &expected),
        || merchant_side(&attempts, &refunds, &carried_items, &expected),
    );
    let rules = Rules {
        night,
        rate_cards: job.providers.iter().flat_map(|provider| provider.rate_cards.clone()).collect(),
        tolerances: job.tolerances.clone(),
    };
    let sides = Sides { provider: &provider.parts, merchant: &merchant.parts };
    let reconciled = reconcile(sides, &carried_breaks, &rules)?;
    let of_entries = outcomes_of_rows(&provider.own, &reconciled.provider_outcomes);
    let mut of_attempts = outcomes_of_rows(&merchant.own, &reconciled.merchant_outcomes);
    let of_refunds = of_attempts.split_off(attempts.parts.len());
    let summary = ledger::Summary::of([&entries, &orders, &attempts, &refunds], &reconciled, &files);
    for sheet in [
        entries.sheet(&ENTRIES, outcome_columns(&of_entries)),
        attempts.sheet(&ATTEMPTS, outcome_columns(&of_attempts)),
        refunds.sheet(&REFUNDS, outcome_columns(&of_refunds)),
        reconciled.matches,
        Sheet::of(&BREAKS, &reconciled.breaks),
        Sheet::of(&OPEN_ITEMS, &reconciled.open_items),
        Sheet::of(&ROLLFORWARD, &reconciled.rollforward),
    ] {
        stage(sheet);
    }

    progress("analyzing");
    let failures = FailureCategories::shipped()?;
    let (_, closes_at) = day_range(night, job.timezone);
    let analysis = analyze(
        &analyze::Inputs { orders: &orders.parts, attempts: &attempts.parts, outcomes: &of_attempts },
        &analyze::Rules { night, closes_at, maturity: job.abandoned_after, failures: &failures },
    )?;

    let complete = deliveries.left_out.is_empty();
    let generation = lake.generation(night, &inputs_sha256)?;
    let closing = Night {
        job: job.name.clone(),
        business_date: night,
        inputs_sha256,
        version: VERSION.to_owned(),
        complete,
        timezone: job.timezone.to_string(),
        previous_night: before.map(PreviousNight::from),
        inputs: files.inputs(),
        totals: summary.totals(),
    };
    for (table, batch) in [
        (&REJECTS, files.rejects(night)),
        (&FUNNEL, analysis.funnel),
        (&SUCCESS_RATES, analysis.success_rates),
        (&ABANDONMENT, analysis.abandonment),
        (&FAILURE_REASONS, analysis.failure_reasons),
        (&FILES, files.table(night)),
        (&NIGHTS, summary.nights(&closing, generation)),
    ] {
        stage(Sheet::of(table, &batch));
    }
    Ok(closing)
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
    deliveries.left_out.iter().for_each(|error| part(&error.to_string()));
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
