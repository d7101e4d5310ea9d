//! Whether the audit trail is whole.

use serde_json::{Map, Value, json};

use super::grid::{counted, line};
use super::json::fields;
use crate::lake::Chain;

/// For a person.
#[must_use]
pub fn text(chain: &Chain) -> String {
    let mut text = String::new();
    let verdict = if chain.broken.is_empty() { "whole" } else { "BROKEN" };
    line(&mut text, format!("the audit trail is {verdict}: {}", counted(chain.lines.len() as u64, "line", "lines")));
    line(&mut text, "");
    line(
        &mut text,
        format!(
            "  held against  {}, {}",
            counted(chain.manifests as u64, "manifest", "manifests"),
            counted(chain.acts as u64, "act of people", "acts of people")
        ),
    );
    if let Some(last) = chain.lines.last() {
        line(
            &mut text,
            format!("  last line     {}, {} of {}, generation {}", last.at, last.action, last.business_date, last.generation),
        );
        line(&mut text, format!("  head          {}", last.sha256));
    }
    text
}

/// For a program.
#[must_use]
pub fn json(chain: &Chain) -> Map<String, Value> {
    fields(json!({
        "whole": chain.broken.is_empty(),
        "lines": chain.lines.len(),
        "manifests": chain.manifests,
        "acts": chain.acts,
        "head": chain.head(),
        "errors": chain.broken.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}
