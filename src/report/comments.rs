//! What people said about breaks, and what became of a workbook of it.

use std::path::Path;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::grid::{counted, line};
use crate::job::comments::Comment;
use crate::night::comment::Taken;

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// What was said, by whom and when, in a line.
pub(super) fn said_by(comment: &Comment) -> String {
    format!("{} ({}, {})", comment.text, comment.by, comment.at.date_naive())
}

/// For a program.
pub(super) fn json_of(comment: &Comment) -> Value {
    json!({
        "break_id": comment.break_id.to_string(),
        "text": comment.text,
        "by": comment.by,
        "at": comment.at.to_rfc3339_opts(SecondsFormat::Secs, true),
    })
}

/// What became of the comments of a workbook, for a person.
#[must_use]
pub fn text(file: &Path, taken: &Taken) -> String {
    let comments = |count: usize| counted(u64::try_from(count).unwrap_or(u64::MAX), "comment", "comments");
    let (file, path) = (file.display(), taken.path.display());
    let mut text = String::new();
    line(
        &mut text,
        match taken.new {
            0 => format!("{file}: nothing new, {path} is as it was"),
            new => format!("{file}: {} appended to {path}", comments(new)),
        },
    );
    for (count, what) in
        [(taken.known, "stood there before"), (taken.older, "stood there before, and the break has a newer one: left as it is")]
    {
        if count > 0 {
            line(&mut text, format!("  {} {what}", comments(count)));
        }
    }
    if taken.empty > 0 {
        let breaks = counted(u64::try_from(taken.empty).unwrap_or(u64::MAX), "break", "breaks");
        line(&mut text, format!("  {breaks} without one"));
    }
    if taken.new > 0 {
        line(&mut text, "  next: review and commit the file");
    }
    text
}

/// The same for a program: one line.
#[must_use]
pub fn json(file: &Path, taken: &Taken) -> String {
    let object = json!({
        "schema_version": SCHEMA_VERSION,
        "workbook": file,
        "file": taken.path,
        "appended": taken.new,
        "known": taken.known,
        "older": taken.older,
        "empty": taken.empty,
        "changed": taken.new > 0,
    });
    format!("{object}\n")
}
