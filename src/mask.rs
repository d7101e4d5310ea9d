//! Law 7 for whatever is shown: what may be a card or telephone number keeps its last four digits, an address its host.
//!
//! Numbers may be written in groups: one space or hyphen between two digits does not end a number.

use std::ops::Range;

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
    hide_numbers(&mut letters, |number, from| {
        let digits = number.digits.len();
        (from == 0 && digits >= DIGITS).then_some(0..digits)
    });
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
    if !holds_card_number(text.as_bytes()) {
        return text.to_owned();
    }
    let mut letters: Vec<char> = text.chars().collect();
    hide_numbers(&mut letters, Number::card);
    letters.into_iter().collect()
}

/// What a payer wrote, in which references stand too: of it card numbers, addresses and telephone numbers with their
/// country (`+49 151 …`) are hidden.
#[must_use]
pub fn of_people(text: &str) -> String {
    if !text.contains(['@', '+']) {
        return card_numbers(text);
    }
    let mut letters: Vec<char> = card_numbers(text).chars().collect();
    hide_addresses(&mut letters);
    hide_telephone_numbers(&mut letters);
    letters.into_iter().collect()
}

/// Whether [`card_numbers`] hides anything of a text, in any encoding that writes digits as ASCII does.
#[must_use]
pub fn holds_card_number(text: &[u8]) -> bool {
    // Every identifier of a night is asked, and of almost all what they begin with tells that they are none.
    let begins_a_group = |at: &usize| text[*at].is_ascii_digit() && (*at == 0 || !text[at - 1].is_ascii_digit());
    let starts = 0..text.len().saturating_sub(FEWEST_DIGITS - 1);
    starts.into_iter().filter(begins_a_group).any(|start| may_begin(&text[start..])) && finds_card_number(text)
}

/// Whether the number a text begins with may be a card's: one piece that is, or groups that begin as one.
fn may_begin(text: &[u8]) -> bool {
    let (mut number, mut digits, mut is_grouped) = ([0; MOST_DIGITS], 0, false);
    for (at, &letter) in text.iter().enumerate() {
        match letter {
            b'0'..=b'9' => {
                let Some(place) = number.get_mut(digits) else { return is_grouped };
                *place = u32::from(letter - b'0');
                digits += 1;
                if digits == FIRST_DIGITS && !BEGINNINGS[first_of(&number)] {
                    return false;
                }
            }
            b' ' | b'-' if text[at - 1].is_ascii_digit() => is_grouped = true,
            _ => break,
        }
    }
    digits >= FEWEST_DIGITS && (is_grouped || is_card_number(&number[..digits]))
}

fn finds_card_number(text: &[u8]) -> bool {
    let (mut number, mut after_digit) = (Number::default(), false);
    // What follows the last letter ends its number.
    for (at, letter) in text.iter().copied().chain([0]).enumerate() {
        if letter.is_ascii_digit() {
            number.push(at, u32::from(letter - b'0'), !after_digit);
            after_digit = true;
        } else if !(after_digit && matches!(letter, b' ' | b'-')) {
            if number.card(0).is_some() {
                return true;
            }
            number.clear();
            after_digit = false;
        } else {
            after_digit = false;
        }
    }
    false
}

/// Digits of the shortest and the longest number of a card.
const FEWEST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;

/// How cards show their numbers, where they do not in one piece.
const GROUPED: [&[usize]; 6] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[6, 13], &[4, 4, 4, 4, 2]];

/// A number that is being read: its digits, where each stands, and at which of them a group begins.
#[derive(Default)]
struct Number {
    digits: Vec<u32>,
    places: Vec<usize>,
    groups: Vec<usize>,
}

impl Number {
    fn push(&mut self, place: usize, digit: u32, begins_a_group: bool) {
        if begins_a_group {
            self.groups.push(self.digits.len());
        }
        self.digits.push(digit);
        self.places.push(place);
    }

    fn clear(&mut self) {
        self.digits.clear();
        self.places.clear();
        self.groups.clear();
    }

