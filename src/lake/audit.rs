//! The audit trail: one line per thing done, each naming the hash of the line before, so that a line changed,
//! removed or moved is seen. The only place of the lake where the clock is read.

use std::collections::BTreeMap;

use chrono::{NaiveDate, SecondsFormat, Utc};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::manifest::hex;
use super::store::complete_lines;
use super::{Act, Lake, Link, Manifest};
use crate::error::{Error, Result};

/// One line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditLine {
    /// Its number, counted from one.
    pub seq: u64,
    /// When it was written: RFC 3339, UTC.
    pub at: String,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// What was done: published, restored (the same generation again, over damaged data files), `signed_as_preparer`,
    /// `signed_as_reviewer`, reopened or `received_removed` (the files it was closed from, for their age).
    pub action: String,
    /// To which night.
    pub business_date: NaiveDate,
    /// To which generation of it.
    pub generation: u64,
    /// SHA-256 of that generation's manifest.
    pub manifest_sha256: String,
    /// Of what was published: SHA-256 of the manifest it was built on, or `nothing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_on: Option<String>,
    /// SHA-256 of the act, of a person, that the line is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_sha256: Option<String>,
    /// Why, or what else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// `sha256` of the line before; none in the first.
    pub previous: Option<String>,
    /// SHA-256 of this line without this field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

impl Lake {
    /// The audit trail, every link of it checked (65 where one is broken).
    pub fn audit(&self) -> Result<Vec<AuditLine>> {
        let Some(bytes) = self.store.find(AUDIT)? else { return Ok(Vec::new()) };
        let text = String::from_utf8_lossy(&bytes);
        self.check_chain(complete_lines(&text))
    }

    /// The newest generation of each night and its place in the chain of nights, as the trail tells them: in one file, where
    /// the manifests are one each. What it does not tell has to be read.
    pub(super) fn links(&self) -> BTreeMap<NaiveDate, (u64, Link)> {
        let text = self.store.find(AUDIT).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut newest = BTreeMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Told>(line).ok()) {
            let Some(built_on) = line.built_on.filter(|_| line.action == PUBLISHED) else { continue };
            let (business_date, built_on) = (line.business_date, Some(built_on).filter(|built_on| built_on != NOTHING));
            let link = Link { business_date, built_on, sha256: line.manifest_sha256 };
            newest.insert(business_date, (line.generation, link));
        }
        newest
    }

    /// Adds the line that says what was done to a generation.
    pub(super) fn record(&self, action: &str, manifest: &Manifest) -> Result<()> {
        self.append(&Entry::about(manifest, self.actor(), action))
    }

    /// Adds the line of an act.
    pub(super) fn record_act(&self, act: &Act) -> Result<()> {
        self.append(&Entry::of(act, act.comment.as_deref()))
    }

    fn append(&self, entry: &Entry) -> Result<()> {
        self.store.append(AUDIT, &mut |lines| {
            // The whole chain was checked when the night was taken.
            let last = self.last_line(lines)?;
            let mut line = AuditLine {
                seq: last.as_ref().map_or(1, |last| last.seq + 1),
                at: now(),
                actor: entry.actor.to_owned(),
                action: entry.action.to_owned(),
                business_date: entry.business_date,
                generation: entry.generation,
                manifest_sha256: entry.manifest_sha256.to_owned(),
                built_on: entry.built_on.map(str::to_owned),
                act_sha256: entry.act_sha256.map(str::to_owned),
                comment: entry.comment.map(str::to_owned),
                previous: last.map(|last| last.sha256),
                sha256: String::new(),
            };
            line.sha256 = line.content_sha256();
            let line = serde_json::to_string(&line).expect("a line holds nothing JSON cannot say");
            Ok(format!("{line}\n"))
        })
    }

    /// Adds the line that the newest generation of `night`, or the last act on it, lacks when the run died right after
    /// it. That looks like a trail whose end was cut off, so the line says that it comes late.
    pub(super) fn complete_audit(&self, night: NaiveDate) -> Result<()> {
        let trail = self.store.find(AUDIT)?.unwrap_or_default();
        let trail = String::from_utf8_lossy(&trail);
        // Checked before anything is added to it, also by a night that has nothing to complete.
        let lines = complete_lines(&trail);
        if !is_plainly_whole(lines) {
            self.check_chain(lines)?;
        }
        let tells_of =
            |key: &str, sha256: &str| memmem::find(lines.as_bytes(), format!("\"{key}\":\"{sha256}\"").as_bytes()).is_some();
        if let Some(newest) = self.manifest(night)?.filter(|newest| !tells_of("manifest_sha256", &newest.sha256)) {
            self.append(&Entry { comment: Some(LATE), ..Entry::about(&newest, self.actor(), PUBLISHED) })?;
        }
        match self.acts(night)?.last() {
            Some(act) if !tells_of("act_sha256", &act.sha256) => self.append(&Entry::of(act, Some(LATE))),
            _ => Ok(()),
        }
    }

    /// The last of the lines, which the next one names.
    fn last_line(&self, text: &str) -> Result<Option<AuditLine>> {
        let Some(last) = text.lines().next_back() else { return Ok(None) };
        let line: Option<AuditLine> = serde_json::from_str(last).ok();
        let line = line.filter(|line| line.sha256 == line.content_sha256());
        line.map(Some).ok_or_else(|| {
            Error::data("the audit trail is broken: its last line was changed")
                .file(self.shown(AUDIT))
                .next("restore the file from a backup of the lake, and find out who changed it")
        })
    }

    fn check_chain(&self, text: &str) -> Result<Vec<AuditLine>> {
        let mut lines: Vec<AuditLine> = Vec::new();
        for (number, text) in (1_u64..).zip(text.lines()) {
            let broken = |what: &str| {
                Error::data(format!("the audit trail is broken: {what}"))
                    .file(self.shown(AUDIT))
                    .line(number)
                    .next("restore the file from a backup of the lake, and find out who changed it")
            };
            let line: AuditLine = serde_json::from_str(text).map_err(|error| broken(&error.to_string()))?;
            if line.sha256 != line.content_sha256() {
                return Err(broken("the line was changed"));
            }
            if line.seq != number || line.previous.as_ref() != lines.last().map(|last| &last.sha256) {
                return Err(broken("a line before it was removed, added or moved"));
            }
            lines.push(line);
        }
        Ok(lines)
    }
}

