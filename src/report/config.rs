//! What a job says, for a person and for a program.

use serde_json::{Value, json};

use super::grid::{Grid, line};
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
    let mut grid = Grid::new(&["key", "value", "from"], usize::MAX);
    for setting in settings {
        let value = setting.value.as_deref().map_or_else(|| "·".to_owned(), short);
        let from = match &setting.origin {
            Origin::Line(line) => format!("line {line}"),
            Origin::Secret(line, place) => format!("line {line}: {place}"),
            Origin::Default => "default".to_owned(),
            Origin::NotGiven => "not given".to_owned(),
        };
        let value = if matches!(setting.origin, Origin::Secret(..)) { "(secret)".to_owned() } else { value };
        grid.row([setting.key.clone(), value, from]);
    }
    text.push_str(&grid.text());
    text
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
