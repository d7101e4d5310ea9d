//! What was cleared away, or would be.

use serde_json::{Value, json};

use super::grid::{Grid, counted, line};
use crate::lake::{Collected, Waste, Why};

/// Version of the JSON object: keys are added, never changed.
const SCHEMA_VERSION: u32 = 1;

/// For a person: a line for each.
#[must_use]
pub fn text(collected: &Collected, dry_run: bool) -> String {
    let mut text = String::new();
    let bytes: u64 = collected.waste.iter().map(|waste| waste.bytes).sum();
    let found = counted(collected.waste.len() as u64, "path", "paths");
    line(
        &mut text,
        match (collected.waste.len(), dry_run) {
            (0, _) => "nothing that no night needs".to_owned(),
            (_, true) => format!("would remove {found}, {bytes} bytes"),
            (_, false) => format!("removed {found}, {bytes} bytes"),
        },
    );
    if !collected.waste.is_empty() {
        let mut grid = Grid::new(&["path", "why", "bytes"], 2);
        for Waste { path, bytes, why } in &collected.waste {
            let why = match why {
                Why::Staged => "staged by a run that died",
                Why::Unnamed => "named by no manifest",
                Why::Aside => "set aside long ago",
                Why::Received => "received long ago",
            };
            grid.row([path.clone(), why.to_owned(), bytes.to_string()]);
        }
        text.push_str(&grid.text());
    }
    for night in &collected.held {
        line(&mut text, format!("  left alone: {night}, which another run holds"));
    }
    text
}

/// For a program: one line.
#[must_use]
pub fn json(collected: &Collected, dry_run: bool) -> String {
    let waste: Vec<Value> = collected
        .waste
        .iter()
        .map(|Waste { path, bytes, why }| json!({ "path": path, "bytes": bytes, "why": why.word() }))
        .collect();
    let object = json!({
        "schema_version": SCHEMA_VERSION,
        "removed": !dry_run,
        "bytes": collected.waste.iter().map(|waste| waste.bytes).sum::<u64>(),
        "waste": waste,
        "held": collected.held,
    });
    format!("{object}\n")
}
