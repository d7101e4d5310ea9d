//! Whether the audit trail is whole: each link of it, and each line held against what is in `meta/`.
//!
//! A line that was changed, removed or moved breaks a link. A trail cut off at its end has all its links, and lacks the
//! line of something that is there: a manifest, a signature, a reopening. What no lake can tell by itself is a trail
//! written anew from its first line together with all of `meta/`; for that, keep the head elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::audit::PUBLISHED;
use super::{Act, AuditLine, Lake, Manifest, NIGHTS, manifest_path};
use crate::error::{Error, Result};

/// What was found of the audit trail.
#[derive(Debug)]
pub struct Chain {
    /// Its lines; none where a link is broken.
    pub lines: Vec<AuditLine>,
    /// How many manifests there are.
    pub manifests: usize,
    /// How many acts of people.
    pub acts: usize,
    /// What is wrong; nothing where it is whole.
    pub broken: Vec<Error>,
}

impl Chain {
    /// Hash of its last line: whoever keeps it elsewhere can tell whether this trail ever was another.
    #[must_use]
    pub fn head(&self) -> Option<&str> {
        self.lines.last().map(|line| line.sha256.as_str())
    }
}

impl Lake {
    /// Holds the audit trail against itself, the manifests and the acts.
    pub fn chain(&self) -> Result<Chain> {
        let (mut manifests, mut acts, mut broken) = (Vec::new(), Vec::new(), Vec::new());
        let store = &self.store;
        let nights: BTreeSet<String> = store.folders(NIGHTS)?.into_iter().chain(store.folders("meta/acts")?).collect();
        for night in nights.iter().filter_map(|name| name.parse().ok()) {
            // A file that cannot be read was changed: that is what is looked for here.
            self.generations(night).map_or_else(|error| broken.push(error), |found| manifests.extend(found));
            self.acts(night).map_or_else(|error| broken.push(error), |found| acts.extend(found));
        }
        let lines = self.audit().unwrap_or_else(|error| {
            broken.push(error);
            Vec::new()
        });
        if broken.is_empty() {
            broken.extend(self.without_line(&manifests, &acts, &lines));
            broken.extend(self.without_file(&manifests, &acts, &lines));
            broken.extend(self.without_night_before(&manifests));
        }
        Ok(Chain { lines, manifests: manifests.len(), acts: acts.len(), broken })
    }

    /// What is in `meta/` and has no line.
    fn without_line(&self, manifests: &[Manifest], acts: &[Act], lines: &[AuditLine]) -> Vec<Error> {
        let published: BTreeSet<&str> =
            lines.iter().filter(|line| line.action == PUBLISHED).map(|line| line.manifest_sha256.as_str()).collect();
        let told: BTreeSet<&str> = lines.iter().filter_map(|line| line.act_sha256.as_deref()).collect();
        let cut = |what: String| {
            Error::data(format!("the audit trail has no line of {what}: its end was cut off, or what it tells of was changed"))
                .file(self.shown("meta/audit.jsonl"))
                .expected("a line for every manifest, signature and reopening")
                .next("restore the file from a backup of the lake, and find out who changed it")
        };
        let of_manifests = manifests
            .iter()
            .filter(|manifest| !published.contains(manifest.sha256.as_str()))
            .map(|manifest| cut(format!("the night {}, generation {}", manifest.night.business_date, manifest.generation)));
        let of_acts = acts.iter().filter(|act| !told.contains(act.sha256.as_str())).map(|act| {
            cut(format!("the night {}, generation {}, {} by {}", act.business_date, act.generation, act.deed.word(), act.by))
        });
        of_manifests.chain(of_acts).collect()
    }

    /// What has a line and is not in `meta/`, or is there with another hash.
    fn without_file(&self, manifests: &[Manifest], acts: &[Act], lines: &[AuditLine]) -> Vec<Error> {
        let known: BTreeMap<_, &str> = manifests
            .iter()
            .map(|manifest| ((manifest.night.business_date, manifest.generation), manifest.sha256.as_str()))
            .collect();
        let acts: BTreeSet<&str> = acts.iter().map(|act| act.sha256.as_str()).collect();
        let lost = |line: &AuditLine, what: &str, file: String| {
            Error::data(format!("{what} that line {} of the audit trail tells of is gone or was changed", line.seq))
                .file(self.shown(&file))
                .next("restore the file from a backup of the lake, and find out who changed it")
        };
        let mut lost_ones = Vec::new();
        for line in lines {
            let (night, generation) = (line.business_date, line.generation);
            match &line.act_sha256 {
                Some(act) if !acts.contains(act.as_str()) => {
                    lost_ones.push(lost(line, &format!("the act `{}`", line.action), format!("meta/acts/{night}")));
                }
                _ if known.get(&(night, generation)) != Some(&line.manifest_sha256.as_str()) => {
                    lost_ones.push(lost(line, "the manifest", manifest_path(night, generation)));
                }
                _ => {}
            }
        }
        lost_ones.dedup_by(|one, other| one.file == other.file);
        lost_ones
    }

    /// Manifests that were built on another that is not there.
    fn without_night_before(&self, manifests: &[Manifest]) -> Vec<Error> {
        let known: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.sha256.as_str()).collect();
        let is_lost = |manifest: &&Manifest| {
            manifest.night.previous_night.as_ref().is_some_and(|before| !known.contains(before.manifest_sha256.as_str()))
        };
        let lost = manifests.iter().filter(is_lost).map(|manifest| {
            Error::data("the night before, which this one was closed on, is gone or was changed")
                .file(self.shown(&manifest_path(manifest.night.business_date, manifest.generation)))
                .next("restore its manifest from a backup of the lake, and find out who changed it")
        });
        lost.collect()
    }
}
