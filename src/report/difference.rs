//! A file no format fits, beside the nearest: every column, then in what else they differ.

use super::grid::{Grid, line};
use crate::format::difference::{Difference, State};

/// The difference, for a terminal.
#[must_use]
pub fn text(difference: &Difference) -> String {
    let mut grid = Grid::new(&["column of the file", "the format has", ""], 3);
    for column in &difference.columns {
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "·".to_owned());
        grid.row([name(&column.file), name(&column.layout), said(column.state).to_owned()]);
    }
    let mut text = format!("nearest is {}, layout {}: {}\n\n", difference.format, difference.layout, difference.title);
    text += &grid.text();
    if !difference.framing.is_empty() {
        text.push('\n');
    }
    for framing in &difference.framing {
        line(&mut text, format!(" {}: the format says {}, the file looks like {}", framing.key, framing.format, framing.file));
    }
    text
}

fn said(state: State) -> &'static str {
    match state {
        State::Same => "",
        State::Moved => "moved",
        State::PerhapsRenamed => "perhaps renamed",
        State::Added => "added",
        State::Missing => "missing",
    }
}
