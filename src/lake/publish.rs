//! Publishing a night: all of it or nothing, whatever dies and whenever.

use arrow::array::RecordBatch;
use std::path::PathBuf;
use std::sync::Mutex;

use rayon::Scope;

use super::audit::PUBLISHED;
use super::difference::{Difference, compare};
use super::manifest::{Manifest, Night, Output};
use super::merge::{Merge, Run};
use super::parquet::{Division, Stamp, Writer, Written};
use super::store::{Move, Readable};
use super::{Lake, NightLock, data_path, manifest_path, order, parquet};
use crate::error::{Error, Exit, Result};
use crate::signal;
use crate::table::TABLES;
use crate::table::column::Table;
use crate::table::sheet::Sheet;

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The manifest that now stands for the night.
    pub manifest: Manifest,
    /// Whether this made a new generation; otherwise the newest was there already, and is whole again.
    pub is_new: bool,
}

impl Lake {
    /// Publishes a night whose tables are all known: stages them, and publishes what was staged.
    pub fn publish(&self, lock: &NightLock, night: Night, tables: Vec<Sheet>) -> Result<Published> {
        let staging = self.stage(lock, &night.version);
        rayon::in_place_scope(|scope| tables.into_iter().for_each(|sheet| staging.add(scope, sheet)));
        let outputs = staging.finish()?;
        self.publish_staged(lock, night, outputs)
    }

    /// Begins to stage the tables of a night.
    #[must_use]
    pub fn stage(&self, lock: &NightLock, version: &str) -> Staging {
        let staged = Mutex::new(Vec::new());
        Staging {
            stamp: Stamp { night: lock.night(), version: version.to_owned() },
            folder: lock.folder().to_path_buf(),
            division: Division::PUBLISHED,
            staged,
        }
    }

    /// Publishes staged tables: moves them into place, and creates the manifest.
    ///
    /// From the same inputs as the newest generation there is no new one: its data files are restored where they
    /// are damaged, and bytes that differ are a broken law (70). Another run that published in the meantime: 75.
    ///
    /// # Panics
    /// If the lock is of another night: a mistake in the code that calls.
    pub fn publish_staged(&self, lock: &NightLock, night: Night, outputs: Vec<Output>) -> Result<Published> {
        let date = night.business_date;
        assert_eq!(lock.night(), date, "a night is published by the run that holds it");
        let newest = self.manifest(date)?;
        let generation = newest.as_ref().map_or(1, |newest| newest.generation_for(&night.inputs_sha256));
        if let Some(same) = newest.clone().filter(|newest| newest.generation == generation) {
            return self.restore(lock, same, &outputs);
        }
        let differences = newest.map(|before| self.differences(lock, &before)).transpose()?.flatten();
        lock.confirm()?;
        let commit = signal::commit();
        self.put(lock, outputs.iter())?;
        let manifest = Manifest::new(generation, night, differences, outputs);
        self.commit(lock, &manifest)?;
        self.record(PUBLISHED, &manifest)?;
        commit.done();
        Ok(Published { manifest, is_new: true })
    }

    /// In which tables what is staged differs from the generation `before`, where its files are still there.
    fn differences(&self, lock: &NightLock, before: &Manifest) -> Result<Option<Vec<Difference>>> {
        if !self.is_intact(before)? {
            return Ok(None);
        }
        let differs = |table: &'static Table| {
            let was = self.store.open(&data_path(table, lock.night()))?;
            let is = Readable::find(&lock.folder().join(staged_name(table.name)))?;
            compare(table, was.as_ref(), is.as_ref(), &mut |_| Ok(()))
        };
        match TABLES.iter().map(|table| differs(table)).collect::<Result<Vec<_>>>() {
            Ok(differences) => Ok(Some(differences.into_iter().filter(|difference| !difference.is_empty()).collect())),
            // Of a version whose tables had other columns.
            Err(error) if error.exit == Exit::BadData => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves staged files into place and publishes nothing: in a scratch lake, where they are only looked at.
    pub fn keep_staged(&self, lock: &NightLock, outputs: &[Output]) -> Result<()> {
        self.put(lock, outputs.iter())
    }

    /// Puts the files that `from` has of a generation where its own are missing or damaged.
    pub fn restore_from(&self, lock: &NightLock, from: &Self, manifest: &Manifest) -> Result<()> {
        assert_eq!(lock.night(), manifest.night.business_date, "a night is restored by the run that holds it");
        let lacking = self.lacking(&manifest.outputs)?;
        let moves = lacking.iter().map(|output| Move { staged: from.store.near(&output.path), path: output.path.clone() });
        lock.confirm()?;
        let _commit = signal::commit();
        self.store.put(&moves.collect::<Vec<_>>())?;
        self.record("restored", manifest)
    }

    /// Puts staged files where those of the newest generation, made from the same inputs, are missing or damaged.
    fn restore(&self, lock: &NightLock, newest: Manifest, outputs: &[Output]) -> Result<Published> {
        if let Some(differing) = differing(&newest.outputs, outputs) {
            return Err(Error::law(format!(
                "the night {}, closed from the same inputs as generation {}, gives another {differing}",
                newest.night.business_date, newest.generation
            )));
        }
        let lacking = self.lacking(outputs)?;
        if !lacking.is_empty() {
            lock.confirm()?;
            let _commit = signal::commit();
            self.put(lock, lacking.into_iter())?;
            self.record("restored", &newest)?;
        }
        Ok(Published { manifest: newest, is_new: false })
    }

    /// Those of a generation's files that are missing or damaged.
    fn lacking<'o>(&self, outputs: &'o [Output]) -> Result<Vec<&'o Output>> {
        let mut lacking = Vec::new();
        for output in outputs {
            if !self.holds(output)? {
                lacking.push(output);
            }
        }
        Ok(lacking)
    }

    /// Puts staged files in their places.
    fn put<'o>(&self, lock: &NightLock, outputs: impl Iterator<Item = &'o Output>) -> Result<()> {
        let moves =
            outputs.map(|output| Move { staged: lock.folder().join(staged_name(&output.table)), path: output.path.clone() });
        self.store.put(&moves.collect::<Vec<_>>())
    }

    /// Creates the manifest: from here on the night is published.
    fn commit(&self, lock: &NightLock, manifest: &Manifest) -> Result<()> {
        let path = manifest_path(manifest.night.business_date, manifest.generation);
        self.store.create(&path, &manifest.encode(), lock.folder())
    }
}

