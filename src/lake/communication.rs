//! What came of asking one source for one night's files, kept between runs, so that nothing comes twice and what was
//! restated is seen: `meta/deliveries/<business date>/<source>.<id>.json`.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::inbox::{Known, Received};
use super::manifest::hex;
use super::{Lake, NightLock};
use crate::error::{Error, Result};

/// Who is asked, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correspondent<'a> {
    /// Provider or bank, or orders, attempts, refunds.
    pub source: &'a str,
    /// The account with it; empty for the merchant's own records.
    pub account: &'a str,
    /// The format of the files.
    pub format: &'a str,
}

/// All that was said between tieout and one source about one night.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Communication {
    /// Provider or bank, or orders, attempts, refunds.
    pub source: String,
    /// The account with it.
    pub account: String,
    /// The format of the files.
    pub format: String,
    /// The last questions and their answers, the newest last.
    pub asked: Vec<Ask>,
    /// The files that count.
    pub files: Vec<Known>,
    /// Files that were delivered again with other bytes: the ones before.
    pub restated: Vec<Known>,
}

/// One question and its answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// When.
    pub at: DateTime<Utc>,
    /// What was answered: a word of [`Answer`](crate::table::delivery::Answer).
    pub answer: String,
    /// In the words of the other side, or of the error.
    pub said: String,
    /// How often it was tried.
    pub tries: u32,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// Bytes that came.
    pub bytes: u64,
}

/// Questions that are kept.
const ASKED: usize = 100;

impl Communication {
    /// Notes files that came. Those whose place held other bytes before are restated: their hashes are returned.
    pub fn receive(&mut self, received: &[Received]) -> Vec<String> {
        let mut restated = Vec::new();
        for Received { known, .. } in received {
            let before = self.files.iter().position(|before| before.locator == known.locator);
            match before.map(|at| std::mem::replace(&mut self.files[at], known.clone())) {
                None => self.files.push(known.clone()),
                Some(before) if before.sha256 == known.sha256 => {}
                Some(before) => {
                    self.restated.push(before);
                    restated.push(known.sha256.clone());
                }
            }
        }
        // What is gone from its place does not count any more; its bytes stay in the archive.
        self.files.retain(|file| received.iter().any(|received| received.known.locator == file.locator));
        restated
    }

    /// Notes a question and its answer.
    pub fn ask(&mut self, ask: Ask) {
        self.asked.push(ask);
        self.asked.drain(..self.asked.len().saturating_sub(ASKED));
    }

    /// Hashes of files that count and had other bytes before.
    #[must_use]
    pub fn restated_files(&self) -> Vec<&str> {
        let was =
            |file: &&Known| self.restated.iter().any(|before| before.locator == file.locator && before.sha256 != file.sha256);
        self.files.iter().filter(was).map(|file| file.sha256.as_str()).collect()
    }
}

impl Lake {
    /// What was said so far.
    pub fn communication(&self, night: NaiveDate, with: Correspondent) -> Result<Communication> {
        let new = || Communication {
            source: with.source.to_owned(),
            account: with.account.to_owned(),
            format: with.format.to_owned(),
            ..Communication::default()
        };
        let path = path(night, with);
        let Some(bytes) = self.store.find(&path)? else { return Ok(new()) };
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::data(format!("the record of deliveries cannot be read: {error}"))
                .file(self.shown(&path))
                .next("remove the file: the source is then asked again")
        })
    }

    /// Keeps what was said, durably, and the files it speaks of before it: they are not asked for again.
    pub fn keep_communication(
        &self,
        lock: &NightLock,
        with: Correspondent,
        said: &Communication,
        files: &[Received],
    ) -> Result<()> {
        self.settle(files.iter().filter(|file| file.now).map(|file| &file.archived))?;
        let mut bytes = serde_json::to_vec_pretty(said).expect("a record holds nothing JSON cannot say");
        bytes.push(b'\n');
        self.store.replace(&path(lock.night(), with), &bytes, lock.folder())
    }
}

fn path(night: NaiveDate, with: Correspondent) -> String {
    let mut hash = Sha256::new();
    for part in [with.source, with.account, with.format] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let id = &hex(&hash.finalize())[..16];
    format!("meta/deliveries/{night}/{}.{id}.json", with.source)
}
