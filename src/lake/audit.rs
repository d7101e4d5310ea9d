//! The audit trail: one line per thing done, each naming the hash of the line before, so that a line changed,
//! removed or moved is seen. The only place of the lake where the clock is read.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;

use chrono::{NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::manifest::hex;
use super::{Act, Lake, Manifest, durable};
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
    /// `signed_as_reviewer` or reopened.
    pub action: String,
    /// To which night.
    pub business_date: NaiveDate,
    /// To which generation of it.
    pub generation: u64,
    /// SHA-256 of that generation's manifest.
    pub manifest_sha256: String,
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
        let path = self.audit_path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(durable::failed("read", &path, &error)),
        };
        self.check_chain(complete_lines(&text))
    }

    /// Adds the line that says what was done to a generation.
    pub(super) fn record(&self, action: &str, manifest: &Manifest) -> Result<()> {
        self.append(&Entry {
            actor: self.actor(),
            action,
            business_date: manifest.night.business_date,
            generation: manifest.generation,
            manifest_sha256: &manifest.sha256,
            act_sha256: None,
            comment: None,
        })
    }

    /// Adds the line of an act.
    pub(super) fn record_act(&self, act: &Act) -> Result<()> {
        self.append(&Entry::of(act, act.comment.as_deref()))
    }

    fn append(&self, entry: &Entry) -> Result<()> {
        let path = self.audit_path();
        let unwritable = |error: std::io::Error| durable::failed("write the audit trail", &path, &error);
        durable::create_folders(durable::folder_of(&path))?;
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| durable::failed_to_create("create the audit trail", &path, &error))?;
        // Runs of other nights append too. A signal may interrupt the wait for them.
        while let Err(error) = file.lock() {
            if error.kind() != std::io::ErrorKind::Interrupted {
                return Err(unwritable(error));
            }
        }
        let last = self.last_line(&mut file)?;
        let mut line = AuditLine {
            seq: last.as_ref().map_or(1, |last| last.seq + 1),
            at: now(),
            actor: entry.actor.to_owned(),
            action: entry.action.to_owned(),
            business_date: entry.business_date,
            generation: entry.generation,
            manifest_sha256: entry.manifest_sha256.to_owned(),
            act_sha256: entry.act_sha256.map(str::to_owned),
            comment: entry.comment.map(str::to_owned),
            previous: last.map(|last| last.sha256),
            sha256: String::new(),
        };
        line.sha256 = line.content_sha256();
        let mut bytes = serde_json::to_vec(&line).expect("a line holds nothing JSON cannot say");
        bytes.push(b'\n');
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(unwritable)?;
        if is_new { durable::sync_folder(durable::folder_of(&path)) } else { Ok(()) }
    }

    /// Adds the line that the newest generation of `night`, or the last act on it, lacks when the run died right after
    /// it. That looks like a trail whose end was cut off, so the line says that it comes late.
    pub(super) fn complete_audit(&self, night: NaiveDate) -> Result<()> {
        let (newest, acts) = (self.manifest(night)?, self.acts(night)?);
        if newest.is_none() {
            return Ok(());
        }
        let lines = self.audit()?;
        if let Some(newest) = newest.filter(|newest| !lines.iter().any(|line| line.manifest_sha256 == newest.sha256)) {
            self.append(&Entry {
                actor: self.actor(),
                action: "published",
                business_date: night,
                generation: newest.generation,
                manifest_sha256: &newest.sha256,
                act_sha256: None,
                comment: Some(LATE),
            })?;
        }
        match acts.last() {
            Some(act) if !lines.iter().any(|line| line.act_sha256.as_ref() == Some(&act.sha256)) => {
                self.append(&Entry::of(act, Some(LATE)))
            }
            _ => Ok(()),
        }
    }

    /// The last complete line. What follows it was never finished by the run that wrote it, and is removed.
    fn last_line(&self, file: &mut File) -> Result<Option<AuditLine>> {
        let path = self.audit_path();
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| durable::failed("read", &path, &error))?;
        let complete = complete_lines(&text);
        if complete.len() < text.len() {
            file.set_len(complete.len() as u64).map_err(|error| durable::failed("write", &path, &error))?;
        }
        Ok(self.check_chain(complete)?.pop())
    }

    fn check_chain(&self, text: &str) -> Result<Vec<AuditLine>> {
        let mut lines: Vec<AuditLine> = Vec::new();
        for (number, text) in (1_u64..).zip(text.lines()) {
            let broken = |what: &str| {
                Error::data(format!("the audit trail is broken: {what}"))
                    .file(self.audit_path().display())
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

    fn audit_path(&self) -> PathBuf {
        self.root.join("meta/audit.jsonl")
    }
}

/// What a line written by another run than the one it is about says of itself.
const LATE: &str = "written late: the run that did it ended before it could say so";

/// What a line is about.
struct Entry<'a> {
    actor: &'a str,
    action: &'a str,
    business_date: NaiveDate,
    generation: u64,
    manifest_sha256: &'a str,
    act_sha256: Option<&'a str>,
    comment: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn of(act: &'a Act, comment: Option<&'a str>) -> Self {
        Self {
            actor: &act.by,
            action: act.deed.word(),
            business_date: act.business_date,
            generation: act.generation,
            manifest_sha256: &act.manifest_sha256,
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

/// All of `text` up to its last line end.
fn complete_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |end| end + 1)]
}
