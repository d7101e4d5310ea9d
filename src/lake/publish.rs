//! Publishing a night: all of it or nothing, whatever dies and whenever.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::manifest::{Manifest, Night, Output, SCHEMA_VERSION};
use super::store::Store;
use super::{Lake, NightLock, data_path, durable, manifest_path, order, parquet};
use crate::error::{Error, Result};
use crate::table::column::Table;

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The manifest that now stands for the night.
    pub manifest: Manifest,
    /// Whether this made a new generation; otherwise the newest was there already, and is whole again.
    pub is_new: bool,
}

impl Lake {
    /// Publishes a night: stages every table, reads it back and checks it, moves it into place, and creates the
    /// manifest. Tables are ordered by their key on the way.
    ///
    /// From the same inputs as the newest generation there is no new one: its data files are restored where they
    /// are damaged, and bytes that differ are a broken law (70). Another run that published in the meantime: 75.
    ///
    /// # Panics
    /// If the lock is of another night, or a batch is not of its table: a mistake in the code that calls.
    pub fn publish(&self, lock: &NightLock, night: Night, tables: Vec<(&'static Table, RecordBatch)>) -> Result<Published> {
        let date = night.business_date;
        assert_eq!(lock.night(), date, "a night is published by the run that holds it");
        let newest = self.manifest(date)?;
        let generation = newest.as_ref().map_or(1, |newest| newest.generation_for(&night.inputs_sha256));

        let outputs = stage(lock, &night, tables)?;
        if let Some(same) = newest.filter(|newest| newest.generation == generation) {
            return self.restore(lock, same, &outputs);
        }
        for output in &outputs {
            self.move_into_place(lock, output)?;
        }
        let mut manifest = Manifest { schema_version: SCHEMA_VERSION, generation, night, outputs, sha256: String::new() };
        self.commit(lock, &mut manifest)?;
        self.record("published", &manifest)?;
        Ok(Published { manifest, is_new: true })
    }

    /// Puts staged files where those of the newest generation, made from the same inputs, are missing or damaged.
    fn restore(&self, lock: &NightLock, newest: Manifest, outputs: &[Output]) -> Result<Published> {
        if let Some(differing) = difference(&newest.outputs, outputs) {
            return Err(Error::law(format!(
                "the night {}, closed from the same inputs as generation {}, gives another {differing}",
                newest.night.business_date, newest.generation
            )));
        }
        let mut restored = false;
        for output in outputs {
            if !self.holds(output)? {
                self.move_into_place(lock, output)?;
                restored = true;
            }
        }
        if restored {
            self.record("restored", &newest)?;
        }
        Ok(Published { manifest: newest, is_new: false })
    }

    fn move_into_place(&self, lock: &NightLock, output: &Output) -> Result<()> {
        durable::rename(&lock.folder().join(staged_name(&output.table)), &self.root.join(&output.path))
    }

    /// Creates the manifest: from here on the night is published.
    fn commit(&self, lock: &NightLock, manifest: &mut Manifest) -> Result<()> {
        let date = manifest.night.business_date;
        let name = format!("{}.json", manifest.generation);
        durable::write_new(&lock.folder().join(&name), &manifest.encode())?;
        let path = manifest_path(date, manifest.generation);
        let folder = self.root.join(&path);
        durable::create_folders(durable::folder_of(&folder))?;
        let store = Store::folder(&self.root)?.expect("the lake's folder holds the lock");
        store.create(&format!("staging/{date}/{name}"), &path)?;
        durable::sync_folder(durable::folder_of(&folder))
    }
}

/// Writes and checks every table in the staging folder. A table's memory is given back once it is written.
fn stage(lock: &NightLock, night: &Night, tables: Vec<(&'static Table, RecordBatch)>) -> Result<Vec<Output>> {
    let stage_one = |(table, batch): (&'static Table, RecordBatch)| {
        assert_eq!(batch.schema(), table.schema(), "table {}: the batch is not of this table", table.name);
        let batch = order::by_key(table, batch);
        let written = parquet::write(&lock.folder().join(staged_name(table.name)), table, &batch, night)?;
        Ok(Output {
            table: table.name.to_owned(),
            path: data_path(table, night.business_date),
            rows: written.rows,
            bytes: written.bytes,
            sha256: written.sha256,
            footer_sha256: written.footer_sha256,
            sums: written.sums,
        })
    };
    // Side by side: while one is hashed and written, another is encoded.
    tables.into_par_iter().with_max_len(1).map(stage_one).collect()
}

fn staged_name(table: &str) -> String {
    format!("{table}.parquet")
}

/// The first table in which two generations differ.
fn difference<'a>(left: &'a [Output], right: &'a [Output]) -> Option<&'a str> {
    let missing = left.get(right.len()).or(right.get(left.len()));
    let differing = left.iter().zip(right).find(|(left, right)| left != right).map(|(left, _)| left);
    differing.or(missing).map(|output| output.table.as_str())
}
