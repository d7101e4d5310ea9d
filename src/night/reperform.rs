//! A published night closed again, from what the lake keeps of it and nothing else: its files out of the archive, its
//! job, formats, calendars and resolutions, what its sources answered, and what the night before left.
//!
//! That night may have gone from `data/`, been published anew, or both. Then it is closed again too, and the one before
//! it, back to one that is still there, or to the first. All of it happens in scratch lakes, which nobody sees.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rayon::prelude::*;

use super::apart::Apart;
use super::deliveries::Deliveries;
use super::memory::Memory;
use super::{CARRIED, Closing, Options, inputs_hash};
use crate::error::{Error, Exit, Result};
use crate::job::{self, Job, TextKind};
use crate::lake::{Lake, Manifest, NightLock, Output, PreviousNight, Scratch, Spill};
use crate::stage::change::baseline_nights;
use crate::stage::items::RecordsBefore;
use crate::stage::restated::{Known, Stated};
use crate::stage::stated_before::{Before, GIVEN_BACK, PLACED, Sought, Stating, TRIES};
use crate::table::TABLES;
use crate::table::analysis::{RATES_HISTORY, SUCCESS_RATES};
use crate::table::column::Table;
use crate::table::entries::ENTRIES;
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};
use crate::table::rows::Rows;

/// Closes published nights of a lake again.
pub struct Reperformance<'l> {
    lake: &'l Lake,
    /// Taken once something is closed again.
    scratch: Option<Scratch>,
    memory: Memory,
    progress: &'l dyn Fn(&str),
    /// What has come out the same, by the hash of its manifest, and the lake that has what it leaves to the next night.
    done: BTreeMap<String, Lake>,
}

/// Nights before one, as it was closed on them.
#[derive(Debug)]
pub(super) struct Earlier {
    /// Those in which payments and what is stated again are looked for, the oldest first, each with a lake that has what is
    /// [`LOOKED_INTO`] of it.
    pub(super) nights: Vec<(Lake, NaiveDate)>,
    /// Whether they go back to the day that was asked for.
    pub(super) reaches_back: bool,
    /// Those its rates are compared with, each with a lake that has its rates.
    pub(super) baseline: Vec<(Lake, NaiveDate)>,
    /// Table `rates_history` of the generation before.
    pub(super) rates_history: RecordBatch,
    /// What of them is read from the lake itself.
    read: Vec<(Manifest, &'static [&'static Table])>,
}

impl Earlier {
    /// The first night that is not any more as it was when the reading began: another run publishes it anew.
    pub(super) fn changed(&self, lake: &Lake) -> Result<Option<NaiveDate>> {
        for (manifest, tables) in &self.read {
            if !lake.holds_intact(manifest, tables)? {
                return Ok(Some(manifest.night.business_date));
            }
        }
        Ok(None)
    }

    /// What they said of rows of `night` that have ended since; `open` is what has not.
    pub(super) fn said(
        &self,
        stating: &'static Stating,
        rows: &Rows,
        open: &Known,
        (night, zone): (NaiveDate, Tz),
    ) -> Result<Before> {
        let sought = Sought::of(stating, rows, open, (night, zone));
        let Some(since) = sought.since(zone) else { return Ok(Before::default()) };
        let of_night = |(lake, night): &(Lake, NaiveDate)| {
            let pick = |batch: &RecordBatch| sought.rows(batch);
            let rows = lake.rows_where((stating.table, *night), &stating.looked_at(), pick, &stating.read())?;
            Ok(Before::of(stating, (*night, zone), &rows))
        };
        let nights: Vec<&(Lake, NaiveDate)> = self.nights.iter().filter(|(_, night)| *night >= since).collect();
        let said: Vec<Before> = nights.into_par_iter().map(of_night).collect::<Result<_>>()?;
        Ok(said.into_iter().fold(Before::default(), Before::then))
    }

    /// Which orders of `night` they stated the same of, by part and row.
    pub(super) fn said_of_orders(&self, orders: &Rows, night: (NaiveDate, Tz)) -> Result<Vec<Vec<bool>>> {
        let before = self.said(&PLACED, orders, &Known::default(), night)?;
        Ok(orders.parts.iter().map(|part| before.says_the_same(&PLACED, part)).collect())
    }

    /// What they said of the merchant's claims.
    pub(super) fn said_of_records(
        &self,
        attempts: &Rows,
        refunds: &Rows,
        open: &Stated,
        night: (NaiveDate, Tz),
    ) -> Result<RecordsBefore> {
        Ok(RecordsBefore {
            attempts: self.said(&TRIES, attempts, &open.attempts, night)?,
            refunds: self.said(&GIVEN_BACK, refunds, &open.refunds, night)?,
        })
    }
}

