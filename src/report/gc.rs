//! What was cleared away, or would be.

use std::collections::BTreeMap;

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
        // What was received goes by the night.
        let mut received: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for Waste { path, bytes, why } in &collected.waste {
            let why = match why {
                Why::Staged => "staged by a run that died",
                Why::Unnamed => "named by no manifest",
                Why::Aside => "set aside long ago",
                Why::Received => {
                    let (files, sum) = received.entry(path.split('/').nth(2).unwrap_or_default()).or_default();
                    (*files, *sum) = (*files + 1, *sum + bytes);
                    continue;
                }
            };
            grid.row([path.clone(), why.to_owned(), bytes.to_string()]);
        }
        for (night, (files, bytes)) in received {
            let why = format!("received long ago, {}", counted(files, "file", "files"));
            grid.row([format!("raw/*/{night}"), why, bytes.to_string()]);
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
