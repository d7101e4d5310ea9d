//! Where the time of a run went.

use std::time::Duration;

use super::grid::Grid;
use crate::lake::Manifest;

/// A line a stage: its seconds, and how much of the night's input that is a second; then all of them.
#[must_use]
pub fn run(manifest: &Manifest, stages: &[(String, Duration)]) -> String {
    let inputs = &manifest.night.inputs;
    let lines: u64 = inputs.iter().map(|input| input.lines).sum();
    let bytes: u64 = inputs.iter().map(|input| input.bytes).sum();
    let mut grid = Grid::new(&["stage", "seconds", "lines/s", "MB/s"], 1);
    let all = ("all".to_owned(), stages.iter().map(|(_, took)| *took).sum());
    for (stage, took) in stages.iter().chain([&all]) {
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "rates, shown with few digits")]
        let (lines, megabytes) = (lines as f64 / seconds, bytes as f64 / 1e6 / seconds);
        grid.row([stage.clone(), format!("{seconds:.3}"), format!("{lines:.0}"), format!("{megabytes:.1}")]);
    }
    format!("{}  of {lines} lines and {bytes} bytes, as received\n", grid.text())
}
