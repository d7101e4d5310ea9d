//! Rows under a header, aligned, indented and never wider than a terminal: every table a person reads.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// Characters of the widest line.
const WIDTH: u16 = 98;

/// A table on its way to a terminal.
#[derive(Debug)]
pub(super) struct Grid {
    table: Table,
    first_number: usize,
}

impl Grid {
    /// A table whose columns from `first_number` on hold numbers.
    pub(super) fn new(header: &[&str], first_number: usize) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH).set_header(header);
        Self { table, first_number }
    }

    pub(super) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.table.add_row(cells.into_iter().map(Into::<String>::into));
    }

    /// Its lines.
    pub(super) fn text(mut self) -> String {
        for column in self.table.column_iter_mut().skip(self.first_number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = String::new();
        for row in self.table.to_string().lines() {
            line(&mut text, format!(" {}", row.trim_end()));
        }
        text
    }
}

/// A count, where nothing is worth less ink than something.
pub(super) fn blank_zero(count: u64) -> String {
    if count == 0 { "·".to_owned() } else { count.to_string() }
}

/// Appends a line.
pub(super) fn line(text: &mut String, line: impl AsRef<str>) {
    text.push_str(line.as_ref());
    text.push('\n');
}

/// `1 night`, `2 nights`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
