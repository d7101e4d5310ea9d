//! The manifest of a night: what it was closed from and what it published, with hashes. Creating it is the commit.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::communication::Ask;
use super::difference::Difference;
use crate::error::{Error, Result};

/// Version of the manifest's own layout.
pub const SCHEMA_VERSION: u32 = 1;

/// One generation of a night. Holds no clock of its own: the same files, and the same answers of those elsewhere who
/// were asked for them, are the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub schema_version: u32,
    /// How many times the night has been published with different inputs, this one included.
    pub generation: u64,
    /// What the night was closed from.
    #[serde(flatten)]
    pub night: Night,
    /// The tables whose rows differ from those of the generation before; none where there is none, or its tables were
    /// gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differences: Option<Vec<Difference>>,
    /// The files it published, one a table.
    pub outputs: Vec<Output>,
    /// SHA-256 of the manifest file itself; known once it is written, so not part of it.
    #[serde(skip)]
    pub sha256: String,
}

/// What a night was closed from, and its totals: all of a manifest that the lake does not decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Night {
    /// Name of the job.
    pub job: String,
    /// The night.
    pub business_date: NaiveDate,
    /// Hash of everything the night depends on: files, job, formats, carried state, version.
    pub inputs_sha256: String,
    /// Version of tieout.
    pub version: String,
    /// Whether every provider of the job was read.
    pub complete: bool,
    /// Time zone of the business date.
    pub timezone: String,
    /// The night whose open items were carried in.
    pub previous_night: Option<PreviousNight>,
    /// The texts it was closed by: with the files and the answers, all that is needed to close it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
    /// What each source answered, in the order of the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Reply>,
    /// The files that were read.
    pub inputs: Vec<Input>,
    /// Sums and counts by which the night ties, as the caller words them; amounts as text.
    pub totals: serde_json::Map<String, serde_json::Value>,
}

/// The exact manifest a night was built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousNight {
    /// Its night.
    pub business_date: NaiveDate,
    /// Its generation.
    pub generation: u64,
    /// SHA-256 of its file.
    pub manifest_sha256: String,
}

impl From<&Manifest> for PreviousNight {
    fn from(manifest: &Manifest) -> Self {
        Self {
            business_date: manifest.night.business_date,
            generation: manifest.generation,
            manifest_sha256: manifest.sha256.clone(),
        }
    }
}

/// A text that a night depends on, kept below `meta/texts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// job, format or calendar.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it is part of tieout, and not the job's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shipped: bool,
    /// SHA-256 of it.
    pub sha256: String,
}

/// What a source said when it was asked for the files of a night.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Provider or bank, or orders, attempts, refunds.
    pub source: String,
    /// The account with it.
    pub account: String,
    /// The format of its files.
    pub format: String,
    /// A word of [`Answer`](crate::table::delivery::Answer).
    pub answer: String,
    /// In its words, or those of the error.
    pub said: String,
    /// The conversation, where the place is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Provider name, or orders, attempts, refunds.
    pub source: String,
    /// The merchant's account, or empty for the merchant's own records.
    pub account: String,
    /// The format it was read with.
    pub format: String,
    /// Which layout of that format it has.
    pub layout: String,
    /// Its name as received.
    pub name: String,
    /// SHA-256 of its bytes as received.
    pub sha256: String,
    /// Its size as received.
    pub bytes: u64,
    /// read, duplicate or refused.
    pub state: String,
    /// Whether its place held other bytes before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restated: bool,
    /// Lines it holds, framing included.
    pub lines: u64,
    /// Lines that became rows.
    pub entries: u64,
    /// Lines that could not be read.
    pub rejects: u64,
}

/// One file that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its table.
    pub table: String,
    /// Where it is, relative to the lake.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// SHA-256 of its footer alone: a cheap look whether it is still this file.
    pub footer_sha256: String,
    /// Sum of each amount column over all rows and currencies: a check that nothing was lost, not an amount of
    /// money.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest, and its hash.
    #[must_use]
    pub fn new(generation: u64, night: Night, differences: Option<Vec<Difference>>, outputs: Vec<Output>) -> Self {
        let mut manifest =
            Self { schema_version: SCHEMA_VERSION, generation, night, differences, outputs, sha256: String::new() };
        manifest.sha256 = hex(&Sha256::digest(manifest.encode()));
        manifest
    }

    /// The generation that follows when the night is published from inputs of this hash.
    #[must_use]
    pub fn generation_for(&self, inputs_sha256: &str) -> u64 {
        if self.night.inputs_sha256 == inputs_sha256 { self.generation } else { self.generation + 1 }
    }

    /// The bytes of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest holds nothing JSON cannot say");
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn decode(bytes: &[u8], path: &str) -> Result<Self> {
        check_version(bytes, path)?;
        let mut manifest: Self = serde_json::from_slice(bytes).map_err(|error| damaged(path, &error))?;
        manifest.sha256 = hex(&Sha256::digest(bytes));
        Ok(manifest)
    }
}

/// The place of a manifest in the chain of nights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The night.
    pub business_date: NaiveDate,
    /// SHA-256 of the manifest it was built on.
    pub built_on: Option<String>,
    /// SHA-256 of its own.
    pub sha256: String,
}

impl Link {
    /// That of a manifest. Read by itself, it costs a fraction of the whole.
    pub(super) fn decode(bytes: &[u8], path: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Place {
            business_date: NaiveDate,
            previous_night: Option<PreviousNight>,
        }
        check_version(bytes, path)?;
        let place: Place = serde_json::from_slice(bytes).map_err(|error| damaged(path, &error))?;
        let built_on = place.previous_night.map(|previous| previous.manifest_sha256);
        Ok(Self { business_date: place.business_date, built_on, sha256: hex(&Sha256::digest(bytes)) })
    }
}

impl From<&Manifest> for Link {
    fn from(manifest: &Manifest) -> Self {
        let Night { business_date, previous_night, .. } = &manifest.night;
        let built_on = previous_night.as_ref().map(|previous| previous.manifest_sha256.clone());
        Self { business_date: *business_date, built_on, sha256: manifest.sha256.clone() }
    }
}

fn check_version(bytes: &[u8], path: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: Option<u64>,
    }
    let Version { schema_version } = serde_json::from_slice(bytes).map_err(|error| damaged(path, &error))?;
    if schema_version == Some(u64::from(SCHEMA_VERSION)) {
        return Ok(());
    }
    Err(Error::data("this manifest was written by another version of tieout")
        .file(path)
        .expected(format!("schema_version {SCHEMA_VERSION}"))
        .found(schema_version.map_or("none".to_owned(), |version| version.to_string()))
        .next("use the version of tieout that wrote the lake, or a newer one"))
}

fn damaged(path: &str, error: &serde_json::Error) -> Error {
    Error::data(format!("this manifest cannot be read: {error}"))
        .file(path)
        .next("restore the file from a backup of the lake; the data files of the night are not touched")
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
