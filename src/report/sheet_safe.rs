//! Cells of a CSV that people open in a spreadsheet.

use std::borrow::Cow;

use crate::mask;

/// A cell as it may stand in a CSV for people: a spreadsheet would take one that begins like a formula for one, and run
/// it, so an apostrophe says that it is text. A number stays a number. Card numbers are masked.
pub(super) fn safe(cell: &str) -> String {
    let masked: Cow<str> = match cell.len() {
        ..13 => cell.into(),
        _ => mask::card_numbers(cell).into(),
    };
    let begins_a_formula = masked.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let is_number = masked.strip_prefix('-').is_some_and(is_decimal);
    if begins_a_formula && !is_number { format!("'{masked}") } else { masked.into_owned() }
}

fn is_decimal(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}