/// What later nights look into of a night: for what was stated before, and for the payments of what is given back.
const LOOKED_INTO: [&Table; 4] = [&ENTRIES, &ORDERS, &ATTEMPTS, &REFUNDS];
/// What they compare their rates with, and later generations of the same go on with.
const RATES: [&Table; 2] = [&SUCCESS_RATES, &RATES_HISTORY];

/// What they compare their rates with, alone.
const COMPARED: [&Table; 1] = [&SUCCESS_RATES];

/// What is kept of a night closed again: all that, and what the next night takes of it.
const KEPT: [&Table; CARRIED.len() + LOOKED_INTO.len() + RATES.len()] = {
    let mut kept = [&ENTRIES; CARRIED.len() + LOOKED_INTO.len() + RATES.len()];
    let (carried, looked_into) = (CARRIED.len(), CARRIED.len() + LOOKED_INTO.len());
    let mut at = 0;
    while at < kept.len() {
        kept[at] = if at < carried {
            CARRIED[at]
        } else if at < looked_into {
            LOOKED_INTO[at - carried]
        } else {
            RATES[at - looked_into]
        };
        at += 1;
    }
    kept
};

/// A night closed again.
#[derive(Debug)]
pub struct Again {
    /// What its manifest would be.
    pub manifest: Manifest,
    /// A lake that has its tables: all of them, or those that were to be kept.
    pub lake: Lake,
}

impl Again {
    /// The tables that do not come out as `published`, and `manifest` where only that does not.
    #[must_use]
    pub fn differing(&self, published: &Manifest) -> Vec<String> {
        let differs = |name: &&str| output(published, name) != output(&self.manifest, name);
        let mut names: Vec<&str> = TABLES.iter().map(|table| table.name).filter(differs).collect();
        if names.is_empty() && self.manifest.sha256 != published.sha256 {
            names.push("manifest");
        }
        names.into_iter().map(str::to_owned).collect()
    }
}

/// What a generation published as a table.
#[must_use]
pub fn output<'m>(manifest: &'m Manifest, table: &str) -> Option<&'m Output> {
    manifest.outputs.iter().find(|output| output.table == table)
}

impl<'l> Reperformance<'l> {
    /// Of nights of `lake`. `progress` is told what is being done.
    #[must_use]
    pub fn new(lake: &'l Lake, memory: Memory, progress: &'l dyn Fn(&str)) -> Self {
        Self { lake, scratch: None, memory, progress, done: BTreeMap::new() }
    }

    /// Closes a generation again, and keeps of its tables what later nights take.
    pub fn again(&mut self, manifest: &Manifest) -> Result<Again> {
        self.again_with(manifest, &KEPT)
    }

    /// Closes a generation again, and keeps all its tables.
    pub fn whole(&mut self, manifest: &Manifest) -> Result<Again> {
        self.again_with(manifest, &TABLES)
    }

    fn again_with(&mut self, manifest: &Manifest, tables: &[&Table]) -> Result<Again> {
        let before = match &manifest.night.previous_night {
            Some(previous) => Some((self.left_by(previous)?, previous.clone())),
            None => None,
        };
        let again = self.work(manifest, before.as_ref(), tables)?;
        if again.differing(manifest).is_empty() {
            self.done.insert(manifest.sha256.clone(), again.lake.clone());
        }
        Ok(again)
    }

    /// A lake that has all tables of a generation, byte for byte: this one, or one in which it is closed again.
    pub fn tables_of(&mut self, manifest: &Manifest) -> Result<Lake> {
        if self.lake.holds_all(manifest, &TABLES)? {
            return Ok(self.lake.clone());
        }
        let again = self.whole(manifest)?;
        let differing = again.differing(manifest);
        if differing.is_empty() { Ok(again.lake) } else { Err(comes_out_other(manifest, &differing)) }
    }

