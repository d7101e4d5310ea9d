//! Law 7 for whatever is shown: what may be a card or telephone number keeps its last four digits, an address its host.
//!
//! Numbers may be written in groups: one space or hyphen between two digits does not end a number.

/// Fewest digits of a value that are hidden.
const DIGITS: usize = 11;
/// Digits that stay.
const KEPT: usize = 4;
/// Letters of a value that are shown.
const SHOWN: usize = 60;

/// A value out of a refused line, of which nothing is known, as it may stand in a message or in `rejects`.
#[must_use]
pub fn masked(value: &str) -> String {
    let mut letters: Vec<char> = value.chars().collect();
    hide_numbers(&mut letters, |digits| digits.len() >= DIGITS);
    hide_addresses(&mut letters);
    let mut shown: String = letters.iter().take(SHOWN).collect();
    if letters.len() > SHOWN {
        shown.push('…');
    }
    shown
}

/// A text whose references and totals a person needs: of its numbers only those are hidden that can be a card's, 13
/// to 19 digits with their check digit that begin as a card's may.
#[must_use]
pub fn card_numbers(text: &str) -> String {
    if !holds_card_number(text) {
        return text.to_owned();
    }
    let mut letters: Vec<char> = text.chars().collect();
    hide_numbers(&mut letters, is_card_number);
    letters.into_iter().collect()
}

/// Whether [`card_numbers`] hides anything of a text.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    let mut number = [0; MOST_DIGITS + 1];
    let (mut length, mut after_digit) = (0, false);
    // What follows the last letter ends its number.
    for letter in text.bytes().chain([0]) {
        if letter.is_ascii_digit() {
            // One that is too long stays so.
            if length < number.len() {
                number[length] = u32::from(letter - b'0');
                length += 1;
            }
            after_digit = true;
        } else if !(after_digit && matches!(letter, b' ' | b'-')) {
            if is_card_number(&number[..length]) {
                return true;
            }
            (length, after_digit) = (0, false);
        } else {
            after_digit = false;
        }
    }
    false
}

/// Digits of the longest number of a card.
const MOST_DIGITS: usize = 19;

fn is_card_number(digits: &[u32]) -> bool {
    (13..=MOST_DIGITS).contains(&digits.len()) && begins_as_a_card(digits) && passes_luhn(digits)
}

fn hide_numbers(letters: &mut [char], is_hidden: impl Fn(&[u32]) -> bool) {
    let mut number: Vec<usize> = Vec::new();
    for at in 0..=letters.len() {
        let letter = letters.get(at).copied();
        if letter.is_some_and(|letter| letter.is_ascii_digit()) {
            number.push(at);
        } else if !(matches!(letter, Some(' ' | '-')) && number.last() == at.checked_sub(1).as_ref()) {
            let digits: Vec<u32> = number.iter().filter_map(|&digit| letters[digit].to_digit(10)).collect();
            if is_hidden(&digits) {
                number.iter().take(number.len() - KEPT).for_each(|&hidden| letters[hidden] = '*');
            }
            number.clear();
        }
    }
}

/// Whether an issuer has numbers that begin so. None has those that begin with nought, with 20 or with 21: that is how a
/// merchant's own numbers begin that hold the day, as `20261117000009`, and of these every tenth has the check digit.
fn begins_as_a_card(digits: &[u32]) -> bool {
    !matches!(digits, [0, ..] | [2, 0 | 1, ..])
}

/// The check digit of ISO/IEC 7812: every second digit from the right counts twice.
fn passes_luhn(digits: &[u32]) -> bool {
    let counted = |(place, &digit): (usize, &u32)| match digit * 2 {
        _ if place % 2 == 0 => digit,
        twice if twice > 9 => twice - 9,
        twice => twice,
    };
    digits.iter().rev().enumerate().map(counted).sum::<u32>().is_multiple_of(10)
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
