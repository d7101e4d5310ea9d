//! Field 86, what the bank and the payer say of a line: free text, or text with codes in it.
//!
//! Banks lay it out in three ways: `?20…` of the German banks with `EREF+…` inside, `/EREF/…` of the Dutch ones, and text.

use memchr::memchr_iter;

use crate::format::statement::{Cell, Line, on_one_line};

/// Letters a line of a message holds: a text goes on in the middle of a word behind so many.
const FULL: usize = 65;

/// Codes between strokes.
const CODES: [&str; 34] = [
    "EREF",
    "PREF",
    "RREF",
    "KREF",
    "IREF",
    "TRTP",
    "TRCD",
    "CNTP",
    "IBAN",
    "BIC",
    "NAME",
    "REMI",
    "RTRN",
    "MARF",
    "CSID",
    "ORDP",
    "BENM",
    "ULTD",
    "ULTC",
    "ULTB",
    "PURP",
    "ISDT",
    "CDTRREFTP",
    "CDTRREF",
    "ADDR",
    "ID",
    "OCMT",
    "CHGS",
    "EXCH",
    "SVCL",
    "RCMT",
    "RMRK",
    "SUBJ",
    "BUSP",
];

/// Codes with a plus behind, inside the purpose.
const MARKS: [&str; 15] = [
    "EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+", "IBAN+", "BIC+", "PURP+", "RREF+",
    "RTRN+",
];

/// Fills the cells of `line` with what the text says.
pub(super) fn explain(texts: &[&str], line: &mut Line) {
    let whole = texts.concat();
    let whole = whole.trim_start();
    if whole.get(..4).is_some_and(|begin| begin.contains('?')) && is_tagged(whole) {
        tagged(whole, line);
    } else if whole.starts_with('/') {
        coded(whole, line);
    } else {
        line.add(Cell::Text, &on_one_line(&unwrapped(texts)));
    }
}

/// Lines joined to a text: a full line goes on in the next one, a shorter one ends with a word.
fn unwrapped(texts: &[&str]) -> String {
    let mut text = String::new();
    for line in texts {
        text.push_str(line);
        if line.chars().count() < FULL {
            text.push(' ');
        }
    }
    text
}

/// Whether `?` and two digits stand in the text.
fn is_tagged(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(3).any(|three| three[0] == b'?' && three[1..].iter().all(u8::is_ascii_digit))
}

/// `166?00TEXT?20EREF+1?21SVWZ+…?32NAME`: every part begins with `?` and two digits.
fn tagged(text: &str, line: &mut Line) {
    let mut purpose = String::new();
    let (mut name, mut bank, mut iban, mut account) = (String::new(), String::new(), "", "");
    for part in text.split('?').skip(1) {
        let (number, value) = part.split_at_checked(2).unwrap_or((part, ""));
        match number {
            "00" => line.add(Cell::BookingText, &on_one_line(value)),
            // Parts of one text, cut where they are full.
            "20" | "21" | "22" | "23" | "24" | "25" | "26" | "27" | "28" | "29" | "60" | "61" | "62" | "63" => {
                purpose.push_str(value);
            }
            "30" => bank.push_str(value.trim()),
            "31" => account = value.trim(),
            "38" => iban = value.trim(),
            "32" | "33" => name.push_str(value),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {}
            // A question mark of the payer's own.
            _ => {
                purpose.push('?');
                purpose.push_str(part);
            }
        }
    }
    line.set(Cell::CounterpartyName, &on_one_line(&name));
    let domestic = if bank.is_empty() || account.is_empty() { account.to_owned() } else { format!("{bank}/{account}") };
    line.set(Cell::CounterpartyAccount, if iban.is_empty() { &domestic } else { iban });
    let mut free = true;
    let mark_at = |rest: &str| MARKS.iter().find(|mark| rest.starts_with(**mark)).map(|mark| mark.len());
    let capitals = purpose.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase()).map(|(at, _)| at);
    for (mark, value) in parts(&purpose, capitals, mark_at) {
        let value = on_one_line(value);
        match mark {
            "EREF+" => line.set(Cell::EndToEndReference, &value),
            "KREF+" => line.set(Cell::CustomerReference, &value),
            "SVWZ+" => {
                line.add(Cell::Text, &value);
                free = false;
            }
            "RTRN+" => line.set(Cell::ReturnReason, &value),
            "OAMT+" => instructed(&value, line),
            _ => {}
        }
    }
    if free {
        line.add(Cell::Text, &on_one_line(&purpose));
    }
}

/// `EUR12,50` as the amount that was ordered.
fn instructed(text: &str, line: &mut Line) {
    let (currency, amount) = text.split_at_checked(3).unwrap_or_default();
    let is_amount = !amount.is_empty() && amount.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    if is_amount && currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        line.set(Cell::InstructedAmount, &super::with_point(amount));
        line.set(Cell::InstructedCurrency, currency);
    }
}

/// `/EREF/1//CNTP/account/bank/name///REMI/USTD//text/`: every part begins with a code between strokes.
fn coded(text: &str, line: &mut Line) {
    let code_at = |rest: &str| {
        let code = rest.strip_prefix('/')?.split('/').next()?;
        (CODES.contains(&code) && rest[1 + code.len()..].starts_with('/')).then_some(code.len() + 2)
    };
    let mut free = true;
    for (code, value) in parts(text, memchr_iter(b'/', text.as_bytes()), code_at) {
        let value = on_one_line(value.trim_matches('/'));
        match code.trim_matches('/') {
            "EREF" => line.set(Cell::EndToEndReference, &value),
            "KREF" | "PREF" => line.state(Cell::CustomerReference, &value),
            "RTRN" => line.set(Cell::ReturnReason, &value),
            "NAME" => line.set(Cell::CounterpartyName, &value),
            "IBAN" => line.set(Cell::CounterpartyAccount, &value),
            "CDTRREF" => line.set(Cell::CreditorReference, &value),
            "CNTP" => {
                let mut party = value.split('/');
                line.set(Cell::CounterpartyAccount, party.next().unwrap_or_default());
                line.set(Cell::CounterpartyName, party.nth(1).unwrap_or_default());
            }
            "REMI" => {
                let structured = value.strip_prefix("STRD/");
                if let Some(reference) = structured {
                    line.set(Cell::CreditorReference, reference.rsplit('/').next().unwrap_or_default());
                }
                let text = value.strip_prefix("USTD").map(|text| text.trim_matches('/'));
                line.add(Cell::Text, structured.or(text).unwrap_or(&value).trim());
                free = false;
            }
            _ => {}
        }
    }
    if free {
        line.add(Cell::Text, &on_one_line(text));
    }
}

/// The parts of a text that each begin with a code: the code, and what follows up to the next. A code may stand at
/// these places; `code_at` gives the length of the one a text begins with.
fn parts(text: &str, places: impl Iterator<Item = usize>, code_at: impl Fn(&str) -> Option<usize>) -> Vec<(&str, &str)> {
    let codes: Vec<(usize, usize)> = places.filter_map(|at| code_at(&text[at..]).map(|length| (at, length))).collect();
    let end_of = |code: usize| codes.get(code + 1).map_or(text.len(), |&(at, _)| at);
    let part = |(number, &(at, length)): (usize, &(usize, usize))| {
        (&text[at..at + length], &text[(at + length).min(end_of(number))..end_of(number)])
    };
    codes.iter().enumerate().map(part).collect()
}