    /// What a generation of `night` looks for in the nights before it, each as it was: of the generation that the night
    /// after it was built on; and in the generation before.
    pub(super) fn earlier(
        &mut self,
        (night, generation): (NaiveDate, u64),
        previous: Option<&PreviousNight>,
        given_back_within: TimeDelta,
    ) -> Result<Earlier> {
        let since = night - given_back_within;
        let compared = baseline_nights(night);
        let (chain, earliest) = self.chain(previous, since.min(compared[compared.len() - 1]))?;
        let (mut nights, mut baseline, mut read) = (Vec::new(), Vec::new(), Vec::new());
        let mut lake_with = |manifest: &Manifest, tables: &'static [&'static Table]| {
            let lake = self.lake_with(manifest, tables)?;
            if lake.root() == self.lake.root() {
                read.push((manifest.clone(), tables));
            }
            Ok::<_, Error>(lake)
        };
        // The oldest first, so that one closed again finds those before it.
        for manifest in chain.iter().rev() {
            let date = manifest.night.business_date;
            if date >= since {
                nights.push((lake_with(manifest, &LOOKED_INTO)?, date));
            }
            if compared.contains(&date) {
                baseline.push((lake_with(manifest, &COMPARED)?, date));
            }
        }
        let rates_history = self.rates_history(night, generation)?;
        let reaches_back = earliest.is_some_and(|earliest| earliest <= since);
        Ok(Earlier { nights, reaches_back, baseline, rates_history, read })
    }

    /// The nights before one that is built on `previous`, back to `since`, the latest first; and the earliest night that
    /// is known to have been closed.
    fn chain(&self, previous: Option<&PreviousNight>, since: NaiveDate) -> Result<(Vec<Manifest>, Option<NaiveDate>)> {
        let (mut chain, mut earliest) = (Vec::new(), None);
        let mut next = previous.cloned();
        while let Some(previous) = next.take() {
            earliest = Some(previous.business_date);
            if previous.business_date < since {
                break;
            }
            let manifest = self.manifest_of(&previous)?;
            next.clone_from(&manifest.night.previous_night);
            chain.push(manifest);
        }
        Ok((chain, earliest))
    }

    /// A lake that has what a generation published as `tables`: this one, or one in which it is closed again.
    fn lake_with(&mut self, manifest: &Manifest, tables: &[&Table]) -> Result<Lake> {
        if !self.done.contains_key(&manifest.sha256) && self.lake.holds_intact(manifest, tables)? {
            return Ok(self.lake.clone());
        }
        self.lake_closed_again(manifest)
    }

    /// The rates of the generations of a night before one, as they were published. Every later generation has them too, so
    /// the newest is looked into; where it is gone, the one before is closed again. A generation that cannot be closed
    /// again any more, or is of a version that kept no rates, leaves none: from there on they begin anew.
    fn rates_history(&mut self, night: NaiveDate, generation: u64) -> Result<RecordBatch> {
        if generation == 1 {
            return Ok(RATES_HISTORY.empty());
        }
        let has_some = |manifest: &Manifest| output(manifest, RATES_HISTORY.name).is_some();
        if let Some(newest) = self.lake.manifest(night)?.filter(has_some)
            && self.lake.holds_all(&newest, &[&RATES_HISTORY])?
        {
            return self.lake.read(&RATES_HISTORY, night);
        }
        let before = self.lake.manifest_of(night, generation - 1);
        let lake = before.and_then(|before| has_some(&before).then(|| self.lake_closed_again(&before)).transpose());
        match lake {
            Ok(Some(lake)) => lake.read(&RATES_HISTORY, night),
            Ok(None) => Ok(RATES_HISTORY.empty()),
            Err(error) if error.exit == Exit::BadData => Ok(RATES_HISTORY.empty()),
            Err(error) => Err(error),
        }
    }

    /// A lake in which a generation is closed again, byte for byte.
    fn lake_closed_again(&mut self, manifest: &Manifest) -> Result<Lake> {
        if let Some(lake) = self.done.get(&manifest.sha256) {
            return Ok(lake.clone());
        }
        let again = self.again(manifest)?;
        let differing = again.differing(manifest);
        if differing.is_empty() { Ok(again.lake) } else { Err(comes_out_other(manifest, &differing)) }
    }

    /// A lake that has what a generation left to the next night, byte for byte.
    fn left_by(&mut self, previous: &PreviousNight) -> Result<Lake> {
        let mut chain = Vec::new();
        let mut next = Some(previous.clone());
        let mut found = None;
        while let Some(previous) = next.take() {
            if let Some(lake) = self.done.get(&previous.manifest_sha256) {
                found = Some(lake.clone());
                break;
            }
            let manifest = self.manifest_of(&previous)?;
            if self.lake.holds_all(&manifest, &CARRIED)? {
                found = Some(self.lake.clone());
                break;
            }
            next.clone_from(&manifest.night.previous_night);
            chain.push(manifest);
        }
        for manifest in chain.into_iter().rev() {
            let before = found.zip(manifest.night.previous_night.clone());
            let again = self.work(&manifest, before.as_ref(), &KEPT)?;
            let differing = again.differing(&manifest);
            if !differing.is_empty() {
                return Err(comes_out_other(&manifest, &differing));
            }
            self.done.insert(manifest.sha256, again.lake.clone());
            found = Some(again.lake);
        }
        Ok(found.expect("a night before was named, so there is one"))
    }

    /// The manifest a night says it was built on, unchanged.
    fn manifest_of(&self, previous: &PreviousNight) -> Result<Manifest> {
        let manifest = self.lake.manifest_of(previous.business_date, previous.generation)?;
        if manifest.sha256 == previous.manifest_sha256 {
            return Ok(manifest);
        }
        Err(Error::data(format!(
            "the manifest of {}, generation {}, was changed since the night after it was closed",
            previous.business_date, previous.generation
        ))
        .expected(&previous.manifest_sha256)
        .found(manifest.sha256)
        .next("restore the file from a backup of the lake, and find out who changed it"))
    }

    /// Closes a generation again on what the night before left.
    fn work(&mut self, manifest: &Manifest, before: Option<&(Lake, PreviousNight)>, tables: &[&Table]) -> Result<Again> {
        let night = &manifest.night;
        let of_night =
            |error: Error| if error.file.is_some() { error } else { error.file(format!("night {}", night.business_date)) };
        let job = kept_job(self.lake, manifest).map_err(of_night)?;
        let of = (night.business_date, manifest.generation);
        let earlier = self.earlier(of, night.previous_night.as_ref(), job.given_back_within)?;
        (self.progress)(&format!("closing {} again", night.business_date));
        if self.scratch.is_none() {
            self.scratch = Some(self.lake.scratch()?);
        }
        let place = self.scratch.as_ref().expect("it was just taken").lake(&manifest.sha256)?;
        let lock = place.lock(night.business_date)?;
        let mut deliveries = Deliveries::kept(&job, self.lake, night).map_err(of_night)?;
        let sizes = self.memory.sizes(deliveries.text_bytes())?;
        let spill = sizes.map(|sizes| Ok::<_, Error>((Spill::new(&lock)?, sizes))).transpose()?;
        let apart = spill.as_ref().map(|(spill, sizes)| Apart { spill, sizes: *sizes });
        let inputs_sha256 = inputs_hash(&job, night.business_date, &night.version, &deliveries, night.previous_night.as_ref());
        // What it was published without is left out again.
        let options = Options { partial: true, ..Options::of(night.business_date) };
        deliveries.read(&job, options, apart).map_err(|errors| of_night(first(errors)))?;
        let closing = Closing {
            job: &job,
            night: night.business_date,
            before: before.map(|(lake, previous)| (lake, previous.clone())),
            earlier,
            inputs_sha256,
            generation: manifest.generation,
            version: &night.version,
            texts: night.texts.clone(),
            progress: &|_| {},
        };
        let staging = place.stage(&lock, &night.version);
        let worked = closing.work(deliveries, apart, &staging)?;
        let outputs = staging.finish()?;
        let kept: Vec<Output> =
            outputs.iter().filter(|output| tables.iter().any(|table| table.name == output.table)).cloned().collect();
        place.keep_staged(&lock, &kept)?;
        let manifest = Manifest::new(manifest.generation, worked, manifest.differences.clone(), outputs);
        Ok(Again { manifest, lake: place })
    }
}

