//! What the sources of a night answered, as a list and as one line of JSON.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::grid::{Grid, line};
use super::json::fields;
use crate::night::Told;
use crate::night::answers::Answered;

/// A line for each source, and one for each of its files.
#[must_use]
pub fn list(answers: &[Answered]) -> String {
    let mut grid = Grid::new(&["source", "format", "answer", "said", "conversation"], 5);
    for answered in answers {
        let source = &answered.source;
        let conversation = answered.ask.as_ref().map_or_else(String::new, |ask| {
            let tries = if ask.tries == 1 { "try" } else { "tries" };
            format!("{} {tries}, {}.{:03} s", ask.tries, ask.took / 1000, ask.took % 1000)
        });
        let whose = [source.name, source.account].join(" ");
        grid.row([whose.trim_end(), &source.format.name, answered.word(), &answered.said, &conversation]);
    }
    let mut text = grid.text();
    for answered in answers {
        for file in &answered.files {
            let when = if file.now { "" } else { ", came before" };
            let again =
                if answered.restated.contains(&file.archived.sha256) { ", RESTATED: other bytes than before" } else { "" };
            line(&mut text, format!("  {}  {} bytes{when}{again}", file.archived.path.display(), file.archived.bytes));
        }
    }
    text
}

/// The same for a program.
#[must_use]
pub fn json(answers: &[Answered], date: NaiveDate) -> Map<String, Value> {
    let answers = answers.iter().map(|answered| {
        let files = answered.files.iter().map(|file| {
            json!({
                "name": file.archived.name,
                "sha256": file.archived.sha256,
                "bytes": file.archived.bytes,
                "path": file.archived.path.display().to_string(),
                "now": file.now,
                "restated": answered.restated.contains(&file.archived.sha256),
            })
        });
        json!({
            "source": answered.source.name,
            "account": answered.source.account,
            "format": answered.source.format.name,
            "answer": answered.word(),
            "said": answered.said,
            "tries": answered.ask.as_ref().map(|ask| ask.tries),
            "took_ms": answered.ask.as_ref().map(|ask| ask.took),
            "exit_code": answered.error.as_ref().map_or(0, |error| error.exit as u8),
            "files": files.collect::<Vec<_>>(),
        })
    });
    fields(json!({ "business_date": date, "answers": answers.collect::<Vec<_>>() }))
}

/// What the sources of a closed night answered, for its summary.
#[must_use]
pub fn of_night(told: &[Told]) -> Value {
    let one = |told: &Told| {
        json!({
            "source": told.source,
            "account": told.account,
            "format": told.format,
            "answer": told.answer.word(),
            "said": told.said,
        })
    };
    told.iter().map(one).collect()
}
