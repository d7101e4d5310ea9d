//! `comments.toml`: what people say about breaks. A text that people review and keep beside the job, and that `tieout
//! import-comments` appends to. No night depends on it: it stands in workbooks, pages and stories of breaks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use toml::Spanned;

use super::beside::{self, Reader};
use crate::error::{Error, Result};
use crate::format::keys::toml_error;
use crate::mask;
use crate::table::identity::Identity;

/// Letters a comment may have, counted as spreadsheets do.
pub const MOST_LETTERS: usize = 2_000;

/// What its file is called.
const NAME: &str = "comments.toml";

const HEADER: &str = "\
# What people say about breaks, the last of each break last. `tieout import-comments` appends; review what it wrote, and
# commit it.
";

/// Something a person said about a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The break.
    pub break_id: Identity,
    /// What is said.
    pub text: String,
    /// Who says it.
    pub by: String,
    /// When it was taken.
    pub at: DateTime<Utc>,
}

/// The comments of a job.
#[derive(Debug, Default)]
pub struct Comments {
    path: PathBuf,
    /// Those of each break, in the order of the file.
    all: BTreeMap<Identity, Vec<Comment>>,
}

/// The file as a person may write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentsFile {
    #[serde(default)]
    comment: Vec<CommentFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentFile {
    break_id: Spanned<String>,
    text: Spanned<String>,
    by: Spanned<String>,
    at: Spanned<String>,
}

impl Comments {
    /// Those beside the job in the file at `job`; none where there is no file, and none of a lake.
    pub fn beside(job: &Path) -> Result<Self> {
        if job.is_dir() {
            return Ok(Self::default());
        }
        let path = job.with_file_name(NAME);
        let text = beside::text_at(&path, "comments")?;
        Self::parse(&path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let comments = Self::read(path, text);
        comments.map_err(|error| if error.file.is_none() { error.file(path.display()) } else { error })
    }

    fn read(path: &Path, text: &str) -> Result<Self> {
        let read = Reader { text };
        let file: CommentsFile = toml::from_str(text).map_err(|error| {
            let mut error = toml_error(&error, text);
            // It may quote what must not be shown.
            (error.what, error.found) = (mask::card_numbers(&error.what), error.found.as_deref().map(mask::card_numbers));
            if error.next.is_some() { error } else { error.next("see the section Comments of jobs/README.md") }
        })?;
        let mut all: BTreeMap<Identity, Vec<Comment>> = BTreeMap::new();
        for written in &file.comment {
            let comment = read.comment(written)?;
            all.entry(comment.break_id).or_default().push(comment);
        }
        Ok(Self { path: path.to_path_buf(), all })
    }

    /// The file they are in, which may not be there yet.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was said of a break, in order.
    #[must_use]
    pub fn of(&self, break_id: &str) -> &[Comment] {
        Identity::parse(break_id).and_then(|id| self.all.get(&id)).map_or(&[], Vec::as_slice)
    }

    /// What was said of a break last.
    #[must_use]
    pub fn last(&self, break_id: &str) -> Option<&Comment> {
        self.of(break_id).last()
    }

    /// Appends to the file what `choose` makes of the comments in it, and tells what else it says. The file keeps every byte
    /// it has, and is not touched where there is nothing to append.
    pub fn append<T>(&self, choose: impl FnOnce(&Self) -> Result<(Vec<Comment>, T)>) -> Result<T> {
        beside::change(&self.path, "comments", |before| {
            let (more, told) = choose(&Self::parse(&self.path, &before)?)?;
            if more.is_empty() {
                return Ok((None, told));
            }
            let mut text = if before.is_empty() { HEADER.to_owned() } else { before };
            if !text.ends_with('\n') {
                text.push('\n');
            }
            for comment in &more {
                text.push('\n');
                text += &text_of(comment);
            }
            // What cannot be read back is not written.
            Self::parse(&self.path, &text)?;
            Ok((Some(text), told))
        })
    }
}

/// Why a text is no comment, if it is none: what is wrong, and what was expected.
#[must_use]
pub fn wrong_with(text: &str) -> Option<(&'static str, String)> {
    let length = text.encode_utf16().count();
    if length > MOST_LETTERS {
        return Some(("a comment that is too long", format!("at most {MOST_LETTERS} letters, not {length}")));
    }
    let is_forbidden = |letter: char| turns(letter) || (letter.is_control() && !matches!(letter, '\n' | '\t'));
    if text.contains(is_forbidden) {
        return Some(("a comment with a control character", "letters, spaces and new lines".to_owned()));
    }
    None
}

/// Whether a letter turns the direction of the text after it, or is none: no comment has it.
#[must_use]
pub fn turns(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{fffe}' | '\u{ffff}')
}

/// A comment as the file states it.
fn text_of(comment: &Comment) -> String {
    let Comment { break_id, text, by, at } = comment;
    let mut said = String::from("[[comment]]\n");
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    for (name, value) in [("break_id", &break_id.to_string()), ("text", text), ("by", by), ("at", &at)] {
        writeln!(said, "{name} = {}", toml::Value::from(value.as_str())).expect("a text takes what is written to it");
    }
    said
}

impl Reader<'_> {
    fn comment(&self, file: &CommentFile) -> Result<Comment> {
        let text = self.said(&file.text, "text")?;
        if let Some((what, expected)) = wrong_with(&text) {
            let error = self.at(Error::configuration(what), &file.text).column("text").expected(expected);
            return Err(error.next("shorten it, or say the rest elsewhere"));
        }
        Ok(Comment {
            break_id: self.one(&file.break_id, "break_id", Identity::parse, || {
                ("not a break_id", "26 digits and letters".to_owned(), "take it from the table breaks, or from a workbook")
            })?,
            text,
            by: self.said(&file.by, "by")?,
            at: self.one(
                &file.at,
                "at",
                |text| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
                || ("not a moment", "such as \"2026-11-18T09:30:00Z\", in quotes".to_owned(), "write it as RFC 3339 does"),
            )?,
        })
    }
}