/// The job a night was closed by, as it was then.
pub fn kept_job(lake: &Lake, manifest: &Manifest) -> Result<Job> {
    let texts = &manifest.night.texts;
    if texts.is_empty() {
        return Err(Error::data("the night was published by a version of tieout that did not keep its job")
            .found(&manifest.night.version)
            .next("run the night again: from then on it can be closed again from the lake alone"));
    }
    let kept = texts.iter().map(|text| {
        let kind = TextKind::ALL.into_iter().find(|kind| kind.word() == text.kind);
        let kind = kind.ok_or_else(|| Error::data("a manifest names no such text").found(&text.kind))?;
        Ok(job::Text { kind, name: text.name.clone(), shipped: text.shipped, text: lake.text(&text.sha256)? })
    });
    Job::kept(kept.collect::<Result<_>>()?)
}

/// Puts back what is missing or damaged of the newest generation of a night, closed again from the lake; says whether
/// it is whole now. A lake that lacks what that takes is no error here: the night is then closed from its sources.
pub(super) fn restore(
    lake: &Lake,
    lock: &NightLock,
    newest: &Manifest,
    options: Options,
    progress: &dyn Fn(&str),
) -> Result<bool> {
    let mut nights = Reperformance::new(lake, options.memory, progress);
    let again = nights.whole(newest).and_then(|again| {
        // Moved before the scratch folder goes.
        let is_same = again.differing(newest).is_empty();
        if is_same {
            lake.restore_from(lock, &again.lake, newest)?;
        }
        Ok(is_same)
    });
    match again {
        Err(error) if error.exit == Exit::BadData => Ok(false),
        other => other,
    }
}

fn comes_out_other(manifest: &Manifest, differing: &[String]) -> Error {
    Error::data(format!(
        "the night {}, generation {}, does not come out as it was published",
        manifest.night.business_date, manifest.generation
    ))
    .found(format!("other bytes of {}", differing.join(", ")))
    .next(format!(
        "look into that night first: tieout verify <job> --date {} --generation {}",
        manifest.night.business_date, manifest.generation
    ))
}

fn first(errors: Vec<Error>) -> Error {
    errors.into_iter().next().expect("a refusal has a reason")
}