    /// Which of its digits from one on are a card's: all of them, or groups that are written as a card's, with others before
    /// or behind them, as the day it expires.
    fn card(&self, from: usize) -> Option<Range<usize>> {
        if self.digits.len() - from < FEWEST_DIGITS {
            return None;
        }
        if from == 0 && is_card_number(&self.digits) {
            return Some(0..self.digits.len());
        }
        let start_of = |group: usize| self.groups.get(group).copied().unwrap_or(self.digits.len());
        let begin = self.groups.partition_point(|&group| group < from);
        let spans = (begin..self.groups.len()).flat_map(|first| {
            let one = std::iter::once(first + 1);
            let several = GROUPED.iter().filter_map(move |sizes| {
                let fits = |(at, size): (usize, &usize)| start_of(first + at + 1) - start_of(first + at) == *size;
                let there = first + sizes.len() <= self.groups.len();
                (there && sizes.iter().enumerate().all(fits)).then_some(first + sizes.len())
            });
            one.chain(several).map(move |last| start_of(first)..start_of(last))
        });
        { spans }.find(|span| is_card_number(&self.digits[span.clone()]))
    }
}

fn is_card_number(digits: &[u32]) -> bool {
    (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len())
        && begins_as_a_card(first_of(digits), digits.len())
        && passes_luhn(digits)
}

/// Hides what `hidden` names of each number, from a digit on, but its last digits, until it names nothing more.
fn hide_numbers(letters: &mut [char], hidden: impl Fn(&Number, usize) -> Option<Range<usize>>) {
    let mut number = Number::default();
    for at in 0..=letters.len() {
        let letter = letters.get(at).copied();
        if let Some(digit) = letter.and_then(|letter| letter.to_digit(10)) {
            let begins_a_group = number.places.last().is_none_or(|last| last + 1 != at);
            number.push(at, digit, begins_a_group);
        } else if !(matches!(letter, Some(' ' | '-')) && number.places.last() == at.checked_sub(1).as_ref()) {
            let mut from = 0;
            while let Some(span) = hidden(&number, from) {
                number.places[span.start..span.end - KEPT].iter().for_each(|&hidden| letters[hidden] = '*');
                from = span.end;
            }
            number.clear();
        }
    }
}

/// Digits that tell whose card it is, and how many numbers they may be.
const FIRST_DIGITS: usize = 4;
const FIRST_NUMBERS: usize = 10_000;

/// What those of a number are.
fn first_of(digits: &[u32]) -> usize {
    digits[..FIRST_DIGITS].iter().fold(0, |number, &digit| number * 10 + digit as usize)
}

/// Whether a number of any length that begins so may be a card's.
static BEGINNINGS: [bool; FIRST_NUMBERS] = {
    let mut beginnings = [false; FIRST_NUMBERS];
    let mut first = 0;
    while first < beginnings.len() {
        let mut length = FEWEST_DIGITS;
        while length <= MOST_DIGITS {
            beginnings[first] |= begins_as_a_card(first, length);
            length += 1;
        }
        first += 1;
    }
    beginnings
};

/// Whether an issuer has numbers that begin so and are so long. A merchant's own numbers that hold the day, as
/// `20261117000009`, or the milliseconds, as `1763366400000`, do not: of these every tenth has the check digit.
const fn begins_as_a_card(first_four: usize, length: usize) -> bool {
    match (first_four / 1000, first_four / 100, first_four) {
        // Visa; Mastercard and Maestro; Discover, UnionPay, Maestro.
        (4..=6, ..) => true,
        // Of fifteen digits, American Express, and those of UATP, of airlines.
        (1, ..) | (3, 34 | 37, _) => length == 15,
        // Diners Club.
        (3, 30 | 36 | 38 | 39, _) => length >= 14,
        // Mir and Mastercard; JCB; UnionPay; Uzcard, Humo and Troy.
        (2, _, 2200..=2204 | 2221..=2720) | (3, 35, 3528..=3589) | (8, 81, _) | (8 | 9, _, 8600 | 9860 | 9792) => length >= 16,
        _ => false,
    }
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

/// Fewest and most digits of a telephone number with its country (ITU-T E.164).
const TELEPHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// Of `+country number` all but the last digits is hidden. The plus begins a word: the codes of banks end with one, as
/// `EREF+20261117`.
fn hide_telephone_numbers(letters: &mut [char]) {
    let begins = |at: &usize| letters[*at] == '+' && (*at == 0 || letters[at - 1].is_whitespace());
    let starts: Vec<usize> = (0..letters.len()).filter(begins).collect();
    for start in starts {
        let mut digits = Vec::new();
        for at in start + 1..letters.len() {
            match letters[at] {
                '0'..='9' => digits.push(at),
                // One between two groups, or a pair of them around one.
                '(' => {}
                ' ' | '-' | '/' | '.' | ')' if letters[at - 1].is_ascii_digit() || letters[at - 1] == ')' => {}
                _ => break,
            }
        }
        if TELEPHONE_DIGITS.contains(&digits.len()) {
            digits[..digits.len() - KEPT].iter().for_each(|&at| letters[at] = '*');
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
