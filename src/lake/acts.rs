//! What people did to a generation of a night, each act a file that is never changed: `meta/acts/<night>/<number>.json`.
//!
//! A night is *closed* once a preparer and a reviewer, two people, have signed the hash of its newest manifest, in which
//! stand the hashes of all it published. A new generation has another hash, and so no signature.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::audit::now;
use super::manifest::hex;
use super::store::{self, Store};
use super::{Lake, Manifest, NightLock};
use crate::error::{Error, Exit, Result};

/// Version of the layout of an act.
const SCHEMA_VERSION: u32 = 1;

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// Version of this layout.
    pub schema_version: u32,
    /// What was done.
    pub deed: Deed,
    /// Which night.
    pub business_date: NaiveDate,
    /// Which generation of it.
    pub generation: u64,
    /// SHA-256 of that generation's manifest.
    pub manifest_sha256: String,
    /// Who.
    pub by: String,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// Why, or what else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// SHA-256 of the file itself; not part of it.
    #[serde(skip)]
    pub sha256: String,
}

/// What is done to a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Signed by who prepared it.
    SignedAsPreparer,
    /// Signed by who reviewed it.
    SignedAsReviewer,
    /// Reopened: it, or a night before it, is published anew.
    Reopened,
}

impl Deed {
    /// The word in the audit trail.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SignedAsPreparer => "signed_as_preparer",
            Self::SignedAsReviewer => "signed_as_reviewer",
            Self::Reopened => "reopened",
        }
    }
}

/// In which part someone signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who prepared the night, and signs first.
    Preparer,
    /// Who reviewed it: somebody else.
    Reviewer,
}

impl Role {
    fn deed(self) -> Deed {
        match self {
            Self::Preparer => Deed::SignedAsPreparer,
            Self::Reviewer => Deed::SignedAsReviewer,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparer => "preparer",
            Self::Reviewer => "reviewer",
        })
    }
}

/// Who stands for a generation of a night.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// The signature of its preparer.
    pub preparer: Option<Act>,
    /// The signature of its reviewer.
    pub reviewer: Option<Act>,
    /// Signatures that count no more: of generations before, or from before it was reopened.
    pub voided: Vec<Act>,
}

impl Approval {
    /// Whether the night is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.preparer.is_some() && self.reviewer.is_some()
    }

    fn of(manifest: &Manifest, acts: Vec<Act>) -> Self {
        let mut approval = Self::default();
        for act in acts {
            let is_of_it = act.manifest_sha256 == manifest.sha256;
            match act.deed {
                Deed::Reopened if is_of_it => {
                    approval.voided.extend([approval.preparer.take(), approval.reviewer.take()].into_iter().flatten());
                }
                Deed::Reopened => {}
                Deed::SignedAsPreparer if is_of_it => approval.preparer = Some(act),
                Deed::SignedAsReviewer if is_of_it => approval.reviewer = Some(act),
                _ => approval.voided.push(act),
            }
        }
        approval
    }

    fn signed_as(&self, role: Role) -> Option<&Act> {
        match role {
            Role::Preparer => self.preparer.as_ref(),
            Role::Reviewer => self.reviewer.as_ref(),
        }
    }
}

impl Lake {
    /// Everything people did to `night`, in order.
    pub fn acts(&self, night: NaiveDate) -> Result<Vec<Act>> {
        let store = &*self.store;
        numbers(store, night)?.into_iter().map(|number| read(store, &path(night, number))).collect()
    }

    /// Who stands for a generation.
    pub fn approval(&self, manifest: &Manifest) -> Result<Approval> {
        Ok(Approval::of(manifest, self.acts(manifest.night.business_date)?))
    }

    /// The nights from `night` on that are closed.
    pub fn closed_from(&self, night: NaiveDate) -> Result<Vec<Manifest>> {
        let mut closed = Vec::new();
        for manifest in self.nights_from(night)? {
            if self.approval(&manifest)?.is_closed() {
                closed.push(manifest);
            }
        }
        Ok(closed)
    }