/// Tables on their way into the lake: each is written and checked in the staging folder as soon as it is known,
/// while the night is still worked on.
#[derive(Debug)]
pub struct Staging {
    stamp: Stamp,
    folder: PathBuf,
    division: Division,
    staged: Mutex<Vec<Result<Output>>>,
}

impl Staging {
    /// Divides files otherwise than published ones are: for tests.
    #[must_use]
    pub fn divided(self, division: Division) -> Self {
        Self { division, ..self }
    }

    /// Writes a table in the background of `scope`: ordered by its key, as a sheet of named rows must come.
    pub fn add<'scope>(&'scope self, scope: &Scope<'scope>, sheet: Sheet) {
        scope.spawn(move |_| {
            let output = self.write(sheet);
            self.staged.lock().expect("no writer panics while it holds the list").push(output);
        });
    }

    fn write(&self, sheet: Sheet) -> Result<Output> {
        let sheet = order::by_key(sheet);
        let path = self.folder.join(staged_name(sheet.table.name));
        let written = parquet::write(&path, &sheet, self.division, &self.stamp)?;
        Ok(self.output(sheet.table, written))
    }

    /// Merges runs of a table and writes them as one file, with a row group in memory at a time: the bytes that all
    /// rows as one sheet would be. Says how many rows they were.
    ///
    /// # Panics
    /// If a run is not ordered by the key, or a batch is longer than a part: a mistake in the code that made it.
    pub fn merge(&self, table: &'static Table, runs: Vec<Run>) -> Result<u64> {
        let mut merge = Merge::of(table, runs)?;
        let mut writer = self.begin(table)?;
        let mut rows = 0;
        while let Some(sheet) = merge.next(self.division.group)? {
            rows += sheet.rows as u64;
            writer.append(&sheet)?;
        }
        self.end(writer)?;
        Ok(rows)
    }

    /// Begins a table whose rows come sheet after sheet.
    pub fn begin(&self, table: &'static Table) -> Result<Writer> {
        Writer::create(&self.folder.join(staged_name(table.name)), table, self.division, &self.stamp)
    }

    /// Ends a table that was begun.
    pub fn end(&self, writer: Writer) -> Result<()> {
        let table = writer.table;
        let output = self.output(table, writer.finish()?);
        self.staged.lock().expect("no writer panics while it holds the list").push(Ok(output));
        Ok(())
    }

    /// The columns `names` of those rows of a staged table that `pick` chooses, looking at the columns `looked_at`.
    pub fn rows_where(
        &self,
        table: &'static Table,
        looked_at: &[&str],
        pick: impl Fn(&RecordBatch) -> Vec<usize>,
        names: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        let path = self.folder.join(staged_name(table.name));
        let file =
            Readable::find(&path)?.ok_or_else(|| Error::law("a table that was staged is not there").file(path.display()))?;
        parquet::rows_where(&file, table, looked_at, pick, names)
    }

    fn output(&self, table: &Table, written: Written) -> Output {
        Output {
            table: table.name.to_owned(),
            path: data_path(table, self.stamp.night),
            rows: written.rows,
            bytes: written.bytes,
            sha256: written.sha256,
            footer_sha256: written.footer_sha256,
            sums: written.sums,
        }
    }

    /// What was staged, in the order of the flow; or why a table could not be.
    pub fn finish(self) -> Result<Vec<Output>> {
        let staged = self.staged.into_inner().expect("every writer has ended");
        let mut outputs = staged.into_iter().collect::<Result<Vec<Output>>>()?;
        outputs.sort_by_key(|output| TABLES.iter().position(|table| table.name == output.table));
        Ok(outputs)
    }
}

fn staged_name(table: &str) -> String {
    format!("{table}.parquet")
}

/// The first table in which two generations differ.
fn differing<'a>(left: &'a [Output], right: &'a [Output]) -> Option<&'a str> {
    let missing = left.get(right.len()).or(right.get(left.len()));
    let differing = left.iter().zip(right).find(|(left, right)| left != right).map(|(left, _)| left);
    differing.or(missing).map(|output| output.table.as_str())
}
