//! Text for a file that people open in a spreadsheet.

use crate::mask;

/// A text as it may stand in a cell: no card number in it, and nothing a spreadsheet would compute.
///
/// A cell that begins like a formula gets an apostrophe in front, which spreadsheets take for "this is text".
pub(super) fn text(text: &str) -> String {
    const BEGINS_A_FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    let text = mask::card_numbers(text);
    // A line end in front goes away where a cell is pasted, and what is behind it is then its begin.
    if text.starts_with('\n') || text.trim_start_matches([' ', '\n']).starts_with(BEGINS_A_FORMULA) {
        format!("'{text}")
    } else {
        text
    }
}

/// A value as it may stand in a cell: a negative number stays a number, anything else is text.
pub(super) fn value(value: &str) -> String {
    match value.strip_prefix('-') {
        Some(magnitude) if is_decimal(magnitude) => mask::card_numbers(value),
        _ => text(value),
    }
}

fn is_decimal(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}