    /// Signs the newest generation of the lock's night. Twice by the same person is once, which is told as `false`.
    ///
    /// Not permitted (77): a second preparer or reviewer, a reviewer who is the preparer, a reviewer before there is a
    /// preparer, and a night that is stale. One that is damaged is corrupt (65).
    pub fn sign(&self, lock: &NightLock, role: Role, by: &str, comment: Option<&str>) -> Result<(Manifest, bool)> {
        let night = lock.night();
        let Some(manifest) = self.manifest(night)? else {
            return Err(Error::new(Exit::Usage, format!("no night {night} was published in this lake")).file(self.shown("")));
        };
        let approval = self.approval(&manifest)?;
        let refused = |what: String| Error::new(Exit::NotPermitted, what);
        if let Some(before) = approval.signed_as(role) {
            if same_person(&before.by, by) {
                return Ok((manifest, false));
            }
            return Err(refused(format!("the night {night} has a {role} already"))
                .found(format!("{}, who signed at {}", before.by, before.at))
                .next("a new generation needs new signatures; this one keeps its own"));
        }
        match (role, &approval.preparer) {
            (Role::Reviewer, None) => {
                return Err(refused(format!("the night {night} has no preparer yet"))
                    .next("let who prepared it sign first, with --role preparer"));
            }
            (Role::Reviewer, Some(preparer)) if same_person(&preparer.by, by) => {
                return Err(
                    refused(format!("{by} prepared the night {night}, and cannot review it")).next("let somebody else review it")
                );
            }
            _ => {}
        }
        if self.stale()?.contains(&night) {
            return Err(refused(format!("the night {night} is stale: a night before it was published anew"))
                .next(format!("bring it up to date first: tieout backfill <job> --from {night} --to {night}")));
        }
        if !self.is_intact(&manifest)? {
            return Err(Error::data(format!("the data of the night {night} is not what was published"))
                .file(self.shown(""))
                .next("run the night again: that restores it"));
        }
        self.act(lock, role.deed(), &manifest, by, comment)?;
        Ok((manifest, true))
    }

    /// Reopens a closed generation, because it or a night before it is published anew.
    pub fn reopen(&self, lock: &NightLock, manifest: &Manifest, reason: &str) -> Result<()> {
        self.act(lock, Deed::Reopened, manifest, self.actor(), Some(reason))
    }

    fn act(&self, lock: &NightLock, deed: Deed, manifest: &Manifest, by: &str, comment: Option<&str>) -> Result<()> {
        let night = manifest.night.business_date;
        let mut act = Act {
            schema_version: SCHEMA_VERSION,
            deed,
            business_date: night,
            generation: manifest.generation,
            manifest_sha256: manifest.sha256.clone(),
            by: by.to_owned(),
            at: now(),
            comment: comment.map(str::to_owned),
            sha256: String::new(),
        };
        let mut bytes = serde_json::to_vec_pretty(&act).expect("an act holds nothing JSON cannot say");
        bytes.push(b'\n');
        act.sha256 = hex(&Sha256::digest(&bytes));
        let number = numbers(&*self.store, night)?.last().map_or(1, |last| last + 1);
        self.store.create(&path(night, number), &bytes, lock.folder())?;
        self.record_act(&act)
    }
}

/// Whether two names are of one person, however they are written.
fn same_person(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    plain(one) == plain(other)
}

fn path(night: NaiveDate, number: u64) -> String {
    format!("meta/acts/{night}/{number}.json")
}

fn numbers(store: &dyn Store, night: NaiveDate) -> Result<Vec<u64>> {
    let names = store.files(&format!("meta/acts/{night}"))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn read(store: &dyn Store, path: &str) -> Result<Act> {
    let bytes = store::read(store, path)?;
    let mut act: Act = serde_json::from_slice(&bytes).map_err(|error| {
        Error::data(format!("this act cannot be read: {error}"))
            .file(path)
            .next("restore the file from a backup of the lake, and find out who changed it")
    })?;
    act.sha256 = hex(&Sha256::digest(&bytes));
    Ok(act)
}
