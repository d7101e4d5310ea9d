//! What a job says, for a person and for a program.

use serde_json::{Value, json};

use super::grid::line;
use crate::job::settings::{Origin, Setting};

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// Letters of a value that are shown: a query may have many lines.
const MOST: usize = 60;

/// A line a key.
#[must_use]
pub fn text(job: &str, settings: &[Setting]) -> String {
    let mut text = String::new();
    line(&mut text, format!("{job}: paths are relative to its folder"));
    line(&mut text, "");
    let rows: Vec<[String; 3]> = settings.iter().map(row).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
    let (keys, values) = (width(0), width(1));
    for [key, value, from] in &rows {
        line(&mut text, format!("  {key:keys$}  {value:values$}  {from}"));
    }
    text
}

/// Key, value, and where that is from.
fn row(setting: &Setting) -> [String; 3] {
    let value = setting.value.as_deref().map_or_else(|| "·".to_owned(), short);
    let (value, from) = match &setting.origin {
        Origin::Line(line) => (value, format!("line {line}")),
        Origin::Secret(line, place) => ("(secret)".to_owned(), format!("line {line}: {place}")),
        Origin::Default => (value, "default".to_owned()),
        Origin::NotGiven => (value, "not given".to_owned()),
    };
    [setting.key.clone(), value, from]
}

/// A value on one line.
fn short(value: &str) -> String {
    let plain = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= MOST { plain } else { plain.chars().take(MOST - 1).chain(['…']).collect() }
}

/// One line of JSON.
#[must_use]
pub fn json(job: &str, settings: &[Setting]) -> String {
    let one = |setting: &Setting| {
        let (origin, line, place) = match &setting.origin {
            Origin::Line(line) => ("job", Some(*line), None),
            Origin::Secret(line, place) => ("secret", Some(*line), Some(place.as_str())),
            Origin::Default => ("default", None, None),
            Origin::NotGiven => ("not_given", None, None),
        };
        json!({ "key": setting.key, "value": setting.value, "origin": origin, "line": line, "place": place })
    };
    let settings: Vec<Value> = settings.iter().map(one).collect();
    format!("{}\n", json!({ "schema_version": SCHEMA_VERSION, "job": job, "settings": settings }))
}
