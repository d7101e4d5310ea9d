//! What is said while a night is closed, as one JSON object a line.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;

/// Something to say.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// How much it matters.
    pub level: Level,
    /// What it is, in a word that does not change.
    pub name: &'a str,
    /// In words for people.
    pub message: &'a str,
    /// The error it is about.
    pub error: Option<&'a Error>,
    /// How long it took.
    pub took: Option<Duration>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It goes on as it should.
    Info,
    /// Someone may want to look.
    Warning,
    /// The run ends by it.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// An event at a time (RFC 3339, UTC), of the run that the fields `of` name.
#[must_use]
pub fn line(at: &str, of: &Map<String, Value>, event: Event) -> String {
    let mut object = Map::new();
    object.insert("ts".to_owned(), json!(at));
    object.insert("level".to_owned(), json!(event.level.word()));
    object.insert("event".to_owned(), json!(event.name));
    object.extend(of.clone());
    object.insert("message".to_owned(), json!(event.message));
    if let Some(error) = event.error {
        object.insert("code".to_owned(), json!(error.exit as u8));
        object.insert("file".to_owned(), json!(error.file));
        object.insert("line".to_owned(), json!(error.line));
    }
    if let Some(took) = event.took {
        object.insert("took_ms".to_owned(), json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    }
    format!("{}\n", Value::Object(object))
}
