//! Values fit to be shown: what may be a card or telephone number keeps its last four digits, an address its host.

/// Fewest digits that are hidden.
const DIGITS: usize = 11;
/// Digits that stay.
const KEPT: usize = 4;
/// Letters of a value that are shown.
const SHOWN: usize = 60;

/// `value` as it may stand in a message or in `rejects`.
#[must_use]
pub fn masked(value: &str) -> String {
    let mut letters: Vec<char> = value.chars().collect();
    hide_numbers(&mut letters);
    hide_addresses(&mut letters);
    let mut shown: String = letters.iter().take(SHOWN).collect();
    if letters.len() > SHOWN {
        shown.push('…');
    }
    shown
}

/// Numbers may be written in groups: one space or hyphen between two digits does not end a number.
fn hide_numbers(letters: &mut [char]) {
    let mut number: Vec<usize> = Vec::new();
    for at in 0..=letters.len() {
        let letter = letters.get(at).copied();
        if letter.is_some_and(|letter| letter.is_ascii_digit()) {
            number.push(at);
        } else if !(matches!(letter, Some(' ' | '-')) && number.last() == at.checked_sub(1).as_ref()) {
            if number.len() >= DIGITS {
                number.iter().take(number.len() - KEPT).for_each(|&hidden| letters[hidden] = '*');
            }
            number.clear();
        }
    }
}

/// Of `name@host` the name is hidden but for its first letter.
fn hide_addresses(letters: &mut [char]) {
    let ends: Vec<usize> = (0..letters.len()).filter(|&at| letters[at] == '@').collect();
    for end in ends {
        let is_name = |letter: &char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | '*');
        let start = letters[..end].iter().rposition(|letter| !is_name(letter)).map_or(0, |before| before + 1);
        letters[end.min(start + 1)..end].fill('*');
    }
}