/// What of a line says where a manifest is in the chain of nights.
#[derive(Deserialize)]
struct Told {
    action: String,
    business_date: NaiveDate,
    generation: u64,
    manifest_sha256: String,
    built_on: Option<String>,
}

/// Whether lines are a whole trail, as they are written here: each with its number, the hash of the line before and its own.
/// It decodes none, as every night asks it of all that were ever written; of what it denies, [`Lake::check_chain`] says why.
fn is_plainly_whole(lines: &str) -> bool {
    let mut previous = "null".to_owned();
    (1_u64..).zip(lines.lines()).all(|(number, line)| {
        let stated = line.strip_suffix("\"}").and_then(|line| line.rsplit_once(",\"sha256\":\""));
        let Some((content, sha256)) = stated else { return false };
        let is_next = content.starts_with(&format!("{{\"seq\":{number},"))
            && content.rsplit_once(",\"previous\":").is_some_and(|(_, named)| named == previous);
        previous = format!("\"{sha256}\"");
        is_next && hex(&Sha256::new().chain_update(content).chain_update("}").finalize()) == sha256
    })
}

/// Where it is, relative to the lake.
const AUDIT: &str = "meta/audit.jsonl";

/// What was done when a manifest was created.
pub(super) const PUBLISHED: &str = "published";

/// What was done when the files a night was closed from were removed from the archive, for their age.
pub(super) const RECEIVED_REMOVED: &str = "received_removed";

/// What the first night of a lake is built on.
const NOTHING: &str = "nothing";

/// What a line written by another run than the one it is about says of itself.
const LATE: &str = "written late: the run that did it ended before it could say so";

/// What a line is about.
struct Entry<'a> {
    actor: &'a str,
    action: &'a str,
    business_date: NaiveDate,
    generation: u64,
    manifest_sha256: &'a str,
    built_on: Option<&'a str>,
    act_sha256: Option<&'a str>,
    comment: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn about(manifest: &'a Manifest, actor: &'a str, action: &'a str) -> Self {
        let built_on = manifest.night.previous_night.as_ref().map_or(NOTHING, |previous| &previous.manifest_sha256);
        Self {
            actor,
            action,
            business_date: manifest.night.business_date,
            generation: manifest.generation,
            manifest_sha256: &manifest.sha256,
            built_on: (action == PUBLISHED).then_some(built_on),
            act_sha256: None,
            comment: None,
        }
    }

    fn of(act: &'a Act, comment: Option<&'a str>) -> Self {
        Self {
            actor: &act.by,
            action: act.deed.word(),
            business_date: act.business_date,
            generation: act.generation,
            manifest_sha256: &act.manifest_sha256,
            built_on: None,
            act_sha256: Some(&act.sha256),
            comment,
        }
    }
}

/// What time it is: RFC 3339, UTC.
pub(super) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl AuditLine {
    fn content_sha256(&self) -> String {
        let content = Self { sha256: String::new(), ..self.clone() };
        hex(&Sha256::digest(serde_json::to_vec(&content).expect("a line holds nothing JSON cannot say")))
    }
}
