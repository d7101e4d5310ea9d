//! Hides what may be a card number: law 7 for values that are shown and for messages.
//!
//! A number may be written in groups: single spaces or hyphens between digits belong to it.

/// Digits left to be seen at the end of a hidden number.
const SHOWN: usize = 4;

/// `text` with every number of twelve digits or more hidden but for its last four: for values out of refused lines,
/// of which nothing is known.
#[must_use]
pub fn long_numbers(text: &str) -> String {
    hide(text, |digits| digits.len() >= 12)
}

/// `text` with every number hidden that could be a card's, 13 to 19 digits with their check digit, but for its last
/// four: for messages, whose references and totals a person needs.
#[must_use]
pub fn card_numbers(text: &str) -> String {
    hide(text, |digits| (13..=19).contains(&digits.len()) && passes_luhn(digits))
}

fn hide(text: &str, is_hidden: impl Fn(&[u8]) -> bool) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let places = number_from(&bytes, at);
        let digits: Vec<u8> = places.iter().map(|&place| bytes[place] - b'0').collect();
        if is_hidden(&digits) {
            places[..places.len() - SHOWN].iter().for_each(|&place| bytes[place] = b'*');
        }
        at = places.last().map_or(at, |last| last + 1);
    }
    String::from_utf8(bytes).expect("digits became stars, byte for byte")
}

/// Where the digits of the number stand whose first is at `start`.
fn number_from(bytes: &[u8], start: usize) -> Vec<usize> {
    let mut places = vec![start];
    let mut at = start + 1;
    loop {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        match bytes.get(at) {
            Some(byte) if byte.is_ascii_digit() => places.push(at),
            Some(b' ' | b'-') if is_digit(at + 1) => {}
            _ => return places,
        }
        at += 1;
    }
}

/// The check digit of ISO/IEC 7812: every second digit from the right counts twice.
fn passes_luhn(digits: &[u8]) -> bool {
    let counted = |(place, &digit): (usize, &u8)| match digit * 2 {
        _ if place % 2 == 0 => digit,
        twice if twice > 9 => twice - 9,
        twice => twice,
    };
    digits.iter().rev().enumerate().map(counted).map(u32::from).sum::<u32>().is_multiple_of(10)
}
