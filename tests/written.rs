//! Amounts that are not plain decimals: what cannot be right is none, and never another amount.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use tieout::format::Sign;
use tieout::format::plan::{Glob, Test};
use tieout::format::written::Written;
use tieout::money::{Amount, NotAnAmount};

fn plain() -> Written {
    Written {
        implied_decimals: 0,
        negative: Vec::new(),
        always_negative: false,
        letters: Vec::new(),
        decimal_point: b'.',
        thousands: None,
    }
}

fn amount(text: &str) -> Amount {
    Amount::parse(text.as_bytes(), 8).unwrap()
}

#[track_caller]
fn reads(written: &Written, expected: &[(&str, Option<&str>)]) {
    for (cell, expected) in expected {
        let read = written.read(cell.as_bytes(), 8);
        assert_eq!(read.ok(), expected.map(amount), "{cell}");
    }
}

#[test]
fn minor_units_are_exact() {
    let written = Written { implied_decimals: 2, ..plain() };
    reads(
        &written,
        &[("000000476800", Some("4768")), ("1", Some("0.01")), ("-5", Some("-0.05")), ("1.5", None), ("", None), ("x", None)],
    );
    let fine = Written { implied_decimals: 9, ..plain() };
    assert_eq!(fine.read(b"1", 8), Err(NotAnAmount::Decimals), "less than the smallest amount is kept");
    assert_eq!(written.read(b"123", 1), Err(NotAnAmount::Decimals));
}

#[test]
fn a_letter_tells_the_sign_and_nothing_else_does() {
    let written = Written { implied_decimals: 2, letters: vec![(b'C', Sign::Positive), (b'D', Sign::Negative)], ..plain() };
    let cells = [("C000000473939", Some("4739.39")), ("D000000002861", Some("-28.61")), ("000000000000", Some("0"))];
    reads(&written, &cells);
    reads(&written, &[("000000002861", None), ("D-00000002861", None), ("-000000002861", None), ("X000000002861", None)]);
}

#[test]
fn an_unsigned_amount_has_no_sign_of_its_own() {
    let negative = vec![Test::OneOf(Some(0), Vec::<Glob>::new())];
    reads(&Written { negative, ..plain() }, &[("0.01", Some("0.01")), ("-0.01", None), ("+0.01", None)]);
    reads(&Written { always_negative: true, ..plain() }, &[("20.00", Some("-20")), ("-20.00", Some("-20")), ("0.00", Some("0"))]);
}

#[test]
fn groups_have_three_digits() {
    let german = Written { decimal_point: b',', thousands: Some(b'.'), ..plain() };
    let cells =
        [("1.234.567,89", Some("1234567.89")), ("12,5", Some("12.5")), ("1.234", Some("1234")), ("-1.234,00", Some("-1234"))];
    reads(&german, &cells);
    reads(&german, &[("1.5", None), ("1.23,4", None), ("1234.56", None), ("1,234.5", None), ("1,2,3", None), (",", None)]);
    let comma = Written { decimal_point: b',', ..plain() };
    reads(&comma, &[("12,5", Some("12.5")), ("12.5", None)]);
}
